"""What notebook 14 writes out by hand is what the package does: both find the same conductances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple

import pytest
import torch

from stochphys.course.studies.neuron import infer_conductances
from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.simulators import simulate
from stochphys.systems import HodgkinHuxley
from tests.lesson import inline


@pytest.fixture(scope="module")
def conductances() -> Callable:
    """The function as the notebook defines it: the cell as it stands."""
    return inline("14_neuron", "conductances", torch=torch).conductances


@pytest.fixture(scope="module")
def data() -> Trajectories:
    neuron = HodgkinHuxley()
    start = neuron.resting_state().repeat(20, 1)
    start[:, 0] += torch.arange(20)
    return simulate(neuron, 20, 5000, 0.002, start=start, generator=make_generator(0), every=5)


@pytest.mark.parametrize(("rule", "both_ends"), [("start", False), ("midpoint", True)])
def test_the_inline_regression_is_infer_conductances(
    rule: str, both_ends: bool, conductances: Callable, data: Trajectories
) -> None:
    g, E = conductances(data.x, data.dt, both_ends)
    package = torch.tensor(astuple(infer_conductances(data, rule=rule))[:6], dtype=torch.float64)
    torch.testing.assert_close(torch.stack((g, E), dim=1).flatten(), package, rtol=1e-7, atol=1e-7)


def test_the_two_rules_differ(conductances: Callable, data: Trajectories) -> None:
    """So that the test above would notice a lesson that takes the wrong one."""
    start, both = (conductances(data.x, data.dt, both_ends)[0][0] for both_ends in (False, True))
    assert abs(start - both) > 0.1
