r"""Entropy production by estimating probabilities first: Gaussians, neighbours, passages.

Each assumes something about the data; `gaussian_plugin` says where its assumption fails. Bounds from currents
live in `currents`, counts of `words`, networks in `entropy`.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import nan

import numpy as np
import torch
from scipy.spatial import cKDTree
from scipy.special import fdtrc
from torch import Tensor

from .. import require
from ..data import Trajectories
from ..device import Source, drawn_from
from ..estimate import Estimate
from .camera import rate_of_currents
from .checks import check_even
from .currents import (
    Affine,
    CurrentEstimate,
    block_moments,
    mean_and_covariance,
    placed,
    told,
    whitening,
)
from .expected import Steps
from .jackknife import BLOCKS, debiased, with_error
from .signs import some_pairs
from .signs_of_data import Examined, examined

CHANCE = 1e-5  # that linear data are called otherwise
WORTH = 0.1  # share of a mean square that is worth a sentence
SHORT = 0.25  # runs for each passage from which on the rate is 4 % too low, or more


def gaussian_plugin(trajectories: Trajectories) -> CurrentEstimate:
    r"""What a step would produce if the frames x, x' were jointly Gaussian: exact for linear forces
    and constant noise at any dt, and wrong for all others, which a warning says where steps show it.

    The log-ratio for (x, x') and for (x', x) is linear in the step,

    $$\Delta S = (\bar x - \mu)^\top K \Delta x + k^\top \Delta x, \qquad
      K = -2\,\big[\Sigma^{-1}\big]_{\bar x\Delta x}, \quad k = 2\,\big[\Sigma^{-1}\big]_{\Delta x\Delta x}\,v,
      \qquad \langle\Delta S\rangle = \mathrm{Tr}\,K \Sigma_{\Delta x\bar x} + k^\top v,$$

    with μ and v the means of $(\bar x, \Delta x)$ and Σ their covariance; v is zero but for what slides, or
    turns. The mean is the Kullback–Leibler divergence. Noise
    in Σ pushes it up by a term of order one over the amount of data: the jackknife, which leaves out
    one block of trajectories after the other, removes it and gives the error. Where frames show errors of
    the positions or an open shutter, the rate is that of `short_time_tur`, which is free of them.

    Args:
        trajectories: at least two, overdamped, of any lengths.

    Raises `ValueError` for one trajectory, underdamped data, motion without noise, a coordinate that never
    changes or follows from others.

    Source: Kullback & Leibler, Ann. Math. Stat. 22, 79 (1951) for the divergence; linear Langevin
    inference in the same spirit: Frishman & Ronceray, PRX 10, 021009 (2020).
    """
    check_even(trajectories, 0)
    dim, dt = trajectories.dim, trajectories.dt
    check_even(trajectories, 2 * dim)
    look = examined(trajectories)
    trajectories = look.data
    basis = placed(Affine(), trajectories)

    def columns(midpoint: Tensor, step: Tensor) -> Tensor:
        return torch.cat((basis(midpoint), step), dim=-1)

    sums = block_moments(trajectories.with_windows(), columns, 1 + 2 * dim, BLOCKS)
    require.changing(coordinates=sums.sum(0).diagonal()[1 + dim :])  # sums of Δx²

    def rate(sums: Tensor) -> Tensor:
        K, k, mean, covariance = _gaussian(sums)
        turning = (K * covariance[..., :dim, dim:]).sum((-1, -2))
        return (turning + (k * mean[..., dim:]).sum(-1)) / dt

    total = sums.sum(0)
    if (rank := whitening(*mean_and_covariance(total)).shape[1]) < 2 * dim:
        raise ValueError(
            f"of {dim} coordinates and their {dim} displacements only {rank} are independent; leave out "
            "coordinates that follow from the others"
        )
    if look.road:
        found = rate_of_currents(trajectories, basis, BLOCKS, look.road)
        return told(look, basis, *found, not_linear(look))
    K, k, mean, _ = _gaussian(total)
    coefficients = torch.cat(((k - mean[:dim] @ K)[None], K))
    in_sample = rate(total).item()
    return told(look, basis, debiased(rate, sums), in_sample, coefficients, not_linear(look))


def not_linear(look: Examined) -> Iterator[str]:
    """Whether steps need more than linear functions of the state, or their squares more than a constant.

    Of n normal numbers, what k functions explain beyond simpler ones, and what all p leave, have the law of F,
    (R/k) / (left/(n − p)), as steps of linear systems have it, whatever dt.
    """
    if not look.steady:
        return
    expected, drift, rest = look.steps or Steps.of(
        *some_pairs(look.data, int(look.road is not None))[:2]
    )
    f, rest = expected.f[:, expected.some], rest[expected.some]
    for what, y, simple, n_functions, without in (
        ("drift", drift[expected.some] + rest, 1 + rest.shape[1], len(f), "linear ones"),
        ("noise", rest.square(), 1, expected.n_smooth, "a constant"),
    ):
        moments, b = expected.moments[:n_functions, :n_functions], f[:n_functions] @ y
        rank = int((torch.linalg.eigvalsh(moments) > 1e-8 * moments.diagonal().mean()).sum())
        few, every = (
            (b[:k] * torch.linalg.solve(moments[:k, :k], b[:k])).sum(0)
            for k in (simple, n_functions)
        )
        left, more = len(y) - rank, rank - simple
        noise = ((y.square().sum(0) - every) / left).clamp(min=1e-300)
        chance = fdtrc(more, left, ((every - few) / more / noise).clamp(min=0).numpy())
        share = ((every - few - more * noise) / (every - rank * noise)).numpy()
        k = int(np.where(share > WORTH, chance, 1).argmin())
        if share[k] > WORTH and chance[k] < CHANCE:
            yield (
                f"Not linear: of the mean square of the {what} of component {k}, functions of the state beyond {without} make "
                f"{min(share[k], 1):.0%} (by chance in {max(chance[k], 1e-99):.0e} of all sets). The rate is that of "
                "linear forces and a constant noise, and may be far off: infer_entropy_production(data) finds it for "
                "others, short_time_tur(data, basis=…) a bound."
            )
            return


def _gaussian(sums: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """K `(…, dim, dim)`, k `(…, dim)`, mean and covariance of (x̄ − c, Δx), from what `block_moments` adds up."""
    mean, covariance = mean_and_covariance(sums)  # of (x̄ − c, Δx), (…, 2 dim)
    # Inverted in units in which each variance is 1: x̄ may be larger than Δx by orders of magnitude.
    scale = covariance.diagonal(dim1=-1, dim2=-2).sqrt()
    units = scale[..., None] * scale[..., None, :]
    dim = mean.shape[-1] // 2
    inverse = 2 * torch.linalg.inv(covariance / units) / units
    k = (inverse[..., dim:, dim:] @ mean[..., dim:, None])[..., 0]
    return -inverse[..., :dim, dim:], k, mean, covariance


def first_passage_ratio(current: Tensor, dt: float, *, threshold: float) -> Estimate:
    r"""How rarely a current first reaches −ℓ instead of +ℓ, and how long that takes,

    $$\dot\sigma \approx \frac{|\ln p_-|}{\langle T \rangle},$$

    For ℓ → ∞ it is a bound from below, reached by a current in proportion
    to the entropy production; a small ℓ errs upwards. After each passage, and each gap, the count starts
    again: what a run of steps ends with counts as time without a passage, so that runs must be long.

    Args:
        current: what flows in each step `(n_trajectories, n_steps)`, positive on average; NaN where
            there is no step.
        threshold: ℓ, in units of the current.

    Raises `ValueError` for a threshold that is not positive, or one that the current never reaches
    from below, so that p₋ cannot be known.

    Source: Neri, SciPost Phys. 12, 139 (2022) and arXiv 2207.06745, with equal thresholds; Roldán, Neri, Dörpinghaus,
    Meyr, Jülicher, PRL 115, 250602 (2015).
    """
    require.positive(threshold=threshold, dt=dt)
    require.of_kind(Tensor, current=current)
    n, current = len(current), current.double().cpu()
    time, runs = torch.full((n,), current.shape[1] * dt, dtype=torch.float64), n
    if broken := bool(torch.isnan(current.sum())):
        there = ~torch.isnan(current)
        time = there.sum(1).double() * dt
        runs = int(there[:, 0].sum() + (there[:, 1:] > there[:, :-1]).sum())
    J, passages, wrong = (torch.zeros(n, dtype=torch.float64) for _ in range(3))
    for step in current.T:
        J += step
        if broken:
            J.masked_fill_(torch.isnan(J), 0.0)
        over = J.abs() >= threshold
        passages += over
        wrong += over & (J < 0)
        J.masked_fill_(over, 0.0)
    if not wrong.any():
        raise ValueError(
            f"the current reached {threshold:g} {int(passages.sum())} times and never "
            f"{-threshold:g} first; take a lower threshold or more data"
        )

    def rate(sums: Tensor) -> Tensor:
        time, passages, wrong = sums.unbind(-1)
        return torch.log(passages / wrong.clamp(min=0.5)) * passages / time

    found = with_error(rate, torch.stack((time, passages, wrong), dim=1))
    if runs <= SHORT * passages.sum():
        return found
    warning = (
        f"Short runs: the count began anew {runs} times because a run of steps ended, and "
        f"{int(passages.sum())} times after a passage: time without a passage is counted, which lowers the rate, "
        "while a low threshold raises it. Take longer runs."
    )
    return replace(found, warnings=(warning,))


def knn_plugin(
    trajectories: Trajectories, *, generator: Source, n_pairs: int = 10_000, k: int = 5
) -> Estimate:
    r"""Densities from the distance to the k-th nearest neighbour,

    $$D = \frac{d}{n} \sum_{i=1}^n \ln \frac{\nu_k(i)}{\rho_k(i)} + \ln \frac{m}{n - 1},
      \qquad \dot\sigma = D/dt,$$

    ρ among n pairs (x, x'), ν among m = n other pairs, reversed; d = 2 dim. Forwards and backwards
    differ by less than a neighbour's distance, so the estimate is far too low long before data
    are many, and its error bar does not know. Here to be seen failing.

    Args:
        trajectories: overdamped; each coordinate is divided by its spread.
        generator: draws 2 `n_pairs` different pairs.

    Raises `ValueError` for underdamped data, one trajectory, or fewer than 2 `n_pairs` steps.

    Source: Wang, Kulkarni, Verdú, IEEE Trans. Inf. Theory 55, 2392 (2009).
    """
    check_even(trajectories, 1)
    x = trajectories.gapless()[0].x
    steps = x.shape[1] - 1
    if not 1 <= k < n_pairs or 2 * n_pairs > steps * len(x):
        raise ValueError(
            f"n_pairs={n_pairs} and k={k} must allow k neighbours in each half of 2 n_pairs different "
            f"pairs; the data have {steps * len(x)}"
        )
    require.changing(coordinates=x.std((0, 1)))
    order = torch.randperm(steps * len(x), **drawn_from(generator))
    chosen = order[: 2 * n_pairs].to(x.device)
    path, time = chosen // steps, chosen % steps
    pairs = torch.stack((x[path, time], x[path, time + 1]), 1) / x.std(dim=(0, 1))
    first, second = pairs.double().cpu().split(n_pairs)
    forward, reverse = first.flatten(1).numpy(), second.flip(1).flatten(1).numpy()
    rho = cKDTree(forward).query(forward, [k + 1])[0]  # the first neighbour is the point itself
    nu = cKDTree(reverse).query(forward, [k])[0]
    dt = trajectories.dt
    if (ties := ((rho == 0) | (nu == 0)).mean()) > 0:
        warning = (
            f"No rate: {ties:.0%} of the pairs have {k} neighbours at no distance, as positions rounded to "
            "pixels have, and its logarithm is infinite. Record with more digits, or take more neighbours, k."
        )
        return Estimate(nan, nan, (warning,))
    terms = forward.shape[1] * np.log(nu / rho) + np.log(n_pairs / (n_pairs - 1))
    return Estimate(float(terms.mean() / dt), float(terms.std(ddof=1) / n_pairs**0.5 / dt))
