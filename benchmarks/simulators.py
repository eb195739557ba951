"""The simulators against the cost of their random numbers, and against the usual loop.

No simulator can be faster than the drawing of the normal numbers it needs, so that is the unit.
The usual loop is how published code does it: noise drawn step by step, each state written into
an array whose first axis is the trajectory.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from stochphys.device import make_generator, one_thread
from stochphys.simulators import Overdamped, System, Underdamped, simulate
from stochphys.simulators.integrate import CHUNK, CHUNK_GPU
from stochphys.systems import BeadSpring

from . import cpu_seconds, print_header, print_table, verdict

DT = 0.01
Device = str | torch.device


@dataclass(frozen=True)
class DoubleWell(Overdamped):
    """dx = (x − x³) dt + √(2T) dW."""

    T: float = 0.5
    dim = 1
    additive = True

    def drift(self, x: Tensor, t: float) -> Tensor:
        return x - x**3

    def noise_amplitude(self, x: Tensor, t: float) -> float:
        return (2 * self.T) ** 0.5


@dataclass(frozen=True)
class VanDerPol(Underdamped):
    """dx = v dt, dv = (μ (v − x² v) − x) dt + √(2D) dW: friction that feeds energy in, too."""

    mu: float = 1.0
    D: float = 0.5
    dim = 2

    def acceleration(self, x: Tensor, v: Tensor, t: float) -> Tensor:
        return self.mu * (v - x * x * v) - x

    def velocity_noise(self, x: Tensor, v: Tensor, t: float) -> float:
        return (2 * self.D) ** 0.5


def run(
    system: System,
    n_trajectories: int,
    n_steps: int,
    start: float | None = None,
    device: Device = "cpu",
) -> Tensor:
    generator = make_generator(0, device)
    return simulate(system, n_trajectories, n_steps, DT, generator=generator, start=start).x


def draw_normals(n: int, device: Device = "cpu") -> None:
    """The unit of cost: n normal numbers, in pieces that stay in the cache of a processor, or that
    keep a GPU busy."""
    generator = make_generator(0, device)
    at_once = CHUNK if generator.device.type == "cpu" else CHUNK_GPU
    buffer = torch.empty(min(n, at_once), device=device)
    for _ in range(n // len(buffer)):
        buffer.normal_(generator=generator)
    buffer[: n % len(buffer)].normal_(generator=generator)


def usual_chain(
    chain: BeadSpring, n_trajectories: int, n_steps: int, device: Device = "cpu"
) -> Tensor:
    """Euler–Maruyama for the bead-spring chain, step by step, trajectories first in memory."""
    generator, size = make_generator(0, device), (n_trajectories, chain.n_beads)
    drift = chain.A.T.float().to(device)
    amplitude = (2 * chain.temperatures / chain.gamma).sqrt().float().to(device)
    position = chain.sample_stationary(n_trajectories, generator=generator)
    trajectories = torch.zeros(n_trajectories, n_steps, chain.n_beads, device=device)
    for i in range(n_steps):
        noise = torch.randn(size, generator=generator, device=device) * amplitude
        position = position + (position @ drift) * DT + noise * DT**0.5
        trajectories[:, i, :] = position
    return trajectories


def usual_loop(
    force: Callable[[Tensor], Tensor],
    T: float,
    n_trajectories: int,
    n_steps: int,
    device: Device = "cpu",
) -> Tensor:
    """Euler–Maruyama for any force on one coordinate, step by step, trajectories first."""
    generator, size = make_generator(0, device), (n_trajectories, 1)
    position = torch.zeros(size, device=device)
    trajectories = torch.zeros(n_trajectories, n_steps, 1, device=device)
    for i in range(n_steps):
        noise = torch.randn(size, generator=generator, device=device) * (2 * T) ** 0.5
        position = position + force(position) * DT + noise * DT**0.5
        trajectories[:, i, :] = position
    return trajectories


def against_normals() -> None:
    """Time of `simulate` over the time of drawing its normals."""
    chains = {n: BeadSpring(n_beads=n) for n in (2, 5)}
    well, oscillator = DoubleWell(), VanDerPol()
    cases = [  # name, system, start, M, steps, normals per step and trajectory, target
        ("chain of 2, exact", chains[2], None, 1000, 2048, 2, 1.7),
        ("chain of 5, exact", chains[5], None, 1000, 1024, 5, 1.7),
        ("double well, Euler", well, 0.0, 10_000, 256, 1, 2.0),
        ("double well, Euler", well, 0.0, 1000, 2048, 1, 3.5),
        ("van der Pol, Euler", oscillator, 0.0, 10_000, 256, 1, 2.5),
    ]
    rows = []
    for name, system, start, m, steps, width, target in cases:
        seconds = cpu_seconds(
            {
                "normals": partial(draw_normals, m * steps * width),
                "simulate": partial(run, system, m, steps, start),
            },
            repeats=40,  # short tasks, many times: some run undisturbed even on a busy machine
        )
        ratio = seconds["simulate"] / seconds["normals"]
        speed = m * steps / seconds["simulate"]
        rows.append((name, m, steps, f"{speed:.2g}", ratio, verdict(ratio, most=target)))
    print("\nAgainst the drawing of its normals:")
    print_table(("system", "M", "steps", "trajectory-steps/s", "x normals", "target"), rows)


def against_the_usual_loop() -> None:
    """Time of the usual loop over the time of `simulate`; the chain has its published size."""
    m, n = 1000, 10_000
    exact = cpu_seconds(
        {
            "usual": partial(usual_chain, BeadSpring(), m, n),
            "simulate": partial(run, BeadSpring(), m, n),
        },
        repeats=9,
    )
    generic = cpu_seconds(
        {
            "usual": partial(usual_loop, lambda x: x - x**3, 0.5, n, m),
            "simulate": partial(run, DoubleWell(), n, m, 0.0),
        },
        repeats=9,
    )
    rows = []
    for name, size, seconds, target in (
        ("chain of 2, exact", (m, n), exact, 5.0),
        ("double well, Euler", (n, m), generic, 2.5),
    ):
        ratio = seconds["usual"] / seconds["simulate"]
        rows.append((name, *size, ratio, verdict(ratio, least=target)))
    print("\nAgainst the usual loop, which stores the trajectory first:")
    print_table(("system", "M", "steps", "times faster", "target"), rows)


def against_length() -> None:
    """Time per step for short and long trajectories: nothing may grow with the length."""
    rows = []
    for name, system, start in (
        ("chain of 2, exact", BeadSpring(), None),
        ("double well, Euler", DoubleWell(), 0.0),
    ):
        lengths = (1000, 4000, 16_000)
        seconds = cpu_seconds(
            {str(n): partial(run, system, 1000, n, start) for n in lengths},
            repeats=9,
        )
        per_step = [seconds[str(n)] / n * 1e6 for n in lengths]
        growth = max(per_step) / min(per_step)
        rows.append((name, *per_step, growth, verdict(growth, most=1.3)))
    print("\nMicroseconds per step of 1000 trajectories, by number of steps:")
    print_table(("system", "1000", "4000", "16 000", "largest/smallest", "target"), rows)


MEASURE = """
import re, sys
from pathlib import Path
from benchmarks.simulators import BeadSpring, DoubleWell, run

def peak():  # resource.getrusage would count the parent's peak, too
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

system, start = (BeadSpring(), None) if sys.argv[1] == "chain" else (DoubleWell(), 0.0)
run(system, 1000, 100, start)
before = peak()
x = run(system, 1000, int(sys.argv[2]), start)
print((peak() - before) / (x.numel() * x.element_size()))
"""


def memory() -> None:
    """Growth of the peak of memory over the size of the result, each in a fresh process."""
    if not Path("/proc/self/status").exists():
        print("\nPeak of memory: read from /proc, which this machine does not have.")
        return
    rows = []
    for name, key, steps in (
        ("chain of 2, exact", "chain", 20_000),
        ("double well, Euler", "well", 40_000),
    ):
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, key, str(steps)],
            capture_output=True,
            text=True,
            check=True,
        )
        ratio = float(done.stdout)
        rows.append((name, 1000, steps, ratio, verdict(ratio, most=1.3)))
    print("\nPeak of memory over the size of the trajectories:")
    print_table(("system", "M", "steps", "peak/result", "target"), rows)


def main() -> None:
    with one_thread():
        print_header("Simulators: processor time of one thread, float32, least of 9 rounds or more")
        against_normals()
        against_the_usual_loop()
        against_length()
        memory()
