"""What notebook 03 writes out inline is what the package does, and what the formulas say.

The functions are taken from the stored notebook itself, so that lesson and package cannot drift
apart unseen; they are run here on other systems, networks and sizes than in the lesson.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from stochphys.data import Trajectories, Windows
from stochphys.device import make_generator
from stochphys.models import MLP
from stochphys.simulators import Linear, simulate
from stochphys.training import Ensemble, fit
from tests.chance import sigmas
from tests.lesson import inline

D, DT = 0.7, 0.02  # not those of the notebook
A = [[-1.0, 2.0], [-2.0, -1.0]]  # a spiral: two coordinates, where the notebook has one


@pytest.fixture(scope="module")
def lesson() -> SimpleNamespace:
    names = "train", "objective", "averages", "posterior", "band", "loss"
    ours = dict(torch=torch, make_generator=make_generator, D=D, dt=DT)
    return inline("03_learning_machines", *names, **ours)


@pytest.fixture(scope="module")
def spiral() -> Trajectories:
    system = Linear(A=A, D=[[D, 0.0], [0.0, D]])
    return simulate(system, 30, 200, DT, scheme="euler", start=0.0, generator=make_generator(3))


@pytest.fixture(scope="module")
def trap() -> Trajectories:
    """F = −2x + 1/2, as Euler steps of length DT: what the likelihood of the lesson describes."""
    generator, x = make_generator(4), torch.zeros(40, 1, dtype=torch.float64)
    path = [x]
    for _ in range(400):
        noise = torch.randn(40, 1, generator=generator, dtype=torch.float64)
        x = x + (0.5 - 2 * x) * DT + (2 * D * DT) ** 0.5 * noise
        path.append(x)
    return Trajectories(torch.stack(path, dim=1), DT)


def network() -> MLP:
    return MLP([2, 24, 24, 2], generator=make_generator(5))


def test_the_loop_and_fit_leave_the_callers_generator_in_one_state(lesson, spiral):
    """Both draw one seed from it: what follows in the notebook does not depend on the choice."""
    after = []
    for run in (lesson.train, fit):
        generator, how = make_generator(8), dict(steps=2, batch_size=300, lr=4e-3)
        run(network(), lesson.objective, Windows(spiral), generator=generator, **how)
        after.append(torch.rand(3, generator=generator))
    assert torch.equal(*after)


def test_objective_is_minus_the_log_likelihood_per_unit_time(lesson, spiral):
    """Against torch's normal density of the steps, for two networks: the constants cancel."""
    windows = Windows(spiral)
    all_windows = windows[torch.arange(len(windows))].double()
    first, second = network().double(), MLP([2, 8, 2], generator=make_generator(9)).double()

    def log_likelihood(model) -> Tensor:
        x, y = all_windows.unbind(-2)
        normal = torch.distributions.Normal(x + model(x) * DT, (2 * D * DT) ** 0.5)
        return normal.log_prob(y).sum()

    time = 2 * len(windows) * DT  # the lesson averages over coordinates; here there are two
    difference = lesson.objective(first, all_windows) - lesson.objective(second, all_windows)
    exact = -(log_likelihood(first) - log_likelihood(second)) / time
    assert difference.item() == pytest.approx(exact.item(), rel=1e-9)


def test_objective_gives_one_number_per_member_of_an_ensemble(lesson, spiral):
    windows = Windows(spiral)
    models = [MLP([2, 8, 2], generator=make_generator(seed)) for seed in range(3)]
    index = torch.randint(len(windows), (3, 50), generator=make_generator(1))
    together = lesson.objective(Ensemble(models), windows[index])
    alone = [lesson.objective(m, windows[i]) for m, i in zip(models, index, strict=True)]
    assert together.shape == (3,)
    assert torch.allclose(together, torch.stack(alone), atol=1e-6)


def test_posterior_without_prior_is_least_squares(lesson, trap):
    time = trap.n_trajectories * trap.duration
    (w,), (covariance,) = lesson.posterior(*lesson.averages(trap, 4), time, s=torch.inf)
    x, step = trap.x[:, :-1].ravel().numpy(), trap.x.diff(dim=1).ravel().numpy()
    powers = np.vander(x, 5, increasing=True)
    by_numpy = np.linalg.lstsq(powers, step / DT, rcond=None)[0]
    assert np.allclose(w, by_numpy, rtol=1e-6, atol=1e-8)
    # Covariance of least squares, with the variance 2D/dt of one rate.
    assert np.allclose(covariance, np.linalg.inv(powers.T @ powers) * 2 * D / DT, rtol=1e-6)


def test_a_narrow_prior_holds_the_coefficients_at_zero(lesson, trap):
    (w,), (covariance,) = lesson.posterior(*lesson.averages(trap, 2), t=320.0, s=1e-4)
    assert w.abs().max() < 1e-4
    assert torch.allclose(covariance.diagonal().sqrt(), torch.full((3,), 1e-4).double(), rtol=0.01)


def test_posterior_covers_the_truth(lesson, trap):
    """χ² of the error over 40 copies: mean 2, standard error √(4/40); K of them are allowed."""
    averages = lesson.averages(trap, 1, copies=40)
    w, covariance = lesson.posterior(*averages, t=trap.duration)
    error = w - torch.tensor([0.5, -2.0])
    chi2 = (torch.linalg.solve(covariance, error) * error).sum(-1)
    assert abs(chi2.mean() - 2) < sigmas(samples=40) * (4 / 40) ** 0.5


def test_band_is_the_spread_of_sampled_curves(lesson, trap):
    w, covariance = lesson.posterior(*lesson.averages(trap, 3), t=320.0)
    x = torch.linspace(-1, 1, 5)
    mean, std = lesson.band(x, w, covariance)
    normal = torch.distributions.MultivariateNormal(w[0], covariance[0])
    torch.manual_seed(0)
    curves = normal.sample((20_000,)) @ (x.double() ** torch.arange(4)[:, None])
    tolerance = (
        sigmas(2 * std.shape[-1]) * std[0] / 20_000**0.5
    )  # K standard errors, of the mean and of the std
    assert ((curves.mean(0) - mean[0]).abs() < tolerance).all()
    assert ((curves.std(0) - std[0]).abs() < tolerance).all()


def test_loss_of_coefficients_is_the_objective_of_their_polynomial(lesson, trap):
    w = torch.tensor([0.3, -1.0, 0.2], dtype=torch.float64)
    H, c = lesson.averages(trap, 2)
    windows = Windows(trap)
    everything = windows[torch.arange(len(windows))]
    by_objective = lesson.objective(lambda x: w[0] + w[1] * x + w[2] * x**2, everything)
    assert lesson.loss(w, H, c).item() == pytest.approx(by_objective.item(), rel=1e-9)
