r"""Whether tracks are alike, and whether they move together. What the state does not tell of a step tells
nothing of any other step: not of the same track, nor of another one.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..data import Trajectories
from .expected import Expected, Steps, clamped
from .neighbours import places
from .results import Langevin
from .signs import FEW, rounded, some_pairs, thinned, written_twice

CHANCE = 1e-5  # that a test fires where all is well
ODD = 0.1  # relative std of D among tracks that is worth a sentence
WORTH = 0.15  # the same for a drift, in units of its size
SPANS = (1, 10, 100)  # frames over which tracks are compared with each other
TAILS = 0.1  # excess kurtosis worth a sentence
SURE = 5.0  # standard errors of it
NAMED = 5  # tracks in a sentence


def alike(values: Tensor, part: Tensor, group: Tensor) -> tuple[Tensor, Tensor]:
    r"""Whether sums $E_p$ of `values (n, k)` over the parts of a group are alike: the chance to see such a

    $$S = \sum_g \sum_{p \ne p'} E_{gp} E_{gp'}, \qquad
      \mathrm{Var}\,S = 2 \sum_g \sum_{p \ne p'} E_{gp}^2 E_{gp'}^2,$$

    where products of different parts have mean zero, and S for each pair of values, `(k,)` both. S has the
    law of a χ² with as many degrees of freedom as there are groups that share its variance. Rows of one
    part, and in it of one group, follow each other.
    """
    n_groups = int(group.max()) + 1
    key, cell = (part * n_groups + group).unique_consecutive(return_inverse=True)
    of = key % n_groups  # of each cell
    if n_groups > len(of):
        of = of.unique(return_inverse=True)[1]

    def summed(each: Tensor, where: Tensor) -> Tensor:
        n = int(where.max()) + 1
        return each.new_zeros(n, each.shape[1]).index_add_(0, where, each)

    E, n = summed(values, cell), torch.bincount(cell).double()
    square = E.square()
    s_1, s_2, s_4 = summed(torch.cat((E, square, square.square()), 1), of).chunk(3, 1)
    S, V = (s_1.square() - s_2).sum(0), 2 * (s_2.square() - s_4).clamp(min=0)
    total = V.sum(0).clamp(min=1e-300)
    dof = total.square() / V.square().sum(0).clamp(min=1e-300)
    like = dof + S * (2 * dof / total).sqrt()
    chance = torch.special.gammaincc(dof.clamp(min=1) / 2, like.clamp(min=0) / 2)
    products = torch.bincount(of, n).square().sum() - n.square().sum()
    return chance, S / products.clamp(min=1)


def tracks(steps: Steps, path: Tensor, time: Tensor, *, slopes: bool = True) -> Iterator[str]:
    """Sentences if D, or the drift, is another one for some tracks, or if tracks move together: of steps on
    these paths at these times `(n,)`, path after path. Of a drift its mean, and its `slopes` where the noise of
    a step is not in its state, too."""
    drift, rest = steps.drift, steps.rest
    if len(rest) < FEW or path[0] == path[-1]:
        return
    square, rms = rest.square(), drift.square().mean(0).sqrt()
    usual, apart = steps.expected(square, smooth=True), 2 * path + time % 2  # no neighbours
    sloped = steps.expected.times_place(rest) if slopes else rest  # (n, k dim)
    units = rms.repeat(sloped.shape[1] // rest.shape[1])
    both = alike(torch.cat((square - usual, sloped), 1), torch.arange(len(rest)), apart)
    of_D, of_drift = zip(*(each.tensor_split([len(rms)]) for each in both), strict=True)
    for k, how in (odd := list(worst(of_D, square.mean(0), ODD))):
        yield (
            f"Tracks differ: D of component {k} differs from one to another {how}, and is, in units of that of all at such "
            f"places, {named(path, square[:, k], usual[:, k])}. Another magnification or time between frames, "
            "another kind of particle, one that is stuck, or a D that depends on more than the place: look at "
            "these tracks, and infer each kind apart, data.take([…])."
        )
    for k, how in () if odd else worst(of_drift, units, WORTH):
        yield (
            f"Tracks differ: the drift of component {k % len(rms)} is another one for each {how}, as in traps with other "
            "middles or of another stiffness, or where some are mirrored, or run backwards. Infer each kind apart, "
            "data.take([…]); the middle of a track may be subtracted where it lasts for many relaxation times."
        )
    for span in SPANS:
        for k, how in worst(alike(sloped, path, time // span), units, WORTH):
            yield (
                f"Common motion: what places do not tell of steps of component {k % len(rms)} is alike in all tracks at the same "
                f"time, within {span} frame{'s' * (span > 1)} {how} of the drift: a stage that shakes or moves, a flow, or a force "
                "that changes with time. Something that is fixed shows a stage: subtract its motion. (The mean step of n "
                "tracks holds 1/n of their own noise: D comes out by so much too small.) A force that changes: time=True."
            )
            return


def worst(found: tuple[Tensor, Tensor], unit: Tensor, least: float) -> Iterator[tuple[int, str]]:
    """Of what is alike, by more than the `least` part of its `unit (k,)`, the least likely: which, and words;
    nothing if that may be chance."""
    chance, size = found[0], found[1].clamp(min=0).sqrt() / unit
    chance = torch.where(size > least, chance, 1.0)
    k = int(chance.argmin())
    if chance[k] < CHANCE:
        yield k, f"by ±{size[k]:.0%} (by chance in {max(chance[k].item(), 1e-99):.0e} of all sets)"


def named(path: Tensor, square: Tensor, usual: Tensor) -> str:
    """The tracks whose squares differ most from what is usual, and how much."""
    there, n = path.unique(return_counts=True)
    seen, due = (torch.bincount(path, each)[there] for each in (square, usual))
    most = ((seen - due).abs() / n.sqrt()).topk(min(NAMED, len(n))).indices.sort().values
    return ", ".join(f"{seen[i] / due[i]:.2g} on track {there[i]}" for i in most.tolist())


def signs_of_steps(
    data: Trajectories, steps: Steps | None = None, *, before: int = 0
) -> Iterator[str]:
    """All that steps say whose noise has no memory: frames alike, tracks that differ, tails. The `steps` if all
    are known; where their noise is in the state, too, one `before`."""
    x, step, path, time = some_pairs(data, before)
    if len(x) < FEW:
        return
    twice, coarse = (step == 0).all(1), list(rounded(x, step))
    steps = steps or Steps.of(x, step[:, data.dim // 2 :] if data.underdamped else step)
    found = coarse or [*written_twice(twice), *tracks(steps, path, time)]
    yield from found or tails(steps.expected, steps.rest)


def tails(expected: Expected, rest: Tensor) -> Iterator[str]:
    """A sentence if the noise at one place has no normal law: of steps less the drift."""
    square = rest.square()
    excess = square.square().mean(0) / expected(square).square().mean(0) - 3
    error = (24 / len(rest)) ** 0.5
    k = int(excess.argmax())
    if excess[k] > max(TAILS, SURE * error):
        yield (
            f"Heavy tails: what is left of steps of component {k} has an excess kurtosis of {excess[k]:.2g} ± {error:.1g}, and "
            "normal noise none. Spots found elsewhere for a frame (look at the longest steps), frames that were lost without "
            "leaving a gap (count them, and the time of the film), names that were exchanged, jumps of the motion "
            "itself, or forces and noise that change within a step, which a shorter dt decides."
        )


def of_residuals(result: Langevin, rest: Tensor) -> tuple[list[str], list[str]]:
    """Of what an inferred drift leaves of labels, `rest (n_paths, n, dim)`: what tracks show, and tails."""
    data = result.increments
    path, time = (each.flatten() for each in places(data))
    some = thinned(path, time)
    x = (data.x if data.secant else data.start).flatten(0, 1)[some]
    expected, rest = Expected(x.cpu()), clamped(rest.flatten(0, 1)[some].cpu())
    steps = Steps(expected, result.drift.mean(x).cpu(), rest)
    D = result.diffusion.mean(x).diagonal(dim1=1, dim2=2).cpu()
    shared = data.secant or data.rule == "midpoint"
    found = tracks(steps, path[some].cpu(), time[some].cpu(), slopes=not shared)
    return list(found), list(tails(expected, rest / D.sqrt()))
