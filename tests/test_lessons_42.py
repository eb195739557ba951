"""What notebook 42 writes out by hand is what the package does: the loop with resets agrees with
`fit` and `Resetting`, the formula of the renewal with `renewal_time`."""

import math
from copy import deepcopy
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stochphys.course.exercises.lesson_42 import check_42_3
from stochphys.course.studies.digits import RECIPE, digits, study_digits
from stochphys.course.studies.memorisation import distance
from stochphys.device import make_generator
from stochphys.training import Monitor, Resetting, accuracy, classify, cross_entropy, fit
from tests.answers.lesson_42 import Weights, rows
from tests.lesson import inline, sources

STEPS, PATIENCE = 400, 60


@pytest.fixture(scope="module")
def data() -> SimpleNamespace:
    """Seed 3, where resets begin early, and better weights come after."""
    study = digits([3], 0.4)
    return SimpleNamespace(
        network=study.networks.member(0),
        train=study.train.group(0),
        validation=study.validation.group(0),
    )


def by_hand(data: SimpleNamespace, p_reset: float) -> tuple[nn.Module, int, list[int], Tensor]:
    """Network, best step, steps at which was reset, and the weights at the last step."""
    scope = dict(math=math, torch=torch, deepcopy=deepcopy, cross_entropy=cross_entropy)
    lesson = inline("42_sgd_as_a_search", "run", **scope, **vars(data))
    # fit draws its batches from a generator of its own, seeded by the one that it is given.
    seed = int(torch.randint(2**62, (), generator=make_generator(1)))
    dice = make_generator(seed), make_generator(2)
    network, resets, last = deepcopy(data.network), [], torch.empty(0)

    def look(step: int, reset: bool, network: nn.Module, checkpoint: Any) -> None:
        nonlocal last
        resets.extend([step] * reset)
        last = nn.utils.parameters_to_vector(network.parameters()).detach().clone()

    best_step = lesson.run(network, p_reset, *dice, STEPS, patience=PATIENCE, look=look)
    return network, best_step, resets, last


def by_fit(
    data: SimpleNamespace, p_reset: float, **options: Any
) -> tuple[nn.Module, Any, list[int]]:
    network = deepcopy(data.network)
    rule = Resetting(p_reset, patience=PATIENCE, generator=make_generator(2))
    history = fit(
        network,
        classify(),
        data.train,
        validation=data.validation,
        steps=STEPS,
        callbacks=[rule],
        generator=make_generator(1),
        **RECIPE | dict(schedule="cosine") | options,
    )
    return network, history.best_step, [step for step, _ in rule.resets]


@pytest.mark.example  # one in which resets begin
@pytest.mark.parametrize("p_reset", [0.0, 0.1, 1.0])
def test_the_inline_loop_is_fit_with_resetting(p_reset: float, data: SimpleNamespace) -> None:
    """The same batches and coins give the same resets and the same network, to rounding."""
    network, best_step, resets, last = by_hand(data, p_reset)
    package, package_best, package_resets = by_fit(data, p_reset)
    assert (best_step, resets) == (package_best, package_resets)
    assert distance(network, package.state_dict()) < 1e-3
    assert distance(network, data.network.state_dict()) > 1  # it has learned something
    assert bool(resets) == bool(p_reset)
    if p_reset == 1:  # early stopping: from the first reset on nothing moves
        assert resets == list(range(resets[0], STEPS + 1))
        flat = nn.utils.parameters_to_vector(network.parameters())
        torch.testing.assert_close(last, flat.detach())


@pytest.mark.example
def test_a_lesson_that_drifts_away_is_noticed(data: SimpleNamespace) -> None:
    network, _, _, _ = by_hand(data, 0.1)
    for wrong in (by_fit(data, 0.3), by_fit(data, 0.1, schedule="constant")):
        assert distance(network, wrong[0].state_dict()) > 0.01


def test_a_reset_may_be_arithmetic() -> None:
    """The same to rounding as `torch.where`."""

    def moved(weights: Weights, checkpoint: Weights, who: Tensor) -> Weights:
        return {k: t + rows(who, t) * (checkpoint[k] - t) for k, t in weights.items()}

    assert "Resetting" in check_42_3(moved)


@pytest.mark.slow
def test_the_study_on_the_page_is_that_of_the_package() -> None:
    """To the last bit, and so is its recipe."""
    (source,) = (text for text in sources("42_sgd_as_a_search") if "def run_study(" in text)
    scope: dict[str, Any] = dict(
        torch=torch, partial=partial, fit=fit, classify=classify, Resetting=Resetting,
        Monitor=Monitor, accuracy=accuracy, digits=digits,
        course=SimpleNamespace(make_generator=make_generator), size=SimpleNamespace(steps=1500),
    )  # fmt: skip
    exec(source, scope)
    assert scope["sgd"] == RECIPE
    written = scope["run_study"](0.4, (0.0, 0.1, 1.0), 2)
    found = study_digits(range(200, 202), 0.4, (0.0, 0.1, 1.0), generator=2, coins=1, steps=1500)
    assert torch.equal(written["best"], found.kept)
    assert torch.equal(written["test"][-1], found.last)
    assert written["history"].validation == found.history.validation
    assert not torch.equal(found.last[:, 0], found.last[:, 1])
