r"""Mean first-passage times of an inferred Langevin equation, one for each draw from the posterior.

Barriers enter as exponentials: a drift that is known to a few per cent still leaves a wide interval,
and the posterior mean alone would hide it.
"""

from dataclasses import dataclass
from math import inf
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..device import as_generator
from .comparison import ask
from .predict import Agreement, PredictedNumber
from .results import Langevin

GRID = 1001  # points of a quadrature, on each side of the start


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
    generator: torch.Generator | int,
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

    Raises:
        ValueError: an equation of several coordinates, with velocities or with time in it; a place
            outside the training data.

    Source: Gardiner, Stochastic Methods, §5.5.2.
    """
    generator = as_generator(generator)
    x = langevin.increments.x.flatten(0, 1)  # (n, dim_in)
    if x.shape[1] > 1:
        raise ValueError(
            "a mean first-passage time is found here for an equation of one coordinate that does not "
            "depend on time; for another, simulate langevin.draw(…) and look for arrivals"
        )
    low, high = x.min(0).values, x.max(0).values
    a, b = (torch.as_tensor(place, dtype=x.dtype).expand(1) for place in (start, target))
    for name, place in (("start", a), ("target", b)):
        if not low <= place <= high:
            raise ValueError(
                f"{name}={place.item():g} lies outside the training data, which reach from "
                f"{low.item():.4g} to {high.item():.4g}; nothing is known there"
            )
    wall = low if a < b else high
    upto, beyond = (
        torch.lerp(p, q, torch.linspace(0, 1, GRID).to(x)) for p, q in ((wall, a), (a, b))
    )
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
