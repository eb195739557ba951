"""Paths of unequal length, with gaps: which of the stored frames follow each other."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from . import require
from .brief import Brief

GRID = 2**30  # values that may be laid out at once, half of them on a machine of 8 GB
INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@dataclass(frozen=True, eq=False)
class Stretches(Brief):
    """Runs of successive frames. All frames are stored one after the other, path after path; a frame
    that is missing ends a run.

    Attributes:
        path: which path each run belongs to `(n_stretches,)`, int64, ascending; a path may have none.
        start: number of its first frame `(n_stretches,)`, int64, in the film from which all come.
        length: how many frames it has `(n_stretches,)`, int64.
        n_paths: number of paths.
    """

    path: Tensor
    start: Tensor
    length: Tensor
    n_paths: int

    @classmethod
    def of_frames(cls, path: Tensor, frame: Tensor, n_paths: int) -> "Stretches":
        """From the path `(n_frames,)` and the number `(n_frames,)` of each frame, sorted by both."""
        new = torch.ones_like(path, dtype=torch.bool)
        new[1:] = (path.diff() != 0) | (frame.diff() != 1)
        first = new.nonzero().flatten()
        end = torch.cat((first[1:], first.new_tensor([len(path)])))
        return cls(path[first], frame[first], end - first, n_paths)

    @property
    def n_frames(self) -> int:
        return int(self.length.sum())

    @property
    def notice(self) -> str:
        return f"{self.n_paths} paths in {len(self.path)} stretches"

    @cached_property
    def first(self) -> Tensor:
        """Row of the first frame of each run."""
        return self.length.cumsum(0) - self.length

    @cached_property
    def frames_of_path(self) -> Tensor:
        """How many frames each path has `(n_paths,)`."""
        return self.length.new_zeros(self.n_paths).index_add_(0, self.path, self.length)

    @cached_property
    def begins(self) -> Tensor:
        """Number of the first frame of each path `(n_paths,)`; 0 where there is none."""
        return self._extreme(self.start, "amin")

    @property
    def spans(self) -> Tensor:
        """Frames from the first to the last of each path, gaps included `(n_paths,)`."""
        return self._extreme(self.start + self.length, "amax") - self.begins

    @property
    def frames(self) -> tuple[Tensor, Tensor]:
        """Path and number of each frame `(n_frames,)`."""
        within = torch.arange(self.n_frames, device=self.path.device)
        number = within + (self.start - self.first).repeat_interleave(self.length)
        return self.path.repeat_interleave(self.length), number

    def windows(self, frames: int, every: int) -> tuple[Tensor, Tensor, Tensor]:
        """Of each window of successive frames its first row, its path, and its place in that path: how
        many times `every` frames after the beginning, `(n_windows,)` each."""
        n = torch.div(self.length - frames, every, rounding_mode="floor").add(1).clamp(min=0)
        stretch = torch.arange(len(n), device=n.device).repeat_interleave(n)
        later = (torch.arange(len(stretch), device=n.device) - (n.cumsum(0) - n)[stretch]) * every
        path = self.path[stretch]
        place = (self.start[stretch] + later - self.begins[path]) // every
        return self.first[stretch] + later, path, place

    def laid(self, values: Tensor) -> Tensor:
        """Values `(n_frames,)` laid `(n_paths, n_times)` from each path's first on, NaN where none is."""
        path, number = self.frames
        check_grid(self.n_paths, int(self.spans.max()))
        grid = values.new_full((self.n_paths, int(self.spans.max())), float("nan"))
        grid[path, number - self.begins[path]] = values
        return grid

    def take(self, which: Tensor) -> tuple[Tensor, "Stretches"]:
        """Some of the paths, by their numbers `(n,)`: the rows of their frames, and their runs."""
        rows, order = _ranges(self.frames_of_path, which)
        _, number = self.frames
        return rows, Stretches.of_frames(order, number[rows], len(which))

    def every(self, k: int) -> tuple[Tensor, "Stretches"]:
        """Each k-th frame from the first of each path: their rows, and the runs that they make. The
        number of a path's first frame is rounded down to a multiple of k.

        Raises `ValueError` if no two of them follow each other."""
        path, number = self.frames
        later = number - self.begins[path]
        rows = (later % k == 0).nonzero().flatten()
        place = (torch.div(self.begins, k, rounding_mode="floor")[path] + later // k)[rows]
        found = Stretches.of_frames(path[rows], place, self.n_paths)
        if found.length.max() < 2:
            raise ValueError(f"no path has two frames that are k={k} apart; take a smaller k")
        return rows, found

    def cut(self, length: int) -> "Stretches":
        """Each path cut into paths of `length` frames; the last may be shorter, empty ones are none."""
        path, number = self.frames
        piece = (number - self.begins[path]) // length
        each = path * (1 + piece.max()) + piece
        _, order = each.unique_consecutive(return_inverse=True)
        return Stretches.of_frames(order, number, int(order[-1]) + 1)

    def to(self, device: torch.device | str) -> "Stretches":
        path, start, length = (each.to(device) for each in (self.path, self.start, self.length))
        return Stretches(path, start, length, self.n_paths)

    def _extreme(self, values: Tensor, which: str) -> Tensor:
        return values.new_zeros(self.n_paths).scatter_reduce_(
            0, self.path, values, which, include_self=False
        )


def check_grid(n_paths: int, width: int) -> None:
    """`ValueError` for a table of values, one row for each path, that no memory holds."""
    if n_paths * width > GRID:
        raise ValueError(
            f"a table of {n_paths} paths by {width} frames is too large: one path spans far more frames "
            "than the others; leave it out with trajectories.take, or give its parts before and after "
            "a long gap numbers of track of their own"
        )


def _ranges(lengths: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of the ranges `which (n,)`, laid end to end with these lengths, and each one's place in it."""
    first, n = (lengths.cumsum(0) - lengths)[which], lengths[which]
    order = torch.arange(len(which), device=which.device).repeat_interleave(n)
    within = torch.arange(len(order), device=which.device) - (n.cumsum(0) - n)[order]
    return first[order] + within, order


def stretches_of(x: Tensor, track: Tensor, frame: Tensor) -> tuple[Tensor, Stretches, bool]:
    """How the frames `x (n_frames, …)` of all paths, numbered by `track` and `frame`, are stored: the
    order of rows, the runs they make, and whether all paths have the same frames.

    Raises what `Trajectories.of_frames` raises.
    """
    require.tensor(INTEGERS, track=track, frame=frame, hint="they number paths and frames")
    for name, numbers in (("track", track), ("frame", frame)):
        if numbers.shape != x.shape[:1] or not len(x):
            raise ValueError(
                f"{name} must number each of the {len(x)} frames in x, got shape {tuple(numbers.shape)}"
            )
    track, frame = track.long(), frame.long()
    rows = torch.argsort(frame, stable=True)
    rows = rows[torch.argsort(track[rows], stable=True)]
    names, path = torch.unique(track[rows], return_inverse=True)
    number = frame[rows] - frame.min()
    if (twice := (path.diff() == 0) & (number.diff() == 0)).any():
        row = rows[twice.nonzero()[0]]
        raise ValueError(
            f"track {track[row].item()} has two states in frame {frame[row].item()}; a path is at one "
            "place at a time: leave one out, or give them two numbers of track"
        )
    stretches = Stretches.of_frames(path, number, len(names))
    if stretches.length.max() < 2:
        raise ValueError(
            f"no two of the {len(x)} frames follow each other: their numbers never differ by one; "
            "of each k-th frame, give frame // k and k times dt"
        )
    alike = (stretches.start == 0) & (stretches.length == stretches.length[0])
    return rows, stretches, len(stretches.path) == stretches.n_paths and bool(alike.all())
