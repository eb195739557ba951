"""One word stands for one thing: what the names of the package promise its readers."""

import ast
import inspect
from collections import defaultdict
from pathlib import Path

import pytest
import torch

import stochphys
from stochphys import inference
from stochphys.course.studies.digits import paired_gain
from stochphys.estimate import Averages, Estimate
from stochphys.inference.predict import PredictedRate

FILES = sorted(Path(stochphys.__file__).parent.rglob("*.py"))


def test_no_two_classes_or_types_share_a_name():
    places = defaultdict(list)
    for path in FILES:
        module = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(path.name)
        for node in module.body:  # names of types, such as Basis
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                if name[0].isupper() and not name.isupper():
                    places[name].append(path.name)
    assert len(places) > 100  # they were found at all
    assert not {name: where for name, where in places.items() if len(where) > 1}


def test_whatever_estimates_a_rate_returns_an_estimate():
    """None returns a bare pair. Those that do give two exact numbers, or two of a comparison."""
    names = (
        "finite_time_tur short_time_tur gaussian_plugin word_plugin first_passage_ratio knn_plugin"
    )
    for name in (*names.split(), "infer_entropy_production", "entropy_production_rate"):
        function = getattr(inference, name)
        assert issubclass(inspect.signature(function).return_annotation, Estimate), name
    pairs = {
        node.name
        for path in FILES
        if path.parent.name in ("inference", "systems", "simulators", "models")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.returns and node.name[0] != "_"
        and ast.unparse(node.returns) == "tuple[float, float]"
    }  # fmt: skip
    assert pairs == {"jumps_and_waiting", "r_squared_and_slope"}


def test_any_estimate_is_taken_apart_as_averages_are():
    words = inference.words.WordEstimate(rate=0.05, std=0.01, half=0.06, unseen=0.0)
    predicted = PredictedRate.of(2.0, torch.tensor([1.0, 2.0, 3.0]), 0.5)
    for estimate in (Estimate(0.05, 0.01, ("Slow camera.",)), words, predicted):
        rate, std = estimate
        assert (rate, std) == (estimate.rate, estimate.std)
    mean, std = Averages(torch.tensor(1.0), torch.tensor(0.1))
    assert mean > std


def test_an_estimate_prints_itself_in_one_line_of_words_and_its_warnings_below():
    assert str(Estimate(0.93, 0.05)) == "0.93 ± 0.05 per unit time"
    doubtful = Estimate(2.0254, 0.0312, ("Slow camera.", "Little data."))
    assert str(doubtful) == "2.025 ± 0.031 per unit time\nSlow camera.\nLittle data."
    with pytest.raises(TypeError, match="tuple of sentences, got 'Slow camera.'"):
        Estimate(2.0, 0.1, "Slow camera.")
    words = inference.words.WordEstimate(rate=0.05, std=0.01, half=0.06, unseen=0.0)
    assert str(words) == "0.05 ± 0.01 per unit time"
    assert str(paired_gain([1.0, 2.0, 3.0], [0.0, 0.0, 0.0])) == "+2 ± 2.5"
