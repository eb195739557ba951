"""The time step of a table, and the number of each frame, from its times or its frame numbers.

Times are written rounded. A step is read off whole tracks, to what their rounding allows, and times
that are uneven beyond it are refused: nothing is interpolated, a frame that is missing is a gap.
"""

import re
from collections.abc import Sequence
from math import floor, log10

import numpy as np

from .sheet import Asked, Sheet

SHOWN = 1000  # times at either end that are looked at to see how they are rounded
NUMBER = r"([-+]?\d*[.,]?\d+(?:[eE][-+]?\d+)?)\s*([a-zµ]*)"
STEP = re.compile(
    rf"(?i)(?:^|[^a-z])(?:dt|delta[ _]?t|time[ _-]?step|(?:frame|time|sampling)[ _-]?interval)"
    rf"[^\d:=,;a-z]*(?:\([^)]*\)|\[[^\]]*\])?\s*[:=,;]?\s*{NUMBER}"
)
RATE = re.compile(
    rf"(?i)(?:^|[^a-z])(?:fps|(?:frame|sampling)[ _-]?rate)[^\d:=,;a-z]*[:=,;]?\s*{NUMBER}"
)
FPS = re.compile(r"(?i)([-+]?\d*[.,]?\d+) *fps")


def remarked(table: Sheet, asked: Asked) -> tuple[float, str] | None:
    """The time step that a comment, or a constant column, tells, with words for it; None if none does."""
    found, remarks = {}, dict.fromkeys(table.remarks, "comment")
    for name in table.columns:
        if (STEP.search(f"{name}: 1") or RATE.search(f"{name}: 1")) and table.numeric(name):
            if len(values := np.unique(table.values(name))) == 1:
                remarks[f"{name}: {values[0]:.12g}"] = "column"
    for remark, kind in remarks.items():
        said = [(float(m[1].replace(",", ".")), m[2], m) for m in STEP.finditer(remark)]
        rates = [*RATE.finditer(remark), *FPS.finditer(remark)]
        said += [(1 / rate, "", m) for m in rates if (rate := float(m[1].replace(",", ".")))]
        for step, unit, m in said:  # beside other numbers it may be the step of a simulation, say
            if step > 0 and not re.search(r"\d", remark[: m.start()] + remark[m.end() :]):
                found[step] = f"dt {step:.6g} {unit}".rstrip() + f" from the {kind} {remark[:80]!r}"
    if found and asked.dt is None and max(found) > 1.001 * min(found):
        steps = ", ".join(f"{step:g}" for step in found)
        raise table.error(f"its comments tell several time steps, {steps}", asked.again(dt=...))
    return next(iter(found.items()), None)


def half_digit(values: np.ndarray, cells: Sequence[str] | None) -> float:
    """Half a unit of the last digit that is written: how far a time may be from what was meant.

    The largest times have the fewest decimals, where so many digits are written in all, as by `%g`.
    """
    # Neighbours: each hundredth time of a grid of 0.01 has no decimals.
    ends = [*values[:SHOWN], *values[SHOWN:][-SHOWN:]]
    shown = map(str, ends) if cells is None else [*cells[:SHOWN], *cells[SHOWN:][-SHOWN:]]
    decimals: dict[int, list[int]] = {}  # of times of each order of magnitude
    for cell, value in zip(shown, ends, strict=True):
        mantissa, _, power = cell.strip().lower().partition("e")
        fraction = len(mantissa.partition(".")[2]) - int(power or 0)
        decimals.setdefault(floor(log10(abs(value))) if value else -99, []).append(fraction)
    large = [max(d) for order, d in sorted(decimals.items()) if len(d) > 4][-1:]
    most = max(max(d) for d in decimals.values())
    largest = float(np.abs(values).max(initial=0.0))
    kind = values.dtype if values.dtype.kind == "f" else np.dtype(np.float64)
    return 0.5 * 10.0 ** -min([most, *large]) + 4 * float(np.finfo(kind).eps) * largest


class Runs:
    """Times of tracks one after the other `(n_rows,)`, sorted in each, and the frames of a step dt.

    Attributes:
        first: the row in which each track begins.
        owner: of each row, its track.
        steps: from each row to the next, 0 where another track begins.
    """

    def __init__(self, track: np.ndarray, time: np.ndarray) -> None:
        begins = np.r_[True, np.diff(track) != 0]
        self.first, self.owner = np.flatnonzero(begins), np.cumsum(begins) - 1
        self.steps = np.where(begins[1:], 0.0, np.diff(time))
        self.time = time - time[self.first][self.owner]  # Unix times are large

    def laid(self, dt: float) -> np.ndarray:
        """Frame numbers from 0 in each track: step by step, so that a wrong dt does not add up."""
        count = np.r_[0, np.cumsum(np.rint(self.steps / dt))]
        return count - count[self.first][self.owner]

    def found(self, dt: float) -> np.ndarray:
        """The same for a known dt: all phases together tell where frames are, if times are rounded."""
        turns = self.time / dt
        phase = np.angle(np.add.reduceat(np.exp(2j * np.pi * turns), self.first)) / (2 * np.pi)
        count = np.rint(turns - phase[self.owner])
        return count - count[self.first][self.owner]

    def spread(self, count: np.ndarray, dt: float) -> float:
        """How far apart the times of a track are, at most, as counted from those of their frames."""
        away = self.time - count * dt
        most, least = (f.reduceat(away, self.first) for f in (np.maximum, np.minimum))
        return float((most - least).max())

    def fit(self, count: np.ndarray, dt: float, half: float) -> bool:
        """Is each step a frame or more, and each time no farther from its frame than rounding allows?"""
        onward = (np.diff(count)[self.steps > 0] >= 1).all()
        return bool(onward and self.spread(count, dt) <= 2 * half + 1e-3 * dt)

    def slope(self, count: np.ndarray) -> float:
        """The least-squares time of a frame, each track with an offset of its own."""
        lengths = np.bincount(self.owner)
        number = count - (np.bincount(self.owner, count) / lengths)[self.owner]
        return float((number * self.time).sum() / max((number**2).sum(), 1e-300))


def frames_of_times(
    table: Sheet, asked: Asked, track: np.ndarray, name: str, time: np.ndarray, half: float
) -> tuple[np.ndarray, float, str]:
    """Frame numbers, the time step and the words for it, of times sorted within each track, which may
    be rounded by `half`. Uneven times are refused."""
    runs, given = Runs(track, time), asked.dt
    forward = runs.steps[runs.steps > 0]
    if not len(forward):
        raise table.error(
            f"no track has two different times in column {name!r}, it needs at least two frames"
        )
    least, most = float(forward.min()), float(forward.max())
    if least < half:
        raise table.error(
            f"two times of one track in column {name!r} are {least:.2g} apart, closer than they are written; "
            "write more digits, or give a column that numbers frames",
            asked.again(frame=..., dt=...),
        )
    rough = 4 * half > least
    multiples = bool((np.abs(forward / least - np.rint(forward / least)) < 1e-6).all())
    dt = least  # of multiples nothing need have been rounded
    if not multiples:
        dt = float(forward[forward <= min(least + 4 * half, 1.5 * least)].mean())
    even, count = False, runs.laid(dt)
    for _ in range(30 if multiples or not rough else 0):
        count, before = runs.laid(dt), dt
        even, dt = runs.fit(count, dt, half), runs.slope(count)
        if dt == before:
            break
    if rough and _perhaps_rounded(np.unique(np.rint((time - time.min()) / least))):
        even = False
    dt, own = short(dt) if even else dt, runs.slope(count)
    words = f"dt {dt:.6g} from {table.with_unit(name)}"
    whole = even and dt == 1 and bool((time == np.rint(time)).all())  # frame numbers, called t
    if given is not None:
        words = f"dt {given:.6g} as given" + f" ({name} numbers the frames)" * whole
        thousand = min(abs(dt / given / k - 1) for k in (1e3, 1e6)) < 0.01  # ms, and a dt in s
        if even and not whole and not thousand and max(dt / given, given / dt) > 1.5:
            raise table.error(
                f"dt={given:g} was given, and the times in column {name!r} step by {dt:.6g}; correct the "
                "column, or take what it says",
                asked.again(dt=None),
            )
        near = np.abs(runs.steps / given - np.rint(runs.steps / given)).max() < 0.25
        if half < 0.49 * given and runs.fit(known := runs.found(given), given, half):
            count, even, own = known, True, given
        elif even:
            words += f" (the times in {name} step by {dt:.6g})" * (not whole)
        elif near and (np.rint(forward / given) >= 1).all():
            count, even, own = runs.laid(given), True, given
            words += f" (times are uneven, steps of {least:.4g} to {most:.4g})"
        dt = given
    elif whole and (told := remarked(table, asked)) is not None:
        dt, words = told
    if not even:
        raise table.error(
            f"the time step in column {name!r} varies from {least:.6g} to {most:.6g}, more than rounding "
            "explains, or by as much as the last digit; where it changes, make another track; if frames "
            "were taken at equal times, give their distance, or a column that numbers them",
            asked.again(dt=...),
            asked.again(frame=..., dt=...),
        )
    begin = np.rint((time[runs.first] - time[runs.first].min()) / own)
    return (count + begin[runs.owner]).astype(np.int64), dt, words


def _perhaps_rounded(ticks: np.ndarray) -> bool:
    """Times in units of their last digit, sorted: may they be those of a step d of one and a half units,
    say, rounded? Frames that are missing look the same, unless the phases of ticks / d fill more than
    1 / d of a turn for each d."""
    longer = np.diff(ticks) > 1
    ticks, n = ticks[:200] - ticks[0], min(len(ticks), 200)
    if longer.sum() < 3:
        return False
    if n < 30:  # would do without any missing frame
        steps = ticks[-1] / (n - 1) * np.linspace(1 - 1 / n, 1 + 1 / n, 41)
    else:
        steps = np.arange(1 + 10 / n, 2.5, 0.03 / n)  # for smaller ones chance alone would do
    turns = ticks / steps[:, None]
    phases = np.sort(turns % 1, axis=1)
    free = np.diff(phases, axis=1, append=phases[:, :1] + 1)
    start = np.roll(phases, -1, axis=1)[np.arange(len(steps)), free.argmax(1)]
    frames = np.floor(turns - start[:, None] + 0.01)
    fits = (free.max(1) > 0.98 - 1 / steps) & (np.diff(frames, axis=1) > 0).all(1) & (steps > 1)
    return bool(fits.any() or (n >= 30 and longer.mean() > 0.4))


def short(dt: float) -> float:
    """0.01 for 0.010000000000000002."""
    rounded = float(f"{dt:.12g}")
    return rounded if len(f"{dt:.12g}".strip("0.").replace(".", "")) <= 8 else dt


def whole_numbers(table: Sheet, asked: Asked, name: str, values: np.ndarray) -> np.ndarray:
    """Frame numbers as integers."""
    if not (np.abs(values) < 2**53).all() or (off := values != np.rint(values)).any():
        bad = values[off][0] if (np.abs(values) < 2**53).all() else np.abs(values).max()
        times = asked.again(time=name, frame=None)
        raise table.error(f"column {name!r} should number frames, holds {bad:g}; of times", times)
    return values.astype(np.int64)


def step_of_frames(
    table: Sheet, asked: Asked, timed: tuple[str, np.ndarray, float] | None, track: np.ndarray,
    frame: np.ndarray, frame_name: str | None,
) -> tuple[float, str]:  # fmt: skip
    """The time from one frame number to the next, and the words for it: given, or the slope of times
    against frame numbers, or told in a comment. Without `frame_name` there is one frame a row."""
    more, told = ", one frame a row" * (frame_name is None), None
    if timed is not None:
        name, time, half = timed
        runs = Runs(track, time)
        dt = short(runs.slope(frame))
        off, steps = runs.spread(frame, dt), np.diff(time)[np.diff(track) == 0]
        steps = steps / np.diff(frame)[np.diff(track) == 0]
        if (steps < -2 * half).any():
            raise table.error(
                f"column {name!r} goes back where {frame_name!r} goes on: another track begins there; name or "
                f"add a column that tells tracks, or correct {name!r}",
                asked.again(track=...),
            )
        # Rounded to about a step, times of lost frames look the same as those of none.
        sure = 4 * half < dt or np.ptp(steps) < 1e-6 * dt
        if dt > 0 and sure and off <= 2 * half + 0.1 * dt:
            told = dt, f"dt {dt:.6g} from {table.with_unit(name)}"
            if off > 2 * half + 1e-3 * dt:
                told = dt, f"{told[1]} (single times up to {off:.2g} off)"
        elif asked.dt is None or asked.frame is None:
            raise table.error(
                f"the times in column {name!r} do not grow evenly with the frame numbers, or are rounded to "
                "about a step; if they lack no frame, give their distance, else go by times",
                asked.again(frame=frame_name, dt=..., time=None),
                asked.again(time=name, frame=None),
            )
        elif steps.max() > 1.5 * steps.min():
            more += f" (times in {name} step by {steps.min():.4g} to {steps.max():.4g})"
    if asked.dt is not None:
        told = told or remarked(table, asked)
        if told is not None and abs(told[0] / asked.dt - 1) > 0.01:
            more += f" ({told[1]})"
        return asked.dt, f"dt {asked.dt:.6g} as given" + more
    if (told := told or remarked(table, asked)) is not None:
        return told[0], told[1] + more
    has = "has no column of times or frame numbers" if frame_name is None else "numbers its frames"
    raise table.error(
        f"it {has} and does not tell the time between two frames; give it", asked.again(dt=...)
    )
