"""Stirred potentials: the stationary law, the entropy of a step, and where linear estimators end."""

import math

import pytest
import torch
from scipy.integrate import dblquad, quad

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import (
    gaussian_plugin,
    infer_entropy_production,
    integral_fluctuation_theorem,
    short_time_tur,
)
from stochphys.simulators import Linear, simulate
from stochphys.systems import Stirred, StirredDoubleWell
from tests.chance import K, rate_and_error, sigmas

DT = 0.005


@pytest.fixture
def generator():
    return make_generator(22)


class Bowl(Stirred):
    """U = |x|²/2: a linear system, for which all is known in another way too."""

    def energy(self, x):
        return x.square().sum(-1) / 2

    def gradient(self, x):
        return x


def test_rate_of_the_double_well_is_the_published_number():
    assert StirredDoubleWell().entropy_production_rate() == pytest.approx(6.993, abs=0.0005)
    assert StirredDoubleWell(alpha=0.0).entropy_production_rate() == 0
    assert StirredDoubleWell(alpha=-2.0).entropy_production_rate() == pytest.approx(4 * 6.993, 1e-4)


@pytest.mark.parametrize(("alpha", "T"), [(1.0, 1.0), (2.0, 0.3), (0.5, 4.0)])
def test_rate_is_the_mean_square_of_the_stirring_over_temperature(alpha, T):
    """α²⟨|J∇U|²⟩/T by quadrature over the plane, without the integration by parts of the formula."""

    def average(function):
        def density(y, x):
            return math.exp(-((x * x - 1) ** 2 + y * y / 2) / T)

        top = 8 * math.sqrt(T)
        return dblquad(lambda y, x: function(x, y) * density(y, x), -5, 5, -top, top)[0]

    square = average(lambda x, y: (4 * x * (x * x - 1)) ** 2 + y * y) / average(lambda x, y: 1.0)
    exact = StirredDoubleWell(alpha=alpha, T=T).entropy_production_rate()
    assert exact == pytest.approx(alpha**2 * square / T, rel=1e-6)


@pytest.mark.parametrize("n", [2, 3, 6])
def test_gradient_is_the_derivative_of_the_energy_and_stirring_does_no_work_on_it(n, generator):
    system = StirredDoubleWell(n_coordinates=n, alpha=1.7)
    x = torch.randn(50, n, generator=generator, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(system.energy(x).sum(), x)
    torch.testing.assert_close(system.gradient(x), slope)
    nu = system.mean_local_velocity(x)
    torch.testing.assert_close((nu * slope).sum(-1), torch.zeros(50, dtype=torch.float64))
    torch.testing.assert_close(system.drift(x, 0.0), nu - slope)


@pytest.mark.parametrize("T", [0.2, 1.0, 5.0])
def test_stationary_states_follow_the_boltzmann_law(T, generator):
    system = StirredDoubleWell(n_coordinates=3, T=T)
    n = 100_000
    x = system.sample_stationary(n, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(x[:, 1:].var(0), torch.full((2,), T).double(), rtol=0.02, atol=0)

    def weight(x):
        return math.exp(-((x * x - 1) ** 2) / T)

    total = quad(weight, -6, 6, points=[-1, 1], limit=200)[0]
    below = [quad(weight, -6, a, points=[-1], limit=200)[0] / total for a in (-1.0, 0.0, 0.5, 1.2)]
    seen = [(x[:, 0] < a).double().mean().item() for a in (-1.0, 0.0, 0.5, 1.2)]
    assert seen == pytest.approx(below, abs=sigmas(4) * 0.5 / n**0.5)  # K standard errors


@pytest.mark.parametrize("n", [2, 5])
def test_simulation_stays_in_the_stationary_state_and_produces_what_the_formula_says(n, generator):
    """Midpoint entropy of Heun's paths at dt = 0.001: K standard errors, and 1 % for dt."""
    system = StirredDoubleWell(n_coordinates=n)
    data = simulate(system, 2000, 1000, 0.001, generator=generator, scheme="heun")
    rate, error = rate_and_error(system.entropy_production(data, "midpoint"), data.dt)
    exact = system.entropy_production_rate()
    assert abs(rate - exact) < K * error + 0.01 * exact
    assert error < 0.03 * exact
    variance = data.x[:, -1].var(0).double()
    square = (system.entropy_production_rate() - 2 * (n - 2) - 1 + 4) / 12  # ⟨x₁²⟩
    expected = torch.tensor([square, *[1.0] * (n - 1)]).double()
    torch.testing.assert_close(variance, expected, rtol=sigmas(n) * (2 / 2000) ** 0.5, atol=0)


def test_entropy_of_a_linear_bowl_is_that_of_the_linear_system(generator):
    J = torch.tensor([[0.0, 1, 0], [-1, 0, 2], [0, -2, 0]])
    bowl = Bowl(J, alpha=0.7, T=1.5)
    linear = Linear(0.7 * bowl.J - torch.eye(3), 1.5 * torch.eye(3))
    data = simulate(linear, 500, 200, 0.02, generator=generator, scheme="euler")
    data = Trajectories(data.x.double(), data.dt)
    ours, theirs = (s.entropy_production(data, "midpoint") for s in (bowl, linear))
    torch.testing.assert_close(ours, theirs)
    # The chain's own law of x differs from e^(−U/T) by terms of order dt: 10⁻⁴ of the mean here.
    ours, theirs = (s.entropy_production(data, "euler") for s in (bowl, linear))
    assert (ours - theirs).std() < 0.05 * theirs.std()
    difference, error = rate_and_error(ours - theirs, data.dt)
    rate = rate_and_error(theirs, data.dt)[0]
    assert abs(difference) < K * error + 3e-4 * rate


def test_log_ratio_of_the_euler_chain_satisfies_the_integral_theorem(generator):
    """At dt = 0.01 the midpoint rule is 3 % off step by step, the log-ratio of the chain is not."""
    system = StirredDoubleWell()
    data = simulate(system, 2000, 500, 0.01, generator=generator)
    exact, midpoint = (
        system.entropy_production(data, scheme).double() for scheme in ("euler", "midpoint")
    )
    for steps in (1, 10):
        theorem = integral_fluctuation_theorem(exact, generator=generator, steps=steps)
        assert abs(theorem.mean - 1) < K / 3.92 * (theorem.high - theorem.low)
    agreement = torch.corrcoef(torch.stack((exact.flatten(), midpoint.flatten())))[0, 1] ** 2
    assert 0.95 < agreement < 0.985
    # The chain produces 0.75 % more than the continuous process (7.045 ± 0.009, measured at length).
    rate, error = rate_and_error(exact, data.dt)
    assert abs(rate - 1.0075 * system.entropy_production_rate()) < K * error


def test_what_makes_no_sense_is_refused():
    for J in (torch.eye(2), torch.zeros(2, 3)):
        with pytest.raises(ValueError, match="Jᵀ = −J"):
            Bowl(J)
    with pytest.raises(ValueError, match="T must be positive"):
        StirredDoubleWell(T=0.0)
    with pytest.raises(ValueError, match="finite"):
        StirredDoubleWell(alpha=math.inf)
    with pytest.raises(ValueError, match="at least 2"):
        StirredDoubleWell(n_coordinates=1)
    data = Trajectories(torch.zeros(1, 2, 2), DT)
    with pytest.raises(ValueError, match="scheme must be one of euler, midpoint, got 'exact'"):
        StirredDoubleWell().entropy_production(data, "exact")


@pytest.fixture(scope="module")
def steps():
    """2·10⁶ steps of the stirred double well."""
    return simulate(StirredDoubleWell(), 1000, 2000, DT, generator=make_generator(1))


def test_linear_estimators_see_a_third_and_say_that_they_are_sure(steps, generator):
    """By moments of the stationary law the continuous limits are 2.27 and 2.29 of 6.993."""
    system = StirredDoubleWell()
    tur, plugin = short_time_tur(steps, generator=generator), gaussian_plugin(steps)
    for estimate, limit in ((tur, 2.27), (plugin, 2.29)):
        assert abs(estimate.rate - limit) < K * estimate.std + 0.05 * limit
        assert estimate.std < 0.03 * limit
        comparison = estimate.compare(system, "euler")
        assert comparison.ratio < 0.4 and comparison.r_squared < 0.4


def test_a_cubic_basis_holds_the_force_and_sees_nine_tenths(steps, generator):
    """The rest is dt: 2⟨h⟩ − Var(h)/2 of the exact ΔS itself loses as much."""

    def cubic(x):
        powers = [x[..., 0] ** i * x[..., 1] ** j for i in range(4) for j in range(4 - i)]
        return torch.stack(powers, dim=-1)

    exact = StirredDoubleWell().entropy_production(steps, "euler").double()
    best = 2 * exact.mean() ** 2 / exact.var() / DT
    bound = short_time_tur(steps, generator=generator, basis=cubic)
    assert abs(bound.rate - best) < K * bound.std
    comparison = bound.compare(StirredDoubleWell(), "euler")
    assert 0.85 < comparison.ratio < 0.95 and comparison.r_squared > 0.98


@pytest.mark.slow
def test_a_network_finds_the_entropy_of_the_nonlinear_state(steps, generator):
    result = infer_entropy_production(
        steps, generator=generator, members=3, steps=1000, lr=2e-2, progress=False
    )
    comparison = result.compare(StirredDoubleWell(), "euler")
    assert abs(comparison.ratio - 1) < 0.03
    assert comparison.r_squared >= 0.98
