"""Tables as text: which characters, which delimiter, which decimal sign, and where the numbers begin.

A file says none of this itself. It is found from the lines, and what is not certain is refused.
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .columns import recognised
from .sheet import NUMBER, Sheet, counted, missing

COMMA_NUMBER = re.compile(r"\s*[-+]?(\d+,\d*|,\d+)([eE][-+]?\d+)?\s*")
THOUSANDS = re.compile(r"\s*[-+]?[1-9]\d{0,2}(,\d{3})+\s*")
MIXED = re.compile(r"\s*[-+]?([1-9]\d{0,2}(,\d{3}){2,}|\d{1,3}([,.]\d{3})+[.,]\d*)\s*")
IN_UNITS = re.compile(r"\s*[(\[](.*)[)\]]\s*")
DELIMITERS = ("\t", ";", "|", ",", " ", "")  # as they are trusted; a space is any white space
SAMPLE = 60  # lines that are looked at to find the delimiter


def read_text(path: Path) -> Sheet:
    """A text of one row a line, as a `Sheet` of what stands in its cells."""
    text = decoded(path)
    lines, remarks = dict[int, str](), []  # lines by their numbers
    for i, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        bare = line.strip()
        if bare.startswith(("#", "%")):
            remarks.append(line.lstrip().lstrip("#%").removeprefix(" "))
        elif bare.strip('",;|'):
            lines[i] = line
    if said := re.fullmatch(r'"?sep=(.)"?\s*', next(iter(lines.values()), "")):
        del lines[min(lines)]
    if not lines:
        raise ValueError(f"{path.name} is empty: it holds no row")
    written, middle = list(lines.values()), max(SAMPLE, len(lines) // 2)
    sample = written[:SAMPLE] + written[middle : middle + SAMPLE]
    delimiter = said[1] if said else max(DELIMITERS, key=lambda d: _trust(sample, d))
    try:
        cells = split(written, delimiter)
    except csv.Error as error:
        raise ValueError(f"{path.name}: the quotes in it do not close ({error})") from None
    if len(cells) != len(lines):
        raise ValueError(f"{path.name}: a quote is opened and not closed, or holds several lines")
    rows = dict(zip(lines, cells, strict=True))
    if cut := not text.endswith(("\n", "\r")) and _is_cut(cells):
        rows.popitem()
    if "," in text and (delimiter != "," or '"' in text):
        _decimal_points(rows, path, delimiter)
    if remarks and not any(map(_is_words, cells[:5])):  # as numpy.savetxt writes its header
        words = split(remarks[-1:], delimiter, csv.QUOTE_NONE)[0] if remarks[-1] else []
        named = [word.strip(' ,;"') for word in words]
        known = 2 * sum(bool(recognised(name)) for name in named) >= len(named)
        if 0 <= len(cells[0]) - len(named) < 2 and _is_words(named) and known:
            rows = {0: named} | rows
    table = headed(path.name, rows, remarks, "line")
    table.left += ["the last line, which is cut short"] * cut
    return table


def _is_cut(rows: Sequence[Sequence[str]]) -> bool:
    """Of a file that ends within a line: has its last row fewer fields than those above? Or, where
    all are written with so many decimals, zeros at the end too, has its last number fewer?"""
    *above, last = rows[-SAMPLE:]
    cells = [row[-1].strip() for row in above if row and NUMBER.fullmatch(row[-1])]
    decimals = {len(re.sub(r"^[^.,]*[.,]?", "", cell)) for cell in cells}
    fixed = len(decimals) == 1 and any(cell.endswith("0") for cell in cells)
    fewer = fixed and len(re.sub(r"^[^.,]*[.,]?", "", last[-1].strip())) < max(decimals)
    return len(above) > 8 and (len(last) < _width(above) or fewer)


def decoded(path: Path) -> str:
    """The characters of a file: UTF-8 or UTF-16, or else Latin-1, in which µ and ° are one byte."""
    raw = path.read_bytes()
    zeros = raw[:400].count(0)
    encoding = "utf-8-sig" if not zeros else "utf-16-be" if raw[:1] == b"\0" else "utf-16-le"
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    if "\0" in text:
        raise ValueError(f"{path.name} is no text: it holds bytes that no letter has")
    return text.replace("\u2212", "-")  # the minus sign of typesetters


def split(lines: Sequence[str], delimiter: str, quotes: int = csv.QUOTE_MINIMAL) -> list[list[str]]:
    """The fields of each line; raises `csv.Error` for a quote that is opened and not closed."""
    if delimiter in (" ", ""):
        return [line.split() if delimiter else [line] for line in lines]
    how: Any = dict(delimiter=delimiter, strict=True, skipinitialspace=True, quoting=quotes)
    return list(csv.reader(lines, **how))


def _trust(lines: Sequence[str], delimiter: str) -> tuple[float, float]:
    """How well a delimiter fits: the share of lines of one length, and of fields with a number."""
    try:
        rows = split(lines, delimiter)
    except csv.Error:
        rows = split(lines, delimiter, csv.QUOTE_NONE)
    body = rows[len(rows) // 2 :]
    n = _width(body)
    if (n < 2) == bool(delimiter):  # no delimiter: one column
        return 0.0, 0.0
    alike = sum(len(row) in (n, n - 1) for row in rows) / len(rows)
    same = sum(len(row) == n for row in rows) / len(rows)
    parted = (f for row in rows if len(row) == n for f in row if re.search(r"[,;|\t]", f))
    if delimiter in " " and not all(map(COMMA_NUMBER.fullmatch, parted)):
        return 0.0, 0.0  # a word that holds a delimiter was not parted well
    fields = [field for row in body for field in row]
    good = sum(bool(NUMBER.fullmatch(f) or COMMA_NUMBER.fullmatch(f)) or missing(f) for f in fields)
    doubt = 0.99 if delimiter == " " else 1.0  # any white space is found where tabs are, too
    return doubt * alike * good / len(fields), same


def _width(rows: Sequence[Sequence[str]]) -> int:
    """The number of fields that most rows have; the larger of two."""
    counts = Counter(map(len, rows))
    return max(counts, key=lambda n: (counts[n], n))


def _decimal_points(rows: dict[int, list[str]], path: Path, delimiter: str) -> None:
    """Decimal commas become points, in place."""
    cells = [(i, j, cell) for i, row in rows.items() for j, cell in enumerate(row)]
    comma = [at for at in cells if COMMA_NUMBER.fullmatch(at[2])]
    mixed = [at for at in cells if MIXED.fullmatch(at[2])]
    point = [at for at in cells if "." in at[2] and NUMBER.fullmatch(at[2])]
    if mixed or (comma and point):
        seen = comma[:1] + mixed[:1] + point[:1]
        where = " and ".join(f"{cell.strip()} in line {i}" for i, _, cell in seen)
        raise ValueError(
            f"{path.name} writes numbers with a comma and with a point, {where}: which one is decimal "
            "cannot be told; save it with one of them"
        )
    for j in {j for _, j, _ in comma}:
        written = [cell for _, k, cell in comma if k == j]
        whole = any(
            len(row) > j and re.fullmatch(r"\s*\d{1,3}\s*", row[j]) for row in rows.values()
        )
        if (whole or delimiter == ",") and all(map(THOUSANDS.fullmatch, written)):
            raise ValueError(
                f"{path.name} writes {written[0].strip()} among whole numbers or commas: whether "
                "the comma is decimal or parts thousands cannot be told; save it without the commas"
            )
    for i, j, cell in comma:
        rows[i][j] = cell.replace(",", ".")


def _is_words(row: Sequence[str]) -> bool:
    """Is it a header? Some cells are words, none a number."""
    return not all(map(missing, row)) and not any(map(NUMBER.fullmatch, row))


def headed(name: str, numbered: dict[int, list[str]], remarks: list[str], line: str) -> Sheet:
    """A `Sheet` of rows of cells, by their numbers; a header may have several rows and stand below others.

    The header is the row above the numbers that names most columns as people do. Lines above it are
    remarks. Where there is none, columns are named by their numbers, and must be given.
    """
    rows = list(numbered.values())
    later = rows[len(rows) // 2 :: 1 + len(rows) // (2 * SAMPLE)]
    n = _width(later)
    body = [row for row in later if len(row) == n]
    numeric = [[bool(NUMBER.fullmatch(row[j])) for row in body] for j in range(n)]
    empty = [sum(missing(row[j]) for row in body) for j in range(n)]
    sure = [j for j in range(n) if any(numeric[j]) and 2 * (sum(numeric[j]) + empty[j]) > len(body)]

    def known(row: Sequence[str]) -> int:
        return sum(map(bool, map(recognised, row)))

    def filled(row: Sequence[str]) -> bool:
        cells = (row[j] for j in sure if j < len(row))
        return len(row) in (n, n - 1) and any(map(NUMBER.fullmatch, cells))

    def clean(row: Sequence[str]) -> bool:
        cells = (row[j] for j in sure if j < len(row))
        return filled(row) and all(NUMBER.fullmatch(cell) or missing(cell) for cell in cells)

    first = next((i for i, row in enumerate(rows) if clean(row)), len(rows))
    heads = [i for i in range(first) if len(rows[i]) in (n, n - 1) and _is_words(rows[i])]
    head = max(heads, key=lambda i: known(rows[i]), default=-1)
    if heads and not known(rows[head]):
        head = heads[-1]
    a_number = (lambda row: any(map(NUMBER.fullmatch, row))) if heads else filled
    first = next((i for i in range(head + 1, len(rows)) if a_number(rows[i])), len(rows))
    data = {at: numbered[at] for at in list(numbered)[first:]}
    names = rows[head] if heads else None
    remarks = remarks + [" ".join(row) for row in rows[: head if heads else first]]
    if names is None and data and _counts(rows[first]):  # pandas names by number
        if any("." in cell for row in rows[first + 1 :] for cell in row):
            names = data.pop(min(data))
    if not data or not sure:
        raise ValueError(f"{name} holds no row of numbers, a trajectory needs at least two frames")
    # A separator at the end of each row begins no column.
    named = names is not None and len(names) == n and names[-1].strip()
    width = n if named or any("".join(row[n - 1 :]).strip() for row in data.values()) else n - 1
    for at, row in data.items():
        if len(row) != n and (len(row) < width or any(cell.strip() for cell in row[width:])):
            raise ValueError(
                f"{name}: {line} {at} has {counted(len(row), 'field')}, the others have {n}; it is cut, or no "
                "row of the table (then delete it), or a field holds the sign that parts columns"
            )
    data = {at: row for at, row in data.items() if row != names}  # films one after the other
    if names is not None and len(names) < width:  # as R does; which one has no name is not said
        names = None
    columns = [
        values if names is None or names[j].strip() else _filled_down(values)
        for j, values in enumerate(list(zip(*data.values(), strict=False))[:width])
    ]
    table = Sheet.of(name, names, columns, remarks, list(data), line)
    block = np.r_[0, np.cumsum(np.diff(list(data)) > 1)]
    if block[-1] and len(block) >= 2 * (block[-1] + 1):
        table.blocks = block
    if heads and names is not None:
        cells = zip(table.columns, rows[first - 1], strict=False)
        table.units = {n: unit[1] for n, cell in cells if (unit := IN_UNITS.fullmatch(cell))}
    return table


def _filled_down(cells: tuple[str, ...]) -> tuple[str, ...]:
    """Cells that were merged: what stands in the first, where the others are empty. One word alone is a remark."""
    place = np.maximum.accumulate([0 if missing(c) else i for i, c in enumerate(cells)])
    merged = not missing(cells[0]) and len(set(place)) > 1
    return tuple(cells[i] for i in place) if merged else cells


def _counts(row: Sequence[str]) -> bool:
    """Does it read 0, 1, 2, …? An empty first cell may stand in front."""
    cells = [c.strip() for c in row[not row[0].strip() :]]
    return cells == [str(i) for i in range(len(cells))]
