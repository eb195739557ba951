"""Right and wrong answers to the exercises of notebook 25."""

from collections.abc import Callable
from math import log
from typing import Any


def ring(
    logarithms: Callable[[float], float] = lambda c: 1.0,
    escape: Callable[[float], float] = lambda c: 1.0,
    *,
    flipped: bool = False,
) -> Callable[[float], tuple[float, float]]:
    """An answer to 25.3: the right terms, each times a factor, or with p₊ and p₋ exchanged."""

    def answer(c: float) -> tuple[float, float]:
        p = [1 / (2 + c / 5), (1 + c / 5) / (2 + c / 5)]
        plus, minus = reversed(p) if flipped else p
        h = 1 + c / 10
        return (
            logarithms(c) * (minus * h - plus) * log(h),
            escape(c) * (minus - plus) * c / 10,
        )

    return answer


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "25.1": (
        [1, -1, 1, -1, -1],
        [
            ([-1, -1, 1, -1, -1], "keeps dv/dt"),
            ([1, 1, 1, -1, -1], "x stays, v turns"),
            ([1, -1, -1, -1, -1], "forgets signs"),
            ([1, -1, 1, 1, -1], "it takes in the reversed"),
            ([1, -1, 1, -1, 1], "run the other way"),
            ([1, -1], "five signs"),
            (7, "a list of five"),
        ],
    ),
    "25.2": (
        lambda mass, gamma, dt: 12 * mass / (gamma * dt),
        [
            (lambda m, g, dt: 3 * m / (g * dt), "differ by 2v dt"),
            (lambda m, g, dt: 12 / (g * dt), "⟨v²⟩ = T/m"),
            (lambda m, g, dt: 12 * m / (g * dt**2), "per unit time"),
            (lambda m, g, dt: 0.0, "true entropy"),
            (lambda m, g, dt: m * g * dt, "T must drop out"),
        ],
    ),
    "25.3": (
        ring(),
        [
            (lambda c: ring()(c)[::-1], "logarithms first"),
            (ring(flipped=True), "out of +"),
            (ring(escape=lambda c: 0.0), "escape rates of + and −"),
            (ring(logarithms=lambda c: 0.3), "comes first"),
        ],
    ),
    "25.4": (
        5.255,
        [
            (0.05255, "divide by dt"),
            (3.9706, "with velocities, flipped"),
            (9.204, "⟨h₂⟩/dt"),
            (1.0886, "take 0.01"),
            (712421.5, "still in the pair"),
            (2.025, "rows and columns"),
        ],
    ),
}
