"""Paths written as trackers, spreadsheets and people write them come back as they are, or are refused
in words whose call reads them. What is written is drawn: a format, and several of its quirks.

The road back after a refusal is a person who knows the film, and uses the arguments, and no others,
that the call in the refusal names.
"""

import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stochphys import Trajectories

Draw = np.random.Generator
AXES = ("x", "y", "z")


@dataclass
class Film:
    """The truth: of each track its name, the numbers of its frames, and its positions."""

    ids: list
    frames: list[np.ndarray]
    x: list[np.ndarray]
    dt: float
    regular: bool

    @property
    def dim(self) -> int:
        return self.x[0].shape[1]


@dataclass
class Written:
    """A file, or something in memory; what a person knows of it; and the accuracy of its times."""

    source: Any
    knows: dict[str, Any] = field(default_factory=dict)
    slack: float = 1e-9
    given: dict[str, Any] = field(default_factory=dict)


def film(draw: Draw) -> Film:
    n, dim = int(draw.integers(1, 7)), int(draw.integers(1, 4))
    dt = float(draw.choice([0.01, 1 / 30, 0.04, 1 / 7, 12.5, 1e-4, 1 / 24.97]))
    regular, gaps = draw.random() < 0.3, draw.random() < 0.5
    total = int(draw.integers(12, 60)) if draw.random() < 0.97 else int(draw.integers(1000, 4000))
    frames = []
    for _ in range(n):
        first, last = (0, total) if regular else (draw.integers(0, 5), draw.integers(8, total + 1))
        kept = np.arange(first, last)
        if gaps and not regular:
            kept = kept[(draw.random(len(kept)) > 0.15) | (np.arange(len(kept)) < 2)]
        frames.append(kept)
    x = [
        np.round(draw.normal(size=(len(f), dim)) * 3 + draw.choice([0, 50, -400]), 6)
        for f in frames
    ]
    return Film(list(range(n)), frames, x, dt, regular)


# ----------------------------------------------------------------------------------------- columns

NAMES = [  # track, frame, time, coordinate
    ("track", "frame", "time", "{}"), ("TRACK_ID", "FRAME", "POSITION_T", "POSITION_{}"),
    ("particle", "frame", "t", "{}"), ("Trajectory", "Frame", "Time [s]", "{} [µm]"),
    ("particle_id", "time_step", "time_s", "{}_um"), ("Track n°", "Slice n°", "T", "{}"),
    ("TrackObjects_Label_30", "ImageNumber", "Elapsed time (s)", "Location_Center_{}"),
    ("cell id", "image number", "timestamp", "centroid_{}"), ("bead", "Frame Number", "Times", "pos_{}"),
    ("id", "Frame", "t (s)", "{} (µm)"), ("Track ID", "frame_id", "seconds", "{}pos"),
]  # fmt: skip


def table(draw: Draw, film: Film) -> tuple[dict[str, list], dict[str, Any], float]:
    """Columns of what may be text already; what a person knows of them; the accuracy of the times."""
    track, frame, time, axis = NAMES[draw.integers(len(NAMES))]
    upper = draw.random() < 0.3
    named = [axis.format(a.upper() if upper or "_{}" in axis else a) for a in AXES[: film.dim]]
    if axis == "{}" and draw.random() < 0.2:
        named = [f"x{i}" for i in range(film.dim)]
    number = np.concatenate(film.frames)
    x = np.concatenate(film.x)
    label = np.repeat(np.arange(len(film.ids)), [len(f) for f in film.frames])
    ids: list = (label + int(draw.choice([0, 1, 7, 1000]))).tolist()
    if draw.random() < 0.15:
        ids = [f"Track_{i:03d}" for i in ids]
    columns: dict[str, list] = {}
    knows: dict[str, Any] = dict(dt=film.dt, columns=named)
    if len(film.ids) > 1 or draw.random() < 0.5:
        columns[track] = ids
        knows["track"] = track
    clock = draw.choice(["times", "frames", "both", "rows"], p=[0.5, 0.25, 0.2, 0.05])
    whole = all((np.diff(f) == 1).all() for f in film.frames)
    if clock == "rows" and not whole:
        clock = "frames"
    start = 0 if draw.random() < 0.6 else int(draw.integers(1, 500))
    slack = 1e-9
    if clock in ("frames", "both"):
        columns[frame] = (number + start).tolist()
        knows["frame"] = frame
    if clock in ("times", "both"):
        offset = draw.choice([0.0, 1.7e9]) if draw.random() < 0.2 else start * film.dt
        times, style = offset + number * film.dt, draw.choice(["repr", "fixed", "g"])
        unit = 10.0 ** np.floor(
            np.log10(film.dt / 12)
        )  # the last digit: a twelfth of a step or less
        if style == "fixed":
            columns[time] = [f"{t:.{max(0, round(-np.log10(unit)))}f}" for t in times]
            slack = 2 * unit / film.dt / 8
        elif style == "g" and offset < 1e9:
            digits = max(6, int(np.ceil(np.log10(times.max() / unit))) + 1)
            columns[time] = [f"{t:.{digits}g}" for t in times]
            slack = 2 * unit / film.dt / 8
        else:
            columns[time] = times.tolist()
            slack = max(1e-9, 2e-6 / film.dt / 8 if offset else 0)
        knows["time"] = time
    columns |= {name: x[:, i].tolist() for i, name in enumerate(named)}
    if draw.random() < 0.3:
        columns |= {
            "mass": draw.integers(100, 999, len(x)).tolist(),
            "QUALITY": draw.random(len(x)).round(3).tolist(),
        }
    if draw.random() < 0.2 and film.dim < 3:
        columns[axis.format("Z")] = [0.0] * len(x)
    if draw.random() < 0.15:
        columns[str(draw.choice(["force", "tension [pN]", "q"]))] = (
            draw.normal(size=len(x)).round(4).tolist()
        )
    if draw.random() < 0.15:
        columns["comment"] = ["ok"] * len(x)
    order = list(columns)
    if draw.random() < 0.3:
        draw.shuffle(order)
    columns = {name: columns[name] for name in order}
    if clock != "rows" and draw.random() < 0.5:
        kind = draw.choice(["shuffled", "descending", "by frame"])
        rows = {"shuffled": draw.permutation(len(x)), "descending": np.arange(len(x))[::-1],
                "by frame": np.lexsort((label, number))}[kind]  # fmt: skip
        columns = {name: [values[i] for i in rows] for name, values in columns.items()}
    if clock != "rows" and draw.random() < 0.2:  # some rows stand twice
        again = draw.integers(0, len(x), 3)
        columns = {name: values + [values[i] for i in again] for name, values in columns.items()}
    return columns, knows, slack


# ------------------------------------------------------------------------------------------ formats


def as_text(draw: Draw, film: Film, folder: Path) -> Written:
    columns, knows, slack = table(draw, film)
    ending, delimiter = [(".csv", ","), (".csv", ";"), (".tsv", "\t"), (".txt", " "), (".txt", "\t"), (".dat", "|"), (".csv", ", ")][
        draw.integers(7)
    ]  # fmt: skip
    names = list(columns)
    rows = [
        [cell if isinstance(cell, str) else repr(cell) for cell in row]
        for row in zip(*columns.values(), strict=True)
    ]
    remarks, head = [], [names]
    if delimiter == " ":
        bare = [re.sub(r"\W+", "_", name).strip("_") for name in names]
        if len(set(bare)) == len(bare):
            head = [bare]
            knows = {k: _renamed(v, dict(zip(names, bare, strict=True))) for k, v in knows.items()}
            names = bare
    else:
        if draw.random() < 0.25:  # a missing position, and a spot of no track
            at = draw.integers(len(rows))
            odd = list(rows[at])
            for name in knows["columns"]:
                odd[names.index(name)] = str(draw.choice(["", "NaN"]))
            for key in ("frame", "time"):
                if key in knows:
                    odd[names.index(knows[key])] = repr(_later(columns[knows[key]]))
            if "frame" in knows or "time" in knows:
                rows.insert(at, odd)
        if "track" in knows and draw.random() < 0.2 and ("frame" in knows or "time" in knows):
            lost = list(rows[0])
            lost[names.index(knows["track"])] = ""
            rows.insert(int(draw.integers(1, len(rows))), lost)
        if draw.random() < 0.15:
            head.append([n.title() for n in names])
        if draw.random() < 0.15:
            head.append(["(micron)" if n in knows["columns"] else "" for n in names])
        if draw.random() < 0.15:
            names, head = ["", *names], [["", *h] for h in head]
            rows = [[str(i), *row] for i, row in enumerate(rows)]
        elif draw.random() < 0.1:
            rows, head = (
                [[*row, ""] for row in rows],
                [[*h, ""] for h in head] if draw.random() < 0.5 else head,
            )
    if delimiter not in (",", ", ") and draw.random() < 0.4:
        rows = [[cell.replace(".", ",") for cell in row] for row in rows]
    if draw.random() < 0.2 and delimiter != " ":
        rows = [[f'"{cell}"' if cell else cell for cell in row] for row in rows]
        head = [[f'"{cell}"' for cell in h] for h in head]
    no_header = draw.random() < 0.08
    if no_header:
        place = {name: i for i, name in enumerate(names)}
        knows = {k: _renamed(v, place) for k, v in knows.items()}
    told = draw.random()
    if told < 0.2:
        remarks.append(
            f"{draw.choice(['dt: ', 'dt = ', 'frame interval: ', 'time step '])}{film.dt!r} s"
        )
    elif told < 0.3:
        remarks.append(f"fps: {1 / film.dt!r}")
    if told < 0.5:
        remarks.append("recorded on a rainy day")
    sign = draw.choice(["# ", "% "])
    lines = [sign + remark for remark in remarks]
    if draw.random() < 0.08 and not no_header and len(head) == 1:
        lines.append("# " + delimiter.join(head[0]))  # as numpy.savetxt does
    elif not no_header:
        lines += [delimiter.join(h) for h in head]
    pad = (
        (lambda row: "   ".join(row))
        if delimiter == " " and draw.random() < 0.5
        else delimiter.join
    )
    lines += [pad(row) for row in rows]
    if draw.random() < 0.2:
        for _ in range(3):
            # Among the rows of no known track it would begin another one.
            end = len(lines) if "track" in knows else len(lines) - len(rows)
            lines.insert(int(draw.integers(end + 1)), str(draw.choice(["", "  "])))
    if draw.random() < 0.1 and len(delimiter) == 1 and delimiter != " ":
        lines.insert(0, f"sep={delimiter}")
    text = str(draw.choice(["\n", "\r\n"])).join(lines) + "\n" * int(draw.integers(3))
    encoding = str(draw.choice(["utf-8", "utf-8-sig", "utf-16", "latin-1"]))
    text = text.replace("\u039c", "µ")  # which .title() makes of µ
    path = folder / f"film{ending}"
    path.write_bytes(text.encode(encoding))
    return Written(path, knows, slack)


def _later(values: list) -> float:
    """A time or a frame one step after the last."""
    numbers = sorted({float(v) for v in values})
    return (
        type(values[0])(numbers[-1]) + 1
        if isinstance(values[0], int)
        else numbers[-1] + (numbers[-1] - numbers[0]) / 1
    )


def _renamed(value: Any, names: dict) -> Any:
    if isinstance(value, list):
        return [names.get(v, v) for v in value]
    return names.get(value, value) if isinstance(value, str) else value


def _typed(columns: dict[str, list]) -> dict[str, list]:
    """Times as numbers, as programs store them."""

    def number(cell: Any) -> Any:
        return float(cell) if isinstance(cell, str) and re.fullmatch(r"[-+.\de]+", cell) else cell

    return {name: [number(cell) for cell in values] for name, values in columns.items()}


def as_frame(draw: Draw, film: Film, folder: Path) -> Written:
    columns, knows, slack = table(draw, film)
    columns = _typed(columns)
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(columns)
    kind = draw.choice(["xlsx", "parquet", "h5", "frame", "dict", "index"])
    path = folder / f"film.{kind}"
    if kind == "xlsx":
        frame.to_excel(path, index=bool(draw.random() < 0.5), startrow=int(draw.integers(2)))
    elif kind == "parquet":
        frame.to_parquet(path)
    elif kind == "h5":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame.to_hdf(path, key="tracks", format=str(draw.choice(["table", "fixed"])))
    elif kind == "index" and "frame" in knows:
        return Written(
            frame.set_index(knows["frame"], drop=bool(draw.random() < 0.5)), knows, slack
        )
    else:
        return Written(frame if kind != "dict" else columns, knows, slack)
    return Written(path, knows, slack)


def as_xml(draw: Draw, film: Film, folder: Path) -> Written:
    whole = [np.c_[x, np.zeros((len(x), 3 - film.dim))] for x in film.x]
    path, spots, tracks = folder / "film.xml", [], []
    if draw.random() < 0.5:
        for frames, x in zip(film.frames, whole, strict=True):
            seen = [
                f'<detection t="{t}" x="{a!r}" y="{b!r}" z="{c!r}" />'
                for t, (a, b, c) in zip(frames, x.tolist(), strict=True)
            ]
            tracks.append(f'<particle nSpots="{len(x)}">{"".join(seen)}</particle>')
        head = f'<Tracks nTracks="{len(whole)}" spaceUnits="µm" frameInterval="{film.dt!r}" timeUnits="sec">'
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n{head}{"".join(tracks)}</Tracks>'
    else:
        n = 0
        for k, (frames, x) in enumerate(zip(film.frames, whole, strict=True)):
            for t, (a, b, c) in zip(frames, x.tolist(), strict=True):
                spots.append(
                    f'<Spot ID="{n}" FRAME="{t}" POSITION_T="{float(t * film.dt)!r}" POSITION_X="{a!r}" POSITION_Y="{b!r}" POSITION_Z="{c!r}" RADIUS="2.5" />'
                )
                n += 1
            links = [
                f'<Edge SPOT_SOURCE_ID="{n - i - 2}" SPOT_TARGET_ID="{n - i - 1}" />'
                for i in draw.permutation(len(x) - 1)
            ]
            tracks.append(f'<Track TRACK_ID="{k}">{"".join(links)}</Track>')
        shown = "".join(f'<TrackID TRACK_ID="{k}" />' for k in range(len(whole)))
        text = (
            '<TrackMate version="7.1"><Model spatialunits="micron" timeunits="sec">'
            f"<AllSpots><SpotsInFrame>{''.join(spots)}</SpotsInFrame></AllSpots><AllTracks>{''.join(tracks)}</AllTracks>"
            f"<FilteredTracks>{shown}</FilteredTracks></Model></TrackMate>"
        )
    path.write_text(text, encoding="utf-8")
    return Written(path, dict(dt=film.dt))


def as_array(draw: Draw, film: Film, folder: Path) -> Written:
    scipy_io = pytest.importorskip("scipy.io")
    end = 1 + max(f[-1] for f in film.frames)
    padded = np.full((len(film.x), end, film.dim), np.nan)
    for row, frames, x in zip(padded, film.frames, film.x, strict=True):
        row[frames] = x
    whole = all((np.diff(f) == 1).all() for f in film.frames)
    knows, kind = (
        dict(dt=film.dt),
        str(
            draw.choice(["npy", "npz", "npz of several", "mat", "cell", "list", "array", "turned"])
        ),
    )
    path = folder / f"film.{kind[:3]}"
    if len(film.x) == 1 and draw.random() < 0.5:
        padded = padded[0]
    if kind in ("npz of several", "cell", "list") and not whole:
        kind = kind[:3]
    if kind == "npy":
        np.save(path, padded)
    elif kind == "npz":
        np.savez(path, x=padded, **(dict(dt=film.dt) if draw.random() < 0.5 else {}))
    elif kind == "npz of several":
        np.savez(path, *film.x)
    elif kind == "mat":
        scipy_io.savemat(
            path, {"positions": padded} | ({"dt": film.dt} if draw.random() < 0.5 else {})
        )
    elif kind == "cell":
        cells = np.empty(len(film.x), dtype=object)
        cells[:] = film.x
        scipy_io.savemat(path := folder / "film.mat", {"tracks": cells})
    elif kind in ("list", "lis"):
        return Written(film.x if whole else padded, knows)
    elif kind == "array" or padded.ndim == 3:
        return Written(padded, knows)
    else:
        np.save(path := folder / "film.npy", padded.T)
    if kind == "cel":
        scipy_io.savemat(path := folder / "film.mat", {"tracks": padded})
    return Written(path, knows)


WAYS = (as_text, as_text, as_text, as_frame, as_frame, as_xml, as_array)


# --------------------------------------------------------------------------------------- round trip


def load(source: Any, **said: Any) -> Trajectories:
    if isinstance(source, Path):
        return Trajectories.load(source, **said)
    if isinstance(source, list | np.ndarray):
        return Trajectories.of(source, **{"dt": said.pop("dt", None) or KNOWN["dt"], **said})
    return Trajectories.from_table(source, **said)


KNOWN: dict[str, float] = {}


def read(written: Written) -> tuple[Trajectories, int]:
    """What comes back, and how often it was refused before."""
    said: dict[str, Any] = dict(written.given)
    KNOWN["dt"] = written.knows["dt"]
    for refusals in range(5):
        try:
            return load(written.source, **said), refusals
        except ValueError as error:
            words = str(error)
            named = getattr(
                written.source,
                "name",
                "table" if not isinstance(written.source, list | np.ndarray) else "paths",
            )
            assert named in words
            if "swapaxes" in words:
                x = np.load(written.source)
                written = Written(x.swapaxes(-1, -2), written.knows)
                continue
            calls = re.findall(r"Trajectories\.\w+\((.*)\)", words)
            assert calls, f"no call: {words}"
            keys = set(re.findall(r"(\w+)=", calls[0]))
            more = {k: written.knows[k] for k in keys if k in written.knows}
            assert more.keys() - said.keys() or more != said, f"leads nowhere: {words}"
            said = more
    raise AssertionError(f"refused five times, last: {words}")


def check(draw: Draw, folder: Path) -> int:
    truth = film(draw)
    written = WAYS[draw.integers(len(WAYS))](draw, truth, folder)
    if draw.random() < 0.3:  # who knows the step may give it at once
        written.given["dt"] = truth.dt
    back, refusals = read(written)
    compare(back, truth, written)
    return refusals


def compare(back: Trajectories, truth: Film, written: Written) -> None:
    span = max(1, max(len(f) for f in truth.frames) - 1)
    assert back.dt == pytest.approx(truth.dt, rel=max(1e-9, 8 * written.slack / span))
    assert back.dim == truth.dim
    expected = list(zip(truth.frames, truth.x, strict=True))
    if back.stretches is None:
        assert back.n_trajectories == len(expected)
        for path, (frames, x) in zip(back.x.double().numpy(), expected, strict=True):
            assert len(path) == len(frames) and (np.diff(frames) == 1).all()
            np.testing.assert_array_equal(path, x)
        return
    track, frame = (values.numpy() for values in back.stretches.frames)
    assert track.max() + 1 == len(expected)
    for k, (frames, x) in enumerate(expected):
        np.testing.assert_array_equal(np.diff(frame[track == k]), np.diff(frames))
        np.testing.assert_array_equal(back.x[track == k].double().numpy(), x)


@pytest.mark.parametrize("number", range(100))
def test_what_is_written_comes_back_or_is_refused_with_a_call_that_reads_it(
    number, tmp_path, capsys
):
    check(np.random.default_rng([1, number]), tmp_path)


@pytest.mark.weekly
@pytest.mark.parametrize("number", range(20))
def test_two_thousand_more_come_back(number, tmp_path, capsys):
    for i in range(100):
        (folder := tmp_path / str(i)).mkdir()
        check(np.random.default_rng([2, number, i]), folder)


# ------------------------------------------------------------------------------------ damaged files


def mutated(draw: Draw, raw: bytes) -> bytes:
    """Bytes flipped, a piece cut out, the end cut off, lines deleted, swapped or doubled, a cell replaced."""
    kind = draw.integers(7)
    if kind == 0 or not raw:
        at = draw.integers(0, max(1, len(raw)), int(draw.integers(1, 9)))
        held = bytearray(raw)
        for i in at[: len(raw)]:
            held[i] ^= 1 << int(draw.integers(8))
        return bytes(held)
    if kind == 1:
        return raw[: draw.integers(len(raw))]
    if kind == 2:
        a, b = sorted(draw.integers(0, len(raw), 2))
        return raw[:a] + raw[b:]
    lines = raw.split(b"\n")
    i, j = draw.integers(0, len(lines), 2)
    if kind == 3:
        del lines[i]
    elif kind == 4:
        lines[i], lines[j] = lines[j], lines[i]
    elif kind == 5:
        lines.insert(i, lines[j])
    else:
        cells = re.split(rb"([,;\t| ])", lines[i])
        cells[2 * int(draw.integers((len(cells) + 1) // 2))] = [
            b"",
            b"abc",
            b"1e999",
            b"-1",
            b"nan",
            b"7,5",
            b'"',
            b"\0",
            b"1_000",
            b"99999999999999999999",
            b"\xff",
        ][draw.integers(11)]
        lines[i] = b"".join(cells)
    return b"\n".join(lines)


def damage(draw: Draw, folder: Path) -> None:
    truth = film(draw)
    while not isinstance(
        (written := WAYS[draw.integers(len(WAYS))](draw, truth, folder)).source, Path
    ):
        pass
    raw = written.source.read_bytes()
    # HDF5 and scipy's reader of .mat end the process at some flipped bytes; a short file they find.
    cut = written.source.suffix in (".h5", ".mat")
    written.source.write_bytes(raw[: draw.integers(len(raw))] if cut else mutated(draw, raw))
    try:
        Trajectories.load(written.source, dt=[None, truth.dt][draw.integers(2)])
    except (ValueError, TypeError) as error:
        assert written.source.name in str(error), repr(error)
        assert type(error) in (ValueError, TypeError)


@pytest.mark.parametrize("number", range(100))
def test_damaged_files_are_named(number, tmp_path, capsys):
    damage(np.random.default_rng([3, number]), tmp_path)


@pytest.mark.weekly
@pytest.mark.parametrize("number", range(20))
def test_two_thousand_more_damaged_files_are_named(number, tmp_path, capsys):
    for i in range(100):
        (folder := tmp_path / str(i)).mkdir()
        damage(np.random.default_rng([4, number, i]), folder)
