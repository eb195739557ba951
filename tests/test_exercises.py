"""Each check knows an empty stub, the right answer, and at least two plausible wrong ones.

The answers stand in `tests/answers/lesson_NM.py`, in its table `ROWS`: the right answer, then wrong
answers with words of their hint.
"""

from importlib import import_module
from typing import Any

import pytest
import torch

from stochphys.course import exercises
from stochphys.course.exercises import lesson_24
from stochphys.systems import hidden_ratchet_rate

pytestmark = (
    pytest.mark.example
)  # a check judges on draws of its own seeds, which no learner changes

ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {}
for lesson in exercises.lessons():
    ROWS |= import_module(f"tests.answers.lesson_{lesson}").ROWS

WRONG = [(name, answer, words) for name, (_, wrong) in ROWS.items() for answer, words in wrong]


@pytest.mark.parametrize("stub", [None, ...])
@pytest.mark.parametrize("name", ROWS)
def test_an_empty_stub_is_not_attempted(name: str, stub: Any) -> None:
    assert exercises.grade(name, stub) == (
        "not attempted",
        f"Exercise {name}: not attempted yet.",
    )


@pytest.mark.parametrize("name", ROWS)
def test_the_right_answer_is_correct_and_told_what_it_means(name: str) -> None:
    status, line = exercises.grade(name, ROWS[name][0])
    assert status == "correct", line
    assert len(line.removeprefix(f"Exercise {name}: correct. ")) > 20


@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_a_plausible_wrong_answer_gets_its_own_hint(name: str, answer: Any, words: str) -> None:
    status, line = exercises.grade(name, answer)
    assert status == "hint"
    assert words in line


@pytest.mark.parametrize("name", ROWS)
def test_wrong_answers_are_told_apart(name: str) -> None:
    wrong = ROWS[name][1]
    assert len({exercises.grade(name, answer)[1] for answer, _ in wrong}) == len(wrong) >= 2


def test_every_check_has_its_rows() -> None:
    checks = {name for lesson in exercises.lessons() for name in exercises.checks_of(lesson)}
    assert ROWS.keys() == checks


def test_the_hidden_ratchet_of_24_3_is_that_of_the_zoo() -> None:
    for ratchet in lesson_24.CASES:
        told = next(lesson_24.check_24_3.__wrapped__(ratchet.P, ratchet.stationary_law))
        assert told.item() == pytest.approx(hidden_ratchet_rate(ratchet), rel=1e-12)


STRANGE: list[Any] = [
    *(object(), "two", b"two", {}, set(), [], [None], [[1.0], [2.0, 3.0]], 10**400, -1e308, 1 + 2j),
    *(float("nan"), float("inf"), torch.zeros(3, 3), torch.nn.Linear(1, 1), int, pytest),
    *(lambda: 1, lambda *_: 1 / 0, lambda *_: "text", lambda *_: object(), lambda *_: 10**400),
    *(lambda *_: [[None]], lambda *_: {}, lambda *_: torch.zeros(2, requires_grad=True)),
]


@pytest.mark.parametrize("name", ROWS)
def test_whatever_is_given_a_hint_comes_back(name: str) -> None:
    for answer in STRANGE:
        assert exercises.grade(name, answer)[0] == "hint", answer
