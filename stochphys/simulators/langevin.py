"""What a system is: the equation of motion and whatever is known exactly about it.

A system is a small frozen object that says what physics it is. It never steps itself: that is the
work of `integrate.simulate`. Three kinds are enough for the course: `Overdamped`, `Underdamped`,
and `Linear`, for which everything is known in closed form.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.linalg import expm, solve_continuous_lyapunov, solve_discrete_lyapunov
from torch import Tensor

from ..brief import Brief
from ..data import Paths, Trajectories
from ..device import as_generator
from .exact import end_to_end, known_scheme


class System(Brief, ABC):
    r"""A stochastic differential equation in the sense of Itô,

    $$dx = \text{drift}(x, t)\,dt + B(x, t)\,dW, \qquad B B^\top = 2D.$$

    A subclass gives `dim`, `drift` and `noise_amplitude`. It sets `additive = True` if B depends
    neither on x nor on t, which saves time; `simulate` checks the claim. One whose entropy production
    is known gives `step_entropy`, and in `entropy_schemes` what it can be asked for, the way in which
    `simulate` makes its paths first.
    """

    dim: int
    additive: bool = False
    underdamped: bool = False
    entropy_schemes: tuple[str, ...] = ("midpoint",)

    @abstractmethod
    def drift(self, x: Tensor, t: float) -> Tensor:
        """Itô drift at states `x (n_trajectories, dim)`, same shape."""

    @abstractmethod
    def noise_amplitude(self, x: Tensor, t: float) -> Tensor | float:
        """B at states `x (n_trajectories, dim)`.

        Independent noises: anything that broadcasts to `x`. Mixed noises: one axis more than `x`,
        `(n_trajectories or 1, dim, dim)`.
        """

    def confine(self, x: Tensor) -> None:  # noqa: B027
        """Bring states `x (n_trajectories, dim)` that a step led out of bounds back, in place.

        A system with bounds overrides it; it is then integrated by `"euler"`, in which a mirror
        image is the step of the reflected process.
        """

    def entropy_production(
        self, data: Paths, scheme: str | None = None, *, frames: int = 2
    ) -> Tensor:
        r"""Stochastic entropy produced in each step, `(n_trajectories, n_times - 1)`, k_B = 1.

        | scheme       | ΔS of a step from x to x'                                              |
        |--------------|------------------------------------------------------------------------|
        | `"exact"`    | $\ln p(x, x')/p(x', x)$ of the process itself, seen every `dt`         |
        | `"euler"`    | the same of the Euler–Maruyama chain with steps of `dt`                |
        | `"midpoint"` | heat over temperature plus the change of $-\ln p$, both by the midpoint rule of Stratonovich: right up to terms that vanish with `dt` |

        Args:
            data: `Trajectories` of this system.
            scheme: how they were made; by default as `simulate` makes them of this system:
                "exact" for a `Linear` one, "euler" for a `Stirred` one as long as each step is kept,
                "midpoint" where a step has no log-ratio in closed form.
            frames: in a window; windows lie end to end, with one frame in common, and what their
                steps produce is added up, `(n_trajectories, (n_times - 1) // (frames - 1))`.

        Raises:
            TypeError: data of another kind, or a system of your own without `step_entropy`.
            ValueError: another number of coordinates, a scheme that this system does not know, too
                many frames; a system whose entropy production is not defined or not known.
        """
        if not isinstance(data, Trajectories):
            raise TypeError(
                f"data must be the Trajectories of a {type(self).__name__}, got {type(data).__name__}"
            )
        if data.dim != self.dim:
            raise ValueError(
                f"these paths have dim={data.dim}, {type(self).__name__} has {self.dim}"
            )
        scheme = known_scheme(scheme, self.entropy_schemes, type(self).__name__)
        return end_to_end(self.step_entropy(data, scheme), frames)

    def step_entropy(self, trajectories: Trajectories, scheme: str) -> Tensor:
        """ΔS of each step, `(n_trajectories, n_times - 1)`; see `entropy_production`."""
        raise TypeError(
            f"{type(self).__name__} does not say what entropy its paths produce; define "
            "step_entropy(trajectories, scheme), or take a system that does"
        )


class Overdamped(System):
    """Positions alone: inertia has died out. All of the state is even under time reversal."""


@dataclass(frozen=True, eq=False)
class Underdamped(System):
    r"""Positions and velocities, state (x, v) of `dim` = 2n entries, v odd under time reversal:

    $$dx = v\,dt, \qquad m\,dv = F(x, t)\,dt - \gamma v\,dt + \sqrt{2\gamma T}\,dW.$$

    A subclass gives `dim` and `force`; the numbers `mass`, `gamma` and `T` are arguments (each a
    float, or a tensor with one entry per degree of freedom). Another kind of friction or noise overrides `acceleration`
    and `velocity_noise`; the splitting scheme then no longer applies.

    Raises `ValueError` for a mass or temperature that is not positive, or a negative friction.
    """

    mass: float | Tensor = 1.0
    gamma: float | Tensor = 1.0
    T: float | Tensor = 1.0
    underdamped = True
    additive = True

    def __post_init__(self) -> None:
        for name, least in (("mass", "positive"), ("T", "positive"), ("gamma", "non-negative")):
            value = torch.as_tensor(getattr(self, name))
            fine = value > 0 if least == "positive" else value >= 0
            if not (torch.isfinite(value) & fine).all():
                raise ValueError(f"{name} must be {least}, got {getattr(self, name)}")

    def force(self, x: Tensor, t: float) -> Tensor:
        """Force at positions `x (n_trajectories, n)`, same shape."""
        raise TypeError(f"{type(self).__name__} must define force(x, t) or acceleration(x, v, t)")

    def acceleration(self, x: Tensor, v: Tensor, t: float) -> Tensor:
        """dv/dt without the noise, at positions and velocities `(n_trajectories, n)`."""
        return (self.force(x, t) - self.gamma * v) / self.mass

    def velocity_noise(self, x: Tensor, v: Tensor, t: float) -> Tensor | float:
        """Amplitude of the noise on the velocities, `(n_trajectories, n)` or what broadcasts."""
        return (2 * self.gamma * self.T) ** 0.5 / self.mass

    def drift(self, x: Tensor, t: float) -> Tensor:
        position, velocity = x.chunk(2, dim=-1)
        return torch.cat((velocity, self.acceleration(position, velocity, t)), dim=-1)

    def noise_amplitude(self, x: Tensor, t: float) -> Tensor:
        position, velocity = x.chunk(2, dim=-1)
        amplitude = torch.as_tensor(
            self.velocity_noise(position, velocity, t), dtype=x.dtype, device=x.device
        )
        return torch.cat((torch.zeros_like(position), amplitude.expand_as(velocity)), dim=-1)


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
        A = torch.as_tensor(self.A, dtype=torch.float64)
        D = torch.as_tensor(self.D, dtype=torch.float64)
        if A.ndim != 2 or A.shape[0] != A.shape[1] or D.shape != A.shape:
            raise ValueError(
                f"A and D must be square and of one size, got {tuple(A.shape)} and {tuple(D.shape)}"
            )
        if not (torch.isfinite(A).all() and torch.isfinite(D).all()):
            raise ValueError("A and D must be finite")
        scale = D.abs().max().clamp(min=1e-300)
        if (D - D.T).abs().max() > 1e-12 * scale:
            raise ValueError("D must be symmetric")
        smallest = torch.linalg.eigvalsh(D)[0].item()
        if smallest < -1e-12 * scale:
            raise ValueError(
                f"D must be positive semi-definite, its smallest eigenvalue is {smallest:.3g}; "
                "noise cannot have a negative variance"
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
        """C `(dim, dim)`, the solution of the Lyapunov equation A C + C Aᵀ = −2D.

        Raises `ValueError` if A is not stable: then there is no stationary state.
        """
        return self._stationary_covariance

    @cached_property
    def _stationary_covariance(self) -> Tensor:
        growth = torch.linalg.eigvals(self.A).real.max().item()
        if growth >= 0:
            raise ValueError(
                f"A has an eigenvalue with real part {growth:.3g} ≥ 0: no stationary state; "
                "give start=…"
            )
        C = solve_continuous_lyapunov(self.A.numpy(), -2 * self.D.numpy())
        return torch.from_numpy((C + C.T) / 2)

    def sample_stationary(
        self, n: int, *, generator: torch.Generator | int, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """n independent states `(n, dim)` of the stationary law."""
        generator = as_generator(generator)
        root = square_root(self.stationary_covariance()).to(generator.device, dtype)
        z = torch.randn(n, self.dim, generator=generator, device=generator.device, dtype=dtype)
        return z @ root.T

    def mean_local_velocity(self, x: Tensor) -> Tensor:
        """ν(x) = (A + D C⁻¹) x at states `(…, dim)`: probability current over density."""
        F = self.A + self.D @ torch.linalg.inv(self.stationary_covariance())
        return x @ F.T.to(x)

    def transition(self, dt: float, scheme: str = "exact") -> tuple[Tensor, Tensor]:
        """One step in law, x' = P x + noise of covariance Q: returns P, Q `(dim, dim)`.

        `"exact"` is the process itself, seen every `dt`; `"euler"` is the Euler–Maruyama chain.
        """
        if not (np.isfinite(dt) and dt > 0):
            raise ValueError(f"dt must be a positive time, got {dt}")
        if scheme not in ("exact", "euler"):
            raise ValueError(f"scheme must be 'exact' or 'euler', got {scheme!r}")
        if scheme == "euler":
            return torch.eye(self.dim, dtype=torch.float64) + self.A * dt, 2 * self.D * dt
        # A short step by the matrix exponential of Van Loan, doubled until it is dt long.
        doublings = max(0, int(np.ceil(np.log2(float(self.A.norm()) * dt + 1e-300))) + 1)
        h = dt / 2**doublings
        zero = torch.zeros_like(self.A)
        block = torch.cat((torch.cat((-self.A, 2 * self.D), 1), torch.cat((zero, self.A.T), 1)))
        E = torch.from_numpy(expm(block.numpy() * h))
        P = E[self.dim :, self.dim :].T
        Q = P @ E[: self.dim, self.dim :]
        for _ in range(doublings):
            P, Q = P @ P, P @ Q @ P.T + Q
        return P, (Q + Q.T) / 2

    def _sampled(self, dt: float, scheme: str) -> tuple[Tensor, Tensor, Tensor]:
        """P, the covariance of two successive states `(2 dim, 2 dim)`, and that of one state."""
        P, Q = self.transition(dt, scheme)
        if (growth := torch.linalg.eigvals(P).abs().max().item()) >= 1:
            raise ValueError(
                f"no stationary state with scheme={scheme!r} and dt={dt:g}: a step multiplies a mode "
                f"by {growth:.3g}; take a shorter dt"
            )
        C = torch.from_numpy(solve_discrete_lyapunov(P.numpy(), Q.numpy()))
        return P, torch.cat((torch.cat((C, C @ P.T), 1), torch.cat((P @ C, C), 1))), C

    def entropy_matrix(self, dt: float | None = None, scheme: str = "exact") -> Tensor:
        r"""K `(dim, dim)` of the entropy produced in a step, ΔS = x̄ᵀ K Δx.

        Without `dt`: $K = (A + DC^{-1})^\top D^{-1}$, the continuous process. With `dt`: the exact
        $\ln p(x, x')/p(x', x)$ of the process sampled every `dt`, or of the Euler–Maruyama chain.
        The log-ratio changes sign with Δx, so that form is all that a Gaussian pair can have.
        """
        if torch.linalg.eigvalsh(self.D)[0] <= 1e-12 * self.D.abs().max():
            raise ValueError(
                "D is singular: a coordinate without noise of its own makes the reversed path "
                "impossible, and the entropy production infinite or undefined"
            )
        if dt is None:
            F = self.A + self.D @ torch.linalg.inv(self.stationary_covariance())
            return torch.linalg.solve(self.D, F).T
        n = self.dim
        _, pair, _ = self._sampled(dt, scheme)
        swapped = torch.cat(
            (torch.cat((pair[n:, n:], pair[n:, :n]), 1), torch.cat((pair[:n, n:], pair[:n, :n]), 1))
        )
        M = torch.linalg.inv(swapped) - torch.linalg.inv(pair)
        # In (x̄, Δx) only the mixed block of this quadratic form survives.
        by_step = (M[:, n:] - M[:, :n]) / 2
        return by_step[:n] + by_step[n:]

    def _step_matrix(self, dt: float, scheme: str) -> Tensor:
        """`entropy_matrix` of frames every `dt` that are read by this scheme."""
        return self.entropy_matrix() if scheme == "midpoint" else self.entropy_matrix(dt, scheme)

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
            C = self.stationary_covariance()
            return torch.sum(K * (C @ self.A.T - self.A @ C) / 2, dim=0)
        P, _, C = self._sampled(dt, scheme)
        return torch.sum(K * (C @ P.T - P @ C) / 2, dim=0) / dt

    def step_entropy(self, trajectories: Trajectories, scheme: str) -> Tensor:
        return self.local_entropy_production(trajectories, scheme).sum(-1)

    def local_entropy_production(self, trajectories: Trajectories, scheme: str = "exact") -> Tensor:
        r"""The share of each coordinate in each step, $\Delta S_i = (\bar x^\top K)_i\,\Delta x_i$,
        `(n_trajectories, n_steps, dim)`: displacement times the force that it dissipates against.

        As each coordinate has a noise of its own, no other factors before the $\Delta x_i$ make the
        same ΔS: this division is unique. `scheme` as in `entropy_production`.
        """
        K = self._step_matrix(trajectories.dt, scheme)
        x = trajectories.x
        midpoint, step = (x[:, 1:] + x[:, :-1]) / 2, x[:, 1:] - x[:, :-1]
        return (midpoint @ K.to(x)) * step


def require_positive(system: object, *names: str) -> None:
    """`ValueError` that names the first of these parameters that is not positive and finite."""
    for name in names:
        value = getattr(system, name)
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be positive, got {value}")


def square_root(covariance: Tensor) -> Tensor:
    """A matrix R `(…, dim, dim)` with R Rᵀ = covariance, also when the covariance is singular."""
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt()[..., None, :]


def noise_matrix(system: System, x: Tensor, t: float) -> Tensor:
    """B as a matrix for each of the states `x (n_trajectories, dim)`, `(n_trajectories, dim, dim)`."""
    B = torch.as_tensor(system.noise_amplitude(x, t), dtype=x.dtype, device=x.device)
    if B.ndim <= x.ndim:
        B = torch.diag_embed(B.expand_as(x))
    return B.expand(*x.shape, x.shape[-1])


def noise_induced_drift(system: System, x: Tensor, t: float) -> Tensor:
    r"""The difference between the Itô and the Stratonovich drift of the same process,

    $$\text{drift}_i^{\text{Itô}} - \text{drift}_i^{\text{Strat}}
      = \tfrac12 \sum_{jk} B_{kj}\, \partial_k B_{ij},$$

    at states `x (n_trajectories, dim)`, same shape. A system written in Stratonovich form adds it
    to its drift. Derivatives are taken by automatic differentiation (Gardiner, §4.3.6).
    """
    if system.additive:
        return torch.zeros_like(x)

    def columns(x: Tensor) -> Tensor:
        return noise_matrix(system, x, t)

    B = columns(x)
    total = torch.zeros_like(x)
    for j in range(x.shape[-1]):  # derivative of column j of B along itself
        change = torch.func.jvp(columns, (x,), (B[..., j],))[1]
        total = total + change[..., j] / 2
    return total
