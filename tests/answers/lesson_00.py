"""Right and wrong answers to the exercises of notebook 00."""

from typing import Any

ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
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
}
