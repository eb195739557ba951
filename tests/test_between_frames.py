"""D and drift are those of the continuous path, not of the steps from frame to frame."""

import pytest
import torch

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import BayesianRegression, infer_langevin
from stochphys.models.bases import Polynomial
from stochphys.simulators import Linear, simulate
from stochphys.systems import DoubleHump
from tests.chance import K, sigmas

LINE = BayesianRegression(Polynomial(1))
A = torch.tensor([[-2.0, 1.0], [-1.5, -1.0]], dtype=torch.float64)
NOISE = torch.tensor([[1.0, 0.3], [0.3, 0.5]], dtype=torch.float64)


@pytest.mark.parametrize("rule", ["ito", "midpoint"])
def test_noise_and_drift_of_a_stirred_trap(rule):
    """Frames 0.05 apart, in which noise loses up to 10 % of itself: 20 to 50 standard errors."""
    data = simulate(
        Linear(A, NOISE), 100, 4000, 0.05, generator=make_generator(0), dtype=torch.float64
    )
    found = infer_langevin(data, drift=LINE, rule=rule)
    x = torch.eye(2, dtype=torch.float64)
    D, std = (part(x)[0] for part in (found.diffusion.mean, found.diffusion.std))
    assert ((D - NOISE).abs() < K * std).all()
    lost = (A @ NOISE + NOISE @ A.T) * 0.05 / 2
    assert (std < 0.2 * lost.diagonal().abs().max()).all()
    if rule == "ito":  # from its middle, what is left of the drift is said
        off = found.drift.mean(x) - x @ A.T
        # What is left is a third of (A dt)², as the warning says of more.
        assert (off.abs() < K * found.drift.std(x) + 0.02 * A.abs().max()).all()


def test_error_bars_of_the_noise_hold():
    """Forty films: z has mean 0 and variance 1 at dt = 0.1, where noise loses 10 %."""
    trap = Linear(-torch.eye(1), torch.eye(1))
    z = []
    for x in simulate(
        trap, 400, 1000, 0.1, generator=make_generator(1), dtype=torch.float64
    ).x.split(10):
        D = infer_langevin(Trajectories(x, 0.1), drift=LINE).diffusion
        one = torch.zeros(1, 1, dtype=torch.float64)
        z.append((D.mean(one) / D.std(one) - 1 / D.std(one)).item())
    scores = torch.tensor(z)
    assert (
        abs(scores.mean()) < sigmas(1, 40) / 40**0.5 + 0.25
    )  # what is left may be a quarter of a std
    assert 0.5 < scores.std() < 1.6


@pytest.mark.slow
def test_a_field_of_noise_is_that_of_the_place():
    """Two wells, D(x) largest between them, dt = 0.02: in the middle frames see 0.9 of D."""
    system = DoubleHump()
    data = simulate(system, 50, 40_000, 0.001, generator=make_generator(2), every=20)
    D = infer_langevin(data, diffusion=BayesianRegression()).diffusion
    x = torch.linspace(-2, 2, 41, dtype=torch.float64)[:, None]
    exact = system.diffusion(x)
    low, high = D.interval(x)
    assert ((low < exact) & (exact < high)).double().mean() > 0.8
    assert (D.mean(x) / exact - 1).abs().max() < 0.08


def test_coordinates_that_are_the_same_are_refused_by_name():
    data = simulate(
        Linear(A, NOISE), 4, 300, 0.05, generator=make_generator(3), dtype=torch.float64
    )
    twice = data.map(lambda x: torch.cat((x, 2 * x[..., :1] + 1), -1))
    with pytest.raises(ValueError, match="coordinate 0 and coordinate 2 are the same"):
        infer_langevin(twice)
    line = Trajectories(torch.linspace(0, 1, 300, dtype=torch.float64)[None, :, None], 0.05)
    with pytest.raises(
        ValueError, match="coordinate 0 and time are the same .* leave time=True out"
    ):
        infer_langevin(line, time=True)


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_no_unit_of_length_decides(unit):
    data = simulate(
        Linear(A, NOISE), 4, 500, 0.05, generator=make_generator(3), dtype=torch.float64
    )
    for options in ({}, {"diffusion": BayesianRegression()}, {"rule": "midpoint"}):
        one = infer_langevin(data, **options)
        other = infer_langevin(data.map(lambda x: x * unit), **options)
        D = one.diffusion.mean(one.states[:5])
        torch.testing.assert_close(
            other.diffusion.mean(other.states[:5]) / unit**2, D, rtol=1e-4, atol=0
        )
