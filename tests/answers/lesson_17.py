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
        1.95,
        [
            (1.0, "The voltage has none"),
            (4, "grows fourfold"),
            (0.5, "longer steps"),
            (1.5, "another story"),
            (3.0, "over its own 2dt"),
        ],
    ),
    "17.4": (
        (0.95, 0.5),
        [
            ((0.5, 0.95), "other way round"),
            ((19, 10), "out of 20"),
            ((95, 50), "not per cent"),
            ((1.0, 0.5), "one interval ends"),
            ((0.95, 0.9), "with the exact 12.39"),
        ],
    ),
}
