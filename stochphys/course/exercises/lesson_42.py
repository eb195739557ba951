"""Exercises of 42 SGD as a search."""

from functools import partial

import torch
from scipy.stats import t as student
from torch import Tensor

from ...device import make_generator
from ..studies.digits import paired_gain
from .grading import Hint, Table, evaluate, function, number, refuse


@function(
    at=[(0.6, 0.4, 10), (0.52, 0.4, 10), (0.5, 0.2, 2), (0.35, 0.6, 100)],
    otherwise="a perfect network has the noisy accuracy 1 − τ, one that guesses has 1/C.",
    means="The way back divides by 1 − τC/(C − 1) = 0.556: so does it multiply an error bar by 1.8. "
    "300 noisy labels tell the true accuracy to ± 5 points. Two networks are judged on the same "
    "images, so their difference is known better.",
)
def check_42_1(noisy: float, tau: float, C: float) -> Table:
    """True accuracy from the accuracy on noisy labels."""
    by_luck, lone = tau / (C - 1), noisy / (1 - tau)
    yield (noisy - by_luck) / (1 - tau - by_luck)
    yield lone, "a wrong answer also agrees with a wrong label at times: (1 − a)τ/(C − 1) of them."
    forth, replaced = (1 - tau) * noisy + by_luck * (1 - noisy), (noisy - tau / C) / (1 - tau)
    yield forth, "this goes from the true accuracy to the noisy one; the way back is wanted."
    yield replaced, "the other labels are C − 1, not C: a label is never replaced by itself."
    yield (
        noisy,
        "this is the accuracy on noisy labels, unchanged; even a perfect network has only 1 − τ there.",
    )
    by_truth = (noisy - by_luck) / (1 - tau)
    yield by_truth, "in Eq. 1 acc stands twice: its slope is 1 − τ − τ/(C − 1), not 1 − τ."
    yield (
        (noisy - by_luck) / (1 - tau + by_luck),
        "1 − acc lowers the slope of Eq. 1: τ/(C − 1) is taken from 1 − τ, not added.",
    )
    yield (
        (noisy - tau / 9) / (1 - tau - tau / 9),
        "9 is C − 1 for ten digits alone; the function is given n_classes.",
    )
    yield (
        100 * (noisy - by_luck) / (1 - tau - by_luck),
        "this is in per cent; a fraction is wanted.",
    )


@function(
    at=[(0.2, 0.1), (0.05, 0.5), (0.6, 0.01)],
    otherwise="for p → 0 both orders must agree; each excursion lasts (1 − ⟨zᵀ⟩)/p on average.",
    means="Shorter by 1 − p. At p = 1 it is 1/P(T = 1): one-step excursions, again and again.",
)
def check_42_2(G: float, p: float) -> Table:
    """Mean search time if the look comes before the coin."""
    first = (1 - G) / (p * G)  # the coin first
    late, long = first / (1 - p), (1 - p) * (1 - G / (1 - p)) / (p * G)
    yield (1 - p) * first
    yield (
        first,
        "that is Eq. 2, where a reset in the step of arrival hides it. Now a hit at T needs "
        "no reset in the T − 1 steps before.",
    )
    yield (
        (1 - G) / G,
        "this is how many excursions of Eq. 2 end by a reset; wanted are the steps that all take.",
    )
    yield G / (1 - p), "this is the probability that an excursion arrives; how long does it last?"
    yield late, "upside down: who is looked at before the coin arrives more often, not less."
    yield (
        long,
        "the length of an excursion has not changed: it ends with the step of arrival or with that of "
        "the reset, whichever comes first.",
    )
    yield (1 - G) / p, "this is how long one excursion lasts; how many does it take to arrive?"


def check_42_3(answer: object) -> str:
    """A reset of some members of an ensemble."""
    generator = make_generator(423)
    weights = {
        "0/weight": torch.randn(4, 3, 2, generator=generator),
        "0/bias": torch.randn(4, 3, generator=generator),
    }
    checkpoint = {name: torch.randn(t.shape, generator=generator) for name, t in weights.items()}
    before = {name: t.clone() for name, t in checkpoint.items()}
    who = torch.tensor([True, False, False, True])
    same = partial(torch.allclose, atol=1e-6)
    for mask in (who, torch.ones(4, dtype=torch.bool)):
        found = evaluate(answer, {k: t.clone() for k, t in weights.items()}, checkpoint, mask)
        if not isinstance(found, dict) or found.keys() != weights.keys():
            raise Hint("a dict with the names of `weights` is wanted.")
        for name, w in weights.items():
            refuse(not isinstance(found[name], Tensor), f"{name} should be a tensor.")
            value = found[name].detach().to(w.dtype)
            shape, given = tuple(w.shape), tuple(value.shape)
            refuse(given != shape, f"{name} should keep its shape {shape}; yours has {given}.")
            rows = mask.reshape(-1, *[1] * (w.ndim - 1))
            refuse(same(value, w), f"in {name} nobody was reset.")
            if not mask.all() and same(value, before[name]):
                raise Hint("everybody was reset; only members with who = True go back.")
            if same(value, torch.where(rows, w, before[name])):
                raise Hint("the wrong ones were reset: those with who = False.")
            refuse(not same(value[~mask], w[~mask]), "who = False keeps its weights, all of them.")
            if not same(value[mask], before[name][mask]):
                raise Hint("a member goes back as a whole: who = True gets all of the checkpoint.")
            value += 1.0  # the next step of SGD, in place
        refuse(
            any(not torch.equal(checkpoint[name], before[name]) for name in before),
            "the next step moves your checkpoint: weights and checkpoint share memory. Copy.",
        )
    return (
        "With who drawn at each step it is `Resetting`. With who all True after each step nothing "
        "moves: early stopping."
    )


GENERATOR = make_generator(424)
LUCK = 3 * torch.randn(24, generator=GENERATOR, dtype=torch.float64)
BASELINE = 85 + LUCK
METHOD = 86 + LUCK + 0.8 * torch.randn(24, generator=GENERATOR, dtype=torch.float64)
HALF = paired_gain(METHOD, BASELINE).half
UNPAIRED = 2.0687 * ((METHOD.var() + BASELINE.var()) / 24).item() ** 0.5


@function(
    at=[(METHOD, BASELINE), (METHOD[:8], BASELINE[:8])],
    rtol=1e-3,
    otherwise="mean of the differences, and t(0.975, n − 1) times their std over √n.",
    means=f"± {HALF:.1f} points, and ± {UNPAIRED:.1f} if one forgets that the seeds are paired.",
)
def check_42_4(method: Tensor, baseline: Tensor) -> Table:
    """Paired gain and half width of its 95 % interval."""
    n, (gain, half) = len(method), paired_gain(method, baseline)
    error = (method - baseline).std().item() / n**0.5
    t, one_sided = student.ppf((0.975, 0.95), n - 1)
    yield gain, half
    for wrong, hint in (
        (
            t * ((method.var() + baseline.var()) / n).item() ** 0.5,
            "this forgets that both share their seeds. Take the difference seed by seed first.",
        ),
        (1.96 * error, "1.96 is for a known spread; with 24 seeds Student's t has 2.07."),
        (
            one_sided * error,
            "t(0.95) leaves 5 % on each side of the interval; wanted are 2.5 %.",
        ),
        (
            t * error * n**0.5,
            "this is the spread of single seeds; that of their mean is √n times less.",
        ),
        (error, "one standard error; a 95 % interval has t times that."),
        (
            half * (1 - 1 / n) ** 0.5,
            "numpy's std divides by n; with the mean from the same data it is n − 1 (ddof=1).",
        ),
        (2 * half, "that is the whole width; half of it is wanted."),
        (
            2.0687 * error * (n / 24) ** 0.5,
            "right for 24 seeds alone: take n, and with it t, from the tensors given.",
        ),
        (2.0687 * error, "2.07 is Student's t for 24 seeds; fewer have a larger one."),
    ):
        yield (gain, wrong), hint
    yield (-gain, half), "the gain is method minus baseline, not the other way round."
    yield (half, gain), "both are right, in the other order: (gain, half)."
    ends = (gain - half, gain + half)
    yield ends, "those are the ends of the interval; its middle and half its width are wanted."


# What the best of six gains is on average where none is there.
check_42_5 = number(
    1.2672,
    (0.0, "each of the six is 0 on average; the largest of six is not."),
    (0.6449, "that is the spread of the largest; its mean is wanted."),
    (1.0, "that is one standard deviation; draw six numbers a few times."),
    (1.8930, "√(2 ln n) is for very many; six are not many."),
    (1.1630, "that is the largest of five; there are six."),
    (1.3522, "that is the largest of seven; the gain of no resets is not among the six."),
    (
        1.2672 / 24**0.5,
        "this divides by √24, but a mean over seeds stays: in each seed the largest is chosen.",
    ),
    rtol=0.02,
    otherwise="simulate: the mean of the largest of six standard normal numbers.",
    means="A method that does nothing gains 1.27 standard deviations, whatever the number of seeds, "
    "and its paired interval does not hold zero.",
)
