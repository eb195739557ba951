r"""Nonlinear stationary states that are known exactly: a potential, and a current along its levels.

What `Linear` is for straight forces, `Stirred` is for curved ones, in any dimension: the stationary
law and the entropy of each step in closed form, where no linear current describes them.
"""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from math import exp, isfinite

import numpy as np
import torch
from scipy.integrate import quad
from torch import Tensor

from ..data import Trajectories
from ..device import as_generator
from ..simulators.langevin import System


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

    Raises:
        ValueError: J is not square and antisymmetric, a number that makes no sense.
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
        if not (isfinite(self.alpha) and torch.isfinite(J).all()):
            raise ValueError(f"alpha and J must be finite, got alpha={self.alpha}")
        if not (isfinite(self.T) and self.T > 0):
            raise ValueError(f"T must be positive, got {self.T}")
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
        x = trajectories.x
        first, second = x[:, :-1], x[:, 1:]
        step = second - first
        if scheme == "midpoint":
            return (self.mean_local_velocity((first + second) / 2) * step).sum(-1) / self.T
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

    Args:
        n_coordinates: two or more.
        alpha, T: as for `Stirred`.
    """

    J: Tensor = field(init=False, repr=False)
    n_coordinates: int = 2

    def __post_init__(self) -> None:
        if self.n_coordinates < 2:
            raise ValueError(f"n_coordinates must be at least 2, got {self.n_coordinates}")
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
        square = self._average(lambda x: x**2) / self._average(lambda x: 1.0)
        curvature = torch.ones(self.dim, dtype=torch.float64)
        curvature[0] = 12 * square - 4
        return self.alpha**2 * (self.J.square().sum(0) @ curvature).item()

    def _average(self, function: Callable[[float], float]) -> float:
        """The integral of `function` over the density of x₁, which is not normalised."""

        def integrand(x: float) -> float:
            return function(x) * exp(-((x * x - 1) ** 2) / self.T)

        return 2 * quad(integrand, 0, self._reach, points=[1.0], limit=200)[0]

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
        device = generator.device
        x = torch.randn(n, self.dim, generator=generator, device=device, dtype=dtype)
        x *= self.T**0.5
        grid = np.linspace(-self._reach, self._reach, 100_001)
        density = np.exp(-((grid**2 - 1) ** 2) / self.T)
        law = np.concatenate(([0.0], np.cumsum(density[1:] + density[:-1])))
        u = torch.rand(n, generator=generator, device=device, dtype=torch.float64).cpu().numpy()
        x[:, 0] = torch.from_numpy(np.interp(u * law[-1], law, grid)).to(x)
        return x
