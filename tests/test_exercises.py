"""Each check knows an empty stub, the right answer, and at least two plausible wrong ones.

A notebook adds its rows to `ROWS`: the right answer, then wrong answers with words of their hint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from stochphys import exercises
from stochphys.simulators import Overdamped


@dataclass(frozen=True)
class Washboard(Overdamped):
    """The answer to 01.1, or a wrong one: its tilt, the sign of its wave, its noise."""

    f: float = 0.3
    wave: float = -1.0
    amplitude: float = 1.0
    dim = 1
    additive = True

    def drift(self, x: torch.Tensor, t: float) -> torch.Tensor:
        return self.f + self.wave * torch.sin(x)

    def noise_amplitude(self, x: torch.Tensor, t: float) -> float:
        return self.amplitude


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    # 01 Langevin dynamics
    "01.1": (
        Washboard(),
        [
            (Washboard(wave=1.0), "(−cos x)' = sin x"),
            (Washboard(f=-0.3, wave=1.0), "turn its sign"),
            (Washboard(f=0.5), "it is f"),
            (Washboard(amplitude=0.5**0.5), "√(2T)"),
            (Washboard(amplitude=0.5), "this is D"),
            (Washboard, "an instance"),
            (0.3, "derived from Overdamped"),
        ],
    ),
    "01.2": (
        2 / 3,
        [
            (2.0, "Euler's variance"),
            (0.75, "for small h only"),
            (8 / 3, "the trial point carries noise"),
            (1 / 3, "this is the error"),
        ],
    ),
    "01.3": (
        0.098,
        [
            (2.0, "the soft spring alone"),
            (0.05, "still stable"),
            (0.2, "overshoot"),
            (0.12, "a little above and below"),
        ],
    ),
    "01.4": (
        0.025,
        [
            (-0.1, "this is the Stratonovich drift"),
            (-0.225, "sign"),
            (0.15, "half of it"),
            (0.125, "alone"),
        ],
    ),
}

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
    checks = {key.removeprefix("check_") for key in vars(exercises) if key.startswith("check_")}
    assert {name.replace(".", "_") for name in ROWS} == checks
