"""Networks with uncertain weights: the KL is the textbook's and pulls, Laplace is regression where
the network is a line, and posteriors of networks keep the promises of `Posterior`."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.distributions import Normal as Gaussian
from torch.distributions import kl_divergence

from stochphys.course.studies.doubtful_networks import (
    BayesianLinear,
    BayesianMLP,
    DropoutMLP,
    DropoutNetwork,
    VariationalNetwork,
)
from stochphys.course.studies.published_network import PublishedNetwork
from stochphys.course.studies.swag import SWAGNetwork, drawn_around
from stochphys.device import make_generator
from stochphys.inference import (
    BayesianRegression,
    BootstrapEnsemble,
    LaplaceNetwork,
    Samples,
    infer_langevin,
)
from stochphys.inference.neural_posteriors import (
    MemberPosterior,
    Resampled,
    tensors,
)
from stochphys.models import (
    LogVariance,
)
from stochphys.models.bases import Polynomial
from stochphys.simulators import simulate
from stochphys.systems import DoubleHump
from tests.chance import K, sigmas

SHORT = dict(steps=20, batch_size=64)
METHODS = [
    LaplaceNetwork(width=5, steps=20),
    BootstrapEnsemble(width=5, members=3, **SHORT),
    VariationalNetwork(width=5, draws=7, **SHORT),
    DropoutNetwork(width=5, draws=7, **SHORT),
    SWAGNetwork(width=5, draws=7, rank=2, visits=3, every=2, **SHORT),
]
LINE = BayesianRegression(Polynomial(1))
IDS = [type(method).__name__ for method in METHODS]


def samples(n: int = 400, *, dim_in: int = 2, dim_out: int = 2, seed: int = 0) -> Samples:
    """Labels of a line with noise of known, uneven variance; positive if they are few outputs."""
    generator = make_generator(seed)
    x = 3 + 2 * torch.randn(n, dim_in, generator=generator, dtype=torch.float64)
    weight = 0.5 + torch.rand(n, dim_out, generator=generator, dtype=torch.float64)
    noise = torch.randn(n, dim_out, generator=generator, dtype=torch.float64) / weight.sqrt()
    slope = torch.arange(1.0, 1 + dim_in * dim_out).view(dim_in, dim_out).double()
    return Samples(x, 0.7 + x @ slope + noise, weight)


def test_the_kl_is_that_of_independent_gaussians():
    network = BayesianMLP((2, 4, 1), generator=make_generator(0))
    exact = sum(
        kl_divergence(Gaussian(mean, std), Gaussian(0.0, 1.0)).sum()
        for layer in network.layers
        for mean, std in zip((layer.weight, layer.bias), layer.std, strict=True)
    )
    torch.testing.assert_close(network.kl(), exact)


def test_the_kl_pulls_on_every_parameter():
    """Fails if the KL is cut from the graph: then nothing ties the posterior to the prior."""
    network = BayesianMLP((2, 4, 1), generator=make_generator(0))
    network.kl().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and (parameter.grad != 0).all(), name


@pytest.mark.slow
def test_the_weight_of_the_kl_changes_what_is_learned():
    """Few data, all else alike: with a hundred times the KL the weights return towards N(0, 1).

    Over 12 streams the median std of a weight was 0.82 ± 0.08 with it, 0.008 ± 0.002 without (mean
    and scatter, of which K are allowed).
    """

    def spread(kl_weight: float) -> float:
        method = VariationalNetwork(width=5, kl_weight=kl_weight, steps=300, lr=0.1, batch_size=16)
        model = method.fit(samples(50), generator=make_generator(1)).model
        return torch.cat([w.std(0).flatten() for w in model.parameters()]).median().item()

    assert spread(100.0) > 0.82 - K * 0.08 and spread(0.0) < 0.008 + K * 0.002


def test_local_reparametrisation_has_the_variance_of_the_weights():
    layer = BayesianLinear(3, 2, std=0.3, generator=make_generator(0))
    x = torch.tensor([[1.0, -2.0, 0.5]])
    n = 40_000
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        local = layer(x.expand(n, -1))
        again = layer(x.expand(n, -1))
    weight, bias = layer.draw(n, generator=make_generator(1))
    direct = (weight @ x[0]) + bias
    # A variance from n draws has a relative error √(2/n) = 0.7 %; a mean √(var/n): 5 of each.
    exact = (x[0] ** 2 @ layer.std[0].T ** 2 + layer.std[1] ** 2).detach()
    mean = nn.functional.linear(x, layer.weight, layer.bias).detach()[0]
    for values in (local, direct):
        assert ((values.var(0) / exact - 1).abs() < sigmas(exact.numel()) * (2 / n) ** 0.5).all()
        assert ((values.mean(0) - mean).abs() < 5 * (exact / n).sqrt()).all()
    assert (local != again).all()


@pytest.mark.parametrize("method", METHODS[2:4], ids=IDS[2:4])
def test_a_declared_line_is_what_is_left_far_out(method):
    """tanh units are constant there: what a draw changes by over a step far out is the slope of its line.
    Labels of slope 1 give most of it to the line, where there is one; dropout has one line for all."""
    data = samples(2000, dim_in=1, dim_out=1)
    line = replace(method, mean=Polynomial(1), steps=300, lr=2e-2)
    far = torch.tensor([[1e6], [2e6]]).double()
    slopes = [
        (values[1] - values[0]).item() / 1e6
        for values in line.fit(data, generator=make_generator(0)).model.on_shared(far)
    ]
    slopes = torch.tensor(slopes)
    assert abs(slopes.mean() - 1) < 0.5
    assert (slopes.std() > 1e-4) == isinstance(method, VariationalNetwork)
    constant = method.fit(data, generator=make_generator(0)).mean(far)
    assert abs(constant[1] - constant[0]) < 1e-3


def test_swag_draws_have_half_the_diagonal_and_half_of_what_visits_span():
    seen = torch.randn(6, 3, generator=make_generator(0))
    n = 40_000
    drawn = drawn_around(seen, 4, n, generator=make_generator(1))
    away = seen - seen.mean(0)
    exact = (away.square().mean(0).diag() + away[-4:].T @ away[-4:] / 3) / 2
    # A covariance from n draws has an error √((Σ_ij² + Σ_ii Σ_jj)/n).
    error = ((exact**2 + exact.diag()[:, None] * exact.diag()) / n).sqrt()
    assert ((drawn.T.cov() - exact).abs() < sigmas(9) * error).all()
    assert ((drawn.mean(0) - seen.mean(0)).abs() < sigmas(3) * (exact.diag() / n).sqrt()).all()


def test_the_published_network_learns_drifts_of_one_coordinate():
    method, data = PublishedNetwork(width=5, draws=7, dt=0.1, **SHORT), samples(dim_in=1, dim_out=1)
    found = method.fit(data, generator=make_generator(0))
    assert found.mean(data.x).shape == found.std(data.x).shape == data.y.shape
    for wrong in (dict(samples=samples()), dict(samples=data, likelihood=LogVariance())):
        with pytest.raises(ValueError, match="PublishedNetwork learns the drift of one coordinate"):
            method.fit(**wrong, generator=make_generator(0))


def test_dropout_draws_are_the_networks_that_calls_see():
    network = DropoutMLP((1, 40, 40, 1), 0.3, generator=make_generator(0)).requires_grad_(False)
    x = torch.tensor([[0.7]])
    n = 500
    drawn = torch.stack([body(x) for body in network.draw(n, generator=make_generator(1))])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        called = network(x.expand(n, 1))
    # Two samples of one law, each of n: K standard errors of mean and of std.
    error = called.std() / n**0.5
    assert abs(drawn.mean() - called.mean()) < K * 2**0.5 * error
    assert abs(drawn.std() / called.std() - 1) < K / n**0.5


@pytest.mark.parametrize(
    ("mean", "words"),
    [
        (lambda x: (x[..., :1] - 1e6).clamp(min=0), r"mean: features \[0\] are zero at all states"),
        (
            lambda x: torch.cat((x, x.log()), -1),
            r"mean: features \[2, 3\] are zero .* or no numbers",
        ),
        (lambda x: x[..., :0], r"mean must give features \(…, n_features\), got \(400, 0\)"),
        (
            lambda x: x[..., 0],
            r"mean must give features \(…, n_features\), got \(400,\) at states \(400, 2",
        ),
    ],
)
@pytest.mark.parametrize("method", METHODS[:2], ids=IDS[:2])
def test_a_mean_function_that_says_nothing_of_the_data_is_refused(method, mean, words):
    with pytest.raises(ValueError, match=words):
        replace(method, mean=mean).fit(samples(), generator=make_generator(0))


@pytest.mark.parametrize("method", [LINE, *METHODS], ids=["LINE", *IDS])
def test_draws_have_the_mean_and_the_std_of_the_posterior(method):
    data, n = samples(), 3000
    posterior = method.fit(data, generator=make_generator(1))
    x = torch.tensor([[3.0, 3.0], [20.0, -9.0]])
    values = posterior.sample(n, generator=make_generator(2))(x[None])
    assert values.shape == (n, 2, 2) and values.dtype == torch.float64
    mean, std = posterior.mean(x), posterior.std(x)
    assert ((values.mean(0) - mean).abs() < sigmas(std.numel()) * std / n**0.5).all()
    # Members have no heavy tails, normal draws a kurtosis of 3; std of few members with n − 1.
    few = posterior.model.members if isinstance(posterior, MemberPosterior) else n
    assert (
        (values.std(0) / std * (few / (few - 1)) ** 0.5 - 1).abs()
        < sigmas(std.numel()) / (2 * n) ** 0.5
    ).all()


@pytest.mark.parametrize("method", [LINE, *METHODS], ids=["LINE", *IDS])
def test_a_draw_is_one_function_wherever_it_is_asked(method):
    functions = method.fit(samples(), generator=make_generator(1)).sample(
        4, generator=make_generator(2)
    )
    x = torch.randn(4, 6, 2, generator=make_generator(3))
    together = functions(x)
    torch.testing.assert_close(functions(x[:, 2:3]), together[:, 2:3])
    for i in range(4):
        torch.testing.assert_close(functions(x[i : i + 1])[i], together[i])


def test_blocks_keep_neighbours_together():
    data, _ = tensors(samples(100), [torch.zeros(2)])
    starts = torch.tensor([[0, 80], [33, 33]])
    resampled = Resampled(data, starts, 20)
    assert len(resampled) == 40
    x, y, weight = resampled[torch.arange(40).expand(2, -1)]
    assert x.shape == (2, 40, 2) and y.shape == weight.shape == (2, 40, 2)
    torch.testing.assert_close(x[0, 20:], data.tensors[0][80:])
    torch.testing.assert_close(x[1, 20:], data.tensors[0][33:53])


def test_block_bootstrap_sees_the_correlation_of_neighbours():
    """Labels that come in runs of ten equal ones hold a tenth of the information: the spread of
    means over blocks is √10 times that of single draws. 200 members: 5 % each, four of them."""
    generator = make_generator(0)
    y = torch.randn(300, 1, generator=generator).repeat_interleave(10, 0)
    whole = Samples(y.double(), y.double(), torch.ones_like(y).double())
    data, _ = tensors(whole, [torch.zeros(1)])

    def spread(block: int) -> float:
        starts = torch.randint(3000 - block + 1, (200, 3000 // block), generator=generator)
        whole = Resampled(data, starts, block)
        return whole[torch.arange(len(whole)).expand(200, -1)][1].mean(1).std().item()

    # Blocks of 60 cut a run at each end: 1 − 10/(3·60) of the variance is seen.
    ratio = (10 * (1 - 10 / 180)) ** 0.5
    assert spread(60) / spread(1) == pytest.approx(ratio, rel=K * 0.05 * 2**0.5)


def test_the_layers_of_a_body_follow_its_width_and_depth():
    body = BootstrapEnsemble(width=7, depth=3).mlp(samples(), make_generator(0))
    shapes = [(layer.in_features, layer.out_features) for layer in body if hasattr(layer, "weight")]
    assert shapes == list(pairwise((2, 7, 7, 7, 2)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (lambda: LaplaceNetwork(width=0), "width must be a positive integer, got 0"),
        (lambda: BootstrapEnsemble(depth=-1), "depth must be an integer of at least 0, got -1"),
        (lambda: BootstrapEnsemble(gain=-1.0), "gain must be finite and not negative, got -1.0"),
        (lambda: LaplaceNetwork(activation=["elu"]), "activation must be one of tanh, elu, bump"),
        (
            lambda: BootstrapEnsemble(members=1),
            "members must be an integer of at least 2, got 1; fewer have no",
        ),
        (lambda: BootstrapEnsemble(block=0), "block must be a positive integer, got 0"),
        (
            lambda: VariationalNetwork(kl_weight=-1.0),
            "kl_weight must be finite and not negative, got -1.0",
        ),
        (lambda: VariationalNetwork(draws=1), "draws must be an integer of at least 2"),
        (lambda: DropoutNetwork(p=1.0), r"p must lie in \(0, 1\), got 1.0"),
        (lambda: DropoutNetwork(draws=0), "draws must be an integer of at least 2"),
    ],
)
def test_settings_that_make_no_sense_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        arguments()


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_samples_that_a_network_cannot_use_are_refused(method):
    data = samples()
    with pytest.raises(ValueError, match="the noise that labels share with x"):
        method.fit(replace(data, tangent=torch.zeros(400, 2, 2)), generator=make_generator(0))
    still = data.x.clone()
    still[:, 1] = 2.0
    with pytest.raises(ValueError, match=r"inputs \[1\] never change"):
        method.fit(replace(data, x=still), generator=make_generator(0))
    with pytest.raises(ValueError, match="steps must be a positive integer"):
        replace(method, steps=0).fit(data, generator=make_generator(0))


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_an_equation_inferred_by_networks_can_be_simulated(method):
    data = simulate(DoubleHump(), 4, 300, 0.01, generator=make_generator(0))
    found = infer_langevin(data, generator=make_generator(1), drift=method, diffusion=method)
    x = found.states
    assert found.drift.mean(x).shape == x.shape
    assert (found.diffusion.mean(x) > 0).all() and found.effective_parameters > 0
    drawn = found.draw(3, generator=make_generator(2))
    paths = simulate(drawn, 3, 20, 0.01, generator=make_generator(3), start=1.0)
    assert paths.x.shape == (3, 21, 1)


def test_an_ensemble_wants_enough_samples_for_a_block():
    with pytest.raises(ValueError, match="samples .* at least 20, got 10; they must fill a block"):
        BootstrapEnsemble().fit(samples(10), generator=make_generator(0))
