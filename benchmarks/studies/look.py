"""One look at data: how often it complains of clean ones, and how large a defect must be to be seen.

Clean sets are of many kinds, drawn by seed: slow, short, with many wells, with inertia, driven, of
unequal length. Defects are put in by hand, at several sizes, most of them into the stirred trap of `trap`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stochphys.data import Jumps, Trajectories
from stochphys.device import make_generator
from stochphys.inference.signs_of_data import signs_of
from stochphys.movie import Movie
from stochphys.simulators import JumpChain, Linear, Overdamped, simulate, simulate_jumps
from stochphys.systems import (
    BeadSpring,
    InhomogeneousDiffusion,
    NonlinearForce,
    StirredDoubleWell,
    UnderdampedBeadSpring,
    VanDerPol,
    bead_camera,
)

from .. import print_table
from .runs import ended

Source = torch.Generator
DT = 0.01
EVEN = JumpChain(torch.full((4, 4), 0.25, dtype=torch.float64))


@dataclass(frozen=True, eq=False)
class Wells(Overdamped):
    """A row of wells, U = h cos(2πx) + x⁴/reach⁴ in the first coordinate; others are springs, stirred by
    `curl` about the last two."""

    dim: int = 2
    h: float = 2.0
    reach: float = 2.0
    curl: float = 0.0
    additive = True

    def drift(self, x: Tensor, t: float) -> Tensor:
        first = x[:, :1]
        force = -x.clone()
        force[:, :1] = 6.28 * self.h * torch.sin(6.28 * first) - 4 * first**3 / self.reach**4
        if self.dim > 2:
            force[:, -2:] += self.curl * torch.stack((-x[:, -1], x[:, -2]), 1)
        return force

    def noise_amplitude(self, x: Tensor, t: float) -> float:
        return 2**0.5


def between(low: float, high: float, g: Source) -> float:
    """A number between two, evenly on a logarithmic scale."""
    return low * (high / low) ** torch.rand((), generator=g).item()


def whole(low: int, high: int, g: Source) -> int:
    return round(between(low, high, g))


def linear(g: Source) -> Linear:
    """Relaxation rates from 0.3 to 3, a current, in up to six coordinates."""
    dim = whole(1, 6, g)
    A, D = (torch.randn(dim, dim, generator=g, dtype=torch.float64) for _ in range(2))
    D = 0.3 * torch.eye(dim) + D @ D.T / dim
    J = between(0.1, 5.0, g) * (A - A.T) / 2
    return Linear((J - torch.eye(dim)) @ (torch.eye(dim) + A @ A.T / dim) / 2, D)


def recorded(
    system: Any, paths: int, frames: int, dt: float, g: Source, **how: Any
) -> Trajectories:
    how = dict(generator=g, every=10, dtype=torch.float64) | how
    return simulate(system, paths, 10 * frames, dt / 10, **how)


def of_linear(g: Source) -> Trajectories:
    return recorded(linear(g), whole(1, 200, g), whole(200, 2000, g), between(0.003, 0.1, g), g)


def slow(g: Source) -> Trajectories:
    """Relaxation takes from a tenth to ten times as long as a path."""
    system, frames = linear(g), whole(50, 2000, g)
    dt = between(0.1, 10, g) / frames
    return recorded(system, whole(1, 60, g), frames, dt, g)


def short(g: Source) -> Trajectories:
    return recorded(linear(g), whole(100, 2000, g), whole(2, 20, g), between(0.003, 0.1, g), g)


def unequal(g: Source) -> Trajectories:
    """Tracks that begin and end at any time, one frame in fifty is missing."""
    whole_ = recorded(linear(g), whole(10, 100, g), 400, between(0.003, 0.1, g), g)
    n, n_times, _ = whole_.x.shape
    ends = (torch.rand(n, 2, generator=g) * n_times).long().sort(1).values
    time = torch.arange(n_times)
    there = (time >= ends[:, :1]) & (time <= ends[:, 1:] + 3)
    there &= torch.rand(n, n_times, generator=g) > 0.02
    path, frame = there.nonzero().unbind(1)
    return Trajectories.of_frames(whole_.x[there], whole_.dt, track=path, frame=frame)


def wells(g: Source) -> Trajectories:
    """From many hops on a path to less than one; paths begin in any well."""
    system = Wells(whole(1, 4, g), between(0.3, 2.0, g), between(1, 3, g), between(0.1, 5, g))
    start = torch.zeros(paths := whole(1, 100, g), system.dim, dtype=torch.float64)
    how: Any = dict(start=start, burn_in=5000)
    system, fast = Wells(system.dim, system.h / 4, system.reach, system.curl), system
    start = recorded(system, paths, 2, 0.02, g, **how).x[:, -1]
    return recorded(
        fast, paths, whole(200, 1000, g), between(0.003, 0.02, g), g, start=start, burn_in=2000
    )


def stirred(g: Source) -> Trajectories:
    system = StirredDoubleWell(alpha=between(0.3, 5, g))
    return recorded(system, whole(1, 100, g), whole(200, 1000, g), between(0.003, 0.03, g), g)


def place(g: Source) -> Trajectories:
    """D depends on the place."""
    how: Any = dict(start=0.0, burn_in=5000)
    system = [InhomogeneousDiffusion(), NonlinearForce()][whole(1, 2, g) - 1]
    return recorded(system, whole(1, 50, g), whole(200, 1000, g), between(0.003, 0.02, g), g, **how)


def beads(g: Source) -> Trajectories:
    system = BeadSpring(n_beads=whole(2, 10, g), T_h=between(1, 20, g))
    return recorded(system, whole(1, 300, g), whole(200, 1000, g), between(0.003, 0.05, g), g)


def inertia(g: Source) -> Trajectories:
    """Velocities were measured."""
    paths, frames, dt = whole(1, 100, g), whole(200, 2000, g), between(0.003, 0.05, g)
    if torch.rand((), generator=g) < 0.5:
        return recorded(UnderdampedBeadSpring(), paths, frames, dt, g)
    return recorded(
        VanDerPol(), paths, frames, dt, g, start=torch.tensor([1.0, 0.0]), burn_in=20_000
    )


@dataclass(frozen=True, eq=False)
class Ring(Overdamped):
    """A driven angle, whose turns are counted."""

    force: float = 2.0
    barrier: float = 1.0
    dim: int = 1
    additive = True

    def drift(self, x: Tensor, t: float) -> Tensor:
        return self.force - self.barrier * torch.sin(x)

    def noise_amplitude(self, x: Tensor, t: float) -> float:
        return 2**0.5


def ring(g: Source) -> Trajectories:
    system = Ring(between(0.1, 10, g), between(0.1, 2, g))
    start = 6.28 * torch.rand(paths := whole(1, 100, g), 1, generator=g, dtype=torch.float64)
    how: Any = dict(start=start, burn_in=2000)
    return recorded(system, paths, whole(500, 2000, g), between(0.005, 0.03, g), g, **how)


def chain(g: Source) -> Jumps:
    """Jumps among three to ten states, begun in the steady state; none is much rarer than its reverse."""
    n = whole(3, 10, g)
    P = torch.rand(n, n, generator=g, dtype=torch.float64) + 0.5
    P = P + between(1, 30, g) * torch.eye(n, dtype=torch.float64)
    return simulate_jumps(
        JumpChain(P / P.sum(1, keepdim=True)), whole(2, 100, g), whole(200, 2000, g), generator=g
    )


def film(g: Source) -> Movie:
    """Two to four beads under a camera, with noise or without, as bytes or rendered."""
    system = BeadSpring(n_beads=whole(2, 4, g), T_h=between(1, 20, g))
    camera = replace(bead_camera(system), noise=0.1 * round(torch.rand((), generator=g).item()))
    paths = simulate(
        system, whole(1, 40, g), whole(200, 500, g), between(0.02, 0.1, g), generator=g
    )
    movie = camera.film(paths, generator=g)
    return movie.recorded() if torch.rand((), generator=g) < 0.5 else movie


CLEAN: dict[str, Callable[[Source], Trajectories | Jumps | Movie]] = dict(
    linear=of_linear, slow=slow, short=short, unequal=unequal, wells=wells,
    stirred=stirred, place=place, beads=beads, inertia=inertia, ring=ring, jumps=chain, film=film,
)  # fmt: skip


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
        x + size * torch.exp(-t) * torch.cat((torch.cos(3 * t), torch.sin(3 * t)), 1), DT
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


DEFECTS: dict[
    str, tuple[Callable[[float, Source], Trajectories | Jumps | Movie], tuple[float, ...]]
] = {
    "errors of positions / rms step": (errors, (0.1, 0.2, 0.3, 0.5, 1.0)),
    "shutter, part of dt": (shutter, (0.1, 0.25, 0.5, 1.0)),
    "stage, widths, 20 paths": (stage, (0.25, 0.5, 1.0, 2.0)),
    "stage, widths, one path": (one_path_stage, (0.25, 0.5, 1.0, 2.0, 4.0)),
    "begins off the middle, widths": (relaxation, (0.5, 1.0, 2.0, 3.0)),
    "temperature grows, part": (heating, (0.1, 0.25, 0.5, 1.0)),
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
