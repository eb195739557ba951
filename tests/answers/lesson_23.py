"""Right and wrong answers to the exercises of notebook 23."""

from typing import Any

ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "23.1": (
        lambda n: 1900 * n * (n - 1),
        [
            (lambda n: 3800 * n**2, "for all currents"),
            (lambda n: 1900 * n * (n + 1), "no area with itself"),
            (lambda n: 950 * n * (n - 1), "factor of two"),
            (lambda n: 1900 / 361 * n * (n - 1), "upside down"),
            (3800, "a function is wanted"),
        ],
    ),
    "23.2": (
        0.8133,
        [
            (0.6916, "the first spring alone"),
            (2 / 127, "do not share equally"),
            (81.33, "not in per cent"),
            (0.5, "times 1/T_i"),
        ],
    ),
    "23.3": (
        0.31,
        [
            (0.985, "all 32 beads"),
            (0.031, "a third"),
            (-0.3037, "sign"),
        ],
    ),
    "23.4": (
        11.2,
        [
            (0.95, "the same ten paths"),
            (21.6, "areas are half as many"),
            (0.11, "this is one step"),
        ],
    ),
}
