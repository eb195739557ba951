"""The checks of the exercises: a learner's answer in, a physical hint out.

A check is a function `check_NM_k(answer)` in `lesson_NM.py`, for exercise k of notebook NM. Most
are made by `grading` of a table: what is exact, and mistakes with their hints. A check raises
`Hint` for a wrong answer, and returns one sentence on what the right answer means.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from .grading import Check, Hint, NotAttempted, attempted


def check(name: str, answer: Any) -> None:
    """Print what can be said of `answer` to the exercise `name`, such as "21.1".

    Raises `ValueError` if there is no such exercise.
    """
    print(grade(name, answer)[1])


def grade(name: str, answer: Any) -> tuple[str, str]:
    """The status ("not attempted", "correct" or "hint") and the line that `check` prints."""
    lesson = name.partition(".")[0]
    checks = checks_of(lesson) if lesson in lessons() else {}
    if name not in checks:
        there_are = [*checks] or [key for lesson in lessons() for key in checks_of(lesson)]
        raise ValueError(f"there is no exercise {name!r}; there are {', '.join(there_are)}")
    try:
        attempted(answer)
        meaning = checks[name](answer)
    except NotAttempted:
        return "not attempted", f"Exercise {name}: not attempted yet."
    except Hint as hint:
        return "hint", f"Exercise {name}: not yet. Hint: {hint}"
    except Exception as error:  # an answer of a kind that the check did not expect
        kind = f"{type(answer).__name__} ({type(error).__name__}: {error})"
        return "hint", f"Exercise {name}: not yet. Hint: nothing can be done with this {kind}."
    return "correct", f"Exercise {name}: correct. {meaning}"


def lessons() -> list[str]:
    """The notebooks that have checks, by their numbers."""
    names = sorted(module.name for module in iter_modules(__path__))
    return [name.removeprefix("lesson_") for name in names if name.startswith("lesson_")]


def checks_of(lesson: str) -> dict[str, Check]:
    """Every `check_NM_k` of a lesson by its name "NM.k"."""
    module = import_module(f"{__name__}.lesson_{lesson}")
    return {
        key.removeprefix("check_").replace("_", "."): test
        for key, test in vars(module).items()
        if key.startswith("check_")
    }
