"""Right and wrong answers to the exercises of notebook 15."""

from math import cos, pi, sin, sqrt
from typing import Any

Q = 2 * pi / 5


def force(x: float) -> float:
    return -2.0 if x < 2.5 else 2.0


def drift(x: float) -> float:
    return (1 + sin(Q * x) / 2) * force(x) + Q * cos(Q * x)


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "15.1": (
        10.7,
        [
            (22.0, "power is largest"),
            (11.0, "delivers work there"),
            (10.5, "more slowly"),
            (-10.7, "a period is positive"),
            ("soon", "a number is wanted"),
        ],
    ),
    "15.2": (
        lambda a: 1 - a**-0.5,
        [
            (lambda a: 1 - 1 / a, "kinetic energy has its share"),
            (lambda a: sqrt(a) - 1, "the hot one pays"),
            (lambda a: 1 / sqrt(a), "T_c/T_h"),
            (lambda a: 1 - a**-1.5, "which power"),
            (lambda a: 100 - 100 * a**-0.5, "per cent"),
            (lambda a: (1 - a**-0.5) / 2, "factor of two was lost"),
            (lambda a: a, "one ratio of κ"),
        ],
    ),
    "15.3": (
        (-1.6, 0.22),
        [
            (-1.6, "mean and the std"),
            ((3.1, 0.2), "still knows"),
            ((1.6, 0.22), "done on the engine"),
            ((-0.4, 0.06), "mean over strokes"),
            ((-0.2, 0.03), "efficiency"),
            ((-0.03, 0.004), "per time unit"),
            ((-160.0, 22.0), "sum over 100"),
            ((-80.0, 1.0), "one constant D, at τ = 50"),
            ((-1.6, 0.022), "standard error"),
            ((-1.6, 2.2), "not over strokes"),
            ((0.22, -1.6), "mean comes first"),
            ("little", "two numbers are wanted"),
            ((float("nan"), 0.2), "finite"),
        ],
    ),
    "15.4": (
        drift,
        [
            (force, "has a current"),
            (lambda x: drift(x) - Q * cos(Q * x), "μF alone"),
            (lambda x: force(x) + Q * cos(Q * x), "multiplies the force"),
            (lambda x: drift(x) - Q * cos(Q * x) / 2, "Stratonovich"),
            (lambda x: drift(x) - 2 * Q * cos(Q * x), "the sign of D′"),
            (lambda x: drift(x) + Q * cos(Q * x), "D′ once"),
            (lambda x: drift(x) + (1 - Q) * cos(Q * x), "2π/L"),
            (lambda x: 2 * drift(x) - Q * cos(Q * x), "not D"),
            (lambda x: x, "which two terms"),
        ],
    ),
}
