"""`fit`: the one training loop of the course.

The loop that notebooks write out in ten lines, with what a long run needs: held-out validation,
averaged weights, a progress bar, checkpoints, and the right to be stopped at any time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import TensorDataset
from tqdm.auto import tqdm

from ..device import make_generator, pick_device
from .checkpoint import load_checkpoint, save_checkpoint
from .ensemble import Ensemble

# From a model and a batch to a scalar, or to one number per member of an `Ensemble`.
Objective = Callable[[nn.Module, Any], Tensor]

VALIDATION_SIZE = 100_000  # at most so many held-out examples are looked at
PIECES = 20  # in which they are looked at, to know how sure their mean is; more if they are large
PIECE_SIZE = 2**26  # numbers in a piece
ADAM = partial(torch.optim.AdamW, weight_decay=0, fused=True)


class Data(Protocol):
    """What `fit` draws batches from: `data[index]` with an integer tensor gives a batch."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: Tensor) -> Any: ...


@dataclass
class History:
    """What happened during training; one entry per validation, a list per member if there are any.

    Attributes:
        step: training steps done.
        training: mean objective of the batches since the entry before.
        validation: objective of the averaged weights on held-out data.
        best_step: step whose weights the model now has (a list for an ensemble).
        seconds: wall time.
        interrupted: True if the run was stopped before its last step.
    """

    step: list[int] = field(default_factory=list)
    training: list[Any] = field(default_factory=list)
    validation: list[Any] = field(default_factory=list)
    best_step: Any = 0
    seconds: float = 0.0
    interrupted: bool = False


@dataclass
class Run:
    """The state of a training run, all that a checkpoint holds and a callback may look at.

    `model` has the weights of this moment, `average` their moving average, which is validated.
    """

    model: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: LambdaLR
    draw: torch.Generator
    best: dict[str, Tensor]
    best_step: Tensor
    lowest: Tensor  # held-out objective where it was lowest, of each piece: (pieces, [members])
    step: int = 0
    history: History = field(default_factory=History)

    @torch.no_grad()
    def update_average(self, ema: float) -> None:
        """Move the average towards the model; its memory grows up to 1/(1 − ema) steps."""
        decay = min(ema, (1 + self.step) / (10 + self.step)) if ema else 0.0
        for p, q in zip(self.average.parameters(), self.model.parameters(), strict=True):
            p.lerp_(q, 1 - decay)
        for a, b in zip(self.average.buffers(), self.model.buffers(), strict=True):
            a.copy_(b)

    @torch.no_grad()
    def keep_best(self, pieces: Tensor) -> None:
        """Keep the newest average, member by member, unless held-out data say that it is worse.

        Worse is what exceeds the lowest objective so far by more than one standard error of the
        difference, which the spread over pieces of the held-out data tells. The lowest number
        itself would be a choice by luck among equals.
        """
        excess = pieces - self.lowest
        error = excess.std(0, correction=0) / max(1, len(pieces) - 1) ** 0.5
        good = ~(excess.mean(0) > error)
        for name, now in self.average.state_dict().items():
            mask = good.reshape(good.shape + (1,) * (now.ndim - good.ndim))
            self.best[name] = torch.where(mask, now, self.best[name])
        self.best_step = torch.where(good, self.step, self.best_step)
        self.lowest = torch.where(pieces.mean(0) < self.lowest.mean(0), pieces, self.lowest)

    def state_dict(self) -> dict[str, Any]:
        return dict(
            model=self.model.state_dict(),
            average=self.average.state_dict(),
            optimizer=self.optimizer.state_dict(),
            scheduler=self.scheduler.state_dict(),
            draw=self.draw.get_state(),
            dropout=torch.get_rng_state(),
            best=self.best,
            best_step=self.best_step,
            lowest=self.lowest,
            step=self.step,
            history=asdict(self.history),
        )

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in ("model", "average", "optimizer", "scheduler"):
            getattr(self, name).load_state_dict(state[name])
        self.draw.set_state(state["draw"])
        torch.set_rng_state(state["dropout"])
        device = self.lowest.device
        self.best = {name: t.to(device) for name, t in state["best"].items()}
        self.best_step = state["best_step"].to(device)
        self.lowest = state["lowest"].to(device)
        self.step = state["step"]
        self.history = History(**state["history"])


class Callback:
    """Override one or both; `Run` says what is there to look at and to change."""

    def after_step(self, run: Run) -> None:
        """Called after each step of the optimiser, before the average takes it in."""

    def after_validation(self, run: Run) -> dict[str, float] | None:
        """Called after each validation; what it returns is shown beside the progress bar."""


def fit(
    model: nn.Module,
    objective: Objective,
    data: Data,
    *,
    steps: int,
    generator: torch.Generator,
    validation: Data | None = None,
    batch_size: int = 4096,
    lr: float = 3e-3,
    optimizer: Callable[..., torch.optim.Optimizer] = ADAM,
    schedule: str = "constant",
    ema: float = 0.998,
    validate_every: int = 100,
    device: str | torch.device | None = None,
    precision: str = "float32",
    compile: bool = False,
    callbacks: Sequence[Callback] = (),
    checkpoint: str | Path | None = None,
    progress: bool = True,
) -> History:
    """Minimise an objective by stochastic gradients; leaves the best weights in `model`.

    Batches are drawn by index, with replacement, from data that stay on the device. What is
    validated and kept are not the weights themselves but their exponential moving average, free
    of the noise of the last batches: the newest one that is not worse than the best on held-out
    data, to one standard error. Interrupting (Ctrl-C, the stop button) ends the run and keeps
    the best so far.

    Args:
        model: changed in place. An `Ensemble` draws one batch per member, and each member keeps
            its own best weights.
        objective: from model and batch to a scalar, or to one number per member.
        data, validation: anything with `len` and `data[index]`, such as `Windows` or
            `torch.utils.data.TensorDataset`. At most 10⁵ examples, evenly spaced, are validated.
            Without `validation` the last average is kept.
        schedule: of the learning rate: `"constant"`, `"cosine"` (falls to 0) or `"onecycle"`
            (rises over 30 % of the steps, then falls).
        ema: decay of the average per step; 0 switches it off.
        device: default is the fastest that is here; the model returns to where it was.
        precision: `"float32"` (TF32 products on CUDA) or `"bfloat16"` (mixed, for wide networks).
        compile: let `torch.compile` fuse the model; pays for wide networks and long runs.
        checkpoint: file that is renewed at each validation. If it exists, the run goes on from
            there, on a CPU bit for bit as if it had never stopped.

    Raises:
        ValueError: an argument that makes no sense, empty data, a device that is not here, a
            checkpoint that is broken or of another run. Before any work; nothing is overwritten.
        FloatingPointError: the objective is no longer finite. The model has its best weights so
            far, and the checkpoint is the last good one.
    """
    _check(steps, data, validation, batch_size, lr, schedule, ema, validate_every, precision)
    device, home = pick_device(device), next(model.parameters()).device
    model.to(device)
    data, validation = _to(data, device), _to(validation, device)
    run = _start(model, optimizer, lr, SCHEDULES[schedule], steps, device, generator)
    settings = dict(steps=steps, batch_size=batch_size, lr=lr, schedule=schedule, ema=ema)
    settings |= dict(validate_every=validate_every, examples=len(data))
    if checkpoint is not None and Path(checkpoint).exists():
        _resume(run, Path(checkpoint), settings)

    per_member = run.best_step.shape
    learner: Any = torch.compile(model) if compile else model
    history, began = run.history, time.perf_counter() - run.history.seconds
    total = torch.zeros(per_member, device=device)  # of the objective since the last validation
    bar = tqdm(total=steps, initial=run.step, disable=not progress, leave=False)
    try:
        with _matmul_precision(device):
            while run.step < steps:
                index = torch.randint(
                    len(data), (*per_member, batch_size), generator=run.draw, device=device
                )
                with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                    loss = objective(learner, data[index])
                run.optimizer.zero_grad()
                loss.sum().backward()
                run.optimizer.step()
                run.scheduler.step()
                run.step += 1
                total += loss.detach()
                for callback in callbacks:
                    callback.after_step(run)
                run.update_average(ema)
                if run.step % validate_every and run.step < steps:
                    continue

                recent = total / (run.step - (history.step[-1] if history.step else 0))
                total = torch.zeros_like(total)
                pieces = _validate(objective, run.average, validation, per_member, device)
                value = pieces.mean(0)
                _require_finite(recent, value, run.step, lr)
                history.step.append(run.step)
                history.training.append(recent.tolist())
                history.validation.append(value.tolist())
                history.seconds = time.perf_counter() - began
                run.keep_best(pieces)
                shown = {"objective": value.mean().item()}
                for callback in callbacks:
                    shown |= callback.after_validation(run) or {}
                bar.set_postfix({k: f"{v:.4g}" for k, v in shown.items()}, refresh=False)
                bar.update(run.step - bar.n)
                if checkpoint is not None:
                    save_checkpoint(checkpoint, dict(settings=settings, run=run.state_dict()))
    except KeyboardInterrupt:
        history.interrupted = True
        if not history.step:  # stopped before the first validation
            run.keep_best(torch.zeros_like(run.lowest))
    finally:
        bar.close()
        model.load_state_dict(run.best)
        model.to(home)
        history.best_step = run.best_step.tolist()
        history.seconds = time.perf_counter() - began
    return history


SCHEDULES: dict[str, Callable[[float], float]] = {  # of the fraction of the run that is done
    "constant": lambda u: 1.0,
    "cosine": lambda u: (1 + math.cos(math.pi * u)) / 2,
    "onecycle": lambda u: (1 - math.cos(math.pi * (u / 0.3 if u < 0.3 else (1 - u) / 0.7))) / 2,
}


def _start(
    model: nn.Module,
    optimizer: Callable[..., torch.optim.Optimizer],
    lr: float,
    schedule: Callable[[float], float],
    steps: int,
    device: torch.device,
    generator: torch.Generator,
) -> Run:
    """A run at step 0; its batches are drawn from a generator of its own, on the device."""
    optim = optimizer(model.parameters(), lr=lr)
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    per_member = (model.members,) if isinstance(model, Ensemble) else ()
    return Run(
        model=model,
        average=deepcopy(model),
        optimizer=optim,
        scheduler=LambdaLR(optim, lambda step: schedule(min(1.0, step / steps))),
        draw=make_generator(seed, device),
        best=deepcopy(model.state_dict()),
        best_step=torch.zeros(per_member, dtype=torch.long, device=device),
        lowest=torch.full((1, *per_member), math.inf, device=device),
    )


def _resume(run: Run, path: Path, settings: dict[str, Any]) -> None:
    """Go on from a checkpoint, if it is one of this run."""
    saved = load_checkpoint(path)
    if not {"settings", "run"} <= saved.keys():
        raise ValueError(f"{path} is no checkpoint of fit; it was left as it is. Give another path")
    found = {k: tuple(t.shape) for k, t in saved["run"]["model"].items()}
    wanted = {k: tuple(t.shape) for k, t in run.model.state_dict().items()}
    differ = [
        f"{k}: {old.get(k)} there, {new.get(k)} here"
        for old, new in ((found, wanted), (saved["settings"], settings))
        for k in old | new
        if old.get(k) != new.get(k)
    ]
    if differ:
        raise ValueError(
            f"{path} is a checkpoint of another run ({'; '.join(differ)}); it was left as it is. "
            "Give another path, or delete it to start anew"
        )
    run.load_state_dict(saved["run"])


@torch.no_grad()
def _validate(
    objective: Objective,
    model: nn.Module,
    data: Data | None,
    per_member: tuple[int, ...],
    device: torch.device,
) -> Tensor:
    """The objective on pieces of the held-out data, `(pieces, [members])`."""
    if data is None:
        return torch.zeros(1, *per_member, device=device)
    training = model.training
    model.eval()
    n = min(len(data), VALIDATION_SIZE)
    index = torch.arange(n, device=device) * len(data) // n
    one = data[index[:1].expand(*per_member, -1)]
    numbers = n * one.numel() if isinstance(one, Tensor) else 0  # of all of them, if held at once
    values = [
        objective(model, data[i.expand(*per_member, -1)])
        for i in index.tensor_split(min(n, max(PIECES, numbers // PIECE_SIZE)))
    ]
    model.train(training)
    return torch.stack(values)


def _require_finite(recent: Tensor, held_out: Tensor, step: int, lr: float) -> None:
    if not (torch.isfinite(recent).all() and torch.isfinite(held_out).all()):
        where = "held-out" if torch.isfinite(recent).all() else "training"
        raise FloatingPointError(
            f"the {where} objective is not finite at step {step}; try lr = {lr / 3:.1g} (it is "
            f"{lr:g}), or look for outliers in the data. The model has its best weights so far"
        )


def _to(data: Any, device: torch.device) -> Any:
    """Data of the course move themselves; the tensors of a `TensorDataset` are moved."""
    if isinstance(data, TensorDataset):
        return TensorDataset(*(t.to(device) for t in data.tensors))
    return data.to(device) if hasattr(data, "to") else data


@contextmanager
def _matmul_precision(device: torch.device) -> Iterator[None]:
    """TF32 products on CUDA while training; elsewhere nothing changes."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if device.type == "cuda" else before)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _check(
    steps: int,
    data: Data,
    validation: Data | None,
    batch_size: int,
    lr: float,
    schedule: str,
    ema: float,
    validate_every: int,
    precision: str,
) -> None:
    for name, value in (
        ("steps", steps),
        ("batch_size", batch_size),
        ("validate_every", validate_every),
    ):
        if value != int(value) or value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value}")
    for name, examples in (("data", data), ("validation", validation)):
        if examples is not None and len(examples) == 0:
            raise ValueError(f"{name} is empty; give it at least one example")
    if not lr > 0:
        raise ValueError(f"lr must be positive, got {lr}")
    if not 0 <= ema < 1:
        raise ValueError(f"ema must lie in [0, 1), got {ema}")
    if schedule not in SCHEDULES:
        raise ValueError(f"schedule must be one of {list(SCHEDULES)}, got {schedule!r}")
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f"precision must be 'float32' or 'bfloat16', got {precision!r}")
