"""Tif files, whose metadata name the axes: which channel, slice and series is meant, how fast the camera
was, how large a pixel is. Nothing of that is guessed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from .files import library
from .frames import Found, even_step, number_of, reading, seconds
from .players import grey

ENDINGS = (".tif", ".tiff")
NAMELESS = "QI"  # axes of pages that are only counted
NAMES = {"T": "times", "C": "channels", "Z": "slices", "S": "colours", "Y": "rows", "X": "columns"}
NAMES |= dict.fromkeys(NAMELESS, "pages")
ARGUMENT = {"C": "channel", "S": "channel", "Z": "z"}  # what chooses on an axis
Choice = int | str | None


def read(path: Path, given: bool, channel: Choice, z: Choice, series: int | None) -> Found:
    """Frames, mapped or unpacked one by one, and what is known of them: see `Movie.load`."""
    tifffile = library("tifffile", "tifffile", path)
    with reading(path), whole(path), tifffile.TiffFile(path) as tif:
        stacks = tif.series
        if series is None and len(stacks) > 1:
            if all(s.axes == "YX" and s.kind not in ("ome", "imagej") for s in stacks):
                one_by_one = [(number, 0) for number in range(len(stacks))]  # as some cameras write
                return Found(_pages(path, tifffile, one_by_one))
            each = "; ".join(f"{i}: {_axes(s)}" for i, s in enumerate(stacks))
            raise ValueError(
                f"{path.name} has {len(stacks)} series ({each}); choose one, "
                f"Movie.load({path.name!r}, series=0)"
            )
        number = 0 if series is None else number_of(path, "series", series, len(stacks))
        stack = stacks[number]
        index, time = choose(path, stack, dict(channel=channel, z=z, series=series))
        at = dict(zip(stack.axes, index, strict=True))
        dt, source, size = metadata(path, tif, number, at, time, given)
        words = [f"series {number} of {len(stacks)}, the rest left out"] if len(stacks) > 1 else []
        for axis, n in zip(stack.axes, stack.shape, strict=True):
            if n > 1 and isinstance(at[axis], int):
                words.append(f"{ARGUMENT[axis]} {at[axis]} of {n}, the rest left out")
        words += [f"its {NAMES[time]} are the times"] if time in ARGUMENT else []
        words += ["numbers of a palette"] if stack.keyframe.photometric == 3 else []
        words += [f"a pixel is {size}"] if size else []

        axes = "".join(a for a, i in at.items() if not isinstance(i, int) and a != time)
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
        if "S" in axes:
            frames = (_without_colours(frame, axes, path) for frame in frames)
        return Found(frames, dt, source, tuple(words))


def _pages(path: Path, tifffile: Any, pages: list, index: tuple = ()) -> Iterator[np.ndarray]:
    """Pages by the numbers of their series and their own in it."""
    with reading(path), whole(path), tifffile.TiffFile(path) as tif:
        for series, number in pages:
            if (page := tif.series[series].pages[number]) is None:
                raise ValueError(
                    f"{path.name}: page {number} of {len(tif.series[series].pages)} that its "
                    "metadata announce is missing; a file beside it may have them, or was cut off"
                )
            yield page.asarray()[index]


def _without_colours(frame: np.ndarray, axes: str, path: Path) -> np.ndarray:
    channels = np.moveaxis(frame, axes.index("S"), -1)
    grey(channels[..., :3], path)
    return channels[..., 1]


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """What tifffile only notes, such as a page or a description that is lost, ends the reading."""
    handler, notes = logging.Handler(logging.ERROR), list[str]()
    handler.emit = lambda note: notes.append(note.getMessage())  # type: ignore
    logging.getLogger("tifffile").addHandler(handler)
    try:
        yield
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
    still_open = False
    for axis, n in lengths:
        value = wanted[ARGUMENT[axis]] if axis in ARGUMENT else None
        if axis in ("Y", "X", *times) or (axis == "S" and value is None and n in (3, 4)):
            index.append(slice(None))
        elif value is None or value == "time":
            still_open = still_open or n > 1
            index.append(0)
        else:
            index.append(number_of(path, ARGUMENT[axis], value, n))
    strange = [a for a in long if a not in ARGUMENT and a not in times]
    if len(times) > 1 or strange or {"C", "S"} <= set(long):
        raise ValueError(
            f"{path.name} has {_axes(stack)}; save one film of it, or name its axes where you save "
            "it, such as metadata={'axes': 'TCYX'} in tifffile"
        )
    if still_open or (not times and {"C", "Z"} & set(long)):
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


def metadata(
    path: Path, tif: Any, number: int, at: dict[str, Any], time: str, given: bool
) -> tuple[float | None, str, str]:
    """The time between two frames, unless it is given, where that stands, and the size of a pixel."""
    if tif.is_ome:
        tree = ElementTree.fromstring(tif.ome_metadata).iter()
        pixels = [element for element in tree if element.tag.rpartition("}")[2] == "Pixels"][number]
        sizes = [pixels.get(f"PhysicalSize{axis}") for axis in "YX"]
        size = _size(sizes, pixels.get("PhysicalSizeXUnit", "µm"))
        if given or time != "T":
            return None, "as given", size
        place = [str(at[axis]) if isinstance(at.get(axis), int) else "0" for axis in "CZ"]
        stamps = {
            int(plane.get("TheT", 0)): seconds(plane.get("DeltaT"), plane.get("DeltaTUnit", "s"))
            for plane in pixels
            if [plane.get("TheC"), plane.get("TheZ")] == place
        }
        known = [stamp for _, stamp in sorted(stamps.items()) if stamp is not None]
        if len(known) == int(pixels.get("SizeT", 0)) and (step := even_step(path, known)):
            return step, "s from the times of its planes (OME)", size
        step = seconds(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"))
        return step or None, "s from TimeIncrement (OME)", size
    if tif.is_imagej:
        facts, tags = tif.imagej_metadata or {}, tif.pages[0].tags
        densities = [tags.valueof(f"{axis}Resolution") for axis in "YX"]
        sizes = [pixels and pixels[0] and pixels[1] / pixels[0] for pixels in densities]
        unit = str(facts.get("unit", "")).replace("\\u00B5", "µ")
        size = _size(sizes, unit) if unit not in ("", "pixel", "pixels", "None") else ""
        if given:
            return None, "as given", size
        if step := seconds(facts.get("finterval"), str(facts.get("tunit", "s"))):
            return step, "s from finterval (ImageJ)", size
        rate = None if facts.get("finterval") else seconds(facts.get("fps"))
        return (1 / rate if rate else None), "s from fps (ImageJ), a speed to play at", size
    return None, "as given", ""


def _size(sizes: list, unit: str) -> str:
    """The height and width of a pixel in words, if they are known."""
    if None in sizes or not all(0 < float(size) < np.inf for size in sizes):
        return ""
    height, width = (f"{float(size):.6g}" for size in sizes)
    return f"{height} {unit}" if height == width else f"{height} × {width} {unit}"
