"""What a notebook starts with, and what its exercises answer."""

import re
from pathlib import Path

import pytest

pytest.importorskip("ipywidgets")

import numpy as np
import torch

from stochphys import course
from stochphys.course import exercises
from stochphys.course.exercises import check, grade, grading
from tools.run_studies import STUDIES


@pytest.fixture(autouse=True)
def default_size_and_threads(monkeypatch):
    monkeypatch.delenv("STOCHPHYS_SIZE", raising=False)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_setup_run_again_gives_the_same_numbers_and_the_same_weights():
    def numbers():
        generator = course.setup(seed=7, quiet=True)
        return torch.randn(5, generator=generator), torch.nn.Linear(3, 2).weight.detach()

    (x, weight), (x_again, weight_again) = numbers(), numbers()
    assert torch.equal(x, x_again) and torch.equal(weight, weight_again)


def test_what_pages_ask_of_the_course_is_there():
    pages = (Path(__file__).parents[1] / "notebooks").glob("*.ipynb")
    asked = {name for p in pages for name in re.findall(r"\bcourse\.(\w+)\(", p.read_text("utf-8"))}
    assert {"setup", "sizes"} <= asked
    assert not [name for name in asked if not hasattr(course, name)]


def test_setup_prints_one_line_or_nothing(capsys):
    generator = course.setup()
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    for word in ("stochphys", "Python", f"torch {torch.__version__}", "device", "sizes: default"):
        assert word in line
    assert generator.device.type == "cpu"
    course.setup(quiet=True)
    assert capsys.readouterr().out == ""


def test_setup_leaves_the_global_generator_of_numpy_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    course.setup(quiet=True)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_setup_leaves_torch_one_thread():
    torch.set_num_threads(2)
    course.setup(quiet=True)
    assert torch.get_num_threads() == 1


STEPS = dict(quick=dict(steps=20), default=dict(steps=1500), paper=dict(steps=100_000))


def test_the_scale_of_the_paper_is_one_argument_away(monkeypatch):
    assert course.sizes(**STEPS).steps == 1500
    monkeypatch.setenv("STOCHPHYS_SIZE", "quick")
    assert course.sizes(**STEPS).steps == 20
    assert course.sizes(**STEPS, size="paper").steps == 100_000
    assert course.sizes(**STEPS, size="paper").name == "paper"


def test_sizes_refuses_an_unknown_size(monkeypatch):
    with pytest.raises(ValueError, match="size must be one of quick, default, paper, got 'huge'"):
        course.sizes(**STEPS, size="huge")
    monkeypatch.setenv("STOCHPHYS_SIZE", "fast")
    with pytest.raises(ValueError, match="STOCHPHYS_SIZE must be one of .*'fast'"):
        course.sizes(**STEPS)
    with pytest.raises(ValueError, match="STOCHPHYS_SIZE"):
        course.setup()


def test_all_sizes_name_the_same_numbers():
    with pytest.raises(ValueError, match=r"same numbers; quick: \['n_steps'\]"):
        course.sizes(quick=dict(n_steps=1), default={}, paper={})


# Studies that pages read


@pytest.mark.parametrize("name", STUDIES)
def test_a_stored_study_is_whole(name):
    """What the script asks for is there, once, and nothing of it has failed."""
    _, settings, seeds = STUDIES[name]
    rows = course.stored(name)
    asked = [(setting, seed) for setting in settings for seed in seeds]
    found = [(row["setting"], row["seed"]) for row in rows if "result" in row]
    assert len(found) == len(rows) == len(asked)
    assert all(run in found for run in asked)


def test_averages_are_means_over_seeds_with_their_standard_errors():
    rows = [dict(setting=dict(a=1), result=dict(b=b)) for b in (1.0, 2.0, 6.0)]
    [(setting, found)] = course.averages(rows)
    assert setting == dict(a=1)
    assert found["b"] == pytest.approx((3.0, 7**0.5 / 3**0.5))  # variance 7, of three


def test_a_study_that_is_not_stored_is_refused_by_name():
    with pytest.raises(ValueError, match="study must be one of .*12_regression.*, got '12_hopes'"):
        course.stored("12_hopes")


# Exercises: the mechanics, on checks made up here


@pytest.fixture
def made_up(monkeypatch):
    """Exercise 99.1 wants the number 3, exercise 99.2 the function 3 T."""

    check_number = grading.number(3.0, (30.0, "a power of ten."), means="Three it is.")

    @grading.function(at=[(1.0,), (2.0,)], means="Proportional to T.")
    def check_function(T):
        """The triple of T."""
        yield 3 * T
        yield T / 3, "divided where one multiplies."

    checks = {"99.1": check_number, "99.2": check_function}
    monkeypatch.setattr(exercises, "lessons", lambda: ["99"])
    monkeypatch.setattr(exercises, "checks_of", {"99": checks}.get)


def test_an_answer_is_missing_right_or_gets_a_hint(made_up):
    for stub in (None, ...):
        assert grade("99.1", stub) == ("not attempted", "Exercise 99.1: not attempted yet.")
    assert grade("99.1", 3) == ("correct", "Exercise 99.1: correct. Three it is.")
    assert grade("99.1", 30) == ("hint", "Exercise 99.1: not yet. Hint: a power of ten.")


def test_check_prints_one_line_and_returns_nothing_to_echo(made_up, capsys):
    assert check("99.1", torch.tensor(3.0)) is None
    assert capsys.readouterr().out == "Exercise 99.1: correct. Three it is.\n"


def test_check_names_the_exercises_there_are(made_up):
    with pytest.raises(ValueError, match=r"no exercise '99.3'; there are .*99\.1, 99\.2"):
        check("99.3", 1.0)


def test_a_function_may_be_right_wrong_empty_or_broken(made_up):
    assert grade("99.2", lambda T: 3 * T)[0] == "correct"
    assert grade("99.2", lambda T: torch.tensor(T) / 3)[1].endswith("where one multiplies.")
    assert grade("99.2", lambda T: None)[0] == "not attempted"
    assert grade("99.2", lambda T: ...)[0] == "not attempted"
    assert "stops with ZeroDivisionError" in grade("99.2", lambda T: 1 / 0)[1]
    assert "stops with TypeError" in grade("99.2", lambda: 1)[1]
    assert "a function is wanted" in grade("99.2", 3.0)[1]


def compare(answer, right, *mistakes, **options) -> None:
    grading.number(right, *mistakes, means="", **options)(answer)


def hint_of(helper, *arguments, **options) -> str:
    with pytest.raises(grading.Hint) as caught:
        helper(*arguments, **options)
    return str(caught.value)


def test_number_passes_what_rounding_explains():
    compare(2.03, 2.025)
    compare([1.0, 2.0], torch.tensor([1.0, 2.0]))
    compare(0, 0.0)
    compare([torch.ones((), requires_grad=True), np.float32(2)], (1, 2))
    assert hint_of(compare, 2.1, 2.025, otherwise="look again") == "look again"


def test_number_tells_a_wrong_sign_from_a_factor_of_two():
    assert hint_of(compare, -3.0, 3.0) == grading.SIGN
    assert "twice" in hint_of(compare, 6.0, 3.0)
    assert "half" in hint_of(compare, 1.5, 3.0)
    assert hint_of(compare, -3.0, 3.0, (-3.0, "own words")) == "own words"
    assert hint_of(compare, [1, 1], [1, 2], ((1, 1), "own words")) == "own words"


def test_number_explains_what_is_not_a_number():
    assert hint_of(compare, "two", 2.0) == "a number is wanted here, you gave str."
    assert "a number is wanted here, you gave int" in hint_of(compare, 10**400, 2.0)
    assert "a number is wanted here, you gave complex" in hint_of(compare, 2 + 1j, 2.0)
    assert "a number is wanted here; yours has the shape (2,)" in hint_of(compare, [2.0, 2.0], 2.0)
    assert "the shape should be (2,); yours is 2.0" in hint_of(compare, 2.0, (2.0, 2.0))
    assert "finite" in hint_of(compare, float("nan"), 2.0)


def test_a_tensor_has_the_shape_that_is_wanted_and_keeps_its_integers():
    assert grading.tensor([[1, 2]], (1, 2)).dtype == torch.int64
    assert grading.tensor(torch.ones(1)).dtype == torch.float64  # one number in a list is a number
    words = hint_of(grading.tensor, [1.0], (2,), wanted="one weight per feature is wanted")
    assert words == "one weight per feature is wanted; yours has the shape (1,)."
    assert hint_of(grading.tensor, [np.inf], (1,), finite="was it trained?") == "was it trained?"


def test_a_function_that_changes_its_arguments_spoils_nothing():
    @grading.function(at=[([3.0, 1.0],), ([2.0, 4.0],)], means="The order stays.")
    def check(values):
        yield values[0]
        yield min(values), "the smallest is not the first."

    def sorts(values):
        values.sort()
        return values[0]

    for _ in range(2):
        assert hint_of(check, sorts) == "the smallest is not the first."
        assert check(lambda values: values[0]) == "The order stays."


def test_an_answer_that_a_check_did_not_expect_gets_a_hint_too(made_up):
    class Stubborn:
        def __array__(self, *_, **__):
            raise RuntimeError("no array")

    assert (
        "Hint: nothing can be done with this Stubborn (RuntimeError: no array)"
        in grade("99.1", Stubborn())[1]
    )
