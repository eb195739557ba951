"""Each check knows an empty stub, the right answer, and at least two plausible wrong ones.

A notebook adds its rows to `ROWS`: the right answer, then wrong answers with words of their hint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from stochphys import exercises
from stochphys.simulators import BeadSpring, Overdamped


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


FIVE = BeadSpring(n_beads=5)  # the chain of 02.2, and ⟨F²⟩ of each bead
SQUARED_FORCE = torch.diag(FIVE.A @ FIVE.stationary_covariance() @ FIVE.A.T)


def estimate(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable:
    """A network for 21.3 as good as `change` of the exact ΔS of pairs `(n, 2, 2)`."""
    K = BeadSpring().entropy_matrix(0.01).float()

    def network(pairs: torch.Tensor) -> torch.Tensor:
        first, second = pairs.unbind(1)
        return change((((first + second) / 2 @ K) * (second - first)).sum(-1))

    return network


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    # 00 Start here
    "00.1": (
        0.8,
        [
            (2.025, "at T_h = 10"),
            (8.0, "its growth per time unit"),
            (-1.0, "swept area"),
            (0.5, "read the number"),
        ],
    ),
    "00.2": (
        2.25,
        [
            (-2.25, "the hot bath gives"),
            (0.225, "an entropy"),
            (22.5, "a whole path"),
            (0.0225, "one step"),
            (2.025, "this is σ̇"),
            (1.0, "solve for Q_h"),
        ],
    ),
    "00.3": (
        0.0,
        [
            (2.025, "takes both beads"),
            (1.0125, "half of the beads"),
            (-0.225, "the hidden bead"),
            (-6e-5, "within its error"),
        ],
    ),
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
    # 02 Heat and entropy
    "02.1": (
        lambda T_c, T_h: (T_h - T_c) ** 2 / (4 * T_c * T_h),
        [
            (lambda T_c, T_h: -((T_h - T_c) ** 2) / (4 * T_c * T_h), "reverse time"),
            (lambda T_c, T_h: (T_h - T_c) ** 2 / (2 * T_c * T_h), "exactly twice"),
            (lambda T_c, T_h: (T_h - T_c) / 4, "this is the heat flow"),
            (lambda T_c, T_h: (T_h - T_c) / (4 * T_c * T_h), "a second factor"),
            (lambda T_c, T_h: (T_h - T_c) / 4 * (1 / T_c + 1 / T_h), "opposite signs"),
            (2.025, "a function is wanted"),
        ],
    ),
    "02.2": (
        FIVE.heat_rate(),
        [
            (-FIVE.heat_rate(), "the sign is not"),
            (FIVE.heat_rate() / FIVE.temperatures, "entropy that each"),
            (-SQUARED_FORCE, "the rule of Itô"),
            (-SQUARED_FORCE - 2 * FIVE.temperatures, "sign of the Itô correction"),
            (torch.zeros(5), "add up to zero"),
            ([-2.25, 2.25], "shape should be (5,)"),
        ],
    ),
    "02.3": (
        1.98,
        [
            (-2.0, "the sign is not"),
            (1.0, "exactly half"),
            (4.0, "exactly twice"),
            (0.0, "does not vanish with dt"),
            (8.0, "the loss after t = 4"),
            (0.02, "the loss in one step"),
        ],
    ),
    "02.4": (
        (0.395, 0.82),
        [
            ((0.99, 1.0), "the total entropy"),
            ((0.82, 0.395), "the short window first"),
            ((-0.395, -0.82), "sign: the baths gain"),
            ((0.34, 0.39), "window=10 and window=200"),
        ],
    ),
    "02.5": (
        lambda T_c, T_h: 12 * T_c * T_h / (T_c**2 + 14 * T_c * T_h + T_h**2),
        [
            (lambda T_c, T_h: (T_c**2 + 14 * T_c * T_h + T_h**2) / (12 * T_c * T_h), "upside"),
            (lambda T_c, T_h: 12 / (7 * T_c / T_h + 2 + 7 * T_h / T_c), "noise of bead 2"),
            (
                lambda T_c, T_h: 3 * (T_h - T_c) ** 2 / (T_c**2 + 14 * T_c * T_h + T_h**2),
                "divide by σ̇",
            ),
            (
                lambda T_c, T_h: 6 * T_c * T_h / (T_c**2 + 14 * T_c * T_h + T_h**2),
                "exactly half",
            ),
            (lambda T_c, T_h: 0.5, "try T_c = T_h first"),
        ],
    ),
    # 03 Learning machines
    "03.1": (
        lambda k, D, dt, eps: 2 / (k * eps**2),
        [
            (lambda k, D, dt, eps: 2 / (k * eps**2 * dt), "a number of frames"),
            (lambda k, D, dt, eps: 2 * k / eps**2, "eps times k"),
            (lambda k, D, dt, eps: 2 * D / (k * eps) ** 2, "D drops out"),
            (lambda k, D, dt, eps: 2 / (k * eps), "1/√t only"),
            (lambda k, D, dt, eps: 1 / (k * eps**2), "exactly half"),
            (lambda k, D, dt, eps: 1 / eps, "Λ = t⟨x²⟩/2D"),
            (200.0, "a function is wanted"),
        ],
    ),
    "03.2": (
        lambda k, D: -k / 4,
        [
            (lambda k, D: k / 4, "lower is better"),
            (lambda k, D: 0.0, "for no force"),
            (lambda k, D: -k / 2, "with a plus"),
            (lambda k, D: -k * D, "units of 4D"),
            (lambda k, D: -(k**2) / (4 * D), "⟨x²⟩ is 1"),
            (lambda k, D: -k * D / 4, "it is −⟨F*²⟩/4D"),
        ],
    ),
    "03.3": (
        0.66,
        [
            (0.95, "makes the band narrower"),
            (0.376, "not as D"),
            (0.327, "lies outside"),
            (0.5, "±0.98 of the true one"),
        ],
    ),
    "03.4": (
        2.2,
        [
            (1.12, "lands in the minimum"),
            (4.5, "must be below 1"),
            (2.0, "⟨x²⟩ is not 1"),
            (-2.238, "the sign is not"),
            (0.1, "a little above and below"),
        ],
    ),
    # 21 NEEP
    "21.1": (
        lambda a: 1 - (1 - a) ** 2,
        [
            (lambda a: a, "this is ⟨h⟩/⟨ΔS⟩"),
            (lambda a: 2 * a, "second order"),
            (lambda a: 2 * a - a**2 / 2, "= 2⟨ΔS⟩"),
            (lambda a: a - a**2, "gives +⟨h⟩ too"),
            (lambda a: a**2, "at a = 1"),
        ],
    ),
    "21.2": (
        6.3,
        [(-5.2, "sign"), (0.002, "the backward half"), ("rising", "a number is wanted")],
    ),
    "21.3": (
        estimate(lambda S: 1.03 * S),
        [
            (estimate(lambda S: -S), "the sign is not"),
            (estimate(lambda S: S + 0.1 * torch.sin(1e4 * S)), "scatter"),
            (estimate(lambda S: 0.7 * S), "the factor is off"),
            (estimate(lambda S: S / 0.01), "not a rate"),
            (estimate(lambda S: 0 * S), "one value for all steps"),
            (estimate(lambda S: S[:, None]), "of shape (n,)"),
        ],
    ),
    "21.4": (
        lambda training, held_out: held_out.index(min(held_out)),
        [
            (lambda training, held_out: training.index(min(training)), "its own data"),
            (lambda training, held_out: len(held_out) - 1, "the last weights"),
            (lambda training, held_out: held_out.index(max(held_out)), "small is good"),
            (lambda training, held_out: min(held_out), "its index"),
            (lambda training, held_out: 0, "has been learned"),
        ],
    ),
    "21.5": (
        0.89,
        [
            (0.721, "you divide by 2.025 or 1.985"),
            (0.985, "this is the fast camera"),
            (1.45, "the bound itself"),
            (1.12, "upside down"),
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
