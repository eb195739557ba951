r"""Whether a drift lies among the functions it was sought in: what it leaves of the labels is noise then,
and no function of the state tells anything about its mean.
"""

from collections.abc import Iterator

import torch
from scipy.stats import f as fisher
from torch import Tensor

from ..models.bases import Families
from .increments import successive
from .posterior import LinearPosterior
from .results import Langevin

RICHER = Families(wide=8, narrow=8, places=40)
BLOCK = 8  # successive residuals that are summed up where they share noise
BLOCKS = 6000  # about as many at most
CHANCE = 1e-3  # that a drift without a fault is doubted
WORTH = 0.02  # share of the drift that must be missing, in its mean square


def misfit(result: Langevin, rest: Tensor) -> Iterator[str]:
    r"""Whether the mean of residuals `rest (n_paths, n, dim)` depends on the state, by Hotelling's test of
    the mean of

    $$s_b = \phi(x_b) \sum_{i \in b} r_i / D(x_b)$$

    over blocks b of residuals, seen where each begins, with features φ of a richer family. The spread of
    $s_b$ itself is the error of their mean, so that no law of the noise is asked for; what was fitted makes
    residuals smaller, and the test more careful.

    Source: Hotelling, Annals of Mathematical Statistics 2, 360 (1931).
    """
    data = result.increments
    seen = data.x if data.secant else data.start
    # Some labels share noise with their state, or an error of the measurement: not with earlier ones.
    lag = 2 if data.secant or data.rule == "midpoint" else 0
    if rest.shape[1] <= lag:
        return
    x, r = successive(seen, data.row, 0, lag)[0], successive(rest, data.row, 0, lag)[-1]
    k = max(BLOCK if data.overlapping else 1, r.shape[0] * r.shape[1] // BLOCKS)
    k = min(k, r.shape[1])
    whole = r.shape[1] // k * k
    x, r = x[:, :whole:k].flatten(0, 1), r[:, :whole].unflatten(1, (-1, k)).sum(2).flatten(0, 1)
    weight = 1 / result.diffusion.mean(x).diagonal(dim1=1, dim2=2)
    square = (weight * result.drift.mean(x).square()).mean(0)  # of the drift, in units of D
    richer = RICHER.fitted(x)
    n, tried = len(x), []
    for name in list(richer.families)[1:]:
        phi = richer.only([name])(x)  # (n, n_features)
        for i, score in enumerate((weight * r).unbind(-1)):
            rank, T = hotelling(phi * score[:, None])
            if n > 3 * rank:
                chance = fisher.sf(T * (n - rank) / (rank * (n - 1)), rank, n - rank)
                missing = max(T - rank, 0) / (n * data.dt / 2 * k)  # like the square
                tried.append(
                    (chance, i, missing / (missing + square[i].item()) if missing else 0.0)
                )
    chance, who, share = min(tried, default=(1.0, 0, 0.0))
    worst = chance * len(tried)
    if worst < CHANCE and share > max(WORTH, result.predicted_nmse):
        own = isinstance(result.drift, LinearPosterior) and not result.drift.choice
        remedy = "the default, drift=BayesianRegression(), or " if own else ""
        yield (
            f"Misfit: what the drift of component {who} leaves of the labels depends on the state, so that "
            f"about {share:.0%} of it is missing (by chance in {worst:.0e} of all sets). It is not among "
            f"the functions that were tried: take {remedy}drift=LaplaceNetwork()."
        )


def hotelling(s: Tensor) -> tuple[int, float]:
    """Of numbers `s (n, m)`: how many of them are independent, and T², n times the square of their mean in
    units of their covariance."""
    mean, C = s.mean(0), s.T.cov()
    unit = C.diagonal().clamp(min=1e-30) ** -0.5
    values, vectors = torch.linalg.eigh(unit[:, None] * C * unit)
    kept = values > 1e-8 * values[-1]
    T = ((vectors.T @ (unit * mean)).square() / values)[kept].sum() * len(s)
    return int(kept.sum()), T.item()
