"""Examples of one's own under label noise, and runs of a network on images: what seeds share."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from stochphys import course
from stochphys.course.studies import noisy_images
from stochphys.course.studies.datasets import images
from stochphys.course.studies.noisy_images import accuracies, on_images
from stochphys.course.studies.noisy_labels import noisy_labels, study
from stochphys.device import make_generator
from stochphys.models.networks import MLP
from stochphys.training.labels import class_noise

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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(seeds=()), "at least one seed"),
        (dict(sizes=(500, 100)), r"500 \+ 100 of 600 examples; leave some to judge by"),
        (dict(noise=1.2), "noise_rate must lie in"),
        (dict(noise=class_noise(0.5, (1, 0))), r"y must lie between 0 and len\(transition\)"),
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
