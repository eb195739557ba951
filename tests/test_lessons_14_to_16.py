"""What notebooks 14, 15 and 16 write out by hand is what the package does: conductances, the moments
of a cycle, and passage times draw by draw."""

from collections.abc import Callable
from dataclasses import astuple

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from stochphys.course.studies.neuron import infer_conductances
from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import BayesianRegression, infer_langevin, mean_first_passage_time
from stochphys.simulators import simulate
from stochphys.systems import CarnotEngine, DoubleHump, HodgkinHuxley
from tests.lesson import inline

# Conductances of the neuron


@pytest.fixture(scope="module")
def conductances() -> Callable:
    return inline("14_neuron", "conductances", torch=torch).conductances


@pytest.fixture(scope="module")
def spikes() -> Trajectories:
    neuron = HodgkinHuxley()
    start = neuron.resting_state().repeat(20, 1)
    start[:, 0] += torch.arange(20)
    return simulate(neuron, 20, 5000, 0.002, start=start, generator=make_generator(0), every=5)


@pytest.mark.parametrize(("rule", "both_ends"), [("start", False), ("midpoint", True)])
def test_the_inline_regression_is_infer_conductances(
    rule: str, both_ends: bool, conductances: Callable, spikes: Trajectories
) -> None:
    g, E = conductances(spikes.x, spikes.dt, both_ends)
    package = torch.tensor(astuple(infer_conductances(spikes, rule=rule))[:6], dtype=torch.float64)
    torch.testing.assert_close(torch.stack((g, E), dim=1).flatten(), package, rtol=1e-7, atol=1e-7)


def test_the_two_rules_differ(conductances: Callable, spikes: Trajectories) -> None:
    """So that the test above would notice a lesson that takes the wrong one."""
    start, both = (conductances(spikes.x, spikes.dt, ends)[0][0] for ends in (False, True))
    assert abs(start - both) > 0.1


# A cycle of the engine


@pytest.fixture(scope="module")
def one_cycle() -> Callable:
    return inline("15_engines", "one_cycle", np=np, solve_ivp=solve_ivp).one_cycle


@pytest.mark.parametrize("tau", [5.0, 20.0, 50.0])
def test_the_inline_moments_are_those_of_the_package(one_cycle: Callable, tau: float) -> None:
    """Work, heat and ⟨x²⟩ at the ends of all strokes; one integrates κ′s, the other energy less heat."""
    engine = CarnotEngine(tau)
    t, (s, c, w, work, heat) = one_cycle(engine)
    exact = engine.cycle()
    np.testing.assert_allclose(np.diff(work[::50]), exact.work, atol=2e-3)
    np.testing.assert_allclose(np.diff(heat[::50]), exact.heat, atol=2e-3)
    for i in (0, 50, 110):
        C = engine.covariance(t[i]).numpy()
        np.testing.assert_allclose([s[i], w[i]], np.diagonal(C), rtol=1e-3)
    assert s[0] == pytest.approx(s[-1], rel=1e-4)  # periodic


def test_an_engine_that_is_one_per_cent_too_hot_is_noticed(one_cycle: Callable) -> None:
    class Wrong(CarnotEngine):
        def temperature(self, t: float) -> float:
            return 1.01 * super().temperature(t)

    _, moments = one_cycle(Wrong(20.0))
    exact = CarnotEngine(20.0).cycle()
    assert abs(moments[3][-1] + exact.work_out) > 5e-3


# Passage times


@pytest.mark.parametrize(("reach", "agree"), [(1.0, True), (0.5, False)])
def test_the_inline_times_are_those_of_the_package(reach: float, agree: bool) -> None:
    """The same draws, by running sums and by trapezoids: 2 % apart, the step of the sums. Times to
    half of the way are not."""
    passage_times = inline("16_predictions", "passage_times", torch=torch).passage_times
    film = simulate(DoubleHump(), 4, 10_000, 0.01, generator=make_generator(0))
    motion = infer_langevin(film, generator=make_generator(0), diffusion=BayesianRegression())
    well = DoubleHump().well
    ours = passage_times(motion, -well, reach * well, 50, make_generator(1))
    package = mean_first_passage_time(motion, -well, well, generator=make_generator(1), draws=50)
    assert torch.allclose(ours, package.draws, rtol=0.02, atol=0) == agree
