"""Right and wrong answers to the exercises of notebook 43."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from stochphys.course.studies.digits import digits
from stochphys.device import make_generator
from stochphys.training import flip, symmetric_noise

Optimizer = torch.optim.Optimizer


STUDY, LAW = digits([0], 0.4), symmetric_noise(0.4, 10)
GIVEN, TRUE = STUDY.train.y[0], STUDY.train.true[0]
ONE_HOT = torch.eye(10)


def gradient(labels: Tensor) -> Tensor:
    """At the start weights of the page, on labels that are one-hot or a mean of such."""
    network, x = STUDY.networks.member(0), STUDY.train.x[STUDY.train.rows[0]]
    loss = cross_entropy(network(x), labels)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, [*network.parameters()])])


def drawn(n: int, of: Tensor = TRUE) -> Tensor:
    """Mean gradient of n draws of the labels: the gradient on their mean."""
    labels = flip(of.expand(n, -1), LAW, generator=make_generator(431))
    return gradient(ONE_HOT[labels].mean(0))


def mean(h: float, b: float, c: float, p: float, s: float, lr: float) -> float:
    theta = 0.0
    for _ in range(40_000):  # until the mean stays
        stepped = theta - lr * (h * theta - b)
        theta = (1 - p) * stepped + p * (stepped + s * (c - stepped))
    return theta


def with_ridge(pull: float, h: float, b: float, c: float) -> float:
    return (b + pull * c) / (h + pull)


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
        drawn(400),
        [
            (gradient(LAW[TRUE]), "nearer to drift + pull"),
            (400 * drawn(400), "the sum of 400"),
            (-drawn(400), "the sign is not"),
            (drawn(400) - gradient(LAW[TRUE]), "mean of q alone"),
            (gradient(TRUE), "on the true labels"),
            (gradient(GIVEN), "draw new labels"),
            (drawn(400, GIVEN), "wrong twice"),
            (drawn(1), "a single draw"),
            (0 * gradient(TRUE), "misses drift + pull by 1 of its length"),
            (drawn(40), "average over all draws"),
            (0.0185, "a tensor of 4810 numbers; yours is 0.0185"),
        ],
    ),
    "43.2": (
        mean,
        [
            (lambda h, b, c, p, s, lr: mean(h, b, c, p, 1.0, lr), "for full resets"),
            (
                lambda h, b, c, p, s, lr: with_ridge(s * p / ((1 - p) * lr), h, b, c),
                "a reset keeps 1 − s",
            ),
            (lambda h, b, c, p, s, lr: with_ridge(p * s / lr, h, b, c), "1 − ps, belongs below"),
            (lambda h, b, c, p, s, lr: mean(h, b, c, p, 1 - s, lr), "s is the way back"),
            (lambda h, b, c, p, s, lr: mean(h, b, 0.0, p, s, lr), "if the checkpoint is zero"),
            (
                lambda h, b, c, p, s, lr: with_ridge(p * s / (1 - p * s), h, b, c),
                "compared with a curvature",
            ),
            (lambda h, b, c, p, s, lr: b / h, "without resets"),
            (lambda h, b, c, p, s, lr: c, "for s = 1 it must be"),
        ],
    ),
    "43.3": (
        remember,
        [
            (aliased, "copied when `remember` was called?"),
            (copied_once, "the second time"),
            (cleared, "gone, not back"),
            (doubled, "not the momentum of the checkpoint"),
            (lambda optimizer: optimizer.state_dict(), "must return a function"),
        ],
    ),
    "43.4": (
        -0.97,
        [
            (0.97, "the sign"),
            (-0.985, "cosine taken before the mean"),
            (-0.56, "not there yet"),
            (-0.057, "a scalar product"),
            (-0.007, "as at the start"),
            (0.148, "with the sum"),
            (-30.0, "between −1 and 1"),
            (0.7, "the mean over 24 problems"),
        ],
    ),
}
