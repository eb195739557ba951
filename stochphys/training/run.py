"""What a training run is made of, what may look on, and the file that it goes on from: `History`,
`Run`, `Callback`, and checkpoints, which are read without running any code."""

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from os.path import expanduser
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .. import require
from ..brief import Brief
from ..device import own_generators
from ..io.files import BROKEN
from ..io.writing import replacing

SCHEDULES: dict[str, Callable[[float], float]] = {  # of the fraction of the run that is done
    "constant": lambda u: 1.0,
    "cosine": lambda u: (1 + math.cos(math.pi * u)) / 2,
    "onecycle": lambda u: (1 - math.cos(math.pi * (u / 0.3 if u < 0.3 else (1 - u) / 0.7))) / 2,
    "restarts": lambda u: (1 + math.cos(math.pi * (5 * u % 1))) / 2,
}


@dataclass(frozen=True)
class Settings:
    """What `fit` was asked to do, see there; `examples` and `held_out` are the numbers of examples in
    data and validation, 0 without.

    Raises `ValueError` for values that make no sense.
    """

    steps: int
    batch_size: int
    lr: float
    schedule: str
    ema: float
    validate_every: int
    keep: str
    examples: int
    held_out: int
    validate_first: int | None = None

    def __post_init__(self) -> None:
        require.integer(1, self, "steps", "batch_size", "validate_every")
        if self.validate_first is not None:
            require.integer(0, self, "validate_first")
        require.positive(self, "lr")
        require.within("[0, 1)", self, "ema")
        require.one_of(SCHEDULES, schedule=self.schedule)
        require.one_of(("newest", "lowest"), keep=self.keep)
        numbers = dict(steps=int, batch_size=int, validate_every=int, lr=float, ema=float)
        for name, kind in numbers.items():  # a checkpoint holds no numbers of numpy
            object.__setattr__(self, name, kind(getattr(self, name)))

    def validates(self, step: int) -> bool:
        """Whether the average is looked at after so many steps."""
        times, rest = divmod(step, self.validate_first or self.steps)
        early = not rest and times & (times - 1) == 0 and step < self.validate_every
        return early or step % self.validate_every == 0 or step == self.steps


@dataclass
class History(Brief):
    """What happened during training; one entry per validation, a list per member if there are any.

    Attributes:
        step: training steps done.
        training: mean objective of the batches since the entry before.
        validation: objective of the averaged weights on held-out data.
        best_step: step whose weights the model now has (a list for an ensemble).
        seconds: wall time.
        interrupted: where the run was stopped, "at step 150 of 300"; empty if it was not.
    """

    step: list[int] = field(default_factory=list)
    training: list[Any] = field(default_factory=list)
    validation: list[Any] = field(default_factory=list)
    best_step: Any = 0
    seconds: float = 0.0
    interrupted: str = field(default="", repr=False)

    @property
    def notice(self) -> str:
        return self.interrupted and f"interrupted {self.interrupted}"


class NotFinite(FloatingPointError):
    """Training ended at an objective that is not finite; `history` holds what came before."""

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


@dataclass(eq=False)
class Run(Brief):
    """The state of a training run, all that a checkpoint holds and a callback may look at.

    `model` has the weights of this moment, `average` their moving average, which is validated
    (without averaging they agree). `settings` is what `fit` was asked to do, `draw` the source of the
    batches. A callback that sets `enough` ends the run. What there is of each member of an `Ensemble`
    has the shape `members`, else `()`.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    settings: Settings
    draw: torch.Generator
    members: torch.Size
    step: int = 0
    enough: bool = False
    history: History = field(default_factory=History)
    parts = ("model", "average", "optimizer")  # which have a state of their own
    lasting = ("best", "best_step", "lowest", "step", "peaks")  # the rest of it, as of a `Callback`

    def __post_init__(self) -> None:
        self.shape = SCHEDULES[self.settings.schedule]  # of the learning rate over the run
        self.peaks = [group["lr"] for group in self.optimizer.param_groups]  # where the shape is 1
        for group in self.optimizer.param_groups:
            group["lr"] *= self.shape(0)
        self.average = deepcopy(self.model) if self.settings.ema else self.model
        self.best = deepcopy(self.model.state_dict())
        device = self.draw.device
        self.sources = [self.draw, *own_generators(device)]  # of batches, and of dropout
        self.best_step = torch.zeros(self.members, dtype=torch.long, device=device)
        # Of the held-out objective where it was lowest, of each piece: (pieces, [members]).
        self.lowest = torch.full((1, *self.members), math.inf, device=device)

    def follow_schedule(self) -> None:
        """The learning rate of the next step. Where a callback has changed it, the schedule goes on
        from there: what follows is multiplied by the same factor."""
        now, then = (self.shape(step / self.settings.steps) for step in (self.step, self.step + 1))
        for i, group in enumerate(self.optimizer.param_groups):
            if now and group["lr"] != self.peaks[i] * now:  # no factor brings back a rate of 0
                self.peaks[i] = group["lr"] / now
            group["lr"] = self.peaks[i] * then

    @torch.no_grad()
    def update_average(self) -> None:
        """Move the average towards the model; its memory grows up to 1/(1 − ema) steps."""
        if self.average is self.model:
            return
        decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))  # forgets the start
        for p, q in zip(self.average.parameters(), self.model.parameters(), strict=True):
            p.lerp_(q, 1 - decay)
        for a, b in zip(self.average.buffers(), self.model.buffers(), strict=True):
            a.copy_(b)

    @torch.no_grad()
    def keep_best(self, pieces: Tensor) -> None:
        """Keep the newest average, member by member, unless held-out data say that it is worse.

        Worse is what exceeds the lowest objective so far by more than one standard error of the
        difference, which the spread over pieces of the held-out data tells, or is not finite. A start
        that was looked at gives way only to what is better by twice as much. Where the objective
        explodes on a few pieces, these make mean and spread alike: the spread of the middle half bounds
        it. The lowest number itself would be a choice by luck among equals; it is what early stopping
        takes, and `keep="lowest"` asks for it.
        """
        excess = pieces - self.lowest
        if self.settings.keep == "lowest":
            good = excess.mean(0) < 0
        else:
            middle = (
                3 * (excess - excess.median(0).values).abs().median(0).values
            )  # 2 σ of a Gaussian
            spread = torch.minimum(excess.std(0, correction=0), middle)
            error = spread / max(1, len(pieces) - 1) ** 0.5
            start = (self.best_step == 0) & torch.isfinite(self.lowest.mean(0))
            better = excess.mean(0) < -2 * error
            # Not worse also at first, when lowest = ∞ and the error is nan.
            good = torch.where(start, better, ~(excess.mean(0) > error))
        good &= torch.isfinite(pieces.mean(0))
        for name, now in self.average.state_dict().items():
            mask = good.reshape(good.shape + (1,) * (now.ndim - good.ndim))
            self.best[name] = torch.where(mask, now, self.best[name])
        self.best_step = torch.where(good, self.step, self.best_step)
        self.lowest = torch.where(pieces.mean(0) < self.lowest.mean(0), pieces, self.lowest)

    def state_dict(self) -> dict[str, Any]:
        parts = {name: getattr(self, name).state_dict() for name in self.parts}
        own = {name: getattr(self, name) for name in self.lasting}
        random = [source.get_state() for source in self.sources]
        return parts | own | dict(random=random, history=asdict(self.history))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in self.parts:
            getattr(self, name).load_state_dict(state[name])
        device = self.draw.device
        self.best = {name: t.to(device) for name, t in state["best"].items()}
        self.best_step, self.lowest = (state[name].to(device) for name in ("best_step", "lowest"))
        self.step, self.peaks = state["step"], state["peaks"]
        for source, saved in zip(self.sources, state["random"], strict=True):
            source.set_state(saved)
        self.history = History(**state["history"])


class Callback:
    """Override what is needed; `Run` says what is there to look at and to change.

    `lasting` names the attributes that a checkpoint must hold, so that a run can go on as if it had
    never stopped; whose state is more than that overrides `state_dict` and `load_state_dict`.
    """

    lasting: tuple[str, ...] = ()

    def before_training(self, run: Run) -> None:
        """Called once before the first step: the place to refuse what cannot work."""

    def after_step(self, run: Run) -> None:
        """Called after each step of the optimiser, before the average takes it in."""

    def after_validation(self, run: Run) -> dict[str, float] | None:
        """Called after each validation; what it returns is shown beside the progress bar."""

    def after_training(self, run: Run) -> None:
        """Called once at the end, of an interrupted run too; the model has its best weights by then."""

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.lasting}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Called after `before_training`, with what `state_dict` gave."""
        for name in self.lasting:
            setattr(self, name, state[name])


def save_checkpoint(path: str | Path, content: dict[str, Any]) -> None:
    """Write tensors, numbers, strings, lists and dicts; the old file stays until the new is whole.

    Raises what `writing.replacing` raises.
    """
    with replacing(path) as file:
        torch.save(content, file)


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote, on the CPU.

    Raises `ValueError` if the file is truncated or is no checkpoint.
    """
    try:
        return torch.load(expanduser(path), map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except BROKEN as error:
        raise ValueError(
            f"{path} is not a complete checkpoint ({type(error).__name__}); it was left as it is. "
            "Delete it to start anew"
        ) from error
