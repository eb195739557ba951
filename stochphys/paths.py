"""What all recorded paths share, and the windows of time that networks look at.

`data` has the two kinds of path, of continuous states and of jumps, and `movie` that of frames.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral
from typing import Any, Self

import torch
from torch import Tensor

from .brief import Brief
from .device import Source, drawn_from
from .stretches import Stretches, check_grid


class Paths(Brief):
    """What all recorded paths share. As a rule they have one length and no gaps: the first axis of `x`
    counts paths, the second times. Otherwise the first axis counts the frames of one path after the
    other, and `stretches` say which of them follow each other."""

    x: Tensor
    dt: float
    stretches: Stretches | None = None

    @property
    def n_trajectories(self) -> int:
        return self.x.shape[0] if self.stretches is None else self.stretches.n_paths

    @property
    def n_times(self) -> int:
        """Frames of a path, of the longest; gaps are counted."""
        return self.x.shape[1] if self.stretches is None else int(self.stretches.spans.max())

    @property
    def longest(self) -> int:
        """Most frames that follow each other without a gap."""
        return self.x.shape[1] if self.stretches is None else int(self.stretches.length.max())

    def _laid(self, change: Callable[[Tensor], Tensor], **other: Any) -> Self:
        """The same numbers laid otherwise: `change` picks, orders or moves them, in every tensor."""
        return replace(self, x=change(self.x), check=False, **other)  # type: ignore[type-var]

    def _rows_of(self, rows: Tensor, stretches: Stretches, **other: Any) -> Self:
        """Some of the frames of paths that have gaps."""
        return self._laid(lambda values: values[rows], stretches=stretches, **other)

    def at(self, index: Tensor) -> Tensor:
        """What was recorded in frames `index`, counted through all paths: path · n_times + time, if
        all have one length."""
        raise NotImplementedError

    def take(self, which: Tensor | slice) -> Self:
        """Some of the paths, by their numbers: `data.take(slice(10))` are the first ten."""
        if self.stretches is None:
            return self._laid(lambda values: values[which])
        numbers = torch.arange(self.n_trajectories, device=self.x.device)[which]
        return self._rows_of(*self.stretches.take(numbers))

    def with_windows(self, frames: int = 2) -> Self:
        """Those of the paths that have a window of so many successive frames."""
        if self.stretches is None or (n := Windows(self, frames).per_path).all():
            return self
        return self.take(n.nonzero().flatten())

    def gapless(self, frames: int = 2, every: int = 1) -> tuple[Self, Tensor]:
        """Paths of one length without gaps, and to which of these paths each belongs: the same, if they
        are so; else each window of so many `frames`, see `Windows`, is a path of its own."""
        if self.stretches is None:
            return self, torch.arange(self.n_trajectories, device=self.x.device)
        windows = Windows(self, frames, every)
        return self._laid(lambda values: values[windows.rows], stretches=None), windows.path

    def to(self, device: torch.device | str) -> Self:
        if self.x.device == torch.device(device):
            return self
        if self.stretches is None:
            return self._laid(lambda values: values.to(device))
        return self._laid(lambda values: values.to(device), stretches=self.stretches.to(device))

    def split(self, fraction: float = 0.8, *, generator: Source) -> tuple[Self, Self]:
        """Whole paths drawn into a first part of `fraction` and a held-out rest.

        Neighbouring times are correlated, so a split by time would leak; this one does not.
        """
        n_first = round(fraction * self.n_trajectories)
        if not 0 < n_first < self.n_trajectories:
            raise ValueError(
                f"a split of {self.n_trajectories} trajectories at fraction={fraction} leaves one "
                "side empty; cut long trajectories into pieces with .cut(20), or change the fraction"
            )
        order = torch.randperm(self.n_trajectories, **drawn_from(generator)).to(self.x.device)
        return self.take(order[:n_first]), self.take(order[n_first:])

    def cut(self, pieces: int) -> Self:
        """Each path cut into `pieces` of equal length; the frames left over at its end are dropped.

        Of unequal paths, the longest is cut into so many, and all of them into such pieces, of which
        some are shorter.
        """
        if not 1 <= pieces <= self.n_times // 2:
            raise ValueError(
                f"pieces must lie between 1 and {self.n_times // 2}, so that each of the "
                f"{self.n_times} times finds a neighbour, got {pieces}"
            )
        if self.stretches is not None:
            return self._laid(lambda x: x, stretches=self.stretches.cut(self.n_times // pieces))
        end = self.n_times // pieces * pieces
        return self._laid(lambda values: values[:, :end].unflatten(1, (pieces, -1)).flatten(0, 1))


def check_axes(x: Tensor, *axes: str, hint: str) -> None:
    """`ValueError` for states `x` without these axes, of which the second counts times, two or more."""
    if x.ndim != len(axes) or x.shape[1] < 2 or 0 in x.shape:
        raise ValueError(
            f"x must have the axes ({', '.join(axes)}) with at least two times, got shape "
            f"{tuple(x.shape)}; {hint}"
        )


def check_numbers(x: Tensor, n: int, owner: str) -> None:
    """`ValueError` for an `x` with numbers that `owner`, which has n of them, does not have."""
    if x.min() < 0 or x.max() >= n:
        raise ValueError(
            f"x holds numbers from {x.min()} to {x.max()}, {owner} allows 0 to {n - 1}"
        )


def check_frames(frames: int, n_times: int) -> None:
    """`ValueError` for windows of fewer than two frames, of more than a path has, or of half a frame."""
    if not (isinstance(frames, Integral) and 2 <= frames <= n_times):
        raise ValueError(
            f"frames={frames} must lie between 2 and the {n_times} frames of a trajectory that follow each "
            "other, an integer"
        )


def end_to_end(steps: Tensor, frames: int) -> Tensor:
    """From ΔS of steps `(n_trajectories, n_steps)` to that of windows of so many frames, with one
    frame in common: for a process without memory, what its steps produce adds up."""
    return steps if frames == 2 else steps.unfold(1, frames - 1, frames - 1).sum(-1)


def of_windows(entropy: Callable[[Any], Tensor], data: Paths, frames: int) -> Tensor:
    """ΔS of the windows of any paths, laid `(n_trajectories, n_windows)` as by `Windows`, from what
    `entropy` says of paths without gaps."""
    values = entropy(data.gapless(frames, frames - 1)[0])
    if data.stretches is None:
        return values
    return Windows(data, frames, frames - 1).laid(values.flatten())


@dataclass(frozen=True, eq=False)
class Windows(Brief):
    """All stretches of `frames` successive frames, as a data set to draw from by index.

    `windows[index]` with an integer tensor of any shape `(…)` gives `(…, frames, dim)` for
    `Trajectories`, states `(…, frames)` for `Jumps`, `(…, frames, 2)`, state and waiting time, for
    `Jumps` in continuous time, and brightness `(…, frames, height, width)` for a `Movie`. They are
    counted path after path; of paths of one length, index `i` means path `i // n_starts`, and its
    window `i % n_starts`. A window begins at each `every`-th frame, after a gap anew;
    `every = frames - 1` lays them end to end, with one frame in common.

    With `draws (members, n_trajectories)`, made by `bootstrap`, an index `(members, batch)` is
    read by each member in its own resampled list of trajectories.
    """

    trajectories: Paths
    frames: int = 2
    every: int = 1
    draws: Tensor | None = None

    def __post_init__(self) -> None:
        check_frames(self.frames, self.trajectories.longest)

    @property
    def n_starts(self) -> int:
        """Windows per trajectory; of unequal ones, as many as the longest has, if it has no gaps."""
        return (self.trajectories.n_times - self.frames) // self.every + 1

    @cached_property
    def _existing(self) -> tuple[Tensor, Tensor, Tensor]:
        """First row, path, and place in it, of each window of paths that have gaps."""
        assert self.trajectories.stretches is not None
        return self.trajectories.stretches.windows(self.frames, self.every)

    @property
    def path(self) -> Tensor:
        """Which trajectory each window is from `(n_windows,)`."""
        if self.trajectories.stretches is not None:
            return self._existing[1]
        paths = torch.arange(self.trajectories.n_trajectories, device=self.trajectories.x.device)
        return paths.repeat_interleave(self.n_starts)

    @property
    def rows(self) -> Tensor:
        """Rows of the frames of each window of paths that have gaps `(n_windows, frames)`."""
        first = self._existing[0]
        return first[:, None] + torch.arange(self.frames, device=first.device)

    @cached_property
    def per_path(self) -> Tensor:
        """How many windows each trajectory has `(n_trajectories,)`."""
        n, device = self.trajectories.n_trajectories, self.trajectories.x.device
        if self.trajectories.stretches is None:
            return torch.full((n,), self.n_starts, device=device)
        return torch.bincount(self.path, minlength=n)

    @property
    def weight(self) -> Tensor:
        """How much each trajectory counts: its number of windows, over the largest."""
        return self.per_path / self.per_path.max()

    @property
    def n_equal(self) -> float:
        """How many equal trajectories would be as certain: fewer if a few hold most of the windows."""
        n = self.per_path.double()
        return (n.sum() ** 2 / n.square().sum()).item()

    @cached_property
    def _n_windows(self) -> int:
        if self.draws is None:
            return len(self._existing[0])
        return int(self.per_path[self.draws].sum(1).max())

    def __len__(self) -> int:
        """Of resampled lists of unequal paths, windows of the longest list."""
        if self.trajectories.stretches is not None:
            return self._n_windows
        return self.trajectories.n_trajectories * self.n_starts

    def __getitem__(self, index: Tensor) -> Tensor:
        if self.trajectories.stretches is not None:
            first = self._existing[0][index if self.draws is None else self._drawn(index)]
        else:
            row, start = index // self.n_starts, index % self.n_starts * self.every
            if self.draws is not None:
                row = self.draws.gather(1, row)
            first = row * self.trajectories.n_times + start
        window = torch.arange(self.frames, device=index.device)
        return self.trajectories.at(first[..., None] + window)  # (…, frames)

    def _drawn(self, index: Tensor) -> Tensor:
        """The windows at places `index (members, batch)` of resampled lists, in which each path brings
        its own number of windows; places are spread over the whole of a shorter list."""
        assert self.draws is not None
        n = self.per_path[self.draws]  # of each drawn path (members, n_trajectories)
        ends = n.cumsum(1)
        place = index * ends[:, -1:] // len(self)
        slot = torch.searchsorted(ends, place, right=True)  # which drawn path (members, batch)
        before = self.per_path.cumsum(0) - self.per_path
        later = place - (ends - n).gather(1, slot)
        return before[self.draws.gather(1, slot)] + later

    def laid(self, values: Tensor) -> Tensor:
        """Values of all windows `(…, n_windows)` laid `(…, n_trajectories, n_starts)`; NaN where an
        unequal path has no such window. A column counts `every` frames from the path's first."""
        n = self.trajectories.n_trajectories
        if self.trajectories.stretches is None:
            return values.unflatten(-1, (n, -1))
        _, path, place = self._existing
        check_grid(n, self.n_starts)
        grid = values.new_full((*values.shape[:-1], n, self.n_starts), float("nan"))
        grid[..., path, place] = values
        return grid

    def means(self, values: Tensor) -> Tensor:
        """Of values of all windows `(…, n_windows)` the mean of each path `(…, n_trajectories)`."""
        n = self.trajectories.n_trajectories
        if self.trajectories.stretches is None:
            return values.unflatten(-1, (n, -1)).mean(-1)
        sums = values.new_zeros(*values.shape[:-1], n, dtype=torch.float64)
        return sums.index_add_(-1, self.path, values.double()) / self.per_path.clamp(min=1)

    def apart(self) -> Tensor:
        """All windows, each a path of its own: `(n_windows, frames, …)`."""
        return self[torch.arange(len(self), device=self.trajectories.x.device)]

    def sample(self, n: int) -> Tensor:
        """At most n windows, evenly spaced over the data."""
        n = min(n, len(self))
        index = torch.arange(n, device=self.trajectories.x.device)
        return self[index * len(self) // n]

    def bootstrap(self, members: int, *, generator: Source) -> "Windows":
        """The same windows, with trajectories drawn anew (with replacement) for each member."""
        n = self.trajectories.n_trajectories
        draws = torch.randint(n, (members, n), **drawn_from(generator))
        return replace(self, draws=draws.to(self.trajectories.x.device))

    def to(self, device: torch.device | str) -> "Windows":
        draws = None if self.draws is None else self.draws.to(device)
        return replace(self, trajectories=self.trajectories.to(device), draws=draws)
