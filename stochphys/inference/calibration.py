r"""Are error bars true? Errors and coverage of inferred fields where the exact ones are known.

An error bar is honest if intervals of level p hold the truth in a fraction p of all cases, inside
the data and outside. NMSE is always $\langle|\hat f - f|^2\rangle/\langle|f|^2\rangle$.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..simulators import System
from ..simulators.langevin import noise_matrix

if TYPE_CHECKING:
    from .drift import Langevin


def nmse(estimate: Tensor, exact: Tensor) -> float:
    """Squared error over the squared size of what is exact; both `(n, …)`."""
    return ((estimate - exact).square().sum() / exact.square().sum()).item()


def coverage(posterior: Any, x: Tensor, exact: Tensor, level: float = 0.95) -> float:
    """Fraction of the values `exact (n, …)` at states `x (n, dim_in)` that lie in their interval."""
    low, high = posterior.interval(x, level)
    return ((low <= exact) & (exact <= high)).double().mean().item()


def coverage_curve(posterior: Any, x: Tensor, exact: Tensor, levels: Tensor) -> Tensor:
    """`coverage` at each of the `levels (n_levels,)`; the diagonal is an honest error bar."""
    return torch.tensor([coverage(posterior, x, exact, p) for p in levels.tolist()])


@dataclass(frozen=True)
class FieldComparison:
    """Inferred fields against the exact ones: NMSE, coverage of 95 % intervals, mean std.

    `str()` gives two lines.
    """

    drift_nmse: float
    drift_coverage: float
    drift_std: float
    diffusion_nmse: float
    diffusion_coverage: float
    diffusion_std: float

    def __str__(self) -> str:
        return "\n".join(
            f"{name}: NMSE {error:.2g}, 95 % intervals hold {held:.0%}, mean std {std:.2g}"
            for name, error, held, std in (
                ("drift", self.drift_nmse, self.drift_coverage, self.drift_std),
                ("diffusion", self.diffusion_nmse, self.diffusion_coverage, self.diffusion_std),
            )
        )


def compare_fields(result: "Langevin", system: System, x: Tensor) -> FieldComparison:
    """See `Langevin.compare`."""
    data = result.increments
    timed = x.shape[-1] > data.noisy.stop
    state, times = (x[:, :-1], x[:, -1]) if timed else (x, None)
    if not isinstance(system, System):
        raise TypeError(f"system must be a System, which has drift and noise, got {system!r}")
    if system.dim != state.shape[-1]:
        raise ValueError(
            f"{type(system).__name__} has states of dim={system.dim}, the inferred equation of "
            f"{state.shape[-1]}"
        )
    phi, B = exact_fields(system, state, times)
    phi, B = phi[:, data.noisy], B[:, data.noisy][..., data.noisy]
    D = B @ B.mT / 2
    mask = result.diffusion.std(x[:1])[0] > 0  # the rest is zero by construction
    low, high = result.diffusion.interval(x)
    held = ((low <= D) & (D <= high))[:, mask].double().mean().item()
    return FieldComparison(
        drift_nmse=nmse(result.drift.mean(x), phi),
        drift_coverage=coverage(result.drift, x, phi),
        drift_std=result.drift.std(x).mean().item(),
        diffusion_nmse=nmse(result.diffusion.mean(x), D),
        diffusion_coverage=held,
        diffusion_std=result.diffusion.std(x)[:, mask].mean().item(),
    )


def exact_fields(system: System, x: Tensor, times: Tensor | None) -> tuple[Tensor, Tensor]:
    """Drift `(n, dim)` and noise amplitude `(n, dim, dim)` at states, at t = 0 or at their times."""
    if times is None:
        return system.drift(x, 0.0), noise_matrix(system, x, 0.0)
    each = list(zip(x[:, None], times.tolist(), strict=True))  # a system answers for one time only
    drift = torch.cat([system.drift(a, t) for a, t in each])
    return drift, torch.cat([noise_matrix(system, a, t) for a, t in each])
