"""What notebook 31 writes out by hand is what the package does: network, loss and loop agree."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from stochphys.data import Windows
from stochphys.device import make_generator
from stochphys.models import CNEEP, neep_objective
from stochphys.movie import Movie
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring, bead_camera
from stochphys.training import fit
from tests.lesson import inline


@pytest.fixture(scope="module")
def lesson() -> SimpleNamespace:
    """`Network`, `loss` and `train` as the notebook defines them: the cells as they stand."""
    given = dict(torch=torch, nn=nn, Windows=Windows)
    return inline("31_brownian_movies", "Network", "loss", "train", **given)


@pytest.fixture(scope="module")
def movie() -> Movie:
    system = BeadSpring()
    return bead_camera(system).film(simulate(system, 20, 50, 0.05, generator=make_generator(0)))


@pytest.fixture
def twins(lesson: SimpleNamespace, movie: Movie) -> tuple[nn.Module, CNEEP]:
    """The notebook's network and the package's, with the same weights."""
    package = CNEEP(movie.shape, width=16, generator=make_generator(1)).standardise(movie)
    inline = lesson.Network(movie)
    inline(Windows(movie)[torch.arange(2)])  # makes the weights of the lazy layer
    weights = {k: w for k, w in package.state_dict().items() if k.startswith(("body", "head"))}
    inline.load_state_dict(weights)
    return inline, package


def test_the_inline_network_is_cneep(twins: tuple[nn.Module, CNEEP], movie: Movie) -> None:
    inline, package = twins
    pairs = Windows(movie)[torch.arange(300)]
    torch.testing.assert_close(inline(pairs), package(pairs), rtol=1e-4, atol=1e-5)
    assert package(pairs).std() > 1e-2  # they do not agree on zero


def test_the_inline_loss_is_neep_objective(
    lesson: SimpleNamespace, twins: tuple[nn.Module, CNEEP], movie: Movie
) -> None:
    inline, package = twins
    pairs = Windows(movie)[torch.arange(300)]
    torch.testing.assert_close(lesson.loss(inline(pairs)), neep_objective(package, pairs))


def test_the_inline_loop_is_fit(
    lesson: SimpleNamespace, twins: tuple[nn.Module, CNEEP], movie: Movie
) -> None:
    """The same batches give the same curve and the same network, to rounding."""
    inline, package = twins
    steps, pairs = 15, Windows(movie)[torch.arange(300)]
    options = {"batch_size": 64, "lr": 1e-3}
    before = package(pairs).detach()
    history = fit(
        package,
        neep_objective,
        Windows(movie),
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
    inline_history = lesson.train(inline, movie, steps, make_generator(seed), **options)
    torch.testing.assert_close(inline_history, torch.tensor(history.training), rtol=1e-3, atol=1e-3)
    after = package(pairs)
    torch.testing.assert_close(inline(pairs), after, rtol=1e-2, atol=1e-2)
    assert (after - before).abs().mean() > 0.1  # and it has learned something meanwhile


@pytest.mark.parametrize("part", ["loss", "network", "loop"])
def test_a_lesson_that_drifts_away_is_noticed(
    part: str, lesson: SimpleNamespace, twins: tuple[nn.Module, CNEEP], movie: Movie
) -> None:
    inline, package = twins
    if part == "loss":
        wrong = SimpleNamespace(loss=lambda h: (torch.exp(-h) + h).mean())
        test = lambda: test_the_inline_loss_is_neep_objective(wrong, twins, movie)  # noqa: E731
    elif part == "network":
        inline.step_spread = inline.step_spread * 1.01
        test = lambda: test_the_inline_network_is_cneep(twins, movie)  # noqa: E731
    else:
        wrong = SimpleNamespace(
            train=lambda *a, lr, **options: lesson.train(*a, lr=1.3 * lr, **options)
        )
        test = lambda: test_the_inline_loop_is_fit(wrong, twins, movie)  # noqa: E731
    with pytest.raises(AssertionError):
        test()
