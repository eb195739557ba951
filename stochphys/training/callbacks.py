"""Callbacks of `fit`: stochastic resetting, measurements on the way, an average of equal weights."""

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from .. import require
from ..brief import brief
from ..device import Source, as_generator
from .ensemble import Ensemble
from .run import Callback, Run


class Resetting(Callback):
    r"""Now and then back to a checkpoint $\theta_c$, and on from there with new batches: after each
    step,

    $$\theta \to \theta + s\,(\theta_c - \theta) \quad\text{with probability } p_\text{reset}.$$

    The checkpoint is where the held-out objective was lowest. Resets begin once that has not
    happened for `patience` steps; `fit` warns where they never began. Their waiting times are
    geometric, which is the Poisson process in discrete time, of rate $r = p_\text{reset}/\text{lr}$
    in the time of the gradient flow (times 1 − momentum, if there is any); $p_\text{reset} = 1$ is
    early stopping. What goes back are weights, buffers (the running statistics of batch normalisation) and the optimiser's memory
    (momentum). The order of the data does not, so that each excursion is new, and neither does the
    learning rate, so that r grows where that falls. Where `fit` averages weights, θ_c is the average.

    Args:
        p_reset: a number, or one for each member of an `Ensemble`, `(members,)`.
        generator: a CPU generator for the coins.
        patience: steps without a lower held-out objective, after which resets begin.
        to: a given checkpoint instead, a `state_dict` of the model. Resets begin at once, the
            optimiser forgets at each, and the checkpoint stays.
        sharp: reset every $1/p_\text{reset}$ steps (rounded) instead of at random.
        adaptive: renew the checkpoint at each lower held-out objective; else it stays where it was
            when resets began.
        layers: names of what goes back, by default everything.
        strength: s, 1 for all the way, 0.5 for half of it.

    Attributes:
        started: who is being reset by now, `()` or `(members,)`.
        checkpoint: θ_c and the memory that belongs to it.
        resets: in order, the step and who was reset then, `()` or `(members,)`.

    Raises:
        ValueError: a probability outside [0, 1], a strength outside (0, 1], neither or both of
            `patience` and `to`. By `fit` before the first step: no number per member, layers or a
            checkpoint that are not of this model, patience without held-out data or shorter than
            the time between two validations; for an `Ensemble`, Adam, whose count of steps is one
            for all members, and Adafactor.

    Source: Bae, Song and Jeong, arXiv 2406.00396. Their code lets the learning rate go back, and
    loads momentum without a copy, which today's torch (2.13) shares with the optimiser.
    """

    lasting = ("checkpoint", "_resets", "started", "begun", "best_step", "lowest")

    def __init__(
        self,
        p_reset: float | Tensor,
        *,
        generator: Source,
        patience: int | None = None,
        to: Mapping[str, Tensor] | None = None,
        sharp: bool = False,
        adaptive: bool = True,
        layers: Sequence[str] | None = None,
        strength: float = 1.0,
    ) -> None:
        self.p_reset = torch.as_tensor(p_reset, dtype=torch.float64).cpu()
        if not ((self.p_reset >= 0) & (self.p_reset <= 1)).all():
            raise ValueError(f"p_reset must lie in [0, 1], got {p_reset}")
        require.within("(0, 1]", strength=strength)
        if (patience is None) == (to is None):
            raise ValueError(
                f"give one checkpoint to go back to, got patience={patience} and to={brief(to)}: "
                "patience, the steps without a lower held-out objective after which it is taken, "
                "or a state_dict as to"
            )
        if patience is not None:
            require.integer(1, patience=patience)
        if isinstance(layers, str) or (layers is not None and len(layers) == 0):
            raise ValueError(f"layers must be a tuple of names, such as ('2',), got {layers!r}")
        self.generator = as_generator(generator)
        self.patience, self.sharp, self.adaptive = patience, sharp, adaptive
        self.layers, self.strength = layers, strength
        # A state_dict shares memory with its model, which goes on moving: keep a copy.
        self.checkpoint = {name: t.clone() for name, t in (to or {}).items()}

    def __getattr__(self, name: str) -> Any:
        """Asked for what there is only once `before_training` was called."""
        raise AttributeError(f"no {name!r} before training; give it to fit, callbacks=[resetting]")

    def before_training(self, run: Run) -> None:
        shape, own = run.members, run.model.state_dict()
        if self.p_reset.ndim and self.p_reset.shape != shape:
            raise ValueError(
                f"p_reset has the shape {tuple(self.p_reset.shape)}; one number will do, or one "
                f"for each member, {tuple(shape)}"
            )
        for layer in self.layers or ():
            if not any(_inside(name, (layer,)) for name in own):
                parts = ", ".join(dict.fromkeys(re.split(r"[./]", name)[0] for name in own))
                raise ValueError(f"layers holds {layer!r}; the model has {parts}")
        shared = {"betas", "beta2_decay"} & run.optimizer.defaults.keys()  # Adam's kin, Adafactor
        if shared and isinstance(run.model, Ensemble):
            raise ValueError(
                f"members share their count of steps in {type(run.optimizer).__name__}, which cannot go "
                "back for some: give optimizer=torch.optim.SGD"
            )
        if self.patience is None:
            shapes = [{name: t.shape for name, t in d.items()} for d in (self.checkpoint, own)]
            if shapes[0] != shapes[1]:
                raise ValueError("to is no state_dict of this model: names or shapes differ")
        elif not run.settings.held_out:
            raise ValueError("patience needs held-out data: give fit a validation set")
        else:
            every = run.settings.validate_every
            require.integer(every, patience=self.patience, hint=f"validate_every is {every}")
        # Lists: thousands of small tensors between large ones would pin the memory of these.
        self._resets: list[tuple[int, Any]] = []
        self._device = run.draw.device
        self.started = torch.full(shape, self.patience is None)
        self.begun = torch.zeros(shape, dtype=torch.long)  # step at which resets began
        self.best_step = torch.zeros(shape, dtype=torch.long)
        self.lowest = torch.full(shape, torch.inf)
        given = self.checkpoint if self.patience is None else {}  # no other run's
        self.checkpoint = {name: t.to(self._device) for name, t in given.items()}

    @torch.no_grad()
    def after_validation(self, run: Run) -> None:
        if self.patience is None:
            return
        value = torch.tensor(run.history.validation[-1])
        better = (value < self.lowest) & (~self.started | self.adaptive)
        self.lowest = torch.where(better, value, self.lowest)
        self.best_step = torch.where(better, run.step, self.best_step)
        if better.any():
            who = _indices(better, self._device)  # where `fit` averages, θ_c is the average
            for name, now in (_state(run) | run.average.state_dict()).items():
                self.checkpoint.setdefault(name, now.clone())[who] = now[who]
        late = ~self.started & (run.step - self.best_step >= self.patience)
        self.begun = torch.where(late, run.step, self.begun)
        self.started |= late

    @torch.no_grad()
    def after_step(self, run: Run) -> None:
        if self.sharp:
            due = (run.step - self.begun) % (1 / self.p_reset).round() == 0
        else:
            coins = torch.rand(self.started.shape, generator=self.generator, dtype=torch.float64)
            due = coins < self.p_reset
        due &= self.started
        if not due.any():
            return
        self._resets.append((run.step, due.tolist()))
        who = _indices(due, self._device)
        for name, now in _state(run).items():
            if self.layers is not None and not _inside(name, self.layers):
                continue
            # What is not in the checkpoint is memory that the optimiser did not have then: zero.
            then = self.checkpoint[name][who] if name in self.checkpoint else now.new_zeros(())
            then = then.to(now.device)  # Adam's count of steps stays on the CPU
            if now.is_floating_point():  # a count of batches goes all the way back
                then = now[who].lerp(then.expand_as(now[who]), self.strength)
            now[who] = then

    def after_training(self, run: Run) -> None:
        # Who begins at the last step has none left to be reset after.
        waiting = (~self.started | (self.begun == run.step)) & (self.p_reset > 0)
        if not waiting.any() or run.history.interrupted:
            return
        who = f" for {waiting.sum()} of {len(waiting)} members" if waiting.ndim else ""
        warnings.warn(
            f"resets never began{who}: patience is {self.patience} steps, and the held-out objective "
            f"last fell at step {self.best_step[waiting].max()} of {run.step}; give a smaller patience "
            "or more steps",
            stacklevel=3,
        )

    @property
    def resets(self) -> list[tuple[int, Tensor]]:
        return [(step, torch.tensor(who)) for step, who in self._resets]

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | dict(coins=self.generator.get_state())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.generator.set_state(state["coins"])
        self.checkpoint = {name: t.to(self._device) for name, t in self.checkpoint.items()}


def _inside(name: str, layers: Sequence[str]) -> bool:
    """Whether a weight, `"0.weight"`, or `"0/weight"` in an `Ensemble`, belongs to one of `layers`."""
    return f"{name.replace('/', '.')}.".startswith(tuple(f"{layer}." for layer in layers))


def _state(run: Run) -> dict[str, Tensor]:
    """All that goes back, by name: weights and buffers as they are, and the optimiser's memory."""
    state, single = run.model.state_dict(), not run.members
    for name, p in run.model.named_parameters():
        for key, t in run.optimizer.state.get(p, {}).items():
            if isinstance(t, Tensor) and (single or t.shape == p.shape):
                state[f"{name}.{key}"] = t
    return state


def _indices(mask: Tensor, device: torch.device) -> Any:
    """Of the members in a mask, for tensors on `device`; of one model, all there is."""
    return mask.nonzero()[:, 0].to(device) if mask.ndim else ...


class Monitor(Callback):
    """Measures the averaged weights of a run (without averaging: its weights) on the way, in
    evaluation mode.

    Args:
        every: steps between two measurements; the nearest validations that are not earlier.
        measures: from the model to a number, or one for each member.

    Attributes:
        steps: at which was measured; the last is the last of the run, if it was not stopped between
            two validations.
        values: for each measure, `(len(steps),)` or `(len(steps), members)`.
    """

    lasting = ("steps", "_values")

    def __init__(self, every: int, **measures: Callable[[nn.Module], Tensor]) -> None:
        self.every = every
        self.measures = measures

    def before_training(self, run: Run) -> None:
        self.steps: list[int] = []
        self._values: dict[str, list[Tensor]] = {name: [] for name in self.measures}

    @torch.no_grad()
    def after_validation(self, run: Run) -> None:
        last = run.step == run.settings.steps or run.enough
        if self.steps and run.step - self.steps[-1] < self.every and not last:
            return
        self.steps.append(run.step)
        run.average.eval()
        for name, measure in self.measures.items():
            self._values[name].append(torch.as_tensor(measure(run.average)).cpu())
        run.average.train()

    @property
    def values(self) -> dict[str, Tensor]:
        return {name: torch.stack(v) for name, v in self._values.items()}


class SWA(Callback):
    """Stochastic weight averaging: the mean of the weights of all steps after `start`, all alike.

    Attributes:
        model: the averaged one, on the device of the training; `fit` itself leaves its best weights
            in the model that it was given.

    Raises:
        ValueError: by `fit`, if it would end before the start.

    Source: Izmailov et al., UAI 2018, arXiv 1803.05407.
    """

    def __init__(self, start: int) -> None:
        self.start = start

    def before_training(self, run: Run) -> None:
        require.within(f"[0, {run.settings.steps})", start=self.start, hint="steps of the run")
        self._average = AveragedModel(run.model, use_buffers=True)
        self.model = self._average.module

    def after_step(self, run: Run) -> None:
        if run.step > self.start:
            self._average.update_parameters(run.model)

    def state_dict(self) -> dict[str, Any]:
        return self._average.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._average.load_state_dict(state)
