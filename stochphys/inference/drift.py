r"""`infer_langevin`: from trajectories to drift and diffusion, each with a posterior.

$$dx = \Phi(x, t)\,dt + \sqrt{2D(x, t)}\,dW \quad\text{(Itô)},$$

or with inertia $dx = v\,dt$, $dv = \Phi(x, v, t)\,dt + \sqrt{2D(x, v, t)}\,dW$ from positions alone.
Labels are made in `increments`; what is predicted from the result lives in `predict`.
"""

from dataclasses import replace

import torch
from torch import Tensor

from ..data import Trajectories
from ..device import as_generator
from .diffusion import infer_diffusion
from .doubts import doubts_of_equation
from .increments import Increments, increments
from .posterior import Combination, Posterior
from .regression import BayesianRegression, Method, Samples
from .results import Langevin


def infer_langevin(
    trajectories: Trajectories,
    *,
    drift: Method = BayesianRegression(),
    diffusion: Method | None = None,
    generator: torch.Generator | int | None = None,
    underdamped: bool = False,
    time: bool = False,
    rule: str | None = None,
) -> Langevin:
    """Drift and diffusion of the process that made these trajectories, with error bars.

    Args:
        trajectories: positions, or positions and velocities; one path is enough.
        drift: method, anything with the `fit` of `BayesianRegression`.
        diffusion: method of the logarithm of D, a field of independent noises. Without it D is one
            constant matrix.
        generator: what a method draws from; `BayesianRegression` draws nothing, networks do.
        underdamped: positions obey an equation of the second order, velocities were not measured.
        time: the equation depends on time; t since the start of each path is one more input.
        rule: how increments are read, see `increments`.

    Raises `ValueError` for data from which nothing follows, before any work, and whatever the
    methods refuse.

    Source: Bae, Ha, Jeong 2024, arXiv 2402.01338; Frishman & Ronceray 2020, PRX 10, 021009.
    """
    generator = None if generator is None else as_generator(generator)
    data = increments(trajectories, rule=rule, underdamped=underdamped, time=time)
    rough = infer_diffusion(data, method=diffusion, generator=generator)
    found = infer_drift(data, rough, drift, generator=generator)
    if data.secant:
        D = rough  # its lags are free of the drift already
    else:
        at_start = found.mean(data.start.flatten(0, 1)).view_as(data.y)
        D = infer_diffusion(data, at_start, diffusion, generator=generator)
    some = data.some_states  # (n, dim_in)
    phi, D_there = found.mean(some), D.mean(some)  # (n, dim), (n, dim, dim)
    # p = τ/2 ⟨Tr D⁻¹Σ⟩, with Σ the covariance of what is not known of the drift. It adds
    # ⟨Tr D⁻¹Σ⟩ to ⟨ΦᵀD⁻¹Φ⟩, so that p/2 nats of the information are noise.
    per_time = torch.linalg.solve(D_there, torch.diag_embed(found.std(some) ** 2))
    p = data.time / 2 * per_time.diagonal(dim1=1, dim2=2).sum(1).mean().item()
    force = torch.linalg.solve(D_there, phi[..., None])[..., 0]
    information = data.time / 4 * (force * phi).sum(-1).mean().item() - p / 2
    result = Langevin(found, D, information, p, data)
    return replace(result, warnings=doubts_of_equation(result))


def infer_drift(
    data: Increments,
    diffusion: Posterior,
    method: Method = BayesianRegression(),
    *,
    generator: torch.Generator | int | None = None,
) -> Posterior:
    """Posterior of the drift from increments whose noise is known: each is weighed by dt/2D."""
    generator = None if generator is None else as_generator(generator)
    y = data.y.flatten(0, 1)

    def fit(x: Tensor, before: Tensor) -> Posterior:
        D = diffusion.mean(before.flatten(0, 1))
        weight = data.dt / (2 * D.diagonal(dim1=1, dim2=2))
        tangent = None
        if data.shared:
            tangent = D.new_zeros(len(D), data.dim, x.shape[-1])
            tangent[..., data.noisy] = data.shared * weight[..., None] * D
        return method.fit(Samples(x.flatten(0, 1), y, weight, tangent), generator=generator)

    if data.reverse is None:
        return fit(data.x, data.before)
    # Weights go with the states, else they would share another part of the noise.
    return Combination(fit(data.x, data.before), fit(data.reverse, data.reverse))
