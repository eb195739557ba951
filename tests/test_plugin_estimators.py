"""Estimators by way of probabilities, where the answer is known exactly, and where they must fail."""

import math
import re
from functools import partial

import pytest
import torch

from stochphys.data import Jumps, Trajectories
from stochphys.device import make_generator
from stochphys.inference import (
    detailed_fluctuation_theorem,
    finite_time_tur,
    first_passage_ratio,
    gaussian_plugin,
    integral_fluctuation_theorem,
    knn_plugin,
    short_time_tur,
    word_plugin,
)
from stochphys.simulators import Linear, simulate
from stochphys.systems import BeadSpring, StirredDoubleWell
from tests.chance import K
from tools.random_systems import film, random_system

DT = 0.01


@pytest.fixture
def generator():
    return make_generator(5)


@pytest.fixture(scope="module")
def beads():
    system = BeadSpring()
    return system, simulate(system, 1000, 1000, DT, generator=make_generator(1))


def ring(n_trajectories, n_times, generator):
    """Three states on a ring, forwards with 0.6, backwards with 0.2: 0.4 ln 3 per step."""
    p = torch.tensor([0.2, 0.6, 0.2])  # stays, forwards, backwards
    shape = (n_trajectories, n_times)
    step = torch.multinomial(p, n_trajectories * n_times, True, generator=generator)
    return Jumps(step.view(shape).cumsum(1) % 3, 3)


RING = 0.4 * math.log(3)


@pytest.mark.parametrize(("n_beads", "dt"), [(2, 0.01), (2, 0.1), (5, 0.05)])
def test_gaussian_plugin_is_exact_for_linear_forces_at_any_dt(n_beads, dt, generator):
    system = BeadSpring(n_beads=n_beads)
    data = simulate(system, 1000, 500, dt, generator=generator)
    estimate = gaussian_plugin(data)
    exact = system.entropy_production_rate(dt)
    assert abs(estimate.rate - exact) < K * estimate.std
    assert estimate.std < 0.05 * exact
    comparison = estimate.compare(system)
    assert comparison.r_squared > 0.99 and abs(comparison.slope - 1) < 0.05


def test_gaussian_plugin_finds_the_bias_of_the_euler_chain(generator):
    """σ̇/(1 − 3dt/4) for two beads: 1.081 at dt = 0.1."""
    system = BeadSpring()
    data = simulate(system, 2000, 1000, 0.1, generator=generator, scheme="euler")
    estimate = gaussian_plugin(data)
    assert abs(estimate.rate - 1.0811 * 2.025) < K * estimate.std
    assert abs(estimate.rate - 2.025) > K * estimate.std


@pytest.mark.parametrize("kind", ["Gaussian", "words", "TUR"])
def test_error_bars_are_the_spread_between_experiments(kind, generator):
    """40 experiments know their spread to 1/√78 = 11 %, of which K are allowed."""
    if kind == "words":
        estimates = [word_plugin(ring(50, 100, generator)) for _ in range(40)]
    else:
        paths, steps, dt = (50, 100, 0.1) if kind == "Gaussian" else (100, 50, DT)
        infer = (
            gaussian_plugin if kind == "Gaussian" else partial(short_time_tur, generator=generator)
        )
        many = simulate(BeadSpring(), 40 * paths, steps, dt, generator=generator)
        estimates = [infer(Trajectories(x, dt)) for x in many.x.split(paths)]
    rates = torch.tensor([estimate.rate for estimate in estimates])
    said = sum(estimate.std for estimate in estimates) / 40
    assert rates.std().item() == pytest.approx(said, rel=K * 0.11)
    if kind == "Gaussian":
        exact, error = BeadSpring().entropy_production_rate(dt), rates.std().item() / 40**0.5
        assert abs(rates.mean().item() - exact) < K * error


def test_jackknife_removes_the_bias_of_many_coefficients(generator):
    """Eight beads, 20 experiments of 2000 steps: 64 numbers in K. In sample it is far too high."""
    system = BeadSpring(n_beads=8)
    many = simulate(system, 20 * 20, 100, DT, generator=generator).x.split(20)
    estimates = [gaussian_plugin(Trajectories(x, DT)) for x in many]
    in_sample, rate = torch.tensor([(e.in_sample, e.rate) for e in estimates], dtype=float).T
    exact, error = system.entropy_production_rate(DT), rate.std().item() / 20**0.5
    assert in_sample.mean().item() > exact + K * error
    assert abs(rate.mean().item() - exact) < K * error


def test_gaussian_plugin_does_not_depend_on_units_origin_or_order_of_coordinates(beads):
    _, data = beads
    x = data.x[:100].double()

    def estimate(x):
        return gaussian_plugin(Trajectories(x, DT))

    usual = estimate(x)
    for other in (estimate(1e3 * x), estimate(x + torch.tensor([30.0, -5.0])), estimate(x.flip(2))):
        assert other.rate == pytest.approx(usual.rate, rel=1e-6)
    assert estimate(x.flip(1)).rate == pytest.approx(usual.rate, rel=1e-6)
    torch.testing.assert_close(estimate(x.flip(1)).per_step(), usual.per_step().flip(1))


@pytest.mark.parametrize("apart", [1, 10])
def test_gaussian_plugin_says_where_forces_are_not_linear(apart, generator):
    """The well is called what it is, the beads are not, however far frames lie apart."""
    well, beads = (
        gaussian_plugin(simulate(system, 100, 800, DT, generator=generator).every(apart)).warnings
        for system in (StirredDoubleWell(), BeadSpring())
    )
    assert any(said.startswith("Not linear: of the mean square of the drift") for said in well)
    assert not beads


def test_gaussian_plugin_says_where_noise_depends_on_the_state(generator):
    """The square of x, dx = −x dt + √2 dW, has a linear drift, 2 − 2x², and the noise 4x²."""
    apart = Linear(-torch.eye(2), torch.eye(2))
    x = simulate(apart, 100, 400, DT, generator=generator).x
    warnings = gaussian_plugin(Trajectories(x.square(), DT)).warnings
    assert any(said.startswith("Not linear: of the mean square of the noise") for said in warnings)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["linear", "balanced"])
def test_no_linear_system_is_called_another(kind):
    """50 of each kind, frames close and far apart."""
    for seed in range(700, 750):
        data = film(random_system(seed, kind), seed)
        for frames in (data, data.every(15)):
            assert not any(
                said.startswith("Not linear") for said in gaussian_plugin(frames).warnings
            )


def test_word_plugin_says_that_paths_of_two_directions_cancel(generator):
    """Half of them backwards, by turns or one after the other: no rate is left of what each half has."""
    x = ring(200, 100, generator).x
    for backwards in (slice(None, None, 2), slice(100)):
        both = x.clone()
        both[backwards] = x[backwards].flip(1)
        found = word_plugin(Jumps(both, 3))
        assert found.rate < 0.01 and found.warnings[0].startswith("Halves differ")
    assert not word_plugin(Jumps(x, 3)).warnings


def test_many_states_in_equilibrium_have_a_rate_and_a_word_on_its_bias(generator):
    """Uniform jumps among 60 states, 11 for each pair: K a pair of counting noise in N, (1 + cosh r)/N each, and
    pairs seen one way are luck."""
    x = torch.randint(60, (20, 1001), generator=generator)
    found = word_plugin(Jumps(x, 60))
    assert found.rate == pytest.approx(60 * 59 / 20_000, rel=0.2)
    assert len(found.warnings) == 1 and found.warnings[0].startswith("Few words")


@pytest.mark.parametrize("frames", [2, 3, 5])
def test_word_plugin_is_exact_for_a_markov_chain_whatever_the_length(frames, generator):
    estimate = word_plugin(ring(1000, 1000, generator), frames)
    assert abs(estimate.rate - RING) < K * estimate.std
    assert estimate.std < 0.01 * RING
    assert estimate.unseen == 0


def test_rare_words_push_the_word_plugin_up_and_half_the_data_tell(generator):
    """At equilibrium, where the truth is 0: 2187 words from 40 000 letters, and from ten times as many.

    Over 40 draws the rate was 11.7 ± 0.7 of its standard errors, half of the data gave 2.07 ± 0.08 of
    it, and ten times the data 0.091 ± 0.008: mean and scatter, of which K are allowed.
    """
    few, many = (
        word_plugin(Jumps(torch.randint(3, (400, n), generator=generator), 3), 7)
        for n in (100, 1000)
    )
    assert few.rate > (11.7 - K * 0.7) * few.std
    assert abs(few.half / few.rate - 2.07) < K * 0.08
    assert abs(many.rate / few.rate - 0.091) < K * 0.008


def test_words_without_a_reverse_are_counted_and_time_is_what_the_jumps_say(generator):
    x = torch.tensor([[0, 1, 2, 0, 1, 2, 0, 1], [0, 1, 0, 1, 0, 1, 0, 1]])
    one_way = word_plugin(Jumps(x, 3))
    assert one_way.unseen == pytest.approx(4 / 14)  # 12 and 20, never 21 or 02
    slow = Jumps(x, 3, torch.full(x.shape, 2.0))
    assert word_plugin(slow).rate == pytest.approx(one_way.rate / 2)


def test_a_reverse_that_is_never_seen_is_no_rate(generator):
    """Three states in a circle, one way; six states seen as two, of which only words of six tell."""
    step = torch.rand(20, 500, generator=generator) < 0.3
    circle = step.long().cumsum(1) % 3
    pairs = word_plugin(Jumps(circle, 3))
    assert math.isnan(pairs.rate) and "Irreversible as far as seen" in str(pairs)
    hidden = Jumps(torch.tensor([0, 0, 1, 0, 1, 1])[torch.arange(500).expand(20, 500) % 6], 2)
    assert word_plugin(hidden).rate == pytest.approx(0, abs=1e-4)
    six = word_plugin(hidden, 6)
    assert math.isnan(six.rate) and "Rare words: of 100%" in str(six)


def odd_paths(kind, generator):
    x = torch.randn(20, 50, 2, generator=generator, dtype=torch.float64).cumsum(1)
    if kind == "constant coordinate":
        x[..., 1] = 3.0
    elif kind == "duplicate":
        x[..., 1] = 1 - 2 * x[..., 0]
    elif kind == "only one moves":
        x[1:] = 0
    elif kind == "lines":
        x = torch.arange(50.0)[:, None].expand(20, 50, 2)
    elif kind == "back and forth":
        x = torch.arange(50.0)[:, None].expand(20, 50, 2) % 2
    rounded = dict(pixels=(x / 5).round(), two_values=(x > 0).double(), still=0 * x, two=x[:2])
    return rounded.get(kind, x * {"1e150": 1e150, "1e-150": 1e-150, "1e30": 1e30}.get(kind, 1.0))


KINDS = (
    "constant coordinate,duplicate,only one moves,lines,back and forth,pixels,two_values,still,two"
)


@pytest.mark.parametrize("kind", [*KINDS.split(","), "1e150", "1e-150", "1e30"])
def test_whatever_data_give_a_number_or_the_reason_for_none(kind, generator):
    x = odd_paths(kind, generator)
    data, current = Trajectories(x, DT), x[..., 0].diff(dim=1)
    for estimator in (
        lambda: short_time_tur(data, generator=0),
        lambda: gaussian_plugin(data),
        lambda: knn_plugin(data, generator=0, n_pairs=30),
        lambda: finite_time_tur(current, DT),
        lambda: finite_time_tur(current, DT, steps=10),
        lambda: first_passage_ratio(current, DT, threshold=1.0),
        lambda: integral_fluctuation_theorem(current, generator=0),
        lambda: integral_fluctuation_theorem(500 - current.abs(), generator=0),
        lambda: integral_fluctuation_theorem(-2000 + current.abs(), generator=0),
        lambda: detailed_fluctuation_theorem(current, least=5),
    ):
        try:
            found = estimator()
        except ValueError as error:
            words = "trajectories|coordinate|the current reached|n_pairs"
            assert re.search(words, str(error)), error
            continue
        numbers = [v for v in vars(found).values() if isinstance(v, float)]
        assert found.warnings or all(map(math.isfinite, numbers)), found


def test_word_plugin_refuses_what_it_cannot_count(generator):
    jumps = ring(2, 50, generator)
    for frames in (1, 51):
        with pytest.raises(ValueError, match="between 2 and the 50"):
            word_plugin(jumps, frames)
    with pytest.raises(ValueError, match="more than any data"):
        word_plugin(jumps, 20)
    with pytest.raises(ValueError, match="one gives no error bar: cut it"):
        word_plugin(Jumps(jumps.x[:1], 3))


@pytest.mark.parametrize("threshold", [1.0, 2.0, 4.0])
def test_first_passage_of_a_drifting_walk_has_the_bias_that_theory_gives(threshold, generator):
    """Steps N(m, 2m) are entropy themselves, σ̇ = m: p₋ = 1/(1 + e^ℓ), ⟨T⟩ = ℓ tanh(ℓ/2)/σ̇, so the
    estimate is ln(1 + e^ℓ)/(ℓ tanh(ℓ/2)) times σ̇. Discrete steps overshoot by 0.583 of their
    spread (Siegmund 1979), which we add to ℓ; 2 % for the next order."""
    m = 0.005
    walk = m + (2 * m) ** 0.5 * torch.randn(1000, 4000, generator=generator)
    found = first_passage_ratio(walk, 1.0, threshold=threshold)
    ell = threshold + 0.583 * (2 * m) ** 0.5
    bias = math.log1p(math.exp(ell)) / (ell * math.tanh(ell / 2))
    assert abs(found.rate / m - bias) < K * found.std / m + 0.02 * bias
    assert found.std < 0.05 * found.rate


def test_first_passage_errs_upwards_and_less_with_a_higher_threshold(beads):
    system, data = beads
    entropy = system.entropy_production(data, "exact")
    rates = [first_passage_ratio(entropy, DT, threshold=threshold) for threshold in (1, 2, 3)]
    exact = system.entropy_production_rate()
    for low, high in zip(rates, rates[1:], strict=False):
        assert low.rate - high.rate > K * math.hypot(low.std, high.std)
    assert rates[-1].rate > exact


def test_first_passage_refuses_a_threshold_that_is_never_reached(beads):
    system, data = beads
    entropy = system.entropy_production(data, "midpoint")
    with pytest.raises(ValueError, match="never -40 first"):
        first_passage_ratio(entropy, DT, threshold=40.0)
    with pytest.raises(ValueError, match="must be positive"):
        first_passage_ratio(entropy, DT, threshold=0.0)


def test_neighbours_find_a_divergence_of_order_one(generator):
    """x ~ N(0, 1), x' ~ N(1, 1): forwards against backwards 1/2 + 1/2."""
    x = torch.randn(50_000, 2, 1, generator=generator) + torch.tensor([0.0, 1.0])[:, None]
    found = knn_plugin(Trajectories(x, 1.0), generator=generator, n_pairs=20_000)
    assert abs(found.rate - 1) < K * found.std + 0.05
    assert found.std < 0.03


def test_neighbours_miss_a_part_of_two_beads_and_their_error_bar_does_not_know(beads, generator):
    """0.16 per step at dt = 0.1, and 20 000 pairs: 10 to 40 % too low, 4 error bars or more."""
    system, data = beads
    slow = data.every(10)
    exact = system.entropy_production_rate(slow.dt)
    found = knn_plugin(slow, generator=generator, n_pairs=20_000, k=10)
    assert found.rate + K * found.std < exact
    assert 0.5 * exact < found.rate < 0.9 * exact


def test_what_these_estimators_cannot_take_is_refused(generator):
    x = torch.randn(4, 10, 2, generator=generator)
    drawing = [partial(f, generator=generator) for f in (knn_plugin, short_time_tur)]
    for estimator in (gaussian_plugin, *drawing):
        with pytest.raises(ValueError, match="one leaves nothing .*: cut it"):
            estimator(Trajectories(x[:1], DT))
        with pytest.raises(ValueError, match="overdamped"):
            estimator(Trajectories(x, DT, underdamped=True))
    with pytest.raises(ValueError, match="the data have 36"):
        knn_plugin(Trajectories(x, DT), generator=generator)
    still = torch.cat((x, torch.ones(4, 10, 1)), dim=-1).repeat(2, 1, 1)
    with pytest.raises(ValueError, match=r"coordinates \[2\] never change"):
        gaussian_plugin(Trajectories(still, DT))


def test_a_rate_says_what_it_is_per(generator):
    jumps = ring(20, 200, generator)
    timed = Jumps(jumps.x, jumps.n_states, torch.ones(jumps.x.shape))
    assert "per jump" in str(word_plugin(jumps)) and "per unit time" in str(word_plugin(timed))
    assert "per unit time" in str(
        knn_plugin(simulate(BeadSpring(), 40, 100, 0.01, generator=0), generator=0, n_pairs=500)
    )
