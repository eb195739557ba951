r"""What an inferred Langevin equation predicts: numbers with an interval, passage times, and paths.

A prediction is made once for each draw from the posterior, so that what is not known of drift and
diffusion is in its spread. Entropy and heat live in `thermodynamics`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from .. import require
from ..brief import Brief
from ..data import Trajectories
from ..device import Source, as_generator
from ..estimate import Estimate
from ..simulators import System, simulate
from .comparison import ask
from .posterior import QUANTILE, Known
from .results import Langevin

GRID = 1001  # points of a quadrature of passage times, on each side of the start


@dataclass(frozen=True)
class Agreement:
    """A prediction beside the `exact` number: the error over the std, and is it `inside` the interval?"""

    exact: float
    error: float
    inside: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class Prediction(Brief, ABC):
    """What follows from an inferred equation, with what is not known of it: a rate is a
    `PredictedRate`, any other number a `PredictedNumber`.

    Attributes:
        std: spread of the draws.
        interval: holds the number with probability `level`; quantiles of the draws.
        level: of the interval.
        draws: the number in each draw from the posterior `(n_draws,)`.
    """

    std: float
    interval: tuple[float, float]
    level: float
    draws: Tensor = field(repr=False)

    @property
    @abstractmethod
    def best(self) -> float:
        """The best guess."""

    @classmethod
    def of(cls, best: float, draws: Tensor, level: float, **more: Any) -> Self:
        """From the best guess and the values of all draws."""
        require.within("(0, 1)", level=level, hint="0.95 for 95 %")
        edges = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=draws.dtype)
        low, high = draws.quantile(edges).tolist()
        kind: Any = cls  # whose first field is the best guess
        std = draws.std().item()
        return kind(best, std=std, interval=(low, high), level=level, draws=draws, **more)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.best:.4g}, with {self.level:.0%} between {low:.4g} and {high:.4g}"

    def against(self, exact: float) -> Agreement:
        """The prediction beside the exact number."""
        low, high = self.interval
        return Agreement(exact, (self.best - exact) / self.std, low <= exact <= high)


@dataclass(frozen=True, eq=False)
class PredictedRate(Prediction, Estimate):
    """A rate that follows from an inferred equation: an `Estimate`, with an interval."""

    def __str__(self) -> str:
        return "\n".join((super().__str__(), *self.warnings))

    @property
    def best(self) -> float:
        return self.rate


@dataclass(frozen=True, eq=False)
class PredictedNumber(Prediction):
    """A number that is no rate, such as an efficiency or a mean time; `estimate` is the best guess."""

    estimate: float

    @property
    def best(self) -> float:
        return self.estimate


@dataclass(frozen=True, eq=False)
class PredictedPaths(Brief):
    """Paths of an inferred equation, one posterior draw each.

    Attributes:
        trajectories: the paths.
        left: index `(n_trajectories,)` of the first frame at which the path was where the drift is
            not known; `n_times` for a path that never was.
        limit: relative std of the drift above which it counts as not known.
        stopped: whether paths stand still from that frame on.
    """

    trajectories: Trajectories
    left: Tensor
    limit: float
    stopped: bool

    def __str__(self) -> str:
        n, n_times = self.trajectories.n_trajectories, self.trajectories.n_times
        gone = self.left[self.left < n_times]
        if not len(gone):
            return f"All {n} paths stay where the data know the drift."
        when = gone.double().median().item() * self.trajectories.dt
        then = "they stand still there" if self.stopped else "what follows there is a guess"
        return (
            f"{len(gone)} of {n} paths leave the states at which the data know the drift, half of them "
            f"before t = {when:.3g}; {then}."
        )


class Fenced(System):
    """A system that stands still at states `x (n, dim)` and times t where `known(x, t)` is false."""

    def __init__(self, system: System, known: Callable[[Tensor, float], Tensor]) -> None:
        self.system, self.known = system, known
        self.dim, self.underdamped = system.dim, system.underdamped
        self.last: tuple[Tensor, float, Tensor] | None = None

    def at(self, x: Tensor, t: float) -> Tensor:
        """What is known, asked once of the same states."""
        if self.last is None or self.last[0] is not x or self.last[1] != t:
            self.last = x, t, self.known(x, t)
        return self.last[2]

    def drift(self, x: Tensor, t: float) -> Tensor:
        return self.system.drift(x, t) * self.at(x, t)[:, None]

    def noise_amplitude(self, x: Tensor, t: float) -> Tensor:
        B = torch.as_tensor(self.system.noise_amplitude(x, t))
        return B * self.at(x, t).view(-1, *[1] * (B.ndim - 1))


def predict_paths(
    langevin: Langevin,
    n_trajectories: int,
    n_steps: int,
    dt: float,
    *,
    generator: Source,
    start: Tensor | float,
    every: int = 1,
    quantile: float = QUANTILE,
    stop: bool = True,
) -> PredictedPaths:
    """Posterior-predictive paths: path i follows the i-th draw of drift and diffusion.

    Their spread holds both the noise and what is not known of the equation. A path ends where the
    std of the drift passes its `quantile` on the training states: beyond, a draw says more of the
    prior than of the data.

    Args:
        n_steps, dt, start, every: as for `simulate`.
        quantile: share of the training states that count as known; 1 for all of them.
        stop: let paths stand still where they leave; with False they go on and are only flagged.

    Raises `ValueError` for a quantile outside (0, 1], a start where the drift is not known, or what
    `simulate` refuses.

    Source: a draw of the parameters for each prediction: Gelman et al., Bayesian Data Analysis, §1.3.
    """
    require.of_kind(Langevin, langevin=langevin, hint="what infer_langevin returns")
    generator = as_generator(generator)
    require.within("(0, 1]", quantile=quantile, hint="0.99 is usual")
    limits = Known.of(langevin.drift, langevin.states, quantile)

    def known(x: Tensor, t: float) -> Tensor:
        return limits(langevin.inputs(x, t))

    system = langevin.draw(n_trajectories, generator=generator)
    here = torch.atleast_2d(torch.as_tensor(start, dtype=torch.float64)).expand(-1, system.dim)
    if stop:
        if not (inside := known(here, 0.0)).all():
            raise ValueError(
                f"start={here[~inside][0].tolist()} lies where the drift is less known than at "
                f"{quantile:.0%} of the training states; start elsewhere, or raise quantile"
            )
        system = Fenced(system, known)
    how: Any = dict(start=start, every=every, dtype=langevin.increments.precision)
    paths = simulate(system, n_trajectories, n_steps, dt, generator=generator, **how)
    frames = zip(paths.x.unbind(1), paths.times.tolist(), strict=True)
    outside = torch.stack([~known(x, t) for x, t in frames], dim=1)
    left = torch.where(outside.any(1), outside.int().argmax(1), paths.n_times)
    return PredictedPaths(paths, left, limits.limit, stop)


@dataclass(frozen=True, eq=False)
class PassageTime(PredictedNumber):
    """Mean time from `start` until `target` is first reached; `estimate` is the median of the draws,
    which a few with very high barriers do not move."""

    start: float = 0.0
    target: float = 0.0

    def compare(self, system: Any) -> Agreement:
        """Beside the exact time of a system that knows its `mean_first_passage_time`."""
        form = "mean_first_passage_time(start, target)"
        return self.against(ask(system, form, self.start, self.target))


def mean_first_passage_time(
    langevin: Langevin,
    start: float,
    target: float,
    *,
    generator: Source,
    draws: int = 500,
    level: float = 0.95,
) -> PassageTime:
    r"""Mean first-passage time from one place to another, for each draw from the posterior, by
    quadrature, with a reflecting wall where the training data end behind `start`:

    $$\langle T\rangle = \int_a^b dy\, e^{-\psi(y)} \int_{\text{wall}}^y dz\, \frac{e^{\psi(z)}}{D(z)},
      \qquad \psi(x) = \int^x \frac{\Phi}{D}\,dx' \qquad (a < b)$$

    and its mirror image for a > b.

    Args:
        start, target: places a and b.
        draws: from the posterior.
        level: of the interval.

    Raises `ValueError` for an equation of several coordinates, with velocities or with time in it,
    or a place outside the training data.

    Source: Gardiner, Stochastic Methods, §5.5.2.
    """
    require.of_kind(Langevin, langevin=langevin, hint="what infer_langevin returns")
    generator = as_generator(generator)
    x = langevin.increments.x.flatten(0, 1)  # (n, dim_in)
    if x.shape[1] > 1 or langevin.increments.period is not None:
        raise ValueError(
            "a mean first-passage time is found here for an equation of one coordinate that does not "
            "depend on time, on a line; for another, simulate langevin.draw(…) and look for arrivals"
        )
    low, high = x.min(), x.max()
    a, b = (torch.as_tensor(place, dtype=x.dtype) for place in (start, target))
    for name, place in (("start", a), ("target", b)):
        if not low <= place <= high:
            raise ValueError(
                f"{name}=[{place.item()}] lies outside the training data, which reach from {low:.4g} "
                f"to {high:.4g}; nothing is known there"
            )
    wall, part = low if a < b else high, torch.linspace(0, 1, GRID).to(x)
    upto, beyond = torch.lerp(wall, a, part), torch.lerp(a, b, part)
    grid = torch.cat((upto, beyond[1:]))  # from the wall over the start to the target
    at = grid[None, :, None]  # as draws take states: (1, n_grid, 1)
    drift = langevin.drift.sample(draws, generator=generator)(at)[..., 0]
    diffusion = langevin.diffusion.sample(draws, generator=generator)(at)[..., 0, 0]
    times = passage_quadrature(drift, diffusion, grid, len(upto) - 1)
    return PassageTime.of(times.median().item(), times, level, start=start, target=target)


def passage_quadrature(drift: Tensor, diffusion: Tensor, grid: Tensor, start: int) -> Tensor:
    """Mean first-passage times `(n_draws,)` from `grid[start]` to `grid[-1]`, wall at `grid[0]`.

    Drift and diffusion on the grid are `(n_draws, n_grid)`; the trapezoidal rule throughout, on
    logarithms, since high barriers overflow.
    """
    h = grid.diff()  # negative where the target lies below
    slope = drift / diffusion
    psi = pad(((slope[:, 1:] + slope[:, :-1]) * h / 2).cumsum(1), (1, 0))  # ψ = 0 at the wall
    inside = _log_integral(psi - diffusion.log(), h.abs())  # ln ∫ e^ψ/D from the wall to y
    return _log_integral((inside - psi)[:, start:], h[start:].abs())[:, -1].exp()


def _log_integral(log_values: Tensor, h: Tensor) -> Tensor:
    """Logarithm of the running integral of exp(log_values), zero at the first point."""
    cells = torch.logaddexp(log_values[:, 1:], log_values[:, :-1]) + (h / 2).log()
    return pad(cells.logcumsumexp(1), (1, 0), value=-inf)
