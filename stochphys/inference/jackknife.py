"""Standard errors from blocks of trajectories, whose spread is the error: they are independent."""

from collections.abc import Callable
from math import isfinite, nan

import torch
from scipy.special import stdtrit
from torch import Tensor

from ..estimate import Estimate

BLOCKS = 200  # of trajectories, whose spread is the error
LAGS = 4  # between blocks that are left out together


def block_of(rows: Tensor) -> Tensor:
    """The block `(n,)` of each of n rows: at most `BLOCKS` groups of successive trajectories.

    Trajectories are independent, so the blocks are, and the spread between them is the error.
    """
    n = len(rows)
    return torch.arange(n, device=rows.device) * min(BLOCKS, n) // n


def block_sums(rows: Tensor) -> Tensor:
    """Sums of additive numbers over the blocks, `(n, …)` → `(blocks, …)`."""
    block = block_of(rows)
    sums = rows.new_zeros(int(block[-1]) + 1, *rows.shape[1:])
    return sums.index_add_(0, block, rows)


def jackknife(statistic: Callable[[Tensor], Tensor], sums: Tensor) -> Tensor:
    r"""Standard error of `statistic(total)`, from what changes when one block is left out:

    $$\text{std}^2 = \frac{B - 1}{B} \sum_b \big(s_{(b)} - \bar s\big)^2 .$$

    `sums (blocks, …)`: additive numbers of each block; `statistic` maps `(blocks, …)` to
    `(blocks, …)`, row by row. Few blocks make it wider, see `students`. Source: Efron, Ann. Statist. 7,
    1 (1979).
    """
    left_out = statistic(sums.sum(0) - sums)  # (blocks, …)
    # Leaving a block out moves a mean of B blocks by 1/(B − 1) of what a block of its own differs by:
    # hence B − 1, where the variance of a mean has 1/(B − 1).
    return students(len(sums)) * ((len(sums) - 1) * left_out.var(0, correction=0)).sqrt()


def students(blocks: int) -> float:
    """How much wider an error is that is known from so few blocks: ±1.96 of it hold 95 % again (Student)."""
    return float(stdtrit(blocks - 1, 0.975) / 1.96) if blocks > 1 else nan


def debiased(statistic: Callable[[Tensor], Tensor], sums: Tensor) -> Estimate:
    r"""`statistic(total)` without its bias of order one over the amount of data, and its standard error.

    With one of B blocks left out, such a bias is B/(B − 1) times as large: extrapolate to 0. In
    equilibrium currents vanish, and entropy production is quadratic in them: leaving out one block
    shows next to nothing. So the error also holds the second order, what leaving out two blocks
    does beyond leaving out each,

    $$\sum_{a<b} \big(s - s_{(a)} - s_{(b)} + s_{(ab)}\big)^2,$$

    its mean taken over pairs of blocks up to `LAGS` apart. Arguments as for `jackknife`. Source:
    Quenouille, Biometrika 43, 353 (1956); Efron & Stein, Ann. Statist. 9, 586 (1981).
    """
    total, n = sums.sum(0), len(sums)
    whole, left_out = statistic(total), statistic(total - sums)
    second = [
        statistic(total - sums - sums.roll(-lag, 0)) - left_out - left_out.roll(-lag) + whole
        for lag in range(1, 1 + min(LAGS, (n - 1) // 4))
    ]
    pairs = n * (n - 1) / 2 * torch.stack(second).square().mean().item() if second else 0.0
    std = (jackknife(statistic, sums).item() ** 2 + students(n) ** 2 * pairs) ** 0.5
    return Estimate((n * whole - (n - 1) * left_out.mean()).item(), std)


def with_error(statistic: Callable[[Tensor], Tensor], rows: Tensor) -> Estimate:
    """A rate, `statistic` of the sum over `rows (n_trajectories, k)` of additive numbers, with its
    standard error; `statistic` maps sums `(…, k)` to rates `(…,)`."""
    sums = block_sums(rows)
    rate = statistic(sums.sum(0)).item()
    return Estimate(rate if isfinite(rate) else nan, jackknife(statistic, sums).item())


def mean_of_steps(n: Tensor, sums: Tensor) -> Estimate:
    """Mean of what each step tells, from the sums over those of each path and their numbers, or
    both in proportion, `(n_trajectories,)` each."""
    rows = torch.stack((n, sums), dim=1)
    return with_error(lambda sums: sums[..., 1] / sums[..., 0], rows)
