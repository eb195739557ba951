"""The notebooks keep the house style, and each rule of it can fail."""

from collections.abc import Callable
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.notebook_page import Page, words
from tests.notebook_rules import RULES, SETUP_CELL

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_keeps_the_house_style(path: Path):
    page = Page(path)
    problems = [f"{problem}  [{rule.__name__}]" for rule in RULES for problem in rule(page)]
    assert not problems, "\n" + "\n".join([path.name, *problems])


def test_words_count_what_is_read():
    assert words("Heat $Q = \\int F \\circ dx$ flows, `code` does not") == 5
    assert words("[the paper](https://doi.org/10.1000/1) <br> well-known") == 3


# A page that keeps every rule, and for each rule a way to break it

GITHUB = "stochphys/stochphys"
PNG = {"image/png": "iVBORw0KGgo=", "text/plain": "a picture"}


def md(source: str):
    return new_markdown_cell(source)


def code(source: str, *outputs, tags=(), **metadata):
    metadata = {"tags": list(tags), **metadata} if tags else metadata
    return new_code_cell(source, outputs=list(outputs), metadata=metadata)


def said(text: str):
    return new_output("stream", name="stdout", text=text)


def figure():
    return new_output("display_data", data=PNG)


def exercise(k: int, kind: str) -> list:
    return [
        md(f"### Exercise {k} · A title · 5 min · ★★\n\nWith {kind}."),
        code(f"answer_{k} = None", tags=["exercise"]),
        code(f"check({k}, answer_{k})", said("not attempted yet"), tags=["check"]),
        md("<details><summary>Hint</summary>\n\nThink of $x$.\n\n</details>"),
        md(f"**Solution {k}** (unfold the next cell)"),
        code(
            f"# Solution {k}\nanswer_{k} = {k}",
            tags=["solution"],
            jupyter={"source_hidden": True},
            cellView="form",
        ),
    ]


def good_cells() -> list:
    return [
        md(
            "# Measure what time costs\n"
            "[![Colab](c.svg)](https://colab.research.google.com/github/"
            f"{GITHUB}/blob/main/notebooks/01_b.ipynb)"
            f"[![Binder](b.svg)](https://mybinder.org/v2/gh/{GITHUB}/main"
            "?urlpath=lab/tree/notebooks/01_b.ipynb)\n\n"
            "← [before](00_a.ipynb) · [after](02_c.ipynb) →"
        ),
        md(
            "| | |\n|-|-|\n| **You will be able to** | count |\n| **You need** | numbers |\n"
            "| **Time** | 5 min |\n| **Runs on** | a CPU |"
        ),
        code(SETUP_CELL, said("stochphys 0.1.0")),
        md("## 1 · What is it? (8 min)\n" + "word " * 90),
        code("\n".join(["x = 1"] * 24), said("1"), tags=["nbval-check-output"]),
        md("**Predict**: more or less?\n\n$$\n\\begin{aligned}x &= 1\\end{aligned}\n$$"),
        code("\n".join(["y = 1"] * 23 + ["plt.show()"]), figure()),
        md("**Figure 1.** It grows."),
        *[md("word " * 110) for _ in range(7)],
        md("word " * 110 + "**It is $2.0 \\pm 0.1$.**"),
        code("\n".join(["z = 1"] * 24), said("2"), tags=["nbval-check-output"]),
        md("## 2 · Why? (5 min)\nMove it."),
        code('explore(draw, alt="It grows.", gamma=(0, 1, 0.1))', figure()),
        md("**Figure 2.** It moves."),
        code("\n".join(["z = 1"] * 24), said("3"), tags=["nbval-check-output"]),
        md("**All 3 agree.**"),
        md("## Exercises"),
        *exercise(1, "pen and paper"),
        *exercise(2, "a break-it question"),
        *exercise(3, "some code"),
        md("## Key points\n- One."),
        md("## Where this fails\nThere."),
        md("## Go further\nOn to [the next](02_c.ipynb)."),
    ]


def good_page(folder: Path) -> Page:
    for name in ("00_a", "02_c"):
        (folder / f"{name}.ipynb").touch()
    for name in ("c.svg", "b.svg", "01_b.ipynb"):
        (folder / name).touch()
    notebook = new_notebook(cells=good_cells())
    notebook.metadata.kernelspec = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    notebook.metadata.language_info = {"name": "python"}
    page = Page(folder / "01_b.ipynb", notebook)
    for count, (_, cell) in enumerate(page.code(), 1):
        cell.execution_count = count
    return page


def test_the_good_page_keeps_every_rule(tmp_path: Path):
    page = good_page(tmp_path)
    assert [problem for rule in RULES for problem in rule(page)] == []


def put(i: int, old: str, new: str) -> Callable[[Page], None]:
    """Replace text in cell i (from 1; negative from the end)."""

    def change(page: Page) -> None:
        cell = page.cells[i - 1 if i > 0 else i]
        assert old in cell.source
        cell.source = cell.source.replace(old, new, 1)

    return change


def output(i: int, new: nbformat.NotebookNode) -> Callable[[Page], None]:
    return lambda page: page.cells[i - 1].outputs.append(new)


def drop(i: int) -> Callable[[Page], None]:
    return lambda page: page.cells.__delitem__(i - 1)


def add(i: int, cell: nbformat.NotebookNode) -> Callable[[Page], None]:
    return lambda page: page.cells.insert(i - 1, cell)


WIDGET = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, **PNG}
BREAKS = [
    ("volatile metadata", lambda page: page.notebook.metadata.update(widgets={})),
    ("version of one machine", lambda page: page.notebook.metadata.language_info.update(version=1)),
    ("not python3", lambda page: page.notebook.metadata.kernelspec.update(name="ir")),
    ("not a valid notebook", lambda page: page.cells[0].update(cell_type="prose")),
    ("share an id", lambda page: page.cells[0].update(id=page.cells[1].id)),
    ("execution counts", lambda page: page.cells[4].update(execution_count=7)),
    ("stored error", output(5, new_output("error", ename="E", evalue="", traceback=[]))),
    ("stored warning", output(5, new_output("stream", name="stderr", text="Warning"))),
    ("as it is", output(5, new_output("execute_result", data={"text/plain": "0.1234567"}))),
    ("no reader can see", output(19, new_output("display_data", data=WIDGET))),
    ("absolute path", put(5, "x = 1", 'x = "/home/ada/x.csv"')),
    ("absolute path", output(5, said("saved in C:\\Users\\ada"))),
    ("KB (500", output(5, said("x" * 500_000))),
    ("11 figures", lambda page: page.cells[4].outputs.extend([figure()] * 9)),
    ("H1 in cells [1, 4]", put(4, "## 1", "# Once more\n## 1")),
    ("no Colab badge", put(1, "01_b.ipynb)", "00_a.ipynb)")),
    ("no Binder badge", put(1, "?urlpath=lab/tree/notebooks/01_b.ipynb", "")),
    ("link to the previous", put(1, "00_a", "01_b")),
    ("link to the next", put(1, "02_c", "01_b")),
    ("must be a table", put(2, "Runs on", "Speed")),
    ("is not the setup cell", put(3, "import sys", "import os")),
    ("should read '2 · Title", put(18, " (5 min)", "")),
    ("the last sections", put(-2, "Where this fails", "Limits")),
    ("no link onward", put(-1, "02_c.ipynb", "00_a.ipynb")),
    ("does not exist", put(4, "word", "[gone](gone.md#here)")),
    ("answer in bold", put(22, "3", "three")),
    ("no **Predict**", put(6, "Predict", "Think")),
    ("without a Markdown cell", add(6, code("x"))),
    ("128 words", put(9, "word", "word " * 19)),
    ("26 lines", put(5, "x = 1", "x = 1\nx = 1\nx = 1")),
    ("words before the exercises", lambda page: page.cells.__delitem__(slice(8, 10))),
    ("lines of code outside", drop(5)),
    ("trailing semicolon", put(5, "x = 1", "x = 1;")),
    ("odd number", put(6, "$$", "")),
    ("bare equation", put(4, "word", "\\begin{align}x\\end{align}")),
    ("outside $$", put(4, "word", "\\begin{aligned}x\\end{aligned}")),
    ("no alt text", put(1, "![Colab]", "![]")),
    ("no alt text", put(4, "word", '<img src="c.svg">')),
    ("begin with **Figure 1.**", put(8, "Figure 1", "Figure 2")),
    ("plt.show()", put(7, "plt.show()", "figure")),
    ("4 explorers", lambda page: page.cells.extend(code("explore(f)", figure()) for _ in "123")),
    ("without a stored picture", lambda page: page.cells[18].update(outputs=[])),
    ("through explore( only", put(5, "x = 1", "interact(f)")),
    ("2 exercises", lambda page: page.cells.__delitem__(slice(35, 41))),
    ("should read 'Exercise 1", put(24, "· 5 min", "")),
    ("needs a code cell tagged exercise", lambda page: page.cells[24].metadata.clear()),
    ("needs a code cell tagged check", drop(26)),
    ("needs a folded hint", put(27, "</summary>\n", "</summary>")),
    ("needs **Solution 2**", put(34, "Solution 2", "Solution 3")),
    ("needs a code cell tagged solution", drop(29)),
    ("outside an exercise", add(24, code("x", tags=["exercise"]))),
    ("shows its first line", put(29, "# Solution 1", "answer = 1")),
    ("not folded", lambda page: page.cells[28].metadata.pop("cellView")),
    ("'pen and paper'", put(24, "pen and paper", "pencil")),
    ("'break it'", put(30, "break-it", "hard")),
    ("2 cells tagged", lambda page: page.cells[4].metadata.clear()),
    ("draws", lambda page: page.cells[4].outputs.append(figure())),
    ("prints nothing", lambda page: page.cells[4].update(outputs=[])),
    ("unknown tags", lambda page: page.cells[4].metadata.update(tags=["nbval-skip"])),
    ("switches its test off", put(5, "x = 1", "# NBVAL_SKIP")),
]


@pytest.mark.parametrize(("problem", "spoil"), BREAKS, ids=[b[0][:30] for b in BREAKS])
def test_a_broken_rule_is_found(problem: str, spoil: Callable[[Page], None], tmp_path: Path):
    page = good_page(tmp_path)
    spoil(page)
    problems = [p for rule in RULES for p in rule(page)]
    assert any(problem in p for p in problems), problems


def test_every_rule_has_been_seen_to_fail(tmp_path: Path):
    seen = set()
    for _, spoil in BREAKS:
        page = good_page(tmp_path)
        spoil(page)
        seen |= {rule.__name__ for rule in RULES if list(rule(page))}
    assert seen == {rule.__name__ for rule in RULES}
