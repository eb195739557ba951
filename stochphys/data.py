"""Trajectories, simulated or measured; jumps between numbered states live in `jumps`.

Simulated data and a researcher's own files take the same road from here on. What produced the
data, and what is inferred from it, lives elsewhere; files are read by `io`, which knows arrays alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import InitVar, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding

from . import require
from .io import tables
from .io.writing import replacing, with_ending
from .jumps import FLOATS, Jumps  # noqa: F401  (both kinds of data, and windows, from one place)
from .paths import Paths, Windows, check_axes  # noqa: F401
from .stretches import INTEGERS, Stretches, stretches_of  # noqa: F401

FEW = 10  # coordinates that may be more than the times: pairs of frames are such paths


@dataclass(frozen=True, eq=False)
class Trajectories(Paths):
    """Recorded paths of one time step, as a rule of one length; of unequal length, or with gaps, by
    `of_frames`.

    Attributes:
        x: states `(n_trajectories, n_times, dim)`, float32, or float64 where positions lie far from
            zero; may be a view of time-major storage. With `stretches`, the frames of one path after
            the other, `(n_frames, dim)`.
        dt: time between two frames.
        underdamped: if True, the second half of `dim` holds the velocities of the first half.
        check: look at every number; False where all are known to be finite.
        stretches: None, or which of the frames follow each other.

    Raises:
        TypeError: `x` is not a tensor of float32 or float64.
        ValueError: wrong number of axes, fewer than two times, more coordinates than times, a value
            that is not finite, `dt` that is not positive, an odd `dim` with `underdamped=True`.
            More coordinates than times are refused from 11 coordinates on; in files, always.
    """

    x: Tensor
    dt: float
    underdamped: bool = False
    check: InitVar[bool] = True
    stretches: Stretches | None = field(default=None, repr=False)

    def __post_init__(self, check: bool) -> None:
        x = self.x
        remedy = "use torch.as_tensor(x), with .double() for integers, or Jumps for numbered states"
        require.tensor(FLOATS, x=x, hint=remedy)
        if self.stretches is None:
            check_axes(x, "n_trajectories", "n_times", "dim", hint="one 1-d path: x[None, :, None]")
        elif x.ndim != 2 or 0 in x.shape or len(x) != self.stretches.n_frames:
            raise ValueError(
                f"x must have the axes (n_frames, dim), a row for each of {self.stretches.n_frames} "
                f"frames, got shape {tuple(x.shape)}; one coordinate: x[:, None]"
            )
        require.positive(dt=self.dt, hint="it is the time between two frames")
        if self.underdamped and x.shape[-1] % 2:
            raise ValueError(
                f"underdamped=True needs positions and as many velocities, got dim = {x.shape[-1]}"
            )
        if not check:
            return
        if self.stretches is None and x.shape[2] > max(x.shape[1], FEW):
            raise ValueError(
                f"x has more coordinates than times, shape {tuple(x.shape)} for (n_trajectories, n_times, "
                "dim): turn the axes, x.transpose(1, 2), or, if paths come second, x.transpose(0, 1); "
                "check=False if it is so"
            )
        # A sum is one pass without a copy; only if it fails is each number looked at.
        if not torch.isfinite(x.sum()) and len(bad := (~torch.isfinite(x)).nonzero()):
            *at, k = bad[0].tolist()
            where = "frame {}" if self.stretches else "trajectory {}, time index {}"
            raise ValueError(
                f"x is {x[*at, k].item()} at {where.format(*at)}, coordinate {k}; leave that frame "
                "out: Trajectories.of_frames keeps the gap"
            )

    @classmethod
    def of_frames(
        cls, x: Tensor, dt: float, *, track: Tensor, frame: Tensor, underdamped: bool = False
    ) -> "Trajectories":
        """Paths of any length, with gaps: the frames of all of them, in any order.

        Frames whose numbers differ by one follow each other, and only they are ever compared. Where
        all paths have the same frames, the result is as regular as any.

        Args:
            x: states `(n_frames, dim)`.
            dt: time between two frames that follow each other.
            track: to which path each frame belongs `(n_frames,)`, any integers.
            frame: its number in the film `(n_frames,)`, integers.

        Raises `ValueError` for two states of one path in one frame, for paths without two frames that
        follow each other, and what `Trajectories` refuses; `TypeError` for numbers of another kind.
        """
        rows, stretches, regular = stretches_of(x, track, frame)
        if not regular:
            return cls(x[rows], dt, underdamped, stretches=stretches)
        return cls(x[rows].unflatten(0, (stretches.n_paths, -1)), dt, underdamped)

    @property
    def dim(self) -> int:
        return self.x.shape[-1]

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

        It is given `x (n_trajectories, n_times, dim)`, of paths with gaps `(n_frames, dim)`. Raises what
        `Trajectories` raises, where it gives what is no path.
        """
        return replace(self, x=change(self.x))

    @cached_property
    def rows(self) -> Tensor:
        """All states `(n_frames, dim)`, path after path; a copy, once, if times come first."""
        return self.x.flatten(0, -2)

    def at(self, index: Tensor) -> Tensor:
        # A table look-up by row: five times faster here than general indexing.
        return embedding(index, self.rows)

    def every(self, k: int) -> "Trajectories":
        """Each k-th frame, from the first of each path: the same paths seen by a slower camera.

        Raises `ValueError` for a k below 1, or one that leaves no step.
        """
        require.integer(1, k=k)
        if self.stretches is not None:
            return self._rows_of(*self.stretches.every(k), dt=self.dt * k)
        return replace(self, x=self.x[:, ::k], dt=self.dt * k, check=False)

    def save(self, path: str | Path) -> None:
        """Write a `.npz` file that `load` reads; raises what `writing.replacing` raises. Of paths with
        gaps, each frame is written with its `track` and the number of its `frame`."""
        beside: dict[str, Any] = dict(dt=self.dt, underdamped=self.underdamped)
        if self.stretches is not None:
            track, frame = self.stretches.frames
            beside |= dict(track=track.cpu().numpy(), frame=frame.cpu().numpy())
        with replacing(with_ending(path, ".npz")) as file:
            np.savez(file, x=self.x.cpu().numpy(), **beside)

    @classmethod
    def load(
        cls,
        path: str | Path,
        dt: float | None = None,
        *,
        underdamped: bool | None = None,
        columns: Sequence[str | int] | None = None,
        track: str | int | Sequence[str | int] | None = None,
        time: str | int | None = None,
        frame: str | int | None = None,
        scale: float | Sequence[float] | None = None,
    ) -> "Trajectories":
        """Read trajectories from a file, and print in one line what was read as what.

        Tables (`.csv`, `.tsv`, `.txt`, `.dat`, `.xlsx`, `.parquet`, `.h5`) and TrackMate's `.xml`:
        their columns are known by their names, of tracks, frames or times, and coordinates; names
        that are no coordinates are left out. A missing frame is a gap, and stays one. Arrays
        (`.npy`, `.npz`, `.mat`): see `of`. What `save` wrote comes back without a word. Numbers of
        64 bits, such as those of a table, stay so.

        Args:
            path: the file.
            dt: time between two frames, or from one frame number to the next; without it, it comes
                from the times, from the file, or from a comment such as `dt: 0.01`.
            underdamped: whether half of the columns are velocities.
            columns: those that are coordinates, by name, or by number from 0; then velocities.
            track, time, frame: the column that tells tracks apart, that holds times, or that
                numbers the frames, where the names do not say it; `track=["film", "track"]` where
                two do.
            scale: length of one unit of the file, such as µm per pixel; or one for each coordinate.

        Raises:
            FileNotFoundError: there is no such file.
            ImportError: a library that reads this ending is not installed.
            TypeError: an array of other numbers than integers and floats.
            ValueError: an unknown ending; a column that is not known and could be a coordinate; `dt`
                neither given nor in the file; times that are uneven beyond rounding; two positions
                of one track at one time; a damaged file; or whatever `Trajectories` refuses.
        """
        said = dict(columns=columns, track=track, time=time, frame=frame, scale=scale)
        return cls._told(tables.read(path, dt, underdamped=underdamped, **said))

    @classmethod
    def from_table(cls, table: Any, dt: float | None = None, **said: Any) -> "Trajectories":
        """The same of a table in memory: a data frame of pandas or polars, or a dict of columns.

        Takes, prints and raises what `load` does; `TypeError` for what has no columns.
        """
        return cls._told(tables.from_table(table, dt, **said))

    @classmethod
    def of(cls, paths: Any, dt: float, *, underdamped: bool = False) -> "Trajectories":
        """Paths of any length in memory: a list of arrays `(n_times, dim)`, or one array
        `(n_trajectories, n_times, dim)` or `(n_times, dim)`, with NaN where there is no frame.

        Prints what was read; raises what `load` does.
        """
        return cls._told(tables.paths_in_memory(paths, dt, underdamped))

    @classmethod
    def _told(cls, tracks: tables.Tracks) -> "Trajectories":
        if tracks.said:
            print(tracks.said)
        x = torch.as_tensor(tracks.x)
        if tracks.track is None:
            return cls(x, tracks.dt, tracks.underdamped, check=not tracks.said)  # looked at there
        track, frame = torch.as_tensor(tracks.track), torch.as_tensor(tracks.frame)
        if not tracks.said:  # as they were saved: numbers of frames are the clock of the film
            rows, stretches, _ = stretches_of(x, track, frame)
            stretches = replace(stretches, start=stretches.start + frame.min())
            return cls(x[rows], tracks.dt, tracks.underdamped, stretches=stretches)
        return cls.of_frames(x, tracks.dt, track=track, frame=frame, underdamped=tracks.underdamped)
