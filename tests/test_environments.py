"""The package where the course is not installed: in a script, on a node of a cluster.

Each environment is a new one that sees, of the packages here, those alone that pip would bring:
what is asked for, and what these require in turn, as their own metadata say.
"""

import ast
import re
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CORE = [Requirement(line).name for line in PROJECT["dependencies"]]
NODE = [*CORE, "matplotlib", "scikit-learn", "pytest", "hypothesis"]  # a machine with a GPU
COURSE = ("course", "widgets")


def installed(names: list[str]) -> dict[str, Distribution]:
    """The distributions of that name here, and of all that they require on this machine."""
    found: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        if (name := waiting.pop()) not in found:
            found[name] = distribution(name)
            for requirement in map(Requirement, found[name].requires or []):
                marker = requirement.marker
                if marker is None or marker.evaluate({"extra": ""}):
                    waiting.append(requirement.name)
    return found


def environment(names: list[str], folder: Path) -> Path:
    """Its Python; the packages are links to the ones here."""
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for package in installed(names).values():
        for top in {file.parts[0] for file in package.files or []} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(package.locate_file(top))))
    return folder / "bin" / "python"


def run(python: Path, *arguments: str) -> str:
    """What it prints, from the root of the repository and without what this process was told."""
    answer = subprocess.run(
        [python, *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        text=True,
        capture_output=True,
    )
    assert answer.returncode == 0, (answer.stdout + answer.stderr)[-3000:]
    return answer.stdout


WORK = """\
import sys
import stochphys

assert "torch" not in sys.modules and "numpy" not in sys.modules, "heavy at import"
import stochphys.data, stochphys.device, stochphys.inference, stochphys.models, stochphys.movie
import stochphys.simulators, stochphys.training
from importlib.util import find_spec

missing = "IPython ipywidgets matplotlib PIL sklearn jupyterlab av tifffile pandas".split()
assert not any(map(find_spec, missing))

from torch import nn, randn
from torch.utils.data import TensorDataset

from stochphys.device import make_generator
from stochphys.inference import dissipation_map, infer_entropy_production, infer_langevin
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring, bead_camera
from stochphys.training import fit

generator = make_generator(0)
system = BeadSpring()
paths = simulate(system, 20, 100, 0.05, generator=generator)
short = dict(members=2, steps=5, generator=generator)
print(infer_entropy_production(paths, **short).compare(system))
print(infer_langevin(paths, generator=generator))
print(dissipation_map(infer_entropy_production(bead_camera(system).film(paths), **short)).mean.shape)

def square(model, batch):
    return (model(batch[0]) - batch[1]).square().mean()

data = TensorDataset(randn(100, 3, generator=generator), randn(100, 1, generator=generator))
print(fit(nn.Linear(3, 1), square, data, steps=5, generator=generator))
"""


@pytest.mark.slow
def test_what_pip_brings_for_the_package_alone_simulates_infers_films_and_trains(tmp_path: Path):
    said = run(environment(CORE, tmp_path), "-c", WORK)
    assert said.count("History(") == 1


@pytest.mark.slow
def test_on_a_node_without_jupyter_the_tests_are_found_and_the_benchmarks_start(tmp_path: Path):
    """A file about the course says that it skips: none that holds a test for a GPU."""
    python = environment(NODE, tmp_path)
    listed = run(python, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests")
    for name in re.findall(r"^SKIPPED .*(tests/\w+\.py)", listed, re.M):
        assert "mark.cuda" not in (ROOT / name).read_text(), f"{name} must run on a GPU"
    speed = [f"benchmarks.{file.stem}" for file in (ROOT / "benchmarks").glob("[a-z]*.py")]
    run(python, "-c", ", ".join(["import tests.budget", *speed]))


# Who imports whom


def modules() -> list[Path]:
    files = [p.relative_to(ROOT) for p in (ROOT / "stochphys").rglob("*.py")]
    return sorted(p for p in files if p.with_suffix("").parts[1] not in COURSE)


def imported(nodes: list[ast.stmt]) -> set[str]:
    """The packages that these lines import, wherever they do."""
    inside = [inner for outer in nodes for inner in ast.walk(outer)]
    names = [a.name for node in inside if isinstance(node, ast.Import) for a in node.names]
    absolute = [n for n in inside if isinstance(n, ast.ImportFrom) and not n.level]
    return {name.partition(".")[0] for name in [*names, *(n.module or "" for n in absolute)]}


@pytest.mark.parametrize("path", modules(), ids=str)
def test_a_module_of_the_package_needs_the_core_alone(path: Path):
    """At its top; a function may ask for more, as that which loads the digits of scikit-learn."""
    lines = ast.parse((ROOT / path).read_text()).body
    assert not imported(lines) & {"IPython", "ipywidgets", "matplotlib"}
    top = [line for line in lines if not isinstance(line, ast.FunctionDef)]
    assert imported(top) <= {*CORE, "stochphys", *sys.stdlib_module_names}
