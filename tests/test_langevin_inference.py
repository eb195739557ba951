"""Drift and diffusion from increments: the posterior is the exact one, its error bars cover."""

import numpy as np
import pytest
import torch
from torch import Tensor

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import (
    BayesianRegression,
    Samples,
    coverage,
    coverage_curve,
    entropy_production_rate,
    increments,
    infer_langevin,
    nmse,
)
from stochphys.inference.langevin import independent_share, infer_diffusion
from stochphys.inference.posterior import ConstantDiffusion
from stochphys.models import RBF, LogVariance, Polynomial
from stochphys.simulators import Linear, Overdamped, simulate
from stochphys.systems import BeadSpring
from tests.chance import K, sigmas

LINE = BayesianRegression(Polynomial(1))


class Timed(Overdamped):
    """A trap whose place moves, and whose noise depends on place and time."""

    dim = 1

    def drift(self, x: Tensor, t: float) -> Tensor:
        return 3 * np.sin(t) - 2 * x

    def noise_amplitude(self, x: Tensor, t: float) -> Tensor:
        return (2 + 4 * torch.exp(-(x**2) / 2)).sqrt()


def line_samples(seed: int, n: int = 200) -> tuple[Samples, Tensor]:
    """Labels of a line with noise of known, uneven variance, and its exact weights."""
    generator = make_generator(seed)
    x = torch.randn(n, 1, generator=generator, dtype=torch.float64)
    weight = 0.5 + torch.rand(n, 1, generator=generator, dtype=torch.float64)
    noise = torch.randn(n, 1, generator=generator, dtype=torch.float64) / weight.sqrt()
    return Samples(x, 0.7 - 1.3 * x + noise, weight), torch.tensor([0.7, -1.3]).double()


def ones_and_x(x: Tensor) -> Tensor:
    return torch.cat((torch.ones_like(x), x), dim=-1)


def test_the_posterior_of_a_line_is_the_textbook_one():
    samples, _ = line_samples(0)
    found = BayesianRegression(ones_and_x).fit(samples)
    phi, w = ones_and_x(samples.x), samples.weight
    covariance = torch.linalg.inv(phi.T @ (w * phi) + found.precision * torch.eye(2))
    torch.testing.assert_close(found.weights[0], covariance @ phi.T @ (w * samples.y)[:, 0])
    torch.testing.assert_close(found.root[0] @ found.root[0].T, covariance)


def test_the_evidence_is_the_probability_of_the_data():
    """Against the density of the labels, normal with covariance Φ Φᵀ/α + 1/W, at two precisions."""
    samples, _ = line_samples(1, n=30)
    phi = ones_and_x(samples.x)

    def exact(alpha: float) -> float:
        covariance = phi @ phi.T / alpha + torch.diag(1 / samples.weight[:, 0])
        normal = torch.distributions.MultivariateNormal(torch.zeros(30).double(), covariance)
        return normal.log_prob(samples.y[:, 0]).item()

    alpha = BayesianRegression(ones_and_x).fit(samples).precision.item()
    # The grid of precisions has steps of a factor 10^(1/8): none beside it is more probable.
    beside = [exact(alpha * 10 ** (k / 8)) for k in (-1, 1)]
    assert exact(alpha) >= max(beside)


def test_intervals_hold_the_truth_as_often_as_they_say():
    held = torch.zeros(3)
    levels = torch.tensor([0.5, 0.8, 0.95])
    for seed in range(400):
        samples, weights = line_samples(seed, n=50)
        found = BayesianRegression(ones_and_x).fit(samples)
        x = torch.tensor([[1.5]]).double()
        held += coverage_curve(found, x, (ones_and_x(x) @ weights)[:, None], levels)
    # K standard errors of a fraction of 400.
    assert ((held / 400 - levels).abs() < 3.5 * (levels * (1 - levels) / 400).sqrt()).all()


def test_the_logarithm_of_a_variance_is_found_with_its_error_bar():
    """log y of constant variance: Fisher's information is n/2, the estimate the mean square."""
    generator = make_generator(3)
    x = torch.randn(5000, 1, generator=generator, dtype=torch.float64)
    exact = 0.5 + 0.3 * x
    y = exact.exp() * torch.randn(5000, 1, generator=generator, dtype=torch.float64) ** 2
    found = BayesianRegression(ones_and_x).fit(Samples(x, y, torch.ones_like(y)), LogVariance())
    at = torch.tensor([[-1.0], [0.0], [1.0]]).double()
    expected = ((1 + at**2) * 2 / 5000).sqrt()  # of the line through unit normal x
    torch.testing.assert_close(found.std(at), expected, rtol=0.05, atol=0)
    assert ((found.mean(at) - (0.5 + 0.3 * at)).abs() < sigmas(at.numel()) * found.std(at)).all()


def test_bumps_along_a_coordinate_that_does_not_matter_stay_at_zero():
    """A force along x_1 alone, in two coordinates: with a precision for each the squared error is a
    quarter less than with one for all (0.0096 against 0.0131), and less in the mean of ten by K
    standard errors of 12 % each. Coverage scatters by 0.06."""
    generator, rows = make_generator(6), []
    for _ in range(10):
        x = 4 * torch.rand(4000, 2, generator=generator, dtype=torch.float64) - 2
        exact = 3 * torch.sin(2 * x[:, :1])
        y = exact + 4 * torch.randn(4000, 1, generator=generator, dtype=torch.float64)
        samples = Samples(x, y, torch.full_like(y, 1 / 16))
        bumps = RBF(16).fitted(x)
        each = BayesianRegression(RBF(16)).fit(samples)
        common = BayesianRegression(lambda x, b=bumps: b(x)).fit(samples)  # a basis without groups
        rows.append([*(nmse(p.mean(x), exact) for p in (each, common)), coverage(each, x, exact)])
    of_each, of_common, held = torch.tensor(rows).mean(0)
    assert of_each < 0.93 * of_common
    assert 0.86 < held <= 1


def test_too_few_samples_are_refused():
    samples, _ = line_samples(0, n=20)
    with pytest.raises(ValueError, match="20 samples cannot determine 26 weights"):
        BayesianRegression(RBF(24)).fit(samples)


@pytest.mark.parametrize(
    ("basis", "words"),
    [
        (lambda: Polynomial(-1), "degree must be an integer of at least 0, got -1"),
        (lambda: RBF(1), "n must be an integer of at least 2, got 1"),
    ],
)
def test_a_basis_that_makes_no_sense_is_refused(basis, words):
    with pytest.raises(ValueError, match=words):
        basis()


def test_bases_hold_what_they_say():
    x = torch.randn(100, 2, generator=make_generator(0), dtype=torch.float64)
    assert Polynomial(3).fitted(x)(x).shape == (100, 10)
    assert RBF(8).fitted(x)(x).shape == (100, 19)


@pytest.mark.parametrize("rule", ["ito", "midpoint", "end"])
def test_each_rule_finds_the_drift_of_a_linear_system(rule):
    """Without the correction for shared noise "midpoint" would find the mean local velocity, which
    is zero here, and "end" minus the drift."""
    system = Linear(torch.tensor([[-1.0]]), torch.tensor([[2.0]]))
    trajectories = simulate(system, 20, 20_000, 0.01, generator=make_generator(1))
    result = infer_langevin(trajectories, generator=make_generator(0), drift=LINE, rule=rule)
    x = torch.tensor([[1.0], [2.0]]).double()
    slope = -torch.expm1(torch.tensor(-0.01)) / 0.01  # of the frames, not of dt → 0
    bias = 0.0 if rule == "ito" else 0.02  # midpoint and end are corrected to leading order in dt
    excess = (result.drift.mean(x) + slope * x).abs()
    assert (excess < sigmas(x.numel()) * result.drift.std(x) + bias * x.abs()).all()


def test_the_midpoint_rule_survives_an_error_of_the_positions():
    """An error ζ adds ζ²/dt = 1 to D, and ζ²/dt⟨x²⟩ = 1/2 to the slope of the drift; the midpoint rule
    sees neither. 20 paths of 200 time units; K standard errors and 2 % for dt."""
    system = Linear(torch.tensor([[-1.0]]), torch.tensor([[2.0]]))
    generator = make_generator(2)
    paths = simulate(system, 20, 20_000, 0.01, generator=generator, dtype=torch.float64)
    noisy = paths.map(lambda x: x + 0.1 * torch.randn(x.shape, generator=generator).double())
    x = torch.tensor([[1.0]]).double()
    found = {
        rule: infer_langevin(noisy, generator=generator, drift=LINE, rule=rule)
        for rule in ("ito", "midpoint")
    }
    D = {rule: result.diffusion.mean(x).item() for rule, result in found.items()}
    assert D["ito"] == pytest.approx(3, rel=0.03)
    assert abs(D["midpoint"] - 2) < K * found["midpoint"].diffusion.std(x).item() + 0.04
    slope = {rule: -result.drift.mean(x).item() for rule, result in found.items()}
    error = found["midpoint"].drift.std(x).item()
    assert abs(slope["midpoint"] - 1) < K * error + 0.02
    assert slope["ito"] == pytest.approx(1.5, rel=0.06)
    assert "rule='midpoint'" in found["ito"].warnings[0] and not found["midpoint"].warnings


@pytest.mark.slow
def test_error_bars_of_drift_and_diffusion_cover():
    """30 data sets of a two-dimensional linear system: the 95 % intervals hold 0.9 to 1 of drift and
    diffusion (each set gives few independent numbers; K standard errors of 30 × 5)."""
    system = Linear(torch.tensor([[-2.0, 1.0], [-1.0, -2.0]]), torch.tensor([[1.0, 0.3], [0.3, 2]]))
    held, held_D = [], []
    for seed in range(30):
        generator = make_generator(seed)
        data = simulate(system, 1, 4000, 0.01, scheme="euler", generator=generator)
        found = infer_langevin(data, generator=generator, drift=LINE).compare(system)
        held.append(found.drift_coverage)
        held_D.append(found.diffusion_coverage)
    assert 0.89 < np.mean(held) <= 1
    assert 0.87 < np.mean(held_D) <= 1


@pytest.mark.slow
def test_information_predicts_the_error():
    """p/2I_F against the squared error in units of D, over 40 data sets: within K standard errors."""
    system = Linear(torch.tensor([[-2.0, 1.0], [-1.0, -2.0]]), torch.eye(2))
    predicted, measured = [], []
    for seed in range(40):
        generator = make_generator(seed)
        data = simulate(system, 1, 4000, 0.01, scheme="euler", generator=generator)
        result = infer_langevin(data, generator=generator, drift=LINE)
        predicted.append(result.predicted_nmse)
        measured.append(result.compare(system).drift_nmse)
        assert 5 < result.effective_parameters < 6  # six numbers, less what the prior saves
    error = np.std(measured) / 40**0.5
    assert error < 0.2 * np.mean(measured)
    assert abs(np.mean(predicted) - np.mean(measured)) < K * error


@pytest.mark.slow
def test_time_and_place_dependent_fields_are_found():
    """Coverage of 95 % intervals: 0.92 ± 0.07 over eight data sets; K times that is allowed."""
    generator = make_generator(4)
    data = simulate(Timed(), 200, 600, 0.01, generator=generator, start=0.0)
    result = infer_langevin(
        data,
        generator=generator,
        time=True,
        drift=BayesianRegression(RBF(16)),
        diffusion=BayesianRegression(RBF(16)),
    )
    found = result.compare(Timed())
    assert found.drift_nmse < 0.03 and found.drift_coverage > 0.92 - K * 0.07
    assert found.diffusion_nmse < 0.03


def test_a_drawn_equation_makes_paths_like_the_data():
    system = BeadSpring(T_c=2.0, T_h=2.0)
    generator = make_generator(5)
    data = simulate(system, 5, 20_000, 0.01, generator=generator)
    result = infer_langevin(data, generator=generator, drift=LINE)
    drawn = result.draw(400, generator=generator)
    paths = simulate(drawn, 400, 1000, 0.01, generator=generator, start=data.x[0, ::50][:400])
    C = system.stationary_covariance().diagonal()
    # 400 paths, and equations whose own slope is uncertain by 3 %.
    assert (paths.x[:, -1].double().var(0) / C - 1).abs().max() < 0.25


def test_a_constant_diffusion_draws_what_it_says():
    D = torch.tensor([[1.0, 0.5], [0.5, 2.0]]).double()
    posterior = ConstantDiffusion(D, 500.0)
    x = torch.zeros(1, 2).double()
    drawn = posterior.sample(4000, generator=make_generator(0))(x[None])[:, 0]
    assert (torch.linalg.eigvalsh(drawn) > 0).all()
    assert ((drawn.std(0) / posterior.std(x)[0] - 1).abs() < 0.06).all()
    # The mean of an exponential lies (dim + 1)/2n above the exponential of the mean.
    assert ((drawn.mean(0) - D).abs() < 0.01).all()


def test_labels_in_a_row_that_share_noise_count_less():
    z = torch.randn(200, 1001, 1, generator=make_generator(0), dtype=torch.float64)
    assert independent_share(z**2) == pytest.approx(1, rel=0.03)
    shared = ((z[:, 1:] + z[:, :-1]) ** 2) / 2  # χ² labels with correlation 1/4 to each neighbour
    assert independent_share(shared) == pytest.approx(1 / 1.5, rel=0.03)


def refused(x: Tensor, words: str, **options) -> None:
    with pytest.raises(ValueError, match=words):
        infer_langevin(Trajectories(x, 0.01), generator=make_generator(0), **options)


def test_data_from_which_nothing_follows_are_refused():
    x = torch.randn(1, 100, 2, generator=make_generator(0))
    refused(x, "rule must be one of ito, midpoint, end, got 'combined'", rule="combined")
    refused(
        x,
        "rule must be one of centred, combined, forward, reverse, symmetric",
        rule="ito",
        underdamped=True,
    )
    refused(x[:, :4], "n_times .* at least 5, got 4; rule='centred'", underdamped=True)
    refused(x * torch.tensor([1.0, 0.0]), r"coordinates \[1\] never change .* leave them out")
    bumps = BayesianRegression(RBF(24))
    refused(x[:, :20], "19 samples cannot determine 51 weights", drift=bumps)
    refused(x[:, :3], "2 samples cannot determine 3 weights")


def test_arguments_of_another_kind_are_refused_and_arrays_of_states_are_not():
    data = simulate(BeadSpring(), 20, 100, 0.01, generator=make_generator(0))
    for word, wrong, options in (
        ("trajectories must be Trajectories, got float32", data.x, {}),
        ("drift .* method fit, got 'laplace'", data, dict(drift="laplace")),
        ("drift .* got the class BayesianRegression", data, dict(drift=BayesianRegression)),
        ("diffusion .* got True; None for one constant", data, dict(diffusion=True)),
    ):
        with pytest.raises(TypeError, match=word):
            infer_langevin(wrong, **options)
    found = infer_langevin(data, drift=LINE)
    x = found.states[:5]
    for of in (found.drift.mean, found.drift.std, found.diffusion.mean):
        assert torch.equal(of(x), of(x.numpy()))
    for wrong in (data.x, None):
        with pytest.raises(TypeError, match="fresh must be Trajectories"):
            entropy_production_rate(found, wrong, generator=0)
    with pytest.raises(TypeError, match="langevin must be Langevin, got Trajectories"):
        entropy_production_rate(data, data, generator=0)


def test_a_coordinate_without_noise_is_refused():
    """Noise of the measurement alone: three lags of it cancel, half of the time to less than nothing,
    so one of twenty paths is refused."""
    with pytest.raises(ValueError, match="coordinate 0 shows no noise"):
        for x in torch.randn(20, 1, 200, 1, generator=make_generator(0), dtype=torch.float64):
            infer_diffusion(increments(Trajectories(x, 0.01), underdamped=True), None, None, 0)


def test_nmse_and_coverage_count():
    class Known:
        def interval(self, x, level):
            return x - level, x + level

    x = torch.tensor([[0.0], [1.0], [2.0]])
    exact = x + torch.tensor([[0.1], [0.5], [0.99]])
    assert coverage(Known(), x, exact, 0.6) == pytest.approx(2 / 3)
    assert nmse(x, 2 * x) == pytest.approx(0.25)


def test_a_constant_matrix_of_two_coordinates_has_an_interval_at_every_state():
    """As many as states, whatever their number."""
    data = simulate(BeadSpring(), 2, 300, 0.01, generator=make_generator(0))
    low, high = infer_langevin(data, drift=LINE).diffusion.interval(data.x[0, :7])
    assert low.shape == high.shape == (7, 2, 2) and (low < high).all()
