"""Tables as trackers, spreadsheets and people write them: what is read as what, and what is refused.

`test_round_trip.py` draws combinations at random; here stands one claim beside the other.
"""

import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stochphys import Trajectories
from stochphys.io import columns, files
from stochphys.io.sheet import plain

N = 20
X = np.random.default_rng(0).normal(size=(N, 3)).round(4)


def write(path: Path, head: str, row: str, rows: int = N, **more: Any) -> Path:
    """A table whose i-th row is `row`, formatted with i, the track k, the frame t in it, and x, y, z."""
    lines = [
        row.format(i=i, k=i // 10, t=i % 10, x=X[i, 0], y=X[i, 1], z=X[i, 2], s=0.04 * (i % 10))
        for i in range(rows)
    ]
    path.write_text("\n".join([*([head] if head else []), *lines]) + "\n", **more)
    return path


# ------------------------------------------------------------------------------------- who writes

WRITERS = {  # header, row, what the line says of tracks, clock and coordinates
    "TrackMate": (
        "LABEL,ID,TRACK_ID,QUALITY,POSITION_X,POSITION_Y,POSITION_Z,POSITION_T,FRAME,RADIUS\n"
        "Label,Spot ID,Track ID,Quality,X,Y,Z,T,Frame,Radius\n"
        "Label,Spot ID,Track ID,Quality,X,Y,Z,T,Frame,R\n"
        ",,,(quality),(micron),(micron),(micron),(sec),,(micron)",
        "ID{i},{i},{k},{z},{x},{y},0,{s:.2f},{t},2.5",
        "tracks by TRACK_ID; frames by FRAME; dt 0.04 from POSITION_T (sec); coordinates POSITION_X (micron), POSITION_Y (micron)",
    ),
    "trackpy": (
        ",y,x,mass,size,ecc,signal,raw_mass,ep,frame,particle",
        "{i},{y},{x},{z},2.1,{z},3,{z},0.1,{t},{k}",
        "tracks by particle; frames by frame; dt 0.04 as given; coordinates x, y",
    ),
    "SFI": (
        "# ---\n# dt: 0.04\n# particle_id,time_step,x0,x1", "{k},{t},{x},{y}",
        "tracks by particle_id; frames by time_step; dt 0.04 from the comment 'dt: 0.04'; coordinates x0, x1",
    ),
    "CellProfiler": (
        "ImageNumber,ObjectNumber,AreaShape_Area,AreaShape_Center_X,Location_Center_X,Location_Center_Y,"
        "Location_Center_Z,TrackObjects_Label_30,TrackObjects_Lifetime_30,Metadata_Well,Intensity_Mean_A",
        "{t},{k},{z},{x},{x},{y},0,{k},{t},A01,{z}",
        "tracks by TrackObjects_Label_30; frames by ImageNumber; dt 0.04 as given; coordinates Location_Center_X, Location_Center_Y",
    ),
    "Mosaic": (
        ",Trajectory,Frame,x,y,z,m0,m1,m2,m3,m4,NPscore",
        "{i},{k},{t},{x},{y},0.0,{z},{z},{z},{z},{z},0",
        "tracks by Trajectory; frames by Frame; dt 0.04 as given; coordinates x, y",
    ),
    "Manual Tracking": (
        " \tTrack n°\tSlice n°\tX\tY\tDistance\tVelocity\tPixel Value",
        "{i}\t{k}\t{t}\t{x}\t{y}\t{z}\t-1\t7",
        "tracks by Track n°; frames by Slice n°; dt 0.04 as given; coordinates X, Y",
    ),
    "Imaris": (
        "\nPosition\n ==================== \nPosition X,Position Y,Position Z,Unit,Category,Time,TrackID,ID,",
        "{x},{y},{z},um,Spot,{t},{k},{i},",
        "tracks by TrackID; dt 0.04 as given (Time numbers the frames); coordinates Position X, Position Y, Position Z",
    ),
    "btrack": (
        "ID,t,x,y,z,parent,root,generation,dummy", "{k},{t},{x},{y},0,{k},{k},0,False",
        "tracks by ID; dt 0.04 as given (t numbers the frames); coordinates x, y",
    ),
    "numpy.savetxt": ("# track t x y", "{k} {s:.18e} {x:.18e} {y:.18e}", "tracks by track; dt 0.04 from t; coordinates x, y"),
    "a spreadsheet": (
        "Report,,,\nfps,25,,\nCell ID,Frame number,X (µm),Y (µm)", "{k},{t},{x},{y}",
        "tracks by Cell ID; frames by Frame number; dt 0.04 from the comment 'fps 25  '; coordinates X (µm), Y (µm)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("writer", WRITERS)
def test_what_trackers_write_is_read(writer, tmp_path, capsys):
    head, row, says = WRITERS[writer]
    path = write(tmp_path / "film.txt", head, row)
    paths = Trajectories.load(path, **({"dt": 0.04} if "as given" in says else {}))
    said = capsys.readouterr().out
    assert f"film.txt: 2 tracks of 10 frames, no gaps; {says}" in said
    xyz = [0, 1, 2] if writer == "Imaris" else [0, 1]
    np.testing.assert_array_equal(paths.x.numpy(), X[:, xyz].reshape(2, 10, -1))
    assert paths.dt == pytest.approx(0.04, rel=1e-12)


def test_the_line_says_what_was_left_out(tmp_path, capsys):
    path = write(
        tmp_path / "a.csv",
        ",track,t,x,y,z,mass,comment,vx",
        "{i},{k},{s:.2f},{x},{y},1,{z},ok,{z}",
    )
    text = path.read_text().splitlines()
    text += ["99,,0.00,1,1,1,1,,1", "99,1,0.60,,1,1,1,,1", text[3], "99,8,0.00,1,1,1,1,,1"]
    path.write_text("\n".join(text))
    Trajectories.load(path)
    assert capsys.readouterr().out == (
        "a.csv: 2 tracks of 10 frames, no gaps; tracks by track; dt 0.04 from t; coordinates x, y; "
        "left out: 'unnamed 0', 'mass', 'comment' (no coordinates), 'z' (never changes), "
        "'vx' (velocities, read with underdamped=True), 1 row without a track, "
        "1 row without a position, 1 row written twice; "
        "left out: 1 track of a single frame\n"
    )


def test_what_the_package_wrote_comes_back_without_a_word(tmp_path, capsys):
    whole = Trajectories(torch.randn(3, 5, 2), 0.1)
    gaps = Trajectories.of_frames(
        torch.randn(7, 2),
        0.1,
        track=torch.tensor([0, 0, 0, 4, 4, 4, 4]),
        frame=torch.tensor([2, 3, 5, 1, 2, 3, 9]),
    )
    for paths in (whole, gaps):
        paths.save(tmp_path / "a.npz")
        back = Trajectories.load(tmp_path / "a.npz")
        assert torch.equal(back.x, paths.x) and (back.dt, back.n_trajectories) == (
            paths.dt,
            paths.n_trajectories,
        )
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "role"),
    [("POSITION_X", "coordinate"), ("x (µm)", "coordinate"), ("Y_px", "coordinate"), ("x0", "coordinate"),
     ("Theta [rad]", "coordinate"), ("centroid-1", "coordinate"), ("x/nm", "coordinate"), ("cx", "coordinate"), ("Position", "coordinate"), ("extension (nm)", "coordinate"), ("xpos", "coordinate"), ("vx", "velocity"),
     ("Time [s]", "time"), ("t_ms", "time"), ("timestamp", "time"), ("time_min", "time"), ("FRAME", "frame"),
     ("t_index", "frame"), ("image number", "frame"), ("Track ID", "track"), ("cell", "track"), ("id_track", "track"),
     ("ObjectNumber", "other"), ("QUALITY", "other"), ("MEAN_INTENSITY_CH1", "other"), ("m0", "other"),
     ("x_min", ""), ("temperature", ""), ("voltage", ""), ("r", "")],
)  # fmt: skip
def test_columns_are_known_by_their_names(name, role):
    assert columns.recognised(name) == role


def test_units_are_no_part_of_a_name():
    assert plain("Time [s]") == ("time", "s") and plain("x_um") == ("x", "um")


# ------------------------------------------------------------------------------ what must be said


@pytest.mark.parametrize(
    ("head", "row", "refused", "said"),
    [
        ("", "{s:.2f},{x}", r"no header that names its 2 columns.*columns=…", dict(columns=[1], time=0, track=None)),
        ("t,x,hope", "{i},{x},{y}", r"'hope' is a coordinate.*columns=\['x'\]\) or .*\['x', 'hope'\]", dict(columns=["x"])),
        ("Zeit,x", "0.{i:02d},{x}", r"'Zeit' may tell the time.*time='Zeit'", dict(time="Zeit")),
        ("track,axis-0,axis-1,axis-2", "{k},{t},{x},{y}", r"'axis-0' may tell the frame.*frame='axis-0'", dict(columns=["axis-1", "axis-2"], frame="axis-0", dt=0.1)),
        ("t,x_px,x_um", "{i},{x},{y}", r"same coordinate.*columns=\['x_px'\]\) or .*\['x_um'\]", dict(columns=["x_um"])),
        ("t,x,y,centroid_x", "{i},{x},{y},{z}", r"same coordinate.*columns=\['x', 'y'\]\) or .*\['centroid_x'\]", dict(columns=["x", "y"])),
        ("t,x,x0,x1", "{i},{x},{y},{z}", r"same coordinate.*columns=\['x'\]\) or .*\['x0', 'x1'\]", dict(columns=["x0", "x1"])),
        ("t,a,b", "{i},{x},{y}", r"columns=\['a', 'b'\]", dict(columns=["a", "b"])),
        ("t,v,w", "{i},{x},{y}", r"columns=\['v', 'w'\]", dict(columns=["v", "w"])),
        ("frame,x", "{i},{x}", r"numbers its frames.*dt=…", dict(dt=0.1)),
        ("x,y", "{x},{y}", r"no column of times or frame numbers.*dt=…", dict(dt=0.1)),
        ("label,frame,x", "{k},{t},{x}", r"'label' may tell the track.*track='label'", dict(track="label", dt=1)),
        ("film,track,t,x", "{k}.tif,0,{t},{x}", r"'film', 'track' may tell the track.*track=\['film', 'track'\]\) or if not, .*track='track'", dict(track=["film", "track"])),
        ("track,particle,t,x", "{k},{i},{t},{x}", r"could each be the track.*track='track'\) or .*track='particle'", dict(track="track")),
        ("t,x,y", "{i},{x},{y}", r"underdamped=True needs a velocity", dict(columns=["x", "y"], underdamped=True)),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_refused_with_the_call_that_reads_it(
    head, row, refused, said, tmp_path, capsys
):
    path = write(tmp_path / "a.csv", head, row)
    first = {"underdamped": True} if "underdamped" in said else {}
    if said.get("dt") == 1:
        first["dt"] = 1
    with pytest.raises(ValueError, match=f"^a.csv.*{refused}"):
        Trajectories.load(path, **first)
    if head:
        assert Trajectories.load(path, **said).x.dtype == torch.float64
    else:
        with pytest.raises(ValueError, match="no column is known to tell tracks apart"):
            Trajectories.load(path, **said)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"), ("# nothing\n", "is empty"), ("t,x\n", "no row of numbers"),
        ("<html>404</html>\n", "no row of numbers"), ("t,x\n0,1\n", "at least two frames"),
        ("t,x\n0,1\n1,2,3\n2,3\n3,4\n4,5\n", "line 3 has 3 fields, the others have 2"),
        ("t,x\n0,1\n1,2\n2\n", "line 4 has 1 field"), ("t,x\n0,1\n1,1_000\n2,3\n", "'1_000' in line 3"),
        ("t,x\n0,1\n1,1e999\n2,3\n", "line 3 is infinite"), ('t,x\n0,"1\n1,2\n2,3\n', "the quotes in it do not close"),
        ("t\tx\n0\t1,234\n1\t999\n2\t5\n", "whether the comma is decimal"),
        ("t;x\n0;1,5\n1;2.5\n2;1\n", "with a comma and with a point, 1,5 in line 2 and 2.5 in line 3"),
        ("frame,x\n0.5,1\n1.5,2\n", "'frame' may tell the time.*time='frame'"),
        ("t,x\n0,1\n0.1,2\n0.25,3\n0.4,1\n", "'t' varies from 0.1 to 0.15.*dt=….*frame=…"),
        ("track,frame,x\n1,0,1\n,1,2\n,2,1\n2,0,3\n,1,4\n,2,2\n", "4 of 6 rows have no track; fill it in"),
        ("TRACK_ID,EDGE_TIME,EDGE_X_LOCATION\n0,.5,1\n0,1.5,2\n", "export the table of its spots"),
        ("frame,radius,angle\n0,5.1,.2\n1,5.3,.3\n2,5.2,.1\n", r"'radius' is a coordinate.*columns=\['radius', 'angle'\]"),
        ("time,x\n23:59:58,1\n23:59:59,2\n00:00:00,1\n", "is no number"),
        ("track,t,x\n3,0,1\n3,1,1\n3,1,2\n", "track 3 has two positions: line 3 and line 4 both stand at t 1"),
        ("# dt: 0.1\n# fps: 30\nx\n1\n2\n", "several time steps"), ("t,x\n0,\n1,\n2,\n", "at least two frames"),
    ],
)  # fmt: skip
def test_tables_that_make_no_sense_are_refused_by_file_and_line(text, says, tmp_path):
    (path := tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=f"^a.csv.*{says}"):
        Trajectories.load(path, **({"dt": 1.0} if "frame," in text else {}))


@pytest.mark.parametrize("cut", [1, 3, 5, 8, 12])
def test_the_last_line_of_a_file_that_was_cut_is_left_out(cut, tmp_path, capsys):
    """A number that lost its last digits is a wrong number."""
    path = write(tmp_path / "a.csv", "t,x,y", "{i},{x:.5f},{y:.5f}")
    path.write_text(path.read_text()[: -1 - cut])
    back = Trajectories.load(path)
    np.testing.assert_array_equal(back.x[0], X[:-1, :2])
    assert "left out: the last line, which is cut short" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ending", "content"),
    [(".xlsx", b"PK\x03\x04 torn"), (".parquet", b"PAR1 torn"), (".h5", b"\x89HDF\r\n\x1a\n torn"),
     (".mat", b"torn"), (".xml", b"<Tracks>"), (".xml", b"<other/>"), (".csv", bytes(range(256)))],
)  # fmt: skip
def test_damaged_files_are_named_in_our_words(ending, content, tmp_path):
    for library in ("pandas", "openpyxl", "pyarrow", "tables"):
        pytest.importorskip(library)
    (path := tmp_path / f"a{ending}").write_bytes(content)
    with pytest.raises(
        ValueError, match=f"^a{ending} is no .*(damaged|holds bytes that no letter has)"
    ):
        Trajectories.load(path, 0.1)


@pytest.mark.parametrize("ending", [".xlsx", ".parquet", ".h5"])
def test_what_is_not_installed_is_said_with_its_line(ending, tmp_path, monkeypatch):
    (path := tmp_path / f"a{ending}").write_bytes(b"any")

    def missing(module):
        raise ImportError(module)

    monkeypatch.setattr(files, "import_module", missing)
    with pytest.raises(ImportError, match=f"to read a{ending}, .* needed: pip install '"):
        Trajectories.load(path)


# ------------------------------------------------------- what would be read wrongly without a word

DRIFT = [*range(50), *range(51, 151, 2)]
WALK = np.random.default_rng(5).normal(size=(30, 2)).round(3) + 50


def clocked(times: Any) -> str:
    return "frame,time,x,y\n" + "".join(f"{i},{t},{i % 3},{i % 4}\n" for i, t in enumerate(times))


ONE = "0,1,4\n.1,2,3\n.2,1,5\n"  # times and positions of a track
DOUBTS = {  # text, what is said, the refusal, what its call says more, frames of each stretch
    "the step doubles": (clocked(DRIFT), {}, "do not grow evenly", dict(time="time", dt=1), [50] + [1] * 50),
    "the step trebles": (clocked([i / 10 if i < 10 else round(0.9 + 0.3 * (i - 9), 1) for i in range(20)]), {}, "do not grow evenly", dict(frame="frame", dt=0.2), [20]),
    "a frame is lost": (clocked([0, 1, 2, 4, 5, 6]), {}, "rounded to about a step", dict(time="time"), [3, 3]),
    "a pause": (clocked([0, 0.1, 0.2, 9.3, 9.4, 9.5]), dict(dt=0.1), "do not grow evenly", dict(time="time"), [3, 3]),
    "films": ("film,particle,frame,x,y\nA,1,0,1,4\nA,1,1,2,3\nB,1,2,90,80\nB,1,3,91,82\n", dict(dt=0.1), "'film', 'particle' may tell the track", dict(track=["film", "particle"]), [2, 2]),
    "films by number": ("plate,cell,frame,x,y\n7,1,0,1,4\n7,1,1,2,3\n8,1,2,90,80\n8,1,3,91,82\n", dict(dt=0.1), "'plate', 'cell' may tell the track", dict(track=["plate", "cell"]), [2, 2]),
    "films by a temperature": ("temp,cell,frame,x,y\n20.5,1,0,1,4\n20.5,1,1,2,3\n25,1,2,90,80\n25,1,3,91,82\n", dict(dt=0.1), "'temp', 'cell' may tell the track", dict(track=["temp", "cell"]), [2, 2]),
    "replicates": ("replicate,track,frame,x,y\n1,1,0,1,4\n1,1,1,2,3\n2,1,2,90,80\n2,1,3,91,82\n", dict(dt=0.1), r"track=\['replicate', 'track'\]\) or", dict(track=["replicate", "track"]), [2, 2]),
    "an unknown name of tracks": ("bug,x,y\na,1,4\na,2,3\nb,90,80\nb,91,82\n", dict(dt=0.1), "'bug' may tell the track", dict(track="bug"), [2, 2]),
    "another language": ("Spur;Zeit;x;y\n1;0;1,5;4\n1;0,1;2,5;3\n2;0;90,5;80\n2;0,1;91;82\n", {}, "'Spur' may tell the track and 'Zeit' may tell the time", dict(track="Spur", time="Zeit"), [2, 2]),
    "not asked for": ("Spur,x,y\n1,1,4\n1,2,3\n2,90,80\n2,91,82\n", dict(columns=["x", "y"], dt=0.1), "'Spur' may tell the track", dict(track="Spur"), [2, 2]),
    "empty lines": ("x y\n1 4\n2 3\n\n\n90 80\n91 82\n", dict(dt=0.1), "'block' may tell the track", dict(track="block"), [2, 2]),
    "comments": ("%% Trajectory 1\n0 1.5 4\n1 2 3\n\n%% Trajectory 2\n0 90 80\n1 91 82\n", dict(columns=[1, 2], dt=0.1), "'block' may tell the track", dict(track="block"), [2, 2]),
    "headers": ("x,y\n1,4\n2,3\nx,y\n90,80\n91,82\n", dict(dt=0.1), "'block' may tell the track", dict(track="block"), [2, 2]),
    "the step of a simulation": ("# dt=1e-5, saved every 100 steps\nx,y\n1,4\n2,3\n1,2\n", {}, "does not tell the time", dict(dt=1e-3), [3]),
    "a temperature": ("T (K),x,y\n293,1,4\n294,2,3\n295,9,8\n", {}, "does not tell the time", dict(dt=1), [3]),
    "rows were deleted": ("index,x,y\n0,1,4\n1,2,3\n5,9,8\n6,8,8\n", dict(dt=0.1), "'index' may tell the frame", dict(frame="index"), [2, 2]),
    "and the index has no name": (",x,y\n0,1,4\n1,2,3\n5,9,8\n6,8,8\n", dict(dt=0.1), "'unnamed 0' may tell the frame", dict(frame="unnamed 0"), [2, 2]),
    "rows were shuffled": (",x,y\n2,9,8\n0,1,4\n3,8,8\n1,2,3\n", dict(dt=0.1), "'unnamed 0' may tell the frame", dict(frame="unnamed 0"), [4]),
    "an index starts again": (",x,y\n0,1,4\n1,2,3\n0,90,80\n1,91,82\n", dict(dt=0.1), "'block' may tell the track", dict(track="block"), [2, 2]),
    "a counter starts again": ("n,x,y\n0,1,4\n1,2,3\n0,90,80\n1,91,82\n", dict(dt=0.1), "'block' may tell the track", dict(track="block", columns=["x", "y"], frame="n"), [2, 2]),
    "and is not asked for": ("age,frame,x,y\n0,0,1,4\n1,1,2,3\n0,2,90,80\n1,3,91,82\n", dict(columns=["x", "y"], dt=0.1), "'block' may tell the track", dict(track="block"), [2, 2]),
    "and tracks have a name": ("n,track,frame,x,y\n0,1,0,1,4\n1,1,1,2,3\n0,1,2,90,80\n1,1,3,91,82\n", dict(columns=["x", "y"], dt=0.1), r"track=\['block', 'track'\]\) or if not", dict(track=["block", "track"]), [2, 2]),
    "merged cells": (",frame,x,y\na,0,1,4\n,1,2,3\nb,2,90,80\n,3,91,82\n", dict(dt=0.1), "'unnamed 0' may tell the track", dict(track="unnamed 0"), [2, 2]),
    "a clock of no name, frames lost": ("s,x,y\n0,1,4\n.5,2,3\n1,9,8\n3,8,8\n3.5,8,7\n", dict(dt=0.5), "'s' may tell the time", dict(time="s"), [3, 2]),
    "days": ("track,date,frame,x,y\n1,20240101,0,1,4\n1,20240101,1,2,3\n1,20240102,2,90,80\n1,20240102,3,91,82\n", dict(dt=0.1, frame="frame"), "'date', 'track' may tell the track", dict(track=["date", "track"]), [2, 2]),
    "parts of a body": ("t,nose_x,nose_y,tail_x,tail_y\n0,1,4,5,4\n1,2,3,5,3\n2,1,4,6,4\n", {}, r"columns=\['nose_x', 'nose_y'\]\) or .*\['nose_x', 'nose_y', 't", dict(columns=["nose_x", "nose_y"]), [3]),
    "a position beside others": ("t,x,position\n0,1,4\n1,2,3\n2,1,4\n", {}, "'position' is a coordinate", dict(columns=["x"]), [3]),
    "two particles in a row": ("time,x1,y1,x2,y2\n0,1,2,8,9\n.1,2,1,7,7\n.2,1,2,8,6\n", {}, "or of several particles", dict(columns=["x1", "y1"]), [3]),
    "a dt that times contradict": ("time,x\n0,1\n.1,2\n.2,1\n", dict(dt=0.2), "step by 0.1", dict(dt=None), [3]),
}  # fmt: skip


def placed(where: dict[Any, list[int]], tracks: int = 1) -> dict[str, np.ndarray]:
    """Tracks of 30 frames near 50, at other places in the rows that are named."""
    x = np.concatenate([WALK + 500 * k for k in range(tracks)])
    for place, rows in where.items():
        x[rows] = place
    track, frame = np.divmod(np.arange(30 * tracks), 30)
    return dict(track=track, frame=frame, x=x[:, 0], y=x[:, 1])


LOST = [4, 11, 12, 20]
UNCERTAIN = {  # a table, what is said, the refusal
    "a counter is full": (dict(t=np.roll(np.arange(60), 30), x=np.arange(60) % 7), {}, "'t' goes back at row 30"),
    "of frames": (dict(frame=np.roll(np.arange(60), 30), x=np.arange(60) % 7), dict(dt=1), "'frame' goes back"),
    "in each track": (dict(track=np.repeat([0, 1], 30), t=np.tile(np.roll(np.arange(30), 9), 2), x=np.arange(60) % 7), {}, "'t' goes back at row 9"),
    "time begins again": (dict(frame=np.arange(30), time=np.arange(30) % 10 / 10, x=WALK[:, 0]), dict(dt=0.1, frame="frame"), "'time' goes back .* another track begins there.*track=…"),
    "times of few digits": (dict(t=(1e5 + np.arange(60) * 0.01).astype("f4"), x=np.arange(60) % 7), {}, "closer than they are written"),
    "a dt a thousand times too long": (dict(t=np.arange(60) / 1000, x=np.arange(60) % 7), dict(dt=1.0), "step by 0.001"),
    "a dt that is somewhat too long": (dict(t=np.arange(60) / 10, x=np.arange(60) % 7), dict(dt=0.25), "step by 0.1"),
    "9999": (placed({9999: LOST}), dict(dt=1), "4 rows at .9999.0, 9999.0., far from all others"),
    "65535": (placed({65535: LOST}), dict(dt=1), "far from all others"),
    "any place": (placed({(-100, 7000): LOST}), dict(dt=1), r"4 rows at \[-100.0, 7000.0\]"),
    "a track at rest": (placed({0: [*range(30)]}, 3), dict(dt=1), "30 rows at .0.0, 0.0.*recorded.*of_frames"),
    "two sites": (placed({0: [*range(0, 30, 2)]}), dict(dt=1), "15 rows at"),
    "a long start": (placed({0: [*range(9)]}), dict(dt=1), "9 rows at"),
    "a start": (placed({0: [0]}), dict(dt=1), "1 row at"),
    "an end": (placed({-1: [28, 29, 59]}, 2), dict(dt=1), "3 rows at"),
}  # fmt: skip


@pytest.mark.parametrize("doubt", UNCERTAIN)
def test_what_no_call_could_settle_is_refused(doubt):
    table, said, refused = UNCERTAIN[doubt]
    with pytest.raises(ValueError, match=f"^table.*{refused}"):
        Trajectories.from_table(table, **said)


def test_rows_that_are_merely_not_sorted_are_read(capsys):
    order = np.random.default_rng(0).permutation(60)
    table = dict(track=order // 20, frame=order % 20, x=order % 7)
    assert Trajectories.from_table(table, 1).x.shape == (3, 20, 1)
    assert Trajectories.from_table(dict(frame=np.arange(30)[::-1], x=WALK[:, 0]), 1).n_times == 30


def test_times_of_32_bits_are_rounded_as_such(capsys):
    for begin, n in ((100, 60), (1000, 60), (0, 30_000)):
        t = (begin + np.arange(n) * 0.01).astype("f4")
        back = Trajectories.from_table(dict(t=t, x=np.arange(n) % 7))
        assert back.n_times == n and back.dt == pytest.approx(0.01, rel=1e-4)


def test_the_line_says_what_speaks_against_a_dt(tmp_path, capsys):
    columns = dict(frame=np.arange(9), x=WALK[:9, 0])
    assert Trajectories.from_table(columns | dict(dt=[0.5] * 9)).dt == 0.5
    assert Trajectories.from_table(columns | dict(fps=[25] * 9)).dt == 0.04
    capsys.readouterr()
    Trajectories.from_table(columns | dict(dt=[0.5] * 9), 0.1)
    assert "dt 0.1 as given (dt 0.5 from the column 'dt: 0.5')" in capsys.readouterr().out
    Trajectories.from_table(dict(time=np.arange(9), x=WALK[:9, 0]), 0.001)
    assert "dt 0.001 as given (time numbers the frames)" in capsys.readouterr().out
    pause = np.arange(9) + np.where(np.arange(9) > 4, 7.5, 0)
    Trajectories.from_table(columns | dict(time=pause), 1, frame="frame")
    assert "dt 1 as given (times in time step by 1 to 8.5)" in capsys.readouterr().out
    np.savez(tmp_path / "a.npz", x=WALK, dt=0.5)
    Trajectories.load(tmp_path / "a.npz", 0.1)
    assert "dt 0.1 as given (the file says 0.5)" in capsys.readouterr().out


@pytest.mark.parametrize("doubt", DOUBTS)
def test_what_may_be_read_wrongly_is_asked_about(doubt, tmp_path, capsys):
    text, first, refused, more, lengths = DOUBTS[doubt]
    (path := tmp_path / "a.txt").write_text(text)
    with pytest.raises(ValueError, match=f"^a.txt.*{refused}"):
        Trajectories.load(path, **first)
    back = Trajectories.load(path, **first | more)
    found = [back.n_times] * back.n_trajectories
    if back.stretches is not None:
        found = back.stretches.length.tolist()
    assert sorted(found) == sorted(lengths)


def test_rows_of_frames_where_nothing_was_found_are_gaps(tmp_path, capsys):
    for value in (0, -1, -999):
        x = WALK.copy()
        x[[4, 11, 12]] = value
        back = Trajectories.from_table(dict(frame=np.arange(30), x=x[:, 0], y=x[:, 1]), 0.1)
        assert back.stretches is not None and back.stretches.length.tolist() == [4, 6, 17]
        assert f"3 rows at {value}, far from all others" in capsys.readouterr().out
        np.save(tmp_path / "a.npy", x)
        back = Trajectories.load(tmp_path / "a.npy", 0.1)
        assert back.stretches is not None and back.stretches.length.tolist() == [4, 6, 17]
    x = np.cumsum(WALK - 50, axis=0)
    x -= x[0]  # a path that begins at 0 does
    assert Trajectories.from_table(dict(x=x[:, 0], y=x[:, 1]), 0.1).n_times == 30


def test_what_is_left_alone_is_counted(capsys):
    t = [0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4]
    Trajectories.from_table(dict(t=t, x=WALK[:10, 0]))
    assert "1 track of 10 frames, 5 gaps, 5 frames in no step; dt 0.1" in capsys.readouterr().out


def test_a_comment_that_says_another_dt_is_told(tmp_path, capsys):
    (path := tmp_path / "a.csv").write_text("# dt: 0.5\nx\n1\n2\n1\n")
    assert Trajectories.load(path, 0.1).dt == 0.1
    assert "dt 0.1 as given, one frame a row (dt 0.5 from the comment" in capsys.readouterr().out


def test_long_numbers_of_tracks_are_kept_exactly(tmp_path, capsys):
    rows = [f"{1234567890123456781 + k},{i},{i % 3}" for k in (0, 1) for i in range(3)]
    (path := tmp_path / "a.csv").write_text("\n".join(["id,frame,x", *rows]))
    assert Trajectories.load(path, 0.1).n_trajectories == 2
    rounded = dict(id=[1234567890123456781.0] * 4, frame=[0, 1, 2, 3], x=[1, 2, 1, 3])
    with pytest.raises(ValueError, match="'id' holds rounded numbers"):
        Trajectories.from_table(rounded, 0.1)


def test_columns_of_arrays_that_are_no_coordinates_are_asked_about(tmp_path, capsys):
    ids, frames = np.repeat([1, 2, 3], 10), np.tile(np.arange(10), 3)
    np.save(path := tmp_path / "a.npy", np.c_[ids, frames, WALK])
    with pytest.raises(ValueError, match="a.npy: column 0 of its 4 grows.*columns=…, track=…"):
        Trajectories.load(path, 0.1)
    back = Trajectories.load(path, 0.1, columns=[2, 3], track=0, frame=1)
    np.testing.assert_array_equal(back.x, WALK.reshape(3, 10, 2))
    by_frame = np.c_[ids, frames, WALK][np.argsort(frames, kind="stable")]
    for array in (by_frame, np.c_[0.1 * np.arange(30), WALK], np.c_[0.033 * frames, WALK]):
        with pytest.raises(ValueError, match="paths: column .* grows"):
            Trajectories.of(array, 0.1)
    np.savez(path := tmp_path / "a.npz", *[np.c_[0.1 * np.arange(30), WALK]] * 2)
    with pytest.raises(ValueError, match="a.npz: column 0 of its 3 grows"):
        Trajectories.load(path, 0.1)
    back = Trajectories.load(path, columns=[1, 2], time=0, track="block")
    assert (back.n_trajectories, back.dt) == (2, 0.1)


def test_what_is_said_of_an_array_in_a_file_can_be_done(tmp_path, capsys):
    np.save(tmp_path / "a.npy", np.c_[0.5 * np.arange(30), WALK[:, 0]])
    with pytest.raises(ValueError, match=r"if not, .*'a.npy', dt=0.1, columns=\[0, 1\]\)"):
        Trajectories.load(tmp_path / "a.npy", 0.1)
    assert Trajectories.load(tmp_path / "a.npy", 0.1, columns=[0, 1]).x.shape == (1, 30, 2)
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(300, 5, 2)))
    call = r"of\(numpy.load\('a.npy'\).swapaxes\(0, 1\), dt=0.1\); if not, Trajectories\(torch.as_tensor\(numpy"
    with pytest.raises(ValueError, match=rf"300 paths of 5 times; .*{call}"):
        Trajectories.load(tmp_path / "a.npy", 0.1)
    walks = np.cumsum(np.random.default_rng(0).normal(size=(300, 20, 2)), axis=1)
    np.save(tmp_path / "a.npy", walks)
    assert Trajectories.load(tmp_path / "a.npy", 0.1).n_trajectories == 300


def test_times_before_tracks_are_turned_or_asked_about(tmp_path, capsys):
    x = (
        np.cumsum(np.random.default_rng(0).normal(size=(60, 3, 2)), axis=0)
        + 50 * np.arange(3)[:, None]
    )
    np.savez(path := tmp_path / "a.npz", trajectories=x, frames_per_second=25.0)
    back = Trajectories.load(path)
    np.testing.assert_array_equal(back.x, x.swapaxes(0, 1))
    assert back.dt == 0.04
    with pytest.raises(ValueError, match=r"60 paths of 3 times.*paths.swapaxes\(0, 1\)"):
        Trajectories.of(x, 0.04)
    assert Trajectories.of(np.random.default_rng(0).normal(size=(60, 3, 2)), 0.1).n_times == 3


def test_an_index_that_tells_frames_is_asked_about(capsys):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(dict(x=WALK[:, 0], y=WALK[:, 1]))
    assert Trajectories.from_table(table, 0.1).n_times == 30
    with pytest.raises(ValueError, match="'index' may tell the frame.*frame='index'"):
        Trajectories.from_table(table.drop(index=7), 0.1)
    table.index = pandas.date_range("2024-01-01", periods=30, freq="2s")
    with pytest.raises(ValueError, match="'index' may tell the time.*time='index'"):
        Trajectories.from_table(table, 0.1)
    assert Trajectories.from_table(table, time="index").dt == 2


def test_levels_of_an_index_are_columns(tmp_path, capsys):
    pandas = pytest.importorskip("pandas")
    half = pandas.DataFrame(dict(x=WALK[:15, 0], y=WALK[:15, 1]))
    both = pandas.concat({"a": half, "b": half + 40})
    both.to_excel(path := tmp_path / "a.xlsx")  # which merges cells
    for table in (both, both.assign(frame=range(30)), path):
        read = Trajectories.load if table is path else Trajectories.from_table
        with pytest.raises(ValueError, match="'unnamed 0' may tell the track.*track='unnamed 0'"):
            read(table, 0.1)
        assert read(table, 0.1, track="unnamed 0").n_trajectories == 2
    with pytest.raises(ValueError, match="'block' may tell the track"):
        Trajectories.from_table(pandas.concat([half, half + 40]), 0.1)
    assert Trajectories.from_table(pandas.concat([half, half]), 0.1, track="block").n_times == 15


@pytest.mark.parametrize("names", [("1.1", "1.10"), ("01", "1"), ("1e1", "10")])
def test_names_of_tracks_are_no_numbers(names, tmp_path, capsys):
    rows = [f"{names[i // 5]},{i},{x}" for i, x in enumerate(WALK[:10, 0])]
    (path := tmp_path / "a.csv").write_text("\n".join(["track,frame,x", *rows]))
    assert Trajectories.load(path, 0.1).n_trajectories == 2
    table = dict(track=np.repeat(names, 5), frame=np.arange(10), x=WALK[:10, 0])
    assert Trajectories.from_table(table, 0.1).n_trajectories == 2


def test_times_with_zones_spans_of_time_and_generators(capsys):
    pandas = pytest.importorskip("pandas")
    for t in (
        pandas.date_range("2024-01-01", periods=30, freq="20ms", tz="CET"),
        pandas.date_range("2024-01-01", periods=30, freq="20ms"),
        pandas.period_range("2024-01-01", periods=30, freq="20ms"),
    ):
        assert Trajectories.from_table(pandas.DataFrame(dict(t=t, x=WALK[:, 0]))).dt == 0.02
    assert Trajectories.of((WALK[i : i + 9] for i in (0, 9)), 0.1).n_trajectories == 2


# ------------------------------------------------------------------------------------------- times


@pytest.mark.parametrize(
    ("written", "dt", "accuracy"),
    [  # accuracy: what rounding to the last digit leaves, over the span of 199 steps
        ("{:.3f}", 1 / 30, 1e-3 / 199), ("{:.2f}", 1 / 30, 1e-2 / 199), ("{:.4f}", 1 / 7, 1e-4 / 199),
        ("{:.6g}", 1 / 30, 1e-5 / 199), ("{:.0f}", 1000 / 30, 1 / 199), ("{!r}", 1 / 30, 1e-12),
        ("{!r}", 0.01, 0.0), ("{:.2f}", 0.01, 0.0), ("1700{:013.3f}", 1 / 30, 1e-3 / 199), ("{:.2e}", 1e-5, 1e-7),
    ],
)  # fmt: skip
@pytest.mark.parametrize("gaps", [False, True])
def test_times_may_be_rounded(written, dt, accuracy, gaps, tmp_path, capsys):
    draw = np.random.default_rng(1)
    frames = np.flatnonzero(draw.random(200) > 0.1) if gaps else np.arange(200)
    frames = np.unique(np.r_[0, 1, frames, 199])
    if written == "{:.2e}":
        frames = frames[frames < 100]  # three digits
    rows = [f"{written.format(float(k * dt))},{k % 7 + k / 8}" for k in frames]
    (path := tmp_path / "a.csv").write_text("\n".join(["t,x", *rows]))
    back = Trajectories.load(path)
    assert abs(back.dt - dt) <= accuracy
    if gaps:
        assert back.stretches is not None
        np.testing.assert_array_equal(back.stretches.frames[1].numpy(), frames)
    given = Trajectories.load(path, dt=dt)
    assert given.dt == dt and torch.equal(given.x, back.x)


@pytest.mark.parametrize("fps", [55, 60, 72, 90])
@pytest.mark.parametrize("missing", [0.0, 0.1, 0.3])
def test_times_rounded_to_about_a_step_are_asked_about(fps, missing, tmp_path, capsys):
    """In hundredths, steps of 1 and 2 last digits look like missing frames; and some are missing."""
    kept = np.flatnonzero(np.random.default_rng(fps).random(300) >= missing)
    rows = [f"{k / fps:.2f},{k % 7}" for k in kept]
    (path := tmp_path / "a.csv").write_text("\n".join(["t,x", *rows]))
    with pytest.raises(ValueError, match="varies from 0.01 to .*dt=…"):
        Trajectories.load(path)
    back = Trajectories.load(path, dt=1 / fps)
    frames = np.arange(300) if back.stretches is None else back.stretches.frames[1].numpy()
    np.testing.assert_array_equal(frames, kept - kept[0])
    assert back.dt == 1 / fps


@pytest.mark.parametrize("missing", [0.01, 0.1, 0.25])
@pytest.mark.parametrize("step", [1, 0.1, 0.01])
def test_missing_frames_are_not_taken_for_rounding(missing, step, tmp_path, capsys):
    for seed in range(4):
        kept = np.flatnonzero(np.random.default_rng(seed).random(300) >= missing)
        decimals = {1: 0, 0.1: 1, 0.01: 2}[step]
        rows = [f"{k * step:.{decimals}f},{k % 7}" for k in kept]
        (path := tmp_path / "a.csv").write_text("\n".join(["t,x", *rows]))
        back = Trajectories.load(path)
        assert back.dt == pytest.approx(step, rel=1e-12)
        frames = np.arange(300) if back.stretches is None else back.stretches.frames[1].numpy()
        np.testing.assert_array_equal(frames, kept - kept[0])


@pytest.mark.parametrize(
    ("times", "dt", "result", "shape"),
    [
        ([0, 1, 2, 3, 4], 0.1, 0.1, (1, 5, 1)),  # frame numbers, called t
        ([0, 100, 200, 300], 0.1, 0.1, (1, 4, 1)),  # milliseconds, and a dt in seconds
        ([0, 0.11, 0.19, 0.31], 0.1, 0.1, (1, 4, 1)),  # uneven, and said to be even
        ([0, 0.1, 0.3, 0.4], 0.1, 0.1, (4, 1)),
    ],
)
def test_a_given_dt_wins(times, dt, result, shape, tmp_path, capsys):
    back = Trajectories.from_table(dict(t=times, x=np.arange(len(times)) ** 2), dt)
    assert (back.dt, tuple(back.x.shape)) == (result, shape)


@pytest.mark.parametrize(
    "written", ["0:{m:02d}:{s:05.2f}", "2024-05-01 10:{m:02d}:{s:06.3f}", "2024-05-01T10:{m:02d}:{s:05.2f}Z"]
)  # fmt: skip
def test_times_of_day_are_seconds(written, tmp_path, capsys):
    rows = [f"{written.format(m=k // 240, s=0.25 * (k % 240))},{k % 7}" for k in range(500)]
    (path := tmp_path / "a.csv").write_text("\n".join(["time,x", *rows]))
    assert Trajectories.load(path).dt == pytest.approx(0.25, rel=1e-6)
    assert Trajectories.load(path).n_times == 500


@pytest.mark.parametrize("n", [150, 1000, 2500, 30_000])
def test_how_times_are_rounded_is_seen_in_long_tables(n, capsys):
    """Of 0.01 k, each hundredth has no decimals: a jitter of 20 % is not taken for rounding."""
    t = 0.01 * np.arange(n)
    assert Trajectories.from_table(dict(t=t, x=t % 0.7)).n_times == n
    t[n // 2] += 0.002
    with pytest.raises(ValueError, match="varies from 0.008 to 0.012"):
        Trajectories.from_table(dict(t=t, x=t % 0.7))


def test_two_times_that_are_the_same_are_found():
    with pytest.raises(ValueError, match="closer than they are written"):
        Trajectories.from_table(dict(t=[0.1, 0.2, 0.3, 0.1 + 0.2, 0.4], x=[1, 2, 4, 3, 1]))


def test_a_dt_that_times_contradict_is_refused():
    with pytest.raises(
        ValueError, match="dt=0.1 was given, and the times in column 't' step by 0.5"
    ):
        Trajectories.from_table(dict(t=[0, 0.5, 1.0, 1.5], x=[1, 2, 4, 3]), 0.1)


def test_frames_that_are_all_so_many_numbers_apart_are_one_step(capsys):
    back = Trajectories.from_table(dict(step=[0, 1000, 2000, 4000], x=[1, 2, 4, 3]), 1e-3)
    assert back.dt == 1.0 and "× 1000, as frames are 1000 numbers apart" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------ options


def test_scale_and_velocities(capsys):
    table = dict(t=[0, 1, 2], x=[1.0, 2, 4], y=[3.0, 1, 2], vx=[1.0, 0, 1], vy=[0.0, 2, 1])
    back = Trajectories.from_table(table, scale=0.5)
    np.testing.assert_array_equal(back.x[0], 0.5 * np.c_[table["x"], table["y"]])
    moving = Trajectories.from_table(table, underdamped=True, scale=[1, 2, 1, 2])
    np.testing.assert_array_equal(moving.velocity[0], np.c_[table["vx"], 2 * np.array(table["vy"])])
    for scale in ([1, 2, 3], "a", 0, [1, np.nan]):
        with pytest.raises(ValueError, match="scale must be a number, or one for each of 2"):
            Trajectories.from_table(table, scale=scale)


@pytest.mark.parametrize(
    ("names", "scale", "factors"),
    [(["x", "theta"], 0.1, [0.1, 1]), (["x [px]", "y [um]"], None, [0.1, 1]), (["x (nm)", "y_um"], 2, [1, 1000])],
)  # fmt: skip
def test_units_are_not_mixed(names, scale, factors, capsys):
    table = dict(t=[0, 1, 2], **{name: [1.0, 2, 4] for name in names})
    with pytest.raises(ValueError, match="not all of one unit; give a factor for each.*scale=…"):
        Trajectories.from_table(table, scale=scale)
    back = Trajectories.from_table(table, scale=factors)
    np.testing.assert_array_equal(back.x[0, 2], 4 * np.array(factors))


def test_velocities_stand_in_the_order_of_positions(capsys):
    table = dict(t=[0, 1, 2], vy=[7.0, 8, 9], y=[3.0, 1, 2], vx=[1.0, 0, 1], x=[1.0, 2, 4])
    moving = Trajectories.from_table(table, underdamped=True)
    np.testing.assert_array_equal(
        moving.x[0], np.stack([table[k] for k in ("x", "y", "vx", "vy")], 1)
    )


def test_frames_of_other_libraries_are_tables(capsys):
    pandas, arrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    columns = dict(track=[0, 0, 0, 1, 1], t=[0.0, 0.5, 1.0, 0.0, 0.5], x=[1.0, 2, 4, 3, 1])
    frame = pandas.DataFrame(columns)
    records = frame.to_records(index=False)
    expected = Trajectories.from_table(columns)
    for table in (frame, frame.set_index(["track", "t"]), frame.convert_dtypes(), arrow.table(columns),
                  records, frame.astype({"track": "category"})):  # fmt: skip
        assert torch.equal(Trajectories.from_table(table).x, expected.x)
    later = frame.assign(t=pandas.to_timedelta(frame.t, unit="s"))
    assert Trajectories.from_table(later).dt == 0.5
    with pytest.raises(
        TypeError, match="table must be a data frame or a dict of columns, got list"
    ):
        Trajectories.from_table([1.0, 2.0])


def test_lists_and_masks_in_memory(capsys):
    paths = [X[:12, :2], X[:5, :2]]
    back = Trajectories.of(paths, 0.1)
    assert back.n_trajectories == 2 and len(back.x) == 17
    for several in (np.array([X[:3, :2], X[:5, :2]], dtype=object), [p.tolist() for p in paths]):
        assert Trajectories.of(several, 0.1).n_trajectories == 2
    masked = np.ma.masked_array(X[:, :2], mask=np.zeros((N, 2), bool))
    masked[4] = np.ma.masked
    assert len(Trajectories.of(masked, 0.1).x) == N - 1
    whole = torch.randn(3, 5, 2)
    assert Trajectories.of(whole, 0.1).x.data_ptr() == whole.data_ptr()
    with pytest.raises(ValueError, match="may be points of one path"):
        Trajectories.of(X[:, :2].tolist(), 0.1)
    with pytest.raises(ValueError, match="more coordinates, 20, than times, 3.*swapaxes"):
        Trajectories.of(X.T, 0.1)
    with pytest.raises(TypeError, match="complex"):
        Trajectories.of(X + 1j, 0.1)
    with pytest.raises(TypeError, match="from_table"):
        Trajectories.of([dict(t=X[:, 0], x=X[:, 1])], 0.1)


def test_arrays_in_hdf5_are_read_as_those_of_numpy(tmp_path, capsys):
    tables = pytest.importorskip("tables")
    pytest.importorskip("pandas")
    with tables.open_file(tmp_path / "a.h5", "w") as file:
        file.create_array("/", "x", X.reshape(2, 10, 3))
        file.create_array("/", "dt", np.array([0.5]))
    back = Trajectories.load(tmp_path / "a.h5")
    assert back.dt == 0.5 and torch.equal(back.x, torch.as_tensor(X).view(2, 10, 3))


def test_arrays_with_names_are_columns_or_are_asked_about(tmp_path, capsys):
    t = 0.1 * np.arange(N)
    np.savez(tmp_path / "a.npz", t=t, x=X[:, 0], y=X[:, 1])
    np.testing.assert_array_equal(Trajectories.load(tmp_path / "a.npz").x[0], X[:, :2])
    np.savez(tmp_path / "a.npz")
    with pytest.raises(ValueError, match="a.npz holds no array"):
        Trajectories.load(tmp_path / "a.npz", 0.1)
    np.savez(tmp_path / "a.npz", x=X.reshape(2, 10, 3), y=X.reshape(2, 10, 3))
    with pytest.raises(
        ValueError, match=r"take one: Trajectories.of\(numpy.load\('a.npz'\)\['x'\]"
    ):
        Trajectories.load(tmp_path / "a.npz", 0.1)


# ---------------------------------------------------------------------------------------- TrackMate


def test_tracks_that_split_are_left_out_and_told(tmp_path, capsys):
    spots = "".join(
        f'<Spot ID="{i}" FRAME="{i % 10}" POSITION_X="{X[i, 0]}" POSITION_Y="{X[i, 1]}" POSITION_Z="0" POSITION_T="{0.1 * (i % 10)}"/>'
        for i in range(20)
    )
    path = "".join(f'<Edge SPOT_SOURCE_ID="{i}" SPOT_TARGET_ID="{i + 1}"/>' for i in range(9))
    fork = '<Edge SPOT_SOURCE_ID="10" SPOT_TARGET_ID="11"/><Edge SPOT_SOURCE_ID="10" SPOT_TARGET_ID="12"/>'
    (tmp_path / "a.xml").write_text(
        f"<TrackMate><Model><AllSpots>{spots}</AllSpots><AllTracks><Track TRACK_ID='0'>{path}</Track>"
        f"<Track TRACK_ID='1'>{fork}</Track></AllTracks></Model></TrackMate>"
    )
    back = Trajectories.load(tmp_path / "a.xml")
    np.testing.assert_array_equal(back.x[0], X[:10, :2])
    assert "1 track with a split or a merger" in capsys.readouterr().out


# ------------------------------------------------------------------------------- nothing in it runs


class Runs:
    def __reduce__(self):
        return print, ("it ran",)


def test_no_code_in_a_file_runs(tmp_path, capsys):
    objects = np.empty(2, dtype=object)
    objects[:] = Runs()
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=objects)
    tables = pytest.importorskip("tables")
    pytest.importorskip("pandas")
    with tables.open_file(tmp_path / "a.h5", "w") as file:
        file.root._v_attrs.pandas_type = np.bytes_(pickle.dumps(Runs()))
        file.create_vlarray("/", "x", tables.ObjectAtom()).append(Runs())
        file.create_array("/", "y", np.arange(3.0))._v_attrs.kind = np.bytes_(pickle.dumps(Runs()))
    capsys.readouterr()
    for ending in (".npy", ".npz", ".h5"):
        with pytest.raises(ValueError, match=f"a{ending}"):
            Trajectories.load(tmp_path / f"a{ending}", 0.1)
    assert "it ran" not in capsys.readouterr().out


# -------------------------------------------------------------------------------------------- speed


@pytest.mark.slow
def test_twenty_thousand_short_tracks_take_a_moment(capsys):
    """One sort: 0.2 s on one core; a second is allowed."""
    n = 20_000
    order = np.random.default_rng(0).permutation(10 * n)
    table = dict(
        track=np.repeat(np.arange(n), 10), t=np.tile(0.01 * np.arange(10), n), x=np.random.default_rng(1).normal(size=10 * n)
    )  # fmt: skip
    table = {name: values[order] for name, values in table.items()}
    start = time.perf_counter()
    back = Trajectories.from_table(table)
    assert time.perf_counter() - start < 1
    assert back.x.shape == (n, 10, 1)


def test_a_spot_of_no_track_and_of_a_number_of_its_own_parts_nothing(tmp_path, capsys):
    """As a tracker leaves it between the others: its number is no beginning of a new count."""
    rows = [f"ID{i},{i},{i // 20},{i % 7}.{i},{i % 5}.{i},{i % 20}" for i in range(60)]
    rows.insert(7, "ID9999,9999,,3.1,4.1,2")
    header = "LABEL,ID,TRACK_ID,POSITION_X,POSITION_Y,FRAME"
    (tmp_path / "spots.csv").write_text("\n".join([header, *rows]) + "\n")
    found = Trajectories.load(tmp_path / "spots.csv", dt=0.1)
    assert found.x.shape == (3, 20, 2)
    assert "1 row without a track" in capsys.readouterr().out
