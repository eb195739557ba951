"""A training step captured as a CUDA graph against the same step launched kernel by kernel, and how
often the host waits for the card in a step of `fit`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn

from stochphys.data import Windows
from stochphys.device import make_generator
from stochphys.models import NEEP, neep_objective
from stochphys.simulators import simulate
from stochphys.training import Callback, Run, fit

from .ensemble import CHAIN
from .figures import Figure, milliseconds, ratio, rounds, step_of_fit

DECAY = 0.998  # of the average, as in `fit`


class Training:
    """The step of `fit`, on tensors that stay where they are, as a graph demands.

    Batches are drawn outside of the graph, into `index`: then the same seed gives the same batches
    with and without it.
    """

    def __init__(
        self, network: nn.Module, windows: Windows, batch: int, device: torch.device
    ) -> None:
        self.windows, self.device = windows, device
        self.start = network.to(device).state_dict()
        self.model, self.average = deepcopy(network), deepcopy(network)
        # `capturable` keeps the count of steps on the device, where replays can move it on.
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=3e-3, weight_decay=0, fused=True,
            capturable=device.type == "cuda",
        )  # fmt: skip
        self.index = torch.zeros(batch, dtype=torch.long, device=device)
        self.loss = torch.zeros((), device=device)
        self.restart()

    def restart(self) -> None:
        """Back to the start, in place: a graph knows addresses, not names."""
        for model in (self.model, self.average):
            model.load_state_dict(self.start)
        for state in self.optimizer.state.values():
            for tensor in state.values():
                tensor.zero_()
        self.generator = make_generator(0, self.device)

    def draw(self) -> None:
        self.index.random_(len(self.windows), generator=self.generator)

    def step(self) -> None:
        self.optimizer.zero_grad()
        loss = neep_objective(self.model, self.windows[self.index])
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            self.loss.copy_(loss)
            pairs = zip(self.average.parameters(), self.model.parameters(), strict=True)
            for average, now in pairs:
                average.lerp_(now, 1 - DECAY)

    def run(self, step: Callable[[], object], steps: int) -> None:
        for _ in range(steps):
            self.draw()
            step()

    def losses(self, step: Callable[[], object], steps: int) -> Tensor:
        """Of the first steps, from the start."""
        self.restart()
        found = []
        for _ in range(steps):
            self.run(step, 1)
            found.append(self.loss.clone())
        return torch.stack(found).cpu()


def capture(training: Training) -> Callable[[], object]:
    """One call launches the whole step. On a CPU, which has no graphs, the step itself."""
    if training.device.type != "cuda":
        return training.step
    # Warm up on another stream: the optimiser's memory must exist before, outside of the graph.
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        training.run(training.step, 3)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        training.step()
    return graph.replay


def measure(device: torch.device, tiny: bool) -> Iterator[Figure]:
    size, batch = ((40, 100), 32) if tiny else ((1000, 10_000), 4096)
    data = simulate(CHAIN, *size, 0.01, generator=make_generator(0, device))
    network, windows = NEEP(2, generator=0).standardise(data), Windows(data)
    if device.type == "cuda":
        yield from synchronisations(deepcopy(network), windows, device)

    eager, graphed = (Training(deepcopy(network), windows, batch, device) for _ in range(2))
    replay = capture(graphed)
    steps = 5 if tiny else 50
    losses = eager.losses(eager.step, steps), graphed.losses(replay, steps)
    yield Figure(f"fall of the loss in {steps} steps", (losses[0][0] - losses[0][-1]).item(), "")
    off = (losses[0] - losses[1]).abs().max().item()
    yield Figure("largest difference of a loss, captured from eager", off, "", most=1e-4)

    steps, repeats = (3, 2) if tiny else (300, 9)
    tasks = {
        "eager": partial(eager.run, eager.step, steps),
        "captured": partial(graphed.run, replay, steps),
    }
    seconds = rounds(tasks, device, repeats)
    own = [
        step_of_fit(deepcopy(network), windows, device, 4 * steps, batch_size=batch)
        for _ in range(3)
    ]
    yield milliseconds(f"NEEP 2 × 64, batch {batch}: a step of fit", own)
    yield milliseconds("the bare step, eager", seconds["eager"], steps)
    yield milliseconds("the bare step, captured", seconds["captured"], steps)
    yield ratio("eager over captured", seconds, "eager", "captured")


def waits(seen: list[warnings.WarningMessage]) -> int:
    """How often the host has waited for the card, by the warnings so far."""
    return sum("called a synchronizing" in str(warning.message) for warning in seen)


class Waits(Callback):
    """Of the host, per step of `fit` between the steps `first` and `last`."""

    def __init__(self, seen: list[warnings.WarningMessage], first: int, last: int) -> None:
        self.seen, self.first, self.last = seen, first, last

    def after_step(self, run: Run) -> None:
        if run.step == self.first:
            self.before = waits(self.seen)
        if run.step == self.last:
            self.per_step = (waits(self.seen) - self.before) / (self.last - self.first)


def synchronisations(
    network: nn.Module, windows: Windows, device: torch.device
) -> Iterator[Figure]:
    """Of the host with the card, per step of `fit` between two validations."""
    options = dict(generator=0, device=device, validate_every=50, progress=False)
    fit(network, neep_objective, windows, steps=50, **options)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            torch.zeros(1, device=device).item()  # the method must see what is there
            found, watch = waits(seen), Waits(seen, 10, 40)
            fit(network, neep_objective, windows, steps=50, callbacks=[watch], **options)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    yield Figure("waits of the host counted in one .item()", found, "", least=1.0)
    yield Figure("waits of the host per step of fit", watch.per_step, "", most=0.0)
