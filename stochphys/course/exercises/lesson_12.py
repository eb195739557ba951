"""Exercises of 12 How sure are we."""

from collections.abc import Callable
from math import inf

import torch
from torch import Tensor

from ...device import make_generator
from ..studies.doubtful_networks import BayesianMLP
from .grading import Hint, Table, evaluate, function, refuse, tensor


@function(
    at=[(100, 4.0, 2.0, 1.0), (100, 4.0, 2.0, 0.1), (10, 1.0, 0.5, 3.0), (1, 90.0, 0.7, 1.0)],
    otherwise="minimise over σ: n σ²/(2v) + β[σ²/(2s²) − ln σ]; without labels σ = s.",
    means="β = 0.1 is the posterior of ten times as many labels; v = 1 is that of v times as many.",
)
def check_12_1(n: float, v: float, s: float, beta: float) -> Table:
    """Std of a constant from n labels of variance v, prior variance s², KL of weight β."""
    yield (n / (beta * v) + 1 / s**2) ** -0.5
    yield (
        (n / v + 1 / s**2) ** -0.5,
        "right for β = 1; divide what is minimised by β: where does it go?",
    )
    unit, inverse = (n / beta + 1 / s**2) ** -0.5, (n * beta / v + 1 / s**2) ** -0.5
    yield unit, "this is the answer for unit variance; each label carries 1/v."
    yield inverse, "upside down: a small β cools, as if there were more labels."
    yield 1 / (n / (beta * v) + 1 / s**2), "this is the variance; the std is its root."
    yield (
        (n / (beta * v**2) + 1 / s**2) ** -0.5,
        "v is the variance of a label, not its std: each carries 1/v.",
    )
    yield (n / (beta * v)) ** -0.5, "the prior is missing: it adds its precision, 1/s²."
    yield (n / (beta * v) + 1 / s) ** -0.5, "s is the std of the prior; its precision is 1/s²."


def check_12_2(answer: object) -> str:
    """A function that tells whether a loss lets its KL pull, tried on losses of our own."""
    generator = make_generator(122)
    x, y = torch.randn(2, 64, 1, generator=generator)
    network = BayesianMLP((1, 8, 1), generator=generator)

    def said(kl: Callable[[BayesianMLP], Tensor | float], misfit: float = 1.0) -> bool:
        """What the answer says of a loss with a KL that is written in this way."""

        def loss(network: BayesianMLP, kl_weight: float) -> Tensor:
            return misfit * (network(x) - y).square().mean() + kl_weight * kl(network)

        found = evaluate(answer, loss, network)
        if not isinstance(found, (bool, Tensor)) and found not in (0, 1):
            raise Hint("return True or False.")
        return bool(found)

    live = BayesianMLP.kl
    refuse(not said(live), "you call a KL with a gradient dead; compare gradients for two weights.")
    if said(lambda network: 0):
        raise Hint(
            "a loss without any KL passes your test. Compare two gradients, of two weights of the KL, "
            "each after `zero_grad` and from the same seed: what differs comes from the KL."
        )
    refuse(
        said(lambda network: 0, misfit=1e6),
        "a large misfit passes your test: its gradient does not depend on the weight of the KL.",
    )
    if said(lambda network: live(network).item()):
        raise Hint("a KL turned into a number by `.item()` passes your test.")
    if said(lambda network: live(network).detach()):
        raise Hint("`.detach()` cuts the gradient as `.item()` does; test it, not the text.")
    if not said(lambda network: 1e-5 * live(network)):
        raise Hint("you miss a weak pull; the weight is yours: make it large.")
    for name, _ in network.named_parameters():

        def one(network: BayesianMLP, name: str = name) -> Tensor:
            return (network.get_parameter(name) - 1).square().sum()

        if not said(one):
            raise Hint(f"you miss a term that pulls on `{name}` alone: compare all gradients.")
    refuse(not said(live, misfit=0.0), "a loss that is all KL must pass.")
    return "Run such a test on every term of a loss of your own: a term that does nothing looks harmless."


def check_12_3(answer: object) -> str:
    """Indices of a bootstrap, `(members, n)`."""
    members, n = 6, 5000
    index, again = (
        tensor(evaluate(answer, members, n, make_generator(123)), (members, n)) for _ in range(2)
    )
    if index.is_floating_point() or index.min() < 0 or index.max() >= n:
        raise Hint(f"integers from 0 to {n - 1} are wanted.")
    distinct = [len(row.unique()) / n for row in index]
    if min(distinct) == 1:
        raise Hint("each member sees each label once: that is a shuffle. Draw with replacement.")
    if (index.diff(dim=1) == 1).double().mean() > 0.1:  # 1/n by chance
        raise Hint("these are blocks of neighbours; here each label is drawn by itself.")
    first, *rest = index
    if any((row == first).all() for row in rest):
        raise Hint("all members have drawn the same labels: they share their luck again.")
    if any((row.sort().values == first.sort().values).all() for row in rest):
        raise Hint("all members hold the same labels, in another order: each must draw anew.")
    if any(len(((row - first) % n).unique()) < n / 4 for row in rest):
        raise Hint("each member holds the draw of the first, shifted: each must draw anew.")
    # A label is missed with probability (1 − 1/n)ⁿ = 1/e; the fraction scatters by 0.31/√n.
    refuse(
        any(abs(fraction - 0.632) > 0.03 for fraction in distinct),
        f"{min(distinct):.0%} of the labels are seen; with replacement from all n it is 63 %.",
    )
    few = tensor(evaluate(answer, 400, 5, make_generator(124)), (400, 5))
    for label in (0, 4):  # missed 2000 times by chance: 0.8^2000
        if label not in few:
            raise Hint(f"of n = 5 labels that at {label} is never drawn; indices run from 0 to 4.")
    if not torch.equal(index, again):
        raise Hint("the same seed gives other numbers: pass the generator on to torch.randint.")
    return "Each member sees 63 % of the labels, some of them twice: a film that could have been."


def check_12_4(answer: object) -> str:
    """By which factors the std of dropout and that of regression grow when nine tenths of the data go."""
    dropout, regression = tensor(answer, (2,)).tolist()
    if not (0 < dropout < inf and 0 < regression < inf):
        raise Hint("both factors must be positive and finite.")
    few, even = 2.0 <= regression <= 5.0, 0.6 <= dropout <= 1.8
    refuse(
        abs(regression - 10**0.5) < 0.05,
        "√10 is what one expects; fit both and divide: on one film it comes out near that, not at it.",
    )
    refuse(few and not even, "that of dropout is off: fit both times the same DropoutNetwork.")
    if few:
        return (
            f"{dropout:.1f} instead of √10 = 3.2: the width of dropout comes from p and the size of the "
            f"weights, hardly from the data; that of regression grows {regression:.1f} times."
        )
    refuse(2 <= dropout <= 5 and 0.6 <= regression <= 1.8, "first the factor of dropout, please.")
    refuse(even and regression > 5, "this is the factor of the variance; the std is its root.")
    if 0.75 <= dropout <= 1.6 and 0.2 <= regression <= 0.5:
        raise Hint("upside down: divide the std with few labels by that with all of them.")
    raise Hint(
        "for each method divide the mean std over `inside`, where the data are, of the fit to the first "
        "2000 labels by that of the fit to all; for regression the ratio is near √10."
    )
