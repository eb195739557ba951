r"""Whether drift and noise lie among the functions they were sought in: what is left of the labels is normal
noise then, and no function of the state tells anything about its mean, nor about its size.
"""

from collections.abc import Iterator
from math import exp

import torch
from scipy.stats import f as fisher
from torch import Tensor

from ..models.bases import Families
from .between_frames import carrying
from .neighbours import WORTH, blocks_of
from .posterior import ConstantDiffusion, LinearPosterior
from .results import Langevin

RICHER = Families(wide=8, narrow=8, places=40)
BLOCKS = 6000  # about as many at most
CHANCE = 1e-3  # that a drift without a fault is doubted
VARIES = 0.08  # relative std of D over the states, below which one constant will do


def misfit(result: Langevin, rest: Tensor) -> Iterator[str]:
    r"""Whether the mean of residuals `rest (n_paths, n, dim)` depends on the state, or their square where D
    was taken to be constant, by Hotelling's test of the mean of

    $$s_b = \phi(x_b) \sum_{i \in b} r_i / D(x_b), \qquad
      s'_b = (\phi(x_b) - \bar\phi) \sum_{i \in b} (r_i^2 - \overline{r^2})$$

    over blocks b of residuals, seen where each begins, with features φ of a richer family. The spread of
    $s_b$ itself is the error of their mean, so that no law of the noise is asked for, and noise may be shared
    within a block; what was fitted makes residuals smaller, and the test more careful. Squares are rid of
    what the drift makes of noise within a step, see `between_frames`.

    Source: Hotelling, Annals of Mathematical Statistics 2, 360 (1931).
    """
    data = result.increments
    x, r = blocks_of(data, rest, BLOCKS)
    if not len(x):
        return
    k = r.shape[1]
    D, phi = result.diffusion.mean(x).diagonal(dim1=1, dim2=2), result.drift.mean(x)
    richer = RICHER.fitted(x)
    features, groups = richer(x), richer.groups
    held = [of for name, of in richer.families.items() if "narrow" not in name][1:]
    held.append((0, richer.rest))
    families = [features[:, torch.isin(groups, torch.tensor(parts))] for parts in held]
    said = list(drift_of_state(result, families, r.sum(1) / D, (phi.square() / D).mean(0), k))
    constant = isinstance(result.diffusion, ConstantDiffusion)
    if constant and any(noise_of_state(families, r.square().mean(1))):
        said += noise_of_state(families, evened(result, x, r).square().mean(1))
    yield from said


def drift_of_state(
    result: Langevin, families: list[Tensor], force: Tensor, square: Tensor, k: int
) -> Iterator[str]:
    """A sentence if the mean of the sums `force (n, dim)` of k residuals over D depends on the state;
    `square (dim,)` of the drift, in units of D."""
    chance, i, found = most_unlikely(families, force)
    missing = found / (result.increments.dt / 2 * k)  # like the square
    share = missing / (missing + square[i].item()) if missing else 0.0
    if chance < CHANCE and share > max(WORTH, result.predicted_nmse):
        own = isinstance(result.drift, LinearPosterior) and not result.drift.choice
        remedy = "the default, drift=BayesianRegression(), or " if own else ""
        yield (
            f"Misfit: what the drift of component {i} leaves of the labels depends on the state, so that "
            f"about {share:.0%} of it is missing (by chance in {chance:.0e} of all sets). It is not among "
            f"the functions that were tried: take {remedy}drift=LaplaceNetwork()."
        )


def noise_of_state(families: list[Tensor], squares: Tensor) -> Iterator[str]:
    """A sentence if the means of squared residuals in blocks, `squares (n, dim)`, depend on the state."""
    q = squares / squares.mean(0) - 1
    chance, i, found = most_unlikely([phi - phi.mean(0) for phi in families], q)
    spread = (found * q[:, i].var().item()) ** 0.5
    if chance < CHANCE and spread > VARIES:
        yield (
            f"D(x): the noise of component {i} depends on the state: by ±{spread:.0%} or more from one to another, "
            f"a factor of {exp(3 * spread):.2g} in all (by chance in {chance:.0e} of all sets), where one constant D was "
            "fitted, of which error bars and entropies are made. Give diffusion=BayesianRegression()."
        )


def evened(result: Langevin, x: Tensor, r: Tensor) -> Tensor:
    """Residuals `r (n, k, dim)` of steps about `x (n, dim_in)`, of one covariance where D is constant."""
    data = result.increments
    if data.secant or data.overlapping:
        return r
    scale = r.square().mean((0, 1)).sqrt()
    return r @ carrying(data, result.drift, x, scale).mT


def most_unlikely(families: list[Tensor], value: Tensor) -> tuple[float, int, float]:
    """Of the columns of `value (n, dim)` that whose covariance with features `(n, n_features)` is the most
    unlikely to be chance: how likely, which, and the part of its variance that they explain."""
    n, tried = len(value), []
    for phi in families:
        for i, score in enumerate(value.unbind(-1)):
            rank, T = hotelling(phi * score[:, None])
            if n > 3 * rank:
                chance = fisher.sf(T * (n - rank) / (rank * (n - 1)), rank, n - rank)
                tried.append((chance, i, max(T - rank, 0) / n))
    chance, who, found = min(tried, default=(1.0, 0, 0.0))
    return chance * len(tried), who, found


def hotelling(s: Tensor) -> tuple[int, float]:
    """Of numbers `s (n, m)`: how many of them are independent, and T², n times the square of their mean in
    units of their covariance."""
    mean, C = s.mean(0), s.T.cov()
    unit = C.diagonal().clamp(min=1e-30) ** -0.5
    values, vectors = torch.linalg.eigh(unit[:, None] * C * unit)
    kept = values > 1e-8 * values[-1]
    T = ((vectors.T @ (unit * mean)).square() / values)[kept].sum() * len(s)
    return int(kept.sum()), T.item()
