"""Exercises of 43 Latent gradient bias."""

from functools import cache
from math import inf
from typing import Any

import torch
from torch import Tensor, nn

from ...device import make_generator
from ...training.labels import symmetric_noise
from ..studies.digits import digits
from .grading import Hint, Table, evaluate, function, measured, refuse, tensor

# How far the mean of 400 noisy gradients is from E[g̃], in units of |E[g̃]|: 0.0185 ± 0.0026, a χ law of
# some 25 numbers, which leaves this range once in 10⁵ draws of 400.
NEAR = 0.008, 0.032


@cache
def gradients_of_the_page() -> tuple[Tensor, ...]:
    """At the start weights of the page, on 800 labels: E[g̃], g, g̃, and E[g̃] if wrong labels are drawn
    from wrong ones. The mean of gradients is the gradient on the mean label."""
    study, law = digits([0], 0.4), symmetric_noise(0.4, 10)
    network, train = study.networks.member(0), study.train
    log_p = network(train.x[train.rows[0]]).log_softmax(-1)
    given, true = train.y[0], train.true[0]
    labels = law[true], torch.eye(10)[true], torch.eye(10)[given], law[given]
    weights = [*network.parameters()]
    losses = [-(label * log_p).sum(-1).mean() for label in labels]
    parts = [torch.autograd.grad(loss, weights, retain_graph=True) for loss in losses]
    return tuple(torch.cat([g.flatten() for g in part]).double() for part in parts)


def check_43_1(answer: object) -> str:
    """The mean of the gradients on 400 draws of the labels."""
    expected, clean, noisy, twice = gradients_of_the_page()
    wanted = "the mean of 400 gradients is wanted, a tensor of 4810 numbers"
    found = tensor(answer, tuple(expected.shape), wanted=wanted).double()

    def away(mean: Tensor, exact: Tensor = expected) -> float:
        return ((mean - exact).norm() / expected.norm()).item()

    miss = away(found)
    if NEAR[0] <= miss <= NEAR[1]:
        return (
            f"It misses E[g̃] by {miss:.1%} of its length. One draw misses by √400 = 20 times that: "
            "this is q, and training has one draw only."
        )
    refuse(miss < NEAR[0], "nearer to drift + pull than 400 draws come: average drawn gradients.")
    refuse(away(found / 400) <= NEAR[1], "this is the sum of 400 gradients, not their mean.")
    refuse(away(-found) <= NEAR[1], "the size is right, the sign is not: the gradient, not −g̃.")
    of_q = NEAR[0] <= away(found + expected) <= NEAR[1]
    refuse(of_q, "this is the mean of q alone: add drift and pull.")
    refuse(away(found, clean) < 0.1, "this is g, the gradient on the true labels: draw wrong ones.")
    refuse(away(found, noisy) < 0.1, "this is g̃ on `given`, one draw: draw new labels each time.")
    refuse(away(found, twice) < 0.1, "drawn from `given` labels are wrong twice: flip `true`.")
    refuse(
        0.2 < miss < 0.6,
        "about as far from drift + pull as a single draw: are labels drawn anew in each round?",
    )
    raise Hint(
        f"it misses drift + pull by {miss:.2g} of its length, 400 draws miss by about 0.02: average "
        "over all draws, at the start weights of `network`."
    )


@function(
    at=[
        (0.5, 1.0, 0.0, 0.02, 0.5, 0.05),
        (0.5, 1.0, 3.0, 0.2, 0.3, 0.05),
        (2.0, -1.0, 1.0, 0.5, 0.8, 0.1),
    ],
    rtol=1e-4,
    otherwise="for s = 1 it must be Eq. 3, for s = 0 the minimum b/h.",
    means="A ridge with ps in place of p: in the mean, resets half way are full resets half as often.",
)
def check_43_2(h: float, b: float, c: float, p: float, s: float, lr: float) -> Table:
    """Stationary mean along one axis with resets that lead a fraction s of the way back."""

    def mean(pull: float, c: float = c) -> float:
        return (b + pull * c) / (h + pull)

    def ridge(p: float) -> float:
        return p / ((1 - p) * lr)

    yield mean(ridge(p * s))
    yield mean(ridge(p)), "right for full resets, s = 1."
    yield mean(s * ridge(p)), "right for rare resets: a reset keeps 1 − s of θ, so not 1 − p below."
    yield mean(p * s / lr), "right for rare resets: what is kept of θ, 1 − ps, belongs below."
    yield (
        mean(ridge(p * (1 - s))),
        "s is the way back: for s = 1 the reset is full, for 0 there is none.",
    )
    yield mean(ridge(p * s), 0.0), "right if the checkpoint is zero: where does s θ_c come in?"
    yield mean(ridge(p * s) * lr), "λ is compared with a curvature: a step moves by lr·h, not by h."
    yield b / h, "this is the minimum: without resets."


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
            "nothing happened: was the momentum copied when `remember` was called? `state_dict()` "
            "hands out the buffer itself, which goes on changing. Compare the data_ptr() of both.",
        )
        other = not torch.equal(found, then)
        refuse(
            other and again,
            "right once, wrong the second time: `load_state_dict` does not copy either, so "
            "your saved state became the optimizer's own.",
        )
        refuse(other, "what came back is not the momentum of the checkpoint.")
    return "A copy when saving, and a copy when loading. A reset without them resets nothing."


# Mean cosine of clean gradient and latent bias in matrix sensing after 500 steps: −0.970 ± 0.003.
check_43_4 = measured(
    (-0.982, -0.957),
    ((-1, -0.982), "too near −1: was the cosine taken before the mean, of weights with `ema=0`?"),
    ((-0.957, -0.3), "not there yet: have these been 500 steps of `SGD`, with the lr given?"),
    ((-0.08, -0.045), "as small as a scalar product: is it divided by both norms?"),
    (
        (-0.045, 0.045),
        "as at the start, where g knows nothing of the noise: has `fit` made all 500 steps?",
    ),
    ((0.045, 0.4), "a cosine with the sum g̃, perhaps: `gradients` returns g and the bias."),
    ((0.957, 0.982), "the sign: the bias is g̃ − g, as `gradients` returns it, and g̃ is nearly 0."),
    ((-inf, -1), "a cosine lies between −1 and 1: divide by both norms."),
    ((1, inf), "a cosine lies between −1 and 1: divide by both norms."),
    otherwise="the mean over 24 problems of cos(g, bias) is wanted, after 500 steps.",
    means="{:.2f}: g and bias nearly cancel. Where g̃ = 0 the noisy loss is at rest, while g is not "
    "zero: it still points to the truth.",
)
