"""What is printed at a prompt is one line in words, not a screen of numbers."""

import inspect
import pkgutil
from dataclasses import fields, is_dataclass, replace
from importlib import import_module
from typing import Any

import pytest

pytest.importorskip("ipywidgets")  # those of the figures too

import torch
from torch import nn

import stochphys
from stochphys.data import Jumps, Paths, Trajectories, Windows
from stochphys.estimate import Estimate
from stochphys.inference.words import WordEstimate
from stochphys.movie import Movie

LARGE = torch.rand(50, 70, 60)


def dataclasses() -> list[type]:
    """All of the package, found by walking through its modules."""
    found = set()
    for module in pkgutil.walk_packages(stochphys.__path__, "stochphys."):
        members = vars(import_module(module.name)).values()
        kinds = (m for m in members if isinstance(m, type) and is_dataclass(m))
        found |= {kind for kind in kinds if not inspect.isabstract(kind)}
    ours = (kind for kind in found if kind.__module__.startswith("stochphys"))
    return sorted(ours, key=lambda kind: (kind.__module__, kind.__name__))


def value(annotation: str) -> Any:
    """Something large, or with an address, of about the kind that a field holds."""
    for word, large in (
        ("list[", [LARGE] * 30),
        ("dict[", {str(i): LARGE for i in range(30)}),
        ("tuple[str", ("A long sentence that warns of something. " * 5,) * 5),
        ("Tensor", LARGE),
        ("ndarray", LARGE.numpy()),
        ("str", "a path of many letters " * 20),
        ("int", 12),
        ("float", 0.25),
        ("bool", True),
        ("Module", nn.Linear(3, 3)),
    ):
        if word in annotation:
            return large
    return lambda x: x  # a basis, a posterior, a function drawn from it


def holds_much(kind: type) -> bool:
    """Whether a field holds more than numbers and words; paths are below, with numbers of their own."""
    return not issubclass(kind, Paths) and not all(
        isinstance(value(str(f.type)), int | float | str | tuple) for f in fields(kind)
    )


@pytest.mark.parametrize(
    "kind", list(filter(holds_much, dataclasses())), ids=lambda kind: kind.__name__
)
def test_whatever_holds_tensors_prints_itself_in_one_short_line(kind: type) -> None:
    one = object.__new__(kind)
    for field in fields(kind):
        paths = (
            Trajectories(LARGE, 0.01) if kind is Windows and field.name == "trajectories" else None
        )
        object.__setattr__(one, field.name, paths or value(str(field.type)))
    text = repr(one)
    assert text.startswith(f"{kind.__name__}(")
    assert len(text) <= 200 and "\n" not in text
    assert "tensor(" not in text and "array(" not in text and " at 0x" not in text


@pytest.mark.parametrize("kind", dataclasses(), ids=lambda kind: kind.__name__)
def test_no_two_results_are_called_equal_by_a_part_of_them(kind: type) -> None:
    """Either all fields of a class are compared, or none: what holds tensors is equal to itself."""
    by_identity = kind.__eq__ is object.__eq__
    assert by_identity or "__eq__" in vars(kind)
    tensors = any(word in str(f.type) for f in fields(kind) for word in ("Tensor", "ndarray"))
    assert by_identity or not (tensors or issubclass(kind, Estimate))


def test_an_estimate_is_equal_to_itself_alone() -> None:
    words = WordEstimate(rate=0.05, std=0.01, half=0.06, unseen=0.0)
    assert words == words and words != replace(words)  # noqa: PLR0124
    assert len({words, words, replace(words)}) == 2


def test_paths_say_how_many_they_are() -> None:
    paths = Trajectories(torch.zeros(200, 1000, 2), 0.01)
    jumps = Jumps(torch.zeros(5, 30, dtype=torch.uint8), 3)
    movie = Movie.of(torch.zeros(4, 20, 16, 32, dtype=torch.uint8), 0.05)
    moving = Trajectories(torch.zeros(2, 3, 4).double(), 0.1, underdamped=True)
    assert [repr(data) for data in (paths, moving, jumps, movie, Windows(paths, 2))] == [
        "Trajectories(x=float32 200×1000×2, dt=0.01, underdamped=False)",
        "Trajectories(x=float64 2×3×4, dt=0.1, underdamped=True)",
        "Jumps(x=uint8 5×30, n_states=3, waiting=None)",
        "Movie(reel=uint8 80×16×32, dt=0.05, x=int64 4×20)",
        "Windows(trajectories=Trajectories(…), frames=2, every=1, draws=None)",
    ]
    timed = Jumps(jumps.x, 3, torch.ones(5, 30))
    assert repr(timed) == "Jumps(x=uint8 5×30, n_states=3, waiting=float32 5×30)"
