"""What readers of files share: a file that is there, the library that reads it, words where it is damaged,
numbers beside arrays; of movies what is found in them, numbers and times of their metadata."""

import pickle
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from numbers import Integral
from os import PathLike
from os.path import expanduser
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal, NamedTuple
from zipfile import BadZipFile

import numpy as np

from .times import short

ARRAYS = (".npy", ".npz")
JITTER = 0.1  # of a step, by which the clock of a computer may be off at a frame
UNITS = {1.0: "s sec second seconds", 1e-3: "ms msec", 1e-6: "µs us usec", 1e-9: "ns"}
UNITS |= {60.0: "min minute minutes", 3600.0: "h hour hours", 86400.0: "d day days"}
SECONDS = {name: factor for factor, names in UNITS.items() for name in names.split()}
# What libraries raise on files that are damaged, or are something else than their ending says.
BROKEN = (
    ArithmeticError, AssertionError, AttributeError, BadZipFile, EOFError, LookupError, MemoryError,
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


@contextmanager
def reading(path: Path, what: str, *others: type[Exception]) -> Iterator[None]:
    """Errors of the libraries beneath become a `ValueError` that names the file; our own, which
    begin with its name, pass, and so does what the disk says."""
    try:
        yield
    except (FileNotFoundError, PermissionError):
        raise
    except BROKEN + others as error:
        if str(error).startswith(path.name):
            raise
        if "imagecodecs" in str(error):  # tifffile asks for it where a tif is packed by LZW or JPEG
            raise ImportError(
                f"{path.name} is packed in a way that needs imagecodecs: pip install 'imagecodecs'"
            ) from None
        words = str(error).strip().partition("\n")[0][:120] or type(error).__name__
        raise ValueError(
            f"{path.name} is no {what} that can be read ({words}); it may be damaged or cut short: "
            "open it in the program that wrote it, and save it again"
        ) from error


def unpacked(path: Path, name: str, mmap_mode: Literal["c"] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file by name; that of a `.npy` file under this `name`. No code is run."""
    with reading(path, "array of numbers"):
        try:
            file = np.load(path, mmap_mode=mmap_mode)
            if isinstance(file, np.ndarray):
                return {name: file}
            with file:
                return {name: file[name] for name in file.files}
        except ValueError as error:
            objects = "allow_pickle" in str(error) or "Python objects" in str(error)
            if objects and path.read_bytes()[:2] in (b"\x93N", b"PK"):  # else it is no array at all
                raise ValueError(
                    f"{path.name} is no array of numbers: it holds Python objects, which may run any code. Save "
                    "paths of several sizes one by one, np.savez('tracks.npz', *paths), and frames cut to one size"
                ) from None
            raise


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


class Found(NamedTuple):
    """What a file holds: frames `(n_times, height, width)`, or with an axis of movies in front, mapped or
    one by one as they are unpacked; the time between two, if it is known; words on which of the file they are, and on
    where the time stands: empty where the package wrote it."""

    frames: Any
    dt: Any = None
    words: tuple[str, ...] = ()
    source: str = "as given"


def number_of(path: Path, name: str, value: object, n: int) -> int:
    """`value` if it is the number of one of n; else `ValueError`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or int(value) not in range(n):
        raise ValueError(f"{path.name}: {name} must be an integer from 0 to {n - 1}, got {value!r}")
    return int(value)


def seconds(value: object, unit: str = "s") -> float | None:
    """A time of the metadata, if it is one: no negative number, in a unit that is known."""
    try:
        time = float(value) * SECONDS[unit.strip().replace("μ", "µ").lower()]  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError):
        return None
    return time if 0 <= time < np.inf else None


def even_step(
    path: Path, times: Sequence[float], rounding: float | None = None
) -> tuple[float | None, str]:
    """The mean step between the times of frames, if there is one, and in words how far steps vary;
    `ValueError` if by more than they were rounded, or than the clock of a computer does."""
    steps = np.diff(np.asarray(times, dtype=float))
    if not len(steps) or (step := float(steps.mean())) <= 0:
        return None, ""
    bearable = JITTER * step if rounding is None else 0.99 * rounding
    if (most := np.abs(steps - step).max()) > bearable:
        ends = [0]  # of parts whose steps are all about as long as their first
        for i, length in enumerate(steps):
            ends += [i] if abs(length - steps[ends[-1]]) > bearable else []
        ends.append(len(steps))
        longest = int(np.diff(ends).argmax())
        first, last = ends[longest], ends[longest + 1]
        raise ValueError(
            f"{path.name}: the time between two frames varies from {steps.min():.4g} to "
            f"{steps.max():.4g}. Give dt=… if they were taken evenly all the same; or keep the longest "
            f"even part: give dt={steps[first:last].mean():.4g}, then movie.rearranged("
            f"movie.x[:, {first}:{last + 1}])"
        )
    varies = f", the mean of steps that vary by up to {most / step:.1%}"
    return short(step), varies if most > 1e-3 * step else ""
