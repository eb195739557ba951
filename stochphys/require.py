"""What is asked at the door: a wrong argument is refused by its name, before any work starts.

Arguments come by keyword, `require.positive(dt=dt)`, or as attributes of an object,
`require.positive(self, "T_c", "T_h")`. A `hint` says what would do.
"""

from collections.abc import Collection, Iterator
from math import isfinite
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

from .brief import brief

ARRAYS = "wrap arrays, Trajectories(torch.as_tensor(x), dt)"  # a hint


def finite(owner: Any = None, *names: str, hint: str = "", **values: Any) -> None:
    """`ValueError` for the first that is not a finite number; all of them, in a tensor."""
    for name, value in _named(owner, names, values):
        numbers = torch.isfinite(value).all() if isinstance(value, Tensor) else _number(value)
        if not numbers:
            raise ValueError(_refusal(name, "be finite", value, hint))


def positive(owner: Any = None, *names: str, hint: str = "", **values: Any) -> None:
    """`ValueError` for the first that is not a positive, finite number."""
    for name, value in _named(owner, names, values):
        if not (_number(value) and value > 0):
            raise ValueError(_refusal(name, "be positive", value, hint))


def not_negative(owner: Any = None, *names: str, hint: str = "", **values: Any) -> None:
    """`ValueError` for the first that is negative, or not a finite number."""
    for name, value in _named(owner, names, values):
        if not (_number(value) and value >= 0):
            raise ValueError(_refusal(name, "be finite and not negative", value, hint))


def integer(least: int, owner: Any = None, *names: str, hint: str = "", **values: Any) -> None:
    """`ValueError` for the first that is not an integer, or is less than `least`."""
    words = "be a positive integer" if least == 1 else f"be an integer of at least {least}"
    for name, value in _named(owner, names, values):
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise ValueError(_refusal(name, words, value, hint))


def within(interval: str, owner: Any = None, *names: str, hint: str = "", **values: Any) -> None:
    """`ValueError` for the first outside of an interval, written as in mathematics: `"(0, 1]"`."""
    low, high = (float(end) for end in interval[1:-1].split(","))
    left_out = [low] * interval.startswith("(") + [high] * interval.endswith(")")
    for name, value in _named(owner, names, values):
        if not (_number(value) and low <= value <= high) or value in left_out:
            raise ValueError(_refusal(name, f"lie in {interval}", value, hint))


def one_of(known: Collection[Any], hint: str = "", **values: Any) -> None:
    """`ValueError` for the first that is none of those known."""
    for name, value in values.items():
        if value not in known:
            words = f"be one of {', '.join(map(str, known))}"
            raise ValueError(_refusal(name, words, value, hint))


def tensor(kinds: Collection[torch.dtype], hint: str = "", **values: Any) -> None:
    """`TypeError` for the first that is no tensor of one of these kinds of number."""
    words = " or ".join(str(kind).removeprefix("torch.") for kind in kinds)
    for name, value in values.items():
        if not isinstance(value, Tensor) or value.dtype not in kinds:
            got = value.dtype if isinstance(value, Tensor) else type(value).__name__
            raise TypeError(f"{name} must be a tensor of {words}, got {got}" + _more(hint))


def of_kind(kind: type, hint: str = "", **values: Any) -> None:
    """`TypeError` for the first that is not an object of this kind."""
    for name, value in values.items():
        if not isinstance(value, kind):
            raise TypeError(_refusal(name, f"be {kind.__name__}", value, hint))


def able(method: str, hint: str = "", **values: Any) -> None:
    """`TypeError` for the first that is no object with such a method; a class is none."""
    for name, value in values.items():
        if isinstance(value, type) or not callable(getattr(value, method, None)):
            raise TypeError(_refusal(name, f"be an object with a method {method}", value, hint))


def stochastic(**values: Tensor) -> None:
    """`ValueError` for a matrix `(…, n)` whose rows are no probabilities: the first wrong one is named."""
    for name, P in values.items():
        if (wrong := ~(P >= 0)).any():
            where = wrong.nonzero()[0].tolist()
            raise ValueError(f"{name} must hold probabilities, got {name}{where} = {P[*where]:g}")
        if (off := (P.sum(-1) - 1).abs()).max() > 1e-6:
            row = int(off.argmax())
            raise ValueError(
                f"each row of {name} must sum to 1, row {row} sums to "
                f"{P.sum(-1).flatten()[row]:.6g}; divide each row by its sum"
            )


def changing(**spreads: Tensor) -> None:
    """`ValueError` for coordinates that never change: those whose spread, in a tensor `(…, dim)`, is
    not positive. The name says what they are, `require.changing(coordinates=x.std((0, 1)))`."""
    for name, spread in spreads.items():
        still = (~(spread.view(-1, spread.shape[-1]) > 0)).any(0).nonzero().flatten().tolist()
        if still:
            raise ValueError(f"{name} {still} never change in these data; leave them out")


def noisy(least: float, hint: str = "", **matrices: Tensor) -> None:
    """`ValueError` for a diffusion matrix `(…, dim, dim)` with a direction that has no noise of its
    own: its smallest eigenvalue is no more than `least` times the largest."""
    for name, D in matrices.items():
        values = torch.linalg.eigvalsh(D)
        ratio = (values[..., 0] / values[..., -1]).min().item()
        if not ratio > least:
            raise ValueError(
                f"{name} is singular: its smallest eigenvalue is {ratio:.2g} of the largest{hint}. "
                "A direction without noise of its own makes the reversed path impossible, and the "
                "entropy production infinite or undefined; leave that direction out"
            )


def _named(owner: Any, names: tuple[str, ...], values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from ((name, getattr(owner, name)) for name in names)
    yield from values.items()


def _number(value: Any) -> bool:
    single = isinstance(value, Tensor) and value.ndim == 0
    return (single or isinstance(value, Real)) and isfinite(value)


def _refusal(name: str, words: str, value: Any, hint: str) -> str:
    got = f"the class {value.__name__}" if isinstance(value, type) else brief(value)
    return f"{name} must {words}, got {got}" + _more(hint)


def _more(hint: str) -> str:
    return f"; {hint}" if hint else ""
