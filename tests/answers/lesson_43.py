"""Right and wrong answers to the exercises of notebook 43."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch

Optimizer = torch.optim.Optimizer


def mean(h: float, b: float, c: float, p: float, lr: float) -> float:
    keep = p / (p + (1 - p) * lr * h)  # sum over the age of p (1 - p)^j (1 - lr h)^j
    return keep * c + (1 - keep) * b / h


def aged_from_1(h: float, b: float, c: float, p: float, lr: float) -> float:
    ages = range(1, 4000)
    keep = sum(p * (1 - p) ** (j - 1) * (1 - lr * h) ** j for j in ages)
    return keep * c + (1 - keep) * b / h


def remember(optimizer: Optimizer) -> Callable[[], None]:
    saved = deepcopy(optimizer.state_dict())
    return lambda: optimizer.load_state_dict(deepcopy(saved))


def aliased(optimizer: Optimizer) -> Callable[[], None]:
    saved = optimizer.state_dict()
    return lambda: optimizer.load_state_dict(saved)


def copied_once(optimizer: Optimizer) -> Callable[[], None]:
    saved = deepcopy(optimizer.state_dict())
    return lambda: optimizer.load_state_dict(saved)


def cleared(optimizer: Optimizer) -> Callable[[], None]:
    return lambda: optimizer.state.clear()


def doubled(optimizer: Optimizer) -> Callable[[], None]:
    saved = deepcopy(optimizer.state_dict())
    for state in saved["state"].values():
        state["momentum_buffer"] *= 2
    return lambda: optimizer.load_state_dict(deepcopy(saved))


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "43.1": (
        0.023,
        [
            (-0.02, "not negative"),
            (1e-7, "too good"),
            (0.46, "before the norm, and compare with"),
            ("small", "a number is wanted"),
        ],
    ),
    "43.2": (
        mean,
        [
            (lambda h, b, c, p, lr: (b + p / lr * c) / (h + p / lr), "rare resets"),
            (aged_from_1, "begin at 1"),
            (lambda h, b, c, p, lr: mean(h, b, 0.0, p, lr), "if the checkpoint is zero"),
            (lambda h, b, c, p, lr: mean(h, b, c, p, 1.0), "compared with a curvature"),
            (lambda h, b, c, p, lr: b / h, "without resets"),
            (lambda h, b, c, p, lr: c, "for p → 1"),
        ],
    ),
    "43.3": (
        remember,
        [
            (aliased, "nothing happened"),
            (copied_once, "the second time"),
            (cleared, "gone, not back"),
            (doubled, "not the momentum of the checkpoint"),
            (lambda optimizer: optimizer.state_dict(), "must return a function"),
        ],
    ),
    "43.4": (
        -0.96,
        [
            (0.96, "the sign"),
            (0.01, "this is the start"),
            (-0.6, "on the way"),
            (-30.0, "between −1 and 1"),
        ],
    ),
}
