"""Resetting: the study of the digits, walkers that search, and image networks, each against the
loop that one would write first. What the study says of methods is in `studies`.

The plain loops do the same work, one network or one time step after the other. They draw their
batches from tensors, except that of the images, which has a `DataLoader` and transforms image by
image, as usual.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from stochphys.course.studies.digits import STEPS, digits, study_digits
from stochphys.course.studies.images import VCNN, ResNet
from stochphys.device import make_generator, one_thread
from stochphys.models import MLP
from stochphys.systems.search.clocks import Poisson
from stochphys.systems.search.laws import Search
from stochphys.systems.search.walkers import simulate_search
from stochphys.training import Labelled, classify, fit

from . import cpu_seconds, print_header, print_table, verdict

P_RESET = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
SEEDS = range(300, 324)  # learning rate, averaging and resets were chosen on seeds 0 to 23
SGD = torch.optim.SGD


def one_after_the_other(data: Labelled, held_out: Labelled, steps: int) -> None:
    """One network of the study at p_reset = 0.03, by hand: the recipe of `studies.digits`."""
    g = make_generator(0)
    model = MLP((64, 64, 10), activation=nn.ReLU, generator=g)
    optimizer = SGD(model.parameters(), lr=0.2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    x, y, _ = held_out[torch.arange(len(held_out))]
    best, lowest, waited, started = {}, float("inf"), 0, False
    for step in range(1, steps + 1):
        examples, labels, _ = data[torch.randint(len(data), (8,), generator=g)]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(examples), labels).backward()
        optimizer.step()
        schedule.step()
        if started and torch.rand((), generator=g) < 0.03:
            model.load_state_dict(best)
        waited += 1
        if step % 10 == 0:
            with torch.no_grad():
                loss = nn.functional.cross_entropy(model(x), y).item()
            if loss < lowest:
                best = {name: t.clone() for name, t in model.state_dict().items()}
                lowest, waited = loss, 0
            started |= waited >= 300


def the_study() -> None:
    members, steps = len(SEEDS) * len(P_RESET), 1000
    data = digits([0], 0.4)
    own = [Labelled(d.x, d.y[0], 10, rows=d.rows[0]) for d in (data.train, data.validation)]
    tasks = {
        "study": partial(study_digits, SEEDS, 0.4, P_RESET, generator=0),
        "alone": partial(one_after_the_other, *own, steps),
    }
    seconds = cpu_seconds(tasks, repeats=2)
    whole, alone = seconds["study"], seconds["alone"] / steps
    together = whole / STEPS / members
    rows = [
        ("one after the other", alone * 1e6, 1.0, alone * STEPS * members, ""),
        ("in one pass", together * 1e6, alone / together, whole, verdict(whole, most=40)),
    ]
    columns = (f"digits, {members} networks, {STEPS} steps", "µs per network and step")
    print_table((*columns, "times faster", "the study, CPU s", "target"), rows)


def walk_plainly(r: float, n_walkers: int, dt: float) -> int:
    """A loop over time steps in numpy, all walkers at once; returns their steps."""
    g, total = np.random.default_rng(0), 0
    x = np.ones(n_walkers)
    while len(x):
        total += len(x)
        new = x + np.sqrt(2 * dt) * g.standard_normal(len(x))
        hit = (new < 0) | (g.random(len(x)) < np.exp(-np.maximum(x * new, 0) / dt))
        new[g.random(len(x)) < r * dt] = 1.0
        x = new[~hit]
    return total


def searches() -> None:
    dt, plainly = 1e-3, 2000
    total = 0

    def walk(n_walkers: int, *rates: float) -> None:
        nonlocal total
        g = make_generator(0)
        found = [
            simulate_search(Search(), Poisson(r), n_walkers, dt, generator=g, longest=1000.0)
            for r in rates
        ]
        total = round(sum(f.times.sum().item() for f in found) / dt)

    three = cpu_seconds({"walk": partial(walk, 20_000, 1.0, 2.53964, 6.0)}, repeats=3)["walk"]
    fast = total / three
    slow = walk_plainly(2.53964, plainly, dt) / cpu_seconds(
        {"plain": partial(walk_plainly, 2.53964, plainly, dt)}, repeats=3
    )["plain"]  # fmt: skip
    rows = [
        (f"numpy, step by step, {plainly:,} walkers", f"{slow:.2g}", 1.0, "", ""),
        ("simulate_search", f"{fast:.2g}", fast / slow, three, verdict(three, most=6)),
    ]
    columns = ("first passage with the bridge test, dt = 0.001", "steps of walkers per CPU s")
    print_table((*columns, "ratio", "20,000 walkers at r = 1, r*, 6: CPU s", "target"), rows)


class ImageByImage(Dataset):
    """Bytes in memory; each image is made floats, shifted and mirrored when it is asked for."""

    def __init__(self, data: Labelled) -> None:
        self.data = data
        numbers = data.x.float()
        self.mean, self.std = (f((0, 2, 3))[:, None, None] for f in (numbers.mean, numbers.std))

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        x = nn.functional.pad((self.data.x[i].float() - self.mean) / self.std, [4] * 4)
        down, right, mirror = torch.randint(9, (3,)).tolist()
        x = x[:, down : down + 32, right : right + 32]
        return x.flip(-1) if mirror > 4 else x, self.data.y[i]


def with_a_loader(network: nn.Sequential, data: Labelled, batch: int, steps: int) -> None:
    body = nn.Sequential(*list(network)[1:])  # without its own augmentation
    optimizer = SGD(body.parameters(), lr=0.01, momentum=0.9)
    for _, (x, y) in zip(range(steps), DataLoader(ImageByImage(data), batch, shuffle=True)):  # noqa: B905
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(body(x), y)
        loss.backward()
        optimizer.step()
        loss.item()


def with_fit(network: nn.Module, data: Labelled, batch: int, steps: int) -> None:
    fit(
        network, classify(), data, steps=steps, batch_size=batch, lr=0.01,
        optimizer=partial(SGD, momentum=0.9), ema=0, generator=0, device="cpu",
        validate_every=steps, progress=False,
    )  # fmt: skip


def images() -> None:
    """Images per second with bytes in memory and drawn there, against a loader."""
    n, batch, steps = 2000, 32, 3
    g = make_generator(0)
    x = torch.randint(256, (n, 3, 32, 32), generator=g, dtype=torch.uint8)
    data = Labelled(x, torch.randint(10, (n,), generator=g), 10)
    rows = []
    for name, kind in (("VCNN", VCNN), ("ResNet-18", partial(ResNet, 18))):
        network = kind(x, 10, generator=g)
        tasks = {
            f"{way} {number}": partial(train_it, network, data, batch, number)
            for way, train_it in (("a DataLoader", with_a_loader), ("fit", with_fit))
            for number in (2, 2 + steps)
        }
        seconds = cpu_seconds(tasks, repeats=3)
        speeds = {
            way: batch * steps / (seconds[f"{way} {2 + steps}"] - seconds[f"{way} 2"])
            for way in ("a DataLoader", "fit")
        }
        rows += [
            (f"{name}, {way}", f"{v:.3g}", v / speeds["a DataLoader"]) for way, v in speeds.items()
        ]
    columns = (f"{n:,} images of 32×32 pixels, batches of {batch}", "images per CPU s", "ratio")
    print_table(columns, rows)


def main() -> None:
    print_header("Resetting: digits, walkers and images in CPU seconds")
    with one_thread():
        the_study()
        searches()
        images()
