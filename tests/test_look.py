"""One look at data: each defect that is put in by hand is named, with its size, and clean data are left alone."""

import re

import pytest
import torch

import stochphys as sp
from benchmarks import cpu_seconds
from benchmarks.studies.clean import CLEAN
from benchmarks.studies.look import errors, heating, shutter, stage, trap
from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import entropy_production_rate
from stochphys.inference.lags import lags
from stochphys.inference.signs import joined, steadiness
from stochphys.inference.signs_of_data import examined, signs_of
from tests.chance import K


def data(change=None, size=0.0, seed=0, **how):
    g = make_generator(seed)
    return trap(g, **how) if change is None else change(size, g)


def only(paths):
    (sentence,) = signs_of(paths)
    return sentence


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLEAN)
def test_clean_data_of_all_kinds_have_no_findings(kind):
    """Ten sets of each; one finding in 200 is expected, two among ten have a probability below 10⁻³."""
    assert sum(bool(signs_of(CLEAN[kind](make_generator(seed)))) for seed in range(10)) < 2


def test_clean_data_have_no_findings():
    assert signs_of(data()) == ()
    assert signs_of(Trajectories(torch.randn(3, 4, 2, generator=make_generator(1)), 1.0)) == ()


def test_errors_of_positions_are_found_with_their_size():
    """ζ = 0.2 where a displacement is √0.02: c₁ = −ζ² of c₀ = 0.02 + 2ζ² less the drift of a frame."""
    paths = data(errors, 2**0.5)
    found = lags(paths)
    assert found.excess.tolist() == pytest.approx([-0.04 / 0.1] * 2, abs=K * 0.01)
    sentence = only(paths)
    assert sentence.startswith("Errors of the positions")
    assert float(re.search(r"by an error of ([\d.]+)", sentence)[1]) == pytest.approx(0.2, rel=0.1)
    assert float(re.search(r"production ([\d.]+) times", sentence)[1]) == pytest.approx(
        0.2, abs=0.03
    )


@pytest.mark.parametrize("part", [0.5, 1.0])
def test_an_open_shutter_is_found_with_the_part_of_dt(part):
    """R = part/6: c₁/c₀ = 2R/(2 − 4R), 0.1 and 0.25; a rate reads 1/(1 − 2R) times too high."""
    sentence = only(data(shutter, part))
    R = part / 6
    assert sentence.startswith("Open shutter")
    assert float(re.search(r"over (\d+)%", sentence)[1]) / 100 == pytest.approx(part, abs=0.15)
    said = float(re.search(r"production ([\d.]+) times", sentence)[1])
    assert said == pytest.approx(1 / (1 - 2 * R), abs=0.1)


def test_one_film_cannot_tell_errors_from_an_open_shutter():
    """Where ζ² = 2RD dt both signs cancel: nothing is seen, and the words say so of clean data, too."""
    paths = data(shutter, 1.0)
    noise = torch.randn(paths.x.shape, generator=make_generator(5), dtype=torch.float64)
    paths = Trajectories(paths.x + (0.02 / 6) ** 0.5 * noise, 0.01)
    assert signs_of(paths) == ()
    assert "one that stays open hides errors" in str(sp.look(paths))


def test_a_moving_stage_is_found_between_paths_in_pieces_and_in_one_path():
    paths = data(stage, 2.0)
    for some in (paths, paths.cut(20)):
        sentence = only(some)
        assert sentence.startswith("Not steady: the mean of coordinate")
        assert "a stage that drifts" in sentence
    (change, *_) = steadiness(paths)
    assert change.difference == pytest.approx(2 * 2 / 3, abs=K * change.error)
    one = trap(make_generator(1), 1, 20_000).x
    moved = one + torch.linspace(0, 3, 20_001, dtype=torch.float64)[:, None]
    assert only(Trajectories(moved, 0.01)).startswith("Not steady")


def test_growing_fluctuations_are_found():
    assert "variance of" in only(data(heating, 0.5))


def test_tracks_at_different_times_are_compared_by_the_clock_of_the_film():
    """Each of 200 tracks lasts 20 frames; the stage moves by three widths while they come and go."""
    g = make_generator(3)
    x = trap(g, 200, 19).x
    frame = torch.arange(200)[:, None] * 5 + torch.arange(20)
    x = x + 3 * frame[..., None] / 1000
    track = torch.arange(200).repeat_interleave(20)
    tracks = Trajectories.of_frames(x.flatten(0, 1), 0.01, track=track, frame=frame.flatten())
    assert only(tracks).startswith("Not steady: the mean")


def test_pieces_are_put_together_again_and_paths_are_not():
    paths = data()
    assert joined(paths) is paths
    again = joined(paths.cut(20))
    assert torch.equal(again.x, paths.x[:, :1000])


def test_pieces_of_a_film_that_bleaches_are_put_together_again():
    x = data(paths=1, frames=19_999).x * 0.01 ** torch.linspace(0, 1, 20_000)[:, None]
    assert len(joined(Trajectories(x, 0.01).cut(200)).x) == 1


def test_positions_of_a_body_with_inertia_are_told_from_an_open_shutter():
    g = make_generator(0)
    swings = sp.simulate(
        sp.systems.VanDerPol(), 10, 2000, 0.01, start=torch.ones(2), burn_in=500, generator=g
    )
    assert signs_of(swings) == ()
    positions = Trajectories(swings.position, swings.dt)
    assert "underdamped=True" in only(positions) and only(positions).startswith("Memory")


def test_velocities_that_are_differences_of_positions_are_named():
    g = make_generator(0)
    swings = sp.simulate(sp.systems.VanDerPol(), 10, 10_000, 0.001, start=torch.ones(2), burn_in=500, every=5, generator=g,
                         dtype=torch.float64)  # fmt: skip
    x = swings.position
    made = torch.cat((x[:, :-1], x.diff(dim=1) / swings.dt), 2)
    assert "Velocities are differences" in only(Trajectories(made, swings.dt, underdamped=True))


def test_the_rate_that_could_be_told_from_zero_is_that_of_the_scatter_in_equilibrium():
    """Three standard errors of the Gaussian estimate over 40 sets, whose own error is 11 %."""
    system = sp.simulators.Linear(-torch.eye(3).double(), torch.eye(3).double())
    films = [sp.simulate(system, 40, 500, 0.02, generator=seed) for seed in range(40)]
    scatter = torch.tensor([sp.gaussian_plugin(film).rate for film in films]).std().item()
    said = float(re.search(r"above ([\d.]+)", str(sp.look(films[0])))[1])
    assert said == pytest.approx(3 * scatter, rel=K * 0.11)


def test_one_open_coordinate_is_a_fact_and_a_ring_is_none():
    line = Trajectories(trap(make_generator(0)).x[..., :1], 0.01)
    assert any("on a line no current" in fact for fact in sp.look(line).facts)
    turning = torch.randn(20, 1000, 1, generator=make_generator(0)).cumsum(1)
    assert not any("on a line" in fact for fact in sp.look(Trajectories(turning, 0.01)).facts)


def test_a_look_shows_words_and_a_figure():
    found = sp.look(data(errors, 1.0))
    assert (
        str(found)
        .splitlines()[0]
        .startswith("20 paths of 1001 frames, 2 coordinates, no gaps: 20000 steps")
    )
    assert found.warnings[0] in str(found) and len(repr(found)) < 200
    assert "data:image/png" in found._repr_html_() and len(found.figure.axes) == 4
    assert "Nothing to complain of." in str(sp.look(data()))
    with pytest.raises(TypeError, match="sp.Trajectories.of"):
        sp.look(torch.zeros(3, 4))


# What estimators of a steady rate say of their data by themselves


def estimates(paths):
    yield sp.short_time_tur(paths, generator=0)
    yield sp.gaussian_plugin(paths)


def test_no_rate_of_data_that_are_not_steady_but_drift_and_diffusion():
    paths = data(stage, 3.0)
    for found in estimates(paths):
        assert found.rate != found.rate and found.warnings[0].startswith("No rate. Not steady")
    motion = sp.infer_langevin(paths)
    assert torch.isfinite(motion.diffusion.mean(motion.states)).all()
    rate = entropy_production_rate(motion, paths, generator=0)
    assert rate.rate != rate.rate and "Not steady" in str(rate)


def test_an_open_shutter_and_errors_of_positions_are_said_and_taken_out_of_a_rate():
    """18 per unit time, which the error bar holds; it is little wider than that of clean frames."""
    luck = sp.gaussian_plugin(data())
    for change, size, word in ((shutter, 1.0, "Open shutter"), (errors, 2**0.5, "Errors of the")):
        for found in estimates(data(change, size)):
            (sentence,) = found.warnings
            assert sentence.startswith(word)
            assert abs(found.rate - 18) < 2 * found.std < 4 * luck.std


def test_drift_and_diffusion_name_an_open_shutter_and_its_cure():
    paths = data(shutter, 1.0)
    said = sp.infer_langevin(paths).warnings
    assert all(sentence.startswith("Open shutter") for sentence in said) and "midpoint" in said[0]
    assert not any(
        "hutter" in w or "Memory" in w for w in sp.infer_langevin(paths, rule="midpoint").warnings
    )


def test_a_wrong_frame_is_named_and_left_out_of_a_rate():
    paths = data()
    clean = sp.gaussian_plugin(paths)
    x = paths.x.clone()
    x[7, 400] += 30.0
    found = sp.gaussian_plugin(Trajectories(x, 0.01))
    assert found.warnings[0].startswith("Wrong frames: trajectory 7 at frame 400")
    assert found.rate == pytest.approx(clean.rate, rel=0.02)


def test_a_look_costs_an_estimate_little():
    """Of a million steps, some 25 000 are looked at, and one pass seeks wrong frames."""
    paths = sp.simulate(sp.systems.BeadSpring(), 1000, 1000, 0.01, generator=0)
    took = cpu_seconds(
        {"look": lambda: examined(paths), "estimate": lambda: sp.gaussian_plugin(paths)}, repeats=3
    )
    assert took["look"] < took["estimate"]


def test_angles_that_were_wrapped_are_named_and_no_rate_is_given():
    turning = 0.2 * torch.randn(20, 2000, 2, generator=make_generator(0)).cumsum(1)
    wrapped = Trajectories(turning.remainder(6.2831853), 0.01)
    assert [sentence.startswith("Periodic") for sentence in signs_of(wrapped)] == [True, True]
    for found in estimates(wrapped):
        assert found.rate != found.rate and "numpy.unwrap" in found.warnings[0]
    one = Trajectories(wrapped.x[..., :1], 0.01)
    assert not any("on a line" in fact for fact in sp.look(one).facts)


# Jumps


def ring(forward=0.6, paths=50, n=2000, seed=0):
    P = torch.zeros(4, 4, dtype=torch.float64)
    for i in range(4):
        P[i, (i + 1) % 4], P[i, (i - 1) % 4] = forward, 1 - forward
    return sp.simulate_jumps(sp.simulators.JumpChain(P), paths, n, generator=seed)


def test_clean_jumps_have_no_findings_and_say_what_they_could_tell():
    found = sp.look(ring())
    assert found.warnings == () and "of 1 loop)" in found.facts[1]
    said = float(re.search(r"above (\S+) per jump", found.facts[1])[1])
    rates = torch.tensor([sp.word_plugin(ring(0.5, seed=s)).rate for s in range(30)])
    assert said == pytest.approx(3 * rates.std().item(), rel=K * 0.3)  # χ² of one current


def test_states_never_visited_and_one_way_jumps_are_named():
    jumps = sp.Jumps(ring().x, 6)
    (sentence,) = sp.look(jumps).warnings
    assert sentence.startswith("Never visited: 2 of 6 states (4, 5)")
    assert "Irreversible" in sp.look(ring(1.0)).warnings[0]


def test_occupations_that_change_are_named_and_no_rate_is_given():
    jumps = ring()
    x = torch.where(
        torch.rand(jumps.x.shape, generator=make_generator(0))
        < torch.linspace(0, 0.3, jumps.n_times),
        0,
        jumps.x,
    )
    changing = sp.Jumps(x.to(jumps.x.dtype), 4)
    assert "the share of state 0" in only(changing)
    found = sp.word_plugin(changing)
    assert found.rate != found.rate and "Not steady" in found.warnings[0]


# Films


def film(change=lambda x: x):
    system = sp.systems.BeadSpring()
    paths = sp.simulate(system, 20, 300, 0.05, generator=0)
    reel = sp.systems.bead_camera(system).film(Trajectories(paths.x, 0.05)).recorded()
    return sp.Movie.of(change(reel.reel.float().view(20, 301, 10, 20)), 0.05)


FALLING = torch.linspace(1, 0.9, 301)[:, None, None]
FILMS = {
    "": lambda x: x,
    "Bleaching": lambda x: x * FALLING,
    "Frames alike": lambda x: x.repeat_interleave(2, dim=1),
    "Full pixels": lambda x: (2 * x).clamp(max=255),
}


@pytest.mark.parametrize("word", FILMS)
def test_what_is_wrong_with_a_film_is_named(word):
    warnings = sp.look(film(FILMS[word])).warnings
    assert [sentence.startswith(word) for sentence in warnings] == [True] * bool(word)


def test_a_stage_that_moves_under_a_film_is_named():
    system = sp.systems.BeadSpring()
    paths = sp.simulate(system, 20, 300, 0.05, generator=0)
    moved = Trajectories(paths.x + torch.linspace(0, 6, 301)[:, None], 0.05)
    found = sp.look(sp.systems.bead_camera(system).film(moved))
    assert found.warnings[0].startswith("Moving: the middle of the light (column)")
