"""A notebook as the rules of the house style see it: cells, headings, words, links."""

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat

MATH = re.compile(r"\$\$.*?\$\$|\$[^$\n]+?\$", re.S)
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.S)


class Page:
    """A notebook, with the questions that the rules ask of it."""

    def __init__(self, path: Path, notebook: nbformat.NotebookNode | None = None):
        self.path, self.name = path, path.stem
        self.notebook = notebook or nbformat.read(path, as_version=4)
        self.cells = self.notebook.cells
        order = sorted(path.parent.glob("[0-9]*.ipynb"))
        here = order.index(path)
        self.previous = order[here - 1] if here else None
        self.next = order[here + 1] if here + 1 < len(order) else None

    def markdown(self) -> Iterator[tuple[int, str]]:
        return ((i, c.source) for i, c in enumerate(self.cells, 1) if c.cell_type == "markdown")

    def code(self) -> Iterator[tuple[int, nbformat.NotebookNode]]:
        return ((i, c) for i, c in enumerate(self.cells, 1) if c.cell_type == "code")

    def headings(self, level: int) -> list[tuple[int, str]]:
        """(cell, text) of each heading of that level, outside code blocks."""
        mark = re.compile(rf"^#{{{level}}} +(.+?) *$", re.M)
        return [
            (i, text)
            for i, source in self.markdown()
            for text in mark.findall(re.sub(r"```.*?```", "", source, flags=re.S))
        ]

    def section(self, heading_cell: int) -> list[int]:
        """The cells from an H2 up to the one before the next H2."""
        later = [i for i, _ in self.headings(2) if i > heading_cell]
        return list(range(heading_cell, later[0] if later else len(self.cells) + 1))


def tags(cell: nbformat.NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def exercise_part(cell: nbformat.NotebookNode) -> bool:
    return bool(tags(cell) & {"exercise", "check", "solution"})


def pictures(cell: nbformat.NotebookNode) -> int:
    return sum("image/png" in output.get("data", {}) for output in cell.outputs)


def words(source: str) -> int:
    """Words that are read: a formula is one word; code, addresses and HTML tags are none."""
    source = re.sub(r"\$\$.*?\$\$", " formula ", CODE.sub(" ", source), flags=re.S)
    source = re.sub(r"\]\([^)]*\)", "]", MATH.sub(" formula ", source))
    return len(re.findall(r"[^\W_][\w'’.-]*", re.sub(r"<[^>]*>|https?://\S+", " ", source)))


IMPORT = re.compile(r"^(from \S+ )?import (\([^)]*\)|.*)\n", re.M)


def code_lines(source: str) -> int:
    """Lines that say something; where names come from says nothing yet."""
    source = IMPORT.sub("", source + "\n")
    return sum(bool(s := line.strip()) and not s.startswith("#") for line in source.splitlines())


def links(source: str) -> list[str]:
    """Targets of links and images, in Markdown and HTML."""
    source = CODE.sub(" ", MATH.sub(" ", source))
    markdown = re.findall(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)", source)
    return markdown + re.findall(r"(?:href|src)=[\"']([^\"']+)[\"']", source)
