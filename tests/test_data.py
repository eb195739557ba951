"""Trajectories and windows: what goes in comes out, and nothing leaks from one side to another."""

from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from stochphys.data import Jumps, Trajectories, Windows
from stochphys.device import make_generator, one_thread, pick_device
from stochphys.inference import infer_entropy_production
from stochphys.movie import Movie
from tests.chance import K


@pytest.fixture
def recorded() -> Trajectories:
    """12 paths of 7 frames in 2 dimensions; each number says whose it is: 100 i + 10 j + k."""
    return Trajectories(numbered(12, 7, 2), dt=0.25)


def numbered(n: int, times: int, dim: int) -> Tensor:
    i, j, k = torch.meshgrid(*(torch.arange(m) for m in (n, times, dim)), indexing="ij")
    return (100 * i + 10 * j + k).float()


# ------------------------------------------------------------------------------------ Trajectories


def test_sizes_and_times(recorded: Trajectories) -> None:
    assert (recorded.n_trajectories, recorded.n_times, recorded.dim) == (12, 7, 2)
    assert recorded.duration == 1.5
    assert recorded.times.tolist() == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5]


def test_positions_come_first_and_velocities_second() -> None:
    x = numbered(3, 4, 6)
    moving = Trajectories(x, 0.1, underdamped=True)
    assert torch.equal(moving.position, x[..., :3])
    assert torch.equal(moving.velocity, x[..., 3:])
    resting = Trajectories(x, 0.1)
    assert torch.equal(resting.position, x)
    with pytest.raises(ValueError, match="positions only"):
        _ = resting.velocity


def test_trajectories_do_not_change(recorded: Trajectories) -> None:
    with pytest.raises(FrozenInstanceError):
        recorded.dt = 1.0  # type: ignore[misc]


def with_one(value: float) -> Tensor:
    x = torch.zeros(3, 4, 2)
    x[1, 2, 0] = value
    return x


@pytest.mark.parametrize(
    ("x", "error", "says"),
    [
        (np.zeros((2, 3, 2)), TypeError, "x must be a tensor of float32 or float64, got ndarray"),
        (torch.zeros(2, 3, 2).long(), TypeError, r"got torch.int64; use .*\.double\(\)"),
        (torch.zeros(2, 3, 2, dtype=torch.cfloat), TypeError, "got torch.complex64"),
        (torch.zeros(2, 3, 2).half(), TypeError, "got torch.float16; use torch.as_tensor"),
        (torch.zeros(2, 3, 2).bfloat16(), TypeError, "got torch.bfloat16"),
        (torch.zeros(3), ValueError, r"shape \(3,\)"),
        (torch.zeros(3, 4), ValueError, r"shape \(3, 4\)"),
        (torch.zeros(3, 1, 2), ValueError, "at least two times"),
        (torch.zeros(0, 4, 2), ValueError, "axes"),
        (torch.zeros(3, 4, 0), ValueError, "axes"),
        (torch.zeros(3, 4, 3), ValueError, "dim = 3"),
        (with_one(torch.nan), ValueError, "x is nan at trajectory 1, time index 2, coordinate 0"),
        (with_one(torch.inf), ValueError, "x is inf at trajectory 1, time index 2, coordinate 0"),
        (with_one(-torch.inf), ValueError, "x is -inf"),
    ],
)
def test_impossible_numbers_are_refused_and_so_is_what_a_reader_makes_of_his_data(
    x: object, error: type, says: str
) -> None:
    with pytest.raises(error, match=says):
        Trajectories(x, 0.1, underdamped=True)
    data = Trajectories(numbered(5, 4, 4), 0.1, underdamped=True)
    assert torch.equal(data.map(lambda x: 2 * x).x, 2 * data.x)
    with pytest.raises(error, match=says):
        data.map(lambda _: x)


@pytest.mark.parametrize("dt", [0.0, -0.1, float("nan"), float("inf"), None, "0.1"])
def test_a_time_step_is_a_positive_time(dt: object) -> None:
    with pytest.raises(ValueError, match="dt must be positive"):
        Trajectories(torch.zeros(3, 4, 2), dt)  # type: ignore[arg-type]


def test_large_but_finite_numbers_are_fine() -> None:
    Trajectories(torch.full((3, 4, 2), 3e38), 0.1)  # their sum is infinite in float32


def test_a_slower_camera_sees_each_kth_frame(recorded: Trajectories) -> None:
    slow = recorded.every(3)
    assert torch.equal(slow.x, recorded.x[:, [0, 3, 6]])
    assert slow.dt == pytest.approx(0.75)
    assert slow.duration == pytest.approx(recorded.duration)
    for k in (0, -1, 7):
        with pytest.raises(ValueError):
            recorded.every(k)


def test_a_split_keeps_dt_and_parity() -> None:
    moving = Trajectories(numbered(10, 3, 4), 0.3, underdamped=True)
    for part in moving.split(generator=make_generator(0)):
        assert part.dt == 0.3 and part.underdamped


# ----------------------------------------------------------------------------------------- files


def assert_same(a: Trajectories, b: Trajectories) -> None:
    assert torch.equal(a.x, b.x)
    assert a.dt == pytest.approx(b.dt, rel=1e-12)
    assert a.underdamped == b.underdamped


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("underdamped", [False, True])
def test_npz_gives_back_what_was_saved(
    tmp_path: Path, underdamped: bool, dtype: torch.dtype
) -> None:
    saved = Trajectories(2e6 + numbered(5, 4, 2).to(dtype) / 3, 0.1, underdamped)
    time_major = Trajectories(
        saved.x.permute(1, 2, 0).contiguous().permute(2, 0, 1), 0.1, underdamped
    )
    for trajectories in (saved, time_major):
        trajectories.save(tmp_path / "run.npz")
        assert_same(loaded := Trajectories.load(tmp_path / "run.npz"), saved)
        assert loaded.x.dtype == dtype


def test_what_was_saved_can_be_read_differently(tmp_path: Path, recorded: Trajectories) -> None:
    recorded.save(tmp_path / "run.npz")
    loaded = Trajectories.load(str(tmp_path / "run.npz"), dt=2, underdamped=True)
    assert (loaded.dt, loaded.underdamped) == (2, True)


@pytest.mark.parametrize(("axes", "shape"), [(1, (1, 4, 1)), (2, (1, 4, 2)), (3, (5, 4, 2))])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_arrays_of_one_to_three_axes_are_read(
    tmp_path: Path, axes: int, shape: tuple, suffix: str
) -> None:
    x = -numbered(*shape)  # what grows evenly is no coordinate
    array: np.ndarray = x.numpy().astype(np.int64)
    array = array.reshape(shape[3 - axes :] if axes > 1 else (4,))
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, array)
    else:
        np.savez(path, some_name=array)
    assert_same(Trajectories.load(path, dt=0.1), Trajectories(x, 0.1))


def write(path: Path, lines: str) -> Path:
    path.write_text("\n".join(lines.split()) + "\n")
    return path


def test_csv_tells_trajectories_time_and_coordinates_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "trajectory,t,x,y 0,0,1,2 0,.5,3,4 7,0,5,6 7,.5,7,8")
    x = torch.tensor([[[1.0, 2], [3, 4]], [[5, 6], [7, 8]]])
    assert_same(Trajectories.load(path), Trajectories(x, 0.5))
    path = write(tmp_path / "b.csv", "y,time,trajectory,x 2,0,0,1 6,0,7,5 4,.5,0,3 8,.5,7,7")
    assert_same(Trajectories.load(path), Trajectories(x, 0.5))


def test_csv_without_labels_is_one_path(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "x,v 1,2 3,4 5,6")
    x = torch.tensor([[[1.0, 2], [3, 4], [5, 6]]])
    assert_same(Trajectories.load(path, dt=0.1), Trajectories(x[..., :1], 0.1))
    assert_same(Trajectories.load(path, dt=0.1, columns=["x", "v"]), Trajectories(x, 0.1))
    moving = Trajectories.load(path, dt=0.1, underdamped=True)
    assert torch.equal(moving.velocity, x[..., 1:])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("x 1 2 3", "dt=…"),
        ("t,x 0,1 1,2 2.3,3", "time step in column 't' varies from 1 to 1.3"),
        ("t,x 0,1 2,2 2,3", "known to tell tracks apart, and line 3 and line 4 both stand at t 2"),
        (
            "track,t,x 3,0,1 3,1,1 3,1,2",
            "track 3 has two positions: line 3 and line 4 both stand at t 1",
        ),
        ("trajectory,t,x 0,0,1 1,1,1 2,2,1", "at least two frames"),
        ("t,x 0,1 2,a 2,3", "'a' in line 3, column 'x', is no number"),
        ("t,x 0,1 1 2,3", "line 3 has 1 field, the others have 2"),
        ("t,x 0,1", "at least two frames"),
        ("x", "at least two frames"),
        ("t,trajectory 0,0 1,0", "no column whose name is that of a coordinate"),
        ("t,x 0,1,2 1,2,3", "no header that names its 3 columns"),
        ("t,x,x 0,1,1 1,2,2", "could be the same coordinate"),
        ("0.0,1.0 0.1,2.0 0.2,3.0", "header"),
        ("t,x,hope 0,1,4 1,2,3 2,4,1", "whether 'hope' is a coordinate is not known"),
    ],
)
def test_tables_that_make_no_sense_are_refused(tmp_path: Path, content: str, says: str) -> None:
    dt = None if content.startswith(("t", "x 1")) else 0.1
    with pytest.raises(ValueError, match=says):
        Trajectories.load(write(tmp_path / "a.csv", content), dt=dt)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    for suffix in (".npy", ".npz", ".csv"):
        with pytest.raises(FileNotFoundError):
            Trajectories.load(tmp_path / f"absent{suffix}", dt=0.1)
    with pytest.raises(ValueError, match=r"must be one of \.npy, \.npz, \.csv"):
        Trajectories.load(tmp_path / "film.mp4", dt=0.1)
    np.save(tmp_path / "a.npy", np.zeros((2, 3, 1)))
    with pytest.raises(ValueError, match="dt=…"):
        Trajectories.load(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.array([[0.0], [np.nan]]))
    with pytest.raises(ValueError, match="no trajectory has two successive frames"):
        Trajectories.load(tmp_path / "b.npy", dt=0.1)
    np.save(tmp_path / "c.npy", np.zeros((2, 3, 4, 5)))
    with pytest.raises(ValueError, match="axes"):
        Trajectories.load(tmp_path / "c.npy", dt=0.1)
    np.savez(tmp_path / "d.npz", a=np.zeros((3, 2)), b=np.zeros((3, 4)))
    with pytest.raises(ValueError, match="d.npz must have the axes .* of one dim"):
        Trajectories.load(tmp_path / "d.npz", dt=0.1)


@pytest.mark.parametrize("ending", [".npy", ".npz"])
@pytest.mark.parametrize("kind", [complex, bool, "datetime64[s]", "<U3"])
def test_numbers_that_no_coordinate_and_no_pixel_has_are_refused(tmp_path, kind, ending) -> None:
    path, array = tmp_path / f"a{ending}", np.zeros((2, 3, 5)).astype(kind)
    np.save(path, array) if ending == ".npy" else np.savez(path, frames=array)
    for load in (Trajectories.load, Movie.load):
        with pytest.raises(
            TypeError, match=f"a{ending} holds numbers of the kind .*; save integers"
        ):
            load(path, dt=0.1)


@pytest.mark.parametrize(
    "wrong", [np.array([0.1, 0.2]), np.array([]), np.array("0.1"), np.array(0.1j)]
)
def test_what_should_be_one_number_in_a_file_is_named_if_it_is_none(tmp_path, wrong) -> None:
    path, array = tmp_path / "a.npz", np.zeros((2, 5, 3))
    for load, held in ((Trajectories.load, {"x": array}), (Movie.load, {"frames": array})):
        np.savez(path, **held, dt=wrong)
        with pytest.raises(ValueError, match="a.npz must hold one number named 'dt', has .* shape"):
            load(path)
        assert load(path, dt=0.5).dt == 0.5
        np.savez(path, **held, dt=np.array([0.25]))  # as some programs write a single number
        assert load(path).dt == 0.25
    np.savez(path, x=array, dt=0.1, underdamped=wrong)
    with pytest.raises(ValueError, match="one number named 'underdamped'"):
        Trajectories.load(path)


@pytest.mark.parametrize("ending", [".npy", ".npz"])
@pytest.mark.parametrize(
    "content", [b"", b"x,y", b"PK\x03\x04 torn"], ids=["empty", "text", "torn"]
)
def test_files_that_numpy_cannot_read_are_named(tmp_path, content, ending) -> None:
    (path := tmp_path / f"a{ending}").write_bytes(content)
    for load in (Trajectories.load, Movie.load):
        with pytest.raises(ValueError, match=f"a{ending} is no array of numbers .* damaged"):
            load(path, dt=0.1)


# --------------------------------------------------------------------------------------- Windows


def time_major(x: Tensor) -> Tensor:
    """The same numbers, stored as simulators write them: all paths at one time side by side."""
    return x.permute(1, 2, 0).contiguous().permute(2, 0, 1)


def test_windows_copy_nothing_until_they_are_looked_at_and_then_once(
    recorded: Trajectories,
) -> None:
    sideways = Trajectories(time_major(recorded.x), recorded.dt)
    index = torch.arange(12 * 5)
    several = [
        Windows(sideways, 3),
        Windows(sideways, 3).to("cpu"),
        replace(Windows(sideways), frames=3),
    ]
    several += [Windows(sideways, 3).bootstrap(1, generator=make_generator(0))]
    for windows in several:
        assert windows.trajectories is sideways
    assert "rows" not in vars(sideways)
    for windows in several[:3]:
        assert torch.equal(windows[index], Windows(recorded, 3)[index])
        assert windows.trajectories.rows is sideways.rows  # type: ignore[attr-defined]
    assert recorded.rows.data_ptr() == recorded.x.data_ptr()  # nothing to copy here


def test_one_inference_looks_at_no_number_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data were judged when they were made; parts of them are, at most, looked at, held out and drawn anew."""
    x = torch.randn(40, 30, 2, generator=make_generator(0))
    data, made, judged = Trajectories(time_major(x), 0.01), 0, 0
    judge = Trajectories.__post_init__

    def counting(self: Trajectories, check: bool) -> None:
        nonlocal made, judged
        made, judged = made + 1, judged + check
        judge(self, check)

    monkeypatch.setattr(Trajectories, "__post_init__", counting)
    infer_entropy_production(data, generator=make_generator(0), members=2, steps=2, progress=False)
    look, parts, members, slower_camera = 3, 2, 2, 1
    assert judged == 0 and made <= look + parts + members + slower_camera
    assert "rows" not in vars(data)  # nor was all of it laid out anew to test a frames


def test_windows_come_in_the_shape_of_the_index(recorded: Trajectories) -> None:
    windows = Windows(recorded, 3)
    index = torch.randint(len(windows), (4, 5), generator=make_generator(0))
    drawn = windows[index]
    assert drawn.shape == (4, 5, 3, 2)
    assert torch.equal(drawn[1, 2], windows[index[1, 2]])


@pytest.mark.parametrize("frames", [0, 1, 8])
def test_windows_must_fit(recorded: Trajectories, frames: int) -> None:
    with pytest.raises(ValueError, match=f"frames={frames} must lie between 2 and the 7 frames"):
        Windows(recorded, frames)


def test_each_member_draws_its_own_trajectories(recorded: Trajectories) -> None:
    members, windows = 4, Windows(recorded, 2).bootstrap(4, generator=make_generator(0))
    assert windows.draws is not None and windows.draws.shape == (members, 12)
    assert len(windows) == len(Windows(recorded, 2))
    index = torch.arange(len(windows)).expand(members, -1)
    drawn = windows[index]  # all windows of all members
    for draws, member in zip(windows.draws, drawn, strict=True):
        assert torch.equal(member, Windows(Trajectories(recorded.x[draws], 0.25), 2)[index[0]])
        assert draws.unique().numel() < 12  # with replacement
    assert len({tuple(draws.tolist()) for draws in windows.draws}) == members


def test_a_bootstrap_leaves_out_the_known_share() -> None:
    """Each of n trajectories is missed with probability (1 − 1/n)ⁿ; within K standard errors."""
    n, members = 100, 2000
    windows = Windows(Trajectories(torch.zeros(n, 2, 1), 1.0)).bootstrap(
        members, generator=make_generator(0)
    )
    assert windows.draws is not None
    missed = 1 - torch.tensor([draws.unique().numel() / n for draws in windows.draws])
    expected = (1 - 1 / n) ** n
    assert abs(missed.mean() - expected) < K * missed.std() / members**0.5


# ---------------------------------------------------------------------------------------- device


def test_the_processor_is_always_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device().type == "cuda" or not torch.cuda.is_available()
    for kind in (torch.cuda, torch.backends.mps):
        monkeypatch.setattr(kind, "is_available", lambda: False)
    assert pick_device().type == "cpu"


@pytest.mark.parametrize("name", ["cuda:99", "xpu", "gpu", "cpu:3", "mps:1", 1.5])
def test_a_device_that_is_not_here_is_refused(name) -> None:
    with pytest.raises(ValueError, match=f"{name}.*here are"):
        pick_device(name)


def test_the_number_of_threads_comes_back() -> None:
    before = torch.get_num_threads()
    with pytest.raises(KeyError), one_thread():
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == before


@pytest.mark.cuda
def test_windows_on_a_gpu_are_those_on_the_processor(recorded: Trajectories) -> None:
    windows = Windows(recorded, 3).bootstrap(2, generator=make_generator(0))
    index = torch.arange(len(windows)).expand(2, -1)
    assert torch.equal(windows.to("cuda")[index.cuda()].cpu(), windows[index])


# Jumps


@pytest.fixture
def states() -> Tensor:
    return torch.randint(4, (6, 21), generator=make_generator(0), dtype=torch.uint8)


def test_windows_of_jumps_hold_successive_states(states: Tensor) -> None:
    windows = Windows(Jumps(states, 4), 5)
    assert len(windows) == 6 * 17
    found = windows[torch.tensor([0, 16, 17, 101])]
    assert found.dtype == torch.int64
    for window, (i, t) in zip(found, [(0, 0), (0, 16), (1, 0), (5, 16)], strict=True):
        assert torch.equal(window, states[i, t : t + 5].long())


def test_windows_end_to_end_share_one_frame(states: Tensor) -> None:
    windows = Windows(Jumps(states, 4), 5, every=4)
    assert windows.n_starts == 5
    tiles = windows[torch.arange(5)]
    assert torch.equal(tiles[:, 0], states[0, [0, 4, 8, 12, 16]].long())
    assert torch.equal(tiles[1:, 0], tiles[:-1, -1])


def test_waiting_times_stand_beside_the_states(states: Tensor) -> None:
    waiting = torch.rand(6, 21, generator=make_generator(1))
    jumps = Jumps(states, 4, waiting)
    window = Windows(jumps)[torch.tensor([25])][0]  # path 1, jump 5
    assert torch.equal(window[:, 0], states[1, 5:7].float())
    assert torch.equal(window[:, 1], waiting[1, 5:7])
    assert jumps.dt == pytest.approx(waiting.mean().item())
    assert Jumps(states, 4).dt == 1.0


def test_jumps_are_split_and_cut_like_trajectories(states: Tensor) -> None:
    waiting = states.float() + 0.5  # tells whose it is
    jumps = Jumps(states, 4, waiting)
    first, rest = jumps.split(0.5, generator=make_generator(0))
    assert (first.n_trajectories, rest.n_trajectories) == (3, 3)
    pieces = jumps.cut(4)
    assert torch.equal(pieces.x, states[:, :20].reshape(24, 5))
    for part in (first, rest, pieces):
        assert part.waiting is not None
        assert torch.equal(part.waiting, part.x.float() + 0.5)
    with pytest.raises(ValueError, match="pieces must lie between 1 and 10"):
        jumps.cut(11)


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (TypeError, "uint8 or .* int64, got torch.float32; .*Trajectories", (torch.zeros(2, 3), 2)),
        (
            TypeError,
            "x must be a tensor of uint8 or int8 or .* got ndarray",
            (np.zeros((2, 3), int), 2),
        ),
        (ValueError, r"one path needs x\[None\]", (torch.zeros(3, dtype=torch.int64), 2)),
        (ValueError, "n_states=2 allows 0 to 1", (torch.full((2, 3), 2), 2)),
        (ValueError, "from -1 to -1", (torch.full((2, 3), -1), 2)),
        (
            TypeError,
            "waiting must be a tensor of float32 or float64, got float",
            (torch.zeros(2, 3).long(), 2, 1.0),
        ),
        (TypeError, "got torch.float16", (torch.zeros(2, 3).long(), 2, torch.ones(2, 3).half())),
        (ValueError, "shape of x", (torch.zeros(2, 3).long(), 2, torch.ones(2, 2))),
        (ValueError, "finite", (torch.zeros(2, 3).long(), 2, torch.full((2, 3), -1.0))),
    ],
)
def test_states_that_make_no_sense_are_refused(error, message: str, arguments: tuple) -> None:
    with pytest.raises(error, match=message):
        Jumps(*arguments)


def test_states_where_floats_are_due_are_refused(states: Tensor) -> None:
    with pytest.raises(TypeError, match="or Jumps for numbered states"):
        Trajectories(states[..., None], 0.1)


def test_one_long_trajectory_is_cut_into_pieces(recorded: Trajectories) -> None:
    pieces = recorded.cut(3)
    assert pieces.x.shape == (36, 2, 2) and pieces.dt == recorded.dt
    assert torch.equal(pieces.x[:3].flatten(0, 1), recorded.x[0, :6])
