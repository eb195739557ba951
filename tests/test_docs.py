"""What the README and the documents say is so: links, tables, names, and every block of Python."""

import functools
import re
import runpy
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

pytest.importorskip("nbformat")
pytest.importorskip("ipywidgets")

import matplotlib.pyplot as plt
import torch
from PIL import Image

from stochphys import inference
from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring, bead_camera
from stochphys.training import accuracy
from tests.chance import K
from tests.notebook_page import Page, links
from tests.notebook_rules import REPOSITORY

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = sorted(
    p.relative_to(ROOT).as_posix() for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
)
NOTEBOOKS = [Page(path) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
START = NOTEBOOKS[0]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), re.S | re.M)


def rows(text: str) -> list[list[str]]:
    """The cells of each line of the tables in a text, without the lines under the headings."""
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if set("".join(row)) - set("-: ")]


def anchors(path: Path) -> set[str]:
    """The names that GitHub gives to the headings of a page."""
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.S)
    headings = re.findall(r"^#+ +(.+?) *$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


# Every page


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str):
    path = ROOT / page
    for target in links(path.read_text()):
        if re.match(r"(https?|mailto):", target):
            continue
        file, _, anchor = unquote(target).partition("#")
        there = path.parent / file if file else path
        assert there.exists(), f"{target} does not exist"
        assert not anchor or anchor in anchors(there), f"{target}: no such heading"


@pytest.mark.parametrize("page", PAGES)
def test_images_have_alt_text(page: str):
    assert not re.search(r"!\[\s*\]", (ROOT / page).read_text())


@pytest.mark.parametrize("page", PAGES)
def test_files_and_commands_that_are_named_exist(page: str):
    text = (ROOT / page).read_text()
    for name in re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.\w+)`", text):
        assert (ROOT / name).exists() or name.startswith("."), name
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    commands = re.findall(r"`make ([a-z]+)|^make ([a-z]+)", text, re.M)
    assert {a or b for a, b in commands} <= targets


def test_badges_open_the_notebook_that_they_name():
    for page in PAGES:
        for target in links((ROOT / page).read_text()):
            if REPOSITORY in target and target.endswith(".ipynb"):
                file = re.search(r"notebooks/[\w]+\.ipynb$", unquote(target))
                assert file and (ROOT / file[0]).exists(), target


# The table of notebooks


def test_the_table_lists_the_notebooks_there_are_with_their_times():
    table = (ROOT / "docs/notebooks.md").read_text()
    listed = [row for row in rows(table) if "](../notebooks/" in row[0]]
    names = [re.search(r"/(\w+)\.ipynb\)", row[0])[1] for row in listed]  # type: ignore[index]
    assert names == [page.name for page in NOTEBOOKS]
    for row, page in zip(listed, NOTEBOOKS, strict=True):
        ((_, title),) = page.headings(1)
        times = next(cells[1] for cells in rows(page.cells[1].source) if "Time" in cells[0])
        read, run, exercises = (part.split(" ", 1)[1] for part in times.split(" · "))
        assert row[0] == f"{page.name[:2]} · [{title}](../notebooks/{page.name}.ipynb)"
        assert row[1:4] == [read, run, exercises]
        for service in ("colab.research.google.com", "mybinder.org"):
            badge = [target for target in links(row[4]) if service in target]
            assert any(target.endswith(f"notebooks/{page.name}.ipynb") for target in badge)


def test_the_readme_is_one_screen_and_leads_to_every_notebook():
    links_there = re.findall(r"\[(\d\d)\]\(notebooks/(\w+)\.ipynb\)", README)
    assert links_there == [(page.name[:2], page.name) for page in NOTEBOOKS]
    assert len(README.splitlines()) <= 60


def test_the_start_page_counts_the_notebooks():
    (count,) = re.findall(r"(\d+) notebooks are here now", " ".join(t for _, t in START.markdown()))
    assert int(count) == len(NOTEBOOKS)


def test_the_check_of_the_teachers_page_counts_the_cells():
    """`20 passed`: nbval runs one test per code cell."""
    command = "--nbval-lax --nbval-current-env notebooks/00_start_here.ipynb"
    text = (ROOT / "docs" / "teaching.md").read_text()
    assert command in text and f"`{len(list(START.code()))} passed`" in text


# Notation


def test_the_short_notation_table_is_part_of_the_long_one():
    long = rows((ROOT / "docs" / "notation.md").read_text())
    (table,) = (text for _, text in START.markdown() if "| symbol | in code |" in text)
    short = rows(table)
    assert len(short) > 8
    for row in short:
        assert row in long, row


def test_no_symbol_stands_in_the_notation_twice():
    symbols = [row[0] for row in rows((ROOT / "docs" / "notation.md").read_text())]
    symbols = [s for s in symbols if s not in ("symbol", r"$\pm$", "")]
    assert len(symbols) == len(set(symbols))


# Python


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A folder with a table of tracks, and networks that are trained for a moment only."""
    short = functools.partial(
        inference.infer_entropy_production, members=2, steps=20, progress=False
    )
    monkeypatch.setattr(inference, "infer_entropy_production", short)
    monkeypatch.chdir(tmp_path)
    tracks = simulate(BeadSpring(), 40, 250, 0.05, generator=make_generator(0))
    lines = [
        f"{i},{t:.2f},{x:.5f},{y:.5f}"
        for i, path in enumerate(tracks.x.tolist())
        for t, (x, y) in zip(tracks.times.tolist(), path, strict=True)
    ]
    Path("tracks.csv").write_text("\n".join(["trajectory,time,x,y", *lines]) + "\n")
    frames = bead_camera(BeadSpring())(tracks.x[:12, :61].flatten(0, 1)).byte().numpy()
    first, *rest = (Image.fromarray(frame) for frame in frames)
    first.save("film.tif", save_all=True, append_images=rest)


@pytest.mark.slow
def test_the_lines_of_the_readme_and_for_your_own_data_run(quick, capsys):
    found: dict[str, Any] = {}  # each block goes on from the one before
    for block in (*blocks("README.md", "python"), *blocks("docs/your_data.md", "python")):
        lines = [x for x in block.splitlines() if x and not x.startswith(("from ", "import "))]
        assert len(lines) <= 6
        exec(block.replace("1000, n_steps=1000", "50, n_steps=200"), found)
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"-?\d+\.\d\d ± \d+\.\d\d, exact 2\.0[23]", said[0])
    assert re.fullmatch(r"\S+ ± \S+ per unit time \(held-out bound \S+\)", said[3])
    for i, page in ((1, "README.md"), (2, "docs/your_data.md")):
        assert f"{said[i]}\n" in blocks(page, "text")
    assert any(line.startswith("drift and diffusion from") for line in said)
    assert found["movie"].x.shape == (50, 14)
    assert found["motion"].drift.std(found["states"]).shape == (5, 2)
    assert accuracy(found["network"], found["held_out"]) > 0.9


@pytest.mark.slow
def test_the_linear_model_of_the_estimators_page_finds_the_exact_rate(capsys):
    """The rate is a square of the current, whose relative error is √(2/(σ̇T)) or more in a time T
    (uncertainty relation): 2 √(2/(σ̇T)) = 2.0 % here, as over twelve draws; K of it allowed."""
    (block,) = blocks("docs/estimators.md", "python")
    trajectories = simulate(BeadSpring(), 1000, 1000, 0.01, generator=make_generator(0))
    found = {"trajectories": trajectories}
    exec(block, found)
    exact = BeadSpring().entropy_production_rate()
    assert abs(found["model"].entropy_production_rate() / exact - 1) < K * 0.02
    shifted = {"trajectories": Trajectories(trajectories.x + 5, trajectories.dt)}
    exec(block, shifted)
    torch.testing.assert_close(shifted["model"].A, found["model"].A, rtol=1e-3, atol=1e-3)


def test_the_estimators_page_names_what_is_there():
    text = (ROOT / "docs" / "estimators.md").read_text()
    names = (
        "finite_time_tur short_time_tur gaussian_plugin word_plugin first_passage_ratio knn_plugin"
    )
    names += " infer_entropy_production infer_langevin predict_paths"
    for name in names.split():
        assert f"`{name}`" in text and hasattr(inference, name)


@pytest.mark.slow
def test_the_picture_of_the_readme_can_be_made_again(monkeypatch, tmp_path: Path):
    assert "](docs/overview.png)" in README and "python docs/make_overview.py" in README
    monkeypatch.setenv("STOCHPHYS_SIZE", "quick")
    monkeypatch.setattr(sys, "argv", ["make_overview.py", str(tmp_path / "overview.png")])
    threads = torch.get_num_threads()
    try:
        runpy.run_path(str(ROOT / "docs" / "make_overview.py"))
    finally:
        torch.set_num_threads(threads)
        plt.close("all")
        plt.rcdefaults()
    assert (
        plt.imread(tmp_path / "overview.png").shape == plt.imread(ROOT / "docs/overview.png").shape
    )
