"""Right and wrong answers to the exercises of notebook 17."""

from typing import Any


def of_all(within: float, between: float, draws: int, paths: int) -> float:
    return (between**2 / draws + within**2 / draws / paths) ** 0.5


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "17.1": (
        of_all,
        [
            (lambda w, b, d, p: ((b**2 + w**2) / (d * p)) ** 0.5, "draws alone"),
            (lambda w, b, d, p: of_all(w, b, d, p) ** 2, "take its root"),
            (lambda w, b, d, p: of_all(w, 0.0, d, p), "left out"),
            (lambda w, b, d, p: of_all(w, 0.0, d, p) + b / d**0.5, "by their squares"),
            (lambda w, b, d, p: b, "of one draw's paths"),
        ],
    ),
    "17.2": (
        lambda sigma, dt: sigma**2 * dt / 2,
        [
            (lambda sigma, dt: sigma**2 * dt, "is the half"),
            (lambda sigma, dt: (sigma * dt) ** 2, "variance of the step"),
            (lambda sigma, dt: sigma**2 / 2, "not σ ξ √dt"),
            (lambda sigma, dt: sigma * dt / 2, "has σ²"),
            (lambda sigma, dt: 0.0, "which D would make it"),
        ],
    ),
    "17.3": (
        (4.085, 8.136),
        [
            ((4.001, 3.996), "take the square"),  # no square
            ((2.02, 2.85), "leave the square"),  # √D
            ((0.0817, 0.3254), "D is that over 2dt"),
            ((4.085, 16.27), "every second frame"),
            ((0.08, 0.16), "mean of |ΔV|"),  # neither square nor dt
            ((1.0216, 2.0344), "all four coordinates"),
            ((8.136, 4.085), "other way round"),
            ((1000.0, 2000.0), "too large"),
        ],
    ),
    "17.4": (
        (1.0, 0.75),
        [
            ((0.75, 1.0), "other way round"),
            ((20, 15), "out of 20"),
            ((100, 75), "not per cent"),
            ((0.95, 0.75), "do hold it"),
            ((1.0, 0.25), "further away"),
            ((1.0, 0.7), "medians of the draws"),
            ((1.0, 0.8), "not of what the mean"),
            ((1.0, 0.45), "20 % is asked"),
            ((1.0, 0.9), "with the exact 12.39"),
        ],
    ),
}
