"""Imports point down: the course stands on the systems, they on the library, and nothing looks up."""

import ast
from pathlib import Path

import stochphys

ROOT = Path(stochphys.__file__).parent
FLOORS = [  # from the ground up; what stands on one line may know one another
    {"brief", "device"},
    {"require", "estimate"},
    {"io", "paths"},
    {"data"},
    {"movie"},
    {"simulators"},
    {"models"},
    {"training"},
    {"inference"},
    {"widgets"},
    {"systems"},
    {"course"},
]
HEIGHT = {name: height for height, names in enumerate(FLOORS) for name in names}


def imported(path: Path) -> set[str]:
    """The parts of the package, files or folders of its first level, that a file imports."""
    package = ("stochphys", *path.relative_to(ROOT).parts[:-1])
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else ()
            module = (*base, *(node.module or "").split("."))
            modules = [(*filter(None, module), alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            modules = [tuple(alias.name.split(".")) for alias in node.names]
        else:
            continue
        found |= {name[1] for name in modules if name[0] == "stochphys" and len(name) > 1}
    return found & HEIGHT.keys()


def test_nothing_imports_what_stands_above_it():
    upwards, seen = [], set()
    for path in ROOT.rglob("*.py"):
        own = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if own in HEIGHT:
            seen |= (below := imported(path))
            upwards += [f"{path.name}: {n}" for n in below if HEIGHT[n] > HEIGHT[own]]
    assert not upwards
    assert len(seen) > 10  # they were found at all


def test_every_part_has_its_floor():
    parts = {p.stem for p in ROOT.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert parts == HEIGHT.keys() | {"__init__"}
