"""Movies in files: what a camera or a player wrote, as frames that stay on the disk.

The ways in are `Movie.load` and `.save`; here is only what each format needs. Whatever the size of
a movie, only the frames that are looked at come into memory.
"""

import tempfile
from collections.abc import Iterator
from itertools import chain
from os.path import expanduser
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .tables import library, require_real, stored, time_step

TIF = (".tif", ".tiff")
VIDEO = (".mp4", ".avi", ".mov")
GREY = 16  # levels of 255 that the three channels of a grey pixel may differ by after compression


def read(path: str | Path, dt: float | None = None) -> tuple[np.ndarray, float]:
    """Frames `(n_movies, n_times, height, width)` and the time between two of them.

    | ending                 | what it holds                                   | read by          |
    |------------------------|-------------------------------------------------|------------------|
    | `.npy`                 | `(n_times, height, width)`, or many movies with | numpy, mapped    |
    |                        | one axis more in front                          |                  |
    | `.npz`                 | the same under the name `frames` or as the only | numpy, in memory |
    |                        | array, and `dt`                                 |                  |
    | `.tif`, `.tiff`        | a page per frame                                | tifffile, mapped |
    | `.gif`                 | a page per frame, 8 bit                         | Pillow           |
    | `.mp4`, `.avi`, `.mov` | a video, 8 bit                                  | PyAV             |

    Mapped means: the file is the memory. What is packed otherwise (a gif, a video, a compressed tif
    or one of foreign byte order) is unpacked frame by frame into a temporary file, and that is
    mapped. Numbers keep their kind, such as uint8 or uint16.

    A video predicts each frame from others, mostly from earlier ones. Its artefacts have an arrow
    of time of their own, so measure on what the camera wrote, and take a video to play with.

    Args:
        path: the file.
        dt: time between two frames; needed for all but `.npz`. A gif and a video know how fast to
            play, not how fast they were taken.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: the library that reads this ending is not installed.
        ValueError: an unknown ending, `dt` missing or not positive, colours, pages of more than one
            size, one frame, or an array of other axes.
        TypeError: an array that holds no numbers that a pixel can have.
    """
    path = Path(expanduser(path))
    ending = path.suffix.lower()
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    known = (".npy", ".npz", *TIF, ".gif", *VIDEO)
    if ending not in known:
        raise ValueError(f"{path.name}: the ending must be one of {', '.join(known)}")
    dt = time_step(path, dt)  # asked for before a long movie is unpacked
    if ending in (".npy", ".npz"):
        frames = stored(path, "frames", "c")
    elif ending in TIF:
        frames = _read_tif(path)
    else:
        frames = _unpacked(_gif_frames(path) if ending == ".gif" else _video_frames(path), path)
    return _checked(frames, path), dt


def write_npy(file: BinaryIO, shape: tuple[int, ...], pieces: Iterator[np.ndarray]) -> None:
    """A `.npy` file of an array that is never in memory as a whole, from `pieces` of it in order."""
    first = next(pieces)
    header = dict(descr=first.dtype.str, fortran_order=False, shape=shape)
    np.lib.format.write_array_header_2_0(file, header)
    for piece in chain((first,), pieces):
        file.write(np.ascontiguousarray(piece).data)


def _read_tif(path: Path) -> np.ndarray:
    """The pages of a tif, mapped where they lie in the file as numpy would write them."""
    tifffile = library("tifffile", "tifffile", path)
    with tifffile.TiffFile(path) as tif:
        stacks = tif.series
        for stack in stacks:
            if "S" in stack.axes:
                raise ValueError(_colours(path))
            lengths = zip(stack.axes, stack.shape, strict=True)
            if sum(n > 1 for axis, n in lengths if axis not in "YX") > 1:
                raise ValueError(
                    f"{path.name} has the axes {stack.axes} of lengths {stack.shape}; save one "
                    "channel at one depth, so that time is the only axis beside those of the image"
                )
        if len(stacks) > 1 or stacks[0].dataoffset is None:  # written page by page, or compressed
            pages = (page.asarray() for stack in stacks for page in stack.pages)
            return _unpacked(pages, path)
    frames = tifffile.memmap(path, mode="c")
    return frames.reshape(-1, *frames.shape[-2:])


def _gif_frames(path: Path) -> Iterator[np.ndarray]:
    with library("PIL.Image", "pillow", path).open(path) as image:
        for page in range(image.n_frames):
            image.seek(page)
            yield _grey(np.asarray(image.convert("RGB")), path)


def _video_frames(path: Path) -> Iterator[np.ndarray]:
    with library("av", "av", path).open(str(path)) as video:
        for frame in video.decode(video=0):
            yield _grey(frame.to_ndarray(format="rgb24"), path)


def _grey(image: np.ndarray, path: Path) -> np.ndarray:
    """One of three channels `(height, width, 3)` that agree."""
    if np.ptp(image, axis=-1).max() > GREY:
        raise ValueError(_colours(path))
    return image[..., 1]


def _unpacked(frames: Iterator[np.ndarray], path: Path) -> np.ndarray:
    """Frames one after the other in a temporary file, mapped; it goes when the array goes."""
    first = next(frames, None)
    if first is None:
        raise ValueError(f"{path.name} holds no frames")
    dtype = first.dtype.newbyteorder("=")
    with tempfile.TemporaryFile() as file:
        for frame in chain((first,), frames):
            if frame.shape != first.shape:
                sizes = " and of ".join("×".join(map(str, f.shape[:2])) for f in (first, frame))
                raise ValueError(f"{path.name} has frames of {sizes} pixels; crop all to one size")
            file.write(frame.astype(dtype).tobytes())
        file.flush()
        return np.memmap(file, dtype, mode="c").reshape(-1, *first.shape)


def _checked(frames: np.ndarray, path: Path) -> np.ndarray:
    """Frames with their four axes, or what is wrong with them."""
    require_real(frames, path)
    if frames.ndim >= 4 and frames.shape[-1] in (3, 4):
        raise ValueError(_colours(path))
    if frames.ndim == 2 or (frames.ndim == 3 and len(frames) == 1):
        raise ValueError(f"{path.name} holds one frame; entropy production needs two or more")
    if frames.ndim not in (3, 4):
        raise ValueError(
            f"{path.name} must have the axes (n_times, height, width) or (n_movies, n_times, height, "
            f"width), got shape {frames.shape}"
        )
    frames = frames if frames.dtype.isnative else _unpacked(iter(frames), path)
    return frames if frames.ndim == 4 else frames[None]


def _colours(path: Path) -> str:
    return (
        f"{path.name} has colours, that is more than one number per pixel; keep one channel, or the "
        "mean of all, and save that"
    )
