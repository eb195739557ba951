"""Search with resetting: exact laws and mean times, each against another way to the same number."""

from dataclasses import dataclass
from math import exp, inf, pi

import pytest
import torch
from scipy.integrate import quad

from stochphys.device import make_generator
from stochphys.systems.search import (
    Clock,
    Interval,
    Lomax,
    Poisson,
    Search,
    Sharp,
    StationaryState,
    coefficient_of_variation,
    mean_time,
    optimal,
    simulate_search,
)
from stochphys.systems.search.clocks import uniform
from tests.chance import K
from tests.searches import Z_STAR, at

CUDA = pytest.param("cuda", marks=pytest.mark.cuda)


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
    assert coefficient_of_variation(search, Lomax(1.5)) == inf  # and from there on is finite
    assert coefficient_of_variation(search, Lomax(2.0)) < 2
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
    assert abs(found.mean - mean_time(search, clock)) < K * found.std_error


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
