"""Right and wrong answers to the exercises of notebook 11."""

from collections.abc import Callable
from math import exp
from typing import Any

import torch
from torch import Tensor

from stochphys.systems import DoubleHump


def repaired(factor: float, steps: float = 1.0, scale: float = 1.0) -> Callable:
    """Weights from midpoints: `steps` times ⟨φΔx⟩/dt less `factor` times the repair, all times `scale`."""

    def weights(phi: Tensor, slope: Tensor, dx: Tensor, D: Tensor, dt: float) -> Tensor:
        moment = steps * phi.T @ dx / dt - factor * slope.T @ D
        return scale * torch.linalg.solve(phi.T @ phi, moment)

    return weights


def mean_D(phi: Tensor, slope: Tensor, dx: Tensor, D: Tensor, dt: float) -> Tensor:
    return repaired(1.0)(phi, slope, dx, D.mean().expand_as(D), dt)


def weighted(phi: Tensor, slope: Tensor, dx: Tensor, D: Tensor, dt: float) -> Tensor:
    moment = phi.T @ (dx / D) / dt - slope.sum(0)
    return torch.linalg.solve(phi.T @ (phi / D[:, None]), moment)


def slowed(k: float, D: float, dt: float) -> float:
    return D * (1 - exp(-2 * k * dt)) / (2 * k * dt)


def passage(x: Tensor, drift: Tensor, D: Tensor, start: float, target: float) -> float:
    """By a sum over the stationary density, p ∝ e^ψ/D."""
    h = (x[1] - x[0]).item()
    psi = torch.cumsum(drift / D, 0) * h
    p = torch.exp(psi - psi.max()) / D
    slowness = torch.cumsum(p, 0) * h / (D * p)
    inside = (x >= start) & (x < target)
    return (slowness[inside].sum() * h).item()


def without_inner_D(x: Tensor, drift: Tensor, D: Tensor, start: float, target: float) -> float:
    h = (x[1] - x[0]).item()
    psi = torch.cumsum(drift / D, 0) * h
    p = torch.exp(psi - psi.max())
    inside = (x >= start) & (x < target)
    return ((torch.cumsum(p, 0) * h / p)[inside].sum() * h).item()


def from_the_start(x: Tensor, drift: Tensor, D: Tensor, start: float, target: float) -> float:
    right = x >= start
    return passage(x[right], drift[right], D[right], start, target)


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "11.1": (
        lambda nmse, p, q: p / (2 * nmse) / (q / 4),
        [
            (lambda nmse, p, q: p / (2 * nmse) / q, "q is not I_F"),
            (lambda nmse, p, q: nmse * q / (2 * p), "upside down"),
            (lambda nmse, p, q: 2 * p / (q * nmse**2), "squared error already"),
            (lambda nmse, p, q: p / (q * nmse), "factor of two was lost"),
        ],
    ),
    "11.2": (
        slowed,
        [
            (lambda k, D, dt: D, "only for dt → 0"),
            (lambda k, D, dt: D * (1 - k * dt), "first order"),
            (lambda k, D, dt: slowed(k / 2, D, dt), "mean of the step"),
            (lambda k, D, dt: slowed(k, D, dt) * 2 * dt, "divide the variance"),
            (lambda k, D, dt: D * (1 + k * dt / 2), "nature itself"),
            (lambda k, D, dt: D * exp(-k * dt), "for dt → 0 it must"),
        ],
    ),
    "11.3": (
        repaired(1.0),
        [
            (repaired(0.0), "repair is missing"),
            (repaired(-1.0), "sign of the repair"),
            (repaired(2.0), "twice the repair"),
            (repaired(0.5), "half of the repair"),
            (repaired(1.0, steps=0.0), "dx do not enter"),
            (lambda *given: repaired(1.0, steps=given[-1])(*given), "divide dx by dt"),
            (repaired(1.0, steps=0.5), "not by 2dt"),
            (repaired(1.0, steps=2.0), "enters once"),
            (repaired(1.0, steps=-1.0), "only the repair"),
            (mean_D, "from place to place"),
            (weighted, "weights 1/D"),
            (repaired(1.0, scale=1 / 200_000), "by the number of steps"),
            (repaired(1.0, scale=0.8), "can be had"),
            (lambda phi, slope, dx, D, dt: phi.mean(), "one weight per feature"),
        ],
    ),
    "11.4": (
        (0.24, 0.1),
        [
            (0.1, "NMSE and coverage"),
            ((0.24, 10.0), "per cent"),
            ((0.1, 0.24), "comes first"),
            ((0.06, 0.35), "higher degree"),
            ((0.28, 0.08), "evenly spaced"),
            ((5.0, 0.1), "relative to"),
            ((0.24, 0.2), "all of `camera`"),
            ((0.24, 0.0), "so few"),
            ("few", "NMSE and coverage, as `judge` gives them, you"),
        ],
    ),
    "11.5": (
        passage,
        [
            (without_inner_D, "1/D(z)"),
            (lambda x, drift, D, a, b: passage(x, drift * D, D, a, b), "not Φ"),
            (from_the_start, "far left"),
            (lambda x, drift, D, a, b: -passage(x, drift, D, a, b), "the sign is not"),
            (lambda x, drift, D, a, b: DoubleHump.well, "ψ first"),
        ],
    ),
}
