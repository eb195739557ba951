"""Wrong labels are as wrong as asked for; sets of members share what they should."""

from functools import partial

import pytest
import torch
from torch.nn import functional as F

from stochphys.course.studies.digits import RECIPE, digits
from stochphys.device import make_generator
from stochphys.models import MLP
from stochphys.training import (
    Ensemble,
    Labelled,
    Resetting,
    accuracy,
    classify,
    cross_entropy,
    fit,
    flip,
    symmetric_noise,
)
from stochphys.training.labels import class_noise, predict
from tests.chance import K, sigmas


@pytest.mark.parametrize(
    "transition", [symmetric_noise(0.4, 10), class_noise(0.3, (0, 1, 0, 5, 7, 3, 6, 7, 8, 1))]
)
def test_labels_flip_as_the_transition_matrix_says(transition):
    """100 000 labels of each class: every frequency within chance."""
    y = torch.arange(10).repeat_interleave(100_000)
    given = flip(y, transition, generator=make_generator(0))
    counts = F.one_hot(given, 10).view(10, 100_000, 10).sum(1)
    error = (transition * (1 - transition) * 100_000).sqrt()
    assert ((counts - 100_000 * transition).abs() <= sigmas(error.numel()) * error).all()
    torch.testing.assert_close(transition.sum(-1), torch.ones(10, dtype=torch.float64))


def test_symmetric_noise_takes_each_other_class_alike():
    P = symmetric_noise(0.4, 10)
    assert P[0, 0] == pytest.approx(0.6) and P[3, 7] == pytest.approx(0.4 / 9)
    assert torch.linalg.det(symmetric_noise(0.9, 10)).abs() < 1e-12  # nothing is left to learn


def test_class_noise_mistakes_what_it_names():
    P = class_noise(0.3, (0, 2, 1))
    assert P.tolist() == [[1, 0, 0], [0, 0.7, 0.3], [0, 0.3, 0.7]]


def test_without_noise_labels_stay():
    y = torch.randint(10, (3, 50), generator=make_generator(0))
    assert torch.equal(flip(y, symmetric_noise(0.0, 10), generator=make_generator(1)), y)


def test_digits_are_split_and_noisy_where_they_should():
    """Share of wrong labels: 0.4 of 24 × 1100, to K s.e.; the test labels are true."""
    study = digits(range(24), 0.4)
    wrong = torch.cat([part.y != part.true for part in (study.train, study.validation)], 1)
    assert abs(wrong.double().mean() - 0.4) < K * (0.24 / wrong.numel()) ** 0.5
    assert torch.equal(study.test.y, study.test.true)
    parts = (study.train, study.validation, study.test)
    rows = torch.cat([part.rows for part in parts], 1)
    assert [len(part) for part in parts] == [800, 300, 697]
    assert torch.equal(rows.sort().values, torch.arange(1797).expand(24, -1))
    assert len({tuple(row.tolist()) for row in rows}) == 24


def test_copies_share_start_data_and_batches_and_seeds_do_not():
    study = digits((5, 6), 0.4, copies=3)
    first = next(study.networks.parameters())
    assert torch.equal(first[0], first[2]) and not torch.equal(first[2], first[3])
    index = torch.randint(800, (6, 4), generator=make_generator(0))
    x, y, seen = study.train[index]
    assert x.shape == (6, 4, 64) and torch.equal(x[0], x[2]) and torch.equal(y[3], y[5])
    assert torch.equal(seen[:3], index[:1].expand(3, -1)) and torch.equal(seen[4], index[3])
    alone = digits((6,), 0.4).train[index[3:4]]
    assert all(torch.equal(a[3], b[0]) for a, b in zip((x, y, seen), alone, strict=True))


def test_the_same_seed_is_the_same_study():
    a, b = digits((3,), 0.4), digits((3,), 0.4)
    assert torch.equal(a.train.y, b.train.y) and torch.equal(a.train.rows, b.train.rows)
    assert all(map(torch.equal, a.networks.parameters(), b.networks.parameters()))


def test_members_are_judged_as_single_networks_are():
    study = digits((0, 1), 0.4, copies=2)
    given = accuracy(study.networks, study.test)
    for i in range(4):
        group = i // 2
        one = Labelled(study.test.x[study.test.rows[group]], study.test.y[group], 10)
        network = study.networks.member(i)
        assert accuracy(network, one).item() == pytest.approx(given[i].item())
        assert torch.equal(predict(network, one), predict(study.networks, study.test)[i])
        index = torch.arange(697)
        loss = classify()(network, one[index])
        members = classify()(study.networks, study.test[index.expand(4, -1)])
        torch.testing.assert_close(members[i], loss)


def test_cross_entropy_is_minus_log_probability():
    logits = torch.randn(2, 5, 4, generator=make_generator(0))
    y = torch.randint(4, (2, 5), generator=make_generator(1))
    expected = -torch.log_softmax(logits, -1).gather(-1, y[..., None])[..., 0]
    torch.testing.assert_close(cross_entropy(logits, y), expected)


def test_members_of_one_seed_part_only_by_their_resets():
    """Common random numbers: until the first reset, copies are equal bit for bit."""
    study = digits((0,), 0.4, copies=2)
    reset = Resetting(torch.tensor([0.0, 1.0]), generator=make_generator(0), patience=100)
    train = partial(fit, study.networks, classify(), study.train, validation=study.validation)
    history = train(
        steps=600,
        generator=make_generator(1),
        callbacks=[reset],
        **RECIPE,
    )
    begun = int(reset.begun[1])
    values = torch.tensor(history.validation)
    assert torch.equal(values[: begun // 10, 0], values[: begun // 10, 1])
    assert not torch.equal(values[begun // 10 + 1 :, 0], values[begun // 10 + 1 :, 1])


X, Y, G = torch.zeros(4, 2), torch.tensor([0, 1, 2, 1]), make_generator(0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Labelled(X, Y, 2), "between 0 and n_classes - 1 = 1, got 0 to 2"),
        (lambda: Labelled(X, Y - 1, 3), "got -1 to 1; leave out what has no label"),
        (lambda: Labelled(X, Y.float(), 3), "y must be integers"),
        (lambda: Labelled(X, Y * 0 + 1, 3), "y holds one class only, 1"),
        (
            lambda: Labelled(X, torch.stack((Y, Y * 0)), 3, rows=torch.stack((Y, Y))),
            "class only, 0",
        ),
        (lambda: Labelled(X[:0], Y[:0], 3), "y is empty"),
        (lambda: Labelled(X[:3], Y, 3), "x holds 3 examples and y 4 labels"),
        (lambda: Labelled(X, Y, 3, true=Y[:2]), "true must have the shape of y"),
        (lambda: Labelled(X, Y, 3, true=Y + 1), "true must lie between 0 and .*got 1 to 3"),
        (lambda: symmetric_noise(1.2, 10), "noise_rate must lie in"),
        (lambda: symmetric_noise(-0.1, 10), "noise_rate must lie in"),
        (lambda: symmetric_noise(0.1, 1), "n_classes must be an integer of at least 2"),
        (lambda: class_noise(0.1, (0, 3)), "to must name one of its 2 classes"),
        (lambda: class_noise(0.1, ()), "to must name one of its 0 classes"),
        (lambda: class_noise(0.1, (1.0, 0.0)), "to must name one of its 2 classes"),
        (lambda: class_noise(0.1, (0.5, 1.0)), "to must name one of its 2 classes"),
        (lambda: flip(Y - 1, symmetric_noise(0.1, 3), generator=G), "got -1 to 1"),
        (
            lambda: flip(Y, symmetric_noise(0.1, 2), generator=G),
            r"y must lie between 0 and len\(transition\) - 1 = 1",
        ),
        (lambda: flip(Y.float(), symmetric_noise(0.1, 3), generator=G), "got torch.float32"),
        (lambda: flip(Y, torch.ones(3, 3), generator=G), "each row of transition"),
        (lambda: Labelled(X, Y, 3, copies=2), r"copies=2 need groups, y \(groups, n\), got"),
        (
            lambda: Labelled(X, Y[None], 3, rows=Y[None] + 2),
            r"rows must lie between 0 and len\(x\) - 1 = 3",
        ),
        (lambda: Labelled(X, Y[None], 3, copies=2)[torch.zeros(3, 5).long()], "Ensemble of 2"),
        (lambda: Labelled(X, Y[None], 3)[torch.zeros(5).long()], "take group"),
        (lambda: digits((), 0.4), "at least one seed"),
        (lambda: digits((0,), 0.4, copies=0), "copies must be a positive integer, got 0"),
        (lambda: digits((0,), float("nan")), "noise_rate must lie in"),
    ],
)
def test_bad_labels_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_group_is_a_data_set_of_its_own():
    train = digits((5, 6), 0.4, copies=3).train
    alone, index = train.group(1), torch.arange(4)
    assert len(alone) == 800 and alone.y.ndim == 1
    for of_all, own in zip(train[index.expand(6, -1)], alone[index], strict=True):
        assert torch.equal(of_all[3], own)


def test_a_network_with_too_few_outputs_is_refused_in_words():
    study = digits((0,), 0.4)
    networks = Ensemble([MLP((64, 3), generator=0)])
    with pytest.raises(ValueError, match="tells 3 classes apart, but there are labels up to 9"):
        fit(networks, classify(), study.train, steps=1, generator=0, device="cpu", progress=False)
