"""Right and wrong answers to the exercises of notebook 33."""

from math import pi, sqrt
from typing import Any

ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "33.1": (
        lambda zeta, psf: zeta / sqrt(pi / 2),
        [
            (lambda zeta, psf: zeta**2 / (pi / 2), "this is the variance"),
            (lambda zeta, psf: zeta / (pi / 2), "a root is missing"),
            (lambda zeta, psf: zeta * psf / sqrt(pi / 2), "covers more pixels"),
            (lambda zeta, psf: zeta / psf / sqrt(pi / 2), "two directions"),
            (lambda zeta, psf: zeta, "the pixels add up"),
            (lambda zeta, psf: 3 * zeta, "an integral for Σ"),
        ],
    ),
    "33.2": (
        (2, 1),
        [
            ((1, 5), "no spring joins"),
            ((4, 5), "the hottest pair"),
            ((2, 3), "another shows more"),
            ((1, 1), "two different beads"),
            (1, "two numbers"),
        ],
    ),
    "33.3": (
        0.7076,
        [
            (0.6953, "the mean of all 15 steps"),
            (0.6807, "this is two frames"),
            (0.00088, "a difference of means"),
            (0.004457, "divide by"),
            (0.9, "with D_n"),
        ],
    ),
    "33.4": (
        0.02477,
        [
            (0.0, "half an interval later"),
            (0.004954, "divide by dt"),
            (0.04954, "not dt/2"),
            (0.3, "then swap the two pairs"),
        ],
    ),
    "33.5": (
        "steady_light",
        [
            (1.8, "the name of a method"),
            ("cut", "cut leaves the light as it fades"),
            ("bin", "bin leaves the light as it fades"),
            ("look", "it names the method"),
        ],
    ),
}
