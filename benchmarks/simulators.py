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

import torch
from torch import Tensor

from stochphys.device import make_generator, one_thread
from stochphys.simulators import BeadSpring, Overdamped, Underdamped, simulate

from . import cpu_seconds, print_header, print_table, verdict

DRAW = 2**17  # normals drawn at once by the unit of cost: half a megabyte, which stays in cache


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


def draw_normals(n: int) -> None:
    """The unit of cost: n normal numbers, in pieces that stay in the processor's cache."""
    generator, buffer = make_generator(0), torch.empty(min(n, DRAW))
    for _ in range(n // len(buffer)):
        buffer.normal_(generator=generator)
    buffer[: n % len(buffer)].normal_(generator=generator)


def usual_chain(chain: BeadSpring, n_trajectories: int, n_steps: int, dt: float) -> Tensor:
    """Euler–Maruyama for the bead-spring chain, step by step, trajectories first in memory."""
    generator = make_generator(0)
    drift = chain.A.T.float()
    amplitude = (2 * chain.temperatures / chain.gamma).sqrt().float()
    position = chain.sample_stationary(n_trajectories, generator=generator)
    trajectories = torch.zeros(n_trajectories, n_steps, chain.n_beads)
    for i in range(n_steps):
        noise = torch.randn(n_trajectories, chain.n_beads, generator=generator) * amplitude
        position = position + (position @ drift) * dt + noise * dt**0.5
        trajectories[:, i, :] = position
    return trajectories


def usual_loop(
    force: Callable[[Tensor], Tensor], T: float, n_trajectories: int, n_steps: int, dt: float
) -> Tensor:
    """Euler–Maruyama for any force on one coordinate, step by step, trajectories first."""
    generator = make_generator(0)
    position = torch.zeros(n_trajectories, 1)
    trajectories = torch.zeros(n_trajectories, n_steps, 1)
    for i in range(n_steps):
        noise = torch.randn(n_trajectories, 1, generator=generator) * (2 * T) ** 0.5
        position = position + force(position) * dt + noise * dt**0.5
        trajectories[:, i, :] = position
    return trajectories


def against_normals() -> None:
    """Time of `simulate` over the time of drawing its normals."""
    chains = {n: BeadSpring(n_beads=n) for n in (2, 5)}
    well, oscillator = DoubleWell(), VanDerPol()
    cases = [  # name, system, start, M, steps, normals per step and trajectory, target
        ("chain of 2, exact", chains[2], None, 1000, 2048, 2, 1.7),
        ("chain of 5, exact", chains[5], None, 1000, 2048, 5, 1.7),
        ("double well, Euler", well, 0.0, 10_000, 512, 1, 2.0),
        ("double well, Euler", well, 0.0, 1000, 4096, 1, 3.5),
        ("van der Pol, Euler", oscillator, 0.0, 10_000, 512, 1, 2.5),
    ]
    rows = []
    for name, system, start, m, steps, width, target in cases:
        seconds = cpu_seconds(
            {
                "normals": lambda n=m * steps * width: draw_normals(n),
                "simulate": lambda s=system, x=start, m=m, n=steps: simulate(
                    s, m, n, 0.01, generator=make_generator(0), start=x
                ),
            }
        )
        ratio = seconds["simulate"] / seconds["normals"]
        speed = m * steps / seconds["simulate"]
        rows.append((name, m, steps, f"{speed:.2g}", ratio, verdict(ratio, most=target)))
    print("\nAgainst the drawing of its normals:")
    print_table(("system", "M", "steps", "trajectory-steps/s", "x normals", "target"), rows)


def against_the_usual_loop() -> None:
    """Time of the usual loop over the time of `simulate`."""
    chain, well = BeadSpring(), DoubleWell()
    rows = []
    for name, m, steps, usual, ours, target in (
        (
            "chain of 2, exact",
            1000,
            2048,
            lambda: usual_chain(chain, 1000, 2048, 0.01),
            lambda: simulate(chain, 1000, 2048, 0.01, generator=make_generator(0)),
            5.0,
        ),
        (
            "double well, Euler",
            10_000,
            512,
            lambda: usual_loop(lambda x: x - x**3, 0.5, 10_000, 512, 0.01),
            lambda: simulate(well, 10_000, 512, 0.01, generator=make_generator(0), start=0.0),
            2.5,
        ),
    ):
        seconds = cpu_seconds({"usual": usual, "simulate": ours})
        ratio = seconds["usual"] / seconds["simulate"]
        rows.append((name, m, steps, ratio, verdict(ratio, least=target)))
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
            {
                str(n): lambda s=system, x=start, n=n: simulate(
                    s, 1000, n, 0.01, generator=make_generator(0), start=x
                )
                for n in lengths
            },
            repeats=7,
        )
        per_step = [seconds[str(n)] / n * 1e6 for n in lengths]
        growth = max(per_step) / min(per_step)
        rows.append((name, *per_step, growth, verdict(growth, most=1.25)))
    print("\nMicroseconds per step of 1000 trajectories, by number of steps:")
    print_table(("system", "1000", "4000", "16 000", "largest/smallest", "target"), rows)


MEASURE = """
import resource, sys
from benchmarks.simulators import DoubleWell
from stochphys.device import make_generator
from stochphys.simulators import BeadSpring, simulate
system, start = (BeadSpring(), None) if sys.argv[1] == "chain" else (DoubleWell(), 0.0)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
simulate(system, 1000, 100, 0.01, generator=make_generator(0), start=start)
before = peak()
x = simulate(system, 1000, int(sys.argv[2]), 0.01, generator=make_generator(0), start=start).x
print((peak() - before) / (x.numel() * x.element_size()))
"""


def memory() -> None:
    """Peak of memory over the size of the result, each in a process of its own."""
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
        print_header("Simulators: processor time of one thread, float32, least of 7 rounds or more")
        against_normals()
        against_the_usual_loop()
        against_length()
        memory()
