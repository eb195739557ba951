"""Every notebook runs from top to bottom in the size for slow machines, solutions included."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")

from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
EVERY_DAY = ("16_predictions", "22_why_a_network", "41_search_with_resetting")  # all: 5 minutes


def by_name(path: Path):
    weight = pytest.mark.slow if path.stem in EVERY_DAY else pytest.mark.weekly
    return pytest.param(path, marks=weight, id=path.stem)


@pytest.mark.parametrize("path", [by_name(path) for path in sorted(FOLDER.glob("*.ipynb"))])
def test_a_notebook_runs_in_the_quick_size(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STOCHPHYS_SIZE", "quick")
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(FOLDER)}}
    NotebookClient(notebook, kernel_name="python3", timeout=300, resources=resources).execute()
