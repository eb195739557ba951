"""Data and arguments that estimators of entropy production refuse, before any work."""

from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn

from .. import require
from ..data import Jumps, Trajectories, Windows
from ..movie import Movie
from ..stretches import check_grid
from ..training import fit
from .results import Recorded

GIVEN = {"model", "objective", "data", "generator", "validation", "callbacks"}  # to `fit` anyway
FEW = 5  # steps at least for each number that they determine


def check(data: Recorded, frames: int, reversal: Tensor | None, options: dict[str, Any]) -> None:
    """Arguments of `infer_entropy_production` that make no sense."""
    if not isinstance(data, Trajectories | Jumps | Movie):
        raise TypeError(
            f"data must be Trajectories, Jumps or a Movie, got {type(data).__name__}; wrap arrays: "
            "Trajectories(torch.as_tensor(x), dt)"
        )
    known = signature(fit).parameters.keys() - GIVEN
    if unknown := options.keys() - known:
        raise TypeError(
            f"infer_entropy_production has no option {min(unknown)}; beside its own it takes, of "
            f"training.fit, {', '.join(sorted(known))}"
        )
    hint = "to hold some out and to draw error bars from them: cut long ones, data.cut(50)"
    require.integer(10, data.with_windows(frames), "n_trajectories", hint=hint)
    if data.stretches is not None:  # ΔS of steps will be laid out so
        check_grid(data.n_trajectories, data.n_times)
    waiting = isinstance(data, Jumps) and data.waiting is not None
    if frames > 2 and (waiting or isinstance(data, Trajectories)):
        raise ValueError(
            f"frames={frames} is for movies, and for jumps without waiting times; for these data, "
            "frames=2"
        )
    if not (isinstance(data, Jumps) and waiting):
        if reversal is not None:
            raise ValueError("reversal is for jumps with waiting times, and would not be used here")
        return
    if reversal is None or len(reversal) != data.n_states:
        raise ValueError(
            "jumps with waiting times need reversal, the time-reversed state of each of the "
            f"{data.n_states} states; torch.arange({data.n_states}) if all of them are even"
        )
    require.tensor((torch.int64, torch.int32), reversal=reversal, hint="the numbers of the states")
    states = torch.arange(data.n_states)
    partner = reversal.cpu().long()
    if not torch.isin(partner, states).all() or (partner[partner] != states).any():
        raise ValueError(
            f"reversal must bring each state back if it is applied twice, got {reversal.tolist()}"
        )


@torch.no_grad()
def check_odd(network: nn.Module, windows: Windows) -> None:
    """Refuse a network of one part whose answer does not change sign with the direction of time: its
    objective has no maximum at ΔS. Velocities and waiting times are turned by networks of several parts."""
    if len(getattr(network, "signs", (1.0,))) > 1:
        return
    some, mode = windows.sample(64), network.training
    network.to(windows.trajectories.x.device).eval()
    try:
        h, reverse = network(some), network(some.flip(1))
    except RuntimeError:  # `fit` will say in words what does not fit
        return
    finally:
        network.train(mode)
    if (h + reverse).abs().max() > 1e-3 * h.abs().max():
        raise ValueError(
            "network must be odd, h(reversed window) = -h(window): take the difference of both, "
            "f(window) - f(window.flip(1)), in forward"
        )


def check_even(trajectories: Trajectories, numbers: int) -> None:
    """Refuse a single trajectory, one that has nearly all of the steps, too few steps to determine so
    many numbers, velocities, and positions of which no computer knows the fourth power."""
    require.of_kind(Trajectories, trajectories=trajectories, hint=require.ARRAYS)
    hint = "one leaves nothing to judge the estimate on: cut it, trajectories.cut(10)"
    require.integer(2, trajectories, "n_trajectories", hint=hint)
    if trajectories.underdamped:
        raise ValueError(
            "this estimator is for overdamped data: velocities change sign under time reversal"
        )
    largest = trajectories.x.abs().max().item()
    if largest and not 1e-60 < largest < 1e60:
        raise ValueError(f"trajectories reach {largest:.2g}: take a unit of length near theirs")
    n = Windows(trajectories).per_path
    if (steps := int(n.sum())) < FEW * numbers:
        raise ValueError(
            f"{steps} steps, in {int((n > 0).sum())} trajectories, do not determine {numbers} numbers; "
            f"{FEW * numbers} are the least, and a good error bar needs far more"
        )
    if (share := (n.max() / n.sum()).item()) > 0.9:
        raise ValueError(f"one trajectory holds {share:.0%} of the steps, and {hint}")
