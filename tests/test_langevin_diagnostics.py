"""Warnings of an inferred equation: each fires where its reason is put in by hand, and is silent else."""

import re

import pytest
import torch

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference.langevin import infer_langevin
from stochphys.inference.regression import BayesianRegression
from stochphys.models.bases import Polynomial
from stochphys.simulators import simulate
from stochphys.systems import DoubleHump, InhomogeneousDiffusion, NonlinearForce, VanDerPol
from tests.chance import K

RBF, CUBIC = BayesianRegression(), BayesianRegression(Polynomial(3))


@pytest.fixture(scope="module")
def film():
    """Two wells, 20 paths of 10 time units, every inner step of 0.001."""
    return simulate(DoubleHump(), 20, 10_000, 0.001, generator=make_generator(0))


@pytest.fixture(scope="module")
def swings():
    """The van der Pol oscillator, 10 paths of 10 time units, with velocities."""
    start, options = torch.tensor([1.0, 0.0]), dict(burn_in=2000)
    return simulate(
        VanDerPol(), 10, 10_000, 0.001, generator=make_generator(1), start=start, **options
    )


def positions(data, eta=0.0):
    noise = torch.randn(data.position.shape, generator=make_generator(2))
    return Trajectories(data.position + eta * noise, data.dt)


def warnings(data, **options):
    return infer_langevin(data, generator=make_generator(3), **options).warnings


def only(data, **options):
    (sentence,) = warnings(data, **options)
    return sentence


def slow_camera(sentences):
    """Those of it: noise that changes within a step has tails, too, of which another one tells."""
    return [sentence for sentence in sentences if sentence.startswith("Slow camera")]


def number(pattern, sentence):
    return float(re.search(pattern, sentence)[1])


@pytest.mark.slow
def test_good_data_have_no_warnings(film, swings):
    """Four systems, dt = 0.01, 200 nats and more."""
    assert warnings(film.every(10), diffusion=RBF) == ()
    for system in (NonlinearForce(), InhomogeneousDiffusion()):
        options = dict(start=0.0, burn_in=200, every=2)
        data = simulate(system, 10, 2000, 0.005, generator=make_generator(4), **options)
        assert warnings(data, diffusion=RBF) == ()
    for rule in ("centred", "combined", "symmetric"):
        data = positions(swings.every(10))
        assert warnings(data, drift=CUBIC, underdamped=True, rule=rule) == ()
    assert warnings(swings.every(10), drift=CUBIC) == ()


def forgotten(dt):
    """Of the drift that frames show, what is lost from one to the next; exact, by jumps on a fine grid."""
    system, h = DoubleHump(), 0.02
    x = torch.arange(-5, 5 + h / 2, h, dtype=torch.float64)[:, None]
    p, between = system.density(x).flatten(), (x[1:] + x[:-1]) / 2
    flow = (system.density(between).flatten() * system.diffusion(between).flatten()) / h**2
    L = torch.diag(flow / p[:-1], 1) + torch.diag(flow / p[1:], -1)
    later = torch.linalg.matrix_exp((L - torch.diag(L.sum(1))) * dt)
    shown = (later @ x - x).flatten() / dt
    return 1 - ((p * shown * (later @ shown)).sum() / (p * shown**2).sum()).item()


@pytest.mark.slow
@pytest.mark.parametrize("k", [20, 80, 160])
def test_a_slow_camera_loses_drift(k):
    """60 paths. What is lost to first order is put back: at dt = 0.02 nothing is missed, where the drift of
    the start would be 6 % too small."""
    film = simulate(DoubleHump(), 60, 10_000, 0.001, generator=make_generator(0))
    result = infer_langevin(film.every(k), diffusion=RBF)
    if k == 20:
        assert result.warnings == ()
        assert result.compare(DoubleHump()).drift_nmse < 2 * result.predicted_nmse
        return
    (sentence,) = slow_camera(result.warnings)
    assert f"{0.001 * k:g}" in sentence
    assert "shorter dt" in sentence
    said = number(r"forgets (\S+)% of itself", sentence) / 100
    assert said == pytest.approx(forgotten(0.001 * k), rel=0.1)


@pytest.mark.slow
def test_more_data_make_the_same_camera_too_slow():
    """Error bars shrink with time, what is lost between frames does not."""
    long = simulate(DoubleHump(), 300, 5000, 0.002, generator=make_generator(5), every=25)
    assert not slow_camera(warnings(long.take(slice(20)), diffusion=RBF))
    assert slow_camera(warnings(long, diffusion=RBF))


def test_a_slow_camera_is_worse_for_velocities_that_are_differences(swings):
    lost = {20: (), 50: ("combined", "symmetric"), 100: ("centred", "combined", "symmetric")}
    for k, loses in lost.items():
        for rule in lost[100]:
            found = warnings(positions(swings.every(k)), drift=CUBIC, underdamped=True, rule=rule)
            said = [sentence for sentence in found if sentence.startswith("Slow camera")]
            assert len(said) == (rule in loses)


def test_what_noise_loses_between_frames_is_put_back():
    """Two coordinates, dt = 0.06: with every second frame left out the residuals fall by 11 %. D does not,
    and its error bar knows of what is left."""
    system = NonlinearForce()
    data = simulate(system, 10, 5000, 0.002, start=0.0, burn_in=500,
                    generator=make_generator(6), every=25)  # fmt: skip
    found = infer_langevin(data)
    D, std = (part(found.states[:1])[0] for part in (found.diffusion.mean, found.diffusion.std))
    assert ((D - system.D).abs() < K * std).all()
    assert (std.diagonal() < 0.05 * D.diagonal()).all()
    assert not any("D falls" in sentence for sentence in found.warnings)


def test_a_short_film_has_too_little_information():
    """Forty films of 20 paths, 0.3 time units each. Three in four say nothing of the drift at all,
    and one in 10⁵ sets of forty has none that says more; one in fifty looks like enough."""
    films, expected = simulate(DoubleHump(), 800, 300, 0.001, generator=make_generator(9)), []
    told = 0
    for x in films.every(10).x.split(20):
        result = infer_langevin(Trajectories(x, 0.01), diffusion=RBF)
        said = [w for w in result.warnings if w.startswith("Little data")]
        told += len(said)
        for sentence in said if result.predicted_nmse < float("inf") else []:
            expected.append(result.predicted_nmse)
            assert f"expected NMSE of the drift is {expected[-1]:.2g}" in sentence
            assert number(r"About (\S+) times", sentence) == pytest.approx(
                expected[-1] / 0.1, rel=0.05
            )
    assert expected and told > 30


def test_pure_noise_cannot_be_told_from_a_drift():
    steps = torch.randn(1, 400, 1, generator=make_generator(7), dtype=torch.float64)
    sentence = only(Trajectories(steps.cumsum(1), 1.0))
    assert sentence.startswith("Little data")


@pytest.mark.parametrize(
    ("eta", "found", "share"),
    [(0.05, (0.94, 0.07), (0.88, 0.14)), (0.1, (0.90, 0.03), (0.77, 0.06))],
)
def test_a_noisy_measurement_is_told_from_noise_of_the_motion(film, eta, found, share):
    """The tracking error is found, 6 to 10 % too small, and with it what it adds to D, η²/dt of 1.51
    on average: over ten films each is the mean and scatter beside it of the truth, and K times the
    scatter is allowed."""
    blurred = film.every(10).map(
        lambda x: x + eta * torch.randn(x.shape, generator=make_generator(8))
    )
    sentence = only(blurred, diffusion=RBF)
    assert sentence.startswith("Noisy measurement") and "every(2)" in sentence
    assert number(r"error of (\d\S*\d)", sentence) == pytest.approx(
        found[0] * eta, abs=K * found[1] * eta
    )
    excess = number(r"makes D (\d+)%", sentence) / 100
    added = eta**2 / 0.01 / 1.51
    assert excess == pytest.approx(share[0] * added, abs=K * share[1] * added)


def test_a_noisy_measurement_of_positions_asks_for_a_centred_rule(swings):
    data = positions(swings.every(10), eta=1e-3)
    sentence = only(data, drift=CUBIC, underdamped=True, rule="combined")
    assert "Leave rule out" in sentence
    assert number(r"error of (\S+)\. ", sentence) == pytest.approx(1e-3, rel=0.15)
    for rule in ("centred", "symmetric"):
        assert warnings(data, drift=CUBIC, underdamped=True, rule=rule) == ()


def test_inertia_that_nobody_told_of_is_noticed(swings):
    sentence = only(positions(swings.every(10)), drift=CUBIC)
    assert sentence.startswith("No noise") and "underdamped=True" in sentence
    assert number(r"grows (\S+)-fold", sentence) == pytest.approx(2, abs=0.05)


def test_a_coordinate_without_noise_of_its_own_is_named(film):
    """The second coordinate follows the first without noise: D grows with dt, or faster."""
    y = film.x.cumsum(1) * film.dt
    both = torch.cat((film.x, y - y.mean(1, keepdim=True)), dim=-1)[:, ::10]
    sentence = only(Trajectories(both.contiguous(), 0.01))
    assert sentence.startswith("No noise") and "coordinate 1" in sentence
    assert number(r"grows (\S+)-fold", sentence) > 1.9


def test_coloured_noise_is_noticed():
    """Noise averaged over two steps: successive displacements correlate by one half less."""
    z = torch.randn(20, 2001, 1, generator=make_generator(9), dtype=torch.float64)
    steps = z[:, 1:] + 0.3 * z[:, :-1]  # correlation 0.3/1.09
    x = torch.zeros(20, 2000, 1, dtype=torch.float64)
    for i in range(1, 2000):
        x[:, i] = 0.98 * x[:, i - 1] + 0.1 * steps[:, i]
    sentence = only(Trajectories(x, 0.02))
    assert sentence.startswith("Memory")
    assert number(r"correlation (\S+)", sentence) == pytest.approx(0.3 / 1.09, abs=0.03)
