"""One pass of the study of the digits: networks of many seeds, and of several kinds of resets, trained
together and judged by labels that are true.

What the tables compare lives in `digits`, the recipe in `stochphys.course.studies.digits`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from stochphys.brief import Brief
from stochphys.course.studies.digits import RECIPE, digits
from stochphys.training import (
    Callback,
    History,
    Labelled,
    Monitor,
    Objective,
    Resetting,
    accuracy,
    classify,
    fit,
)

STEPS, PATIENCE = 3000, 300


@dataclass(frozen=True, eq=False)
class Study(Brief):
    """What a `study` found, `(n_seeds, copies)` each.

    Attributes:
        kept: test accuracy in per cent of the weights whose held-out objective was lowest.
        last: that of the weights after the last step.
        lowest: the lowest held-out objective.
        test: the data they were judged by, with true labels.
        history: of `fit`.
    """

    kept: Tensor
    last: Tensor
    lowest: Tensor
    test: Labelled
    history: History

    def judge(self, networks: nn.Module) -> Tensor:
        """Test accuracy in per cent of other weights of the same networks, such as `SWA.model`."""
        return 100 * accuracy(networks, self.test).view(self.kept.shape)


def study(
    seeds: Sequence[int],
    noise_rate: float,
    p_reset: Sequence[float] = (0.0,),
    *,
    generator: torch.Generator | int,
    coins: torch.Generator | int = 1,
    steps: int = STEPS,
    objective: Objective | None = None,
    rules: Sequence[Mapping[str, Any]] = (),
    starts: int = 0,
    callbacks: Sequence[Callback] = (),
    **changed: Any,
) -> Study:
    r"""Train one network for each seed and each $p_\text{reset}$, all in one pass, and judge them by
    labels that are true.

    A seed has a split, wrong labels, start weights and batches of its own; its `len(p_reset)` copies
    share them and part by their resets alone. What a seed has of luck drops out of the gain
    of one copy over another. Resets begin after 300 steps without a lower held-out objective.

    Args:
        seeds: of the data and the start weights, one network per copy each.
        noise_rate: share τ of the labels to learn from, and of those held out, that are wrong.
        p_reset: probability of a reset at each step, one for each copy; 0 is early stopping.
        generator: of the batches.
        coins: of the resets.
        objective: `classify()`, cross entropy, by default.
        rules: what is special about the resets of each copy: arguments of `Resetting`, one mapping
            per copy. With a `generator` there, a copy tosses coins of its own.
        starts: see `digits`.
        callbacks: further ones of `fit`.
        changed: what else of the `RECIPE` is to be another, such as `lr` or `ema`, or the schedule
            of the learning rate, `"cosine"`.

    Raises `ValueError` as `digits`, `Resetting` and `fit` do, and for rules that are not one per copy.

    Source: resets against wrong labels are those of Bae, Song and Jeong, arXiv 2406.00396.
    """
    n, copies = len(seeds), len(p_reset)
    if rules and len(rules) != copies:
        raise ValueError(f"rules must be one for each of {copies} p_reset, got {len(rules)}")
    data = digits(seeds, noise_rate, copies=copies, starts=starts)
    p = torch.tensor(p_reset).repeat(n)  # (members,)
    how: dict[str, Any] = dict(patience=PATIENCE, generator=coins)
    resets = [
        Resetting(p * (torch.arange(copies) == k).repeat(n), **how | dict(rule))
        for k, rule in enumerate(rules)
    ] or [Resetting(p, **how)]
    end = Monitor(steps, test=lambda model: accuracy(model, data.test))
    options = RECIPE | dict(steps=steps, schedule="cosine", generator=generator) | changed
    options |= dict(validation=data.validation, callbacks=[*resets, end, *callbacks])
    history = fit(data.networks, objective or classify(), data.train, **options)
    shape = n, copies
    return Study(
        kept=100 * accuracy(data.networks, data.test).view(shape),
        last=100 * end.values["test"][-1].view(shape),
        lowest=torch.tensor(history.validation).amin(0).view(shape),
        test=data.test,
        history=history,
    )
