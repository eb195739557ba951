"""Fields of force and noise: what is exact of them, found again in another way."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.linalg import solve_banded

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import integral_fluctuation_theorem
from stochphys.simulators import Linear, simulate
from stochphys.systems import DoubleHump, InhomogeneousDiffusion, NonlinearForce
from tests.chance import K, rate_and_error, sigmas

FIELDS = [NonlinearForce(), NonlinearForce(dim=4), InhomogeneousDiffusion(), DoubleHump()]


@pytest.fixture
def generator():
    return make_generator(11)


@pytest.mark.parametrize("system", FIELDS, ids=lambda system: type(system).__name__)
def test_noise_has_the_diffusion_that_is_said_and_drift_is_force_plus_its_divergence(
    system, generator
):
    x = 2 * torch.randn(200, system.dim, generator=generator, dtype=torch.float64)
    B = system.noise_amplitude(x, 0.0)
    B = B if B.ndim == 3 else torch.diag_embed(B)
    torch.testing.assert_close((B @ B.mT).expand(200, -1, -1), 2 * system.diffusion(x))
    slope = torch.func.vmap(torch.func.jacrev(system.diffusion))(x)  # (n, i, j, k) = ∂_k D_ij
    torch.testing.assert_close(
        system.drift(x, 0.0), system.force(x) + torch.einsum("nijj->ni", slope)
    )


# A force without a potential


def test_entropy_production_of_the_nonlinear_force():
    """8.26 ± 0.03 by long simulation; the grid gives 8.2436."""
    rate = NonlinearForce().entropy_production_rate()
    assert rate == pytest.approx(8.2436, abs=0.001)
    assert abs(rate - 8.26) < 2 * 0.03


@pytest.mark.parametrize(("T", "k"), [(5.0, 2.0), (2.0, 1.0), (20.0, 0.5)])
def test_without_the_push_the_grid_finds_what_is_known_of_the_linear_system(T, k):
    system = NonlinearForce(T=T, k=k, alpha=0.0)
    exact = Linear(system.A, system.D).entropy_production_rate()
    assert system.entropy_production_rate() == pytest.approx(exact, rel=1e-5)


@pytest.mark.slow
def test_entropy_of_paths_is_that_of_the_fokker_planck_equation(generator):
    """K standard errors, and 0.5 % for dt = 0.001; −Δ ln p averages to zero."""
    system, options = NonlinearForce(), dict(start=0.0, burn_in=4000, scheme="heun")
    data = simulate(system, 400, 4000, 0.001, generator=generator, **options)
    exact = system.entropy_production_rate()
    for per_step in (system.medium_entropy(data), system.entropy_production(data)):
        rate, error = rate_and_error(per_step, data.dt)
        assert abs(rate - exact) < K * error + 0.005 * exact
        assert error < 0.03 * exact
    total = system.entropy_production(data)
    theorem = integral_fluctuation_theorem(total, generator=generator, steps=50)
    assert abs(theorem.mean - 1) < K / 3.92 * (theorem.high - theorem.low)


def test_entropy_of_the_medium_in_four_dimensions(generator):
    """Without the push: K standard errors from the exact rate of the linear system."""
    system = NonlinearForce(dim=4, alpha=0.0)
    linear = Linear(system.A, system.D)
    data = simulate(linear, 200, 2000, 0.002, generator=generator)
    rate, error = rate_and_error(system.medium_entropy(data), data.dt)
    exact = linear.entropy_production_rate()
    assert abs(rate - exact) < K * error + 0.005 * exact
    with pytest.raises(ValueError, match="medium_entropy"):
        system.entropy_production_rate()


@pytest.mark.parametrize(
    ("dim", "T", "smallest"), [(3, 1.0, -0.414), (5, 2.0, -0.449), (8, 3.0, -0.255), (2, 1.0, 0.0)]
)
def test_noise_of_negative_variance_is_refused_with_its_eigenvalue(dim, T, smallest):
    sides = np.full(dim - 1, -(T**0.5))
    D = T * np.eye(dim) + np.diag(sides, 1) + np.diag(sides, -1)
    assert np.linalg.eigvalsh(D)[0] == pytest.approx(smallest, abs=6e-4)
    with pytest.raises(ValueError, match="not positive definite.*take T above") as error:
        NonlinearForce(dim=dim, T=T)
    said = float(str(error.value).split("eigenvalue is ")[1].split(";")[0])
    assert said == pytest.approx(smallest, abs=6e-4)


@pytest.mark.parametrize("dim", range(2, 9))
def test_four_is_a_temperature_for_every_dimension(dim):
    assert torch.linalg.eigvalsh(NonlinearForce(dim=dim, T=4.0).D)[0] > 0


# Noise that depends on the place


@pytest.mark.parametrize(("T", "T0", "k"), [(5.0, 2.0, 2.0), (1.0, 5.0, 1.0)])
def test_second_moments_of_the_inhomogeneous_chain_are_in_balance(T, T0, k):
    """0 = ⟨x_i Φ_j + x_j Φ_i⟩ + 2⟨D_ij⟩ holds for every stationary law; the grid is 0.3 % off."""
    system = InhomogeneousDiffusion(T=T, T0=T0, k=k)
    x, p = (torch.from_numpy(part) for part in system._laws[1])
    flow = x[..., None] * system.drift(x)[..., None, :]
    balance = torch.tensordot(p, flow + flow.mT + 2 * system.diffusion(x))
    assert balance.abs().max() < 0.003 * 2 * T


@pytest.mark.slow
def test_noise_that_depends_on_the_place_drives_a_chain_of_two(generator):
    """Grid against paths, K standard errors; with noise that is everywhere the same, nothing flows."""
    system = InhomogeneousDiffusion()
    exact = system.entropy_production_rate()
    data = simulate(system, 400, 4000, 0.001, generator=generator, start=0.0, burn_in=4000)
    rate, error = rate_and_error(system.entropy_production(data), data.dt)
    assert exact > 0 and abs(rate - exact) < K * error
    assert abs(InhomogeneousDiffusion(T0=0.0).entropy_production_rate()) < 1e-9


# Two wells


def test_two_wells_are_in_equilibrium():
    """No current: F p = D p′; and p is a density."""
    system = DoubleHump()
    x = torch.linspace(-4, 4, 81, dtype=torch.float64)[:, None].requires_grad_()
    p = system.density(x)
    (slope,) = torch.autograd.grad(p.sum(), x)
    torch.testing.assert_close(system.force(x) * p, system.diffusion(x)[..., 0] * slope)
    assert quad(lambda x: system.density(torch.tensor(x)).item(), -8, 8)[0] == pytest.approx(1)
    torch.testing.assert_close(system.drift(torch.tensor([[system.well]])), torch.zeros(1, 1))
    assert system.entropy_production_rate() == 0
    assert not system.entropy_production(Trajectories(torch.rand(2, 5, 1), 0.1)).any()


def test_stationary_states_lie_where_the_density_says(generator):
    """Also after a time of 2 with steps of 0.002: K standard errors, and 0.005 for the step."""
    system, n = DoubleHump(), 20_000
    places = (-2.0, -1.0, 0.0, 1.5)
    below = [quad(lambda x: system.density(torch.tensor(x)).item(), -8, a)[0] for a in places]
    states = simulate(system, n, 1000, 0.002, generator=generator, every=1000).x[..., 0]
    for i, bias in ((0, 0.0), (1, 0.005)):
        seen = [(states[:, i] < a).double().mean().item() for a in places]
        assert seen == pytest.approx(below, abs=sigmas(4) * 0.5 / n**0.5 + bias)


def test_mean_first_passage_time_solves_its_differential_equation():
    """D T″ + Φ T′ = −1 with T(target) = 0, by finite differences on 4000 points: 12.39."""
    system = DoubleHump()
    x = torch.linspace(-6, system.well, 4001, dtype=torch.float64)[:, None]
    h = (x[1] - x[0]).item()
    D, drift = system.diffusion(x)[:-1, 0, 0].numpy(), system.drift(x)[:-1, 0].numpy()
    up, down = D / h**2 + drift / (2 * h), D / h**2 - drift / (2 * h)
    bands = np.stack((np.roll(up, 1), -(up + down), np.roll(down, -1)))
    bands[0, 1] += down[0]  # a mirror at −6, where nobody comes
    T = solve_banded((1, 1), bands, -np.ones(len(D)))
    i = int(np.argmin(np.abs(x[:-1, 0].numpy() + 1)))
    assert system.mean_first_passage_time(x[i].item(), system.well) == pytest.approx(T[i], rel=1e-4)
    assert system.mean_first_passage_time(-system.well, system.well) == pytest.approx(
        12.39, abs=0.005
    )
    assert np.interp(-system.well, x[:-1, 0].numpy(), T) == pytest.approx(12.39, abs=0.005)
    assert system.mean_first_passage_time(1.0, -0.5) == pytest.approx(
        system.mean_first_passage_time(-1.0, 0.5)
    )


def test_what_makes_no_sense_is_refused():
    for system in (NonlinearForce, InhomogeneousDiffusion):
        with pytest.raises(ValueError, match="dim must be an integer of at least 2"):
            system(dim=1)
        with pytest.raises(ValueError, match="k must be positive"):
            system(k=0.0)
    with pytest.raises(ValueError, match="T0"):
        InhomogeneousDiffusion(T0=-1.0)
    with pytest.raises(ValueError, match="alpha"):
        NonlinearForce(alpha=float("inf"))
    with pytest.raises(ValueError, match=r"target must lie in \(-7, 7\), got 9"):
        DoubleHump().mean_first_passage_time(-2.0, 9.0)
