"""What readers of movies share: `Found`, numbers and times of the metadata, times that are even."""

from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .times import short

JITTER = 0.1  # of a step, by which the clock of a computer may be off at a frame
UNITS = {1.0: "s sec second seconds", 1e-3: "ms msec", 1e-6: "µs us usec", 1e-9: "ns"}
UNITS |= {60.0: "min minute minutes", 3600.0: "h hour hours", 86400.0: "d day days"}
SECONDS = {name: factor for factor, names in UNITS.items() for name in names.split()}


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
