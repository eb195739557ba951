"""Arrays in files and in memory, as the paths they hold: regular ones, padded ones, several of any length."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .columns import recognised
from .files import library, number, reading, require_real, unpacked
from .sheet import Asked, Sheet
from .times import remarked
from .tracks import Tracks, scales, unseen


def read_arrays(path: Path, asked: Asked) -> Tracks | Sheet:
    """The paths in a `.npy` or an `.npz`; what `Trajectories.save` wrote comes back without a word."""
    held = unpacked(path, "x")
    if "n_states" in held:
        raise ValueError(f"{path.name} holds jumps between states: Jumps.load({path.name!r})")
    return meant(path, held, asked, f"numpy.load({path.name!r})")


def read_matlab(path: Path, asked: Asked) -> Tracks | Sheet:
    """The paths in a `.mat`: arrays, a cell of arrays, or a struct of either."""
    scipy_io = library("scipy.io", "scipy", path)
    with reading(path, ".mat file", scipy_io.matlab.MatReadError):
        try:
            held = scipy_io.loadmat(path)
        except NotImplementedError:
            raise ValueError(
                f"{path.name} is a .mat file of version 7.3; save it in MATLAB with save(…, '-v7')"
            ) from None
    held = {name: np.asarray(value) for name, value in held.items() if not name.startswith("__")}
    if len(held) == 1 and (struct := next(iter(held.values()))).dtype.names and struct.size == 1:
        held = {name: np.asarray(struct[name].item()) for name in struct.dtype.names}
    held = {
        name: array.ravel() if array.ndim == 2 and 1 in array.shape else array  # a vector
        for name, array in held.items()
    }
    return meant(path, held, asked, f"scipy.io.loadmat({path.name!r})")


def meant(path: Path, held: dict[str, np.ndarray], asked: Asked, again: str) -> Tracks | Sheet:
    """What arrays with names mean: columns of one length, one array of paths, or several paths."""
    own = ("dt", "underdamped")
    beside: dict[str, np.ndarray] = {name: held.pop(name) for name in own if name in held}
    ours = "underdamped" in beside and "x" in held
    alone = {name: v for name, v in held.items() if v.dtype.kind in "SU" or v.size == 1}
    held = {name: v for name, v in held.items() if name not in alone} or held

    if "frames_per_second" in alone and (x := held.get("trajectories", np.empty(0))).ndim == 3:
        held["trajectories"] = x.swapaxes(0, 1)  # idtracker.ai: times, animals, coordinates
        beside.setdefault("dt", 1 / alone["frames_per_second"].ravel())
    moving = asked.underdamped
    moving = bool(number(path, "underdamped", beside) if moving is None else moving)
    dt = number(path, "dt", beside) if asked.dt is None else asked.dt
    remarks = [f"{name}: {array.ravel()[0]}" for name, array in alone.items() if array.size == 1]
    remarks += [f"dt: {dt!r}"] * (dt is not None)
    if not held:
        raise ValueError(f"{path.name} holds no array")
    arrays, ndims = list(held.values()), {v.ndim for v in held.values()}
    if dt is not None and not 0 < dt < np.inf:
        raise ValueError(f"{path.name}: dt must be positive, got {dt:g}: {asked.again(dt=...)}")
    if ours and {"track", "frame"} < held.keys() and dt is not None:
        factor = 1 if asked.scale is None else scales(asked.scale, held["x"].shape[-1])
        return Tracks(_floats(held["x"] * factor), dt, held["track"], held["frame"], moving)
    if len(held) == 1 and (names := arrays[0].dtype.names):
        return Sheet.of(path.name, names, [arrays[0][name] for name in names], remarks)
    if len(arrays) > 1 and ndims in ({1}, {1, 2}) and len({len(v) for v in arrays}) == 1:
        columns = {
            f"{name}{i}" if array.ndim == 2 else name: column
            for name, array in held.items()
            for i, column in enumerate(array.T if array.ndim == 2 else [array])
        }
        return Sheet.of(path.name, list(columns), list(columns.values()), remarks)
    paths: Any = arrays[0]
    if len(held) > 1 or paths.dtype == object:  # a cell of MATLAB is an array of objects
        paths = list(paths.ravel()) if len(held) == 1 else arrays
        named = len(held) > 1 and any(map(recognised, held))  # x and y are no paths
        if named or {v.ndim for v in paths} != {2}:
            shapes = ", ".join(f"{name!r} {array.shape}" for name, array in held.items())
            raise ValueError(
                f"{path.name} must hold an array named 'x' alone, columns of one length, or paths (n_times, "
                f"dim); it has {shapes}; take one: Trajectories.of({again}[{next(iter(held))!r}], dt=…)"
            )
    blocks = paths if isinstance(paths, list) else [paths]
    for array in blocks:
        require_real(array, path)
    said = any(v is not None for v in (asked.columns, asked.track, asked.time, asked.frame))
    if said and {v.ndim for v in blocks} == {2} and len({v.shape[1] for v in blocks}) == 1:
        table = Sheet.of(path.name, None, list(np.concatenate(blocks).T), remarks)
        if len(blocks) > 1:
            table.blocks = np.repeat(np.arange(len(blocks)), list(map(len, blocks)))
        return table
    words = f"dt {dt:.6g} {'from the file' if asked.dt is None else 'as given'}" if dt else ""
    if asked.dt is not None and "dt" in beside and not (beside["dt"] == dt).all():
        words += f" (the file says {beside['dt']})"
    if dt is None:
        sheet = Sheet(path.name, {}, remarks=remarks)
        if (told := remarked(sheet, asked)) is None:
            words = "it does not tell the time between two frames; give it"
            raise sheet.error(words, asked.again(dt=...))
        dt, words = told
    source = again if path.suffix == ".npy" else f"{again}[{next(iter(held))!r}]"
    found = paths_of(path.name, paths, (dt, words), asked, moving, ours, source)
    return replace(found, said="") if ours else found


def _refuse_clocks(name: str, x: np.ndarray, dt: float, asked: Asked, source: str) -> None:
    """Refuse an array `(…, n_times, dim)` of which a column is no coordinate: it grows by even steps
    nearly throughout, as times and numbers of frames do, or in whole numbers, as those of tracks may;
    or whose paths and times seem to be exchanged."""
    otherwise = f"if not, Trajectories(torch.as_tensor({source}), {dt:g})"
    if x.ndim == 3 and len(x) > x.shape[1]:
        along, across = (np.abs(_steps(x[:100, :100], axis)) for axis in (1, 0))
        known = len(along) and len(across)
        turned = known and np.median(across) < 0.5 * np.median(along)
        sure = known and np.median(along) < 0.5 * np.median(across)
        if turned or ("load" in asked.call and len(x) > 10 * x.shape[1] and not sure):
            seem = ", and neighbours are closer from path to path than from time to time"
            seem *= bool(turned)
            raise ValueError(
                f"{name} has {len(x)} paths of {x.shape[1]} times{seem}; if it is the other way round, "
                f"Trajectories.of({source}.swapaxes(0, 1), dt={dt:g}); {otherwise}"
            )
    steps = _steps(x[: 1 + 200 // x.shape[1], :200] if x.ndim == 3 else x[:200], -2)
    if x.shape[-1] > 1 and len(steps) > 3:
        usual = np.median(steps, axis=0)
        even = (np.abs(steps - usual) <= 0.1 * usual).mean(0) > 0.6
        whole = (steps == np.rint(steps)).all(0) & (steps >= 0).all(0) & steps.any(0)
        wrong = np.flatnonzero((even & (usual > 0)) | whole)
        if len(wrong):
            call = asked.again(columns=..., track=..., time=..., frame=...)
            if x.ndim == 3 or asked.call == "Trajectories.of(paths":
                call = f"Trajectories.of({source}[..., columns], dt={dt:g})"
            if x.ndim == 2 and "load" in asked.call:
                otherwise = f"if not, {asked.again(columns=list(range(x.shape[1])), dt=dt)}"
            raise ValueError(
                f"{name}: column {wrong[0]} of its {x.shape[-1]} grows as times and the numbers of frames or of "
                f"tracks do; say by their numbers, from 0, what they hold, {call}; {otherwise}"
            )


def _steps(x: np.ndarray, axis: int) -> np.ndarray:
    """The differences of successive states `(n_steps, dim)`, as far as there are any."""
    there = np.where(np.isfinite(x), x, np.nan).astype(np.float64)
    steps = np.diff(there, axis=axis).reshape(-1, x.shape[-1])
    return steps[np.isfinite(steps).all(1)]


def paths_of(
    name: str,
    x: Any,
    dt: tuple[float, str],
    asked: Asked,
    underdamped: bool = False,
    saved: bool = False,
    source: str = "paths",
) -> Tracks:
    """Paths of one array, NaN where there is no frame, or of several `(n_times, dim)`.

    Regular data are handed on as they are, without a copy.

    Raises:
        TypeError: numbers that are no coordinates.
        ValueError: wrong axes, more coordinates than times, paths of several dimensions, a column
            that holds times or numbers of frames.
    """
    said = [k for k in ("columns", "track", "time", "frame") if getattr(asked, k) is not None]
    if said:
        raise ValueError(
            f"{name} holds an array, which has no columns to name; leave {', '.join(said)} out"
        )
    alone = isinstance(x, np.ndarray)
    blocks = [x] if alone else list(x)
    if not alone and {b.ndim for b in blocks} == {1} and len(blocks) > len(blocks[0]):
        raise ValueError(
            f"{name}: {len(blocks)} lists of {len(blocks[0])} numbers may be points of one path, "
            "Trajectories.of(np.asarray(paths), dt=…), or that many paths of one coordinate, "
            "Trajectories.of(np.asarray(paths)[:, :, None], dt=…)"
        )
    blocks = [b[:, None] if b.ndim == 1 else b for b in blocks]
    ranks, dims = {b.ndim for b in blocks}, {b.shape[-1] for b in blocks if b.ndim}
    fit = ranks and ranks <= ({2, 3} if alone else {2}) and len(dims) == 1
    if not fit or (alone and not x.size):
        raise ValueError(
            f"{name} must have the axes (n_trajectories, n_times, dim) with at least two times, or be one or "
            f"several (n_times, dim) of one dim, got shapes {sorted({b.shape for b in blocks})[:4]}"
        )
    times, dim = max(b.shape[-2] for b in blocks), blocks[0].shape[-1]
    if dim > times and not saved:
        raise ValueError(
            f"{name} has more coordinates, {dim}, than times, {times}: the last axis counts coordinates, "
            f"the one before it times; if it is the other way round, Trajectories.of({source}.swapaxes(-1, -2), "
            f"dt={dt[0]:g}); if not, Trajectories(torch.as_tensor({source}), {dt[0]:g})"
        )
    if times < 2:
        raise ValueError(f"{name} has one time alone; a trajectory needs at least two frames")
    if not saved:
        _refuse_clocks(name, max(blocks, key=len), dt[0], asked, source)
    kind = np.result_type(*(b.dtype for b in blocks), np.float32)
    blocks = [_floats(b, kind) for b in blocks]
    words = [dt[1], f"{dim} coordinate{'s' * (dim > 1)}"]
    for b in blocks if "load" in asked.call and dim > 1 and not saved else []:
        if (b[..., 0] == b[..., 1]).any():
            rows = b.reshape(-1, dim)
            lost, left = unseen(Sheet(name, {}), rows, np.arange(len(rows)) // b.shape[-2])
            rows[lost] = np.nan
            words += [f"left out: {each}" for each in left]
    if asked.scale is not None:
        blocks = [(b * scales(asked.scale, dim)).astype(b.dtype) for b in blocks]
    # What the package saved is looked at by `Trajectories`; a sum is one pass without a copy.
    with np.errstate(over="ignore", invalid="ignore"):
        whole = saved or all(np.isfinite(b.sum()) for b in blocks)
    for b in blocks if not whole else []:
        if len(wrong := np.argwhere(np.isinf(b))):
            at = ", ".join(map(str, wrong[0]))
            raise ValueError(f"{name}: x[{at}] is infinite; give NaN where there is no frame")
    if len(blocks) == 1 and (whole or not np.isnan(blocks[0]).any()):
        regular = blocks[0] if blocks[0].ndim == 3 else blocks[0][None]
        return Tracks(regular, dt[0], None, None, underdamped).told(name, words)
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
    return Tracks(rows[there], dt[0], track, frame[there], underdamped).told(name, words)


def _floats(x: np.ndarray, kind: np.dtype | None = None) -> np.ndarray:
    """64 bits stay 64: they may hold small steps far from zero. Small integers fit into 32."""
    kind = np.promote_types(x.dtype, np.float32) if kind is None else kind
    return np.ascontiguousarray(x, dtype=np.float32 if kind == np.float32 else np.float64)
