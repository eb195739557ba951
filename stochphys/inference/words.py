"""Entropy production of jumps by counting words of successive states and their reverses."""

from dataclasses import dataclass
from math import hypot, nan

import numpy as np
import torch
from torch import Tensor

from .. import require
from ..data import Jumps
from ..estimate import Estimate
from ..paths import check_frames
from .jackknife import mean_of_steps
from .one_way import irreversible
from .signs_of_data import examined

RARE = 0.3  # share of words without a reverse, from which on it is said,
NEVER = 0.8  # and from which on no rate is given
SURE = 5.0  # errors by which halves may exceed the whole,
KINDS = 2.0  # and times of what the noise of counting makes of it,
CLEAR = 3.0  # and errors which that may be


@dataclass(frozen=True, eq=False, kw_only=True)
class WordEstimate(Estimate):
    """Entropy production from the counts of words, per unit time (per jump, for jumps without waiting
    times). Its standard error, from the spread over trajectories, is blind to the bias.

    Attributes:
        half: the mean of what the two halves of the data give. Counting noise raises the estimate as one
            over the amount of data: `half` exceeds `rate`, and the truth lies about as far below. Words so
            rare that their reverses are not seen lower it. Paths of two kinds make halves differ by more.
        unseen: share of the words whose reverse was never seen; they are left out.
    """

    half: float
    unseen: float


def word_plugin(jumps: Jumps, frames: int = 2) -> WordEstimate:
    r"""Counts words w of `frames` successive states, and compares each with its reverse w̃,

    $$\frac{D_n}{(n - 1)\,dt}, \qquad D_n = \sum_w p(w) \ln \frac{p(w)}{p(\tilde w)} .$$

    Exact in the limit of many data for even states; two frames are enough if all states are seen
    (Markov), longer words see more if some are hidden. Words without a reverse are left out; if
    nearly all are, or jumps between two states go one way only, no rate is given, nan. The number
    of words grows as n_states^frames, and with it the bias, upwards.

    Args:
        jumps: at least two paths; waiting times only set the unit of time.
        frames: of a word, two or more.

    Raises `ValueError` for one path, fewer than two frames or more than a path has, more than 10⁸ words.

    Source: Roldán & Parrondo, PRL 105, 150607 (2010); PRE 85, 031129 (2012).
    """
    require.of_kind(Jumps, jumps=jumps, hint="Jumps.of(states) for arrays")
    n_words = jumps.n_states**frames
    check_frames(frames, jumps.longest)
    if n_words > 10**8:
        raise ValueError(
            f"there are {jumps.n_states}^{frames} words of so many frames, more than any data can "
            "sample; take fewer frames"
        )
    whole = jumps.with_windows(frames)
    hint = "one gives no error bar: cut it, jumps.cut(100)"
    require.integer(2, whole, "n_trajectories", hint=hint)
    paths, owner = whole.gapless(frames)
    # The number of a word has its states for digits; the reverse of each reads them from the end.
    words = torch.zeros_like(paths.x[:, frames - 1 :], dtype=torch.int64)
    for i in range(frames):
        words.mul_(jumps.n_states).add_(paths.x[:, i : i + words.shape[1]])
    digits = np.arange(n_words).reshape([jumps.n_states] * frames)
    reverse = torch.from_numpy(digits.T.ravel()).to(words.device)
    time = (frames - 1) * jumps.dt

    def log_ratio(words: Tensor) -> tuple[Tensor, Tensor]:
        """ln p(w)/p(w̃) of each word, 0 if one of them was not seen, and the counts."""
        count = torch.bincount(words.flatten(), minlength=n_words).double()
        both = (count > 0) & (count[reverse] > 0)
        return torch.where(both, torch.log(count / count[reverse]), 0.0), count

    def divergence(words: Tensor) -> float:
        ratio, count = log_ratio(words)
        return (count @ ratio / count.sum()).item()

    ratio, count = log_ratio(words)
    # How the estimate changes with one more word w: ln p/p̃ + 1 − p̃/p.
    influence = (ratio - torch.expm1(-ratio))[words].sum(1)
    n, sums = influence.new_zeros(2, whole.n_trajectories)
    n.index_add_(0, owner, torch.full_like(influence, words.shape[1]))
    std = mean_of_steps(n, sums.index_add_(0, owner, influence)).std
    # Even and odd paths; early and late ones.
    splits = [(side, ~side) for side in (owner % 2 == 0, 2 * owner < whole.n_trajectories)]
    half, other = (sum(divergence(words[side]) for side in split) / 2 for split in splits)
    # Of as many data, halves exceed the whole by the bias: Σ (1 + cosh r) χ²/N over pairs w, w̃, of χ² with one
    # degree of freedom each.
    seen_both = (count > 0) & (count[reverse] > 0) & (reverse > torch.arange(n_words).to(reverse))
    weight = (1 + ratio[seen_both].cosh()) / count.sum()
    bias, spread = weight.sum().item(), (2 * weight.square().sum()).sqrt().item()
    pairs = count.view(jumps.n_states**2, -1).sum(1)  # of the first two states of each word
    seen = pairs.nonzero().flatten()
    unseen = (count[count[reverse] == 0].sum() / count.sum()).item()
    look = examined(jumps)
    doubts = [*irreversible(jumps, seen, pairs[seen])]
    given = look.steady and not doubts and unseen <= NEVER
    if unseen > RARE and not doubts:
        doubts.append(
            f"{'No rate. ' * (unseen > NEVER)}Rare words: of {unseen:.0%} of the words of {frames} frames no "
            "reverse was seen. Without them the rate may be far too low, with them infinite. Take fewer "
            "frames, or more data."
        )
    excess, error = max(half, other) - divergence(words), hypot(std, spread)
    if given and excess > max(SURE * error, KINDS * bias):
        doubts.append(
            f"Halves differ: half of the paths gives {excess / time:.2g} ± {error / time:.1g} more than all, and the "
            f"noise of counting lets expect {bias / time:.1g}: paths of two kinds or directions, which cancel each "
            "other. Count each kind apart, jumps.take(…)."
        )
    elif given and not doubts and max(excess, bias) > CLEAR * error:
        doubts.append(
            f"Few words: the noise of counting raises the rate by about {max(excess, bias) / time:.2g}, more than errors. "
            "Take fewer frames, or more data."
        )
    return WordEstimate(
        rate=divergence(words) / time if given else nan,
        std=std / time if given else nan,
        half=half / time,
        unit="jump" if jumps.waiting is None else "unit time",
        unseen=unseen,
        warnings=(*look.warnings, *doubts),
    )
