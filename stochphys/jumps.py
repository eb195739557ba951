"""Jumps between numbered states, simulated or measured: which state comes when, or after how long a stay."""

from collections.abc import Callable, Sequence
from dataclasses import InitVar, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from . import require
from .brief import brief
from .io.sheet import counted
from .io.state_tables import AskedOfStates, Visits, laid, numbered, read_states, visits_of
from .io.tables import framed
from .io.writing import replacing, with_ending
from .paths import Paths, check_axes, check_numbers
from .stretches import INTEGERS, Stretches, stretches_of

FLOATS = (torch.float32, torch.float64)  # fewer bits lose the small steps that heat is made of


@dataclass(frozen=True, eq=False)
class Jumps(Paths):
    """Recorded paths of a system that jumps between numbered states.

    Attributes:
        x: states visited one after the other `(n_trajectories, n_times)`, integers from 0 to
            n_states - 1; one byte each (torch.uint8) is enough.
        n_states: number of states.
        waiting: time spent in each of them, same shape; without it each step takes the time 1.
        names: what the states are called `(n_states,)`, if they have names.
        step: mean time of a step, where the stays that were seen would not tell it.
        stretches: None, or, of paths of unequal length or with gaps, which states of `x (n_frames,)`
            follow each other.

    Raises:
        TypeError: `x` holds no integers, or `waiting` no floats.
        ValueError: wrong axes, fewer than two times, a state that does not exist, a waiting time
            that is negative or not finite.
    """

    x: Tensor
    n_states: int
    waiting: Tensor | None = None
    check: InitVar[bool] = True
    stretches: Stretches | None = field(default=None, repr=False)
    names: tuple[str, ...] | None = field(default=None, repr=False)
    step: float | None = field(default=None, repr=False)

    def __post_init__(self, check: bool) -> None:
        x, waiting = self.x, self.waiting
        require.integer(1, self, "n_states")
        if self.names is not None and len(self.names) != self.n_states:
            raise ValueError(f"n_states={self.n_states}, but there are {len(self.names)} names")
        remedy = "number them, torch.as_tensor(x).long(); Trajectories are for continuous states"
        require.tensor(INTEGERS, x=x, hint=remedy)
        if self.stretches is None:
            check_axes(x, "n_trajectories", "n_times", hint="one path needs x[None]")
        if waiting is not None:
            require.tensor(FLOATS, waiting=waiting, hint="it is the time spent in each state")
        if waiting is not None and waiting.shape != x.shape:
            raise ValueError(
                f"waiting must have the shape of x, {tuple(x.shape)}, got {tuple(waiting.shape)}"
            )
        if not check:
            return
        check_numbers(x, self.n_states, f"n_states={self.n_states}")
        if waiting is not None and not (torch.isfinite(waiting) & (waiting >= 0)).all():
            raise ValueError("waiting must be finite and not negative")

    @classmethod
    def of(
        cls,
        paths: Any,
        *,
        n_states: int | None = None,
        names: Sequence[str] | None = None,
        unassigned: Any = -1,
    ) -> "Jumps":
        """Paths of any lengths in memory: a list of arrays, one state a frame, as programs for Markov
        state models write them, or an array `(n_trajectories, n_times)`.

        Args:
            paths: numbers from 0 on, or names, which are numbered in sorted order.
            n_states: by default one more than the largest number, or as many as there are names.
            names: of the states, in the order of their numbers.
            unassigned: what stands in a frame without a state, one value or several; so do NaN and an
                empty name. Such frames are gaps.

        Raises `ValueError` for negative numbers, fractions, and what `Jumps` refuses.
        """
        states, track, frame = laid(paths)
        how: Any = dict(n_states=n_states, names=names, unassigned=unassigned)
        return cls.of_frames(states, track=track, frame=frame, **how)

    @classmethod
    def of_frames(
        cls,
        states: Any,
        *,
        track: Any,
        frame: Any,
        waiting: Any = None,
        n_states: int | None = None,
        names: Sequence[str] | None = None,
        unassigned: Any = -1,
    ) -> "Jumps":
        """The same, of the states of all frames `(n_frames,)` in any order: `track` and `frame` number
        paths and frames, as for `Trajectories.of_frames`; `waiting` is the time spent there."""
        numbers, names = numbered(states, unassigned, names)
        there = numbers >= 0
        if not there.any():
            raise ValueError(f"none of the {len(there)} frames has a state")
        n_states = n_states or (len(names) if names else int(numbers.max()) + 1)
        x = torch.from_numpy(numbers[there].astype(np.uint8 if n_states <= 256 else np.int64))
        track, frame = (torch.as_tensor(np.asarray(each)[there]) for each in (track, frame))
        rows, stretches, regular = stretches_of(x, track, frame)
        shape = (stretches.n_paths, -1) if regular else (-1,)
        stay = None if waiting is None else torch.as_tensor(np.asarray(waiting)[there])[rows]
        return cls(
            x[rows].unflatten(0, shape),
            n_states,
            None if stay is None else stay.unflatten(0, shape),
            stretches=None if regular else stretches,
            names=names,
        )

    @classmethod
    def of_stays(cls, states: Any, *, track: Any, time: Any, **how: Any) -> "Jumps":
        """Jumps in continuous time, of a table of the `time` at which each of `states (n_entries,)` was
        entered.

        A stay lasts until the next state of the same `track` is entered. The last of each track is
        left out, as its end is not seen. `how` takes what `of` takes.
        """
        states, how["names"] = numbered(states, how.pop("unassigned", -1), how.pop("names", None))
        order = np.lexsort((time, track))
        states, track, time = (np.asarray(each)[order] for each in (states, track, time))
        first = _entries(states, track)
        states, track, time = states[first], track[first], time[first].astype(float)
        states = np.where(np.r_[track[1:] != track[:-1], True], -1, states)
        how |= dict(frame=np.arange(len(states)), waiting=np.diff(time, append=time[-1]))
        return cls.of_frames(states, track=track, **how)

    def merged(self, dt: float) -> "Jumps":
        """Jumps in continuous time, of states that were recorded every `dt`: equal successive frames
        become one stay.

        The first stay of each stretch counts from the first frame on: right where there is no memory,
        too short elsewhere. So is the last one, but none of its length enters a window. The unit of
        time is not told by stays, of which gaps cut the longest: in all the time that was seen, `dt` of
        the result is the time per jump. Stays shorter than the frames' distance are missed.

        Raises `ValueError` for jumps with waiting times, or if no state changes.
        """
        require.positive(dt=dt, hint="it is the time between two frames")
        if self.waiting is not None:
            raise ValueError("these jumps have waiting times; merged() is for equal time steps")
        x, runs = self.x.cpu().flatten().numpy(), self.stretches
        path = np.arange(self.n_trajectories) if runs is None else runs.path.cpu().numpy()
        length = self.n_times if runs is None else runs.length.cpu().numpy()
        stretch = np.repeat(np.arange(len(path)), length)
        first = _entries(x, stretch)
        n_jumps = len(first) - len(path)
        if not n_jumps:
            raise ValueError("no state changes in these paths, so that there is no jump")
        merged = Jumps.of_frames(
            x[first],
            track=path[stretch[first]],
            frame=np.arange(len(first)) + stretch[first],  # a gap before each stretch
            waiting=np.diff(first, append=len(x)) * float(dt),
            n_states=self.n_states,
            names=self.names,
        )
        return replace(merged, step=dt * (len(x) - len(path)) / n_jumps)

    @classmethod
    def load(
        cls,
        path: str | Path,
        dt: float | None = None,
        *,
        state: str | int | None = None,
        track: str | int | None = None,
        time: str | int | None = None,
        frame: str | int | None = None,
        n_states: int | None = None,
        names: Sequence[str] | None = None,
        unassigned: Any = -1,
    ) -> "Jumps":
        """Read jumps from a file, and print in one line what was read as what.

        Tables, in all formats of `Trajectories.load`: one row a frame, with its state, a number or a
        name, in a column `state` (or `label`, `cluster`, `dtraj`, …). Where there are no frame numbers,
        times are uneven, and no state follows itself, a row is the entry of a state: see `of_stays`.
        Arrays: what `of` takes, in a `.npy`; a path in each of an `.npz`; and what `save` wrote.

        Args:
            dt: time between two frames, where times are too uneven to tell.
            state, track, time, frame: the columns that hold them, where names do not say it.
            n_states, names, unassigned: as in `of`.

        Raises what `Trajectories.load` and `of` raise.
        """
        said: Any = dict(state=state, track=track, time=time, frame=frame)
        held: Any = read_states(path, dt, names=names, unassigned=unassigned, **said)
        if isinstance(held, Visits):
            return cls._told(held, n_states)
        given = dict(n_states=n_states, names=names)
        held |= {k: np.array(v) for k, v in given.items() if v is not None}
        x, step = held.pop("x"), float(held.pop("step")) if "step" in held else None
        own: Any = {k: held.pop(k).tolist() for k in ("n_states", "names") if k in held}
        own |= {"names": tuple(own["names"])} if "names" in own else {}
        if "track" in held:
            return replace(cls.of_frames(x, **held, **own), step=step)
        own |= {k: torch.from_numpy(array) for k, array in held.items()}  # waiting times
        return cls(torch.from_numpy(x), **own, step=step)

    @classmethod
    def from_table(
        cls, table: Any, dt: float | None = None, *, n_states: int | None = None, **said: Any
    ) -> "Jumps":
        """The same of a table in memory: a data frame of pandas or polars, or a dict of columns."""
        asked = AskedOfStates("Jumps.from_table(table", dt, **said)
        return cls._told(visits_of(framed("table", table), asked), n_states)

    @classmethod
    def _told(cls, visits: Visits, n_states: int | None) -> "Jumps":
        make: Any = cls.of_stays if visits.entries else cls.of_frames
        jumps = make(**visits.held, n_states=n_states)
        names = f" {brief(jumps.names)}" if jumps.names else ""
        print(f"{visits.said}; {counted(jumps.n_states, 'state')}{names}")
        return jumps

    def save(self, path: str | Path) -> None:
        """Write a `.npz` file that `load` reads; raises what `writing.replacing` raises."""
        names = ("x", "n_states", "waiting", "names", "step")
        here = self.to("cpu")
        held: Any = {name: getattr(here, name) for name in names if getattr(here, name) is not None}
        if here.stretches is not None:
            held["track"], held["frame"] = here.stretches.frames
        with replacing(with_ending(path, ".npz")) as file:
            np.savez(file, **held)

    @property
    def dt(self) -> float:  # type: ignore[override]
        """Mean time of a step: 1, or the mean waiting time, or what `step` says."""
        if self.step is not None:
            return self.step
        return 1.0 if self.waiting is None else self.waiting.double().mean().item()

    def _laid(self, change: Callable[[Tensor], Tensor], **other: Any) -> Self:
        waiting = None if self.waiting is None else change(self.waiting)
        return super()._laid(change, waiting=waiting, **other)

    def at(self, index: Tensor) -> Tensor:
        states = self.x.take(index)
        if self.waiting is None:
            return states.long()
        return torch.stack((states, self.waiting.take(index)), dim=-1)


def _entries(states: np.ndarray, path: np.ndarray) -> np.ndarray:
    """The rows `(n_stays,)`, of frames path after path, in which a state is entered."""
    return np.flatnonzero(np.r_[True, (states[1:] != states[:-1]) | (path[1:] != path[:-1])])
