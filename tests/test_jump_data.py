"""States as people have them: names, gaps, unequal paths, entries in a table; every one is found again."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stochphys.data import Jumps, Windows
from stochphys.inference import infer_entropy_production, word_plugin
from stochphys.simulators import JumpChain, simulate_jumps
from stochphys.systems import FlashingRatchet
from tests.chance import K

seeds = st.integers(0, 2**40)


def written(seed: int, n_states: int = 4) -> tuple[list[np.ndarray], list[list[int | None]]]:
    """Paths of unequal length in which −1 stands where no state is assigned, and the same as a list."""
    rng = np.random.default_rng(seed)
    paths = [rng.integers(0, n_states, rng.integers(4, 30)) for _ in range(rng.integers(2, 6))]
    paths[0][:n_states] = np.arange(n_states)
    for path in paths:
        path[4:][rng.random(len(path) - 4) < 0.2] = -1
    return paths, [[None if s < 0 else int(s) for s in path] for path in paths]


def words_of(paths: list[list[int | None]], frames: int) -> list[list[int]]:
    runs = [path[t : t + frames] for path in paths for t in range(len(path) - frames + 1)]
    return [run for run in runs if None not in run]  # type: ignore[misc]


@given(seed=seeds, frames=st.integers(2, 3))
def test_windows_are_those_that_hold_no_unassigned_frame(seed: int, frames: int) -> None:
    paths, truth = written(seed)
    jumps = Jumps.of(paths)
    assert jumps.n_states == 4 and jumps.n_trajectories == len(paths)
    assert Windows(jumps, frames).apart().tolist() == words_of(truth, frames)


@given(seed=seeds)
def test_every_way_to_write_states_is_read_alike(seed: int) -> None:
    paths, _ = written(seed)
    jumps, names = Jumps.of(paths), np.array(["coil", "helix", "open", "shut", ""])
    floats = [np.where(path < 0, np.nan, path) for path in paths]
    longest = max(map(len, paths))
    table = np.stack([np.pad(path, (0, longest - len(path)), constant_values=-1) for path in paths])
    track = np.repeat(np.arange(len(paths)), list(map(len, paths)))
    frame = np.concatenate([np.arange(len(path)) for path in paths]) + 7
    order = np.random.default_rng(seed).permutation(len(track))
    ways = [
        Jumps.of(floats),
        Jumps.of([path.tolist() for path in paths]),
        Jumps.of([torch.tensor(path) for path in paths]),
        Jumps.of([path.astype(str) for path in paths]),
        Jumps.of(table),
        Jumps.of([path + 1 for path in paths], unassigned=0, n_states=5),
        Jumps.of([np.where(path < 0, 9, path) for path in paths], unassigned=[9, -1]),
        Jumps.of([names[path] for path in paths]),
        Jumps.of([np.where(path < 0, "x", names[path]) for path in paths], unassigned="x"),
        Jumps.of([names[path].astype(object) for path in paths], names=tuple(names[:4])),
        Jumps.of_frames(np.concatenate(paths)[order], track=track[order], frame=frame[order]),
    ]
    for k, way in enumerate(ways):
        assert torch.equal(way.x, jumps.x + (k == 5))
        assert torch.equal(Windows(way).path, Windows(jumps).path)
        assert way.names == (tuple(names[:4]) if k in (7, 8, 9) else None)


def test_none_may_be_a_name_and_none_of_python_is_nothing() -> None:
    jumps = Jumps.of([["none", "bound", None, "none"], ["bound", "NA", "none", "bound"]])
    assert jumps.names == ("bound", "none")
    assert Windows(jumps).apart().tolist() == [[1, 0], [1, 0]]


def test_names_follow_their_states_everywhere() -> None:
    jumps = Jumps.of([list("bac"), list("cab")])
    assert jumps.names == ("a", "b", "c") and jumps.x.tolist() == [[1, 0, 2], [2, 0, 1]]
    first, rest = jumps.split(0.5, generator=0)
    for part in (first, rest, jumps.take(slice(1)), jumps.cut(1), jumps.to("cpu")):
        assert part.names == jumps.names


@given(seed=seeds)
def test_equal_frames_become_stays_of_the_length_that_was_seen(seed: int) -> None:
    paths, truth = written(seed, n_states=2)
    rows = ["".join("x" if s is None else str(s) for s in path) for path in truth]
    stretches = [re.findall("0+|1+", stretch) for row in rows for stretch in row.split("x")]
    stays = [[[int(run[0]), 0.5 * len(run)] for run in stretch] for stretch in stretches]
    pairs = [[a, b] for stretch in stays for a, b in zip(stretch, stretch[1:], strict=False)]
    merged = Jumps.of(paths, n_states=2).merged(0.5)
    assert Windows(merged).apart().tolist() == pairs
    assert merged.dt == pytest.approx(0.5 * len(words_of(truth, 2)) / len(pairs))


def test_entries_of_a_table_become_waiting_times() -> None:
    """A stay ends when the next state is entered, or none is assigned; the last has no end."""
    states, track = ["A", "B", "A", "C", "", "A", "B", "B", "C"], [3, 3, 3, 1, 1, 1, 1, 1, 1]
    time = [0.0, 1.5, 2.0, 10.0, 11.0, 15.0, 15.5, 16.0, 18.0]
    order = np.random.default_rng(0).permutation(9)
    jumps = Jumps.of_stays(
        *[np.array(states)[order]], track=np.array(track)[order], time=np.array(time)[order]
    )
    assert jumps.names == ("A", "B", "C")
    assert jumps.x.tolist() == [2, 0, 1, 0, 1]
    assert jumps.waiting is not None and jumps.waiting.tolist() == [1.0, 0.5, 2.5, 1.5, 0.5]
    assert Windows(jumps).apart().tolist() == [[[0, 0.5], [1, 2.5]], [[0, 1.5], [1, 0.5]]]


def ring(n: int, n_frames: int, dt: float, missing: float) -> tuple[Jumps, float, float]:
    """Three states in a ring, left at rates of 2 forwards and 1 backwards, recorded every dt, some of
    the frames without a state; the exact time per jump, and entropy production, of what is recorded."""
    forth = torch.eye(3).double().roll(1, 1)
    P = torch.linalg.matrix_exp(dt * (2 * forth + forth.T - 3 * torch.eye(3).double()))
    seen = simulate_jumps(JumpChain(P), n, n_frames - 1, generator=0).x.numpy()
    gone = np.random.default_rng(1).random(seen.shape) < missing
    to, back = P[0, 1].item(), P[0, 2].item()
    exact = (to - back) * np.log(to / back) / dt
    return Jumps.of(np.where(gone, -1, seen.astype(int)), n_states=3), dt / (to + back), exact


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_gaps_do_not_shorten_the_time_that_a_jump_takes(missing: float) -> None:
    """Frames of 0.02, of which a stay has 17: nearly all stays are cut where 30 % are missing, and those
    seen from end to end would be of two frames or three. The number of jumps in all the time has a
    relative error of one over its square root or less: to leave a state does not depend on the past."""
    data, step, exact = ring(200, 2000, 0.02, missing)
    merged = data.merged(0.02)
    n_jumps = len(Windows(merged))
    assert n_jumps > 8000
    assert merged.dt == pytest.approx(step, rel=K / n_jumps**0.5)
    words = word_plugin(merged)
    assert words.unit == "unit time"
    assert abs(words.rate - exact) < K * words.std + exact * K / n_jumps**0.5


def gappy(jumps: Jumps, seed: int) -> tuple[Jumps, Jumps]:
    """One jump in five thrown away: paths with gaps, and the same pieces one by one, each a path."""
    there = np.random.default_rng(seed).random(jumps.x.shape) > 0.2
    states = np.where(there, jumps.x.numpy().astype(int), -1)
    data = Jumps.of(states, n_states=jumps.n_states)
    pairs = Windows(data).apart()
    return data, Jumps(pairs, jumps.n_states)


def test_words_across_a_gap_are_not_counted() -> None:
    """Pairs one by one are the same words; so are those of unequal paths."""
    data, pairs = gappy(simulate_jumps(FlashingRatchet(V=2.0), 50, 400, generator=0), 1)
    assert word_plugin(data).rate == pytest.approx(word_plugin(pairs).rate, rel=1e-12)


def test_a_ratchet_with_gaps_dissipates_as_much_as_it_does() -> None:
    """0.213 a jump, to K of the error that is told; what a gap hides is nothing of it."""
    chain = FlashingRatchet(V=2.0)
    data, _ = gappy(simulate_jumps(chain, 200, 1000, generator=0), 1)
    exact = chain.entropy_production_rate()
    words = word_plugin(data.cut(4))
    assert abs(words.rate - exact) < K * words.std


@pytest.mark.slow
def test_networks_see_the_same_of_a_ratchet_with_gaps() -> None:
    chain = FlashingRatchet(V=2.0)
    data, _ = gappy(simulate_jumps(chain, 400, 500, generator=0), 1)
    result = infer_entropy_production(data, generator=1, progress=False)
    assert abs(result.rate - chain.entropy_production_rate()) < K * result.std
    assert not result.warnings


# Jumps that go one way


def cycle(n_paths: int = 20, n_times: int = 200) -> Jumps:
    """0 → 1 → 2 → 0 → …, and never back."""
    first = torch.arange(n_paths)[:, None]
    x = (first + torch.arange(n_times)) % 3
    return Jumps(x.byte(), 3, names=("open", "shut", "blocked"))


def test_no_number_of_one_way_jumps_without_a_word() -> None:
    said = word_plugin(cycle()).warnings
    assert len(said) == 1 and said[0].startswith(
        "Irreversible as far as seen: 3 kinds of jump, 3980 of 3980 jumps, never occur the other way, "
        "most often open → shut (1327 times)"
    )
    assert word_plugin(cycle(), 4).warnings[0].startswith("Irreversible")


@pytest.mark.slow
def test_networks_say_no_number_of_one_way_jumps_without_a_word() -> None:
    short = dict(steps=20, members=2, generator=0, progress=False)
    found = infer_entropy_production(cycle(), **short)
    assert found.warnings[0].startswith(
        "Irreversible as far as seen: 3 kinds of jump, 3980 of 3980"
    )
    assert all(math.isnan(number) for number in found)


@pytest.mark.slow
def test_jumps_both_ways_are_no_irreversible_ones() -> None:
    """A driven chain, 1000 jumps and 10 000, 100 draws each: not once. With V = 4 the rarest reverse is
    expected once in 1000 jumps, and where it is missing, the rate is too low by a quarter."""
    for seed in range(100):
        for n in (50, 500):
            jumps = simulate_jumps(FlashingRatchet(V=2.0), 20, n, generator=seed)
            assert not word_plugin(jumps).warnings


# What is refused


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Jumps(torch.zeros(2, 3).long(), 2.5),
            "n_states must be a positive integer, got 2.5",
        ),
        (lambda: replace(cycle(), n_states=4), "n_states=4, but there are 3 names"),
        (lambda: Jumps.of([]), r"one state a frame, \(n_times,\) each, got none"),
        (lambda: Jumps.of(np.eye(3)[None]), r"one state a frame.* got \(3, 3\)"),
        (lambda: Jumps.of([[0, 1.5]]), "whole numbers from 0 on, got 1.5"),
        (lambda: Jumps.of([[0, np.inf]]), "whole numbers from 0 on, got inf"),
        (lambda: Jumps.of([[0, -2]]), "got -2;.* frames without one are named by unassigned=-2"),
        (lambda: Jumps.of([[-1, -1]]), "none of the 2 frames has a state"),
        (lambda: Jumps.of([["a", "b"]], names=("a",)), "states: 'b' is none of names="),
        (lambda: Jumps.of([[0, 5]], n_states=3), "x holds numbers from 0 to 5, n_states=3"),
        (lambda: Jumps.of([[0, 1j]]), "states must be integers or names, got complex128"),
        (lambda: Jumps.of([[0, 0, 0]]).merged(1.0), "no state changes"),
        (lambda: Jumps.of([[0, 1]]).merged(-1.0), "dt must be positive"),
        (lambda: replace(cycle(), waiting=torch.ones(20, 200)).merged(1.0), "have waiting times"),
    ],
)
def test_what_is_no_jump_is_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
