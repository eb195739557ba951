"""Clean data of many kinds, drawn by seed: slow, short, with many wells, with inertia, driven, of unequal
length, jumps, films. Nothing is wrong with any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from stochphys.data import Jumps, Trajectories
from stochphys.movie import Movie
from stochphys.simulators import Camera, JumpChain, Linear, Overdamped, simulate, simulate_jumps
from stochphys.systems import (
    BeadSpring,
    ElasticNetwork,
    InhomogeneousDiffusion,
    NonlinearForce,
    StirredDoubleWell,
    UnderdampedBeadSpring,
    VanDerPol,
    bead_camera,
    filament_camera,
)

Source = torch.Generator


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
    """Two to four beads under a camera, with little noise or without, as bytes or rendered."""
    system = BeadSpring(n_beads=whole(2, 4, g), T_h=between(1, 20, g))
    camera = replace(bead_camera(system), noise=0.01 * round(torch.rand((), generator=g).item()))
    paths = simulate(
        system, whole(1, 40, g), whole(200, 500, g), between(0.02, 0.1, g), generator=g
    )
    movie = camera.film(paths, generator=g)
    return movie.recorded() if torch.rand((), generator=g) < 0.5 else movie


def cut(g: Source) -> Movie:
    """One film of two beads, slow or fast, in pieces."""
    system = BeadSpring(T_h=between(1, 20, g), k=between(0.1, 1.0, g))
    paths = simulate(system, 1, whole(1000, 10_000, g), 0.05, generator=g)
    return bead_camera(system).film(paths).cut(whole(10, 50, g))


def filament(g: Source) -> Movie:
    """A net of springs, hot at one node."""
    net = ElasticNetwork(n=whole(1, 4, g) + 1, hot=(0,))
    paths = simulate(net, whole(5, 20, g), 200, between(0.01, 0.05, g), generator=g)
    return filament_camera(net).film(paths)


def spots(g: Source) -> Movie:
    """One to four spots that are stirred in traps of their own, by less than their width or by more."""
    n, curl = whole(1, 4, g), between(0.3, 5, g)
    A = torch.tensor([[-1.0, curl], [-curl, -1.0]], dtype=torch.float64)
    system = Linear(torch.block_diag(*n * [A]), torch.eye(2 * n, dtype=torch.float64))
    motion = between(0.3, 3, g) * torch.eye(2 * n).view(n, 2, 2 * n)
    centre = 6 + 20 * torch.rand(n, 2, generator=g)
    camera = Camera(centre, motion, (32, 32), psf=between(1, 3, g), brightness=0.5)
    frames, dt = whole(200, 1000, g), between(0.003, 0.03, g)
    return camera.film(simulate(system, whole(1, 20, g), frames, dt, generator=g))


CLEAN: dict[str, Callable[[Source], Trajectories | Jumps | Movie]] = dict(
    linear=of_linear, slow=slow, short=short, unequal=unequal, wells=wells,
    stirred=stirred, place=place, beads=beads, inertia=inertia, ring=ring, jumps=chain, film=film,
    cut=cut, filament=filament, spots=spots,
)  # fmt: skip
