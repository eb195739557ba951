"""Networks that learn digits whose labels are wrong: one recipe, and what each change of it gains.

The recipe is that of notebook 42. Methods are compared on the same seeds, by `paired_gain`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from scipy.stats import ttest_rel
from torch import Tensor, nn

from ...brief import Brief
from ...device import make_generator
from ...models.networks import MLP
from ...training.batches import Objective
from ...training.ensemble import Ensemble
from ...training.labels import Labelled, accuracy, classify, flip, symmetric_noise
from ...training.loop import fit
from ...training.monitor import Monitor
from ...training.resetting import Resetting
from ...training.run import Callback, History

RECIPE: dict[str, Any] = dict(
    batch_size=8,
    lr=0.2,
    optimizer=torch.optim.SGD,
    ema=0.0,
    validate_every=10,
    keep="lowest",
    device="cpu",
    progress=False,
)
STEPS, PATIENCE = 3000, 300


def digits(
    seeds: Sequence[int], noise_rate: float, *, copies: int = 1, starts: int = 0
) -> SimpleNamespace:
    """1797 handwritten digits of 8 × 8 pixels under symmetric noise.

    Each seed has a split, wrong labels and start weights of its own. The labels of `train` (800)
    and of `validation` (300) are noisy, those of `test` (697) are true. `starts` of 1, 2, … gives
    other start weights for the same data.

    Returns:
        `train`, `validation`, `test`: `Labelled`; `networks`: an `Ensemble` of `copies` networks
        64-64-10 for each seed, one seed after the other. The copies of a seed start alike and see
        the same batches.

    Source: the digits of scikit-learn, from E. Alpaydin and C. Kaynak, UCI repository (1998).
    """
    from sklearn.datasets import load_digits

    if not len(seeds) or copies < 1:
        raise ValueError(f"give at least one seed and one copy, got {list(seeds)} and {copies}")
    images, labels = (torch.from_numpy(a) for a in load_digits(return_X_y=True))
    x, transition = images.float() / 8 - 1, symmetric_noise(noise_rate, 10)
    drawn, networks = [], []
    for seed in seeds:
        generator = make_generator(seed)
        rows = torch.randperm(len(x), generator=generator)
        given = flip(labels[rows], transition, generator=generator)
        drawn.append((rows, labels[rows], given))
        if starts:
            generator = make_generator(10_000 * starts + seed)  # a seed that no data have
        networks += [MLP((64, 64, 10), activation=nn.ReLU, generator=generator)] * copies
    rows, true, given = (torch.stack(of_all) for of_all in zip(*drawn, strict=True))

    def part(begin: int, end: int, y: Tensor) -> Labelled:
        cut = slice(begin, end)
        return Labelled(x, y[:, cut], 10, true[:, cut], rows[:, cut], copies)

    return SimpleNamespace(
        train=part(0, 800, given),
        validation=part(800, 1100, given),
        test=part(1100, 1797, true),
        networks=Ensemble(networks),
    )


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


class PairedGain(NamedTuple):
    """A mean gain, in the units of what was compared, and half the width of its 95 % interval."""

    gain: float
    half: float

    def __str__(self) -> str:
        return f"{self.gain:+.3g} ± {self.half:.2g}"


def paired_gain(method: Any, baseline: Any) -> PairedGain:
    r"""What a method gains over a baseline: mean over seeds, and half the width of its 95 % interval,

    $$\bar d \pm t_{n-1}\,s_d/\sqrt n, \qquad d_i = \text{method}_i - \text{baseline}_i.$$

    What a seed has of luck (data, start, batches) both methods share, and the difference is free
    of it. `method` and `baseline` have one number per seed `(n,)`, in one order.

    Raises `ValueError` for fewer than two seeds, or not as many in both.
    """
    ours, theirs = (torch.as_tensor(v).detach().cpu().double() for v in (method, baseline))
    if ours.shape != theirs.shape or ours.ndim != 1 or len(ours) < 2:
        raise ValueError(
            f"method and baseline must have one number per seed, of two seeds or more; got the "
            f"shapes {tuple(ours.shape)} and {tuple(theirs.shape)}"
        )
    low, high = ttest_rel(ours.numpy(), theirs.numpy()).confidence_interval()
    return PairedGain((ours - theirs).mean().item(), float(high - low) / 2)
