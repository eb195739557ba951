"""What notebooks 11 and 12 write out by hand is what the package does: Bayesian regression with
evidence; layers, loss and loop of the published network with uncertain weights."""

from copy import deepcopy
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from stochphys.course.studies import published_network
from stochphys.device import make_generator
from stochphys.inference import BayesianRegression, Samples, increments
from stochphys.models.bases import RBF
from stochphys.simulators import simulate
from stochphys.systems import DoubleHump
from stochphys.training import fit
from tests.chance import K
from tests.lesson import inline


@pytest.fixture(scope="module")
def samples() -> Samples:
    """Labels of 100 time units, weights that differ from place to place. Of 26 numbers they
    determine 7.4 ± 0.2, in 25 draws; those of 20 time units may not tell the drift from none."""
    system, dt = DoubleHump(), 0.01
    data = increments(simulate(system, 100, 100, dt, generator=make_generator(0)))
    x = data.x.flatten(0, 1)
    return Samples(x, data.y.flatten(0, 1), dt / (2 * system.diffusion(x)[..., 0]))


def agreement(samples: Samples, spoil: tuple[str, str] | None = None) -> None:
    given = dict(spoil=spoil, torch=torch)
    regression = inline("11_drift_and_diffusion", "regression", **given).regression
    phi = RBF(24).fitted(samples.x)
    w, root, p = regression(phi(samples.x), samples.y[:, 0], samples.weight[:, 0])
    package = BayesianRegression(RBF(24)).fit(samples)
    line = torch.linspace(-3, 3, 61, dtype=torch.float64)[:, None]
    torch.testing.assert_close((phi(line) @ w)[:, None], package.mean(line))
    torch.testing.assert_close((phi(line) @ root).norm(dim=1, keepdim=True), package.std(line))
    # p is what the labels and the band say of each other: the sum of weight times variance.
    spread = (samples.weight * package.std(samples.x).square()).sum().item()
    assert p == pytest.approx(spread, rel=1e-6)
    assert p == pytest.approx(7.4, abs=K * 0.2)


def test_the_inline_regression_is_the_one_of_the_package(samples: Samples) -> None:
    agreement(samples)


@pytest.mark.parametrize(
    "spoil", [(".sum(1) / 2", ".sum(1) / 2 + candidates[:, 0]"), ("sqrt()", "square()")]
)
def test_a_lesson_that_drifts_away_is_noticed(spoil: tuple[str, str], samples: Samples) -> None:
    with pytest.raises(AssertionError):
        agreement(samples, spoil)


# The published network

N, BATCH, EPOCH = 400, 64, 5  # of 320 labels to learn from
DATA_UNIT = 10.0  # one over dt
FLAGS = [
    dict(zip(("live", "variance", "per_label"), f, strict=True)) for f in product((0, 1), repeat=3)
]


@pytest.fixture
def labels() -> Samples:
    x = torch.randn(N, 1, generator=make_generator(0), dtype=torch.float64)
    y = x.sin() + torch.randn(N, 1, generator=make_generator(1), dtype=torch.float64)
    return Samples(x, y, 0.5 + x.square())


def lesson(labels: Samples) -> SimpleNamespace:
    """What the notebook defines, with the columns that it makes of these labels."""
    x, unit, n = labels.x, (labels.x.std() * DATA_UNIT).item(), N * 4 // 5
    columns = (x - x.mean()) / x.std(), labels.y / unit, labels.weight * unit**2
    data, held_out = ([c[part].float() for c in columns] for part in (slice(n), slice(n, None)))
    given = dict(torch=torch, nn=nn, softplus=softplus, deepcopy=deepcopy, n=n)
    given |= dict(data=data, held_out=held_out, a=data[1].mean(), b=data[1].std())
    names = "Layer", "new_network", "objective", "train"
    return SimpleNamespace(**given, **vars(inline("12_how_sure", *names, **given)))


def package(labels: Samples, monkeypatch: pytest.MonkeyPatch, **options: Any) -> SimpleNamespace:
    """What the package hands to `fit`: network, objective, data, and how they are trained."""
    caught: list[SimpleNamespace] = []

    def catch(body: nn.Module, objective: Any, data: Any, **how: Any) -> None:
        caught.append(SimpleNamespace(body=body, objective=objective, data=data, how=how))

    monkeypatch.setattr(published_network, "fit", catch)
    method = published_network.PublishedNetwork(
        dt=1 / DATA_UNIT, width=6, batch_size=BATCH, steps=EPOCH, lr=1e-2, draws=2, **options
    )
    method.fit(labels, generator=make_generator(2))
    return caught[0]


def twin(of: nn.Module, notebook: SimpleNamespace) -> nn.Module:
    """The notebook's network with the weights of the package's."""
    network = notebook.new_network(6)
    network.load_state_dict(of.state_dict())
    return network


def test_the_inline_network_is_the_published_one_of_the_package(labels, monkeypatch):
    notebook = lesson(labels)
    theirs = package(labels, monkeypatch).body
    mine = twin(theirs, notebook)
    x = torch.randn(7, 20, 1, generator=make_generator(3))
    values = []
    for network in (mine, theirs):
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(3)
            values.append(network(x))
    assert torch.equal(*values) and (values[0][0] != values[0][1]).any()
    assert [type(layer).__name__ for layer in mine[::2]] == ["Linear", "Linear", "Layer", "Layer"]
    fresh = notebook.new_network(6)
    for k in (4, 6):
        assert torch.equal(mine[k].kl(), theirs[k].kl())
        assert torch.equal(fresh[k].rho, theirs[k].rho)
        reach = (6 / 6) ** 0.5  # uniform, of 42 and of 7 numbers
        assert fresh[k].mu.abs().max() < reach and theirs[k].mu.abs().max() < reach


@pytest.mark.parametrize("flags", FLAGS, ids=str)
def test_the_inline_loss_is_that_of_the_package(flags, labels, monkeypatch):
    """The same value and the same gradient, whichever of its parts are as published. The page has batches
    of 128, of which 320 labels have two and a half, as 192 of ours would have."""
    monkeypatch.setattr(published_network, "KL_WEIGHT", 0.01 * (320 // BATCH) / (320 // 128))
    notebook, theirs = lesson(labels), package(labels, monkeypatch, **flags)
    mine = twin(theirs.body, notebook)
    found = []
    for network, loss in ((mine, notebook.objective(**flags)), (theirs.body, theirs.objective)):
        batch = notebook.data if network is mine else [theirs.data.tensors]
        with torch.random.fork_rng():
            torch.manual_seed(4)
            value = loss(network, *batch)
        value.backward()
        gradients = [p.grad.flatten() for p in network.parameters() if p.grad is not None]
        found.append(torch.cat([value[None].detach(), *gradients]))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-6)


def test_the_inline_loop_is_that_of_the_package(labels, monkeypatch):
    """The same batches and the same draws give the same network after an epoch, to rounding."""
    notebook, theirs = lesson(labels), package(labels, monkeypatch, live=True)
    mine = twin(theirs.body, notebook)
    before = mine[4].mu.detach().clone()
    seed = int(torch.randint(2**62, (), generator=make_generator(5)))

    def loss(network: nn.Module, *batch: Tensor) -> Tensor:
        return theirs.objective(network, batch)

    theirs.body.train()
    monkeypatch.undo()
    fit(
        theirs.body, theirs.objective, theirs.data, **theirs.how | dict(generator=make_generator(5))
    )
    mine.kl = lambda: sum(layer.kl() for layer in mine[4::2])  # type: ignore[assignment]
    with torch.random.fork_rng():
        torch.manual_seed(seed + 1)
        notebook.train(mine, loss, EPOCH, make_generator(seed), 1e-2, batch=BATCH)
    for p, q in zip(mine.parameters(), theirs.body.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-3, atol=1e-4)
    assert (mine[4].mu - before).abs().max() > 0.01
    assert theirs.how["keep"] == "lowest" and theirs.how["validate_every"] == EPOCH
