"""Arrays in files and in memory, as the paths they hold: regular ones, padded ones, several of any length."""

from pathlib import Path
from typing import Any

import numpy as np

from .files import BROKEN, damaged, library, number, require_real, unpacked
from .table import Asked, Table
from .times import check_dt
from .tracks import Tracks


def read_arrays(path: Path, asked: Asked) -> Tracks | Table:
    """The paths in a `.npy` or an `.npz`: an array, one named x, several of any lengths, a table of
    records; what `Trajectories.save` wrote comes back as it was, without a word."""
    held = unpacked(path)
    if isinstance(held, np.ndarray):
        return _table_or_paths(path, held, {}, asked)
    beside = {key: held.pop(key) for key in ("dt", "underdamped", "track", "frame") if key in held}
    ours = "underdamped" in beside and list(held) == ["x"]
    if "track" in beside and "frame" in beside and list(held) == ["x"]:
        dt = asked.dt if asked.dt is not None else number(path, "dt", beside)
        columns = {f"x{i}": column for i, column in enumerate(held["x"].T)}
        columns |= {"track": beside["track"], "frame": beside["frame"]}
        if not ours:
            return Table.of(
                path.name, list(columns), list(columns.values()), [f"dt: {dt}"] * (dt is not None)
            )
        return Tracks(
            _floats(held["x"]),
            float(dt or 0),
            beside["track"],
            beside["frame"],
            _moving(path, beside, asked),
        )
    if "x" in held or len(held) == 1:
        x = held["x"] if "x" in held else next(iter(held.values()))
        found = _table_or_paths(path, x, beside, asked)
        if ours and isinstance(found, Tracks):
            return Tracks(found.x, found.dt, found.track, found.frame, found.underdamped)
        return found
    if (
        len({array.shape[1:] for array in held.values()}) == 1
        and next(iter(held.values())).ndim == 2
    ):
        for array in held.values():
            require_real(array, path)
        return paths_of(path.name, list(held.values()), _dt(path, beside, asked), asked)
    raise ValueError(
        f"{path.name} must hold an array named 'x', or paths (n_times, dim) with one dim, has "
        + ", ".join(f"{name!r} {array.shape}" for name, array in held.items())
    )


def _table_or_paths(path: Path, x: np.ndarray, beside: dict, asked: Asked) -> Tracks | Table:
    if x.dtype.names:
        return Table.of(path.name, x.dtype.names, [x[name] for name in x.dtype.names], [])
    require_real(x, path)
    moving = _moving(path, beside, asked)
    return paths_of(
        path.name, x, _dt(path, beside, asked), asked, moving, saved="underdamped" in beside
    )


def _dt(path: Path, beside: dict, asked: Asked) -> tuple[float, str]:
    if asked.dt is not None:
        check_dt(asked.dt)
        return asked.dt, f"dt {asked.dt:.6g} as given"
    dt = number(path, "dt", beside)
    if dt is None:
        raise ValueError(
            f"{path.name} does not tell the time between two frames; give dt=…: {asked.again(dt=...)}"
        )
    if not 0 < dt < np.inf:
        raise ValueError(
            f"{path.name} says dt={dt:g}, and the time between two frames is positive: {asked.again(dt=...)}"
        )
    return dt, f"dt {dt:.6g} from the file"


def _moving(path: Path, beside: dict, asked: Asked) -> bool:
    saved = bool(number(path, "underdamped", beside))
    return saved if asked.underdamped is None else bool(asked.underdamped)


def read_matlab(path: Path, asked: Asked) -> Tracks | Table:
    """The paths in a `.mat`: one array, a cell of arrays, or vectors of one length with names."""
    scipy_io = library("scipy.io", "scipy", path)
    try:
        held = scipy_io.loadmat(path, squeeze_me=False)
    except NotImplementedError:  # version 7.3
        raise ValueError(
            f"{path.name} is a .mat file of version 7.3; save it in MATLAB with save(…, '-v7')"
        ) from None
    except (*BROKEN, scipy_io.matlab.MatReadError) as error:
        raise damaged(path, ".mat file", error) from None
    held = {name: np.asarray(value) for name, value in held.items() if not name.startswith("__")}
    beside = {name: held.pop(name) for name in ("dt", "underdamped") if name in held}
    if held and all(v.ndim == 2 and 1 in v.shape and v.dtype.kind in "uif" for v in held.values()):
        vectors = {name: value.ravel() for name, value in held.items()}
        if len({len(v) for v in vectors.values()}) == 1 and len(vectors) > 1:
            dt = number(path, "dt", beside)
            return Table.of(
                path.name, list(vectors), list(vectors.values()), [f"dt: {dt}"] * (dt is not None)
            )
    if len(held) != 1:
        raise ValueError(
            f"{path.name} holds the variables {list(held)}; take one of them: "
            f"Trajectories.of(scipy.io.loadmat({path.name!r})[{next(iter(held), '…')!r}], dt=…)"
        )
    (x,) = held.values()
    if x.dtype == object:
        paths = [np.asarray(cell) for cell in x.ravel()]
        for cell in paths:
            require_real(cell, path)
        return paths_of(
            path.name, paths, _dt(path, beside, asked), asked, _moving(path, beside, asked)
        )
    return _table_or_paths(path, x, beside, asked)


def paths_of(
    name: str,
    x: Any,
    dt: tuple[float, str],
    asked: Asked,
    underdamped: bool = False,
    saved: bool = False,
) -> Tracks:
    """Paths of one array, NaN where there is no frame, or of several `(n_times, dim)`.

    Regular data are handed on as they are, without a copy.

    Raises:
        TypeError: numbers that are no coordinates.
        ValueError: wrong axes, more coordinates than times, paths of several dimensions.
    """
    if (
        asked.columns is not None
        or asked.track is not None
        or asked.time is not None
        or asked.frame is not None
    ):
        raise ValueError(
            f"{name} holds an array, which has no columns to name; leave columns=, track=, time= and frame= out"
        )
    if isinstance(x, np.ndarray):
        blocks = [x.reshape(-1, 1) if x.ndim == 1 else x]
        if blocks[0].ndim not in (2, 3) or 0 in x.shape:
            raise ValueError(
                f"{name} must have the axes (n_trajectories, n_times, dim) with at least two times, or "
                f"(n_times, dim), got shape {x.shape}"
            )
    else:
        blocks = [np.asarray(path) for path in x]
        blocks = [path[:, None] if path.ndim == 1 else path for path in blocks]
        if not blocks or {b.ndim for b in blocks} != {2} or len({b.shape[1] for b in blocks}) > 1:
            raise ValueError(
                f"{name} must hold paths (n_times, dim) of one dim, got shapes "
                f"{sorted({b.shape for b in blocks})[:4]}"
            )
    times, dim = max(b.shape[-2] for b in blocks), blocks[0].shape[-1]
    if dim > times and not saved:
        raise ValueError(
            f"{name} has more coordinates, {dim}, than times, {times}: the last axis counts coordinates, "
            f"the one before it times; if it is the other way round, Trajectories.of(x.swapaxes(-1, -2), "
            f"dt={dt[0]:g}); if not, Trajectories(torch.as_tensor(x), {dt[0]:g})"
        )
    kind = np.result_type(*(b.dtype for b in blocks), np.float32)
    blocks = [_floats(b, kind) for b in blocks]
    if asked.scale is not None:
        from .tracks import _scales

        blocks = [(b * _scales(asked.scale, dim)).astype(b.dtype) for b in blocks]
    for b in blocks:
        if not np.isfinite(b.sum()) and np.isinf(b).any():
            at = tuple(map(int, np.argwhere(np.isinf(b))[0]))
            raise ValueError(f"{name}: x{list(at)} is infinite; give NaN where there is no frame")
    words = [dt[1], f"{dim} coordinate{'s' * (dim > 1)}"]
    if len(blocks) == 1 and not np.isnan(blocks[0].sum()):
        regular = blocks[0] if blocks[0].ndim == 3 else blocks[0][None]
        return Tracks(regular, dt[0], None, None, underdamped).of_frames(name, words)
    padded = [path for b in blocks for path in (b if b.ndim == 3 else b[None])]
    rows = np.concatenate(padded)
    frame = np.concatenate([np.arange(len(path)) for path in padded])
    track = np.repeat(np.arange(len(padded)), [len(path) for path in padded])
    there = ~np.isnan(rows).any(1)
    half = ~there & ~np.isnan(rows).all(1)
    if half.any():
        words.append(f"left out: {half.sum()} frames of which a coordinate is missing")
    if not there.any():
        raise ValueError(f"{name} holds NaN alone; a trajectory needs at least two frames")
    _, track = np.unique(track[there], return_inverse=True)
    return Tracks(rows[there], dt[0], track, frame[there], underdamped).of_frames(name, words)


def _floats(x: np.ndarray, kind: np.dtype | None = None) -> np.ndarray:
    """64 bits stay 64: they may hold small steps far from zero. Small integers fit into 32."""
    kind = np.promote_types(x.dtype, np.float32) if kind is None else kind
    return np.ascontiguousarray(x, dtype=np.float32 if kind == np.float32 else np.float64)
