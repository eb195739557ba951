"""Movies in files: what a camera or a player wrote, as frames that stay on the disk.

The ways in are `Movie.load` and `.save`; `read` chooses among what reads the formats: `tif`,
`players`, and here the arrays of numpy. Whatever the size of a movie, only the frames that are
looked at come into memory.
"""

import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from .. import require
from . import players, tif
from .files import ARRAYS, Found, existing, number, number_of, require_real, unpacked
from .tif import Choice

ENDINGS = (*ARRAYS, *tif.ENDINGS, *players.ENDINGS)
FEW = 4  # an axis so short counts colours, not frames and not pixels
OWN = "NTYX"  # what `Movie.save` calls the axes: movies, times, rows, columns
LONG = [np.dtype(f"{kind}{n}") for kind in "iu" for n in (4, 8)]
EXACT = 2**24  # single precision, in which networks compute, rounds integers beyond
BLOCK = 2**27  # bytes that are laid anew at once


def read(
    path: str | Path,
    dt: float | None,
    channel: Choice = None,
    z: Choice = None,
    series: Choice = None,
) -> Found:
    """Frames, the time between two and what was read as what, see `Movie.load`.

    | ending                 | what it holds                                   | read by          |
    |------------------------|-------------------------------------------------|------------------|
    | `.npy`                 | the frames                                      | numpy, mapped    |
    | `.npz`                 | the same under the name `frames` or as the only | numpy, in memory |
    |                        | array, and `dt`                                 |                  |
    | `.tif`, `.lsm`, `.stk` | what its OME or ImageJ metadata say; without    | tifffile, mapped |
    |                        | them a page per frame                           |                  |
    | `.gif`                 | a page per frame, 8 bit                         | Pillow           |
    | other videos           | levels to 255, or to 65535 of more than 8 bits  | PyAV             |

    Mapped means: the file is the memory. What is packed otherwise (a gif, a video, a compressed tif
    or one of foreign byte order) is unpacked frame by frame into a temporary file, and that is
    mapped. Numbers keep their kind, such as uint8 or uint16.

    A video predicts each frame from others, mostly from earlier ones. Its artefacts have an arrow
    of time of their own, so measure on what the camera wrote, and take a video to play with.
    """
    path = existing(path, *ENDINGS)
    ending, given = path.suffix.lower(), dt is not None
    if given:  # refused before a long movie is looked at
        require.positive(dt=dt, hint="it is the time between two frames")
    if ending in tif.ENDINGS:
        found = tif.read(path, given, channel, z, series)
    elif z is not None or series is not None:
        raise ValueError(f"{path.name}: z and series are chosen in a tif; leave them out")
    elif ending in ARRAYS:
        found = _read_array(path, given, channel)
    else:
        found = players.read(path, given, channel)
    frames, step = found.frames, dt if given else found.dt
    if step is None:
        raise ValueError(f"{path.name} does not tell the time between two frames; give dt=…")
    require.positive(dt=step, hint="it is the time between two frames")
    if isinstance(frames, Iterator):
        frames = mapped(frames, path.name)
    elif frames.size and frames.ndim in (3, 4):
        # Bytes or axes that stand the other way round would make each look at a frame slow.
        if not frames.dtype.isnative or frames.strides[-3] < frames.strides[-1]:
            frames = mapped(_one_by_one(frames), path.name).reshape(frames.shape)
    if frames.dtype == bool:
        frames = frames.view(np.uint8)
    elif frames.size and frames.ndim in (3, 4) and frames.dtype in LONG:
        if any(frame.max() > EXACT or frame.min() < -EXACT for frame in _one_by_one(frames)):
            floats = (frame.astype(float) for frame in _one_by_one(frames))
            frames = mapped(floats, path.name).reshape(frames.shape)
    words = *found.words, f"dt {step:.6g} {'as given' if given else found.source}"
    return Found(frames, step, words if found.source else ())


def _read_array(path: Path, given: bool, channel: Choice) -> Found:
    held = unpacked(path, "frames", "c")
    beside: dict = {key: held.pop(key) for key in ("dt", "underdamped", "axes") if key in held}
    if "frames" not in held and len(held) != 1:
        raise ValueError(
            f"{path.name} must hold an array named 'frames', has {[*held, *beside]}; save it so: "
            f"np.savez({path.name!r}, frames=…)"
        )
    frames = held.get("frames", next(iter(held.values())))
    require_real(frames, path)
    own, shape, words = str(beside.get("axes")) == OWN, frames.shape, tuple[str, ...]()
    last = frames.ndim > 3 and shape[-1] <= FEW
    if not own and frames.ndim > 3 and (last or frames.ndim == 5 or shape[-3] <= FEW):
        axis = -1 if last else -3
        if channel is None and shape[axis] > 1:
            raise ValueError(
                f"{path.name} has the shape {shape}, and an axis of {shape[axis]} colours; choose one, "
                f"Movie.load({path.name!r}, dt, channel=0), or save their mean, frames.mean({axis}). If it "
                f"counts {'pixels' if last else 'times'}: Movie(torch.from_numpy(frames).flatten(0, 1), dt)"
                f".cut({shape[0]})"
            )
        chosen = number_of(path, "channel", channel or 0, shape[axis])
        frames = np.moveaxis(frames, axis, 0)[chosen]
        words = (f"channel {chosen} of {shape[axis]}, the rest left out",)
    elif channel is not None:
        raise ValueError(f"{path.name} has no channels, its shape is {shape}; leave channel out")
    dt = None if given else number(path, "dt", beside)
    return Found(frames, dt, words, "" if own and not given else "beside the frames")


def _one_by_one(frames: np.ndarray) -> Iterator[np.ndarray]:
    """Frames of `(…, height, width)` as they lie in time; many at once are read from the disk, on
    which those of one row may lie together."""
    for movie in frames if frames.ndim == 4 else frames[None]:
        at_once = max(1, BLOCK // movie[0].nbytes)
        for first in range(0, len(movie), at_once):
            yield from np.ascontiguousarray(movie[first : first + at_once])


def mapped(frames: Iterator[np.ndarray], name: str) -> np.ndarray:
    """Frames one after the other in a temporary file, mapped; it goes when the array goes."""
    first = next(frames, None)
    if first is None or not first.size:
        raise ValueError(f"{name} holds no frames")
    dtype = first.dtype.newbyteorder("=")
    with tempfile.TemporaryFile() as file:
        for frame in chain((first,), frames):
            if frame.dtype != first.dtype:
                kinds = f"{first.dtype} and of {frame.dtype}"
                raise ValueError(f"{name} has frames of {kinds}; save all as one kind")
            if frame.shape != first.shape:
                sizes = " and of ".join("×".join(map(str, f.shape[:2])) for f in (first, frame))
                raise ValueError(f"{name} has frames of {sizes} pixels; crop all to one size")
            file.write(np.ascontiguousarray(frame, dtype).data)
        file.flush()
        return np.memmap(file, dtype, mode="c").reshape(-1, *first.shape)
