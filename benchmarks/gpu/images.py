"""ResNet-18 at the size of CIFAR: images that lie on the card, against a loop around a DataLoader."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from stochphys.course.studies.images import ResNet
from stochphys.device import make_generator
from stochphys.training import Labelled, accuracy, classify

from ..resetting import SGD, ImageByImage
from .figures import Figure, ratio, step_of_fit, synchronise

CLASSES = 8
NAMES = {"loader": "a DataLoader", "fit": "fit, TF32", "bf16": "fit, bf16, channels last"}


def coloured(n: int, seed: int) -> Labelled:
    """Noise of 32 × 32 pixels, brighter in some of three colours: which ones is the class."""
    g = make_generator(seed)
    y = torch.randint(CLASSES, (n,), generator=g)
    x = torch.randint(200, (n, 3, 32, 32), generator=g, dtype=torch.uint8)
    bright = (y[:, None] >> torch.arange(3)) % 2
    return Labelled(x + (40 * bright).byte()[..., None, None], y, CLASSES)


class Loader:
    """The usual loop: bytes in memory, transforms image by image in other processes."""

    def __init__(self, data: Labelled, batch: int, device: torch.device) -> None:
        network = ResNet(18, data.x, CLASSES, generator=make_generator(1))
        self.body = nn.Sequential(*list(network)[1:]).to(device)  # without its own augmentation
        self.optimizer = SGD(self.body.parameters(), lr=0.05, momentum=0.9)
        self.device = device
        options: dict[str, Any] = {}
        if device.type == "cuda":
            options = dict(num_workers=8, pin_memory=True, persistent_workers=True)
        self.loader = DataLoader(
            ImageByImage(data), batch, shuffle=True, drop_last=True, **options
        )  # fmt: skip
        self.batches = iter(self.loader)

    def seconds_per_step(self, steps: int) -> float:
        self.step()
        synchronise(self.device)
        begin = perf_counter()
        for _ in range(steps):
            self.step()
        synchronise(self.device)
        return (perf_counter() - begin) / steps

    def step(self) -> None:
        try:
            x, y = next(self.batches)
        except StopIteration:
            self.batches = iter(self.loader)
            x, y = next(self.batches)
        x, y = (t.to(self.device, non_blocking=True) for t in (x, y))
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.body(x), y)
        loss.backward()
        self.optimizer.step()
        loss.item()  # for the progress bar


def measure(device: torch.device, tiny: bool) -> Iterator[Figure]:
    n, batch, steps, repeats = (64, 4, 2, 2) if tiny else (50_000, 256, 60, 5)
    data = coloured(n, 1)
    loader, there = Loader(data, batch, device), data.to(device)
    sgd = partial(SGD, momentum=0.9)
    objective = classify()
    options = dict(objective=objective, batch_size=batch, lr=0.05, optimizer=sgd, ema=0)
    wide, half = (ResNet(18, data.x, CLASSES, generator=1).to(device) for _ in range(2))
    half = half.to(memory_format=torch.channels_last)

    def in_half_precision(model: nn.Module, batch: Any) -> torch.Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            return objective(model, batch)

    mixed = options | dict(objective=in_half_precision)
    tasks = {
        "loader": loader.seconds_per_step,
        "fit": lambda n: step_of_fit(wide, there, device, n, **options),
        "bf16": lambda n: step_of_fit(half, there, device, n, **mixed),
    }
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    memory = {}
    for name, task in tasks.items():
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        task(2 if tiny else 20)
        memory[name] = torch.cuda.max_memory_allocated() / 1e6  # 0 without a card
    for _ in range(repeats):
        for name, task in tasks.items():
            seconds[name].append(task(steps))
    for name, how in NAMES.items():
        speed = batch / median(seconds[name])
        yield Figure(f"ResNet-18, 3 × 32 × 32, batch {batch}: {how}", speed, "images/s")
        yield Figure(f"{how}: peak of the card's memory, of all that is there", memory[name], "MB")
        if name != "loader":
            yield ratio(f"{how}, faster than the DataLoader", seconds, "loader", name)
    fresh = coloured(16 if tiny else 2000, 2).to(device)
    for network, name in ((wide, "fit"), (half, "bf16")):
        right = 100 * accuracy(network, fresh).item()
        least = None if tiny else 90.0
        yield Figure(f"{NAMES[name]}: right on fresh images", right, "%", least=least)
