"""One figure with its target, and how wall time is taken where work is queued."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter
from typing import Any

import torch
from torch import nn

from stochphys.data import Windows
from stochphys.models import neep_objective
from stochphys.training import Callback, Run, fit

Seconds = dict[str, list[float]]  # of each task, one entry per round


@dataclass(frozen=True)
class Figure:
    """A measured number.

    Attributes:
        unit: "×" for a ratio.
        most, least: the target, if there is one.
        spread: half the distance between the quartiles over rounds; less than that is no difference.
    """

    name: str
    value: float
    unit: str = "×"
    most: float | None = None
    least: float | None = None
    spread: float | None = None

    @property
    def met(self) -> bool | None:
        """None without a target; a value that is no number meets none."""
        if self.most is None and self.least is None:
            return None
        above = self.least is None or self.value >= self.least
        return above and (self.most is None or self.value <= self.most)


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def rounds(
    tasks: dict[str, Callable[[], object]], device: torch.device, repeats: int
) -> dict[str, list[float]]:
    """Wall seconds of each task in each of `repeats` rounds, in which the tasks take turns."""
    for task in tasks.values():  # kernels are loaded and chosen, memory is fetched
        task()
    seconds: Seconds = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            synchronise(device)
            begin = perf_counter()
            task()
            synchronise(device)
            seconds[name].append(perf_counter() - begin)
    return seconds


def ratio(name: str, seconds: Seconds, over: str, under: str, **target: float) -> Figure:
    """Seconds of one task over those of another, the median over rounds."""
    ratios = [a / b for a, b in zip(seconds[over], seconds[under], strict=True)]
    low, middle, high = quantiles(ratios, n=4)
    return Figure(name, middle, spread=(high - low) / 2, **target)


def milliseconds(name: str, seconds: list[float], per: int = 1) -> Figure:
    """The median over rounds, of one of `per` steps."""
    return Figure(name, 1e3 * median(seconds) / per, "ms")


class Stopwatch(Callback):
    """Wall seconds per step of a run of `fit`, between the steps `first` and `last`."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last

    def after_step(self, run: Run) -> None:
        if run.step not in (self.first, self.last):
            return
        synchronise(run.draw.device)
        if run.step == self.first:
            self.begin = perf_counter()
        else:
            self.seconds = (perf_counter() - self.begin) / (self.last - self.first)


def step_of_fit(
    model: nn.Module, data: Any, device: torch.device, steps: int, **options: Any
) -> float:
    """Wall seconds per step of `fit`, without its start and its validation."""
    watch = Stopwatch(max(1, steps // 4), steps)
    options = dict(objective=neep_objective, generator=0, callbacks=[watch]) | options
    fit(
        model, data=data, steps=steps, device=device, validate_every=steps, progress=False, **options
    )  # fmt: skip
    return watch.seconds


def steps_of_fit(
    models: dict[str, nn.Module],
    data: Windows,
    device: torch.device,
    *,
    steps: int,
    repeats: int,
    **options: Any,
) -> Seconds:
    """Wall seconds per step of `fit` for each model, taking turns."""
    for model in models.values():
        step_of_fit(model, data, device, 8, **options)
    seconds: Seconds = {name: [] for name in models}
    for _ in range(repeats):
        for name, model in models.items():
            seconds[name].append(step_of_fit(model, data, device, steps, **options))
    return seconds
