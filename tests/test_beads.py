"""The bead-spring chain: covariance, currents, heat and entropy against closed forms."""

import numpy as np
import pytest
import torch
from scipy.linalg import expm, solve_discrete_lyapunov
from scipy.stats import multivariate_normal
from torch import Tensor

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.simulators import Linear, simulate
from stochphys.systems import BeadSpring
from tests.chance import assert_mean

HOT = (1, 2, 3, 5, 10, 20, 50, 100)


def pair_covariance(chain: Linear, dt: float, scheme: str) -> np.ndarray:
    """Covariance of (x, x'), made here from nothing but A and D."""
    A, D, one = chain.A.numpy(), chain.D.numpy(), np.eye(chain.dim)
    if scheme == "euler":
        P, Q = one + A * dt, 2 * D * dt
        C = solve_discrete_lyapunov(P, Q)
    else:
        P, C = expm(A * dt), chain.stationary_covariance().numpy()
    return np.block([[C, C @ P.T], [P @ C, C]])


def exchanged(pair: np.ndarray) -> np.ndarray:
    """The covariance of (x', x) for that of (x, x')."""
    n = len(pair) // 2
    return np.roll(pair, (n, n), (0, 1))


def on_pair(K: Tensor) -> np.ndarray:
    """The symmetric M with (x, x') M (x, x') = midpoint · K · step."""
    one = np.eye(len(K))
    M = np.vstack([one, one]) / 2 @ K.numpy() @ np.hstack([-one, one])
    return (M + M.T) / 2


@pytest.mark.parametrize("n_beads", [2, 5, 40])
def test_stationary_covariance_solves_lyapunov_equation(n_beads: int) -> None:
    chain = BeadSpring(n_beads=n_beads, k=1.7, gamma=0.6)
    C = chain.stationary_covariance()
    assert torch.allclose(chain.A @ C + C @ chain.A.T, -2 * chain.D, atol=1e-11)
    assert torch.equal(C, C.T)
    assert torch.linalg.eigvalsh(C)[0] > 0


def test_two_beads_have_the_published_covariance() -> None:
    C = BeadSpring(T_c=1, T_h=10).stationary_covariance()
    assert torch.allclose(12 * C, torch.tensor([[17.0, 22.0], [22.0, 71.0]]).double())


def test_equal_temperatures_give_the_boltzmann_law() -> None:
    chain = BeadSpring(T_c=3, T_h=3, n_beads=6, k=2)
    stiffness = -chain.gamma * chain.A  # the energy is x · stiffness · x / 2
    expected = 3 * torch.linalg.inv(stiffness)
    assert torch.allclose(chain.stationary_covariance(), expected)


@pytest.mark.parametrize(("T_c", "k", "gamma"), [(1.0, 1.0, 1.0), (0.4, 3.0, 0.7)])
@pytest.mark.parametrize("T_h", HOT)
def test_two_beads_entropy_production_rate(T_c: float, T_h: float, k: float, gamma: float) -> None:
    chain = BeadSpring(T_c=T_c, T_h=T_h, k=k, gamma=gamma)
    expected = k * (T_h - T_c) ** 2 / (4 * gamma * T_c * T_h)
    assert chain.entropy_production_rate() == pytest.approx(expected, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("T_h", HOT)
def test_five_beads_entropy_production_rate(T_h: float) -> None:
    T_c, k, gamma = 0.8, 1.3, 2.1
    chain = BeadSpring(T_c=T_c, T_h=T_h, n_beads=5, k=k, gamma=gamma)
    expected = k * (T_h - T_c) ** 2 * (111 * T_c**2 + 430 * T_c * T_h + 111 * T_h**2)
    expected /= 495 * gamma * T_c * T_h * (3 * T_c + T_h) * (T_c + 3 * T_h)
    assert chain.entropy_production_rate() == pytest.approx(expected, rel=1e-11, abs=1e-13)


def test_table_of_entropy_production_rates_of_five_beads() -> None:
    five = [BeadSpring(T_h=T_h, n_beads=5).entropy_production_rate() for T_h in HOT]
    table = [0, 0.04084, 0.10774, 0.25434, 0.62982, 1.38038, 3.62574, 7.36432]
    assert five == pytest.approx(table, abs=5e-6)


@pytest.mark.parametrize("n_beads", [2, 3, 7, 32])
def test_entropy_is_produced_only_between_unequal_temperatures(n_beads: int) -> None:
    equal = BeadSpring(T_c=4, T_h=4, n_beads=n_beads)
    assert equal.entropy_production_rate() == pytest.approx(0, abs=1e-11)
    assert torch.allclose(equal.heat_rate(), torch.zeros(n_beads).double(), atol=1e-12)
    assert torch.allclose(equal.entropy_matrix(), torch.zeros(1).double(), atol=1e-11)
    for T_c, T_h in ((4, 4.01), (4.01, 4)):
        assert BeadSpring(T_c=T_c, T_h=T_h, n_beads=n_beads).entropy_production_rate() > 1e-8


def test_current_is_a_rotation_on_lines_of_equal_density() -> None:
    chain = BeadSpring(n_beads=4)
    C = chain.stationary_covariance()
    F = chain.mean_local_velocity(torch.eye(4, dtype=torch.float64)).T
    assert torch.allclose(F, chain.A + chain.D @ torch.linalg.inv(C))
    # div(ν p) = 0 and ν · ∇p = 0 at every x: C⁻¹ F is antisymmetric.
    assert torch.allclose(F @ C, -(F @ C).T, atol=1e-12)


@pytest.mark.parametrize("T_h", [2.0, 10.0, 100.0])
@pytest.mark.parametrize("dt", [1e-3, 0.01, 0.1, 0.4])
def test_euler_chain_of_two_beads_produces_more_entropy(T_h: float, dt: float) -> None:
    chain = BeadSpring(T_h=T_h, k=1.5, gamma=2.0)
    expected = chain.entropy_production_rate() / (1 - 0.75 * dt * chain.k / chain.gamma)
    assert chain.entropy_production_rate(dt, "euler") == pytest.approx(expected, rel=1e-8)


def test_rate_of_the_process_seen_from_time_to_time() -> None:
    chain = BeadSpring()
    table = {0.001: 2.0210, 0.01: 1.9846, 0.05: 1.8262, 0.1: 1.6360}
    for dt, rate in table.items():
        assert chain.entropy_production_rate(dt) == pytest.approx(rate, abs=5e-5)
    five = BeadSpring(n_beads=5)
    assert five.entropy_production_rate(0.01) == pytest.approx(0.6198, abs=5e-5)
    assert five.entropy_production_rate(0.01, "euler") == pytest.approx(0.6342, abs=5e-5)


@pytest.mark.parametrize("scheme", ["exact", "euler"])
@pytest.mark.parametrize("n_beads", [2, 5, 16])
def test_rate_is_the_divergence_of_a_pair_from_its_reverse(n_beads: int, scheme: str) -> None:
    chain = BeadSpring(n_beads=n_beads)
    for dt in (0.02, 0.2):
        pair = pair_covariance(chain, dt, scheme)
        divergence = np.trace(np.linalg.solve(exchanged(pair), pair)) / 2 - n_beads
        assert chain.entropy_production_rate(dt, scheme) == pytest.approx(divergence / dt, rel=1e-9)


@pytest.mark.parametrize("scheme", ["exact", "euler"])
def test_sampled_rates_meet_at_short_times(scheme: str) -> None:
    chain = BeadSpring(n_beads=3)
    rate = chain.entropy_production_rate()
    errors = [chain.entropy_production_rate(dt, scheme) - rate for dt in (1e-3, 5e-4)]
    assert errors[0] / errors[1] == pytest.approx(2, rel=5e-3)  # linear in dt
    assert abs(errors[1]) < 2e-3 * rate


@pytest.mark.parametrize("scheme", ["exact", "euler"])
@pytest.mark.parametrize("n_beads", [2, 5])
def test_entropy_per_step_is_the_log_ratio_of_pair_densities(n_beads: int, scheme: str) -> None:
    chain, dt = BeadSpring(n_beads=n_beads), 0.05
    generator = make_generator(1)
    recorded = simulate(chain, 50, 1, dt, generator=generator, scheme=scheme, dtype=torch.float64)
    pair = pair_covariance(chain, dt, scheme)
    z = recorded.x.flatten(1).numpy()
    expected = multivariate_normal(cov=pair).logpdf(z)
    expected -= multivariate_normal(cov=exchanged(pair)).logpdf(z)
    assert chain.entropy_production(recorded, scheme)[:, 0].numpy() == pytest.approx(expected)


@pytest.mark.parametrize("scheme", ["exact", "euler"])
@pytest.mark.parametrize("n_beads", [2, 5])
def test_entropy_per_step_has_the_rate_and_obeys_the_fluctuation_theorem(
    n_beads: int, scheme: str
) -> None:
    chain, dt, generator = BeadSpring(n_beads=n_beads), 0.05, make_generator(2)
    n = 300_000  # pairs, each of a trajectory of its own: independent
    C = torch.from_numpy(pair_covariance(chain, dt, scheme)[:n_beads, :n_beads]).float()
    start = torch.randn(n, n_beads, generator=generator) @ torch.linalg.cholesky(C).T
    recorded = simulate(chain, n, 1, dt, generator=generator, scheme=scheme, start=start)
    entropy = chain.entropy_production(recorded, scheme)
    assert entropy.shape == (n, 1)
    assert_mean(entropy, chain.entropy_production_rate(dt, scheme) * dt)
    assert_mean(torch.exp(-entropy), 1)


def test_thermodynamic_entropy_has_the_mean_of_the_euler_chain() -> None:
    """Midpoint heat and Shannon entropy, averaged over the Euler chain, give its exact rate."""
    chain = BeadSpring(n_beads=4)
    for dt in (0.01, 0.1):
        pair = pair_covariance(chain, dt, "euler")
        rate = np.trace(on_pair(chain.entropy_matrix()) @ pair) / dt
        assert rate == pytest.approx(chain.entropy_production_rate(dt, "euler"), rel=1e-9)


@pytest.mark.parametrize(("dt", "expected"), [(0.01, 0.9999), (0.05, 0.9977), (0.1, 0.990)])
def test_ceiling_of_agreement_between_two_definitions_of_entropy(
    dt: float, expected: float
) -> None:
    chain = BeadSpring()
    pair = pair_covariance(chain, dt, "euler")
    M, N = (on_pair(K) @ pair for K in (chain.entropy_matrix(), chain.entropy_matrix(dt, "euler")))
    # cov(zMz, zNz) = 2 tr(M Σ N Σ) for a Gaussian z of covariance Σ
    r_squared = np.trace(M @ N) ** 2 / (np.trace(M @ M) * np.trace(N @ N))
    assert r_squared == pytest.approx(expected, abs=3e-4)


@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float32, 2e-5), (torch.float64, 1e-13)])
def test_first_law_holds_on_every_path(dtype: torch.dtype, rounding: float) -> None:
    chain = BeadSpring(n_beads=5, k=2, gamma=3)
    recorded = simulate(chain, 100, 200, 0.05, generator=make_generator(3), dtype=dtype)
    heat = chain.heat(recorded)
    assert heat.shape == (100, 200, 5)
    energy = chain.energy(recorded.x)
    error = heat.sum(-1) - energy.diff(dim=1)
    assert error.abs().max() < rounding * energy.max()
    assert (
        heat.sum((1, 2)) - energy[:, -1] + energy[:, 0]
    ).abs().max() < 10 * rounding * energy.max()


def test_energy_is_that_of_the_springs() -> None:
    chain = BeadSpring(n_beads=3, k=2.5, gamma=4)
    x = torch.tensor([0.3, -1.2, 0.7], dtype=torch.float64)
    lengths = torch.tensor([0.3, -1.5, 1.9, -0.7], dtype=torch.float64)
    assert chain.energy(x).item() == pytest.approx((2.5 * lengths**2 / 2).sum().item())
    (gradient,) = torch.autograd.grad(chain.energy(x.requires_grad_()), x)
    assert torch.allclose(chain.force(x), -gradient)


def test_heat_flows_from_hot_to_cold_and_pays_for_the_entropy() -> None:
    chain = BeadSpring(n_beads=5)
    rate = chain.heat_rate()
    assert rate.sum().item() == pytest.approx(0, abs=1e-12)
    assert rate[0] < 0 < rate[-1]  # given to the cold bath, taken from the hot one
    entropy = -(rate / chain.temperatures).sum().item()
    assert entropy == pytest.approx(chain.entropy_production_rate(), rel=1e-11)
    assert BeadSpring(T_c=2, T_h=8, k=3, gamma=5).heat_rate()[1].item() == pytest.approx(
        3 * (8 - 2) / (4 * 5)
    )


@pytest.mark.parametrize("scheme", ["exact", "euler"])
def test_heat_rate_matches_simulation(scheme: str) -> None:
    """Within chance of the mean at this dt, which is within 1 % of the continuous one."""
    chain, dt, n_steps = BeadSpring(), 1 / 400, 400
    generator = make_generator(4)
    recorded = simulate(chain, 4000, n_steps, dt, generator=generator, scheme=scheme)
    pair = pair_covariance(chain, dt, scheme)
    C, lagged = (torch.from_numpy(block) for block in (pair[:2, :2], pair[:2, 2:]))
    expected = -chain.gamma * torch.diag(chain.A @ (lagged - lagged.T)) / 2 / dt
    assert torch.allclose(expected, chain.heat_rate(), rtol=0.01)
    assert torch.allclose(C, chain.stationary_covariance(), rtol=0.01)
    assert_mean(chain.heat(recorded).double().mean(1) / dt, expected)


def test_entropy_of_the_baths_and_of_the_state_add_up() -> None:
    chain = BeadSpring(n_beads=4, k=0.5, gamma=2)
    generator = make_generator(5)
    recorded = simulate(chain, 20, 50, 0.1, generator=generator, dtype=torch.float64)
    baths = -(chain.heat(recorded) / chain.temperatures).sum(-1)
    law = multivariate_normal(cov=chain.stationary_covariance().numpy())
    shannon = -torch.from_numpy(law.logpdf(recorded.x.numpy()))
    expected = baths + shannon.diff(dim=1)
    assert torch.allclose(chain.entropy_production(recorded, "midpoint"), expected, atol=1e-10)


def test_entropy_changes_sign_when_a_path_is_played_backwards() -> None:
    chain = BeadSpring(n_beads=3)
    forward = simulate(chain, 5, 20, 0.1, generator=make_generator(6), dtype=torch.float64)
    backward = Trajectories(forward.x.flip(1), forward.dt)
    for scheme in ("midpoint", "exact", "euler"):
        entropy = chain.entropy_production(forward, scheme)
        assert torch.allclose(chain.entropy_production(backward, scheme).flip(1), -entropy)


def test_temperatures_rise_linearly() -> None:
    assert BeadSpring(T_c=1, T_h=9, n_beads=5).temperatures.tolist() == [1, 3, 5, 7, 9]


@pytest.mark.parametrize(
    "wrong",
    [
        {"T_c": 0.0},
        {"T_c": -1.0},
        {"T_h": float("nan")},
        {"T_h": float("inf")},
        {"k": 0.0},
        {"gamma": -2.0},
        {"n_beads": 1},
    ],
)
def test_impossible_chains_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BeadSpring(**wrong)


SILENT = Linear(torch.tensor([[-1.0, 0.5], [0.0, -1.0]]), torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
RUNAWAY = Linear(torch.tensor([[0.1]]), torch.tensor([[1.0]]))


@pytest.mark.parametrize(
    ("system", "sampled", "says"),
    [
        (SILENT, (), "D is singular"),
        (RUNAWAY, (), "stationary"),
        (BeadSpring(), (0.1, "eluer"), "scheme"),
        (BeadSpring(), (0.7, "euler"), "dt"),  # stable up to 2/3
    ],
)
def test_a_rate_is_refused_where_it_is_undefined(system: Linear, sampled: tuple, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        system.entropy_production_rate(*sampled)
