"""Exercises of 12 How sure are we."""

from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn

from ...device import make_generator
from ...models.networks import BayesianMLP
from .grading import Hint, evaluate, function


def check_12_1(answer: Any) -> str:
    """Std of a constant from n labels of variance v, prior variance s², KL of weight β."""
    function(
        answer,
        lambda n, v, s, beta: (n / (beta * v) + 1 / s**2) ** -0.5,
        at=[(100, 4.0, 2.0, 1.0), (100, 4.0, 2.0, 0.1), (10, 1.0, 0.5, 3.0), (0, 1.0, 0.7, 1.0)],
        wrong={
            lambda n, v, s, beta: (n / v + 1 / s**2) ** -0.5: (
                "right for β = 1; where does β enter, divide −L by it."
            ),
            lambda n, v, s, beta: (n / beta + 1 / s**2) ** -0.5: (
                "this is the answer for unit variance; each label carries 1/v."
            ),
            lambda n, v, s, beta: (n * beta / v + 1 / s**2) ** -0.5: (
                "upside down: a small β cools, as if there were more labels."
            ),
            lambda n, v, s, beta: 1 / (n / (beta * v) + 1 / s**2): (
                "this is the variance; the std is its root."
            ),
            lambda n, v, s, beta: (n / (beta * v) + 1 / s) ** -0.5: (
                "s is the std of the prior; its precision is 1/s²."
            ),
        },
        otherwise="minimise over σ: n σ²/(2v) + β[σ²/(2s²) − ln σ]; without labels σ = s.",
    )
    return "β = 0.1 is the posterior of ten times as many labels; v = 1 is that of v times as many."


def check_12_2(answer: Any) -> str:
    """A function that tells whether a loss lets its KL pull, tried on losses of our own."""
    generator = make_generator(122)
    x, y = torch.randn(2, 64, 1, generator=generator)
    network = BayesianMLP((1, 8, 1), generator=generator)

    def misfit(network: nn.Module) -> Tensor:
        return (network(x) - y).square().mean()

    def live(network: BayesianMLP, kl_weight: float) -> Tensor:
        return misfit(network) + kl_weight * network.kl()

    def dead(network: BayesianMLP, kl_weight: float) -> Tensor:
        return misfit(network) + kl_weight * network.kl().item()

    def detached(network: BayesianMLP, kl_weight: float) -> Tensor:
        return misfit(network) + kl_weight * network.kl().detach()

    def absent(network: BayesianMLP, kl_weight: float) -> Tensor:
        return misfit(network)

    def gentle(network: BayesianMLP, kl_weight: float) -> Tensor:
        return misfit(network) + 1e-3 * kl_weight * network.kl()

    def noiseless(network: BayesianMLP, kl_weight: float) -> Tensor:
        return kl_weight * network.kl()

    for loss, pulls, hint in (
        (live, True, "you call a KL with a gradient dead; compare gradients for two weights."),
        (absent, False, "a loss without any KL passes your test: the noise of each call is new."),
        (dead, False, "a KL turned into a number by `.item()` passes your test."),
        (
            detached,
            False,
            "`.detach()` cuts the gradient as `.item()` does; test it, not the text.",
        ),
        (gentle, True, "you miss a weak pull; the weight is yours: make it large."),
        (noiseless, True, "a loss that is all KL must pass."),
    ):
        found = evaluate(answer, loss, network)
        if not isinstance(found, (bool, torch.Tensor)) and found not in (0, 1):
            raise Hint("return True or False.")
        if bool(found) != pulls:
            raise Hint(hint)
    return "A test of one line; with it the published code would never have been released."


def check_12_3(answer: Any) -> str:
    """Indices of a bootstrap, `(members, n)`."""
    members, n = 6, 5000
    index = torch.as_tensor(evaluate(answer, members, n, make_generator(123)))
    if index.shape != (members, n):
        raise Hint(f"the shape should be {(members, n)}, yours is {tuple(index.shape)}.")
    if index.is_floating_point() or index.min() < 0 or index.max() >= n:
        raise Hint(f"integers from 0 to {n - 1} are wanted.")
    distinct = [len(row.unique()) / n for row in index]
    if min(distinct) == 1:
        raise Hint("each member sees each label once: that is a shuffle. Draw with replacement.")
    if any((row == index[0]).all() for row in index[1:]):
        raise Hint("all members have drawn the same labels: they share their luck again.")
    # A label is missed with probability (1 − 1/n)ⁿ = 1/e; the fraction scatters by 0.31/√n.
    if any(abs(fraction - 0.632) > 0.03 for fraction in distinct):
        raise Hint(
            f"{min(distinct):.0%} of the labels are seen; with replacement from all n it is 63 %."
        )
    again = torch.as_tensor(evaluate(answer, members, n, make_generator(123)))
    if not torch.equal(index, again):
        raise Hint("the same seed gives other numbers: pass the generator on to torch.randint.")
    return "Each member sees 63 % of the labels, some of them twice: a film that could have been."


def check_12_4(answer: Any) -> str:
    """By which factor the std of dropout grows when nine tenths of the data are taken away."""
    try:
        value = float(answer)
    except (TypeError, ValueError):
        raise Hint(f"a number is wanted here, you gave {type(answer).__name__}.") from None
    if not isfinite(value) or value <= 0:
        raise Hint("the answer must be positive and finite.")
    if 1.8 < value < 5:
        raise Hint(
            "about √10: this is what an honest posterior does (try LaplaceNetwork); measure dropout."
        )
    if value > 5:
        raise Hint("too large: is it a ratio of mean stds, few data over many?")
    if value < 0.4:
        raise Hint("upside down: few data over many.")
    return (
        f"{value:.1f} instead of √10 = 3.2: the width comes from p and the size of the weights, hardly "
        "from the data."
    )
