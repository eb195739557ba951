"""Tables and arrays in files, and tables in memory, as the paths they hold.

The ways in are `Trajectories.load`, `from_table` and `of`; here is only what each format needs.
"""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree.ElementTree import Element, parse

import numpy as np

from .. import require
from .arrays import meant, paths_of, read_arrays, read_matlab
from .files import ARRAYS, existing, library, reading, require_real
from .sheet import Asked, Sheet, counted
from .text import headed, read_text
from .tracks import Tracks, tracks_of

TEXT = (".csv", ".tsv", ".txt", ".dat")
HDF = (".h5", ".hdf5")
ENDINGS = (*ARRAYS, *TEXT, ".xml", ".xlsx", ".parquet", *HDF, ".mat")
PACKAGES = {".xlsx": "openpyxl", ".parquet": "pyarrow", ".h5": "tables", ".hdf5": "tables"}


def read(path: str | Path, dt: float | None = None, **said: Any) -> Tracks:
    """The paths in a file. See `Trajectories.load`, which says what may be said and what it raises."""
    path = existing(path, *ENDINGS)
    asked = Asked(f"Trajectories.load({path.name!r}", dt, **said)
    ending = path.suffix.lower()
    if ending in ARRAYS:
        found = read_arrays(path, asked)
    elif ending == ".mat":
        found = read_matlab(path, asked)
    elif ending in HDF and isinstance(held := _hdf(path), dict):
        found = meant(path, held, asked, f"tables.open_file({path.name!r}).root")
    else:
        found = table_in(path)
    return found if isinstance(found, Tracks) else tracks_of(found, asked)


def table_in(path: Path) -> Sheet:
    """The table in a file that is no array."""
    ending = path.suffix.lower()
    if ending in TEXT:
        return read_text(path)
    return read_trackmate(path) if ending == ".xml" else _by_pandas(path, ending)


def from_table(table: Any, dt: float | None = None, **said: Any) -> Tracks:
    """The paths in a data frame, or in a dict of columns."""
    asked = Asked("Trajectories.from_table(table", dt, **said)
    return tracks_of(framed("table", table), asked)


def paths_in_memory(paths: Any, dt: float, underdamped: bool) -> Tracks:
    """The paths in an array or in a list of arrays. See `Trajectories.of`."""
    require.positive(dt=dt, hint="it is the time between two frames")
    name, words = "paths", (dt, f"dt {dt:.6g} as given")
    several = isinstance(paths, list | tuple | Iterator)
    several = several or getattr(paths, "dtype", None) is np.dtype(object)
    arrays = list(paths) if several else [paths]
    for i, array in enumerate(arrays):
        if hasattr(array, "columns") or isinstance(array, dict):
            raise TypeError("paths must be arrays; data frames are read by Trajectories.from_table")
        arrays[i] = array = np.asanyarray(array)
        require_real(array, name)
        if isinstance(array, np.ma.MaskedArray):  # masked is missing
            arrays[i] = np.ma.filled(array.astype(np.float64), np.nan)
    asked = Asked("Trajectories.of(paths")
    return paths_of(name, arrays if several else arrays[0], words, asked, underdamped)


def framed(name: str, frame: Any) -> Sheet:
    """A `Sheet` of what has columns by name: a frame of pandas or polars, a dict, a record array."""
    if getattr(getattr(frame, "columns", None), "nlevels", 1) > 1:
        raise ValueError(
            f"{name} has column names of several levels; join them, and then read what comes out: "
            "table.set_axis(['_'.join(map(str, key)) for key in table], axis=1)"
        )
    index: Any = getattr(frame, "index", None)
    if hasattr(index, "names"):
        if len(index.names) > 1:  # as in a csv
            levels = [f"unnamed {i}" if key is None else key for i, key in enumerate(index.names)]
            frame = frame.rename_axis(index=levels)
            index = frame.index
        named = [key for key in index.names if key is not None and key not in frame.columns]
        if named:
            frame = frame.reset_index(level=named)
        elif index.names == [None] and not np.array_equal(index, np.arange(len(index))):
            frame = frame.reset_index()
    names = (
        frame if isinstance(frame, dict) else getattr(getattr(frame, "dtype", None), "names", None)
    )
    names = getattr(frame, "column_names", getattr(frame, "columns", names))
    if names is None:
        raise TypeError(
            f"table must be a data frame or a dict of columns, got {type(frame).__name__}; arrays are "
            "read by Trajectories.of"
        )
    names = list(names)
    if hasattr(frame, "iloc"):  # names may repeat
        columns = [_plainly(frame.iloc[:, i]) for i in range(len(names))]
    else:
        columns = [np.asarray(frame[key]) for key in names]
    for key, column in zip(names, columns, strict=True):
        if column.shape != (len(columns[0]),):
            raise ValueError(
                f"{name}: column {key!r} is not as long as the first, or has several axes"
            )
    numbered = bool(names) and all(isinstance(key, int | np.integer) for key in names)
    return Sheet.of(name, None if numbered else names, columns, [])


def _plainly(column: Any) -> np.ndarray:
    """A column of pandas as numpy holds it: times with a zone in that of Greenwich, spans by their begin."""
    if getattr(column.dtype, "tz", None) is not None:
        column = column.dt.tz_convert(None)
    spans = hasattr(getattr(column, "dt", None), "to_timestamp")
    return np.asarray(column.dt.to_timestamp() if spans else column)


def _by_pandas(path: Path, ending: str) -> Sheet:
    """A sheet of a spreadsheet, a parquet file, or the only table of an HDF5 file."""
    pandas = library("pandas", "pandas", path)
    library(PACKAGES[ending], PACKAGES[ending], path)
    if ending in HDF:
        return framed(path.name, _hdf(path))
    with reading(path, f"{ending} file"):
        if ending == ".parquet":
            return framed(path.name, pandas.read_parquet(path))
        sheets = pandas.read_excel(path, sheet_name=None, header=None, dtype=object)
    titles = [title for title, sheet in sheets.items() if sheet.notna().any(axis=None)]
    if not titles:
        raise ValueError(f"{path.name} is empty: it holds no row")
    sheet = sheets[titles[0]].astype(object)
    cells = sheet.where(sheet.notna(), "").map(str).to_numpy().tolist()
    remarks = [row[0].lstrip("#% ") for row in cells if row[0].startswith(("#", "%"))]
    rows = {i: r for i, r in enumerate(cells, 1) if any(r) and not r[0].startswith(("#", "%"))}
    table = headed(path.name, rows, remarks, "row")
    table.left = [f"sheet {title!r}" for title in titles[1:]]
    return table


def _hdf(path: Path) -> Any:
    """The only data frame of an HDF5 file; where none is in it, its arrays by name."""
    pandas, tables = library("pandas", "pandas", path), library("tables", "tables", path)
    with reading(path, "HDF5 file"), _no_code():
        with pandas.HDFStore(path, "r") as store:
            keys = store.keys()
        if len(keys) == 1:
            return pandas.read_hdf(path, keys[0])
        with tables.open_file(path) as file:
            nodes = file.walk_nodes("/", "Array")
            arrays = {node.name: np.asarray(node.read()) for node in nodes}
    if keys or not arrays:
        raise ValueError(
            f"{path.name} holds {f'the tables {keys}' if keys else 'no array'}; give one table: "
            f"Trajectories.from_table(pandas.read_hdf({path.name!r}, key))"
        )
    return arrays


class _Plain(pickle.Unpickler):
    """Lists, numbers, texts and arrays of them; nothing that could run."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("numpy") and name in ("_reconstruct", "ndarray", "dtype"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it holds {module}.{name}, which may run code")


@contextmanager
def _no_code() -> Iterator[None]:
    """PyTables unpickles what it finds in a file: for a while it can make nothing that runs."""
    places: list[Any] = [import_module(f"tables.{name}") for name in ("attributeset", "atom")]
    safe = SimpleNamespace(**vars(pickle) | {"loads": lambda raw, **_: _Plain(BytesIO(raw)).load()})
    for place in places:
        place.pickle = safe
    try:
        yield
    finally:
        for place in places:
            place.pickle = pickle


def read_trackmate(path: Path) -> Sheet:
    """A table with the columns TRACK_ID, FRAME and POSITION_X to POSITION_Z, and in a model POSITION_T.

    A track that splits or merges is no path: it is left out, and the line tells it.
    """
    left: list[str] = []
    with reading(path, "XML of TrackMate"):
        root = parse(path).getroot()
        if root.tag == "Tracks":
            rows, remarks, names = _simple(root)
        elif root.tag == "TrackMate" and root.find("Model") is not None:
            (rows, left, names), remarks = _model(root), []
        else:
            raise ValueError(f"its root is {root.tag}, not Tracks or TrackMate with a Model")
    if not rows:
        raise ValueError(f"{path.name} holds no track" + "".join(f"; left out: {w}" for w in left))
    table = Sheet.of(path.name, names, [np.array(c) for c in zip(*rows, strict=True)], remarks)
    table.left = left
    return table


def _simple(root: Element) -> tuple[list, list[str], list[str]]:
    """Particles, each with its detections t, x, y, z; t is the number of the frame."""
    rows = [
        (track, float(spot.attrib["t"]), *(float(spot.attrib[axis]) for axis in "xyz"))
        for track, particle in enumerate(root.iter("particle"))
        for spot in particle.iter("detection")
    ]
    remarks = []
    if float(root.attrib.get("frameInterval", 0)) > 0:
        remarks.append(f"dt: {root.attrib['frameInterval']} {root.attrib.get('timeUnits', '')}")
    return rows, remarks, ["TRACK_ID", "FRAME", *(f"POSITION_{axis}" for axis in "XYZ")]


def _model(root: Element) -> tuple[list, list[str], list[str]]:
    """Spots, and the links between them; of the tracks those that the filters in the file kept."""
    names = ["FRAME", "POSITION_X", "POSITION_Y", "POSITION_Z", "POSITION_T"]
    spots = {
        spot.attrib["ID"]: [float(spot.attrib[name]) for name in names]
        for spot in root.iter("Spot")
    }
    shown = {element.attrib["TRACK_ID"] for element in root.iter("TrackID")}
    rows, branched = [], 0
    for track in root.iter("Track"):
        edges = (edge.attrib for edge in track.iter("Edge"))
        links = [(edge["SPOT_SOURCE_ID"], edge["SPOT_TARGET_ID"]) for edge in edges]
        links = [(a, b) if spots[a][0] < spots[b][0] else (b, a) for a, b in links]
        if shown and track.attrib["TRACK_ID"] not in shown:
            continue
        if any(len(set(ends)) < len(links) for ends in zip(*links, strict=True)):
            branched += 1
            continue
        members = {spot for link in links for spot in link}
        rows += [(float(track.attrib["TRACK_ID"]), *spots[spot]) for spot in members]
    left = [f"{counted(branched, 'track')} with a split or a merger"] * bool(branched)
    return rows, left, ["TRACK_ID", *names]
