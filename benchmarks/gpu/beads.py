"""A chain of 128 beads: paths, their areas, and a network for the rest, against the processor beside
the card; and the network that comes with the course, read off on the card."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib.resources import files
from time import perf_counter

import torch

from stochphys.data import Trajectories, Windows
from stochphys.device import make_generator
from stochphys.inference.comparison import r_squared_and_slope
from stochphys.models import AreaNEEP, Areas, neep_objective
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring
from stochphys.training import fit, load_checkpoint

from ..simulators import draw_normals
from .figures import Figure, ratio, rounds, synchronise
from .films import products

DT, WIDTH = 0.01, 32
RECIPE = dict(steps=600, lr=1e-2, schedule="cosine")


def measure(device: torch.device, tiny: bool) -> Iterator[Figure]:
    n_beads = 32 if tiny else 128
    m, n, pieces = (40, 50, 2) if tiny else (1000, 1000, 24)
    chain = BeadSpring.of_rate(1.0, n_beads=n_beads)
    generator = make_generator(0, device)

    def paths(n_trajectories: int, generator: torch.Generator = generator) -> Trajectories:
        return simulate(chain, n_trajectories, n, DT, generator=generator)

    few = m // 20
    seconds = rounds(
        {
            "normals": partial(draw_normals, m * n * n_beads, device),
            "simulate": lambda: paths(m),
            "areas": lambda: Areas.of(paths(m)),
            "processor": lambda: Areas.of(paths(few, make_generator(0))),
        },
        device,
        repeats=2 if tiny else 5,
    )
    seconds["processor"] = [s * m / few for s in seconds["processor"]]
    name = f"{n_beads} beads, {m} × {n} frames"
    yield ratio(f"{name}: simulated, of its normals", seconds, "simulate", "normals")
    yield ratio(f"{name}: with areas, faster than the processor", seconds, "processor", "areas")

    begin = perf_counter()
    areas = Areas.of(paths(m))
    for _ in range(pieces - 2):
        areas = areas + Areas.of(paths(m))
    train, held_out = paths(m).split(0.8, generator=generator)
    areas = areas + Areas.of(train)
    model = AreaNEEP(n_beads, width=WIDTH, generator=0).to(device).standardise(train, areas)
    recipe = RECIPE | (dict(steps=4, batch_size=64) if tiny else {})
    fit(
        model, neep_objective, Windows(train), validation=Windows(held_out), generator=0,
        device=device, progress=False, **recipe,
    )  # fmt: skip
    synchronise(device)
    yield Figure(f"{name}, {pieces} times, and a network", perf_counter() - begin, "s")

    fresh = paths(10 if tiny else 100)
    exact = chain.entropy_production(fresh, "exact").flatten()
    least = None if tiny else 0.95
    yield Figure("R² of fresh steps", r_squared(model, fresh, exact), "", least=least)
    stored = AreaNEEP(n_beads, width=WIDTH, generator=0)
    path = files("stochphys") / f"course/checkpoints/23_beads_{n_beads:03}.pt"
    stored.load_state_dict(load_checkpoint(str(path))["state"])
    stored.to(device)
    found = r_squared(stored, fresh, exact)
    yield Figure("R² of the network that comes with the course", found, "", least=least)
    with products("TF32"):
        found = r_squared(stored, fresh, exact)
    yield Figure("the same, products in TF32", found, "")


@torch.no_grad()
def r_squared(model: AreaNEEP, data: Trajectories, exact: torch.Tensor) -> float:
    windows = Windows(data)
    index = torch.arange(len(windows), device=data.x.device)
    h = torch.cat([model(windows[piece]) for piece in index.split(10_000)])
    return r_squared_and_slope(exact, h)[0]
