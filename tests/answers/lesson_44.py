"""Right and wrong answers to the exercises of notebook 44."""

from typing import Any


def coins(p: float, b: float, n: float) -> tuple[float, float]:
    return p * (n - b), (p * (1 - p) * (n - b)) ** 0.5


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "44.1": (
        (0.76, 0.5),
        [
            ((0.6, 0.5), "six kinds of ten only"),
            ((0.76, 0.9), "here all are the same one"),
            ((0.6, 0.9), "that is symmetric noise"),
            ((0.84, 0.5), "wrong labels are in six"),
            ((0.24, 0.5), "the share of wrong labels"),
            ((0.76, 5 / 6), "those of boots alone"),
            ((0.5, 0.76), "first the accuracy"),
            ((76, 0.5), "not in per cent"),
        ],
    ),
    "44.2": (
        coins,
        [
            (lambda p, b, n: (p * (n - b), (p * (n - b)) ** 0.5), "√mean is right for small p"),
            (lambda p, b, n: (p * (n - b), p * (1 - p) * (n - b)), "the second is the variance"),
            (lambda p, b, n: coins(p, 0, n), "no coin is tossed before"),
            (lambda p, b, n: ((n - b) / p, coins(p, b, n)[1]), "their number is p(n − b)"),
        ],
    ),
    "44.3": (
        1.5,
        [
            (-1.5, "which one did you subtract"),
            (0.015, "in points"),
            (21.5, "above the last step"),
            (75.7, "this is an accuracy"),
        ],
    ),
    "44.4": (
        54.5,
        [
            (75.1, "is `held_out=train` in the call"),
            (0.545, "in per cent"),
            (99.0, "share of the training labels"),
            (12.0, "the accuracy on test images"),
        ],
    ),
}
