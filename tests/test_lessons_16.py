"""What notebook 16 writes out by hand is what the package does: passage times draw by draw."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from stochphys.device import make_generator
from stochphys.inference import BayesianRegression, infer_langevin, mean_first_passage_time
from stochphys.simulators import simulate
from stochphys.systems import DoubleHump
from tests.lesson import inline


@pytest.fixture(scope="module")
def passage_times() -> Callable:
    """The function as the notebook defines it, without what the cell does with it."""
    return inline("16_predictions", "passage_times", torch=torch).passage_times


@pytest.fixture(scope="module")
def motion():
    film = simulate(DoubleHump(), 4, 10_000, 0.01, generator=make_generator(0))
    method = BayesianRegression()
    return infer_langevin(film, generator=make_generator(0), diffusion=method)


def test_the_inline_times_are_those_of_the_package(passage_times: Callable, motion) -> None:
    """The same draws, by running sums and by trapezoids: 2 % apart, the step of the sums."""
    well = DoubleHump().well
    inline = passage_times(motion, -well, well, 50, make_generator(1))
    package = mean_first_passage_time(motion, -well, well, generator=make_generator(1), draws=50)
    torch.testing.assert_close(inline, package.draws, rtol=0.02, atol=0)


def test_a_lesson_that_drifts_away_is_noticed(passage_times: Callable, motion) -> None:
    well = DoubleHump().well
    other = passage_times(motion, -well, 0.5 * well, 50, make_generator(1))
    package = mean_first_passage_time(motion, -well, well, generator=make_generator(1), draws=50)
    assert ((other / package.draws - 1).abs() > 0.02).any()
