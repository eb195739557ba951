"""Trajectories in files: what a researcher's program wrote, as arrays.

The ways in are `Trajectories.load` and `.save`; here is only what each format needs. `library`
brings in what reads the formats of others: not every machine has it.
"""

from importlib import import_module
from os.path import expanduser
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np

from .. import require

ARRAYS = (".npy", ".npz")


def read(path: str | Path, dt: float | None) -> tuple[np.ndarray, float, bool]:
    """States `(n_trajectories, n_times, dim)`, the time step, and whether half are velocities.

    See `Trajectories.load`, which says what it raises. A `dt` that is given overrules the file.
    """
    path = existing(path, *ARRAYS, ".csv")
    x, beside = _read_csv(path) if path.suffix.lower() == ".csv" else stored(path, "x")
    underdamped = bool(_number(path, "underdamped", beside))
    dt = time_step(path, dt, beside)
    require_real(x, path)
    if x.ndim == 1:
        x = x[:, None]
    if x.ndim == 2:
        x = x[None]
    # 64 bits stay 64: they may hold small steps far from zero. Small integers fit into 32.
    kind = np.float64 if np.promote_types(x.dtype, np.float32) != np.float32 else np.float32
    return np.ascontiguousarray(x, dtype=kind), dt, underdamped


def _read_csv(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Columns by name → array `(n_trajectories, n_times, dim)` and, if there are times, `dt`."""
    with path.open() as file:
        names = [name.strip() for name in file.readline().split(",")]
        table = np.loadtxt(file, delimiter=",", ndmin=2)
    if any(_is_number(name) for name in names):
        raise ValueError(f"{path.name}: the first line must be a header that names the columns")
    if table.shape[1:] != (len(set(names)),) or len(set(names)) < len(names):
        raise ValueError(
            f"{path.name}: {len(names)} column names, {names}, for {table.shape[1]} columns; each "
            "column needs a name of its own"
        )
    columns = dict(zip(names, table.T, strict=True))
    label = columns.pop("trajectory", np.zeros(len(table)))
    time = columns.pop("t", columns.pop("time", None))
    if not columns:
        raise ValueError(f"{path.name}: there is no column of coordinates")
    _, lengths = np.unique(label, return_counts=True)
    if len(set(lengths)) > 1:
        raise ValueError(
            f"{path.name}: trajectories have {min(lengths)} to {max(lengths)} frames; cut them to "
            "one length, or load them one by one"
        )
    if not len(table) or lengths[0] < 2:
        raise ValueError(f"{path.name}: a trajectory needs at least two frames")
    order = np.argsort(label, kind="stable")  # one trajectory after the other, times as they stand
    beside = {}
    if time is not None:
        steps = np.diff(time[order].reshape(len(lengths), -1), axis=1)
        if np.ptp(steps) > 1e-3 * abs(steps.mean()):
            raise ValueError(
                f"{path.name}: the time step varies from {steps.min():.4g} to {steps.max():.4g}; "
                "interpolate to a uniform one first"
            )
        beside["dt"] = steps.mean()
    x = np.stack(list(columns.values()), axis=-1)
    return x[order].reshape(len(lengths), -1, len(columns)), beside


def existing(path: str | Path, *endings: str) -> Path:
    """The path of a file that is there, with one of these endings."""
    path = Path(expanduser(path))
    if path.suffix.lower() not in endings:
        raise ValueError(f"{path.name}: the ending must be one of {', '.join(endings)}")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    return path


def stored(
    path: Path, name: str, mmap_mode: Literal["c"] | None = None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The array of a `.npy` file, or that of an `.npz` file under a name or as the only one, and what
    is called `dt` or `underdamped` beside it. No code that may be in the file is run."""
    try:
        file = np.load(path, mmap_mode=mmap_mode)
    except (ValueError, EOFError, BadZipFile) as error:  # objects, or a broken file
        raise ValueError(
            f"{path.name} is no array of numbers ({error}); it may be damaged, or hold paths or "
            "frames of several sizes, which must be cut to one before they are saved"
        ) from None
    if isinstance(file, np.ndarray):
        return file, {}
    with file:
        if name not in file and len(file.files) != 1:
            raise ValueError(f"{path.name} must hold an array named {name!r}, has {file.files}")
        beside = {key: file[key] for key in ("dt", "underdamped") if key in file}
        return file[name if name in file else file.files[0]], beside


def _number(path: Path, name: str, beside: dict[str, np.ndarray]) -> float | None:
    """The one number that stands under a name beside an array, if there is something of this name."""
    if name not in beside:
        return None
    held = beside[name]
    if held.size != 1 or held.dtype.kind not in "buif":
        raise ValueError(
            f"{path.name} must hold one number named {name!r}, has {held.dtype} of shape "
            f"{held.shape}; save it as one number or not at all"
        )
    return float(held.item())


def time_step(path: Path, dt: float | None, beside: dict[str, np.ndarray]) -> float:
    """The time between two frames: the one that is given, or else the one that stands beside them."""
    dt = _number(path, "dt", beside) if dt is None else dt
    if dt is None:
        raise ValueError(f"{path.name} does not tell the time between two frames; give dt=…")
    require.positive(dt=dt, hint="it is the time between two frames")
    return dt


def require_real(values: np.ndarray, path: Path) -> None:
    """Refuse numbers that no coordinate and no pixel has: complex ones, truth values, objects."""
    if values.dtype.kind not in "uif":
        raise TypeError(
            f"{path.name} holds numbers of the kind {values.dtype}; save integers or floats"
        )


def library(module: str, package: str, path: Path) -> Any:
    """The imported module; raises `ImportError` that names the package if it is not installed."""
    try:
        return import_module(module)
    except ImportError:
        raise ImportError(
            f"to read {path.name}, {package} is needed: pip install '{package}'"
        ) from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
