"""Labels as people have them, names, one-hot rows, columns, arrays of any integers, as numbers.

`Labelled` asks here; what is no label is refused by what it is, with the call that makes one of it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..io.state_tables import numbered


def as_examples(x: Any) -> Tensor:
    """Examples `(n_examples, …)` as a tensor. Floats of an array come in float32, in which networks
    learn, bytes as bytes; a tensor stays as it is. `TypeError` for what holds no numbers."""
    if isinstance(x, Tensor):
        return x
    array = _array("x", x)
    if array.dtype.kind not in "buif":
        raise TypeError(f"x must hold numbers, got {array.dtype} of shape {array.shape}")
    whole = np.uint8 if array.dtype == np.uint8 else np.int64
    return torch.from_numpy(array.astype(np.float32 if array.dtype.kind in "bf" else whole))


def names_of(*labels: Any) -> tuple[str, ...] | None:
    """The classes that labels name, if they are words: in sorted order."""
    arrays = [_array("y", y).ravel() for y in labels if y is not None and not isinstance(y, Tensor)]
    words = [array for array in arrays if array.dtype.kind in "SUO"]
    return numbered(np.concatenate(words), (), what="y")[1] if words else None


def as_numbers(name: str, labels: Any, n: int, names: Sequence[str] | None = None) -> Tensor:
    """Labels of n examples as integers `(n,)`, or `(groups, n)`: class k is called `names[k]`.

    Words become their places in `names`; rows with a single 1, `(n, n_classes)`, the place where it
    stands; a column `(n, 1)` loses its axis. `ValueError` for what does not name one class each.
    """
    if not isinstance(labels, Tensor):
        array = _array(name, labels)
        if array.dtype.kind in "SUO":
            array, found = numbered(array, (), names, what=name)
            if found and names is None:
                raise ValueError(f"{name} holds names, {found[:5]}; Labelled(x, y).y numbers them")
        # Torch counts with few unsigned integers.
        labels = torch.tensor(array.astype(np.int64) if array.dtype.kind in "iu" else array)
    rows = labels.ndim == 2 and len(labels) == n
    if rows and (labels.shape[1] != n or labels.is_floating_point()):
        labels = labels[:, 0] if labels.shape[1] == 1 else _of_rows(name, labels)
    if labels.numel() and (labels.is_floating_point() or labels.is_complex()):
        raise ValueError(
            f"{name} must be integers or names, got {labels.dtype}; where none is missing, "
            f"{name}.long() of a tensor or {name}.astype(int) of an array makes whole numbers labels"
        )
    return labels.long()


def how_many(*labels: Tensor) -> int:
    """Classes 0, 1, … if each of these is a label; else `ValueError`: another may not have been seen."""
    seen = torch.cat([each.flatten() for each in labels]).unique().tolist()
    if seen != list(range(len(seen))) and seen[0] >= 0:  # -1 is no label, whatever n_classes
        raise ValueError(
            f"n_classes is not given, and labels from {seen[0]} to {seen[-1]} do not tell it, as "
            f"{len(seen)} occur; give n_classes={seen[-1] + 1}, or number those there are, "
            "np.unique(y, return_inverse=True)[1]"
        )
    return max(1, len(seen) and seen[-1] + 1)


def _of_rows(name: str, rows: Tensor) -> Tensor:
    """Where the 1 of each row stands."""
    wrong = ((rows != 0) & (rows != 1)).any(1) | ((rows == 1).sum(1) != 1)
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise ValueError(
            f"{name} {tuple(rows.shape)} for {len(rows)} examples must be one-hot, a single 1 in each "
            f"row, but row {row} is {rows[row, :10].tolist()}; an example has one class here: of "
            f"scores take the largest, {name}.argmax(1)"
        )
    return (rows == 1).int().argmax(1)


def _array(name: str, values: Any) -> np.ndarray:
    """One array of a list of numbers, words, arrays, images or tensors of one shape."""
    if isinstance(values, list | tuple) and values and not np.isscalar(values[0]):
        values = [np.asarray(value) for value in values]
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} is no array ({error}); bring all to one shape first") from None
