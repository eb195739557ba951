"""Exercises of 43 Latent gradient bias."""

from math import inf
from typing import Any

import torch
from torch import nn

from ...device import make_generator
from .grading import Hint, Table, evaluate, function, measured, refuse

# Relative distance of the mean noisy gradient of 400 redrawn label sets from its formula.
check_43_1 = measured(
    (4e-3, 0.06),
    ((0, 4e-3), "too good for 400 draws: did every draw get labels of its own, or is q taken out?"),
    ((-inf, 0), "a distance is not negative: take the norm of the difference."),
    otherwise="too far for 400 draws: average the gradients before the norm, and compare with "
    "E[g̃] = drift + pull, not with the clean g.",
    means="{:.1%}, as much as 400 draws allow: one draw misses by √400 = 20 times that. "
    "This miss of one draw is q, and training has one draw only.",
)


@function(
    at=[(0.5, 1.0, 0.0, 0.02, 0.05), (0.5, 1.0, 3.0, 0.2, 0.05), (2.0, -1.0, 1.0, 0.5, 0.1)],
    rtol=1e-4,
    otherwise="for p → 1 it must be θ_c, for p → 0 the minimum b/h.",
    means="ridge towards the checkpoint, λ = p/((1 − p) lr): resets are a prior centred at θ_c.",
)
def check_43_2(h: float, b: float, c: float, p: float, lr: float) -> Table:
    """Stationary mean along one axis: curvature h, gradient hθ − b, checkpoint θ_c."""
    minimum, pull = b / h, p / ((1 - p) * lr)
    rare, at_zero = (b + p / lr * c) / (h + p / lr), b / (h + pull)
    aged = minimum + p * (1 - lr * h) / (p + (1 - p) * lr * h) * (c - minimum)
    unscaled = (b + p / (1 - p) * c) / (h + p / (1 - p))
    yield (b + pull * c) / (h + pull)
    yield rare, "right for rare resets: the sum over p(1 − p)^j gives λ a factor 1 − p below."
    yield aged, "your ages begin at 1: they begin at 0, right after a reset θ is θ_c itself."
    yield at_zero, "right if the checkpoint is zero: each iterate keeps (1 − lr h)^j of θ_c, too."
    yield unscaled, "λ is compared with a curvature: a step moves by lr·h, not by h."
    yield minimum, "this is the minimum: without resets."


def check_43_3(answer: object) -> str:
    """`remember(optimizer)` returns a function that takes its momentum back, again and again."""
    generator = make_generator(433)
    weights = nn.Parameter(torch.randn(5, generator=generator))
    optimizer = torch.optim.SGD([weights], lr=0.01, momentum=0.9)

    def train() -> None:
        for _ in range(10):
            optimizer.zero_grad()
            (weights * torch.randn(5, generator=generator)).sum().backward()
            optimizer.step()

    def momentum() -> Any:
        return optimizer.state[weights].get("momentum_buffer")

    train()
    then = momentum().clone()
    back = evaluate(answer, optimizer)
    if not callable(back):
        given = type(back).__name__
        raise Hint(f"`remember` must return a function that takes no argument, it returns {given}.")
    for again in (False, True):
        train()
        now = momentum().clone()
        evaluate(lambda: back() or True)
        found = momentum()
        if found is None or not found.any():
            raise Hint("the momentum is gone, not back: it was not zero at the checkpoint.")
        refuse(
            torch.equal(found, now) and not again,
            "nothing happened: `state_dict()` hands out the buffer itself, which went on "
            "changing. Compare the data_ptr() of both.",
        )
        other = not torch.equal(found, then)
        refuse(
            other and again,
            "right once, wrong the second time: `load_state_dict` does not copy either, so "
            "your saved state became the optimizer's own.",
        )
        refuse(other, "what came back is not the momentum of the checkpoint.")
    return "a copy when saving, and a copy when loading. A reset without them resets nothing."


# Cosine of clean gradient and latent bias in matrix sensing after 500 steps.
check_43_4 = measured(
    (-1, -0.9),
    ((-0.2, 0.2), "this is the start, where g knows nothing of the noise: train first."),
    ((-0.9, 0.9), "on the way there: train for 500 steps, and average over the problems."),
    ((0.9, 1), "the sign: `gradients` gives g and the bias g̃ − g, and their sum nearly vanishes."),
    otherwise="a cosine lies between −1 and 1: divide by both norms.",
    means="{:.2f}: drift and bias cancel. There g̃ = 0 and the loss is at rest, but the clean "
    "gradient still points the way.",
)
