"""Paths of unequal length, with gaps: what exists is found, all of it, and nothing else."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stochphys.data import Jumps, Trajectories, Windows
from stochphys.device import make_generator
from stochphys.inference import (
    gaussian_plugin,
    infer_entropy_production,
    short_time_tur,
    word_plugin,
)
from stochphys.stretches import Stretches

seeds = st.integers(0, 2**40)


def scattered(seed: int, n: int = 7, n_times: int = 23) -> tuple[Trajectories, Tensor, Tensor]:
    """Frames of some paths in a random order: the data, which frames exist `(n, n_times)`, and all
    states `(n, n_times, 2)`, where the first coordinate says the path and the second the frame."""
    g = make_generator(seed)
    there = torch.rand(n, n_times, generator=g) > 0.4
    there[:, 3:5], there[0, 0] = True, True
    path, frame = torch.meshgrid(torch.arange(n), torch.arange(n_times), indexing="ij")
    x = torch.stack((path, frame), -1).double()
    order = torch.randperm(int(there.sum()), generator=g)
    track, number = (each[there][order] for each in (5 - 3 * path, frame - 8))
    data = Trajectories.of_frames(x[there][order], 0.5, track=track, frame=number)
    # Tracks are sorted by their numbers, which fall here.
    return data, there.flip(0), x.flip(0)


def windows_of(there: Tensor, x: Tensor, frames: int) -> Tensor:
    """All windows that exist, one by one."""
    n, n_times = there.shape
    starts = [(i, t) for i in range(n) for t in range(n_times - frames + 1)]
    return torch.stack([x[i, t : t + frames] for i, t in starts if there[i, t : t + frames].all()])


@given(seed=seeds, frames=st.integers(2, 4))
def test_each_window_that_exists_is_found_once(seed: int, frames: int) -> None:
    data, there, x = scattered(seed)
    if data.longest < frames:
        return
    windows, exact = Windows(data, frames), windows_of(there, x, frames)
    assert torch.equal(windows.apart(), exact)
    assert len(windows) == len(exact)
    assert torch.equal(windows.path, 6 - exact[:, 0, 0].long())
    grid = windows.laid(exact[:, 0, 1])
    row, column = (~grid.isnan()).nonzero().T
    begins = data.stretches.begins[row]  # type: ignore[union-attr]
    assert torch.equal(grid[row, column].long(), column + begins)


@given(seed=seeds, k=st.integers(1, 4))
def test_a_slower_camera_sees_each_kth_frame_of_each_path(seed: int, k: int) -> None:
    data, there, x = scattered(seed)
    begins = [row.int().argmax().item() for row in there]  # a path's own first frame
    pairs = [
        (i, t)
        for i, first in enumerate(begins)
        for t in range(first, there.shape[1] - k, k)
        if there[i, t] and there[i, t + k]
    ]
    if not pairs:
        with pytest.raises(ValueError, match=f"no path has two frames that are k={k} apart"):
            data.every(k)
        return
    slow = data.every(k)
    assert slow.dt == 0.5 * k
    assert torch.equal(Windows(slow).apart(), torch.stack([x[i, t::k][:2] for i, t in pairs]))


@pytest.mark.parametrize("k", [0, -1, 2.5])
def test_a_camera_is_slower_by_a_whole_number(k: float) -> None:
    for data in (scattered(1)[0], Trajectories(torch.zeros(3, 9, 2), 0.5)):
        with pytest.raises(ValueError, match="k must be a positive integer"):
            data.every(k)  # type: ignore[arg-type]


@given(seed=seeds)
def test_paths_are_taken_whole_in_any_order_and_again(seed: int) -> None:
    data, there, x = scattered(seed)
    which = torch.tensor([4, 0, 4, 6])
    taken = data.take(which)
    assert taken.n_trajectories == 4
    assert torch.equal(taken.x, torch.cat([x[i][there[i]] for i in which.tolist()]))
    assert torch.equal(Windows(taken).apart(), windows_of(there[which], x[which], 2))
    first, rest = data.split(0.5, generator=seed)
    assert len(first.x) + len(rest.x) == len(data.x)
    assert not {*first.x[:, 0].tolist()} & {*rest.x[:, 0].tolist()}


@given(seed=seeds)
def test_pieces_hold_all_frames_and_no_window_across_a_cut(seed: int) -> None:
    data, there, _ = scattered(seed)
    pieces = data.cut(4)
    assert torch.equal(pieces.x, data.x)
    length = data.n_times // 4
    pairs = Windows(pieces).apart()
    begins = [row.int().argmax().item() for row in there]
    place = [(t - begins[6 - int(i)]) // length for i, t in pairs.flatten(0, 1).tolist()]
    assert place[::2] == place[1::2]
    assert len(pairs) == sum(
        bool(row[t] & row[t + 1]) and (t - b) // length == (t + 1 - b) // length
        for row, b in zip(there, begins, strict=True)
        for t in range(len(row) - 1)
    )


def test_every_window_of_a_resampled_list_is_as_likely_as_the_next() -> None:
    data, _, _ = scattered(3)
    windows = Windows(data).bootstrap(2, generator=0)
    index = torch.arange(len(windows)).expand(2, -1)
    seen = 6 - windows[index][:, :, 0, 0].long()  # the path of each window (members, n)
    assert windows.draws is not None
    for drawn, paths in zip(windows.draws, seen, strict=True):
        share = torch.bincount(drawn, minlength=7) * Windows(data).per_path
        assert torch.bincount(paths, minlength=7) / len(windows) == pytest.approx(
            (share / share.sum()).tolist(), abs=7 / len(windows)
        )
    longest = windows.per_path[windows.draws].sum(1).argmax()
    assert len(windows) == windows.per_path[windows.draws[longest]].sum()
    pairs = windows[index][longest]
    whole = torch.cat([Windows(data.take(i[None])).apart() for i in windows.draws[longest]])
    assert torch.equal(pairs, whole)  # the longest list is read in order, each window once


def test_paths_with_the_same_frames_are_regular() -> None:
    x = torch.arange(24.0).view(3, 4, 2)
    path, frame = torch.meshgrid(torch.arange(3), torch.arange(4) + 7, indexing="ij")
    data = Trajectories.of_frames(x.flatten(0, 1), 0.5, track=path.flatten(), frame=frame.flatten())
    assert data.stretches is None
    assert torch.equal(data.x, x)


def test_a_file_holds_the_numbers_of_frames(tmp_path: Path) -> None:
    data, _, _ = scattered(1)
    assert data.stretches is not None
    data.save(tmp_path / "gaps.npz")
    with np.load(tmp_path / "gaps.npz") as file:
        held = {name: torch.from_numpy(file[name]) for name in ("x", "track", "frame")}
    again = Trajectories.of_frames(held.pop("x"), data.dt, **held)
    assert again.stretches is not None
    assert torch.equal(again.x, data.x)
    for name in ("path", "start", "length"):
        assert torch.equal(getattr(again.stretches, name), getattr(data.stretches, name))


def test_paths_say_how_many_they_are_and_in_how_many_pieces() -> None:
    data, _, _ = scattered(1)
    assert data.stretches is not None
    assert (
        repr(data) == f"Trajectories(7 paths in {len(data.stretches.path)} stretches, "
        f"x=float64 {len(data.x)}×2, dt=0.5, underdamped=False)"
    )


@pytest.mark.parametrize(
    ("track", "frame", "says"),
    [
        ([0, 0, 0], [4, 5, 4], "track 0 has two states in frame 4"),
        ([0, 0, 1], [4, 6, 5], "no two of the 3 frames follow each other"),
        ([0, 0], [4, 5], r"track must number each of the 3 frames in x, got shape \(2,\)"),
    ],
)
def test_what_is_no_path_is_refused(track: list[int], frame: list[int], says: str) -> None:
    numbers = dict(track=torch.tensor(track), frame=torch.tensor(frame))
    with pytest.raises(ValueError, match=says):
        Trajectories.of_frames(torch.zeros(3, 2), 0.1, **numbers)


def test_numbers_of_frames_are_integers() -> None:
    whole = torch.arange(3)
    with pytest.raises(TypeError, match="frame must be a tensor of .* got torch.float32"):
        Trajectories.of_frames(torch.zeros(3, 2), 0.1, track=whole, frame=whole / 2)


def test_jumps_may_have_gaps() -> None:
    stretches = Stretches.of_frames(torch.tensor([0, 0, 0, 1, 1]), torch.tensor([0, 1, 3, 0, 1]), 2)
    jumps = Jumps(torch.tensor([2, 1, 0, 1, 2]), 3, stretches=stretches)
    assert (jumps.n_trajectories, jumps.n_times, jumps.longest) == (2, 4, 2)
    assert Windows(jumps).apart().tolist() == [[2, 1], [1, 2]]
    assert jumps.take(slice(1, 2)).x.tolist() == [1, 2]


def test_the_clock_of_the_film_is_saved(tmp_path: Path) -> None:
    data, _, _ = scattered(1)
    late = data.every(3).take(slice(2, 4)).cut(2)
    assert late.stretches is not None
    late.save(tmp_path / "late.npz")
    again = Trajectories.load(tmp_path / "late.npz")
    assert again.stretches is not None
    assert torch.equal(again.stretches.start, late.stretches.start)
    assert torch.equal(again.x, late.x)


def test_a_change_of_states_keeps_their_frames() -> None:
    data, _, _ = scattered(1)
    assert data.map(lambda x: x[:, :1]).dim == 1
    for change in (lambda x: x[:-3], lambda x: x[:, 0], lambda x: x[None]):
        with pytest.raises(ValueError, match=f"a row for each of {len(data.x)} frames, got"):
            data.map(change)
    with pytest.raises(ValueError, match="a row for each of 0 frames"):
        data.take(slice(0, 0))


def test_a_path_that_spans_too_much_is_told_before_memory_ends() -> None:
    track = torch.arange(20).repeat_interleave(50)
    frame = torch.arange(50).repeat(20)
    frame[-25:] += 10**9
    g = make_generator(0)
    data = Trajectories.of_frames(torch.randn(1000, 2, generator=g), 0.1, track=track, frame=frame)
    with pytest.raises(ValueError, match="one path spans far more frames than the others"):
        Windows(data).laid(Windows(data).apart()[:, 0, 0])
    with pytest.raises(ValueError, match="one path spans far more frames than the others"):
        infer_entropy_production(data, generator=0)


def test_a_handful_of_steps_determines_nothing() -> None:
    g = make_generator(0)
    pairs = Trajectories(torch.randn(9, 2, 2, generator=g), 0.1)
    with pytest.raises(ValueError, match="9 steps, in 9 trajectories, do not determine 4 numbers"):
        gaussian_plugin(pairs)
    with pytest.raises(ValueError, match="9 steps, in 9 trajectories, do not determine 12 numbers"):
        short_time_tur(pairs, generator=0)


def test_words_whose_reverse_was_not_seen_are_told() -> None:
    """20 words of 4 frames of 81: most have no reverse among the others."""
    g = make_generator(0)
    words = torch.randint(3, (20, 4), generator=g)
    found = word_plugin(Jumps(words, 3), 4)
    assert found.unseen > 0.5
    assert any("no reverse was seen" in warning for warning in found.warnings)
