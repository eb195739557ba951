"""Right and wrong answers to the exercises of notebook 21."""

from collections.abc import Callable
from typing import Any

import torch

from stochphys.systems import BeadSpring


def estimate(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable:
    """A network for 21.3 as good as `change` of the exact ΔS of pairs `(n, 2, 2)`."""
    K = BeadSpring().entropy_matrix(0.01).float()

    def network(pairs: torch.Tensor) -> torch.Tensor:
        first, second = pairs.unbind(1)
        return change((((first + second) / 2 @ K) * (second - first)).sum(-1))

    return network


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
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
