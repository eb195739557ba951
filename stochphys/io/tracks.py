"""Paths as plain arrays, as all readers hand them on, and the line that says what was read as what."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from ..brief import Brief
from .columns import Roles, roles
from .sheet import NUMBER, Asked, Sheet, counted, listed, plain
from .times import frames_of_times, half_digit, step_of_frames, whole_numbers

ANGLE = re.compile(r"(?i)theta|phi|psi|angle")


@dataclass(frozen=True, eq=False)
class Tracks(Brief):
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

    def told(self, name: str, words: Sequence[str]) -> Self:
        """The same without paths of one frame, and with the line that tells what was read.

        Raises `ValueError` if no path has two successive frames.
        """
        kept, lengths, gaps, alone, idle = self, np.full(*self.x.shape[:2]), 0, 0, np.zeros(0)
        if self.track is not None and self.frame is not None:
            lengths = np.bincount(self.track)
            long, alone = lengths[self.track] > 1, int((lengths == 1).sum())
            lengths = lengths[lengths > 1]
            track, frame = np.unique(self.track[long], return_inverse=True)[1], self.frame[long]
            kept = replace(self, x=self.x[long], track=track, frame=frame)
            steps = np.where(np.diff(track) == 0, np.diff(frame), 0)
            step = np.r_[False, steps == 1, False]
            idle = ~(step[1:] | step[:-1])
            gaps = int((steps > 1).sum())
            if not (steps == 1).any():
                raise ValueError(
                    f"{name}: no trajectory has two successive frames, and it needs at least two frames "
                    f"({'; '.join(words[:3])})"
                )
        span = " to ".join(map(str, sorted({lengths.min(), lengths.max()})))
        parts = [f"{counted(len(lengths), 'track')} of {span} frames", *words]
        parts[0] += f", {counted(gaps, 'gap') if gaps else 'no gaps'}"
        if idle.any():
            parts[0] += f", {counted(int(idle.sum()), 'frame')} in no step"
        if alone:
            parts.append(f"left out: {counted(alone, 'track')} of a single frame")
        return replace(kept, said=f"{name}: " + "; ".join(parts))


def tracks_of(table: Sheet, asked: Asked) -> Tracks:
    """The paths in a table: its columns recognised, its rows sorted, its frames numbered.

    Raises `ValueError` for what `Trajectories.load` says.
    """
    if not table.columns or not len(next(iter(table.columns.values()))):
        raise ValueError(f"{table.name} is empty: a trajectory needs at least two frames")
    role = roles(table, asked)
    x = np.stack([table.values(name) for name in role.coordinates], axis=-1)
    label, nowhere = table.groups(role.track)
    ids = table.columns.get(role.track or "", np.zeros(0))
    if ids.dtype.kind == "f" and np.fmax.reduce(ids, initial=0) > 2**53:
        raise table.error(f"{role.track!r} holds rounded numbers; store whole numbers, or text")
    clock = _rows(label) if role.clock is None else table.values(role.clock)

    lost = {"track": nowhere, "time": np.isnan(clock), "position": np.isnan(x).any(1)}
    kept, dropped = np.ones(len(x), bool), []
    for what, rows in lost.items():
        if (kept & rows).any():
            dropped.append(f"{counted((kept & rows).sum(), 'row')} without a {what}")
        kept &= ~rows
    at = np.flatnonzero(kept)
    if len(at) < 2:
        raise table.error(
            f"it holds {counted(len(at), 'row')} with a track, a time and a position; a trajectory needs at "
            "least two frames"
        )
    if role.track is not None and 2 * nowhere.sum() > len(x):
        raise table.error(f"{nowhere.sum()} of {len(x)} rows have no {role.track}; fill it in")
    times = clock if role.time is None else table.values(role.time)
    if (infinite := np.isinf(np.c_[x, clock, times][at]).any(1)).any():
        row = table.row(at[infinite][0])
        raise table.error(f"a number in {row} is infinite; correct the table there")
    at = at[np.lexsort((clock[at], label[at]))]
    nothing, left = unseen(table, x[at], label[at])
    at, dropped = at[~nothing], dropped + left
    twice = _twice(table, asked, role, label[at], clock[at], x[at], at)
    if twice.any():
        dropped.append(f"{counted(twice.sum(), 'row')} written twice")
    at = at[~twice]
    if role.clock is not None:
        _refuse_turns(table, role.clock, clock, label, np.sort(at))
    track = np.unique(label[at], return_inverse=True)[1]
    frame, dt, words = _clock(table, asked, role, track, clock[at], at)
    states = x[at] if asked.scale is None else x[at] * scales(asked.scale, x.shape[1])
    _refuse_units(table, asked, role.coordinates)
    told = _told(table, role, asked, words, dropped)
    return Tracks(states, dt, track, frame, bool(asked.underdamped)).told(table.name, told)


def unseen(table: Sheet, x: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Of sorted rows, those that programs write where nothing was found: one of these numbers in all
    coordinates, from which all other rows are farther than five of their largest steps; and words.

    Refused is what may as well have been recorded: another state that comes back exactly, as far away;
    a whole track there, half of all rows, or the start or end of tracks alone.
    """
    dim, lost = x.shape[1], np.zeros(len(x), bool)
    usual = [np.full(dim, v) for v in (0, -1, -99, -999, -9999) if dim > 1 or v < -1]
    steps = np.where(np.diff(label) == 0, np.abs(np.diff(x, axis=0)).max(1), 0)
    widest = int(np.nan_to_num(steps).argmax()) if len(steps) else 0
    ends = [row for row in x[widest : widest + 2] if not any((row == v).all() for v in usual)]
    for marks in (usual, *([row] for row in ends)):  # a step to such a state is the largest
        at = np.array([(x == mark).all(1) for mark in marks])
        there = ~lost & ~at.any(0) & np.isfinite(x).all(1)
        most = np.abs(np.diff(x[there], axis=0)).max(1)[np.diff(label[there]) == 0].max(initial=0)
        far = [most > 0 and np.abs(x[there] - v).max(1).min() >= 5 * most for v in marks]
        rows = at[far].any(0)
        seen = np.cumsum(there)
        before = seen - (seen - there)[np.searchsorted(label, label)]
        within = before < (total := np.bincount(label, there)[label])
        half, whole = 2 * rows.sum() >= len(x), bool((rows & (total == 0)).any())
        known = marks is usual and not half and not whole and (rows & (before > 0) & within).any()
        if not known and (rows.any() if marks is usual else rows.sum() > 1 and not half):
            raise table.error(
                f"{counted(rows.sum(), 'row')} at {x[rows][0].tolist()}, far from all others, may be what "
                "a program wrote where nothing was found: leave those cells empty, or NaN; if they were recorded, "
                "number tracks and frames from 0: Trajectories.of_frames(x, dt, track=…, frame=…)"
            )
        lost |= rows if marks is usual else False
    values = " or ".join(f"{value:g}" for value in np.unique(x[lost, 0]))
    words = f"{counted(lost.sum(), 'row')} at {values}, far from all others (kept by Trajectories.of_frames)"
    return lost, [words] * bool(values)


def _refuse_turns(
    table: Sheet, name: str, clock: np.ndarray, label: np.ndarray, at: np.ndarray
) -> None:
    """Refuse a clock that turns to its start within a track, as a counter does that is full: in the order
    of the file it goes back once, below where it began, and rows were not shuffled."""
    at = at[np.argsort(label[at], kind="stable")]
    first = np.flatnonzero(np.r_[True, np.diff(label[at]) != 0])
    within = np.diff(label[at]) == 0
    back = np.r_[False, (np.diff(clock[at]) < 0) & within]
    last = clock[at][np.r_[first[1:], len(at)] - 1]
    turned = (np.add.reduceat(back, first, dtype=int) == 1) & (last < clock[at][first])
    if turned.any() and 3 * back.sum() <= within.sum():
        row = at[first[turned][0] :][back[first[turned][0] :]][0]
        raise table.error(
            f"column {name!r} goes back at {table.row(row)}, below where the track begins; number on there if "
            "its counter was full, name another track if one begins, or sort the rows by it"
        )


def _rows(label: np.ndarray) -> np.ndarray:
    """Where rows are the only clock: the number of each row in its track."""
    order = np.argsort(label, kind="stable")
    place = np.empty(len(label))
    place[order] = np.arange(len(label)) - np.searchsorted(label[order], label[order])
    return place


def _twice(
    table: Sheet, asked: Asked, role: Roles, label: np.ndarray, clock: np.ndarray, x: np.ndarray,
    at: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Of sorted rows, which say once more what the one before says.

    Raises `ValueError` if two rows give different positions at one time.
    """
    again = (np.diff(label) == 0) & (np.diff(clock) == 0)
    differ = np.flatnonzero(again & (x[1:] != x[:-1]).any(1))
    if not len(differ):
        return np.r_[False, again]
    a, b = sorted(at[differ[0] : differ[0] + 2])
    where = f"{table.row(a)} and {table.row(b)} both stand at {role.clock} {clock[differ[0]]:g}"
    known = (*role.coordinates, role.track, role.time, role.frame)
    others = [name for name in table.columns if name not in known and _could_tell(table, name)]
    others.sort(key=lambda name: plain(name)[0] in ("index", "unnamed0"))
    others += [] if table.blocks is None else ["block"]
    if role.track is None:
        raise table.error(
            f"no column is known to tell tracks apart, and {where}; name or add one that does (its columns "
            f"are {listed(list(table.columns))})",
            *(asked.again(track=name) for name in others[:1]),
        )
    raise table.error(
        f"{role.track} {table.text(role.track)[a]} has two positions: {where}; correct one of them; tracks "
        "of several films need a column that numbers those",
        *(asked.again(track=[name, role.track]) for name in others[:1]),
    )


def _refuse_units(table: Sheet, asked: Asked, names: list[str]) -> None:
    """Refuse coordinates in several units, or a scale for angles and lengths alike."""
    names = names[: len(names) // 2] if asked.underdamped else names
    angles = [name for name in names if ANGLE.match(plain(name)[0])]
    units = {table.units.get(n) or plain(n)[1] for n in names if n not in angles} - {""}
    mixed = asked.scale is not None and 0 < len(angles) < len(names)
    if np.ndim(asked.scale) == 0 and (mixed or len(units) > 1):
        raise table.error(
            f"{listed(names)} are not all of one unit; give a factor for each",
            asked.again(scale=...),
        )


def _could_tell(table: Sheet, name: str) -> bool:
    """Could a column tell tracks apart? What stands in it comes back, and is no fraction."""
    cells = set(table.text(name))
    fractions = any("." in cell and NUMBER.fullmatch(cell) for cell in cells)
    return 1 < len(cells) < len(table.columns[name]) and not fractions


def _clock(
    table: Sheet, asked: Asked, role: Roles, track: np.ndarray, clock: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, float, str]:  # fmt: skip
    """Frame numbers of sorted rows from 0, the time between two, and the words for it."""
    timed = None
    if role.time is not None and not np.isnan(times := table.values(role.time)[at]).any():
        stored = table.columns[role.time]
        cells = stored[at].tolist() if stored.dtype.kind == "O" else None
        written = times
        if stored.dtype.kind == "f" and stored.itemsize < 8:  # 0.01 for 0.0099999998
            written, times = stored[at], stored[at].astype(str).astype(np.float64)
        timed = role.time, times, half_digit(written, cells)
    if timed is not None and role.frame is None:
        frame, dt, words = frames_of_times(table, asked, track, *timed)
    else:
        frame = whole_numbers(table, asked, role.frame or "", clock)
        dt, words = step_of_frames(table, asked, timed, track, frame, role.frame)
    # Where all frames are so many numbers apart, that is the step of the recording.
    same = np.diff(track) == 0
    common = int(np.gcd.reduce(np.diff(frame)[same])) if same.any() else 1
    frame = frame - frame.min()
    if common > 1:
        begin = frame[np.searchsorted(track, track)]
        frame = begin // common + (frame - begin) // common
        words += f" × {common}, as frames are {common} numbers apart"
    return frame, dt * max(1, common), words


def scales(scale: Any, dim: int) -> np.ndarray:
    """One factor for each coordinate."""
    scales = np.asarray(scale)
    numbers = scales.dtype.kind in "uif" and scales.shape in ((), (dim,))
    if not numbers or not (np.isfinite(scales) & (scales != 0)).all():
        raise ValueError(
            f"scale must be a number, or one for each of {dim} coordinates, not zero, got {scale!r}"
        )
    return scales


def _told(table: Sheet, role: Roles, asked: Asked, words: str, dropped: list[str]) -> list[str]:
    """What the line says of columns and rows."""
    told = [words, "coordinates " + ", ".join(map(table.with_unit, role.coordinates))]
    if asked.scale is not None:
        told[-1] += f" × {asked.scale}"
    keys = {"tracks by": role.track, "frames by": role.frame}
    left = [f"{listed(names)} ({why})" for why, names in role.left.items() if names]
    left = [", ".join([*left, *dropped, *table.left])]
    return [
        *(f"{words} {name}" for words, name in keys.items() if name is not None),
        *told,
        *(f"left out: {words}" for words in left if words),
    ]
