"""Angles and periodic boxes: steps the short way round, functions with the period, and jumps that tell.

A driven ring, Φ = 1 − 1.5 sin x + 0.8 cos 2x, D = 1, of which current and entropy are known by quadrature.
"""

from collections.abc import Callable
from functools import cache
from math import inf, pi
from statistics import fmean

import numpy as np
import pytest
import torch
from scipy.integrate import cumulative_trapezoid
from torch import Tensor

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import BayesianRegression, Langevin, infer_langevin
from stochphys.inference.predict import mean_first_passage_time, predict_paths
from stochphys.inference.thermodynamics import entropy_production_rate
from stochphys.inference.wraps import jumps_of_one_box
from stochphys.simulators import Overdamped, Underdamped, simulate
from tests.chance import K

TURN = 2 * pi


class Driven(Overdamped):
    """The ring."""

    dim, additive = 1, True

    def drift(self, x: Tensor, t: float = 0.0) -> Tensor:
        return 1 - 1.5 * torch.sin(x) + 0.8 * torch.cos(2 * x)

    def noise_amplitude(self, x: Tensor, t: float) -> float:
        return 2**0.5

    def current(self) -> tuple[float, float]:
        """Turns per unit time, and entropy per turn: p = e^φ (1 − j ∫e^−φ), φ = ∫Φ/D, is periodic."""
        x = np.linspace(0, TURN, 20_001)
        phi = cumulative_trapezoid(self.drift(torch.tensor(x)).numpy(), x, initial=0)
        back = cumulative_trapezoid(np.exp(-phi), x, initial=0)
        j = -np.expm1(-phi[-1]) / back[-1]
        norm = cumulative_trapezoid(np.exp(phi) * (1 - j * back), x)[-1]
        return float(j / norm), float(phi[-1])


class Swirl(Overdamped):
    """An angle, and a place that it drives and that drives it."""

    dim, additive = 2, True

    def drift(self, x: Tensor, t: float = 0.0) -> Tensor:
        a, b = x.split(1, dim=-1)
        return torch.cat((0.7 - torch.sin(a) * (1 + b), 0.5 * torch.cos(a) - b), dim=-1)

    def noise_amplitude(self, x: Tensor, t: float) -> Tensor:
        return torch.tensor([2.0, 1.0]).sqrt().to(x)


class Pendulum(Underdamped):
    """Pushed over the top."""

    dim, additive = 2, True

    def acceleration(self, x: Tensor, v: Tensor, t: float) -> Tensor:
        return 0.5 - torch.sin(x) - 0.3 * v

    def velocity_noise(self, x: Tensor, v: Tensor, t: float) -> float:
        return 0.6**0.5


@cache
def paths(seed: int = 1) -> Trajectories:
    """800 time units of the ring, not wrapped."""
    options = dict(start=0.0, burn_in=2000, every=5, dtype=torch.float64)
    return simulate(Driven(), 20, 20_000, 0.002, generator=seed, **options)


def wrap(x: Tensor, period: float = TURN, low: float = -pi) -> Tensor:
    return (x - low) % period + low


@cache
def inferred(seed: int = 1) -> Langevin:
    return infer_langevin(paths(seed).map(wrap), period=TURN)


def test_wrapped_and_unwrapped_angles_in_any_unit_give_one_answer() -> None:
    x = torch.linspace(-7, 7, 100, dtype=torch.float64)[:, None]
    whole = infer_langevin(paths(), period=[TURN])
    degrees = infer_langevin(paths().map(lambda x: wrap(x) * 180 / pi), period=360)
    for a, b in (
        (inferred().drift.mean(x), whole.drift.mean(x)),
        (inferred().drift.std(x), whole.drift.std(x + TURN)),
        (inferred().drift.mean(x), degrees.drift.mean(x * 180 / pi) * pi / 180),
        (inferred().diffusion.mean(x), degrees.diffusion.mean(x * 180 / pi) * (pi / 180) ** 2),
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
    states = inferred().states
    assert states.min() >= 0 and states.max() < TURN and inferred().warnings == ()


@pytest.mark.slow
@pytest.mark.slow
def test_drift_on_a_ring_is_within_its_error_bars() -> None:
    """Of four films: data determine some nine weights of one, so that its errors rise and fall together."""
    results = [inferred(seed) for seed in (1, 2, 3, 4)]
    found = [result.compare(Driven()) for result in results]
    predicted = fmean(result.predicted_nmse for result in results)
    assert fmean(f.drift_nmse for f in found) < 2 * predicted
    assert fmean(f.drift_coverage for f in found) > 0.85


@pytest.mark.slow
def test_predictions_from_a_ring() -> None:
    """Entropy of fresh paths, wrapped or not, and the mean turns of predicted ones, within K std."""
    turns, per_turn = Driven().current()
    fresh = paths(2)
    rate = entropy_production_rate(inferred(), fresh.map(wrap), generator=0)
    same = entropy_production_rate(inferred(), fresh, generator=0)
    assert abs(rate.rate - same.rate) < 1e-6 and rate.warnings == ()
    assert abs(rate.rate - turns * per_turn) < K * rate.std
    options = dict(generator=0, start=0.0, quantile=1.0, stop=False)
    ends = predict_paths(inferred(), 100, 2000, 0.01, **options).trajectories.x[:, -1] / TURN
    assert (
        abs(ends.mean() / 20 - turns) < K * ends.std() / 20 / 10**0.5
    )  # drift's error in all paths


def test_no_passage_time_on_a_ring() -> None:
    with pytest.raises(ValueError, match="on a line"):
        mean_first_passage_time(inferred(), 0.0, 1.0, generator=0)


def test_one_of_two_coordinates_is_an_angle() -> None:
    options = dict(start=0.0, burn_in=2000, every=5, dtype=torch.float64)
    data = simulate(Swirl(), 20, 20_000, 0.002, generator=3, **options)
    halfway = data.map(lambda x: torch.cat((wrap(x[..., :1]), x[..., 1:]), dim=-1))
    result = infer_langevin(halfway, period=[TURN, None])
    found = result.compare(Swirl())
    assert found.drift_nmse < 0.04 and found.drift_coverage > 0.8 and result.warnings == ()


def test_a_pendulum_that_turns_over() -> None:
    options = dict(start=0.0, burn_in=4000, every=10, dtype=torch.float64)
    truth = simulate(Pendulum(), 10, 40_000, 0.005, generator=4, **options)
    film = Trajectories(wrap(truth.position), truth.dt)
    result = infer_langevin(film, underdamped=True, period=TURN)
    found = result.compare(Pendulum())
    assert found.drift_nmse < 0.01 and found.drift_coverage > 0.8 and result.warnings == ()


@pytest.mark.parametrize("unit", [TURN, 360.0, 1.0])
def test_jumps_of_one_box_are_found_said_and_read_as_such(unit: float) -> None:
    x = wrap(paths().x, low=0.0) * unit / TURN
    result = infer_langevin(Trajectories(x, paths().dt))
    (sentence,) = result.warnings
    assert sentence.startswith("Periodic") and f"period={unit:.8g}" in sentence
    same = infer_langevin(Trajectories(x, paths().dt), period=unit)
    assert torch.equal(same.drift.mean(same.states), result.drift.mean(same.states))


def telegraph(g: torch.Generator) -> Tensor:
    """A camera too slow for what happens inside of two wells."""
    side = (torch.rand(4, 1000, generator=g) < 0.01).double().cumsum(1) % 2 * 2 - 1
    return side + 0.1 * torch.randn(4, 1000, generator=g)


def wrong(g: torch.Generator) -> Tensor:
    x = 0.1 * torch.randn(4, 1000, generator=g).double().cumsum(1)
    x[0, 500], x[2, 300] = 50.0, 50.3
    return x


def exchanged(g: torch.Generator) -> Tensor:
    x = 0.05 * torch.randn(2, 1000, generator=g).double().cumsum(1) + torch.tensor([[0.0], [10.0]])
    x[:, 400:600] = x[:, 400:600].flip(0)
    return x


def pixels(g: torch.Generator) -> Tensor:
    return (0.3 * torch.randn(4, 1000, generator=g).double().cumsum(1)).round()


def two_states(g: torch.Generator) -> Tensor:
    return (torch.rand(4, 1000, generator=g) < 0.5).double()


@pytest.mark.parametrize("make", [telegraph, wrong, exchanged, pixels, two_states])
def test_other_jumps_are_not_of_one_box(make: Callable[[torch.Generator], Tensor]) -> None:
    """None of 50 sets each."""
    for seed in range(50):
        x = make(make_generator(seed)).double()[..., None]
        assert jumps_of_one_box(Trajectories(x, 0.1)) == []


@pytest.mark.parametrize(("box", "exact"), [(TURN, True), (360.0, True), (7.3, False)])
def test_boxes_are_found_wherever_two_jumps_are(box: float, exact: bool) -> None:
    """In all of 50 sets of two free particles, 1000 steps of a fiftieth of a box."""
    for seed in range(50):
        g = make_generator(seed)
        start, steps = torch.rand(2, 1, 1, generator=g), torch.randn(2, 1000, 1, generator=g)
        x = box * ((start + 0.02 * steps.cumsum(1)).double() % 1)
        if (x.diff(dim=1).abs() > box / 2).sum() < 2:
            continue
        (found,) = jumps_of_one_box(Trajectories(x, 0.1))
        assert found.length == pytest.approx(box, rel=1e-9 if exact else 0.02)


def test_real_jumps_may_be_left_as_they_are() -> None:
    result = infer_langevin(paths().map(wrap), period=inf)
    assert not any(sentence.startswith("Periodic") for sentence in result.warnings)
    assert result.increments.period is None


@pytest.mark.parametrize(
    ("period", "words"),
    [
        (0, "period must be positive, got 0"),
        (-TURN, "period must be positive"),
        ([TURN, None], "one for each of 1 coordinates"),
        (0.3, "steps of coordinate 0 are longer than 0.4 of its period"),
    ],
)
def test_a_period_that_makes_no_sense_is_refused(period: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        infer_langevin(paths().map(wrap), period=period)


@pytest.mark.slow
def test_a_field_of_noise_on_a_ring() -> None:
    """D = exp(0.5 sin x), and its period."""

    class Uneven(Driven):
        additive = False

        def noise_amplitude(self, x: Tensor, t: float) -> Tensor:
            return (2 * torch.exp(0.5 * torch.sin(x))).sqrt()

    options = dict(start=0.0, burn_in=2000, every=5, dtype=torch.float64)
    data = simulate(Uneven(), 20, 20_000, 0.002, generator=5, **options)
    result = infer_langevin(data.map(wrap), period=TURN, diffusion=BayesianRegression())
    x = torch.linspace(0, TURN, 50, dtype=torch.float64)[:, None]
    D = result.diffusion.mean(x)[:, 0, 0]
    assert (D / torch.exp(0.5 * torch.sin(x[:, 0])) - 1).abs().max() < 0.08
    torch.testing.assert_close(D, result.diffusion.mean(x - TURN)[:, 0, 0])
