"""What notebooks 21 and 31 write out by hand is what the package does: network, loss, loop agree."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from stochphys.data import Windows
from stochphys.device import make_generator
from stochphys.models import CNEEP, NEEP, neep_objective
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring, bead_camera
from stochphys.training import fit
from tests.lesson import inline


def beads() -> SimpleNamespace:
    """Paths of two beads; the notebook's network and the package's, with the same weights."""
    data = simulate(BeadSpring(), 30, 100, 0.01, generator=make_generator(0))
    lesson = inline("21_neep", "Network", "loss", "train", torch=torch, nn=nn)
    package = NEEP(data.dim, width=32, generator=make_generator(1)).standardise(data)
    written = lesson.Network(data)
    written.g.load_state_dict(package.h.state_dict())
    train = lambda network, *a, **how: lesson.train(network, Windows(data), *a, **how)  # noqa: E731
    return SimpleNamespace(
        data=data, loss=lesson.loss, train=train, written=written, package=package,
        steps=40, options=dict(batch_size=256, lr=1e-2), wrong_lr=1.05, learned=0.01,
        rounding=dict(rtol=1e-5, atol=1e-6), after=dict(rtol=1e-3, atol=1e-4),
    )  # fmt: skip


def movie() -> SimpleNamespace:
    """The same of a movie of them, and convolutions."""
    system = BeadSpring()
    data = bead_camera(system).film(simulate(system, 20, 50, 0.05, generator=make_generator(0)))
    given = dict(torch=torch, nn=nn, Windows=Windows)
    lesson = inline("31_brownian_movies", "Network", "loss", "train", **given)
    package = CNEEP(data.shape, width=16, generator=make_generator(1)).standardise(data)
    written = lesson.Network(data)
    written(Windows(data)[torch.arange(2)])  # makes the weights of the lazy layer
    weights = {k: w for k, w in package.state_dict().items() if k.startswith(("body", "head"))}
    written.load_state_dict(weights)
    train = lambda network, *a, **how: lesson.train(network, data, *a, **how)  # noqa: E731
    return SimpleNamespace(
        data=data, loss=lesson.loss, train=train, written=written, package=package,
        steps=15, options=dict(batch_size=64, lr=1e-3), wrong_lr=1.3, learned=0.1,
        rounding=dict(rtol=1e-4, atol=1e-5), after=dict(rtol=1e-2, atol=1e-2),
    )  # fmt: skip


@pytest.fixture(params=[beads, movie])
def lesson(request: pytest.FixtureRequest) -> SimpleNamespace:
    return request.param()


def network_is_that_of_the_package(lesson: SimpleNamespace) -> None:
    pairs = Windows(lesson.data)[torch.arange(300)]
    torch.testing.assert_close(lesson.written(pairs), lesson.package(pairs), **lesson.rounding)
    assert lesson.package(pairs).std() > lesson.learned / 10  # they do not agree on zero


def loss_is_neep_objective(lesson: SimpleNamespace) -> None:
    pairs = Windows(lesson.data)[torch.arange(300)]
    ours, package = lesson.loss(lesson.written(pairs)), neep_objective(lesson.package, pairs)
    torch.testing.assert_close(ours, package)


def loop_is_fit(lesson: SimpleNamespace) -> None:
    """The same batches give the same curve and the same network, to rounding."""
    windows, package = Windows(lesson.data), lesson.package
    pairs = windows[torch.arange(300)]
    before = package(pairs).detach()
    how: dict[str, Any] = dict(schedule="cosine", ema=0, validate_every=1, device="cpu")
    how |= dict(progress=False, steps=lesson.steps, generator=make_generator(2))
    history = fit(package, neep_objective, windows, **how, **lesson.options)
    # fit draws its batches from a generator of its own, seeded by the one that it is given.
    seed = int(torch.randint(2**62, (), generator=make_generator(2)))
    curve = lesson.train(lesson.written, lesson.steps, make_generator(seed), **lesson.options)
    bounds = {name: bound / 10 for name, bound in lesson.after.items()}
    torch.testing.assert_close(curve, torch.tensor(history.training), **bounds)
    torch.testing.assert_close(lesson.written(pairs), package(pairs), **lesson.after)
    assert (package(pairs) - before).abs().mean() > lesson.learned  # something meanwhile


CLAIMS = [network_is_that_of_the_package, loss_is_neep_objective, loop_is_fit]


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_the_lesson_writes_out(claim, lesson: SimpleNamespace) -> None:
    claim(lesson)


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_lesson_that_drifts_away_is_noticed(claim, lesson: SimpleNamespace) -> None:
    train = lesson.train
    lesson.loss = lambda h: (torch.exp(-h) + h).mean()
    lesson.train = lambda *a, lr, **how: train(*a, lr=lesson.wrong_lr * lr, **how)
    if claim is network_is_that_of_the_package:
        lesson.written.step_spread = lesson.written.step_spread * 1.01
    with pytest.raises(AssertionError):
        claim(lesson)
