r"""What is doubtful about an inferred entropy production, in sentences that name number and remedy.

`diagnose` asks six questions of a finished `EntropyProduction`; each is a function of its own that
returns a sentence, or nothing. Nothing is trained here. Tests of a whole distribution live in
`fluctuation`.
"""

from math import isfinite
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..data import Trajectories
from ..estimate import Estimate
from .fluctuation import block_sums, jackknife

if TYPE_CHECKING:
    from .entropy import EntropyProduction

CLEAR = 3.0  # standard errors beyond which a difference is not luck
FEW = 10  # steps, or paths, that must not decide alone
SAMPLE = 100_000  # steps looked at, at most, where each costs a pass through the networks


def diagnose(result: "EntropyProduction") -> tuple[str, ...]:
    """What a careful colleague would add to `result`; empty if all is well.

    Was the training stopped? Did the networks learn by heart? Is ΔS calibrated? Are its tails in
    the data? Are the frames close in time? Are there enough of them?
    """
    sentences = (
        interruption(result),
        overfitting(result) or calibration(result),
        tails(result),
        slow_camera(result),
        little_data(result),
    )
    return tuple(filter(None, sentences))


def interruption(result: "EntropyProduction") -> str:
    """Whether the training was stopped."""
    if not result.history.interrupted:
        return ""
    return f"Interrupted {result.history.interrupted}: the networks may have more to learn. Let it end."


def overfitting(result: "EntropyProduction") -> str:
    """(J + 1)/dt of the training data far above that of held-out data: learned by heart."""
    excess = result.in_sample - result.bound
    # For short steps J + 1 fluctuates like 2h; its own spread is without limit if h is wrong.
    error = rate_of_paths(2 * result.entropy.double().mean(1) / result.step_time).std
    error *= (1 + result.entropy.numel() / SAMPLE) ** 0.5  # that of the training sample as well
    if not excess > max(CLEAR * error, 0.25 * abs(result.rate)):
        return ""
    return (
        f"Overfitting: (J + 1)/dt is {result.in_sample:.3g} on the data that trained the networks, "
        f"{result.bound:.3g} on held-out data. Take more data, or fewer steps and a smaller width."
    )


def calibration(result: "EntropyProduction") -> str:
    r"""Rate and bound differ by $\langle e^{-\Delta S}\rangle - 1$ of held-out steps, which is 0 for
    the true ΔS."""
    gap = result.rate - result.bound
    error = rate_of_paths(result.entropy.double().mean(1) / result.step_time).std  # as e⁻ʰ ≈ 1 − h
    if not abs(gap) > max(CLEAR * error, 0.1 * abs(result.rate)):
        return ""
    what, remedy = (
        ("above", "It is too bold: take more data, or fewer steps and a smaller width.")
        if gap > 0
        else ("below", "It is too timid: train for more steps.")
    )
    return (
        f"Not calibrated: the rate, {result.rate:.3g}, is {what} the held-out bound, "
        f"{result.bound:.3g}, by {abs(gap) / error:.0f} standard errors. {remedy}"
    )


def tails(result: "EntropyProduction") -> str:
    """Whether a handful of steps carry the average of exp(−2ΔS), the variance of exp(−ΔS)."""
    entropy = result.entropy.double().flatten()
    if len(entropy) < 100 * FEW:
        return ""
    weight = torch.exp(-2 * (entropy - entropy.min()))
    share = (weight.topk(FEW).values.sum() / weight.sum()).item()
    if share < 0.2:
        return ""
    return (
        f"Heavy tails: {FEW} of {len(entropy)} steps carry {share:.0%} of the average of exp(−2ΔS), so "
        "the bound and what trains on it hang on a few rare steps. Take a shorter dt, or "
        "objective=alpha_neep_objective(-0.5), which weighs them less."
    )


def slow_camera(result: "EntropyProduction") -> str:
    """Whether frames have little in common, or the rate falls when every second one is left out.

    ΔS learned for one time step, times the best constant, bounds what frames two steps apart show.
    """
    data = result.held_out
    if not isinstance(data, Trajectories):
        return ""
    moved = (data.x.diff(dim=1).square().mean((0, 1)).sqrt() / data.x.std((0, 1))).max().item()
    if moved > 0.7:  # the square root of 2 without any memory
        return (
            f"Slow camera: from frame to frame a coordinate moves by {moved:.2f} of its spread, so "
            f"most of what happens is not seen. Take a shorter dt than {data.dt:g}."
        )
    if not data.underdamped and data.n_times > 4 and data.n_trajectories >= FEW:
        paths = max(10, SAMPLE // data.n_times)
        frames = data.take(slice(paths)).every(2)
        fast = bound_per_path(result.entropy[:paths]) / data.dt
        slow = bound_per_path(result.per_step(frames)) / frames.dt
        fall = rate_of_paths(fast - slow)
        if fall.rate > max(CLEAR * fall.std, 0.05 * abs(result.rate)):
            return (
                f"Slow camera: with every second frame left out, (J + 1)/dt falls by {fall.rate:.3g} from "
                f"{fast.mean():.3g}. About as much again is lost between your frames: take a "
                f"shorter dt than {data.dt:g}, or call it the rate that these frames show."
            )
    return ""


def little_data(result: "EntropyProduction") -> str:
    """Whether the error bar is large, or too few paths make it."""
    rate, std, paths = abs(result.rate), result.std, result.held_out.n_trajectories
    if isfinite(std) and rate < 2 * std:
        return (
            f"Little data: the rate is within 2 standard errors ({2 * std:.2g}) of zero, so "
            "equilibrium cannot be excluded. The error falls like 1/√(number of steps)."
        )
    if isfinite(std) and std > 0.2 * rate:
        return (
            f"Little data: the error bar is {std / rate:.0%} of the rate. About "
            f"{(std / (0.1 * rate)) ** 2:.0f} times as much would bring it to 10 %."
        )
    if paths < FEW:
        return (
            f"Little data: no more than {paths} paths were held out, and the error bar comes from "
            "their spread. Cut long paths into pieces: data.cut(20)."
        )
    return ""


def bound_per_path(entropy: Tensor) -> Tensor:
    r"""J + 1 of each path, $\langle h - e^{-h}\rangle + 1$ at its best for h = a ΔS with one a for
    all, from ΔS `(n_trajectories, n_steps)`."""
    h = entropy.double()
    bounds = [
        a * h.mean(1) - torch.expm1(-a * h).mean(1) for a in torch.linspace(0.6, 1.4, 9).tolist()
    ]
    return max(bounds, key=lambda bound: bound.mean().item())


def rate_of_paths(per_path: Tensor) -> Estimate:
    """Mean of a rate that each path tells `(n_trajectories,)`."""
    sums = block_sums(torch.stack((torch.ones_like(per_path), per_path), dim=1))
    std = jackknife(lambda s: s[:, 1] / s[:, 0], sums).item()
    return Estimate(per_path.mean().item(), std)
