"""A map that is local in the displacement has no choice: it shows ⟨ν²⟩/D of each bead."""

import pytest
import torch

from stochphys.course.studies.map_scores import Truth, blob_weights, correlation, truth_map
from stochphys.data import Windows
from stochphys.device import make_generator
from stochphys.inference import dissipation_map, entropy_at, infer_entropy_production
from stochphys.inference.entropy import SLOW, slow_features
from stochphys.models import FlowNEEP
from stochphys.models.flow import areas
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring, bead_camera, local_dissipation
from stochphys.training import Ensemble
from tests.chance import K

BEADS = BeadSpring()


@pytest.fixture(scope="module")
def learned():
    """One network, and films of two beads at T = 1 and 10 that it has not seen."""
    generator = make_generator(11)
    camera = bead_camera(BEADS)
    train = camera.film(simulate(BEADS, 300, 1000, 0.05, generator=generator))
    result = infer_entropy_production(
        train, generator=generator, members=2, steps=1000, progress=False
    )
    return result, camera.film(simulate(BEADS, 200, 1000, 0.05, generator=generator))


def test_optical_flow_is_the_displacement_of_the_beads():
    """At the cells of a bead it follows the bead's own step and not the other's."""
    generator = make_generator(3)
    paths = simulate(BEADS, 200, 20, 0.05, generator=generator)
    movie = bead_camera(BEADS).film(paths)
    network = FlowNEEP(movie.shape, generator=generator).standardise(movie)
    windows = Windows(movie)
    flow = network.displacement(windows.sample(len(windows)))[:, 1]  # along the columns
    steps = paths.x.diff(dim=1).flatten(0, 1)
    for bead, column in ((0, 2), (1, 7)):
        own, other = (
            torch.corrcoef(torch.stack((flow[:, 2, column], steps[:, b])))[0, 1].abs().item()
            for b in (bead, 1 - bead)
        )
        assert own > 0.99
        assert other == pytest.approx(
            abs(torch.corrcoef(steps.T)[0, 1].item()), abs=4 / len(steps) ** 0.5
        )


def test_features_of_the_force_learn_slowly():
    """Adam's first step is the learning rate, for each weight that has a gradient."""
    model = FlowNEEP((10, 20), generator=make_generator(0))
    optimizer = slow_features(model.parameters(), 0.1)
    before = {name: w.detach().clone() for name, w in model.named_parameters()}
    sum(w.sum() for w in model.parameters()).backward()
    optimizer.step()
    for name, w in model.named_parameters():
        step = 0.1 if name == "weight" else SLOW
        torch.testing.assert_close(before[name] - w, torch.full_like(w, step), rtol=1e-4, atol=1e-6)


def test_the_largest_current_is_the_entropy_of_linear_forces():
    """In float64, of the steps themselves: the excess of J + 1 over that of the exact ΔS is one number,
    1/n for each, and R² falls short of 1 by what e⁻ʰ weighs differently at this dt."""
    paths = simulate(BEADS, 100, 500, 0.05, generator=make_generator(5))
    x = ((paths.x[:, 1:] + paths.x[:, :-1]) / 2).flatten(0, 1).double()
    v = paths.x.diff(dim=1).flatten(0, 1).double()
    current = areas(x, v)
    h, exact = (
        ((x @ current) * v).sum(1),
        BEADS.entropy_production(paths, "exact").flatten().double(),
    )
    assert current.shape == (2, 2)
    assert torch.corrcoef(torch.stack((h, exact)))[0, 1] ** 2 > 0.995
    relative = (2 / exact.sum().item()) ** 0.5  # of one number that the data tell, σ = 2⟨ΔS⟩
    assert h.mean() == pytest.approx(exact.mean().item(), rel=K * relative)


def test_noise_makes_no_large_current():
    """Twelve coordinates without an arrow: those that pay for their numbers are few, and what is left
    of J + 1 elsewhere is −1/n for each, with a spread of √2 of that."""
    g = make_generator(6)
    x, v = (torch.randn(2, 20_000, 12, generator=g, dtype=torch.float64) for _ in range(2))
    current = areas(x[0], v[0])
    m = len(current)
    h = ((x[1, :, :m] @ current) * v[1, :, :m]).sum(1)
    assert m <= 4
    assert (h.square().mean() / 2 * len(h)).item() < 2 * 6 * (1 + K)


def r_squared(network, movie):
    """Of ΔS of each step of a movie of beads."""
    windows = Windows(movie)
    with torch.no_grad():
        h = network(windows.sample(len(windows)))
    exact = BeadSpring(n_beads=movie.filmed.dim).entropy_production(movie.filmed, "exact")
    return torch.corrcoef(torch.stack((h, exact.flatten().to(h))))[0, 1] ** 2


def test_the_start_is_a_map_and_reads_each_frame():
    """Of five beads, before any training. Cell by cell the correlation with blobs as bright as the truth is
    0.92 to 0.95; with weights of neighbours that cancel it is 0.4, and R² is as good."""
    system, generator = BeadSpring(n_beads=5), make_generator(7)
    camera = bead_camera(system)
    film = camera.film(simulate(system, 60, 500, 0.05, generator=generator))
    network = FlowNEEP(film.shape, generator=generator).standardise(film)
    fresh = camera.film(simulate(system, 10, 200, 0.05, generator=generator))
    assert r_squared(network, fresh) > 0.9
    found = dissipation_map(Ensemble([network]), fresh)
    truth = Truth(camera.centre, local_dissipation(system).velocity)
    weights = blob_weights(found.mean, truth.places, found.cell)
    assert correlation(weights, truth.values) > 0.95
    assert correlation(found.mean.flatten(), truth_map(truth, found).flatten()) > 0.85


@pytest.mark.parametrize("T_h", [10.0, 30.0])
def test_the_start_divides_the_entropy_right(T_h):
    """Two beads, also where a step produces 0.3: the cold one's share of ΔS, over six draws, scatters by 0.02."""
    system, generator = BeadSpring(T_h=T_h), make_generator(8)
    camera = bead_camera(system)
    movie = camera.film(simulate(system, 80, 200, 0.05, generator=generator))
    network = FlowNEEP(movie.shape, generator=generator).standardise(movie)
    read = entropy_at(Ensemble([network]), camera.centre, movie)
    velocity = local_dissipation(system).velocity
    assert (read.rate / read.rate.sum())[0] == pytest.approx(
        (velocity / velocity.sum())[0].item(), abs=K * 0.02
    )


@pytest.mark.slow
def test_large_frames_have_a_start_too():
    """10⁴ displacements, ten times as many as windows that tell of them: over four draws R² was 0.95 ± 0.05."""
    generator, camera = make_generator(12), bead_camera(BEADS, cell=(100, 100), psf=3.0, motion=1.0)
    movie, fresh = (
        camera.film(simulate(BEADS, n, 50, 0.05, generator=generator)) for n in (20, 10)
    )
    network = FlowNEEP(movie.shape, generator=generator).standardise(movie)
    assert r_squared(network, fresh) > 0.95 - K * 0.05


def test_more_modes_than_features_start_from_zero():
    movie = bead_camera(BEADS).film(simulate(BEADS, 40, 200, 0.05, generator=make_generator(8)))
    network = FlowNEEP(movie.shape, features=2, generator=make_generator(9)).standardise(movie)
    assert not network.weight.any()


def test_a_cell_feels_displacements_within_four_pixels_only():
    generator = make_generator(3)
    movie = bead_camera(BEADS).film(simulate(BEADS, 12, 20, 0.05, generator=generator))
    network = FlowNEEP(movie.shape, generator=generator).standardise(movie)
    window = Windows(movie).sample(1)
    change = torch.zeros_like(window)
    reach = []
    for row in range(10):
        change.zero_()[0, :, row, 9] = torch.tensor([-1.0, 1.0])  # the mean frame stays
        moved = network.displacement(window + change) - network.displacement(window)
        reach.append(moved[..., 2, :].abs().max().item() > 1e-6)
    rows = [row for row, felt in enumerate(reach) if felt]
    assert rows == [4, 5]  # the cell itself; its slopes reach one pixel further
    assert FlowNEEP.receptive_field == 4


@pytest.mark.slow
def test_the_entropy_of_each_frame_is_right(learned):
    """The ratio is 0.990 ± 0.025, over six draws of movies and networks; K times that is allowed."""
    result, fresh = learned
    comparison = result.compare(BEADS)
    assert comparison.r_squared > 0.98
    assert comparison.ratio == pytest.approx(0.99, abs=K * 0.025)


@pytest.mark.slow
def test_the_map_shows_the_share_of_each_bead(learned):
    """Exact shares 1.288 and 0.538 per unit time; 200 films of 50 units have a standard error of
    about 0.03 in each, which is shared with the exact value of the same films."""
    result, fresh = learned
    columns = dissipation_map(result, fresh).mean.sum(0)
    exact = BEADS.local_entropy_production(fresh.filmed, "exact").mean((0, 1)) / fresh.dt
    assert columns[:5].sum().item() == pytest.approx(exact[0].item(), rel=0.1)
    assert columns[5:].sum().item() == pytest.approx(exact[1].item(), rel=0.1)
