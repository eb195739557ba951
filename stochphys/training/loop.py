"""`fit`: the one training loop of the course.

The loop that notebooks write out in ten lines, with what a long run needs: held-out validation,
averaged weights, a progress bar, checkpoints, and the right to be stopped at any time.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from os.path import expanduser
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from ..device import as_generator, pick_device, seeded, spawn
from ..io.writing import check_writable
from .batches import Data, Objective, batch_of, evaluate, moved, require_what_learns, tensors
from .ensemble import Ensemble
from .run import Callback, History, NotFinite, Run, Settings, load_checkpoint, save_checkpoint

VALIDATION_SIZE = 100_000  # at most so many held-out examples are looked at
PIECES = 20  # in which they are looked at, to know how sure their mean is; more if they are large
PIECE_SIZE = 2**26  # numbers in a piece
ADAM = partial(torch.optim.AdamW, weight_decay=0, fused=True)


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
    validate_first: int | None = None,
    keep: str = "newest",
    device: str | torch.device | None = None,
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
            its own best weights. What torch has compiled will do, too: `torch.compile(model)`, or
            `ensemble.compile()`. Its average is validated as it is; its checkpoints are the same.
        objective: from model and batch to a scalar, or to one number per member. What it computes
            under `torch.autocast` is in mixed precision.
        data, validation: anything with `len` and `data[index]`, such as `Windows` or
            `torch.utils.data.TensorDataset`. A batch is a tensor, or has tensors in tuples, dicts or
            dataclasses, as the objective likes it. At most 10⁵ examples, evenly spaced, are
            validated. Without `validation` the last average is kept.
        schedule: of the learning rate: `"constant"`, `"cosine"` (falls to 0), `"onecycle"`
            (rises over 30 % of the steps, then falls) or `"restarts"` (five cosines in a row). From
            a rate that a callback has changed it goes on by the same factor.
        ema: decay of the average per step; 0 switches it off.
        validate_first: step of an early validation, then at twice the step, and so on until
            `validate_every`: what learns by heart does so soon. 0 for the start: it is kept until an
            average is better by two standard errors.
        keep: the `"newest"` average that is not worse than the best, or the one with the
            `"lowest"` held-out objective: early stopping.
        device: default is the fastest that is here, with TF32 products on CUDA; the model returns to
            where it was.
        checkpoint: file that is renewed at each validation. If it exists, the run goes on from
            there, on a CPU bit for bit as if it had never stopped. It must be of the same run:
            seed, optimiser, settings, shapes and sizes are compared, and what callbacks there are;
            the numbers in data, the objective and what a callback was made with are not.

    Raises:
        ValueError: an argument that makes no sense, empty data, a device that is not here, a
            checkpoint that is broken, of another run, or where nothing can be written. Before any
            work; nothing is overwritten.
        TypeError: data that give no batch for a tensor of indices, a `DataLoader` for one; an
            objective that fails on the first batch, or gives no such number. After no step.
        FloatingPointError: the objective is no longer finite; of an ensemble, that of every member,
            one alone is left with its best weights. The model has its best weights so far, the error
            has the `history`, and the checkpoint is the last good one.
    """
    generator = as_generator(generator)
    require_what_learns(model, data, validation)
    called, model = model, getattr(model, "_orig_mod", model)  # what torch.compile has wrapped
    per_member = torch.Size([model.members] if isinstance(model, Ensemble) else [])
    n = len(data), 0 if validation is None else len(validation)
    settings = Settings(
        steps, batch_size, lr, schedule, ema, validate_every, keep, *n, validate_first
    )
    if checkpoint is not None:
        checkpoint = expanduser(checkpoint)
        check_writable(checkpoint, "checkpoint")
    device = pick_device(device)
    draw = spawn(generator, device)  # batches; dropout has a stream of its own
    with _at_work(called, device), seeded(draw.initial_seed() + 1, device):
        data, validation = moved(data, device), moved(validation, device)
        if validation is not None:  # tried now, not after a hundred steps
            some = torch.zeros(*per_member, 7, dtype=torch.long, device=device)
            batch_of("validation", validation, some)
        run = Run(model, optimizer(model.parameters(), lr=settings.lr), settings, draw, per_member)
        for callback in callbacks:
            callback.before_training(run)
        kept = [callback for callback in callbacks if callback.state_dict()]  # with the run
        on = ", ".join(f"{k}={v}" for k, v in run.optimizer.defaults.items() if v and k != "lr")
        identity = asdict(settings) | dict(
            seed=draw.initial_seed(),
            optimizer=f"{type(run.optimizer).__name__}({on})",  # with all that is not off
            callbacks=tuple(type(callback).__name__ for callback in kept),
        )
        identity |= {f"model.{name}": tuple(t.shape) for name, t in run.best.items()}
        if checkpoint is not None and Path(checkpoint).exists():
            _resume(run, Path(checkpoint), identity, kept)
        if settings.validate_first == 0 and not run.step:
            run.lowest = _validate(objective, run, validation)

        history, began = run.history, time.perf_counter() - run.history.seconds
        total = torch.zeros(per_member, device=device)  # of the objective since the last validation
        shape = (*per_member, settings.batch_size)
        bar = tqdm(total=steps, initial=run.step, disable=not progress, leave=False)
        try:
            while run.step < steps and not run.enough:
                index = torch.randint(len(data), shape, generator=run.draw, device=device)
                loss = evaluate(objective, called, batch_of("data", data, index), per_member)
                run.optimizer.zero_grad()
                loss.sum().backward()
                run.optimizer.step()
                run.follow_schedule()
                run.step += 1
                total += loss.detach()
                for callback in callbacks:
                    callback.after_step(run)
                run.update_average()
                if not settings.validates(run.step):
                    continue

                recent = total / (run.step - (history.step[-1] if history.step else 0))
                total = torch.zeros_like(total)
                pieces = _validate(objective, run, validation)
                value = pieces.mean(0)
                _require_finite(run, recent, value)
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
                    state = dict(settings=identity, run=run.state_dict(), callbacks=watched)
                    save_checkpoint(checkpoint, state)
        except KeyboardInterrupt:
            history.interrupted = f"at step {run.step} of {settings.steps}"
            if not history.step:  # stopped before the first validation
                run.keep_best(torch.zeros_like(run.lowest))
        finally:
            bar.close()
            model.load_state_dict(run.best)
            history.best_step = run.best_step.tolist()
            history.seconds = time.perf_counter() - began
        for callback in callbacks:
            callback.after_training(run)
    return history


def _resume(run: Run, path: Path, identity: dict, callbacks: Sequence[Callback]) -> None:
    """Go on from a checkpoint, if it is one of this run."""
    saved = load_checkpoint(path)
    if not {"settings", "run"} <= saved.keys():
        raise ValueError(f"{path} is no checkpoint of fit; it was left as it is. Give another path")
    there = saved["settings"]
    differ = [
        f"{k}: {there.get(k)} there, {identity.get(k)} here"
        for k in there | identity
        if there.get(k) != identity.get(k)
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
def _validate(objective: Objective, run: Run, data: Data | None) -> Tensor:
    """The objective on pieces of the held-out data, `(pieces, [members])`."""
    model, per_member, device = run.average, run.members, run.draw.device
    if data is None:
        return torch.zeros(1, *per_member, device=device)
    model.eval()
    n = min(len(data), VALIDATION_SIZE)
    index = torch.arange(n, device=device) * len(data) // n
    size = max(t.numel() for t in tensors(data[index[:1].expand(*per_member, -1)]))
    # Early stopping asks for no error; a thousand images are enough for the memory of a GPU.
    pieces = 1 + n // 1000 if run.settings.keep == "lowest" else PIECES
    pieces = min(n, max(pieces, n * size // PIECE_SIZE))
    values = [
        evaluate(objective, model, data[i.expand(*per_member, -1)], per_member)
        * (len(i) * pieces / n)
        for i in index.tensor_split(pieces)
    ]
    model.train()
    return torch.stack(values)


def _require_finite(run: Run, recent: Tensor, held_out: Tensor) -> None:
    """A training objective that is finite beside a held-out one that is not tells an overfitted
    network: it is sure of what it knows by heart, and an e^(−ΔS) of new data overflows."""
    for where, value in (("training", recent), ("held-out", held_out)):
        bad = value[~torch.isfinite(value)]
        if len(bad) < value.numel():
            continue
        lr, sign = run.settings.lr, bad[0].item()
        if where == "held-out":
            cause = "the training objective is finite, so the network overfits: take fewer steps, "
            cause += "a smaller network or more data"
        elif sign == -math.inf:
            cause = "it has no minimum: look at the objective, and whether the network is odd"
        else:
            cause = f"the steps are too large, try lr = {lr / 3:.1g} (it is {lr:g}), or there are "
            cause += "outliers in the data, or the network knows them by heart: take fewer steps"
        raise NotFinite(
            f"the {where} objective is {sign:g} at step {run.step}: {cause}. The model has its best "
            f"weights so far, those of step {run.best_step.max().item()}",
            run.history,
        )


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
