"""What notebook 11 writes out by hand is what the package does: Bayesian regression with evidence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from stochphys.device import make_generator
from stochphys.inference import BayesianRegression, Samples, increments
from stochphys.models.bases import RBF
from stochphys.simulators import simulate
from stochphys.systems import DoubleHump
from tests.chance import K
from tests.lesson import written


@pytest.fixture(scope="module")
def source() -> str:
    return written("11_drift_and_diffusion", "regression")["regression"]


def lesson(source: str) -> Callable[..., tuple[Tensor, Tensor, float]]:
    names: dict = {"torch": torch}
    exec(source, names)
    return names["regression"]


@pytest.fixture(scope="module")
def samples() -> Samples:
    """Labels of 100 time units, weights that differ from place to place. Of 26 numbers they
    determine 7.4 ± 0.2, in 25 draws; those of 20 time units may not tell the drift from none."""
    system, dt = DoubleHump(), 0.01
    data = increments(simulate(system, 100, 100, dt, generator=make_generator(0)))
    x = data.x.flatten(0, 1)
    return Samples(x, data.y.flatten(0, 1), dt / (2 * system.diffusion(x)[..., 0]))


def compare(source: str, samples: Samples) -> None:
    phi = RBF(24).fitted(samples.x)
    w, root, p = lesson(source)(phi(samples.x), samples.y[:, 0], samples.weight[:, 0])
    package = BayesianRegression(RBF(24)).fit(samples)
    line = torch.linspace(-3, 3, 61, dtype=torch.float64)[:, None]
    torch.testing.assert_close((phi(line) @ w)[:, None], package.mean(line))
    torch.testing.assert_close((phi(line) @ root).norm(dim=1, keepdim=True), package.std(line))
    # p is what the labels and the band say of each other: the sum of weight times variance.
    spread = (samples.weight * package.std(samples.x).square()).sum().item()
    assert p == pytest.approx(spread, rel=1e-6)
    assert p == pytest.approx(7.4, abs=K * 0.2)


def test_the_inline_regression_is_the_one_of_the_package(source: str, samples: Samples) -> None:
    compare(source, samples)


@pytest.mark.parametrize(
    ("right", "wrong"), [(".sum(1) / 2", ".sum(1) / 2 + candidates[:, 0]"), ("sqrt()", "square()")]
)
def test_a_lesson_that_drifts_away_is_noticed(
    right: str, wrong: str, source: str, samples: Samples
) -> None:
    assert right in source
    with pytest.raises(AssertionError):
        compare(source.replace(right, wrong), samples)
