"""The split of the noisy gradient is exact: each part is what its name says, on its own."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from stochphys.course.studies.digits import digits
from stochphys.course.studies.gradient_split import (
    GradientSplit,
    annealed,
    example_gradients,
    gradient_split,
)
from stochphys.device import make_generator
from stochphys.models.networks import MLP
from stochphys.training.labels import Labelled, class_noise, flip, symmetric_noise
from tests.chance import CHANCE, K, sigmas

N, CLASSES, NOISE_RATE = 60, 10, 0.4
PARTS = ("clean", "noisy", "drift", "pull", "quenched", "bias", "correct", "wrong")


def network(seed: int = 0) -> nn.Module:
    body = MLP((5, 7, CLASSES), activation=nn.ReLU, generator=make_generator(seed))
    return body.double()


@pytest.fixture(scope="module")
def data() -> Labelled:
    generator = make_generator(1)
    x = torch.randn(N, 5, generator=generator, dtype=torch.float64)
    true = torch.randint(CLASSES, (N,), generator=generator)
    given = flip(true, symmetric_noise(NOISE_RATE, CLASSES), generator=generator)
    return Labelled(x, given, CLASSES, true)


@pytest.fixture(scope="module")
def split(data: Labelled) -> GradientSplit:
    return gradient_split(network(), data, symmetric_noise(NOISE_RATE, CLASSES))


def gradient(loss: Tensor, model: nn.Module) -> Tensor:
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, [*model.parameters()])])


def test_the_noisy_gradient_is_drift_pull_and_quenched_disorder(
    data: Labelled, split: GradientSplit
) -> None:
    """g̃ = (1 − a) g + a g_uniform + q to rounding, each part found without the others: the pull
    by training on uniform labels, q from the gradient of each output by each weight."""
    model = network()
    a = NOISE_RATE * CLASSES / (CLASSES - 1)
    uniform = torch.full((N, CLASSES), 1 / CLASSES, dtype=torch.float64)
    pull = a * gradient(cross_entropy(model(data.x), uniform), model)
    law = symmetric_noise(NOISE_RATE, CLASSES)[data.true]  # of the given labels, (n, classes)
    surplus = law - nn.functional.one_hot(data.y, CLASSES)
    quenched = gradient((model(data.x) * surplus).sum() / N, model)
    drift = (1 - a) * gradient(cross_entropy(model(data.x), data.true), model)
    noisy = gradient(cross_entropy(model(data.x), data.y), model)
    for part, exact in {"drift": drift, "pull": pull, "quenched": quenched}.items():
        torch.testing.assert_close(getattr(split, part), exact, rtol=0, atol=1e-13)
        assert exact.norm() > 0.01
    torch.testing.assert_close(noisy, drift + pull + quenched, rtol=0, atol=1e-13)
    torch.testing.assert_close(split.noisy, noisy, rtol=0, atol=1e-13)


def test_right_and_wrong_labels_add_up(data: Labelled, split: GradientSplit) -> None:
    wrong = (data.y != data.true).double().mean()
    total = (1 - wrong) * split.correct + wrong * split.wrong
    torch.testing.assert_close(total, split.noisy, rtol=0, atol=1e-13)


@pytest.mark.parametrize("noise", ["symmetric", "class"])
def test_expectation_is_the_mean_over_draws_of_the_labels(noise: str, data: Labelled) -> None:
    """At fixed weights, 400 draws. The squared distance of their mean from E[g̃] is a sum of χ²
    weighted by the eigenvalues λ of its covariance, which passes Σλ + 2√(t Σλ²) + 2tλ_max with a
    probability below e⁻ᵗ (Laurent and Massart, Ann. Statist. 28, 1302 (2000), Lemma 1)."""
    model, draws = network(), 400
    transition = {
        "symmetric": symmetric_noise(NOISE_RATE, CLASSES),
        "class": class_noise(NOISE_RATE, [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]),
    }[noise]
    generator = make_generator(2)
    given = flip(data.true.expand(draws, -1), transition, generator=generator)
    splits = [gradient_split(model, replace(data, y=y), transition) for y in given]
    noisy = torch.stack([split.noisy for split in splits])
    weights = torch.linalg.eigvalsh(noisy.T.cov() / draws)
    expected = splits[0].drift + splits[0].pull
    miss = (noisy.mean(0) - expected).square().sum()
    t = -math.log(CHANCE)
    assert miss < weights.sum() + 2 * t**0.5 * weights.norm() + 2 * t * weights.max()
    assert splits[0].norm("bias") > 5 * miss.sqrt()  # sharp enough to tell g̃ from g


def test_at_the_critical_rate_nothing_of_the_clean_gradient_is_left(data: Labelled) -> None:
    split = gradient_split(network(), data, symmetric_noise(0.9, CLASSES))
    assert split.norm("drift") < 1e-12 < 0.01 < split.norm("clean")
    torch.testing.assert_close(split.noisy, split.pull + split.quenched)


@pytest.mark.parametrize(("rate", "shrink"), [(0.0, 1.0), (0.4, 5 / 9), (0.9, 0.0), (1.0, -1 / 9)])
def test_the_clean_drift_shrinks_and_turns_at_the_critical_rate(
    rate: float, shrink: float, data: Labelled
) -> None:
    split = gradient_split(network(), data, symmetric_noise(rate, CLASSES))
    torch.testing.assert_close(split.drift, shrink * split.clean, rtol=0, atol=1e-13)
    torch.testing.assert_close(split.pull + split.quenched, split.noisy - split.drift)


def test_clean_labels_have_no_bias(data: Labelled) -> None:
    split = gradient_split(network(), replace(data, y=data.true), torch.eye(CLASSES))
    for part in ("bias", "pull", "quenched", "wrong"):
        assert split.norm(part) < 1e-14
    torch.testing.assert_close(split.correct, split.clean)


def test_each_member_of_an_ensemble_is_split_alone() -> None:
    study = digits([0, 1], NOISE_RATE, copies=2)
    law = symmetric_noise(NOISE_RATE, CLASSES)
    together = gradient_split(study.networks, study.train, law)
    noise = annealed(study.networks, study.train, 8)
    for i in range(4):
        own = Labelled(
            study.train.x,
            study.train.y[i // 2],
            CLASSES,
            study.train.true[i // 2],
            study.train.rows[i // 2],
        )
        alone = gradient_split(study.networks.member(i), own, law)
        for part in PARTS:
            torch.testing.assert_close(getattr(together, part)[i], getattr(alone, part))
        torch.testing.assert_close(noise[i], annealed(study.networks.member(i), own, 8))


def test_minibatch_noise_is_what_batches_scatter(data: Labelled) -> None:
    """Mean gradients of 4000 batches of 4, drawn with replacement: their rms distance from g̃
    within K standard errors."""
    each = example_gradients(network(), data.x, data.y)
    index = torch.randint(N, (4000, 4), generator=make_generator(3))
    xi = each[index].mean(1) - each.mean(0)
    square = xi.square().sum(1)
    error = K * square.std() / 4000**0.5
    assert abs(square.mean() - annealed(network(), data, 4) ** 2) < error


def test_gradients_of_single_examples_have_the_full_gradient_as_mean(
    data: Labelled, split: GradientSplit
) -> None:
    each = example_gradients(network(), data.x, data.y)
    torch.testing.assert_close(each.mean(0), split.noisy, rtol=0, atol=1e-13)


def test_the_arrows_of_the_figure_lead_to_where_the_batches_are(
    data: Labelled, split: GradientSplit
) -> None:
    """From tip to tail they end at −g̃, around which the dots scatter; K standard errors."""
    figures = pytest.importorskip("stochphys.course.figures.gradients")
    ax = pytest.importorskip("matplotlib.figure").Figure().subplots()
    each = example_gradients(network(), data.x, data.y)
    options = dict(batch_size=8, generator=make_generator(6))
    figures.gradient_plane(ax, split, each, **options)
    *parts, whole = ax.collections[1:]  # quivers
    arrows = torch.tensor([[q.U[0], q.V[0]] for q in (*parts, whole)])
    torch.testing.assert_close(arrows[:3].sum(0), arrows[3])
    assert arrows[3].norm().item() == pytest.approx(split.norm("noisy").item())
    dots = torch.tensor(ax.collections[0].get_offsets().data)
    error = dots.std(0) / len(dots) ** 0.5
    assert ((dots.mean(0) - arrows[3]).abs() < sigmas(error.numel()) * error).all()


def test_bad_input_is_refused(data: Labelled) -> None:
    law = symmetric_noise(NOISE_RATE, CLASSES)
    with pytest.raises(ValueError, match="no true labels"):
        gradient_split(network(), replace(data, true=None), law)
    with pytest.raises(ValueError, match="10 classes"):
        gradient_split(network(), data, symmetric_noise(NOISE_RATE, 5))
    with pytest.raises(ValueError, match="each row of transition must sum to 1"):
        gradient_split(network(), data, 2 * law)
