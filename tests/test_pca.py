"""Movies without networks: what principal components hold of the entropy."""

from dataclasses import replace

import pytest
import torch
from scipy.stats import chi2
from torch import Tensor

from stochphys.course.studies.pca import pca
from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import Comparison, CurrentEstimate, gaussian_plugin, short_time_tur
from stochphys.movie import Movie
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring, bead_camera
from tests.chance import CHANCE, K

DT, PSF = 0.05, 1.5


@pytest.fixture(scope="module")
def system() -> BeadSpring:
    return BeadSpring(T_c=1.0, T_h=10.0)


@pytest.fixture(scope="module")
def movie(system) -> Movie:
    paths = simulate(system, 100, 1000, DT, generator=make_generator(0))
    return bead_camera(system, psf=PSF).film(paths)


def judged(estimate: CurrentEstimate, system: BeadSpring, movie: Movie) -> Comparison:
    exact = system.entropy_production(movie.filmed, "exact")
    return Comparison.of(exact, estimate.per_step(), estimate.rate, DT)


def divergence(forward: Tensor, lagged: Tensor) -> float:
    """Gaussian divergence of a pair from the swapped pair, covariances of (z, z) and (z', z)."""
    pair = torch.cat((torch.cat((forward, lagged.T), 1), torch.cat((lagged, forward), 1)))
    swapped = torch.cat((torch.cat((forward, lagged), 1), torch.cat((lagged.T, forward), 1)))
    return (torch.linalg.solve(swapped, pair).trace().item() - len(pair)) / 2


def test_two_components_of_two_beads_are_their_positions(system, movie):
    """As good as a plug-in on the true positions, but for 0.9 ± 0.4 % of the rate; off the truth by
    −1.2 ± 1.8 %. Both over 40 draws of the movies, K standard errors allowed."""
    estimate = gaussian_plugin(pca(movie, 2))
    result = judged(estimate, system, movie)
    assert result.ratio == pytest.approx(1 - 0.012, abs=K * 0.018)
    assert result.r_squared > 0.97
    positions = gaussian_plugin(movie.filmed).rate
    assert estimate.rate / positions == pytest.approx(1 - 0.009, abs=K * 0.0045)


def test_more_components_count_the_same_current_again(system, movie):
    """Components of order k are Hermite polynomials of single positions, with the k-th powers of
    the correlations, and no other correlations: the plug-in adds up their divergences, 1.594,
    1.926 and 2.104 times the truth for 2, 3 and 4 orders. Within K standard errors, 3 to 7 % each."""
    P, _ = system.transition(DT)
    C = system.stationary_covariance()
    root = C.diagonal().rsqrt()
    same, lagged = (root[:, None] * c * root for c in (C, P @ C))
    orders = [divergence(same**k, lagged**k) / DT for k in (1, 2, 3, 4)]
    truth = system.entropy_production_rate(DT)
    assert orders[0] == pytest.approx(truth)
    components = pca(movie, 8)
    for k in (1, 2, 3, 4):
        first = replace(components, x=components.x[..., : 2 * k], check=False)
        estimate = gaussian_plugin(first)
        assert abs(estimate.rate - sum(orders[:k])) < K * estimate.std
    assert sum(orders[:2]) / truth == pytest.approx(1.594, abs=1e-3)
    assert judged(gaussian_plugin(pca(movie, 4)), system, movie).r_squared < 0.9


def test_even_components_alone_show_a_current_of_their_own(movie):
    """Squares of the positions turn round as the positions do, at 0.594 of their rate."""
    components = pca(movie, 4)
    squares = gaussian_plugin(replace(components, x=components.x[..., 2:], check=False))
    assert abs(squares.rate - 1.0840) < K * squares.std


@pytest.mark.parametrize(("components", "r_squared"), [(2, 0.97), (4, 0.99)])
def test_the_uncertainty_bound_on_components_stays_below_the_truth(
    system, movie, components, r_squared
):
    """Unlike the plug-in it cannot count twice: more components only make its current better."""
    estimate = short_time_tur(pca(movie, components), generator=make_generator(1))
    result = judged(estimate, system, movie)
    assert 0.9 < result.ratio < 1
    assert result.r_squared > r_squared


def test_equilibrium_has_none():
    """N ΔS is 2(χ² − k) of the k antisymmetric correlations of d components, squares included, and
    the tail of χ² the bound: beyond it with the probability `CHANCE`."""
    system = BeadSpring(T_c=5.0, T_h=5.0)
    paths = simulate(system, 100, 500, DT, generator=make_generator(3))
    film = bead_camera(system, psf=PSF).film(paths)
    for z in (pca(film, 2), pca(film, 4)):
        estimate = gaussian_plugin(z)
        k, n = z.dim * (z.dim - 1) // 2, z.x[:, 1:, 0].numel()
        assert abs(estimate.rate * DT * n) < 2 * (chi2.isf(CHANCE, k) - k)


def test_a_slower_camera_and_stored_frames_give_the_same_kind(movie):
    """The frame interval is the movie's, and stored frames are as good as rendered ones."""
    assert pca(movie.every(4), 2).dt == 4 * DT
    part = movie.take(slice(3))
    stored = pca(Movie.of(part.at(torch.arange(part.x.numel())).view(*part.x.shape, 10, 20), DT), 2)
    assert isinstance(stored, Trajectories)
    assert torch.equal(stored.x, pca(part, 2).x)


def test_nonsense_is_refused(movie):
    for n in (0, 201):
        with pytest.raises(ValueError, match=rf"n_components must lie in \[1, 200\], got {n}"):
            pca(movie, n)
