r"""One coordinate, two wells, noise that depends on the place: all is known by quadrature, so that a
learned drift and diffusion can be judged by what follows from them.
"""

from dataclasses import dataclass
from math import exp, inf, log

import numpy as np
import torch
from scipy.integrate import quad
from torch import Tensor

from ..data import Trajectories
from ..device import as_generator
from ..simulators.langevin import System

REACH = 7.0  # where the density has fallen to e⁻³⁸ of its maximum


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
        generator = as_generator(generator)
        grid = np.linspace(-REACH, REACH, 100_001)
        p = self.density(torch.from_numpy(grid)).numpy()
        law = np.concatenate(([0.0], np.cumsum(p[1:] + p[:-1])))
        u = torch.rand(n, generator=generator, device=generator.device, dtype=torch.float64)
        x = torch.from_numpy(np.interp(u.cpu().numpy() * law[-1], law, grid))
        return x[:, None].to(generator.device, dtype)

    def mean_first_passage_time(self, start: float, target: float) -> float:
        r"""Mean time from `start` until `target` is first reached, by quadrature:

        $$\langle T\rangle = \int_a^b \frac{dy}{D(y)\,p(y)} \int_{-\infty}^y p(z)\,dz \qquad (a < b)$$

        and its mirror image for a > b (Gardiner §5.5.2). From −`well` to `well` it is 12.39.

        Raises `ValueError` unless both lie between −7 and 7.
        """
        if not max(abs(start), abs(target)) < REACH:
            raise ValueError(
                f"start and target must lie between -7 and 7, got {start} and {target}; the "
                "stationary law has nothing beyond"
            )
        if start > target:
            start, target = -start, -target  # p and D are even

        def slowness(y: float) -> float:
            below = quad(_weight, -inf, y, limit=200, epsabs=0, epsrel=1e-10)[0]
            return below / (_weight(y) * (1 + 2 * exp(-y * y / 2)))

        return quad(slowness, start, target, limit=200)[0]


def _weight(x: float) -> float:
    """p up to a constant, at one state."""
    return exp(-x * x) / (1 + 2 * exp(-x * x / 2)) ** 8
