"""The motor of Büttiker and Landauer: its current with and without inertia, and where its heat goes."""

from collections.abc import Callable
from dataclasses import replace
from math import pi, sqrt

import numpy as np
import pytest
import torch
from torch import Tensor

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import BayesianRegression, infer_langevin
from stochphys.simulators import simulate
from stochphys.systems import ThermalMotor, UnderdampedThermalMotor
from tests.chance import K


def revolutions(data: Trajectories, period: float) -> tuple[float, float]:
    """Current and its standard error."""
    rate = (data.position[:, -1, 0] - data.position[:, 0, 0]).double() / (data.duration * period)
    return rate.mean().item(), rate.std().item() / len(rate) ** 0.5


def test_density_and_current_solve_the_equation_of_the_current() -> None:
    """J = (F p − (T p)′)/γ is the same at all places, p is periodic, positive and normalised."""
    motor = ThermalMotor(k=3.0, period=4.0, T_0=2.0, T_1=1.2, gamma=1.7)
    x, h = np.linspace(0.1, 3.9, 381), 1e-3
    x = x[np.abs(x - 2) > 0.01]  # the force jumps there
    heat = [motor.temperature(y) * motor.density(y) for y in (x - h, x + h)]
    force = motor.force(torch.as_tensor(x)).numpy()
    flux = (force * motor.density(x) - (heat[1] - heat[0]) / (2 * h)) / motor.gamma
    np.testing.assert_allclose(flux, motor.current(), rtol=1e-3)
    grid = np.linspace(0, 4, 4001)
    p = motor.density(grid)
    assert p.min() > 0 and p[0] == pytest.approx(p[-1])
    assert np.trapezoid(p, grid) == pytest.approx(1, abs=1e-5)


def test_current_has_the_known_limits() -> None:
    r"""None in equilibrium, odd in $T_1$; to first order in it, the bias $-\int F/T$ over the
    period is $-(kT_1/T_0^2)\,2L/\pi$, and $J = -T_0\,\text{bias}/\gamma\int e^{U/T_0}\int e^{-U/T_0}$."""
    assert ThermalMotor(T_1=0.0).current() == 0
    assert ThermalMotor(T_1=-0.5).current() == pytest.approx(-ThermalMotor(T_1=0.5).current())
    motor = ThermalMotor(T_1=1e-3)
    bias = motor.k * motor.T_1 / motor.T_0**2 * 2 * motor.period / pi
    up = motor.T_0 / motor.k * 2 * np.expm1(motor.k * motor.period / 2 / motor.T_0)
    down = -motor.T_0 / motor.k * 2 * np.expm1(-motor.k * motor.period / 2 / motor.T_0)
    expected = bias * motor.T_0 / (motor.gamma * up * down)
    assert motor.current() == pytest.approx(expected, rel=2e-3)


def test_simulated_current_is_that_of_the_quadrature() -> None:
    """K standard errors of 4000 paths; stationary from the start."""
    motor, generator = ThermalMotor(), make_generator(0)
    data = simulate(motor, 4000, 2000, 0.01, generator=generator, every=100)
    current, error = revolutions(data, motor.period)
    assert abs(current - motor.current()) < K * error and current > 20 * error
    place = torch.remainder(data.x, motor.period).flatten().numpy()
    edges = np.linspace(0, 5, 11)
    share = np.histogram(place, edges)[0] / place.size
    fine = np.linspace(0, 5, 5001)
    exact = motor.density(fine)[:-1].reshape(10, -1).mean(1) * 0.5
    np.testing.assert_allclose(
        share, exact, atol=0.006
    )  # 3 std of a share of 0.2 of 4000 paths, /3


class MobilityRing(ThermalMotor):
    """The other reading of the same D(x): one temperature, a mobility that depends on place."""

    def drift(self, x: Tensor, t: float) -> Tensor:
        slope = 2 * pi / self.period * self.T_1 * torch.cos(2 * pi / self.period * x) / self.gamma
        return self.diffusion(x) / self.T_0 * self.force(x) + slope


def test_a_mobility_that_depends_on_place_drives_nothing() -> None:
    """D = μ(x)T with the same D: drift μF + D′, equilibrium, no current within K standard errors."""
    data = simulate(MobilityRing(), 4000, 2000, 0.01, generator=make_generator(1), every=2000)
    current, error = revolutions(data, 5.0)
    assert abs(current) < K * error
    assert abs(current - ThermalMotor().current()) > 10 * error


@pytest.mark.slow
def test_current_with_inertia_tends_to_that_without() -> None:
    """The lack falls in proportion to the mass, 0.2 m here; K standard errors beside it."""
    for mass, dt in ((0.1, 0.005), (0.02, 0.001)):
        motor = UnderdampedThermalMotor(mass=mass)
        data = simulate(
            motor, 3000, round(10 / dt), dt, generator=make_generator(2), burn_in=200, every=100
        )
        current, error = revolutions(data, motor.period)
        exact = motor.overdamped.current()
        assert abs(current - exact) < K * error + 0.22 * mass
        assert abs(current - exact + 0.2 * mass) < K * error


@pytest.mark.slow
@pytest.mark.parametrize("k", [0.0, 2.0])
def test_heat_leaks_even_where_paths_show_none(k: float) -> None:
    """For m → 0 the hot half gives what climbs and what kinetic energy carries; the rest of order
    √m is below 15 % at m = 0.02. Without a potential nothing climbs, and the leak is all there is."""
    motor = UnderdampedThermalMotor(k=k, mass=0.02)
    data = simulate(motor, 3000, 10_000, 0.001, generator=make_generator(3), burn_in=200)
    heat = motor.hot_heat(data) / data.duration
    error = heat.std().item() / len(heat) ** 0.5
    climbing = motor.overdamped.climbing_heat_rate()
    expected = climbing + motor.overdamped.kinetic_heat_rate()
    assert abs(heat.mean() - expected) < K * error + 0.15 * expected
    assert heat.mean() - climbing > 10 * error


def test_heat_leak_without_potential_is_half_of_the_entropy_integral() -> None:
    r"""Free particle: p ∝ 1/T, so the leak through both ends is $T'(0)\,p(0)\,T_0/\gamma$ with
    $p(0)T_0 = \sqrt{T_0^2 - T_1^2}/L$."""
    motor = ThermalMotor(k=0.0, period=3.0, T_0=2.0, T_1=1.0, gamma=0.5)
    slope = 2 * pi * motor.T_1 / motor.period
    exact = slope * sqrt(motor.T_0**2 - motor.T_1**2) / motor.period / motor.gamma
    assert motor.kinetic_heat_rate() == pytest.approx(exact, rel=1e-6)


def test_heat_of_the_underdamped_motor_is_the_change_of_energy() -> None:
    motor = UnderdampedThermalMotor()
    data = simulate(motor, 5, 400, 0.005, generator=make_generator(4), dtype=torch.float64)
    energy = motor.energy(data.x[..., 0]) + motor.mass * data.x[..., 1] ** 2 / 2
    torch.testing.assert_close(motor.heat(data), energy.diff(dim=1))
    x = torch.linspace(-7, 7, 57, dtype=torch.float64) + 0.01
    slope = (motor.energy(x + 1e-6) - motor.energy(x - 1e-6)) / 2e-6
    torch.testing.assert_close(motor.force(x), -slope, rtol=1e-6, atol=1e-6)


def test_heat_without_velocities_is_refused_with_the_reason() -> None:
    motor = ThermalMotor()
    data = simulate(motor, 2, 10, 0.01, generator=make_generator(5))
    with pytest.raises(
        ValueError, match=r"kinetic energy carries 0\.722 .* UnderdampedThermalMotor"
    ):
        motor.heat(data)


def test_temperatures_are_positive() -> None:
    with pytest.raises(
        ValueError, match=r"T_1 must lie in \(-2.0, 2.0\), got 2.0; smaller than T_0 = 2"
    ):
        ThermalMotor(T_1=2.0)
    with pytest.raises(ValueError, match="gamma must be positive"):
        ThermalMotor(gamma=0.0)
    with pytest.raises(ValueError, match="gamma must be positive"):
        UnderdampedThermalMotor(gamma=0.0)
    with pytest.raises(ValueError, match="period must be positive"):
        replace(UnderdampedThermalMotor(), period=-1.0)


def test_a_motor_shows_its_friction_and_its_mass() -> None:
    assert "gamma=1.7" in repr(ThermalMotor(gamma=1.7))
    assert "mass=0.3, gamma=1.7" in repr(UnderdampedThermalMotor(mass=0.3, gamma=1.7))


def waves(order: int, period: float) -> Callable[[Tensor], Tensor]:
    """A basis of one's own: 1, and cos and sin of 2πmx/period for m up to `order`."""

    def features(x: Tensor) -> Tensor:
        angle = x * (2 * pi / period * torch.arange(1, order + 1))
        return torch.cat((torch.ones_like(x), angle.cos(), angle.sin()), -1)

    return features


@pytest.mark.slow
def test_drift_and_diffusion_of_the_motor_are_inferred() -> None:
    """Fourier series on 2000 time units, mean of three seeds. The force jumps, which leaves a few
    per cent of it over at the two bends; away from them intervals are honest: 0.93 of them hold,
    and 0.91 of those of D, with 0.02 and 0.045 for the spread of such a mean, K of which are allowed.
    Errors are 0.076 ± 0.009, 0.032 ± 0.005 away from the bends, and (2.1 ± 0.7)·10⁻⁴ of D: over fifteen seeds."""
    motor, errors, held = ThermalMotor(), [], []
    x = torch.linspace(0, 5, 201, dtype=torch.float64)[:-1, None]
    away = (torch.remainder(x[:, 0] + 0.25, 2.5) > 0.5).nonzero()[:, 0]
    for seed in range(3):
        generator = make_generator(seed)
        data = simulate(motor, 20, 50_000, 0.002, generator=generator, every=5)
        found = infer_langevin(
            data,
            generator=generator,
            drift=BayesianRegression(waves(16, motor.period)),
            diffusion=BayesianRegression(waves(4, motor.period)),
        )
        everywhere, smooth = found.compare(motor, x), found.compare(motor, x[away])
        errors.append((everywhere.drift_nmse, smooth.drift_nmse, everywhere.diffusion_nmse))
        held.append((smooth.drift_coverage, everywhere.diffusion_coverage))
    drift, drift_away, diffusion = torch.tensor(errors).mean(0)
    covered = torch.tensor(held).mean(0)
    assert drift < 0.11 and drift_away < 0.046 and diffusion < 5e-4
    luck = K * torch.tensor([0.02, 0.045])
    assert ((covered - torch.tensor([0.93, 0.91])).abs() < luck).all()
