"""What the training of networks on a movie will cost, said before it starts."""

import math
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from .. import require
from ..data import Windows
from ..device import free_memory, make_generator, pick_device, seeded
from ..movie import Film, Movie
from ..training import Objective
from ..training.batches import evaluate

PROBE = 2**22  # pixels that are tried: fewer would fit into the caches of a processor
SAID = 300  # seconds from which on a training is worth a word
COPIES = 7  # weights, gradients, both averages of Adam, the moving one, the best, a start
UNITS = {"days": 86_400, "hours": 3600, "minutes": 60}
CROWDED = 1.75  # by which an ensemble is slower than its networks one by one: 1 to 2.3, 16² to 256² pixels
ONCE = 13  # looks at all held-out windows before and after the training: measured 11 to 15
HELD_OUT = 100_000  # windows at most that count in those
LOOKS = 10_000  # windows at most that are looked at each time while networks learn


class Cost(NamedTuple):
    """What a training takes."""

    seconds: float
    memory: float  # in bytes


class Peak(TorchDispatchMode):
    """The most bytes that tensors made under it take at once."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes, self.living = 0, dict[int, tuple[StorageWeakRef, int]]()

    def __torch_dispatch__(self, func: Callable, types: Any, args: Any = (), kwargs: Any = None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                self.living[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        self.living = {k: held for k, held in self.living.items() if not held[0].expired()}
        self.bytes = max(self.bytes, sum(size for _, size in self.living.values()))
        return result


def check_cost(
    network: nn.Module,
    objective: Objective,
    windows: Windows,
    held_out: Windows,
    members: int,
    hours: float,
    recipe: dict[str, Any],
) -> None:
    """Say in a line what a training will cost, if that is more than minutes.

    Raises `ValueError` if it is more than `hours`, or more memory than is free: on CUDA what
    `torch.cuda.mem_get_info` says, else that of the machine or its container.
    """
    require.integer(1, **{name: recipe[name] for name in ("steps", "batch_size", "validate_every")})
    if hours == math.inf:
        return
    require.positive(hours=hours)
    seconds, memory = foretold(network, objective, windows, held_out, members, recipe)
    free = free_memory(pick_device(recipe.get("device")))
    if seconds < SAID and memory < free:
        return
    shape = " × ".join(map(str, windows.sample(1).shape[1:]))
    unit, size = next((u, s) for u, s in UNITS.items() if seconds > 2 * s or s == 60)
    words = (
        f"about {seconds / size:.2g} {unit} and {memory / 1e9:.2g} GB of memory ({free / 1e9:.2g} GB "
        f"are free) to train {members} networks for {recipe['steps']} steps of "
        f"{recipe['batch_size']} windows, {shape} pixels each"
    )
    k = 2 ** math.ceil(math.log2(max(seconds / 3600 / hours, memory / free, 2)) / 2)
    cure = (
        f"A movie of fewer pixels costs less, data.bin({k}) or data.crop(…), and so do steps=…, "
        "members=…, batch_size=…"
    )
    if seconds > 3600 * hours or memory > free:
        longer = f". To begin all the same: hours={math.ceil(2 * seconds / 3600)}"
        raise ValueError(f"it takes {words}. {cure}" + longer * (memory <= free))
    print(f"It takes {words}. {cure}")


def foretold(
    network: nn.Module,
    objective: Objective,
    windows: Windows,
    held_out: Windows,
    members: int,
    recipe: dict[str, Any],
) -> Cost:
    """What a training takes, to a factor of about two, from a step of one of its networks on
    a few windows. Draws nothing from a source that others draw from."""
    steps, batch, device = recipe["steps"], recipe["batch_size"], pick_device(recipe.get("device"))
    movie = windows.trajectories
    assert isinstance(movie, Movie)
    if isinstance(movie.reel, Film) and movie.reel.generator is not None:
        noise = make_generator(0, movie.reel.generator.device)
        movie = replace(movie, reel=replace(movie.reel, generator=noise), check=False)
    model, some = deepcopy(network).to(device).train(), Windows(movie, windows.frames).to(device)
    tried = PROBE * (8 if device.type == "cuda" else 1) // (windows.frames * math.prod(movie.shape))
    index = torch.arange(max(1, min(batch, tried)), device=device) % len(some)

    def step(index: Tensor) -> float:
        began = time.perf_counter()
        one = evaluate(lambda m, b: objective(m, b).sum(), model, some[index], torch.Size())
        one.backward()
        one.item()  # waits for a GPU
        return time.perf_counter() - began

    with seeded(0, device):
        with Peak():
            step(index[:1])  # what is only made once
        with Peak() as peak:
            seconds = step(index)
        seconds = seconds if seconds > 0.5 else min(seconds, step(index))
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    looks = min(len(held_out), LOOKS) * steps / recipe["validate_every"]
    looks += min(len(held_out), HELD_OUT) * ONCE
    # Looks need no gradients.
    seconds *= members * CROWDED * (steps * batch + looks / 2) / len(index)
    return Cost(seconds, members * ((peak.bytes - weights) / len(index) * batch + COPIES * weights))
