"""Paths as plain arrays, as all readers hand them on, and the line that says what was read as what."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from .columns import Roles, roles
from .table import Asked, Table, listed, missing
from .times import (
    check_dt,
    frames_of_times,
    half_digit,
    remarked,
    step_of_frames,
    whole_numbers,
)


@dataclass(frozen=True)
class Tracks:
    """What was recorded of some paths.

    Attributes:
        x: states `(n_frames, dim)`, or `(n_trajectories, n_times, dim)` where all paths are whole and
            of one length.
        dt: time between two frames.
        track: of each frame, the number of its path from 0, `(n_frames,)`; None for three axes.
        frame: its number, counted from the first frame of the film, `(n_frames,)`; sorted in each path.
        underdamped: whether the second half of `dim` holds velocities.
        said: the line that tells what was read as what; empty where the package wrote the file.
    """

    x: np.ndarray
    dt: float
    track: np.ndarray | None = None
    frame: np.ndarray | None = None
    underdamped: bool = False
    said: str = ""

    def of_frames(self, name: str, words: Sequence[str]) -> Self:
        """The same without paths of one frame, and with the line that tells what was read.

        Raises `ValueError` if no path has two successive frames.
        """
        if self.track is None or self.frame is None:
            shape, lengths, gaps, alone = self.x.shape, np.array(self.x.shape[1:2]), 0, 0
            kept, n_tracks = self, shape[0]
        else:
            lengths = np.bincount(self.track)
            long = lengths[self.track] > 1
            _, track = np.unique(self.track[long], return_inverse=True)
            kept = replace(self, x=self.x[long], track=track, frame=self.frame[long])
            alone, lengths = int((lengths == 1).sum()), np.bincount(track)
            n_tracks = len(lengths)
            steps = np.diff(self.frame[long])[np.diff(track) == 0]
            gaps = int((steps > 1).sum())
            if not (steps == 1).any():
                raise ValueError(
                    f"{name}: no trajectory has two successive frames, and it needs at least two frames"
                )
        span = (
            f"{lengths.min()}"
            if lengths.min() == lengths.max()
            else f"{lengths.min()} to {lengths.max()}"
        )
        tracks = "1 track" if n_tracks == 1 else f"{n_tracks} tracks"
        parts = [f"{tracks} of {span} frames, {gaps or 'no'} gap{'s' * (gaps != 1)}", *words]
        if alone:
            parts.append(f"left out: {counted(alone, 'track')} of a single frame")
        return replace(kept, said=f"{name}: " + "; ".join(parts))


def counted(n: int, thing: str) -> str:
    return f"{n} {thing}{'s' * (n != 1)}"


def tracks_of(table: Table, asked: Asked) -> Tracks:
    """The paths in a table: its columns recognised, its rows sorted, its frames numbered.

    Raises `ValueError` for what `Trajectories.load` says.
    """
    check_dt(asked.dt)
    if not table.columns or not len(next(iter(table.columns.values()))):
        raise ValueError(f"{table.name} is empty: a trajectory needs at least two frames")
    role = roles(table, asked)
    x = np.stack([table.values(name) for name in role.coordinates], axis=-1)
    times = None if role.time is None else table.values(role.time)
    frames = None if role.frame is None else table.values(role.frame)
    clock = frames if frames is not None else times
    label, ids, unassigned = labels(table, role)

    # Rows that belong to no track, stand at no time, or have no position.
    lost = [
        unassigned,
        np.isnan(clock) if clock is not None else unassigned & False,
        np.isnan(x).any(1),
    ]
    kinds = ("row without a track", "row without a time", "row without a position")
    dropped, kept = [], np.ones(len(x), bool)
    for kind, rows in zip(kinds, lost, strict=True):
        if n := int((rows & kept).sum()):
            dropped.append(counted(n, kind.partition(" ")[0]) + kind.removeprefix("row"))
        kept &= ~rows
    if clock is None:
        kept = ~unassigned  # without a clock the row is the clock: a gap is a row
    at = np.flatnonzero(kept)
    numbers = x if clock is None else np.c_[x, clock]
    if np.isinf(numbers[at]).any():
        where = table.row(at[np.isinf(numbers[at]).any(1)][0])
        raise ValueError(f"{table.name}: a number in {where} is infinite; correct the table there")
    if len(at) < 2:
        raise ValueError(
            f"{table.name} holds {counted(len(at), 'row')} with a track, a time and a position; a "
            "trajectory needs at least two frames"
        )
    if frames is not None:
        whole_numbers(table, asked, str(role.frame), frames[at])
    order = (
        np.lexsort((clock[at], label[at]))
        if clock is not None
        else np.argsort(label[at], kind="stable")
    )
    at = at[order]
    if clock is not None:
        twice = _twice(table, asked, role, ids, label, clock, x, at)
        if twice.any():
            dropped.append(
                f"{counted(int(twice.sum()), 'row')} that repeat{'s' * int(twice.sum() == 1)} another"
            )
            at = at[~twice]
    _, track = np.unique(label[at], return_inverse=True)
    frame, dt, words = _clock(
        table,
        asked,
        role,
        track,
        None if times is None else times[at],
        None if frames is None else frames[at],
        at,
    )
    states = x[at]
    if asked.scale is not None:
        states = states * _scales(asked.scale, states.shape[1])
    if clock is None and (gap := np.isnan(states).any(1)).any():
        states, track, frame = states[~gap], track[~gap], frame[~gap]
        _, track = np.unique(track, return_inverse=True)
    told = _told(table, role, asked, words, dropped)
    return Tracks(states, dt, track, frame, bool(asked.underdamped)).of_frames(table.name, told)


def labels(table: Table, role: Roles) -> tuple[np.ndarray, Any, np.ndarray]:
    """Of each row the number of its track, the names of all tracks, and whether it belongs to none:
    an empty cell, or −1 beside others that are not negative."""
    n_rows = len(table.columns[role.coordinates[0]])
    if role.track is None:
        return np.zeros(n_rows, np.int64), ["0"], np.zeros(n_rows, bool)
    held = table.columns[role.track]
    if held.dtype.kind not in "iu":
        try:
            held = table.values(role.track)
        except ValueError:  # names
            cells = table.text(role.track)
            ids, label = np.unique(cells, return_inverse=True)
            return label, ids, np.array([missing(cell) for cell in cells])
    ids, label = np.unique(held, return_inverse=True)
    nowhere = np.isnan(held) if held.dtype.kind == "f" else np.zeros(n_rows, bool)
    if (held == -1).any() and not (held < -1).any() and (held >= 0).any():
        nowhere |= held == -1
    return label, ids, nowhere


def _twice(
    table: Table,
    asked: Asked,
    role: Roles,
    ids: Any,
    label: np.ndarray,
    clock: np.ndarray,
    x: np.ndarray,
    at: np.ndarray,
) -> np.ndarray:
    """Of sorted rows, those that say once more what the one before says.

    Raises `ValueError` if two rows give different positions at one time.
    """
    here, next_ = at[:-1], at[1:]
    again = (label[here] == label[next_]) & (clock[here] == clock[next_])
    differ = again & (x[here] != x[next_]).any(1)
    if differ.any():
        a, b = here[differ][0], next_[differ][0]
        where = f"{table.row(min(a, b))} and {table.row(max(a, b))}"
        if role.track is None:
            ways = [
                name
                for name in table.columns
                if name not in (*role.coordinates, role.time, role.frame)
            ]
            remedy = (
                f"if a column tells tracks apart, name it, as in {asked.again(track=ways[0])}"
                if ways
                else "add a column that tells tracks apart"
            )
            raise ValueError(
                f"{table.name} has no column that is known to tell tracks apart, and several rows at one "
                f"time: {where} both stand at {role.frame or role.time} {clock[a]:g}; {remedy}"
                + (f". Its other columns are {listed(ways)}" if ways else "")
            )
        raise ValueError(
            f"{table.name}: {role.track} {ids[label[a]]} has two positions at {role.frame or role.time} "
            f"{clock[a]:g}, in {where}; keep one of them"
        )
    return np.r_[False, again]


def _clock(
    table: Table,
    asked: Asked,
    role: Roles,
    track: np.ndarray,
    times: np.ndarray | None,
    frames: np.ndarray | None,
    at: np.ndarray,
) -> tuple[np.ndarray, float, str]:
    """Frame numbers of sorted rows from 0, the time between two, and the words for it."""
    if frames is None and times is None:
        dt, words = (
            (asked.dt, f"dt {asked.dt:.6g} as given")
            if asked.dt is not None
            else remarked(table, asked) or (None, "")
        )
        if dt is None:
            raise ValueError(
                f"{table.name} has no column of times or frame numbers and does not tell the time "
                f"between two rows; give it: {asked.again(dt=...)}"
            )
        _, first, owner = np.unique(track, return_index=True, return_inverse=True)
        return np.arange(len(track)) - first[owner], dt, words + ", one frame a row"
    cells = None
    if times is not None and table.columns[str(role.time)].dtype.kind not in "uif":
        every = table.text(str(role.time))
        cells = [every[i] for i in at]
    if frames is None:
        assert times is not None
        half = half_digit(times, cells)
        frame, dt, words = frames_of_times(table, asked, str(role.time), track, times, half)
    else:
        frame = frames.astype(np.int64)
        timed = None
        if times is not None and not np.isnan(times).any():
            timed = (str(role.time), times, half_digit(times, cells))
        dt, words = step_of_frames(table, asked, timed, track, frame)
    # Where all frames are so many numbers apart, that is the step of the recording.
    steps = np.diff(frame)[np.diff(track) == 0]
    common = int(np.gcd.reduce(steps)) if len(steps) else 1
    frame = frame - frame.min()
    if common > 1:
        _, first, owner = np.unique(track, return_index=True, return_inverse=True)
        begin = frame[first][owner]
        frame = begin // common + (frame - begin) // common
        words += f", × {common}: frames are {common} numbers apart"
        dt = dt * common
    return frame, dt, words


def _scales(scale: Any, dim: int) -> np.ndarray:
    """One factor for each coordinate."""
    scales = np.asarray(scale, dtype=np.float64)
    if scales.shape not in ((), (dim,)) or not (np.isfinite(scales) & (scales != 0)).all():
        raise ValueError(
            f"scale must be a number, or one for each of {dim} coordinates, not zero, got {scale!r}"
        )
    return scales


def _told(table: Table, role: Roles, asked: Asked, words: str, dropped: list[str]) -> list[str]:
    """What the line says of columns and rows."""
    told = [words, "coordinates " + ", ".join(map(table.with_unit, role.coordinates))]
    if asked.scale is not None:
        told[-1] += f" × {asked.scale}"
    given = [
        f"{r} {n}"
        for r, n in (("tracks by", role.track), ("frames by", role.frame))
        if n is not None
    ]
    left = [f"{listed(names)} ({why})" for why, names in role.left.items() if names]
    return [*given, *told, *(f"left out: {words}" for words in [*left, *dropped])]
