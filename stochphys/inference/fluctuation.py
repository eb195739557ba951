r"""Fluctuation theorems: what the distribution of the entropy produced must satisfy.

They judge entropy that was computed exactly, or predicted by a network, on windows of trajectories.
Both say so when the tail that they need is not in the data. Bounds on the mean live in `currents`.
"""

from dataclasses import dataclass
from math import isfinite, nan

import torch
from torch import Tensor

from .. import require
from ..brief import Brief
from ..device import Source, drawn_from
from ..stretches import Stretches
from .jackknife import block_of, block_sums, jackknife


def accumulate(entropy: Tensor, steps: int) -> Tensor:
    """Sums over successive windows of so many `steps` that do not overlap.

    From what each step produces `(n_trajectories, n_steps)`, or `(n_steps,)` for one path, to
    `(n_trajectories, n_steps // steps)`, float64. Where there is no step, NaN, windows begin anew, and
    where there is no window, there is NaN. Raises `ValueError` if no window fits.
    """
    require.of_kind(Tensor, entropy=entropy, hint="torch.as_tensor(…) for arrays")
    entropy = entropy[None] if entropy.ndim == 1 else entropy
    if entropy.ndim != 2 or not 1 <= steps <= entropy.shape[1]:
        raise ValueError(
            "need numbers of shape (n_trajectories, n_steps) and steps between 1 and n_steps, got "
            f"shape {tuple(entropy.shape)} and steps={steps}"
        )
    n_windows = entropy.shape[1] // steps
    cut = entropy[:, : n_windows * steps].double()
    sums = cut.unflatten(1, (n_windows, steps)).sum(2)
    if torch.isinf(sums).any():
        raise ValueError(
            "entropy, or a current, must be finite, or nan where there is no step; it is infinite"
        )
    return _between_gaps(entropy, steps) if torch.isnan(sums.sum()) else sums


def _between_gaps(entropy: Tensor, steps: int) -> Tensor:
    """The same of a grid in which steps are missing."""
    there = ~torch.isnan(entropy)
    n, n_steps = entropy.shape
    row, step = there.nonzero().unbind(1)
    runs = Stretches.of_frames(row, step, n)
    first, path, place = runs.windows(steps, steps)
    if not len(first):
        raise ValueError(
            f"no {steps} steps follow each other without a gap; the longest run has "
            f"{int(there.any()) and int(runs.length.max())}"
        )
    sums = entropy[there].double().unfold(0, steps, 1)[first].sum(1)
    grid = sums.new_full((n, n_steps // steps), torch.nan)
    grid[path, place] = sums
    return grid


def steps_of(grid: Tensor) -> Tensor:
    """The steps that there are, `(n_steps,)`, of a grid that is NaN where there is none."""
    return grid[~torch.isnan(grid)] if torch.isnan(grid.sum()) else grid.flatten()


def independent(grid: Tensor) -> Tensor:
    """Rows that are independent: the paths that have a step; of a single one, its steps `(n_steps, 1)`."""
    if torch.isnan(grid.sum()):
        grid = grid[~torch.isnan(grid).all(1)]
    return grid if len(grid) > 1 else steps_of(grid)[:, None]


def counted(grid: Tensor) -> tuple[Tensor, Tensor]:
    """How many steps each path has, `(n_trajectories,)`, and the grid with 0 for those missing."""
    if not torch.isnan(grid.sum()):
        return torch.full_like(grid[:, 0], grid.shape[1]), grid
    gap = torch.isnan(grid)
    return (~gap).sum(1).to(grid), grid.masked_fill(gap, 0.0)


@dataclass(frozen=True)
class IntegralFluctuationTheorem(Brief):
    """⟨e^−ΔS⟩ with its interval, and whether the data can reach it.

    Attributes:
        mean: the average of e^−ΔS over all windows.
        low, high: bootstrap interval of 95 %, over trajectories; `high` includes what is `missing`.
        missing: what the average lacks for want of rare windows (see `integral_fluctuation_theorem`).
        warnings: empty, or why `mean` cannot be trusted.
    """

    mean: float
    low: float
    high: float
    missing: float
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"⟨exp(−ΔS)⟩ = {self.mean:.4f}, 95 % interval {self.low:.4f} to {self.high:.4f}"
        return "\n".join((text, *self.warnings))


def integral_fluctuation_theorem(
    entropy: Tensor, *, generator: Source, steps: int = 1, resamples: int = 1000
) -> IntegralFluctuationTheorem:
    r"""Test $\langle e^{-\Delta S} \rangle = 1$ on windows of so many `steps`.

    The average lives on rare windows of negative ΔS, and without them it is too low. The detailed
    theorem tells by how much: the part below the least value seen, s_min, is
    $P(\Delta S > -s_{min})$, which the data do show. That is `missing`.

    Args:
        entropy: entropy produced in each step `(n_trajectories, n_steps)`, or `(n_steps,)`; NaN
            where there is no step.
        generator: chooses the trajectories of the bootstrap.

    Source: Seifert, PRL 95, 040602 (2005); rare windows: Jarzynski, PRE 73, 046105 (2006).
    """
    entropy = independent(accumulate(entropy, steps))
    weights = torch.exp(-entropy)
    n, sums = counted(weights)
    share = n / n.max()
    sums = block_sums(torch.stack((share, share * (sums.sum(1) / n)), dim=1))
    entropy, weights = steps_of(entropy), steps_of(weights)
    draws = torch.randint(len(sums), (resamples, len(sums)), **drawn_from(generator))
    rows, total = sums[draws.to(sums.device)].sum(1).T
    means, mean = total / rows, weights.mean().item()
    low, high = torch.quantile(means, means.new_tensor([0.025, 0.975])).tolist()
    missing = (entropy > -entropy.min()).double().mean().item()
    relative = torch.exp(entropy.min() - entropy)
    effective = (relative.sum() ** 2 / (relative**2).sum()).item()
    warnings: tuple[str, ...] = ()
    if not weights.sum().isfinite():
        mean = low = high = nan
        warnings = (
            f"No average: windows of ΔS = {entropy.min():.3g} are beyond the numbers of a computer. Take "
            "shorter windows, and look whether the sign is right.",
        )
    elif missing > min(0.02, (high - low) / 4):  # a bias of one standard error, or of 2 %
        warnings = (
            f"Not reached: windows of ΔS < {entropy.min():.3g} would carry about {missing:.0%} of the "
            "average, and none was seen. Take shorter windows or more trajectories.",
        )
    elif effective < 100:
        warnings = (
            f"Not reliable: about {effective:.0f} windows carry the whole average. Take shorter "
            "windows or more trajectories.",
        )
    return IntegralFluctuationTheorem(mean, low, high + missing, missing, warnings)


@dataclass(frozen=True, eq=False)
class DetailedFluctuationTheorem(Brief):
    """ln P(s)/P(−s) at some s > 0, with standard errors.

    Attributes:
        s: entropies `(n,)` at which both signs were seen often enough.
        log_ratio, std: ln P(s)/P(−s) and its error, `(n,)`.
        slope, slope_std: of the weighted straight line through the origin; the theorem says 1.
        warnings: empty, or up to where the test reaches.
    """

    s: Tensor
    log_ratio: Tensor
    std: Tensor
    slope: float
    slope_std: float
    warnings: tuple[str, ...] = ()


def detailed_fluctuation_theorem(
    entropy: Tensor, *, steps: int = 1, bins: int = 12, least: int = 20
) -> DetailedFluctuationTheorem:
    r"""Test $\ln \frac{P(\Delta S = s)}{P(\Delta S = -s)} = s$ on windows of so many `steps`.

    Equal bins reach as far as both signs were seen `least` times. Within a bin the theorem compares
    ∫P(s)ds with ∫P(s)e^−s ds, so s stands for −ln⟨e^−s⟩ over the bin, however wide it is.

    Args:
        entropy: entropy produced in each step `(n_trajectories, n_steps)`, or `(n_steps,)`; NaN
            where there is no step.

    Source: Evans & Searles, Adv. Phys. 51, 1529 (2002); for the total entropy in a stationary state
    it holds at every time: Seifert, Rep. Prog. Phys. 75, 126001 (2012), §2.
    """
    entropy = independent(accumulate(entropy, steps))
    negative = entropy[entropy < 0].sort().values
    empty = entropy.new_zeros(0)
    if len(negative) < least:
        warning = f"Only {len(negative)} windows of ΔS < 0: take shorter windows or more data."
        return DetailedFluctuationTheorem(empty, empty, empty, torch.nan, torch.nan, (warning,))
    # Counts (blocks, bins, sign) and the sum of e^−s − 1 in each bin of positive s.
    width = -negative[least - 1].item() / bins
    bin_ = (entropy.abs() / width).nan_to_num_(bins, bins).long()
    inside = bin_ < bins
    block = block_of(entropy)[:, None]
    place = ((block * bins + bin_) * 2 + (entropy < 0))[inside]
    size = (int(block[-1]) + 1) * bins * 2
    counts = torch.bincount(place, minlength=size).double().view(-1, bins, 2)
    boltzmann = torch.expm1(-entropy[inside])
    mean = torch.bincount(place, weights=boltzmann, minlength=size).view(-1, bins, 2)[..., 0].sum(0)
    enough = (counts.sum(0) >= least).all(1)
    if not enough.any():
        warning = f"In no bin are {least} windows of either sign: take fewer bins, or more data."
        return DetailedFluctuationTheorem(empty, empty, empty, torch.nan, torch.nan, (warning,))
    counts = counts[:, enough]
    s = -torch.log1p(mean[enough] / counts[..., 0].sum(0))

    def log_ratio(counts: Tensor) -> Tensor:
        counts = counts.clamp(min=0.5)
        return torch.log(counts[..., 0] / counts[..., 1])

    std = jackknife(log_ratio, counts)
    weight = s / std**2

    def slope(counts: Tensor) -> Tensor:
        return (weight * log_ratio(counts)).sum(-1) / (weight * s).sum()

    reach = width * bins
    warnings: tuple[str, ...] = ()
    if reach < (mean_entropy := steps_of(entropy).mean()):
        warnings = (
            f"Tested up to ΔS = {reach:.3g} only, less than its mean {mean_entropy:.3g}: rarer "
            "windows of negative ΔS were not seen often enough.",
        )
    total = counts.sum(0)
    slope_of_all, slope_std = slope(total).item(), jackknife(slope, counts).item()
    if not (isfinite(slope_of_all) and isfinite(slope_std)):
        warnings += (
            "No slope: too few paths to know the errors of these counts, or ΔS too large for e^−ΔS.",
        )
    return DetailedFluctuationTheorem(s, log_ratio(total), std, slope_of_all, slope_std, warnings)
