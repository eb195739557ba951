"""What training on a movie costs is said before it starts, and asking changes nothing."""

import math
import re
from dataclasses import replace

import pytest
import torch

from stochphys.data import Windows
from stochphys.device import make_generator
from stochphys.inference import cost as room
from stochphys.inference import infer_entropy_production
from stochphys.inference.cost import Peak
from stochphys.models import CNEEP, FlowNEEP, neep_objective
from stochphys.movie import Movie
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring, bead_camera
from stochphys.training import Ensemble

SMALL = dict(members=2, steps=3, batch_size=8, progress=False)


def film(noise: float = 0.0) -> Movie:
    paths = simulate(BeadSpring(), 12, 20, 0.05, generator=0)
    camera = replace(bead_camera(BeadSpring()), noise=noise)
    return camera.film(paths, generator=make_generator(1) if noise else None)


def noise_like(size: int) -> Movie:
    frames = torch.randint(0, 255, (40, size, size), generator=make_generator(0))
    return Movie.of(frames.to(torch.uint8), 0.1).cut(20)


@pytest.mark.parametrize(
    ("seconds", "share", "hours", "says"),
    [
        (290, 0.1, 1, ""),
        (310, 0.1, 1, "It takes about 5.2 minutes and"),
        (3500, 0.1, 1, r"58 minutes .* 2 networks for 3 steps of 8 windows, 2 × 10 × 20 pixels each"),
        (3700, 0.1, 1, r"refused: it takes about 62 minutes .* data.bin\(2\) .* same: hours=3"),
        (40 * 3600, 0.1, 1, r"refused: it takes about 40 hours .* data.bin\(8\) or data.crop"),
        (40 * 3600, 0.1, 50, "It takes about 40 hours"),
        (60 * 3600, 0.1, 50, "refused: it takes about 2.5 days .* hours=120"),
        (1, 3.0, 1, r"refused: .* GB are free\) .* data.bin\(2\) .* batch_size=…$"),
        (1, 3.0, math.inf, ""),
    ],
)  # fmt: skip
def test_what_takes_long_is_said_and_what_takes_longer_refused(
    monkeypatch, capsys, seconds, share, hours, says
):
    monkeypatch.setattr(room, "free_memory", lambda device: 8e9)
    monkeypatch.setattr(room, "foretold", lambda *_: (seconds, share * 8e9))
    if says.startswith("refused: "):
        with pytest.raises(ValueError, match=says.removeprefix("refused: ")):
            infer_entropy_production(film(), generator=0, hours=hours, **SMALL)
        return
    infer_entropy_production(film(), generator=0, hours=hours, **SMALL)
    printed = capsys.readouterr().out
    assert re.search(says, printed) if says else printed == ""


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_asking_for_the_cost_changes_no_number(noise, capsys):
    """Not even the noise of a camera that draws while it is looked at."""
    before, results = torch.get_rng_state(), []
    for hours in (1.0, math.inf):
        movie = film(noise)
        results.append(infer_entropy_production(movie, generator=0, hours=hours, **SMALL))
        assert torch.equal(torch.get_rng_state(), before)
    first, second = results
    assert first.rate == second.rate and torch.equal(first.entropy, second.entropy)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("kind", [FlowNEEP, CNEEP])
@pytest.mark.parametrize(("size", "batch"), [(24, 64), (96, 16)])
def test_memory_is_foreseen(kind, size, batch):
    """Within a factor of two of what tensors take in a step of the whole ensemble."""
    movie, members = noise_like(size), 3
    network = kind((size, size), generator=0).standardise(movie)
    recipe = dict(steps=10, batch_size=batch, validate_every=10)
    _, foreseen = room.foretold(
        network, neep_objective, Windows(movie), Windows(movie), members, recipe
    )
    ensemble = Ensemble([network] * members)
    with Peak() as peak:
        window = movie.at(torch.arange(members * batch * 2).view(members, batch, 2) % 40)
        neep_objective(ensemble, window).sum().backward()
    weights = 6 * sum(p.numel() * p.element_size() for p in ensemble.parameters())
    assert 0.5 < foreseen / (peak.bytes + weights) < 2


def test_settings_that_make_no_sense_are_refused_first():
    for wrong in (dict(steps=0), dict(batch_size=-1), dict(validate_every=0.5), dict(hours=0)):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
            infer_entropy_production(film(), generator=0, **SMALL | wrong)


@pytest.mark.slow
def test_a_large_film_is_refused_before_work(capsys):
    with pytest.raises(
        ValueError, match=r"2 × 512 × 512 pixels each.*data.bin\(\d+\) or data.crop"
    ):
        infer_entropy_production(noise_like(512), generator=0)
    infer_entropy_production(noise_like(512).bin(32), generator=0, steps=10, progress=False)
    assert capsys.readouterr().out == ""
