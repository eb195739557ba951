"""The default for positions of something with inertia: friction, frequency and noise at any damping.

Oscillators of ω = 1 and T = 1 are drawn from their exact law, so truths are exact at any dt.
"""

from functools import cache
from math import pi

import pytest
import torch
from torch import Tensor

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import BayesianRegression, Langevin, LaplaceNetwork, infer_langevin
from stochphys.inference.comparison import nmse
from stochphys.models.bases import Polynomial
from stochphys.simulators import Linear, Underdamped, simulate
from stochphys.systems import DoubleHump, VanDerPol
from tests.chance import sigmas

LINE, CUBIC = BayesianRegression(Polynomial(1)), BayesianRegression(Polynomial(3))


@cache
def swings(Q: float, frames: int, seed: int = 0) -> Trajectories:
    """Positions of ten oscillators of this quality factor, 40 periods each, so many frames a period."""
    gamma = torch.tensor(1 / Q)
    A = torch.tensor([[0.0, 1.0], [-1.0, -gamma]])
    system, dt = Linear(A, torch.diag(torch.tensor([0.0, gamma]))), 2 * pi / frames
    data = simulate(system, 10, 40 * frames, dt, dtype=torch.float64, generator=seed)
    return Trajectories(data.x[..., :1], dt)


def slopes(result: Langevin) -> tuple[Tensor, Tensor]:
    """Of a straight drift: −∂Φ_i/∂x, −∂Φ_i/∂v `(dim_in, dim)`, and their errors."""
    dim_in = result.increments.x.shape[-1]
    one = torch.eye(dim_in, dtype=torch.float64)
    half = (result.drift.mean(one) - result.drift.mean(-one)) / 2
    return -half, result.drift.std(one)


@pytest.mark.parametrize(
    ("Q", "frames"), [(0.5, 100), (0.5, 500), (2, 20), (2, 50), (10, 20), (100, 20), (100, 200)]
)
def test_friction_and_stiffness_are_right_at_any_damping(Q: float, frames: int) -> None:
    """Within K standard errors and 3 %, and D too; nothing is said."""
    result = infer_langevin(swings(Q, frames), drift=LINE, underdamped=True)
    (found, errors), exact = slopes(result), torch.tensor([[1.0], [1 / Q]], dtype=torch.float64)
    assert ((found - exact).abs() < sigmas(3) * errors + 0.03 * exact).all()
    one = result.states[:1]
    D, std = result.diffusion.mean(one).item(), result.diffusion.std(one).item()
    assert abs(D * Q - 1) < sigmas(3) * std * Q + 0.03
    assert result.warnings == ()


def test_other_rules_say_what_they_take_for_friction() -> None:
    """At Q = 20 and 50 frames a period "combined" finds 2.87 times the friction, and tells."""
    for rule in ("combined", "forward", "symmetric"):
        data = swings(100, 20) if rule == "symmetric" else swings(20, 50)
        said = infer_langevin(data, drift=LINE, underdamped=True, rule=rule).warnings
        assert any(
            f"rule={rule!r} takes of the force for friction" in sentence for sentence in said
        )
    fine = infer_langevin(swings(0.5, 500), drift=LINE, underdamped=True, rule="combined")
    assert fine.warnings == ()


def test_a_few_frames_for_each_decay_are_too_few() -> None:
    (sentence,) = infer_langevin(swings(0.5, 20), drift=LINE, underdamped=True).warnings
    assert sentence.startswith("Slow camera")


def test_response_of_two_velocities_that_turn_each_other() -> None:
    """A charge in a magnetic field, Φ = −x − γv + b v×z, γ dt = 0.1 and b dt = 0.3, D = diag(1, 2)·γ:
    each of the eight slopes within K standard errors and 2 % of b; without the terms of order dt, the
    friction is 5 % and more off."""
    gamma, b = 0.5, 1.5
    A = torch.tensor([[0, 0, 1, 0], [0, 0, 0, 1], [-1, 0, -gamma, b], [0, -1, -b, -gamma]])
    D = torch.diag(torch.tensor([0, 0, gamma, 2 * gamma]))
    data = simulate(Linear(A, D), 20, 10_000, 0.2, dtype=torch.float64, generator=1)
    positions = Trajectories(data.x[..., :2], data.dt)
    found, errors = slopes(infer_langevin(positions, drift=LINE, underdamped=True))
    off = (found + A[2:].T.double()).abs()
    assert (off < sigmas(8) * errors + 0.02 * b).all(), off / errors


class Braked(Underdamped):
    """A spring, and a friction that grows with the cube of the velocity."""

    dim, additive = 2, True

    def acceleration(self, x: Tensor, v: Tensor, t: float) -> Tensor:
        return -x - v**3

    def velocity_noise(self, x: Tensor, v: Tensor, t: float) -> float:
        return 2**0.5


@pytest.mark.slow
@pytest.mark.parametrize("system", [VanDerPol(), Braked()])
def test_forces_that_are_not_straight_survive_a_slower_camera(system: Underdamped) -> None:
    """dt = 0.05: NMSE at most 0.008, where the other rules have 0.01 to 0.04 of bias alone."""
    options = dict(start=0.0, burn_in=5000, every=25, dtype=torch.float64)
    truth = simulate(system, 20, 250_000, 0.002, generator=3, **options)
    film = Trajectories(truth.position, truth.dt)
    x = truth.x[:, ::50].flatten(0, 1)
    exact = system.drift(x, 0.0)[:, 1:]
    error = {
        rule: nmse(
            infer_langevin(film, drift=CUBIC, underdamped=True, rule=rule).drift.mean(x), exact
        )
        for rule in ("centred", "symmetric", "combined")
    }
    assert error["centred"] < 0.008 < min(error["symmetric"], error["combined"])


def test_positions_without_inertia_are_refused() -> None:
    for every in (1, 10):
        film = simulate(DoubleHump(), 5, 5000, 0.001, generator=0).every(every)
        with pytest.raises(ValueError, match="not alike .*leave underdamped out"):
            infer_langevin(film, underdamped=True)


def test_a_network_reads_secants() -> None:
    """It cannot take out the noise that centred labels share with the state."""
    network = LaplaceNetwork(steps=20)
    film = swings(2, 50)
    result = infer_langevin(film, drift=network, underdamped=True, generator=make_generator(0))
    assert result.increments.rule == "combined"


def test_errors_of_positions_are_survived_or_said() -> None:
    """Of a twelfth of a displacement friction and D are right within K standard errors and 5 %; of a
    quarter they are 14 % too small, and that is said."""
    film = swings(10, 50)
    noise = torch.randn(film.x.shape, generator=make_generator(9), dtype=torch.float64)
    for zeta, silent in ((0.01, True), (0.03, False)):
        result = infer_langevin(
            film.map(lambda x, z=zeta: x + z * noise), drift=LINE, underdamped=True
        )
        assert (result.warnings == ()) == silent
        if silent:
            found, errors = slopes(result)
            assert abs(found[1] * 10 - 1) < sigmas(2) * errors[1] * 10 + 0.05
            assert abs(result.diffusion.mean(result.states[:1]).item() * 10 - 1) < 0.1
        else:
            assert result.warnings[0].startswith("Noisy measurement")
