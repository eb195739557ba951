r"""An engine inferred from its trajectories: stiffness, friction, temperature, and what follows.

A periodic drive makes the coefficients functions of time, so regression gets t as an input. Each
draw from the posterior is an engine of its own, and its moment equations give its work, its heat and
its efficiency: the spread over the draws is the credible band. The true engine lives in
`engine`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from torch import Tensor

from ..brief import Brief
from ..data import Trajectories
from ..device import as_generator
from ..inference.langevin import alike, infer_diffusion, infer_drift, infer_langevin
from ..inference.posterior import Posterior
from ..inference.predict import PredictedNumber
from ..inference.regression import BayesianRegression
from .engine import STROKES, Cycle, cycle_of

Field = Callable[[Tensor], Tensor]  # of states (x, v, t)

N_STROKES = len(STROKES)
AROUND = 64  # times in a cycle, over which frames show one friction
PASSES, CLOSE = 100, 1e-7  # of the search for an engine that shows frames what they have seen


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


def step_of(k: Tensor, g: Tensor, dt: float) -> tuple[Tensor, Tensor]:
    r"""What becomes of a kick v in a time dt: the place and the velocity it leads to, divided by v.

    For $\ddot x = -kx - g\dot x$ with k `(…, n)` and g `(…, 1)` these are $S = e^{-g\,dt/2} \sinh(\omega\,dt)/\omega$
    and its time derivative, $\omega^2 = g^2/4 - k$; a place x gets the velocity $-kSx$.
    """
    omega = (g.square() / 4 - k).to(torch.complex128).sqrt() + 1e-9
    decay = torch.exp(-g * dt / 2)
    S = decay * (torch.sinh(omega * dt) / omega).real
    return S, decay * torch.cosh(omega * dt).real - g / 2 * S


def equation_behind(k: Tensor, g: Tensor, D: Tensor, dt: float) -> tuple[Tensor, Tensor, Tensor]:
    r"""κ/m, γ/m and T/m of the equation whose frames, dt apart, show $\Delta v/dt = -kx - gv$ on average
    and the variance $2D\,dt$ around it; k, D `(draws, n)`, of which the last `AROUND` fill a period, g `(draws, 1)`.

    With S and $S'$ of `step_of` frames show $\kappa S/m\,dt$ of a stiffness, the mean of $(1 - S')/dt$ over the
    cycle of a friction, and of the temperature the variance $(1 - S'^2 - \kappa S^2/m)\,T/m$, as that of a
    thermal state stays what it is. The first two are solved by passes, each of which leaves a part $\gamma\,dt/m$
    of the error.

    Raises `ValueError` if there is none: a velocity would be forgotten between two frames.
    """
    stiffness, friction = k, g
    for _ in range(PASSES):
        S, rest = step_of(stiffness, friction, dt)
        lack = g - ((1 - rest) / dt)[..., -AROUND:].mean(-1, keepdim=True)
        stiffness, friction = k * dt / S, friction + lack
        if (lack.abs() < CLOSE * friction.abs()).all():
            S, rest = step_of(stiffness, friction, dt)
            kept = 1 - rest.square() - stiffness * S.square()
            return stiffness, friction, 2 * D * dt / kept
    raise ValueError(
        f"frames dt = {dt:g} apart show no friction that can be told: velocities are forgotten between "
        "them; take frames closer than m/γ"
    )


@dataclass(frozen=True, eq=False)
class InferredEngine(Brief):
    r"""What trajectories say about the engine that made them.

    Attributes:
        drift: posterior of $-(\kappa(t)x + \gamma v)/m$ at states (x, v, t), the mean of Δv/dt.
        diffusion: posterior of $\gamma T(t)/m^2$ there, the variance of Δv over 2dt.
        period: of the drive.
        mass: of the particle; without it only κ/m, γ/m and T/m could be had.
        dt: between the frames that show this drift and this diffusion; 0 for those of the equation.
        warnings: sentences on the data; empty if all is well.
    """

    drift: Posterior
    diffusion: Posterior
    period: float
    mass: float = 1.0
    dt: float = 0.0
    warnings: tuple[str, ...] = ()

    def coefficients(
        self, t: Tensor, draws: int, *, generator: torch.Generator | int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """κ `(draws, n)`, γ `(draws, 1)` and T `(draws, n)` at times t `(n,)`: the same engine in
        each row.

        Raises `ValueError` if frames are too far apart for one.
        """
        return self._read(t, *self._drawn(draws, generator))

    def _drawn(self, draws: int, generator: torch.Generator | int) -> tuple[Field, Field]:
        """Drift and diffusion in each draw, functions of states."""
        generator = as_generator(generator)
        drift = self.drift.sample(draws, generator=generator)
        return drift, self.diffusion.sample(draws, generator=generator)

    def _read(self, t: Tensor, drift: Field, diffusion: Field) -> tuple[Tensor, Tensor, Tensor]:
        """κ, γ and T at times t of engines that have this drift and this diffusion."""
        cycle = torch.arange(AROUND, dtype=torch.float64) * self.period / AROUND
        t = torch.cat((t.double(), cycle)) - self.dt / 2  # frames show what is so halfway between
        zero, one = torch.zeros_like(t), torch.ones_like(t)
        at_x = torch.stack((one, zero, t), dim=-1)[None]
        at_v = torch.stack((zero, one, t), dim=-1)[None, :1]
        k, g, D = -drift(at_x)[..., 0], -drift(at_v)[..., 0], diffusion(at_x)[..., 0, 0]
        k, g, T = equation_behind(k, g, D, self.dt) if self.dt else (k, g, D / g)
        return self.mass * k[:, :-AROUND], self.mass * g, self.mass * T[:, :-AROUND]

    def efficiency(
        self, draws: int = 200, *, generator: torch.Generator | int, level: float = 0.95
    ) -> PredictedNumber:
        r"""Work delivered over heat taken on the hot isotherm, with a band around the estimate.

        What is not known of κ(t) and T(t) makes both rougher, which costs work: a drawn engine is on average
        worse than that of the posterior means, $\hat\eta$, and this one worse than the true one by as much. So the
        `draws` are $2\hat\eta$ less the η of drawn engines, and the estimate is their median: the basic bootstrap
        (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 5.2).
        """
        best = self._run(self.drift.mean, self.diffusion.mean).efficiency
        drawn = self.cycles(draws, generator=generator).efficiency
        eta = torch.as_tensor(2 * best - drawn)
        return PredictedNumber.of(eta.median().item(), eta, level)

    def cycles(self, draws: int = 200, *, generator: torch.Generator | int) -> Cycle:
        """Exact means of work and heat `(draws, 4)` per stroke, a quarter of the period each, for
        engines drawn from the posterior; `.efficiency` and `.work_out` are `(draws,)`.

        Raises `ValueError` if a drawn engine has no periodic state, a trap that is not one: the
        data are too few.
        """
        return self._run(*self._drawn(draws, generator))

    def _run(self, drift: Field, diffusion: Field) -> Cycle:
        """The cycles of engines that have this drift and this diffusion."""
        still = torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64)
        friction = -self.drift.mean(still).item()  # γ/m
        steps = 4 * max(ceil(self.period * friction), 10)  # of a quarter of a friction time
        times = torch.linspace(0, self.period, 2 * steps + 1, dtype=torch.float64)  # and midpoints
        kappa, gamma, T = self._read(times, drift, diffusion)
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
    neither how stiff nor how hot. What steps of length dt show is smaller by about γdt/2m than κ, γ and
    T are; as the force is linear, `equation_behind` takes that back to all orders.

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
    # The same once more, as frames show it and not as the equation has it.
    data, states = found.increments, found.increments.x.flatten(0, 1)
    drift = infer_drift(data, found.diffusion, force, None)
    diffusion = infer_diffusion(data, drift.mean(states).view_as(data.y), noise, None)
    drift = infer_drift(data, diffusion, alike(drift, force), None)
    return InferredEngine(drift, diffusion, period, mass, data.dt, found.warnings)
