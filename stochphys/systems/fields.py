r"""Nonlinear stationary states that are known exactly.

What `Linear` is for straight forces, `Stirred` is for curved ones, in any dimension: a potential, and
a current along its levels. `DoubleHump` has one coordinate, and noise that depends on the place.
"""

from abc import abstractmethod
from dataclasses import dataclass, field
from math import exp, inf, log

import numpy as np
import torch
from scipy.integrate import cumulative_trapezoid, quad
from torch import Tensor

from .. import require
from ..data import Trajectories
from ..device import as_generator
from ..simulators.langevin import System

REACH = 7.0  # where the density of `DoubleHump` has fallen to e⁻³⁸ of its maximum


@dataclass(frozen=True, eq=False)
class Stirred(System):
    r"""A potential U that is stirred: besides $-\nabla U$, a force along the levels of U,

    $$dx = (-1 + \alpha J)\,\nabla U\,dt + \sqrt{2T}\,dW, \qquad J^\top = -J.$$

    The stirring $\alpha J\nabla U$ has no divergence and does not change U, so the stationary law
    remains $p \propto e^{-U/T}$, and the stirring is the mean local velocity ν. With mobility one,
    $D = T$, each step $\Delta x$ at midpoint $\bar x$ produces (k_B = 1)

    $$\Delta S = \frac{\alpha}{T}\, J\nabla U(\bar x) \circ \Delta x, \qquad
      \dot\sigma = \frac{\alpha^2}{T} \big\langle |J\nabla U|^2 \big\rangle.$$

    A subclass gives `energy` and `gradient`; `sample_stationary` and `entropy_production_rate` where
    they can be had.

    Args:
        J: antisymmetric matrix `(dim, dim)`, float64.
        alpha: strength of the stirring; 0 is equilibrium, the sign is its direction.
        T: temperature.

    Raises `ValueError` for J that is not square and antisymmetric, a number that makes no sense.
    """

    J: Tensor
    alpha: float = 1.0
    T: float = 1.0
    additive = True
    entropy_schemes = ("euler", "midpoint")

    def __post_init__(self) -> None:
        J = torch.as_tensor(self.J, dtype=torch.float64)
        if J.ndim != 2 or J.shape[0] != J.shape[1] or not torch.equal(J, -J.T):
            raise ValueError(f"J must be square with Jᵀ = −J, got {J.tolist()}")
        require.finite(J=J, alpha=self.alpha)
        require.positive(self, "T")
        object.__setattr__(self, "J", J)

    @property
    def dim(self) -> int:  # type: ignore[override]
        return self.J.shape[0]

    @abstractmethod
    def energy(self, x: Tensor) -> Tensor:
        """Potential U at states `x (…, dim)`, shape `(…)`."""

    @abstractmethod
    def gradient(self, x: Tensor) -> Tensor:
        """∇U at states `x (…, dim)`, same shape."""

    def drift(self, x: Tensor, t: float) -> Tensor:
        gradient = self.gradient(x)
        return torch.sub(gradient @ (self.alpha * self.J.T).to(x), gradient)

    def noise_amplitude(self, x: Tensor, t: float) -> float:
        return (2 * self.T) ** 0.5

    def mean_local_velocity(self, x: Tensor) -> Tensor:
        """ν = α J∇U at states `(…, dim)`: probability current over density."""
        return self.gradient(x) @ (self.alpha * self.J.T).to(x)

    def step_entropy(self, trajectories: Trajectories, scheme: str) -> Tensor:
        r"""ΔS of each step, `(n_trajectories, n_times - 1)`.

        `"midpoint"`: $\nu(\bar x)\cdot\Delta x/T$. `"euler"`: the log-ratio of the two directions in
        the Euler–Maruyama chain of this dt, whose drift is F,

        $$\ln\frac{p(x)\,p_E(x'|x)}{p(x')\,p_E(x|x')} = \frac{U' - U}{T}
          + \frac{(F + F')\cdot\Delta x}{2T} + \frac{dt\,(F'^2 - F^2)}{4T}.$$

        Its mean is what the chain produces; step by step only p, the law of the continuous process,
        is not quite that of the chain. Frames of the process itself have no closed form: of paths
        of which not every step was kept, the midpoint rule is as good.
        """
        x, step = trajectories.x, trajectories.x.diff(dim=1)
        if scheme == "midpoint":
            return (self.mean_local_velocity((x[:, :-1] + x[:, 1:]) / 2) * step).sum(-1) / self.T
        F, U = self.drift(x, 0.0), self.energy(x)
        medium = ((F[:, :-1] + F[:, 1:]) * step).sum(-1) / 2
        return (medium + (U + F.square().sum(-1) * trajectories.dt / 4).diff(dim=1)) / self.T


@dataclass(frozen=True, eq=False)
class StirredDoubleWell(Stirred):
    r"""A double well along x₁ and springs along all others, stirred so that all of them mix:

    $$U = (x_1^2 - 1)^2 + \tfrac12 \sum_{i>1} x_i^2 .$$

    J links each coordinate to its neighbours, $J_{i,i+1} = 1 = -J_{i+1,i}$; for `dim` = 2 it turns
    the force by 90°. Since $\langle\partial_iU\,\partial_jU\rangle = T\langle\partial_i\partial_jU\rangle$,

    $$\dot\sigma = \alpha^2 \sum_i (J^\top J)_{ii} \big\langle \partial_i^2 U \big\rangle
                 = \alpha^2 \big(12\langle x_1^2\rangle - 4 + 2(\mathrm{dim} - 2) + 1\big),$$

    6.993 for two coordinates and α = T = 1. Linear currents see a third of it.

    `n_coordinates` is two or more; `alpha` and `T` are as for `Stirred`.
    """

    J: Tensor = field(init=False, repr=False)
    n_coordinates: int = 2

    def __post_init__(self) -> None:
        require.integer(2, self, "n_coordinates")
        above = torch.diag(torch.ones(self.n_coordinates - 1, dtype=torch.float64), 1)
        object.__setattr__(self, "J", above - above.T)
        super().__post_init__()

    def energy(self, x: Tensor) -> Tensor:
        well, springs = x[..., 0], x[..., 1:]
        return (well.square() - 1).square() + springs.square().sum(-1) / 2

    def gradient(self, x: Tensor) -> Tensor:
        well = x[..., :1]
        return torch.cat((4 * well * (well.square() - 1), x[..., 1:]), dim=-1)

    def entropy_production_rate(self) -> float:
        """σ̇ of the stationary state, by quadrature over x₁."""

        def weighted(x: float, power: int) -> float:  # by the density of x₁, not normalised
            return x**power * exp(-((x * x - 1) ** 2) / self.T)

        mean, norm = (
            quad(weighted, 0, self._reach, (power,), points=[1.0], limit=200)[0] for power in (2, 0)
        )

        curvature = torch.ones(self.dim, dtype=torch.float64)  # ⟨∂ᵢ²U⟩
        curvature[0] = 12 * (mean / norm) - 4
        return self.alpha**2 * (self.J.square().sum(0) @ curvature).item()

    @property
    def _reach(self) -> float:
        """Where the density of x₁ has fallen to e⁻⁴⁰ of its maximum."""
        return (1 + (40 * self.T) ** 0.5) ** 0.5

    def sample_stationary(
        self, n: int, *, generator: torch.Generator | int, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """n independent states `(n, dim)` of e^(−U/T): x₁ by its distribution function, inverted on
        a fine grid, the others Gaussian."""
        generator = as_generator(generator)
        x = torch.randn(n, self.dim, generator=generator, device=generator.device, dtype=dtype)
        x *= self.T**0.5
        grid = np.linspace(-self._reach, self._reach, 100_001)
        x[:, 0] = drawn_from(np.exp(-((grid**2 - 1) ** 2) / self.T), grid, n, generator)
        return x


@dataclass(frozen=True, eq=False)
class DoubleHump(System):
    r"""Two wells and noise that is strongest on the barrier between them (Itô):

    $$\Phi(x) = -2x + 10x\,e^{-x^2/2}, \qquad D(x) = 1 + 2\,e^{-x^2/2}, \qquad
      p(x) \propto \frac{e^{-x^2}}{D(x)^8}.$$

    Read as D = μ(x)T with T = 1, a mobility that depends on the place: `force` is F = Φ − D′,
    mobility times mechanical force, and $p \propto e^{\int F/D}$ is an equilibrium. The drift vanishes at
    0 and ±1.794 = ±`well`; on average 12.39 time units pass on the way from one of these to the other.
    """

    dim = 1
    well = (2 * log(5)) ** 0.5

    def drift(self, x: Tensor, t: float = 0.0) -> Tensor:
        return x * (10 * torch.exp(-x.square() / 2) - 2)

    def noise_amplitude(self, x: Tensor, t: float) -> Tensor:
        return (2 + 4 * torch.exp(-x.square() / 2)).sqrt()

    def diffusion(self, x: Tensor) -> Tensor:
        """D at states `x (…, 1)`, matrices of one entry `(…, 1, 1)`."""
        return (1 + 2 * torch.exp(-x.square() / 2))[..., None]

    def force(self, x: Tensor) -> Tensor:
        """F = Φ − D′ at states `x (…, 1)`, same shape."""
        return x * (12 * torch.exp(-x.square() / 2) - 2)

    def entropy_production_rate(self) -> float:
        """Zero: one coordinate between two slopes comes to equilibrium."""
        return 0.0

    def step_entropy(self, trajectories: Trajectories, scheme: str) -> Tensor:
        """Zero in each step, `(n_trajectories, n_times - 1)`: what the medium takes, $F/D \\circ dx$, the
        system gives."""
        return torch.zeros_like(trajectories.x[:, 1:, 0])

    def density(self, x: Tensor) -> Tensor:
        """p at states of any shape, normalised, float64."""
        square = torch.as_tensor(x, dtype=torch.float64).square()
        weight = torch.exp(-square) / (1 + 2 * torch.exp(-square / 2)) ** 8
        return weight / quad(_weight, -inf, inf, limit=200)[0]

    def sample_stationary(
        self, n: int, *, generator: torch.Generator | int, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """n independent states `(n, 1)` of p, by its distribution function inverted on a fine grid."""
        grid = np.linspace(-REACH, REACH, 100_001)
        p = self.density(torch.from_numpy(grid)).numpy()
        return drawn_from(p, grid, n, generator)[:, None].to(dtype)

    def mean_first_passage_time(self, start: float, target: float) -> float:
        r"""Mean time from `start` until `target` is first reached, by quadrature:

        $$\langle T\rangle = \int_a^b \frac{dy}{D(y)\,p(y)} \int_{-\infty}^y p(z)\,dz \qquad (a < b)$$

        and its mirror image for a > b (Gardiner §5.5.2). From −`well` to `well` it is 12.39.

        Raises `ValueError` unless both lie between −7 and 7.
        """
        empty = "the stationary law has nothing beyond"
        require.within(f"({-REACH:g}, {REACH:g})", start=start, target=target, hint=empty)
        if start > target:
            start, target = -start, -target  # p and D are even

        def slowness(y: float) -> float:
            below = quad(_weight, -inf, y, limit=200, epsabs=0, epsrel=1e-10)[0]
            return below / (_weight(y) * (1 + 2 * exp(-y * y / 2)))

        return quad(slowness, start, target, limit=200)[0]


def _weight(x: float) -> float:
    """p up to a constant, at one state."""
    return exp(-x * x) / (1 + 2 * exp(-x * x / 2)) ** 8


def drawn_from(
    density: np.ndarray, grid: np.ndarray, n: int, generator: torch.Generator | int
) -> Tensor:
    """n places `(n,)`, float64, of a law whose density, up to a factor, is given on an even grid: by its
    distribution function, inverted."""
    generator, law = as_generator(generator), cumulative_trapezoid(density, initial=0)
    u = torch.rand(n, generator=generator, device=generator.device, dtype=torch.float64)
    return torch.from_numpy(np.interp(u.cpu().numpy() * law[-1], law, grid)).to(u.device)
