"""Exercises of 11 Drift and diffusion."""

from functools import cache
from math import expm1

import torch
from torch import Tensor

from ...device import make_generator
from ...simulators import simulate
from ...systems import DoubleHump
from .grading import Table, evaluate, function, refuse, tensor

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
    """Midpoints `(n, 1)`, steps `(n,)` and diffusion at the midpoints `(n,)` of paths that start on the
    barrier and leave it: in equilibrium ⟨φΔx⟩ would be zero, and nobody would miss it."""
    generator = make_generator(113)
    start = torch.randn(2000, 1, generator=generator, dtype=torch.float64)
    data = simulate(SYSTEM, 2000, 100, DT, start=start, generator=generator, dtype=torch.float64)
    x = ((data.x[:, 1:] + data.x[:, :-1]) / 2).reshape(-1, 1)
    return x, data.x.diff(dim=1).flatten(), SYSTEM.diffusion(x)[:, 0, 0]


def check_11_3(answer: object) -> str:
    """Weights of x and x e^(−x²/2) from midpoints, on steps of our own."""
    x, dx, D = steps()
    bell = torch.exp(-x.square() / 2)
    phi = torch.cat((x, x * bell), dim=1)  # (n, 2)
    slope = torch.cat((torch.ones_like(x), (1 - x.square()) * bell), dim=1)
    given = evaluate(answer, phi, slope, dx.clone(), D.clone(), DT)
    wanted = "one weight per feature is wanted, shape (2,)"
    w = tensor(given, (2,), wanted=wanted, finite="the weights must be finite.")
    y, repair = phi.T @ dx / DT, slope.T @ D

    def weights(moment: Tensor, weight: Tensor | float = 1.0) -> Tensor:
        return torch.linalg.solve(phi.T @ (phi * weight), moment)

    mistakes = (
        (weights(y), "the repair is missing: this is the velocity of the current, not the drift."),
        (weights(y + repair), "the sign of the repair: ⟨Dφ′⟩ is to be taken away from the moment."),
        (weights(y - 2 * repair), "twice the repair: take ⟨Dφ′⟩ away once."),
        (weights(y - repair / 2), "half of the repair: ⟨Δx²⟩ is 2D dt, so all of ⟨Dφ′⟩."),
        (
            weights(-repair),
            "the steps dx do not enter; they would be missed where a current flows.",
        ),
        (weights(y * DT - repair), "divide dx by dt."),
        (weights(y / 2 - repair), "half of ⟨φΔx⟩/dt: dx is divided by dt, not by 2dt."),
        (weights(2 * y - repair), "twice ⟨φΔx⟩/dt: it enters once."),
        (weights(-y - repair), "the sign of ⟨φΔx⟩/dt: only the repair is taken away."),
        (
            weights(y - slope.sum(0) * D.mean()),
            "D differs from place to place: ⟨Dφ′⟩, not ⟨D⟩⟨φ′⟩.",
        ),
        (
            weights(phi.T @ (dx / D) / DT - slope.sum(0), 1 / D[:, None]),
            "with weights 1/D the repair is another one, as they depend on the midpoint, too; take "
            "ordinary least squares.",
        ),
        (
            weights(y - repair) / len(x),
            "divide both ⟨φφᵀ⟩ and the moment by the number of steps, or neither.",
        ),
    )
    for wrong, hint in mistakes:
        refuse(torch.allclose(w, wrong, rtol=1e-3, atol=1e-9), hint)
    exact = SYSTEM.drift(x)[:, 0]
    nmse = ((phi @ w - exact).square().sum() / (exact @ exact)).item()
    refuse(
        nmse > 0.01,
        f"NMSE = {nmse:.2g}, 0.01 can be had: least squares, with the repair taken away.",
    )
    return f"NMSE = {nmse:.4f}. So drift is found from labels read at midpoints, too."


def check_11_4(answer: object) -> str:
    """NMSE and coverage of a cubic, from 1000 time units: 0.22 to 0.264 and 0.085 to 0.118 in 48 films.

    At evenly spaced places the error is 0.276 to 0.288; twenty paths have a coverage of 0.18 to 0.32.
    """
    wanted = "two numbers are wanted, NMSE and coverage, as `judge` gives them"
    error, held = tensor(answer, (2,), wanted=wanted).tolist()
    refuse(held > 1, "in per cent? The coverage is a fraction between 0 and 1.")
    refuse(error < 0.14 and 0.2 < held < 0.272, "the NMSE comes first, then the coverage.")
    refuse(error < 0.2, "so small an error belongs to a higher degree; a cubic is asked.")
    refuse(0.272 < error < 0.35, "at evenly spaced places? `judge` asks where the particle goes.")
    refuse(error > 0.35, "the error of a cubic is smaller: is it relative to the exact drift?")
    refuse(held > 0.14, "that many? The intervals of fewer paths are wider: take all of `camera`.")
    refuse(held < 0.07, "so few? Count the places where the 95 % interval holds the drift.")
    return (
        f"NMSE {error:.2f}, coverage {held:.2f}. The bands are narrow, since few weights are well known; "
        "but no cubic is the drift. An error bar contains the noise, not what the basis cannot hold."
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
