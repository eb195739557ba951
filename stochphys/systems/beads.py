"""A chain of beads and springs between two walls, each bead in a bath of its own temperature.

The first system of the course with a steady flow of heat: linear, so everything is exact.
"""

from dataclasses import dataclass, field
from math import isfinite
from typing import Self

import torch
from scipy.optimize import brentq
from torch import Tensor

from ..data import Trajectories
from ..simulators.camera import Camera
from ..simulators.langevin import require_positive
from ..simulators.linear import Linear


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
        require_positive(self, "T_c", "T_h", "k", "gamma")
        if self.n_beads < 2:
            raise ValueError(f"n_beads must be at least 2, got {self.n_beads}")
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
        if not (isfinite(sigma_dot) and sigma_dot > 0):
            raise ValueError(f"sigma_dot must be positive, got {sigma_dot}")

        def excess(T_c: float) -> float:
            chain = cls(T_c=T_c, T_h=T_h, n_beads=n_beads, k=k)
            return chain.entropy_production_rate() - sigma_dot

        lowest = 1e-9 * T_h
        if excess(lowest) < 0:
            raise ValueError(f"sigma_dot={sigma_dot} is out of reach for {n_beads} beads")
        T_c = brentq(excess, lowest, T_h, xtol=1e-12 * T_h, rtol=1e-12)
        return cls(T_c=T_c, T_h=T_h, n_beads=n_beads, k=k)

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

    def heat(self, trajectories: Trajectories) -> Tensor:
        r"""Heat that each bead absorbs from its bath in each step,
        `(n_trajectories, n_times - 1, n_beads)`.

        $\delta Q_i = -F_i(\bar x) \circ dx_i$ (Sekimoto). The springs get it all: its sum over the
        beads is the change of `energy`, and $-\sum_i \delta Q_i/T_i$ is the entropy of the baths.
        """
        x = trajectories.x
        return -self.force((x[:, 1:] + x[:, :-1]) / 2) * (x[:, 1:] - x[:, :-1])

    def heat_rate(self) -> Tensor:
        """Mean heat per unit time absorbed from each bath, `(n_beads,)`; it sums to zero."""
        C = self.stationary_covariance()
        return -self.gamma * torch.diag(self.A @ (C @ self.A.T - self.A @ C)) / 2


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
