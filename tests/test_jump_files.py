"""States in files come back as they are: numbers or names, frames or entries, gaps where none is assigned."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stochphys.data import Jumps, Windows

pandas = pytest.importorskip("pandas")
NAMES = np.array(["closed", "folded", "open", "partly open", ""])  # the last: no state
FORMATS = (
    "csv",
    "tsv",
    "semicolon",
    "names",
    "times",
    "dat",
    "xlsx",
    "parquet",
    "memory",
    "npy",
    "npz",
    "saved",
)


def drawn(seed: int) -> list[np.ndarray]:
    """Paths of 4 to 30 frames among 4 states, all seen, and −1 where none is assigned."""
    rng = np.random.default_rng(seed)
    paths = [rng.integers(0, 4, rng.integers(4, 31)) for _ in range(rng.integers(1, 6))]
    for path in paths:
        path[4:][rng.random(len(path) - 4) < 0.15] = -1
    paths[0][:4] = [0, 0, 3, 2]
    paths[0] = np.r_[paths[0], 1, 1]
    return paths


def write(kind: str, folder: Path, paths: list[np.ndarray], seed: int) -> object:
    """What holds these paths: a file, or a table in memory."""
    rng = np.random.default_rng(seed)
    track = np.repeat(np.arange(len(paths)) * 3 + 5, list(map(len, paths)))
    frame = np.concatenate([np.arange(len(path)) for path in paths]) + rng.integers(0, 9)
    states = np.concatenate(paths)
    table = pandas.DataFrame(
        {"Track ID": track, "Frame": frame, "State": states, "score": rng.random(len(track))}
    )
    table = table.sample(frac=1, random_state=seed)
    if kind in ("names", "memory") or (kind in ("xlsx", "parquet") and seed % 2):
        table["State"] = NAMES[table.State]
    file = (
        folder
        / f"{kind}.{dict(semicolon='csv', names='csv', times='csv', saved='npz').get(kind, kind)}"
    )
    if kind == "times":
        table["Time (s)"] = np.round(table.pop("Frame") / 30, 3)
    if kind == "npy":
        longest = max(map(len, paths))
        padded = [np.pad(path, (0, longest - len(path)), constant_values=-1) for path in paths]
        np.save(file, np.stack(padded))
    elif kind == "npz":
        np.savez(file, *paths)
    elif kind == "saved":
        Jumps.of([NAMES[path] for path in paths], names=NAMES[:4].tolist()).save(file)
    elif kind == "dat":
        np.savetxt(file, paths[0], fmt="%d")
    elif kind == "xlsx":
        table.to_excel(file, index=False)
    elif kind == "parquet":
        table.to_parquet(file)
    elif kind != "memory":
        table.to_csv(file, index=False, sep={"tsv": "\t", "semicolon": ";"}.get(kind, ","))
    return table if kind == "memory" else file


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_fifty_random_sets_come_back_as_they_were(kind: str, tmp_path: Path, capsys) -> None:
    for seed in range(50):
        paths = drawn(seed)
        paths = paths[:1] if kind == "dat" else paths
        source = write(kind, tmp_path, paths, seed)
        read = Jumps.from_table if kind == "memory" else Jumps.load
        jumps, truth = read(source), Jumps.of(paths)
        said = capsys.readouterr().out
        assert said.count("\n") == (kind != "saved"), said
        assert jumps.n_states == 4 and jumps.n_trajectories == len(paths)
        named = kind in ("names", "memory", "saved") or (kind in ("xlsx", "parquet") and seed % 2)
        assert jumps.names == (tuple(NAMES[:4]) if named else None)
        assert torch.equal(jumps.x.flatten(), truth.x.flatten())
        for frames in (2, 3):
            windows, exact = Windows(jumps, frames), Windows(truth, frames)
            assert torch.equal(windows.apart(), exact.apart())
            assert torch.equal(windows.path, exact.path)


def test_what_was_saved_comes_back_bit_for_bit(tmp_path: Path) -> None:
    regular = torch.randint(3, (4, 9), generator=torch.Generator().manual_seed(0))
    gaps = Jumps.of([list("abca"), ["c", "", "a", "a", "b"]])
    stays = Jumps.of([[0, 0, 1, 1, 1, 0, 2, 2, 1], [1, 0, 0, 2, 1]]).merged(0.3)
    for k, jumps in enumerate([Jumps(regular, 5), gaps, stays]):
        jumps.save(tmp_path / f"{k}")
        again = Jumps.load(tmp_path / f"{k}.npz")
        assert torch.equal(again.x, jumps.x) and again.x.dtype == jumps.x.dtype
        assert (again.n_states, again.names, again.dt) == (jumps.n_states, jumps.names, jumps.dt)
        assert torch.equal(Windows(again).apart(), Windows(jumps).apart())


def test_the_line_says_what_was_read_as_what(tmp_path: Path, capsys) -> None:
    file = tmp_path / "channel.csv"
    file.write_text(
        "cell,frame,state,area\n4,0,open,1\n4,1,shut,2\n4,2,,3\n4,3,shut,1\n7,2,open,1\n7,3,open,3\n"
    )
    jumps = Jumps.load(file)
    assert capsys.readouterr().out == (
        "channel.csv: 2 tracks of 2 to 4 frames, no gaps; tracks by cell; frames by frame; one step "
        "each; states in column 'state', 1 row without one; left out: 'area' (no coordinates); 2 states "
        "('open', 'shut')\n"
    )
    assert Windows(jumps).apart().tolist() == [[0, 1], [0, 0]]


def test_a_table_of_entries_gives_waiting_times(tmp_path: Path, capsys) -> None:
    file = tmp_path / "entries.csv"
    file.write_text("traj,time,state\n1,0,A\n1,1.5,B\n1,2,A\n2,10,C\n2,10.25,A\n2,14,B\n")
    jumps = Jumps.load(file)
    assert capsys.readouterr().out == (
        "entries.csv: 6 rows, each the entry of a state; waiting times from time, uneven; tracks by traj; "
        "states in column 'state'; 3 states ('A', 'B', 'C')\n"
    )
    assert jumps.waiting is not None and jumps.waiting.tolist() == [1.5, 0.5, 0.25, 3.75]
    assert jumps.x.tolist() == [0, 1, 2, 0]


ENTRIES = "frame,state\n" + "".join(f"{k * k},{k % 3}\n" for k in range(14))


@pytest.mark.parametrize(
    ("text", "says", "call"),
    [
        ("a,b\n0,1\n1,2\n", "which column holds states is not known; it has 'a', 'b'", dict(state="b")),
        ("state,cluster\n0,1\n1,2\n", r"not known.* Jumps.load\('x.csv', state='state'\)", dict(state="state")),
        ("frame,state\n0,1\n1,2.5\n2,1\n3,0\n", "column 'state' must be whole numbers .* got 2.5", dict(unassigned=2.5)),
        ("frame,state\n0,1\n1,-2\n2,1\n3,0\n", "got -2;.* frames without one are named by", dict(unassigned=-2)),
        (ENTRIES, r"no state follows itself.* Jumps.load\('x.csv', time='frame', state='state'\)", dict(time="frame")),
        (ENTRIES, r"if frames are gaps, Jumps.load\('x.csv', frame='frame', state='state'\)", dict(frame="frame")),
        ("time,state\n0,1\n1,2\n3,2\n3.7,1\n", "the time step in column 'time' varies", dict(dt=1.0)),
        ("5,0,1\n5,1,0\n5,2,0\n", r"not known; it has '0', '1', '2'.*state=", dict(state=2, frame=1, track=0)),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_refused_with_the_call_that_reads_it(
    text: str, says: str, call: dict, tmp_path: Path
) -> None:
    file = tmp_path / "x.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match=says):
        Jumps.load(file)
    if "varies" not in says:
        assert Jumps.load(file, **call).n_trajectories == 1


@pytest.mark.parametrize(
    "head", ["state,dwell", "state,lifetime", "state,dwell time (s)", "state,duration", "state,start,end"]
)  # fmt: skip
def test_how_long_states_last_is_not_left_out(head: str, tmp_path: Path) -> None:
    rows = ["0,0,1.5", "1,1.5,2", "0,2,4"] if "end" in head else ["0,1", "1,2", "0,5"]
    (tmp_path / "x.csv").write_text("\n".join([head, *rows]))
    for said in ({}, {"dt": 0.1}):
        with pytest.raises(ValueError, match=r"^x.csv: .* Jumps\(x, n_states, waiting=…\)"):
            Jumps.load(tmp_path / "x.csv", **said)


def test_uneven_entries_have_no_step(tmp_path: Path, capsys) -> None:
    (tmp_path / "x.csv").write_text("t,state\n0,1\n2.5,0\n3.1,2\n7,1\n")
    with pytest.raises(
        ValueError, match=r"x.csv: times in t are uneven.*Jumps.load\('x.csv', state='state'\)"
    ):
        Jumps.load(tmp_path / "x.csv", dt=0.1)
    waiting = Jumps.load(tmp_path / "x.csv").waiting
    assert waiting is not None and waiting.flatten().tolist() == pytest.approx([2.5, 0.6, 3.9])


def test_blanks_around_a_name_are_no_part_of_it_of_a_state_or_of_a_track(tmp_path: Path) -> None:
    file = tmp_path / "blanks.csv"
    file.write_text("bead,frame,state\na,0, open\na ,1,open \n a,2,shut\nb,0,open\n b,1,shut\n")
    jumps = Jumps.load(file)
    assert jumps.names == ("open", "shut") and jumps.n_trajectories == 2
    assert Windows(jumps).apart().tolist() == [[0, 0], [0, 1], [0, 1]]


def test_a_table_without_header_or_tracks_says_what_it_is(tmp_path: Path, capsys) -> None:
    np.savetxt(tmp_path / "a.dat", [0, 1, 1, 2], fmt="%d")
    Jumps.load(tmp_path / "a.dat")
    (tmp_path / "b.csv").write_text("time,state\n0,A\n1.5,B\n2,A\n")
    Jumps.load(tmp_path / "b.csv")
    assert capsys.readouterr().out == (
        "a.dat: 1 track of 4 frames, no gaps; one step each, one frame a row; states in column '0'; 3 "
        "states\n"
        "b.csv: 3 rows, each the entry of a state; waiting times from time, uneven; states in column "
        "'state'; 2 states ('A', 'B')\n"
    )


def test_arrays_say_how_they_were_read_and_have_no_columns(tmp_path: Path, capsys) -> None:
    np.save(tmp_path / "a.npy", np.array([[0, 1, 2, 1], [2, 1, 0, 0]]))
    np.savez(tmp_path / "b.npz", np.array([0, 1, 1]), np.array([2, -1, 0, 1]))
    assert Jumps.load(tmp_path / "a.npy").x.shape == (2, 4)
    assert Windows(Jumps.load(tmp_path / "b.npz", n_states=5)).apart().tolist() == [
        [0, 1],
        [1, 1],
        [0, 1],
    ]
    assert capsys.readouterr().out == (
        "a.npy: 2 tracks of 4 frames, no gaps; tracks by track; frames by frame; one step each; states in "
        "column 'state'; 3 states\nb.npz: 2 tracks of 3 to 4 frames, no gaps; tracks by track; frames by "
        "frame; one step each; states in column 'state', 1 row without one; 5 states\n"
    )
    with pytest.raises(
        ValueError, match=r"a.npy holds arrays, .*no columns to name; Jumps.load\('a.npy'\)"
    ):
        Jumps.load(tmp_path / "a.npy", track="id")
    with pytest.raises(ValueError, match="the ending must be one of .npy, .npz, .csv"):
        Jumps.load(tmp_path / "a.mat")


def test_columns_of_arrays_that_are_no_states_are_asked_about(tmp_path: Path, capsys) -> None:
    states = np.random.default_rng(0).integers(0, 3, 12)
    np.save(tmp_path / "a.npy", table := np.c_[np.arange(12), states])
    with pytest.raises(ValueError, match=r"a.npy: a column of it grows.*Jumps.from_table\("):
        Jumps.load(tmp_path / "a.npy")
    pandas = pytest.importorskip("pandas")
    back = Jumps.from_table(pandas.DataFrame(table), state=1, frame=0)
    np.testing.assert_array_equal(back.x[0], states)


def test_a_label_of_each_row_is_no_state(tmp_path: Path) -> None:
    rows = [f"ID{i},{i // 20},{i % 20},{i / 7:.3f}" for i in range(60)]
    (tmp_path / "spots.csv").write_text("\n".join(["LABEL,TRACK_ID,FRAME,POSITION_X", *rows]))
    with pytest.raises(ValueError, match="60 different entries in 60 rows"):
        Jumps.load(tmp_path / "spots.csv")
