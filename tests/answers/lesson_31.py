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
            (lambda n, m: torch.sigmoid(torch.tensor(n * m)).item(), "average over"),
            (lambda n, m: 0.5, "n → ∞"),
        ],
    ),
    "31.2": (
        0.1,
        [
            (0.38, "most per pair"),
            (0.155, "ζ = 0.2"),
            (0.01, "did you give the noise"),
            (0.25, "top, 1.21"),
        ],
    ),
    "31.3": (
        torch.tensor(3.05) / (4e-4 * 1.826),
        [
            (2738.0, "correlated"),
            (8.5e4, "number of frames"),
            (85.0, "is a root"),
            (1060.0, "twice the error"),
            (20_000.0, "Var S/⟨S⟩ is 3.1"),
        ],
    ),
    "31.4": (
        -0.04,
        [
            (1.83, "really reversed"),
            (-1.8, "all movies run backwards"),
            (0.6, "closer to zero"),
            ("none", "a number is wanted"),
        ],
    ),
    "31.5": (
        1.52,
        [
            (1.55 * 1.826, "realised rate"),
            (0.98, "k = 2"),
            (2.1, "k = 8"),
            (0.0, "holds no arrow"),
            (1.2, "all of result.held_out"),
        ],
    ),
}
