"""A chain of beads and springs between two walls, each bead in a bath of its own temperature.

The first system of the course with a steady flow of heat: linear, so everything is exact. Without
inertia (`BeadSpring`), or with velocities, which turn round when time does (`UnderdampedBeadSpring`).
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import torch
from scipy.optimize import brentq
from torch import Tensor

from .. import require
from ..data import Trajectories
from ..simulators.camera import Camera
from ..simulators.langevin import each_step
from ..simulators.linear import Linear, blocks


@dataclass(frozen=True, eq=False)
class BeadSpring(Linear):
    r"""N overdamped beads in a row, coupled by springs to their neighbours and to two walls:

    $$\gamma\,dx_i = k\,(x_{i-1} - 2x_i + x_{i+1})\,dt + \sqrt{2\gamma T_i}\,dW_i,
      \qquad x_0 = x_{N+1} = 0,$$

    with temperatures that rise linearly from `T_c` (first bead) to `T_h` (last bead), k_B = 1
    (Kim, Bae, Lee, Jeong 2020, arXiv 2003.04166). Two beads produce entropy at the rate
    $k (T_h - T_c)^2 / (4\gamma T_c T_h)$.

    Raises `ValueError` for a temperature, k or gamma that is not positive, or fewer than two beads.
    """

    A: Tensor = field(init=False, repr=False)
    D: Tensor = field(init=False, repr=False)
    T_c: float = 1.0
    T_h: float = 10.0
    n_beads: int = 2
    k: float = 1.0
    gamma: float = 1.0

    def __post_init__(self) -> None:
        require.positive(self, "T_c", "T_h", "k", "gamma")
        require.integer(2, self, "n_beads")
        n = self.n_beads
        neighbours = torch.diag(torch.ones(n - 1), 1) + torch.diag(torch.ones(n - 1), -1)
        laplacian = neighbours.double() - 2 * torch.eye(n, dtype=torch.float64)
        object.__setattr__(self, "A", self.k / self.gamma * laplacian)
        object.__setattr__(self, "D", torch.diag(self.temperatures / self.gamma))
        super().__post_init__()

    @classmethod
    def of_rate(
        cls, sigma_dot: float = 1.0, *, n_beads: int, T_h: float = 10.0, k: float = 1.0
    ) -> Self:
        """The chain whose cold bath makes it produce entropy at the rate `sigma_dot`.

        The longer the chain, the colder the bath: T_c = 0.417, 0.104 and 0.026 for 8, 32 and 128
        beads at `sigma_dot` = 1 and T_h = 10. All of these chains are equally far from equilibrium,
        each is harder to learn than the one before (arXiv 2003.04166).

        Raises `ValueError` for a rate that is not positive, or that no T_c above 10⁻⁹ T_h gives.
        """
        require.positive(sigma_dot=sigma_dot)
        # Heat is linear in the temperatures and vanishes where all are equal, so that a chain from T_c
        # to T_h carries (T_h − T_c) q, with the same q for all of them: one is solved for.
        q = cls(T_h / 2, T_h, n_beads, k).heat_rate() / (T_h / 2)

        def excess(T_c: float) -> float:
            T = torch.linspace(T_c, T_h, n_beads, dtype=torch.float64)
            return (T_c - T_h) * (q / T).sum().item() - sigma_dot

        lowest = 1e-9 * T_h
        if excess(lowest) < 0:
            raise ValueError(f"sigma_dot={sigma_dot} is out of reach for {n_beads} beads")
        T_c = brentq(excess, lowest, T_h, xtol=1e-12 * T_h, rtol=1e-12)
        return cls(T_c, T_h, n_beads, k)

    @property
    def temperatures(self) -> Tensor:
        """Temperature of the bath of each bead, `(n_beads,)`."""
        return torch.linspace(self.T_c, self.T_h, self.n_beads, dtype=torch.float64)

    def force(self, x: Tensor) -> Tensor:
        """Spring force on each bead at `x (…, n_beads)`, same shape."""
        return self.gamma * (x @ self.A.T.to(x))

    def energy(self, x: Tensor) -> Tensor:
        """Energy stored in the springs at `x (…, n_beads)`, shape `(…)`."""
        return -(x * self.force(x)).sum(-1) / 2

    @each_step
    def heat(self, trajectories: Trajectories) -> Tensor:
        r"""Heat that each bead absorbs from its bath in each step,
        `(n_trajectories, n_times - 1, n_beads)`.

        $\delta Q_i = -F_i(\bar x) \circ dx_i$ (Sekimoto). The springs get it all: its sum over the
        beads is the change of `energy`, and $-\sum_i \delta Q_i/T_i$ is the entropy of the baths.
        """
        x = trajectories.x
        return -self.force(_middle(x)) * x.diff(dim=1)

    def heat_rate(self) -> Tensor:
        """Mean heat per unit time absorbed from each bath, `(n_beads,)`; it sums to zero."""
        C = self.stationary_covariance()
        return -self.gamma * torch.diag(self.A @ (C @ self.A.T - self.A @ C)) / 2


@dataclass(frozen=True, eq=False)
class UnderdampedBeadSpring(Linear):
    r"""N beads in a row with mass, coupled by springs to their neighbours and to two walls:

    $$dx_i = v_i\,dt, \qquad
      m\,dv_i = k\,(x_{i-1} - 2x_i + x_{i+1})\,dt - \gamma v_i\,dt + \sqrt{2\gamma T_i}\,dW_i,$$

    with temperatures that rise linearly from `T_c` to `T_h`, k_B = 1. The state is (x, v), and
    time reversal is $\epsilon(x, v) = (x, -v)$. As everywhere here `gamma` is the coefficient of
    friction; the source writes mγ for it. The mass sets how fast velocities forget, in m/γ, and
    m → 0 gives `BeadSpring`. Two beads produce entropy at the rate

    $$\dot\sigma = \frac{(T_h - T_c)^2}{T_c T_h}\,\frac{k\gamma}{4\gamma^2 + 2km}.$$

    Raises `ValueError` for a mass that is not positive, and what `BeadSpring` refuses.

    Source: Kim, Lee, Jeong 2021, arXiv 2112.04681.
    """

    A: Tensor = field(init=False, repr=False)
    D: Tensor = field(init=False, repr=False)
    T_c: float = 1.0
    T_h: float = 10.0
    n_beads: int = 2
    mass: float = 0.01
    gamma: float = 0.01
    k: float = 1.0
    underdamped = True

    def __post_init__(self) -> None:
        require.positive(self, "mass")
        springs, one = self.gamma * self.overdamped.A, torch.eye(self.n_beads, dtype=torch.float64)
        A = blocks(0 * one, one, springs / self.mass, -self.gamma * one / self.mass)
        noise = torch.diag(self.gamma * self.temperatures / self.mass**2)
        object.__setattr__(self, "A", A)
        object.__setattr__(self, "D", torch.block_diag(0 * one, noise))
        super().__post_init__()

    @cached_property
    def overdamped(self) -> BeadSpring:
        """The same chain without mass, the limit m → 0."""
        return BeadSpring(self.T_c, self.T_h, self.n_beads, self.k, self.gamma)

    @property
    def temperatures(self) -> Tensor:
        """Temperature of the bath of each bead, `(n_beads,)`."""
        return self.overdamped.temperatures

    def energy(self, x: Tensor) -> Tensor:
        """Kinetic energy and that of the springs, at states `x (…, 2 n_beads)`, shape `(…)`."""
        position, velocity = x.chunk(2, dim=-1)
        return self.mass * velocity.square().sum(-1) / 2 + self.overdamped.energy(position)

    @each_step
    def heat(self, trajectories: Trajectories) -> Tensor:
        r"""Heat that each bead absorbs from its bath in each step,
        `(n_trajectories, n_times - 1, n_beads)`.

        $\delta Q_i = m \bar v_i \Delta v_i - F_i(\bar x)\,\Delta x_i$, the kinetic energy that the
        springs did not give. Its sum over the beads is the change of `energy`.
        """
        position, velocity = trajectories.position, trajectories.velocity
        kinetic = self.mass * _middle(velocity) * velocity.diff(dim=1)
        return kinetic - self.overdamped.force(_middle(position)) * position.diff(dim=1)

    def heat_rate(self) -> Tensor:
        r"""Mean heat per unit time from each bath, `(n_beads,)`; it sums to zero.

        $-\langle F_i v_i\rangle = (\gamma/m)(T_i - m\langle v_i^2\rangle)$: what friction does not
        take back, the springs get.
        """
        correlation = self.stationary_covariance()[: self.n_beads, self.n_beads :]
        return -self.gamma * torch.diag(self.overdamped.A @ correlation)

    def entropy_matrix(self, dt: float | None = None, scheme: str = "exact") -> Tensor:
        r"""K `(2 n_beads, 2 n_beads)` of the pair's part of the entropy, $h_2 = o^\top K e$.

        Reversing time takes a step from s to s' into one from εs' to εs. It keeps
        $e = (\bar x, \Delta v)$ and turns the sign of $o = (\Delta x, \bar v)$. Without `dt`, or for
        `"midpoint"`: heat over temperature and Shannon's part. With `dt`: the exact log-ratio
        $h_2 = \ln p(s, s')/p(\epsilon s', \epsilon s)$ of frames every `dt`, $K = -2Q_{oe}$ with Q the
        inverse covariance of (o, e).
        """
        if scheme not in ("exact", "midpoint"):
            raise ValueError(
                f"scheme={scheme!r}: its steps x' = x + v dt have no reverse, and their entropy "
                "production is infinite; only 'exact' data have a finite one"
            )
        n = self.n_beads
        if dt is not None and scheme != "midpoint":
            return -2 * torch.linalg.inv(self._pair(dt))[: 2 * n, 2 * n :]
        M = torch.linalg.inv(self.stationary_covariance())  # for Shannon's part
        cold = torch.diag(1 / self.temperatures)  # for heat over temperature, (F Δx − m v̄ Δv)/T
        springs = self.gamma * self.overdamped.A
        kinetic = M[n:, n:] - self.mass * cold
        return blocks(cold @ springs + M[:n, :n], -M[:n, n:] / 2, -2 * M[n:, :n], kinetic)

    def _pair(self, dt: float) -> Tensor:
        """Covariance of (o, e) = (Δx, v̄, x̄, Δv) of two frames `dt` apart."""
        P, _ = self.transition(dt)
        C = self.stationary_covariance()
        rows = [-1, 0, 1, 0], [0, 0.5, 0, 0.5], [0.5, 0, 0.5, 0], [0, -1, 0, 1]  # of (x, v, x', v')
        one_bead = torch.tensor(rows, dtype=C.dtype)
        map_ = torch.kron(one_bead, torch.eye(self.n_beads, dtype=C.dtype))
        return map_ @ blocks(C, C @ P.T, P @ C, C) @ map_.T

    def state_matrix(self) -> Tensor:
        r"""H `(n_beads, n_beads)` of the state's part, $h_1(s) = \ln p(s)/p(\epsilon s) = x^\top H v$."""
        n = self.n_beads
        return -2 * torch.linalg.inv(self.stationary_covariance())[:n, n:]

    def entropy_production_rate(self, dt: float | None = None, scheme: str = "exact") -> float:
        r"""σ̇, the entropy produced per unit time in the stationary state.

        Without `dt`: the continuous process, $\frac{\gamma}{m}\sum_i (m\langle v_i^2\rangle/T_i - 1)$.
        With `dt`: what frames (x, v) every `dt` can show, $\langle h_2 - h_1\rangle/dt$.
        """
        if dt is None:
            return -torch.sum(self.heat_rate() / self.temperatures).item()
        K, n, C = self.entropy_matrix(dt, scheme), self.n_beads, self.stationary_covariance()
        pair = torch.sum(K * self._pair(dt)[: 2 * n, 2 * n :])
        return (pair - torch.sum(self.state_matrix() * C[:n, n:])).item() / dt

    def step_entropy(self, trajectories: Trajectories, scheme: str) -> Tensor:
        r"""$\Delta S = h_2(s, s') - h_1(s')$ of each step, `(n_trajectories, n_times - 1)`.

        Raises `ValueError` for trajectories without velocities, and for `"euler"`.
        """
        x, v = trajectories.position, trajectories.velocity
        K = self.entropy_matrix(trajectories.dt, scheme).to(x)
        odd = torch.cat((x.diff(dim=1), _middle(v)), -1)
        even = torch.cat((_middle(x), v.diff(dim=1)), -1)
        state = ((x[:, 1:] @ self.state_matrix().to(x)) * v[:, 1:]).sum(-1)
        return ((odd @ K) * even).sum(-1) - state


def bead_camera(
    system: BeadSpring, *, cell: tuple[int, int] = (10, 10), psf: float = 1.5, motion: float = 0.5
) -> Camera:
    """A camera above a chain of beads, each in the middle of a cell of its own, moving along the row.

    The motion of each bead is scaled to a standard deviation of `motion` pixels, as in the published
    movies. Those are `cell=(20, 20), psf=3.0, motion=1.0`: 20 × 40 pixels for two beads
    (Bae, Kim, Jeong 2021, arXiv 2106.15108; scale and widths found from the published data).
    """
    n, (height, width) = system.n_beads, cell
    centre = torch.stack((torch.full((n,), height / 2), (torch.arange(n) + 0.5) * width), dim=1)
    movement = torch.zeros(n, 2, n)
    movement[:, 1] = torch.diag(motion / system.stationary_covariance().diagonal().sqrt()).float()
    return Camera(centre, movement, (height, n * width), psf)


def _middle(x: Tensor) -> Tensor:
    """Means of successive frames, `(n_trajectories, n_times - 1, …)`."""
    return (x[:, 1:] + x[:, :-1]) / 2
