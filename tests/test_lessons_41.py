"""What notebook 41 writes out by hand is what the package does: formula and loop agree."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from scipy.stats import ks_2samp

from stochphys.device import make_generator
from stochphys.systems.search import Poisson, Search, mean_time, simulate_search
from tests.lesson import inline, written

NAME = "41_search_with_resetting"
CHANCE = 1e-3  # of a wrong alarm: 3.3 standard errors


@pytest.fixture(scope="module")
def lesson() -> SimpleNamespace:
    return inline(NAME, "mean_search_time", "search_times", torch=torch, math=math)


def test_the_inline_formula_is_mean_time(lesson: SimpleNamespace) -> None:
    for r, x0, D in ((1.0, 1.0, 1.0), (3.0, 2.0, 0.5), (0.1, 0.3, 4.0)):
        package = mean_time(Search(x0, D), Poisson(r))
        assert lesson.mean_search_time(r, x0, D) == pytest.approx(package, rel=1e-12)


def agreement(search_times) -> float:
    """Chance that times of both loops, 6000 walkers each, differ as much by luck (Kolmogorov,
    Smirnov), for a start and a diffusion that are not 1."""
    r, x0, D, dt = 3.0, 1.5, 1.2, 1e-2
    ours = search_times(r, 6000, dt, make_generator(41), x0=x0, D=D)
    package = simulate_search(
        Search(x0, D), Poisson(r), 6000, dt, generator=make_generator(42), longest=200
    )
    assert package.arrived.all()
    return ks_2samp(
        ours.double() - dt / 2, package.times
    ).pvalue  # arrivals in the middle of a step


def test_the_inline_loop_is_simulate_search(lesson: SimpleNamespace) -> None:
    assert agreement(lesson.search_times) > CHANCE


@pytest.mark.parametrize(
    ("right", "wrong"), [("x * x_new > D * dt * E", "x_new > 0"), ("r * dt", "r * dt / 2")]
)
def test_a_lesson_that_drifts_away_is_noticed(right: str, wrong: str) -> None:
    source = written(NAME, "search_times")["search_times"]
    assert right in source
    scope = {"torch": torch}
    exec(source.replace(right, wrong), scope)
    assert agreement(scope["search_times"]) < CHANCE
