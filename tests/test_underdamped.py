"""Forces and noise from positions alone: the factors, the rules, and what they promise.

Van der Pol, k = 2, D = 1, dt = 0.01, ten Euler steps per frame, 60 paths of τ = 100 unless said. The
fields are cubic polynomials, which can hold the truth, so what is left is bias of the labels.
"""

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import Langevin, infer_langevin
from stochphys.inference.comparison import nmse
from stochphys.inference.increments import increments
from stochphys.inference.inertia import secant_factor
from stochphys.inference.regression import BayesianRegression, Samples
from stochphys.models.bases import Polynomial
from stochphys.models.drift_diffusion import Normal
from stochphys.simulators import simulate
from stochphys.systems import UnderdampedBeadSpring, VanDerPol
from tests.chance import K, sigmas
from tests.lesson import inline

CUBIC = BayesianRegression(Polynomial(3))
DT = 0.01


@cache
def oscillators(a: float = 0.0, b: float = 0.0, n: int = 60) -> Trajectories:
    """n paths of 10⁴ frames with their velocities, in double precision."""
    return simulate(
        VanDerPol(a=a, b=b),
        n,
        100_000,
        DT / 10,
        start=0.0,
        burn_in=10_000,
        every=10,
        dtype=torch.float64,
        generator=make_generator(13),
    )


@cache
def states() -> tuple[Tensor, Tensor]:
    """States that were visited `(n, 2)`, and the force there `(n, 1)`."""
    x = oscillators().x[:, ::500].flatten(0, 1)
    return x, VanDerPol().drift(x, 0.0)[:, 1:]


@cache
def inferred(rule: str, noise: float = 0.0) -> list[Langevin]:
    """One result per path, from positions with Gaussian measurement noise of this std."""
    generator = make_generator(14)
    x = oscillators().position
    x = x + noise * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    return [
        infer_langevin(
            Trajectories(path[None], DT),
            drift=CUBIC,
            underdamped=True,
            rule=rule,
            generator=generator,
        )
        for path in x
    ]


def estimates(rule: str, noise: float = 0.0) -> Tensor:
    """Mean forces at `states` `(n_paths, n, 1)`."""
    return torch.stack([result.drift.mean(states()[0]) for result in inferred(rule, noise)])


def squared_bias(rule: str) -> tuple[float, float]:
    """bias²/⟨Φ²⟩ of the mean over paths, and its standard error from groups of ten paths."""
    groups = [nmse(part.mean(0), states()[1]) for part in estimates(rule).split(10)]
    error = torch.tensor(groups).std().item() / len(groups) ** 0.5
    return nmse(estimates(rule).mean(0), states()[1]), error


# The factors


@pytest.mark.parametrize(("n", "factor"), [(1, 1.0), (2, 4 / 3), (10, 1.4925), (10**6, 1.5)])
def test_secant_factor_of_free_flight(n: int, factor: float) -> None:
    """Second differences of a velocity that only diffuses, n Euler steps per frame, within K s.e.

    The variance of a mean of N squares with neighbour correlation 1/4 is at most 2.25/N of its square.
    """
    assert secant_factor(n) == pytest.approx(factor, abs=1e-4)
    if n > 10:
        return
    generator, frames, D = make_generator(n), 50_000, 0.7
    kicks = torch.randn(20, frames * n, generator=generator, dtype=torch.float64)
    v = (2 * D * DT / n) ** 0.5 * kicks.cumsum(1)
    x = (v * DT / n).cumsum(1)[:, ::n]
    s = x.diff(n=2, dim=1)
    found = secant_factor(n) * s.square().mean().item() / (2 * DT**3)
    assert abs(found / D - 1) < K * (2.25 / s.numel()) ** 0.5


def test_no_steps_per_frame_are_refused() -> None:
    with pytest.raises(ValueError, match="n must be a positive integer"):
        secant_factor(0)


@pytest.mark.slow
def test_three_lags_give_the_diffusion_where_squares_are_off() -> None:
    """1.00 ± 0.03, where squares of second differences times 3/2 give 1.09 (both within K s.e.)."""
    D = torch.tensor([r.diffusion.mean(states()[0][:1]).item() for r in inferred("combined")])
    assert abs(D.mean() - 1) < 0.03
    squares = oscillators().position.diff(n=2, dim=1).square().mean((1, 2)) / (2 * DT**3)
    assert abs(1.5 * squares.mean() - 1.09) < 0.01 + K * 1.5 * squares.std() / 60**0.5
    stated = inferred("combined")[0].diffusion.std(states()[0][:1]).item()
    assert stated / D.std() == pytest.approx(1, abs=K / (2 * 59) ** 0.5)  # K s.e. of a std


# The rules


@pytest.mark.slow
def test_the_combination_is_free_of_bias_of_leading_order() -> None:
    """bias²/⟨Φ²⟩ at most 0.006; forward keeps 1/3, reverse 5/3 of D ∂_v ln p (K s.e. each)."""
    value, error = squared_bias("combined")
    assert value + K * error < 0.006
    for rule, least in (("forward", 0.012), ("reverse", 0.3)):
        value, error = squared_bias(rule)
        assert value - K * error > least


@pytest.mark.parametrize(
    ("rule", "share"), [("forward", 2 / 3), ("reverse", -2 / 3), ("combined", 1), ("symmetric", 1)]
)
def test_in_equilibrium_one_secant_sees_two_thirds_of_the_friction(rule: str, share: float) -> None:
    """There −D ∂_v ln p = γv/m: a share of 1/3 leaves 2/3 of the friction, one of 5/3 turns its sign.

    Within K s.e., √(2γ/τ) for each of two beads, and 2 % for terms of order γ dt.
    """
    system = UnderdampedBeadSpring(T_c=1.0, T_h=1.0, mass=1.0, gamma=1.0, k=1.0)
    truth = simulate(system, 50, 5000, DT, dtype=torch.float64, generator=make_generator(6))
    result = infer_langevin(
        Trajectories(truth.position, DT),
        drift=BayesianRegression(lambda x: x),
        underdamped=True,
        rule=rule,
        generator=make_generator(0),
    )
    friction = -result.drift.mean(torch.eye(4, dtype=torch.float64))[2:].diagonal()
    assert (friction - share).abs().max() < K * (2 / (50 * 5000 * DT)) ** 0.5 + 0.02


@pytest.mark.slow
def test_measurement_noise_breaks_the_combination_and_not_the_symmetric_rule() -> None:
    """Mean NMSE of single paths at noise 10⁻³, a 1600th of the swing: above 1 and below 0.03."""
    broken = [nmse(estimate, states()[1]) for estimate in estimates("combined", 1e-3)]
    robust = [nmse(estimate, states()[1]) for estimate in estimates("symmetric", 1e-3)]
    assert min(broken) > 1
    assert torch.tensor(robust).mean() < 0.03
    D = torch.tensor(
        [r.diffusion.mean(states()[0][:1]).item() for r in inferred("symmetric", 1e-3)]
    )
    assert abs(D.mean() - 1) < K * D.std() / 60**0.5 + 0.02  # 4.5 more for squares of differences


@pytest.mark.slow
def test_intervals_hold_the_force_with_the_long_run_variance() -> None:
    """Coverage of 95 % intervals within K s.e. of 0.95, less what the remaining bias costs (0.02);
    with the variance of the residuals, as if labels were independent, it is well below."""
    x, force = states()
    held, naive = [], []
    for result in inferred("combined"):
        error, std = (result.drift.mean(x) - force).abs(), result.drift.std(x)
        data = result.increments
        rest = (data.y - result.drift.mean(data.x[0])).square().mean()
        iid = std * (rest * data.dt / (2 * result.diffusion.mean(x[:1]).item())).sqrt()
        held.append((error < 1.96 * std).double().mean())
        naive.append((error < 1.96 * iid).double().mean())
    held, naive = torch.stack(held), torch.stack(naive)
    assert abs(held.mean() - 0.95) < 0.02 + K * held.std() / 60**0.5
    assert naive.mean() < held.mean() - 0.04


def test_slower_cameras_end_the_advantage() -> None:
    """At dt = 0.1 the terms of order dt that each rule has are larger than what the sum removes."""
    x, force = states()

    def bias(rule: str) -> float:
        slow = Trajectories(oscillators().position, DT).every(10)
        result = infer_langevin(
            slow, drift=CUBIC, underdamped=True, rule=rule, generator=make_generator(0)
        )
        return nmse(result.drift.mean(x), force)

    assert bias("combined") > bias("forward") > 0.05


# Noise that depends on the state


@pytest.mark.slow
def test_coefficients_of_an_inhomogeneous_noise_are_recovered() -> None:
    """D = 1 + 0.3 x² + 0.1 v² from ten paths, each coefficient within K s.e.

    Least squares on 1, x², v², weighed by 1/D̂² and iterated; the labels are worth 2/4.76 independent
    squares each, the spectral average of their overlap.
    """
    data = increments(Trajectories(oscillators(0.3, 0.1, 10).position, DT), underdamped=True)
    at, labels = data.at.flatten(0, 1), data.squares().flatten(0, 1)[..., 0]
    regression = BayesianRegression(lambda x: torch.cat((torch.ones_like(x[:, :1]), x**2), 1))
    weight = torch.ones_like(labels)
    for _ in range(4):
        found = regression.fit(Samples(at, labels, weight), Normal())
        weight = 1 / (4.76 * found.mean(at).clamp(min=0.3) ** 2)
    std = found.root[0].square().sum(1).sqrt()
    error = found.weights[0] - torch.tensor([1.0, 0.3, 0.1])
    assert (error.abs() < sigmas(error.numel()) * std).all(), (error / std).tolist()
    assert (std < torch.tensor([0.1, 0.03, 0.015])).all()


@pytest.mark.slow
def test_drift_and_diffusion_fields_of_inhomogeneous_noise() -> None:
    """One fit to ten paths: the force to 1 %, D to 5 %, as near as a quartic comes to ln D."""
    system = VanDerPol(a=0.3, b=0.1)
    data = Trajectories(oscillators(0.3, 0.1, 10).position, DT)
    result = infer_langevin(
        data,
        drift=CUBIC,
        diffusion=BayesianRegression(Polynomial(4)),
        underdamped=True,
        generator=make_generator(0),
    )
    found = result.compare(system)
    assert found.drift_nmse < 0.01 and found.diffusion_nmse < 0.05


# What is given


def test_several_coordinates_and_a_matrix_of_noise() -> None:
    """Two beads with inertia, positions only: the 2 × 4 matrix of forces within K s.e., D within 3."""
    system = UnderdampedBeadSpring(T_c=1.0, T_h=3.0, mass=1.0, gamma=1.0, k=1.0)
    truth = simulate(system, 50, 5000, 0.02, dtype=torch.float64, generator=make_generator(5))
    linear = BayesianRegression(lambda x: x)
    for rule in ("combined", "symmetric"):
        result = infer_langevin(
            Trajectories(truth.position, truth.dt),
            drift=linear,
            underdamped=True,
            rule=rule,
            generator=make_generator(0),
        )
        one = torch.eye(4, dtype=torch.float64)  # the forces at unit states are the matrix
        error = result.drift.mean(one) - system.A[2:].T
        assert (error.abs() < sigmas(error.numel()) * result.drift.std(one) + 0.02).all()
        D, D_std = (
            f(truth.x[0, :1].double())[0] for f in (result.diffusion.mean, result.diffusion.std)
        )
        assert ((D - system.D[2:, 2:]).abs() < sigmas(D.numel()) * D_std).all()


def test_measured_velocities_are_used_as_they_are() -> None:
    """(x, v) given: the label is Δv/dt at (x, v), and D its square over 2dt, less what the drift did
    (the damping within a frame leaves −3 %)."""
    truth, change = oscillators(), oscillators().velocity.diff(dim=1)
    data = increments(truth, underdamped=True)
    torch.testing.assert_close(data.x, truth.x[:, :-1])
    torch.testing.assert_close(data.y, change / DT)
    torch.testing.assert_close(data.squares()[..., 0], change.square() / (2 * DT))
    result = infer_langevin(truth, drift=CUBIC, generator=make_generator(0))
    assert nmse(result.drift.mean(states()[0]), states()[1]) < 0.003
    assert result.diffusion.mean(states()[0][:1]).item() == pytest.approx(1, abs=0.04)


def test_time_is_that_of_the_middle_of_each_secant() -> None:
    film = Trajectories(oscillators().position[:2, :10], DT)
    for rule, first in (("forward", 0.5), ("reverse", 1.5), ("symmetric", 1.0)):
        data = increments(film, underdamped=True, time=True, rule=rule)
        assert data.x.shape == (2, 8, 3)
        torch.testing.assert_close(data.x[0, :, 2], (torch.arange(8.0) + first).double() * DT)


def test_rounded_positions_are_refused() -> None:
    """In float32 around x = 10⁴ rounding makes a tenth of the squared second differences;
    the centred rules take it as noise of the measurement."""
    far = Trajectories((oscillators().position[:2] + 10_000).float(), DT)
    with pytest.raises(ValueError, match="single precision"):
        increments(far, underdamped=True, rule="combined")
    near = Trajectories(oscillators().position[:2].float(), DT)
    assert increments(near, underdamped=True, rule="combined").y.dtype == torch.float64
    for rule in ("symmetric", "centred"):
        assert increments(far, underdamped=True, rule=rule).rule == rule


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(rule="ito"), "centred, combined, forward, reverse, symmetric"),
        (dict(frames=4), "n_times must be an integer of at least 5, got 4"),
        (dict(still=True), r"coordinates \[1\] never change"),
    ],
)
def test_data_without_an_answer_are_refused(change: dict, words: str) -> None:
    x = oscillators().position[:2, : change.pop("frames", 50)]
    x = torch.cat((x, torch.ones_like(x)), -1) if change.pop("still", False) else x
    with pytest.raises(ValueError, match=words):
        increments(Trajectories(x, DT), underdamped=True, **change)


# What notebook 13 writes out by hand: the fit to secants


@pytest.fixture(scope="module")
def lesson() -> SimpleNamespace:
    """`features` and `fit_drift` as the notebook defines them: the cell as it stands."""
    return inline("13_underdamped", "features", "fit_drift", torch=torch)


@pytest.fixture(scope="module")
def data() -> Trajectories:
    """One path with its velocities."""
    return oscillators(n=1)


def forces(fit: Callable[..., Tensor], features: Callable, data: Trajectories, rule: str) -> Tensor:
    """Forces at every 20th state, `(n, 1)`, by the notebook's fit."""
    weights = fit(data.position[..., 0], data.dt, rule)
    return features(*data.x[0, ::20].T) @ weights.T


@pytest.mark.parametrize("rule", ["forward", "reverse", "combined"])
def test_the_inline_fit_is_least_squares_on_the_labels_of_the_package(
    rule: str, lesson: SimpleNamespace, data: Trajectories
) -> None:
    film = Trajectories(data.position, DT)

    def fitted(rule: str) -> Tensor:
        labels = increments(film, underdamped=True, rule=rule)
        phi = lesson.features(*labels.x[0].T)
        return torch.linalg.lstsq(phi, labels.y[0]).solution

    expected = fitted("forward") if rule == "combined" else fitted(rule)
    if rule == "combined":
        expected = (5 * expected - fitted("reverse")) / 4
    inline = lesson.fit_drift(film.x[..., 0], DT, rule)
    torch.testing.assert_close(inline, expected.T, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("rule", ["forward", "reverse", "combined"])
def test_the_inline_fit_is_that_of_the_package(
    rule: str, lesson: SimpleNamespace, data: Trajectories
) -> None:
    """Least squares against Bayesian regression: its prior shifts by less than an error bar."""
    inline = forces(lesson.fit_drift, lesson.features, data, rule)
    result = infer_langevin(
        Trajectories(data.position, DT),
        drift=CUBIC,
        underdamped=True,
        rule=rule,
        generator=make_generator(0),
    )
    states = data.x[0, ::20]
    difference = (inline - result.drift.mean(states)) / result.drift.std(states)
    assert difference.square().mean() < 1
    assert inline.std() > 2  # they do not agree on zero


def test_a_lesson_that_drifts_away_is_noticed(lesson: SimpleNamespace, data: Trajectories) -> None:
    def wrong(x: Tensor, dt: float, rule: str) -> Tensor:
        return (4 * lesson.fit_drift(x, dt, "forward") - lesson.fit_drift(x, dt, "reverse")) / 3

    changed = SimpleNamespace(features=lesson.features, fit_drift=wrong)
    with pytest.raises(AssertionError):
        test_the_inline_fit_is_least_squares_on_the_labels_of_the_package("combined", changed, data)
