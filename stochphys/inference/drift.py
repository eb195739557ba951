r"""`infer_langevin`: from trajectories to drift and diffusion, each with a posterior.

$$dx = \Phi(x, t)\,dt + \sqrt{2D(x, t)}\,dW \quad\text{(Itô)},$$

or with inertia $dx = v\,dt$, $dv = \Phi(x, v, t)\,dt + \sqrt{2D(x, v, t)}\,dW$ from positions alone.
Labels are made in `increments`; what is predicted from the result lives in `predict`.
"""

from dataclasses import dataclass, field, replace
from math import inf

import torch
from torch import Tensor

from ..brief import Brief
from ..data import Trajectories
from ..device import as_generator
from ..simulators import System, Underdamped
from ..simulators.langevin import square_root
from .calibration import FieldComparison, compare_fields
from .diffusion import infer_diffusion
from .increments import Increments, increments
from .langevin_diagnostics import diagnose
from .posterior import Combination, Functions, Posterior
from .regression import BayesianRegression, Method, Samples

SHOWN = 2000  # states at most at which fields are compared


@dataclass(frozen=True, eq=False)
class Langevin(Brief):
    r"""An inferred Langevin equation.

    Attributes:
        drift: posterior of Φ at states `(n, dim_in)`: x, or (x, v) with inertia, and t last if it
            was an input.
        diffusion: posterior of the matrix D there.
        information: $I_F = \tfrac{\tau}{4}\langle\Phi^\top D^{-1}\Phi\rangle$, what the paths
            hold about the drift, in nats (Frishman & Ronceray 2020, PRX 10, 021009); less what noise
            adds to it.
        effective_parameters: numbers p that the data determined.
        increments: labels it was made from.
        warnings: sentences; empty if all is well.
    """

    drift: Posterior
    diffusion: Posterior
    information: float
    effective_parameters: float
    increments: Increments
    warnings: tuple[str, ...] = field(default=())

    @property
    def predicted_nmse(self) -> float:
        """p/(2 I_F): expected squared error of the drift, over ⟨Φ²⟩, both in units of D; infinite if
        no drift rises above the noise."""
        return self.effective_parameters / (2 * self.information) if self.information > 0 else inf

    @property
    def states(self) -> Tensor:
        """At most 2000 of the states that were seen, evenly spaced `(n, dim_in)`."""
        x = self.increments.x.flatten(0, 1)
        return x[:: 1 + len(x) // SHOWN]

    def __str__(self) -> str:
        text = (
            f"drift and diffusion from {self.increments.time:.4g} time units: {self.information:.3g} nats "
            f"for {self.effective_parameters:.0f} numbers, expected NMSE of the drift "
            f"{self.predicted_nmse:.2g}"
        )
        return "\n".join((text, *self.warnings))

    def draw(self, draws: int, *, generator: torch.Generator | int) -> System:
        """A system for `simulate` with `draws` trajectories: path i follows the i-th equation drawn
        from the posterior."""
        generator = as_generator(generator)
        drift = self.drift.sample(draws, generator=generator)
        diffusion = self.diffusion.sample(draws, generator=generator)
        timed = self.increments.x.shape[-1] > self.increments.noisy.stop
        kind = DrawnUnderdamped if self.increments.underdamped else Drawn
        return kind(Equation(drift, diffusion, self.increments.dim, timed))

    def compare(self, system: System, x: Tensor | None = None) -> FieldComparison:
        """Drift and diffusion against the exact ones at states `x (n, dim_in)`, by default at
        states that were seen: NMSE and coverage of the 95 % intervals. Raises `TypeError` for what
        is no `System`, `ValueError` for one of another dimension."""
        return compare_fields(self, system, self.states if x is None else x)


def infer_langevin(
    trajectories: Trajectories,
    *,
    drift: Method = BayesianRegression(),
    diffusion: Method | None = None,
    generator: torch.Generator | int | None = None,
    underdamped: bool = False,
    time: bool = False,
    rule: str | None = None,
) -> Langevin:
    """Drift and diffusion of the process that made these trajectories, with error bars.

    Args:
        trajectories: positions, or positions and velocities; one path is enough.
        drift: method, anything with the `fit` of `BayesianRegression`.
        diffusion: method of the logarithm of D, a field of independent noises. Without it D is one
            constant matrix.
        generator: what a method draws from; `BayesianRegression` draws nothing, networks do.
        underdamped: positions obey an equation of the second order, velocities were not measured.
        time: the equation depends on time; t since the start of each path is one more input.
        rule: how increments are read, see `increments`.

    Raises `ValueError` for data from which nothing follows, before any work, and whatever the
    methods refuse.

    Source: Bae, Ha, Jeong 2024, arXiv 2402.01338; Frishman & Ronceray 2020, PRX 10, 021009.
    """
    generator = None if generator is None else as_generator(generator)
    data = increments(trajectories, rule=rule, underdamped=underdamped, time=time)
    rough = infer_diffusion(data, method=diffusion, generator=generator)
    found = infer_drift(data, rough, drift, generator=generator)
    x = data.x.flatten(0, 1)
    at_data = found.mean(x)
    if data.secant:
        D = rough
    else:
        at_start = at_data if data.shared == 0 else found.mean(data.start.flatten(0, 1))
        D = infer_diffusion(data, at_start.view_as(data.y), diffusion, generator=generator)
    some = x[:: 1 + len(x) // SHOWN]
    per_time = torch.linalg.solve(D.mean(some), torch.diag_embed(found.std(some) ** 2))
    p = data.time / 2 * per_time.diagonal(dim1=1, dim2=2).sum(1).mean().item()
    force = torch.linalg.solve(D.mean(some), found.mean(some)[..., None])[..., 0]
    information = data.time / 4 * (force * found.mean(some)).sum(-1).mean().item() - p / 2
    result = Langevin(found, D, information, p, data)
    return replace(result, warnings=diagnose(result, trajectories))


def infer_drift(
    data: Increments,
    diffusion: Posterior,
    method: Method = BayesianRegression(),
    *,
    generator: torch.Generator | int | None = None,
) -> Posterior:
    """Posterior of the drift from increments whose noise is known: each is weighed by dt/2D."""
    generator = None if generator is None else as_generator(generator)
    y = data.y.flatten(0, 1)

    def fit(x: Tensor, before: Tensor) -> Posterior:
        D = diffusion.mean(before.flatten(0, 1))
        weight = data.dt / (2 * D.diagonal(dim1=1, dim2=2))
        tangent = None
        if data.shared:
            tangent = D.new_zeros(len(D), data.dim, x.shape[-1])
            tangent[..., data.noisy] = data.shared * weight[..., None] * D
        return method.fit(Samples(x.flatten(0, 1), y, weight, tangent), generator=generator)

    if data.reverse is None:
        return fit(data.x, data.before)
    # Weights go with the states, else they would share another part of the noise.
    return Combination(fit(data.x, data.before), fit(data.reverse, data.reverse))


@dataclass(frozen=True, eq=False)
class Equation(Brief):
    """Drift and diffusion drawn from a posterior; path i follows draw i."""

    drift: Functions
    diffusion: Functions
    dim: int
    timed: bool

    def at(self, values: Functions, x: Tensor, t: float) -> Tensor:
        """Of each draw at its own state `x (draws, dim)`, `(draws, …)`."""
        if self.timed:
            x = torch.cat((x, torch.full_like(x[:, :1], t)), dim=1)
        return values(x[:, None])[:, 0].to(x.dtype)


@dataclass(frozen=True, eq=False)
class Drawn(System):
    """An overdamped equation drawn from a posterior."""

    equation: Equation

    @property
    def dim(self) -> int:  # type: ignore[override]
        return self.equation.dim

    def drift(self, x: Tensor, t: float) -> Tensor:
        return self.equation.at(self.equation.drift, x, t)

    def noise_amplitude(self, x: Tensor, t: float) -> Tensor:
        return square_root(2 * self.equation.at(self.equation.diffusion, x, t))


class DrawnUnderdamped(Underdamped):
    """The same with inertia: the drift is the acceleration; noises are independent."""

    additive = False

    def __init__(self, equation: Equation) -> None:
        super().__init__()
        object.__setattr__(self, "equation", equation)

    equation: Equation

    @property
    def dim(self) -> int:  # type: ignore[override]
        return 2 * self.equation.dim

    def acceleration(self, x: Tensor, v: Tensor, t: float) -> Tensor:
        return self.equation.at(self.equation.drift, torch.cat((x, v), dim=-1), t)

    def velocity_noise(self, x: Tensor, v: Tensor, t: float) -> Tensor:
        D = self.equation.at(self.equation.diffusion, torch.cat((x, v), dim=-1), t)
        return (2 * D.diagonal(dim1=1, dim2=2)).sqrt()
