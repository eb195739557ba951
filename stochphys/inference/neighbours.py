r"""Whether what a drift leaves of the labels is alike at neighbouring states, or times: a misfit on any
scale, for which no functions need be thought of.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from .increments import Increments, successive
from .results import Langevin

BLOCK = 8  # successive residuals that are summed up where they share noise
BLOCKS = 2000  # about as many at most: each is compared with all others
NEAR = 25  # neighbours within reach
ALIKE = 5.0  # standard errors; sums of products have longer tails than normal noise
WORTH = 0.02  # share of the drift that must be missing, in its mean square


def places(data: Increments) -> tuple[Tensor, Tensor]:
    """Path and frame with which each label begins, `(n_paths, n_steps)` both."""
    if data.frames is not None:
        return data.frames[0][None], data.frames[1][None]
    path, time = (torch.arange(n, device=data.y.device) for n in data.y.shape[:2])
    return path[:, None].expand(-1, len(time)), time.expand(len(path), -1)


def blocks_of(data: Increments, rest: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Residuals `rest (n_paths, n, dim)` in blocks that follow each other, about `most` of them: the states
    where they begin `(n_blocks, dim_in)`, and the residuals of each `(n_blocks, k, dim)`."""
    seen = data.x if data.secant else data.start
    # Some labels share noise with their state, or an error of the measurement: not with earlier ones.
    lag = 2 if data.secant or data.rule == "midpoint" else 0
    if rest.shape[1] <= lag:
        return seen[:0, 0], rest[:0]
    x, r = successive(seen, data.row, 0, lag)[0], successive(rest, data.row, 0, lag)[-1]
    k = max(BLOCK if data.overlapping else 1, -(-r[..., 0].numel() // most))
    k = min(k, r.shape[1])
    whole = r.shape[1] // k * k
    return x[:, :whole:k].flatten(0, 1), r[:, :whole].unflatten(1, (-1, k)).flatten(0, 1)


def neighbours_alike(result: Langevin, rest: Tensor) -> Iterator[str]:
    r"""Whether residuals `rest (n_paths, n, dim)`, summed up over blocks b and in units of their noise, have
    products whose mean over neighbours is above zero,

    $$S = \sum_{b \ne b'} K(x_b, x_{b'})\, e_b e_{b'}, \qquad
      \mathrm{Var}\,S = 2 \sum_{b \ne b'} K^2 e_b^2 e_{b'}^2,$$

    with a Gaussian K that reaches some 25 neighbours. Of an innovation and all that came before it the
    product has mean zero, so that the terms are not correlated if the drift is right.
    """
    data = result.increments
    x, each = blocks_of(data, rest, BLOCKS)
    if len(x) < 4 * NEAR:
        return
    r, k = each.sum(1), each.shape[1]
    D = result.diffusion.mean(x).diagonal(dim1=1, dim2=2)
    noise = (r * (data.dt / (2 * k * D)).sqrt()).float()
    place = ((x - x.mean(0)) / x.std(0).clamp(min=1e-300)).float()
    apart = torch.cdist(place, place)
    reach = apart[:: 1 + len(x) // 200].kthvalue(NEAR, 1).values.median().clamp(min=1e-9) / 2
    # Beyond six widths it is nothing, and numbers so small would take their time.
    K = apart.div_(reach).clamp_(max=6).square_().div_(-2).exp_().fill_diagonal_(0)
    S = (noise * (K @ noise)).sum(0)  # (dim,)
    missing = 2 * S / K.sum() / (k * data.dt)  # of ΦΦ/D
    square = noise.square()
    sigma = S / (2 * (square * (K.square_() @ square)).sum(0)).sqrt()
    i = int(sigma.argmax())
    share = missing[i] / (missing[i] + (result.drift.mean(x).square() / D).mean(0)[i])
    if sigma[i] > ALIKE and share > max(WORTH, result.predicted_nmse):
        yield (
            f"Misfit: what the drift of component {i} leaves of the labels is alike at neighbouring states, by "
            f"{sigma[i]:.0f} standard errors, so that some {share:.0%} of it is missing: it bends on a finer scale "
            "than the functions that were tried. Of an angle, or a force that repeats itself along an open "
            "coordinate, give the period=; else bumps that are narrower, drift=BayesianRegression(RBF(200))."
        )


def changing(result: Langevin, rest: Tensor) -> Iterator[str]:
    r"""Whether residuals `rest (n_paths, n, dim)` grow or fall with the time t of the film, by the
    sum of $(t_b - \bar t)\,e_b$ over blocks: a stage that moves, or a force that changes. Data that relax, by
    the same equation, do not show it."""
    data = result.increments
    if result.timed:
        return
    x, each = blocks_of(data, torch.cat((rest, places(data)[1][..., None]), -1), BLOCKS)
    if len(x) < 4 * NEAR:
        return
    each, t = each[..., :-1], each[:, :1, -1]  # t of the first label of each block
    r, k = each.sum(1), each.shape[1]
    D = result.diffusion.mean(x).diagonal(dim1=1, dim2=2)
    noise = r * (data.dt / (2 * k * D)).sqrt()
    line = torch.cat((torch.ones_like(x[:, :1]), x - x.mean(0)), dim=1)
    t = t - line @ torch.linalg.lstsq(line, t).solution
    sigma = (t * noise).sum(0) / (t * noise).square().sum(0).sqrt()
    slope = (t * r / D).sum(0) / (k * (t.square() / D).sum(0))  # of Φ per frame
    lost = slope.square() * (t.square() / D).mean(0)
    share = lost / (lost + (result.drift.mean(x).square() / D).mean(0))
    i = int((sigma.abs() * (share > max(WORTH, result.predicted_nmse))).argmax())
    if sigma[i].abs() > ALIKE and share[i] > max(WORTH, result.predicted_nmse):
        yield (
            f"Changing: what the drift of component {i} leaves of the labels {'grows' if sigma[i] > 0 else 'falls'} with "
            f"time, by {sigma[i].abs():.0f} standard errors, so that some {share[i]:.0%} of it is missing. A stage "
            "that moves does that: subtract the common motion of all particles. Or the force changes: infer "
            "the first and the last third apart; time=True makes time an input."
        )
