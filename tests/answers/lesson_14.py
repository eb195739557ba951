"""Right and wrong answers to the exercises of notebook 14."""

from math import exp
from typing import Any


def channels(alpha: float, beta: float, T: float) -> float:
    open_ = alpha / (alpha + beta)
    return open_ * (1 - open_) * (alpha + beta) / T


def repaired(T_hat: float, k: float, dt: float) -> float:
    return T_hat / ((1 - exp(-2 * k * dt)) / (2 * k * dt))


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "14.1": (
        channels,
        [
            (lambda alpha, beta, T: channels(alpha, beta, T) / (alpha + beta), "not T"),
            (lambda alpha, beta, T: 1 / channels(alpha, beta, T), "fewer channels"),
            (lambda alpha, beta, T: alpha / T, "1 − x∞ is"),
            (lambda alpha, beta, T: 2 * channels(alpha, beta, T), "twice too large"),
            (lambda alpha, beta, T: 100, "set x∞(1 − x∞)/N"),
        ],
    ),
    "14.2": (
        (120.6, 114.96, 36.15),
        [
            ((114.7, 114.3, 34.3), "start of the step"),
            ((120.1, 13_810.0, 36.0), "divide it by"),
            ((120.1, 36.1, 114.9), "the order"),
            ((600.5, 114.9, 180.4), "five times"),
            ((119.0, 114.9, 30.0), "each within"),
        ],
    ),
    "14.3": (
        6.5,
        [
            (50.0, "a much smaller jump"),
            (10.6, "leak's reversal"),
            (5.0, "dies out"),
            (7.0, "a smaller one"),
            (-6.5, "upwards"),
        ],
    ),
    "14.4": (
        0.0895,
        [
            (0, "no frame on a bound"),
            (0.0348, "three gates"),
            (8.9, "not per cent"),
            (0.3, "exactly 0"),
        ],
    ),
    "14.5": (
        repaired,
        [
            (lambda T_hat, k, dt: T_hat * (1 + k * dt), "first order"),
            (lambda T_hat, k, dt: T_hat**2 / repaired(T_hat, k, dt), "wrong way round"),
            (lambda T_hat, k, dt: repaired(T_hat, k / 2, dt), "the variance with 2k"),
            (lambda T_hat, k, dt: 2 * repaired(T_hat, k / 2, dt), "holds 2k"),
            (lambda T_hat, k, dt: T_hat, "after dt a gate"),
        ],
    ),
}
