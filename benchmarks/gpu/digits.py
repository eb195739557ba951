"""The study of the digits, 168 networks in one pass: a step against one on the processor, and the
gain from resets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from time import perf_counter

import torch

from stochphys.inference.paired import paired_gain

from ..resetting import P_RESET, SEEDS, STEPS, train
from .figures import Figure, rounds


def measure(device: torch.device, tiny: bool) -> Iterator[Figure]:
    short, long, p_reset = (1, 11, (0.0, 0.03)) if tiny else (20, 220, P_RESET)
    tasks = {
        f"{place} {steps}": partial(train, p_reset=p_reset, steps=steps, device=place)
        for place in (device, torch.device("cpu"))
        for steps in (short, long)
    }
    seconds = rounds(tasks, device, repeats=1 if tiny else 3)
    card, processor = (
        (min(seconds[f"{place} {long}"]) - min(seconds[f"{place} {short}"])) / (long - short)
        for place in (device, "cpu")
    )
    size = f"digits, {len(SEEDS) * len(p_reset)} networks"
    yield Figure(f"{size}: a step", 1e3 * card, "ms")
    yield Figure(f"{size}: faster than the processor", processor / card)
    steps = 20 if tiny else STEPS
    begin = perf_counter()
    kept, _ = train(p_reset=p_reset, steps=steps, device=device)
    yield Figure(f"{size}, {steps} steps", perf_counter() - begin, "s")
    by_rate = kept.view(len(SEEDS), -1)
    yield Figure(
        "right at the lowest held-out loss, without resets", by_rate[:, 0].mean().item(), "%"
    )
    gain, half = paired_gain(by_rate[:, p_reset.index(0.03)], by_rate[:, 0])
    least = None if tiny else 0.0
    yield Figure("lower end of the gain from resets, p = 0.03", gain - half, "points", least=least)
