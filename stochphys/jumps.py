"""Jumps between numbered states, simulated or measured: which state comes when, or after how long a stay."""

from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from typing import Any, Self

import torch
from torch import Tensor

from . import require
from .paths import Paths, check_axes, check_numbers
from .stretches import INTEGERS, Stretches

FLOATS = (torch.float32, torch.float64)  # fewer bits lose the small steps that heat is made of


@dataclass(frozen=True, eq=False)
class Jumps(Paths):
    """Recorded paths of a system that jumps between numbered states.

    Attributes:
        x: states visited one after the other `(n_trajectories, n_times)`, integers from 0 to
            n_states - 1; one byte each (torch.uint8) is enough.
        n_states: number of states.
        waiting: time spent in each of them, same shape; without it each step takes the time 1.
        stretches: None, or, of paths of unequal length or with gaps, which states of `x (n_frames,)`
            follow each other.

    Raises:
        TypeError: `x` holds no integers, or `waiting` no floats.
        ValueError: wrong axes, fewer than two times, a state that does not exist, a waiting time
            that is negative or not finite.
    """

    x: Tensor
    n_states: int
    waiting: Tensor | None = None
    check: InitVar[bool] = True
    stretches: Stretches | None = field(default=None, repr=False)

    def __post_init__(self, check: bool) -> None:
        x, waiting = self.x, self.waiting
        remedy = "number them, torch.as_tensor(x).long(); Trajectories are for continuous states"
        require.tensor(INTEGERS, x=x, hint=remedy)
        if self.stretches is None:
            check_axes(x, "n_trajectories", "n_times", hint="one path needs x[None]")
        if waiting is not None:
            require.tensor(FLOATS, waiting=waiting, hint="it is the time spent in each state")
        if waiting is not None and waiting.shape != x.shape:
            raise ValueError(
                f"waiting must have the shape of x, {tuple(x.shape)}, got {tuple(waiting.shape)}"
            )
        if not check:
            return
        check_numbers(x, self.n_states, f"n_states={self.n_states}")
        if waiting is not None and not (torch.isfinite(waiting) & (waiting >= 0)).all():
            raise ValueError("waiting must be finite and not negative")

    @property
    def dt(self) -> float:  # type: ignore[override]
        """Mean time of a step: 1, or the mean waiting time."""
        return 1.0 if self.waiting is None else self.waiting.double().mean().item()

    def _laid(self, change: Callable[[Tensor], Tensor], **other: Any) -> Self:
        waiting = None if self.waiting is None else change(self.waiting)
        return super()._laid(change, waiting=waiting, **other)

    def at(self, index: Tensor) -> Tensor:
        states = self.x.take(index)
        if self.waiting is None:
            return states.long()
        return torch.stack((states, self.waiting.take(index)), dim=-1)
