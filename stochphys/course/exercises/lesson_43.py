"""Exercises of 43 Latent gradient bias."""

from math import isfinite
from typing import Any

import torch
from torch import nn

from ...device import make_generator
from .grading import Hint, evaluate, function


def a_number(answer: Any) -> float:
    try:
        value = float(answer)
    except (TypeError, ValueError):
        raise Hint(f"a number is wanted here, you gave {type(answer).__name__}.") from None
    if not isfinite(value):
        raise Hint("the answer must be finite.")
    return value


def check_43_1(answer: Any) -> str:
    """Relative distance of the mean noisy gradient of 400 redrawn label sets from its formula."""
    value = a_number(answer)
    if value < 0:
        raise Hint("a distance is not negative: take the norm of the difference.")
    if value < 0.004:
        raise Hint(
            "too good for 400 draws: did every draw get labels of its own, or is q taken out?"
        )
    if value > 0.06:
        raise Hint(
            "too far for 400 draws: average the gradients before the norm, and compare with "
            "E[g̃] = drift + pull, not with the clean g."
        )
    return (
        f"{value:.1%}, as much as 400 draws allow: one draw misses by √400 = 20 times that. This "
        "miss of one draw is q, and training has one draw only."
    )


def check_43_2(answer: Any) -> str:
    """Stationary mean along one axis: curvature h, gradient hθ − b, checkpoint θ_c."""
    function(
        answer,
        lambda h, b, c, p, lr: (b + p / ((1 - p) * lr) * c) / (h + p / ((1 - p) * lr)),
        at=[(0.5, 1.0, 0.0, 0.02, 0.05), (0.5, 1.0, 3.0, 0.2, 0.05), (2.0, -1.0, 1.0, 0.5, 0.1)],
        rtol=1e-4,
        wrong={
            lambda h, b, c, p, lr: (b + p / lr * c) / (h + p / lr): (
                "right for rare resets: the sum over p(1 − p)^j gives λ a factor 1 − p below."
            ),
            lambda h, b, c, p, lr: (
                b / h + p * (1 - lr * h) / (p + (1 - p) * lr * h) * (c - b / h)
            ): "your ages begin at 1: they begin at 0, right after a reset θ is θ_c itself.",
            lambda h, b, c, p, lr: b / (h + p / ((1 - p) * lr)): (
                "right if the checkpoint is zero: each iterate keeps (1 − lr h)^j of θ_c, too."
            ),
            lambda h, b, c, p, lr: (b + p / (1 - p) * c) / (h + p / (1 - p)): (
                "λ is compared with a curvature: a step moves by lr·h, not by h."
            ),
            lambda h, b, c, p, lr: b / h: "this is the minimum: without resets.",
        },
        otherwise="for p → 1 it must be θ_c, for p → 0 the minimum b/h.",
    )
    return "ridge towards the checkpoint, λ = p/((1 − p) lr): resets are a prior centred at θ_c."


def check_43_3(answer: Any) -> str:
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
        raise Hint(
            f"`remember` must return a function that takes no argument, it returns "
            f"{type(back).__name__}."
        )
    for call in (1, 2):
        train()
        now = momentum().clone()
        evaluate(lambda: back() or True)
        found = momentum()
        if found is None or not found.any():
            raise Hint("the momentum is gone, not back: it was not zero at the checkpoint.")
        if torch.equal(found, now) and call == 1:
            raise Hint(
                "nothing happened: `state_dict()` hands out the buffer itself, which went on "
                "changing. Compare the data_ptr() of both."
            )
        if not torch.equal(found, then):
            raise Hint(
                "right once, wrong the second time: `load_state_dict` does not copy either, so "
                "your saved state became the optimizer's own."
                if call == 2
                else "what came back is not the momentum of the checkpoint."
            )
    return "a copy when saving, and a copy when loading. A reset without them resets nothing."


def check_43_4(answer: Any) -> str:
    """Cosine of clean gradient and latent bias in matrix sensing after 500 steps."""
    value = a_number(answer)
    if abs(value) > 1:
        raise Hint("a cosine lies between −1 and 1: divide by both norms.")
    if value > 0.9:
        raise Hint(
            "the sign: `gradients` gives g and the bias g̃ − g, and their sum nearly vanishes."
        )
    if abs(value) < 0.2:
        raise Hint("this is the start, where g knows nothing of the noise: train first.")
    if value > -0.9:
        raise Hint("on the way there: train for 500 steps, and average over the problems.")
    return (
        f"{value:.2f}: drift and bias cancel. There g̃ = 0 and the loss is at rest, but the clean "
        "gradient still points the way."
    )
