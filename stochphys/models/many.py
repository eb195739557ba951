r"""Entropy production of many coordinates: areas in closed form, and a network for what they miss.

With N coordinates a network has N² currents $x_i \circ dx_k$ to find one by one, and noise in each.
Here their best combination comes first, from second moments of the data.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from ..brief import Brief
from ..data import Trajectories, Windows
from ..device import Source
from .neep import NEEP

PIECE = 2**22  # numbers worked on at once: 16 MB


@dataclass(frozen=True, eq=False)
class Areas(Brief):
    r"""Second moments of midpoints and steps, z = (x̄, Δx), of stationary data; they add up:
    `Areas.of(first) + Areas.of(second)` is as good as both data sets together.

    Attributes:
        n: number of steps.
        mean: of z, `(2 dim,)`, float64.
        covariance: of z, `(2 dim, 2 dim)`, float64.
    """

    n: int
    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, trajectories: Trajectories) -> "Areas":
        """The moments of all steps of the trajectories."""
        x = trajectories.gapless()[0].x
        shift = x[:, 0].mean(0)  # products of small numbers keep their digits in float32
        rows = max(1, PIECE // (2 * x[0].numel()))
        total, square = torch.zeros(()), torch.zeros(())
        for piece in x.split(rows):
            piece = piece - shift
            midpoint, step = (piece[:, 1:] + piece[:, :-1]) / 2, piece.diff(dim=1)
            z = torch.cat((midpoint, step), dim=-1).flatten(0, 1)
            for part in z.split(2**14):  # float32 within, float64 between
                total = total + part.sum(0).double()
                square = square + (part.T @ part).double()
        n = len(x) * (x.shape[1] - 1)
        mean = total / n
        covariance = square / n - torch.outer(mean, mean)
        mean[: len(shift)] += shift
        return cls(n, mean, covariance)

    def __add__(self, other: "Areas") -> "Areas":
        n = self.n + other.n
        a, b, between = self.n / n, other.n / n, other.mean - self.mean
        covariance = a * self.covariance + b * other.covariance
        covariance = covariance + a * b * torch.outer(between, between)  # that of the two means
        return Areas(n, a * self.mean + b * other.mean, covariance)

    def entropy_matrix(self, *, shrink: bool = True) -> Tensor:
        r"""K `(dim, dim)` of the best current that is linear in the state, ΔS ≈ (x̄ − μ)ᵀ K Δx.

        Coordinates $y$ are chosen in which steps have covariance 1 and midpoints a diagonal one,
        λ. There $m_{ij} = \langle \bar y_i \Delta y_j\rangle$ holds the areas. In a stationary state
        it is antisymmetric: the rest is the mean of a total derivative, $\Delta(y_i y_j)/2$, and
        noise. Both $m_{ij}$, of variance $\lambda_i/n$, and $-m_{ji}$, of $\lambda_j/n$, estimate
        $M_{ij}$. Weighted by their variances they leave

        $$S_{ij} = M_{ij} \sqrt{1/\lambda_i + 1/\lambda_j}$$

        with noise of variance $1/n$ in each of its N(N − 1)/2 numbers, and $\sum_{i<j} 2 S_{ij}^2$
        is the entropy produced per step. Then $K = 2\,\lambda^{-1} M (1 - M^\top\lambda^{-1} M)^{-1}$,
        exact for a Gaussian pair.

        With `shrink`, each pair of modes of S is cut down to what rises above noise of that
        strength, see `shrink_antisymmetric`.

        Raises `ValueError` if coordinates are linear functions of each other.
        """
        dim = len(self.mean) // 2
        C, Q = self.covariance[:dim, :dim], self.covariance[dim:, dim:]
        scale = Q.diagonal().clamp(min=1e-300).rsqrt()
        values, vectors = torch.linalg.eigh(scale[:, None] * Q * scale)
        if values[0] < 1e-6:  # products of float32
            raise ValueError("coordinates are linear functions of each other; leave some out")
        W = (vectors * values.rsqrt()).T * scale  # W Q Wᵀ = 1
        variance, rotation = torch.linalg.eigh(W @ C @ W.T)
        W = rotation.T @ W  # now W C Wᵀ is diagonal, too: y = W x
        m = W @ self.covariance[:dim, dim:] @ W.T
        precision = 1 / variance
        weight = (precision[:, None] + precision).sqrt()
        S = (precision[:, None] * m - m.T * precision) / weight  # the mean of m_ij and −m_ji
        if shrink:
            S = shrink_antisymmetric(S, self.n)
        M = S / weight
        by_variance = precision[:, None] * M
        identity = torch.eye(dim).to(M)
        return 2 * W.T @ by_variance @ torch.linalg.inv(identity - M.T @ by_variance) @ W


def shrink_antisymmetric(S: Tensor, n: int) -> Tensor:
    r"""The best guess of an antisymmetric matrix, seen with noise of variance 1/n in each number.

    The eigenvalues s of iS become $\xi = s - 2\,\frac{N}{n}\,\mathcal H(s)$, with the Hilbert
    transform of their density, and the eigenvectors stay: for large N nothing that is done to the
    eigenvalues is closer to the truth (Bun, Allez, Bouchaud, Potters, IEEE Trans. Inf. Theory 62,
    7475 (2016)). Then one factor for all gives the current its unbiased mean, Σs² less that of the
    noise: modes shrink, the rate does not.
    """
    noise = 1 / n**0.5
    values, vectors = torch.linalg.eigh(1j * S)  # Hermitian: its eigenvalues s come as pairs ± s
    distance = values[:, None] - values
    hilbert = (distance / (distance**2 + noise**2)).sum(1)  # N times that of the density
    kept = ((values - 2 * noise**2 * hilbert) * values.sign()).clamp(min=0) * values.sign()
    mean = values.square().sum() - noise**2 * len(S) * (len(S) - 1)
    kept = kept * mean.clamp(min=0) / kept.square().sum().clamp(min=1e-300)
    return ((vectors * kept) @ vectors.mH).imag


class AreaNEEP(NEEP):
    r"""Entropy produced in one step of a process with many coordinates, even under reversal,

    $$\Delta S_\theta = a\,(\bar x - \mu)^\top K \Delta x
      + h_\theta(\bar x, \Delta x) - h_\theta(\bar x, -\Delta x).$$

    `standardise` finds K in closed form, see `Areas`: all of ΔS if forces are linear and the noise
    is constant. The network starts at zero and learns what is missing, together with the gain a.
    Train it with `neep_objective`, like `NEEP`.

    Args:
        dim, width, depth, generator: as for `NEEP`.
    """

    def __init__(self, dim: int, *, width: int = 32, depth: int = 2, generator: Source) -> None:
        super().__init__(dim, width=width, depth=depth, generator=generator)
        for parameter in self.h[-1].parameters():
            nn.init.zeros_(parameter)
        self.logit = nn.Parameter(torch.full((), 7.0))
        self.K = nn.Buffer(torch.zeros(dim, dim))

    @torch.no_grad()
    def standardise(self, trajectories: Trajectories, areas: Areas | None = None) -> Self:
        r"""Take units and K from these data; K from `areas` if given, of more data than fit here.

        The gain begins at $2\langle h\rangle/\langle h^2\rangle$, which is near 1 unless heavy
        tails or a noise that depends on the state make the current noisier than second moments say.
        """
        super().standardise(trajectories)
        areas = areas or Areas.of(trajectories)
        self.centre = areas.mean[: len(self.centre)].to(self.centre)
        self.K.copy_(areas.entropy_matrix())
        h = self.areas(Windows(trajectories).sample(100_000))
        mean = (self.K * areas.covariance[: len(self.K), len(self.K) :]).sum()
        gain = (2 * mean / h.square().mean()).nan_to_num(1.0)  # any, where K is 0: all was noise
        self.logit.copy_(torch.logit(gain, eps=1e-3))
        return self

    @property
    def gain(self) -> Tensor:
        """a, between 0 and 1: learned from the data that chose K, it must not exaggerate."""
        return torch.sigmoid(self.logit)

    def areas(self, window: Tensor) -> Tensor:
        """The current that is linear in the state, `(…)`, of pairs of states `(…, 2, dim)`."""
        midpoint, step = self.parts(window)
        return ((midpoint @ self.K) * step).sum(-1)

    def forward(self, window: Tensor) -> Tensor:
        """ΔS `(…)` of pairs of successive states `(…, 2, dim)`."""
        return self.gain * self.areas(window) + super().forward(window)
