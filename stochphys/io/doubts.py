"""Columns that nobody named, and that may tell tracks apart or say when, by what stands in them."""

from typing import Any

import numpy as np

from .sheet import NUMBER, Asked, Sheet, listed, plain


def refuse_doubts(
    table: Sheet, asked: Asked, track: str | None, when: str | None, unused: list[str], unknown: list[str]
) -> None:  # fmt: skip
    """Refuse a table where a column that is not used may tell tracks apart, or say when.

    The names of films, or of tracks that are not known as such, stand in blocks of rows; times and
    the numbers of frames, or of the rows from which some were deleted, grow evenly in each track.
    `unknown`: those of the unused whose names say nothing.
    """
    label = table.groups(track)[0]
    say: dict[str, Any] = {}
    why = "by what stands there"
    if asked.track is None:
        instant = table.groups(when)[0]
        tell = [name for name in unused if _parts_tracks(table, name, label, instant)]
        # Rows are parted by empty lines, or by a counter that does not number the frames.
        if table.blocks is not None and not tell and table.counter != (when or ""):
            table.columns["block"] = table.blocks
            pairs, blocks = len(set(zip(instant, table.blocks, strict=True))), table.blocks[-1] + 1
            alone = track is None and (when is None or pairs > blocks)
            if alone or (track is not None and _parts_tracks(table, "block", label, instant)):
                tell = ["block"]
                if table.counter is not None:
                    why = f"where {table.counter!r} starts again (if no track does, delete it)"
        if tell:
            label = table.groups(table.joined(tell))[0]
            say["track"] = tell[0] if len(tell) == 1 and track is None else tell
            tell += [] if track is None else [track]
    clocks = (n for n in unused if when is None and _tells_time(table, n, label, n in unknown))
    if (name := next(clocks, None)) is not None:
        numbers = NUMBER.fullmatch(str(table.columns[name][0]))  # no dates
        number = numbers and table.whole(name) and not plain(name)[1]
        say["frame" if number else "time"] = name
    if say:
        shown = {role: listed(v if isinstance(v, list) else [v]) for role, v in say.items()}
        calls = [asked.again(**say)]
        if track is not None and "track" in say:
            calls.append("if not, " + asked.again(**say | {"track": track}))
        what = " and ".join(f"{names} may tell the {role}" for role, names in shown.items())
        raise table.error(f"{what}, {why}; say so", *calls)


def _parts_tracks(table: Sheet, name: str, label: np.ndarray, when: np.ndarray) -> bool:
    """Does what stands in a column change within tracks, and from one block of rows to the next alone,
    in the order of the file or of time?"""
    if not 1 < len(set(table.columns[name].tolist())) <= len(label) / 2:
        return False
    value, empty = table.groups(name)
    value, label, when = value[~empty], label[~empty], when[~empty]
    blocks = len(np.unique(label * (1 + value.max(initial=0)) + value))
    if 2 * blocks > len(value) or blocks == len(np.unique(label)):
        return False
    orders = [np.argsort(label, kind="stable"), np.lexsort((when, label))]
    in_time = label[orders[1]], when[orders[1]]
    once = (np.diff(in_time[0]) | np.diff(in_time[1])).all()  # else it may stand for the frame
    ends = [np.diff(value[at]) | np.diff(label[at]) for at in orders[: 1 + once]]
    return any(1 + np.count_nonzero(each) == blocks for each in ends)


def _tells_time(table: Sheet, name: str, label: np.ndarray, unknown: bool) -> bool:
    """Does a column grow along each track, in even steps or in whole ones, or is it the shuffled number
    of each row? Not if it only counts rows."""
    if not table.numeric(name):
        return False
    values, at = table.values(name), np.argsort(label, kind="stable")
    at = at[~np.isnan(values[at])]
    steps = np.diff(values[at])[np.diff(label[at]) == 0]
    grows = len(steps) > 0 and bool((steps > 0).all())
    if not table.whole(name):
        frames = steps / (steps.min() if grows else 1)
        lost = bool((np.abs(frames - np.rint(frames)) < 0.02).all() and (frames < 1.5).mean() > 0.5)
        return grows and (bool(frames.max() < 1.5) or lost)
    if (np.diff(values) == 1).all():
        return False
    shuffled = len(at) > 2 and bool((np.diff(np.sort(values[at])) == 1).all())
    return (grows and (unknown or bool((steps > 1).any()))) or (shuffled and not grows)
