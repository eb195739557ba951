r"""What was inferred beside the exact answer, where there is one: numbers, steps, and fields.

An error bar is honest if intervals of level p hold the truth in a fraction p of all cases, inside
the data and outside. NMSE is always $\langle|\hat f - f|^2\rangle/\langle|f|^2\rangle$.
"""

from dataclasses import dataclass
from inspect import signature
from math import nan
from typing import Any

import torch
from torch import Tensor

from ..data import Paths
from ..movie import Movie
from ..paths import of_windows
from ..simulators import Exact, System
from ..simulators.langevin import noise_matrix
from .fluctuation import steps_of
from .posterior import Posterior


@dataclass(frozen=True)
class Comparison:
    """An estimate against the exact answer on the same steps.

    Attributes:
        exact_rate: mean of the exact ΔS of these steps, per unit time.
        ratio: inferred over exact rate.
        r_squared: squared correlation of the ΔS of single steps; blind to a wrong scale.
        slope: of the regression of inferred on exact ΔS; not blind to it.

    Where no step produces anything, as in `DoubleHump`, the last three are nan.
    """

    exact_rate: float
    ratio: float
    r_squared: float
    slope: float

    @classmethod
    def of(cls, exact: Tensor, learned: Tensor, rate: float, dt: float) -> "Comparison":
        """From exact and inferred ΔS of the same steps `(…)`, NaN where none is, and the rate."""
        exact_rate = steps_of(exact).double().mean().item() / dt
        ratio = rate / exact_rate if exact_rate else nan
        return cls(exact_rate, ratio, *r_squared_and_slope(exact, learned))


def exact_entropy(
    system: Exact, data: Paths, scheme: str | None = None, *, frames: int = 2
) -> Tensor:
    """What `system.entropy_production` says of these data, of movies what it says of what was filmed,
    `(n_trajectories, n_windows)`. Where there are gaps it is asked for each window alone.

    Raises `TypeError` for what is not `Exact`, and whatever that method refuses.
    """
    filmed = data.filmed if isinstance(data, Movie) else data
    form = "entropy_production(data, scheme, *, frames)"

    def entropy(paths: Paths) -> Tensor:
        exact = ask(system, form, paths, scheme, frames=frames)
        shape = (paths.n_trajectories, (paths.n_times - 1) // (frames - 1))
        if not isinstance(exact, Tensor) or exact.shape != shape:
            got = tuple(exact.shape) if isinstance(exact, Tensor) else type(exact).__name__
            raise TypeError(
                f"{type(system).__name__}.entropy_production must give a tensor {shape}, got {got}; "
                "see simulators.Exact"
            )
        return exact

    return of_windows(entropy, filmed, frames)


def ask(system: Any, form: str, *args: Any, **options: Any) -> Any:
    """What a system says that has a method of this form, `name(arguments)`; else `TypeError`."""
    name = form.partition("(")[0]
    try:
        signature(getattr(system, name)).bind(*args, **options)
        missing = isinstance(system, type)  # whose methods have no self
    except (AttributeError, TypeError):
        missing = True
    if missing:
        kind = f"the class {system.__name__}" if isinstance(system, type) else type(system).__name__
        raise TypeError(f"{kind} cannot be compared with: it takes an object with a method {form}")
    return getattr(system, name)(*args, **options)


def r_squared_and_slope(exact: Any, learned: Any) -> tuple[float, float]:
    r"""How well, and with which factor, `learned` follows `exact`: R² and slope.

    Both belong to the least-squares line learned ≈ slope · exact + constant, with
    $R^2 = \mathrm{corr}^2$. R² does not see a wrong factor, the slope does not see noise: a
    network is good only if both are near one. Tensors or arrays of any shape, as many in both; where
    `exact` is NaN, there is no step.
    """
    x, y = (torch.as_tensor(values).detach().double().flatten() for values in (exact, learned))
    if len(x) != len(y):
        raise ValueError(f"exact and learned must have one shape, got {len(x)} and {len(y)} values")
    if torch.isnan(x.sum()):  # without copies, unless there are gaps: there may be millions
        y, x = y[~torch.isnan(x)], x[~torch.isnan(x)]
    n, x_mean, y_mean = len(x), x.mean(), y.mean()
    xx, xy, yy = x @ x / n - x_mean**2, x @ y / n - x_mean * y_mean, y @ y / n - y_mean**2
    return (xy**2 / (xx * yy)).item(), (xy / xx).item()


def nmse(estimate: Tensor, exact: Tensor) -> float:
    """Squared error over the squared size of what is exact; both `(n, …)`."""
    return ((estimate - exact).square().sum() / exact.square().sum()).item()


def coverage(posterior: Posterior, x: Tensor, exact: Tensor, level: float = 0.95) -> float:
    """Fraction of the values `exact (n, …)` at states `x (n, dim_in)` that lie in their interval."""
    low, high = posterior.interval(x, level)
    return ((low <= exact) & (exact <= high)).double().mean().item()


def coverage_curve(posterior: Posterior, x: Tensor, exact: Tensor, levels: Tensor) -> Tensor:
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

    @classmethod
    def of(
        cls, drift: Posterior, diffusion: Posterior, noisy: slice, system: System, x: Tensor
    ) -> "FieldComparison":
        """See `Langevin.compare`; `noisy` are the entries of a state that the noise drives."""
        if not isinstance(system, System):
            raise TypeError(f"system must be a System, which has drift and noise, got {system!r}")
        state = x[:, : noisy.stop]  # without t
        if system.dim != state.shape[-1]:
            raise ValueError(
                f"{type(system).__name__} has states of dim={system.dim}, the inferred equation of "
                f"{state.shape[-1]}"
            )
        # With t a system is asked at each state alone: it answers for one time only.
        timed = zip(state[:, None], x[:, -1].tolist(), strict=True)
        at = list(timed) if x.shape[-1] > noisy.stop else [(state, 0.0)]
        phi = torch.cat([system.drift(a, t) for a, t in at])
        B = torch.cat([noise_matrix(system, a, t) for a, t in at])[:, noisy][..., noisy]
        of_drift = field_errors(drift, x, phi[:, noisy])
        return cls(*of_drift, *field_errors(diffusion, x, B @ B.mT / 2))


def field_errors(posterior: Posterior, x: Tensor, exact: Tensor) -> tuple[float, float, float]:
    """NMSE, coverage of the 95 % intervals, and mean std, against `exact (n, …)` at `x (n, dim_in)`."""
    std = posterior.std(x)
    free = std[0] > 0  # the rest, beside the diagonal of a diffusion, is zero by construction
    low, high = posterior.interval(x)
    inside = ((low <= exact) & (exact <= high))[:, free].double().mean().item()
    return nmse(posterior.mean(x), exact), inside, std[:, free].mean().item()
