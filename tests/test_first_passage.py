"""Search with resetting: exact laws against each other, walkers against exact laws."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, pi

import matplotlib.pyplot as plt
import pytest
import torch
from scipy.integrate import quad
from scipy.special import erfc, lambertw

from stochphys.device import make_generator
from stochphys.figures import search as figures
from stochphys.simulators import (
    Clock,
    FreeDiffusion,
    Interval,
    Lomax,
    Poisson,
    Search,
    Sharp,
    StationaryState,
    coefficient_of_variation,
    mean_time,
    optimal,
    simulate_paths,
    simulate_search,
)
from stochphys.simulators.resetting_clocks import uniform

CUDA = pytest.param(
    "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
)
Z_STAR = 2 + lambertw(-2 * exp(-2)).real


def at(f, t: float) -> float:
    """A function of tensors at one number."""
    return f(torch.tensor(t, dtype=torch.float64)).item()


# Exact laws of a single attempt

SEARCHES = [Search(), Search(2.0, 0.5, 1.0), Search(v=-0.5), Search(v=3.0)]
INTERVALS = [Interval(0.1), Interval(1.2, 0.5, 2.0), Interval(0.77)]


@pytest.mark.parametrize("search", SEARCHES + INTERVALS, ids=repr)
def test_density_is_minus_the_slope_of_survival(search):
    t = search.diffusion_time * torch.tensor([0.05, 0.3, 1.0, 3.0, 7.0], dtype=torch.float64)
    t.requires_grad_()
    (slope,) = torch.autograd.grad(search.survival(t).sum(), t)
    torch.testing.assert_close(search.density(t), -slope, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("search", SEARCHES + INTERVALS, ids=repr)
def test_laplace_transform_belongs_to_the_density(search):
    s = 0.7 / search.diffusion_time
    integral = quad(lambda u: exp(u - s * exp(u)) * at(search.density, exp(u)), -20, 6, limit=500)
    assert search.laplace(s) == pytest.approx(integral[0], rel=1e-7)


@pytest.mark.parametrize("search", [Search(2.0, 0.5, 1.0), Search(v=3.0), *INTERVALS], ids=repr)
def test_mean_and_cv_belong_to_survival(search):
    mean, half_square = (
        quad(lambda u, k=k: exp(k * u) * at(search.survival, exp(u)), -20, 6, limit=500)[0]
        for k in (1, 2)
    )
    assert search.mean == pytest.approx(mean, rel=1e-7)
    assert search.cv**2 == pytest.approx(2 * half_square / mean**2 - 1, rel=1e-6)


def test_cv_squared_is_one_over_peclet():
    for search in (Search(v=1.0), Search(3.0, 2.0, 0.4)):
        assert search.cv**2 == pytest.approx(1 / search.peclet, rel=1e-12)


def test_a_walker_that_drifts_away_may_never_arrive():
    never = at(Search(v=-0.5).survival, 1e12)
    assert never == pytest.approx(1 - exp(-0.5), rel=1e-9)  # 1 - exp(-|v| x0/D)
    assert Search(v=-0.5).mean == Search().mean == inf


@pytest.mark.parametrize("search", SEARCHES + INTERVALS, ids=repr)
def test_nobody_arrives_at_once(search):
    now = torch.zeros(2, 3, dtype=torch.float64)
    assert torch.equal(search.density(now), now)
    torch.testing.assert_close(search.survival(now), now + 1, rtol=1e-12, atol=0)


@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("search", [Search(v=1.0), Interval(0.3)], ids=repr)
def test_laws_stay_on_the_device_of_the_times(search, device):
    t = torch.tensor([0.0, 0.05, 3.0], dtype=torch.float64, device=device)
    for law in (search.survival, search.density):
        torch.testing.assert_close(law(t).cpu(), law(t.cpu()))
        assert law(t).device == t.device


# Mean search time under clocks


def test_mean_time_matches_evans_and_majumdar():
    table = {0.5: 2.0562, 1.0: 1.7183, 2.0: 1.5566, 5.0: 1.6713, 10.0: 2.2624}
    for r, T in table.items():
        assert mean_time(Search(), Poisson(r)) == pytest.approx(T, abs=6e-5)
        assert mean_time(Search(), Poisson(r)) == pytest.approx((exp(r**0.5) - 1) / r, rel=1e-12)


def test_best_rate_solves_lambert():
    search = Search(x0=2.0, D=0.7)
    best = optimal(search, Poisson())
    T = mean_time(search, best)
    assert best.r == pytest.approx(Z_STAR**2 * 0.7 / 4, rel=1e-6)
    assert Z_STAR == pytest.approx(1.593624, abs=5e-7)
    assert best.r * T == pytest.approx(3.92155, abs=1e-5)  # resets in a mean search
    assert T / search.diffusion_time == pytest.approx(1.54414, abs=5e-6)
    assert best.r * search.diffusion_time == pytest.approx(2.53964, abs=5e-6)


@dataclass(frozen=True)
class Gamma(Clock):
    """A clock that the package does not have: two exponential waits in a row, or one."""

    r: float = 1.0
    stages: int = 1

    @property
    def mean(self):
        return self.stages / self.r

    def survival(self, t):
        return torch.exp(-self.r * t) * (1 + self.r * t if self.stages == 2 else 1)

    def sample(self, n, *, generator):
        return sum(-uniform(n, generator).log() / self.r for _ in range(self.stages))

    def stretched(self, factor):
        return Gamma(self.r / factor, self.stages)


@pytest.mark.parametrize("search", [Search(), Search(v=1.0), Search(v=-1.0), Interval(0.1)])
def test_renewal_formula_agrees_with_the_laplace_transform(search):
    for r in (0.3, 2.0, 40.0):
        assert mean_time(search, Gamma(r)) == pytest.approx(
            mean_time(search, Poisson(r)), rel=1e-10
        )
    ours, theirs = (optimal(search, clock) for clock in (Gamma(), Poisson()))
    assert ours.r == pytest.approx(theirs.r, rel=1e-5)


def test_rare_resets_lose_no_digits():
    for search in (Search(v=1.0), Interval(0.3)):
        assert mean_time(search, Poisson(1e-12)) == pytest.approx(search.mean, rel=2e-12)


def test_a_strong_drift_away_needs_resets_until_numbers_end():
    search = Search(v=-600.0)
    best = optimal(search, Poisson())
    # ⟨T_r⟩ = exp[…]/r is least where r x0 = √(v² + 4Dr)
    assert best.r == pytest.approx((search.v**2 + 4 * best.r) ** 0.5, rel=1e-6)
    with pytest.raises(ValueError, match="more than 1e308"):
        optimal(Search(v=-800.0), Poisson())


def test_what_is_finite_near_a_threshold_is_not_taken_for_infinite():
    """Against closed forms, and quadrature up to t = L with the power law from there on."""
    for gap in (0.02, 0.001):
        assert StationaryState(Lomax(2 + gap)).variance() == pytest.approx(2 / gap, rel=1e-9)
    assert StationaryState(Lomax(2.0)).variance() == inf
    # Half a mean square: t S Ψ → x0 t^(1/2 − a)/√(πD), finite for a > 1.5; corrections of order 1/L.
    a, L = 1.53, exp(16)
    search, clock = Search(), Lomax(1.53)

    def integral(g):
        return quad(lambda u: exp(u) * g(exp(u)) * (1 + exp(u)) ** -a, -20, 16, limit=500)[0]

    half_square = integral(lambda t: t * at(search.survival, t)) + L ** (1.5 - a) / (
        (a - 1.5) * pi**0.5
    )
    arrived, success = (integral(lambda t, k=k: t**k * at(search.density, t)) for k in (0, 1))
    mean = mean_time(search, clock)
    square = 2 * (half_square + (mean * arrived - success) * mean) / arrived
    assert coefficient_of_variation(search, clock) == pytest.approx(
        (square / mean**2 - 1) ** 0.5, rel=1e-6
    )
    assert coefficient_of_variation(search, Lomax(1.5)) == inf
    # A share of 1 − e⁻¹ never arrives: this is left of S.
    search, a = Search(v=-1.0), 1.03
    never = 1 - exp(-1)
    time = never / (a - 1) + integral(lambda t: at(search.survival, t) - never)
    assert mean_time(search, Lomax(a)) == pytest.approx(
        time / integral(lambda t: at(search.density, t)), rel=1e-6
    )
    assert mean_time(search, optimal(search, Lomax(a))) < mean_time(search, Lomax(a))


def test_walkers_agree_with_a_clock_of_ones_own():
    search, clock = Search(), Gamma(8.0, 2)
    found = simulate_search(search, clock, 5000, 2e-3, generator=make_generator(8), longest=50)
    # three standard errors
    assert abs(found.mean - mean_time(search, clock)) < 3 * found.std_error


def test_coefficient_of_variation_is_one_at_the_best_rate_and_only_there():
    search = Search()
    cv = {r: coefficient_of_variation(search, Poisson(r)) for r in (1.0, 5.0)}
    assert cv[1.0] == pytest.approx(1.115, abs=5e-4)
    assert cv[5.0] == pytest.approx(0.969, abs=5e-4)
    for search in (Search(), Search(3.0, 0.4, 0.1), Search(v=-1.0), Interval(0.1), Interval(0.25)):
        best = optimal(search, Poisson())
        assert coefficient_of_variation(search, best) == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize("search", [Search(v=1.0), Search(v=4.0), Interval(0.2), Interval(0.4)])
def test_the_first_resets_help_if_and_only_if_cv_exceeds_one(search):
    """d<T_r>/dr = <T>² − <T²>/2 at r = 0."""
    r = 1e-4 / search.mean
    slope = (mean_time(search, Poisson(r)) - search.mean) / r
    square = search.mean**2 * (1 + search.cv**2)
    assert slope == pytest.approx(search.mean**2 - square / 2, rel=3e-3)
    assert (slope < 0) == (search.cv > 1) == (optimal(search, Poisson()) is not None)


def test_sharp_clock_beats_poisson():
    search = Search()
    best = optimal(search, Sharp())
    T = mean_time(search, best)
    assert best.period == pytest.approx(0.45850, abs=5e-6)
    assert T == pytest.approx(1.33589, abs=5e-6)
    assert T / mean_time(search, optimal(search, Poisson())) == pytest.approx(0.8651, abs=5e-5)
    alive = quad(lambda t: at(search.survival, t), 0, best.period)[0]
    assert T == pytest.approx(alive / (1 - at(search.survival, best.period)), rel=1e-8)


def test_power_law_clocks_are_worse_than_poisson():
    found = {
        a: mean_time(Search(), optimal(Search(), Lomax(a))) for a in (1.5, 2.0, 3.0, 6.0, 20.0)
    }
    table = {1.5: 1.8536, 2.0: 1.7353, 3.0: 1.6503, 6.0: 1.5889, 20.0: 1.5561}
    assert found == pytest.approx(table, abs=6e-5)
    nearly_poisson = mean_time(Search(), Lomax(1e6, 1e6 / 2.0))
    assert nearly_poisson == pytest.approx(mean_time(Search(), Poisson(2.0)), rel=1e-5)


def test_variance_under_a_power_law_clock_exists_from_three_halves_on():
    assert coefficient_of_variation(Search(), Lomax(1.5)) == inf
    assert coefficient_of_variation(Search(), Lomax(2.0)) < 2


@pytest.mark.parametrize(
    ("peclet", "rate", "time", "speed_up"),
    [
        (-1, 4.545, 6.081, inf),
        (0, 2.540, 1.544, inf),
        (0.25, 1.977, 1.137, 1.76),
        (0.5, 1.372, 0.851, 1.175),
        (0.75, 0.716, 0.647, 1.030),
        (0.9, 0.2945, 0.553, 1.004),
    ],
)
def test_best_rate_falls_with_the_drift(peclet, rate, time, speed_up):
    search = Search(v=2 * peclet)
    best = optimal(search, Poisson())
    T = mean_time(search, best)
    assert (best.r, T) == pytest.approx((rate, time), abs=6e-4)
    assert search.mean / T == pytest.approx(speed_up, abs=5e-3)


def test_resetting_stops_helping_at_peclet_one_and_does_so_continuously():
    near = [optimal(Search(v=2 * (1 - gap)), Poisson()).r for gap in (0.02, 0.01, 0.005)]
    # r* ∝ 1 − Pe: halving the gap halves the rate, up to the next order in the gap
    assert near[0] / near[1] == pytest.approx(2, rel=0.02)
    assert near[1] / near[2] == pytest.approx(2, rel=0.01)
    for peclet in (1.0, 1.5, 5.0):
        assert optimal(Search(v=2 * peclet), Poisson()) is None


def test_a_sharp_clock_still_helps_where_poisson_does_not():
    search = Search(v=2.5)
    assert optimal(search, Poisson()) is None
    assert mean_time(search, optimal(search, Sharp())) < 0.996 * search.mean
    assert optimal(Search(v=6.0), Sharp()) is None


def test_interval_threshold():
    threshold = (5 - 5**0.5) / 10
    assert threshold == pytest.approx(0.27639, abs=5e-6)
    assert Interval(threshold).cv == pytest.approx(1, abs=1e-12)
    assert optimal(Interval(threshold - 1e-3), Poisson()) is not None
    assert optimal(Interval(1 - threshold + 1e-3), Poisson()) is not None
    assert optimal(Interval(threshold + 1e-3), Poisson()) is None


@pytest.mark.parametrize(
    ("u", "cv_squared", "gain", "rate"),
    [(0.1, 3.037, 2.91, 254), (0.2, 1.417, 1.31, 56.9), (0.25, 1.111, 1.045, 20.26)],
)
def test_gain_in_an_interval(u, cv_squared, gain, rate):
    search = Interval(u)
    best = optimal(search, Poisson())
    assert search.cv**2 == pytest.approx(cv_squared, abs=5e-4)
    assert best.r == pytest.approx(rate, rel=1e-3)
    assert search.mean / mean_time(search, best) == pytest.approx(gain, abs=5e-3)


# The stationary state


def test_poisson_resets_make_a_laplace_density():
    state, x = StationaryState(Poisson(3.0), D=0.5), torch.linspace(-3, 3, 13)
    alpha = 6**0.5
    torch.testing.assert_close(
        state.density(x), alpha / 2 * torch.exp(-alpha * x.abs().double()), rtol=1e-9, atol=0
    )
    assert state.variance() == pytest.approx(2 * 0.5 / 3, rel=1e-10)
    second, fourth = (
        quad(lambda y, k=k: y**k * at(state.density, y), 0, 20, limit=200)[0] for k in (2, 4)
    )
    assert fourth / (2 * second**2) == pytest.approx(6, rel=1e-7)  # both halves of the axis


@pytest.mark.parametrize(
    ("clock", "square"), [(Sharp(0.7), 0.49), (Lomax(3.0, 2.0), 4.0), (Poisson(2.0), 0.5)]
)
def test_variance_is_d_mean_square_over_mean(clock, square):
    state = StationaryState(clock, D=2.0)
    assert state.variance() == pytest.approx(2 * square / clock.mean, rel=1e-9)
    norm = 2 * quad(lambda u: exp(u) * at(state.density, exp(u)), -20, 12, limit=300)[0]
    assert norm == pytest.approx(1, rel=1e-7)


def test_power_law_clocks_leave_power_law_tails():
    state = StationaryState(Lomax(1.8))
    near, far = state.density(torch.tensor([1e3, 2e3]))
    assert torch.log2(near / far).item() == pytest.approx(2 * 1.8 - 1, abs=1e-3)
    assert state.variance() == inf


@pytest.mark.parametrize("r", [0.3, 2.0, 50.0])
def test_entropy_is_produced_at_the_reset_rate(r):
    for D in (0.2, 3.0):
        rate = StationaryState(Poisson(r), D).entropy_production_rate()
        assert rate == pytest.approx(r, rel=1e-8)


def test_entropy_of_other_clocks_agrees_with_their_densities():
    """Sharp: p = ierfc(x/2), p' = −erfc(x/2)/2. Lomax(2) is a mixture of Laplace's densities of
    rates s with weights s e^(−s): p = ∫ y² e^(−y² − yx) dy, y = √s."""

    def moment(n, x):
        return quad(lambda y: y**n * exp(-y * y - y * x), 0, inf)[0]

    def sharp(x):
        return (erfc(x / 2) / 2) ** 2 / (exp(-x * x / 4) / pi**0.5 - x / 2 * erfc(x / 2))

    def lomax(u):
        return exp(u) * moment(3, exp(u)) ** 2 / moment(2, exp(u))

    per_reset = 2 * quad(sharp, 0, 12)[0], 2 * quad(lomax, -20, 10, limit=300)[0]
    assert per_reset == pytest.approx((1.326, 0.833), abs=5e-4)
    for clock, exact in zip((Sharp(), Lomax(2.0)), per_reset, strict=True):  # both of mean 1
        assert StationaryState(clock).entropy_production_rate() == pytest.approx(exact, rel=1e-8)


@pytest.mark.parametrize("clock", [Poisson(2.5), Sharp(0.4), Lomax(4.0, 1.2)], ids=repr)
def test_power_of_a_trap_is_the_same_for_every_clock(clock):
    """Walkers measure kx²/2 before each reset between t = 4 and 10: power kD and work per reset
    within 4 standard errors."""
    n, dt, D, k = 2000, 1e-2, 2.0, 3.0
    x = simulate_paths(FreeDiffusion(D=D), clock, n, 1000, dt, generator=make_generator(10))
    reset = x[:, 401:] == 0
    # One step before the reset; the step that is missing adds 2D dt to the mean square.
    work = (k / 2 * (x[:, 400:-1].double() ** 2 + 2 * D * dt) * reset).sum(1)
    std_error = work.std().item() / n**0.5
    assert std_error < 0.02 * work.mean()
    assert abs(work.mean() - 6 * k * D) < 4 * std_error
    exact, rings = StationaryState(clock, D).trap_work(k), reset.sum(1)
    residual = work - exact * rings
    assert abs(residual.mean()) < 4 * residual.std() / n**0.5


def test_walkers_settle_in_the_stationary_state():
    """Poisson, r = 2: variance, mean distance, kurtosis, and the entropy that a reset takes away,
    each within 3 standard errors; those of the kurtosis from eighth moments of Laplace's law."""
    n, state = 20_000, StationaryState(Poisson(2.0))
    walk = simulate_paths(
        FreeDiffusion(), state.clock, n, 2500, 2e-3, generator=make_generator(3), every=2500
    )
    x = walk[:, -1].double() * 2**0.5  # in units of 1/α
    for moment, exact, square in ((1, 1, 2), (2, 2, 24), (4, 24, 40320)):
        error = ((square - exact**2) / n) ** 0.5
        assert abs((x.abs() ** moment).mean() - exact) < 3 * error
    # α from the data by maximum likelihood, σ̇ = Dα²; its relative error is 2/√n
    assert abs(2 / x.abs().mean() ** 2 - 2.0) < 3 * 2.0 * 2 / n**0.5


# Walkers


@pytest.mark.parametrize("r", [1.0, Z_STAR**2, 6.0])
def test_walkers_find_the_target_in_the_exact_mean_time(r):
    """Mean and resets within 3 standard errors, 2·10⁴ walkers."""
    search, clock = Search(), Poisson(r)
    found = simulate_search(search, clock, 20_000, 1e-3, generator=make_generator(1), longest=100)
    exact = mean_time(search, clock)
    assert found.arrived.all()
    assert abs(found.mean - exact) < 3 * found.std_error
    assert found.std_error < 0.01 * exact
    resets = found.resets.double()
    assert abs(resets.mean() - r * exact) < 3 * resets.std() / len(resets) ** 0.5


def test_cv_of_walkers_is_one_at_the_best_rate():
    clock = Poisson(Z_STAR**2)
    found = simulate_search(Search(), clock, 20_000, 1e-3, generator=make_generator(2), longest=100)
    # an exponential law has a relative error of its cv of 1/√n
    assert abs(found.cv - 1) < 3 / 20_000**0.5


def test_looking_at_ends_of_steps_moves_the_target_away():
    """By 0.5826 √(2D dt), which makes 5.3 % at the best rate; within 3 standard errors."""
    clock, dt = Poisson(Z_STAR**2), 1e-3
    naive = simulate_search(
        Search(), clock, 20_000, dt, generator=make_generator(4), longest=100, bridge=False
    )
    shifted = mean_time(Search(x0=1 + 0.5826 * (2 * dt) ** 0.5), clock)
    assert shifted / mean_time(Search(), clock) == pytest.approx(1.0532, abs=1e-4)
    assert abs(naive.mean - shifted) < 3 * naive.std_error
    assert naive.mean - mean_time(Search(), clock) > 5 * naive.std_error


@pytest.mark.parametrize(
    ("search", "clock", "dt"),
    [
        (Search(), Sharp(0.4585), 2e-3),
        (Search(), Lomax(2.0, 0.443), 2e-3),
        (Search(v=1.0), Poisson(1.372), 2e-3),
        (Search(v=-1.0), Poisson(4.5), 2e-3),
        (Search(x0=3.0, D=9.0), Poisson(2.0), 2e-3),
        (Search(v=4.0), None, 2e-3),
        (Interval(0.1), Poisson(254), 5e-5),
        (Interval(0.4), None, 5e-4),
    ],
    ids=repr,
)
def test_walkers_agree_with_every_exact_mean(search, clock, dt):
    """Within 3 standard errors."""
    found = simulate_search(search, clock, 6000, dt, generator=make_generator(6), longest=200)
    assert found.arrived.all()
    assert abs(found.mean - mean_time(search, clock)) < 3 * found.std_error


def test_without_resets_the_share_that_arrives_is_known_and_nothing_else():
    search, longest = Search(), 20.0
    found = simulate_search(
        search, None, 10_000, 1e-2, generator=make_generator(7), longest=longest
    )
    alive = at(search.survival, longest)
    # 3 standard errors of a share
    assert abs((~found.arrived).double().mean() - alive) < 3 * (alive * (1 - alive) / 1e4) ** 0.5
    assert not found.resets.any()
    assert (found.times[~found.arrived] == longest).all()
    assert found.cv != found.cv  # nan: no law to report


def test_without_resets_total_time_over_arrivals_is_the_deadlines_number():
    """∫S dt up to the deadline over 1 − S, whatever the truth (∞)."""
    for longest, expected in ((3, 2.21), (30, 6.35), (300, 19.7)):
        alive = at(Search().survival, longest)
        time = quad(lambda t: at(Search().survival, t), 0, longest, limit=200)[0]
        assert time / (1 - alive) == pytest.approx(expected, rel=3e-3)


def test_resets_overtake_first_per_unit_time_then_in_total():
    """From t ≈ 0.5 and t ≈ 1 on; each difference exceeds 4 standard errors."""
    windows = torch.tensor([[0.2, 0.4], [0.0, 0.8], [0.6, 0.8], [0.0, 1.15]], dtype=torch.float64)
    counts = []
    for clock in (None, Poisson(2.5)):
        found = simulate_search(
            Search(), clock, 100_000, 5e-3, generator=make_generator(11), longest=1.2
        )
        t = found.times[found.arrived, None]
        counts.append(((windows[:, 0] < t) & (t <= windows[:, 1])).double().sum(0))
    lead = (counts[1] - counts[0]) / (counts[0] + counts[1]).sqrt()
    assert (lead[:2] < -4).all()
    assert (lead[2:] > 4).all()


def test_those_cut_off_count_with_their_time_alone():
    """Total time over arrivals is right for a nearly constant hazard; the mean of those who arrived
    is far too short."""
    search, clock = Search(), Poisson(Z_STAR**2)
    found = simulate_search(search, clock, 10_000, 2e-3, generator=make_generator(9), longest=1.5)
    exact = mean_time(search, clock)
    assert found.times[found.arrived].mean() < 0.5 * exact
    assert found.mean == pytest.approx((found.times.sum() / found.arrived.sum()).item())
    # hazard is lower at first: 3 standard errors and 5 % for that
    assert abs(found.mean - exact) < 3 * found.std_error + 0.05 * exact
    share = found.arrived.double().mean().item()
    assert found.std_error == pytest.approx(found.mean / (share * 10_000) ** 0.5, rel=0.1)


def test_paths_show_what_the_search_does():
    search = Search(x0=2.0)
    x = simulate_paths(search, Sharp(0.5), 200, 1000, 1e-3, generator=make_generator(1))
    assert x.shape == (200, 1001)
    assert (x[:, 0] == 2).all()
    after_reset = x[:, 500]
    assert (after_reset[~after_reset.isnan()] == 2).all()
    gone = x.isnan()
    assert (gone[:, 1:] >= gone[:, :-1]).all()
    assert (x[~gone] > 0).all()
    thin = simulate_paths(
        search, Sharp(0.5), 200, 1000, 1e-3, generator=make_generator(1), every=10
    )
    torch.testing.assert_close(thin, x[:, ::10], equal_nan=True)


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_one_seed_one_search(device):
    runs = [
        simulate_search(
            Search(), Poisson(2.0), 500, 5e-3, generator=make_generator(5, device), longest=50
        )
        for _ in range(2)
    ]
    assert torch.equal(runs[0].times, runs[1].times)
    assert runs[0].times.device.type == device
    assert abs(runs[0].mean - mean_time(Search(), Poisson(2.0))) < 4 * runs[0].std_error


# What makes no sense is refused


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Search(x0=0.0), "x0 must be positive, got 0"),
        (lambda: Search(D=-1.0), "D must be positive, got -1"),
        (lambda: Search(v=inf), "v must be finite, got inf"),
        (lambda: Interval(1.0), "between the targets 0 and 1.0, got 1.0"),
        (lambda: FreeDiffusion(inf), "x0 must be finite"),
        (lambda: Poisson(0.0), "r must be positive, got 0"),
        (lambda: Sharp(-2.0), "period must be positive, got -2"),
        (lambda: Lomax(1.0), "a must exceed 1, got 1.0"),
        (lambda: Lomax(2.0, 0.0), "t0 must be positive"),
        (lambda: StationaryState(Poisson(), D=0.0), "D must be positive"),
    ],
)
def test_laws_that_make_no_sense_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"search": FreeDiffusion()}, "no target; give a Search or an Interval"),
        ({"n_walkers": 0}, "n_walkers must be at least 1, got 0"),
        ({"dt": 0.0}, "dt must be a positive time, got 0"),
        ({"longest": inf}, "longest must be a time of at least dt=0.01, got inf"),
        ({"longest": 1e-3}, "longest must be a time"),
        ({"clock": Sharp(1e-3)}, r"too long for Sharp\(period=0.001\).* = 5e-05"),
        ({"clock": Poisson(100.0)}, r"take dt ≤ clock.mean/20 = 0.0005"),
    ],
)
def test_searches_that_make_no_sense_are_refused(change, words):
    fine = {"search": Search(), "clock": None, "n_walkers": 2, "dt": 0.01, "longest": 1.0}
    with pytest.raises(ValueError, match=words):
        simulate_search(**fine | change, generator=make_generator(0))


def test_paths_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="every must lie between 1 and n_steps=10, got 11"):
        simulate_paths(Search(), None, 2, 10, 0.1, generator=make_generator(0), every=11)
    with pytest.raises(ValueError, match="take dt ≤ clock.mean/20"):
        simulate_paths(Search(), Poisson(1.0), 2, 10, 0.1, generator=make_generator(0))


@pytest.mark.parametrize(
    ("clock", "bound"),
    [(Poisson(2.5), 1.5e-3), (Lomax(2.0, 0.4), 3e-3), (Sharp(0.4), 1e-3)],
    ids=repr,
)
def test_twenty_steps_per_wait_make_little_of_another_clock(clock, bound):
    """Rounded at random to whole steps, at least one, a clock has Ψ = 1 in the first step, and the
    mean of Ψ over the step in every other."""
    dt = clock.mean / 20
    k, u = torch.arange(10_000, dtype=torch.float64)[:, None], torch.arange(0.05, 1, 0.1)
    psi = clock.survival((k + u) * dt).mean(1)
    psi[0] = 1
    alive = Search().survival(dt * torch.arange(10_001, dtype=torch.float64))
    time = (psi * Search().survival((k + u) * dt).mean(1)).sum() * dt
    T = (time / (psi * -alive.diff()).sum()).item()
    assert T == pytest.approx(mean_time(Search(), clock), rel=bound)


def test_searching_is_scale_free():
    """Lengths times 3, times times 9/D: the same search."""
    a, b = Search(1.0, 1.0, 0.5), Search(3.0, 2.0, 0.5 * 2 / 3)
    assert a.peclet == pytest.approx(b.peclet)
    times = [mean_time(s, optimal(s, Lomax(2.5))) / s.diffusion_time for s in (a, b)]
    assert times[0] == pytest.approx(times[1], rel=1e-9)


# Figures


@pytest.fixture
def axes():
    figure, (left, right) = plt.subplots(1, 2)
    yield left, right
    plt.close(figure)


def test_a_film_shows_the_past_alone(axes):
    x = torch.ones(2, 101)
    x[0, 40:] = torch.nan  # the first walker arrives at 0.4
    ax, _ = axes
    figures.searching(ax, x, 0.01, until=0.5)
    *walkers, dots, _ = ax.lines
    assert [len(line.get_xdata()) for line in walkers] == [51, 51]
    assert dots.get_xdata() == pytest.approx([0.4])


def test_histogram_is_a_density_of_all_walkers(axes):
    ax, _ = axes
    times = torch.tensor([0.5, 1.5, 2.5, 3.0])
    figures.arrivals(ax, times, until=2.0, longest=3.0, label="run")
    count, edges, _ = ax.patches[0].get_data()
    assert (count * (edges[1] - edges[0])).sum() == pytest.approx(0.5)
    assert ax.get_legend().get_texts()[0].get_text() == "run: 50%"


def test_curve_marks_its_minimum_or_none(axes):
    left, right = axes
    assert figures.time_against_rate(left, Search(v=1.0), most=5.0) == pytest.approx(
        1.372, abs=1e-3
    )
    assert figures.time_against_rate(right, Search(v=3.0), most=5.0) == 0
    assert [len(ax.lines) for ax in (left, right)] == [3, 2]
