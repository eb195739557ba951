r"""Two problems on which stochastic gradients with resets are solved exactly, or nearly.

Data, model and formulas of a linear regression, where resetting is ridge regression in the mean,
and of matrix sensing, where what noisy labels add to the gradient is a known vector. Training is
that of the course, `training.fit`.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ... import require
from ...brief import Brief
from ...device import Source, as_generator


def ridge(p_reset: float, lr: float) -> float:
    r"""Strength of the ridge that resets with probability `p_reset` per step amount to,

    $$\lambda = \frac{p}{(1 - p)\,\text{lr}}.$$

    The age of an iterate, in steps since the last reset, is geometric, $p(1-p)^j$, and after j
    steps the mean has kept $(1 - \text{lr}\,H)^j$ of the distance to the minimum.
    """
    require.within("[0, 1)", hint="1 would need an endless ridge", p_reset=p_reset)
    return p_reset / ((1 - p_reset) * lr)


def poisson_filter(h: Tensor, p_reset: float, lr: float) -> Tensor:
    """Fraction h/(h + λ) of the way to the minimum that the mean iterate goes along an axis of
    curvature h, with λ of `ridge`; `h` of any shape."""
    return h / (h + ridge(p_reset, lr))


def sharp_filter(h: Tensor, period: int, lr: float) -> Tensor:
    r"""As `poisson_filter` for resets after every `period` steps, all ages equally likely:
    $1 - [1 - (1 - \text{lr}\,h)^T]/(T\,\text{lr}\,h)$."""
    return 1 - (1 - (1 - lr * h) ** period) / (period * lr * h)


def stopping_filter(h: Tensor, steps: int, lr: float) -> Tensor:
    r"""As `poisson_filter` for gradient descent that starts at the checkpoint and ends after some
    steps: $1 - (1 - \text{lr}\,h)^k$."""
    return 1 - (1 - lr * h) ** steps


@dataclass(frozen=True, eq=False)
class LinearRegression(Brief):
    r"""Labels $y = x\cdot w + \sigma\epsilon$, and gradients of $\tfrac12\langle(x\cdot\theta - y)^2\rangle$:

    $$g(\theta) = H\theta - b, \qquad H = X^\top X/n, \qquad b = Hw + \sigma X^\top\epsilon/n.$$

    The noise of labels enters as a constant vector: here the latent gradient bias is
    $-\sigma X^\top\epsilon/n$ at every θ.
    """

    x: Tensor  # inputs (n, dim)
    y: Tensor  # labels (n,)
    w: Tensor  # the truth (dim,)

    @classmethod
    def draw(cls, n: int, dim: int, *, noise: float, generator: Source) -> "LinearRegression":
        """Standard normal inputs, a truth of length one on average, labels with `noise` σ."""
        generator = as_generator(generator)
        x = torch.randn(n, dim, generator=generator)
        w = torch.randn(dim, generator=generator) / dim**0.5
        return cls(x, x @ w + noise * torch.randn(n, generator=generator), w)

    @property
    def H(self) -> Tensor:
        """Curvature `(dim, dim)`, float64."""
        return self.x.double().T @ self.x.double() / len(self.x)

    @property
    def b(self) -> Tensor:
        """Minus the gradient at θ = 0 `(dim,)`, float64."""
        return self.x.double().T @ self.y.double() / len(self.x)

    def stationary_mean(self, p_reset: float, lr: float, checkpoint: Tensor) -> Tensor:
        r"""Mean weights under resets to the checkpoint θ_c, $(H + \lambda)^{-1}(b + \lambda\theta_c)$.

        Exact for batches drawn anew each step, whatever their size; `(dim,)`, float64.
        """
        strength = ridge(p_reset, lr)
        H = self.H + strength * torch.eye(len(self.w), dtype=torch.float64)
        return torch.linalg.solve(H, self.b + strength * checkpoint.double())

    def risk(self, theta: Tensor) -> Tensor:
        """Squared error of noiseless predictions at new inputs, |θ − w|²; θ `(…, dim)`."""
        return (theta.double() - self.w.double()).square().sum(-1)


class Factor(nn.Module):
    r"""A symmetric positive matrix $UU^\top$ seen through probes: $A \mapsto \langle A, UU^\top\rangle$.

    From `(batch, n, n)` to `(batch,)`; `start` is U at the start `(n, n)`.
    """

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.U = nn.Parameter(start.clone())

    def forward(self, probes: Tensor) -> Tensor:
        return (probes * (self.U @ self.U.T)).sum((-2, -1))


@dataclass(frozen=True, eq=False)
class MatrixSensing(Brief):
    r"""Find a matrix X of low rank and length one from m noisy numbers,
    $y_i = \langle A_i, X\rangle + \sigma\epsilon_i$, by gradients of $\tfrac12\langle(\langle A,
    UU^\top\rangle - y)^2\rangle$ in U. With fewer numbers than entries U can learn noise by heart.
    """

    probes: Tensor  # A, standard normal (groups, m, n, n); a group is a problem of its own
    y: Tensor  # noisy numbers (groups, m)
    true: Tensor  # noiseless numbers (groups, m)

    @classmethod
    def draw(cls, X: Tensor, m: int, *, noise: float, generator: Source) -> "MatrixSensing":
        """m probes of each truth X `(groups, n, n)`, and what they read."""
        generator = as_generator(generator)
        groups, n, _ = X.shape
        probes = torch.randn(groups, m, n, n, generator=generator)
        true = (probes * X[:, None]).sum((-2, -1))
        y = true + noise * torch.randn(true.shape, generator=generator)
        return cls(probes, y, true)

    def __len__(self) -> int:
        return self.y.shape[1]

    def __getitem__(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Probes and numbers of the batches `index (groups, batch)`."""
        group = torch.arange(len(index), device=index.device)[:, None]
        return self.probes[group, index], self.y[group, index]

    def gradients(self, U: Tensor) -> tuple[Tensor, Tensor]:
        """On noiseless numbers, and what their noise adds to it (the latent bias), each
        `(groups, n, n)` at U of that shape."""
        A = self.probes + self.probes.mT
        seen = torch.einsum("gmij,gij->gm", A, U @ U.mT) / 2
        parts = seen - self.true, self.true - self.y  # of the residual, (groups, m) each
        clean, bias = (torch.einsum("gm,gmij->gij", part, A) @ U / len(self) for part in parts)
        return clean, bias


def low_rank(groups: int, n: int, rank: int, *, generator: Source) -> Tensor:
    """Truths X = VVᵀ/|VVᵀ| with V standard normal `(n, rank)`; `(groups, n, n)`."""
    V = torch.randn(groups, n, rank, generator=as_generator(generator))
    X = V @ V.mT
    return X / X.norm(dim=(1, 2), keepdim=True)


def half_square(model: nn.Module, batch: Any) -> Tensor:
    """Objective of both problems, half the mean squared residual, `([members],)`."""
    x, y = batch
    return (model(x).view_as(y) - y).square().mean(-1) / 2
