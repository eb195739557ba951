"""Right and wrong answers to the exercises of notebook 31."""

from typing import Any

import torch


def normal(z: float) -> float:
    return torch.special.ndtr(torch.tensor(z, dtype=torch.float64)).item()


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "31.1": (
        lambda n, m: 1 - normal(-((n * m / 2) ** 0.5)),
        [
            (lambda n, m: normal((n * m) ** 0.5), "fluctuations are 2⟨S⟩"),
            (lambda n, m: normal(n * m / 2), "root of the variance"),
            (lambda n, m: normal((m / 2) ** 0.5), "one step"),
            (lambda n, m: normal(-((n * m / 2) ** 0.5)), "wrong verdict"),
            (lambda n, m: 100 * normal((n * m / 2) ** 0.5), "per cent"),
            (lambda n, m: torch.sigmoid(torch.tensor(n * m)).item(), "average over"),
            (lambda n, m: 0.5, "n → ∞"),
        ],
    ),
    "31.2": (
        0.1,
        [
            (0.38, "a pair shows the most"),
            (0.155, "ζ = 0.2"),
            (0.055, "ζ = 0.05"),
            (0.01, "best without noise"),
            (0.02, "still grows"),
            (1.213, "the interval that shows it"),
            (0.2, "top, 1.21"),  # no hint calls that a factor of two
        ],
    ),
    "31.3": (
        torch.tensor(3.05) / (4e-4 * 1.826),
        [
            (2920.0, "r of single steps"),
            (2738.0, "r = 2"),
            (71_424.0, "counts frames"),
            (71.4, "0.02 enters squared"),
            (178.6, "near 9 %"),
            (893.0, "near 4 %"),
            (6522.0, "is this ⟨S⟩"),  # of r = 2.6; twice the time is 7142, and may be ⟨S⟩, too
            (-3571.0, "a time is positive"),
            (5500.0, "solve for T"),
        ],
    ),
    "31.4": (
        -0.04,
        [
            (1.83, "really reversed"),
            (-1.8, "runs backwards"),
            (0.0913, "a pair of the good archive"),
            (0.3, "is left"),  # one third reversed, or too little training
            (-0.3, "most movies run backwards"),
            (36.6, "per time unit"),
            ("none", "a number is wanted"),
        ],
    ),
    "31.5": (
        1.58,
        [
            (1.55 * 1.826, "divide by the realised rate"),
            (0.98, "2 or 3 components"),
            (2.1, "6 or 8 components"),
            (1.428, "divided by the 2.025"),
            (1 / 1.58, "the inverse"),
            (0.55, "add 1"),
            (0.0, "holds no arrow"),
            (1.25, "all of result.held_out"),
        ],
    ),
}
