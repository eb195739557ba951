"""Callbacks of `fit` that look on: measurements on the way, and an average of equal weights."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from .. import require
from .run import Callback, Run


class Monitor(Callback):
    """Measures the averaged weights of a run (without averaging: its weights) on the way, in
    evaluation mode.

    Args:
        every: steps between two measurements; the nearest validations that are not earlier.
        measures: from the model to a number, or one for each member.

    Attributes:
        steps: at which was measured; the last is the last of the run.
        values: for each measure, `(len(steps),)` or `(len(steps), members)`.
    """

    def __init__(self, every: int, **measures: Callable[[nn.Module], Tensor]) -> None:
        self.every = every
        self.measures = measures

    def before_training(self, run: Run) -> None:
        self.steps: list[int] = []
        self._values: dict[str, list[Tensor]] = {name: [] for name in self.measures}

    @torch.no_grad()
    def after_validation(self, run: Run) -> None:
        last = run.step == run.settings.steps
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

    def state_dict(self) -> dict[str, Any]:
        return dict(steps=self.steps, values=self._values)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps, self._values = state["steps"], state["values"]


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
