"""The integrator and the exact sampler against laws that are known in closed form.

How far a mean may lie from the expected one, tests/chance.py says.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy.integrate import quad_vec
from scipy.linalg import expm
from scipy.special import gamma as gamma_function
from torch import Tensor

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.simulators import (
    Linear,
    Overdamped,
    System,
    Underdamped,
    integrate,
    noise_induced_drift,
    simulate,
)
from stochphys.systems import BeadSpring, VanDerPol
from tests.chance import K, assert_mean, sigmas


def linear(A: list[list[float]], D: list[list[float]]) -> Linear:
    return Linear(*(torch.tensor(matrix, dtype=torch.float64) for matrix in (A, D)))


ROTATING = linear([[-1.0, 2.0], [-0.5, -1.5]], [[1.0, 0.3], [0.3, 0.5]])


def assert_covariance(a: Tensor, b: Tensor, expected: Tensor) -> None:
    """⟨a_i b_j⟩ of independent rows `(n, dim)` of mean zero."""
    assert_mean(a.double()[:, :, None] * b.double()[:, None, :], expected)


@dataclass(frozen=True)
class Trap(Overdamped):
    """dx = −(stiffness/friction) x dt + √(2T/friction) dW; T = 0 leaves the scheme for the drift."""

    stiffness: float = 1.0
    friction: float = 1.0
    T: float = 1.0
    dim = 1
    additive = True

    def drift(self, x: Tensor, t: float) -> Tensor:
        return -self.stiffness / self.friction * x

    def noise_amplitude(self, x: Tensor, t: float) -> float:
        return (2 * self.T / self.friction) ** 0.5


@dataclass(frozen=True)
class GeometricBrownian(Overdamped):
    """dx = μ x dt + s x dW in the sense of Itô, or of Stratonovich."""

    mu: float = 0.3
    s: float = 0.6
    stratonovich: bool = False
    dim = 1

    def drift(self, x: Tensor, t: float) -> Tensor:
        return self.mu * x + (noise_induced_drift(self, x, t) if self.stratonovich else 0)

    def noise_amplitude(self, x: Tensor, t: float) -> Tensor:
        return self.s * x


@dataclass(frozen=True)
class RandomRotation(Overdamped):
    """A point turned by white noise, dφ = s ∘ dW: in x and y the noise is a matrix."""

    s: float = 1.0
    dim = 2

    def drift(self, x: Tensor, t: float) -> Tensor:
        return -(self.s**2) / 2 * x

    def noise_amplitude(self, x: Tensor, t: float) -> Tensor:
        turn = self.s * torch.stack((-x[:, 1], x[:, 0]), dim=-1)
        return torch.stack((turn, torch.zeros_like(turn)), dim=-1)


@dataclass(frozen=True)
class Clock(Overdamped):
    """dx₀ = dt and dx₁ = t dt: shows which step was done when."""

    dim = 2
    additive = True

    def drift(self, x: Tensor, t: float) -> Tensor:
        return torch.stack((torch.ones_like(x[:, 0]), torch.full_like(x[:, 0], t)), dim=-1)

    def noise_amplitude(self, x: Tensor, t: float) -> float:
        return 0.0


@dataclass(frozen=True)
class Well(Underdamped):
    """Force −stiffness (x − velocity t)^power."""

    mass: float = 1.0
    gamma: float = 1.0
    T: float = 1.0
    stiffness: float = 1.0
    power: int = 1
    velocity: float = 0.0
    dim = 2

    def force(self, x: Tensor, t: float) -> Tensor:
        return -self.stiffness * (x - self.velocity * t) ** self.power


VAN_DER_POL = VanDerPol(k=1.0, D0=0.2)


# --------------------------------------------------------------------------- the exact sampler


@pytest.mark.parametrize("dt", [1e-4, 0.1, 3.0, 40.0])
@pytest.mark.parametrize(
    "system",
    [
        ROTATING,
        linear([[0.0, 1.0], [-4.0, -0.3]], [[0.0, 0.0], [0.0, 1.0]]),  # a noisy oscillator
        linear([[0.0, 0.0], [0.0, 0.0]], [[1.0, -0.5], [-0.5, 2.0]]),  # free diffusion
        linear([[0.05, 0.2], [0.0, -1.0]], [[0.3, 0.0], [0.0, 0.7]]),  # unstable
        linear([[-300.0, 100.0], [0.0, -0.01]], [[5.0, 1.0], [1.0, 1.0]]),  # stiff, not normal
    ],
    ids=["rotating", "oscillator", "free", "unstable", "stiff"],
)
def test_transition_matches_quadrature(system: Linear, dt: float) -> None:
    A, D = system.A.numpy(), system.D.numpy()
    P, Q = system.transition(dt)
    expected, _ = quad_vec(
        lambda s: expm(A * s) @ (2 * D) @ expm(A.T * s), 0, dt, epsrel=1e-10, points=[dt / 1e3]
    )
    assert np.allclose(P, expm(A * dt), rtol=1e-9, atol=1e-14)
    assert np.allclose(Q, expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max())


def test_the_stationary_law_is_left_unchanged() -> None:
    P, Q = ROTATING.transition(0.3)
    C = ROTATING.stationary_covariance()
    assert torch.allclose(P @ C @ P.T + Q, C)
    assert_covariance(x := ROTATING.sample_stationary(100_000, generator=make_generator(0)), x, C)


@pytest.mark.parametrize("m", [250, 20_000], ids=["blocks of 16", "blocks of 8"])
def test_exact_sampler_has_the_exact_covariance_at_every_lag(m: int) -> None:
    dt = 0.15
    recorded = simulate(ROTATING, m, 40, dt, generator=make_generator(1))
    C = ROTATING.stationary_covariance()
    A = ROTATING.A.numpy()
    assert recorded.x.shape == (m, 41, 2)
    # ⟨x(s) x(s + t)ᵀ⟩ = C exp(Aᵀ t), inside a block of matrix products and across their borders
    for s, lag in ((0, 0), (40, 0), (3, 1), (7, 1), (8, 1), (15, 1), (16, 1), (5, 4), (6, 20)):
        lagged = C @ torch.from_numpy(expm(A.T * lag * dt))
        assert_covariance(recorded.x[:, s], recorded.x[:, s + lag], lagged)


@pytest.mark.parametrize("n_steps", [1, 7, 8, 9, 16, 17])
def test_exact_sampler_ends_where_it_should(n_steps: int) -> None:
    recorded = simulate(ROTATING, 20_000, n_steps, 0.2, generator=make_generator(2))
    assert recorded.n_times == n_steps + 1
    last = recorded.x[:, -1]
    assert_covariance(last, last, ROTATING.stationary_covariance())


def test_keeping_each_kth_step_leaves_the_law() -> None:
    generator, dt = make_generator(3), 0.07
    seldom = simulate(ROTATING, 20_000, 20, dt, generator=generator, every=5)
    often = simulate(ROTATING, 20_000, 20, dt, generator=generator).every(5)
    C = ROTATING.stationary_covariance()
    lagged = C @ torch.from_numpy(expm(ROTATING.A.numpy().T * 5 * dt))
    for recorded in (seldom, often):
        assert recorded.n_times == 5
        assert recorded.dt == pytest.approx(0.35)
        assert_covariance(recorded.x[:, 1], recorded.x[:, 2], lagged)


@pytest.mark.parametrize("every", [1, 3])
def test_the_same_seed_starts_from_the_same_states(every: int) -> None:
    one = simulate(ROTATING, 9, 6, 0.1, generator=make_generator(4))
    other = simulate(ROTATING, 9, 6, 0.1, generator=make_generator(4), every=every)
    assert torch.equal(one.x[:, 0], other.x[:, 0])


def test_relaxation_from_a_start_that_is_not_stationary() -> None:
    A, x0, dt = ROTATING.A.numpy(), np.array([30.0, -20.0]), 0.1
    start = torch.tensor(x0)
    recorded = simulate(ROTATING, 5000, 30, dt, generator=make_generator(5), start=start)
    assert torch.equal(recorded.x[:, 0], start.float().expand(5000, 2))
    for j in (1, 8, 9, 30):
        assert_mean(recorded.x[:, j], torch.from_numpy(expm(A * j * dt) @ x0))


@pytest.mark.parametrize("scheme", ["exact", "euler"])
def test_burn_in_happens_before_the_first_frame(scheme: str) -> None:
    dt, burn_in, x0 = 0.05, 12, torch.tensor([30.0, -20.0])
    recorded = simulate(
        ROTATING, 20_000, 2, dt, generator=make_generator(6), start=x0, burn_in=burn_in,
        scheme=scheme,
    )  # fmt: skip
    P, Q = ROTATING.transition(dt, scheme)
    mean, covariance = x0.double(), torch.zeros(2, 2).double()
    for _ in range(burn_in):
        mean, covariance = P @ mean, P @ covariance @ P.T + Q
    assert recorded.n_times == 3
    assert_mean(first := recorded.x[:, 0], mean)
    assert_covariance(first - mean, first - mean, covariance)


def test_free_diffusion() -> None:
    D = torch.tensor([[1.0, -0.5], [-0.5, 2.0]])
    system = Linear(torch.zeros(2, 2), D)
    with pytest.raises(ValueError, match="no stationary state"):
        simulate(system, 10, 10, 0.1, generator=make_generator(7))
    recorded = simulate(system, 20_000, 20, 0.1, generator=make_generator(7), start=0.0)
    for j in (1, 5, 20):
        assert_covariance(recorded.x[:, j], recorded.x[:, j], 2 * D.double() * j * 0.1)


def test_an_unstable_system_needs_a_start() -> None:
    runaway = linear([[0.5]], [[1.0]])
    with pytest.raises(ValueError, match=r"real part 0\.5 ≥ 0.*give start"):
        simulate(runaway, 10, 10, 0.1, generator=make_generator(8))
    recorded = simulate(runaway, 20_000, 10, 0.1, generator=make_generator(8), start=1.0)
    assert_mean(recorded.x[:, -1, 0], math.exp(0.5))
    assert_mean((recorded.x[:, -1, 0] - math.exp(0.5)) ** 2, 2 * (math.e - 1))


@pytest.mark.parametrize(
    ("A", "D", "says"),
    [
        ([[1.0, 2.0]], [[1.0]], "square"),
        ([[-1.0]], [[1.0, 0.0], [0.0, 1.0]], "one size"),
        ([-1.0], [1.0], "square"),
        ([[float("nan")]], [[1.0]], "finite"),
        ([[-1.0]], [[float("inf")]], "finite"),
        (torch.eye(2), [[1.0, 0.2], [0.1, 1.0]], "symmetric"),
        (torch.eye(2), [[1.0, 2.0], [2.0, 1.0]], "positive semi-definite"),
        ([[-1.0]], [[-1.0]], "positive semi-definite"),
    ],
)
def test_impossible_linear_systems_are_refused(A: object, D: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Linear(A, D)  # type: ignore[arg-type]


# ------------------------------------------------------------------- order of the schemes: additive


def ornstein_uhlenbeck_variance(scheme: str, z: float) -> float:
    """Stationary variance over T/stiffness of the scheme's own chain, z = stiffness dt/friction."""
    if scheme == "euler":
        return 1 / (1 - z / 2)
    return (1 - z / 2) / (1 - z / 2 + z**2 / 4)  # Heun: x' = (1 − z + z²/2) x + (1 − z/2) noise


@pytest.mark.parametrize("scheme", ["euler", "heun"])
@pytest.mark.parametrize("z", [0.25, 0.5])
def test_ornstein_uhlenbeck_variance_of_the_scheme(scheme: str, z: float) -> None:
    trap = Trap(stiffness=2.0, friction=0.5, T=3.0)
    dt = z * trap.friction / trap.stiffness
    recorded = simulate(
        trap, 100_000, 1, dt, generator=make_generator(9), start=0.0, burn_in=30, scheme=scheme
    )
    expected = trap.T / trap.stiffness * ornstein_uhlenbeck_variance(scheme, z)
    assert_mean(recorded.x[:, -1, 0] ** 2, expected)


def test_ornstein_uhlenbeck_weak_orders() -> None:
    """The variance that the schemes were just shown to have is wrong by z and by z²."""
    for scheme, order in (("euler", 1), ("heun", 2)):
        errors = [ornstein_uhlenbeck_variance(scheme, z) - 1 for z in (1e-3, 5e-4)]
        assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.01)


@pytest.mark.parametrize(("scheme", "factor"), [("euler", 1 - 0.3), ("heun", 1 - 0.3 + 0.3**2 / 2)])
def test_without_noise_a_step_is_the_textbook_one(scheme: str, factor: float) -> None:
    recorded = simulate(
        Trap(T=0.0), 3, 5, 0.3, generator=make_generator(0), start=2.0, scheme=scheme,
        dtype=torch.float64,
    )  # fmt: skip
    assert recorded.x[0, :, 0].tolist() == pytest.approx([2 * factor**n for n in range(6)])


@pytest.mark.parametrize("scheme", ["euler", "heun"])
def test_mixed_noise_of_a_linear_system(scheme: str) -> None:
    """Off-diagonal D: stationary covariance of the scheme's chain, by fixed point."""
    dt, one = 0.2, torch.eye(2, dtype=torch.float64)
    Z = ROTATING.A * dt
    P, R = (one + Z, one) if scheme == "euler" else (one + Z + Z @ Z / 2, one + Z / 2)
    C = torch.zeros(2, 2).double()
    for _ in range(300):
        C = P @ C @ P.T + R @ (2 * ROTATING.D * dt) @ R.T
    recorded = simulate(
        ROTATING, 50_000, 1, dt, generator=make_generator(10), burn_in=40, scheme=scheme
    )
    assert_covariance(recorded.x[:, -1], recorded.x[:, -1], C)


# ------------------------------------------------------------- order of the schemes: multiplicative


def growth_per_step(scheme: str, mu: float, s: float, dt: float) -> tuple[float, float]:
    """Mean of x'/x and of its square for geometric Brownian motion, for the scheme's own chain."""
    if scheme == "euler":
        return 1 + mu * dt, (1 + mu * dt) ** 2 + s**2 * dt
    # Heun: x'/x = 1 + q + q²/2 with q ~ N(a, b); the Stratonovich drift is μ − s²/2.
    a, b = (mu - s**2 / 2) * dt, s**2 * dt
    q1, q2, q3, q4 = a, a**2 + b, a**3 + 3 * a * b, a**4 + 6 * a**2 * b + 3 * b**2
    return 1 + q1 + q2 / 2, 1 + 2 * q1 + 2 * q2 + q3 + q4 / 4


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["euler", "heun"])
@pytest.mark.parametrize("stratonovich", [False, True])
def test_geometric_brownian_moments_of_the_scheme(scheme: str, stratonovich: bool) -> None:
    system, dt, n = GeometricBrownian(stratonovich=stratonovich), 0.1, 10
    recorded = simulate(
        system, 200_000, n, dt, generator=make_generator(11), start=1.0, scheme=scheme, every=n
    )
    ito_drift = system.mu + (system.s**2 / 2 if stratonovich else 0)
    first, second = growth_per_step(scheme, ito_drift, system.s, dt)
    assert_mean(recorded.x[:, -1, 0], first**n)
    assert_mean(recorded.x[:, -1, 0] ** 2, second**n)


@pytest.mark.parametrize("scheme", ["euler", "heun"])
def test_both_schemes_converge_to_the_ito_law_at_first_order(scheme: str) -> None:
    mu, s = 0.3, 0.6
    exact = np.array([math.exp(mu), math.exp(2 * mu + s**2)])
    errors = [np.array(growth_per_step(scheme, mu, s, 1 / n)) ** n - exact for n in (1000, 2000)]
    assert np.abs(errors[1] / exact).max() < 1e-3
    assert np.all(errors[0] / errors[1] > 1.95)  # halved with dt, or better


def independent(a: Tensor, b: Tensor, t: float) -> Tensor:
    return torch.stack((a**2 * b, torch.sin(b) + t * a), dim=-1)


def mixed(a: Tensor, b: Tensor, t: float) -> Tensor:
    rows = (torch.stack((a * b, b**2), -1), torch.stack((torch.sin(a), a + t), -1))
    return torch.stack(rows, dim=-2)


@pytest.mark.parametrize("noise", [independent, mixed])
def test_noise_induced_drift_of_independent_and_of_mixed_noises(noise: Callable) -> None:
    """½ Σ_jk B_kj ∂_k B_ij, written out."""

    class Noisy(Overdamped):
        dim = 2

        def drift(self, x: Tensor, t: float) -> Tensor:
            return torch.zeros_like(x)

        def noise_amplitude(self, x: Tensor, t: float) -> Tensor:
            return noise(x[:, 0], x[:, 1], t)

    x = torch.randn(50, 2, generator=make_generator(0), dtype=torch.float64)
    a, b, t = x[:, 0], x[:, 1], 0.7
    if noise is independent:
        first, second = a**3 * b**2, (torch.sin(b) + t * a) * torch.cos(b) / 2
    else:
        first = (a * b * b + torch.sin(a) * a + (a + t) * 2 * b) / 2
        second = (a * b * torch.cos(a) + b**2) / 2
    assert torch.allclose(noise_induced_drift(Noisy(), x, t), torch.stack((first, second), dim=-1))


def test_additive_noise_induces_no_drift() -> None:
    x = torch.randn(5, 2)
    assert torch.equal(noise_induced_drift(ROTATING, x, 0.0), torch.zeros(5, 2))
    assert torch.equal(noise_induced_drift(Trap(), x[:, :1], 0.0), torch.zeros(5, 1))
    constant = replace(GeometricBrownian(), s=0.0)
    assert torch.equal(noise_induced_drift(constant, x[:, :1], 0.0), torch.zeros(5, 1))


def test_a_random_rotation_stays_on_its_circle() -> None:
    """dx = −s²/2 x dt + matrix noise: ⟨x⟩ decays, |x| does not, up to the order of the scheme."""
    system, dt, n, m = RandomRotation(), 0.05, 20, 50_000
    x = torch.randn(20, 2, generator=make_generator(0), dtype=torch.float64)
    assert torch.allclose(noise_induced_drift(system, x, 0.0), system.drift(x, 0.0))
    start = torch.tensor([1.0, 0.0])
    for scheme in ("euler", "heun"):
        recorded = simulate(
            system, m, n, dt, generator=make_generator(13), start=start, scheme=scheme, every=n
        )
        square = (recorded.x[:, -1] ** 2).sum(-1)
        if scheme == "euler":  # |x'|² = (1 − s²dt/2)² + s²dt ξ² times |x|²
            assert_mean(square, ((1 - dt / 2) ** 2 + dt) ** n)
            assert_mean(recorded.x[:, -1], torch.tensor([(1 - dt / 2) ** n, 0.0]))
        else:  # without a Stratonovich drift, |x'|² = (1 + q⁴/4) |x|² with q ~ N(0, s²dt)
            assert_mean(square, (1 + 3 * dt**2 / 4) ** n)
            assert_mean(recorded.x[:, -1], torch.tensor([(1 - dt / 2) ** n, 0.0]))
        assert abs((1 - dt / 2) ** n - math.exp(-0.5)) < 0.01


# ------------------------------------------------------------------------------------ underdamped


def baoab_covariance(well: Well, dt: float) -> Tensor:
    """Stationary covariance of (x, v) in a harmonic well: the splitting, written as matrices."""
    k, m = well.stiffness, well.mass
    decay = math.exp(-well.gamma * dt / m)
    one = torch.eye(2, dtype=torch.float64)
    B = torch.tensor([[1, 0], [-k * dt / (2 * m), 1]], dtype=torch.float64)
    A = torch.tensor([[1, dt / 2], [0, 1]], dtype=torch.float64)
    friction = torch.diag(torch.tensor([1, decay], dtype=torch.float64))
    noise = torch.diag(torch.tensor([0, (1 - decay**2) * well.T / m], dtype=torch.float64))
    P, R = B @ A @ friction @ A @ B, B @ A
    C = one
    for _ in range(2000):
        C = P @ C @ P.T + R @ noise @ R.T
    return C


@pytest.mark.parametrize("dt", [0.1, 0.8])
def test_baoab_in_a_harmonic_well(dt: float) -> None:
    """⟨x²⟩ = T/k for every dt, ⟨v²⟩ lacks (ω dt)²/4."""
    well = Well(mass=0.7, gamma=1.2, T=1.7, stiffness=2.0)
    C = baoab_covariance(well, dt)
    assert C[0, 0].item() == pytest.approx(well.T / well.stiffness, rel=1e-9)
    lack = well.stiffness / well.mass * dt**2 / 4
    assert C[1, 1].item() == pytest.approx(well.T / well.mass * (1 - lack), rel=1e-9)
    recorded = simulate(
        well, 50_000, 1, dt, generator=make_generator(14), start=0.0, burn_in=int(12 / dt)
    )
    assert_covariance(recorded.x[:, -1], recorded.x[:, -1], C)


def test_baoab_in_a_quartic_well() -> None:
    """⟨x²⟩ by quadrature; ⟨v²⟩ = T/m with a bias that falls as dt²; K standard errors."""
    T, mass = 1.0, 1.0
    x_squared = 2 * gamma_function(3 / 4) / gamma_function(1 / 4)  # of exp(−x⁴/4)
    bias, error = {}, {}
    for dt in (0.4, 0.2):
        recorded = simulate(
            Well(T=T, mass=mass, power=3), 20_000, int(24 / dt), dt, generator=make_generator(15),
            start=0.5, burn_in=int(8 / dt), every=2,
        )  # fmt: skip
        v_squared = (recorded.velocity[..., 0].double() ** 2).mean(1)
        bias[dt] = v_squared.mean().item() - T / mass
        error[dt] = v_squared.std().item() / len(v_squared) ** 0.5
    assert_mean((recorded.position[..., 0] ** 2).mean(1), x_squared)  # at the shorter dt
    assert bias[0.4] < -20 * error[0.4]  # there is something to fall
    extrapolated = (4 * bias[0.2] - bias[0.4]) / 3
    assert abs(extrapolated) < K * math.hypot(4 * error[0.2], error[0.4]) / 3
    # Its leading term is that of the harmonic well with the mean stiffness 3⟨x²⟩.
    assert bias[0.2] == pytest.approx(-3 * x_squared / 4 * 0.04, abs=K * error[0.2])


def test_each_degree_of_freedom_may_have_its_own_bath() -> None:
    T, mass = torch.tensor([0.5, 2.0]), torch.tensor([1.0, 3.0])

    class Two(Well):
        dim = 4

    well = Two(T=T, mass=mass, gamma=torch.tensor([1.0, 2.0]))  # type: ignore[arg-type]
    for scheme in ("baoab", "euler", "heun"):
        dt = 0.3 if scheme == "baoab" else 0.02
        recorded = simulate(
            well, 20_000, 1, dt, generator=make_generator(16), start=0.0, burn_in=int(16 / dt),
            scheme=scheme,
        )  # fmt: skip
        assert recorded.underdamped
        x_squared = recorded.position[:, -1].double() ** 2
        slack = 0 if scheme == "baoab" else 0.05 * T  # one of 2 T dt/(γ …): first order in dt
        off = (x_squared.mean(0) - T).abs()
        assert (off < sigmas(off.numel()) * x_squared.std(0) / 20_000**0.5 + slack).all()


@pytest.mark.parametrize("scheme", ["baoab", "heun", "euler"])
def test_mean_of_a_dragged_trap(scheme: str) -> None:
    """The mean obeys m ẍ = −k (x − u t) − γ ẋ exactly; noise averages out, the scheme's bias falls
    as dt² (dt for Euler)."""
    trap, duration = Well(mass=0.5, gamma=0.8, T=0.2, stiffness=2.0, velocity=1.5), 4.0
    m, gamma, k, u = trap.mass, trap.gamma, trap.stiffness, trap.velocity
    # In the frame of the trap: y = x − u t, m ÿ = −k y − γ (ẏ + u), at rest at y = −γ u/k.
    M = np.array([[0, 1], [-k / m, -gamma / m]])
    rest = np.array([-gamma * u / k, 0])
    mean = expm(M * duration) @ (np.array([0, -u]) - rest) + rest + np.array([u * duration, u])

    errors = []
    for n in (160, 320):
        cold = simulate(
            replace(trap, T=1e-18), 1, n, duration / n, generator=make_generator(17), start=0.0,
            scheme=scheme, dtype=torch.float64,
        )  # fmt: skip
        errors.append(np.abs(cold.x[0, -1].numpy() - mean).max())
    order = math.log2(errors[0] / errors[1])
    assert order == pytest.approx(1 if scheme == "euler" else 2, abs=0.15)
    warm = simulate(
        trap, 20_000, 160, duration / 160, generator=make_generator(17), start=0.0, scheme=scheme,
        every=160,
    )  # fmt: skip
    off = (warm.x[:, -1].double().mean(0) - torch.from_numpy(mean)).abs()
    assert (
        off < sigmas(off.numel()) * warm.x[:, -1].double().std(0) / 20_000**0.5 + errors[1]
    ).all()


@dataclass(frozen=True)
class ShakenOscillator(Underdamped):
    """dv = −x dt − v dt + noise that grows with x or with v, in the sense of Itô."""

    by_velocity: bool = False
    s: float = 0.9
    dim = 2
    additive = False

    def force(self, x: Tensor, t: float) -> Tensor:
        return -x

    def velocity_noise(self, x: Tensor, v: Tensor, t: float) -> Tensor:
        return self.s * (v if self.by_velocity else x)


@pytest.mark.parametrize(
    ("by_velocity", "scheme"),
    [(False, "baoab"), (False, "heun"), (False, "euler"), (True, "heun"), (True, "euler")],
)
def test_multiplicative_noise_on_velocities(by_velocity: bool, scheme: str) -> None:
    """Second moments (xx, xv, vv) obey a linear map per step, and a linear equation in time."""
    system, n, m, dt = ShakenOscillator(by_velocity=by_velocity), 40, 50_000, 0.05
    recorded = simulate(
        system, m, n, dt, generator=make_generator(25), start=1.0, scheme=scheme, every=n
    )
    kick = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 1.0] if by_velocity else [1.0, 0, 0]])
    flow = np.array([[0, 2, 0], [-1, -1, 1], [0, -2, -2]]) + system.s**2 * kick
    moments = expm(flow * dt * n) @ np.ones(3)
    bias = 0.0
    if scheme == "euler":  # x' = x + v dt, v' = (1 − dt) v − x dt, of which the squares are
        a, b = 1 - dt, -dt
        step = np.array([[1, 2 * dt, dt**2], [b, a + b * dt, a * dt], [b**2, 2 * a * b, a**2]])
        moments = np.linalg.matrix_power(step + system.s**2 * dt * kick, n) @ np.ones(3)
    else:
        bias = 0.01  # of order dt², or dt if the noise grows with v; the noise itself adds 0.1
    x, v = recorded.x[:, -1].double().T
    for sample, expected in zip((x * x, x * v, v * v), moments, strict=True):
        assert abs(sample.mean() - expected) < K * sample.std() / m**0.5 + bias
    assert np.abs(moments - expm((flow - system.s**2 * kick) * dt * n) @ np.ones(3)).max() > 0.1


def test_the_default_scheme_suits_the_system() -> None:
    cases: list[tuple[System, str]] = [
        (ROTATING, "exact"),
        (Well(), "baoab"),
        (VAN_DER_POL, "euler"),
        (ShakenOscillator(), "baoab"),
        (ShakenOscillator(by_velocity=True), "euler"),
        (Trap(), "euler"),
    ]
    for system, scheme in cases:
        runs = [
            simulate(system, 5, 9, 0.1, generator=make_generator(18), start=0.5, scheme=s).x
            for s in (None, scheme)
        ]
        assert torch.equal(*runs)


def test_euler_and_heun_agree_on_van_der_pol() -> None:
    """The limit cycle, a nonlinear one: ⟨x²⟩ and ⟨v²⟩ of a fine Euler run and a coarse Heun run."""
    means = []
    for scheme, dt, n in (("euler", 0.002, 2500), ("heun", 0.04, 125)):
        recorded = simulate(
            VAN_DER_POL, 4000, n, dt, generator=make_generator(19), start=1.0, scheme=scheme,
            every=n,
        )  # fmt: skip
        means.append(recorded.x[:, -1].double() ** 2)
    error = torch.stack([s.var(0) / len(s) for s in means]).sum(0).sqrt()
    # K standard errors, and the first order of Euler
    assert (
        (means[0].mean(0) - means[1].mean(0)).abs() < sigmas(error.numel()) * error + 0.02
    ).all()


def test_without_friction_and_noise_energy_is_conserved() -> None:
    recorded = simulate(Well(gamma=0.0), 3, 2000, 0.05, generator=make_generator(0), start=1.0)
    energy = (recorded.x**2).sum(-1) / 2
    assert (energy - energy[:, :1]).abs().max() < 0.05**2


def test_the_splitting_needs_linear_friction_and_noise_without_v() -> None:
    with pytest.raises(ValueError, match="got 'baoab'.* VanDerPol"):
        simulate(VAN_DER_POL, 2, 2, 0.1, generator=make_generator(0), start=0.0, scheme="baoab")
    shaken = ShakenOscillator(by_velocity=True)
    with pytest.raises(ValueError, match="got 'baoab'.* ShakenOscillator"):
        simulate(shaken, 2, 2, 0.1, generator=make_generator(0), start=0.0, scheme="baoab")
    with pytest.raises(ValueError, match="got 'baoab'.* Trap"):
        simulate(Trap(), 2, 2, 0.1, generator=make_generator(0), start=0.0, scheme="baoab")


@pytest.mark.parametrize("name", ["mass", "T", "gamma"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_impossible_underdamped_systems_are_refused(name: str, value: float) -> None:
    change: dict = {name: value}
    with pytest.raises(ValueError, match=name):
        replace(Well(), **change)


@pytest.mark.parametrize("decorate", [lambda c: c, dataclass(frozen=True)], ids=["plain", "data"])
def test_a_parameter_without_annotation_counts_or_is_refused(decorate: Callable) -> None:
    """`T = 9.0` in a class body is no field of a dataclass: it must not be lost in silence."""

    @decorate
    class Hot(Underdamped):
        T = 9.0
        dim = 2

        def force(self, x: Tensor, t: float) -> Tensor:
            return -x

    try:
        recorded = simulate(
            Hot(), 20_000, 1, 0.2, generator=make_generator(26), start=0.0, burn_in=60
        )
    except TypeError as error:
        assert "T = 9.0" in str(error)
    else:
        assert_mean(recorded.position[:, -1, 0] ** 2, 9.0)


def test_underdamped_states_hold_positions_and_as_many_velocities() -> None:
    class Half(Well):
        dim = 1

    with pytest.raises(ValueError, match="dim"):
        run(Half())


def test_noise_amplitude_of_an_underdamped_system_is_not_ignored() -> None:
    """Whoever overrides `noise_amplitude` or `drift` is heard, or told to override another."""

    class Silent(Well):
        def noise_amplitude(self, x: Tensor, t: float) -> Tensor:
            return torch.zeros_like(x)

    class Still(Well):
        def drift(self, x: Tensor, t: float) -> Tensor:
            return torch.zeros_like(x)

    for scheme in (None, "euler", "heun"):
        for system, what in ((Silent(), "velocity_noise"), (Still(), "acceleration|force")):
            with pytest.raises((TypeError, ValueError), match=what):
                simulate(system, 2, 2, 0.1, generator=make_generator(0), start=1.0, scheme=scheme)


# ---------------------------------------------------------------------------- time, seeds, pieces


@pytest.mark.parametrize("chunk", [1, 7, 40, 2**17])
@pytest.mark.parametrize(("burn_in", "every"), [(0, 1), (5, 1), (0, 4), (7, 4)])
def test_every_step_is_done_once_and_at_its_time(
    monkeypatch: pytest.MonkeyPatch, chunk: int, burn_in: int, every: int
) -> None:
    monkeypatch.setattr(integrate, "CHUNK", chunk)
    dt, n_steps = 0.5, 24
    recorded = simulate(
        Clock(), 3, n_steps, dt, generator=make_generator(0), start=0.0, burn_in=burn_in,
        every=every,
    )  # fmt: skip
    assert recorded.dt == dt * every
    steps = torch.arange(0, n_steps + 1, every) + burn_in
    assert torch.equal(recorded.x[1, :, 0], steps * dt)
    passed = [sum((j - burn_in) * dt * dt for j in range(n)) for n in steps.tolist()]
    assert recorded.x[1, :, 1].tolist() == passed


SYSTEMS: list[tuple[System, str]] = [
    (Trap(), "euler"),
    (Trap(), "heun"),
    (GeometricBrownian(), "euler"),
    (GeometricBrownian(), "heun"),
    (RandomRotation(), "euler"),
    (ROTATING, "euler"),
    (ROTATING, "exact"),
    (Well(), "baoab"),
    (Well(), "euler"),
    (Well(), "heun"),
    (VAN_DER_POL, "euler"),
    (ShakenOscillator(), "euler"),
    (ShakenOscillator(by_velocity=True), "heun"),
]
names = [f"{type(system).__name__}-{scheme}" for system, scheme in SYSTEMS]


@pytest.mark.parametrize(
    ("system", "scheme"),
    [case for case in SYSTEMS if case[1] != "exact"],
    ids=lambda c: str(c)[:20],
)
def test_keeping_fewer_steps_keeps_the_same_path(system: System, scheme: str) -> None:
    often, seldom = (
        simulate(
            system, 50, 60, 0.05, generator=make_generator(1), start=0.3, scheme=scheme, every=every
        )
        for every in (1, 4)
    )
    assert torch.equal(often.every(4).x, seldom.x)


@pytest.mark.parametrize("chunk", [1, 1000, 50_000])
@pytest.mark.parametrize("every", [1, 3])
def test_the_size_of_the_pieces_does_not_change_the_law(
    monkeypatch: pytest.MonkeyPatch, chunk: int, every: int
) -> None:
    monkeypatch.setattr(integrate, "CHUNK", chunk)
    trap, z, m = Trap(), 0.3, 20_000
    for scheme in ("euler", "exact"):
        system = trap if scheme == "euler" else linear([[-1.0]], [[1.0]])
        start = torch.randn(m, 1, generator=make_generator(20))
        if scheme == "euler":
            start *= ornstein_uhlenbeck_variance("euler", z) ** 0.5
        recorded = simulate(
            system, m, 12, z, generator=make_generator(21), start=start, every=every, scheme=scheme
        )
        variance = ornstein_uhlenbeck_variance("euler", z) if scheme == "euler" else 1.0
        decay = 1 - z if scheme == "euler" else math.exp(-z)
        x = recorded.x[:, :, 0]
        assert_mean(x[:, -1] ** 2, variance)
        for lag in (1, 3):
            assert_mean(x[:, 0] * x[:, lag], variance * decay ** (lag * every))


def test_trajectories_are_independent() -> None:
    """Correlation of neighbours, at one time and at successive ones, vanishes; K standard errors."""
    x = simulate(Trap(), 20_001, 4, 0.3, generator=make_generator(22), start=0.0).x[:, 1:, 0]
    assert_mean(x[1::2] * x[:-1:2], 0.0)
    assert_mean(x[1::2, 1:] * x[:-1:2, :-1], 0.0)


def test_start_is_shared_or_one_for_each() -> None:
    each = torch.arange(6.0).view(3, 2)
    for start, expected in (
        (1.5, torch.full((3, 2), 1.5)),
        (each[2], each[2:].expand(3, 2)),
        (each, each),
    ):
        for scheme in ("exact", "euler"):
            recorded = simulate(
                ROTATING, 3, 2, 0.1, generator=make_generator(0), start=start, scheme=scheme
            )
            assert torch.equal(recorded.x[:, 0], expected)
    assert torch.equal(each, torch.arange(6.0).view(3, 2))  # the caller's own numbers stay


# ------------------------------------------------------------------------------------------ errors


def run(system: System | None = None, **changes: object) -> Trajectories:
    arguments: dict = dict(n_trajectories=4, n_steps=6, dt=0.1, generator=make_generator(0))
    if not isinstance(system, Linear):
        arguments["start"] = 0.0
    return simulate(system or Trap(), **(arguments | changes))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"dt": 0.0}, "dt must be positive, got 0.0"),
        ({"dt": -1.0}, "dt must be"),
        ({"dt": float("nan")}, "dt must be"),
        ({"dt": float("inf")}, "dt must be"),
        ({"n_trajectories": 0}, "n_trajectories must be a positive integer, got 0"),
        ({"n_trajectories": 4.0}, "n_trajectories must be a positive integer, got 4.0"),
        ({"n_steps": 0}, "n_steps must be"),
        ({"n_steps": 2.5}, "n_steps must be"),
        ({"burn_in": -1}, "burn_in must be an integer of at least 0"),
        ({"every": 0}, "every must be"),
        ({"every": 4}, "n_steps=6 must be a multiple of every=4"),
        (
            {"scheme": "milstein"},
            "scheme must be one of euler, heun, got 'milstein'; no other moves a Trap",
        ),
        ({"scheme": "exact"}, "euler, heun, got 'exact'; no other moves a Trap"),
        ({"start": None}, "start must be given.*Trap"),
        ({"start": torch.zeros(3, 1)}, r"shape \(1,\) or \(4, 1\), got \(3, 1\)"),
        ({"start": torch.zeros(2)}, "start must have shape"),
        ({"start": torch.zeros(1, 4, 1)}, "start must have shape"),
        ({"start": float("nan")}, "start must be finite"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(changes: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        run(**changes)


def broken(what: str) -> System:
    """A system with one mistake."""

    @dataclass(frozen=True)
    class Broken(Overdamped):
        dim = 2
        additive = what.startswith("additive")

        def drift(self, x: Tensor, t: float) -> Tensor:
            return x[:, :1] if what == "drift" else -x

        def noise_amplitude(self, x: Tensor, t: float) -> Tensor | float:
            amplitudes: dict[str, Callable[[], Tensor | float]] = {
                "three": lambda: torch.ones(3),
                "matrix": lambda: torch.ones(1, 3, 3),
                "endless": lambda: float("inf"),
                "additive in x": lambda: x,
                "additive in t": lambda: 1 + t,
            }
            return amplitudes.get(what, lambda: 1.0)()

    return Broken()


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("drift", r"Broken.drift must return shape \(4, 2\), like x; got \(4, 1\)"),
        ("three", r"noise_amplitude must broadcast to \(4, 2\), got \(3,\)"),
        ("matrix", r"noise_amplitude must broadcast to \(4, 2, 2\), got \(1, 3, 3\)"),
        ("endless", "Broken.noise_amplitude must be finite"),
        ("additive in x", "additive = True, but"),
        ("additive in t", "additive = True, but"),
    ],
)
def test_systems_with_a_mistake_are_refused(what: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        run(broken(what))


def test_a_system_must_say_its_physics() -> None:
    class Nothing(Overdamped):
        dim = 1

    with pytest.raises(TypeError, match="abstract"):
        Nothing()  # type: ignore[abstract]

    @dataclass(frozen=True)
    class Forceless(Underdamped):
        dim = 2

    with pytest.raises(TypeError, match="Forceless must define force"):
        run(Forceless())


def test_a_result_that_does_not_fit_is_refused_before_any_work() -> None:
    with pytest.raises(MemoryError, match=r"GB are free; keep fewer frames with every=\d+"):
        run(n_trajectories=10**6, n_steps=10**9)


@dataclass(frozen=True)
class Cubic(Overdamped):
    """Stable, but a long step overshoots further each time."""

    dim = 1
    additive = True

    def drift(self, x: Tensor, t: float) -> Tensor:
        return -(x**3)

    def noise_amplitude(self, x: Tensor, t: float) -> float:
        return 0.1


@pytest.mark.parametrize(("scheme", "burn_in"), [("euler", 0), ("heun", 0), ("euler", 50)])
def test_divergence_names_the_time_and_a_shorter_step(scheme: str, burn_in: int) -> None:
    x, steps = torch.tensor(4.0), 0
    while x.isfinite():  # the noise does not matter: 4, −28, 10948, …
        y = x - x**3 / 2
        x, steps = (y if scheme == "euler" else x - (x**3 + y**3) / 4), steps + 1
    with pytest.raises(FloatingPointError) as caught:
        run(Cubic(), dt=0.5, n_steps=50, start=4.0, scheme=scheme, burn_in=burn_in)
    message = str(caught.value)
    assert f"at t = {(steps - burn_in) * 0.5:.4g}:" in message
    assert "dt = 0.5 is too long" in message
    assert "try dt = 0.12" in message
    calm = run(Cubic(), dt=0.12, n_steps=50, start=4.0, scheme=scheme, burn_in=burn_in)
    assert calm.x.isfinite().all()


def test_divergence_of_one_trajectory_is_enough() -> None:
    start = torch.tensor([[0.1], [4.0], [0.1], [0.1]])
    with pytest.raises(FloatingPointError):
        run(Cubic(), dt=0.5, n_steps=50, start=start)


def test_divergence_of_the_exact_sampler_says_that_the_system_is_unstable() -> None:
    with pytest.raises(FloatingPointError):
        run(linear([[5.0]], [[1.0]]), n_steps=1000, start=1.0)


def test_numbers_of_another_kind_are_refused() -> None:
    for dtype in (torch.int32, torch.bfloat16, torch.cfloat):
        with pytest.raises(ValueError, match=f"dtype must be .*torch.float64, got {dtype}"):
            run(dtype=dtype)


def test_a_run_leaves_no_trace_in_autograd() -> None:
    parameter = torch.nn.Parameter(torch.tensor(1.0))

    class Learned(Trap):
        def drift(self, x: Tensor, t: float) -> Tensor:
            return -parameter * x

    assert not run(Learned()).x.requires_grad


# ------------------------------------------------------------------------------------ on a GPU


@pytest.mark.cuda
@pytest.mark.parametrize("scheme", ["exact", "euler"])
def test_law_on_a_gpu(scheme: str) -> None:
    chain, dt = BeadSpring(n_beads=3), 0.1
    generator = make_generator(23, "cuda")
    recorded = simulate(chain, 50_000, 40, dt, generator=generator, burn_in=50, scheme=scheme)
    assert recorded.x.is_cuda
    P, Q = chain.transition(dt, scheme)
    C = chain.stationary_covariance()
    for _ in range(1000):
        C = P @ C @ P.T + Q
    x = recorded.x.cpu()
    assert_covariance(x[:, -1], x[:, -1], C)
    assert_covariance(x[:, 10], x[:, 17], C @ torch.linalg.matrix_power(P, 7).T)


@pytest.mark.cuda
@pytest.mark.parametrize(("system", "scheme"), SYSTEMS, ids=names)
def test_every_scheme_runs_on_a_gpu(system: System, scheme: str) -> None:
    generator = make_generator(24, "cuda")
    x = simulate(system, 100, 20, 0.05, generator=generator, start=0.3, scheme=scheme).x
    assert x.is_cuda and x.isfinite().all()


@pytest.mark.parametrize(("system", "scheme"), SYSTEMS, ids=names)
def test_systems_answer_on_the_device_they_are_asked_on(system: System, scheme: str) -> None:
    """Without a GPU at hand: the "meta" device computes shapes only, and refuses to mix devices."""
    x = torch.zeros(3, system.dim, device="meta")
    assert system.drift(x, 0.0).device.type == "meta"
    amplitude = system.noise_amplitude(x, 0.0)
    assert not isinstance(amplitude, Tensor) or amplitude.device.type == "meta"


@pytest.mark.parametrize("system", [None, 3, "a", BeadSpring, torch.eye(2)])
def test_what_is_no_system_is_refused(system):
    with pytest.raises(TypeError, match="system must be a System, such as an Overdamped one, got "):
        simulate(system, 2, 3, 0.1, generator=0)
