"""What the study of page 17 judges by: places outside, numbers that follow from an equation, a learned neuron."""

from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import pytest

pytest.importorskip("ipywidgets")  # the figures

import torch
from torch import Tensor

from stochphys.course.figures import fields
from stochphys.course.studies.learned_neuron import infer_neuron
from stochphys.course.studies.paper_numbers import counted, current, cycles, spikes, swings
from stochphys.course.studies.paper_systems import CASES, SETTINGS, beyond, exact, paper_system
from stochphys.course.studies.paper_tables import followed_table, numbers, table
from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import BayesianRegression, Samples, nmse
from stochphys.inference.laplace import Flat, trained
from stochphys.inference.posterior import Posterior
from stochphys.models import MLP, Normal
from stochphys.simulators import simulate
from stochphys.systems import CarnotEngine, ThermalMotor
from tests.lesson import inline


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


def test_the_inline_training_is_that_of_the_package() -> None:
    """One hidden layer, one precision for all weights, the same labels and the same start."""
    learn = inline("17_bayesian_networks", "learn", torch=torch).learn
    f = inline("17_bayesian_networks", "f", torch=torch).f
    g = make_generator(0)
    x = torch.linspace(-2, 2, 400, dtype=torch.float64)
    y = torch.sin(2 * x) + 0.1 * torch.randn(400, generator=g, dtype=torch.float64)
    c, w = torch.full_like(x, 100.0), torch.randn(37, generator=g, dtype=torch.float64)
    mine, *_ = learn(f, w, x, y, c, steps=12)
    network = MLP([1, 12, 1], activation=torch.nn.Tanh, generator=g).double().requires_grad_(False)
    height, slope, offset = w[:-1].view(3, 12)
    for of, values in zip(network.parameters(), (slope, offset, height, w[-1:]), strict=True):
        of.data = values.view_as(of)
    of_package, samples = Flat(network), Samples(x[:, None], y[:, None], c[:, None])
    theirs = trained(
        of_package, torch.ones(37, dtype=torch.long), samples, Normal(), 12, torch.ones(2).double()
    )
    slope, offset, height = theirs.weights[:-1].view(3, 12)
    end = torch.cat((height, slope, offset, theirs.weights[-1:]))
    torch.testing.assert_close(mine, end, rtol=1e-4, atol=1e-4)
    assert (mine - w).norm() > 1


# What is told of a study


def made_up(system: str, method: str, error: float, seed: int) -> dict[str, Any]:
    field = dict(nmse=error, inside=0.9, outside=1.0, refused=1.0, growth=10 * error)
    told = dict(what="share", estimate=1.0, low=0.5, high=2.0, truth=1.25)
    result = dict(
        drift=field, diffusion=field, cpu_seconds=3.0, followed=told, warnings=["Misfit: …"]
    )
    return dict(setting=dict(system=system, method=method), seed=seed, result=result)


ROWS = [made_up(k, "network", error, seed) for k in CASES for seed, error in enumerate((0.1, 0.3))]


def test_a_table_has_means_over_seeds_and_dashes_where_nothing_was_run():
    head, *lines = table(ROWS, "drift").splitlines()
    assert head.startswith("NMSE of the drift") and len(lines) == len(CASES)
    assert lines[0].split()[-8:] == ["0.2", "–", "–", "–", "90%", "2", "3", "Misfit"]
    told = followed_table(ROWS, "engine").splitlines()
    assert len(told) == 2 and "0.500" in told[0] and told[0].endswith("exact 1.250")


def test_tables_tell_what_was_counted_and_the_voltage_apart():
    row = made_up("neuron", "network", 0.1, 0)
    row["result"] |= dict(voltage_nmse=0.02)
    row["result"]["followed"] |= dict(what="spikes per second")
    assert table([*ROWS, row], "drift").count("\n  its voltage") == 1
    assert "its voltage" not in table([*ROWS, row], "diffusion")
    assert followed_table([row], "neuron").endswith("counted 1.250")


def test_figures_count_lost_neurons_and_times_at_which_a_band_holds():
    V = torch.zeros(3, 10, 4)
    lost = V.clone()
    lost[0, 5:, 0] = -1e5
    figure = fields.voltages(Trajectories(V, 0.1), Trajectories(lost, 0.1))
    assert "1 of 3" in figure.axes[1].get_title()
    engine, t = CarnotEngine(50.0), torch.linspace(0, 50, 40, dtype=torch.float64)
    curves = dict(t=t, kappa=engine.stiffness(t), T=engine.temperature(t) + (t > 25) * 3.0)
    curves |= dict(kappa_std=torch.ones(40), T_std=torch.ones(40))
    figure_2 = fields.engine_bands({k: v.tolist() for k, v in curves.items()}, engine)
    assert ["100%" in ax.get_title() for ax in figure_2.axes] == [True, False]
    assert "50%" in figure_2.axes[1].get_title()
    plt.close(figure)
    plt.close(figure_2)


def test_dots_stand_at_means_and_bars_reach_from_the_smallest_to_the_largest():
    figure = fields.dots(numbers(ROWS, "drift", "nmse"), "nmse", field="drift")
    (ax,) = figure.axes
    bars = ax.collections[0].get_segments()[0]
    assert [x for x, _ in bars] == pytest.approx([0.1, 0.3])
    assert [label.get_text() for label in ax.get_yticklabels()] == [c.title for c in CASES.values()]
    plt.close(figure)


def test_a_plane_is_grey_where_the_drift_is_not_known():
    class HalfKnown(Posterior):
        def mean(self, x: Tensor) -> Tensor:
            return -x[:, 1:]

        def std(self, x: Tensor) -> Tensor:
            return torch.ones(len(x), 1, dtype=x.dtype)

        def known(self, x: Tensor) -> Tensor:
            return x[:, 0] > 0

        def sample(self, draws: int, *, generator: Any) -> Any:
            raise NotImplementedError

    figure, ax = plt.subplots()
    found: Any = SimpleNamespace(drift=HalfKnown())
    colors = fields.plane(ax, found, CASES["oscillator"].system, (3, 6))
    assert colors.get_array().mask.reshape(41, 41).mean(0)[[0, 40]].tolist() == [1, 0]
    plt.close(figure)
