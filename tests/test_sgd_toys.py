"""Where resetting is solved: trained by `fit` with the callback of the course, beside the formulas."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD
from torch.utils.data import TensorDataset

from stochphys.course.studies.sgd_toys import (
    Factor,
    LinearRegression,
    MatrixSensing,
    half_square,
    low_rank,
    poisson_filter,
    ridge,
    sharp_filter,
    stopping_filter,
)
from stochphys.device import make_generator
from stochphys.training import Ensemble, Monitor, Resetting, fit
from tests.chance import K, sigmas

LR, DIM = 0.05, 30


@pytest.fixture(scope="module")
def problem() -> LinearRegression:
    return LinearRegression.draw(40, DIM, noise=1.0, generator=make_generator(0))


def iterates(
    problem: LinearRegression, p_reset: float, checkpoint: Tensor, *, members: int, sharp: bool
) -> tuple[Tensor, Tensor]:
    """Weights of all members in the stationary state: the last, and their mean over time."""
    networks = Ensemble([nn.Linear(DIM, 1, bias=False)] * members)
    theta_c = {"weight": checkpoint.expand(members, 1, DIM).clone()}
    networks.load_state_dict(theta_c)
    steps, burn_in = round(28 / p_reset), round(8 / p_reset)  # e⁻⁸ have never been reset by then
    seen = Monitor(1, theta=lambda model: model.weight[:, 0].clone())
    fit(
        networks,
        half_square,
        TensorDataset(problem.x, problem.y),
        steps=steps,
        generator=make_generator(1),
        batch_size=8,
        lr=LR,
        optimizer=SGD,
        ema=0,
        validate_every=round(1 / p_reset) if not sharp else 1,
        device="cpu",
        callbacks=[
            Resetting(p_reset, to=theta_c, sharp=sharp, generator=make_generator(2)),
            seen,
        ],
        progress=False,
    )
    late = torch.tensor(seen.steps) > burn_in
    theta = seen.values["theta"].double()
    return theta[-1], theta[late].mean(0)


@pytest.mark.slow
@pytest.mark.parametrize(("p_reset", "strength"), [(0.02, 0.408163), (0.1, 2.222222)])
def test_resetting_is_ridge_towards_the_checkpoint_in_the_mean(
    p_reset: float, strength: float, problem: LinearRegression
) -> None:
    """(H + λ)⁻¹(b + λθ_c) with λ = p/((1 − p) lr), minibatch noise included, within 1 %: the
    mean of 2000 members over 20 waiting times has a standard error below half of that."""
    assert ridge(p_reset, LR) == pytest.approx(strength, rel=1e-5)
    checkpoint = torch.randn(DIM, generator=make_generator(3))
    _, mean = iterates(problem, p_reset, checkpoint, members=2000, sharp=False)
    exact = problem.stationary_mean(p_reset, LR, checkpoint)
    error = (mean.var(0).sum() / len(mean)).sqrt() / exact.norm()
    miss = (mean.mean(0) - exact).norm() / exact.norm()
    assert error < 0.005 and miss < 0.01


def test_sharp_resets_have_another_filter(problem: LinearRegression) -> None:
    """From θ_c = 0, along each axis of H, and over whole periods; within K standard errors."""
    theta_c = torch.zeros(DIM)
    _, mean = iterates(problem, 0.1, theta_c, members=500, sharp=True)
    h, axes = torch.linalg.eigh(problem.H)
    minimum = axes.T @ torch.linalg.solve(problem.H, problem.b)
    found, error = (mean @ axes).mean(0), (mean @ axes).std(0) / len(mean) ** 0.5
    assert ((found - sharp_filter(h, 10, LR) * minimum).abs() < sigmas(error.numel()) * error).all()
    assert ((found - poisson_filter(h, 0.1, LR) * minimum).abs() > 4 * error).any()


def test_filters_have_the_values_of_the_lesson() -> None:
    h = torch.tensor(0.5)
    assert poisson_filter(h, 0.02, LR).item() == pytest.approx(0.5506, abs=1e-4)
    assert sharp_filter(h, 50, LR).item() == pytest.approx(0.4256, abs=1e-4)
    assert stopping_filter(h, 50, LR).item() == pytest.approx(0.7180, abs=1e-4)


def test_the_poisson_filter_is_the_mean_over_a_geometric_age() -> None:
    h, p, age = (
        torch.linspace(0.1, 3, 5, dtype=torch.float64),
        0.02,
        torch.arange(3000).double()[:, None],
    )
    mean = (p * (1 - p) ** age * stopping_filter(h, age, LR)).sum(0)
    torch.testing.assert_close(mean, poisson_filter(h, p, LR))
    sharp = stopping_filter(h, torch.arange(50)[:, None], LR).mean(0)
    torch.testing.assert_close(sharp, sharp_filter(h, 50, LR))


@pytest.mark.slow
def test_the_mean_generalises_better_than_the_iterate(problem: LinearRegression) -> None:
    """The risk of an iterate is that of the mean plus the variance, which averaging takes away."""
    theta, mean = iterates(problem, 0.02, torch.zeros(DIM), members=300, sharp=False)
    exact = problem.risk(problem.stationary_mean(0.02, LR, torch.zeros(DIM)))
    minimum = problem.risk(torch.linalg.solve(problem.H, problem.b))
    single = problem.risk(theta)
    assert single.mean() - K * single.std() / 300**0.5 > 1.1 * exact
    assert problem.risk(mean.mean(0)) < 1.05 * exact < 0.5 * minimum


def test_gradient_bias_of_the_regression_is_constant(problem: LinearRegression) -> None:
    x, y, w = (t.double() for t in (problem.x, problem.y, problem.w))
    torch.testing.assert_close(problem.H @ w - problem.b, -x.T @ (y - x @ w) / len(x))


def test_p_reset_of_one_has_no_ridge() -> None:
    with pytest.raises(ValueError, match="p_reset"):
        ridge(1.0, LR)


def sensing(seeds: int, noise: float) -> tuple[MatrixSensing, MatrixSensing]:
    """Problems and their held-out numbers, noisy as well."""
    generator = make_generator(0)
    X = low_rank(seeds, 20, 2, generator=generator)
    train = MatrixSensing.draw(X, 120, noise=noise, generator=generator)
    return train, MatrixSensing.draw(X, 40, noise=noise, generator=generator)


def test_sensing_gradients_are_those_of_autograd() -> None:
    train, _ = sensing(4, 0.3)
    U = torch.randn(4, 20, 20, generator=make_generator(5), requires_grad=True)
    networks = Ensemble([Factor(torch.zeros(20, 20))] * 4)
    networks.load_state_dict({"U": U})
    everything = torch.arange(120).expand(4, -1)
    half_square(networks, train[everything]).sum().backward()
    clean, bias = train.gradients(U.detach())
    torch.testing.assert_close(clean + bias, networks.U.grad, rtol=1e-3, atol=1e-3)  # of about 10


def test_sensing_settles_where_drift_and_latent_bias_balance() -> None:
    """24 problems: at the start the clean gradient knows nothing of the bias, after 500 steps the
    two cancel, and what was sensed is the noise."""
    train, held_out = sensing(24, 0.3)
    clean, bias = train.gradients((0.1 * torch.eye(20)).expand(24, -1, -1))
    start = torch.cosine_similarity(clean.flatten(1), bias.flatten(1))
    assert start.mean().abs() < sigmas(samples=24) * start.std() / 24**0.5 + 0.02
    networks = Ensemble([Factor(0.1 * torch.eye(20))] * 24)
    how: dict[str, Any] = dict(batch_size=12, lr=0.02, optimizer=SGD, ema=0, device="cpu")
    how |= dict(steps=500, validate_every=500, generator=make_generator(1), progress=False)
    fit(networks, half_square, train, validation=held_out, **how)
    clean, bias = train.gradients(networks.U.detach())
    cosine = torch.cosine_similarity(clean.flatten(1), bias.flatten(1))
    assert (cosine < -0.9).all()
    balance = clean.norm(dim=(1, 2)) / bias.norm(dim=(1, 2))
    assert abs(balance.mean() - 1) < 0.1
