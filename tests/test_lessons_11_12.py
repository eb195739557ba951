"""What notebooks 11 and 12 write out by hand is what the package does: Bayesian regression with
evidence; layer, KL, loss and loop of a network with uncertain weights."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import linear, softplus
from torch.utils.data import TensorDataset

from stochphys.course.studies.doubtful_networks import BayesianMLP, Rise
from stochphys.device import make_generator
from stochphys.inference import BayesianRegression, Samples, increments
from stochphys.inference.neural import misfit
from stochphys.models import Normal
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


# A network with uncertain weights

N = 400


@pytest.fixture(scope="module")
def lesson() -> SimpleNamespace:
    """`Layer`, `kl`, `train` and `bound` as the notebook defines them."""
    samples = SimpleNamespace(x=torch.zeros(N, 1))
    given = dict(torch=torch, nn=nn, linear=linear, softplus=softplus, samples=samples)
    return inline("12_how_sure", "Layer", "kl", "train", "bound", **given)


@pytest.fixture
def data() -> tuple[Tensor, ...]:
    x = torch.randn(N, 1, generator=make_generator(0))
    return x, x.sin() + torch.randn(N, 1, generator=make_generator(1)), 0.5 + x.square()


@pytest.fixture
def twins(lesson: SimpleNamespace) -> tuple[nn.Module, BayesianMLP]:
    """The notebook's network and the package's, with the same means and stds."""
    package = BayesianMLP((1, 6, 6, 1), generator=make_generator(2))
    layers = [lesson.Layer(n_in, n_out) for n_in, n_out in ((1, 6), (6, 6), (6, 1))]
    for mine, theirs in zip(layers, package.layers, strict=True):
        mine.mean.load_state_dict({"weight": theirs.weight, "bias": theirs.bias})
        mine.rho.data = torch.cat((theirs.weight_rho, theirs.bias_rho[:, None]), 1).detach()
    return nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2]), package


def test_the_inline_layers_are_those_of_the_package(twins, data, lesson):
    inline, package = twins
    values = []
    for network in twins:
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(3)
            values.append(network(data[0]))
    torch.testing.assert_close(*values)
    torch.testing.assert_close(lesson.kl(inline), package.kl())
    assert values[0].std() > 1e-3  # they do not agree on zero


def test_the_inline_loop_is_that_of_the_variational_network(twins, data, lesson):
    """The same batches and the same noise give the same network, to rounding."""
    inline, package = twins
    steps, rise, loss = 40, Rise(20), misfit(Normal())

    def objective(model: nn.Module, batch: Any) -> Tensor:
        return loss(model, batch) + rise.factor / N * package.kl()

    before = package.layers[0].weight.detach().clone()
    options = dict(batch_size=64, lr=1e-2)
    fit(
        package,
        objective,
        TensorDataset(*data),
        steps=steps,
        generator=make_generator(5),
        schedule="cosine",
        ema=0,
        callbacks=[rise],
        device="cpu",
        progress=False,
        **options,
    )
    # fit draws batches from a generator of its own, seeded by the one that it is given, and seeds
    # torch's own, from which the layers draw, with the number that follows.
    seed = int(torch.randint(2**62, (), generator=make_generator(5)))
    with torch.random.fork_rng():
        torch.manual_seed(seed + 1)
        lesson.train(inline, lesson.bound(), data, steps, make_generator(seed), **options)
    for mine, theirs in zip(inline[::2], package.layers, strict=True):
        torch.testing.assert_close(mine.mean.weight, theirs.weight, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(mine.rho[:, :-1], theirs.weight_rho, rtol=1e-3, atol=1e-4)
    assert (package.layers[0].weight - before).abs().max() > 0.01
