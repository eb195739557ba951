"""A notebook alone, without the package: its first cell gives the line that installs it.

As on Kaggle, on Deepnote or in a folder on a desk. The environment sees the libraries of the one that
runs the tests, but not the package; what GitHub holds at the tag is a repository on this disk.
"""

import os
import re
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

pytest.importorskip("IPython")

from tests.notebook_rules import REPOSITORY, SETUP_CELL, VERSION
from tests.test_colab import git_repository

pytestmark = pytest.mark.slow
RUN = """\
import sys
from IPython.core.interactiveshell import InteractiveShell

for cell in sys.argv[1:]:
    InteractiveShell.instance().run_cell(cell)
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    folder = tmp_path / "environment"
    venv.create(folder, with_pip=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"


def run(python: Path, folder: Path, *cells: str, **git: str) -> str:
    """What the cells print in a folder that holds the notebook alone."""
    folder.mkdir(exist_ok=True)
    environment = {"HOME": str(folder), "PATH": f"{python.parent}:/usr/bin:/bin"} | git
    answer = subprocess.run(
        [python, "-c", RUN, *cells], cwd=folder, env=environment, text=True, capture_output=True
    )
    return re.sub(r"\x1b\[[\d;]*m", "", answer.stdout)


def test_alone_it_gives_the_line_and_the_line_brings_the_package(python: Path, tmp_path: Path):
    source = f"git+https://github.com/{REPOSITORY}@v{VERSION}"
    desk = tmp_path / "desk"
    (tmp_path / "stochphys").mkdir()  # a folder of that name beside it is no package
    said = run(python, desk, SETUP_CELL).splitlines()[-1]
    line = f'%pip install "stochphys[course] @ {source}"'
    assert said.startswith("ImportError: ") and said.endswith(f"restart the kernel: {line}")

    from_disk = f"url.{git_repository(tmp_path / 'repository')}.insteadOf"
    git = dict(GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0=from_disk)
    installed = run(
        python, desk, line, GIT_CONFIG_VALUE_0=f"https://github.com/{REPOSITORY}", **git
    )
    if "Successfully installed" not in installed:  # what builds a package comes from the network
        message = f"the package cannot be installed: {installed[-300:]}"
        pytest.fail(message) if "CI" in os.environ else pytest.skip(message)
    assert run(python, desk, SETUP_CELL).startswith(f"stochphys {VERSION}, ")


def test_in_the_course_it_finds_the_package_beside_its_folder(python: Path, tmp_path: Path):
    (tmp_path / "stochphys").symlink_to(Path(__file__).parents[1] / "stochphys")
    assert run(python, tmp_path / "notebooks", SETUP_CELL).startswith(f"stochphys {VERSION}, ")
