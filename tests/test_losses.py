"""Robust losses: their limits, what they are symmetric in, where their minimum lies, memory of ELR."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from stochphys.course.studies.digits import study_digits
from stochphys.course.studies.losses import ELR, forward_corrected, gce, sce
from stochphys.device import make_generator
from stochphys.models.networks import MLP
from stochphys.training import (
    Ensemble,
    Labelled,
    Run,
    classify,
    cross_entropy,
    fit,
    symmetric_noise,
)
from stochphys.training.labels import class_noise
from tests.at_step import At
from tests.chance import K

C = 5
LOSSES = {
    "cross entropy": cross_entropy,
    "MAE": gce(1.0),
    "GCE": gce(),
    "SCE": sce(),
    "corrected": forward_corrected(symmetric_noise(0.4, C)),
}


def draw(*shape: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    g = make_generator(seed)
    logits = 2 * torch.randn(*shape, C, generator=g, dtype=torch.float64)
    return logits, torch.randint(C, shape, generator=g)


def of_all_labels(loss, logits: Tensor) -> Tensor:
    """The loss for each label `(n, n_classes)`."""
    return torch.stack([loss(logits, torch.full((len(logits),), k)) for k in range(C)], -1)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_per_example_whatever_the_axes_in_front(name: str):
    logits, y = draw(3, 7)
    values = LOSSES[name](logits, y)
    assert values.shape == (3, 7)
    for i in range(3):
        torch.testing.assert_close(values[i], LOSSES[name](logits[i], y[i]))
    torch.testing.assert_close(LOSSES[name](logits + 3, y), values)  # only differences count
    assert torch.isfinite(LOSSES[name](300 * logits, y)).all()


@pytest.mark.parametrize("name", LOSSES)
def test_slopes_are_those_of_finite_differences(name: str):
    logits, y = draw(6)
    assert torch.autograd.gradcheck(lambda z: LOSSES[name](z, y), logits.requires_grad_())


def test_limits_of_the_generalised_cross_entropy():
    logits, y = draw(50)
    near = gce(1e-6)(logits, y)
    torch.testing.assert_close(near, cross_entropy(logits, y), rtol=1e-4, atol=0)
    assert (gce(0.3)(logits, y) > gce(0.7)(logits, y)).all()


def test_gce_of_1_is_half_the_mean_absolute_error_and_sce_exchanges_the_two_laws():
    logits, y = draw(50)
    p, told = logits.softmax(-1), nn.functional.one_hot(y, C)
    torch.testing.assert_close(2 * gce(1.0)(logits, y), (told - p).abs().sum(-1))
    exchanged = -(p * told.clamp(min=1e-4).double().log()).sum(-1)
    expected = 0.3 * cross_entropy(logits, y) + 0.7 * exchanged
    torch.testing.assert_close(sce(0.3, 0.7)(logits, y), expected)


def test_symmetric_losses_have_the_same_sum_over_labels_everywhere():
    logits, _ = draw(200)
    total = of_all_labels(gce(1.0), logits).sum(-1)
    torch.testing.assert_close(total, torch.full_like(total, C - 1.0))
    exchanged = of_all_labels(sce(0.0, 1.0), logits).sum(-1)
    torch.testing.assert_close(exchanged, torch.full_like(exchanged, (C - 1) * math.log(1e4)))
    assert of_all_labels(cross_entropy, logits).sum(-1).std() > 1
    # GCE lies between: its sum is bounded (Zhang and Sabuncu 2018, lemma 1)
    q = 0.7
    total = of_all_labels(gce(q), logits).sum(-1)
    assert (total >= (C - C ** (1 - q)) / q - 1e-9).all() and (total <= (C - 1) / q).all()


def test_symmetric_noise_does_not_move_the_minimum_of_mae():
    """Over all guesses p of one class: the risk under noise is a + b × the clean risk, b > 0."""
    logits, _ = draw(200)
    losses = of_all_labels(gce(1.0), logits)
    noisy = losses @ symmetric_noise(0.6, C).T  # mean over given labels, for each true one
    factor = 1 - 0.6 * C / (C - 1)
    torch.testing.assert_close(noisy, factor * losses + 0.6 / (C - 1) * (C - 1))


@pytest.mark.parametrize(
    "transition", [symmetric_noise(0.4, C), class_noise(0.3, (1, 0, 2, 4, 4))], ids=["all", "pairs"]
)
def test_forward_correction_is_least_at_the_clean_posterior(transition: Tensor):
    clean = torch.tensor([0.5, 0.2, 0.15, 0.1, 0.05], dtype=torch.float64)
    given = clean @ transition

    def risk(loss, logits: Tensor) -> Tensor:
        return (of_all_labels(loss, logits) * given).sum(-1)

    corrected = forward_corrected(transition)
    at = clean.log()[None].requires_grad_()
    (slope,) = torch.autograd.grad(risk(corrected, at), at)
    assert slope.abs().max() < 1e-12
    around = clean.log() + 0.3 * torch.randn(
        500, C, generator=make_generator(1), dtype=torch.float64
    )
    assert (risk(corrected, around) > risk(corrected, at)).all()
    (slope,) = torch.autograd.grad(risk(cross_entropy, at), at)
    torch.testing.assert_close(slope[0], clean - given)  # which is drawn to the given labels


def test_forward_correction_without_noise_is_cross_entropy():
    logits, y = draw(50)
    torch.testing.assert_close(forward_corrected(torch.eye(C))(logits, y), cross_entropy(logits, y))


def test_what_is_no_parameter_is_refused():
    for q in (0.0, 1.2, -1.0):
        with pytest.raises(ValueError, match=r"q must lie in \(0, 1\], got"):
            gce(q)
    for matrix, words in (
        (torch.eye(3)[:2], r"transition must be a square matrix, got shape \(2, 3\)"),
        (torch.ones(3, 3), "each row of transition must sum to 1, row 0 sums to 3"),
        (2 * torch.eye(2) - 0.5, r"transition must hold probabilities, got transition\[0, 1\]"),
    ):
        with pytest.raises(ValueError, match=words):
            forward_corrected(matrix)
    with pytest.raises(ValueError, match=r"beta must lie in \[0, 1\), got 1"):
        ELR(5, C, beta=1.0)


# Early-learning regularisation


def blobs(n: int, seed: int = 0) -> Labelled:
    """Three clouds in a plane, three labels in ten wrong."""
    g = make_generator(seed)
    true = torch.randint(3, (n,), generator=g)
    x = 2 * torch.randn(3, 2, generator=make_generator(9))[true] + torch.randn(n, 2, generator=g)
    wrong = torch.rand(n, generator=g) < 0.3
    y = torch.where(wrong, (true + torch.randint(1, 3, (n,), generator=g)) % 3, true)
    return Labelled(x, y, 3, true)


def network(seed: int = 0) -> MLP:
    return MLP((2, 32, 3), activation=nn.ReLU, generator=make_generator(seed))


def test_targets_remember_each_example_and_pull_towards_it():
    data, model, elr = blobs(40), network(), ELR(40, 3, lam=2.0, beta=0.6)
    index = torch.tensor([3, 8, 20])
    p = model(data[index][0]).softmax(-1)
    expected = torch.zeros(3, 3)
    for _ in range(3):  # persists: the third visit knows of the first
        value = elr(model, data[index])
        expected = 0.6 * expected + 0.4 * p.detach()
        torch.testing.assert_close(elr.targets[index], expected)
    untouched = torch.ones(40, dtype=torch.bool).index_fill(0, index, False)
    assert (elr.targets[untouched] == 0).all()
    plain = classify()(model, data[index])
    pull = (1 - (expected * p).sum(-1)).log().mean()
    torch.testing.assert_close(value, plain + 2 * pull)

    slopes = [torch.autograd.grad(v, model[-1].bias)[0] for v in (value, plain + 2 * pull)]
    torch.testing.assert_close(*slopes)  # with targets held fixed


def test_held_out_examples_are_judged_by_cross_entropy_and_leave_no_trace():
    data, model, elr = blobs(40), network().eval(), ELR(5, 3)
    batch = data[torch.arange(40)]
    assert torch.equal(elr(model, batch), classify()(model, batch))
    assert not elr.targets.any()


def test_members_of_an_ensemble_have_targets_of_their_own():
    data, starts = blobs(40), [network(0), network(1)]
    members, alone = ELR(40, 3), [ELR(40, 3), ELR(40, 3)]
    ensemble, g = Ensemble(starts), make_generator(0)
    for _ in range(3):
        index = torch.randint(40, (2, 16), generator=g)
        value = members(ensemble, (data.x[index], data.y[index], index))
        for i in range(2):
            single = alone[i](starts[i], data[index[i]])
            torch.testing.assert_close(value[i], single, rtol=1e-5, atol=1e-6)
            torch.testing.assert_close(members.targets[i], alone[i].targets)
    with pytest.raises(ValueError, match=r"shape \(2, 40, 3\) of another run; take a new ELR"):
        members(starts[0], data[index[0]])
    with pytest.raises(ValueError, match=r"shape \(40, 3\) of another run; take a new ELR"):
        alone[0](ensemble, (data.x[index], data.y[index], index))


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def test_a_model_in_eval_mode_is_taught_too_and_targets_are_kept_on_the_cpu(device: str):
    """Each of 40 examples is drawn at least once in 1200 draws; a visit leaves at least 1 − β."""
    found = []
    for model in (network(), network().eval()):
        elr = ELR(40, 3, beta=0.7)
        fit(
            model, elr, blobs(40), steps=30, generator=make_generator(1), batch_size=40, ema=0,
            progress=False, device=device,
        )  # fmt: skip
        kept = elr.state_dict()["targets"]
        assert kept.device.type == "cpu" and kept.sum(-1).min() > 0.29
        found.append(kept)
    torch.testing.assert_close(*found)


def die(run: Run) -> None:
    raise RuntimeError


def test_a_run_goes_on_from_its_checkpoint_with_its_targets(tmp_path):
    def run(*, until: int = 99, checkpoint: Path | None = None) -> tuple[nn.Module, ELR]:
        model, elr = network(), ELR(60, 3)
        fit(
            model, elr, blobs(60), steps=40, generator=make_generator(1), validate_every=10,
            batch_size=8, callbacks=[elr, At(until, die)], checkpoint=checkpoint, progress=False,
            device="cpu",
        )  # fmt: skip
        return model, elr

    whole, elr = run()
    with pytest.raises(RuntimeError):
        run(until=25, checkpoint=tmp_path / "a.pt")
    resumed, again = run(checkpoint=tmp_path / "a.pt")
    assert torch.equal(again.targets, elr.targets)
    for a, b in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.slow
def test_elr_keeps_what_was_learned_early():
    """Digits with 40 % wrong labels, last step of four seeds: 0.085 ± 0.009 better than cross
    entropy, over six such fours, K standard errors allowed."""
    # The last weights, kept ones play no part.
    plain, elr = (
        study_digits(range(4), 0.4, generator=1, steps=2000, objective=objective).last / 100
        for objective in (None, ELR(800, 10))
    )
    assert (elr - plain).mean().item() == pytest.approx(0.085, abs=K * 0.009)
