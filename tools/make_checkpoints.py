"""Trains the networks that notebooks load because training them takes too long for a lesson.

`python tools/make_checkpoints.py [name …]` writes `stochphys/course/checkpoints/name.pt`, all of them by
default: the weights (`state`, and `sha256` of them), and how they came about (`recipe`, `seed`,
`processor_seconds`).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from stochphys.data import Windows
from stochphys.device import make_generator
from stochphys.models import (
    CNEEP,
    RNEEP,
    AreaNEEP,
    Areas,
    FlowNEEP,
    classifier_objective,
    neep_objective,
)
from stochphys.simulators import simulate, simulate_jumps
from stochphys.systems import (
    BeadSpring,
    ElasticNetwork,
    FlashingRatchet,
    HiddenChain,
    bead_camera,
    filament_camera,
)
from stochphys.training import Ensemble, fit, save_checkpoint

FOLDER = Path(__file__).resolve().parents[1] / "stochphys" / "course" / "checkpoints"

Made = tuple[nn.Module, dict[str, Any]]  # a network and its recipe


def rneep(seed: int) -> Made:
    """Windows of 32 symbols of the flashing ratchet, V = 2, with the potential hidden."""
    recipe: dict[str, Any] = dict(V=2.0, frames=32, width=32, n_trajectories=1000, n_steps=10_000)
    options: dict[str, Any] = dict(steps=2000, batch_size=512, lr=3e-2, schedule="cosine", ema=0.99)
    generator = make_generator(seed)
    ratchet = FlashingRatchet(V=recipe["V"])
    jumps = simulate_jumps(
        ratchet, recipe["n_trajectories"], recipe["n_steps"], generator=generator
    )
    symbols = HiddenChain(ratchet, ratchet.sites).observe(jumps)
    model = RNEEP(3, width=recipe["width"], generator=generator)
    windows = Windows(symbols, recipe["frames"])
    fit(model, classifier_objective, windows, generator=generator, **options)
    return model, recipe | options | dict(objective="classifier_objective")


def many_beads(seed: int, *, n_beads: int, pieces: int) -> Made:
    """A chain with σ̇ = 1: areas of `pieces` million steps, the network on the last million."""
    recipe: dict[str, Any] = dict(n_beads=n_beads, sigma_dot=1.0, T_h=10.0, dt=0.01, pieces=pieces)
    recipe |= dict(n_trajectories=1000, n_steps=1000, width=32)
    options: dict[str, Any] = dict(steps=600, lr=1e-2, schedule="cosine")
    generator = make_generator(seed)
    chain = BeadSpring.of_rate(recipe["sigma_dot"], n_beads=n_beads, T_h=recipe["T_h"])
    shape = recipe["n_trajectories"], recipe["n_steps"], recipe["dt"]
    areas = Areas.of(simulate(chain, *shape, generator=generator))
    for _ in range(pieces - 2):
        areas = areas + Areas.of(simulate(chain, *shape, generator=generator))
    train, held_out = simulate(chain, *shape, generator=generator).split(0.8, generator=generator)
    areas = areas + Areas.of(train)
    model = AreaNEEP(n_beads, width=recipe["width"], generator=generator)
    model.standardise(train, areas)
    windows, judges = Windows(train), Windows(held_out)
    fit(model, neep_objective, windows, validation=judges, generator=generator, **options)
    return model, recipe | options | dict(objective="neep_objective")


def filament(
    seed: int,
    *,
    n: int,
    hot: tuple[int, ...],
    n_trajectories: int,
    members: int,
    lr: float = 2e-3,
    **size: int,
) -> Made:
    """An ensemble that draws the dissipation map of a network of filaments from recorded movies."""
    recipe: dict[str, Any] = dict(n=n, hot=list(hot), dt=0.02, n_steps=500, members=members)
    recipe |= dict(n_trajectories=n_trajectories, fraction=0.95)
    options: dict[str, Any] = dict(steps=3000, batch_size=256, lr=lr, schedule="cosine", ema=0.99)
    generator = make_generator(seed)
    network = ElasticNetwork(n=n, hot=hot)
    paths = simulate(network, n_trajectories, recipe["n_steps"], recipe["dt"], generator=generator)
    movie = filament_camera(network).film(paths).recorded()
    train, held_out = movie.split(recipe["fraction"], generator=generator)
    networks = [FlowNEEP(movie.shape, generator=generator, **size) for _ in range(members)]
    ensemble = Ensemble([network.standardise(train) for network in networks])
    windows = Windows(train).bootstrap(members, generator=generator)
    fit(
        ensemble,
        neep_objective,
        windows,
        validation=Windows(held_out),
        validate_every=500,
        generator=generator,
        **options,
    )
    return ensemble, recipe | options | size | dict(objective="neep_objective")


def published(
    seed: int, *, system: BeadSpring | ElasticNetwork, dt: float, n_trajectories: int, n_steps: int
) -> Made:
    """The network of the paper, at half its width, whose map is drawn beside the films."""
    recipe: dict[str, Any] = dict(dt=dt, n_trajectories=n_trajectories, n_steps=n_steps)
    options: dict[str, Any] = dict(steps=2000, batch_size=256, lr=3e-3, schedule="cosine", ema=0.99)
    generator = make_generator(seed)
    if isinstance(system, BeadSpring):
        camera = bead_camera(system)
    else:
        camera = filament_camera(system)
    paths = simulate(system, n_trajectories, n_steps, dt, generator=generator)
    train, held_out = camera.film(paths).recorded().split(0.9, generator=generator)
    model = CNEEP(train.shape, generator=generator).standardise(train)
    judges = Windows(held_out, every=1 + len(Windows(held_out)) // 5000)
    watched: dict[str, Any] = dict(validation=judges, validate_every=500, generator=generator)
    fit(model, neep_objective, Windows(train), **watched, **options)
    return model, recipe | options | dict(system=str(system), objective="neep_objective")


CHECKPOINTS: dict[str, Callable[[int], Made]] = {
    "23_beads_032": partial(many_beads, n_beads=32, pieces=8),
    "23_beads_064": partial(many_beads, n_beads=64, pieces=12),
    "23_beads_128": partial(many_beads, n_beads=128, pieces=24),
    "24_rneep_n32": rneep,
    "32_cneep_five_beads": partial(
        published, system=BeadSpring(n_beads=5), dt=0.05, n_trajectories=300, n_steps=1000
    ),
    "32_cneep_filaments": partial(
        published,
        system=ElasticNetwork(hot=(2, 3), T_h=(4.0, 10.0)),
        dt=0.02,
        n_trajectories=400,
        n_steps=500,
    ),
    "32_filament_n6": partial(
        filament,
        n=6,
        hot=(3, 8, 11, 19, 22, 30, 34),
        n_trajectories=400,
        members=4,
        lr=5e-4,
        features=72,
    ),
}


def fingerprint(state: dict[str, Tensor]) -> str:
    """SHA-256 of names and values of all weights."""
    digest = sha256()
    for name, values in state.items():
        digest.update(name.encode() + values.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="*", help=f"of {', '.join(CHECKPOINTS)}; all by default")
    for name in parser.parse_args().name or CHECKPOINTS:
        begin = time.process_time()
        model, recipe = CHECKPOINTS[name](seed := 0)
        seconds = round(time.process_time() - begin)
        state = model.state_dict()
        content = dict(state=state, recipe=recipe, seed=seed, processor_seconds=seconds)
        content["sha256"] = fingerprint(state)
        save_checkpoint(FOLDER / f"{name}.pt", content)
        print(f"{name}: {seconds} processor seconds")


if __name__ == "__main__":
    main()
