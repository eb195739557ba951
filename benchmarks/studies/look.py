"""One look at data: how often it complains of clean ones, and how large a defect must be to be seen.

Clean sets are those of `clean`. Defects are put in by hand, at several sizes, most of them into the stirred
trap of `trap`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stochphys.data import Jumps, Trajectories
from stochphys.device import make_generator
from stochphys.inference.signs_of_data import signs_of
from stochphys.movie import Movie
from stochphys.simulators import JumpChain, Linear, simulate, simulate_jumps
from stochphys.systems import BeadSpring, bead_camera

from .. import print_table
from .clean import CLEAN, Source
from .runs import ended

DT = 0.01
EVEN = JumpChain(torch.full((4, 4), 0.25, dtype=torch.float64))


def trap(g: Source, paths: int = 20, frames: int = 1000, dt: float = DT) -> Trajectories:
    """A trap stirred at three times its stiffness, dt = 0.01: it dissipates 18 per unit time."""
    A = torch.tensor([[-1.0, 3.0], [-3.0, -1.0]], dtype=torch.float64)
    D = torch.eye(2, dtype=torch.float64)
    return simulate(Linear(A, D), paths, frames, dt, dtype=torch.float64, generator=g)


def noise(x: Tensor, g: Source) -> Tensor:
    return torch.randn(x.shape, generator=g, dtype=x.dtype)


def errors(size: float, g: Source) -> Trajectories:
    """Of the positions, in units of the rms displacement."""
    x = trap(g).x
    return Trajectories(x + size * 0.02**0.5 * noise(x, g), DT)


def shutter(size: float, g: Source) -> Trajectories:
    """Open for this part of the time between frames."""
    x = trap(g, frames=20_000, dt=0.0005).x
    return Trajectories(x[:, 1:].unflatten(1, (-1, 20))[:, :, : round(20 * size)].mean(2), DT)


def stage(size: float, g: Source) -> Trajectories:
    """Moves by so many widths of the trap in all."""
    x = trap(g).x
    return Trajectories(x + torch.linspace(0, size, x.shape[1], dtype=x.dtype)[:, None], DT)


def one_path_stage(size: float, g: Source) -> Trajectories:
    x = trap(g, 1, 20_000).x
    return Trajectories(x + torch.linspace(0, size, x.shape[1], dtype=x.dtype)[:, None], DT)


def relaxation(size: float, g: Source) -> Trajectories:
    """Begins so many widths off the middle."""
    x = trap(g).x
    t = 0.01 * torch.arange(x.shape[1], dtype=x.dtype)[:, None]
    return Trajectories(
        x + size * torch.exp(-t) * torch.cat((torch.cos(3 * t), -torch.sin(3 * t)), 1), DT
    )


def fast(size: float, g: Source) -> Trajectories:
    """One frame so many rms displacements off its place."""
    x = trap(g).x.clone()
    x[3, 500] += size * 0.02**0.5 * torch.tensor([0.6, 0.8], dtype=x.dtype)
    return Trajectories(x, DT)


def friction(size: float, g: Source) -> Trajectories:
    """Positions of a body with inertia, whose velocity lasts so many frames."""
    system = Linear(
        torch.tensor([[0.0, 1.0], [-1.0, -1 / (size * DT)]], dtype=torch.float64),
        torch.diag(torch.tensor([0.0, 1.0], dtype=torch.float64)),
    )
    x = simulate(system, 20, 1000, DT, dtype=torch.float64, generator=g).x
    return Trajectories(x[..., :1], DT)


def occupation(size: float, g: Source) -> Jumps:
    """By the end, so many of the frames are in state 0 instead."""
    jumps = Jumps(simulate_jumps(EVEN, 50, 1000, generator=g).x, 4)
    now = torch.rand(jumps.x.shape, generator=g) < torch.linspace(0, size, jumps.n_times)
    return Jumps(jumps.x.masked_fill(now, 0), 4)


def bleaching(size: float, g: Source) -> Movie:
    """The brightness falls by this part of it."""
    reel = two_beads(g).recorded().reel.float().unflatten(0, (20, -1))
    return Movie.of(reel * torch.linspace(1, 1 - size, reel.shape[1])[:, None, None], 0.05)


def film_stage(size: float, g: Source) -> Movie:
    """The stage moves by so many pixels."""
    return two_beads(g, 2 * size)


def twice(size: float, g: Source) -> Movie:
    """This part of the frames is the one before."""
    movie = two_beads(g).recorded()
    again = torch.rand(movie.x.shape, generator=g) < size
    again[:, 0] = False
    return movie.rearranged(movie.x - again.long())


def full(size: float, g: Source) -> Movie:
    """So many times too bright."""
    reel = two_beads(g).recorded().reel.float().unflatten(0, (20, -1))
    return Movie.of((size * reel).clamp(max=255), 0.05)


def two_beads(g: Source, moved: float = 0.0) -> Movie:
    """20 movies of 300 frames; a bead moves by half a pixel per unit of length."""
    paths = simulate(BeadSpring(), 20, 300, 0.05, generator=g)
    x = paths.x + torch.linspace(0, moved, paths.n_times)[:, None]
    return bead_camera(BeadSpring()).film(Trajectories(x, 0.05))


def heating(size: float, g: Source) -> Trajectories:
    """The temperature grows by this part of it."""
    x = trap(g).x
    return Trajectories(
        x * torch.linspace(1, 1 + size, x.shape[1], dtype=x.dtype)[:, None] ** 0.5, DT
    )


def magnified(size: float, g: Source) -> Trajectories:
    """Half of the tracks were recorded so many times larger."""
    x = trap(g).x
    return Trajectories(torch.cat((x[:10], size * x[10:])), DT)


def stuck(size: float, g: Source) -> Trajectories:
    """So many of twenty tracks are beads that do not move, seen with a small error."""
    x, n = trap(g).x.clone(), int(size)
    x[:n] = x[:n, :1] + 1e-3 * noise(x[:n], g)
    return Trajectories(x, DT)


def middles(size: float, g: Source) -> Trajectories:
    """Each track in a trap of its own; their middles lie so many widths apart."""
    x = trap(g).x
    return Trajectories(x + size * noise(x[:, :1], g), DT)


def mirrored(size: float, g: Source) -> Trajectories:
    """So many of twenty tracks were seen in a mirror."""
    x = trap(g).x.clone()
    x[: int(size), :, 0] *= -1
    return Trajectories(x, DT)


def rounded(size: float, g: Source) -> Trajectories:
    """Positions are multiples of so many rms displacements."""
    unit = size * 0.02**0.5
    return trap(g).map(lambda x: (x / unit).round() * unit)


def shaken(size: float, g: Source) -> Trajectories:
    """A stage that goes to and fro by so many widths, each 60 frames."""
    x = trap(g).x
    phase = 6.28 / 60 * torch.arange(x.shape[1], dtype=x.dtype)
    return Trajectories(x + size * phase.sin()[:, None], DT)


def lost(size: float, g: Source) -> Trajectories:
    """This part of the frames is missing, and nobody knows."""
    x = trap(g, frames=int(1000 / (1 - size))).x
    kept = torch.rand(x.shape[:2], generator=g).argsort(1)[:, :1000].sort(1).values
    return Trajectories(x.gather(1, kept[..., None].expand(-1, -1, 2)), DT)


def repeated(size: float, g: Source) -> Trajectories:
    """This part of the frames is the one before."""
    x = trap(g).x
    again = torch.rand(x.shape[:2], generator=g) < size
    frame = torch.where(again, 0, torch.arange(x.shape[1])).cummax(1).values
    return Trajectories(x.gather(1, frame[..., None].expand(-1, -1, 2)), DT)


def exchanged(size: float, g: Source) -> Trajectories:
    """So many times two tracks exchange their names."""
    x = trap(g).x.clone()
    for _ in range(int(size)):
        frame = int(torch.randint(1000, (), generator=g))
        a, b = torch.randperm(20, generator=g)[:2].tolist()
        x[[a, b], frame:] = x[[b, a], frame:]
    return Trajectories(x, DT)


DEFECTS: dict[
    str, tuple[Callable[[float, Source], Trajectories | Jumps | Movie], tuple[float, ...]]
] = {
    "errors of positions / rms step": (errors, (0.1, 0.2, 0.3, 0.5, 1.0)),
    "shutter, part of dt": (shutter, (0.1, 0.25, 0.5, 1.0)),
    "stage, widths, 20 paths": (stage, (0.25, 0.5, 1.0, 2.0)),
    "stage, widths, one path": (one_path_stage, (0.25, 0.5, 1.0, 2.0, 4.0)),
    "begins off the middle, widths": (relaxation, (0.5, 1.0, 2.0, 3.0)),
    "temperature grows, part": (heating, (0.1, 0.25, 0.5, 1.0)),
    "half the tracks, times larger": (magnified, (1.05, 1.1, 1.15, 1.5)),
    "stuck tracks of 20": (stuck, (1, 2, 4)),
    "traps apart, widths": (middles, (0.25, 0.5, 1.0, 2.0)),
    "mirrored tracks of 20": (mirrored, (1, 2, 5, 10)),
    "rounded to rms steps": (rounded, (0.4, 1.0, 2.0, 3.0)),
    "stage shakes, widths": (shaken, (0.05, 0.1, 0.2, 0.5)),
    "frames lost, part": (lost, (0.03, 0.05, 0.1, 0.2)),
    "frames twice, part": (repeated, (0.005, 0.02, 0.1)),
    "names exchanged, times": (exchanged, (1, 3, 10, 30)),
    "one wrong frame, rms steps": (fast, (5.0, 10.0, 15.0, 20.0, 40.0)),
    "inertia, frames": (friction, (0.3, 0.5, 1.0, 2.0, 10.0)),
    "jumps: share of a state grows by": (occupation, (0.02, 0.05, 0.1, 0.2)),
    "film: brightness falls by": (bleaching, (0.02, 0.05, 0.1)),
    "film: stage, pixels": (film_stage, (0.5, 1.0, 2.0, 4.0)),
    "film: frames written twice": (twice, (0.005, 0.02, 0.05)),
    "film: times too bright": (full, (1.05, 1.2, 1.5, 2.0)),
}


def complaint(kind: str, size: float, *, seed: int) -> list[str]:
    """The first words of each finding on a set of this kind; of size 0, clean ones are asked for."""
    g = make_generator(seed)
    data = CLEAN[kind](g) if kind in CLEAN else DEFECTS[kind][0](size, g)
    return [sentence.split(":")[0] for sentence in signs_of(data)]


def study(results: Path, seeds: Sequence[int] | None, *, tiny: bool, retry: bool) -> None:
    clean = [dict(kind=kind, size=0.0) for kind in CLEAN]
    defects = [dict(kind=kind, size=s) for kind, (_, sizes) in DEFECTS.items() for s in sizes]
    few, many = (range(2), range(2)) if tiny else (range(1000, 1020), range(2000, 2050))
    rows = ended(complaint, clean, seeds or few, results, retry)
    rows += ended(complaint, defects, seeds or many, results, retry)

    def seen(setting: dict[str, Any]) -> list[object]:
        found = [row["result"] for row in rows if row["setting"] == setting]
        words = sorted({word for each in found for word in each})
        return [*setting.values(), sum(map(bool, found)), len(found), ", ".join(words)]

    lines = [seen(setting) for setting in clean + defects]
    head = ("kind", "size", "found", "of", "what")
    print_table(head, lines)
    table = [
        dict(zip(head, line, strict=True)) for line in lines
    ]  # all that is kept in the repository
    results.with_suffix(".json").write_text("\n".join(map(json.dumps, table)) + "\n")
