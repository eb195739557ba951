"""The van der Pol oscillator against its limit cycle, its Fokker–Planck equation and exact averages."""

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sparse
import torch
from scipy.integrate import solve_ivp
from scipy.sparse.linalg import spsolve

from stochphys.device import make_generator
from stochphys.simulators import simulate
from stochphys.systems import VanDerPol
from tests.chance import K


def fokker_planck_moments(k: float, D0: float, a: float, b: float) -> dict[str, float]:
    """Averages of the stationary Fokker–Planck equation, by central differences on a grid.

    The equation is linear and homogeneous: p at the origin is set to one, the rest is solved for.
    """
    (x1, dx, _), (v1, dv, dvv) = _axis(6.0, 181), _axis(16.0, 241)
    one_x, one_v = sparse.identity(len(x1)), sparse.identity(len(v1))
    x, v = (grid.ravel() for grid in np.meshgrid(x1, v1, indexing="ij"))
    drift, D = k * (1 - x**2) * v - x, D0 * (1 + a * x**2 + b * v**2)
    generator = (
        -sparse.kron(dx, one_v) @ sparse.diags(v)
        - sparse.kron(one_x, dv) @ sparse.diags(drift)
        + sparse.kron(one_x, dvv) @ sparse.diags(D)
    ).tocsr()
    p = np.ones(len(x))
    rest = np.arange(len(x)) != len(x) // 2
    known = generator[rest][:, ~rest].toarray()[:, 0]
    p[rest] = spsolve(generator[rest][:, rest].tocsc(), -known)
    p /= p.sum()
    return {
        name: float((p * f).sum())
        for name, f in {"x²": x**2, "v²": v**2, "x²v²": (x * v) ** 2}.items()
    }


def _axis(limit: float, n: int) -> tuple[np.ndarray, Any, Any]:
    """n places from −limit to limit, and the matrices of the first and second derivative."""
    h = 2 * limit / (n - 1)
    first = sparse.diags([-1.0, 1.0], [-1, 1], shape=(n, n)) / (2 * h)
    second = sparse.diags([1.0, -2.0, 1.0], [-1, 0, 1], shape=(n, n)) / h**2
    return np.linspace(-limit, limit, n), first, second


def test_without_noise_it_has_the_limit_cycle_of_an_independent_solver() -> None:
    """Amplitude and period at k = 2 by an eighth-order solver with its own equation of motion.

    Heun at dt = 0.004 errs by dt² times rates of about 10: 2e-4.
    """

    def crossing(t: float, y: np.ndarray) -> float:
        return y[0]

    crossing.direction = 1.0  # type: ignore[attr-defined]
    cycle = solve_ivp(
        lambda t, y: [y[1], 2.0 * (1 - y[0] ** 2) * y[1] - y[0]],
        (0, 40),
        [2.0, 0.0],
        method="DOP853",
        events=crossing,
        rtol=1e-10,
        atol=1e-10,
        max_step=0.02,
    )
    period, amplitude = np.diff(cycle.t_events[0])[-1], np.abs(cycle.y[0, -1000:]).max()
    assert abs(period - 7.6299) < 1e-4 and abs(amplitude - 2.0199) < 1e-4

    path = simulate(
        VanDerPol(k=2.0, D0=0.0),
        1,
        4500,
        0.004,
        start=torch.tensor([2.0, 0.0]),
        burn_in=5000,
        scheme="heun",
        dtype=torch.float64,
        generator=make_generator(0),
    )
    x = path.x[0, :, 0].numpy()
    up = np.flatnonzero((x[:-1] < 0) & (x[1:] >= 0))
    times = (up - x[up] / (x[up + 1] - x[up])) * path.dt
    assert np.diff(times)[0] == pytest.approx(period, abs=1e-3)
    assert np.abs(x).max() == pytest.approx(amplitude, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("a", "b"), [(0.0, 0.0), (0.3, 0.1)])
def test_moments_are_those_of_the_fokker_planck_equation(a: float, b: float) -> None:
    """Time averages of 500 paths within K s.e., and 0.4 % for
    Euler's own error at dt = 0.001 and that of the grid."""
    exact = fokker_planck_moments(2.0, 1.0, a, b)
    system = VanDerPol(k=2.0, D0=1.0, a=a, b=b)
    paths = simulate(
        system, 500, 40_000, 0.001, start=0.0, burn_in=10_000, every=20, generator=make_generator(1)
    )
    x, v = paths.position.double().square(), paths.velocity.double().square()
    for name, values in {"x²": x, "v²": v, "x²v²": x * v}.items():
        means = values.mean(dim=(1, 2))
        error = K * means.std() / len(means) ** 0.5 + 0.004 * exact[name]
        assert abs(means.mean() - exact[name]) < error, name


def test_two_averages_are_exact() -> None:
    """k⟨(x² − 1)v²⟩ = ⟨D⟩ and ⟨v²⟩ = ⟨x²⟩, to 1e-4: what the edge of the grid cuts off."""
    mean = fokker_planck_moments(2.0, 1.0, 0.3, 0.1)
    assert mean["v²"] == pytest.approx(mean["x²"], rel=1e-4)
    power = 2.0 * (mean["x²v²"] - mean["v²"])
    assert power == pytest.approx(1 + 0.3 * mean["x²"] + 0.1 * mean["v²"], rel=1e-4)


def test_diffusion_is_half_the_squared_noise() -> None:
    system = VanDerPol(D0=0.7, a=0.3, b=0.1)
    states = torch.randn(20, 2, generator=make_generator(2))
    noise = system.noise_amplitude(states, 0.0)
    torch.testing.assert_close(2 * system.diffusion(states)[:, 0, 0], noise[:, 1] ** 2)
    assert not noise[:, 0].any() and not system.additive and VanDerPol().additive


def test_its_friction_is_not_thermal() -> None:
    for refused in (VanDerPol().entropy_production_rate, VanDerPol().heat):
        with pytest.raises(ValueError, match="not tied to the noise by any temperature"):
            refused()


@pytest.mark.parametrize("name", ["k", "D0", "a", "b"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_parameters_without_meaning_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be"):
        VanDerPol(**{name: value})
