"""Tracks that differ, that move together, and steps that are no steps of one length: each is named, and by chance
as seldom as is said."""

import re

import pytest
import torch

from benchmarks.studies.look import (
    DT,
    exchanged,
    lost,
    magnified,
    middles,
    mirrored,
    noise,
    repeated,
    rounded,
    shaken,
    stuck,
    trap,
)
from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import infer_langevin
from stochphys.inference.signs_of_data import signs_of
from stochphys.inference.tracks import alike
from tests.chance import K


@pytest.mark.parametrize(
    ("change", "size", "word"),
    [
        (stuck, 1, "Tracks differ: D"),
        (middles, 1.0, "Tracks differ: the drift"),
        (mirrored, 10, "Tracks differ: the drift"),
        (rounded, 3.0, "Rounded"),
        (shaken, 0.3, "Common motion"),
        (lost, 0.2, "Heavy tails"),
        (exchanged, 10, "Heavy tails"),
        (repeated, 0.1, "Frames alike"),
    ],
)
def test_tracks_that_differ_or_move_together_and_frames_that_are_no_steps_are_named(
    change, size, word
):
    assert signs_of(change(size, make_generator(0)))[-1].startswith(word)


def test_of_two_kinds_that_go_by_turns_not_one_alone_is_looked_at():
    """400 tracks, of which a look takes each second or so: each second one is mirrored."""
    x = trap(make_generator(0), 400, 100).x.clone()
    x[::2, :, 0] *= -1
    assert signs_of(Trajectories(x, DT))[-1].startswith("Tracks differ: the drift")


def test_a_force_that_all_tracks_feel_at_one_time_is_a_common_motion():
    """Stirring that turns the other way each 50 frames: no mean step shows it."""
    g, x = make_generator(0), torch.zeros(50, 2, dtype=torch.float64)
    J = torch.tensor([[0.0, 3.0], [-3.0, 0.0]], dtype=torch.float64)
    path = []
    for t in range(600):
        x = x + DT * (x @ (J if t // 50 % 2 else -J).T - x) + (2 * DT) ** 0.5 * noise(x, g)
        path.append(x)
    (said,) = signs_of(Trajectories(torch.stack(path[100:], 1), DT))
    assert said.startswith("Common motion")


def test_a_rounding_by_two_steps_is_an_error_of_positions_that_midpoint_survives():
    paths = rounded(2.0, make_generator(1))
    assert not any(said.startswith("Rounded") for said in signs_of(paths))
    found = infer_langevin(paths, rule="midpoint")
    D = found.diffusion.mean(found.states)[0].diagonal()
    assert ((D - 1).abs() < 0.05).all() and not found.warnings


def test_tracks_of_another_magnification_are_named_with_the_spread_of_D():
    """D is 1 on ten tracks and 1.5² on the others: a relative standard deviation of 1.25/3.25. At a place
    the share of either differs, which takes away some."""
    (sentence,) = signs_of(magnified(1.5, make_generator(0)))
    found, tracks = re.search(r"by ±(\d+)%", sentence)[1], re.findall(r"on track (\d+)", sentence)
    assert float(found) == pytest.approx(38, rel=0.2) and len(set(tracks)) == 5


def test_the_chance_that_what_is_independent_is_alike_is_even():
    """Of 4000 sets of squares, in five groups of unequal size, as many as are said."""
    g = make_generator(0)
    group = (5 * torch.rand(1000, generator=g).square()).long()
    values = torch.randn(1000, 4000, generator=g, dtype=torch.float64).square() - 1
    chance, _ = alike(values, torch.arange(1000), group)
    for p in (0.3, 0.05, 0.01):
        assert (chance < p).double().mean() == pytest.approx(p, rel=0.2, abs=K * (p / 4000) ** 0.5)


@pytest.mark.parametrize(
    ("change", "size"), [(stuck, 1), (middles, 1.0), (mirrored, 10), (rounded, 3.0), (shaken, 0.3)]
)
def test_drift_and_diffusion_say_it_too(change, size):
    paths = change(size, make_generator(0))
    (said,), once = infer_langevin(paths).warnings, signs_of(paths)[-1]
    assert said.split(":")[0] == once.split(":")[0]
