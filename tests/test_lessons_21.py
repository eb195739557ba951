"""What notebook 21 writes out by hand is what the package does: network, loss and loop agree."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from stochphys.data import Trajectories, Windows
from stochphys.device import make_generator
from stochphys.models import NEEP, neep_objective
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring
from stochphys.training import fit
from tests.lesson import inline


@pytest.fixture(scope="module")
def lesson() -> SimpleNamespace:
    """`Network`, `loss` and `train` as the notebook defines them: the cells as they stand."""
    return inline("21_neep", "Network", "loss", "train", torch=torch, nn=nn)


@pytest.fixture(scope="module")
def data() -> Trajectories:
    return simulate(BeadSpring(), 30, 100, 0.01, generator=make_generator(0))


@pytest.fixture
def twins(lesson: SimpleNamespace, data: Trajectories) -> tuple[nn.Module, NEEP]:
    """The notebook's network and the package's, with the same weights."""
    package = NEEP(data.dim, width=32, generator=make_generator(1)).standardise(data)
    inline = lesson.Network(data)
    inline.g.load_state_dict(package.h.state_dict())
    return inline, package


def test_the_inline_network_is_neep(twins: tuple[nn.Module, NEEP], data: Trajectories) -> None:
    inline, package = twins
    pairs = Windows(data)[torch.arange(len(Windows(data)))]
    torch.testing.assert_close(inline(pairs), package(pairs), rtol=1e-5, atol=1e-6)
    assert package(pairs).std() > 1e-3  # they do not agree on zero


def test_the_inline_loss_is_neep_objective(
    lesson: SimpleNamespace, twins: tuple[nn.Module, NEEP], data: Trajectories
) -> None:
    inline, package = twins
    pairs = Windows(data)[torch.arange(500)]
    torch.testing.assert_close(lesson.loss(inline(pairs)), neep_objective(package, pairs))


def test_the_inline_loop_is_fit(
    lesson: SimpleNamespace, twins: tuple[nn.Module, NEEP], data: Trajectories
) -> None:
    """The same batches give the same curve and the same network, to rounding."""
    inline, package = twins
    steps, windows = 40, Windows(data)
    options = {"batch_size": 256, "lr": 1e-2}
    before = package(windows[torch.arange(500)]).detach()
    history = fit(
        package,
        neep_objective,
        windows,
        steps=steps,
        generator=make_generator(2),
        schedule="cosine",
        ema=0,
        validate_every=1,
        device="cpu",
        progress=False,
        **options,
    )
    # fit draws its batches from a generator of its own, seeded by the one that it is given.
    seed = int(torch.randint(2**62, (), generator=make_generator(2)))
    inline_history = lesson.train(inline, windows, steps, make_generator(seed), **options)
    torch.testing.assert_close(inline_history, torch.tensor(history.training), rtol=1e-4, atol=1e-4)
    after = package(windows[torch.arange(500)])
    torch.testing.assert_close(inline(windows[torch.arange(500)]), after, rtol=1e-3, atol=1e-4)
    assert (after - before).abs().mean() > 0.01  # and it has learned something meanwhile


@pytest.mark.parametrize("part", ["loss", "network", "loop"])
def test_a_lesson_that_drifts_away_is_noticed(
    part: str, lesson: SimpleNamespace, twins: tuple[nn.Module, NEEP], data: Trajectories
) -> None:
    inline, package = twins
    if part == "loss":
        wrong = SimpleNamespace(loss=lambda h: (torch.exp(-h) + h).mean())
        test = lambda: test_the_inline_loss_is_neep_objective(wrong, twins, data)  # noqa: E731
    elif part == "network":
        inline.step_spread = inline.step_spread * 1.01
        test = lambda: test_the_inline_network_is_neep(twins, data)  # noqa: E731
    else:
        wrong = SimpleNamespace(
            train=lambda *a, lr, **options: lesson.train(*a, lr=1.05 * lr, **options)
        )
        test = lambda: test_the_inline_loop_is_fit(wrong, twins, data)  # noqa: E731
    with pytest.raises(AssertionError):
        test()
