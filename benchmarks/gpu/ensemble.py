"""Five networks in one pass against one, and whether what they infer is right."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

import torch
from torch import nn

from stochphys.data import Windows
from stochphys.device import make_generator
from stochphys.inference import infer_entropy_production
from stochphys.models import NEEP
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring
from stochphys.training import Ensemble

from .figures import Figure, milliseconds, ratio, steps_of_fit, synchronise

MEMBERS = 5
CHAIN = BeadSpring(T_c=1.0, T_h=10.0)


def measure(device: torch.device, tiny: bool) -> Iterator[Figure]:
    size, batch = ((40, 100), 32) if tiny else ((1000, 10_000), 4096)
    data = simulate(CHAIN, *size, 0.01, generator=make_generator(0, device))
    for width in (32, 64):
        members = [NEEP(2, width=width, generator=i).standardise(data) for i in range(MEMBERS)]
        models: dict[str, nn.Module] = {"one": members[0], "five": Ensemble(members)}
        steps, repeats = (8, 2) if tiny else (400, 7)
        options = dict(steps=steps, repeats=repeats, batch_size=batch)
        seconds = steps_of_fit(models, Windows(data), device, **options)
        name = f"NEEP 2 × {width}, batch {batch}"
        yield milliseconds(f"{name}: a step", seconds["one"])
        yield ratio(f"{name}: five over one", seconds, "five", "one", most=1.5)

    begin = perf_counter()
    options = dict(steps=20, batch_size=256) if tiny else {}
    result = infer_entropy_production(
        data, generator=0, members=MEMBERS, device=device, progress=False, **options
    )
    synchronise(device)
    seconds_in_all = perf_counter() - begin
    found = result.compare(CHAIN)
    yield Figure(
        f"infer_entropy_production, {MEMBERS} members, {size[0]} × {size[1]} frames",
        seconds_in_all,
        "s",
    )
    off = abs(found.ratio - 1)
    yield Figure("its rate from the exact one of the same steps", 100 * off, "%", most=2.0)
    yield Figure("R² of single steps", found.r_squared, "", least=0.98)
