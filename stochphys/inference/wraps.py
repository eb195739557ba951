r"""Coordinates that come back: angles, and places in a periodic box.

Steps are taken the short way round, and functions are those of a point on a circle: a method is given
$(\cos, \sin)$ of such a coordinate in its place. What is found in recorded data are jumps by one box.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, pi

import torch
from torch import Tensor

from .. import require
from ..brief import Brief
from ..data import Trajectories
from ..device import Source
from ..models.drift_diffusion import Likelihood
from .increments import Increments
from .outliers import frames_of
from .posterior import Functions, Posterior
from .regression import Method, Samples

BOXES = (1.0, 2 * pi, 360.0)  # which need no proof that all of the box is visited
SHORT = 0.4  # of a period: steps longer than that do not say which way they went
OFTEN = 1e-3  # of all steps
FILLED = 0.05  # of the data in the middle third of a box, if it has another length
NEAR = 2.5  # typical steps from the edges of a box, on average, at which jumps by one box begin and end

Period = float | Sequence[float | None] | None


def periods(period: Period, dim: int) -> tuple[float, ...]:
    """A period for each of `dim` coordinates, inf for one that is not periodic.

    Raises `ValueError` for another number of them, or one that is not positive.
    """
    each: list[float | None]
    each = [period] * dim if period is None or isinstance(period, int | float) else [*period]
    if len(each) != dim:
        raise ValueError(
            f"period must be one number, or one for each of {dim} coordinates with None for those that "
            f"are not periodic, got {period!r}"
        )
    found = tuple(inf if one is None else one for one in each)
    for one in found:
        if one != inf:
            require.positive(period=one, hint="2 * math.pi for an angle, 360 for one in degrees")
    return found


def unwrapped(trajectories: Trajectories, period: tuple[float, ...]) -> Trajectories:
    """The same paths on a line: each step is taken the short way round; float64.

    Raises `ValueError` if steps are as long as half a period.
    """
    x = trajectories.rows.double()  # (n_frames, dim)
    path, number = frames_of(trajectories)
    follows = ((path.diff() == 0) & (number.diff() == 1)).to(x.device)
    turned = x.clone()
    for k, one in enumerate(period):
        if one == inf:
            continue
        step = torch.where(follows, x[:, k].diff(), 0.0)
        turns = torch.round(step / one)
        long = ((step / one - turns).abs() > SHORT).double().mean().item()
        if long > OFTEN:
            raise ValueError(
                f"{long:.1%} of the steps of coordinate {k} are longer than {SHORT:g} of its "
                f"period={one:g}, so that it cannot be said which way they went; take a shorter dt, or, "
                "for degrees, period=360"
            )
        # Turns are counted from the first frame of all; across gaps it does not matter how many.
        turned[1:, k] -= one * turns.cumsum(0)
    shape = trajectories.x.shape
    return Trajectories(
        turned.view(shape),
        trajectories.dt,
        trajectories.underdamped,
        stretches=trajectories.stretches,
    )


def wrapped(data: Increments, period: tuple[float, ...]) -> Increments:
    """Labels of paths on a line whose states lie on circles, between 0 and the period."""
    around = torch.full_like(data.x[0, 0], inf)
    around[: len(period)] = torch.tensor(period)
    states = (data.x, data.start, data.before, data.at)
    x, start, before, at = (folded(each, around) for each in states)
    reverse = None if data.reverse is None else folded(data.reverse, around)
    return replace(data, x=x, start=start, before=before, at=at, reverse=reverse, period=around)


def folded(x: Tensor, period: Tensor) -> Tensor:
    """States `x (…, dim_in)` between 0 and the period, of those that have one."""
    on = period.isfinite().to(x.device)
    x = x.clone()
    x[..., on] = x[..., on].remainder(period[on].to(x))
    return x


def on_circle(
    method: Method,
    period: Tensor | None,
    samples: Samples,
    likelihood: Likelihood,
    generator: Source | None,
) -> Posterior:
    """What a method finds; where states have a `period (dim_in,)`, functions with that period."""
    if period is None:
        return method.fit(samples, likelihood, generator=generator)

    def embed(x: Tensor) -> Tensor:
        """cos and sin of each input that is periodic, then the others, `(…, dim_in)` to `(…, more)`."""
        on = period.isfinite()
        angle = 2 * pi / period[on] * x[..., on]
        return torch.cat((angle.cos(), angle.sin(), x[..., ~on]), dim=-1)

    tangent = samples.tangent  # (n, dim_out, dim_in): a direction for each component
    if tangent is not None:
        moved = [torch.func.jvp(embed, (samples.x,), (along,))[1] for along in tangent.unbind(1)]
        tangent = torch.stack(moved, dim=1)
    lifted = replace(samples, x=embed(samples.x), tangent=tangent)
    return OnCircle(method.fit(lifted, likelihood, generator=generator), embed)


@dataclass(frozen=True, eq=False)
class OnCircle(Posterior):
    """A belief about periodic functions: `inner` is asked where `embed` puts the states."""

    inner: Posterior
    embed: Functions

    @property
    def choice(self) -> str:
        """See `LinearPosterior`."""
        return getattr(self.inner, "choice", "")

    def mean(self, x: Tensor) -> Tensor:
        return self.inner.mean(self.embed(x.double()))

    def std(self, x: Tensor) -> Tensor:
        return self.inner.std(self.embed(x.double()))

    def known(self, x: Tensor) -> Tensor:
        return self.inner.known(self.embed(x.double()))

    def ended(self, x: Tensor) -> Tensor:
        return self.inner.ended(self.embed(x.double()))

    def sample(self, draws: int, *, generator: Source) -> Functions:
        functions = self.inner.sample(draws, generator=generator)
        return lambda x: functions(self.embed(x.double()))


@dataclass(frozen=True)
class Box(Brief):
    """Jumps of one coordinate by one box.

    Attributes:
        coordinate: which one, of `dim`.
        length: of the box: a common one if it fits, else the range of the data, which is a little less.
        jumps: how many.
        trajectory, frame: of the first frame after one, numbered as in `WrongFrame`.
    """

    coordinate: int
    dim: int
    length: float
    jumps: int
    trajectory: int
    frame: int

    def __str__(self) -> str:
        each = ["None"] * self.dim
        each[self.coordinate] = f"{self.length:.8g}"
        period = f"[{', '.join(each)}]" if self.dim > 1 else each[0]
        return (
            f"Periodic: {self.jumps} steps of coordinate {self.coordinate} are jumps by one box, "
            f"±{self.length:.4g}, from one edge of the data to the other, the first in trajectory "
            f"{self.trajectory} to frame {self.frame}, and no step lies between these and the usual ones. "
            f"An angle or a periodic box does that: give period={period}; or period=math.inf if "
            "the jumps are real."
        )


def jumps_of_one_box(trajectories: Trajectories) -> list[Box]:
    r"""Coordinates that were recorded on a circle, or in a periodic box, and jump by its length.

    The large steps of such a coordinate are nearly equal, from one edge of all data to the other, and no
    step lies between them and the usual ones. Jumps between two wells, of wrong frames, or of exchanged
    names, begin and end inside of the range. If the box has an uncommon length, all of it must have been
    visited: a lone outlier is the edge of its own range.
    """
    x = trajectories.position.double().flatten(0, -2).cpu()  # (n_frames, dim)
    path, number = frames_of(trajectories)
    follows = (path.diff() == 0) & (number.diff() == 1)
    found = []
    for k, values in enumerate(x.unbind(-1)):
        low, high = values.min(), values.max()
        step, size = torch.where(follows, values.diff(), 0.0), (high - low).item()
        part = step.abs() / size
        jumps = part > 0.65
        usual = step[follows & ~jumps].square().mean().sqrt().item()
        between = (part > 0.35) & ~jumps
        short = size - step[jumps].abs()  # of the range: how far from the edges jumps begin and end
        if not usual or jumps.sum() < 2 or 10 * between.sum() > jumps.sum():
            continue
        if short.mean() > NEAR * usual:
            continue
        length = next((box for box in BOXES if 0 <= box - size < NEAR * usual), 0.0)
        middle = ((values - low - size / 2).abs() < size / 6).double().mean()
        if length or middle > FILLED:
            row = int(jumps.nonzero()[0]) + 1
            where = int(path[row]), int(number[row])
            found.append(Box(k, x.shape[1], length or size, int(jumps.sum()), *where))
    return found
