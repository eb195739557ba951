"""One short line for what holds a lot: shapes and names in place of the numbers themselves."""

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

WIDTH = 150  # characters of a line


class Brief:
    """A dataclass with a short `repr`; its `notice`, and that of what it holds, stands in front."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # Stands in the class itself, so that `dataclass` does not write a longer one.
        cls.__repr__ = cls.__repr__  # type: ignore[method-assign]

    @property
    def notice(self) -> str:
        """What must be seen however little is shown; empty if nothing must."""
        return ""

    def __repr__(self) -> str:
        held: tuple[Any, ...] = fields(self) if is_dataclass(self) else ()
        notices = [v.notice for v in (self, *vars(self).values()) if isinstance(v, Brief)]
        shown = [f"{f.name}={brief(getattr(self, f.name))}" for f in held if f.repr]
        inside = ", ".join([*filter(None, notices), *shown])
        inside = inside if len(inside) <= WIDTH else f"{inside[:WIDTH]}…"
        return f"{type(self).__name__}({inside})"


def brief(value: Any) -> str:
    """A value in a few words: `float32 200×1000×2` for a tensor, a name for what has one."""
    if isinstance(value, Tensor | np.ndarray) and value.ndim:
        return f"{dtype_of(value)} {'×'.join(map(str, value.shape))}"
    if isinstance(value, Tensor):
        return f"{value.item():.6g}"
    if isinstance(value, tuple | list):
        inside = ", ".join(map(brief, value[:4])) + (", …" if len(value) > 4 else "")
        return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    if isinstance(value, str | int | float | complex | slice | torch.dtype | type(None)):
        text = repr(value)
        return text if len(text) <= 40 else f"{text[:39]}…"
    return getattr(value, "__name__", f"{type(value).__name__}(…)")


def dtype_of(values: Tensor | np.ndarray) -> str:
    """`float32`, of a tensor as of an array."""
    return str(values.dtype).removeprefix("torch.")
