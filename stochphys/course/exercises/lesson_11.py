"""Exercises of 11 Drift and diffusion."""

from functools import cache
from math import expm1

import torch
from torch import Tensor

from ...device import make_generator
from ...simulators import simulate
from ...systems import DoubleHump
from .grading import SIGN, Hint, Table, evaluate, function, measured, refuse, tensor

SYSTEM, DT = DoubleHump(), 0.002


@function(
    at=[(0.0147, 8, 13.59), (0.01, 20, 4.6), (0.1, 3, 1.0)],
    otherwise="p/(2 I_F) = nmse with I_F = τq/4; solve for τ.",
    means="Proportional to the number of parameters, and no frame rate in it.",
)
def check_11_1(nmse: float, p: float, q: float) -> Table:
    """Time for an expected NMSE with p numbers, where ⟨ΦᵀD⁻¹Φ⟩ = q."""
    yield 2 * p / (q * nmse)
    yield p / (2 * q * nmse), "q is not I_F per time: I_F = τq/4."
    yield q * nmse / (2 * p), "upside down: more numbers take more time."
    yield 2 * p / (q * nmse**2), "NMSE is a squared error already."


@function(
    at=[(1.0, 1.0, 0.1), (2.0, 3.0, 0.5), (5.0, 0.4, 0.01), (1.0, 1.0, 3.0)],
    otherwise="the noise of a frame has the variance (D/k)(1 − e^(−2k dt)); for dt → 0 it must give D.",
    means="Less than D, by the factor 1 − k dt for short dt: a bias that more data do not cure.",
)
def check_11_2(k: float, D: float, dt: float) -> Table:
    """D from frames every dt of a particle in a spring k."""
    yield -D * expm1(-2 * k * dt) / (2 * k * dt)
    yield D, "only for dt → 0: the spring drives back between frames."
    yield D * (1 - k * dt), "right to first order; for long dt it would become negative."
    whole = -D * expm1(-k * dt) / (k * dt)
    yield whole, "this is ⟨Δx²⟩/2dt; the mean of the step, given x, was to be taken away."
    yield -D * expm1(-2 * k * dt) / k, "divide the variance by 2dt."
    yield D * (1 + k * dt / 2), "this is what Φ²dt/2 adds if nature itself moves in steps of dt."


@cache
def steps() -> tuple[Tensor, Tensor, Tensor]:
    """Midpoints `(n, 1)`, steps `(n,)` and diffusion at the midpoints `(n,)` of paths of our own."""
    data = simulate(SYSTEM, 50, 4000, DT, generator=make_generator(113), dtype=torch.float64)
    x = ((data.x[:, 1:] + data.x[:, :-1]) / 2).reshape(-1, 1)
    return x, data.x.diff(dim=1).flatten(), SYSTEM.diffusion(x)[:, 0, 0]


def check_11_3(answer: object) -> str:
    """Weights of x and x e^(−x²/2) from midpoints, on steps of our own."""
    x, dx, D = steps()
    bell = torch.exp(-x.square() / 2)
    features = torch.cat((x, x * bell), dim=1)  # (n, 2)
    slope = torch.cat((torch.ones_like(x), (1 - x.square()) * bell), dim=1)
    given = evaluate(answer, features, slope, dx.clone(), D.clone(), DT)
    wanted = "one weight per feature is wanted, shape (2,)"
    w = tensor(given, (2,), wanted=wanted, finite="the weights must be finite.")
    exact, found = SYSTEM.drift(x)[:, 0], features @ w
    part = (found @ exact / (exact @ exact)).item()  # how much of the drift was found
    nmse = ((found - exact).square().sum() / (exact @ exact)).item()
    refuse(
        abs(part) < 0.05,
        "nothing is left of the drift: is this the current, without the repair, or were weights "
        "divided by the number of steps?",
    )
    refuse(part < -0.5, SIGN)
    for factor in (2, 0.5):
        if abs(part / factor - 1) < 0.15:
            raise Hint(f"{factor:g} times the drift: the repair is ⟨Dφ′⟩, once.")
    if nmse > 0.01:
        raise Hint(f"NMSE = {nmse:.2g}, 0.01 can be had: do you divide by ⟨φφᵀ⟩, and dx by dt?")
    return f"NMSE = {nmse:.4f}. So drift is found from labels read at midpoints, too."


# Fraction of places at which the intervals of a cubic hold the drift, from 1000 time units: 0.09 to 0.11
# in 8 films.
check_11_4 = measured(
    (0.07, 0.15),
    ((0.0, 0.03), "so few? It is the second of the two numbers, for degree 3."),
    (
        (0.2, 0.27),
        "this is the NMSE of degree 3, or what a higher degree holds; its coverage is wanted.",
    ),
    ((0.27, 0.45), "a basis of degree 5 holds so many; degree 3 is asked."),
    ((0.45, 1.0), "that many? Is the basis of degree 3, and did you take all of `camera`?"),
    ((7.0, 15.0), "in per cent? A fraction between 0 and 1 is wanted."),
    otherwise="a fraction between 0 and 1 is wanted: the second number that `judge` gives for degree 3.",
    means="{:.2f}. The bands are narrow, since four weights are well known; but no cubic is the drift. "
    "An error bar contains the noise, not what the basis cannot hold.",
)


X = torch.linspace(-5, 5, 10_001, dtype=torch.float64)
GRID = X, SYSTEM.drift(X), SYSTEM.diffusion(X[:, None])[:, 0, 0]


@function(
    at=[(*GRID, -SYSTEM.well, SYSTEM.well), (*GRID, -1.0, 0.5)],
    otherwise="ψ first, then the inner integral, then the outer one; from −1.79 to 1.79 it is 12.39.",
    means="This time was not fitted: it is a test of drift and diffusion together.",
)
def check_11_5(x: Tensor, drift: Tensor, D: Tensor, start: float, target: float) -> Table:
    """Mean first-passage times of the two wells, from drift and diffusion on a grid."""

    def integral(values: Tensor) -> Tensor:
        return torch.nn.functional.pad(torch.cumulative_trapezoid(values, x), (1, 0))

    def time(slope: Tensor, inner_D: Tensor | float, *, from_start: bool = False) -> float:
        """With ψ′ = slope and 1/inner_D in the inner integral, which begins far left or at the start."""
        psi = integral(slope)
        psi = psi - psi.max()
        a, b = (int(i) for i in torch.searchsorted(x, torch.tensor([start, target]).to(x)))
        below = integral(psi.exp() / inner_D)
        outer = integral((below - below[a] * from_start) * (-psi).exp())
        return (outer[b] - outer[a]).item()

    yield SYSTEM.mean_first_passage_time(start, target)
    yield time(drift / D, 1.0), "the inner integral holds 1/D(z) as well."
    yield time(drift, D), "ψ′ is Φ/D, not Φ."
    late = time(drift / D, D, from_start=True)
    yield late, "the inner integral begins far left, not at the start."
