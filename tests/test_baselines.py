"""Bounds without a network, and fluctuation theorems, against what is exact for linear systems."""

import math
from dataclasses import replace

import pytest
import torch
from scipy import stats

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import currents, entropy_production_rate, gaussian_plugin, infer_langevin
from stochphys.inference.currents import Affine, finite_time_tur, short_time_tur
from stochphys.inference.fluctuation import (
    accumulate,
    detailed_fluctuation_theorem,
    integral_fluctuation_theorem,
)
from stochphys.inference.jackknife import block_sums, jackknife
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring
from tests.chance import K, sigmas

DT = 0.01


@pytest.fixture
def generator():
    return make_generator(7)


@pytest.fixture(scope="module")
def beads():
    """Two beads at T = 1 and 10: the system, 4·10⁵ steps of it, and ln p(x, x')/p(x', x) of each."""
    system = BeadSpring()
    trajectories = simulate(system, 1000, 400, DT, generator=make_generator(1))
    return system, trajectories, system.entropy_production(trajectories, "exact").double()


def area(trajectories):
    """The area swept in the plane of the first two beads, per step."""
    x = trajectories.x.double()
    middle, step = (x[:, 1:] + x[:, :-1]) / 2, x.diff(dim=1)
    return middle[..., 0] * step[..., 1] - middle[..., 1] * step[..., 0]


def exact_moments(system, dt):
    """Mean and covariance of x̄_i Δx_k in the stationary state, by Isserlis' theorem."""
    P, _ = system.transition(dt)
    C = system.stationary_covariance()
    before, after = C @ P.T, P @ C  # ⟨x x'ᵀ⟩ and ⟨x' xᵀ⟩
    middle = (2 * C + before + after) / 4
    step = 2 * C - before - after
    mixed = (before - after) / 2  # ⟨x̄ Δxᵀ⟩
    covariance = torch.einsum("ij,kl->ikjl", middle, step) + torch.einsum(
        "il,jk->ikjl", mixed, mixed
    )
    n = system.dim**2
    return mixed.flatten(), covariance.reshape(n, n)


@pytest.mark.parametrize(
    ("T_h", "n_beads", "over_sigma"),
    [(2, 2, 0.979), (10, 2, 0.966), (100, 2, 0.799), (10, 5, 0.981)],
)
def test_short_time_bound_agrees_with_the_moments_of_the_gaussian(
    T_h, n_beads, over_sigma, generator
):
    """A current that attains the bound scatters by √(2σ̇/τ) or more in the time τ. The std was 1.52 ±
    0.12 times √(4σ̇/τ) (mean and scatter, 20 experiments of each system): K scatters are allowed."""
    system = BeadSpring(T_h=T_h, n_beads=n_beads)

    def exact(dt):
        mean, covariance = exact_moments(system, dt)
        return 2 * (mean @ torch.linalg.pinv(covariance, hermitian=True) @ mean).item() / dt

    sigma_dot = system.entropy_production_rate()
    assert exact(1e-5) == pytest.approx(sigma_dot, rel=1e-3)
    assert exact(DT) == pytest.approx(over_sigma * sigma_dot, rel=0.001)
    trajectories = simulate(system, 1000, 300, DT, generator=generator)
    bound = short_time_tur(trajectories, generator=generator)
    assert abs(bound.rate - exact(DT)) < K * bound.std
    least = (4 * sigma_dot / (1000 * trajectories.duration)) ** 0.5
    assert bound.std < (1.52 + K * 0.12) * least


def test_best_current_is_the_entropy_of_each_step(beads, generator):
    system, trajectories, entropy = beads
    bound = short_time_tur(trajectories, generator=generator)
    comparison = bound.compare(system)
    assert comparison.exact_rate == pytest.approx(entropy.mean().item() / DT, rel=1e-6)
    assert comparison.ratio == pytest.approx(bound.rate / comparison.exact_rate)
    assert comparison.r_squared > 0.99
    assert abs(comparison.slope - 1) < 0.05
    some = replace(trajectories, x=trajectories.x[:3])
    torch.testing.assert_close(bound.per_step(some), bound.per_step()[:3])
    assert bound.coefficients.shape == (3, 2)
    # 2 Ξ⁻¹m is the matrix K of ΔS = x̄ᵀKΔx, up to noise and a finite dt: 5 % of its norm.
    K = system.entropy_matrix()
    assert (bound.coefficients[1:] - K).norm() < 0.05 * K.norm()


def test_in_sample_bound_is_too_high_and_the_jackknife_removes_that(generator):
    """Eight beads, 20 experiments with 2000 steps each: 64 + 8 currents to choose from."""
    system = BeadSpring(T_h=10, n_beads=8)
    sigma_dot = system.entropy_production_rate()
    experiments = simulate(system, 20 * 20, 100, DT, generator=generator).x.split(20)
    bounds = [short_time_tur(Trajectories(x, DT), generator=generator) for x in experiments]
    in_sample, rate = torch.tensor([(b.in_sample, b.rate) for b in bounds]).T
    mean, covariance = exact_moments(system, DT)
    exact = 2 * (mean @ torch.linalg.pinv(covariance, hermitian=True) @ mean).item() / DT
    error = math.sqrt(20)
    assert in_sample.mean() - K * in_sample.std() / error > 2 * sigma_dot
    assert abs(rate.mean() - exact) < K * rate.std() / error


@pytest.mark.parametrize("estimator", [short_time_tur, gaussian_plugin])
@pytest.mark.parametrize(("T_h", "n_paths"), [(1, 10), (1, 100), (1.5, 10), (1.5, 100)])
def test_two_standard_errors_hold_the_truth_in_equilibrium_and_near_it(
    estimator, T_h, n_paths, generator
):
    """60 sets of 10 000 steps of three beads. A cover of 90 % gives 44 or fewer with probability 10⁻⁵.
    In equilibrium the mean is zero, and the scatter not above the error bar."""
    system, sets = BeadSpring(T_h=T_h, n_beads=3), 60
    steps, options = 10_000 // n_paths, {} if estimator is gaussian_plugin else dict(generator=0)
    many = simulate(system, sets * n_paths, steps, DT, generator=generator).x.split(n_paths)
    found = [estimator(Trajectories(x, DT), **options) for x in many]
    rate, std, in_sample = torch.tensor([(f.rate, f.std, f.in_sample) for f in found]).T
    mean, covariance = exact_moments(system, DT)
    bound = 2 * (mean @ torch.linalg.pinv(covariance, hermitian=True) @ mean).item() / DT
    exact = bound if estimator is short_time_tur else system.entropy_production_rate(DT)
    assert ((rate - exact).abs() < 2 * std).sum() > 44
    assert abs(rate.mean() - exact) < K * rate.std() / sets**0.5
    assert rate.std() < (1 + K / (2 * sets) ** 0.5) * std.mean()
    assert in_sample.mean() - exact > K * rate.std() / sets**0.5


def test_motion_without_noise_is_refused(generator):
    x = torch.randn(20, 50, 2, generator=generator).cumsum(1)
    line = torch.linspace(0, 1, 50).expand(20, 50)[..., None]
    straight, twice = torch.cat((x, line), -1), torch.cat((x, x[..., :1]), -1)
    for data in (straight, line):
        for estimator in (gaussian_plugin, lambda d: short_time_tur(d, generator=0)):
            with pytest.raises(ValueError, match="without noise"):
                estimator(Trajectories(data, DT))
    with pytest.raises(ValueError, match="of 3 coordinates and their 3 displacements only 4"):
        gaussian_plugin(Trajectories(twice, DT))
    for size in (1e-150, 1e150):
        with pytest.raises(ValueError, match="take a unit of length"):
            short_time_tur(Trajectories(x.double() * size, DT), generator=0)


def test_one_coordinate_shows_no_dissipation_and_an_unwrapped_angle_does(generator):
    still = simulate(BeadSpring(), 50, 200, 0.1, generator=generator).x[..., :1]
    drift = torch.randn(50, 200, 1, generator=generator) + 0.3
    for estimator in (gaussian_plugin, lambda d: short_time_tur(d, generator=0)):
        assert "One coordinate" in str(estimator(Trajectories(still, 0.1)))
    first, fresh = (Trajectories(x, 0.1) for x in still.chunk(2))
    rate = entropy_production_rate(infer_langevin(first), fresh, generator=0)
    assert "One coordinate" in str(rate) and abs(rate.rate) < K * rate.std
    ring = short_time_tur(Trajectories(drift.cumsum(1), 1.0), generator=0)
    assert not ring.warnings and abs(ring.rate - 2 * 0.3**2) < K * ring.std


def test_bound_knows_neither_units_nor_origin_but_the_direction_of_time(beads):
    _, trajectories, _ = beads
    x = trajectories.x.double()

    def bound(x):
        return short_time_tur(replace(trajectories, x=x), generator=make_generator(0))

    usual = bound(x)
    for other in (bound(1000 * x), bound(x + torch.tensor([3.0, -5.0])), bound(x.flip(1))):
        assert other.rate == pytest.approx(usual.rate, rel=1e-6)
        assert other.std == pytest.approx(usual.std, rel=1e-6)
    torch.testing.assert_close(bound(x.flip(1)).coefficients, -usual.coefficients)


def test_a_redundant_current_does_no_harm(beads):
    _, trajectories, _ = beads
    twice = short_time_tur(
        trajectories,
        generator=make_generator(0),
        basis=lambda x: torch.cat((Affine()(x), 5 * x[..., :1]), dim=-1),
    )
    usual = short_time_tur(trajectories, generator=make_generator(0))
    assert twice.rate == pytest.approx(usual.rate, rel=1e-6)
    still = torch.cat((trajectories.x, torch.full_like(trajectories.x[..., :1], 2.0)), dim=-1)
    still = short_time_tur(replace(trajectories, x=still), generator=make_generator(0))
    assert still.rate == pytest.approx(usual.rate, rel=1e-6)


def test_data_are_worked_on_in_small_pieces(beads, monkeypatch):
    _, trajectories, _ = beads
    few = replace(trajectories, x=trajectories.x[:30])
    usual = short_time_tur(few, generator=make_generator(0))
    for piece in (40, 900):
        monkeypatch.setattr(currents, "PIECE", piece)
        assert max(dx.numel() * 7 // 2 for _, dx in currents.pieces(few.x, 7)) <= piece
        small = short_time_tur(few, generator=make_generator(0))
        assert small.rate == pytest.approx(usual.rate, rel=1e-9)
        assert small.std == pytest.approx(usual.std, rel=1e-9)


def test_a_basis_maps_each_state(generator):
    x = torch.randn(4, 10, 2, generator=generator)
    with pytest.raises(ValueError, match="basis must map"):
        short_time_tur(Trajectories(x, DT), generator=generator, basis=lambda x: x.sum())


def test_area_current_sees_half_of_the_entropy(beads):
    system, trajectories, _ = beads
    mean, covariance = exact_moments(system, DT)
    weights = torch.tensor([0.0, 1.0, -1.0, 0.0], dtype=torch.float64)
    exact = 2 * (weights @ mean) ** 2 / (DT * weights @ covariance @ weights)
    assert exact / system.entropy_production_rate() == pytest.approx(0.48, abs=0.01)
    bound = finite_time_tur(area(trajectories), DT)
    assert abs(bound.rate - exact) < K * bound.std


def test_finite_time_bound_loosens_with_time(generator):
    """Entropy itself as the current: 0.96, 0.88 and 0.71 of σ̇ after 0.01, 0.1 and 1."""
    system = BeadSpring()
    entropy = system.entropy_production(
        simulate(system, 4000, 300, DT, generator=generator), "midpoint"
    )
    bounds = {steps: finite_time_tur(entropy, DT, steps=steps) for steps in (1, 10, 100)}
    for steps, over_sigma in ((1, 0.96), (10, 0.87), (100, 0.70)):
        bound = bounds[steps]
        assert abs(bound.rate - over_sigma * 2.025) < K * bound.std + 0.01
    assert bounds[1].rate > bounds[10].rate > bounds[100].rate


@pytest.mark.parametrize(
    ("steps", "error", "scatter"), [(1, 3.2e-4, 0.3e-4), (5, 1.8e-3, 0.3e-3), (20, 1.0e-2, 0.25e-2)]
)
def test_exact_log_ratio_satisfies_the_integral_theorem(beads, generator, steps, error, scatter):
    """The log-ratios of pairs add up to that of the path, so the theorem holds for any number of them.

    Over 60 sets of data the standard error was `error` ± `scatter`. The longer the windows, the
    larger the share of the average that was not seen, in these errors: 0.05 ± 0.04 at one step, 0.21 ±
    0.17 at five, 0.63 ± 0.40 at twenty, where every fifth set warns of it.
    """
    _, _, entropy = beads
    theorem = integral_fluctuation_theorem(entropy, generator=generator, steps=steps)
    std = (theorem.high - theorem.missing - theorem.low) / (2 * 1.96)
    assert abs(theorem.mean - 1) < K * std + theorem.missing
    assert std < error + K * scatter
    assert theorem.missing < (0.63 + K * 0.40) * error
    assert steps > 1 or not theorem.warnings
    assert "95 %" in str(theorem)


def test_wrong_entropy_fails_the_integral_theorem(beads, generator):
    _, _, entropy = beads
    for wrong in (1.5 * entropy, -entropy):
        theorem = integral_fluctuation_theorem(wrong, generator=generator, steps=20)
        assert not theorem.low < 1 < theorem.high


def test_integral_theorem_says_how_much_of_the_average_was_not_reached(generator):
    system = BeadSpring(T_h=50)
    entropy = system.entropy_production(
        simulate(system, 2000, 200, DT, generator=generator), "midpoint"
    )
    theorem = integral_fluctuation_theorem(entropy, generator=generator, steps=200)
    assert theorem.missing > 0.8  # of the mean, which is small, or one rare window's
    assert theorem.low < 0.5 and theorem.high > 0.9
    assert "Not reached" in str(theorem)
    detailed = detailed_fluctuation_theorem(entropy, steps=200)
    assert detailed.warnings and not len(detailed.s)
    shorter = detailed_fluctuation_theorem(entropy, steps=60)
    assert "rarer windows" in shorter.warnings[0] and len(shorter.s)


def test_few_windows_that_carry_the_average_are_noticed(generator):
    """A pair of tails so rare that nothing is missing, yet 3 windows of 10⁵ decide."""
    entropy = torch.zeros(1000, 100)
    entropy[:3, 0], entropy[3:6, 0] = -10.0, 10.0
    theorem = integral_fluctuation_theorem(entropy, generator=generator)
    assert "Not reliable" in theorem.warnings[0]


@pytest.mark.parametrize("steps", [1, 10])
@pytest.mark.parametrize("bins", [2, 12])
def test_detailed_theorem_holds_whatever_the_bins(beads, steps, bins):
    _, _, entropy = beads
    theorem = detailed_fluctuation_theorem(entropy, steps=steps, bins=bins)
    assert abs(theorem.slope - 1) < K * theorem.slope_std
    assert theorem.slope_std < 0.05
    assert (theorem.log_ratio - theorem.s).abs().lt(sigmas(len(theorem.s)) * theorem.std).all()
    assert len(theorem.s) >= bins - 2
    assert not theorem.warnings


def test_detailed_theorem_knows_a_wrong_factor_and_a_wrong_direction(beads):
    _, _, entropy = beads
    for factor in (2.0, -1.0):
        theorem = detailed_fluctuation_theorem(factor * entropy, steps=10)
        assert theorem.slope == pytest.approx(1 / factor, abs=K * theorem.slope_std + 0.02)


def test_one_long_path_is_cut_into_blocks(generator):
    system = BeadSpring()
    path = simulate(system, 1, 40_000, DT, generator=generator)
    entropy = system.entropy_production(path, "midpoint")
    for produced in (entropy, entropy[0]):
        theorem = integral_fluctuation_theorem(produced, generator=generator, steps=10)
        assert theorem.low < theorem.mean < theorem.high
        assert abs(theorem.mean - 1) < K / 1.96 * (theorem.high - theorem.low)
        bound = finite_time_tur(produced, DT, steps=10)
        assert 0 < bound.std < bound.rate
        assert detailed_fluctuation_theorem(produced, steps=10).slope == pytest.approx(1, abs=0.3)


def test_entropy_that_is_never_negative_gets_a_warning(generator):
    theorem = detailed_fluctuation_theorem(torch.rand(50, 10, generator=generator))
    assert theorem.warnings[0].startswith("Only 0 windows") and math.isnan(theorem.slope)


def test_accumulate_adds_up_and_refuses_windows_that_do_not_fit():
    entropy = torch.arange(10.0).view(2, 5)
    assert accumulate(entropy, 2).tolist() == [[1, 5], [11, 15]]
    assert accumulate(entropy[0], 5).tolist() == [[10]]
    for wrong, steps in ((entropy, 6), (entropy, 0), (entropy[None], 1)):
        with pytest.raises(ValueError, match="steps between 1"):
            accumulate(wrong, steps)


def test_jackknife_of_a_mean_is_its_standard_error(generator):
    values = torch.randn(150, generator=generator, dtype=torch.float64)
    sums = block_sums(torch.stack((torch.ones_like(values), values), dim=1))
    error = jackknife(lambda sums: sums[:, 1] / sums[:, 0], sums)
    student = stats.t.ppf(0.975, 149) / 1.96
    assert error.item() == pytest.approx(student * values.std().item() / math.sqrt(150))
    many = block_sums(torch.ones(1003, 2))
    assert many.shape == (200, 2) and many.sum() == 2006


def test_what_slides_steadily_counts_in_the_gaussian_rate():
    """A free particle in a steady wind: σ̇ = v²/D, and ΔS = v·Δx/D of each step."""
    v, D, dt = 1.0, 0.3, 0.03
    kicks = torch.randn(100, 1001, 1, generator=make_generator(5), dtype=torch.float64)
    data = Trajectories((v * dt + (2 * D * dt) ** 0.5 * kicks).cumsum(1), dt)
    found = gaussian_plugin(data)
    assert abs(found.rate - v**2 / D) < K * found.std and found.std < 0.1 * v**2 / D
    exact = v / D * data.x.diff(dim=1)[..., 0]
    assert torch.allclose(found.per_step(), exact, atol=0.1 * exact.abs().max())
