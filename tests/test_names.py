"""One word stands for one thing: what the names of the package promise its readers."""

import ast
from collections import defaultdict
from pathlib import Path

import stochphys

FILES = sorted(Path(stochphys.__file__).parent.rglob("*.py"))


def test_no_two_classes_share_a_name():
    places = defaultdict(list)
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(path.name)
    assert len(places) > 100  # they were found at all
    assert not {name: where for name, where in places.items() if len(where) > 1}
