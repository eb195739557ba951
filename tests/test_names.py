"""What docstrings, pages and notebooks name in backticks exists: `Movie.load`, `fit(…)`, `Windows`.

A name with a dot, with a call or with a capital letter is looked up among all that the package
defines and imports. A variable, such as the `movie` of `movie.dt`, may be anything of the package
that has the attribute.
"""

import ast
import builtins
import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name, walk_packages
from typing import Any

import pytest

pytest.importorskip("ipywidgets")  # names of the figures are among them

import benchmarks
import stochphys
from tests.lesson import sources

ROOT = Path(__file__).parents[1]
CODE = [p for name in ("stochphys", "benchmarks", "tools") for p in ROOT.glob(f"{name}/**/*.py")]
TEXTS = [*CODE, *ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("notebooks/*.ipynb")]
NAME = re.compile(r"`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(\([^`]*\))?`")
FILE = re.compile(r"\.(cff|csv|gif|gz|ipynb|jpg|json|md|mp4|npy|npz|pt|py|tif|toml|txt|yml)$")
DEFINITION = ast.ClassDef | ast.FunctionDef
ELSEWHERE = {
    "check_NM_k": "stands for the name of any check",
    "image.value": "of a widget",
    "remember": "a learner writes it",
}


# What there is


@cache
def known() -> dict[str, list[Any]]:
    """Objects of package and benchmarks, and what they import, by name; modules by theirs."""
    found: dict[str, list[Any]] = defaultdict(list, stochphys=[stochphys])
    for package in (stochphys, benchmarks):
        for info in walk_packages(package.__path__, f"{package.__name__}."):
            last = info.name.rpartition(".")[2]
            if last != "__main__":
                module = import_module(info.name)
                for name, value in [(last, module), *vars(module).items()]:
                    found[name].append(value)
    return found


@cache
def attributes(owner: Any) -> set[str]:
    """Of a module, of a class and of what it makes."""
    names = set(dir(owner))
    for kind in getattr(owner, "__mro__", ()):
        if kind.__module__.startswith("stochphys"):
            names |= vars(kind).get("__annotations__", {}).keys()
            names |= set(re.findall(r"\bself\.(\w+)", inspect.getsource(kind)))
    return names


@cache
def anywhere() -> set[str]:
    """The attributes of all classes and modules."""
    owners = [v for vs in known().values() for v in vs if inspect.isclass(v) or inspect.ismodule(v)]
    return set().union(*map(attributes, owners))


@cache
def defined(path: Path) -> set[str]:
    """The functions, classes and arguments of a file."""
    cells = sources(path.stem) if path.suffix == ".ipynb" else [path.read_text(encoding="utf-8")]
    names: set[str] = set()
    for tree in map(ast.parse, (cell for cell in cells if "%pip" not in cell)):
        nodes = list(ast.walk(tree))
        names |= {node.name for node in nodes if isinstance(node, DEFINITION)}
        names |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    return names


def of_another_package(name: str) -> bool:
    """By its full path, such as scipy.special.lambertw."""
    try:
        resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def exists(name: str, here: set[str]) -> bool:
    first, *rest = name.split(".")
    owners = known().get(first, [])
    if not rest:
        return first in here | anywhere() or bool(owners) or hasattr(builtins, first)
    if any(rest[0] in attributes(owner) for owner in owners) or of_another_package(name):
        return True
    a_package = any(hasattr(owner, "__path__") for owner in owners)
    a_variable = (first[0].islower() or len(first) == 1) and not a_package
    return a_variable and rest[0] in anywhere()


# What is said


def words(path: Path) -> Iterator[str]:
    """Docstrings of Python; the Markdown of pages and notebooks, without blocks of code."""
    if path.suffix == ".py":
        tree = ast.parse(path.read_text(encoding="utf-8"))
        nodes = [tree, *(node for node in ast.walk(tree) if isinstance(node, DEFINITION))]
        yield from (text for node in nodes if (text := ast.get_docstring(node)))
    else:
        a_notebook = path.suffix == ".ipynb"
        texts = sources(path.stem, "markdown") if a_notebook else [path.read_text(encoding="utf-8")]
        yield from (re.sub(r"^```.*?^```", "", text, flags=re.S | re.M) for text in texts)


def named(path: Path) -> set[str]:
    found = [match for text in words(path) for match in NAME.finditer(text)]
    looks = re.compile(r"\w+\.|[A-Z]\w*[a-z]")
    return {m[1] for m in found if (m[2] or looks.match(m[1])) and not FILE.search(m[1])}


@pytest.mark.slow
@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_is_named_exists(path: Path):
    here = set().union(*map(defined, CODE))
    if path.suffix == ".ipynb":
        here |= defined(path)
    assert not sorted(name for name in named(path) - ELSEWHERE.keys() if not exists(name, here))


@pytest.mark.parametrize(
    "name", ["Search.predict", "inference.plugin", "Ensembles", "movie.lengths"]
)
def test_what_does_not_exist_is_found(name: str):
    """`Search` has no `predict`; a module's, a class's and an attribute's name misspelt."""
    assert not exists(name, here=set())
