"""The Carnot engine of one particle: its exact cycle, its trajectories, and the engine inferred."""

from math import log, sqrt

import numpy as np
import pytest
import torch

from stochphys import course
from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.simulators import simulate
from stochphys.systems import CarnotEngine
from stochphys.systems.engine import cycle_of
from stochphys.systems.engine_inference import AROUND, CycleBasis, equation_behind, infer_engine
from tests.chance import K, sigmas


@pytest.mark.parametrize(
    ("tau", "efficiency", "work_out"),
    [(20.0, 0.2198, 1.75), (50.0, 0.3497, 3.09), (100.0, 0.3879, 3.56), (400.0, 0.414, 3.91)],
)
def test_efficiency_and_work_of_the_exact_cycle(
    tau: float, efficiency: float, work_out: float
) -> None:
    """Values of an independent integration of the moment equations, to their last digit."""
    cycle = CarnotEngine(tau).cycle()
    assert cycle.efficiency == pytest.approx(efficiency, rel=0.002)
    assert cycle.work_out == pytest.approx(work_out, rel=0.003)


@pytest.mark.slow
def test_the_slow_engine_is_carnots() -> None:
    r"""$\eta = \eta_C - O(1/\tau)$: the rest halves when τ doubles. Work tends to (T_h − T_c) ln √3."""
    slow, slower = CarnotEngine(400.0), CarnotEngine(800.0)
    eta_C = 1 - 1 / sqrt(3)
    assert slow.carnot_efficiency == pytest.approx(eta_C)
    limit = 2 * slower.cycle().efficiency - slow.cycle().efficiency
    assert limit == pytest.approx(eta_C, abs=5e-4)
    work = 2 * slower.cycle().work_out - slow.cycle().work_out
    assert work == pytest.approx((slow.T_h - slow.T_c) * log(sqrt(3)), rel=2e-3)


def test_the_engine_breaks_even_at_tau_10_7() -> None:
    assert CarnotEngine(10.6).cycle().work_out < 0 < CarnotEngine(10.8).cycle().work_out
    assert CarnotEngine(1.0).cycle().work_out == pytest.approx(-7.0, abs=0.05)


def test_protocol_is_continuous_and_adiabats_keep_T_squared_over_kappa() -> None:
    engine, t = CarnotEngine(8.0), np.linspace(0, 8, 8001)
    kappa, T = engine.stiffness(t), engine.temperature(t)
    assert kappa.min() == pytest.approx(40 / 9) and kappa.max() == pytest.approx(40)
    assert np.abs(np.diff(T)).max() < 0.02 and np.abs(np.diff(kappa)).max() < 0.05
    cold, up, hot, down = (slice(i, i + 2000) for i in range(0, 8000, 2000))
    np.testing.assert_allclose(T[cold], 10)
    np.testing.assert_allclose(T[hot], engine.T_h)
    for adiabat in (up, down):
        np.testing.assert_allclose(
            T[adiabat] ** 2 / kappa[adiabat], T[adiabat][0] ** 2 / kappa[adiabat][0]
        )
    torch.testing.assert_close(engine.stiffness(torch.as_tensor(t)).numpy(), kappa)


def test_first_law_holds_on_average_and_in_each_step() -> None:
    engine = CarnotEngine(20.0)
    cycle = engine.cycle()
    assert cycle.work.sum() + cycle.heat.sum() == pytest.approx(0, abs=1e-5)
    generator = make_generator(0)
    data = simulate(engine, 10, 500, 0.01, generator=generator, dtype=torch.float64)
    kappa = engine.stiffness(data.times)
    energy = (kappa * data.x[..., 0] ** 2 + data.x[..., 1] ** 2) / 2
    torch.testing.assert_close(engine.work(data) + engine.heat(data), energy.diff(dim=1))


@pytest.mark.slow
def test_work_and_heat_of_trajectories_agree_with_the_moments() -> None:
    """Each within K standard errors of 4000 cycles, and 0.3 % of the heat for steps of 0.01."""
    engine, n, generator = CarnotEngine(20.0), 4000, make_generator(2)
    data = simulate(engine, n, 2000, 0.01, generator=generator)
    cycle = engine.cycle()
    strokes = {
        "work": (engine.work(data), cycle.work),
        "heat": (engine.heat(data), cycle.heat),
    }
    for name, (steps, exact) in strokes.items():
        each = steps.unflatten(1, (4, -1)).sum(-1, dtype=torch.float64)
        error = sigmas(each.shape[1]) * each.std(0) / n**0.5 + 0.003 * torch.as_tensor(
            np.abs(exact)
        )
        assert ((each.mean(0) - torch.as_tensor(exact)).abs() < error).all(), name
    work = strokes["work"][0].sum(1, dtype=torch.float64)
    assert abs(work.mean() + cycle.work_out) < K * work.std() / n**0.5
    assert (work > 0).double().mean() > 0.2  # single cycles often cost work


def test_the_state_stays_periodic() -> None:
    """After one period the covariance is that of the start, within K standard errors of √(2/n), and
    in the middle that of the moment equations: a step of 0.02 leaves κ dt²/4, 0.4 % (Euler: 10 %)."""
    engine, n = CarnotEngine(5.0), 20_000
    data = simulate(engine, n, 250, 0.02, generator=make_generator(3), every=125)
    for frame, t in ((0, 0.0), (1, 2.5), (2, 5.0)):
        C = torch.cov(data.x[:, frame].double().T)
        exact = engine.covariance(t)
        scale = exact.diagonal().outer(exact.diagonal()).sqrt()
        assert ((C - exact).abs() < (sigmas(C.numel()) * (2 / n) ** 0.5 + 0.004) * scale).all()


def test_numbers_that_make_no_engine_are_refused() -> None:
    with pytest.raises(ValueError, match="tau must be positive"):
        CarnotEngine(-1.0)
    with pytest.raises(ValueError, match="mass must be positive"):
        CarnotEngine(1.0, mass=0.0)


def test_many_engines_at_once_agree_with_the_exact_cycle() -> None:
    """Runge–Kutta with the steps that `cycles` takes, against the adaptive integration."""
    engine = CarnotEngine(20.0)
    t = np.linspace(0, 20, 2 * 800 + 1)
    k, T = engine.stiffness(t), engine.temperature(t)
    both = cycle_of(np.stack((k, k)), np.array([10.0, 10.0]), np.stack((T, 2 * T)), 1.0, 20.0)
    exact = engine.cycle()
    np.testing.assert_allclose(both.heat[0], exact.heat, atol=1e-5)
    np.testing.assert_allclose(
        both.efficiency, exact.efficiency, rtol=1e-5
    )  # twice as hot: the same
    np.testing.assert_allclose(both.work_out[1], 2 * exact.work_out, rtol=1e-5)


def test_the_clock_holds_the_protocol() -> None:
    """κ is a parabola in each stroke, hence exact; ln T bends on the adiabats: 0.2 % are left."""
    engine, t = CarnotEngine(20.0), torch.linspace(0, 20, 401, dtype=torch.float64)
    for degree, values, tolerance in (
        (2, engine.stiffness(t), 1e-9),
        (3, engine.temperature(t).log(), 2.5e-3),
    ):
        phi = CycleBasis(20.0, degree)(t[:, None])
        fitted = phi @ torch.linalg.lstsq(phi, values[:, None]).solution[:, 0]
        assert (fitted - values).abs().max() < tolerance
        torch.testing.assert_close(phi[0], phi[-1])


@pytest.mark.slow
@pytest.mark.parametrize("tau", [20.0, 50.0, 100.0])
def test_efficiency_of_the_inferred_engine_lies_in_its_band(tau: float) -> None:
    """5000 time units of (x, v) every 0.01: the truth lies within K of the std that is given, and the 95 % band is narrow."""
    engine, generator = CarnotEngine(tau), make_generator(1)
    data = simulate(
        engine, round(5000 / tau), round(tau / 0.005), 0.005, generator=generator, every=2
    )
    found = infer_engine(data, tau)
    eta = found.efficiency(generator=generator)
    assert abs(eta.against(engine.cycle().efficiency).error) < K, str(eta)
    assert eta.interval[1] - eta.interval[0] < 0.2
    t = torch.linspace(0, tau, 9)[:-1]
    kappa, gamma, T = found.coefficients(t, 200, generator=generator)
    for values, exact in (
        (kappa, engine.stiffness(t)),
        (gamma, torch.tensor(engine.gamma)),
        (T, engine.temperature(t)),
    ):
        assert (
            (values.mean(0) - exact).abs() < sigmas(exact.numel()) * values.std(0) + 0.004 * exact
        ).all()  # and what the basis has not


@pytest.mark.parametrize("dt", [0.01, 0.1])
def test_what_frames_show_of_a_linear_force_leads_back_to_it(dt: float) -> None:
    """From the matrix exponential of a step, and the covariance with which it leaves a thermal state alone."""
    t = torch.arange(AROUND, dtype=torch.float64) / AROUND
    k, g, T = (22 - 18 * torch.cos(2 * torch.pi * t))[None], torch.tensor([[10.0]]), (10 + t)[None]
    A = torch.zeros(AROUND, 2, 2, dtype=torch.float64)
    A[:, 0, 1], A[:, 1, 0], A[:, 1, 1] = 1, -k[0], -10
    P = torch.linalg.matrix_exp(A * dt)
    thermal = torch.diag_embed(torch.stack((T[0] / k[0], T[0]), dim=-1))
    noise = (thermal - P @ thermal @ P.mT)[:, 1, 1]
    seen = -P[:, 1, 0] / dt, (1 - P[:, 1, 1]).mean().view(1, 1) / dt, noise / (2 * dt)
    for found, exact in zip(equation_behind(*seen, dt), (k, g, T), strict=True):
        torch.testing.assert_close(found, exact.double().expand_as(found), rtol=1e-5, atol=0)


@pytest.mark.parametrize("tau", [20.0, 50.0, 100.0])
def test_bands_of_the_stored_study_hold_the_truth(tau: float) -> None:
    """30 runs: ± 2 std hold κ and T at 90 to 99 % of the times, γ and η in as many runs as 95 % leave, to
    K standard errors, and η on average to 2; frames taken for the equation do not."""
    setting = dict(tau=tau, scheme="baoab")
    runs = [row["result"] for row in course.stored("15_bands") if row["setting"] == setting]

    def held(key: str, read_to: str = "all orders") -> float:
        return float(np.mean([run[read_to][key] for run in runs]))

    assert 0.9 <= held("kappa") <= 0.99 and 0.9 <= held("T") <= 0.99
    for key in ("gamma_inside", "eta_inside"):
        assert held(key) > 0.95 - K * sqrt(0.95 * 0.05 / len(runs))
    eta = np.array([run["all orders"]["eta"] for run in runs])
    assert abs(eta.mean() - CarnotEngine(tau).cycle().efficiency) < 2 * eta.std() / sqrt(len(runs))
    assert held("T", "frames") < 0.01 and held("kappa", "frames") < 0.8


def test_frames_between_which_velocities_are_forgotten_are_refused() -> None:
    k, g = torch.full((1, AROUND), 0.01), torch.tensor([[1.2]])  # v' = −0.2 v
    with pytest.raises(ValueError, match="take frames closer than m/γ"):
        equation_behind(k, g, k, 1.0)


def test_what_is_no_engine_is_refused() -> None:
    x = torch.randn(3, 50, 2, generator=make_generator(0))
    for data in (Trajectories(x, 0.1), Trajectories(x.repeat(1, 1, 2), 0.1, underdamped=True)):
        with pytest.raises(ValueError, match="one position and one velocity"):
            infer_engine(data, 5.0)
