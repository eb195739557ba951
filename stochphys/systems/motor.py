"""A motor driven by heat alone: a periodic potential on a ring whose temperature depends on place.

Two descriptions of one motor. Without inertia (`ThermalMotor`) its current and density are known by
quadrature, with inertia (`UnderdampedThermalMotor`) its heat can be told as well.
"""

from dataclasses import dataclass, field
from functools import cached_property
from math import pi
from typing import Any, NoReturn

import numpy as np
import torch
from scipy.integrate import cumulative_trapezoid
from torch import Tensor

from .. import require
from ..brief import Brief
from ..data import Trajectories
from ..device import as_generator
from ..simulators.langevin import Overdamped, Underdamped, each_step
from .fields import drawn_from

N_GRID = 20_000  # intervals of the quadrature, an edge on each bend of the potential


@dataclass(frozen=True, eq=False)
class Ring(Brief):
    r"""What both descriptions share: a sawtooth potential of slope ±k and a temperature, both of
    `period` L, and the friction γ,

    $$U(x) = k\,|x| \;\text{ for } |x| \le L/2, \qquad T(x) = T_0 + T_1\sin(2\pi x/L).$$

    The hot half, where $T > T_0$, is the one in which a particle that moves to the right climbs.

    Raises `ValueError` for a number that makes no sense, or $|T_1| \ge T_0$: a temperature below zero.
    """

    k: float = 2.0
    period: float = 5.0
    T_0: float = 2.0
    T_1: float = 1.0
    gamma: float = 1.0

    def __post_init__(self) -> None:
        require.positive(self, "period", "T_0", "gamma")
        below = f"smaller than T_0 = {self.T_0:g}, as temperatures are positive"
        require.within(f"({-self.T_0}, {self.T_0})", self, "T_1", hint=below)

    def temperature(self, x: Any) -> Any:
        """T at places x of any shape, a tensor or an array."""
        sine = torch.sin if isinstance(x, Tensor) else np.sin
        return self.T_0 + self.T_1 * sine(2 * pi / self.period * x)

    def energy(self, x: Tensor) -> Tensor:
        """Potential U at places x of any shape."""
        return self.k * (x - self.period * torch.round(x / self.period)).abs()

    def force(self, x: Tensor, t: float = 0.0) -> Tensor:
        """F = −U′ at places x, same shape: −k uphill on the hot half, k on the cold one."""
        hot = torch.remainder(x, self.period) < self.period / 2
        return torch.where(hot, -self.k, self.k).to(x)


@dataclass(frozen=True, eq=False)
class ThermalMotor(Ring, Overdamped):
    r"""The motor of Büttiker and Landauer without inertia: who is hot climbs, who is cold slides down.

    $$dx = \frac{F(x)}{\gamma}\,dt + \sqrt{2D(x)}\,dW, \qquad D(x) = \frac{T(x)}{\gamma},$$

    in the sense of Itô, positions not folded back to one period. Here it is the temperature that
    depends on x, at one mobility 1/γ. Then the Itô drift is F/γ, with no D′ beside it, and the
    current

    $$J = \big(F p - (T p)'\big)/\gamma$$

    does not vanish. Had it been the mobility, $D = \mu(x)T$, the Itô drift would be $\mu F + D'$, the
    state one of equilibrium, and J = 0. From drift and diffusion alone, both are possible readings of
    D(x): which one holds has to be known.

    Source: Büttiker, Z. Phys. B 68, 161 (1987); Landauer, J. Stat. Phys. 53, 233 (1988).
    """

    dim = 1

    def drift(self, x: Tensor, t: float) -> Tensor:
        return self.force(x) / self.gamma

    def noise_amplitude(self, x: Tensor, t: float) -> Tensor:
        return (2 / self.gamma * self.temperature(x)).sqrt()

    def diffusion(self, x: Tensor) -> Tensor:
        """D at places x of any shape."""
        return self.temperature(x) / self.gamma

    @cached_property
    def _solution(self) -> tuple[np.ndarray, np.ndarray, float]:
        r"""Grid over one period, density on it, and current J, from $(Tp)' = (F/T)\,Tp - \gamma J$."""
        x = np.linspace(0, self.period, N_GRID + 1)
        T = self.temperature(x)
        # ψ = −∫F/T goes up on the hot half and down on the other; Tp = e^−ψ (1 − γJ ∫e^ψ) times a
        # factor. That Tp is periodic fixes J, and the norm of p fixes the factor.
        climbed = self.k * cumulative_trapezoid(1 / T, x, initial=0)
        top = N_GRID // 2
        psi = np.where(np.arange(N_GRID + 1) <= top, climbed, 2 * climbed[top] - climbed)
        integral = cumulative_trapezoid(np.exp(psi), x, initial=0)
        flow = -np.expm1(psi[-1]) / integral[-1]
        p = np.exp(-psi) * (1 - flow * integral) / T
        norm = cumulative_trapezoid(p, x)[-1]
        return x, p / norm, float(flow / norm / self.gamma)

    def current(self) -> float:
        """J, revolutions per unit time, exact; the mean velocity is J times the period."""
        return self._solution[2]

    def density(self, x: Any) -> Any:
        """Stationary density p at places x (array of any shape), normalised over one period."""
        grid, p, _ = self._solution
        return np.interp(np.asarray(x) % self.period, grid, p)

    def sample_stationary(
        self, n: int, *, generator: torch.Generator | int, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """n independent places `(n, 1)` between 0 and the period, of the stationary law."""
        grid, p, _ = self._solution
        return drawn_from(p, grid, n, generator)[:, None].to(dtype)

    def climbing_heat_rate(self) -> float:
        """Heat per unit time that the hot half gives to those who climb it, J times the hill's height.

        All that the paths of this description show of heat.
        """
        return self.k * self.period / 2 * self.current()

    def kinetic_heat_rate(self) -> float:
        r"""Heat per unit time that kinetic energy carries out of the hot half, for a small mass:

        $$\dot Q = \frac{T_0}{2\gamma}\,T'(0)\,\big(p(0) + p(L/2)\big).$$

        Who leaves the hot half does so with the energy T/2 of where it was last at rest. The flux
        $\tfrac12 m\langle v^3\rangle p = \tfrac32 T J - pTT'/2\gamma$ does not depend on the mass, and
        no path without velocities shows it. It is why `heat` refuses.

        Source: Derényi and Astumian, PRE 59, R6219 (1999); Celani et al., PRL 109, 260603 (2012).
        """
        ends = self.density(0.0) + self.density(self.period / 2)
        return self.T_0 * 2 * pi * self.T_1 / self.period * float(ends) / (2 * self.gamma)

    def heat(self, trajectories: Trajectories, scheme: str = "") -> NoReturn:
        """Refused, as is entropy: without velocities most of the heat is out of sight."""
        raise ValueError(
            "the heat of an overdamped motor is not defined by its path: kinetic energy carries "
            f"{self.kinetic_heat_rate():.3g} per unit time from hot to cold however small the mass, "
            f"beside {self.climbing_heat_rate():.3g} that the path shows; simulate an "
            "UnderdampedThermalMotor"
        )

    step_entropy = heat


@dataclass(frozen=True, eq=False)
class UnderdampedThermalMotor(Ring, Underdamped):
    r"""The same motor with inertia, for which heat is defined:

    $$dx = v\,dt, \qquad m\,dv = F(x)\,dt - \gamma v\,dt + \sqrt{2\gamma T(x)}\,dW .$$

    The smaller the mass, the closer its current to that of `overdamped`. Steps must be short beside
    m/γ. Raises what `Ring` and `Underdamped` raise.
    """

    mass: float = field(default=0.1, kw_only=True)
    gamma: float = field(default=1.0, kw_only=True)
    T: float = field(default=1.0, init=False, repr=False)  # T(x) is `temperature`
    dim = 2
    additive = False
    no_entropy = (
        "does not know the entropy of single steps: it needs −ln p of the stationary law of place and "
        "velocity, which has no closed form; compare heat, motor.heat(…)"
    )

    def __post_init__(self) -> None:
        Ring.__post_init__(self)
        Underdamped.__post_init__(self)

    @property
    def overdamped(self) -> ThermalMotor:
        """The same motor without mass, the limit m → 0."""
        return ThermalMotor(self.k, self.period, self.T_0, self.T_1, self.gamma)

    def velocity_noise(self, x: Tensor, v: Tensor, t: float) -> Tensor:
        return (2 * self.gamma / self.mass**2 * self.temperature(x)).sqrt()

    def sample_stationary(
        self, n: int, *, generator: torch.Generator | int, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """n states `(n, 2)`: places as without mass, velocities of the temperature there. Right for
        a small mass; a `burn_in` of a few m/γ mends the rest."""
        generator = as_generator(generator)
        x = self.overdamped.sample_stationary(n, generator=generator, dtype=dtype)
        z = torch.randn(n, 1, generator=generator, device=generator.device, dtype=dtype)
        return torch.cat((x, z * (self.temperature(x) / self.mass).sqrt()), dim=-1)

    @each_step
    def heat(self, trajectories: Trajectories) -> Tensor:
        """Heat absorbed in each step, `(n_trajectories, n_times - 1)`: the change of kinetic and
        potential energy, as nobody works on the particle."""
        kinetic = self.mass / 2 * trajectories.velocity.square()
        return (kinetic + self.energy(trajectories.position)).sum(-1).diff(dim=1)

    def hot_heat(self, trajectories: Trajectories) -> Tensor:
        """Heat that the hot half gives along each trajectory `(n_trajectories,)`: that of the steps
        whose middle lies there."""
        paths, owner = trajectories.gapless()
        x = paths.position[..., 0]
        middle = (x[:, 1:] + x[:, :-1]) / 2
        hot = torch.remainder(middle, self.period) < self.period / 2
        given = (self.heat(paths) * hot).sum(1, dtype=torch.float64)
        return given.new_zeros(trajectories.n_trajectories).index_add_(0, owner, given)
