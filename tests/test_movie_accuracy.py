"""How accurate networks that see nothing but frames are, and what their maps are made of."""

import pytest
import torch

from stochphys.data import Windows
from stochphys.device import make_generator
from stochphys.inference import EntropyProduction, infer_entropy_production
from stochphys.models import CNEEP, BilinearCNEEP
from stochphys.movie import Movie
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring, bead_camera
from tests.chance import K, sigmas

DT = 0.05
HELD_OUT = 40  # movies of 1000 frames

# What a network says of 40 000 held-out steps is compared with the exact entropy of the same steps,
# so the luck of the data cancels: with R² = 0.98 the ratio has a standard error of
# √(2 · 0.02 / (40 000 · 0.0913)) = 0.3 %. What is left of the 5 % is for the luck of the training.


def film(system: BeadSpring, n_movies: int, seed: int) -> tuple[Movie, torch.Generator]:
    g = make_generator(seed)
    paths = simulate(system, n_movies + HELD_OUT, 1000, DT, generator=g)
    return bead_camera(system).film(paths), g


def infer(kind: type, movie: Movie, g: torch.Generator, **options: object) -> EntropyProduction:
    options = dict(members=1, fraction=1 - HELD_OUT / len(movie.x), progress=False) | options
    return infer_entropy_production(
        movie,
        generator=g,
        network=lambda: kind(movie.shape, generator=g).standardise(movie),
        **options,  # type: ignore[arg-type]
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", [pytest.param(CNEEP, marks=pytest.mark.weekly), BilinearCNEEP])
def test_two_beads_from_frames_alone(kind):
    """One network each, with the default recipe: the published layers at a width of 16, and ours."""
    system = BeadSpring(T_c=1.0, T_h=10.0)
    result = infer(kind, *film(system, 2000, seed=1)).compare(system)
    assert abs(result.ratio - 1) < 0.05
    assert result.r_squared >= 0.98


@pytest.mark.slow
def test_the_error_bar_of_an_ensemble_covers_the_exact_rate():
    """The exact rate of frames 0.05 apart is 1.826, not 2.025. The held-out data alone scatter by
    √(2 / (40 000 · 0.0913)) = 2.3 %, and so short a training by 6.4 % of a member (35 members of seven
    ensembles), 2.9 % of five: 3.7 % together, of which K are allowed. The spread of five members is
    √(χ²/4) times their 6.4 %, with four degrees of freedom: 0.04 to 2.74 times, within chance."""
    system = BeadSpring(T_c=1.0, T_h=10.0)
    quick = dict(steps=300, batch_size=256, validate_every=300)
    result = infer(BilinearCNEEP, *film(system, 200, seed=2), members=5, **quick)
    truth = system.entropy_production_rate(DT)
    assert abs(result.rate - truth) < K * 0.037 * truth
    assert 0.04 * 0.064 * truth < result.std < 2.74 * 0.064 * truth


@pytest.mark.slow
def test_equilibrium_looks_like_equilibrium():
    """The network changes sign under reversal, so without an arrow of time its mean on movies it
    never saw is 0; the standard error is the spread of the held-out movies over √40."""
    system = BeadSpring(T_c=5.0, T_h=5.0)
    result = infer(
        BilinearCNEEP, *film(system, 400, seed=3), steps=400, batch_size=256, validate_every=200
    )
    rates = result.entropy.mean(1) / DT
    error = rates.std().item() / HELD_OUT**0.5
    assert abs(result.rate) < sigmas(samples=HELD_OUT) * error
    assert error < 0.01 * 1.826  # of what baths of 1 and 10 produce


# Maps


def networks(shape: tuple[int, int]) -> list[CNEEP | BilinearCNEEP]:
    g = make_generator(4)
    return [CNEEP(shape, generator=g), BilinearCNEEP(shape, generator=g)]


def test_the_published_network_has_32_577_weights():
    published = CNEEP((20, 40), width=32, generator=make_generator(0))
    assert sum(p.numel() for p in published.parameters()) == 32_577
    assert published.map(torch.zeros(1, 2, 20, 40)).shape == (1, 5, 10)


@pytest.mark.parametrize("shape", [(10, 20), (11, 23), (24, 24)])
def test_maps_add_up_to_the_entropy_and_reversal_turns_their_sign(shape):
    """The sum to 10⁻⁵ of its size, the sign exactly; odd numbers of pixels are as good as even."""
    g = make_generator(5)
    movie = Movie.of(torch.randn(3, 40, *shape, generator=g), DT)
    window = Windows(movie).sample(100)
    for network in networks(shape):
        network.standardise(movie)
        H, entropy = network.map(window), network(window)
        assert (H.sum((1, 2)) - entropy).abs().max() < 1e-5 * H.abs().sum((1, 2)).max()
        assert torch.equal(network.map(window.flip(1)), -H)
        assert torch.equal(network(window.flip(1)), -entropy)
