r"""What frames of a linear system still show of its entropy production, exactly.

A camera shows $y_t = M x_t + \xi_t$ at times dt apart: some coordinates or mixtures of them, and
noise of its own. Frames of a `Linear` system are Gaussian, so the best that any estimator can find
in n of them is a divergence of two Gaussians. How a camera makes y of x lives in `camera`.
"""

import torch
from torch import Tensor

from .. import require
from ..data import Trajectories, Windows
from .linear import Linear


def visible_entropy_rate(
    system: Linear,
    dt: float,
    *,
    observe: Tensor | None = None,
    noise: Tensor | None = None,
    frames: int = 2,
) -> float:
    r"""Entropy production per unit time that n successive frames of a linear system show,

    $$\dot\sigma_n = \frac{1}{(n-1)\,dt} \int p(y_1 \dots y_n)
        \ln\frac{p(y_1 \dots y_n)}{p(y_n \dots y_1)}
      = \frac{1}{2(n-1)\,dt} \operatorname{tr}\big(\tilde\Sigma^{-1}\Sigma - 1\big),$$

    with the covariance Σ of the n frames $y = Mx + \xi$, and $\tilde\Sigma$ of the same frames in
    reversed order. It never exceeds `system.entropy_production_rate()`, and is the same for all n
    if the frames show the whole state. All coordinates are even under time reversal. float64.

    Args:
        system: what happens.
        dt: time between two frames.
        observe: M `(k, dim)`, what is seen of the state; everything without it. Rows of the unit
            matrix pick single coordinates.
        noise: covariance of ξ `(k, k)`, drawn anew for each frame; none without it.
        frames: successive frames that are judged together.

    Raises `ValueError` for shapes that do not fit, a noise that is no covariance, fewer than two
    frames, visible coordinates that are copies of one another, and what `system` refuses.

    Source: Roldán & Parrondo, PRE 85, 031129 (2012), where frames are letters instead.
    """
    forward, backward = frame_covariances(system, dt, observe, noise, frames)
    # tr(backward⁻¹ forward) - n k would lose digits: the two are nearly equal.
    excess = torch.cholesky_solve(forward - backward, factor(backward))
    return excess.trace().item() / 2 / ((frames - 1) * dt)


def visible_entropy(
    system: Linear,
    seen: Trajectories,
    *,
    observe: Tensor | None = None,
    noise: Tensor | None = None,
    frames: int = 2,
) -> Tensor:
    r"""ΔS that each window of n frames shows, $\ln p(y_1 \dots y_n)/p(y_n \dots y_1)$,
    `(n_trajectories, n_windows)`, float64.

    Its mean is (n - 1) dt `visible_entropy_rate`. Windows lie end to end, with one frame in common.

    Args:
        seen: the frames y `(n_trajectories, n_times, k)`, noise included.

    The other arguments, and what is raised, as in `visible_entropy_rate`; also a `ValueError` for
    frames that do not have k coordinates, or too few of them.
    """
    forward, backward = frame_covariances(system, seen.dt, observe, noise, frames)
    if seen.dim * frames != len(forward):
        raise ValueError(
            f"seen has {seen.dim} coordinates, the camera shows {len(forward) // frames}; give "
            "x @ observe.T, with the same observe"
        )
    windows = Windows(seen, frames, every=frames - 1)
    y = windows.apart().flatten(1).double()
    form = torch.cholesky_inverse(factor(backward)) - torch.cholesky_inverse(factor(forward))
    return windows.laid(((y @ form) * y).sum(1)) / 2


def frame_covariances(
    system: Linear, dt: float, observe: Tensor | None, noise: Tensor | None, frames: int
) -> tuple[Tensor, Tensor]:
    """Covariances of n successive frames, and of the same in reversed order, `(n k, n k)` each."""
    require.integer(2, frames=frames, hint="one frame has no direction")
    unit = torch.eye(system.dim, dtype=torch.float64)
    M = unit if observe is None else torch.as_tensor(observe, dtype=torch.float64)
    if M.ndim != 2 or M.shape[1] != system.dim:
        raise ValueError(
            f"observe must have shape (k, {system.dim}), a column for each, got {tuple(M.shape)}"
        )
    k = len(M)
    R = M.new_zeros(k, k) if noise is None else torch.as_tensor(noise, dtype=torch.float64)
    symmetric = R.shape == (k, k) and torch.allclose(R, R.T)
    if not symmetric or torch.linalg.eigvalsh(R)[0] < -1e-12 * R.max():
        raise ValueError(
            f"noise must be a covariance ({k}, {k}) of what is seen, symmetric and without negative "
            f"variances, got shape {tuple(R.shape)}; torch.diag(variances) makes one"
        )
    P, C = system._sampled(dt, "exact")
    # ⟨x(t + j dt) x(t)ᵀ⟩ = P^j C (Gardiner, §4.4.6), of what is seen M P^j C Mᵀ `(k, k)`.
    lags, C_j = [M @ C @ M.T], C
    for _ in range(frames - 1):
        C_j = P @ C_j
        lags.append(M @ C_j @ M.T)
    order = range(frames)  # block (i, j) of Σ is that of the frames i and j
    rows = [torch.cat([lags[i - j] if i > j else lags[j - i].T for j in order], 1) for i in order]
    forward = torch.cat(rows)
    # The same frames, the last one first: blocks in reversed order, each as it is.
    backward = forward.view(frames, k, frames, k).flip(0, 2).reshape_as(forward)
    noises = torch.block_diag(*[R] * frames)
    return forward + noises, backward + noises


def factor(covariance: Tensor) -> Tensor:
    """Cholesky factor; `ValueError` if some mixture of the visible coordinates never varies."""
    L, failed = torch.linalg.cholesky_ex(covariance)
    unknown = L.diagonal().square() / covariance.diagonal()  # of each, once those before are known
    if failed or unknown.min() < 1e-13:
        raise ValueError(
            "some visible coordinates are copies or mixtures of others; leave them out of observe, "
            "or give the noise of the camera"
        )
    return L
