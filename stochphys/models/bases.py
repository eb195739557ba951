r"""Features of a state: what a linear model multiplies with its weights.

A basis is any function from states `(…, dim)` to features `(…, n_features)`. The ones here place
themselves on data first, `basis.fitted(x)`, so that their features are of order one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from itertools import combinations_with_replacement

import torch
from torch import Tensor

from .. import require
from ..brief import Brief

Features = Callable[[Tensor], Tensor]  # (…, dim) -> (…, n_features)


@dataclass(frozen=True)
class Polynomial:
    """All monomials up to a total `degree`, of coordinates shifted and scaled to the data.

    Raises `ValueError` for a negative degree.
    """

    degree: int = 3

    def __post_init__(self) -> None:
        require.integer(0, self, "degree")

    def fitted(self, x: Tensor) -> Features:
        mean, std = x.mean(0), x.std(0)
        powers = [
            c
            for degree in range(1, self.degree + 1)
            for c in combinations_with_replacement(range(x.shape[-1]), degree)
        ]

        def features(x: Tensor) -> Tensor:
            z = ((x - mean.to(x)) / std.to(x)).unbind(-1)
            products = [reduce(torch.mul, [z[i] for i in c]) for c in powers]
            return torch.stack([torch.ones_like(z[0]), *products], dim=-1)

        return features


FREE = 100.0  # factor of the straight line: a prior of one width for all weights leaves it free


@dataclass(frozen=True)
class RBF:
    r"""1, x, and `n` radial bumps along each coordinate, two distances of centres wide.

    The bumps cover the range of the data; beyond it the straight line is left, on which the prior
    says nothing. A sum over coordinates: it holds forces that add up over them, and no products.

    Raises `ValueError` for fewer than two bumps.
    """

    n: int = 24

    def __post_init__(self) -> None:
        require.integer(2, self, "n")

    def fitted(self, x: Tensor) -> "Bumps":
        low, high = x.min(0).values, x.max(0).values
        return Bumps(self.n, low, (high - low) / (self.n - 1), x.mean(0), x.std(0))


@dataclass(frozen=True, eq=False)
class Bumps(Brief):
    """An `RBF` that has found its place: the first of `n` bumps is at `low`, the next a `step` on."""

    n: int
    low: Tensor
    step: Tensor
    mean: Tensor
    std: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        z = (x - self.low.to(x)) / self.step.to(x)
        away = z[..., None] - torch.arange(self.n).to(x)
        bumps = torch.exp(-((away / 2) ** 2) / 2).flatten(-2)
        line = FREE * (x - self.mean.to(x)) / self.std.to(x)
        return torch.cat((FREE * torch.ones_like(x[..., :1]), line, bumps), dim=-1)

    @property
    def groups(self) -> Tensor:
        """Of each feature: 0 for those of the straight line, i for the bumps along coordinate i."""
        dim = len(self.low)
        line = torch.zeros(1 + dim, dtype=torch.long)
        return torch.cat((line, torch.arange(1, dim + 1).repeat_interleave(self.n)))
