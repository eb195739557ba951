"""Trajectories, simulated or measured, and the windows of time that networks look at.

Simulated data and a researcher's own files take the same road from here on. What produced the
data, and what is inferred from it, lives elsewhere.
"""

from collections.abc import Callable
from dataclasses import InitVar, dataclass, replace
from functools import cached_property
from math import inf
from numbers import Real
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding

from .brief import Brief, dtype_of
from .device import as_generator
from .io.tables import read
from .io.writing import replacing, with_ending

FLOATS = (torch.float32, torch.float64)  # fewer bits lose the small steps that heat is made of


class Paths(Brief):
    """What all recorded paths share: the first axis of `x` counts paths, the second times."""

    x: Tensor
    dt: float

    @property
    def n_trajectories(self) -> int:
        return self.x.shape[0]

    @property
    def n_times(self) -> int:
        return self.x.shape[1]

    def _laid(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The same numbers laid otherwise: `change` picks, orders or moves them, in every tensor."""
        raise NotImplementedError

    def at(self, index: Tensor) -> Tensor:
        """What was recorded in frames `index`, counted through all paths: path · n_times + time."""
        raise NotImplementedError

    def take(self, which: Tensor | slice) -> Self:
        """Some of the paths, by their numbers: `data.take(slice(10))` are the first ten."""
        return self._laid(lambda values: values[which])

    def to(self, device: torch.device | str) -> Self:
        if self.x.device == torch.device(device):
            return self
        return self._laid(lambda values: values.to(device))

    def split(
        self, fraction: float = 0.8, *, generator: torch.Generator | int
    ) -> tuple[Self, Self]:
        """Whole paths drawn into a first part of `fraction` and a held-out rest.

        Neighbouring times are correlated, so a split by time would leak; this one does not.
        """
        generator = as_generator(generator)
        n_first = round(fraction * self.n_trajectories)
        if not 0 < n_first < self.n_trajectories:
            raise ValueError(
                f"a split of {self.n_trajectories} trajectories at fraction={fraction} leaves one "
                "side empty; cut long trajectories into pieces with .cut(20), or change the fraction"
            )
        order = torch.randperm(self.n_trajectories, generator=generator, device=generator.device)
        order = order.to(self.x.device)
        first, rest = order[:n_first], order[n_first:]
        return self.take(first), self.take(rest)

    def cut(self, pieces: int) -> Self:
        """Each path cut into `pieces` of equal length; the frames left over at its end are dropped."""
        if not 1 <= pieces <= self.n_times // 2:
            raise ValueError(
                f"pieces must lie between 1 and {self.n_times // 2}, so that each of the "
                f"{self.n_times} times finds a neighbour, got {pieces}"
            )
        end = self.n_times // pieces * pieces
        return self._laid(lambda values: values[:, :end].unflatten(1, (pieces, -1)).flatten(0, 1))


@dataclass(frozen=True, eq=False)
class Trajectories(Paths):
    """Recorded paths, all of the same length and time step.

    Attributes:
        x: states `(n_trajectories, n_times, dim)`, float32, or float64 where positions lie far from
            zero; may be a view of time-major storage.
        dt: time between two frames.
        underdamped: if True, the second half of `dim` holds the velocities of the first half.
        check: look at every number; False where all are known to be finite.

    Raises:
        TypeError: `x` is not a tensor of float32 or float64.
        ValueError: wrong number of axes, fewer than two times, a value that is not finite,
            `dt` that is not positive, an odd `dim` with `underdamped=True`.
    """

    x: Tensor
    dt: float
    underdamped: bool = False
    check: InitVar[bool] = True

    def __post_init__(self, check: bool) -> None:
        x = self.x
        if not isinstance(x, Tensor) or x.dtype not in FLOATS:
            got = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(
                f"x must be a tensor of floats, of 32 or 64 bits, got {got}; use torch.as_tensor(x), "
                "with .double() for integers, or Jumps for numbered states"
            )
        if x.ndim != 3 or x.shape[1] < 2 or 0 in x.shape:
            raise ValueError(
                "x must have the axes (n_trajectories, n_times, dim) with at least two times, got "
                f"shape {tuple(x.shape)}; one 1-d path needs x[None, :, None]"
            )
        if not (isinstance(self.dt, Real) and 0 < self.dt < inf):
            raise ValueError(f"dt must be a positive time, got {self.dt!r}")
        if self.underdamped and x.shape[2] % 2:
            raise ValueError(
                f"underdamped=True needs positions and as many velocities, got dim = {x.shape[2]}"
            )
        if not check:
            return
        # A sum is one pass without a copy; only if it fails is each number looked at.
        if not torch.isfinite(x.sum()) and len(bad := (~torch.isfinite(x)).nonzero()):
            i, j, k = bad[0].tolist()
            raise ValueError(
                f"x is {x[i, j, k].item()} at trajectory {i}, time index {j}, coordinate {k}; cut "
                "the trajectory there or fill the gap first"
            )

    def __repr__(self) -> str:
        more = ", underdamped" if self.underdamped else ""
        return (
            f"{type(self).__name__}({self.n_trajectories} paths × {self.n_times} frames, dim "
            f"{self.dim}, dt {self.dt:g}, {dtype_of(self.x)}{more})"
        )

    @property
    def dim(self) -> int:
        return self.x.shape[2]

    @property
    def duration(self) -> float:
        """Time from the first frame to the last."""
        return (self.n_times - 1) * self.dt

    @property
    def times(self) -> Tensor:
        """Times of the frames `(n_times,)`, the first is 0."""
        return torch.arange(self.n_times, dtype=torch.float64) * self.dt

    @property
    def position(self) -> Tensor:
        """The coordinates that are even under time reversal."""
        return self.x[..., : self.dim // 2] if self.underdamped else self.x

    @property
    def velocity(self) -> Tensor:
        """The second half of `dim`; `ValueError` if the state holds no velocities."""
        if not self.underdamped:
            raise ValueError("these trajectories hold positions only (underdamped=False)")
        return self.x[..., self.dim // 2 :]

    def map(self, change: Callable[[Tensor], Tensor]) -> Self:
        """Other states, `change(x)`: in other units, with noise on them, without a coordinate.

        Raises what `Trajectories` raises, where `change` gives what is no path.
        """
        return replace(self, x=change(self.x))

    def _laid(self, change: Callable[[Tensor], Tensor]) -> Self:
        return replace(self, x=change(self.x), check=False)

    @cached_property
    def _rows(self) -> Tensor:
        """One state per row `(n_trajectories · n_times, dim)`; a copy, once, if times come first."""
        return self.x.flatten(0, 1)

    def at(self, index: Tensor) -> Tensor:
        # A table look-up by row: five times faster here than general indexing.
        return embedding(index, self._rows)

    def every(self, k: int) -> "Trajectories":
        """Each k-th frame: the same paths seen by a slower camera."""
        return replace(self, x=self.x[:, ::k], dt=self.dt * k, check=False)

    def save(self, path: str | Path) -> None:
        """Write a `.npz` file that `load` reads; raises what `writing.replacing` raises."""
        with replacing(with_ending(path, ".npz")) as file:
            np.savez(file, x=self.x.cpu().numpy(), dt=self.dt, underdamped=self.underdamped)

    @classmethod
    def load(
        cls, path: str | Path, dt: float | None = None, *, underdamped: bool | None = None
    ) -> "Trajectories":
        """Read trajectories from a file.

        `.npy`: an array `(n_trajectories, n_times, dim)`, or `(n_times, dim)` or `(n_times,)` for
        one path. `.npz`: the same under the name `x` (or as the only array), with `dt` and
        `underdamped` if they were saved. `.csv`: one header line; the column `trajectory` tells
        paths apart, the column `t` or `time` gives a uniform time, all others are coordinates.
        Numbers of 64 bits, such as those of a table, stay so.

        Raises:
            FileNotFoundError: there is no such file.
            TypeError: an array of other numbers than integers and floats.
            ValueError: an unknown ending, `dt` neither given nor in the file, a time step that
                varies, trajectories of unequal length, or whatever `Trajectories` refuses.
        """
        x, saved_dt, saved_underdamped = read(path, dt)
        underdamped = saved_underdamped if underdamped is None else underdamped
        return cls(torch.as_tensor(x), saved_dt, underdamped)


@dataclass(frozen=True, eq=False)
class Jumps(Paths):
    """Recorded paths of a system that jumps between numbered states.

    Attributes:
        x: states visited one after the other `(n_trajectories, n_times)`, integers from 0 to
            n_states - 1; one byte each (torch.uint8) is enough.
        n_states: number of states.
        waiting: time spent in each of them, same shape; without it each step takes the time 1.

    Raises:
        TypeError: `x` holds no integers, or `waiting` no floats.
        ValueError: wrong axes, fewer than two times, a state that does not exist, a waiting time
            that is negative or not finite.
    """

    x: Tensor
    n_states: int
    waiting: Tensor | None = None
    check: InitVar[bool] = True

    def __post_init__(self, check: bool) -> None:
        x, waiting = self.x, self.waiting
        integers = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
        if not isinstance(x, Tensor) or x.dtype not in integers:
            got = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(
                f"x must be a tensor of integers, the numbers of the states, got {got}; use "
                "torch.as_tensor(x).long(), or Trajectories for continuous states"
            )
        if x.ndim != 2 or x.shape[1] < 2 or 0 in x.shape:
            raise ValueError(
                "x must have the axes (n_trajectories, n_times) with at least two times, got shape "
                f"{tuple(x.shape)}; one path needs x[None]"
            )
        if waiting is not None and not (isinstance(waiting, Tensor) and waiting.dtype in FLOATS):
            got = waiting.dtype if isinstance(waiting, Tensor) else type(waiting).__name__
            raise TypeError(
                "waiting must be a tensor of floats, of 32 or 64 bits, the time spent in each "
                f"state, got {got}"
            )
        if waiting is not None and waiting.shape != x.shape:
            raise ValueError(
                f"waiting must have the shape of x, {tuple(x.shape)}, got {tuple(waiting.shape)}"
            )
        if not check:
            return
        if x.min() < 0 or x.max() >= self.n_states:
            raise ValueError(
                f"x holds states from {x.min()} to {x.max()}, n_states={self.n_states} allows 0 to "
                f"{self.n_states - 1}; number the states from 0"
            )
        if waiting is not None and not (torch.isfinite(waiting) & (waiting >= 0)).all():
            raise ValueError("waiting must be finite and not negative")

    @property
    def dt(self) -> float:  # type: ignore[override]
        """Mean time of a step: 1, or the mean waiting time."""
        return 1.0 if self.waiting is None else self.waiting.double().mean().item()

    def _laid(self, change: Callable[[Tensor], Tensor]) -> Self:
        waiting = None if self.waiting is None else change(self.waiting)
        return replace(self, x=change(self.x), waiting=waiting, check=False)

    @cached_property
    def _rows(self) -> tuple[Tensor, ...]:
        """States, and waiting times if there are any, `(n_trajectories · n_times,)` each."""
        return tuple(v.flatten() for v in (self.x, self.waiting) if v is not None)

    def at(self, index: Tensor) -> Tensor:
        values = [row.take(index) for row in self._rows]
        return values[0].long() if self.waiting is None else torch.stack(values, dim=-1)

    def __repr__(self) -> str:
        waiting = "" if self.waiting is None else f", waiting {dtype_of(self.waiting)}"
        size = f"{self.n_trajectories} paths × {self.n_times} states of {self.n_states}"
        return f"{type(self).__name__}({size}{waiting})"


@dataclass(frozen=True, eq=False)
class Windows(Brief):
    """All stretches of `frames` successive frames, as a data set to draw from by index.

    `windows[index]` with an integer tensor of any shape `(…)` gives `(…, frames, dim)` for
    `Trajectories`, states `(…, frames)` for `Jumps`, `(…, frames, 2)`, state and waiting time, for
    `Jumps` in continuous time, and brightness `(…, frames, height, width)` for a `Movie`. Index `i`
    means trajectory `i // n_starts`, and its stretch `i % n_starts`. A stretch begins at each
    `every`-th frame; `every = frames - 1` lays them end to end, with one frame in common.

    With `draws (members, n_trajectories)`, made by `bootstrap`, an index `(members, batch)` is
    read by each member in its own resampled list of trajectories.
    """

    trajectories: Paths
    frames: int = 2
    every: int = 1
    draws: Tensor | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.frames <= self.trajectories.n_times:
            raise ValueError(
                f"frames={self.frames} must lie between 2 and the {self.trajectories.n_times} "
                "frames of a trajectory"
            )

    def __repr__(self) -> str:
        return f"Windows({len(self)} of {self.frames} frames, of {self.trajectories!r})"

    @property
    def n_starts(self) -> int:
        """Windows per trajectory."""
        return (self.trajectories.n_times - self.frames) // self.every + 1

    def __len__(self) -> int:
        return self.trajectories.n_trajectories * self.n_starts

    def __getitem__(self, index: Tensor) -> Tensor:
        row, start = index // self.n_starts, index % self.n_starts * self.every
        if self.draws is not None:
            row = self.draws.gather(1, row)
        first = row * self.trajectories.n_times + start
        return self.trajectories.at(
            first[..., None] + torch.arange(self.frames, device=index.device)
        )

    def sample(self, n: int) -> Tensor:
        """At most n windows, evenly spaced over the data."""
        n = min(n, len(self))
        index = torch.arange(n, device=self.trajectories.x.device)
        return self[index * len(self) // n]

    def bootstrap(self, members: int, *, generator: torch.Generator | int) -> "Windows":
        """The same windows, with trajectories drawn anew (with replacement) for each member."""
        generator = as_generator(generator)
        n = self.trajectories.n_trajectories
        draws = torch.randint(n, (members, n), generator=generator, device=generator.device)
        return replace(self, draws=draws.to(self.trajectories.x.device))

    def to(self, device: torch.device | str) -> "Windows":
        draws = None if self.draws is None else self.draws.to(device)
        return replace(self, trajectories=self.trajectories.to(device), draws=draws)
