"""What the study of page 17 judges by: places outside, numbers that follow from an equation, a learned neuron."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from stochphys.course.studies.learned_neuron import infer_neuron
from stochphys.course.studies.paper_numbers import counted, current, cycles, spikes, swings
from stochphys.course.studies.paper_systems import CASES, SETTINGS, beyond, exact, paper_system
from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import BayesianRegression, nmse
from stochphys.simulators import simulate
from stochphys.systems import CarnotEngine, ThermalMotor


def test_beyond_is_outside_in_each_direction_and_keeps_the_time():
    g = make_generator(0)
    x = torch.randn(500, 3, generator=g, dtype=torch.float64) * torch.tensor([1.0, 20.0, 1.0])
    x[:, 1] += 5 * x[:, 0]
    out = beyond(x, 2, g)
    middle, root = x[:, :2].mean(0), torch.linalg.cholesky(torch.cov(x[:, :2].T))
    near, far = (torch.linalg.solve(root, (z[:, :2] - middle).T).norm(dim=0) for z in (x, out))
    assert (far > 1.14 * near.max()).all() and (far < 1.61 * near.max()).all()
    assert torch.equal(out[:, 2], x[:, 2])


def test_the_current_on_a_ring_is_that_of_the_motor():
    for T_1 in (0.0, 1.0, -1.5):
        motor = ThermalMotor(T_1=T_1)
        x = torch.linspace(0, motor.period, 4001, dtype=torch.float64)
        drift, D = motor.drift(x[:, None], 0.0).T, motor.diffusion(x)[None]
        assert current(x, drift, D).item() == pytest.approx(motor.current(), abs=2e-3)


class Sure:
    """A belief with one function only."""

    def __init__(self, f: Any) -> None:
        self.f = f

    def sample(self, draws: int, *, generator: torch.Generator) -> Any:
        return lambda x: self.f(x).expand(draws, *x.shape[1:-1], -1)


def test_an_engine_that_is_known_has_its_work_and_its_efficiency():
    """Whose drift and D are given as functions of (x, v, t), as a network gives them."""
    engine = CarnotEngine(50.0)

    def drift(x: Tensor) -> Tensor:
        return -engine.stiffness(x[..., 2:]) * x[..., :1] - engine.gamma * x[..., 1:2]

    def sample(draws: int, *, generator: torch.Generator) -> Any:
        return lambda x: (engine.gamma * engine.temperature(x[..., 2:]))[..., None]

    known: Any = SimpleNamespace(drift=Sure(drift), diffusion=SimpleNamespace(sample=sample))
    found, truth = cycles(known, 50.0, 1, make_generator(0)), engine.cycle()
    assert found.efficiency[0] == pytest.approx(truth.efficiency, rel=2e-3)
    assert found.work_out[0] == pytest.approx(truth.work_out, rel=2e-3)


def test_swings_and_spikes_are_counted():
    t = torch.arange(1000) * 0.01
    wave = torch.stack((torch.sin(4 * torch.pi * t - 0.1), torch.sin(2 * torch.pi * t - 0.1)))
    assert swings(Trajectories(wave[..., None], 0.01)).tolist() == pytest.approx(
        [2.0, 1.0], abs=0.1
    )
    V = 100 * torch.sin(2 * torch.pi * t)[None, :, None].repeat(3, 1, 4)
    assert spikes(Trajectories(V, 0.01)).tolist() == pytest.approx([1000.0] * 3, rel=0.02)


def test_two_paths_of_each_draw_tell_what_is_not_known_from_chance():
    """Draws whose count is their own number, without any chance: the interval holds 95 % of them."""
    g = make_generator(0)
    rate = torch.randn(100, generator=g, dtype=torch.float64)

    def draw(draws: int, *, generator: torch.Generator) -> Any:
        return CASES["force_2"].system

    told = counted(
        "rate", lambda paths: rate, 0.1, SimpleNamespace(draw=draw), 0.0, torch.zeros(5, 2), g
    )
    assert told.high - told.low == pytest.approx(2 * 1.96 * 1.01**0.5 * rate.std().item(), rel=0.01)


@pytest.mark.slow
def test_true_fields_of_each_system_are_asked_at_states_of_its_films():
    for name in ("force_2", "oscillator_uneven", "engine", "motor"):
        case = CASES[name]
        film = case.film(1, make_generator(0), frames=30)
        x, inertia = case.states(film), case.options.get("underdamped", False)
        noisy = slice(1, 2) if inertia else slice(0, case.system.dim)
        assert exact(case, "drift", x, noisy).shape == (len(x), noisy.stop - noisy.start)
        assert (exact(case, "diffusion", x, noisy).diagonal(dim1=1, dim2=2) > 0).all()


def test_a_setting_names_a_system_and_a_method():
    assert {setting["system"] for setting in SETTINGS} == set(CASES)
    with pytest.raises(KeyError):
        paper_system("pendulum", "network", seed=0)


@pytest.mark.slow
def test_a_learned_neuron_moves_like_one():
    """By regression, which needs a second; the gates are right, and a drawn neuron can be simulated."""
    case, g = CASES["neuron"], make_generator(0)
    film = case.film(40, g, frames=1000)
    found = infer_neuron(film, drift=BayesianRegression(), generator=g)
    x = case.states(film)
    assert nmse(found.drift.mean(x), case.system.drift(x, 0.0)[:, 1:]) < 0.1
    assert found.diffusion.mean(x)[0, 0, 0].item() == pytest.approx(case.system.T, rel=0.02)
    drawn = found.draw(3, generator=g)
    paths = simulate(drawn, 3, 100, 0.01, generator=g, start=film.x[:3, -1], dtype=torch.float64)
    assert paths.x[..., 1:].min() >= 0 and paths.x[..., 1:].max() <= 1
