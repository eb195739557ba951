"""Every way in: pinned versions, `make`, the three plain commands, Binder.

The heavy packages are not downloaded a second time: an environment under test sees those of the
environment that runs the tests. That the pins can be installed at all, that one proves itself.
"""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import tomllib
from importlib.metadata import version as installed_version
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

pytest.importorskip("nbformat")

from packaging.requirements import Requirement
from packaging.version import Version

import stochphys
from tests.notebook_rules import VERSION

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOT_OURS = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", ".*_cache", "*.egg-info", "shared"
)


def pins(file: str) -> dict[str, Version]:
    """Name and exact version of each line; fails where a line is not an exact pin."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / file).read_text().splitlines()]
    found = {}
    for line in lines:
        if line and not line.startswith("-"):
            requirement = Requirement(line)
            (specifier,) = requirement.specifier
            assert specifier.operator == "==", f"{file}: {line} is not an exact version"
            found[requirement.name] = Version(specifier.version)
    return found


LEARNER, TESTS = pins("requirements.txt"), pins("requirements-test.txt")
RANGES = {
    (requirement := Requirement(line)).name: requirement.specifier
    for line in (
        *PROJECT["dependencies"],
        *PROJECT["optional-dependencies"]["course"],
        *PROJECT["optional-dependencies"]["data"],
        *PROJECT["optional-dependencies"]["dev"],
    )
}


# Versions


@pytest.mark.parametrize("name", sorted(RANGES))
def test_range_has_a_floor_and_a_ceiling_and_holds_the_pin(name: str):
    operators = {specifier.operator for specifier in RANGES[name]}
    assert operators == {">=", "<"}
    assert (LEARNER | TESTS)[name] in RANGES[name]


def test_pins_are_the_projects_dependencies_and_each_stands_once():
    assert not LEARNER.keys() & TESTS.keys()
    development = {Requirement(r).name for r in PROJECT["optional-dependencies"]["dev"]}
    assert TESTS.keys() == development
    assert LEARNER.keys() - RANGES.keys() == {"jsonschema"}


@pytest.mark.parametrize(("name", "pin"), sorted((LEARNER | TESTS).items()))
def test_the_tests_run_with_the_pinned_version(name: str, pin: Version):
    assert Version(installed_version(name)).public == pin.public


def test_one_version_number_everywhere():
    citation = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.M)
    assert citation is not None
    assert {PROJECT["version"], stochphys.__version__, citation[1]} == {VERSION}


# make


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The tree without what a clone does not have, and only this Python in reach by its name."""
    tree = tmp_path / "stochphys"
    shutil.copytree(ROOT, tree, ignore=NOT_OURS)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(Path(sys._base_executable).resolve())
    return tree


def environment(tree: Path, **more: str) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return inherited | {"PATH": f"{tree.parent / 'bin'}:{os.environ['PATH']}"} | more


def make_environment(tree: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """`make environment`, where pip only says what it is asked to do."""
    settings = {"PIP": "echo pip install", **variables}
    return subprocess.run(
        ["make", "environment", *(f"{name}={value}" for name, value in settings.items())],
        cwd=tree,
        env=environment(tree),
        text=True,
        capture_output=True,
    )


@pytest.mark.slow
def test_make_says_what_is_wrong_with_an_environment_and_mends_it(copy: Path):
    def make() -> str:
        answer = make_environment(copy)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    installs = "pip install -r requirements.txt\npip install --no-deps --no-build-isolation -e .\n"
    fresh = make()
    assert fresh.startswith("Making .venv.") and fresh.endswith(installs)
    assert make() == "", "a second run has nothing to do"

    (copy / ".venv" / ".stamp").unlink()  # what an interrupted installation looks like
    assert make() == (
        ".venv is unfinished or does not match requirements.txt: installing over it.\n" + installs
    )
    with (copy / "requirements.txt").open("a") as file:
        file.write("# a new pin\n")
    assert "does not match requirements.txt" in make()
    assert make() == ""

    (copy / ".venv" / "bin" / "python").unlink()  # what an upgrade of the system's Python does
    assert make() == (
        ".venv is broken, its Python or pip does not start: making it anew.\n" + installs
    )
    assert make() == ""


def test_make_refuses_an_old_python_by_name(copy: Path):
    old = copy.parent / "bin" / "python3.9"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    answer = make_environment(copy, PYTHON="python3.9")
    assert answer.returncode != 0
    assert "needs Python 3.11 or newer" in answer.stdout
    assert not (copy / ".venv").exists()


def test_help_lists_every_command(copy: Path):
    commands = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert commands is not None
    steps = {"help", "lint", "environment", "test-tools"}
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=copy, check=True, text=True, capture_output=True
    ).stdout
    assert {line.split()[1] for line in listed.splitlines()} == {*commands[1].split()} - steps


# The three plain commands of the page on installing


def plain_commands(language: str) -> list[str]:
    blocks = re.findall(
        r"<!-- plain-commands -->\s*```(\w+)\n(.*?)```",
        (ROOT / "docs/install.md").read_text(),
        re.S,
    )
    return dict(blocks)[language].strip().splitlines()


def test_the_plain_commands_are_the_same_on_windows():
    windows = [
        line.replace("python3", "py", 1)
        .replace(".venv/bin/", ".venv\\Scripts\\")
        .replace("notebooks/", "notebooks\\")
        for line in plain_commands("bash")
    ]
    assert plain_commands("powershell") == windows


@pytest.mark.slow
def test_the_plain_commands_open_the_course(copy: Path):
    create, install, open_lab = plain_commands("bash")
    home, token = copy.parent / "jupyter", "a-token-for-this-test"
    subprocess.run(shlex.split(create), cwd=copy, env=environment(copy), check=True)
    borrow_packages(copy / ".venv")
    subprocess.run(shlex.split(install) + ["-qq"], cwd=copy, env=environment(copy), check=True)
    where = "import stochphys; print(stochphys.__file__)"
    python = copy / ".venv" / "bin" / "python"
    found = subprocess.run(
        [python, "-c", where], cwd="/", env=environment(copy), check=True, capture_output=True
    )
    assert Path(found.stdout.decode().strip()).is_relative_to(copy)

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = home / "config" / "jupyter_server_config.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"ServerApp": {"open_browser": False, "allow_root": True}}))
    server = subprocess.Popen(
        shlex.split(open_lab),
        cwd=copy,
        env=environment(
            copy,
            JUPYTER_CONFIG_DIR=str(config.parent),
            JUPYTER_RUNTIME_DIR=str(home),
            JUPYTERLAB_WORKSPACES_DIR=str(home),
            JUPYTER_TOKEN=token,
            JUPYTER_PORT=str(port),
        ),
        stdin=subprocess.DEVNULL,
        stdout=(log := copy.parent / "lab.log").open("w"),
        stderr=subprocess.STDOUT,
    )
    try:
        deadline = time.monotonic() + 90
        while True:
            try:
                with urlopen(f"http://127.0.0.1:{port}/api/status?token={token}", timeout=10) as up:
                    assert up.status == 200
                break
            except (URLError, ConnectionError):
                assert server.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.3)
        page = f"http://127.0.0.1:{port}/api/contents/notebooks/00_start_here.ipynb?content=0"
        with urlopen(f"{page}&token={token}", timeout=30) as notebook:
            assert json.load(notebook)["path"] == "notebooks/00_start_here.ipynb"
    finally:
        server.terminate()
        server.wait(30)


def borrow_packages(venv: Path) -> None:
    """Let a new environment see the packages of this one, as if they were installed in it."""
    ours = Path(sysconfig.get_path("purelib"))
    (theirs,) = venv.glob("lib/python*/site-packages")
    (theirs / "borrowed.pth").write_text(f"{ours}\n")
    for folder in ("share", "etc"):
        (venv / folder).mkdir(exist_ok=True)
        (venv / folder / "jupyter").symlink_to(Path(sys.prefix) / folder / "jupyter")


# Binder


def test_binder_installs_the_same_versions_with_torch_for_the_cpu():
    binder = pins("binder/requirements.txt")
    assert binder.pop("torch") == Version(f"{LEARNER['torch']}+cpu")
    on_every_binder = {"ipywidgets", "jupyterlab", "jsonschema", "nbval"}
    expected = {name: pin for name, pin in LEARNER.items() if name not in on_every_binder}
    assert binder == {name: pin for name, pin in expected.items() if name != "torch"}


def test_binder_runs_a_python_that_the_package_accepts():
    python = (ROOT / "binder" / "runtime.txt").read_text().strip().removeprefix("python-")
    assert Version(python) in Requirement(f"python{PROJECT['requires-python']}").specifier


def test_binder_scripts_are_sound_and_give_one_thread():
    for script in (ROOT / "binder" / "postBuild", ROOT / "binder" / "start"):
        subprocess.run(["bash", "-n", script], check=True)
        assert os.access(script, os.X_OK)
    command = [ROOT / "binder" / "start", "printenv", "OMP_NUM_THREADS"]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b"1\n"
    install = (ROOT / "binder" / "postBuild").read_text().splitlines()[-1]
    assert install.startswith("pip install") and install.endswith("--no-deps -e .")


@pytest.mark.slow
def test_binder_builds_from_the_folder(copy: Path):
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(copy)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    dockerfile = answer.stdout + answer.stderr
    for step in (
        'pip install --no-cache-dir -r "binder/requirements.txt"',
        "RUN ./binder/postBuild",
        'R2D_ENTRYPOINT="${REPO_DIR}/binder/start"',
    ):
        assert step in dockerfile
    assert re.search(r"environment\S*3-2e11", dockerfile), "not Python 3.11"
