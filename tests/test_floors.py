"""A house of three floors: the library, above it the systems of the papers, above them the course.

Imports point down, from floor to floor and from room to room, and never go in a circle: whoever
reads a file needs to know what lies below it, and nothing else.
"""

import ast
import inspect
import pydoc
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name

import pytest

import stochphys
from tests.lesson import NOTEBOOKS, sources

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "stochphys"
FILES = sorted(path.relative_to(ROOT) for path in PACKAGE.rglob("*.py"))

# From the ground up: a line may import from the lines above it, and from itself.
ROOMS = (
    ("brief", "require", "device", "estimate", "io"),
    ("stretches", "paths", "jumps", "data", "movie"),
    ("simulators",),
    ("models",),
    ("training",),
    ("inference",),
    ("widgets",),
    ("systems",),
    ("course",),
)
HEIGHT = {room: height for height, rooms in enumerate(ROOMS) for room in rooms}
TOP = "stochphys.course"


def module_of(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def room_of(module: str) -> str:
    """The name of a room of the package; empty for the package itself."""
    return (module.split(".") + [""])[1]


def imports(path: Path, source: str | None = None) -> set[str]:
    """The modules of the package that a file imports, wherever in it, for types alone too."""
    found: set[str] = set()
    package = path.parent.parts
    for node in ast.walk(ast.parse(source or (ROOT / path).read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):  # whoever holds the package itself can reach all of it
            names = [TOP if alias.name == "stochphys" else alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            home = ".".join([*base, *([node.module] if node.module else [])])
            lazy = stochphys._HOMES if home == "stochphys" else {}
            inside = [f"{home}.{lazy.get(alias.name, alias.name)}" for alias in node.names]
            names = [name if name in MODULES else home for name in inside]
        found |= {name for name in names if name.split(".")[0] == "stochphys"}
    return found


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_point_down(path: Path):
    here = room_of(module_of(path))
    for module in imports(path):
        there = room_of(module)
        if here and there:  # the package itself has no place: it passes on what it is asked for
            assert HEIGHT[there] <= HEIGHT[here], f"{path} imports {module}"


def circle() -> list[str]:
    """Modules that import each other, if there are any; a face counts as what it imports."""
    graph = {name: imports(path) - {name} for name, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_circles():
    assert circle() == []


def test_every_room_has_a_place():
    rooms = {room_of(module) for module in MODULES} - {""}
    assert rooms == set(HEIGHT)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_is_read_in_one_sitting(path: Path):
    assert len((ROOT / path).read_text(encoding="utf-8").splitlines()) <= 300


def test_an_arrow_that_points_up_is_found():
    path = Path("stochphys/inference/entropy.py")
    assert imports(path, "from ..systems import BeadSpring") == {"stochphys.systems"}
    assert imports(path, "from .. import systems") == {"stochphys.systems"}
    assert imports(path, "from stochphys import fit, __version__") == {
        "stochphys.training",
        "stochphys",
    }
    assert imports(path, "import stochphys as sp") == {TOP}
    assert imports(path, "def f():\n    import stochphys.course.page") == {"stochphys.course.page"}
    assert HEIGHT["systems"] > HEIGHT["inference"]


# The faces


@pytest.mark.parametrize("page", [path.stem for path in NOTEBOOKS.glob("*.ipynb")])
def test_what_a_page_takes_from_the_package_is_there(page: str):
    """Names that it imports, and names that it takes from a module of the package."""
    pytest.importorskip("ipywidgets")
    cells = (re.sub(r"^(\s*)%.*$", r"\1pass", cell, flags=re.M) for cell in sources(page))
    nodes = [node for cell in cells for node in ast.walk(ast.parse(cell))]
    modules = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stochphys"):
            for alias in node.names:
                thing = resolve_name(f"{node.module}.{alias.name}")
                if inspect.ismodule(thing):
                    modules[alias.asname or alias.name] = thing
    assert modules
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            home = modules.get(node.value.id)
            assert home is None or hasattr(home, node.attr), f"{node.value.id}.{node.attr}"


def test_the_page_of_the_package_names_what_there_is():
    """`help(stochphys)`: each name once at the head of its line, each room in the text below."""
    text = stochphys.__doc__ or ""
    heads = [line.split("  ")[0] for line in map(str.strip, text.splitlines()) if "   " in line]
    assert sorted(
        name for head in heads for name in head.split(", ") if name in dir(stochphys)
    ) == (sorted(stochphys._HOMES))
    assert all(room in text for room in stochphys._ROOMS)
    page = pydoc.plain(pydoc.render_doc(stochphys))
    assert len(page.splitlines()) < 90


def test_what_the_package_passes_on_is_the_thing_itself():
    for name, home in stochphys._HOMES.items():
        thing = getattr(stochphys, name)
        assert thing is getattr(import_module(f"stochphys.{home}"), name)
        assert thing.__doc__
    assert {*stochphys._HOMES, *stochphys._ROOMS} < set(dir(stochphys))
    with pytest.raises(AttributeError, match="'stochphys' has no attribute 'infer_everything'"):
        _ = stochphys.infer_everything


def test_the_package_costs_nothing_until_it_is_asked():
    lines = (
        "import sys, stochphys as sp; assert not {'torch', 'numpy'} & sys.modules.keys();"
        "sp.systems.BeadSpring; sp.Trajectories; assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", lines], check=True, cwd=ROOT)
