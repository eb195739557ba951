"""Examples of one's own whose labels get wrong, networks that learn from them, and what resets do for these.

Nothing here knows what an example is: `digits` and `noisy_images` say so.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ... import require
from ...brief import Brief, brief
from ...device import make_generator
from ...training.batches import Objective
from ...training.callbacks import Monitor, Resetting
from ...training.ensemble import Ensemble
from ...training.labels import Labelled, accuracy, classify, flip, symmetric_noise
from ...training.loop import fit
from ...training.run import Callback, History


def noisy_labels(
    x: Tensor,
    y: Tensor,
    seeds: Sequence[int],
    noise: float | Tensor,
    *,
    sizes: tuple[int, int],
    network: Callable[[torch.Generator], nn.Module],
    test: tuple[Tensor, Tensor] | None = None,
    n_classes: int | None = None,
    copies: int = 1,
    starts: int = 0,
) -> SimpleNamespace:
    """For each seed a split of the examples, wrong labels and a network of its own.

    Args:
        x, y: examples `(n, …)` and their true labels `(n,)`, as `Labelled` takes them.
        seeds: one or more, each once.
        noise: share of wrong labels, every other class alike, or a transition matrix
            `(n_classes, n_classes)` such as `class_noise` gives, a row for each true class.
        sizes: how many of them are to learn from, and how many are held out: both have wrong labels.
        network: makes one from a generator, with an output for each class.
        test: examples and true labels to judge by; by default those that `sizes` leave over.
        n_classes: as of `Labelled`: to be given if a class has no example.
        copies: networks that start alike and see the same batches, for each seed.
        starts: 1, 2, … gives other start weights for the same data.

    Returns `train`, `validation`, `test`: `Labelled`, of groups, one for each seed; `networks`: an
    `Ensemble` of `copies` networks for each seed, seed by seed.

    Raises `ValueError` for no seed or one that comes twice, sizes that leave no example to judge by, noise
    or test that are not of these classes, and as `Labelled` does; `TypeError` for a network that is
    made already.
    """
    n_train, n_held = sizes
    if np.ndim(seeds) != 1 or not 0 < len(seeds) == len(set(seeds)):  # type: ignore[arg-type]
        raise ValueError(f"seeds must hold at least one seed, and each once, got {brief(seeds)}")
    require.integer(1, copies=copies)
    require.integer(1, n_train=n_train, n_held=n_held, hint=f"sizes are {sizes}")
    if isinstance(network, nn.Module):
        raise TypeError(
            f"network must make a network from a generator, got {brief(network)}; give "
            "lambda generator: MLP((64, 10), generator=generator)"
        )
    whole = Labelled(x, y, n_classes)
    x, y, names, n_classes = whole.x, whole.y, whole.names, int(whole.n_classes or 0)
    if y.ndim != 1:
        raise ValueError(f"y must have the shape (n,), got {tuple(y.shape)}")
    if n_train + n_held + (test is None) > len(x):
        raise ValueError(
            f"sizes ask for {n_train} + {n_held} of {len(x)} examples; leave some to judge by, or "
            "give test"
        )
    law = torch.as_tensor(noise, dtype=torch.float64)
    law = law if law.ndim else symmetric_noise(law.item(), n_classes)
    if law.shape != (n_classes, n_classes):
        raise ValueError(
            f"noise must be a rate or a matrix (n_classes, n_classes), {(n_classes, n_classes)}, got "
            f"{tuple(law.shape)}; if a class has no example, give n_classes"
        )
    drawn, networks = [], []
    for seed in seeds:
        generator = make_generator(seed)
        rows = torch.randperm(len(x), generator=generator)
        drawn.append((rows, y[rows], flip(y[rows], law, generator=generator)))
        if starts:
            generator = make_generator(10_000 * starts + seed)  # a seed that no data have
        networks += [network(generator)] * copies
    rows, true, given = (torch.stack(of_all) for of_all in zip(*drawn, strict=True))

    def part(begin: int, end: int | None, labels: Tensor) -> Labelled:
        cut = slice(begin, end)
        return Labelled(x, labels[:, cut], n_classes, true[:, cut], rows[:, cut], copies, names)

    if test is None:
        judge = part(n_train + n_held, None, true)
    else:
        judge = _known(test, n_classes, names)
        if judge.x.shape[1:] != x.shape[1:]:
            shapes = tuple(judge.x.shape), tuple(x.shape)
            raise ValueError(f"test must hold examples like x, got {shapes[0]}, x has {shapes[1]}")
        known = judge.y.expand(len(seeds), -1)
        judge = replace(judge, y=known, true=known, copies=copies)
    return SimpleNamespace(
        train=part(0, n_train, given),
        validation=part(n_train, n_train + n_held, given),
        test=judge,
        networks=Ensemble(networks),
    )


def _known(test: tuple[Tensor, Tensor], n_classes: int, names: Sequence[str] | None) -> Labelled:
    try:
        return Labelled(test[0], test[1], n_classes, names=names)
    except ValueError as error:
        raise ValueError(f"test does not fit x and y: {error}") from error


@dataclass(frozen=True, eq=False)
class Study(Brief):
    """What `study` found, `(n_seeds, copies)` each.

    Attributes:
        kept: test accuracy in per cent of the weights whose held-out objective was lowest.
        last: that of the weights after the last step; nan where the run was stopped before it was
            measured.
        lowest: the lowest held-out objective, ∞ before the first.
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
    data: SimpleNamespace,
    p_reset: Sequence[float] = (0.0,),
    *,
    patience: int,
    generator: torch.Generator | int,
    coins: torch.Generator | int = 1,
    objective: Objective | None = None,
    rules: Sequence[Mapping[str, Any]] = (),
    callbacks: Sequence[Callback] = (),
    steps: int,
    **options: Any,
) -> Study:
    r"""Train the networks of `noisy_labels`, one for each seed and each $p_\text{reset}$, all in one pass,
    and judge them by labels that are true.

    The copies of a seed share data, start and batches and part by their resets alone. What a seed has
    of luck drops out of the gain of one copy over another.

    Args:
        data: of `noisy_labels` or `digits`, with `copies=len(p_reset)`. Its networks are left with their
            best weights: another study needs other `data`.
        p_reset: probability of a reset at each step, one for each copy; 0 is early stopping.
        patience: steps without a lower held-out objective after which resets begin.
        generator: of the batches.
        coins: of the resets.
        objective: `classify()`, cross entropy, by default.
        rules: what is special about the resets of each copy: arguments of `Resetting`, one mapping
            per copy. With a `generator` there, a copy tosses coins of its own.
        callbacks: further ones of `fit`.
        options: of `fit`.

    Raises `ValueError` as `Resetting` and `fit` do, and for rules or copies that are not one for each
    $p_\text{reset}$.

    Source: resets against wrong labels are those of Bae, Song and Jeong, arXiv 2406.00396.
    """
    p = torch.as_tensor(p_reset, dtype=torch.float64)
    if p.ndim != 1:
        raise ValueError(
            f"p_reset must be a sequence, one for each copy, such as (0.0,), got {p_reset}"
        )
    copies, n = len(p), len(data.test.y)
    if copies != data.train.copies:
        raise ValueError(f"data have {data.train.copies} copies of a network, p_reset has {copies}")
    if rules and len(rules) != copies:
        raise ValueError(f"rules must be one for each of {copies} p_reset, got {len(rules)}")
    p = p.repeat(n)  # (members,)
    how: dict[str, Any] = dict(patience=patience, generator=coins)
    resets = [
        Resetting(p * (torch.arange(copies) == k).repeat(n), **how | dict(rule))
        for k, rule in enumerate(rules)
    ] or [Resetting(p, **how)]
    end = Monitor(steps, test=lambda model: accuracy(model, data.test))
    history = fit(
        data.networks,
        objective or classify(),
        data.train,
        steps=steps,
        validation=data.validation,
        callbacks=[*resets, *callbacks, end],  # the last knows whether another ends the run
        generator=generator,
        **options,
    )
    shape, never = (n, copies), [[math.inf] * (n * copies)]
    measured = end.steps and end.steps[-1] == history.step[-1] and not history.interrupted
    last = end.values["test"][-1] if measured else torch.full((n * copies,), math.nan)
    lowest = torch.tensor(never + history.validation).nan_to_num(math.inf, math.inf).amin(0)
    return Study(
        kept=100 * accuracy(data.networks, data.test).view(shape),
        last=100 * last.view(shape),
        lowest=lowest.view(shape),
        test=data.test,
        history=history,
    )
