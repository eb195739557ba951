"""States and classes as people write them, numbers or names, some missing, as numbers from 0 on."""

from collections.abc import Sequence
from typing import Any

import numpy as np

# As programs write that there is nothing; in other letters, such as "none", it may be a name.
MISSING = {"", "nan", "NaN", "NA", "N/A", "#N/A", "<NA>", "None", "null", "NULL"}


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
