"""Where the numbers live: the choice of a device, seeded generators, free memory.

Nothing here knows any physics. Every random number of the course comes from a `torch.Generator`
that is passed down, so that the same seed gives the same result on the same device. Whatever draws
takes a generator, or an integer: the seed of a fresh one. Layers that draw at each call, as dropout
does, can take none: they draw from torch's own, which `fit` seeds for the time of a training.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

Source = torch.Generator | int  # of random numbers: a generator, or the seed of a fresh one
CGROUP = Path("/sys/fs/cgroup")  # limits of a container, version 2


def pick_device(name: str | torch.device | None = None) -> torch.device:
    """The named device, or the fastest that is here.

    Raises `ValueError` if the named device is not on this machine.
    """
    kinds = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    here = [*(kind for kind, is_here in kinds.items() if is_here), "cpu"]  # the fastest first
    try:
        device = torch.device(here[0] if name is None else name)
    except (RuntimeError, TypeError):
        raise ValueError(f"device={name!r} is not known; here are: {here}") from None
    how_many = torch.cuda.device_count() if device.type == "cuda" else 1
    if device.type not in here or (device.index or 0) >= how_many:
        raise ValueError(f"device={str(device)!r} is not on this machine; here are: {here}")
    return device


def make_generator(seed: int, device: str | torch.device = "cpu") -> torch.Generator:
    """A seeded source of random numbers on `device`.

    Take small seeds: on a CPU torch looks at the lowest 32 bits only, so that two seeds which differ
    by a multiple of 2³² are one.

    Raises:
        TypeError: `seed` is no integer.
        ValueError: it is not between −2⁶³ and 2⁶⁴ − 1.
    """
    wanted = "generator must be a torch.Generator or an integer, its seed"
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool):
        raise TypeError(f"{wanted}, got {seed!r}")
    if not -(2**63) <= int(seed) < 2**64:  # what torch takes
        raise ValueError(f"{wanted} between -2**63 and 2**64 - 1, got {seed}; take a small one")
    return torch.Generator(device=device).manual_seed(int(seed))


def as_generator(generator: Source | None) -> torch.Generator:
    """A generator as it is, or that on the CPU which an integer seeds; raises what `make_generator`
    raises, of None too."""
    if isinstance(generator, torch.Generator):
        return generator
    return make_generator(generator)  # type: ignore[arg-type]


def drawn_from(generator: Source | None) -> dict[str, Any]:
    """What `torch.randn`, `randint` and their like are told, to draw from a generator where it lives."""
    generator = as_generator(generator)
    return dict(generator=generator, device=generator.device)


def spawn(generator: torch.Generator, device: str | torch.device = "cpu") -> torch.Generator:
    """A new generator on `device`, seeded by a draw from this one."""
    return make_generator(int(torch.randint(2**62, (), **drawn_from(generator))), device)


def own_generators(device: torch.device) -> list[torch.Generator]:
    """Torch's own sources, which all share: that of the CPU and, if it is another, of the device."""
    if device.type != "cuda":
        return [torch.default_generator]
    torch.cuda.init()
    index = torch.cuda.current_device() if device.index is None else device.index
    return [torch.default_generator, torch.cuda.default_generators[index]]


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's own sources begin at `seed`, and afterwards go on as if nothing had been drawn."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        for source in own_generators(device):
            source.manual_seed(seed)
        yield


def free_memory(device: torch.device) -> int:
    """Bytes that a new tensor on `device` may take, the limit of a container included."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = psutil.virtual_memory().available
    limit = CGROUP / "memory.max"
    if limit.exists() and (text := limit.read_text().strip()) != "max":
        lines = (CGROUP / "memory.stat").read_text().splitlines()
        held = sum(int(line.split()[1]) for line in lines if line.startswith("anon "))
        free = min(free, int(text) - held)  # what files left in the cache is free for the asking
    return free


@contextmanager
def one_thread() -> Iterator[None]:
    """Run a loop of many small operations on one core, where waking a second one only costs."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
