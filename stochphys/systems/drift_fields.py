r"""Fields of force and noise that a learner must find in trajectories: a force without a potential
under correlated noise, and noise that depends on the place.

Both carry currents. Their entropy production is known by simulation, and for two coordinates by the
stationary Fokker–Planck equation on a grid, where it has no noise. Source of both: Bae, Ha, Jeong,
arXiv:2402.01338.
"""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from math import cos, log, pi

import numpy as np
import torch
from scipy.interpolate import RegularGridInterpolator
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve
from torch import Tensor

from .. import require
from ..data import Trajectories
from ..simulators.langevin import System, each_step, square_root


@dataclass(frozen=True, eq=False)
class ForceField(System):
    r"""An overdamped system whose mechanical part is told apart from what the noise adds,

    $$\text{drift} = F + \nabla\cdot D, \qquad
      \dot\sigma = \big\langle F^\top D^{-1} F\big\rangle + \langle\nabla\cdot F\rangle .$$

    F is what pushes, mobility times mechanical force. A subclass gives `drift`, `noise_amplitude`,
    `diffusion`, `force` where D depends on the place, and for two coordinates the reach of the grid.
    With more of them p is not known, and what needs it raises `ValueError`; there σ̇ is the average of
    `medium_entropy` over a long simulation.

    There are d = `dim` coordinates, 2 or more, noise of the strength `T`, length²/time, and a stiffness
    `k`, 1/time. Raises `ValueError` for fewer coordinates, or k or T that is not positive.
    """

    dim: int = 2
    T: float = 5.0
    k: float = 2.0

    def __post_init__(self) -> None:
        require.integer(2, self, "dim")
        require.positive(self, "k", "T")

    @abstractmethod
    def diffusion(self, x: Tensor) -> Tensor:
        """D at states `x (…, dim)`, matrices `(…, dim, dim)`."""

    def force(self, x: Tensor) -> Tensor:
        """F = drift − ∇·D at states `x (…, dim)`, same shape; the drift, unless D depends on x."""
        return self.drift(x, 0.0)

    def _frame(self) -> Tensor:
        """R `(dim, dim)` of the coordinates y, x = R y, in which the noises are independent."""
        return torch.eye(self.dim, dtype=torch.float64)

    @abstractmethod
    def _reach(self) -> float:
        """Where in y the stationary density is negligible, 7 std from its outermost maximum."""

    @each_step
    def medium_entropy(self, trajectories: Trajectories) -> Tensor:
        r"""Entropy given to the surroundings in each step, $F^\top D^{-1}(\bar x)\circ\Delta x$, with the
        midpoint rule of Stratonovich; `(n_trajectories, n_times - 1)`.

        Its mean per unit time is σ̇ in the stationary state.
        """
        x = trajectories.x
        middle, step = (x[:, 1:] + x[:, :-1]) / 2, x.diff(dim=1)
        f = torch.linalg.solve(self.diffusion(middle), self.force(middle)[..., None])[..., 0]
        return (f * step).sum(-1)

    def step_entropy(self, trajectories: Trajectories, scheme: str) -> Tensor:
        """ΔS of each step, `(n_trajectories, n_times - 1)`: that of the medium, and the change of
        −ln p with the stationary law p on its grid.

        By the midpoint rule alone: where D depends on the place, the log-ratio of an Euler–Maruyama
        chain does not tend to ΔS for dt → 0, since what noise is read at the start of a step is read
        at the end of the reversed one.
        """
        states, p = self._laws[1]  # (n, n, 2), (n, n)
        axes, log_p = (states[:, 0, 0], states[0, :, 1]), np.log(np.maximum(p, 1e-300))
        on_grid = RegularGridInterpolator(axes, log_p, bounds_error=False, fill_value=None)
        y = trajectories.x.double() @ torch.linalg.inv(self._frame()).T
        change = torch.from_numpy(on_grid(y.numpy())).diff(dim=1)
        return self.medium_entropy(trajectories) - change.to(trajectories.x)

    def entropy_production_rate(self) -> float:
        """σ̇ of the stationary state of two coordinates, by the stationary Fokker–Planck equation
        on two grids, extrapolated to spacing zero.
        """
        rates = []  # ⟨F D⁻¹ F⟩ + ⟨∇·F⟩ on each grid
        for y, p in self._laws:  # (n, n, 2), (n, n)
            force, D = self._in_frame(y)
            x = (torch.from_numpy(y) @ self._frame().T).flatten(0, 1)  # (n², 2)
            gradient = torch.func.vmap(torch.func.jacrev(self.force))(x)  # (n², 2, 2)
            divergence = gradient.diagonal(dim1=1, dim2=2).sum(1).numpy().reshape(p.shape)
            rates.append(float(np.tensordot(p, (force**2 / D).sum(-1) + divergence, axes=2)))
        coarse, fine = rates
        return fine + (fine - coarse) / 3  # the error is of second order: a quarter of it is left

    @cached_property
    def _laws(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The `stationary_law` in y, on a grid and on one of half its spacing."""
        if self.dim != 2:
            raise ValueError(
                f"the stationary law is solved for dim=2, got dim={self.dim}; average medium_entropy "
                "over a long simulation"
            )
        return [stationary_law(self._in_frame, reach=self._reach(), n=n) for n in (100, 200)]

    def _in_frame(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """F and the diagonal of D in the coordinates y `(…, 2)`, both of this shape."""
        R = self._frame()
        x, inverse = torch.from_numpy(y) @ R.T, torch.linalg.inv(R)
        D = inverse @ self.diffusion(x) @ inverse.T
        return (self.force(x) @ inverse.T).numpy(), D.diagonal(dim1=-2, dim2=-1).numpy()


@dataclass(frozen=True, eq=False)
class NonlinearForce(ForceField):
    r"""A force without a potential, under constant noise that neighbours share:

    $$\Phi_i = -k\,(x_i - x_{i-1} + x_{i+1}) + \alpha\,x_i\,e^{-x_i^2/2}, \qquad x_0 = x_{d+1} = 0,$$
    $$D_{ii} = T, \qquad D_{i,i\pm1} = -\sqrt{T}.$$

    A neighbour to the left pulls, one to the right pushes: for two coordinates the force turns. D is
    the diffusion matrix itself, mobility one and no single temperature; its smallest eigenvalue is
    $T - 2\sqrt{T}\cos\frac{\pi}{d+1}$, positive for every d if $T \ge 4$. By default σ̇ = 8.244.

    The push from the origin has the strength `alpha`, 1/time; `dim`, `T` and `k` as for `ForceField`.
    Raises `ValueError` for alpha that is negative or not finite, or a T for which D is not positive
    definite.
    """

    alpha: float = 10.0
    additive = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require.not_negative(self, "alpha")
        least = 4 * cos(pi / (self.dim + 1)) ** 2
        if self.T <= least:
            smallest = self.T - (least * self.T) ** 0.5
            raise ValueError(
                f"T={self.T:g} makes D for dim={self.dim} not positive definite, its smallest "
                f"eigenvalue is {smallest:.3g}; take T above {least:.3g}, or 4 for every dim"
            )

    @cached_property
    def D(self) -> Tensor:
        """The diffusion matrix `(dim, dim)`, float64."""
        sides = torch.full((self.dim - 1,), -(self.T**0.5), dtype=torch.float64)
        return self.T * torch.eye(self.dim).double() + sides.diag(1) + sides.diag(-1)

    @cached_property
    def A(self) -> Tensor:
        """The linear part of the drift `(dim, dim)`, float64."""
        sides = torch.full((self.dim - 1,), -self.k, dtype=torch.float64)
        return -self.k * torch.eye(self.dim).double() + sides.diag(1) - sides.diag(-1)

    def drift(self, x: Tensor, t: float = 0.0) -> Tensor:
        return x @ self.A.T.to(x) + self.alpha * x * torch.exp(-x.square() / 2)

    def noise_amplitude(self, x: Tensor, t: float) -> Tensor:
        return square_root(2 * self.D).to(x)[None]

    def diffusion(self, x: Tensor) -> Tensor:
        return self.D.to(x).expand(*x.shape, self.dim)

    def _frame(self) -> Tensor:
        return torch.linalg.cholesky(self.D)

    def _reach(self) -> float:
        push = (2 * log(max(self.alpha / self.k, 1))) ** 0.5
        smallest = torch.linalg.eigvalsh(self.D)[0].item()
        return push * (2 / smallest) ** 0.5 + 7 / self.k**0.5


@dataclass(frozen=True, eq=False)
class InhomogeneousDiffusion(ForceField):
    r"""A chain between two walls in which every bead shakes hardest near its place of rest:

    $$F_i = k\,(x_{i-1} - 2x_i + x_{i+1}), \qquad D_{ii} = T\big(1 + T_0\,e^{-x_i^2/2}\big), \qquad
      \Phi_i = F_i + D_{ii}' = F_i - T\,T_0\,x_i\,e^{-x_i^2/2} .$$

    `drift` is Φ, the Itô drift that increments show; `force` is F, mobility times mechanical force.
    They differ by $\nabla\cdot D$, which pushes nothing: it is there because noise is read at the start
    of a step. This is D = μ(x)T: one temperature, and a mobility that depends on the place. The forces
    $D^{-1}F$ of two or more beads have no potential, so there are currents. (Were it D = μT(x), a
    temperature that varies at constant friction, the Itô drift would be F alone, without D′.)

    `T` is the strength of the noise far away, `T0` what is added near the place of rest, in units of T;
    `dim` and `k` as for `ForceField`. Raises `ValueError` for T0 that is negative or not finite.
    """

    T0: float = field(default=2.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        require.not_negative(self, "T0")

    def drift(self, x: Tensor, t: float = 0.0) -> Tensor:
        return self.force(x) - self.T * self.T0 * x * torch.exp(-x.square() / 2)

    def force(self, x: Tensor) -> Tensor:
        springs = torch.nn.functional.pad(x, (1, 1)).diff(dim=-1)
        return self.k * springs.diff(dim=-1)

    def noise_amplitude(self, x: Tensor, t: float) -> Tensor:
        return (2 * self._diagonal(x)).sqrt()

    def diffusion(self, x: Tensor) -> Tensor:
        return torch.diag_embed(self._diagonal(x))

    def _diagonal(self, x: Tensor) -> Tensor:
        return self.T * (1 + self.T0 * torch.exp(-x.square() / 2))

    def _reach(self) -> float:
        return 7 * (self.T / self.k) ** 0.5


def stationary_law(
    fields: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], *, reach: float, n: int
) -> tuple[np.ndarray, np.ndarray]:
    r"""The law p of two coordinates whose probability current has no source,

    $$0 = \nabla\cdot J, \qquad J_i = F_i\,p - D_i\,\partial_i p,$$

    on a square of half-width `reach` that no probability leaves. F is the Itô drift less $\nabla\cdot D$.

    Across each border of two cells the current has the exponential form that is exact for constant
    F and D: all probabilities come out positive, and the error is of second order in the spacing
    (Scharfetter & Gummel 1969; Chang & Cooper 1970).

    Args:
        fields: F and D_i of independent noises, both `(…, 2)`, at states `(…, 2)`.
        reach: beyond it the density must be negligible.
        n: cells along each side.

    Returns:
        Centres of the cells `(n, n, 2)`, and the probability of each `(n, n)`; the sum is one.
    """
    h = 2 * reach / n
    centres, borders = -reach + h * (np.arange(n) + 0.5), -reach + h * np.arange(1, n)
    cell = np.arange(n * n).reshape(n, n)
    links: list[tuple[np.ndarray, ...]] = []  # row, column and entry of the generator
    for axis in range(2):
        sides = (borders, centres) if axis == 0 else (centres, borders)
        x = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1)  # middles of the borders
        force, D = (values[..., axis] for values in fields(x))
        step = force * h / D
        # Rates from the lower cell up and from the upper one down: their ratio is e^step.
        up, down = ((D / h**2 * _bernoulli(s)).ravel() for s in (-step, step))
        low, high = (np.delete(cell, end, axis).ravel() for end in (-1, 0))
        links += [(low, low, -up), (low, high, down), (high, low, up), (high, high, -down)]
    rows, columns, entries = (np.concatenate(part) for part in zip(*links, strict=True))
    generator = coo_matrix((entries, (rows, columns))).tocsr()
    # One balance follows from all others; the scale is set by one cell instead.
    middle = cell[n // 2, n // 2]
    others = np.delete(cell.ravel(), middle)
    balance = generator[others].tocsc()
    p = np.ones(n * n)
    p[others] = spsolve(balance[:, others], -balance[:, [middle]].toarray().ravel())
    states = np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1)
    return states, (p / p.sum()).reshape(n, n)


def _bernoulli(z: np.ndarray) -> np.ndarray:
    """z/(eᶻ − 1), with the limit 1 at z = 0."""
    z = np.where(np.abs(z) < 1e-8, 1e-8, z)
    return z / np.expm1(z)
