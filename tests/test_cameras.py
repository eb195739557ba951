"""What a real camera sees: rates that neither errors of the positions nor an open shutter change, or none."""

from dataclasses import dataclass

import pytest
import torch

import stochphys as sp
from benchmarks.studies.cameras import SYSTEMS, recorded
from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import gaussian_plugin, infer_entropy_production, short_time_tur
from stochphys.inference.signs_of_data import examined, signs_of
from stochphys.models import ForceNEEP, Polynomial, force_objective
from stochphys.models.lagged import FRAMES, Lagged
from stochphys.simulators import Linear, System, simulate
from tests.chance import K

LINEAR = ("stirred trap", "two beads")


def affine(x):
    return torch.cat((torch.ones_like(x[..., :1]), x), dim=-1)


def exact(system):
    return SYSTEMS[system][0].entropy_production_rate()


@pytest.mark.parametrize("system", LINEAR)
@pytest.mark.parametrize(("error", "exposure"), [(1.0, 0.0), (1.5, 0.5), (0.0, 1.0), (1.0, 1.0)])
def test_currents_read_the_rate_through_errors_and_an_open_shutter(system, error, exposure):
    """Within its error bar, that is no more than twice that of frames without either: nothing is withheld."""
    clean = gaussian_plugin(recorded(system, 0.0, 0.0, seed=1))
    paths = recorded(system, error, exposure, seed=1)
    for found in (short_time_tur(paths, generator=0), gaussian_plugin(paths)):
        assert found.warnings[0].startswith(("Errors of the positions", "Open shutter"))
        assert abs(found.rate - exact(system)) < K * found.std
        assert found.std < 2 * clean.std


def test_a_cubic_force_is_read_through_them_too():
    """6.993, of which currents that are linear see a third."""
    for error, exposure in ((1.0, 0.0), (0.0, 1.0)):
        paths = recorded("stirred double well", error, exposure, seed=1)
        found = short_time_tur(paths, generator=0, basis=Polynomial(3))
        assert abs(found.rate - 6.993) < K * found.std and found.std < 1


def test_averages_of_many_frames_are_those_of_the_process():
    """m, G and 2D dt of a stirred trap, dx = (−1 + 3J)x dt + √2 dW, seen with an error of a step in a shutter
    that stays open: C = 1, m = 3J dt, all to second order in 3 dt."""
    x = recorded("stirred trap", 1.0, 1.0, seed=2, n_paths=200).x
    found = Lagged.of(Lagged.sums(x, affine), 3, 2)
    turning = (found.mean[1, 1] - found.mean[2, 0]) / 2
    assert found.overlap[1:, 1:].diagonal().tolist() == pytest.approx([1, 1], abs=K * 0.03)
    assert found.noise.diagonal().tolist() == pytest.approx([0.02, 0.02], rel=K * 0.015)
    assert abs(turning.item()) == pytest.approx(0.03, rel=K * 0.02)


def test_units_an_offset_and_redundant_functions_do_not_matter():
    paths = recorded("two beads", 1.0, 0.0, seed=3)
    found = gaussian_plugin(paths)
    units = torch.tensor([1e-6, 1e3], dtype=torch.float64)
    other = gaussian_plugin(paths.map(lambda x: (x + 1e4) * units))
    assert other.rate == pytest.approx(found.rate, rel=1e-6)

    def twice(x):
        return torch.cat((affine(x), x), dim=-1)

    doubled = short_time_tur(paths, generator=0, basis=twice)
    assert doubled.rate == pytest.approx(short_time_tur(paths, generator=0, basis=affine).rate)


def test_gaps_cost_their_windows_and_no_more():
    paths = recorded("stirred trap", 1.0, 0.0, seed=4)
    x = paths.x.clone()
    x[:, 97::100] = torch.nan
    found = gaussian_plugin(Trajectories.of(x.numpy(), paths.dt))
    assert abs(found.rate - 18) < K * found.std and found.std < 1.5 * gaussian_plugin(paths).std


def test_in_equilibrium_nothing_is_read():
    """Errors and exposure that differ from one coordinate to the other are no force."""
    system, g = sp.systems.BeadSpring(T_c=2.0, T_h=2.0), make_generator(5)
    paths = simulate(system, 50, 10_000, 0.001, generator=g, dtype=torch.float64)
    x = paths.x[:, 1:].unflatten(1, (1000, 10)).mean(2)
    noise = torch.randn(x.shape, generator=g, dtype=x.dtype) * torch.tensor([0.3, 0.05])
    paths = Trajectories(x + noise, 0.01)
    for found in (short_time_tur(paths, generator=0), gaussian_plugin(paths)):
        assert abs(found.rate) < K * found.std and found.std < 0.3


@dataclass(frozen=True, eq=False)
class Uneven(System):
    """Driven, with D = 1 + 0.6 tanh x₁ in both coordinates: dx = D (−x + 2Jx) dt + ∇D dt + √(2D) dW."""

    dim = 2

    def noise(self, x):
        return 1 + 0.6 * torch.tanh(x[..., :1])

    def force(self, x):
        return torch.stack((2 * x[..., 1] - x[..., 0], -2 * x[..., 0] - x[..., 1]), -1)

    def drift(self, x, t):
        slope = torch.zeros_like(x)
        slope[..., 0] = 0.6 / torch.cosh(x[..., 0]) ** 2
        return self.noise(x) * self.force(x) + slope

    def noise_amplitude(self, x, t):
        return (2 * self.noise(x)).sqrt()


def test_d_that_depends_on_the_place_is_read_there():
    """Beside what the same paths produce, (−x + 2Jx) ∘ dx, at ten times as many frames."""
    g = make_generator(6)
    options = dict(generator=g, start=0.0, burn_in=3000, dtype=torch.float64)
    paths = simulate(Uneven(), 50, 10_000, 0.001, **options).x
    middle, step = (paths[:, 1:] + paths[:, :-1]) / 2, paths.diff(dim=1)
    produced = (Uneven().force(middle) * step).sum(-1).mean().item() / 0.001
    x = paths[:, 1:].unflatten(1, (1000, 10))
    noise = 0.1414 * torch.randn(50, 1000, 2, generator=g, dtype=x.dtype)
    for seen in (x.mean(2), x[:, :, -1] + noise):
        for degree in (1, 3):
            seen_paths = Trajectories(seen, 0.01)
            assert examined(seen_paths).noise.shape is not None
            found = short_time_tur(seen_paths, generator=0, basis=Polynomial(degree))
            assert abs(found.rate - produced) < K * found.std and found.std < 0.12 * produced
    middle, D = torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), examined(seen_paths).noise.shape
    share = D(middle.double()).square()[:, 0]
    assert (share[1] / share[0]).item() == pytest.approx(1.457 / 0.543, rel=0.2)


def test_noise_along_a_curve_is_that_of_the_current():
    """(cos φ, sin φ) of dφ = 2 dt + √(2D dt) ξ: D of each coordinate depends on the place, and their product, of
    mean 0, as much. Beside what these steps produce, 2/D dφ."""
    for D, seed in ((1.0, 110), (0.3, 111)):
        g = make_generator(seed)
        steps = 0.1 + (0.1 * D) ** 0.5 * torch.randn(20, 1000, generator=g, dtype=torch.float64)
        x = torch.stack((steps.cumsum(1).cos(), steps.cumsum(1).sin()), -1)
        x = x + (0.05 * D) ** 0.5 / 2 * torch.randn(x.shape, generator=g, dtype=x.dtype)
        found = short_time_tur(Trajectories(x, 0.05), generator=0)
        assert found.warnings[0].startswith("Errors of the positions")
        assert abs(found.rate - 2 / D * steps.mean().item() / 0.05) < K * found.std
        assert found.std < 0.12 * found.rate


def test_motion_with_next_to_no_noise_has_no_rate():
    """A wave that travels evenly, and errors: what is left of noise is luck."""
    phase = 0.2 * torch.arange(500.0).double() + torch.arange(20.0)[:, None]
    x = torch.stack((phase.cos(), phase.sin()), -1)
    noisy = x + 0.05 * torch.randn(x.shape, generator=make_generator(13), dtype=x.dtype)
    for found in (
        short_time_tur(Trajectories(noisy, 0.05), generator=0),
        gaussian_plugin(Trajectories(noisy, 0.05)),
    ):
        assert found.rate != found.rate and found.warnings[0].startswith("No rate. ")


def test_no_rate_where_d_is_lost_in_errors():
    found = gaussian_plugin(recorded("stirred trap", 6.0, 0.0, seed=6, n_paths=5))
    assert found.rate != found.rate and "cannot be told from zero" in found.warnings[0]


@pytest.mark.parametrize(("error", "exposure"), [(0.5, 0.0), (0.9, 0.3)])
def test_errors_that_a_correlated_noise_hides_are_found(error, exposure):
    """Two beads at T = 1 and 30 seen at 45°: each coordinate moves by steps of the hot one, and the error is of
    the cold one's. Of both coordinates the excess at lag 1 is below 3 %, of their difference it is not."""
    g, chain = make_generator(10), sp.systems.BeadSpring(T_c=1.0, T_h=30.0)
    x = simulate(chain, 50, 10_000, 0.001, generator=g, dtype=torch.float64).x[:, 1:]
    x = x.unflatten(1, (1000, 10))[:, :, : max(1, round(10 * exposure))].mean(2)
    x = x @ torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=x.dtype) / 2**0.5
    x = x + error * 0.02**0.5 * torch.randn(x.shape, generator=g, dtype=x.dtype)
    found = gaussian_plugin(Trajectories(x, 0.01))
    assert found.warnings[0].startswith("Errors of the positions: successive displacements of the")
    assert abs(found.rate - chain.entropy_production_rate()) < K * found.std


def test_errors_are_found_beside_a_force_as_stiff_as_they_are_large():
    """k = 30, ζ = 1.5 steps: what the state lets expect is noise itself, and lags beyond the first show it."""
    stiff = Linear(torch.tensor([[-30.0, 10.0], [-10.0, -30.0]]), torch.eye(2))
    g = make_generator(11)
    x = simulate(stiff, 50, 1000, 0.01, generator=g, dtype=torch.float64).x
    assert signs_of(Trajectories(x, 0.01)) == ()
    x = x + 1.5 * 0.02**0.5 * torch.randn(x.shape, generator=g, dtype=x.dtype)
    found = gaussian_plugin(Trajectories(x, 0.01))
    assert found.warnings[0].startswith("Errors of the positions")
    assert abs(found.rate - stiff.entropy_production_rate()) < K * found.std


def test_runs_too_short_for_the_averages_have_a_bar_that_holds_the_errors():
    x = recorded("stirred trap", 1.0, 0.0, seed=12).x[:, :996].reshape(-1, 6, 2)
    found = gaussian_plugin(Trajectories(x, 0.01))
    assert found.warnings[0].startswith("Errors of the positions")
    assert "Too few runs of eight frames" in found.warnings[0]
    assert abs(found.rate - 18) < 2 * found.std


def test_clean_frames_take_no_other_road():
    look = examined(recorded("stirred trap", 0.0, 0.0, seed=7))
    assert look.road is None and not look.warnings


def test_a_force_begins_at_its_closed_form_and_keeps_its_sign_rules():
    """h is odd under reversal; of a straight line the objective is least at the closed form, where it is
    minus the entropy produced; a window of eight frames tells what its middle step does, on average."""
    paths = recorded("stirred trap", 1.0, 0.0, seed=8)
    model = ForceNEEP(2, generator=0).standardise(paths)
    windows = paths.x.unfold(1, FRAMES, 1).movedim(-1, 2).flatten(0, 1)
    pairs = windows[::7, 3:5]
    assert torch.allclose(model(pairs)[0], -model(pairs.flip(-2))[0], atol=1e-5)
    value = force_objective(model, windows).mean().item()
    current, q = model(windows)
    assert -value == pytest.approx(current.mean().item(), rel=0.05)  # where q = 2⟨h⟩
    assert q.mean().item() == pytest.approx(2 * current.mean().item(), rel=0.05)
    for change in (0.9, 1.1):
        other = ForceNEEP(2, generator=0).standardise(paths)
        other.weight.data.mul_(change)
        assert force_objective(other, windows).mean() > value


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(("error", "exposure"), [(1.0, 0.0), (0.0, 1.0)])
def test_networks_read_the_rate_through_them(system, error, exposure):
    paths = recorded(system, error, exposure, seed=9)
    found = infer_entropy_production(paths, generator=0, progress=False)
    assert abs(found.rate - exact(system)) < 3 * found.std
    assert found.std < 0.4 * exact(system) and not any("Not cal" in w for w in found.warnings)
    assert isinstance(found.model.member(0), ForceNEEP)
    assert found.per_step().shape == found.held_out.x[:, 1:, 0].shape


@dataclass(frozen=True, eq=False)
class Waves(System):
    """In 2-d, stirred along U = 1.2 cos 3u + r²/2: dx = (−∇U + 2J∇U) dt + √2 dW, with u along x₁, or askew."""

    along: tuple[float, float]
    dim = 2

    def slope(self, x):
        u = torch.tensor(self.along).to(x)
        return x - 3.6 * torch.sin(3 * x @ u)[..., None] * u

    def drift(self, x, t):
        slope = self.slope(x)
        return 2 * torch.stack((slope[..., 1], -slope[..., 0]), -1) - slope

    def noise_amplitude(self, x, t):
        return 2**0.5


@pytest.mark.slow
@pytest.mark.parametrize("along", [(1.0, 0.0), (0.6, 0.8)])
def test_a_force_that_is_no_cubic_is_read_through_errors(along):
    """σ = 4⟨|∇U|²⟩, here of the same paths; a cubic reads a third."""
    g = make_generator(10)
    options = dict(generator=g, start=0.0, burn_in=5000, scheme="heun", dtype=torch.float64)
    x = simulate(Waves(along), 50, 7500, 0.0008, **options).x
    exact = 4 * Waves(along).slope(x).square().sum(-1).mean().item()
    seen = x[:, 1::5] + 0.008**0.5 * torch.randn(50, 1500, 2, generator=g, dtype=x.dtype)
    found = infer_entropy_production(Trajectories(seen, 0.004), generator=0, progress=False)
    assert abs(found.rate - exact) < 3 * found.std and found.std < 0.2 * exact


@pytest.mark.cuda
def test_a_camera_is_taken_out_on_cuda_as_well():
    paths = recorded("stirred trap", 1.0, 0.0, seed=9)
    there = paths.to("cuda")
    on_cpu, on_cuda = (short_time_tur(each, generator=0) for each in (paths, there))
    assert on_cuda.rate == pytest.approx(on_cpu.rate, rel=1e-6)
    found = infer_entropy_production(there, generator=0, progress=False)
    assert abs(found.rate - 18) < 3 * found.std
