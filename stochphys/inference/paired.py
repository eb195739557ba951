"""What one method gains over another where both were run on the same seeds."""

from __future__ import annotations

from typing import Any

import torch
from scipy.stats import t as student


def paired_gain(method: Any, baseline: Any) -> tuple[float, float]:
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
    gain, n = ours - theirs, len(ours)
    half = student.ppf(0.975, n - 1) * gain.std().item() / n**0.5
    return gain.mean().item(), half
