"""What notebook 33 writes out by hand is what the package does: law of the frames, and divergence."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from stochphys.simulators.visible import frame_covariances, visible_entropy_rate
from stochphys.systems import BeadSpring, bead_camera
from tests.lesson import inline

SYSTEM, DT, N = BeadSpring(n_beads=5), 0.05, 4
M = torch.tensor([[1.0, 0, 0.5, 0, 0], [0, 1.0, 0, 0, -1.0]], dtype=torch.float64)
R = torch.tensor([[0.3, 0.1], [0.1, 0.2]], dtype=torch.float64)


@pytest.fixture(scope="module")
def lesson() -> SimpleNamespace:
    """`law` and `divergence` as the notebook defines them: the cell as it stands."""
    return inline("33_imperfect_movies", "law", "divergence", torch=torch)


def test_what_the_lesson_says_of_slow_and_noisy_cameras() -> None:
    """Noise of 0.2 on the coarse camera: what pairs show of 2.025, at three intervals."""
    two = BeadSpring()
    camera = replace(bead_camera(two, cell=(5, 5), psf=0.75, motion=0.25), noise=0.1)
    shares = [
        visible_entropy_rate(two, dt, noise=camera.localisation()) / two.entropy_production_rate()
        for dt in (0.01, 0.05, 0.15)
    ]
    assert shares == pytest.approx([0.08, 0.26, 0.36], abs=0.006)


def test_the_inline_law_is_that_of_the_package(lesson: SimpleNamespace) -> None:
    forward, _ = frame_covariances(SYSTEM, DT, M, R, N)
    torch.testing.assert_close(lesson.law(SYSTEM, DT, M, R, N), forward)
    everything, _ = frame_covariances(SYSTEM, DT, None, None, 2)
    torch.testing.assert_close(lesson.law(SYSTEM, DT), everything)


def test_the_inline_divergence_is_that_of_the_package(lesson: SimpleNamespace) -> None:
    rate = lesson.divergence(lesson.law(SYSTEM, DT, M, R, N), N) / ((N - 1) * DT)
    exact = visible_entropy_rate(SYSTEM, DT, observe=M, noise=R, frames=N)
    assert rate == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("part", ["law", "divergence"])
def test_a_lesson_that_drifts_away_is_noticed(part: str, lesson: SimpleNamespace) -> None:
    wrong = SimpleNamespace(**vars(lesson))
    if part == "law":  # the transposed covariance: time reversed
        wrong.law = lambda *args: lesson.law(*args).flip(0, 1)
        test = test_the_inline_law_is_that_of_the_package
    else:
        wrong.divergence = lambda *args: 2 * lesson.divergence(*args)
        test = test_the_inline_divergence_is_that_of_the_package
    with pytest.raises(AssertionError):
        test(wrong)
