"""Tif files, whose metadata name the axes: which channel, slice and series is meant, how fast the camera
was, how large a pixel is. Nothing of that is guessed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from .files import Found, even_step, library, number_of, reading, seconds
from .players import one_of
from .sheet import counted

ENDINGS = (".tif", ".tiff", ".lsm", ".stk", ".btf")
NAMELESS = "QI"  # axes of pages that are only counted
NAMES = {"T": "times", "C": "channels", "Z": "slices", "S": "colours", "Y": "rows", "X": "columns"}
NAMES |= dict.fromkeys(NAMELESS, "pages")
ARGUMENT = {"C": "channel", "S": "channel", "Z": "z"}  # what chooses on an axis
Choice = int | str | None


def read(path: Path, given: bool, channel: Choice, z: Choice, series: Choice) -> Found:
    """Frames, mapped or unpacked one by one, and what is known of them: see `Movie.load`."""
    tifffile = library("tifffile", "tifffile", path)
    with _opened(path, tifffile) as tif:
        stacks = tif.series
        if series is None and len(stacks) > 1:
            grey = all(s.axes == "YX" and s.keyframe.photometric == 1 for s in stacks)
            if grey and not {s.kind for s in stacks} & {"ome", "imagej"}:
                one_by_one = [(number, 0) for number in range(len(stacks))]  # as some cameras write
                return Found(_pages(path, tifffile, one_by_one))
            each = "; ".join(f"{i}: {_axes(s)}" for i, s in enumerate(stacks))
            raise ValueError(
                f"{path.name} has {len(stacks)} series ({each}); choose one, "
                f"Movie.load({path.name!r}, series=0)"
            )
        number = number_of(path, "series", 0 if series is None else series, len(stacks))
        stack = stacks[number]
        names = [each.get("Name") for each in _pixels(tif, number).findall("{*}Channel")]
        channel = names.index(channel) if channel and channel in names else channel
        photometric, jpeg = stack.keyframe.photometric, stack.keyframe.compression in (6, 7)
        if photometric not in ((0, 1, 2, 3, 6) if jpeg else (0, 1, 2, 3)):
            kind = getattr(photometric, "name", photometric)
            raise ValueError(
                f"{path.name} stores its pixels as {kind}; save it as grey where it was made"
            )
        # What ImageJ calls a lookup table colours what is shown; the numbers are those of the camera.
        palette = stack.keyframe.colormap if photometric == 3 and not tif.is_imagej else None
        wanted = dict(channel=channel if palette is None else None, z=z, series=series)
        index, time = choose(path, stack, wanted)
        at = dict(zip(stack.axes, index, strict=True))
        dt, source = (None, "as given") if given else time_step(path, tif, number, at, time)
        words = [f"series {number} of {len(stacks)}, the rest left out"] if len(stacks) > 1 else []
        for axis, n in zip(stack.axes, stack.shape, strict=True):
            if n > 1 and isinstance(at[axis], int):
                words.append(f"{ARGUMENT[axis]} {at[axis]} of {n}, the rest left out")
        if (uncounted := len(tif.pages) - sum(len(each.pages) for each in stacks)) > 0:
            words.append(f"left out: {counted(uncounted, 'page')} beyond what its metadata count")
        words += [f"its {NAMES[time]} are the times"] if time in ARGUMENT else []
        words += ["numbers of a palette"] if photometric == 3 and palette is None else []
        words += ["numbers as stored, of which 0 means white"] if photometric == 0 else []
        words += [f"a pixel is {size}"] if (size := pixel_size(tif, number)) else []

        if stack.dataoffset is not None:  # all pixels in a row, as numpy would write them
            needed, there = stack.dataoffset + stack.nbytes, path.stat().st_size
            if needed > there:
                raise ValueError(f"{path.name} is cut off: it needs {needed} bytes and has {there}")
            frames = tifffile.memmap(path, series=number, mode="c")[index]
            frames = frames if time else frames[None]
        else:
            first = stack.ndim - stack.keyframe.ndim  # axes that count pages come first
            numbers = np.arange(len(stack.pages)).reshape(stack.shape[:first])[index[:first]]
            pages = [(number, int(page)) for page in numbers.ravel()]
            frames = _pages(path, tifffile, pages, index[first:])
        axes = [axis for axis, i in at.items() if axis in "YXS" and not isinstance(i, int)]
        if palette is not None:
            n = None if channel is None else number_of(path, "channel", channel, 3)
            words += [] if n is None else [f"channel {n} of red, green and blue, the rest left out"]
            if any((getattr(page, "colormap", palette) != palette).any() for page in stack.pages):
                raise ValueError(f"{path.name} has palettes of several kinds; save it as grey")
            if ((palette % 256 == 0) | (palette % 257 == 0)).all():  # made of bytes
                palette = (palette >> 8).astype(np.uint8)
            frames = (one_of(np.moveaxis(palette[:, frame], 0, -1), n, path) for frame in frames)
        elif "S" in axes:
            colours = (np.moveaxis(frame, axes.index("S"), -1) for frame in frames)
            frames = (one_of(frame, None, path) for frame in colours)
        return Found(frames, dt, tuple(words), source)


def _pages(path: Path, tifffile: Any, pages: list, index: tuple = ()) -> Iterator[np.ndarray]:
    """Pages by the numbers of their series and their own in it."""
    with _opened(path, tifffile) as tif:
        for series, number in pages:
            if (page := tif.series[series].pages[number]) is None:
                raise ValueError(
                    f"{path.name}: page {number} of {len(tif.series[series].pages)} that its "
                    "metadata announce is missing; a file beside it may have them, or was cut off"
                )
            yield page.asarray()[index]


@contextmanager
def _opened(path: Path, tifffile: Any) -> Iterator[Any]:
    """What tifffile only notes, such as a page or a description that is lost, ends the reading."""
    handler, notes = logging.Handler(logging.ERROR), list[str]()
    handler.emit = lambda note: notes.append(note.getMessage())  # type: ignore
    logging.getLogger("tifffile").addHandler(handler)
    try:
        with reading(path, "film"), tifffile.TiffFile(path) as tif:
            yield tif
    finally:
        logging.getLogger("tifffile").removeHandler(handler)
        if notes:  # the cause of whatever else went wrong
            raise ValueError(
                f"{path.name} is damaged or cut off ({notes[0][:200]}); copy it again from where it was made"
            )


def _axes(stack: Any) -> str:
    each = zip(stack.axes, stack.shape, strict=True)
    return " × ".join(f"{n} {NAMES.get(a, a)}" for a, n in each) + f", axes {stack.axes}"


def choose(path: Path, stack: Any, wanted: dict[str, Any]) -> tuple[tuple, str]:
    """What to take of each axis of a series, and the axis that counts the times, if there is one.

    Raises `ValueError` where what is wanted leaves that open, with the call that would do.
    """
    lengths = list(zip(stack.axes, stack.shape, strict=True))
    long = [axis for axis, n in lengths if n > 1 and axis not in "YX"]
    for name, axes in (("channel", "CS"), ("z", "Z")):
        if wanted[name] and not set(axes) & set(long):
            raise ValueError(f"{path.name} has {_axes(stack)}; leave {name}={wanted[name]!r} out")
    times = [a for a in long if a == "T" or (a in "CZ" and wanted[ARGUMENT[a]] == "time")]
    times = times or [a for a in long if a in NAMELESS]
    index: list[int | slice] = []
    still_open = not times and {"C", "Z"} & set(long)
    for axis, n in lengths:
        value = wanted[ARGUMENT[axis]] if axis in ARGUMENT else None
        if axis in ("Y", "X", *times) or (axis == "S" and value is None and n in (3, 4)):
            index.append(slice(None))
        elif value in (None, "time"):
            still_open = still_open or n > 1
            index.append(0)
        else:
            index.append(number_of(path, ARGUMENT[axis], value, n))
    strange = [a for a in long if a not in ARGUMENT and a not in times]
    if len(times) > 1 or strange or {"C", "S"} <= set(long):
        raise ValueError(
            f"{path.name} has {_axes(stack)}; take the film, or the movies, of its array yourself: "
            f"frames = tifffile.imread({path.name!r}), then Movie.of(torch.from_numpy(frames), dt), or "
            "name its axes where you save it, such as metadata={'axes': 'TCYX'} in tifffile"
        )
    if still_open:
        call = {ARGUMENT[a]: wanted[ARGUMENT[a]] or 0 for a in long if a in ARGUMENT}
        if not times:  # some programs call them slices or channels
            longest = max((n, a) for a, n in lengths if a in "CZ")[1]
            call[ARGUMENT[longest]] = "time"
        call |= {} if wanted["series"] is None else {"series": wanted["series"]}
        words = ", ".join(f"{name}={value!r}" for name, value in call.items())
        raise ValueError(
            f"{path.name} has {_axes(stack)}; say what of it, Movie.load({path.name!r}, {words})"
            + (f", if its {NAMES[longest]} are the times" if not times else "")
        )
    return tuple(index), "".join(times)


def time_step(
    path: Path, tif: Any, number: int, at: dict[str, Any], time: str
) -> tuple[float | None, str]:
    """The time between two frames, if the metadata know it, and where it stands."""
    if tif.is_ome and time == "T":
        pixels = _pixels(tif, number)
        place = [str(at[axis]) if isinstance(at.get(axis), int) else "0" for axis in "CZ"]
        stamps = {
            int(plane.get("TheT", 0)): seconds(plane.get("DeltaT"), plane.get("DeltaTUnit", "s"))
            for plane in pixels
            if [plane.get("TheC"), plane.get("TheZ")] == place
        }
        known = [stamp for _, stamp in sorted(stamps.items()) if stamp is not None]
        whole = len(known) == int(pixels.get("SizeT", 0))
        step, varies = even_step(path, known) if whole else (None, "")
        if step:
            return step, f"s from the times of its planes (OME){varies}"
        step = seconds(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"))
        return step or None, "s from TimeIncrement (OME)"
    facts = tif.imagej_metadata or {}
    if step := seconds(facts.get("finterval"), str(facts.get("tunit", "s"))):
        return step, "s from finterval (ImageJ)"
    rate = None if facts.get("finterval") else seconds(facts.get("fps"))
    return (1 / rate if rate else None), "s from fps (ImageJ), a speed to play at"


def pixel_size(tif: Any, number: int) -> str:
    """The height and width of a pixel in words, if they are known."""
    sizes, unit = [0.0, 0.0], ""
    if tif.is_ome:
        pixels = _pixels(tif, number)
        sizes = [float(pixels.get(f"PhysicalSize{axis}", 0)) for axis in "YX"]
        unit = pixels.get("PhysicalSizeXUnit", "µm")
    elif facts := tif.imagej_metadata:
        densities = [tif.pages[0].tags.valueof(f"{axis}Resolution", (0, 0)) for axis in "YX"]
        sizes = [length / n if n else 0.0 for n, length in densities]
        unit = str(facts.get("unit", "pixel")).replace("\\u00B5", "µ")
    if unit in ("", "pixel", "pixels", "None") or not all(0 < size < np.inf for size in sizes):
        return ""
    return " × ".join(dict.fromkeys(f"{size:.6g}" for size in sizes)) + f" {unit}"


def _pixels(tif: Any, number: int) -> ElementTree.Element:
    """What OME says of a series: nothing where there is no OME, or it stands in another file."""
    told = ElementTree.fromstring(tif.ome_metadata).findall(".//{*}Pixels") if tif.is_ome else []
    return told[number] if number < len(told) else ElementTree.Element("Pixels")
