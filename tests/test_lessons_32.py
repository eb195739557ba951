"""What notebook 32 writes out by hand is what the package does: mean map, fit by blobs, p-value."""

from __future__ import annotations

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
from stochphys.systems import ElasticNetwork, filament_camera, local_dissipation
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
