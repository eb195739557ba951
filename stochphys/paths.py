"""What all recorded paths share, and the windows of time that networks look at.

`data` has the two kinds of path, of continuous states and of jumps, and `movie` that of frames.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Self

import torch
from torch import Tensor

from .brief import Brief
from .device import Source, drawn_from


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
        return replace(self, x=change(self.x), check=False)  # type: ignore[type-var]

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
        """Each path cut into `pieces` of equal length; the frames left over at its end are dropped."""
        if not 1 <= pieces <= self.n_times // 2:
            raise ValueError(
                f"pieces must lie between 1 and {self.n_times // 2}, so that each of the "
                f"{self.n_times} times finds a neighbour, got {pieces}"
            )
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
            f"frames={frames} must lie between 2 and the {n_times} frames of a trajectory, an integer"
        )


def end_to_end(steps: Tensor, frames: int) -> Tensor:
    """From ΔS of steps `(n_trajectories, n_steps)` to that of windows of so many frames, with one
    frame in common: for a process without memory, what its steps produce adds up."""
    return steps if frames == 2 else steps.unfold(1, frames - 1, frames - 1).sum(-1)


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
        check_frames(self.frames, self.trajectories.n_times)

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
        window = torch.arange(self.frames, device=index.device)
        return self.trajectories.at(first[..., None] + window)  # (…, frames)

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
