"""How an answer is judged: compared with what is exact; a wrong one gets a physical hint."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch


class NotAttempted(Exception):
    """The answer is still the empty stub."""


class Hint(Exception):
    """The answer is wrong; the message says where to look."""


def attempted(answer: Any) -> Any:
    """The answer, unless it is None or `...`."""
    if answer is None or answer is Ellipsis:
        raise NotAttempted
    return answer


def evaluate(answer: Callable, *arguments: Any) -> Any:
    """The value of the learner's function; an error in it becomes a hint."""
    if not callable(answer):
        raise Hint(f"a function is wanted here, you gave {type(answer).__name__}.")
    try:
        value = answer(*arguments)
    except Exception as error:
        raise Hint(f"your function stops with {type(error).__name__}: {error}.") from error
    return attempted(value)


SIGN = "the size is right, the sign is not: which direction of time, or of the flow, is positive?"
FACTORS = {
    2.0: "exactly twice too large: look for a factor of two, such as 2D where D belongs.",
    0.5: "exactly half of it: look for a factor of two, such as D where 2D belongs.",
}


def number(
    answer: Any,
    exact: Any,
    *,
    rtol: float = 0.01,
    wrong: dict[Any, str] | None = None,
    otherwise: str = "the value is off by more than rounding explains; check one limit by hand.",
) -> None:
    """Pass if the number, or each number of an array, agrees with `exact` to `rtol`.

    Args:
        wrong: plausible wrong values (a number, or a tuple for an array) and the hint for each.
            A wrong sign and a factor of two have hints of their own.
        otherwise: the hint for any other value.
    """
    target = np.asarray(exact, dtype=np.float64)
    if isinstance(answer, torch.Tensor):
        answer = answer.detach().cpu()
    try:
        value = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        raise Hint(f"a number is wanted here, you gave {type(answer).__name__}.") from None
    if value.shape != target.shape:
        raise Hint(f"the shape should be {target.shape}, yours is {value.shape}.")
    if not np.isfinite(value).all():
        raise Hint("the answer must be finite.")

    def near(x: Any) -> bool:
        return np.allclose(value, np.asarray(x, dtype=np.float64), rtol=rtol, atol=1e-9)

    if near(target):
        return
    for x, hint in (wrong or {}).items():
        if near(x):
            raise Hint(hint)
    if near(-target):
        raise Hint(SIGN)
    for factor, hint in FACTORS.items():
        if near(factor * target):
            raise Hint(hint)
    raise Hint(otherwise)


def function(
    answer: Any,
    exact: Callable[..., float],
    *,
    at: list[tuple],
    rtol: float = 0.01,
    wrong: dict[Callable[..., float], str] | None = None,
    otherwise: str = "the function is off at some of the points tried; check one limit by hand.",
) -> None:
    """Pass if the learner's function agrees with `exact` at the arguments listed in `at`.

    `wrong`: plausible wrong functions and the hint for each.
    """

    def values(f: Callable[..., float]) -> tuple[float, ...]:
        return tuple(float(f(*arguments)) for arguments in at)

    number(
        [evaluate(answer, *arguments) for arguments in at],
        values(exact),
        rtol=rtol,
        wrong={values(f): hint for f, hint in (wrong or {}).items()},
        otherwise=otherwise,
    )


def choice(answer: Any, right: str, wrong: dict[str, str]) -> None:
    """Pass if the word `right` was chosen; each other word has its hint."""
    word = str(answer).strip().lower()
    if word != right:
        raise Hint(wrong.get(word, f"choose one of {', '.join(sorted([right, *wrong]))}."))
