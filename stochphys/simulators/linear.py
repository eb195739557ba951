"""The system of which everything is known in closed form: a linear force and constant noise."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.linalg import expm, solve_continuous_lyapunov, solve_discrete_lyapunov
from torch import Tensor

from .. import require
from ..data import Trajectories
from ..device import Source, drawn_from
from .langevin import System, each_step, square_root


@dataclass(frozen=True, eq=False)
class Linear(System):
    r"""Linear drift and constant noise, the one process that is known in full:

    $$dx = A x\,dt + B\,dW, \qquad B B^\top = 2D.$$

    If A is stable the stationary law is Gaussian with covariance C, $AC + CA^\top = -2D$. The
    probability current is $\nu(x) p(x)$ with the mean local velocity $\nu(x) = (A + D C^{-1})x$,
    and every step $\Delta x$ at midpoint $\bar x$ produces the entropy (k_B = 1)

    $$\Delta S = \nu(\bar x)^\top D^{-1} \Delta x.$$

    All exact results are float64.

    Args:
        A: drift matrix `(dim, dim)`, one over time.
        D: diffusion matrix `(dim, dim)`, symmetric, positive semi-definite.

    Raises:
        ValueError: a shape that does not fit, or D that is not symmetric positive semi-definite.
    """

    A: Tensor
    D: Tensor
    additive = True
    entropy_schemes = ("exact", "euler", "midpoint")

    def __post_init__(self) -> None:
        A, D = (torch.as_tensor(matrix, dtype=torch.float64) for matrix in (self.A, self.D))
        if A.ndim != 2 or A.shape[0] != A.shape[1] or D.shape != A.shape:
            raise ValueError(
                f"A and D must be square and of one size, got {tuple(A.shape)} and {tuple(D.shape)}"
            )
        require.finite(A=A, D=D)
        smallest, rounding = torch.linalg.eigvalsh(D)[0].item(), 1e-12 * D.abs().max()
        if (D - D.T).abs().max() > rounding or smallest < -rounding:
            raise ValueError(
                "D must be symmetric and positive semi-definite, as noise has no negative variance; "
                f"its smallest eigenvalue is {smallest:.3g}"
            )
        object.__setattr__(self, "A", A)
        object.__setattr__(self, "D", D)

    @property
    def dim(self) -> int:  # type: ignore[override]
        return self.A.shape[0]

    def drift(self, x: Tensor, t: float) -> Tensor:
        return x @ self.A.T.to(x)

    def noise_amplitude(self, x: Tensor, t: float) -> Tensor:
        return square_root(2 * self.D).to(x)[None]

    def stationary_covariance(self) -> Tensor:
        """C `(dim, dim)`, the solution of the Lyapunov equation A C + C Aᵀ = −2D (Gardiner, Handbook
        of Stochastic Methods, §4.4.6), by the method of Bartels and Stewart.

        Raises `ValueError` if A is not stable: then there is no stationary state.
        """
        return self._stationary_covariance

    @cached_property
    def _stationary_covariance(self) -> Tensor:
        growth = torch.linalg.eigvals(self.A).real.max().item()
        if growth >= 0:
            raise ValueError(
                f"A is not stable (real part {growth:.3g} ≥ 0): no stationary state; give start=…"
            )
        C = solve_continuous_lyapunov(self.A.numpy(), -2 * self.D.numpy())
        return torch.from_numpy((C + C.T) / 2)  # rounding leaves it not quite symmetric

    def sample_stationary(
        self, n: int, *, generator: Source, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """n independent states `(n, dim)` of the stationary law."""
        root = square_root(self.stationary_covariance())
        z = torch.randn(n, self.dim, dtype=dtype, **drawn_from(generator))
        return z @ root.to(z).T

    def mean_local_velocity(self, x: Tensor) -> Tensor:
        """ν(x) = (A + D C⁻¹) x at states `(…, dim)`: probability current over density."""
        F = self.A + self.D @ torch.linalg.inv(self.stationary_covariance())
        return x @ F.T.to(x)

    def transition(self, dt: float, scheme: str = "exact") -> tuple[Tensor, Tensor]:
        """One step in law, x' = P x + noise of covariance Q: returns P, Q `(dim, dim)`.

        `"exact"` is the process itself, seen every `dt`; `"euler"` is the Euler–Maruyama chain.
        """
        require.positive(dt=dt)
        require.one_of(("exact", "euler"), scheme=scheme)
        if scheme == "euler":
            return torch.eye(self.dim, dtype=torch.float64) + self.A * dt, 2 * self.D * dt
        # P = exp(A h) and Q = ∫₀ʰ exp(A s) 2D exp(Aᵀ s) ds are blocks of one matrix exponential (Van
        # Loan, IEEE Trans. Automat. Contr. 23, 395 (1978)). It also holds exp(−A h), which a long
        # step would make huge: a short one is doubled until it is dt long.
        doublings = max(0, int(np.ceil(np.log2(float(self.A.norm()) * dt + 1e-300))) + 1)
        h, n = dt / 2**doublings, self.dim
        block = blocks(-self.A, 2 * self.D, torch.zeros_like(self.A), self.A.T)
        E = torch.from_numpy(expm(block.numpy() * h))
        P = E[n:, n:].T
        Q = P @ E[:n, n:]
        for _ in range(doublings):
            P, Q = P @ P, P @ Q @ P.T + Q
        return P, (Q + Q.T) / 2

    def _sampled(self, dt: float, scheme: str) -> tuple[Tensor, Tensor]:
        """P of a step, and the covariance C of states seen every `dt`, C = P C Pᵀ + Q."""
        P, Q = self.transition(dt, scheme)
        if (growth := torch.linalg.eigvals(P).abs().max().item()) >= 1:
            raise ValueError(
                f"no stationary state with scheme={scheme!r} and dt={dt:g}: a step multiplies a mode "
                f"by {growth:.3g}; take a shorter dt"
            )
        return P, torch.from_numpy(solve_discrete_lyapunov(P.numpy(), Q.numpy()))

    def entropy_matrix(self, dt: float | None = None, scheme: str = "exact") -> Tensor:
        r"""K `(dim, dim)` of the entropy produced in a step, ΔS = x̄ᵀ K Δx.

        Without `dt`, or for `"midpoint"`: $K = (A + DC^{-1})^\top D^{-1}$, the continuous process.
        With `dt`: the exact $\ln p(x, x')/p(x', x)$ of the process sampled every `dt`, or of the
        Euler–Maruyama chain. The log-ratio changes sign with Δx, so that form is all that a Gaussian
        pair can have.
        """
        require.noisy(1e-12, D=self.D)
        if dt is None or scheme == "midpoint":
            F = self.A + self.D @ torch.linalg.inv(self.stationary_covariance())
            return torch.linalg.solve(self.D, F).T
        # The log-ratio of two Gaussians: of (x, x'), and of the same in reversed order.
        P, C = self._sampled(dt, scheme)
        pair, swapped = blocks(C, C @ P.T, P @ C, C), blocks(C, P @ C, C @ P.T, C)
        M = torch.linalg.inv(swapped) - torch.linalg.inv(pair)
        # In (x̄, Δx) only the mixed block of this quadratic form survives.
        by_step = (M[:, self.dim :] - M[:, : self.dim]) / 2
        return by_step[: self.dim] + by_step[self.dim :]

    def entropy_production_rate(self, dt: float | None = None, scheme: str = "exact") -> float:
        """σ̇, the entropy produced per unit time in the stationary state.

        Without `dt`: the continuous process. With `dt`: KL divergence of a pair (x, x') from
        (x', x), over `dt`, the best that any estimator can find in data taken every `dt`. Its
        limit for small `dt` is the former.
        """
        return self.local_entropy_production_rate(dt, scheme).sum().item()

    def local_entropy_production_rate(
        self, dt: float | None = None, scheme: str = "exact"
    ) -> Tensor:
        r"""The share of each coordinate in σ̇, `(dim,)`: $\langle\nu_i^2\rangle/D_i$ if D is diagonal.

        Of the ways to divide σ̇ it is the one in which no share is negative. With `dt` as in
        `entropy_production_rate`.
        """
        K = self.entropy_matrix(dt, scheme)
        if dt is None:
            M, C, time = self.A, self.stationary_covariance(), 1.0
        else:
            (M, C), time = self._sampled(dt, scheme), dt
        # ⟨x̄ᵢ Δxⱼ⟩ = (C Mᵀ − M C)/2: what the current carries round, none in equilibrium.
        return torch.sum(K * (C @ M.T - M @ C) / 2, dim=0) / time

    def step_entropy(self, trajectories: Trajectories, scheme: str) -> Tensor:
        return self.local_entropy_production(trajectories, scheme).sum(-1)

    @each_step
    def local_entropy_production(self, trajectories: Trajectories, scheme: str = "exact") -> Tensor:
        r"""The share of each coordinate in each step, $\Delta S_i = (\bar x^\top K)_i\,\Delta x_i$,
        `(n_trajectories, n_steps, dim)`: displacement times the force that it dissipates against.

        As each coordinate has a noise of its own, no other factors before the $\Delta x_i$ make the
        same ΔS: this division is unique. `scheme` as in `entropy_production`.
        """
        K = self.entropy_matrix(trajectories.dt, scheme)
        x = trajectories.x
        midpoint, step = (x[:, 1:] + x[:, :-1]) / 2, x.diff(dim=1)
        return (midpoint @ K.to(x)) * step


def blocks(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """The matrix of four blocks, a and b above c and d."""
    return torch.vstack((torch.hstack((a, b)), torch.hstack((c, d))))
