"""A heat engine made of one particle: a Carnot cycle of stiffness and temperature.

All means are exact, from a closed equation for the second moments; `work` and `heat` of single
trajectories belong to it. How such an engine is inferred from data lives in `engine_inference`.
"""

from dataclasses import dataclass, field
from functools import cached_property
from math import sqrt
from typing import Any

import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from .. import require
from ..brief import Brief
from ..data import Trajectories
from ..device import as_generator
from ..simulators.langevin import Underdamped, square_root

STROKES = ("cold isotherm", "adiabatic compression", "hot isotherm", "adiabatic expansion")
# Four starts of the moments, one per column: zero, and each moment one by itself.
AFFINE_STARTS = np.eye(4, k=1)


@dataclass(frozen=True, eq=False)
class Cycle(Brief):
    """Means over one period of an engine.

    Attributes:
        work: done on the particle in each stroke `(…, 4)`, in the order of `STROKES`.
        heat: absorbed by the particle in each stroke `(…, 4)`.
    """

    work: np.ndarray
    heat: np.ndarray

    @classmethod
    def of(cls, moments: np.ndarray, kappa: np.ndarray, mass: float) -> "Cycle":
        """From the moments `(5, 4, …)` and κ `(5, …)` at the ends of the strokes: the heat is known,
        the work is the rest of the change of energy."""
        energy = (kappa * moments[:, 0] + mass * moments[:, 2]) / 2
        heat = np.diff(moments[:, 3], axis=0)
        return cls(np.moveaxis(np.diff(energy, axis=0) - heat, 0, -1), np.moveaxis(heat, 0, -1))

    @property
    def work_out(self) -> Any:
        """What the engine delivers per cycle, −W."""
        return -self.work.sum(-1)

    @property
    def efficiency(self) -> Any:
        """Work delivered over the net heat that is taken on the hot isotherm."""
        return self.work_out / self.heat[..., 2]


def moment_rates(moments: np.ndarray, kappa: Any, gamma: Any, T: Any, mass: float) -> np.ndarray:
    r"""Time derivatives of $\langle x^2\rangle, \langle xv\rangle, \langle v^2\rangle$ and of the
    heat Q absorbed so far, `(4, …)`. As the force is linear, they need no other moments:

    $$\begin{aligned}
    \tfrac{d}{dt}\langle x^2\rangle &= 2\langle xv\rangle, &
    \tfrac{d}{dt}\langle xv\rangle &= \langle v^2\rangle
      - (\kappa\langle x^2\rangle + \gamma\langle xv\rangle)/m,\\
    \tfrac{d}{dt}Q &= \gamma\,(T/m - \langle v^2\rangle), &
    \tfrac{d}{dt}\langle v^2\rangle &= 2\gamma\,(T/m - \langle v^2\rangle)/m
      - 2\kappa\langle xv\rangle/m .
    \end{aligned}$$
    """
    xx, xv, vv, _ = moments
    heat = gamma * (T / mass - vv)
    force = -(kappa * xx + gamma * xv) / mass
    return np.stack((2 * xv, vv + force, 2 * (heat - kappa * xv) / mass, heat))


def periodic(columns: np.ndarray) -> np.ndarray:
    """The moments that repeat, `(n_times, 4, …)`, from those of `AFFINE_STARTS`,
    `(n_times, 4, …, 4)`: the map over one period is affine, so four starts tell all."""
    constant = columns[..., 0]
    matrix = columns[..., 1:] - columns[..., :1]  # what each unit of a start adds
    rows = np.moveaxis(matrix[-1, :3], 0, -2)  # (…, 3, 3); the heat so far is no part of the state
    end = np.moveaxis(constant[-1, :3], 0, -1)[..., None]
    start = np.linalg.solve(np.eye(3) - rows, end)[..., 0]  # start = end + rows · start
    return constant + (matrix * start).sum(-1)


def cycle_of(
    kappa: np.ndarray, gamma: np.ndarray, T: np.ndarray, mass: float, period: float
) -> Cycle:
    """Means of many engines at once, by Runge and Kutta's method of order 4.

    Args:
        kappa, T: `(engines, 2 n + 1)`, at the ends and the middles of n steps, n a multiple of 4.
        gamma: `(engines,)`.
    """
    n = kappa.shape[1] // 2
    h, quarter = period / n, n // 4
    k, T, g = kappa.T[..., None], T.T[..., None], gamma[:, None]
    now = np.repeat(AFFINE_STARTS[:, None], len(gamma), axis=1)  # (4 moments, engines, 4 starts)
    kept = [now]
    for i in range(n):
        a, b, c = 2 * i, 2 * i + 1, 2 * i + 2
        first = moment_rates(now, k[a], g, T[a], mass)
        second = moment_rates(now + h / 2 * first, k[b], g, T[b], mass)
        third = moment_rates(now + h / 2 * second, k[b], g, T[b], mass)
        fourth = moment_rates(now + h * third, k[c], g, T[c], mass)
        now = now + h / 6 * (first + 2 * second + 2 * third + fourth)
        if (i + 1) % quarter == 0:
            kept.append(now)
    return Cycle.of(periodic(np.stack(kept)), kappa.T[:: 2 * quarter], mass)


@dataclass(frozen=True, eq=False)
class CarnotEngine(Underdamped):
    r"""A particle in a trap whose stiffness κ and temperature T go round a Carnot cycle:

    $$dx = v\,dt, \qquad m\,dv = -\kappa(t)\,x\,dt - \gamma v\,dt + \sqrt{2\gamma T(t)}\,dW .$$

    With u the time to the nearest end of the period in units of τ, $u = \min(t, \tau - t)/\tau$,

    $$\kappa = \tfrac19\,\kappa_\text{max}\,(1 + 32 u^2),$$

    from κ_max/9 up to κ_max at τ/2 and back. A stroke lasts τ/4: compression at the temperature
    T_c; compression along a micro-adiabat, $T^2/\kappa$ constant, up to $T_h = \sqrt3\,T_c$; expansion at
    T_h; expansion back to T_c along the other adiabat. Slowly driven, the engine has Carnot's
    efficiency $1 - T_c/T_h = 1 - 1/\sqrt3$ and delivers $(T_h - T_c)\ln\sqrt3$ per cycle.

    Time starts with the cold isotherm; `start` of `simulate` is drawn from the periodic state at
    t = 0. Euler steps make friction and temperature too large by about γdt/2m, and no estimate can
    tell; the splitting, the default, has no such error to first order. Raises `ValueError` for a number that is not positive.

    Source: the strokes of Martínez et al., Nat. Phys. 12, 67 (2016); these κ and T as in the code
    to Bae, Ha and Jeong, arXiv 2402.01338.
    """

    mass: float = field(default=1.0, kw_only=True)
    gamma: float = field(default=10.0, kw_only=True)
    T: float = field(default=10.0, init=False, repr=False)  # T(t) is `temperature`
    tau: float
    kappa_max: float = 40.0
    T_c: float = 10.0
    dim = 2
    additive = False
    no_entropy = (
        "is not stationary: played backwards its film shows another cycle, with the strokes in "
        "reverse, and no estimator here knows the drive; compare work and heat, engine.work(…), "
        "engine.heat(…) and engine.cycle()"
    )

    def __post_init__(self) -> None:
        require.positive(self, "tau", "gamma", "kappa_max", "T_c")
        super().__post_init__()

    @property
    def T_h(self) -> float:
        """Temperature of the hot isotherm."""
        return sqrt(3) * self.T_c

    @property
    def carnot_efficiency(self) -> float:
        return 1 - self.T_c / self.T_h

    def stiffness(self, t: Any) -> Any:
        """κ at times t of any shape."""
        u = 0.5 - abs(t / self.tau % 1 - 0.5)
        return self.kappa_max * (1 + 32 * u * u) / 9

    def temperature(self, t: Any) -> Any:
        """T at times t of any shape."""
        s = 3 * self.stiffness(t) / self.kappa_max  # from 1/3 to 3, and 1 where an adiabat begins
        larger, smaller = (s + 1 + abs(s - 1)) / 2, (s + 1 - abs(s - 1)) / 2
        early = 1.0 * (t / self.tau % 1 < 0.5)
        return self.T_c * (early * larger + (1 - early) * 3 * smaller) ** 0.5

    def force(self, x: Tensor, t: float) -> Tensor:
        return x * -self.stiffness(t)

    def velocity_noise(self, x: Tensor, v: Tensor, t: float) -> float:
        return sqrt(2 * self.gamma * self.temperature(t)) / self.mass

    @cached_property
    def _periodic(self) -> np.ndarray:
        """⟨x²⟩, ⟨xv⟩, ⟨v²⟩ and the heat so far at the ends of the strokes, `(5, 4)`."""
        columns = [AFFINE_STARTS]
        for stroke in range(4):
            start = stroke * self.tau / 4
            columns.append(self._integrate(columns[-1], start, start + self.tau / 4))
        return periodic(np.stack(columns))

    def _integrate(self, moments: np.ndarray, start: float, end: float) -> np.ndarray:
        """Moments `(4, …)` carried through a time in which κ and T are smooth."""

        def rates(t: float, flat: np.ndarray) -> np.ndarray:
            now = flat.reshape(moments.shape)
            T = self.temperature(t)
            return moment_rates(now, self.stiffness(t), self.gamma, T, self.mass).ravel()

        solution = solve_ivp(rates, (start, end), moments.ravel(), "LSODA", rtol=1e-9, atol=1e-11)
        return solution.y[:, -1].reshape(moments.shape)

    def covariance(self, t: float = 0.0) -> Tensor:
        """Covariance of (x, v) `(2, 2)` at time t of the periodic state."""
        stroke, rest = divmod(t % self.tau, self.tau / 4)
        moments = self._periodic[int(stroke)]
        if rest > 0:
            moments = self._integrate(moments, t % self.tau - rest, t % self.tau)
        xx, xv, vv, _ = moments
        return torch.tensor([[xx, xv], [xv, vv]], dtype=torch.float64)

    def cycle(self) -> Cycle:
        """Exact means of work and heat in each stroke of the periodic state."""
        return Cycle.of(self._periodic, self.stiffness(np.arange(5) * self.tau / 4), self.mass)

    def sample_stationary(
        self, n: int, *, generator: torch.Generator | int, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """n independent states `(n, 2)` of the periodic state at t = 0."""
        generator = as_generator(generator)
        root = square_root(self.covariance()).to(generator.device, dtype)
        z = torch.randn(n, 2, generator=generator, device=generator.device, dtype=dtype)
        return z @ root.T

    def _stiffness_along(self, trajectories: Trajectories) -> Tensor:
        """κ of each frame `(n_times,)`; `ValueError` for paths with gaps, of which each has its times."""
        if trajectories.stretches is not None:
            raise ValueError(
                "work and heat of this engine are known of paths of one length without gaps"
            )
        return self.stiffness(trajectories.times).to(trajectories.x)

    def work(self, trajectories: Trajectories) -> Tensor:
        r"""Work done on the particle in each step, `(n_trajectories, n_times - 1)`.

        $\delta W = \tfrac12\dot\kappa x^2 dt$, by the mean of x² at both ends. The first frame is
        at t = 0. With `heat` it adds up to the change of energy, in each step.
        """
        kappa = self._stiffness_along(trajectories)  # (n_times,)
        square = trajectories.position[..., 0].square()
        return kappa.diff() * (square[:, 1:] + square[:, :-1]) / 4

    def heat(self, trajectories: Trajectories) -> Tensor:
        r"""Heat absorbed by the particle in each step, `(n_trajectories, n_times - 1)`.

        $\delta Q = m v\circ dv + \kappa x\circ dx$, the product of Stratonovich: what friction and
        noise together do. The first frame is at t = 0.
        """
        kappa = self._stiffness_along(trajectories)  # (n_times,)
        middle = (kappa[1:] + kappa[:-1]) / 2
        square = trajectories.position[..., 0].square()
        kinetic = self.mass * trajectories.velocity[..., 0].square()
        return (middle * square.diff(dim=1) + kinetic.diff(dim=1)) / 2
