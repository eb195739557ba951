r"""`infer_langevin`: from trajectories to drift and diffusion, each with a posterior.

$$dx = \Phi(x, t)\,dt + \sqrt{2D(x, t)}\,dW \quad\text{(Itô)},$$

or with inertia $dx = v\,dt$, $dv = \Phi(x, v, t)\,dt + \sqrt{2D(x, v, t)}\,dW$ from positions alone.
Labels are made in `increments`; what is predicted from the result lives in `predict`.
"""

from dataclasses import replace
from math import inf

import torch
from torch import Tensor

from .. import require
from ..data import Trajectories
from ..device import Source, as_generator
from ..models.bases import Polynomial
from ..models.drift_diffusion import LogVariance, Normal
from .apart import check_apart
from .between_frames import LEFT, constant_noise, local_noise, seen_and_true
from .equation_doubts import doubts_of_equation
from .increments import Increments, increments, successive
from .inertia import check_inertia, corrected, shared_later
from .outliers import said_of, without, wrong_frames
from .posterior import (
    Combination,
    ConstantDiffusion,
    DiffusionField,
    LinearPosterior,
    Posterior,
)
from .regression import BayesianRegression, Method, Samples
from .results import Langevin
from .wraps import OnCircle, Period, jumps_of_one_box, on_circle, periods, unwrapped, wrapped

LAGS = 5  # labels so far apart in time share no noise
FEW = 10  # of D make no mean yet
EIGHTH, ENOUGH = 8, 2000  # of labels: each eighth, if so many are left, for what is a correction
AGAIN = 0.01  # change of D with the drift, for which the drift is sought again


def infer_langevin(
    trajectories: Trajectories,
    *,
    drift: Method = BayesianRegression(),
    diffusion: Method | None = None,
    generator: Source | None = None,
    underdamped: bool = False,
    time: bool = False,
    rule: str | None = None,
    period: Period = None,
) -> Langevin:
    """Drift and diffusion of the process that made these trajectories, with error bars.

    Frames that do not belong to their path are left out and named in a warning, see `outliers`.
    Paths are taken to be continuous between frames, see `between_frames`: of data made by Euler steps of the
    time between two frames, D comes out too large by what a continuous path would have lost.

    Args:
        trajectories: positions, or positions and velocities; one path is enough, gaps cost no more than
            the labels that need a missing frame.
        drift: method, anything with the `fit` of `BayesianRegression`.
        diffusion: method of the logarithm of D, a field of independent noises. Without it D is one
            constant matrix.
        generator: what a method draws from; `BayesianRegression` draws nothing, networks do.
        underdamped: positions obey an equation of the second order, velocities were not measured.
        time: the equation depends on time; t, the number of the frame times dt, is one more input.
        rule: how increments are read, see `increments`; of positions with inertia, a method of your own
            or a network reads them by "combined".
        period: of coordinates that come back, such as 2π for angles: one number for all, or for each
            its own, None where there is none. They may be recorded wrapped or not; drift and diffusion
            have that period, and `states` are wrapped. If it is not given, jumps by one box are found and
            said, and read so; `math.inf` for none.

    Raises `ValueError` for data from which nothing follows, `TypeError` for what is neither
    `Trajectories` nor a method, before any work, and whatever the methods refuse.

    Source: Bae, Ha, Jeong 2024, arXiv 2402.01338; Frishman & Ronceray 2020, PRX 10, 021009.
    """
    require.of_kind(Trajectories, trajectories=trajectories, hint=require.ARRAYS)
    require.able("fit", drift=drift, hint="BayesianRegression() or LaplaceNetwork()")
    if diffusion is not None:
        require.able("fit", diffusion=diffusion, hint="None for one constant matrix")
    generator = None if generator is None else as_generator(generator)
    circles = periods(period, trajectories.position.shape[-1])
    boxes = jumps_of_one_box(trajectories) if period is None else []
    for box in boxes:  # read as they must have been meant, and said
        circles = (*circles[: box.coordinate], box.length, *circles[box.coordinate + 1 :])
    if min(circles) < inf:
        trajectories = unwrapped(trajectories, circles)
    if wrong := wrong_frames(trajectories):
        trajectories = without(trajectories, wrong)
    positions = underdamped and not trajectories.underdamped
    if rule is None and positions and not isinstance(drift, BayesianRegression):
        rule = "combined"  # of the rules that ask nothing of the method
    data = increments(trajectories, rule=rule, underdamped=underdamped, time=time)
    check_apart(data)
    if positions:
        check_inertia(data)
    if min(circles) < inf:
        data = wrapped(data, circles)
    if data.rule == "centred":
        data, found, D = infer_centred(data, drift, diffusion, generator)
    else:
        D = infer_diffusion(data, None, diffusion, generator)
        found = infer_drift(data, D, drift, generator)
    seen = (data.x if data.secant else data.start).flatten(0, 1)
    known = found.mean(seen).view_as(data.y)
    if not data.secant:  # lags of second differences are free of the drift already
        D = infer_diffusion(data, known, diffusion, generator, between=(found, D))
    if data.rule == "midpoint":  # its drift is as good as D, which was too small
        found = infer_drift(data, D, alike(found, drift), generator)
    found, true = seen_and_true(data, found, D)
    if data.rule == "midpoint":
        known = found.mean(seen).view_as(data.y)
        D = infer_diffusion(data, known, diffusion, generator, between=(found, D))
    some = data.some_states  # (n, dim_in)
    phi, D_there = found.mean(some), D.mean(some)  # (n, dim), (n, dim, dim)
    # p = τ/2 ⟨Tr D⁻¹Σ⟩, with Σ the covariance of what is not known of the drift. It adds
    # ⟨Tr D⁻¹Σ⟩ to ⟨ΦᵀD⁻¹Φ⟩, so that p/2 nats of the information are noise.
    # The errors of two components are correlated as their noises are.
    error = found.std(some) / D_there.diagonal(dim1=1, dim2=2).sqrt()
    per_time = torch.linalg.solve(D_there, error[:, :, None] * D_there * error[:, None])
    p = data.time / 2 * per_time.diagonal(dim1=1, dim2=2).sum(1).mean().item()
    force = torch.linalg.solve(D_there, phi[..., None])[..., 0]
    information = data.time / 4 * (force * phi).sum(-1).mean().item() - p / 2
    result = Langevin(found, D, information, p, data)
    doubts = doubts_of_equation(result, known, carried=data.rule == "ito" and true is not found)
    return replace(result, drift=true, warnings=(*map(str, boxes), *said_of(wrong), *doubts))


def infer_drift(
    data: Increments, diffusion: Posterior, method: Method, generator: Source | None
) -> Posterior:
    """Posterior of the drift from increments whose noise is known: each is weighed by dt/2D."""
    y = data.y.flatten(0, 1)
    if (first := data.begins) is not None and not isinstance(diffusion, ConstantDiffusion):
        y = y.index_add(0, first, weighed_too(data, diffusion, data.before[0, first]))

    def fit(x: Tensor, before: Tensor, method: Method = method) -> Posterior:
        D = diffusion.mean(before.flatten(0, 1))
        weight = data.dt / (2 * D.diagonal(dim1=1, dim2=2))
        tangent = None
        if data.shared:
            tangent = D.new_zeros(len(D), data.dim, x.shape[-1])
            tangent[..., data.noisy] = data.shared * weight[..., None] * D
            if data.response is not None:
                tangent += weight[..., None] * shared_later(data, data.response.flatten(0, 1), D)
        samples = Samples(x.flatten(0, 1), y, weight, tangent)
        return on_circle(method, data.period, samples, Normal(), generator)

    if data.reverse is None:
        return fit(data.x, data.before)
    # Weights go with the states, else they would share another part of the noise. What a prior takes
    # from one estimate it must take from the other, too.
    forward = fit(data.x, data.before)
    return Combination(forward, fit(data.reverse, data.reverse, alike(forward, method)))


def alike(found: Posterior, method: Method) -> Method:
    """What asks the same features under the same prior, if the method that has found this knows how."""
    belief = found.inner if isinstance(found, OnCircle) else found
    return BayesianRegression(like=belief) if isinstance(belief, LinearPosterior) else method


def infer_centred(
    data: Increments, drift: Method, diffusion: Method | None, generator: Source | None
) -> tuple[Increments, Posterior, Posterior]:
    """By the rule "centred": labels without what is of order dt, and drift and diffusion from them.

    A straight line first, as what the force of an oscillator changes between frames may be more than the
    noise that D is read from; then polynomials, and by each labels are corrected. That will do, as all
    that is read off these drifts is small, or smooth: where D says otherwise the method is asked twice.
    """
    generator = None if generator is None else as_generator(generator)
    degree = 3 if data.dim == 1 else 2  # cubic features of many would cost more than the method
    k = max(1, min(EIGHTH, data.y[..., 0].numel() // ENOUGH))
    D, labels, states = infer_diffusion(data, None, None, None), data, data.x.flatten(0, 1)
    for n in (1, degree):
        found = infer_drift(labels.every(k), D, BayesianRegression(Polynomial(n)), None)
        known = found.mean(states).view_as(data.y)
        labels = corrected(data, found, known, D)
        D = infer_diffusion(labels, known, None, None)
    rough, D = D, D if diffusion is None else infer_diffusion(labels, known, diffusion, generator)
    found = infer_drift(labels, D, drift, generator)
    known = found.mean(states).view_as(data.y)
    fine = infer_diffusion(labels, known, None, None)
    before, after = (d.mean(states[:1])[0].diagonal() for d in (rough, fine))
    if (after / before - 1).abs().max() > AGAIN:
        D = fine if diffusion is None else infer_diffusion(labels, known, diffusion, generator)
        found = infer_drift(labels, D, alike(found, drift), generator)
    return labels, found, D


def weighed_too(data: Increments, diffusion: Posterior, x: Tensor) -> Tensor:
    r"""What labels lack that are weighed by $w_i = dt/2D_{ii}(x)$ at states `x (n, dim_in)` which share
    noise with them, $\langle f y_i\rangle = \langle f\Phi_i\rangle + R_i\langle\partial_i f\rangle$ for any f:
    $-R_i\,\partial_i \ln w_i$, `(n, dim)`.

    A second difference shares R = D with the centred velocity, a displacement $-\zeta^2/dt$ with its
    start, if positions have errors ζ; these make its square larger by as much.
    """
    error = (
        data.steps.square().mean((0, 1)) / (2 * data.dt) - data.squares().mean((0, 1)).diagonal()
    )
    slopes = []
    for i in range(data.dim):
        along = torch.zeros_like(x)
        along[:, data.noisy.start + i] = 1
        D, slope = (t[:, i, i] for t in torch.func.jvp(diffusion.mean, (x,), (along,)))
        slopes.append(slope if data.secant else -error[i] * slope / D)
    return torch.stack(slopes, dim=1)


def infer_diffusion(
    data: Increments,
    drift: Tensor | None,
    method: Method | None,
    generator: Source | None,
    *,
    between: tuple[Posterior, Posterior] | None = None,
) -> Posterior:
    """D from increments: one matrix, or with a `method` a field of independent noises.

    Args:
        drift: at the increments `(n_paths, n_steps, dim)`; without it D is too large by Φ²dt/2.
        method: of the logarithm of D, anything with the `fit` of `BayesianRegression`.
        between: a first drift and diffusion, by which D is rid of what happens between frames, see
            `between_frames`.

    Raises `ValueError` for a coordinate without noise, or, of paths with gaps, fewer than ten labels.
    """
    squares = data.squares(drift)
    if data.row_at is not None:
        require.integer(FEW, n_labels_of_D=len(data.row_at), hint="frames in a row are missing")
    labels = squares.diagonal(dim1=-2, dim2=-1)
    if (labels.mean((0, 1)) <= 0).any():
        k = int((labels.mean((0, 1)) <= 0).nonzero()[0])
        raise ValueError(
            f"coordinate {k} shows no noise: its diffusion comes out as {labels[..., k].mean():.2g} "
            f"from {labels[..., k].numel()} labels; "
            "leave it out of the inference, or fit it as an ordinary differential equation"
        )
    changed, left = 0.0, LEFT["midpoint" if data.overlapping else "field" if method else "ito"]
    if method is None:
        D = squares.mean((0, 1))  # (dim, dim)
        share = independent_share(labels / D.diagonal(), data.row_at)
        if between:
            D, changed = constant_noise(data, between[0], squares)
        n = squares.shape[0] * squares.shape[1] * share
        # The slope of the drift is not known exactly, and the next order is left.
        n = 2 / max(2 / n * (1 + changed) + (left * changed**2) ** 2, 1e-30)
        # Eigenvalues that rounding or noise made negative are lifted to a small positive number.
        width = D.diagonal().sqrt()  # no unit decides
        values, vectors = torch.linalg.eigh(D / width / width[:, None])
        vectors *= width[:, None]
        return ConstantDiffusion(vectors * values.clamp(min=1e-9) @ vectors.T, n)
    if between and isinstance(first := between[1], DiffusionField):
        labels, changed = local_noise(data, between[0], first, squares)
        method = alike(first.logarithm, method)
    left *= changed**2
    x, y = data.at.flatten(0, 1), labels.flatten(0, 1)
    weight = torch.ones_like(y)
    rough = on_circle(method, data.period, Samples(x, y, weight), LogVariance(), generator)
    if not data.overlapping:
        return DiffusionField(rough, left)
    share = independent_share(labels * (-rough.mean(x)).exp().view_as(labels), data.row_at)
    weighed = Samples(x, y, share * weight)
    return DiffusionField(on_circle(method, data.period, weighed, LogVariance(), generator), left)


def independent_share(labels: Tensor, row: Tensor | None = None) -> float:
    """Of labels of a variance, `(n_paths, n, dim)` and of mean 1, which begin with these rows where
    frames are missing: how many independent χ² numbers each is worth, 2 over the variance of their sum
    per label."""
    rest = labels - labels.mean((0, 1))
    n = rest.shape[1]

    def covariance(lag: int) -> Tensor:
        early, late = successive(rest, row, 0, lag)
        return (late * early).sum(1).mean() / n

    variance = sum((2 if lag else 1) * covariance(lag) for lag in range(min(LAGS, n)))
    return float(2 / variance)
