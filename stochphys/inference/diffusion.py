r"""Posteriors of the diffusion matrix `(n, dim, dim)`, constant or a field; each draw is positive
definite.

Matrices are written as exponentials: of a symmetric matrix of numbers for a constant D, of one
function per component for a field of independent noises.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..device import as_generator
from ..models.drift_diffusion import LogVariance
from .increments import Increments
from .posterior import Functions, Posterior
from .regression import Method, Samples

LAGS = 5  # labels so far apart in time share no noise


@dataclass(frozen=True, eq=False)
class ConstantDiffusion(Posterior):
    r"""One matrix for all states, from n independent increments: $D = L\,e^S L^\top$ with
    $LL^\top = \hat D$ and S a symmetric matrix of normal numbers, of variance 2/n on its diagonal and
    1/n beside it. That is Wishart's law for n large."""

    estimate: Tensor  # (dim, dim)
    n: float

    def _everywhere(self, matrix: Tensor, x: Tensor) -> Tensor:
        return matrix.expand(*x.shape[:-1], *matrix.shape[-2:])

    def mean(self, x: Tensor) -> Tensor:
        return self._everywhere(self.estimate, x)

    def std(self, x: Tensor) -> Tensor:
        D, diagonal = self.estimate, self.estimate.diagonal()
        return self._everywhere(((diagonal[:, None] * diagonal + D**2) / self.n).sqrt(), x)

    def sample(self, draws: int, *, generator: torch.Generator | int) -> Functions:
        generator = as_generator(generator)
        L, dim = torch.linalg.cholesky(self.estimate), len(self.estimate)
        z = torch.randn(draws, dim, dim, generator=generator, device=generator.device)
        S = (z + z.mT).to(L) / (2 * self.n) ** 0.5
        drawn = L @ torch.linalg.matrix_exp(S) @ L.T

        def functions(x: Tensor) -> Tensor:
            return drawn[:, None].expand(draws, x.shape[1], dim, dim)

        return functions


@dataclass(frozen=True, eq=False)
class DiffusionField(Posterior):
    """Independent noises: $D = \\mathrm{diag}(e^{f_1(x)}, e^{f_2(x)}, …)$ with a posterior of f."""

    logarithm: Posterior

    def mean(self, x: Tensor) -> Tensor:
        return torch.diag_embed((self.logarithm.mean(x) + self.logarithm.std(x) ** 2 / 2).exp())

    def std(self, x: Tensor) -> Tensor:
        relative = torch.expm1(self.logarithm.std(x) ** 2).sqrt()
        return self.mean(x) * torch.diag_embed(relative)

    def sample(self, draws: int, *, generator: torch.Generator | int) -> Functions:
        f = self.logarithm.sample(draws, generator=generator)
        return lambda x: torch.diag_embed(f(x).exp())

    def interval(self, x: Tensor, level: float = 0.95) -> tuple[Tensor, Tensor]:
        low, high = self.logarithm.interval(x, level)
        return torch.diag_embed(low.exp()), torch.diag_embed(high.exp())


def infer_diffusion(
    data: Increments,
    drift: Tensor | None = None,
    method: Method | None = None,
    *,
    generator: torch.Generator | int | None = None,
) -> Posterior:
    """D from increments: one matrix, or with a `method` a field of independent noises.

    Args:
        drift: at the increments `(n_paths, n_steps, dim)`; without it D is too large by Φ²dt/2.
        method: of the logarithm of D, anything with the `fit` of `BayesianRegression`.

    Raises `ValueError` for a coordinate without noise.
    """
    generator = None if generator is None else as_generator(generator)
    squares = data.squares(drift)
    labels = squares.diagonal(dim1=-2, dim2=-1)
    if (labels.mean((0, 1)) <= 0).any():
        k = int((labels.mean((0, 1)) <= 0).nonzero()[0])
        raise ValueError(
            f"coordinate {k} shows no noise: its diffusion comes out as {labels[..., k].mean():.2g}; "
            "leave it out of the inference, or fit it as an ordinary differential equation"
        )
    if method is None:
        D = squares.mean((0, 1))
        n = squares.shape[0] * squares.shape[1] * independent_share(labels / D.diagonal())
        return ConstantDiffusion(positive(D), n)
    x, y = data.at.flatten(0, 1), labels.flatten(0, 1)
    weight = torch.ones_like(y)
    rough = method.fit(Samples(x, y, weight), LogVariance(), generator=generator)
    if not data.overlapping:
        return DiffusionField(rough)
    share = independent_share(labels * (-rough.mean(x)).exp().view_as(labels))
    return DiffusionField(
        method.fit(Samples(x, y, share * weight), LogVariance(), generator=generator)
    )


def independent_share(labels: Tensor) -> float:
    """Of labels of a variance, `(n_paths, n, dim)` and of mean 1: how many independent χ² numbers
    each is worth, 2 over the variance of their sum per label."""
    rest = labels - labels.mean((0, 1))
    n = rest.shape[1]
    lags = range(min(LAGS, n))
    variance = sum(
        (1 if k == 0 else 2) * (rest[:, k:] * rest[:, : n - k]).sum(1).mean() / n for k in lags
    )
    return float(2 / variance)


def positive(D: Tensor) -> Tensor:
    """D with eigenvalues that rounding or noise made negative lifted to a small positive number."""
    values, vectors = torch.linalg.eigh(D)
    return vectors * values.clamp(min=1e-9 * values.max()) @ vectors.T
