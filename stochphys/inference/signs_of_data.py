"""One look at data of any kind: what they hold, and each sign that something is wrong with them."""

from collections.abc import Iterator
from math import hypot, nan
from typing import Any, NamedTuple

import torch

from ..data import Jumps, Trajectories
from ..movie import Movie
from .camera import NoiseLeft, enough
from .expected import Steps
from .lags import Lags, lags
from .outliers import none_is_far, said_of, without, wrong_frames
from .results import Recorded
from .signs import SAMPLE, not_steady, unbound, written_twice
from .signs_of_frames import signs_of_frames
from .signs_of_jumps import facts_of_jumps, not_steady_occupation, signs_of_jumps
from .signs_of_movies import Seen, components, facts_of_movies, not_steady_light, signs_of_movies
from .tracks import signs_of_steps
from .wraps import jumps_of_one_box

NO_RATE = "No rate. "
BELOW = 6.0  # standard errors
ROUNDED = "Rounded"  # as the sentence begins of what no estimate survives


def facts_of_paths(data: Trajectories) -> Iterator[str]:
    """What was recorded, which dynamics it shows, and what it could tell at all."""
    n, runs = data.n_trajectories, data.stretches
    frames = runs.frames_of_path if runs is not None else torch.tensor([data.n_times])
    least, most = int(frames.min()), int(frames.max())
    long = f"{least}" if least == most else f"{least} to {most}"
    gaps = 0 if runs is None else len(runs.path) - int((frames > 0).sum())
    steps = n * (data.n_times - 1) if runs is None else int((runs.length - 1).sum())
    yield (
        f"{n} path{'s' * (n > 1)} of {long} frames, {data.dim} coordinate{'s' * (data.dim > 1)}, "
        f"{gaps or 'no'} gap{'s' * (gaps != 1)}: {steps} steps of {data.dt:g}, {steps * data.dt:.4g} in all."
    )
    wrong = wrong_frames(data)  # must not decide of the noise
    data = without(data, wrong) if wrong else data
    if (found := lags(data)) is not None:
        yield from dynamics(data, found)
    if data.underdamped:
        return
    for k in unbound(data).nonzero().flatten().tolist():
        yield (
            f"Coordinate {k} has no place of its own: it spreads for as long as paths last. If it is an angle, or the "
            "force repeats itself along it, infer_langevin wants its period=."
        )
    currents = data.dim * (data.dim - 1) // 2
    if currents:
        # In equilibrium each current of a linear estimate is normal noise: the rate is too large by 2 per
        # current and duration, with a standard error of √8 times √currents.
        resolved = 3 * (8 * currents) ** 0.5 / (steps * data.dt)
        yield (
            f"A steady rate of entropy production above {resolved:.2g} could be told from zero here (3 standard errors "
            "of a linear estimate in equilibrium; networks need more)."
        )
    else:
        yield from one_coordinate(data)


def dynamics(data: Trajectories, found: Lags) -> Iterator[str]:
    """Their order, the noise, and how large errors of the positions may be."""
    if found.memory.any() or found.clear.any():
        return
    k = int((found.excess / found.error_of_excess).abs().argmax())
    what = "changes of velocity" if data.underdamped else "displacements"
    order = "with inertia" if data.underdamped else "without inertia"
    yield (
        f"Motion {order}, as far as seen: successive {what} are independent beyond what forces make (correlation "
        f"{found.excess[k]:.3f} ± {found.error_of_excess[k]:.1g} of coordinate {k})."
    )
    if not data.underdamped:
        D = found.variance / (2 * data.dt)
        most = ((2 * found.error_of_excess - found.excess).clamp(min=0) * found.variance).sqrt()
        yield (
            f"D is about {', '.join(f'{d:.3g}' for d in D[:6].tolist())}{', …' * (len(D) > 6)}; errors of the "
            f"positions are below {most.max():.2g}, if the shutter is short: one that stays open hides "
            "errors. A bead that is fixed, recorded alike, shows them."
        )


def one_coordinate(data: Trajectories) -> Iterator[str]:
    """Of paths along a line that is no ring, which can never show dissipation."""
    around = data.dim == 1 and (data.underdamped or unbound(data).any() or jumps_of_one_box(data))
    if data.dim == 1 and not around:
        yield (
            "One coordinate, and it keeps to its place: on a line no current flows in a steady state, so that "
            "pairs of frames show no dissipation, whatever drives it. Another coordinate beside it, or, "
            "of an angle, its period, would show some."
        )


class Examined(NamedTuple):
    """Data before an estimate: without wrong frames, what is doubtful about them, whether a rate of a
    steady state means anything, how many times too large it reads by blur or errors of the positions, what
    they leave of D, if estimates must go around them (`camera`), and the steps that were looked at, if runs are long
    enough to see blur."""

    data: Any
    warnings: tuple[str, ...]
    steady: bool
    factor: float = 1.0
    noise: NoiseLeft | None = None
    steps: Steps | None = None

    @property
    def road(self) -> NoiseLeft | None:
        """What that road asks for, if a rate can be had by it."""
        return self.noise if self.steady else None

    def told(
        self, rate: float, std: float, *, free: bool = False
    ) -> tuple[float, float, tuple[str, ...]]:
        """A rate and its standard error as they are told, and why not, if so: the error holds the factor, unless
        the rate is free of it."""
        if not self.steady:
            return nan, nan, ()
        if rate < -BELOW * std:
            sentence = (
                f"{NO_RATE}Below zero, by {-rate / std:.0f} standard errors, where a rate cannot be: the motion has "
                "next to no noise, is not steady, or tracks are not independent."
            )
            return nan, nan, (sentence,)
        return rate, std if free else hypot(std, rate * (1 / self.factor - 1)), ()


def examined(data: Recorded, most: int = SAMPLE // 2) -> Examined:
    """A quick look, of trajectories at about so many frames, that an estimate of a steady rate takes by
    itself. Wrong frames must not decide of the rest."""
    unsteady: list[str] = []
    others: list[str] = []
    factor, noise, steps = 1.0, None, None
    if isinstance(data, Movie):
        seen = Seen.of(data)
        found = None if any(written_twice(seen.equal)) else lags(components(data))
        unsteady += not_steady_light(seen)
        others += signs_of_movies(data, seen, found)
        factor = found.factor if found else 1.0
    elif isinstance(data, Jumps):
        unsteady += not_steady_occupation(data)
    elif (far := not none_is_far(data)) and (boxes := jumps_of_one_box(data)):
        unwrap = "Rates ask for a line: numpy.unwrap(x, axis=1, period=…)."
        unsteady += [f"{box} {unwrap}" for box in boxes]
    else:
        wrong = wrong_frames(data) if far else []
        data = without(data, wrong) if wrong else data
        unsteady += not_steady(data)
        if found := lags(data, most):
            others += signs_of_frames(data, found)
            factor, steps = found.factor, found.steps
        alone = found is not None and not found.memory.any()  # what has inertia is no camera's
        if factor != 1 and alone and not data.underdamped and not unsteady and enough(data):
            noise, steps = NoiseLeft.of(data), None
            unsteady += noise.lost
        if not unsteady and not (found and found.memory.any()):
            # Their noise is new, and no trend makes them alike.
            few = data.x[..., 0].numel() < min(most, SAMPLE)  # so that all were seen
            more = [*signs_of_steps(data, steps if few else None, before=int(noise is not None))]
            if any(sign.startswith(ROUNDED) for sign in more):  # looks like errors, and is worse
                unsteady, others, more = more, [], []
            others += more
        others = [*said_of(wrong), *others]
    warnings = (*(NO_RATE + sentence for sentence in unsteady), *others)
    return Examined(data, warnings, not unsteady, factor, noise, steps)


def facts_of(data: Recorded) -> tuple[str, ...]:
    """What data of any kind hold."""
    if isinstance(data, Jumps):
        return tuple(facts_of_jumps(data))
    return tuple(facts_of_movies(data) if isinstance(data, Movie) else facts_of_paths(data))


def signs_of(data: Recorded) -> tuple[str, ...]:
    """All that is doubtful about data of any kind."""
    if isinstance(data, Jumps):
        return tuple(signs_of_jumps(data))
    return tuple(said.removeprefix(NO_RATE) for said in examined(data, 8 * SAMPLE).warnings)
