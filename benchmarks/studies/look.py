"""One look at data: how often it complains of clean ones, and how large a defect must be to be seen.

Clean sets are of many kinds, drawn by seed: slow, short, with many wells, with inertia, driven, of
unequal length. Defects are put into the stirred trap of `trap` by hand, at several sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference.signs_of_data import signs_of
from stochphys.simulators import Linear, Overdamped, simulate
from stochphys.systems import (
    BeadSpring,
    InhomogeneousDiffusion,
    NonlinearForce,
    StirredDoubleWell,
    UnderdampedBeadSpring,
    VanDerPol,
)

from .. import print_table
from .runs import ended

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


CLEAN: dict[str, Callable[[Source], Trajectories]] = dict(
    linear=of_linear, slow=slow, short=short, unequal=unequal, wells=wells,
    stirred=stirred, place=place, beads=beads, inertia=inertia, ring=ring,
)  # fmt: skip


def trap(g: Source, paths: int = 20, frames: int = 1000, dt: float = 0.01) -> Trajectories:
    """A trap stirred at three times its stiffness, dt = 0.01: it dissipates 18 per unit time."""
    A = torch.tensor([[-1.0, 3.0], [-3.0, -1.0]], dtype=torch.float64)
    D = torch.eye(2, dtype=torch.float64)
    return simulate(Linear(A, D), paths, frames, dt, dtype=torch.float64, generator=g)


def noise(x: Tensor, g: Source) -> Tensor:
    return torch.randn(x.shape, generator=g, dtype=x.dtype)


def errors(size: float, g: Source) -> Tensor:
    """Of the positions, in units of the rms displacement."""
    x = trap(g).x
    return x + size * 0.02**0.5 * noise(x, g)


def shutter(size: float, g: Source) -> Tensor:
    """Open for this part of the time between frames."""
    x = trap(g, frames=20_000, dt=0.0005).x
    return x[:, 1:].unflatten(1, (-1, 20))[:, :, : round(20 * size)].mean(2)


def stage(size: float, g: Source) -> Tensor:
    """Moves by so many widths of the trap in all."""
    x = trap(g).x
    return x + torch.linspace(0, size, x.shape[1], dtype=x.dtype)[:, None]


def one_path_stage(size: float, g: Source) -> Tensor:
    x = trap(g, 1, 20_000).x
    return x + torch.linspace(0, size, x.shape[1], dtype=x.dtype)[:, None]


def relaxation(size: float, g: Source) -> Tensor:
    """Begins so many widths off the middle."""
    x = trap(g).x
    t = 0.01 * torch.arange(x.shape[1], dtype=x.dtype)[:, None]
    return x + size * torch.exp(-t) * torch.cat((torch.cos(3 * t), torch.sin(3 * t)), 1)


def heating(size: float, g: Source) -> Tensor:
    """The temperature grows by this part of it."""
    x = trap(g).x
    return x * torch.linspace(1, 1 + size, x.shape[1], dtype=x.dtype)[:, None] ** 0.5


DEFECTS: dict[str, tuple[Callable[[float, Source], Tensor], tuple[float, ...]]] = {
    "errors of positions / rms step": (errors, (0.1, 0.2, 0.3, 0.5, 1.0)),
    "shutter, part of dt": (shutter, (0.1, 0.25, 0.5, 1.0)),
    "stage, widths, 20 paths": (stage, (0.25, 0.5, 1.0, 2.0)),
    "stage, widths, one path": (one_path_stage, (0.25, 0.5, 1.0, 2.0, 4.0)),
    "begins off the middle, widths": (relaxation, (0.5, 1.0, 2.0, 4.0)),
    "temperature grows, part": (heating, (0.1, 0.25, 0.5, 1.0)),
}


def complaint(kind: str, size: float, *, seed: int) -> list[str]:
    """The first words of each finding on a set of this kind; of size 0, clean ones are asked for."""
    g = make_generator(seed)
    if kind in CLEAN:
        data = CLEAN[kind](g)
    else:
        data = Trajectories(DEFECTS[kind][0](size, g), 0.01)
    return [sentence.split(":")[0] for sentence in signs_of(data)]


def study(results: Path, seeds: Sequence[int] | None, *, tiny: bool, retry: bool) -> None:
    clean = [dict(kind=kind, size=0.0) for kind in CLEAN]
    defects = [dict(kind=kind, size=s) for kind, (_, sizes) in DEFECTS.items() for s in sizes]
    few, many = (range(2), range(2)) if tiny else (range(1000, 1020), range(2000, 2050))
    rows = ended(complaint, clean, seeds or few, results, retry)
    rows += ended(complaint, defects, seeds or many, results, retry)

    def seen(setting: dict[str, Any]) -> list[object]:
        found = [row["result"] for row in rows if all(row[k] == v for k, v in setting.items())]
        words = sorted({word for each in found for word in each})
        return [*setting.values(), sum(map(bool, found)), len(found), ", ".join(words)]

    print_table(("kind", "size", "found", "of", "what"), [seen(s) for s in clean + defects])
