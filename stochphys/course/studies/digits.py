"""Digits whose labels are wrong: data and networks, the recipe of notebook 42, and what a method gains.

Methods are compared on the same seeds, by `paired_gain`.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from scipy.stats import ttest_rel
from torch import nn

from ...models.networks import MLP
from .noisy_labels import Study, noisy_labels, study

STEPS, PATIENCE = 3000, 300
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


def digits(
    seeds: Sequence[int], noise_rate: float, *, copies: int = 1, starts: int = 0
) -> SimpleNamespace:
    """1797 handwritten digits of 8 × 8 pixels under symmetric noise.

    Each seed has a split, wrong labels and start weights of its own. The labels of `train` (800)
    and of `validation` (300) are noisy, those of `test` (697) are true. `starts` of 1, 2, … gives
    other start weights for the same data.

    Returns `train`, `validation`, `test`: `Labelled`; `networks`: an `Ensemble` of `copies` networks
    64-64-10 for each seed, seed by seed. Copies start alike and see the same batches.

    Source: the digits of scikit-learn, from E. Alpaydin and C. Kaynak, UCI repository (1998).
    """
    from sklearn.datasets import load_digits

    images, labels = (torch.from_numpy(a) for a in load_digits(return_X_y=True))
    return noisy_labels(
        images.float() / 8 - 1,
        labels,
        seeds,
        noise_rate,
        sizes=(800, 300),
        network=lambda generator: MLP((64, 64, 10), activation=nn.ReLU, generator=generator),
        copies=copies,
        starts=starts,
    )


def study_digits(
    seeds: Sequence[int],
    noise_rate: float,
    p_reset: Sequence[float] = (0.0,),
    *,
    starts: int = 0,
    steps: int = STEPS,
    **changed: Any,
) -> Study:
    """`study` of `digits` by their `RECIPE`, of which `changed` says what is to be another: resets begin
    after 300 steps without a lower held-out objective, the learning rate falls to 0 along a cosine."""
    data = digits(seeds, noise_rate, copies=len(p_reset), starts=starts)
    options = RECIPE | dict(patience=PATIENCE, schedule="cosine") | changed
    return study(data, p_reset, steps=steps, **options)


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
