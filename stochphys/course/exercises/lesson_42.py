"""Exercises of 42 SGD as a search."""

from functools import partial
from typing import Any

import numpy as np
import torch

from ...device import make_generator
from ..studies.digits import paired_gain
from .grading import Hint, evaluate, function, number


def check_42_1(answer: Any) -> str:
    """True accuracy from the accuracy on noisy labels."""
    function(
        answer,
        lambda noisy, tau, C: (noisy - tau / (C - 1)) / (1 - tau * C / (C - 1)),
        at=[(0.6, 0.4, 10), (0.52, 0.4, 10), (0.5, 0.2, 2), (0.35, 0.6, 100)],
        wrong={
            lambda noisy, tau, C: noisy / (1 - tau): (
                "a wrong answer also agrees with a wrong label at times: (1 − a)τ/(C − 1) of them."
            ),
            lambda noisy, tau, C: (1 - tau) * noisy + tau / (C - 1) * (1 - noisy): (
                "this goes from the true accuracy to the noisy one; the way back is wanted."
            ),
            lambda noisy, tau, C: (noisy - tau / C) / (1 - tau): (
                "the other labels are C − 1, not C: a label is never replaced by itself."
            ),
        },
        otherwise="a perfect network has the noisy accuracy 1 − τ, one that guesses has 1/C.",
    )
    return (
        "The way back divides by 1 − τC/(C − 1) = 0.556: so does it multiply an error bar by 1.8. "
        "300 noisy labels tell the true accuracy to ± 5 points. Two networks are judged on the same "
        "images, so their difference is known better."
    )


def check_42_2(answer: Any) -> str:
    """Mean search time if the look comes before the coin."""
    function(
        answer,
        lambda G, p: (1 - p) * (1 - G) / (p * G),
        at=[(0.2, 0.1), (0.05, 0.5), (0.6, 0.01)],
        wrong={
            lambda G, p: (1 - G) / (p * G): (
                "that is Eq. 2, where a reset in the step of arrival hides it. Now a hit at T needs "
                "no reset in the T − 1 steps before."
            ),
            lambda G, p: (1 - G) / (p * G * (1 - p)): (
                "upside down: who is looked at before the coin arrives more often, not less."
            ),
            lambda G, p: (1 - p) * (1 - G / (1 - p)) / (p * G): (
                "the length of an excursion has not changed: min(T, R) counts the step of arrival."
            ),
        },
        otherwise="for p → 0 both orders must agree; each excursion lasts (1 − ⟨zᵀ⟩)/p on average.",
    )
    return "Shorter by 1 − p. At p = 1 it is 1/P(T = 1): one-step excursions, again and again."


def check_42_3(answer: Any) -> str:
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
            value = torch.as_tensor(found[name]).to(w.dtype)
            if value.shape != w.shape:
                raise Hint(
                    f"{name} should keep its shape {tuple(w.shape)}; yours has {tuple(value.shape)}."
                )
            if same(value, w):
                raise Hint("nobody was reset.")
            if not mask.all() and same(value, before[name]):
                raise Hint("everybody was reset; only members with who = True go back.")
            rows = mask.reshape(-1, *[1] * (w.ndim - 1))
            if same(value, torch.where(rows, w, before[name])):
                raise Hint("the wrong ones were reset: those with who = False.")
            if not same(value, torch.where(rows, before[name], w)):
                raise Hint("a member goes back as a whole: the mask belongs to the first axis.")
            value += 1.0  # the next step of SGD, in place
        if any(not torch.equal(checkpoint[name], before[name]) for name in before):
            raise Hint(
                "the next step moves your checkpoint: weights and checkpoint share memory. Copy."
            )
    return (
        "With who drawn at each step it is `Resetting`. With who all True after each step nothing "
        "moves: early stopping."
    )


def check_42_4(answer: Any) -> str:
    """Paired gain and half width of its 95 % interval."""
    generator = make_generator(424)
    luck = 3 * torch.randn(24, generator=generator, dtype=torch.float64)
    baseline = 85 + luck
    method = 86 + luck + 0.8 * torch.randn(24, generator=generator, dtype=torch.float64)
    value = evaluate(answer, method, baseline)
    gain, half = paired_gain(method, baseline)
    d = (method - baseline).numpy()
    unpaired = 2.0687 * ((method.var() + baseline.var()) / 24).item() ** 0.5
    number(
        np.asarray([float(v) for v in value]) if isinstance(value, tuple | list) else value,
        (gain, half),
        rtol=1e-3,
        wrong={
            (gain, unpaired): (
                "this treats the two as strangers. Take the difference seed by seed first."
            ),
            (gain, 1.96 * d.std(ddof=1) / 24**0.5): (
                "1.96 is for a known spread; with 24 seeds Student's t has 2.07."
            ),
            (gain, 2.0687 * d.std(ddof=1)): (
                "this is the spread of single seeds; that of their mean is √24 times less."
            ),
            (gain, d.std(ddof=1) / 24**0.5): (
                "one standard error; a 95 % interval has t times that."
            ),
            (gain, half * (23 / 24) ** 0.5): (
                "numpy's std divides by n; with the mean from the same data it is n − 1 (ddof=1)."
            ),
            (gain, 2 * half): "that is the whole width; half of it is wanted.",
            (gain - half, gain + half): (
                "those are the ends of the interval; its middle and half its width are wanted."
            ),
        },
        otherwise="mean of the differences, and t(0.975, n − 1) times their std over √n.",
    )
    return f"± {half:.1f} points, and ± {unpaired:.1f} if one forgets that the seeds are paired."


def check_42_5(answer: Any) -> str:
    """What the best of six gains is on average where none is there."""
    number(
        answer,
        1.2672,
        rtol=0.02,
        wrong={
            0.0: "each of the six is 0 on average; the largest of six is not.",
            1.0: "that is one standard deviation; draw six numbers a few times.",
            1.8930: "√(2 ln n) is for very many; six are not many.",
            1.2672 / 24**0.5: "the mean over seeds does not help: each seed picks its own luck.",
        },
        otherwise="simulate: the mean of the largest of six standard normal numbers.",
    )
    return (
        "A method that does nothing gains 1.27 standard deviations, whatever the number of seeds: "
        "the paired interval would swear to it."
    )
