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
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import TensorDataset
from tqdm.auto import tqdm

from ..device import as_generator, pick_device, seeded, spawn
from ..writing import check_writable
from .checkpoint import load_checkpoint, save_checkpoint
from .ensemble import Ensemble
from .run import Callback, History, Run

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


def fit(
    model: nn.Module,
    objective: Objective,
    data: Data,
    *,
    steps: int,
    generator: torch.Generator | int,
    validation: Data | None = None,
    batch_size: int = 4096,
    lr: float = 3e-3,
    optimizer: Callable[..., torch.optim.Optimizer] = ADAM,
    schedule: str = "constant",
    ema: float = 0.998,
    validate_every: int = 100,
    keep: str = "newest",
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
        schedule: of the learning rate: `"constant"`, `"cosine"` (falls to 0), `"onecycle"`
            (rises over 30 % of the steps, then falls) or `"restarts"` (five cosines in a row).
        ema: decay of the average per step; 0 switches it off.
        keep: the `"newest"` average that is not worse than the best, or the one with the
            `"lowest"` held-out objective: early stopping.
        device: default is the fastest that is here; the model returns to where it was.
        precision: `"float32"` (TF32 products on CUDA) or `"bfloat16"` (mixed, for wide networks).
        compile: let `torch.compile` fuse the model; pays for wide networks and long runs.
        checkpoint: file that is renewed at each validation. If it exists, the run goes on from
            there, on a CPU bit for bit as if it had never stopped.

    Raises:
        ValueError: an argument that makes no sense, empty data, a device that is not here, a
            checkpoint that is broken, of another run, or where nothing can be written. Before any
            work; nothing is overwritten.
        FloatingPointError: the objective is no longer finite. The model has its best weights so
            far, and the checkpoint is the last good one.
    """
    generator = as_generator(generator)
    _check(steps, data, validation, batch_size, lr, ema, validate_every)
    for name, given, known in (
        ("schedule", schedule, tuple(SCHEDULES)),
        ("keep", keep, ("newest", "lowest")),
        ("precision", precision, ("float32", "bfloat16")),
    ):
        if given not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {given!r}")
    if checkpoint is not None:
        check_writable(checkpoint)
    device = pick_device(device)
    settings = dict(steps=steps, batch_size=batch_size, lr=lr, schedule=schedule, ema=ema)
    settings |= dict(validate_every=validate_every, keep=keep, examples=len(data))
    settings |= dict(held_out=len(validation) if validation is not None else 0)
    draw = spawn(generator, device)  # batches; dropout has a stream of its own
    with _at_work(model, device), seeded(draw.initial_seed() + 1, device):
        data, validation = _to(data, device), _to(validation, device)
        run = _start(model, optimizer, settings, draw)
        for callback in callbacks:
            callback.before_training(run)
        kept = [callback for callback in callbacks if callback.state_dict()]  # with the run
        settings["callbacks"] = [type(callback).__name__ for callback in kept]
        if checkpoint is not None and Path(checkpoint).exists():
            _resume(run, Path(checkpoint), kept)

        per_member = run.best_step.shape
        learner: Any = torch.compile(model) if compile else model
        history, began = run.history, time.perf_counter() - run.history.seconds
        total = torch.zeros(per_member, device=device)  # of the objective since the last validation
        bar = tqdm(total=steps, initial=run.step, disable=not progress, leave=False)
        try:
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
                run.update_average()
                if run.step % validate_every and run.step < steps:
                    continue

                recent = total / (run.step - (history.step[-1] if history.step else 0))
                total = torch.zeros_like(total)
                pieces = _validate(objective, run, validation, device)
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
                    watched = [callback.state_dict() for callback in kept]
                    state = dict(settings=settings, run=run.state_dict(), callbacks=watched)
                    save_checkpoint(checkpoint, state)
        except KeyboardInterrupt:
            history.interrupted = True
            if not history.step:  # stopped before the first validation
                run.keep_best(torch.zeros_like(run.lowest))
        finally:
            bar.close()
            model.load_state_dict(run.best)
            history.best_step = run.best_step.tolist()
            history.seconds = time.perf_counter() - began
    return history


SCHEDULES: dict[str, Callable[[float], float]] = {  # of the fraction of the run that is done
    "constant": lambda u: 1.0,
    "cosine": lambda u: (1 + math.cos(math.pi * u)) / 2,
    "onecycle": lambda u: (1 - math.cos(math.pi * (u / 0.3 if u < 0.3 else (1 - u) / 0.7))) / 2,
    "restarts": lambda u: (1 + math.cos(math.pi * (5 * u % 1))) / 2,
}


def _start(
    model: nn.Module,
    optimizer: Callable[..., torch.optim.Optimizer],
    settings: dict[str, Any],
    draw: torch.Generator,
) -> Run:
    """A run at step 0."""
    optim = optimizer(model.parameters(), lr=settings["lr"])
    schedule, steps = SCHEDULES[settings["schedule"]], settings["steps"]
    per_member = (model.members,) if isinstance(model, Ensemble) else ()
    return Run(
        model=model,
        average=deepcopy(model) if settings["ema"] else model,
        optimizer=optim,
        scheduler=LambdaLR(optim, lambda step: schedule(min(1.0, step / steps))),
        draw=draw,
        best=deepcopy(model.state_dict()),
        best_step=torch.zeros(per_member, dtype=torch.long, device=draw.device),
        lowest=torch.full((1, *per_member), math.inf, device=draw.device),
        settings=settings,
    )


def _resume(run: Run, path: Path, callbacks: Sequence[Callback]) -> None:
    """Go on from a checkpoint, if it is one of this run."""
    saved = load_checkpoint(path)
    if not {"settings", "run"} <= saved.keys():
        raise ValueError(f"{path} is no checkpoint of fit; it was left as it is. Give another path")
    found = {k: tuple(t.shape) for k, t in saved["run"]["model"].items()}
    wanted = {k: tuple(t.shape) for k, t in run.model.state_dict().items()}
    differ = [
        f"{k}: {old.get(k)} there, {new.get(k)} here"
        for old, new in ((found, wanted), (saved["settings"], run.settings))
        for k in old | new
        if old.get(k) != new.get(k)
    ]
    if differ:
        raise ValueError(
            f"{path} is a checkpoint of another run ({'; '.join(differ)}); it was left as it is. "
            "Give another path, or delete it to start anew"
        )
    run.load_state_dict(saved["run"])
    for callback, state in zip(callbacks, saved["callbacks"], strict=True):
        callback.load_state_dict(state)


@torch.no_grad()
def _validate(objective: Objective, run: Run, data: Data | None, device: torch.device) -> Tensor:
    """The objective on pieces of the held-out data, `(pieces, [members])`."""
    model, per_member = run.average, run.best_step.shape
    if data is None:
        return torch.zeros(1, *per_member, device=device)
    training = model.training
    model.eval()
    n = min(len(data), VALIDATION_SIZE)
    index = torch.arange(n, device=device) * len(data) // n
    one = data[index[:1].expand(*per_member, -1)]
    one = one if isinstance(one, Tensor) else one[0]
    # Early stopping asks for no error; a thousand images are enough for the memory of a GPU.
    pieces = 1 + n // 1000 if run.settings["keep"] == "lowest" else PIECES
    pieces = min(n, max(pieces, n * one.numel() // PIECE_SIZE))
    values = [
        objective(model, data[i.expand(*per_member, -1)]) * (len(i) * pieces / n)
        for i in index.tensor_split(pieces)
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
def _at_work(model: nn.Module, device: torch.device) -> Iterator[None]:
    """The model on the device and in training mode, TF32 products on CUDA; afterwards as before."""
    home, mode = next(model.parameters()).device, model.training
    precision = torch.get_float32_matmul_precision()
    try:
        model.to(device).train()
        torch.set_float32_matmul_precision("high" if device.type == "cuda" else precision)
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
        model.to(home).train(mode)


def _check(
    steps: int,
    data: Data,
    validation: Data | None,
    batch_size: int,
    lr: float,
    ema: float,
    validate_every: int,
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
