"""The systems that estimators are judged on are those that are stated: `tools/random_systems.py`."""

from dataclasses import replace

import pytest
import torch

from stochphys.device import make_generator
from stochphys.simulators import simulate
from stochphys.simulators.langevin import noise_matrix
from tests.chance import sigmas
from tools.random_systems import KINDS, film, random_system, scales

NONLINEAR = KINDS[:4]


def energy(landscape, u):
    """U as the head of the tool writes it."""
    k = landscape
    quartic = (k.q * u**4).sum() / 4 + torch.einsum("i,ij,j", u**2, k.c, u**2) / 4
    wells = k.h * torch.exp(-(u - k.at).square().sum(1) / (2 * k.s**2))
    return u @ k.K @ u / 2 + quartic - wells.sum()


@pytest.mark.parametrize("kind", NONLINEAR)
@pytest.mark.parametrize("seed", range(6))
def test_drift_and_noise_are_what_is_stated(kind, seed):
    system = random_system(seed, kind)
    x = torch.randn(5, system.dim, generator=make_generator(seed)).double() * system.length
    d, unit = len(system.A), system.length / system.time
    if system.underdamped:
        x[:, d:] /= system.time
    phi, B = system.drift(x, 0.0), noise_matrix(system, x, 0.0)
    for at, drift, amplitude in zip(x, phi, B, strict=True):
        u = at[:d] / system.length
        gradient = torch.func.grad(lambda u: energy(system.landscape, u))(u)
        wanted = (system.A - torch.eye(d)) @ gradient * unit
        if system.underdamped:
            v = at[d:] / unit
            friction = system.gamma * (u @ u - 1 if kind == "pumped" else 1)
            force = system.A @ u * torch.exp(-u @ u / 2) - gradient - friction * v
            wanted = torch.cat((at[d:], force * unit / system.time))
        torch.testing.assert_close(drift, wanted)
        noise = system.noise
        D = noise.D
        if noise.a is not None:
            D = D.diagonal().diag() * torch.exp(noise.a * torch.sin(noise.n @ u + noise.phase))
        D = D * unit**2 / system.time if system.underdamped else D * unit * system.length
        torch.testing.assert_close((amplitude @ amplitude.T / 2)[-d:, -d:], D)


@pytest.mark.parametrize("seed", range(12))
def test_it_is_stationary(seed):
    """256 walkers where films begin, and those 15 and 30 times τ later: the same means and spreads."""
    system = random_system(seed, NONLINEAR[seed % 4])
    x = scales(system)[2].float()
    how = dict(start=x, every=750, generator=make_generator(seed), scheme="euler")
    later = simulate(system, 256, 3000, system.time / 100, **how).x[:, 2::2].double()
    x = x.double()
    for y in later.unbind(1):
        assert torch.isfinite(y).all()
        off = (y.mean(0) - x.mean(0)) / ((x.var(0) + y.var(0)) / 256).sqrt()
        a, b = ((z - z.mean(0)).square() for z in (x, y))
        wider = (b.mean(0) - a.mean(0)) / ((a.var(0) + b.var(0)) / 256).sqrt()
        assert torch.cat((off, wider)).abs().max() < sigmas(2 * system.dim)


@pytest.mark.parametrize("seed", range(12))
def test_linear_systems_produce_what_the_lyapunov_equation_says(seed):
    """σ̇ = Tr D⁻¹ Q C⁻¹ Qᵀ with AC + CAᵀ = −2D and Q = −D − AC; 0 where Q is."""
    for kind in ("linear", "balanced"):
        system = random_system(seed, kind)
        A, D, one = system.A, system.D, torch.eye(system.dim).double()
        C = torch.linalg.solve(torch.kron(A, one) + torch.kron(one, A), -2 * D.flatten())
        C = C.view_as(A)
        Q = -D - A @ C
        rate = torch.trace(torch.linalg.inv(D) @ Q @ torch.linalg.inv(C) @ Q.T)
        scale = A.abs().max().item()  # 1/time
        assert system.entropy_production_rate() == pytest.approx(rate.item(), abs=1e-9 * scale)
        assert (rate > 0.01 * scale) == (kind == "linear" and system.dim > 1)


@pytest.mark.parametrize("kind", NONLINEAR)
def test_units_scale_out(kind):
    """What decides on a film is the same in other units, as far as float32 keeps walkers together."""
    system = replace(random_system(1, kind), length=1.0, time=1.0)
    other = replace(system, length=1e-3, time=50.0)
    (rate, capacity, x), (slow, less, y) = scales(system), scales(other)
    assert (50 * slow, 50 * less) == pytest.approx((rate, capacity), rel=1e-2)
    d = len(system.A)
    assert (x - 1e3 * y)[:, :d].abs().median() < 1e-3 * x[:, :d].std()


def test_a_seed_says_what_comes():
    assert repr(random_system(5)) == repr(random_system(5))
    assert torch.equal(film(random_system(5), 2).x, film(random_system(5), 2).x)
    assert {random_system(s, "field").dim for s in range(30)} == {1, 2, 3, 4}
    assert random_system(4, "inertia", dim=2).dim == 4
    with pytest.raises(ValueError, match="kind must be one of wells"):
        random_system(0, "jumps")
    with pytest.raises(ValueError, match="dim must be one of"):
        random_system(0, "pumped", dim=3)
