"""Entropy of paths of unequal length with gaps: every pair that exists counts, once, and no other.

A stirred trap is sampled exactly, so that the entropy of each pair is known, and the rate of the
frames: with frames knocked out it is the same, as what is missing does not depend on the states.
"""

from collections.abc import Callable
from math import nan
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stochphys.data import Jumps, Trajectories, Windows
from stochphys.device import make_generator
from stochphys.estimate import Estimate
from stochphys.inference import (
    accumulate,
    detailed_fluctuation_theorem,
    finite_time_tur,
    first_passage_ratio,
    gaussian_plugin,
    infer_entropy_production,
    integral_fluctuation_theorem,
    knn_plugin,
    short_time_tur,
    word_plugin,
)
from stochphys.inference.comparison import exact_entropy, r_squared_and_slope
from stochphys.inference.fluctuation import counted
from stochphys.inference.jackknife import mean_of_steps
from stochphys.models import AreaNEEP, Areas
from stochphys.simulators import Linear, simulate, simulate_jumps, visible_entropy
from stochphys.stretches import Stretches
from stochphys.systems import (
    BeadSpring,
    FlashingRatchet,
    HiddenChain,
    OddRing,
    StirredDoubleWell,
    UnderdampedBeadSpring,
)
from tests.chance import K

DT = 0.01
TRAP = Linear(torch.tensor([[-1.0, 3.0], [-3.0, -1.0]]), torch.eye(2))
QUICK = dict(progress=False, device="cpu")


def knocked_out(x: Tensor, share: float, seed: int = 7) -> Tensor:
    """Which frames of `x (n, n_times, …)` are left, when so many are missing at random."""
    return torch.rand(x.shape[:2], generator=make_generator(seed)) >= share


def left(x: Tensor, there: Tensor, dt: float = DT, underdamped: bool = False) -> Trajectories:
    """The frames that are there, in a random order."""
    path, frame = there.nonzero().T
    order = torch.randperm(len(path), generator=make_generator(1))
    numbers = dict(track=path[order], frame=frame[order])
    return Trajectories.of_frames(x[there][order], dt, underdamped=underdamped, **numbers)


def jumps_left(jumps: Jumps, there: Tensor) -> Jumps:
    path, frame = there.nonzero().T
    stretches = Stretches.of_frames(path, frame, len(there))
    waiting = None if jumps.waiting is None else jumps.waiting[there]
    return Jumps(jumps.x[there], jumps.n_states, waiting, stretches=stretches)


def unequal(x: Tensor, least: int = 2) -> Tensor:
    """Which frames are left, of paths that begin and end at random and have `least` frames or more."""
    n, n_times = x.shape[:2]
    g, time = make_generator(3), torch.arange(n_times)
    length = torch.randint(least, n_times + 1, (n, 1), generator=g)
    first = (torch.rand(n, 1, generator=g) * (n_times - length + 1)).long()
    return (time >= first) & (time < first + length)


def trap(n: int = 200, n_steps: int = 200, seed: int = 0) -> Trajectories:
    """Stored path after path, as data with gaps are: where times come first, sums round otherwise."""
    data = simulate(TRAP, n, n_steps, DT, generator=seed, dtype=torch.float64)
    return data.map(Tensor.contiguous)


# ------------------------------------------------------------------------------------- estimators

ESTIMATORS: dict[str, Callable[[Trajectories], Any]] = {
    "short-time TUR": lambda data: short_time_tur(data, generator=2),
    "Gaussian plug-in": gaussian_plugin,
    "finite-time TUR": lambda data: finite_time_tur(gaussian_plugin(data).per_step(), DT),
}


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 0.5])
def test_a_rate_is_that_of_the_pairs_that_are_left(name: str, share: float) -> None:
    """Against the rate of the sampled process. The spread between paths is the standard error."""
    data = trap()
    found = ESTIMATORS[name](left(data.x, knocked_out(data.x, share)))
    assert found.rate == pytest.approx(TRAP.entropy_production_rate(DT), abs=K * found.std)
    assert found.std < 0.1 * found.rate * (1 - share) ** -1.5


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_rate_of_paths_of_2_to_400_frames(name: str) -> None:
    data = trap(150, 399)
    found = ESTIMATORS[name](left(data.x, unequal(data.x)))
    assert found.rate == pytest.approx(TRAP.entropy_production_rate(DT), abs=K * found.std)
    assert found.std < 0.1 * found.rate


def test_the_entropy_of_a_step_stands_where_the_step_is() -> None:
    """The number of steps is that of a count by hand; a gap is NaN, and so is what follows an end."""
    data = trap(30, 60)
    there = knocked_out(data.x, 0.3)
    there[4], there[5, ::2] = False, False  # no frame, no pair
    there[:, 0] = there.any(1)  # so that path and grid begin together
    there[5, 1] = False
    pairs = there[:, 1:] & there[:, :-1]
    pairs, whole = pairs[there.any(1)], TRAP.entropy_production(data)[there.any(1)]
    some = left(data.x, there)
    for exact in (TRAP.entropy_production(some), exact_entropy(TRAP, some)):
        torch.testing.assert_close(exact[pairs], whole[pairs], rtol=1e-12, atol=1e-12)
        assert torch.equal(~exact.isnan(), pairs[:, : exact.shape[1]])
    for found in (gaussian_plugin(some), short_time_tur(some, generator=0)):
        assert torch.equal(~found.per_step().isnan(), pairs)
        compared = found.compare(TRAP)
        assert compared.exact_rate == pytest.approx(whole[pairs].mean().item() / DT)
        assert compared.r_squared > 0.8


@pytest.mark.parametrize("name", [*ESTIMATORS, "neighbours"])
def test_paths_that_are_whole_are_regular(name: str) -> None:
    """Frames in any order, none missing: the same numbers, bit for bit."""
    estimate = ESTIMATORS | {"neighbours": lambda data: knn_plugin(data, generator=0, n_pairs=500)}
    data = trap(20, 60)
    again = left(data.x, torch.ones(20, 61, dtype=torch.bool))
    assert again.stretches is None
    assert list(estimate[name](again)) == list(estimate[name](data))


def test_neighbours_are_found_among_the_pairs_that_are_left() -> None:
    """They fail as on whole paths: the same number of pairs says the same, within the errors of both."""
    data = trap()
    some = left(data.x, knocked_out(data.x, 0.2))
    options = dict(generator=0, n_pairs=4000)
    here, there = knn_plugin(some, **options), knn_plugin(data, **options)
    assert here.rate == pytest.approx(there.rate, abs=K * (here.std**2 + there.std**2) ** 0.5)
    pairs = len(Windows(some))
    with pytest.raises(ValueError, match=f"the data have {pairs}"):
        knn_plugin(some, generator=0, n_pairs=pairs // 2 + 1)


@pytest.mark.parametrize("length", [1, 2, 10])
def test_one_path_with_nearly_all_steps_is_too_few(length: int) -> None:
    """Cut in pieces, it is enough."""
    data = trap(4, 300)
    there = torch.arange(301).expand(4, -1) < torch.tensor([301, length, length, 1])[:, None]
    some = left(data.x, there)
    for estimate in (gaussian_plugin, lambda d: short_time_tur(d, generator=0)):
        with pytest.raises(ValueError, match="one trajectory holds .* of the steps.*cut"):
            estimate(some)
        assert estimate(some.cut(10)).rate == pytest.approx(18, abs=K * 18)


def test_an_error_bar_from_few_paths_says_so() -> None:
    data = trap(8, 400)
    lengths = torch.tensor([401, 200, 100, 50, 25, 12, 6, 3])
    some = left(data.x, torch.arange(401) < lengths[:, None])
    for estimate in (gaussian_plugin, lambda d: short_time_tur(d, generator=0)):
        assert "the spread of as good as 2.9 paths" in estimate(some).warnings[0]
        assert not estimate(some.cut(20)).warnings and not estimate(data).warnings


# --------------------------------------------------------------------------------------- networks


@pytest.mark.slow
@pytest.mark.parametrize("gaps", ["20 %", "50 %", "unequal"])
def test_a_network_learns_from_what_is_left(gaps: str) -> None:
    data = trap(200, 399 if gaps == "unequal" else 200)
    there = unequal(data.x) if gaps == "unequal" else knocked_out(data.x, int(gaps[:-2]) / 100)
    found = infer_entropy_production(left(data.x, there), generator=4, steps=300, **QUICK)
    compared = found.compare(TRAP)
    rate = TRAP.entropy_production_rate(DT)
    exact = exact_entropy(TRAP, found.held_out).double()
    n, there = counted(exact)
    assert mean_of_steps(n, there.sum(1) / DT).rate == pytest.approx(compared.exact_rate)
    assert found.rate == pytest.approx(rate, abs=K * found.std)
    assert found.std < 0.25 * rate
    assert compared.r_squared > 0.9
    assert torch.equal(found.entropy.isnan(), exact.isnan())
    assert (~exact.isnan()).sum() == len(Windows(found.held_out))
    assert not any("Slow camera" in warning for warning in found.warnings)
    torch.testing.assert_close(found.per_step(found.held_out), found.entropy, equal_nan=True)


@pytest.mark.slow
def test_a_network_on_regular_frames_in_any_order_is_the_same_to_the_bit() -> None:
    data = trap(20, 60)
    again = left(data.x, torch.ones(20, 61, dtype=torch.bool))
    first, second = (
        infer_entropy_production(each, generator=4, steps=30, members=2, **QUICK)
        for each in (data, again)
    )
    assert [first.rate, first.std, first.bound] == [second.rate, second.std, second.bound]
    assert torch.equal(first.entropy, second.entropy)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["areas", "inertia", "jumps", "hidden", "odd"])
def test_every_network_takes_gaps(kind: str) -> None:
    """Half of the frames are gone, one path has a single frame, one has none that follow each other."""
    options: dict[str, Any] = dict(steps=20, members=2) | QUICK
    data: Trajectories | Jumps
    system: Any
    there = knocked_out(torch.zeros(60, 81), 0.3)
    there[3], there[3, 5], there[7, ::2] = False, True, False
    if kind in ("areas", "inertia"):
        system = BeadSpring(n_beads=6) if kind == "areas" else UnderdampedBeadSpring()
        paths = simulate(system, 60, 80, 0.001, generator=0)
        data = left(paths.x, there, 0.001, underdamped=kind == "inertia")
    else:
        system = OddRing() if kind == "odd" else FlashingRatchet()
        jumps = simulate_jumps(system, 60, 80, generator=0)
        if kind == "hidden":
            system = HiddenChain(system, torch.tensor([0, 1, 2, 0, 1, 2]))
            jumps, options["frames"] = system.observe(jumps), 4
        if kind == "odd":
            options["reversal"] = system.reversal
        data = jumps_left(jumps, there)
    found = infer_entropy_production(data, generator=0, **options)
    frames = options.get("frames", 2)
    windows = Windows(found.held_out, frames, every=frames - 1)
    assert (~found.entropy.isnan()).sum() == len(windows) and windows.per_path.min() > 0
    assert all(torch.isfinite(torch.tensor([found.rate, found.std, found.bound, found.in_sample])))
    exact = found.compare(system).exact_rate
    apart, _ = found.held_out.gapless(frames, frames - 1)
    steps = system.entropy_production(apart, frames=frames)
    assert exact == pytest.approx(steps.double().mean().item() / found.step_time)
    with pytest.raises(ValueError, match="must lie between 2 and the .* follow each other"):
        exact_entropy(system, data, frames=70)


def test_the_areas_are_those_of_the_pairs() -> None:
    data = trap(20, 60)
    some = left(data.x, knocked_out(data.x, 0.3))
    pairs = Windows(some).apart()
    z = torch.cat((pairs.mean(1), pairs[:, 1] - pairs[:, 0]), 1)
    areas = Areas.of(some)
    assert areas.n == len(z)
    torch.testing.assert_close(areas.mean, z.mean(0), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(areas.covariance, z.T.cov(correction=0), rtol=1e-6, atol=1e-9)
    network = AreaNEEP(2, generator=0).standardise(some)
    torch.testing.assert_close(network.scale[1].double(), z[:, 2:].std(0), rtol=1e-5, atol=0)


@pytest.mark.parametrize("frames", [2, 3])
def test_windows_longer_than_every_run_are_refused(frames: int) -> None:
    jumps = simulate_jumps(FlashingRatchet(), 12, 3 * frames, generator=0)
    there = torch.arange(3 * frames + 1).expand(12, -1) % (frames + 1) < frames
    with pytest.raises(ValueError, match=f"2 and the {frames} frames .* that follow each other"):
        infer_entropy_production(jumps_left(jumps, there), generator=0, frames=frames + 1)
    with pytest.raises(ValueError, match=f"2 and the {frames} frames"):
        word_plugin(jumps_left(jumps, there), frames + 1)


def test_paths_without_a_step_are_no_paths_to_learn_from() -> None:
    x = torch.randn(12, 6, 2, generator=make_generator(0))
    there = torch.ones(12, 6, dtype=torch.bool)
    there[:3, ::2] = False
    with pytest.raises(ValueError, match="n_trajectories must .* of at least 10, got 9"):
        infer_entropy_production(left(x, there), generator=0)


# ------------------------------------------------------------------------------------------- jumps


@pytest.mark.parametrize("frames", [2, 3])
@pytest.mark.parametrize("share", [0.05, 0.3])
def test_words_of_successive_states(frames: int, share: float) -> None:
    """Against a count of the words by hand, and the exact rate of the chain; the bias of about
    1000 unlikely words is below a standard error."""
    ratchet = FlashingRatchet()
    jumps = simulate_jumps(ratchet, 100, 1000, generator=0)
    there = knocked_out(jumps.x, share)
    there[3], there[4, 1::2] = False, False
    there[3, 10] = True
    some = jumps_left(jumps, there)
    found = word_plugin(some, frames)
    starts = 1001 - frames + 1
    whole = torch.stack([there[:, i : i + starts] for i in range(frames)]).all(0)
    words = torch.stack([jumps.x[:, i : i + starts] for i in range(frames)], -1).long()[whole]
    number = words @ 6 ** torch.arange(frames - 1, -1, -1)
    back = words @ 6 ** torch.arange(frames)
    count, reverse = (torch.bincount(each, minlength=6**frames).double() for each in (number, back))
    both = (count > 0) & (reverse > 0)
    D = (count[both] * (count[both] / reverse[both]).log()).sum() / count.sum() / (frames - 1)
    assert found.rate == pytest.approx(D.item(), rel=1e-12)
    assert found.rate == pytest.approx(ratchet.entropy_production_rate(), abs=K * found.std)


def test_an_error_bar_of_words_is_the_spread_over_seeds() -> None:
    """Relative error of a spread of 60: 9 %; the bar itself has as much."""
    found = []
    for seed in range(60):
        jumps = simulate_jumps(FlashingRatchet(), 50, 300, generator=seed)
        found.append(word_plugin(jumps_left(jumps, unequal(jumps.x))))
    rates = torch.tensor([each.rate for each in found])
    std = sum(each.std for each in found) / len(found)
    assert rates.std().item() == pytest.approx(std, rel=K * 0.12)


@pytest.mark.slow
def test_a_network_learns_jumps_from_what_is_left() -> None:
    ratchet = FlashingRatchet()
    jumps = simulate_jumps(ratchet, 200, 200, generator=0)
    some = jumps_left(jumps, knocked_out(jumps.x, 0.3))
    found = infer_entropy_production(some, generator=1, steps=300, **QUICK)
    assert found.rate == pytest.approx(ratchet.entropy_production_rate(), abs=K * found.std)
    assert found.compare(ratchet).r_squared > 0.95


# ---------------------------------------------------------------------------- fluctuation theorems


def grid(seed: int = 0, n: int = 40, n_steps: int = 60, share: float = 0.1) -> Tensor:
    """ΔS of a double well with holes."""
    data = simulate(StirredDoubleWell(), n, n_steps, DT, generator=seed)
    entropy = StirredDoubleWell().entropy_production(data).double()
    return entropy.masked_fill(~knocked_out(entropy, share), nan)


def sums_by_hand(entropy: Tensor, steps: int) -> list[list[float]]:
    """Of each path the sums over windows that begin anew after each gap."""
    found: list[list[float]] = []
    for row in entropy.tolist():
        found.append([])
        run: list[float] = []
        for step in row:
            run = [] if step != step else [*run, step]
            if len(run) == steps:
                found[-1].append(sum(run))
                run = []
    return found


@pytest.mark.parametrize("steps", [1, 3, 7])
def test_windows_begin_anew_after_a_gap(steps: int) -> None:
    entropy = grid()
    entropy[5] = nan
    by_hand = sums_by_hand(entropy, steps)
    summed = accumulate(entropy, steps)
    assert summed.shape == (40, 60 // steps)
    for row, expected in zip(summed, by_hand, strict=True):
        assert row[~row.isnan()].tolist() == pytest.approx(expected, abs=1e-12)
    torch.testing.assert_close(accumulate(entropy[0], steps), summed[:1], equal_nan=True)


def test_windows_longer_than_each_run_have_no_sum() -> None:
    entropy = torch.tensor([[1.0, 2.0, nan, 3.0, nan], [nan] * 5])
    assert accumulate(entropy, 2).tolist()[0][0] == 3.0
    with pytest.raises(ValueError, match="no 3 steps follow each other .* the longest run has 2"):
        accumulate(entropy, 3)
    with pytest.raises(ValueError, match="the longest run has 0"):
        accumulate(entropy[1:], 3)


@pytest.mark.parametrize("steps", [1, 4])
def test_fluctuation_theorems_by_hand(steps: int) -> None:
    entropy = grid(n=300)
    entropy[5] = nan
    sums = torch.tensor([s for row in sums_by_hand(entropy, steps) for s in row]).double()
    found = integral_fluctuation_theorem(entropy, generator=0, steps=steps)
    weights = torch.exp(-sums)
    assert found.mean == pytest.approx(weights.mean().item())
    assert found.missing == pytest.approx((sums > -sums.min()).double().mean().item())
    assert found.low < found.mean < found.high
    assert found.high - found.low - found.missing == pytest.approx(
        3.92 * weights.std().item() / len(sums) ** 0.5, rel=0.3
    )  # steps of one path are nearly independent; an interval of 200 blocks is known to 7 %
    detailed = detailed_fluctuation_theorem(entropy, steps=steps)
    width = -sums[sums < 0].sort().values[19] / 12
    bins = (sums.abs() / width).long()
    ratio = [((bins == b) & (sums > 0)).sum() / ((bins == b) & (sums < 0)).sum() for b in range(12)]
    expected = torch.stack(ratio).log().double()
    seen = [i for i in range(12) if ((bins == i) & (sums < 0)).sum() >= 20]
    seen = [i for i in seen if ((bins == i) & (sums > 0)).sum() >= 20]
    torch.testing.assert_close(detailed.log_ratio, expected[seen], rtol=1e-6, atol=1e-6)
    assert detailed.slope == pytest.approx(1, abs=K * detailed.slope_std)


def test_one_path_with_gaps_has_windows_for_rows() -> None:
    entropy = grid(n=1, n_steps=4000)
    values = entropy[~entropy.isnan()]
    for found, expected in (
        (integral_fluctuation_theorem(entropy, generator=0), integral_fluctuation_theorem),
        (finite_time_tur(entropy, DT), finite_time_tur),
        (detailed_fluctuation_theorem(entropy), detailed_fluctuation_theorem),
    ):
        options: dict[str, Any] = (
            dict(generator=0) if expected is integral_fluctuation_theorem else {}
        )
        options |= dict(dt=DT) if expected is finite_time_tur else {}
        assert str(found) == str(expected(values[None], **options))  # type: ignore[operator]


@pytest.mark.parametrize("steps", [1, 5])
def test_the_bound_of_one_current_by_hand(steps: int) -> None:
    entropy = grid(n=300)
    entropy[0] = nan
    sums = torch.tensor([s for row in sums_by_hand(entropy, steps) for s in row]).double()
    found = finite_time_tur(entropy, DT, steps=steps)
    expected = 2 * sums.mean() ** 2 / sums.var(correction=0) / (steps * DT)
    assert found.rate == pytest.approx(expected.item())
    assert 0 < found.std < found.rate


def test_first_passages_by_hand() -> None:
    entropy = grid(n=100, n_steps=400, share=0.01)
    passages = wrong = 0
    for row in entropy.tolist():
        J = 0.0
        for step in row:
            J = 0.0 if step != step else J + step
            if abs(J) >= 1.0:
                passages, wrong, J = passages + 1, wrong + (J < 0), 0.0
    time = (~entropy.isnan()).sum().item() * DT
    found = first_passage_ratio(entropy, DT, threshold=1.0)
    expected = torch.log(torch.tensor(passages / wrong)).item() * passages / time
    assert found.rate == pytest.approx(expected, rel=1e-6)


def test_runs_too_short_for_a_passage_are_named() -> None:
    """Cut into runs of 20 steps, paths give a rate that is a tenth lower; whole ones are not named."""
    data = trap(100, 1000)
    whole = TRAP.entropy_production(data)
    cut = whole.masked_fill(torch.arange(1000) % 21 == 20, nan)
    long, short = (first_passage_ratio(each, DT, threshold=2.0) for each in (whole, cut))
    assert not long.warnings
    assert "Short runs: the count began anew 4800 times" in short.warnings[0]
    assert 0.8 < short.rate / long.rate < 0.95


def test_scores_are_those_of_the_steps_that_are() -> None:
    exact = grid()
    learned = 0.5 * exact + 0.1 * torch.randn(exact.shape, generator=make_generator(2)).double()
    there = ~exact.isnan()
    assert r_squared_and_slope(exact, learned) == pytest.approx(
        r_squared_and_slope(exact[there], learned[there])
    )


def test_the_error_of_a_mean_weighs_paths_by_their_steps() -> None:
    """Against the spread over many draws of paths of 1 to 200 steps, whose means differ."""
    g = make_generator(0)

    def draw() -> Estimate:
        n = torch.randint(1, 201, (100, 1), generator=g)
        values = 1 + torch.randn(100, 1, generator=g) + torch.randn(100, 200, generator=g)
        rows = values.double().masked_fill(torch.arange(200) >= n, nan)
        n_steps, there = counted(rows)
        return mean_of_steps(n_steps, there.sum(1))

    found = [draw() for _ in range(300)]
    rates = torch.tensor([each.rate for each in found])
    assert rates.mean().item() == pytest.approx(1, abs=K * rates.std().item() / 300**0.5)
    std = sum(each.std for each in found) / 300
    assert rates.std().item() == pytest.approx(std, rel=K * 0.045)


# ------------------------------------------------------------------------------------------ exact


@pytest.mark.parametrize("frames", [2, 3, 5])
def test_exact_entropies_of_windows_stand_end_to_end_and_begin_anew_after_a_gap(frames: int):
    ratchet = FlashingRatchet()
    jumps = simulate_jumps(ratchet, 20, 50, generator=0)
    hidden = HiddenChain(ratchet, torch.tensor([0, 1, 2, 0, 1, 2]))
    there = knocked_out(jumps.x, 0.2)
    there[:, 0] = True
    some = jumps_left(jumps, there)
    for system, data, whole in (
        (ratchet, some, jumps),
        (hidden, hidden.observe(some), hidden.observe(jumps)),
    ):
        found = system.entropy_production(data, frames=frames)
        assert found.shape == (20, (data.n_times - 1) // (frames - 1))
        for i, row in enumerate(found):
            t, expected = 0, []
            while t + frames <= 51:
                if there[i, t : t + frames].all():
                    one = Jumps(whole.x[i : i + 1, t : t + frames], whole.n_states)
                    expected.append(system.entropy_production(one, frames=frames).item())
                    t += frames - 1
                else:
                    t += 1
            assert row[~row.isnan()].tolist() == pytest.approx(expected)


def test_what_frames_show_of_paths_with_gaps() -> None:
    data = trap(20, 60)
    some = left(data.x, knocked_out(data.x, 0.2))
    seen = visible_entropy(TRAP, some)
    torch.testing.assert_close(seen, TRAP.entropy_production(some), equal_nan=True)


# ------------------------------------------------------------------------------- far from zero


def test_far_from_zero_gaps_change_nothing() -> None:
    """2²¹ widths away, a power of two, so that nothing is rounded beyond 2⁻³² of a width."""
    data = trap(60, 100)
    there = knocked_out(data.x, 0.2)
    for estimate in (*ESTIMATORS.values(), lambda d: knn_plugin(d, generator=0, n_pairs=500)):
        here, far = (estimate(left(data.x + by, there)) for by in (0.0, 2.0**21))
        assert list(far) == pytest.approx(list(here), rel=1e-5)


@pytest.mark.slow
def test_far_from_zero_a_network_learns_the_same_from_what_is_left() -> None:
    data = trap(60, 100)
    there = knocked_out(data.x, 0.2)
    here, far = (
        infer_entropy_production(
            left(data.x + by, there), generator=1, steps=30, members=2, **QUICK
        )
        for by in (0.0, 2.0**21)
    )
    assert list(far) == pytest.approx(list(here), rel=1e-3)


# ---------------------------------------------------------------------------------------- figures


def test_figures_show_gaps() -> None:
    figures = pytest.importorskip("stochphys.course.figures").plots
    from matplotlib import pyplot

    data = trap(6, 40)
    there = knocked_out(data.x, 0.2)
    there[:, 0] = True
    some = left(data.x, there)
    exact = TRAP.entropy_production(some)
    _, axes = pyplot.subplots(6)
    figures.paths(axes[0], some)
    for line, row, states in zip(axes[0].get_lines(), there, data.x, strict=False):
        y = torch.as_tensor(line.get_ydata())
        assert torch.equal(~y.isnan(), row[: len(y)])
        assert torch.equal(y[row[: len(y)]], states[row[: len(y)], 0])
    figures.scatter_against_exact(axes[1], exact, exact)
    assert "$R^2$ = 1.000" in axes[1].texts[0].get_text()
    figures.cumulative_entropy(axes[2], exact[0], exact[0], dt=DT)
    heights = torch.as_tensor(axes[2].get_lines()[0].get_ydata())
    assert heights[~heights.isnan()][-1].item() == pytest.approx(exact[0].nansum().item())
    figures.entropy_histogram(axes[3], exact)
    figures.mirrored_histogram(axes[4], exact)
    share = (exact[~exact.isnan()] < 0).double().mean().item()
    assert f"{share:.2g}" in axes[3].get_legend_handles_labels()[1][0]
    figures.phase_plane(axes[5], some, system=TRAP)
    pyplot.close("all")


def test_a_network_of_ones_own_is_told_of_64_bits_in_words() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.h = nn.Linear(4, 1)

        def forward(self, window: Tensor) -> Tensor:
            return (self.h(window.flatten(-2)) - self.h(window.flip(-2).flatten(-2))).squeeze(-1)

    with pytest.raises(TypeError, match=r"precision must be one.*\(x - mean\)") as caught:
        infer_entropy_production(trap(20, 20), generator=0, network=Own, **QUICK)
    assert "scalar type" not in str(caught.value)
