"""Training: what an iteration costs, what an ensemble costs, and how long until the rate is right."""

from __future__ import annotations

from time import perf_counter, process_time

import torch
from torch import Tensor, nn

from stochphys.data import Trajectories, Windows
from stochphys.device import make_generator, one_thread, pick_device
from stochphys.inference import infer_entropy_production
from stochphys.models import NEEP, neep_objective
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring
from stochphys.training import Ensemble, fit

DT, MEMBERS, STEPS, REPEATS = 0.01, 5, 100, 3


class PlainNEEP(nn.Module):
    """The published network: h(x, x') − h(x', x) on raw states, three ReLU layers of 256."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (4, 256, 256, 256)
        layers = [
            m for a, b in zip(sizes, sizes[1:], strict=False) for m in (nn.Linear(a, b), nn.ReLU())
        ]
        self.h = nn.Sequential(*layers, nn.Linear(256, 1))

    def forward(self, window: Tensor) -> Tensor:
        return (self.h(window.flatten(-2)) - self.h(window.flip(-2).flatten(-2))).squeeze(-1)


def clock(device: torch.device) -> float:
    """CPU seconds of this process, or wall seconds where a GPU does the work."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        return perf_counter()
    return process_time()


def per_step(model: nn.Module, windows: Windows, device: torch.device) -> float:
    """Seconds per step of `fit`, minimum over repeats; start and validation excluded."""
    best = float("inf")
    options = dict(generator=make_generator(0), device=device, progress=False)
    for _ in range(REPEATS):
        begin = clock(device)
        fit(model, neep_objective, windows, steps=1, **options)
        start = clock(device)
        fit(model, neep_objective, windows, steps=STEPS + 1, **options)
        best = min(best, (clock(device) - start - (start - begin)) / STEPS)
    return best


def costs(data: Trajectories, device: torch.device) -> None:
    g = make_generator(0)
    windows = Windows(data)

    def network(width: int) -> NEEP:
        return NEEP(2, width=width, generator=g).standardise(data)

    published = per_step(PlainNEEP(), windows, device)
    print("\n| one step, batch 4096 | ms | of the published network's |\n|---|---|---|")
    print(f"| published network 3 × 256, ReLU | {published * 1e3:.2f} | 1 |")
    for width in (32, 64):
        single = per_step(network(width), windows, device)
        ensemble = Ensemble([network(width) for _ in range(MEMBERS)])
        together = per_step(ensemble, windows, device)
        print(f"| NEEP 2 × {width} | {single * 1e3:.2f} | {single / published:.3f} |")
        print(
            f"| ensemble of {MEMBERS}, 2 × {width}: {together / single:.1f} single steps "
            f"| {together * 1e3:.2f} | {together / published:.3f} |"
        )


def accuracy(system: BeadSpring, data: Trajectories, device: torch.device) -> None:
    begin = clock(device)
    result = infer_entropy_production(
        data, generator=make_generator(1), members=MEMBERS, device=device, progress=False
    )
    seconds = (clock(device) - begin) / MEMBERS
    comparison = result.compare(system)
    print("\n| two beads, T = 1 and 10, inferred from 1000 × 10 000 frames | |\n|---|---|")
    print(f"| seconds per member, data preparation and read-out included | {seconds:.2f} |")
    print(
        f"| rate (exact, same steps) | {result.rate:.4f} ± {result.std:.4f} ({comparison.exact_rate:.4f}) |"
    )
    print(f"| ratio to the same steps' exact mean | {comparison.ratio:.4f} |")
    print(f"| R² of single steps, slope | {comparison.r_squared:.4f}, {comparison.slope:.4f} |")


def main() -> None:
    device = pick_device()
    system = BeadSpring(T_c=1.0, T_h=10.0)
    with one_thread():
        data = simulate(system, 1000, 10_000, DT, generator=make_generator(0))
        print(
            f"\n## Training on {device}, {'wall' if device.type == 'cuda' else 'CPU'} seconds, one thread"
        )
        costs(data, device)
        accuracy(system, data, device)
