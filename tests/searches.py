"""What the tests of searches and of their stationary state share."""

from collections.abc import Callable
from math import exp

import torch
from scipy.special import lambertw
from torch import Tensor

Z_STAR = 2 + lambertw(-2 * exp(-2)).real  # √(r x0²/D) at the best rate


def at(f: Callable[[Tensor], Tensor], t: float) -> float:
    """A function of tensors at one number."""
    return f(torch.tensor(t, dtype=torch.float64)).item()
