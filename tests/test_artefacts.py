"""Films through a real camera: what a look says of each artefact, and rates without it."""

import math
from dataclasses import replace

import pytest
import torch

from benchmarks.studies.artefacts import (
    ALL,
    ARTEFACTS,
    CHANGES,
    DRIFT,
    DT,
    JITTER,
    SHUTTER,
    SYSTEMS,
    filmed,
    inferred,
    looked,
)
from stochphys.device import make_generator
from stochphys.inference.lags import lags
from stochphys.inference.signs_of_data import signs_of
from stochphys.inference.signs_of_movies import components, free_of_frames
from stochphys.simulators import simulate
from stochphys.systems import bead_camera
from tests.chance import K
from tests.test_diagnostics import found as perfect

BLEACHING, NOISE = "Bleaching, or a lamp that drifts", "Noise of the camera"
NAMES = {
    "half bleached": [BLEACHING],
    "100 photons": [NOISE],
    SHUTTER: ["Open shutter"],
    DRIFT: ["Moving"],
    JITTER: [NOISE],
    ALL: [BLEACHING, "Moving", NOISE],
}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("artefact", ARTEFACTS)
def test_an_artefact_of_a_film_in_pieces_is_named(artefact, system):
    """Those that change nothing are not: light that is uneven, and little noise."""
    assert looked(artefact, system, 5000, seed=0) == NAMES.get(artefact, [])


@pytest.mark.parametrize("artefact", ["none", "half bleached", DRIFT])
def test_an_artefact_of_a_film_in_one_piece_is_named(artefact):
    movie = filmed(SYSTEMS["driven"], 1000, artefact, seed=1)[0]
    found = signs_of(movie.rearranged(movie.x.view(1, -1)))
    assert [sentence.split(":")[0] for sentence in found] == NAMES.get(artefact, [])


def test_steady_light_mends_what_bleached():
    movie = filmed(SYSTEMS["driven"], 1000, "half bleached", seed=2)[0]
    steady = movie.steady_light()
    frames = movie.at(torch.arange(1000))
    expected = frames / frames.mean((1, 2), keepdim=True)
    torch.testing.assert_close(steady.at(torch.arange(1000)), expected)
    assert not signs_of(steady)
    with pytest.raises(ValueError, match="light must be positive, got -.*a dark camera"):
        movie.subtract(torch.full((10, 20), 500.0)).steady_light()


def test_noise_is_found_with_its_size():
    """Two equal beads: their sum and difference, the components, have steps of the same variance
    2T dt(1 + …) and errors of the same variance R, so that the correlation is −R/(2T dt + 2R)."""
    system = SYSTEMS["equilibrium"]
    camera = replace(bead_camera(system), noise=0.1)
    R = camera.localisation().diagonal().mean().item()
    g = make_generator(3)
    movie = camera.film(simulate(system, 20, 1000, DT, generator=g), generator=g)
    found = lags(components(movie))
    expected = -R / (2 * 5.0 * DT + 2 * R)
    assert found.excess.tolist() == pytest.approx([expected] * 2, abs=K * 0.008 + 0.1 * -expected)


@pytest.mark.parametrize("size", [0.0, 0.5, 1.0])
def test_noise_of_a_current_drops_out(size):
    """White steps of variance s² = 2m, and errors ζ that come and go: the rate of the steps is
    m (s² + 2ζ²)/s² once more."""
    g = make_generator(4)
    errors = size * torch.randn(50, 401, generator=g)
    h = 0.5 + torch.randn(50, 400, generator=g) + errors.diff(dim=1)
    some = perfect(SYSTEMS["driven"], DT, paths=2, frames=3)
    found = replace(some, entropy=h, rate=3.0, std=0.0, member_rates=torch.full((5,), 3.0))
    told = free_of_frames(found)
    left = told.rate * (told.rate / 3 - 1)  # as much as was corrected, and beside it the luck
    luck = (told.std**2 - left**2) ** 0.5
    assert abs(told.rate - 3 * (1 + 2 * size**2)) < K * luck < 0.1 * K * told.rate
    torch.testing.assert_close(told.member_rates, torch.full((5,), told.rate))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("artefact", "system"),
    [("half bleached", "equilibrium"), (DRIFT, "equilibrium"), (ALL, "driven")],
)
def test_no_rate_is_given_of_a_film_that_is_not_steady(artefact, system):
    found = inferred(artefact, system, 1000, seed=5)
    assert math.isnan(found["rate"]) and found["words"][0] in (BLEACHING, "Moving")


@pytest.mark.weekly
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("artefact", ["none", *CHANGES, SHUTTER, JITTER])
def test_rates_of_films_with_artefacts_hold_the_truth(artefact, system):
    found = inferred(artefact, system, 20_000, seed=6)
    assert math.isnan(found["rate"]) or abs(found["rate"] - found["truth"]) < 3 * found["std"]
