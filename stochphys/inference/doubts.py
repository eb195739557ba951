r"""What is doubtful about a finished result, in sentences that name the sign, the number, the remedy.

Each doubt is a function of its own that yields a sentence, or nothing. Those of an entropy
production are here, those of an equation of motion in `equation_doubts`. Nothing is trained. Tests of
a whole distribution live in `fluctuation`.
"""

from collections.abc import Iterator
from itertools import chain
from math import isfinite

import torch
from torch import Tensor

from ..data import Trajectories, Windows
from ..movie import Movie
from .fluctuation import steps_of
from .jackknife import mean_of_steps
from .results import EntropyProduction, one_part, rate_of, signs
from .signs_of_data import one_coordinate
from .signs_of_frames import OF_FRAMES

CLEAR = 3.0  # standard errors beyond which a difference is not luck
LARGE = 0.1  # per step, from which on e^−h of h that chance has learned hangs on a few steps
FEW = 10  # steps, or paths, that must not decide alone
SAMPLE = 100_000  # steps looked at, at most, where each costs a pass through the networks
CERTAIN = 1000.0  # per step, beyond which data do not tell a number
CURE = "Take more data, or fewer inputs and less noisy ones (of a movie, bin(2), crop, subtract)"
# What a rate that changes with the time between frames has for causes, and what tells them apart.
FALL = (
    "Either about as much again is lost between your frames: the rate is too low, take a shorter dt than "
    "{dt:g}, or call it the rate that these frames show; or a shutter that stays open blurs them: the rate "
    "is too high, and successive steps go the same way more often than not."
)
RISE = (
    "Fewer frames cannot show more of a process: errors of the positions, of outliers or of a tracker, hid "
    "it, the more the shorter dt; successive steps go opposite ways more often than not. The rate is too low: "
    'call it a lower bound, or take infer_langevin(…, rule="midpoint"), which such errors do not upset.'
)


def clear(difference: float, error: float, least: float) -> bool:
    """Whether a difference is no luck, and large enough to be worth a sentence."""
    return difference > max(CLEAR * error, least)


def doubts_of_entropy(result: EntropyProduction) -> tuple[str, ...]:
    """What a careful colleague would add to `result`; empty if all is well.

    Was the training stopped? Did the networks learn by heart? Is ΔS calibrated? Are its tails in the
    data? Are the frames close in time? Are there enough of them?
    """
    each = (training(result), tails(result), slow_camera(result), little_data(result))
    return tuple(chain(*each))


def no_rate(result: EntropyProduction) -> Iterator[str]:
    """Why a rate would mean nothing: what was learned does not hold for new data.

    In equilibrium any antisymmetric h has the mean 0 on held-out data, and J + 1 is 0 less what h
    fluctuates by: a rate of 0 is honest there, one that differs from 0 while J + 1 does not is none.
    Nor is one that is less than what the networks learned by heart, beyond what they do in equilibrium:
    up to 3 standard errors for chains of five beads, 8 and more for films with shot noise.
    """
    rate, std, bound = result.rate, result.std, result.bound
    bounded = one_part(result.model)
    exploded = clear(-bound, 2 * luck(result), LARGE / result.step_time)
    worthless = bounded and bound < 0 and (abs(rate) > CLEAR * std or exploded)
    if worthless or not isfinite(rate + bound) or std == 0:
        yield (
            f"No rate. Overfitting: with what the networks learned, (J + 1)/dt is {bound:.3g} on held-out "
            "data, no better than with ΔS = 0. They learned by heart: the data are too few for so many "
            "inputs, or have outliers or much noise, or no dissipation is to be found. "
            f"{CURE}: if (J + 1)/dt then rises above 0, it was one of the first; if short_time_tur of a few "
            "coordinates or components is 0 within its error, the last."
        )
    elif rate * result.step_time > CERTAIN:
        yield (
            f"No rate. One step produces {rate * result.step_time:.2g}: its reverse would be seen once in that many powers "
            "of e. The motion has next to no noise, or frames are too far apart: take a shorter dt."
        )
    elif bounded and overfitted(result, 2 * CLEAR, least=1):
        yield (
            f"No rate. Overfitting: {by_heart(result)}: more of what the networks learned is luck than "
            f"holds, and how much they missed cannot be told. The second number is a lower bound. {CURE}; "
            "the two then come together."
        )


def overfitted(result: EntropyProduction, errors: float, least: float) -> bool:
    """Whether J + 1 of the training data is above that of held-out data, by so many standard errors and
    by this share of the rate. For short steps it fluctuates like 2h, its own spread is without limit if
    h is wrong; the error of the training sample comes on top."""
    error = 2 * luck(result) * (1 + result.entropy.numel() / SAMPLE) ** 0.5
    return result.in_sample - result.bound > max(errors * error, least * abs(result.rate))


def by_heart(result: EntropyProduction) -> str:
    return (
        f"(J + 1)/dt is {result.in_sample:.3g} on the data that trained the networks, "
        f"{result.bound:.3g} on held-out data"
    )


def luck(result: EntropyProduction) -> float:
    """Standard error of the mean of ΔS over the held-out steps, per unit time."""
    return rate_of(result.steps, steps_of(result.entropy), result.step_time).std


def training(result: EntropyProduction) -> Iterator[str]:
    r"""Whether it was stopped, or ended in networks that learned by heart: (J + 1)/dt of the training
    data far above that of held-out data. Else rate and bound should agree: they differ by
    $\langle e^{-\Delta S}\rangle - 1$ of held-out steps, which is 0 for the true ΔS."""
    if result.history.interrupted:
        yield f"Interrupted {result.history.interrupted}: the networks may have more to learn. Let it end."
    gap, error = result.rate - result.bound, luck(result)
    rate, bound = f"{result.rate:.3g}", f"{result.bound:.3g}"
    # Of a film, what weighs most is found before the training, whatever the width.
    less = "" if isinstance(result.held_out, Movie) else ", or fewer steps and a smaller width"
    if overfitted(result, CLEAR, least=0.25):
        yield (
            f"Overfitting: {by_heart(result)}. {CURE}{less}; the two numbers then come together."
        )
    elif clear(gap, error, 0.1 * abs(result.rate)):  # ⟨e⁻ʰ⟩ has the error of h, as e⁻ʰ ≈ 1 − h
        yield (
            f"Not calibrated: the rate, {rate}, is above the held-out bound, {bound}, by "
            f"{gap:.2g} ± {error:.2g}. It is too bold: take more data{less}."
        )
    elif clear(-gap, error, 0.03 * abs(result.rate)):
        yield (
            f"Not calibrated: the rate, {rate}, is below the held-out bound, {bound}, by "
            f"{-gap:.2g} ± {error:.2g}. It is too timid, the networks have more to learn: train for more "
            "steps, and the two come together."
        )


def tails(result: EntropyProduction) -> Iterator[str]:
    """Whether a handful of steps carry the average of exp(−2ΔS), the variance of exp(−ΔS)."""
    entropy = steps_of(result.entropy.double())
    if len(entropy) < 100 * FEW or 0.0 in signs(result.model):  # whose objective has no exponential
        return
    weight = torch.exp(-2 * (entropy - entropy.min()))
    share = (weight.topk(FEW).values.sum() / weight.sum()).item()
    if share >= 0.2:
        yield (
            f"Heavy tails: {FEW} of {len(entropy)} steps carry {share:.0%} of the average of exp(−2ΔS), "
            "so the bound and what trains on it hang on a few rare steps. Take a shorter dt, or "
            "objective=alpha_neep_objective(-0.5), which weighs them less."
        )


def slow_camera(result: EntropyProduction) -> Iterator[str]:
    """Whether frames have little in common, or the rate falls when every second one is left out.

    ΔS learned for one time step, times the best constant, bounds what frames two steps apart show.
    """
    data = result.held_out
    if not isinstance(data, Trajectories):
        return
    x = data.gapless()[0].x
    moved = (x.diff(dim=1).square().mean((0, 1)).sqrt() / x.std((0, 1))).max().item()
    some = data.take(slice(max(10, SAMPLE * data.n_trajectories // x[..., 0].numel())))
    if moved > 0.7:  # the square root of 2 without any memory
        yield (
            f"Slow camera: from frame to frame a coordinate moves by {moved:.2f} of its spread. Most of "
            f"what happens is not seen, the rate is too low: take a shorter dt than {data.dt:g}."
        )
    elif any(said.startswith(OF_FRAMES) for said in result.warnings):
        return  # the cause of what is looked for below
    elif not data.underdamped and some.longest > 4 and data.n_trajectories >= FEW:
        steps, slow_steps = Windows(some), Windows(some.every(2))
        fast = bound_per_path(steps, result.entropy[: some.n_trajectories]) / data.dt
        slow = bound_per_path(slow_steps, result.per_step(some.every(2))) / (2 * data.dt)
        n = steps.weight * (slow_steps.per_path > 0)
        fall, error = mean_of_steps(n, n * (fast - slow))
        least = 0.05 * abs(result.rate)
        seen = f"with every second frame left out, (J + 1)/dt {{}} from {(n * fast).mean() / n.mean():.3g}"
        if clear(fall, error, least):
            yield f"Slow camera: {seen.format(f'falls by {fall:.3g}')}. {FALL.format(dt=data.dt)}"
        elif clear(-fall, error, least):
            yield f"Errors of positions: {seen.format(f'rises by {-fall:.3g}')}. {RISE}"


def little_data(result: EntropyProduction) -> Iterator[str]:
    """Whether the error bar is large, or too few paths make it."""
    rate, std = abs(result.rate), result.std
    paths = result.steps.n_equal
    if rate < 2 * std:  # not where std is nan, of one member
        data = result.held_out
        never = [*one_coordinate(data)] if isinstance(data, Trajectories) else []
        yield from never or [
            f"Little data: the rate is within 2 standard errors ({2 * std:.2g}) of zero, so "
            "equilibrium cannot be excluded. The error falls like 1/√(number of steps)."
        ]
    elif std > 0.2 * rate:
        yield (
            f"Little data: the error bar is {std / rate:.0%} of the rate. About "
            f"{(std / (0.1 * rate)) ** 2:.0f} times as much would bring it to 10 %."
        )
    elif paths < FEW:
        yield (
            f"Little data: the steps of no more than {paths:.0f} paths were held out, and the error bar "
            "comes from their spread. Cut long paths into pieces: data.cut(50) holds out ten."
        )


def bound_per_path(steps: Windows, entropy: Tensor) -> Tensor:
    r"""J + 1 of each path, $\langle h - e^{-h}\rangle + 1$ at its best for h = a ΔS with one a for
    all, from ΔS of these steps, laid `(n_trajectories, n_steps)`."""
    h, factors = steps_of(entropy).double(), torch.linspace(0.6, 1.4, 9).tolist()
    bounds = [a * steps.means(h) - steps.means(torch.expm1(-a * h)) for a in factors]
    return max(bounds, key=lambda bound: (steps.weight * bound).mean().item())
