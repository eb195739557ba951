"""What all readers of files share: a file that is there, the library that reads it, numbers beside an array."""

import pickle
import struct
import zlib
from importlib import import_module
from os import PathLike
from os.path import expanduser
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np

from .. import require

ARRAYS = (".npy", ".npz")
# What libraries raise on files that are damaged, or are something else than their ending says.
BROKEN = (
    ArithmeticError, AttributeError, BadZipFile, EOFError, LookupError, MemoryError,
    NotImplementedError, OSError, RuntimeError, SyntaxError, TypeError, ValueError, struct.error,
    zlib.error, pickle.PickleError, TokenError,
)  # fmt: skip


def existing(path: str | Path, *endings: str) -> Path:
    """The path of a file that is there, with one of these endings."""
    if not isinstance(path, str | PathLike):
        raise TypeError(
            f"path must be that of one file, got {type(path).__name__}; read files one by one"
        )
    path, film = Path(expanduser(path)), ".tif" in endings
    if path.is_dir():
        images = f", of images: Movie.of(torch.from_numpy(tifffile.imread('{path}/*.tif')), dt)"
        raise ValueError(f"{path} is a folder; give the path of one file" + images * film)
    if path.suffix.lower() not in endings:
        raise ValueError(
            f"{path.name}: the ending must be one of {', '.join(endings)}"
            + "; a table in a text may be named .txt" * (".txt" in endings)
            + "; export it as OME-TIFF from the program that wrote it" * film
        )
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    return path


def damaged(path: Path, what: str, error: BaseException) -> ValueError:
    """The error for a file that a library could not read, in one line."""
    words = str(error).strip().partition("\n")[0][:120] or type(error).__name__
    return ValueError(
        f"{path.name} is no {what} that can be read ({words}); it may be damaged or cut short: "
        "open it in the program that wrote it, and save it again"
    )


def unpacked(path: Path, mmap_mode: Literal["c"] | None = None) -> np.ndarray | dict:
    """The array of a `.npy` file, or those of an `.npz` file by name. No code in the file is run."""
    try:
        file = np.load(path, mmap_mode=mmap_mode)
        if isinstance(file, np.ndarray):
            return file
        with file:
            return {name: file[name] for name in file.files}
    except BROKEN as error:
        objects = "allow_pickle" in str(error) or "Python objects" in str(error)
        if objects and path.read_bytes()[:2] in (b"\x93N", b"PK"):  # else it is no array at all
            raise ValueError(
                f"{path.name} is no array of numbers: it holds Python objects, which may run any code. Save "
                "paths of several sizes one by one, np.savez('tracks.npz', *paths), and frames cut to one size"
            ) from None
        raise damaged(path, "array of numbers", error) from None


def stored(
    path: Path, name: str, mmap_mode: Literal["c"] | None = None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The array of a `.npy` file, or that of an `.npz` file under a name or as the only one, and what
    is called `dt` or `underdamped` beside it."""
    held = unpacked(path, mmap_mode)
    if isinstance(held, np.ndarray):
        return held, {}
    beside = {key: held.pop(key) for key in ("dt", "underdamped", "axes") if key in held}
    if name not in held and len(held) != 1:
        raise ValueError(
            f"{path.name} must hold an array named {name!r}, has {[*held, *beside]}; save it so: "
            f"np.savez({path.name!r}, {name}=…)"
        )
    return held[name if name in held else next(iter(held))], beside


def number(path: Path, name: str, beside: dict[str, np.ndarray]) -> float | None:
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
    dt = number(path, "dt", beside) if dt is None else dt
    if dt is None:
        raise ValueError(f"{path.name} does not tell the time between two frames; give dt=…")
    require.positive(dt=dt, hint="it is the time between two frames")
    return dt


def require_real(values: np.ndarray, path: Path | str) -> None:
    """Refuse numbers that no coordinate and no pixel has: complex ones, truth values, objects."""
    if values.dtype.kind not in "uif":
        raise TypeError(
            f"{getattr(path, 'name', path)} holds numbers of the kind {values.dtype}; save integers or floats"
        )


def library(module: str, package: str, path: Path) -> Any:
    """The imported module; raises `ImportError` that names the package if it is not installed."""
    try:
        return import_module(module)
    except ImportError:
        raise ImportError(
            f"to read {path.name}, {package} is needed: pip install '{package}'"
        ) from None
