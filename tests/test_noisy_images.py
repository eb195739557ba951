"""Examples of one's own under label noise, and runs of a network on images: what seeds share."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from stochphys import course
from stochphys.course.studies import noisy_images
from stochphys.course.studies.datasets import FASHION_LOOKALIKES, Images, images
from stochphys.course.studies.image_files import CIFAR10_LOOKALIKES
from stochphys.course.studies.noisy_images import accuracies, on_images
from stochphys.course.studies.noisy_labels import noisy_labels, study
from stochphys.device import make_generator
from stochphys.models.networks import MLP
from stochphys.training.labels import class_noise, classify, symmetric_noise
from tests.at_step import At, Stop

BLOBS = torch.arange(3)[:, None].float()
TRUE = torch.arange(600) % 3
X = 4 * BLOBS[TRUE] + torch.randn(600, 1, generator=make_generator(0))

ASKED = dict(noise_rate=0.4, p_reset=0.0)


def network(generator: torch.Generator) -> nn.Module:
    return MLP((1, 16, 3), activation=nn.ReLU, generator=generator)


def drawn(noise=0.4, **options) -> SimpleNamespace:
    return noisy_labels(X, TRUE, (5, 6), noise, sizes=(400, 100), network=network, **options)


def test_ones_own_examples_are_split_and_get_wrong_labels():
    data = drawn(copies=2)
    assert data.networks.members == 4
    for i in range(2):
        parts = [d.group(i) for d in (data.train, data.validation, data.test)]
        assert [len(d) for d in parts] == [400, 100, 100]
        rows = torch.cat([d.rows for d in parts])
        assert torch.equal(rows.sort().values, torch.arange(600))  # each example once
        for d in parts:
            assert torch.equal(d.true, TRUE[d.rows])
        wrong = (parts[0].y != parts[0].true).float().mean()
        assert abs(wrong - 0.4) < 4 * (0.4 * 0.6 / 400) ** 0.5
        assert torch.equal(parts[2].y, parts[2].true)
    assert not torch.equal(data.train.rows[0], data.train.rows[1])


def test_wrong_labels_follow_a_matrix_and_others_may_judge():
    data = drawn(class_noise(0.5, (1, 1, 2)), test=(X[:50], TRUE[:50]))
    given, true = data.train.y, data.train.true
    assert torch.equal(given[true > 0], true[true > 0])
    assert set(given[true == 0].tolist()) == {0, 1}
    assert torch.equal(data.test.group(1).x, X[:50]) and len(data.test) == 50


def test_a_study_takes_ones_own_examples():
    options = dict(patience=50, generator=1, steps=400, lr=0.1, ema=0.0, validate_every=10)
    options |= dict(optimizer=torch.optim.SGD, keep="lowest", batch_size=8, progress=False)
    found = study(drawn(copies=2), (0.0, 0.1), device="cpu", **options)
    assert found.kept.shape == (2, 2)
    assert (found.kept[:, 0] > 80).all()  # blobs four standard deviations apart
    with pytest.raises(ValueError, match="data have 2 copies of a network, p_reset has 1"):
        study(drawn(copies=2), device="cpu", **options)


OPTIONS: dict = dict(
    patience=20,
    generator=1,
    lr=0.1,
    ema=0.0,
    validate_every=10,
    optimizer=torch.optim.SGD,
    keep="lowest",
    batch_size=8,
    progress=False,
    device="cpu",
)


def test_arrays_names_and_one_hot_rows_are_labels_too():
    words = [("blue", "green", "red")[i] for i in TRUE]
    expected = drawn()
    for x, y in (
        (X.numpy(), TRUE.numpy()),
        (X.tolist(), TRUE[:, None]),
        (X, nn.functional.one_hot(TRUE, 3)),
        (X, words),
    ):
        options = dict(sizes=(400, 100), network=network, test=(x[:50], y[:50]))
        found = noisy_labels(x, y, (5, 6), 0.4, **options)
        assert torch.equal(found.train.y, expected.train.y)
        assert torch.equal(found.test.group(0).y, TRUE[:50])
    assert found.train.names == found.test.names == ("blue", "green", "red")


def test_a_class_without_examples_is_known_by_their_number():
    options = dict(sizes=(400, 100), network=network)
    data = noisy_labels(X, 2 * (TRUE % 2), (0,), 0.4, n_classes=3, **options)
    assert data.train.y.unique().tolist() == [0, 1, 2]
    same = noisy_labels(X, 2 * (TRUE % 2), (0,), symmetric_noise(0.4, 3), n_classes=3, **options)
    assert torch.equal(data.train.y, same.train.y)


def enough(run) -> None:
    run.enough = True


@pytest.mark.parametrize("stop", [Stop(15), Stop(35), At(3, enough), At(35, enough)])
def test_a_study_that_was_stopped_has_no_last_weights(stop):
    found = study(drawn(), **OPTIONS, steps=60, callbacks=[stop])
    assert found.last.isnan().all() and found.kept.isfinite().all()
    assert (found.lowest == math.inf).all() == (not found.history.step)


def test_a_study_that_a_callback_ends_has_those_of_its_end():
    short, ended = (
        study(drawn(), **OPTIONS, **how)
        for how in (dict(steps=30), dict(steps=60, callbacks=[At(30, enough)]))
    )
    assert torch.equal(short.last, ended.last) and ended.history.step[-1] == 30


def test_a_member_that_explodes_keeps_its_lowest_objective():
    """One of two: the other goes on."""

    def explode(model, batch):
        calls.append(0)
        loss = classify()(model, batch)
        return loss * torch.tensor([1.0, math.nan if len(calls) > 60 else 1.0])

    calls: list[int] = []
    found = study(drawn(), **OPTIONS, steps=60, objective=explode)
    assert math.isnan(found.history.validation[-1][1]) and found.lowest.isfinite().all()


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (dict(network=MLP((1, 3), generator=0)), TypeError, "network must make a network from a"),
        (dict(y=TRUE + 0.7), ValueError, "y must be integers or names"),
        (dict(y=2 * TRUE), ValueError, "n_classes is not given, .* give n_classes=5"),
        (dict(y=TRUE.repeat(2)), ValueError, "x holds 600 examples and y 1200 labels"),
        (dict(y=TRUE.expand(2, -1)), ValueError, r"y must have the shape \(n,\), got \(2, 600\)"),
        (dict(seeds=(5, 5)), ValueError, r"each once, got \(5, 5\)"),
        (dict(seeds=5), ValueError, "at least one seed, and each once, got 5"),
        (dict(sizes=(-100, 50)), ValueError, "n_train must be a positive integer, got -100"),
        (dict(copies=1.5), ValueError, "copies must be a positive integer, got 1.5"),
        (
            dict(noise=torch.eye(4)),
            ValueError,
            r"noise must be a rate .* \(3, 3\), got \(4, 4\); if",
        ),
        (dict(noise=torch.eye(3)[:, :2]), ValueError, r"\(3, 3\), got \(3, 2\)"),
        (dict(test=(X, TRUE + 1)), ValueError, "test does not fit x and y: y must lie between"),
        (dict(test=(X[:, [0, 0]], TRUE)), ValueError, r"got \(600, 2\), x has \(600, 1\)"),
    ],
)
def test_examples_that_do_not_fit_are_refused(change, kind, message):
    asked = dict(x=X, y=TRUE, seeds=(0,), noise=0.1, sizes=(400, 100), network=network) | change
    with pytest.raises(kind, match=message):
        noisy_labels(**asked)


def test_one_probability_for_copies_is_refused():
    with pytest.raises(ValueError, match="p_reset must be a sequence, .* got 0.1"):
        study(drawn(), 0.1, **OPTIONS, steps=10)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(seeds=()), "at least one seed"),
        (dict(sizes=(500, 100)), r"500 \+ 100 of 600 examples; leave some to judge by"),
        (dict(noise=1.2), "noise_rate must lie in"),
        (dict(noise=class_noise(0.5, (1, 0))), r"noise must be a rate .*got \(2, 2\)"),
    ],
)
def test_what_cannot_be_split_is_refused(change, message):
    asked = dict(x=X, y=TRUE, seeds=(0,), noise=0.1, sizes=(400, 100), network=network) | change
    with pytest.raises(ValueError, match=message):
        noisy_labels(**asked)


@pytest.fixture
def few(monkeypatch):
    """The images of the course, and a short recipe."""
    monkeypatch.setattr(noisy_images, "_all", lambda name: images())
    monkeypatch.setattr(noisy_images, "PATIENCE", 30)
    return dict(seed=3, sizes=(600, 200), steps=200, validate_every=10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(method="sgd"), "method must be one of SGD, .* got 'sgd'"),
        (dict(network="Cnn"), "network must be one of CNN, .* got 'Cnn'"),
        (dict(layers="features"), "layers must be a tuple of names"),
        (dict(layers=[]), "layers must be a tuple of names"),
        (dict(layers=["head"]), "layers holds 'head'; the model has standardise, features, cl"),
        (dict(p_reset=1.5), "p_reset must lie in"),
        (dict(name="ANIMAL-10N", lookalikes=True), "name must be one of Fashion-MNIST, CIFAR-10,"),
    ],
)
def test_a_run_that_cannot_be_is_refused(few, change, message):
    with pytest.raises(ValueError, match=message):
        on_images(**dict(noise_rate=0.4, p_reset=0.1) | few | change)


def test_classes_and_lookalikes_are_those_of_the_images(few, monkeypatch):
    """Twenty classes; a cat is taken for a dog, no coat for a pullover."""
    data, of = images(), []

    def twenty(name):
        x, y = data.train
        return Images(name, (x, y + 10 * (torch.arange(len(y)) % 2)), data.test)

    monkeypatch.setattr(noisy_images, "_all", twenty)
    assert on_images(0.4, 0.0, **few | dict(steps=10, validate_every=10))["steps"] == [10]
    monkeypatch.setattr(noisy_images, "_all", lambda name: data)
    monkeypatch.setattr(noisy_images, "class_noise", lambda rate, to: of.append(to) or rate)
    for name in ("CIFAR-10", "Fashion-MNIST"):
        on_images(0.4, 0.0, **few | dict(steps=10), name=name, lookalikes=True)
    assert of == [CIFAR10_LOOKALIKES, FASHION_LOOKALIKES]


def test_half_of_a_run_is_no_result(few, monkeypatch):
    monkeypatch.setattr(noisy_images.Monitor, "after_step", Stop(15).after_step, raising=False)
    with pytest.raises(KeyboardInterrupt, match="at step 15 of 200"):
        on_images(0.4, 0.0, **few)


@pytest.mark.slow
def test_runs_of_a_seed_differ_in_what_is_asked_for_alone(few):
    plain, again, reset, frozen = (on_images(0.4, p, **few) for p in (0.0, 0.0, 0.05, 1.0))
    assert plain == again
    assert reset["begun"] == plain["begun"] > 30 and plain["resets"] == 0
    expected = 0.05 * (200 - reset["begun"])
    assert abs(reset["resets"] - expected) < 4 * expected**0.5
    assert frozen["kept"] == frozen["last"]  # early stopping with patience: nothing moves any more
    assert frozen["best_step"] == frozen["begun"] - 30
    same = sum(step <= plain["begun"] for step in plain["steps"])
    assert plain["test"][:same] == reset["test"][:same] and plain["test"] != reset["test"]
    shares = [plain["labels"][name] for name in ("true label", "memorised", "other")]
    assert torch.allclose(torch.tensor(shares).sum(0), torch.ones(len(plain["steps"])), atol=2e-3)


@pytest.mark.slow
def test_what_is_changed_changes(few):
    plain = on_images(0.4, 0.05, **few)
    for change in (
        dict(layers=["classifier"]),
        dict(lookalikes=True),
        dict(batch_size=8),
        *(dict(method=name) for name in noisy_images.METHODS if name not in ("SGD", "short run")),
    ):
        assert on_images(0.4, 0.05, **few | change)["last"] != plain["last"], change
    clean = on_images(0.0, 0.0, **few)
    assert clean["labels"].keys() == {"right labels"} and clean["kept"] > plain["kept"]


def test_a_study_without_its_images_says_so(monkeypatch):
    monkeypatch.delenv("STOCHPHYS_DATA", raising=False)
    noisy_images._all.cache_clear()
    with (
        pytest.warns(UserWarning, match="let STOCHPHYS_DATA name"),
        pytest.raises(FileNotFoundError, match="needs all of CIFAR-10; let STOCHPHYS_DATA name"),
    ):
        on_images(0.4, 0.0, seed=0, name="CIFAR-10")


def test_stored_accuracies_come_seed_by_seed():
    found = accuracies("44_noise", noise_rate=0.4, p_reset=0.0)
    rows = {row["seed"]: row for row in course.stored("44_noise") if row["setting"] == ASKED}
    assert found["kept"] == [rows[seed]["result"]["kept"] for seed in range(100, 112)]
    assert found["last"][0] == rows[100]["result"]["last"]
    assert accuracies("44_noise", noise_rate=0.45, p_reset=0.0)["last"] == []
