"""Right and wrong answers to the exercises of notebook 13."""

from typing import Any

ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "13.1": (
        lambda n: n * n / (sum(j**2 for j in range(1, n + 1)) + sum(j**2 for j in range(n))) * n,
        [
            (lambda n: (2 * n**2 + 1) / (3 * n**2), "inverse"),
            (lambda n: 1.5, "misses nothing"),
            (lambda n: 3 * n / (2 * n + 1), "third order"),
            (lambda n: 1 + n, "add up"),
            (1.5, "a function is wanted"),
        ],
    ),
    "13.2": (
        (3 / 2, -1 / 2),
        [
            ((5 / 4, -1 / 4), "reverse secant"),
            ((-1 / 2, 3 / 2), "the order"),
            ((0.5, 0.5), "must be negative"),
            ((0.75, 0.25), "opposite signs"),
            ((3.0, -1.0), "add up to 1"),
            ((1.0, 0.0), "two equations"),
            (1.5, "the shape"),
        ],
    ),
    "13.3": (
        lambda zeta, dt: 3 / 2 * 6 * zeta**2 / (2 * dt**3),
        [
            (lambda zeta, dt: 3 * zeta**2 / dt**3, "two thirds"),
            (lambda zeta, dt: 1.5 * zeta**2 / dt**3, "contribute their errors"),
            (lambda zeta, dt: 4.5 * zeta / dt**3, "variances add"),
            (lambda zeta, dt: 4.5 * zeta**2 / dt**2, "one power"),
            (lambda zeta, dt: 9 * zeta**2 / dt**3, "factor of two"),
            (lambda zeta, dt: zeta, "pure noise"),
        ],
    ),
    "13.4": (
        (0.87, 0.94),
        [
            ((0.94, 0.87), "the order"),
            ((0.87, 0.999), "too good"),
            ((0.66, 0.76), "counted"),
            ((0.94, 0.94), "2/3 of the variance"),
            ((87.0, 94.0), "a fraction"),
            (0.94, "two numbers"),
        ],
    ),
}
