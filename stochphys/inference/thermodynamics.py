r"""Entropy production and heat from an inferred Langevin equation, on paths it has not seen.

The force comes from the data that the equation was inferred from, the increments from fresh ones. On
its own data a fitted force follows the noise that it is then multiplied with, and the result is too
high by about p/τ, p effective parameters and τ the duration of the data.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from math import ceil, nan
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from .. import require
from ..data import Trajectories, Windows
from ..device import Source, as_generator, drawn_from
from .comparison import ask
from .doubts import CLEAR
from .jackknife import students
from .lags import lags
from .outliers import said_of, without, wrong_frames
from .posterior import ConstantDiffusion, Functions
from .predict import Agreement, PredictedRate
from .results import Langevin
from .signs import not_steady
from .signs_of_data import one_coordinate
from .wraps import folded, unwrapped

PIECES = 40  # of fresh data, drawn anew for each posterior draw
CHUNK = 2000  # states at which all draws are evaluated at once
SINGULAR = 0.01  # smallest over largest diffusion, each coordinate in units of its spread


class EntropyRate(PredictedRate):
    """Entropy produced per unit time in the stationary state; `rate` is that of the posterior mean.
    The draws hold what is not known of the force and the luck of the fresh paths."""

    def compare(self, system: Any) -> Agreement:
        """Beside the exact rate of a system that knows its `entropy_production_rate`."""
        return self.against(ask(system, "entropy_production_rate()"))


def entropy_production_rate(
    langevin: Langevin,
    fresh: Trajectories,
    *,
    generator: Source,
    draws: int = 200,
    level: float = 0.95,
) -> EntropyRate:
    r"""Entropy production of the stationary state, with a credible interval:

    $$\dot\sigma = \frac1\tau \int \big(\hat D^{-1}(\hat\Phi - \nabla\cdot\hat D)\big)\circ dx ,$$

    the force from the training data and the increments, read at their midpoints in the sense of
    Stratonovich, from `fresh` paths. An error of the force then multiplies noise that it does not
    know and averages out. Given the training data again, the same sum is the in-sample plug-in,
    too high by about p/τ.

    With inertia $\dot\sigma = \sum_i \frac{\Gamma_i}{\tau D_{ii}} \int (f_i v_i\,dt - d v_i^2/2)$,
    where $\Gamma_i = -\partial\Phi_i/\partial v_i$ is the rate of friction and f the drift without it.
    That needs the friction of a bath: one positive number. Of paths that are not steady the rate is
    NaN, and a warning says why. What was doubtful about the equation is doubtful about the rate.

    Args:
        fresh: paths of the same process that the equation has not seen; of unequal ones, or with
            gaps, all steps between frames that follow each other.
        draws: from the posterior, each read off pieces of `fresh` that are drawn anew.
        level: of the interval.

    Raises `ValueError` for an equation that depends on time, a singular diffusion matrix, with inertia
    a friction that is not that of a bath, or `fresh` of another dimension.

    Source: Frishman & Ronceray, PRX 10, 021009 (2020); Seifert, Rep. Prog. Phys. 75, 126001 (2012).
    """
    mean, each, said = _per_coordinate(langevin, fresh, generator, draws)
    found = EntropyRate.of(mean.sum().item(), each.sum(-1), level)
    period = langevin.increments.period
    recorded = fresh if period is None else fresh.map(lambda x: folded(x, period[: fresh.dim]))
    if reasons := tuple(f"No rate. {sentence}" for sentence in not_steady(recorded)):
        return replace(found, rate=nan, std=nan, interval=(nan, nan), warnings=(*reasons, *said))
    alone = one_coordinate(fresh) if period is None else ()
    said = (*said, *flat(langevin, fresh))
    return replace(found, warnings=(*below_zero(found), *said, *alone))


def flat(langevin: Langevin, fresh: Trajectories) -> Iterator[str]:
    """Whether errors or an open shutter have blurred the force."""
    seen = lags(fresh) if langevin.increments.rule == "midpoint" else None
    if seen and seen.factor != 1:
        yield (
            "Blurred: places at which the force was read are off by errors of the positions, or are means over an "
            "open shutter. A force that bends within them comes out too flat, and the rate too low: by a quarter in "
            "a stiff double well with errors of one step, by little where forces are straight. short_time_tur(data, "
            "basis=Polynomial(3)) and infer_entropy_production(data) take less harm."
        )


def below_zero(found: PredictedRate) -> Iterator[str]:
    """Whether paths run against the force."""
    if found.rate < -CLEAR * found.std:
        yield (
            f"Below zero, by {-found.rate / found.std:.0f} standard errors: fresh paths run against the currents of this "
            "equation. They are of another kind, mirrored, or backwards, or their coordinates go in another order."
        )


def heat_rate(
    langevin: Langevin,
    fresh: Trajectories,
    temperature: Tensor | float,
    *,
    generator: Source,
    draws: int = 200,
    level: float = 0.95,
) -> tuple[PredictedRate, ...]:
    r"""Heat that each coordinate absorbs from its bath per unit time, one `PredictedRate` for each,

    $$\dot Q_i = -\frac{T_i}{\tau} \int \big(\hat D^{-1}(\hat\Phi - \nabla\cdot\hat D)\big)_i
      \circ dx_i ,$$

    where $D = \mu T$ (Einstein) turns the force of the equation into a mechanical one. D may depend
    on the place through the mobility; if it does so through the temperature, this is not the heat.

    Args:
        temperature: of the bath, k_B = 1; a number, or one for each coordinate `(dim,)`.
        fresh, draws, level: as for `entropy_production_rate`.

    Raises `ValueError` for a temperature that is not positive, or what `entropy_production_rate` refuses.

    Source: Sekimoto, Stochastic Energetics, §4.1.
    """
    T = torch.as_tensor(temperature, dtype=torch.float64).expand(langevin.increments.dim)
    if not (T > 0).all():
        raise ValueError(f"temperature must be positive, got {temperature}")
    mean, each, said = _per_coordinate(langevin, fresh, generator, draws)
    pairs = zip((-T * mean).tolist(), (-T * each).unbind(-1), strict=True)
    rates = (PredictedRate.of(best, drawn, level) for best, drawn in pairs)
    return tuple(replace(rate, warnings=said) for rate in rates)


def _per_coordinate(
    langevin: Langevin, fresh: Trajectories, generator: Source, draws: int
) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Entropy given to the surroundings along each coordinate per unit time: that of the posterior
    mean `(dim,)`, and of each draw on pieces drawn anew `(n_draws, dim)`; and what is doubtful about the
    equation, or about frames of `fresh`."""
    require.of_kind(Langevin, langevin=langevin, hint="what infer_langevin returns")
    require.of_kind(Trajectories, fresh=fresh, hint=require.ARRAYS)
    require.integer(2, draws=draws)
    generator, data = as_generator(generator), langevin.increments
    if langevin.timed:
        raise ValueError(
            "the equation depends on time: there is no stationary state whose entropy production "
            "this could be"
        )
    if data.period is not None:
        fresh = unwrapped(fresh, tuple(data.period.tolist()))
    dim = data.dim if data.secant else data.x.shape[-1]
    if fresh.dim != dim:
        raise ValueError(f"fresh must have dim={dim}, like the training data, got {fresh.dim}")
    if wrong := wrong_frames(fresh):
        fresh = without(fresh, wrong)
    spread = data.x.flatten(0, 1)[:, data.noisy].std(0)
    D = langevin.diffusion.mean(langevin.states) / spread / spread[:, None]  # (n, dim, dim)
    require.noisy(SINGULAR, D=D, hint=", each coordinate in units of its spread")
    if data.underdamped:
        _refuse_friction(langevin, generator)
    along = _along_underdamped if data.underdamped else _along
    secants = data.underdamped and not fresh.underdamped
    pieces = _pieces(fresh, 4 if secants else 2)
    ends = [_ends(piece, fresh.dt if secants else None) for piece in pieces]
    drift, diffusion = langevin.drift, langevin.diffusion

    def alone(f: Callable[[Tensor], Tensor]) -> Functions:
        return lambda x: f(x[0])[None]

    duration = torch.tensor([len(before) for before, _ in ends], device=fresh.x.device).double()
    weight = duration / duration.mean()  # of each piece

    def sums(drift: Functions, diffusion: Functions) -> Tensor:
        """Of each draw and piece, times its weight, `(n_draws, n_pieces, dim)`."""
        parts = [along(drift, diffusion, before, after, fresh.dt) for before, after in ends]
        return torch.stack(parts, dim=1) * weight[:, None]

    guess = sums(alone(drift.mean), alone(diffusion.mean))[0].mean(0)  # (dim,)
    drawn = drift.sample(draws, generator=generator), diffusion.sample(draws, generator=generator)
    each = sums(*drawn)
    # Each draw is read off pieces drawn anew: the spread then holds the luck of the fresh paths, too.
    n = each.shape[1]
    again = torch.randint(n, (len(each), n), **drawn_from(generator)).to(each.device)
    sampled = each.gather(1, again[..., None].expand_as(each)).mean(1)
    sampled = sampled / weight[again].mean(1, keepdim=True)
    # A prior shrinks the force towards zero by nothing or up to its expected error, and the result with
    # it: each draw is stretched by another part of that. Few pieces have a spread that is too small.
    lost = min(langevin.predicted_nmse, 0.5)
    part = torch.rand(len(sampled), 1, **drawn_from(generator)).to(sampled)
    middle = sampled.mean(0)
    wide = middle + students(n) * (sampled - middle)
    said = dict.fromkeys((*langevin.warnings, *said_of(wrong)))
    return guess, wide * (1 + part * lost / (1 - lost)), tuple(said)


def _pieces(fresh: Trajectories, frames: int) -> Iterable[Tensor]:
    """Pieces of paths of one length `(n_times, dim)`; otherwise all windows of so many frames in about
    equal shares, `(n_windows, frames, dim)`."""
    longest: dict[str, Any] = {"longest stretch of fresh": fresh.longest}
    require.integer(frames, **longest, hint="so many frames in a row make a step")
    if fresh.stretches is None:
        most = max(1, fresh.n_times // 4)
        return fresh.cut(min(ceil(PIECES / fresh.n_trajectories), most)).x.double()
    windows = Windows(fresh, frames).apart().double()
    return windows.tensor_split(min(PIECES, ceil(len(windows) / 4)))


def _ends(path: Tensor, dt: float | None) -> tuple[Tensor, Tensor]:
    """States before and after each step of `path (…, n_frames, dim)`, `(n_steps, dim)` each; with `dt`
    those of positions and velocities, which are centred differences."""
    if dt:
        velocity = (path[..., 2:, :] - path[..., :-2, :]) / (2 * dt)
        path = torch.cat((path[..., 1:-1, :], velocity), dim=-1)
    return path[..., :-1, :].flatten(0, -2), path[..., 1:, :].flatten(0, -2)


def _along(
    drift: Functions, diffusion: Functions, before: Tensor, after: Tensor, dt: float
) -> Tensor:
    r"""$\frac1\tau \int (D^{-1}(\Phi - \nabla\cdot D))_i \circ dx_i$ along steps `(n_steps, dim)`, in
    each draw `(n_draws, dim)`."""
    middle, step = (after + before) / 2, after - before
    total: Any = 0
    for x, dx in zip(middle.split(CHUNK), step.split(CHUNK), strict=True):
        D, force = diffusion(x[None]), drift(x[None]) - divergence(diffusion, x[None])
        total = total + (torch.linalg.solve(D, force[..., None])[..., 0] * dx).sum(1)
    return total / (len(step) * dt)


def _along_underdamped(
    drift: Functions, diffusion: Functions, before: Tensor, after: Tensor, dt: float
) -> Tensor:
    r"""$\frac{\Gamma_i}{\tau D_{ii}} \int (f_i v_i\,dt - d v_i^2/2)$ with $f = \Phi + \Gamma v$, the
    drift without friction, `(n_draws, dim)`."""
    first, last = before.chunk(2, dim=-1)[1], after.chunk(2, dim=-1)[1]  # velocities
    # Between the ends of successive steps all kinetic energies cancel.
    gap = pad((first[1:] != last[:-1]).any(1), (1, 1), value=True)
    kinetic = (last[gap[1:]].square().sum(0) - first[gap[:-1]].square().sum(0)) / 2
    state = ((after + before) / 2)[None]
    v = state[0].chunk(2, dim=-1)[1]
    rate = friction(drift, state).mean(1)  # Γ (n_draws, dim)
    # Γ/D = m/T in a bath (Einstein): what follows is the heat per mass that goes to it, ∫f v dt − d(v²/2).
    power = ((drift(state) + rate[:, None] * v) * v).mean(1) - kinetic / (len(v) * dt)
    return rate / diffusion(state[:, :1])[:, 0].diagonal(dim1=1, dim2=2) * power


def divergence(diffusion: Functions, x: Tensor) -> Tensor:
    r"""$(\nabla\cdot D)_i = \sum_j \partial_j D_{ij}$ at `x (1, n, dim)`, `(n_draws, n, dim)`."""
    columns = [_slope(diffusion, x, j)[..., j] for j in range(x.shape[-1])]
    return torch.stack(columns).sum(0)


def friction(drift: Functions, state: Tensor) -> Tensor:
    r"""$\Gamma_i = -\partial\Phi_i/\partial v_i$ at (x, v) `(1, n, 2 dim)`, `(n_draws, n, dim)`."""
    dim = state.shape[-1] // 2
    return torch.stack([-_slope(drift, state, dim + i)[..., i] for i in range(dim)], dim=-1)


def _slope(function: Functions, x: Tensor, k: int) -> Tensor:
    """Derivative of all values along coordinate k of `x (1, n, dim)`."""
    direction = torch.zeros_like(x)
    direction[..., k] = 1
    return torch.func.jvp(function, (x,), (direction,))[1]


def _refuse_friction(langevin: Langevin, generator: torch.Generator) -> None:
    """Friction that no bath exerts: one that is negative or depends on the state."""
    if not isinstance(langevin.diffusion, ConstantDiffusion):
        raise ValueError(
            "D depends on the state: with inertia the heat is known here for one constant D, that of "
            "a bath of one temperature; infer with diffusion=None if D is constant"
        )
    drift = langevin.drift.sample(50, generator=generator)
    rate = friction(drift, langevin.states[None])  # (draws, n, dim)
    mean, std, average = rate.mean(0), rate.std(0), rate.mean((0, 1))
    doubtful = ((mean - average).abs() > CLEAR * std).double().mean().item()
    if doubtful > 0.1 or (average <= 0).any():
        raise ValueError(
            f"the friction -dΦ/dv runs from {mean.min():.3g} to {mean.max():.3g} over the states: it is "
            "not that of a bath, which is one positive number. No temperature belongs to it, so heat "
            "and entropy production are not defined"
        )
