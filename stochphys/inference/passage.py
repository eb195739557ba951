r"""Mean first-passage times of an inferred Langevin equation, one for each draw from the posterior.

Barriers enter as exponentials: a drift that is known to a few per cent still leaves a wide interval,
and the posterior mean alone would hide it.
"""

from dataclasses import dataclass
from math import ceil, inf
from typing import Any

import torch
from torch import Tensor

from ..device import as_generator
from ..simulators import simulate
from .comparison import ask
from .predict import Agreement, PredictedNumber
from .results import Langevin

GRID = 1001  # points of a quadrature, on each side of the start
BLOCK = 500  # steps of a simulation between two looks at who has arrived


@dataclass(frozen=True, eq=False)
class PassageTime(PredictedNumber):
    """Mean time from `start` until `target` is first reached; `estimate` is the median of the draws,
    which a few with very high barriers do not move.

    Attributes:
        arrived: share of the simulated paths that arrived; 1 for a quadrature.
    """

    start: Any = None
    target: Any = None
    arrived: float = 1.0

    def compare(self, system: Any) -> Agreement:
        """Beside the exact time of a system that knows its `mean_first_passage_time`."""
        form = "mean_first_passage_time(start, target)"
        return self.against(ask(system, form, self.start, self.target))


def mean_first_passage_time(
    langevin: Langevin,
    start: Tensor | float,
    target: Tensor | float,
    *,
    generator: torch.Generator | int,
    draws: int = 500,
    level: float = 0.95,
    radius: float | None = None,
    paths: int = 20,
    longest: float | None = None,
) -> PassageTime:
    r"""Mean first-passage time from one state to another, for each draw from the posterior.

    One coordinate: by quadrature, with a reflecting wall where the training data end behind `start`,

    $$\langle T\rangle = \int_a^b dy\, e^{-\psi(y)} \int_{\text{wall}}^y dz\, \frac{e^{\psi(z)}}{D(z)},
      \qquad \psi(x) = \int^x \frac{\Phi}{D}\,dx' \qquad (a < b)$$

    and its mirror image for a > b. More coordinates: by simulation at the time step of the data,
    until a ball around `target` is reached; the luck of the paths widens the interval by a relative
    $1/\sqrt{\text{paths}}$.

    Args:
        start, target: states, numbers or `(dim,)`.
        draws: from the posterior.
        level: of the interval.
        radius: of the ball; needed for more than one coordinate.
        paths: simulated for each draw.
        longest: time after which they are given up, by default the duration of the training data.
            The time that all paths of a draw took is then divided by how many arrived.

    Raises:
        ValueError: an equation with velocities or with time in it, a state outside the training
            data, a missing `radius`, or a `longest` within which nobody arrives.

    Source: Gardiner, Stochastic Methods, §5.5.2.
    """
    generator = as_generator(generator)
    if langevin.increments.underdamped or langevin.timed:
        raise ValueError(
            "a mean first-passage time between two places is defined here for an equation of positions "
            "alone that does not depend on time; simulate langevin.draw(…) and look for arrivals"
        )
    x = langevin.increments.x.flatten(0, 1)
    a, b = (torch.as_tensor(s, dtype=x.dtype).expand(x.shape[1]) for s in (start, target))
    low, high = x.min(0).values, x.max(0).values
    for name, state in (("start", a), ("target", b)):
        if ((state < low) | (state > high)).any():
            raise ValueError(
                f"{name}={state.tolist()} lies outside the training data, which reach from "
                f"{low.tolist()} to {high.tolist()}; nothing is known there"
            )
    if len(a) == 1:
        wall = low if a < b else high
        upto, beyond = (
            torch.lerp(p, q, torch.linspace(0, 1, GRID).to(x)) for p, q in ((wall, a), (a, b))
        )
        grid = torch.cat((upto, beyond[1:]))[None, :, None]
        drift = langevin.drift.sample(draws, generator=generator)(grid)[..., 0]
        diffusion = langevin.diffusion.sample(draws, generator=generator)(grid)[..., 0, 0]
        times = passage_quadrature(drift, diffusion, grid[0, :, 0], len(upto) - 1)
        arrived = 1.0
    else:
        if radius is None:
            raise ValueError(
                f"radius is missing: a path of {len(a)} coordinates never meets a point; give the "
                "radius of a ball around target"
            )
        times, arrived = _simulated(langevin, a, b, radius, draws, paths, longest, generator)
    estimate = times.median().item()
    return PassageTime.of(estimate, times, level, start=start, target=target, arrived=arrived)


def passage_quadrature(drift: Tensor, diffusion: Tensor, grid: Tensor, start: int) -> Tensor:
    """Mean first-passage times `(n_draws,)` from `grid[start]` to `grid[-1]`, wall at `grid[0]`.

    Drift and diffusion on the grid are `(n_draws, n_grid)`; the trapezoidal rule throughout, on
    logarithms, since high barriers overflow.
    """
    h = grid.diff()
    slope = drift / diffusion
    psi = torch.nn.functional.pad(((slope[:, 1:] + slope[:, :-1]) * h / 2).cumsum(1), (1, 0))
    inside = _log_integral(psi - diffusion.log(), h.abs())
    return _log_integral((inside - psi)[:, start:], h[start:].abs())[:, -1].exp()


def _log_integral(log_values: Tensor, h: Tensor) -> Tensor:
    """Logarithm of the running integral of exp(log_values), zero at the first point."""
    cells = torch.logaddexp(log_values[:, 1:], log_values[:, :-1]) + (h / 2).log()
    return torch.nn.functional.pad(cells.logcumsumexp(1), (1, 0), value=-inf)


def _simulated(
    langevin: Langevin,
    start: Tensor,
    target: Tensor,
    radius: float,
    draws: int,
    paths: int,
    longest: float | None,
    generator: torch.Generator,
) -> tuple[Tensor, float]:
    """Time until the ball is reached, for each draw, and the share of paths that did."""
    dt, precision = langevin.increments.dt, langevin.increments.precision
    total = ceil((langevin.increments.time if longest is None else longest) / dt)
    system = langevin.draw(draws, generator=generator)
    spent, arrivals = torch.zeros(draws, dtype=start.dtype), torch.zeros(draws)
    for _ in range(paths):
        x, waiting = start.expand(draws, -1), torch.ones(draws, dtype=torch.bool)
        for done in range(0, total, BLOCK):
            steps = min(BLOCK, total - done)
            x = simulate(system, draws, steps, dt, generator=generator, start=x, dtype=precision).x
            inside = (x[:, 1:] - target).norm(dim=-1) < radius
            arrived = inside.any(1)
            took = torch.where(arrived, inside.int().argmax(1) + 1, steps) * dt
            spent += waiting * took
            arrivals += waiting & arrived
            waiting &= ~arrived
            x = x[:, -1]
            if not waiting.any():
                break
    if not arrivals.any():
        raise ValueError(f"no path arrived within {total * dt:.4g}; raise longest, or radius")
    return spent / arrivals, arrivals.sum().item() / (draws * paths)
