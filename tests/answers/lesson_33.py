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
            (lambda zeta, psf: zeta / sqrt(2 * pi), "falls as exp(−r²/psf²)"),
            (lambda zeta, psf: zeta / sqrt(pi), "not r²"),
            (lambda zeta, psf: zeta * (4 * psf**2 / pi) ** 0.25, "one row of pixels"),
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
            (0.6949, "here it is 0.01"),
            (0.7061, "the fifteenth frame"),
            (0.7090, "the seventeenth frame"),
            (0.6953, "the mean of all 15 steps"),
            (0.6807, "this is two frames"),
            (0.0008784, "a difference of means"),
            (0.004457, "divide by"),
            (0.9, "with D_n"),
        ],
    ),
    "33.4": (
        0.02477,
        [
            (0.0, "half an interval later"),
            (0.004954, "divide by dt"),
            (0.04954, "is the ½ of Eq. 1 lost?"),
            (1.71, "T = (1, 10)"),
            (0.627, "T = (10, 1)"),
            ([0.02477, 1.71, 0.627], "a number is wanted"),
            (0.3, "then swap the two pairs"),
        ],
    ),
    "33.5": (
        "movie.Steady_light()",
        [
            (1.8, "the name of a method"),
            ("movie.cut(50)", "cut: the light still fades"),
            ("bin", "bin: the light still fades"),
            ("look", "it names the method"),
        ],
    ),
}
