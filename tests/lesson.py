"""Functions and classes of a lesson, taken from the stored notebook itself, so that lesson and
package cannot drift apart unseen."""

import ast
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def sources(notebook: str, kind: str = "code") -> list[str]:
    """The text of each cell of that kind, read without the packages of the course."""
    cells = json.loads((NOTEBOOKS / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


def written(notebook: str, *names: str) -> dict[str, str]:
    """The source of each of these functions and classes, written once and at the top of a cell."""
    found: dict[str, str] = {}
    for source in sources(notebook):
        if any(f" {name}(" in source for name in names):
            for node in ast.parse(source).body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in names:
                    assert node.name not in found, f"{node.name} is written twice"
                    found[node.name] = ast.unparse(node)
    assert found.keys() == set(names), f"{set(names) - found.keys()} are not in {notebook}"
    return found


def inline(
    notebook: str, *names: str, spoil: tuple[str, str] | None = None, **scope: Any
) -> SimpleNamespace:
    """These functions and classes, run with what they take from elsewhere in `scope`; spoilt, they
    have a wrong text where the right one stood, which a test of them must notice."""
    source = "\n".join(written(notebook, *names).values())
    if spoil is not None:
        assert spoil[0] in source
        source = source.replace(*spoil)
    exec(source, scope)
    return SimpleNamespace(**{name: scope[name] for name in names})
