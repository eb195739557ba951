"""Columns that nobody named, and that may tell tracks apart or say when: what they hold speaks for it."""

import re
from typing import Any

import numpy as np

from .sheet import NUMBER, Asked, Sheet, listed, plain

FRACTION = re.compile(r"\s*[-+]?\d*[.,]\d*[1-9]\d*\s*")


def refuse_doubts(
    table: Sheet, asked: Asked, track: str | None, when: str | None, unused: list[str]
) -> None:
    """Refuse a table where a column that is not used may tell tracks apart, or say when.

    The names of films, or of tracks that are not known as such, stand in blocks of rows; times and
    the numbers of frames, or of the rows from which some were deleted, grow evenly in each track.
    """
    label = np.zeros(len(next(iter(table.columns.values()))), np.int64)
    label = label if track is None else table.groups(track)[0]
    instant = label if when is None else table.groups(when)[0]
    say: dict[str, Any] = {}
    if asked.track is None:
        tell = [name for name in unused if _parts_tracks(table, name, label, instant)]
        if track is None and table.blocks is not None and not tell:
            table.columns["block"], tell = table.blocks, ["block"]
        if tell:
            label = table.groups(table.joined(tell))[0]
            tell += [] if track is None else [track]
            say["track"] = tell if len(tell) > 1 else tell[0]
    if when is None:
        clock = next((name for name in unused if _tells_time(table, name, label)), None)
        if clock is not None:
            say[kind(table, clock)] = clock
    if say:
        what = " and ".join(
            f"{listed(v if isinstance(v, list) else [v])} may tell the {k}" for k, v in say.items()
        )
        calls = [asked.again(**say)]
        if isinstance(say.get("track"), list) and track is not None:
            calls.append(asked.again(**say | {"track": track}))
        raise ValueError(
            f"{table.name}: {what}, by what stands there; say so: {' or, if not, '.join(calls)}"
        )


def _parts_tracks(table: Sheet, name: str, label: np.ndarray, when: np.ndarray) -> bool:
    """Does what stands in a column change within tracks, and from one block of rows to the next alone,
    in the order of the file or of time? Text and whole numbers do."""
    cells = table.columns[name]
    if cells.dtype.kind in "uif":
        if not table.whole(name):
            return False
    elif len(set(table.text(name))) > len(cells) / 2 or any(
        map(FRACTION.fullmatch, table.text(name))
    ):
        return False
    value, empty = table.groups(name)
    value, label, when = value[~empty], label[~empty], when[~empty]
    if not len(value):
        return False
    blocks = len(np.unique(label * (value.max() + 1) + value))
    if 2 * blocks > len(value) or blocks == len(np.unique(label)):
        return False
    orders = [np.argsort(label, kind="stable"), np.lexsort((when, label))]
    once = len(np.unique(np.c_[label, when], axis=0)) == len(label)
    for order in orders if once else orders[:1]:  # else it may stand for the frame
        ends = (np.diff(value[order]) != 0) | (np.diff(label[order]) != 0)
        if 1 + ends.sum() == blocks:
            return True
    return False


def _tells_time(table: Sheet, name: str, label: np.ndarray) -> bool:
    """Does a column grow along each track, in even steps, or in whole ones that do not just count rows?"""
    if not table.numeric(name):
        return False
    values = table.values(name)
    at = np.argsort(label, kind="stable")
    at = at[~np.isnan(values[at])]
    steps = np.diff(values[at])[np.diff(label[at]) == 0]
    if len(steps) < 2 or not (steps > 0).all():
        return False
    if table.whole(name):
        return bool((steps > 1).any())
    return bool(steps.max() < 1.5 * steps.min())


def kind(table: Sheet, clock: str) -> str:
    """What a column that grows is: whole numbers without a unit number frames."""
    numbers = NUMBER.fullmatch(str(table.columns[clock][0]))  # no dates
    return "frame" if numbers and table.whole(clock) and not plain(clock)[1] else "time"
