"""Rates of what a real camera sees: errors of the positions and an open shutter, beside the exact rate.

A stirred trap, two beads and the stirred double well, each recorded with errors of up to 1.5 steps and with
a shutter that is open for none, half and all of the time between frames. 50 paths of 1000 frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isnan, nan
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import torch

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.estimate import Estimate
from stochphys.inference import (
    entropy_production_rate,
    gaussian_plugin,
    infer_entropy_production,
    infer_langevin,
    short_time_tur,
)
from stochphys.models import Polynomial
from stochphys.simulators import Linear, simulate
from stochphys.systems import BeadSpring, StirredDoubleWell

from .. import print_table
from .rates import asked
from .runs import ended

DT, INNER, N_PATHS, N_FRAMES = 0.01, 10, 50, 1000
SYSTEMS: dict[str, tuple[Any, Sequence[float]]] = {  # and its D, of which a step is √(2D dt)
    "stirred trap": (Linear(torch.tensor([[-1.0, 3.0], [-3.0, -1.0]]), torch.eye(2)), (1.0, 1.0)),
    "two beads": (BeadSpring(T_c=1.0, T_h=7.0), (1.0, 7.0)),
    "stirred double well": (StirredDoubleWell(), (1.0, 1.0)),
}
CAMERAS = [(0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (1.5, 0.0), (0.0, 0.5), (0.0, 1.0), (1.0, 1.0), (1.5, 0.5)]  # fmt: skip
OF_NETWORKS = [(1.0, 0.0), (1.5, 0.0), (0.0, 1.0)]
FIRST, SEEDS, NETWORKS = 6000, 20, 6


def recorded(
    system: str, error: float, exposure: float, seed: int, n_paths: int = N_PATHS
) -> Trajectories:
    """Frames that are means over this part of the time between them, with errors in steps of each coordinate."""
    process, D = SYSTEMS[system]
    g = make_generator(seed)
    paths = simulate(
        process, n_paths, N_FRAMES * INNER, DT / INNER, generator=g, dtype=torch.float64
    )
    x = (
        paths.x[:, 1:]
        .unflatten(1, (N_FRAMES, INNER))[:, :, : max(1, round(exposure * INNER))]
        .mean(2)
    )
    step = (2 * DT * torch.tensor(D, dtype=torch.float64)).sqrt()
    return Trajectories(x + error * step * torch.randn(x.shape, generator=g, dtype=x.dtype), DT)


def by_midpoints(data: Trajectories, g: torch.Generator) -> Estimate:
    half, fresh = data.split(0.5, generator=g)
    return entropy_production_rate(infer_langevin(half, rule="midpoint"), fresh, generator=g)


def tur(data: Trajectories, g: torch.Generator, degree: int) -> Estimate:
    return short_time_tur(data, generator=g, basis=Polynomial(degree))


ESTIMATORS: dict[str, Callable[[Trajectories, torch.Generator], Estimate]] = {
    "short_time_tur": lambda data, g: tur(data, g, 1),
    "short_time_tur, cubic": lambda data, g: tur(data, g, 3),
    "gaussian_plugin": lambda data, g: gaussian_plugin(data),
    "rule='midpoint'": by_midpoints,
    "network": lambda data, g: infer_entropy_production(data, generator=g, progress=False),
}


def rates(
    *, system: str, error: float, exposure: float, estimators: list[str], seed: int
) -> dict[str, Any]:
    """What each estimator reads off one recording."""
    data, exact = (
        recorded(system, error, exposure, seed),
        SYSTEMS[system][0].entropy_production_rate(),
    )
    return {name: asked(ESTIMATORS[name], data, seed, 1.0, exact) for name in estimators}


def study(results: Path, seeds: Sequence[int] | None, *, tiny: bool, retry: bool) -> None:
    given = seeds or range(FIRST, FIRST + (1 if tiny else SEEDS))

    def settings(
        cameras: list[tuple[float, float]], names: dict[str, list[str]]
    ) -> list[dict[str, Any]]:
        return [
            dict(
                system=system,
                error=error,
                exposure=exposure,
                estimators=names.get(system, names[""]),
            )
            for system in SYSTEMS
            for error, exposure in cameras
        ]

    linear = {
        "": ["short_time_tur", "gaussian_plugin"],
        "stirred double well": ["short_time_tur, cubic"],
    }
    print_rates(
        ended(rates, settings(CAMERAS[2:3] if tiny else CAMERAS, linear), given, results, retry)
    )
    if not tiny:
        slow = {"": ["rule='midpoint'", "network"]}
        print_rates(ended(rates, settings(OF_NETWORKS, slow), given[:NETWORKS], results, retry))


def print_rates(rows: list[dict[str, Any]]) -> None:
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        camera = tuple(row["setting"][key] for key in ("system", "error", "exposure"))
        for name, answer in row["result"].items():
            groups.setdefault((*camera, name), []).append(answer)
    lines = []
    for key, answers in groups.items():
        told = [a for a in answers if not isnan(a["rate"])]
        ratio = [a["rate"] / a["exact"] for a in told] or [nan]
        held = [abs(a["rate"] - a["exact"]) <= 2 * a["std"] for a in told]
        lines.append(
            (*key, len(answers), len(answers) - len(told), fmean(ratio), pstdev(ratio),
             fmean([a["std"] / a["exact"] for a in told] or [nan]), f"{sum(held)}/{len(told)}",
             fmean(a["seconds"] for a in answers))
        )  # fmt: skip
    columns = (
        "system", "error, steps", "exposure", "estimator", "sets", "no number", "rate/exact", "scatter", "std/exact",
        "2 s.e. hold", "CPU-s",
    )  # fmt: skip
    print_table(columns, lines)
