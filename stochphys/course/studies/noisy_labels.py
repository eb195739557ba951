"""Examples of one's own whose labels get wrong, networks that learn from them, and what resets do for these.

Nothing here knows what an example is: `digits` and `noisy_images` say so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from ...brief import Brief
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
    copies: int = 1,
    starts: int = 0,
) -> SimpleNamespace:
    """For each seed a split of the examples, wrong labels and a network of its own.

    Args:
        x, y: examples `(n, …)` and their true labels `(n,)`, from 0 on.
        noise: share of wrong labels, every other class alike, or a transition matrix
            `(n_classes, n_classes)` such as `class_noise` gives.
        sizes: how many of them are to learn from, and how many are held out: both have wrong labels.
        network: makes one from a generator, with an output for each class.
        test: examples and true labels to judge by; by default those that `sizes` leave over.
        copies: networks that start alike and see the same batches, for each seed.
        starts: 1, 2, … gives other start weights for the same data.

    Returns `train`, `validation`, `test`: `Labelled`, of groups, one for each seed; `networks`: an
    `Ensemble` of `copies` networks for each seed, seed by seed.

    Raises `ValueError` for no seed, sizes that leave no example to judge by, and as `Labelled` does.
    """
    n_train, n_held = sizes
    if not len(seeds) or copies < 1:
        raise ValueError(f"give at least one seed and one copy, got {list(seeds)} and {copies}")
    if n_train + n_held + (test is None) > len(x):
        raise ValueError(
            f"sizes ask for {n_train} + {n_held} of {len(x)} examples; leave some to judge by, or "
            "give test"
        )
    y = torch.as_tensor(y).long()
    n_classes = int(y.max()) + 1
    law = symmetric_noise(noise, n_classes) if isinstance(noise, int | float) else noise
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
        return Labelled(x, labels[:, cut], n_classes, true[:, cut], rows[:, cut], copies)

    if test is None:
        judge = part(n_train + n_held, None, true)
    else:
        known = torch.as_tensor(test[1]).long().expand(len(seeds), -1)
        judge = Labelled(test[0], known, n_classes, known, copies=copies)
    return SimpleNamespace(
        train=part(0, n_train, given),
        validation=part(n_train, n_train + n_held, given),
        test=judge,
        networks=Ensemble(networks),
    )


@dataclass(frozen=True, eq=False)
class Study(Brief):
    """What `study` found, `(n_seeds, copies)` each.

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
        data: of `noisy_labels` or `digits`, with `copies=len(p_reset)`.
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
    copies, n = len(p_reset), len(data.test.y)
    if copies != data.train.copies:
        raise ValueError(f"data have {data.train.copies} copies of a network, p_reset has {copies}")
    if rules and len(rules) != copies:
        raise ValueError(f"rules must be one for each of {copies} p_reset, got {len(rules)}")
    p = torch.tensor(p_reset).repeat(n)  # (members,)
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
        callbacks=[*resets, end, *callbacks],
        generator=generator,
        **options,
    )
    shape = n, copies
    return Study(
        kept=100 * accuracy(data.networks, data.test).view(shape),
        last=100 * end.values["test"][-1].view(shape),
        lowest=torch.tensor(history.validation).amin(0).view(shape),
        test=data.test,
        history=history,
    )
