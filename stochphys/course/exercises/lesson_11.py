"""Exercises of 11 Drift and diffusion."""

from math import expm1
from typing import Any

import torch
from torch import Tensor

from ...device import make_generator
from ...simulators import simulate
from ...systems import DoubleHump
from .grading import SIGN, Hint, evaluate, function, number


def check_11_1(answer: Any) -> str:
    """Time for an expected NMSE with p numbers, where ⟨ΦᵀD⁻¹Φ⟩ = q."""
    function(
        answer,
        lambda nmse, p, q: 2 * p / (q * nmse),
        at=[(0.0147, 8, 13.59), (0.01, 20, 4.6), (0.1, 3, 1.0)],
        wrong={
            lambda nmse, p, q: p / (2 * q * nmse): "q is not I_F per time: I_F = τq/4.",
            lambda nmse, p, q: q * nmse / (2 * p): "upside down: more numbers take more time.",
            lambda nmse, p, q: 2 * p / (q * nmse**2): "NMSE is a squared error already.",
        },
        otherwise="p/(2 I_F) = nmse with I_F = τq/4; solve for τ.",
    )
    return "Proportional to the number of parameters, and no frame rate in it."


def check_11_2(answer: Any) -> str:
    """D from frames every dt of a particle in a spring k."""
    function(
        answer,
        lambda k, D, dt: -D * expm1(-2 * k * dt) / (2 * k * dt),
        at=[(1.0, 1.0, 0.1), (2.0, 3.0, 0.5), (5.0, 0.4, 0.01), (1.0, 1.0, 3.0)],
        wrong={
            lambda k, D, dt: D: "only for dt → 0: the spring drives back between frames.",
            lambda k, D, dt: D * (1 - k * dt): (
                "right to first order; for long dt it would become negative."
            ),
            lambda k, D, dt: -D * expm1(-k * dt) / (k * dt): (
                "this is ⟨Δx²⟩/2dt; the mean of the step, given x, was to be taken away."
            ),
            lambda k, D, dt: -D * expm1(-2 * k * dt) / k: "divide the variance by 2dt.",
            lambda k, D, dt: D * (1 + k * dt / 2): (
                "this is what Φ²dt/2 adds if nature itself moves in steps of dt."
            ),
        },
        otherwise="the noise of a frame has the variance (D/k)(1 − e^(−2k dt)); for dt → 0 it must give D.",
    )
    return "Less than D, by the factor 1 − k dt for short dt: a bias that more data do not cure."


def check_11_3(answer: Any) -> str:
    """Weights of x and x e^(−x²/2) from midpoints, on steps of our own."""
    system, dt = DoubleHump(), 0.002
    data = simulate(system, 50, 4000, dt, generator=make_generator(113), dtype=torch.float64)
    x = ((data.x[:, 1:] + data.x[:, :-1]) / 2).reshape(-1, 1)

    def features(x: Tensor) -> Tensor:
        return torch.cat((x, x * torch.exp(-x.square() / 2)), dim=1)

    slope = torch.cat((torch.ones_like(x), (1 - x.square()) * torch.exp(-x.square() / 2)), dim=1)
    D, dx = system.diffusion(x)[:, 0, 0], data.x.diff(dim=1).flatten()
    w = torch.as_tensor(evaluate(answer, features(x), slope, dx, D, dt)).detach().double()
    if w.shape != (2,):
        raise Hint(f"one weight per feature is wanted, shape (2,); yours is {tuple(w.shape)}.")
    if not torch.isfinite(w).all():
        raise Hint("the weights must be finite.")
    exact, found = system.drift(x)[:, 0], features(x) @ w
    part = (found @ exact / (exact @ exact)).item()  # how much of the drift was found
    nmse = ((found - exact).square().sum() / (exact @ exact)).item()
    if abs(part) < 0.05:
        raise Hint(
            "nothing is left of the drift: is this the current, without the repair, or were weights "
            "divided by the number of steps?"
        )
    if part < -0.5:
        raise Hint(SIGN)
    for factor in (2, 0.5):
        if abs(part / factor - 1) < 0.15:
            raise Hint(f"{factor:g} times the drift: the repair is ⟨Dφ′⟩, once.")
    if nmse > 0.01:
        raise Hint(f"NMSE = {nmse:.2g}, 0.01 can be had: do you divide by ⟨φφᵀ⟩, and dx by dt?")
    return f"NMSE = {nmse:.4f}. This is how information is read off steps of any calculus."


def check_11_4(answer: Any) -> str:
    """Fraction of places that the intervals of a cubic hold, from 1000 time units."""
    try:
        value = float(answer)
    except (TypeError, ValueError):
        raise Hint(f"a number is wanted here, you gave {type(answer).__name__}.") from None
    if not 0 <= value <= 100:
        raise Hint("a fraction lies between 0 and 1.")
    if value > 1:
        raise Hint("in per cent? A fraction between 0 and 1 is wanted.")
    if 0.225 < value < 0.24:
        raise Hint("this is the NMSE, the first of the two numbers.")
    if value > 0.4:
        raise Hint("that many? Is the basis of degree 3, and did you take all of `camera`?")
    return (
        f"{value:.0%}. The bands are narrow, since four weights are well known; but no cubic is the "
        "drift. Error bars answer for noise, not for the basis."
    )


def check_11_5(answer: Any) -> str:
    """Mean first-passage times of the two wells, from drift and diffusion on a grid."""
    system = DoubleHump()
    x = torch.linspace(-5, 5, 10_001, dtype=torch.float64)
    drift, D = system.drift(x), system.diffusion(x[:, None])[:, 0, 0]
    pairs = [(-system.well, system.well), (-1.0, 0.5)]
    exact = [system.mean_first_passage_time(*pair) for pair in pairs]
    number(
        [evaluate(answer, x, drift, D, *pair) for pair in pairs],
        exact,
        wrong={
            tuple(_passage(x, drift, D, *pair, **mistake) for pair in pairs): hint
            for mistake, hint in (
                ({"inner": torch.ones_like(D)}, "the inner integral holds 1/D(z) as well."),
                ({"steady": drift}, "ψ′ is Φ/D, not Φ."),
                ({"from_start": True}, "the inner integral begins far left, not at the start."),
            )
        },
        otherwise="ψ first, then the inner integral, then the outer one; from −1.79 to 1.79 it is 12.39.",
    )
    return "Nobody fitted this time: it is a test of drift and diffusion together."


def _passage(
    x: Tensor,
    drift: Tensor,
    D: Tensor,
    start: float,
    target: float,
    *,
    inner: Tensor | None = None,
    steady: Tensor | None = None,
    from_start: bool = False,
) -> float:
    """Mean first-passage time on a grid, with one mistake built in."""

    def integral(values: Tensor) -> Tensor:
        return torch.nn.functional.pad(torch.cumulative_trapezoid(values, x), (1, 0))

    psi = integral(drift / D if steady is None else steady)
    psi = psi - psi.max()
    a, b = (int(i) for i in torch.searchsorted(x, torch.tensor([start, target]).to(x)))
    below = integral(psi.exp() / (D if inner is None else inner))
    below = below - below[a] if from_start else below
    time = integral(below * (-psi).exp())
    return (time[b] - time[a]).item()
