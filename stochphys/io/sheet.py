"""A table as it was read: its cells by column, as text or numbers, and what a user said of it."""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from numbers import Integral
from typing import Any, Self

import numpy as np

from .. import require
from ..brief import Brief

NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")
MISSING = {"", "nan", "na", "n/a", "#n/a", "<na>", "nat", "null", "none", "-", "--", "?", ".", "n.d.", "missing",
           "#div/0!", "#value!", "nan(ind)", "-nan(ind)", "1.#qnan", "-1.#ind"}  # fmt: skip
UNITS = (
    "um|µm|μm|micron|microns|micrometers?|nm|mm|cm|m|px|pix|pixels?|s|sec|secs|seconds?|ms|msec|us|µs|"
    "rad|deg|raw"
)
UNIT_AT_END = re.compile(rf"(?i)(.*[^\W_].*?)[\s_.,/-]+({UNITS})")
IN_BRACKETS = re.compile(r"\s*[\[(]([^\])]*)[\])]\s*")


def plain(name: str) -> tuple[str, str]:
    """`Time [s]`, `x_um` → `("time", "s")`, `("x", "um")`: a name as it is compared, and its unit."""
    found = IN_BRACKETS.search(name)
    unit, bare = (found[1], IN_BRACKETS.sub(" ", name)) if found else ("", name)
    if not found and (match := UNIT_AT_END.fullmatch(name.strip())):
        bare, unit = match[1], match[2]
    return re.sub(r"[\W_]", "", bare).lower(), unit


def missing(cell: str) -> bool:
    """Does a cell say that there is nothing?"""
    return cell.strip().lower() in MISSING


@dataclass(frozen=True, eq=False)
class Asked(Brief):
    """What a user said of a table, and `again`: the call with more said, for messages."""

    call: str
    dt: float | None = None
    underdamped: bool | None = None
    columns: Sequence[Hashable] | None = None
    track: Hashable | None = None
    time: Hashable | None = None
    frame: Hashable | None = None
    scale: Any = None

    def __post_init__(self) -> None:
        if self.dt is not None:
            require.positive(dt=self.dt, hint="it is the time between two frames")

    def again(self, **more: Any) -> str:
        said = {f.name: getattr(self, f.name) for f in fields(self)[1:]} | more
        words = [f"{k}={'…' if v is ... else repr(v)}" for k, v in said.items() if v is not None]
        return ", ".join([self.call, *words]) + ")"


@dataclass(eq=False)
class Sheet(Brief):
    """A table as it was read.

    Attributes:
        name: what it is called in messages.
        columns: by name, what stands in each row `(n_rows,)`: text, or numbers.
        named: False where the names are numbers that stand for none.
        remarks: lines that are neither header nor rows.
        numbers, line: where each row stands, such as line 12, for messages.
        blocks: of each row, its block `(n_rows,)`, where empty lines part the rows into several.
        counter: the column that starts again where a block begins, if one does.
        units: of columns, by name, where a row of the header gives them.
        left: words on what of the file is not in the table.
    """

    name: str
    columns: dict[str, np.ndarray]
    named: bool = True
    remarks: list[str] = field(default_factory=list)
    numbers: Sequence[int] | None = None
    line: str = "row"
    blocks: np.ndarray | None = None
    counter: str | None = None
    units: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    parsed: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, name: str, names: Sequence[Any] | None, columns: Sequence[Any], remarks: list[str],
        numbers: Sequence[int] | None = None, line: str = "row",
    ) -> Self:  # fmt: skip
        """Columns in a row, with their names if there are some; what has no name gets its number."""
        held: dict[str, np.ndarray] = {}
        for i, values in enumerate(columns):
            title = str(i) if names is None else str(names[i]).strip() or f"unnamed {i}"
            array = np.asarray(values, dtype=object if isinstance(values, tuple) else None)
            held[title if title not in held else f"{title} (column {i})"] = array
        return cls(name, held, names is not None, remarks, numbers, line)

    def with_unit(self, name: str) -> str:
        """The name of a column, and its unit if that does not stand in it."""
        return f"{name} ({self.units[name]})" if self.units.get(name) else name

    def error(self, words: str, *calls: str) -> ValueError:
        """The error that says what is wrong with the table, and the calls that would do."""
        return ValueError(f"{self.name}: {words}{': ' * bool(calls)}{' or '.join(calls)}")

    def row(self, i: int) -> str:
        return f"{self.line} {i if self.numbers is None else self.numbers[i]}"

    def text(self, name: str) -> list[str]:
        """The cells of a column that does not hold numbers of one kind, as text without blanks around."""
        return [str(cell).strip() for cell in self.columns[name].tolist()]

    def values(self, name: str) -> np.ndarray:
        """The numbers of a column, float64 `(n_rows,)`, NaN where there is none.

        Raises `ValueError` that names the row where something else stands.
        """
        held = self.columns[name]
        if held.dtype.kind in "uif":
            return held.astype(np.float64)
        if held.dtype.kind in "Mm":  # instants, or times since a first one: in seconds
            held = held - np.fmin.reduce(held) if held.dtype.kind == "M" else held
            ns = held.astype(f"{held.dtype.kind}8[ns]").astype(np.int64)
            return np.where(np.isnat(held), np.nan, ns / 1e9)
        if name not in self.parsed:
            self.parsed[name] = self._parsed(name)
        return self.parsed[name]

    def numeric(self, name: str) -> bool:
        """Does a column hold numbers or times, as far as it holds anything?"""
        try:
            return self.values(name).ndim == 1
        except ValueError:
            return False

    def whole(self, name: str) -> bool:
        """Are all numbers of a column whole?"""
        values = self.values(name)
        return bool(((values == np.rint(values)) | np.isnan(values)).all())

    def groups(self, name: str | None) -> tuple[np.ndarray, np.ndarray]:
        """Of each row the number of its track `(n_rows,)`, and whether it belongs to none: an empty
        cell, or −1 beside others that are not negative. Without a column, all rows are one track."""
        if name is None:
            n_rows = len(next(iter(self.columns.values())))
            return np.zeros(n_rows, np.int64), np.zeros(n_rows, bool)
        held = self.columns[name]
        try:
            held = held if held.dtype.kind in "iu" else self.values(name)
            exact = held.dtype.kind in "iu" or not (np.abs(held) > 2**53).any()
        except ValueError:  # names
            exact = False
        if not exact:
            cells = self.text(name)
            label = np.unique(cells, return_inverse=True)[1]
            return label, np.array([missing(cell) for cell in cells])
        number, label = np.unique(held, return_inverse=True, equal_nan=True)
        held = held.astype(np.float64)
        if self.columns[name].dtype.kind in "OU":  # 1.1 and 1.10, or 01 and 1, are two names
            texts = self.text(name)
            if len(set(texts)) > len(number):
                label = np.unique(texts, return_inverse=True)[1]
        unassigned = np.fmin.reduce(held, initial=0) == -1 < np.fmax.reduce(held, initial=-1)
        return label, np.isnan(held) | (unassigned & (held == -1))

    def starts_again(self, name: str) -> np.ndarray | None:
        """Of each row, how often a counter has started again down to there `(n_rows,)`: it grows, mostly
        in even steps, and falls now and then to where it began. None where a column is none."""
        values = self.values(name) if self.numeric(name) else np.zeros(0)
        steps = np.diff(values)
        falls, rises = steps < 0, steps[steps >= 0]
        if not falls.any() or 2 * (falls.sum() + 1) > len(values) or not (rises > 0).all():
            return None
        step = np.median(rises)
        even = np.isclose(rises, step, rtol=0.02).mean() > 0.6
        # A row of its own number among others, such as that of a spot in no track, is no beginning.
        again = even and (values[1:][falls] <= values[0] + 5 * step).all()
        return np.r_[0, np.cumsum(falls)] if again and not np.isnan(steps).any() else None

    def joined(self, names: Sequence[str]) -> str:
        """A new column of what stands in several, empty where one of them is; returns its name."""
        if len(names) == 1:
            return names[0]
        cells = zip(*map(self.text, names), strict=True)
        whole = ["" if any(map(missing, row)) else " / ".join(row) for row in cells]
        self.columns[title := " / ".join(names)] = np.array(whole, dtype=object)
        return title

    def _parsed(self, name: str) -> np.ndarray:
        cells = self.text(name)
        try:
            if "_" not in "".join(cells):  # which Python would read over
                return np.array(cells, dtype=np.float64)
        except ValueError:
            pass
        good = [bool(NUMBER.fullmatch(cell)) for cell in cells]
        wrong = [i for i, cell in enumerate(cells) if not good[i] and not missing(cell)]
        if wrong and (instants := _instants(cells)) is not None:
            self.units.setdefault(name, "s")
            return instants
        if wrong:
            raise ValueError(
                f"{self.name}: {cells[wrong[0]]!r} in {self.row(wrong[0])}, column {name!r}, is no "
                f"number ({len(wrong)} of {len(cells)} cells are none); correct the table there"
            )
        return np.array([float(c) if fine else np.nan for c, fine in zip(cells, good, strict=True)])

    def find(self, asked: Hashable, argument: str) -> str:
        """The column that a user names, by its name in any writing, or by its number from 0."""
        if asked == "block" and self.blocks is not None:
            self.columns.setdefault("block", self.blocks)
        names = list(self.columns)
        if isinstance(asked, Integral) and 0 <= asked < len(names):
            return names[int(asked)]
        same = [name for name in names if name == str(asked)]
        same = same or [name for name in names if plain(name)[0] == plain(str(asked))[0]]
        if len(same) != 1:
            raise ValueError(
                f"{self.name}: {argument}={asked!r} names {'no' if not same else 'more than one'} "
                f"column; it has {listed(names)}"
            )
        return same[0]


def _instants(cells: Sequence[str]) -> np.ndarray | None:
    """Seconds of 0:00:01.25, or of dates with times of day such as 2024-05-01 12:00:00.033; None if
    they are neither, or if a day may end among them."""
    clock = [re.fullmatch(r"\s*(\d+):([0-5]\d):([0-5]\d(?:\.\d+)?)\s*", cell) for cell in cells]
    if all(clock):
        parts = np.array([found.groups() for found in clock if found], dtype=np.float64)
        seconds = parts @ [3600.0, 60.0, 1.0]
        midnight = seconds.max() < 86400 and (np.diff(seconds) < -43200).any()
        return None if midnight else seconds
    try:
        dates = [datetime.fromisoformat(cell.strip()) for cell in cells]
        first = dates[0]  # with zones or without
        return np.array([(date - first).total_seconds() for date in dates])
    except (ValueError, TypeError):
        return None


def counted(n: Any, thing: str) -> str:
    return f"{n} {thing}{'' if n == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """The first of some names, in quotes."""
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(map(repr, names[:12])) + more
