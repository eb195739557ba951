"""What follows from the inferred equation of a system of the paper: one number each, beside the true one.

Where it has a formula it is one number for each draw from the posterior. Else it is counted on paths of
draws, two of each: what the two have in common is the draw, the rest is the luck of a path.
"""

from collections.abc import Callable
from functools import cache
from math import nan
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from ...data import Trajectories
from ...device import make_generator
from ...inference import (
    Langevin,
    LaplaceNetwork,
    entropy_production_rate,
    infer_langevin,
    mean_first_passage_time,
)
from ...inference.predict import passage_quadrature
from ...simulators import System, simulate
from ...systems import CarnotEngine, DoubleHump, spike_times
from ...systems.engine import Cycle, cycle_of

DRAWS = 100
STEP = 0.02  # of paths on which something is counted
AT = torch.tensor([0.5, 0.025, 0.975], dtype=torch.float64)


class Followed(NamedTuple):
    """A number that follows from an equation, its interval of 95 %, and the truth."""

    what: str
    estimate: float
    low: float
    high: float
    truth: float


def of_draws(what: str, values: Tensor, truth: float) -> Followed:
    """From the number of each draw."""
    estimate, low, high = values.quantile(AT).tolist()
    return Followed(what, estimate, low, high, truth)


def entropy(system: Any, found: Langevin, fresh: Trajectories, g: torch.Generator) -> Followed:
    """On a film that the equation has not seen."""
    truth = system.entropy_production_rate()
    rate = entropy_production_rate(found, fresh, generator=g, draws=DRAWS // 2)
    low, high = rate.interval
    return Followed("entropy production rate", rate.rate, low, high, truth)


def engine_of(
    found: Langevin, t: Tensor, draws: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """κ `(draws, n)`, γ `(draws,)` and T `(draws, n)` of a particle of mass 1 at times t `(n,)`, whatever
    functions of (x, v, t) drift and D are: slopes of the drift between x = ±1 and v = ±3, that of v on
    average over time, and D at rest."""
    drift = found.drift.sample(draws, generator=generator)
    D = found.diffusion.sample(draws, generator=generator)

    def at(x: float, v: float) -> Tensor:
        return torch.stack((torch.full_like(t, x), torch.full_like(t, v), t), dim=-1)[None]

    kappa = (drift(at(-1, 0)) - drift(at(1, 0)))[..., 0] / 2
    gamma = ((drift(at(0, -3)) - drift(at(0, 3)))[..., 0] / 6).mean(1)
    return kappa, gamma, D(at(0, 0))[..., 0, 0] / gamma[:, None]


def cycles(found: Langevin, period: float, draws: int, generator: torch.Generator) -> Cycle:
    """Means of work and heat in each stroke of engines that are drawn from the posterior."""
    t = torch.linspace(0, period, 8 * round(5 * period) + 1, dtype=torch.float64)
    kappa, gamma, T = (of.numpy() for of in engine_of(found, t, draws, generator))
    return cycle_of(kappa, gamma, T, 1.0, period)


def efficiency(
    system: CarnotEngine, found: Langevin, fresh: Trajectories, g: torch.Generator
) -> Followed:
    eta = torch.as_tensor(cycles(found, system.tau, DRAWS, g).efficiency)
    return of_draws("efficiency", eta, system.cycle().efficiency)


def current(x: Tensor, drift: Tensor, D: Tensor) -> Tensor:
    r"""Turns per time `(draws,)` on a ring of which x `(n,)` is one round, from drift and D on it `(draws,
    n)`: the solution of $(Dp)' = (\Phi/D)\,Dp - J$ of which D p is periodic and p has the integral one."""

    def integral(f: Tensor) -> Tensor:
        return pad(torch.cumulative_trapezoid(f, x), (1, 0))

    psi = -integral(drift / D)
    area = integral(psi.exp())
    flow = -torch.expm1(psi[:, -1]) / area[:, -1]
    return flow / torch.trapezoid((-psi).exp() * (1 - flow[:, None] * area) / D, x)


def turns(system: Any, found: Langevin, fresh: Trajectories, g: torch.Generator) -> Followed:
    x = torch.linspace(0, system.period, 2001, dtype=torch.float64)
    drift, D = (of.sample(DRAWS, generator=g) for of in (found.drift, found.diffusion))
    at = x[None, :, None]
    J = current(x, drift(at)[..., 0], D(at)[..., 0, 0])
    return of_draws("turns per time", J, system.current())


Count = Callable[[Trajectories], Tensor]  # of each path, (n_paths,)


def swings(paths: Trajectories) -> Tensor:
    """How often x rises through zero per unit time."""
    above = paths.x[..., 0] > 0
    return (above[:, 1:] & ~above[:, :-1]).sum(1) / paths.duration


def spikes(paths: Trajectories) -> Tensor:
    """Spikes per second, of paths whose time is in ms."""
    counts = [len(times) for times in spike_times(paths.x[..., 0], paths.dt)]
    return torch.tensor(counts) * 1000 / paths.duration


def counted(
    what: str, count: Count, time: float, found: Langevin, truth: float, start: Tensor, g: Any
) -> Followed:
    """Mean over two paths of each draw, of this duration; its variance is what the two have in common,
    and what chance leaves in the mean. NaN if one of the draws leads to infinity."""
    drawn, steps = found.draw(DRAWS, generator=g), round(time / STEP)

    def once() -> Tensor:
        begin = start[torch.randint(len(start), (DRAWS,), generator=g)]
        how: dict[str, Any] = dict(start=begin, generator=g, dtype=torch.float64)
        return count(simulate(drawn, DRAWS, steps, STEP, **how))

    try:
        first, second = once(), once()
    except FloatingPointError:
        return Followed(what, nan, nan, nan, truth)
    in_common = max(torch.cov(torch.stack((first, second)))[0, 1].item(), 0.0)
    mean, variance = ((first + second) / 2).mean().item(), ((first + second) / 2).var().item()
    far = 1.96 * (in_common + variance / DRAWS) ** 0.5
    return Followed(what, mean, mean - far, mean + far, truth)


@cache
def true_count(system: System, count: Count, time: float) -> float:
    """Of the system itself, on 400 paths."""
    origin = torch.zeros(system.dim, dtype=torch.float64)
    start = getattr(system, "resting_state", lambda: origin)()
    how: dict[str, Any] = dict(start=start, burn_in=8000, generator=0, dtype=torch.float64)
    steps = round(time / 0.005)
    return count(simulate(system, 400, steps, 0.005, every=2, **how)).double().mean().item()


def oscillation(system: Any, found: Langevin, fresh: Trajectories, g: torch.Generator) -> Followed:
    truth = true_count(system, swings, 20.0)
    return counted("swings per time", swings, 20.0, found, truth, fresh.x.flatten(0, 1), g)


def firing(system: Any, found: Langevin, fresh: Trajectories, g: torch.Generator) -> Followed:
    truth = true_count(system, spikes, 25.0)
    return counted("spikes per second", spikes, 25.0, found, truth, fresh.x.flatten(0, 1), g)


FOLLOWED: dict[str, Callable[..., Followed]] = dict(
    force_2=entropy,
    chain=entropy,
    oscillator=oscillation,
    neuron=firing,
    engine=efficiency,
    motor=turns,
)


def passage(n_films: int, *, seed: int) -> dict[str, float]:
    """Mean time from well to well of `DoubleHump`, which is 12.39, by a network from so many films of 25 time
    units: interval of 95 % and median of the draws, and what the mean of the posterior says."""
    generator, system = make_generator(seed), DoubleHump()
    film = simulate(system, n_films, 25_000, 0.001, generator=generator, every=10)
    network = LaplaceNetwork()
    found = infer_langevin(film, drift=network, diffusion=network, generator=generator)
    places = -system.well, system.well
    times = mean_first_passage_time(found, *places, generator=generator, draws=500)
    grid = torch.linspace(film.x.min().item(), places[1], 2001, dtype=torch.float64)
    drift, D = (of.mean(grid[:, None]).flatten()[None] for of in (found.drift, found.diffusion))
    alone = passage_quadrature(drift, D, grid, int((grid < places[0]).sum())).item()
    low, high = times.interval
    return dict(median=times.estimate, low=low, high=high, of_the_mean=alone)
