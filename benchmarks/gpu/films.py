"""Networks on films at their published size: pairs of frames per second, by precision, and against
the published way, which has all frames in memory as floats and reads them in two passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn

from stochphys.data import Windows
from stochphys.device import make_generator
from stochphys.models import CNEEP, FlowNEEP, neep_objective
from stochphys.models.movies import MovieNEEP
from stochphys.movie import Movie
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring, bead_camera

from ..movies import PlainCNEEP, stored
from .figures import Figure, ratio, rounds

Kind = Callable[..., MovieNEEP]

# Largest relative error of ΔS against float64: one rounding is 6e-8, 5e-4 and 4e-3.
PRECISIONS = {"float32": 1e-3, "TF32": 3e-2, "bf16": 3e-1}


FULL, TINY = (4096, 20, 7), (16, 1, 2)  # size of a batch, steps of a round, rounds


def film(device: torch.device, tiny: bool) -> Movie:
    """Two beads at their published size, rendered on the device when they are looked at."""
    chain, paths = BeadSpring(T_c=1.0, T_h=10.0), (20, 50) if tiny else (500, 1000)
    filmed = simulate(chain, *paths, 0.05, generator=make_generator(0, device))
    return bead_camera(chain, cell=(20, 20), psf=3.0, motion=1.0).film(filmed).to(device)


@contextmanager
def products(name: str) -> Iterator[None]:
    """Products of float32 numbers as they are, or of numbers rounded to TF32."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest" if name == "float32" else "high")
    torch.backends.cudnn.allow_tf32 = name != "float32"
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def layout(frames: Tensor, name: str) -> Tensor:
    """Channels last is what the matrix units read in bfloat16."""
    return frames.contiguous(memory_format=torch.channels_last) if name == "bf16" else frames


def network(kind: Kind, movie: Movie, device: torch.device, name: str) -> MovieNEEP:
    model = kind(movie.shape, generator=1).to(device).standardise(movie)
    return model.to(memory_format=torch.channels_last) if name == "bf16" else model


class Trainer:
    """Steps of plain AdamW on batches that are rendered on the device."""

    def __init__(self, model: nn.Module, windows: Windows, device: torch.device, name: str) -> None:
        self.model, self.windows, self.device, self.name = model, windows, device, name
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
        self.generator = make_generator(0, device)

    def run(self, steps: int, batch: int) -> None:
        for _ in range(steps):
            index = torch.randint(
                len(self.windows), (batch,), generator=self.generator, device=self.device
            )
            frames = layout(self.windows[index], self.name)
            with products(self.name):
                with torch.autocast(self.device.type, torch.bfloat16, enabled=self.name == "bf16"):
                    loss = neep_objective(self.model, frames)
                self.optimizer.zero_grad()
                loss.backward()
            self.optimizer.step()


def measure(device: torch.device, tiny: bool) -> Iterator[Figure]:
    movie, (batch, steps, repeats) = film(device, tiny), TINY if tiny else FULL
    windows = Windows(movie)
    seen = windows.sample(batch)
    kinds: dict[str, Kind] = {"CNEEP": partial(CNEEP, width=32), "FlowNEEP": FlowNEEP}
    plain = PlainCNEEP(movie.to("cpu")).to(device)
    published = Trainer(plain, Windows(stored(movie)), device, "TF32")
    for kind, make in kinds.items():
        trainers, errors = {}, {}
        for name in PRECISIONS:
            model = network(make, movie, device, name)
            trainers[name] = Trainer(model, windows, device, name)
            trainers[name].run(steps, batch)  # FlowNEEP's force starts at zero
            model.eval()
            errors[name] = error(model, seen, name, device)
            model.train()
        tasks = {name: partial(trainer.run, steps, batch) for name, trainer in trainers.items()}
        seconds = rounds(
            tasks | {"published": partial(published.run, steps, batch)}, device, repeats
        )  # fmt: skip
        of = f"{kind}, 20 × 40 px, batch {batch}"
        for name, most in PRECISIONS.items():
            how = f"{name}, channels last" if name == "bf16" else name
            yield Figure(f"{of}, {how}", batch * steps / min(seconds[name]), "pairs/s")
            yield ratio(f"{kind}: {how}, faster than the published way", seconds, "published", name)
            if name != "float32":
                yield ratio(f"{kind}: {how}, faster than float32", seconds, "float32", name)
            yield Figure(f"{kind}: {how}, error of ΔS against float64", errors[name], "", most=most)


@torch.no_grad()
def error(model: nn.Module, frames: Tensor, name: str, device: torch.device) -> float:
    """‖ΔS − ΔS in float64‖ / ‖ΔS in float64‖ of the same windows and weights."""
    half = torch.autocast(device.type, torch.bfloat16, enabled=name == "bf16")
    with products(name), half:
        h = model(layout(frames, name)).double()
    exact = deepcopy(model).double()(frames.double())
    return ((h - exact).norm() / exact.norm()).item()
