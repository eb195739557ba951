"""What notebooks 32 and 33 write out by hand is what the package does: mean map, fit by blobs and
p-value; law of the frames, and divergence."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from stochphys.course.studies.map_scores import blob_weights, blobs, score_map, truths
from stochphys.data import Windows
from stochphys.device import make_generator
from stochphys.inference import dissipation_map
from stochphys.models import BilinearCNEEP
from stochphys.movie import Movie
from stochphys.simulators import simulate
from stochphys.simulators.visible import frame_covariances, visible_entropy_rate
from stochphys.systems import (
    BeadSpring,
    ElasticNetwork,
    bead_camera,
    filament_camera,
    local_dissipation,
)
from stochphys.training import Ensemble
from tests.chance import K
from tests.lesson import inline

NETWORK = ElasticNetwork(n=3)
NODES = 6 * NETWORK.nodes - 0.5


@pytest.fixture(scope="module")
def lesson() -> SimpleNamespace:
    """The functions as the notebook defines them, cut out of their cells."""
    names = "mean_map", "fit_blobs", "permutation_p"
    given = dict(torch=torch, Windows=Windows, blobs=blobs)
    return inline("32_dissipation_maps", *names, **given)


@pytest.fixture(scope="module")
def movie() -> Movie:
    films = simulate(NETWORK, 10, 20, 0.02, generator=make_generator(0))
    return filament_camera(NETWORK).film(films)


@pytest.fixture(scope="module")
def network(movie: Movie) -> BilinearCNEEP:
    network = BilinearCNEEP(movie.shape, generator=make_generator(1)).standardise(movie)
    with torch.no_grad():  # away from any start at zero
        for weights in network.parameters():
            weights += 0.1 * torch.randn(weights.shape, generator=make_generator(2))
    return network


def test_the_inline_map_is_the_dissipation_map(
    lesson: SimpleNamespace, network: BilinearCNEEP, movie: Movie
) -> None:
    inline, found = lesson.mean_map(network, movie), dissipation_map(Ensemble([network]), movie)
    torch.testing.assert_close(inline.double(), found.mean, rtol=1e-4, atol=1e-4)
    assert inline.abs().max() > 1e-3


def test_the_inline_fit_is_blob_weights(lesson: SimpleNamespace) -> None:
    H = torch.randn(12, 12, generator=make_generator(3))
    torch.testing.assert_close(lesson.fit_blobs(H, NODES), blob_weights(H, NODES, 2))


def test_the_inline_score_is_that_of_score_map(
    lesson: SimpleNamespace, network: BilinearCNEEP, movie: Movie
) -> None:
    """The same correlation, and p within K standard errors of 2000 permutations in each."""
    found = dissipation_map(Ensemble([network]), movie)
    truth = truths(NODES, local_dissipation(NETWORK))["velocity"]
    score = score_map(found, truth, generator=make_generator(4))
    r, p = lesson.permutation_p(score.weights, truth.values, make_generator(5))
    assert r == pytest.approx(score.correlation)
    error = (2 * score.p * (1 - score.p) / 2000) ** 0.5
    assert abs(p - score.p) < K * error + 1e-3


# Frames of imperfect cameras

SYSTEM, DT, N = BeadSpring(n_beads=5), 0.05, 4
M = torch.tensor([[1.0, 0, 0.5, 0, 0], [0, 1.0, 0, 0, -1.0]], dtype=torch.float64)
R = torch.tensor([[0.3, 0.1], [0.1, 0.2]], dtype=torch.float64)


@pytest.fixture(scope="module")
def laws() -> SimpleNamespace:
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


def test_the_inline_law_is_that_of_the_package(laws: SimpleNamespace) -> None:
    forward, _ = frame_covariances(SYSTEM, DT, M, R, N)
    torch.testing.assert_close(laws.law(SYSTEM, DT, M, R, N), forward)
    everything, _ = frame_covariances(SYSTEM, DT, None, None, 2)
    torch.testing.assert_close(laws.law(SYSTEM, DT), everything)


def test_the_inline_divergence_is_that_of_the_package(laws: SimpleNamespace) -> None:
    rate = laws.divergence(laws.law(SYSTEM, DT, M, R, N), N) / ((N - 1) * DT)
    exact = visible_entropy_rate(SYSTEM, DT, observe=M, noise=R, frames=N)
    assert rate == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("part", ["law", "divergence"])
def test_a_lesson_that_drifts_away_is_noticed(part: str, laws: SimpleNamespace) -> None:
    wrong = SimpleNamespace(**vars(laws))
    if part == "law":  # the transposed covariance: time reversed
        wrong.law = lambda *args: laws.law(*args).flip(0, 1)
        test = test_the_inline_law_is_that_of_the_package
    else:
        wrong.divergence = lambda *args: 2 * laws.divergence(*args)
        test = test_the_inline_divergence_is_that_of_the_package
    with pytest.raises(AssertionError):
        test(wrong)
