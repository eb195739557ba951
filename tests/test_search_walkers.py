"""Walkers against the exact laws of their search, and the figures of them."""

import math
from math import inf

import pytest
import torch
from scipy.integrate import quad
from scipy.stats import ks_2samp

from stochphys.device import make_generator
from stochphys.systems.search import (
    FreeDiffusion,
    Interval,
    Lomax,
    Poisson,
    Search,
    Sharp,
    StationaryState,
    mean_time,
    optimal,
    simulate_paths,
    simulate_search,
)
from tests.chance import K
from tests.lesson import inline
from tests.searches import Z_STAR, at

CUDA = pytest.param("cuda", marks=pytest.mark.cuda)


@pytest.mark.parametrize("r", [1.0, Z_STAR**2, 6.0])
def test_walkers_find_the_target_in_the_exact_mean_time(r):
    """Mean and resets within K standard errors, 2·10⁴ walkers."""
    search, clock = Search(), Poisson(r)
    found = simulate_search(search, clock, 20_000, 1e-3, generator=make_generator(1), longest=100)
    exact = mean_time(search, clock)
    assert found.arrived.all()
    assert abs(found.mean - exact) < K * found.std_error
    assert found.std_error < 0.01 * exact
    resets = found.resets.double()
    assert abs(resets.mean() - r * exact) < K * resets.std() / len(resets) ** 0.5


def test_cv_of_walkers_is_one_at_the_best_rate():
    clock = Poisson(Z_STAR**2)
    found = simulate_search(Search(), clock, 20_000, 1e-3, generator=make_generator(2), longest=100)
    # an exponential law has a relative error of its cv of 1/√n
    assert abs(found.cv - 1) < K / 20_000**0.5


def test_looking_at_ends_of_steps_moves_the_target_away():
    """By 0.5826 √(2D dt), which makes 5.3 % at the best rate; within K standard errors."""
    clock, dt = Poisson(Z_STAR**2), 1e-3
    naive = simulate_search(
        Search(), clock, 20_000, dt, generator=make_generator(4), longest=100, bridge=False
    )
    shifted = mean_time(Search(x0=1 + 0.5826 * (2 * dt) ** 0.5), clock)
    assert shifted / mean_time(Search(), clock) == pytest.approx(1.0532, abs=1e-4)
    assert abs(naive.mean - shifted) < K * naive.std_error
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
    """Within K standard errors."""
    found = simulate_search(search, clock, 6000, dt, generator=make_generator(6), longest=200)
    assert found.arrived.all()
    assert abs(found.mean - mean_time(search, clock)) < K * found.std_error


def test_without_resets_the_share_that_arrives_is_known_and_nothing_else():
    search, longest = Search(), 20.0
    found = simulate_search(
        search, None, 10_000, 1e-2, generator=make_generator(7), longest=longest
    )
    alive = at(search.survival, longest)
    # K standard errors of a share
    assert abs((~found.arrived).double().mean() - alive) < K * (alive * (1 - alive) / 1e4) ** 0.5
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
    # hazard is lower at first: K standard errors and 5 % for that
    assert abs(found.mean - exact) < K * found.std_error + 0.05 * exact
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
    assert abs(runs[0].mean - mean_time(Search(), Poisson(2.0))) < K * runs[0].std_error


# What makes no sense is refused


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Search(x0=0.0), "x0 must be positive, got 0"),
        (lambda: Search(D=-1.0), "D must be positive, got -1"),
        (lambda: Search(v=inf), "v must be finite, got inf"),
        (lambda: Interval(1.0), r"x0 must lie in \(0, 1.0\), got 1.0; a place between the targets"),
        (lambda: FreeDiffusion(inf), "x0 must be finite"),
        (lambda: Poisson(0.0), "r must be positive, got 0"),
        (lambda: Sharp(-2.0), "period must be positive, got -2"),
        (lambda: Lomax(1.0), r"a must lie in \(1, inf\), got 1.0; else the mean"),
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
        ({"n_walkers": 0}, "n_walkers must be a positive integer, got 0"),
        ({"dt": 0.0}, "dt must be positive, got 0"),
        ({"longest": inf}, r"longest must lie in \[0.01, inf\), got inf; dt or more"),
        ({"longest": 1e-3}, "longest must lie in"),
        ({"clock": Sharp(1e-3)}, r"too long for Sharp\(period=0.001\).* = 5e-05"),
        ({"clock": Poisson(100.0)}, r"take dt ≤ clock.mean/20 = 0.0005"),
    ],
)
def test_searches_that_make_no_sense_are_refused(change, words):
    fine = {"search": Search(), "clock": None, "n_walkers": 2, "dt": 0.01, "longest": 1.0}
    with pytest.raises(ValueError, match=words):
        simulate_search(**fine | change, generator=make_generator(0))


def test_paths_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match=r"every must lie in \[1, 10\], got 11; n_steps or less"):
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
def figures():
    return pytest.importorskip("stochphys.course.figures.search")


def test_a_film_shows_the_past_alone(ax, figures):
    x = torch.ones(2, 101)
    x[0, 40:] = torch.nan  # the first walker arrives at 0.4
    figures.searching(ax, x, 0.01, until=0.5)
    *walkers, dots, _ = ax.lines
    assert [len(line.get_xdata()) for line in walkers] == [51, 51]
    assert dots.get_xdata() == pytest.approx([0.4])


def test_histogram_is_a_density_of_all_walkers(ax, figures):
    times = torch.tensor([0.5, 1.5, 2.5, 3.0])
    figures.arrivals(ax, times, until=2.0, longest=3.0, label="run")
    count, edges, _ = ax.patches[0].get_data()
    assert (count * (edges[1] - edges[0])).sum() == pytest.approx(0.5)
    assert ax.get_legend().get_texts()[0].get_text() == "run: 50%"


@pytest.mark.parametrize(("v", "best", "lines"), [(1.0, 1.372, 3), (3.0, 0.0, 2)])
def test_curve_marks_its_minimum_or_none(v, best, lines, ax, figures):
    found = figures.time_against_rate(ax, Search(v=v), most=5.0)
    assert found == pytest.approx(best, abs=1e-3) and len(ax.lines) == lines


# What notebook 41 writes out by hand: formula and loop

NOTEBOOK = "41_search_with_resetting"
ALARM = 1e-3  # chance of a wrong one: 3.3 standard errors


def test_the_inline_formula_is_mean_time() -> None:
    formula = inline(NOTEBOOK, "mean_search_time", math=math).mean_search_time
    for r, x0, D in ((1.0, 1.0, 1.0), (3.0, 2.0, 0.5), (0.1, 0.3, 4.0)):
        package = mean_time(Search(x0, D), Poisson(r))
        assert formula(r, x0, D) == pytest.approx(package, rel=1e-12)


@pytest.mark.parametrize(
    "spoil", [None, ("x * x_new > D * dt * E", "x_new > 0"), ("r * dt", "r * dt / 2")]
)
def test_the_inline_loop_is_simulate_search(spoil: tuple[str, str] | None) -> None:
    """The chance that times of both loops, 6000 walkers each, differ as much by luck (Kolmogorov,
    Smirnov), for a start and a diffusion that are not 1, tells the loop from spoilt ones."""
    search_times = inline(NOTEBOOK, "search_times", spoil=spoil, torch=torch).search_times
    r, x0, D, dt = 3.0, 1.5, 1.2, 1e-2
    ours = search_times(r, 6000, dt, make_generator(41), x0=x0, D=D)
    package = simulate_search(
        Search(x0, D), Poisson(r), 6000, dt, generator=make_generator(42), longest=200
    )
    assert package.arrived.all()
    middle = ours.double() - dt / 2  # of the step in which they arrive
    assert (ks_2samp(middle, package.times).pvalue > ALARM) == (spoil is None)
