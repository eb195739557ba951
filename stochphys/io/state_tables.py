"""States in files and tables, numbers or names: which column holds them, and whether a row is a frame or
an entry of a state. Classes of examples are numbered alike."""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .columns import recognised, roles
from .files import ARRAYS, existing, unpacked
from .sheet import Asked, Sheet, counted, listed, plain
from .tables import ENDINGS, framed, table_in
from .tracks import tracks_of

# As programs write that there is nothing; in other letters, such as "none", it may be a name.
MISSING = {"", "nan", "NaN", "NA", "N/A", "#N/A", "<NA>", "None", "null", "NULL"}
FEW = 10  # steps that do not tell frames from entries

STATE = re.compile(
    r"\w*states?(?:id|index|idx|no|number|name)?|s|(?:cluster|label)s?(?:id|index|idx|no)?|dtrajs?|symbols?"
)
STAY = re.compile(
    r"(?:dwell|life|waiting|residence|holding|stay)(?:times?)?|durations?|(?:t|time)?(?:start|begin|end|stop)(?:time|frame)?"
)


@dataclass(frozen=True, eq=False)
class AskedOfStates(Asked):
    """What was said to `Jumps.load`. Its one column of coordinates is called the state."""

    state: Hashable | None = None
    names: Sequence[str] | None = None
    unassigned: Any = -1

    def again(self, **more: Any) -> str:
        shown = dict(columns=None, unassigned=None if self.unassigned == -1 else self.unassigned)
        return super().again(**shown | more)


class Visits(NamedTuple):
    """The jumps in a table: what `Jumps.of_frames` takes, or, if rows are entries of states, `of_stays`;
    and the words that tell what was read as what."""

    held: dict[str, Any]
    entries: bool
    said: str


def read_states(path: str | Path, dt: float | None, **said: Any) -> Visits | dict[str, np.ndarray]:
    """The `Visits` in a file; or, by name, the arrays that `Jumps.save` wrote."""
    path = existing(path, *(ending for ending in ENDINGS if ending not in (".mat", ".xml")))
    asked = AskedOfStates(f"Jumps.load({path.name!r}", dt, **said)
    if path.suffix.lower() not in ARRAYS:
        return visits_of(table_in(path), asked)
    held = unpacked(path, "states")
    paths = list(held.values())
    if len(paths) == 1 and paths[0].dtype.names:
        return visits_of(framed(path.name, paths[0]), asked)
    if {asked.state, asked.track, asked.time, asked.frame} != {None}:
        raise ValueError(f"{path.name} holds arrays, which have no columns to name; {asked.call})")
    if {"x", "n_states"} <= held.keys():
        return held
    if paths[0].ndim == 2 and len(paths[0]) > 2 * paths[0].shape[1]:
        steps = np.diff(paths[0], axis=0)
        if ((steps >= 0).all(0) & steps.any(0)).any():  # (frame, state), it seems
            raise ValueError(
                f"{path.name}: a column of it grows as the numbers of frames or of tracks do; if so, "
                f"Jumps.from_table(pandas.DataFrame(numpy.load({path.name!r})), state=…, track=…, frame=…); "
                "if each row is a path, Jumps.of(states)"
            )
    states, track, frame = laid(paths[0] if len(paths) == 1 else paths)
    return visits_of(framed(path.name, dict(track=track, frame=frame, state=states)), asked)


def visits_of(table: Sheet, asked: AskedOfStates) -> Visits:
    """The states in a table. Rows are entries, not frames, where there are no frame numbers, times are
    uneven, and no state follows itself. Raises what `Jumps.load` raises."""
    column = _column(table, asked)
    what = f"{table.name}, column {column!r}"
    states, names = numbered(table.columns[column], asked.unassigned, asked.names, what)
    if asked.state is None and len(states) > FEW and len(np.unique(states)) > len(states) / 2:
        raise ValueError(
            f"{what} has {len(np.unique(states))} different entries in {len(states)} rows, so that they are "
            f"hardly states; name the column that holds them, as in {asked.again(state=column)}"
        )
    stays = [name for name in table.columns if STAY.fullmatch(plain(name)[0])]
    timed = any(recognised(name) in ("time", "frame") for name in table.columns)
    if stays and not timed and asked.time is None and asked.frame is None:
        raise ValueError(
            f"{table.name}: {listed(stays)} may tell how long each row's state lasts; if so, "
            "Jumps(x, n_states, waiting=…), torch tensors (n_tracks, n_stays); if rows are frames, leave "
            "that column out of the table"
        )
    table.columns[column] = states.astype(float)
    asked = replace(asked, columns=[column], state=column)
    role = roles(table, asked)
    more = f"states in column {column!r}"
    if lost := int((states < 0).sum()):
        more += f", {counted(lost, 'row')} without one"
    if role.clock is not None and (asked.dt is None or role.frame is None):
        time, (track, nowhere) = table.values(role.clock), table.groups(role.track)
        at = np.flatnonzero(~nowhere & ~np.isnan(time))
        at = at[np.lexsort((time[at], track[at]))]
        same = np.diff(track[at]) == 0
        steps, changes = np.diff(time[at])[same], np.diff(states[at])[same]
        entries = len(steps) > 0 and changes.all() and steps.max() > 1.5 * steps.min()
        if entries and asked.dt is not None:
            raise ValueError(
                f"{table.name}: times in {role.clock} are uneven, and no state follows itself: each row is the "
                f"entry of a state, as in {asked.again(dt=None)}; if frames are missing, add a column that "
                "numbers them"
            )
        if entries and role.frame is None:
            words = [f"{table.name}: {counted(len(at), 'row')}, each the entry of a state"]
            words += [f"waiting times from {role.clock}, uneven"]
            words += [f"tracks by {role.track}"] if role.track else []
            held = dict(states=states[at], names=names, track=track[at], time=time[at])
            return Visits(held, True, "; ".join([*words, more]))
        if entries and asked.frame is None and len(steps) > FEW:
            raise ValueError(
                f"{table.name}: frames are missing, and no state follows itself. If each row is the entry "
                f"of a state, say {asked.again(time=role.clock)}; if frames are gaps, "
                f"{asked.again(frame=role.clock)}"
            )
    if role.time is None and asked.dt is None:
        asked = replace(asked, dt=1.0)
    tracks = tracks_of(table, asked)
    said = tracks.said.replace(f"coordinates {column}", more)
    said = said.replace("dt 1 as given", "one step each")
    states = tracks.x[:, 0].astype(int)
    held = dict(states=states, names=names, track=tracks.track, frame=tracks.frame)
    return Visits(held, False, said)


def _column(table: Sheet, asked: AskedOfStates) -> str:
    if asked.state is not None:
        return table.find(asked.state, "state")
    names = list(table.columns)
    found = [n for n in names if STATE.fullmatch(plain(n)[0])] if table.named else names
    if len(found) != 1:
        raise ValueError(
            f"{table.name}: which column holds states is not known; it has {listed(names)}; "
            f"name it, as in {asked.again(state=[*found, *names][0])}"
        )
    return found[0]


def numbered(
    states: Any,
    unassigned: Any = -1,
    names: Sequence[str] | None = None,
    what: str = "states",
) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Numbers of states `(…)`, int64, −1 where none is assigned, and their names if they have any.

    Names are numbered in sorted order, or as in `names`. Not assigned is what is empty, NaN, or one
    of `unassigned`. Raises `ValueError` for other negative numbers, fractions, and unknown names.
    """
    array, nowhere = np.asarray(states), {str(each) for each in np.ravel(unassigned)}
    if array.dtype.kind in "SUO":
        words = [w.decode() if isinstance(w, bytes) else str(w) for w in array.ravel()]
        words = [word.strip() for word in words]
        known = sorted({*words} - MISSING - nowhere)
        if names is not None or not all(_is_number(word) for word in known):
            called = tuple(known if names is None else names)
            if strange := set(known) - set(called):
                raise ValueError(
                    f"{what}: {min(strange)!r} is none of names={called[:10]}; name all of them there"
                )
            place = dict.fromkeys(nowhere, -1) | {name: k for k, name in enumerate(called)}
            return np.reshape([place.get(w, -1) for w in words], array.shape), called
        array = np.reshape([float(w) if w in known else np.nan for w in words], array.shape)
    if array.dtype.kind not in "buif":
        raise ValueError(f"{what} must be integers or names, got {array.dtype}")
    array = array + 0  # truth values are 0 and 1
    gone = np.isnan(array) | np.isin(array, [float(each) for each in nowhere if _is_number(each)])
    wrong = array[~gone & ((array < 0) | np.isinf(array) | (array != np.rint(array)))]
    if len(wrong):
        raise ValueError(
            f"{what} must be whole numbers from 0 on, got {wrong[0]:g}; levels are numbered by "
            "np.unique(levels, return_inverse=True)[1]"
            + f"; frames without one are named by unassigned={wrong[0]:g}"
            * bool(nowhere)
        )
    return np.where(gone, -1, array).astype(np.int64), None if names is None else tuple(names)


def laid(paths: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The states of all frames `(n_frames,)` of paths, given one by one or as an array, the number of
    the path of each, and its own in it. Raises what `Jumps.of` raises."""
    paths = [paths] if len(paths) and np.ndim(paths[0]) == 0 else paths
    paths = [np.asarray(path) for path in paths]
    if not paths or any(path.ndim != 1 for path in paths):
        shapes = ", ".join(str(path.shape) for path in paths[:3])
        raise ValueError(
            f"paths must hold one state a frame, (n_times,) each, got {shapes or 'none'}"
        )
    lengths = list(map(len, paths))
    frame = np.concatenate([np.arange(n) for n in lengths])
    return np.concatenate(paths), np.repeat(np.arange(len(paths)), lengths), frame


def _is_number(word: str) -> bool:
    try:
        return float(word) == float(word)
    except ValueError:
        return False
