"""The first passage of a network, on walks where everything is exact, and on digits."""

from itertools import product

import pytest
import torch
from torch import Tensor

from stochphys.course.studies.digits import RECIPE, digits
from stochphys.course.studies.network_search import (
    HittingTimes,
    Looks,
    free_hitting_times,
    record_walks,
    renewal_time,
)
from stochphys.device import make_generator
from stochphys.training import Ensemble, Resetting, classify, fit
from tests.chance import K

LONGEST = 12  # steps of a walk that are listed


@pytest.fixture(scope="module")
def all_walks() -> Tensor:
    """Minus the positions after 1 to 12 steps ± 1 from 0, of all 2¹² equally likely walks."""
    steps = torch.tensor(list(product((-1.0, 1.0), repeat=LONGEST)))
    return -steps.cumsum(1).T


def chain_time(p: float, every: int, target: int) -> float:
    """Mean time of a walker with resets that looks every so many steps, by the whole Markov chain of
    position, age and clock; older than 12 steps nobody arrives."""
    states = {
        (x, age, clock): i
        for i, (x, age, clock) in enumerate(
            product(range(-LONGEST, LONGEST + 1), range(LONGEST + 1), range(every))
        )
    }
    dead = {clock: len(states) + clock for clock in range(every)}
    n = len(states) + every
    matrix, ones = torch.eye(n, dtype=torch.float64), torch.ones(n, dtype=torch.float64)

    def go(i: int, j: int, probability: float) -> None:
        matrix[i, j] -= probability

    for (x, age, clock), i in states.items():
        then = (clock + 1) % every
        go(i, states[0, 0, then], p)
        for y in (x - 1, x + 1):
            if age == LONGEST or abs(y) > LONGEST:
                go(i, dead[then], (1 - p) / 2)
            elif not (then == 0 and y >= target):
                go(i, states[y, age + 1, then], (1 - p) / 2)
    for clock, i in dead.items():
        go(i, states[0, 0, (clock + 1) % every], p)
        go(i, dead[(clock + 1) % every], 1 - p)
    return torch.linalg.solve(matrix, ones)[states[0, 0, 0]].item()


@pytest.mark.parametrize("every", [1, 3, 4])
@pytest.mark.parametrize("p", [0.05, 0.3, 0.8])
def test_free_excursions_tell_the_time_with_resets_exactly(
    p: float, every: int, all_walks: Tensor
) -> None:
    hits = free_hitting_times(all_walks, torch.arange(1, LONGEST + 1), -1.5, every)
    assert renewal_time(hits, p) == pytest.approx(chain_time(p, every, target=2), rel=1e-9)


def test_with_a_look_after_each_step_it_is_the_formula_of_evans_and_majumdar(
    all_walks: Tensor,
) -> None:
    """(1 − ⟨zᵀ⟩)/(p⟨zᵀ⟩), and for rare resets of a short search 1/p times the odds against a hit."""
    hits = free_hitting_times(all_walks, torch.arange(1, LONGEST + 1), -1.5, every=1)
    for p in (0.02, 0.5):
        G = ((1 - p) ** hits).mean().item()
        assert renewal_time(hits, p) == pytest.approx((1 - G) / (p * G), rel=1e-12)
    arrived = hits.isfinite().double().mean().item()
    assert 1e-6 * renewal_time(hits, 1e-6) == pytest.approx((1 - arrived) / arrived, rel=1e-4)


@pytest.mark.parametrize("p", [0.0, 1.0, -0.1])
def test_a_renewal_needs_resets_and_steps(p: float) -> None:
    with pytest.raises(ValueError, match=r"p_reset must lie in \(0, 1\)"):
        renewal_time(torch.ones(1, 5), p)


def test_without_any_hit_the_search_never_ends() -> None:
    for never in (torch.inf, 1000.0):  # 0.9¹⁰⁰⁰ is 10⁻⁴⁶
        assert renewal_time(torch.full((10, 5), never), 0.1) == torch.inf


def test_ages_that_were_not_looked_at_are_judged_by_the_next() -> None:
    losses = torch.tensor([[1.0], [1.0], [0.0], [0.0]])
    hits = free_hitting_times(losses, torch.tensor([1, 2, 4, 6]), 0.5, every=2)
    assert hits.tolist() == [[4.0], [3.0]]


def test_times_that_were_cut_short_enter_rightly() -> None:
    """Exponential times of mean 2, cut at 1 (most are) and at 20 (none is): K standard errors."""
    exact = -2 * torch.rand(20_000, generator=make_generator(0), dtype=torch.float64).log()
    for longest in (1.0, 20.0):
        cut = HittingTimes(torch.where(exact > longest, torch.inf, exact), longest)
        mean, std = cut.restricted_mean()
        assert abs(mean - 2 * (1 - torch.tensor(-longest / 2).exp())) < K * std
        cv, std = cut.cv()
        assert cv < 1 + K * std
    assert abs(cv - 1) < K * std and abs(20_000**0.5 * std - 1) < 0.1  # both exactly 1


def test_the_cv_of_cut_times_is_a_lower_bound() -> None:
    """Whatever those do who were cut short, the CV of all times is not less."""
    generator = make_generator(1)
    early = torch.rand(300, generator=generator, dtype=torch.float64)
    cut = HittingTimes(torch.cat((early, torch.full((100,), torch.inf))), 1.0).cv()[0]
    for late in (1.0, 1.5, 4.0, 100.0):
        whole = HittingTimes(torch.cat((early, torch.full((100,), late))), 1e9).cv()[0]
        assert whole >= cut - 1e-12
    spread = 1 + 9 * torch.rand(100, generator=generator, dtype=torch.float64)
    assert HittingTimes(torch.cat((early, spread)), 1e9).cv()[0] > cut


def test_a_walk_is_fit_with_resetting_and_p_1_never_leaves() -> None:
    data = digits([0], 0.4)
    held = dict(train=data.train.group(0), validation=data.validation.group(0))
    options = dict(walkers=3, excursions=4, longest=100, generator=make_generator(3))
    found = record_walks(data.networks.member(0), (0.0, 1.0), **held, **options)
    losses = found.losses
    assert losses.shape == (10, 2, 3) and found.free.shape == (46, 4)
    start = classify()(data.networks.member(0), held["validation"][torch.arange(300)])
    torch.testing.assert_close(losses[:, 1], start.detach().expand(10, 3))
    assert (losses[-1, 0] < start - 0.2).all() and (found.free[-1] < start - 0.2).all()
    assert found.hitting_times(start.item() - 0.2).hits.tolist() == [3, 0]


def test_a_look_sees_what_a_validation_sees() -> None:
    """The same losses as in the history of `fit`, resets included."""
    data = digits([0], 0.4)
    train, validation = data.train.group(0), data.validation.group(0)
    crowd, ages = Ensemble([data.networks.member(0)] * 4), torch.arange(5, 41, 5)
    p, coins = torch.tensor([0.0, 0.1, 0.3, 0.9]), make_generator(4)
    resets = Resetting(p, to=crowd.state_dict(), generator=coins)
    looks = Looks(validation, ages)
    history = fit(
        crowd,
        classify(),
        train,
        validation=validation,
        steps=40,
        callbacks=[resets, looks],
        generator=make_generator(5),
        **RECIPE | dict(validate_every=5),
    )
    losses = looks.losses
    torch.testing.assert_close(losses, torch.tensor(history.validation))
    assert losses.std(1).min() > 0.01


@pytest.mark.slow
@pytest.mark.example
def test_the_network_is_a_search() -> None:
    """Seed 10, target 0.02 below its early stop. Resets at p = 0.03 shorten the search, at 0.6 they
    do not (3 standard errors); the CV of the free search exceeds 1 by 2, that near the optimum is 1
    within 3; and free excursions alone predict the two times, within 4 of their bootstrap and of the
    walkers together."""
    data = digits([10], 0.4)
    held = dict(train=data.train.group(0), validation=data.validation.group(0))
    network, generator = data.networks.member(0), make_generator(10)
    history = fit(
        network,
        classify(),
        held["train"],
        validation=held["validation"],
        steps=1000,
        generator=generator,
        **RECIPE,
    )
    target = min(history.validation) - 0.02
    p = (0.0, 0.03, 0.6)
    found = record_walks(network, p, walkers=60, excursions=200, generator=generator, **held)
    times = found.hitting_times(target)
    (mean, std), (cv, cv_std) = times.restricted_mean(), times.cv()
    for i in (0, 2):
        assert mean[i] - mean[1] > 3 * (std[i] ** 2 + std[1] ** 2).sqrt()
    assert cv[0] - 2 * cv_std[0] > 1 and abs(cv[1] - 1) < K * cv_std[1]

    told, low, high = found.predict(target, p[1:], generator=generator)
    # Of exponential times, some cut short: the time of all over hits, by maximum likelihood.
    seen = (times.restricted.sum(-1) / times.hits)[1:]
    error = seen / times.hits[1:] ** 0.5
    assert ((told - seen).abs() < 4 * (((high - low) / 2) ** 2 + error**2).sqrt()).all()
