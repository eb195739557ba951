"""Warnings in words: each fires where its reason is put in by hand, and is silent where it is not."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import EntropyProduction, infer_entropy_production
from stochphys.inference.doubts import doubts_of_entropy, no_rate
from stochphys.models.many import Areas
from stochphys.movie import Movie
from stochphys.simulators import Linear, simulate
from stochphys.systems import BeadSpring
from stochphys.training import Ensemble, History
from tests.chance import K


class ExactStep(nn.Module):
    """ΔS = a x̄ᵀKΔx, in the place of a trained network."""

    def __init__(self, K: Tensor) -> None:
        super().__init__()
        self.K = nn.Parameter(K.float())

    def forward(self, window: Tensor) -> Tensor:
        first, second = window.unbind(-2)
        return ((first + second) / 2 @ self.K * (second - first)).sum(-1)


def found(
    system: Linear, dt: float, *, paths=200, frames=1001, scale=1.0, noise=0.0
) -> EntropyProduction:
    """What a perfect ensemble would return, or one whose ΔS is `scale` times too large, or the best
    that is linear where positions have an error."""
    held_out = simulate(system, paths, frames, dt, generator=make_generator(0))
    K = scale * system.entropy_matrix(dt)
    h = scale * system.entropy_production(held_out, "exact").double()
    if noise:
        error = noise * torch.randn(held_out.x.shape, generator=make_generator(1))
        held_out = held_out.map(lambda x: x + error)
        K = Areas.of(held_out).entropy_matrix()
        h = ExactStep(K)(torch.stack((held_out.x[:, :-1], held_out.x[:, 1:]), -2)).detach().double()
    network = ExactStep(K)
    rate, bound = h.mean().item() / dt, (h - torch.expm1(-h)).mean().item() / dt
    return EntropyProduction(
        rate=rate,
        std=0.02 * rate,
        member_rates=torch.full((2,), rate),
        bound=bound,
        in_sample=bound,
        entropy=h,
        history=History(),
        model=Ensemble([network, network]),
        held_out=held_out,
    )


@pytest.fixture(scope="module")
def good():
    """Two beads at T = 1 and 10, frames every 0.01, 200 paths held out: nothing to complain of."""
    return found(BeadSpring(), 0.01)


def only(result: EntropyProduction) -> str:
    """The one warning there is."""
    (sentence,) = doubts_of_entropy(result)
    return sentence


def test_a_good_result_has_no_warnings(good):
    assert doubts_of_entropy(good) == ()
    assert str(good).count("\n") == 0


def test_an_interrupted_training_is_told_however_little_is_shown(good):
    history = History([100], [[0.5] * 9] * 40, [[0.5] * 9] * 40, interrupted="at step 150 of 300")
    result = replace(good, history=history)
    assert only(result).startswith("Interrupted at step 150 of 300: ")
    assert all("interrupted at step 150 of 300" in repr(shown) for shown in (history, result))
    assert "interrupted" not in repr(good) + repr(good.history)


def test_overfitting_is_what_only_the_training_data_show(good):
    """The standard error of the bound is 2√(2/(nσ)), 4.5 % of it for the 200 000 held-out steps and
    8 % with that of the training sample: 3 of them, or a quarter of the rate, must be exceeded. Beyond
    the rate itself, more was learned than holds, and no rate is given."""
    assert doubts_of_entropy(replace(good, in_sample=1.15 * good.bound)) == ()
    some, most = (replace(good, in_sample=factor * good.bound) for factor in (1.8, 2.3))
    sentence = only(some)
    assert sentence.startswith("Overfitting") and f"{some.in_sample:.3g}" in sentence
    assert "more data" in sentence
    assert tuple(no_rate(some)) == ()
    (reason,) = no_rate(most)
    assert reason.startswith("No rate. Overfitting") and f"{most.in_sample:.3g}" in reason
    assert "bin(2)" in reason


@pytest.mark.parametrize(
    ("scale", "word"), [(1.5, "too bold"), (0.6, "too timid"), (1.03, ""), (0.97, "")]
)
def test_a_wrong_factor_is_seen_in_the_gap_between_rate_and_bound(scale, word):
    """⟨e^−aΔS⟩ − 1 ≈ a(a − 1)⟨ΔS⟩ for short steps: +50 % and −40 % of the rate, and 3 %."""
    sentences = doubts_of_entropy(found(BeadSpring(), 0.01, scale=scale))
    assert len(sentences) == bool(word)
    assert word in "".join(sentences)


def test_heavy_tails_are_named_where_the_second_moment_is_infinite():
    """⟨e^−2ΔS⟩ is 5 for T_h = 100 at dt = 0.01, and infinite for steps of 0.05."""
    assert not any("tails" in s for s in doubts_of_entropy(found(BeadSpring(T_h=50.0), 0.01)))
    assert any("Heavy tails" in s for s in doubts_of_entropy(found(BeadSpring(T_h=100.0), 0.05)))


@pytest.mark.parametrize(("dt", "slow"), [(0.005, False), (0.01, False), (0.05, True), (0.1, True)])
def test_a_slow_camera_is_noticed_from_its_own_frames(dt, slow):
    """The exact rate falls from dt to 2 dt by 2 % at 0.01, by 10 % at 0.05, by 20 % at 0.1. The
    fall seen in 100 000 steps has a standard error of 16 % at 0.05, 9 % at 0.1: within K of them."""
    system = BeadSpring(T_h=6.0)
    sentences = doubts_of_entropy(found(system, dt))
    assert [s.split(":")[0] for s in sentences] == ["Slow camera"] * slow
    if slow:
        lost = system.entropy_production_rate(dt) - system.entropy_production_rate(2 * dt)
        seen = float(sentences[0].split("falls by ")[1].split()[0])
        assert seen == pytest.approx(lost, rel=K * (0.16 if dt == 0.05 else 0.09))


def test_frames_without_memory_are_noticed_even_if_no_entropy_is_left_in_them():
    result = found(BeadSpring(T_h=4.0), 2.0)
    assert any("of its spread" in s for s in doubts_of_entropy(result))


@pytest.mark.parametrize(
    ("relative_error", "word"),
    [(0.6, "equilibrium cannot be excluded"), (0.3, "9 times as much"), (0.1, "")],
)
def test_a_large_error_bar_is_put_into_words(good, relative_error, word):
    sentences = doubts_of_entropy(replace(good, std=relative_error * good.rate))
    assert len(sentences) == bool(word)
    assert word in "".join(sentences)


def test_few_held_out_paths_are_named():
    result = found(BeadSpring(), 0.01, paths=6, frames=20_000)
    assert "6 paths were held out" in only(result) and "data.cut(50)" in only(result)


@pytest.mark.parametrize("bound", [-3.0, -1e6, math.inf, math.nan])
def test_no_rate_is_given_where_what_was_learned_does_not_hold(good, bound):
    assert tuple(no_rate(good)) == ()
    (reason,) = no_rate(replace(good, bound=bound))
    assert reason.startswith("No rate. Overfitting") and "learned by heart" in reason


def test_a_rate_of_zero_is_honest_where_dissipation_is_not_to_be_found(good):
    """J + 1 of what chance has learned is a little below 0, and the error bar of the rate holds 0."""
    nothing = replace(good, rate=0.01, std=0.02, bound=-0.01, in_sample=0.02)
    assert tuple(no_rate(nothing)) == ()
    assert tuple(
        no_rate(replace(nothing, rate=0.1))
    )  # dissipation that held-out data do not confirm


def test_a_rate_that_rises_when_frames_are_left_out_tells_errors_of_positions():
    """Noise as large as a step hides most of what a pair of frames shows, of one twice as long less."""
    result = found(BeadSpring(), 0.01, noise=0.1)
    assert any(sentence.startswith("Errors of positions") for sentence in doubts_of_entropy(result))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_fifty_frames_of_noise_end_in_no_rate_or_in_zero(seed):
    """Networks learn these by heart within some steps; no exception, and no dissipation."""
    g = make_generator(seed)
    film = Movie.of(torch.randn(20, 50, 8, 8, generator=g), 0.1)
    options = dict(members=2, steps=300, generator=g, progress=False)
    for data in (film, Trajectories(film.reel[:, :2, 0].view(20, 50, 2), 0.1)):
        result = infer_entropy_production(data, **options)
        assert not result.rate > 3 * result.std
        assert result.warnings


@pytest.mark.slow
def test_warnings_travel_with_the_result():
    """From data to words: far from equilibrium nothing is wrong; equilibrium is named."""
    options = dict(members=3, steps=150, batch_size=1024, progress=False)
    for T_h, word in ((10.0, ""), (1.0, "equilibrium cannot be excluded")):
        g = make_generator(1)
        data = simulate(BeadSpring(T_h=T_h), 500, 200, 0.01, generator=g)
        result = infer_entropy_production(data, generator=g, **options)
        assert len(result.warnings) == bool(word), result.warnings
        assert word in str(result)
