"""Networks that grow: regression where the network is a line, what is not needed costs little, and nothing is said
where data have ended."""

from dataclasses import replace
from math import log, pi

import pytest
import torch
from torch import Tensor, nn

from stochphys.device import make_generator
from stochphys.inference import BayesianRegression, LaplaceNetwork, Samples
from stochphys.inference.growing import Growth, modes, random_units
from stochphys.inference.laplace import Trained, in_cells
from stochphys.inference.neural_posteriors import units_of
from stochphys.inference.posterior import Known
from stochphys.inference.wraps import on_circle
from stochphys.models import Normal
from stochphys.models.bases import Polynomial
from tests.test_bayes import samples


def test_laplace_of_a_line_is_bayesian_regression():
    """The line among the networks, whose slopes have a prior, and its constant none: regression that has
    the same, by MacKay's fixed point against a grid of precisions."""
    data = samples(dim_in=2, dim_out=1)
    units = centre, scale, a, b = units_of(data, Normal())
    growth = Growth(LaplaceNetwork(), data, data, Normal(), units)
    line = growth.network(torch.zeros(0, 2), *torch.zeros(2, 0))
    at = growth.trained(line, growth.used(line=True))

    def basis(x: Tensor) -> Tensor:
        return torch.cat((torch.ones_like(x[..., :1]), (x - centre) / scale), dim=-1)

    basis.groups = torch.tensor([0, 1, 1])
    exact = BayesianRegression(basis).fit(
        replace(data, y=(data.y - a) / b, weight=data.weight * b**2)
    )
    x = torch.tensor([[3.0, 0.0], [30.0, -5.0]]).double()
    torch.testing.assert_close(
        at.f(at.weights, x), (a + b * exact.mean(x))[:, 0], rtol=1e-4, atol=0
    )


def exactly(samples: Samples) -> tuple[Tensor, Tensor]:
    """Least squares on 1 and x, with the covariance of the weights, for one component."""
    phi = torch.cat((torch.ones_like(samples.x[:, :1]), samples.x), dim=-1)
    covariance = (phi.T @ (samples.weight * phi)).inverse()
    return covariance @ (phi.T @ (samples.weight * samples.y)[:, 0]), covariance


def test_what_is_not_needed_costs_little():
    """Labels of a line beside a line that is declared: what is left is least squares on it, to less than a
    standard error. Other functions are not excluded: the band is that of least squares or wider, in most
    of 20 sets by less than twice, and data determine one number more at most.
    Of 20 intervals of 95 % four may miss (3 in 10 000)."""
    x = torch.tensor([[3.0], [30.0]]).double()
    phi, wider, far, extra, held = torch.cat((torch.ones_like(x), x), dim=-1), 0, 0, 0.0, 0
    for seed in range(20):
        data = samples(dim_in=1, dim_out=1, seed=seed)
        method = LaplaceNetwork(width=5, mean=Polynomial(1))
        found = method.fit(data, generator=make_generator(seed))
        weights, covariance = exactly(data)
        std = ((phi @ covariance) * phi).sum(1).sqrt()
        error, ratio = (found.mean(x)[:, 0] - phi @ weights).abs() / std, found.std(x)[:, 0] / std
        assert (ratio > 0.99).all()
        wider, far = wider + bool(ratio[0] > 2), far + bool((ratio[1] > 2) | (error[1] > 1))
        extra += found.effective_parameters - 2
        low, high = found.interval(x)
        held += bool((low <= 0.7 + x)[1] & (0.7 + x <= high)[1])
    assert wider < 10 and far < 10 and extra / 20 < 1.5 and held >= 16


@pytest.mark.slow
def test_of_eight_inputs_the_one_that_matters_is_found():
    """Two humps along one of eight coordinates; error and intervals judged at 500 new places."""
    errors, held = [], []
    for seed in range(6):
        generator = make_generator(seed)
        x = torch.randn(3000, 8, generator=generator, dtype=torch.float64)
        noise = torch.randn(3000, 1, generator=generator, dtype=torch.float64)

        def truth(x: Tensor) -> Tensor:
            return -x[:, 2:3] + 4 * x[:, 2:3] * torch.exp(-x[:, 2:3].square() / 2)

        data = Samples(x, truth(x) + 3 * noise, torch.full_like(noise, 1 / 9))
        found = LaplaceNetwork().fit(data, generator=generator)
        new = torch.randn(500, 8, generator=generator, dtype=torch.float64)
        away = found.mean(new) - truth(new)
        errors.append(away.square().mean().item() / truth(new).square().mean().item())
        held.append((away.abs() < 1.96 * found.std(new)).double().mean().item())
    assert max(errors) < 0.2 and sum(held) / 6 > 0.85


def test_modes_are_counted():
    """Three units of five that the data determine: 5·4·3 ways to take them, two signs each."""
    groups = torch.tensor([1] * 5 + [2] * 5 + [3] * 5 + [0])
    five = torch.zeros(5)
    five[3] = 3.0
    at = Trained(nn.Identity(), groups, groups, five, five, 0.0)  # of one input; slopes are off
    assert modes(at) == pytest.approx(log(5 * 4 * 3 * 2**3))


def test_random_units_bend_where_data_are():
    """At a state each, where its argument is 0; every other one along one coordinate, each in its turn."""
    x = torch.randn(50, 3, generator=make_generator(0), dtype=torch.float64)
    W, b = random_units(x, 12, make_generator(1))
    assert ((x @ W.T + b).abs().amin(0) < 1e-12).all()
    assert ((W[::2] != 0).double().argmax(1) == torch.tensor([0, 1, 2] * 2)).all()
    assert ((W != 0).sum(1) == torch.tensor([1, 3] * 6)).all()


def test_without_a_mean_nothing_is_said_where_data_have_ended():
    """And at nearly all states that were seen something is; what was declared holds everywhere."""
    data = samples(dim_in=2, dim_out=2)
    method = LaplaceNetwork(width=5, steps=10)
    found = method.fit(data, generator=make_generator(0))
    low, high = found.interval(data.x)
    assert (low.isfinite() == found.known(data.x)[:, None]).all()
    assert 0.97 < found.known(data.x).double().mean() < 1
    far = data.x.mean(0) + torch.tensor([[20.0, 0.0], [0.0, -20.0]])
    low, high = found.interval(far)
    assert (low == -torch.inf).all() and (high == torch.inf).all()
    assert found.std(far).isfinite().all()
    declared = replace(method, mean=Polynomial(1), activation="bump").fit(
        data, generator=make_generator(0)
    )
    assert declared.interval(far)[0].isfinite().all()


def test_where_data_have_ended_nothing_is_known_however_small_the_std():
    """Of labels that are noise alone hardly more is learned than a constant, whose std is the same everywhere."""
    far = torch.tensor([[-100.0], [100.0]]).double()
    for seed in range(16):
        data = samples(100, dim_in=1, dim_out=1, seed=seed)
        noise = replace(data, y=data.y - 0.7 - data.x)
        found = LaplaceNetwork(width=3).fit(noise, generator=make_generator(seed))
        for quantile in (0.5, 0.99, 1.0):
            known = Known.of(found, data.x, quantile)
            assert not known(far).any() and known(data.x).double().mean() >= quantile - 0.01
        assert not found.known(far).any()


def test_a_circle_that_was_seen_everywhere_has_no_end():
    """Nor at the angles at which cos or sin is ±1, as it never quite is of any state that was seen."""
    angle = torch.arange(0.005, 2 * pi, 0.01).double()[:, None]
    noise = torch.randn(len(angle), 1, generator=make_generator(0), dtype=torch.float64)
    data = Samples(angle, noise, torch.ones_like(noise))
    method, period = LaplaceNetwork(width=3), torch.tensor([2 * pi]).double()
    found = on_circle(method, period, data, Normal(), make_generator(0))
    assert not found.ended(pi / 2 * torch.arange(5)[:, None]).any()


@pytest.mark.parametrize("n", [3, 10, 19])
def test_less_data_than_bins_of_their_units_will_do(n):
    data = samples(n, dim_in=1, dim_out=1)
    found = LaplaceNetwork(width=3).fit(data, generator=make_generator(0))
    assert found.mean(data.x).isfinite().all() and found.std(data.x).isfinite().all()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            lambda data: replace(data, weight=data.weight / (data.x[:, :1] > 0)),
            "noise of some labels",
        ),
        (
            lambda data: Samples(data.x[:3], data.y[:3], data.weight[:3]),
            "samples must be .* at least 4",
        ),
    ],
)
def test_labels_without_noise_or_too_few_are_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        LaplaceNetwork().fit(wrong(samples()), generator=make_generator(0))


def test_labels_of_weight_nothing_are_as_good_as_left_out():
    """Eight of a hundred, which would fill whole bins of an input; the rest of random units differs."""
    data = samples()
    some = data.x[:, 0] > 0
    found, left = (
        LaplaceNetwork(width=5).fit(each, generator=make_generator(0))
        for each in (
            replace(data, weight=data.weight * some[:, None]),
            Samples(data.x[some], data.y[some], data.weight[some]),
        )
    )
    x = data.x[some]
    assert ((found.mean(x) - left.mean(x)).abs() < left.std(x)).all()


@pytest.mark.parametrize("mean", ["line", 3, Polynomial])
def test_a_mean_that_is_no_function_is_refused(mean):
    with pytest.raises(TypeError, match=r"mean must be an object with a method .*Polynomial\(1\)"):
        LaplaceNetwork(mean=mean)


@pytest.mark.parametrize("n", [2049, 10_001])
def test_means_over_cells_keep_what_labels_say(n):
    """All weight, and all of the sum; of a line nearly its slope, as cells are small."""
    data = samples(n)
    few = in_cells(data)
    assert len(few.x) == 2**11
    for of in (lambda s: s.weight, lambda s: s.weight * s.y):
        torch.testing.assert_close(of(few).sum(0), of(data).sum(0))
    slopes = [
        torch.linalg.lstsq(s.x - s.x.mean(0), s.y - s.y.mean(0)).solution for s in (few, data)
    ]
    torch.testing.assert_close(*slopes, atol=0.03, rtol=0)
