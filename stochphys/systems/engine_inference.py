r"""An engine inferred from its trajectories: stiffness, friction, temperature, and what follows.

A periodic drive makes the coefficients functions of time, so regression gets t as an input. Each
draw from the posterior is an engine of its own, and its moment equations give its work, its heat and
its efficiency: the spread over the draws is the credible band. The true engine lives in
`engine`.
"""

from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from torch import Tensor

from ..brief import Brief
from ..data import Trajectories
from ..device import as_generator
from ..inference.langevin import infer_langevin
from ..inference.posterior import Posterior
from ..inference.predict import PredictedNumber
from ..inference.regression import BayesianRegression
from .engine import STROKES, Cycle, cycle_of

N_STROKES = len(STROKES)


@dataclass(frozen=True)
class CycleBasis:
    """Features of t alone, the last entry of a state `(…, dim)`: functions of the given period that
    are continuous, and a polynomial in each of four strokes of equal length.

    A roof over each corner between two strokes, and `degree` − 1 arches over each stroke. A Fourier
    series wastes its terms on the bends: with 13 of them the efficiency comes out 5 to 7 % too high.
    """

    period: float
    degree: int = 2

    def __call__(self, x: Tensor) -> Tensor:
        phase = torch.remainder(N_STROKES / self.period * x[..., -1:], N_STROKES)
        away = phase - torch.arange(N_STROKES).to(x)
        near = (torch.remainder(away + N_STROKES / 2, N_STROKES) - N_STROKES / 2).abs()
        inside = away.clamp(0, 1)
        arches = [4 * inside * (1 - inside) * (2 * inside - 1) ** n for n in range(self.degree - 1)]
        return torch.cat((1 - near.clamp(max=1), *arches), dim=-1)


@dataclass(frozen=True)
class LinearForce(CycleBasis):
    """Features of a force −κ(t)x − γv at states (x, v, t): x times those of the cycle, and v."""

    def __call__(self, x: Tensor) -> Tensor:
        return -torch.cat((x[..., :1] * super().__call__(x), x[..., 1:2]), dim=-1)


@dataclass(frozen=True, eq=False)
class InferredEngine(Brief):
    r"""What trajectories say about the engine that made them.

    Attributes:
        drift: posterior of $\Phi = -(\kappa(t)x + \gamma v)/m$ at states (x, v, t).
        diffusion: posterior of $D = \gamma T(t)/m^2$ there.
        period: of the drive.
        mass: of the particle; without it only κ/m, γ/m and T/m could be had.
        warnings: sentences on the data; empty if all is well.
    """

    drift: Posterior
    diffusion: Posterior
    period: float
    mass: float = 1.0
    warnings: tuple[str, ...] = ()

    def coefficients(
        self, t: Tensor, draws: int, *, generator: torch.Generator | int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """κ `(draws, n)`, γ `(draws, 1)` and T `(draws, n)` at times t `(n,)`: the same engine in
        each row."""
        generator = as_generator(generator)
        t = t.double()
        zero, one = torch.zeros_like(t), torch.ones_like(t)
        drift = self.drift.sample(draws, generator=generator)
        diffusion = self.diffusion.sample(draws, generator=generator)
        at_x = torch.stack((one, zero, t), dim=-1)[None]
        at_v = torch.stack((zero, one, t), dim=-1)[None, :1]
        kappa, gamma = -self.mass * drift(at_x)[..., 0], -self.mass * drift(at_v)[..., 0]
        return kappa, gamma, self.mass**2 * diffusion(at_x)[..., 0, 0] / gamma

    def efficiency(
        self, draws: int = 200, *, generator: torch.Generator | int, level: float = 0.95
    ) -> PredictedNumber:
        """Work delivered over heat taken on the hot isotherm, with a credible band; the estimate is
        the median of the draws."""
        eta = torch.as_tensor(self.cycles(draws, generator=generator).efficiency)
        return PredictedNumber.of(eta.median().item(), eta, level)

    def cycles(self, draws: int = 200, *, generator: torch.Generator | int) -> Cycle:
        """Exact means of work and heat `(draws, 4)` per stroke, a quarter of the period each, for
        engines drawn from the posterior; `.efficiency` and `.work_out` are `(draws,)`.

        Raises `ValueError` if a drawn engine has no periodic state, a trap that is not one: the
        data are too few.
        """
        still = torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64)
        friction = -self.drift.mean(still).item()  # γ/m
        steps = 4 * max(ceil(self.period * friction), 10)  # of a quarter of a friction time
        times = torch.linspace(0, self.period, 2 * steps + 1, dtype=torch.float64)  # and midpoints
        kappa, gamma, T = self.coefficients(times, draws, generator=generator)
        if (kappa.mean(1) <= 0).any() or (gamma <= 0).any():
            raise ValueError(
                "some engines drawn have a trap or a friction below zero; take more trajectories"
            )
        return cycle_of(kappa.numpy(), gamma[:, 0].numpy(), T.numpy(), self.mass, self.period)


def infer_engine(trajectories: Trajectories, period: float, *, mass: float = 1.0) -> InferredEngine:
    r"""Stiffness, friction and temperature of a driven particle in a trap, with error bars.

    Bayesian regression of Δv/dt on v and on x times functions of the phase, and of the logarithm of
    the squared rest on the phase alone. The experimenter knows the `period` of κ and T, at whose
    beginning the `trajectories` of position and velocity start, and the `mass` of the particle, but
    neither how stiff nor how hot. Steps of length dt make κ, γ and T too small by about γdt/2m each;
    the efficiency hardly notices a common factor.

    Raises `ValueError` for trajectories without velocities or of several particles, and for whatever
    `infer_langevin` refuses.
    """
    if not trajectories.underdamped or trajectories.dim != 2:
        raise ValueError(
            "trajectories must hold one position and one velocity, (x, v) with underdamped=True; got "
            f"dim = {trajectories.dim}, underdamped={trajectories.underdamped}"
        )
    force: Any = BayesianRegression(LinearForce(period))
    noise: Any = BayesianRegression(CycleBasis(period, degree=3))
    found = infer_langevin(trajectories, drift=force, diffusion=noise, time=True)
    return InferredEngine(found.drift, found.diffusion, period, mass, found.warnings)
