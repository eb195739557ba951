"""Variables that change sign when time is reversed: exact results, and networks that find them.

Statistical tolerances are K standard errors of tests/chance.py.
"""

import pytest
import torch
from scipy.linalg import expm
from torch import nn

from stochphys.data import Jumps, Trajectories, Windows
from stochphys.device import make_generator
from stochphys.inference import infer_entropy_production
from stochphys.models import MLP, UnderdampedNEEP, neep_objective
from stochphys.simulators import simulate
from stochphys.simulators.jumps import simulate_jumps
from stochphys.systems import BeadSpring, OddJumpProcess, OddRing, UnderdampedBeadSpring
from tests.chance import K, assert_mean
from tests.lesson import inline

CHAIN = UnderdampedBeadSpring()  # m = 0.01, T = 1 and 10
RATE = 3.97059


def two_beads(T_c: float, T_h: float, mass: float, gamma: float, k: float) -> float:
    return (T_h - T_c) ** 2 / (T_c * T_h) * k * gamma / (4 * gamma**2 + 2 * k * mass)


# ------------------------------------------------------------------------------ beads with inertia


@pytest.mark.parametrize(
    ("mass", "rate"), [(1.0, 1.35), (0.1, 3.375), (0.01, RATE), (0.001, 4.04192)]
)
def test_underdamped_rate_at_friction_rate_one(mass, rate):
    """The published family keeps gamma/mass = 1 (arXiv 2112.04681)."""
    system = UnderdampedBeadSpring(mass=mass, gamma=mass)
    assert system.entropy_production_rate() == pytest.approx(rate, abs=1e-5)


@pytest.mark.parametrize("values", [(1.0, 10.0, 0.01, 0.01, 1.0), (2.0, 3.0, 0.7, 1.9, 0.4)])
def test_two_beads_closed_form(values):
    T_c, T_h, mass, gamma, k = values
    system = UnderdampedBeadSpring(T_c, T_h, mass=mass, gamma=gamma, k=k)
    assert system.entropy_production_rate() == pytest.approx(two_beads(*values))


def test_five_beads_and_the_overdamped_limit():
    assert UnderdampedBeadSpring(n_beads=5).entropy_production_rate() == pytest.approx(
        4.04404, abs=1e-5
    )
    light = UnderdampedBeadSpring(n_beads=5, mass=1e-5, gamma=1.0)
    heavy = BeadSpring(n_beads=5)
    assert light.entropy_production_rate() == pytest.approx(
        heavy.entropy_production_rate(), rel=1e-4
    )
    position = light.stationary_covariance()[:5, :5]
    torch.testing.assert_close(position, heavy.stationary_covariance(), rtol=1e-4, atol=1e-6)


def test_one_temperature_is_equilibrium():
    system = UnderdampedBeadSpring(T_c=2.0, T_h=2.0, n_beads=3, mass=0.3, gamma=0.5)
    assert system.entropy_production_rate() == pytest.approx(0, abs=1e-12)
    assert system.entropy_production_rate(0.1) == pytest.approx(0, abs=1e-9)
    C = system.stationary_covariance()
    torch.testing.assert_close(C[3:, 3:], 2.0 / 0.3 * torch.eye(3, dtype=C.dtype))  # Maxwell
    torch.testing.assert_close(C[:3, 3:], torch.zeros(3, 3, dtype=C.dtype))


def test_heat_flows_from_hot_to_cold_and_is_conserved():
    heat = CHAIN.heat_rate()
    assert heat.sum().item() == pytest.approx(0, abs=1e-12)
    assert heat[1] > 0
    squares = CHAIN.stationary_covariance().diagonal()[2:]
    excess = CHAIN.temperatures - CHAIN.mass * squares
    torch.testing.assert_close(heat, CHAIN.gamma / CHAIN.mass * excess)
    assert (heat / CHAIN.temperatures).sum().item() == pytest.approx(-RATE, abs=1e-5)


def test_frames_of_the_whole_state_hide_almost_nothing():
    """Below the continuous rate, and closer to it with the square of dt or better."""
    rates = [CHAIN.entropy_production_rate(dt) for dt in (0.1, 0.05, 0.01, 0.001)]
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(3.90234, abs=1e-5)
    assert rates[1] == pytest.approx(3.96637, abs=1e-5)
    assert rates[3] == pytest.approx(RATE, abs=1e-5)


def gaussian_log_ratio(covariance, mirror, z):
    """ln p(z)/p(mirror z) of a Gaussian."""
    inverse = torch.linalg.inv(covariance)
    change = (mirror.T @ inverse @ mirror - inverse) / 2
    return ((z @ change) * z).sum(-1)


@pytest.fixture(scope="module")
def frames():
    dt = 0.05
    return simulate(CHAIN, 2000, 100, dt, generator=make_generator(0), dtype=torch.float64)


def test_entropy_of_a_step_is_the_log_ratio_of_the_reversed_pair(frames):
    """ln p(s, s')/p(εs', εs) − ln p(s')/p(εs'), written with the covariances themselves."""
    C, dt = CHAIN.stationary_covariance(), frames.dt
    P = torch.from_numpy(expm(CHAIN.A.numpy() * dt))
    pair = torch.cat((torch.cat((C, C @ P.T), 1), torch.cat((P @ C, C), 1)))
    flip = torch.diag(torch.tensor([1.0, 1.0, -1.0, -1.0], dtype=torch.float64))
    mirror = torch.kron(torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64), flip)
    first, second = frames.x[:5, :-1], frames.x[:5, 1:]
    expected = gaussian_log_ratio(pair, mirror, torch.cat((first, second), -1))
    expected -= gaussian_log_ratio(C, flip, second)
    found = CHAIN.entropy_production(Trajectories(frames.x[:5], dt, underdamped=True), "exact")
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_thermodynamic_entropy_is_heat_over_temperature_and_shannon(frames):
    inverse = torch.linalg.inv(CHAIN.stationary_covariance())
    surprise = ((frames.x @ inverse) * frames.x).sum(-1) / 2
    expected = surprise.diff(dim=1) - (CHAIN.heat(frames) / CHAIN.temperatures).sum(-1)
    torch.testing.assert_close(CHAIN.entropy_production(frames, "midpoint"), expected)


def test_first_law_holds_in_each_step(frames):
    torch.testing.assert_close(CHAIN.heat(frames).sum(-1), CHAIN.energy(frames.x).diff(dim=1))


def test_simulated_entropy_and_integral_fluctuation_theorem(frames):
    """Mean over independent trajectories within K s.e.; ⟨e^−ΔS⟩ = 1 of single steps as well."""
    entropy = CHAIN.entropy_production(frames, "exact")
    assert_mean(entropy.mean(1) / frames.dt, CHAIN.entropy_production_rate(frames.dt))
    assert_mean(torch.exp(-entropy).mean(1), 1.0)


def test_midpoint_heat_agrees_for_short_steps():
    """Heat over temperature and log-ratio tell the same, step by step (R² ≥ 0.9999 at dt = 0.01)."""
    short = simulate(CHAIN, 500, 200, 0.01, generator=make_generator(1), dtype=torch.float64)
    heat, exact = (
        CHAIN.entropy_production(short, scheme).flatten() for scheme in ("midpoint", "exact")
    )
    assert torch.corrcoef(torch.stack((heat, exact)))[0, 1] ** 2 > 0.9999
    mean_heat = CHAIN.heat(short).mean(1) / short.dt
    for bead in range(2):  # the midpoint rule is off by (k/m) dt²/3 ≈ 0.3 %
        expected = CHAIN.heat_rate()[bead].item()
        error = mean_heat[:, bead].std() / 500**0.5
        assert abs(mean_heat[:, bead].mean() - expected) < K * error + 0.005 * abs(expected)


def test_the_integrator_without_error_marks_velocities(frames):
    assert frames.underdamped
    assert frames.velocity.shape == (2000, 101, 2)
    C = CHAIN.stationary_covariance()
    for i, j in ((0, 0), (1, 1), (2, 2), (3, 3), (0, 3), (1, 2)):
        assert_mean(frames.x[:, -1, i] * frames.x[:, -1, j], C[i, j].item())


def test_what_has_no_answer_is_refused(frames):
    with pytest.raises(ValueError, match="no reverse"):
        CHAIN.entropy_production(frames, "euler")
    with pytest.raises(ValueError, match="positions only"):
        CHAIN.entropy_production(Trajectories(frames.x, 0.05))
    with pytest.raises(ValueError, match="mass must be positive"):
        UnderdampedBeadSpring(mass=0.0)
    with pytest.raises(ValueError, match="gamma must be positive"):
        UnderdampedBeadSpring(gamma=-1.0)


# ------------------------------------------------------------------------------------- odd jumps


@pytest.mark.parametrize(
    ("c", "rate"), [(1, 0.02295), (2, 0.08499), (5, 0.43698), (10, 1.36643), (20, 3.89676)]
)
def test_odd_ring_closed_form(c, rate):
    h, f = (1.0, 1 + c / 10), (1 + c / 5, 1.0)  # for velocities + and −
    p = (f[1] / sum(f), f[0] / sum(f))
    logarithm = torch.log(torch.tensor(h[0] / h[1], dtype=torch.float64)).item()
    closed = (p[0] * h[0] - p[1] * h[1]) * logarithm
    closed += (p[0] - p[1]) * (h[1] + f[1] - h[0] - f[0])
    ring = OddRing(c)
    assert ring.entropy_production_rate() == pytest.approx(closed, rel=1e-10)
    assert closed == pytest.approx(rate, abs=1e-5)
    assert sum(ring.jumps_and_waiting()) == pytest.approx(closed, rel=1e-10)
    assert OddRing(c, n_sites=4).entropy_production_rate() == pytest.approx(closed, rel=1e-10)


def test_odd_ring_at_c_zero_is_equilibrium():
    ring = OddRing(0.0)
    assert ring.entropy_production_rate() == pytest.approx(0, abs=1e-12)
    jumps = simulate_jumps(ring, 10, 100, generator=make_generator(0))
    assert ring.entropy_production(jumps).abs().max() < 1e-6


def test_waiting_times_add_what_the_order_of_states_does_not_show():
    jumps, waiting = OddRing().jumps_and_waiting()
    assert (jumps, waiting) == pytest.approx((1.22604, 0.14040), abs=1e-5)


@pytest.fixture(scope="module")
def ring_jumps():
    return simulate_jumps(OddRing(), 2000, 100, generator=make_generator(0))


def test_simulated_stays_follow_the_exponential_law(ring_jumps):
    ring = OddRing()
    assert ring_jumps.waiting.shape == ring_jumps.x.shape == (2000, 101)
    last, stay = ring_jumps.x[:, -1].long(), ring_jumps.waiting[:, -1]
    for state in range(0, 20, 5):
        assert_mean((last == state).double(), ring.stationary_law[state].item())
    for minus in (0, 1):  # P(τ > 1/λ) = 1/e in each state
        stays = stay[(last >= 10) == minus] * ring.escape_rates[10 * minus]
        assert_mean(stays, 1.0)
        assert_mean((stays > 1).double(), 0.36788)
    assert_mean(ring_jumps.waiting.mean(1), ring.mean_waiting_time())


def test_law_in_time_has_no_net_flow():
    ring = OddRing()
    p = ring.time_law()
    flow = p[:, None] * ring.W
    torch.testing.assert_close(flow.sum(0), flow.sum(1))
    assert p[:10].sum().item() == pytest.approx(0.25)  # p₊ = f₋/(f₊ + f₋)


def test_simulated_entropy_of_jumps_and_integral_fluctuation_theorem(ring_jumps):
    """With and without the waiting times, within K s.e. of independent trajectories."""
    ring = OddRing()
    tau, (by_jumps, _) = ring.mean_waiting_time(), ring.jumps_and_waiting()
    entropy = ring.entropy_production(ring_jumps)
    assert entropy.shape == (2000, 100)
    assert_mean(entropy.mean(1) / tau, ring.entropy_production_rate())
    assert_mean(torch.exp(-entropy).mean(1), 1.0)
    order = ring.entropy_production(Jumps(ring_jumps.x, 20))
    assert_mean(order.mean(1) / tau, by_jumps)
    assert_mean(torch.exp(-order).mean(1), 1.0)


def test_even_states_give_the_ordinary_markov_chain():
    """With ε = 1 waiting times tell nothing, and Schnakenberg's formula is left."""
    W = torch.tensor([[0.0, 2.0, 1.0], [0.5, 0.0, 3.0], [4.0, 1.0, 0.0]], dtype=torch.float64)
    process = OddJumpProcess(W, torch.arange(3))
    flow = process.time_law()[:, None] * W
    ratio = torch.log(flow.fill_diagonal_(1) / flow.T)
    assert process.entropy_production_rate() == pytest.approx((flow * ratio).sum().item())
    assert process.jumps_and_waiting()[1] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("W", "reversal", "says"),
    [
        (torch.ones(3, 2), torch.arange(3), "must have shape"),
        (-torch.ones(3, 3), torch.arange(3), "not negative"),
        (torch.ones(3, 3), torch.tensor([1, 2, 0]), "in pairs"),
        (torch.tensor([[0, 1.0], [0, 0]]), torch.arange(2), "no way out"),
        (torch.tensor([[0, 1.0, 0], [0, 0, 1], [1, 0, 0]]), torch.arange(3), "reverse 1 → 0"),
    ],
)
def test_impossible_processes_are_refused(W, reversal, says):
    with pytest.raises(ValueError, match=says):
        OddJumpProcess(W, reversal)


def test_impossible_rings_are_refused():
    with pytest.raises(ValueError, match=r"c must lie in \(-5, inf\)"):
        OddRing(-5.0)
    with pytest.raises(ValueError, match="n_sites"):
        OddRing(n_sites=2)


# --------------------------------------------------------------------------- what networks find


@pytest.fixture(scope="module")
def underdamped():
    g = make_generator(0)
    data = simulate(CHAIN, 1000, 1000, 0.05, generator=g)
    options = dict(members=3, steps=600, batch_size=2048, progress=False)
    return infer_entropy_production(data, generator=g, **options)


@pytest.mark.slow
def test_underdamped_neep_within_5_percent(underdamped):
    """Of the continuous rate 3.97059. Frames every 0.05 hold 0.1 % less. Held-out steps (2·10⁵,
    ΔS = 0.2 ± 0.7) have 0.8 % of luck, and the ratio to their own mean must be 1 within 3 %."""
    assert abs(underdamped.rate / RATE - 1) < 0.05
    found = underdamped.compare(CHAIN)
    assert abs(found.ratio - 1) < 0.03
    assert found.r_squared > 0.99
    assert abs(found.slope - 1) < 0.03


@pytest.mark.slow
def test_naive_reversal_fails_even_in_equilibrium():
    """Without the flip, a pair is asked whether positions move along velocities. They always do:
    the claim grows with training, and here where nothing is produced it passes 20 times 3.97:
    220 ± 28 in twelve draws, K standard errors allowed."""
    g = make_generator(0)
    calm = UnderdampedBeadSpring(T_c=1.0, T_h=1.0)
    data = simulate(calm, 200, 200, 0.05, generator=g)
    options = dict(members=1, batch_size=1024, lr=1e-3, steps=300, progress=False)
    naive = infer_entropy_production(Trajectories(data.x, data.dt), generator=g, **options)
    right = infer_entropy_production(data, generator=g, **options)
    assert naive.rate > 20 * RATE
    assert abs(right.rate) < 0.1 * RATE


@pytest.mark.slow
def test_odd_jump_neep_within_3_percent():
    """2·10⁵ held-out jumps (ΔS = 0.42 ± 0.88) have 0.5 % of luck, the networks about as much."""
    g, ring = make_generator(0), OddRing()
    jumps = simulate_jumps(ring, 1000, 1000, generator=g)
    options = dict(members=3, steps=400, batch_size=2048, width=16, progress=False)
    result = infer_entropy_production(jumps, reversal=ring.reversal, generator=g, **options)
    assert abs(result.rate / 1.36643 - 1) < 0.03
    found = result.compare(ring)
    assert abs(found.ratio - 1) < 0.02
    assert found.r_squared > 0.99


# ------------------------------------------------------------------------- what the notebook says


def test_the_inline_network_is_underdamped_neep():
    """Its features are a linear map of those of the package, which whitens them by another one."""
    given = dict(torch=torch, nn=nn, MLP=MLP, generator=make_generator(0))
    lesson = inline("25_odd_variables", "OddNetwork", "loss", **given)
    data = simulate(CHAIN, 50, 50, 0.05, generator=make_generator(1))
    written = lesson.OddNetwork(data)
    package = UnderdampedNEEP(4, width=32, generator=make_generator(2)).standardise(data)
    package.h_2.load_state_dict(written.g_2.state_dict())
    package.h_1.load_state_dict(written.g_1.state_dict())
    rest, mean = (1 / written.odd_spread).chunk(2)
    zero = torch.zeros(2, 2)
    left = torch.cat((torch.diag(rest), -data.dt * torch.diag(rest)))
    package.odd.copy_(torch.cat((left, torch.cat((zero, torch.diag(mean)))), 1))
    package.even.copy_(torch.diag(1 / written.even_spread))
    package.centre.zero_()
    pairs = Windows(data)[torch.arange(500)]
    torch.testing.assert_close(written(pairs), package(pairs), rtol=1e-3, atol=1e-5)
    assert (package(pairs).std(1) > 1e-3).all()  # they do not agree on zero
    objective = neep_objective(package, pairs).sum()
    torch.testing.assert_close(lesson.loss(written, pairs), objective)
