"""What one method gains over another where both were run on the same seeds."""

from typing import Any, NamedTuple

import torch
from scipy.stats import ttest_rel


class PairedGain(NamedTuple):
    """A mean gain, in the units of what was compared, and half the width of its 95 % interval."""

    gain: float
    half: float

    def __str__(self) -> str:
        return f"{self.gain:+.3g} ± {self.half:.2g}"


def paired_gain(method: Any, baseline: Any) -> PairedGain:
    r"""Mean gain over seeds, and half the width of its 95 % interval by Student's t,

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
