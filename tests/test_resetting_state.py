"""The stationary state that resets keep up: its shape, its entropy, its price."""

from math import exp, inf, pi

import pytest
import torch
from scipy.integrate import quad
from scipy.special import erfc

from stochphys.device import make_generator
from stochphys.systems.search import (
    FreeDiffusion,
    Lomax,
    Poisson,
    Sharp,
    StationaryState,
    simulate_paths,
)
from tests.chance import K
from tests.searches import at


def test_poisson_resets_make_a_laplace_density():
    state, x = StationaryState(Poisson(3.0), D=0.5), torch.linspace(-3, 3, 13)
    alpha = 6**0.5
    torch.testing.assert_close(
        state.density(x), alpha / 2 * torch.exp(-alpha * x.abs().double()), rtol=1e-9, atol=0
    )
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
    within K standard errors."""
    n, dt, D, k = 2000, 1e-2, 2.0, 3.0
    x = simulate_paths(FreeDiffusion(D=D), clock, n, 1000, dt, generator=make_generator(10))
    reset = x[:, 401:] == 0
    # One step before the reset; the step that is missing adds 2D dt to the mean square.
    work = (k / 2 * (x[:, 400:-1].double() ** 2 + 2 * D * dt) * reset).sum(1)
    std_error = work.std().item() / n**0.5
    assert std_error < 0.02 * work.mean()
    assert abs(work.mean() - 6 * k * D) < K * std_error
    exact, rings = StationaryState(clock, D).trap_work(k), reset.sum(1)
    residual = work - exact * rings
    assert abs(residual.mean()) < K * residual.std() / n**0.5


def test_walkers_settle_in_the_stationary_state():
    """Poisson, r = 2: variance, mean distance, kurtosis, and the entropy that a reset takes away,
    each within K standard errors; those of the kurtosis from eighth moments of Laplace's law."""
    n, state = 20_000, StationaryState(Poisson(2.0))
    walk = simulate_paths(
        FreeDiffusion(), state.clock, n, 2500, 2e-3, generator=make_generator(3), every=2500
    )
    x = walk[:, -1].double() * 2**0.5  # in units of 1/α
    for moment, exact, square in ((1, 1, 2), (2, 2, 24), (4, 24, 40320)):
        error = ((square - exact**2) / n) ** 0.5
        assert abs((x.abs() ** moment).mean() - exact) < K * error
    # α from the data by maximum likelihood, σ̇ = Dα²; its relative error is 2/√n
    assert abs(2 / x.abs().mean() ** 2 - 2.0) < K * 2.0 * 2 / n**0.5
