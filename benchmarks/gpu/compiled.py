"""CNEEP as `torch.compile` fuses it, against the same network launched kernel by kernel."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from time import perf_counter

import torch

from stochphys.data import Windows
from stochphys.models import CNEEP

from .figures import Figure, ratio, rounds, synchronise
from .films import FULL, TINY, Trainer, error, film, network


def measure(device: torch.device, tiny: bool) -> Iterator[Figure]:
    movie, (batch, steps, repeats) = film(device, tiny), TINY if tiny else FULL
    windows, make = Windows(movie), partial(CNEEP, width=32)
    eager, fused = (
        Trainer(network(make, movie, device, "bf16"), windows, device, "bf16") for _ in range(2)
    )
    fused.model.compile(backend="eager" if tiny else "inductor")
    begin = perf_counter()
    fused.run(1, batch)
    synchronise(device)
    yield Figure("until the first step is done, compiling included", perf_counter() - begin, "s")
    tasks = {
        "eager": partial(eager.run, steps, batch),
        "compiled": partial(fused.run, steps, batch),
    }
    seconds = rounds(tasks, device, repeats)
    name = f"CNEEP, 20 × 40 px, batch {batch}, bf16, channels last"
    yield Figure(f"{name}, compiled", batch * steps / min(seconds["compiled"]), "pairs/s")
    yield ratio("compiled, faster than eager", seconds, "eager", "compiled")
    off = error(fused.model.eval(), windows.sample(batch), "bf16", device)
    yield Figure("error of its ΔS against float64", off, "", most=0.3)
