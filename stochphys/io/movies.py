"""Movies in files: what a camera or a player wrote, as frames that stay on the disk.

The ways in are `Movie.load` and `.save`; here is only what each format needs. Whatever the size of
a movie, only the frames that are looked at come into memory.
"""

import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from .tables import ARRAYS, existing, library, require_real, stored, time_step

TIF = (".tif", ".tiff")
VIDEO = (".mp4", ".avi", ".mov")
GREY = 16  # levels of 255 that the three channels of a grey pixel may differ by after compression


def read(path: str | Path, dt: float | None = None) -> tuple[np.ndarray, float]:
    """Frames `(n_times, height, width)`, or with an axis of movies in front, and the time between two.

    | ending                 | what it holds                                   | read by          |
    |------------------------|-------------------------------------------------|------------------|
    | `.npy`                 | the frames                                      | numpy, mapped    |
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
        ValueError: an unknown ending, `dt` missing or not positive, colours in a tif, gif or video,
            pages of more than one size. Other axes are refused by `Movie.of`.
        TypeError: an array that holds no numbers that a pixel can have.
    """
    path = existing(path, *ARRAYS, *TIF, ".gif", *VIDEO)
    ending = path.suffix.lower()
    frames, beside = stored(path, "frames", "c") if ending in ARRAYS else (None, {})
    dt = time_step(path, dt, beside)  # asked for before a long movie is unpacked
    if frames is not None:
        require_real(frames, path)
        return frames if frames.dtype.isnative else _unpacked(iter(frames), path), dt
    if ending in TIF:
        return _read_tif(path), dt
    return _unpacked(_gif_frames(path) if ending == ".gif" else _video_frames(path), path), dt


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
    frames = tifffile.memmap(path, mode="c").reshape(-1, *stacks[0].shape[-2:])
    return frames if frames.dtype.isnative else _unpacked(iter(frames), path)


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


def _colours(path: Path) -> str:
    return (
        f"{path.name} has colours, that is more than one number per pixel; keep one channel, or the "
        "mean of all, and save that"
    )
