"""How an answer is judged: compared with what is exact; a wrong one gets a physical hint.

A check takes an answer, raises `Hint` if it is wrong, and returns what the right one means. Most
are tables of the right answer and of mistakes, each with its hint. `number` makes one of values:

    check_98_1 = number(2.25, (0.225, "this is Q_h/T_h; …"), means="The hot bath loses …")

and `function` makes one of formulas, written as at one point:

    @function(at=[(1.0, 10.0), (2.0, 3.0)], means="It is of second order in …")
    def check_98_2(T_c: float, T_h: float) -> Table:
        yield (T_h - T_c) ** 2 / (4 * T_c * T_h)
        yield (T_h - T_c) / 4, "this is the heat flow; …"

`measured` makes one of a range, for a number that scatters. What fits in none of them is written
out with `evaluate`, `tensor` and `refuse`.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import wraps
from typing import Any

import numpy as np
import torch
from torch import Tensor

Check = Callable[[object], str]
Table = Iterator[Any]  # the right value, then pairs of a wrong value and its hint
Range = tuple[float, float]  # from, to, both included


class NotAttempted(Exception):
    """The answer is still the empty stub."""


class Hint(Exception):
    """The answer is wrong; the message says where to look."""


SIGN = "the size is right, the sign is not: in which direction is it counted as positive?"
TWICE = "exactly twice too large: there is a factor of two too many."
HALF = "exactly half of it: a factor of two was lost."


def number(
    right: Any,
    *mistakes: tuple[Any, str],
    means: str,
    rtol: float = 0.01,
    otherwise: str = "the value is off by more than rounding explains; check one limit by hand.",
) -> Check:
    """The check of a number, or of each number of an array: it should be `right` within `rtol`.

    Args:
        mistakes: plausible wrong values and the hint for each. A wrong sign and a factor of two
            have hints of their own.
        otherwise: the hint for any other value.
    """
    target = numbers(right)
    usual = ((-target, SIGN), (2 * target, TWICE), (target / 2, HALF))

    def check(answer: object) -> str:
        value = tensor(answer, target.shape).numpy()

        def near(x: Any, rtol: float = rtol) -> bool:
            return np.allclose(value, numbers(x), rtol=rtol, atol=1e-9)

        if near(target):
            return means
        for wrong, hint in mistakes:
            refuse(near(wrong), hint)
        for wrong, hint in usual:  # they say "exactly"
            refuse(near(wrong, min(rtol, 0.01)), hint)
        raise Hint(otherwise)

    return check


def measured(right: Range, *mistakes: tuple[Range, str], means: str, otherwise: str) -> Check:
    """The check of a number that scatters: it is right in a range, and a mistake has one, too.

    `means` may show the number, as "{:.2f}".
    """

    def check(answer: object) -> str:
        value = tensor(answer).item()
        if right[0] <= value <= right[1]:
            return means.format(value)
        for (low, high), hint in mistakes:
            refuse(low <= value <= high, hint)
        raise Hint(otherwise)

    return check


def function(
    *,
    at: list[tuple],
    means: str,
    rtol: float = 0.01,
    otherwise: str = "the function is off at some of the points tried; check one limit by hand.",
) -> Callable[[Callable[..., Table]], Check]:
    """Makes a check of a `Table`, a generator that is called with each of the arguments listed in
    `at`, as the learner's function is: it yields the right value there, then mistakes."""

    def table_to_check(table: Callable[..., Table]) -> Check:
        @wraps(table)
        def check(answer: object) -> str:
            # Each row of the table has one value for each point.
            right, *mistakes = zip(*(table(*arguments) for arguments in at), strict=True)
            found = [
                tensor(evaluate(answer, *deepcopy(arguments)), np.shape(value))
                for arguments, value in zip(at, right, strict=True)
            ]
            wrong = [([value for value, _ in row], row[0][1]) for row in mistakes]
            return number(right, *wrong, means=means, rtol=rtol, otherwise=otherwise)(found)

        return check

    return table_to_check


def attempted(answer: Any) -> Any:
    """The answer, unless it is None or `...`."""
    if answer is None or answer is Ellipsis:
        raise NotAttempted
    return answer


def evaluate(answer: object, *arguments: Any) -> Any:
    """The value of the learner's function; an error in it becomes a hint."""
    if not callable(answer):
        raise Hint(f"a function is wanted here, you gave {type(answer).__name__}.")
    try:
        value = answer(*arguments)
    except Exception as error:
        raise Hint(f"your function stops with {type(error).__name__}: {error}.") from error
    return attempted(value)


def refuse(wrong: Any, hint: str) -> None:
    """The hint, if the answer is wrong in this way."""
    if wrong:
        raise Hint(hint)


def tensor(
    answer: object,
    shape: tuple[int, ...] = (),
    *,
    wanted: str | None = None,
    finite: str = "the answer must be finite.",
) -> Tensor:
    """The finite numbers of an answer, as a tensor of this shape: one number by default.

    It has float64, or integers if the answer has. Hints begin with what was `wanted`.
    """
    wanted = wanted or (f"the shape should be {shape}" if shape else "a number is wanted here")
    try:
        values = numbers(answer)
    except (TypeError, ValueError, OverflowError):
        raise Hint(f"{wanted}, you gave {type(answer).__name__}.") from None
    if not shape and values.size == 1:
        values = values.reshape(())  # one number in a list is a number
    given = f"yours has the shape {values.shape}" if values.ndim else f"yours is {values}"
    refuse(values.shape != shape, f"{wanted}; {given}.")
    refuse(not np.isfinite(values).all(), finite)
    return torch.tensor(values)


def numbers(answer: object) -> np.ndarray:
    """Numbers as numpy holds them, whatever they are in: lists and tensors too."""
    if isinstance(answer, Tensor):
        answer = answer.detach().cpu().numpy()
    if isinstance(answer, list | tuple | set):
        answer = [numbers(part) for part in answer]
    values = np.asarray(answer)
    if np.iscomplexobj(values):
        raise TypeError("real numbers are wanted")
    return values if values.dtype.kind in "iu" else values.astype(np.float64)
