"""The setup cell on Colab, with Colab's own IPython, kernel and ipywidgets.

A stand-in: an environment with these old versions, which sees the heavy libraries of the one that
runs the tests but not the package, and a `google.colab` that is imported before the first cell,
as Colab's kernel does. The network step becomes a git repository on this disk, at the same tag.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")

from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from tests.notebook_rules import REPOSITORY, SETUP_CELL, VERSION

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
# What all of Colab's runtimes from 2025.07 on have, and what only these old versions need.
COLAB = {
    "ipykernel": "6.17.1",
    "ipython": "7.34.0",
    "ipywidgets": "7.7.1",
    "jupyter-client": "7.4.9",
    "traitlets": "5.7.1",
}
WITH_THEM = ["backcall", "decorator", "ipython-genutils", "pickleshare"]
RESTART = "Note: you may need to restart the kernel to use updated packages.\n"  # %pip says always
EXPLORE = """\
import IPython
import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import stochphys
from stochphys.widgets import explore


def draw(gamma=0.5):
    figure, axes = plt.subplots()
    t = np.linspace(0, 10)
    axes.plot(t, np.exp(-gamma * t))
    return figure


explorer = explore(draw, alt="It decays.", gamma=(0.0, 2.0, 0.1))
before = explorer.image.value
explorer.controls["gamma"].value = 2.0
assert explorer.image.value != before, "the slider moved, the figure did not change"
"""


@pytest.fixture(scope="module")
def colab(pytestconfig: pytest.Config) -> Path:
    """The environment, kept between runs; the package itself is never in it."""
    folder = Path(pytestconfig.cache.mkdir("colab")) / f"python{sys.version_info.minor}"
    packages = [f"{name}=={version}" for name, version in COLAB.items()] + WITH_THEM
    wanted, done = "\n".join(packages), folder / "done"
    if not done.exists() or done.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "-qq", "--no-deps"]
        answer = subprocess.run([*pip, *packages], capture_output=True, text=True)
        if answer.returncode:
            message = f"Colab's versions cannot be installed: {answer.stderr.strip()[-300:]}"
            pytest.fail(message) if "CI" in os.environ else pytest.skip(message)
        site = next(folder.glob("lib/python*/site-packages"))
        (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
        (site / "google" / "colab").mkdir(parents=True)
        (site / "google" / "colab" / "__init__.py").touch()
        (site / "colab.pth").write_text("import google.colab  # as Colab's kernel does\n")
        done.write_text(wanted)
    for old in folder.glob("lib/python*/site-packages/stochphys*"):
        shutil.rmtree(old)
    return folder


def git_repository(folder: Path) -> str:
    """What GitHub holds at the tag, on this disk."""
    folder.mkdir()
    for name in ("stochphys", "pyproject.toml", "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    git = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"], ["tag", f"v{VERSION}"]):
        subprocess.run([*git, *command], check=True)
    return f"file://{folder}"


def test_the_setup_cell_and_explore_work_on_colab(
    colab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    source = f"https://github.com/{REPOSITORY}"
    assert f"git+{source}@v{VERSION}" in SETUP_CELL
    setup = SETUP_CELL.replace(source, git_repository(tmp_path / "repository"))
    versions = "print(IPython.__version__, ipywidgets.__version__, stochphys.__file__)"
    cells = [new_code_cell(text) for text in (setup, EXPLORE, versions, setup)]
    run_in_the_kernel_of(colab, new_notebook(cells=cells), tmp_path, monkeypatch)

    first, figure, versions, second = (cell.outputs for cell in cells)
    assert second[0].text.startswith(f"stochphys {VERSION}, ")
    assert second[0].text.count("\n") == 1, "one line"
    assert len(second) == 1, "nothing is fetched a second time"
    assert "".join(output.text for output in first) == RESTART + second[0].text
    (shown,) = figure
    assert "image/png" in shown.data
    assert "application/vnd.jupyter.widget-view+json" in shown.data
    ipython, ipywidgets, package = versions[0].text.split()
    assert (ipython, ipywidgets) == (COLAB["ipython"], COLAB["ipywidgets"])
    assert Path(package).is_relative_to(colab)


def run_in_the_kernel_of(
    environment: Path,
    notebook: nbformat.NotebookNode,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = folder / "jupyter" / "kernels" / "colab" / "kernel.json"
    spec.parent.mkdir(parents=True)
    python = environment / "bin" / "python"
    spec.write_text(
        f'{{"argv": ["{python}", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"], '
        '"display_name": "Colab", "language": "python"}'
    )
    monkeypatch.setenv("JUPYTER_PATH", str(folder / "jupyter"))
    monkeypatch.setenv("PATH", f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    content = folder / "content"  # on Colab a notebook stands alone
    content.mkdir()
    NotebookClient(
        notebook,
        kernel_name="colab",
        timeout=120,
        resources={"metadata": {"path": str(content)}},
    ).execute()
