"""The study of the digits: copies part by their resets alone, and what is changed changes."""

from functools import partial

import pytest
import torch

from stochphys.course.studies.digits import study_digits
from tests.at_step import Stop

SHORT = partial(study_digits, (3, 4), 0.4, generator=1, steps=600)


@pytest.mark.slow
def test_a_copy_without_resets_is_early_stopping_and_its_pass_alone() -> None:
    """Batches depend on the number of copies; the weights that are kept lie before the last."""
    alone, pair = SHORT(), SHORT((0.0, 0.0))
    assert alone.kept.shape == (2, 1) and pair.kept.shape == (2, 2)
    assert torch.equal(pair.kept[:, 0], pair.kept[:, 1])
    assert torch.equal(pair.lowest, torch.tensor(pair.history.validation).amin(0).view(2, 2))
    assert not torch.equal(pair.kept, pair.last)


@pytest.mark.slow
def test_rules_are_of_one_copy_each() -> None:
    """Where no coin decides, copies under the same rule stay alike."""
    rules = [{}, dict(generator=5), dict(generator=6), dict(generator=7, layers=("2",))]
    found = SHORT((0.0, 1.0, 1.0, 1.0), rules=rules, lr=0.4, steps=1500)
    assert torch.equal(found.last[:, 1], found.last[:, 2])
    assert not torch.equal(found.last[:, 0], found.last[:, 1])
    assert not torch.equal(found.last[:, 3], found.last[:, 1])


@pytest.mark.slow
def test_other_starts_have_the_same_data() -> None:
    first, second, again = SHORT(), SHORT(starts=1), SHORT(starts=1)
    assert torch.equal(first.test.rows, second.test.rows)
    assert torch.equal(second.kept, again.kept) and not torch.equal(first.lowest, second.lowest)


def test_a_study_that_was_interrupted_says_so() -> None:
    found = SHORT(steps=40, callbacks=[Stop(20)])
    assert repr(found).startswith("Study(interrupted at step 20 of 40, kept=")


def test_rules_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one for each of 2 p_reset, got 1"):
        SHORT((0.0, 0.1), rules=[{}])
