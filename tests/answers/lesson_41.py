"""Right and wrong answers to the exercises of notebook 41."""

from math import exp
from typing import Any

from scipy.special import lambertw

Z = 2 + lambertw(-2 * exp(-2)).real


def excess(dt: float, step: float = 2.0, sign: float = 1.0) -> float:
    shift = sign * 0.5826 * (step * dt) ** 0.5
    return (exp(Z * (1 + shift)) - exp(Z)) / (exp(Z) - 1)


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "41.1": (
        (1.59, 3.92),
        [
            ((Z**2, 1.54414), "rate and time"),
            ((Z, exp(Z)), "the last one arrives"),
            ((Z**2, exp(Z) - 1), "square root"),
            ((Z, 1.54414), "the second is the time"),
            ((exp(Z) - 1, Z), "in the other order"),
            ((0.0, exp(Z) - 1), "no minimum"),
            ((1.0, 1.718), "z* solves"),
            (Z, "the shape should be"),
        ],
    ),
    "41.2": (
        lambda x0, D, v: 1 / (x0 * v / (2 * D)),
        [
            (lambda x0, D, v: x0 * v / (2 * D), "upside down"),
            (lambda x0, D, v: (2 * D / (x0 * v)) ** 0.5, "its square is wanted"),
            (lambda x0, D, v: 2 * D * x0 / v**3, "the variance; divide"),
            (lambda x0, D, v: 1 + 2 * D / (x0 * v), "⟨T²⟩/⟨T⟩²"),
            (lambda x0, D, v: D / (x0 * v), "half"),
            (lambda x0, D, v: 1.0, "its slope at s = 0"),
        ],
    ),
    "41.3": (
        excess,
        [
            (lambda dt: excess(dt, step=1.0), "not √(D dt)"),
            (lambda dt: excess(dt, sign=-1.0), "moves away"),
            (lambda dt: 1 + excess(dt), "the ratio"),
            (lambda dt: 0.5826 * (2 * dt) ** 0.5, "shift of the target"),
            (lambda dt: 2 * 0.5826 * (2 * dt) ** 0.5, "the exponential matters"),
            (lambda dt: 100 * excess(dt), "per cent"),
            (lambda dt: 0.5826 * dt, "√dt is much larger"),
            (lambda dt: 0.05, "into the exact mean time"),
        ],
    ),
    "41.4": (
        (0.276, 2.9),
        [
            ((0.27639, 254.0), "best rate"),
            ((0.72361, 2.914), "mirror image"),
            ((0.27639, 0.3432), "the gain is the time without"),
            ((0.27639, 3.037), "this is CV²"),
            ((0.5, 2.914), "in the middle"),
            ((0.2, 1.3), "for the first"),
        ],
    ),
    "41.5": (
        (1.0, 15.0),
        [
            ((4.0, 15.0), "the first is the rate"),
            ((1.0, 3.75), "work of one reset"),
            ((4.0, 3.75), "the other way"),
            ((1.0, 30.0), "not kx²"),
            ((-1.0, 15.0), "counted positive"),
            ((0.5, 2.0), "−ln p(0)"),
        ],
    ),
}
