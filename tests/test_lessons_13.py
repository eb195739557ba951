"""What notebook 13 writes out by hand, the fit to secants, is what the package does."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import BayesianRegression, increments, infer_langevin
from stochphys.models.bases import Polynomial
from stochphys.simulators import simulate
from stochphys.systems import VanDerPol
from tests.lesson import inline

DT = 0.01


@pytest.fixture(scope="module")
def lesson() -> SimpleNamespace:
    """`features` and `fit_drift` as the notebook defines them: the cell as it stands."""
    return inline("13_underdamped", "features", "fit_drift", torch=torch)


@pytest.fixture(scope="module")
def data() -> Trajectories:
    """One path of τ = 40 with its velocities."""
    return simulate(
        VanDerPol(),
        1,
        40_000,
        DT / 10,
        start=0.0,
        burn_in=10_000,
        every=10,
        dtype=torch.float64,
        generator=make_generator(0),
    )


def forces(fit: Callable[..., Tensor], features: Callable, data: Trajectories, rule: str) -> Tensor:
    """Forces at every 20th state, `(n, 1)`, by the notebook's fit."""
    weights = fit(data.position[..., 0], data.dt, rule)
    return features(*data.x[0, ::20].T) @ weights.T


@pytest.mark.parametrize("rule", ["forward", "reverse", "combined"])
def test_the_inline_fit_is_least_squares_on_the_labels_of_the_package(
    rule: str, lesson: SimpleNamespace, data: Trajectories
) -> None:
    film = Trajectories(data.position, DT)

    def fitted(rule: str) -> Tensor:
        labels = increments(film, underdamped=True, rule=rule)
        phi = lesson.features(*labels.x[0].T)
        return torch.linalg.lstsq(phi, labels.y[0]).solution

    expected = fitted("forward") if rule == "combined" else fitted(rule)
    if rule == "combined":
        expected = (5 * expected - fitted("reverse")) / 4
    inline = lesson.fit_drift(film.x[..., 0], DT, rule)
    torch.testing.assert_close(inline, expected.T, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("rule", ["forward", "reverse", "combined"])
def test_the_inline_fit_is_that_of_the_package(
    rule: str, lesson: SimpleNamespace, data: Trajectories
) -> None:
    """Least squares against Bayesian regression: its prior shifts by less than an error bar."""
    inline = forces(lesson.fit_drift, lesson.features, data, rule)
    result = infer_langevin(
        Trajectories(data.position, DT),
        drift=BayesianRegression(Polynomial(3)),
        underdamped=True,
        rule=rule,
        generator=make_generator(0),
    )
    states = data.x[0, ::20]
    difference = (inline - result.drift.mean(states)) / result.drift.std(states)
    assert difference.square().mean() < 1
    assert inline.std() > 2  # they do not agree on zero


def test_a_lesson_that_drifts_away_is_noticed(lesson: SimpleNamespace, data: Trajectories) -> None:
    def wrong(x: Tensor, dt: float, rule: str) -> Tensor:
        return (4 * lesson.fit_drift(x, dt, "forward") - lesson.fit_drift(x, dt, "reverse")) / 3

    changed = SimpleNamespace(features=lesson.features, fit_drift=wrong)
    with pytest.raises(AssertionError):
        test_the_inline_fit_is_least_squares_on_the_labels_of_the_package("combined", changed, data)
