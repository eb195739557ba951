"""Right and wrong answers to the exercises of notebook 42."""

from functools import partial
from typing import Any

import torch
from scipy.stats import t as student
from torch import Tensor

Weights = dict[str, Tensor]


def true_accuracy(noisy: float, noise_rate: float, n_classes: int) -> float:
    by_luck = noise_rate / (n_classes - 1)
    return (noisy - by_luck) / (1 - noise_rate - by_luck)


def rows(who: Tensor, t: Tensor) -> Tensor:
    return who.reshape(-1, *[1] * (t.ndim - 1))


def reset(weights: Weights, checkpoint: Weights, who: Tensor) -> Weights:
    return {k: torch.where(rows(who, t), checkpoint[k], t) for k, t in weights.items()}


def others(weights: Weights, checkpoint: Weights, who: Tensor) -> Weights:
    return reset(weights, checkpoint, ~who)


def everybody(weights: Weights, checkpoint: Weights, who: Tensor) -> Weights:
    return {k: t.clone() for k, t in checkpoint.items()}


def shared(weights: Weights, checkpoint: Weights, who: Tensor) -> Weights:
    return dict(checkpoint) if who.all() else reset(weights, checkpoint, who)


def without_biases(weights: Weights, checkpoint: Weights, who: Tensor) -> Weights:
    return weights | {"0/weight": reset(weights, checkpoint, who)["0/weight"]}


def first_ones(weights: Weights, checkpoint: Weights, who: Tensor) -> Weights:
    return reset(weights, checkpoint, who.sort(descending=True).values)


def half_a_member(weights: Weights, checkpoint: Weights, who: Tensor) -> Weights:
    found = {k: t.clone() for k, t in weights.items()}
    for k, t in found.items():
        t[who, 0] = checkpoint[k][who, 0]
    return found


def paired(method: Tensor, baseline: Tensor) -> tuple[float, float]:
    d = method - baseline
    return d.mean().item(), (student.ppf(0.975, len(d) - 1) * d.std() / len(d) ** 0.5).item()


def factor(method: Tensor, level: float = 0.975) -> float:
    return float(student.ppf(level, len(method) - 1))


def unpaired(method: Tensor, baseline: Tensor) -> tuple[float, float]:
    error = ((method.var() + baseline.var()) / len(method)) ** 0.5
    return (method.mean() - baseline.mean()).item(), factor(method) * error.item()


def times(t: float, method: Tensor, baseline: Tensor, n: int = 0) -> tuple[float, float]:
    d = method - baseline
    return d.mean().item(), t * d.std().item() / (n or len(d)) ** 0.5


def spread(method: Tensor, baseline: Tensor) -> tuple[float, float]:
    gain, half = paired(method, baseline)
    return gain, half * len(method) ** 0.5


def biased(method: Tensor, baseline: Tensor) -> tuple[float, float]:
    gain, half = paired(method, baseline)
    return gain, half * (1 - 1 / len(method)) ** 0.5


def ends(method: Tensor, baseline: Tensor) -> tuple[float, float]:
    gain, half = paired(method, baseline)
    return gain - half, gain + half


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "42.1": (
        true_accuracy,
        [
            (lambda noisy, tau, C: noisy / (1 - tau), "agrees with a wrong label"),
            (lambda noisy, tau, C: (1 - tau) * noisy + tau * (1 - noisy) / (C - 1), "way back"),
            (lambda noisy, tau, C: (noisy - tau / C) / (1 - tau), "C − 1, not C"),
            (lambda noisy, tau, C: noisy, "unchanged"),
            (lambda noisy, tau, C: (noisy - tau / (C - 1)) / (1 - tau), "stands twice"),
            (
                lambda noisy, tau, C: (noisy - tau / (C - 1)) / (1 - tau + tau / (C - 1)),
                "lowers the slope",
            ),
            (lambda noisy, tau, C: true_accuracy(noisy, tau, 10), "ten digits alone"),
            (lambda noisy, tau, C: 100 * true_accuracy(noisy, tau, C), "per cent"),
            (lambda noisy, tau, C: 0.5, "a perfect network"),
        ],
    ),
    "42.2": (
        lambda G, p: (1 / p - 1) * (1 / G - 1),
        [
            (lambda G, p: (1 - G) / (p * G), "that is Eq. 2"),
            (lambda G, p: (1 - G) / (p * G * (1 - p)), "upside down"),
            (lambda G, p: ((1 - p) - G) / (p * G), "length of an excursion"),
            (lambda G, p: (1 - G) / p, "how long one excursion lasts"),
            (lambda G, p: 1 / G - 1, "how many excursions"),
            (lambda G, p: G / (1 - p), "the probability that"),
            (lambda G, p: 1 / G, "both orders must agree"),
        ],
    ),
    "42.3": (
        reset,
        [
            (everybody, "everybody was reset"),
            (others, "the wrong ones"),
            (shared, "share memory"),
            (half_a_member, "as a whole"),
            (without_biases, "in 0/bias nobody"),
            (first_ones, "keeps its weights"),
            (lambda weights, checkpoint, who: weights, "in 0/weight nobody"),
            (lambda weights, checkpoint, who: who, "a dict"),
        ],
    ),
    "42.4": (
        paired,
        [
            (unpaired, "share their seeds"),
            (partial(times, 1.96), "known spread"),
            (partial(times, 1.0), "one standard error"),
            (lambda a, b: times(factor(a, 0.95), a, b), "on each side"),
            (partial(times, 2.0687), "fewer have a larger one"),
            (partial(times, 2.07, n=24), "24 seeds alone"),
            (spread, "single seeds"),
            (biased, "n − 1"),
            (lambda a, b: (paired(a, b)[0], 2 * paired(a, b)[1]), "whole width"),
            (lambda a, b: (-paired(a, b)[0], paired(a, b)[1]), "not the other way round"),
            (lambda a, b: paired(a, b)[::-1], "in the other order"),
            (ends, "ends of the interval"),
            (lambda method, baseline: (0.0, 1.0), "mean of the differences"),
        ],
    ),
    "42.5": (
        1.267,
        [
            (0.0, "the largest of six is not"),
            (1.0, "one standard deviation"),
            (1.893, "very many"),
            (0.645, "spread of the largest"),
            (0.2587, "the largest is chosen"),
            (1.163, "the largest of five"),
            (1.352, "the largest of seven"),
            (2.2, "simulate"),
        ],
    ),
}
