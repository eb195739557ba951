"""Right and wrong answers to the exercises of notebook 16."""

from math import exp
from typing import Any

ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "16.1": (
        lambda std: exp(2 * std),
        [
            (lambda std: exp(std), "holds one std"),
            (lambda std: 1 + 1.96 * std, "small std only"),
            (lambda std: 2 * 1.96 * std, "of ψ itself"),
            (lambda std: std, "upper end"),
            (1.8, "a function is wanted"),
        ],
    ),
    "16.2": (
        0.0,
        [
            (1.0, "hardly anything"),
            (3.6, "in time units"),
            (-0.5, "no less than zero"),
            (0.3, "still differ"),
            ("none", "a number is wanted"),
        ],
    ),
    "16.3": (
        5300.0,
        [
            (728.0, "square the ratio"),
            (53.0, "each lasts 100"),
            (360_000.0, "not of one"),
            (1000.0, "error wanted"),
        ],
    ),
}
