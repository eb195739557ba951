r"""What happens between two frames, to the first orders in dt: what residuals say of D is not quite D.

Paths are taken to be continuous. Over a step that begins at x, with $J = \partial\Phi/\partial x$ and the
generator $L = \partial_t + \Phi\cdot\partial + D:\partial\partial$,

$$\frac{\text{cov}(\Delta x)}{2dt} = D + \frac{dt}{2}\big(JD + DJ^\top + LD\big) + O(dt^2) :$$

a trap pulls back what noise did early in the step, and D itself changes on the way (Itô and Taylor: Kloeden &
Platen, Numerical Solution of Stochastic Differential Equations, §5.5).
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from .increments import Increments, symmetric
from .posterior import DiffusionField, LinearPosterior, Posterior

SOME = 2048  # states at which a change of the drift is asked, or a thirtieth of all
CLOSE = 1e-3  # of the width of the data, over which a slope is taken
# Times the square of a correction: what may be left of it. A field changes by more at some places than
# on average.
NEXT = 0.15  # mean square of the next order over that of the first, from which on orders do not converge
LEFT = {"ito": 0.25, "field": 1.0, "midpoint": 1.5}


def few(values: Tensor) -> Tensor:
    """Of `values (n, …)` some, evenly spaced."""
    return values[:: max(1, min(30, len(values) // SOME))]


def slopes(drift: Posterior, x: Tensor) -> Tensor:
    """∂Φ/∂x of the mean at states `x (n, dim_in)`, `(n, dim, dim_in)`."""
    columns = []
    for j, h in enumerate((CLOSE * x.std(0)).tolist()):
        aside = torch.zeros_like(x)
        aside[:, j] = h
        columns.append((drift.mean(x + aside) - drift.mean(x - aside)) / (2 * h))
    return torch.stack(columns, dim=-1)


def carrying(data: Increments, drift: Posterior, x: Tensor, scale: Tensor) -> Tensor:
    r"""G `(n, dim, dim)`, by which residuals of steps that begin at `x (n, dim_in)` are multiplied, so that
    their covariance is 2D dt where D does not change,

    $$G = 1 - \tfrac12 M\,dt + \tfrac7{24} (M\,dt)^2,$$

    with M the slope of the drift that frames show, $\Phi + \tfrac{dt}2 L\Phi$. In a stationary state, in which
    $\langle L\Phi'\rangle = 0$, that is right on average to second order, up to a twelfth of what M and D fail to
    commute. With velocities $\tfrac13 \partial_x\Phi\,dt^2$ is added, a force that changes as they lead elsewhere. No
    more than all is forgotten in a step, in units of `scale (dim,)` or `(n, dim)`, the std of a residual.
    """
    slope = slopes(drift, x) * data.dt
    M = slope[..., data.noisy]
    size = (M * scale[..., None, :] / scale[..., None]).norm(dim=(1, 2), keepdim=True)
    M = M / size.clamp(min=1)
    G = torch.eye(data.dim).to(M) - M / 2 + 7 / 24 * M @ M
    return G + data.dt / 3 * slope[..., : data.dim] if data.underdamped else G


def constant_noise(data: Increments, drift: Posterior, squares: Tensor) -> tuple[Tensor, float]:
    """D `(dim, dim)` from all `squares`, with the relative size of what was corrected."""
    mean, q = squares.mean((0, 1)), squares.flatten(0, 1)
    q, x = few(q), few(data.at.flatten(0, 1))
    width = mean.diagonal().sqrt()
    G = carrying(data, drift, x, width)
    usual = G.mean(0)
    varying = (G @ q @ G.mT).mean(0) - usual @ q.mean(0) @ usual.T
    D = symmetric(usual @ mean @ usual.T + varying)
    return D, ((D - mean) / (width * width[:, None])).abs().max().item()


def local_noise(
    data: Increments, drift: Posterior, diffusion: DiffusionField, squares: Tensor
) -> tuple[Tensor, float]:
    r"""Labels of independent noises D(x) `(n_paths, n, dim)` from `squares`, with the relative size of what
    was corrected. $D + \tfrac{dt}2 LD$ is the mean of D half a step later, read off a first `diffusion`; seen
    from the middle of a step D does not change on average. What is found at some states leads to all
    through the features of ln D."""
    x, q, ln = data.at.flatten(0, 1), squares.flatten(0, 1), diffusion.logarithm
    some = few(x) if isinstance(ln, LinearPosterior) else x

    def noise(at: Tensor) -> Tensor:
        """D without what the drift has added to a first estimate."""
        D = ln.mean(at).exp()
        return torch.maximum(D - drift.mean(at).square() * data.dt / 2, 0.2 * D)

    here = noise(some)
    G = carrying(data, drift, some, here.sqrt())
    factor = (G.square() * here[:, None]).sum(-1) / here  # of each label, (n, dim)
    if not data.overlapping:
        later = half_later(data, drift, diffusion, some, noise)
        factor *= (here / later).clamp(0.5, 2)
    changed = (factor - 1).square().mean(0).max().sqrt().item()
    if isinstance(ln, LinearPosterior):
        seen = factor.log()
        everywhere = ln.basis(x) @ weights_of(ln.basis(some), seen).T
        factor = everywhere.clamp(seen.amin(0), seen.amax(0)).exp()
    labels = q.diagonal(dim1=1, dim2=2) * factor
    return labels.view(*squares.shape[:-1]), changed


def weights_of(features: Tensor, values: Tensor) -> Tensor:
    """By which features `(n, n_features)` come closest to values `(n, dim)`, `(dim, n_features)`."""
    gram = features.T @ features
    gram += 1e-9 * gram.diagonal().mean() * torch.eye(len(gram)).to(gram)
    return torch.linalg.solve(gram, features.T @ values).T


def half_later(
    data: Increments,
    drift: Posterior,
    diffusion: Posterior,
    x: Tensor,
    f: Callable[[Tensor], Tensor],
    noise: float = 1.0,
) -> Tensor:
    r"""Mean of f half a step after the states `x (n, dim_in)`, $f + \tfrac{dt}2 Lf$: over a few states to which
    noise leads with the mean and the covariance of all; or so much of the noise."""
    middle, phi = x.clone(), drift.mean(x)
    middle[:, data.noisy] += phi * data.dt / 2
    if data.underdamped:
        middle[:, : data.dim] += x[:, data.noisy] * data.dt / 2
    if x.shape[1] > data.noisy.stop:  # time
        middle[:, -1] += data.dt / 2
    kicks = torch.linalg.cholesky(diffusion.mean(x)) * (data.dim * data.dt * noise) ** 0.5
    states = []
    for kick in (*kicks.unbind(-1), *(-kicks).unbind(-1)):
        states.append(middle.clone())
        states[-1][:, data.noisy] += kick
    return torch.stack([f(there) for there in states]).mean(0)


def seen_and_true(
    data: Increments, found: Posterior, diffusion: Posterior
) -> tuple[Posterior, Posterior]:
    r"""What displacements show of the drift from the start of a step, $\Phi + \tfrac{dt}2 L\Phi$, and Φ itself.
    From the middle of the step they show, in equilibrium and for constant D,
    $\Phi - \tfrac{dt}2 (\Phi\cdot\partial + \tfrac12 D:\partial\partial)\Phi$. A posterior that is not linear in its
    weights, by another rule, or that changes too quickly, is given back as it is.
    """
    if data.rule not in ("ito", "midpoint") or not isinstance(found, LinearPosterior):
        return found, found
    x = few(data.start.flatten(0, 1))
    features = found.basis(x)

    def moved(f: LinearPosterior, part: float, noise: float) -> LinearPosterior | None:
        """f and so much of its change over half a step, as a function of the same basis: less by the share
        in it that is the luck of f, which slopes of fine features make large. None where it changes much
        more quickly than in a step."""
        later = half_later(data, f, diffusion, x, f.basis, noise) - features
        change = later @ f.weights.T  # (n, dim)
        square = change.square().mean(0).clamp(min=1e-300)
        gram = later.T @ later / len(later)
        luck = torch.stack([((gram @ root) * root).sum() for root in f.root])
        weights = weights_of(features, change * (1 - luck / square).clamp(min=0))
        if (((weights @ gram) * weights).sum(1) > NEXT * square).any():
            return None
        return replace(f, weights=f.weights + part * weights)

    if data.rule == "ito":
        return found, moved(found, -1, 1.0) or found
    true = moved(found, 1, 0.5) or found
    return moved(true, 1, 1.0) or true, true
