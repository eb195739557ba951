r"""Walkers that search: all at once, each with its own clock, until they arrive.

The exact laws to compare with live in `laws`.
"""

from dataclasses import dataclass
from math import nan

import torch
from torch import Tensor

from ... import require
from ...brief import Brief
from ...device import as_generator, one_thread
from .clocks import Clock, uniform
from .laws import FreeDiffusion

REACH = 16  # a bridge with x_a x_b > 16 D dt touches the target with a chance of less than e⁻¹⁶
STEPS_PER_WAIT = 20  # fewer, and rounding makes another clock of it
CHUNK, CHUNK_GPU = 2**18, 2**24  # normal numbers drawn at once, 1 MB and 64 MB


@dataclass(frozen=True, eq=False)
class SearchTimes(Brief):
    """What became of each walker.

    Attributes:
        times: when it arrived, or when it was cut off, `(n_walkers,)`, float64.
        arrived: True for those that did, `(n_walkers,)`.
        resets: how often it started over, `(n_walkers,)`.
    """

    times: Tensor
    arrived: Tensor
    resets: Tensor

    @property
    def mean(self) -> float:
        """Total time of all walkers over the number of arrivals, ∞ if nobody arrived.

        It is the mean of `times` if all arrived. If some were cut off it is the maximum-likelihood
        estimate for a constant hazard; the mean of those who arrived would be too short. Without
        resets the hazard is not constant, and neither this nor `std_error` can know: it grows with
        `longest`.
        """
        return (self.times.sum() / self.arrived.sum()).item()

    @property
    def std_error(self) -> float:
        """Standard error of `mean`."""
        residual = self.times - self.mean * self.arrived
        return (residual.square().sum().sqrt() / self.arrived.sum()).item()

    @property
    def cv(self) -> float:
        """Standard deviation of the times over their mean; nan unless all arrived."""
        return (self.times.std() / self.times.mean()).item() if self.arrived.all() else nan


@torch.no_grad()
def simulate_search(
    search: FreeDiffusion,
    clock: Clock | None,
    n_walkers: int,
    dt: float,
    *,
    generator: torch.Generator | int,
    longest: float,
    bridge: bool = True,
) -> SearchTimes:
    r"""Let walkers search, with resets by `clock` or without, on the generator's device in float32.

    Steps are exact, resets happen at the end of a step. Between two positions $x_a, x_b$ on one side
    of a target (distances from it) the path is a Brownian bridge, whatever the drift, and touches it
    with the probability

    $$P = e^{-x_a x_b/(D\,dt)} .$$

    Arrivals by this test are dated to the middle of the step.

    Args:
        search: a `Search` or an `Interval`.
        dt: time step; $\sqrt{2D\,dt}$ should be well below the distance to a target. Waiting times
            are whole steps, at least one: at `clock.mean` = 20 dt this makes a search 0.15 % longer
            for `Poisson`, 0.3 % for `Lomax(2)`, and at 5 dt ten times as much.
        longest: time after which a walker is cut off.
        bridge: False looks at the ends of steps only, and overlooks touches in between: as if the
            target were $0.5826\sqrt{2D\,dt}$ further away.

    Raises `ValueError` for a search without target; n_walkers, dt or longest that make no sense; a
    clock whose mean is below 20 dt.

    Source: of the bias Chernoff, Ann. Math. Stat. 36, 55 (1965); Broadie, Glasserman, Kou, Math.
    Finance 7, 325 (1997).
    """
    generator = as_generator(generator)
    if not search.targets:
        raise ValueError(f"search={search} has no target; give a Search or an Interval")
    _check(clock, n_walkers, dt)
    require.within(f"[{dt}, inf)", longest=longest, hint="dt or more")
    device, last = generator.device, round(longest / dt)
    chunk = CHUNK if device.type == "cpu" else CHUNK_GPU
    times = torch.full((n_walkers,), last * dt, dtype=torch.float64, device=device)
    arrived = torch.zeros(n_walkers, dtype=torch.bool, device=device)
    resets = torch.zeros(n_walkers, dtype=torch.int32, device=device)
    # Of those on their way: number, position, age in steps, steps until the clock rings.
    who = torch.arange(n_walkers, device=device)
    x = torch.full((n_walkers,), search.x0, device=device)
    age = torch.zeros_like(who)
    left = _waiting(clock, n_walkers, dt, last, generator)
    step_mean, step_std = search.drift * dt, (2 * search.D * dt) ** 0.5
    with one_thread():
        while n := len(who):
            steps = min(max(chunk // n, 8), 256)
            path = x.new_empty(steps + 1, n)  # positions, those of now first
            path[0] = x
            path[1:].normal_(step_mean, step_std, generator=generator)
            path.cumsum_(0)
            touch = torch.full_like(age, steps + 1)  # the step of the first touch
            step, walker = _touches(search, path[:-1], path[1:], dt, bridge, generator).unbind(1)
            touch.scatter_reduce_(0, walker, step + 1, "amin")
            # What a walker does in this block after its arrival or its reset does not count.
            end = torch.minimum(left, last - age).clamp(max=steps)
            hit = touch <= end
            times[who[hit]] = ((age + touch)[hit].double() - (0.5 if bridge else 0)) * dt
            arrived[who[hit]] = True
            age += end  # one that is reset starts over with the next block
            reset = ~hit & (left == end)
            resets[who[reset]] += 1
            x, left = path[-1], left - steps
            x[reset] = search.x0
            left[reset] = _waiting(clock, int(reset.sum()), dt, last, generator)
            on = ~hit & (age < last)
            who, x, age, left = who[on], x[on], age[on], left[on]
    return SearchTimes(times, arrived, resets)


@torch.no_grad()
def simulate_paths(
    search: FreeDiffusion,
    clock: Clock | None,
    n_walkers: int,
    n_steps: int,
    dt: float,
    *,
    generator: torch.Generator | int,
    every: int = 1,
) -> Tensor:
    """Positions of walkers at each `every`-th step, `(n_walkers, n_steps // every + 1)`, float32.

    As `simulate_search`, with the bridge; from its arrival on a walker is nan. A `FreeDiffusion`
    never arrives, and settles in its `StationaryState`.

    Raises `ValueError` for n_walkers, n_steps, dt or every that make no sense, or a clock faster than
    20 dt.
    """
    generator = as_generator(generator)
    _check(clock, n_walkers, dt)
    require.integer(1, n_steps=n_steps, every=every)
    require.within(f"[1, {n_steps}]", every=every, hint="n_steps or less")
    x = torch.full((n_walkers,), search.x0, device=generator.device)
    paths = x.new_empty(n_steps // every + 1, n_walkers)
    paths[0] = x
    step_mean, step_std = search.drift * dt, (2 * search.D * dt) ** 0.5
    due = _waiting(clock, n_walkers, dt, n_steps, generator)  # the step after which to reset
    with one_thread():
        for step in range(1, n_steps + 1):
            before = x
            x = x + torch.empty_like(x).normal_(step_mean, step_std, generator=generator)
            x[_touches(search, before, x, dt, True, generator)] = nan
            reset = ((due == step) & ~x.isnan()).nonzero()
            x[reset] = search.x0
            due[reset] = step + _waiting(clock, len(reset), dt, n_steps, generator)[:, None]
            if step % every == 0:
                paths[step // every] = x
    return paths.T


def _check(clock: Clock | None, n_walkers: int, dt: float) -> None:
    require.integer(1, n_walkers=n_walkers)
    require.positive(dt=dt)
    if clock is not None and clock.mean < STEPS_PER_WAIT * dt:
        raise ValueError(
            f"dt={dt} is too long for {clock}, whose resets fall on whole steps; take "
            f"dt ≤ clock.mean/{STEPS_PER_WAIT} = {clock.mean / STEPS_PER_WAIT:.3g}"
        )


def _touches(
    search: FreeDiffusion,
    before: Tensor,
    after: Tensor,
    dt: float,
    bridge: bool,
    generator: torch.Generator,
) -> Tensor:
    """Indices `(n_touches, ndim)` of the steps in which a target is touched."""
    diffused, touches = search.D * dt, [before.new_empty(0, before.ndim, dtype=torch.int64)]
    for target in search.targets:
        product = (before - target) * (after - target)
        near = (product < (REACH * diffused if bridge else 0)).nonzero()
        if bridge:
            # An exponential E has P(product < D dt E) = exp(−product/(D dt)).
            bar = -diffused * uniform(len(near), generator).log()
            near = near[product[near.unbind(1)] < bar]
        touches.append(near)
    return torch.cat(touches)


def _waiting(
    clock: Clock | None, n: int, dt: float, last: int, generator: torch.Generator
) -> Tensor:
    """Steps until the next reset, `(n,)`, rounded at random, so that the mean stays."""
    if clock is None:
        return torch.full((n,), last + 1, device=generator.device)
    steps = clock.sample(n, generator=generator) / dt + uniform(n, generator)
    return steps.clamp(1, last + 1).long()
