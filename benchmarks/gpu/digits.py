"""The study of the digits, 168 networks in one pass: a step against one on the processor, and the
gain from resets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter

import torch

from stochphys.course.studies.digits import STEPS, paired_gain, study_digits

from ..resetting import P_RESET, SEEDS
from .figures import Figure, rounds


def measure(device: torch.device, tiny: bool) -> Iterator[Figure]:
    short, long, p_reset = (1, 11, (0.0, 0.03)) if tiny else (20, 220, P_RESET)
    train = partial(study_digits, SEEDS, 0.4, p_reset, generator=0)
    card, processor = (
        seconds_per_step(partial(train, device=place), short, long, 1 if tiny else 3)
        for place in (device, torch.device("cpu"))
    )
    size = f"digits, {len(SEEDS) * len(p_reset)} networks"
    yield Figure(f"{size}: a step", 1e3 * card, "ms")
    yield Figure(f"{size}: faster than the processor", processor / card)

    steps = 20 if tiny else STEPS
    begin = perf_counter()
    kept = train(steps=steps, device=device).kept
    yield Figure(f"{size}, {steps} steps", perf_counter() - begin, "s")
    mean = kept[:, 0].mean().item()
    yield Figure("right at the lowest held-out loss, without resets", mean, "%")
    gain, half = paired_gain(kept[:, p_reset.index(0.03)], kept[:, 0])
    least = None if tiny else 0.0
    yield Figure("lower end of the gain from resets, p = 0.03", gain - half, "points", least=least)


def seconds_per_step(train: Callable[..., object], short: int, long: int, repeats: int) -> float:
    """From what a long run takes more than a short one: data and start weights are made in both."""
    tasks = {"short": partial(train, steps=short), "long": partial(train, steps=long)}
    seconds = rounds(tasks, torch.device("cpu"), repeats)  # each ends by judging on the CPU
    return (min(seconds["long"]) - min(seconds["short"])) / (long - short)
