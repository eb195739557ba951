"""Dissipation maps: sums and signs, where a cell looks, and what each node is given."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from stochphys.course.studies.hot_nodes import dissipates, least_force, score_nodes
from stochphys.course.studies.map_scores import blob_weights, truth_map, truths
from stochphys.data import Windows
from stochphys.device import make_generator
from stochphys.inference import infer_entropy_production
from stochphys.inference.maps import (
    DissipationMap,
    PlaceEntropy,
    blobs,
    cell_place,
    dissipation_map,
    entropy_at,
    frame_maps,
    mixing,
)
from stochphys.models import CNEEP, NEEP, BilinearCNEEP, FlowNEEP
from stochphys.movie import Movie
from stochphys.simulators import simulate
from stochphys.systems import (
    BeadSpring,
    ElasticNetwork,
    bead_camera,
    filament_camera,
    local_dissipation,
)
from stochphys.training import Ensemble
from tests.chance import sigmas
from tests.lesson import inline

NETWORK = ElasticNetwork(n=3)
NODES = 6 * NETWORK.nodes - 0.5
TRUTHS = truths(NODES, local_dissipation(NETWORK))


@pytest.fixture(scope="module")
def movie() -> Movie:
    films = simulate(NETWORK, 12, 40, 0.02, generator=make_generator(0))
    return filament_camera(NETWORK).film(films)


def ensemble(movie: Movie, kind: str = "bilinear", frames: int = 2, members: int = 3) -> Ensemble:
    networks = {"bilinear": BilinearCNEEP, "published": CNEEP}
    generator = make_generator(1)
    return Ensemble(
        [
            networks[kind](movie.shape, frames=frames, generator=generator).standardise(movie)
            for _ in range(members)
        ]
    )


# The map


@pytest.mark.parametrize("kind", ["bilinear", "published"])
@pytest.mark.parametrize("frames", [2, 3, 5])
def test_a_map_sums_to_the_entropy_per_unit_time(movie: Movie, kind: str, frames: int) -> None:
    model = ensemble(movie, kind, frames)
    found = dissipation_map(model, movie)
    windows = Windows(movie, frames, every=frames - 1)
    with torch.no_grad():
        h = model.on_shared(windows[torch.arange(len(windows))]).double()
    rates = h.mean(1) / ((frames - 1) * movie.dt)
    torch.testing.assert_close(found.member_maps.sum((1, 2)), rates, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(found.movies.mean(0), found.mean)
    assert found.mean.sum().item() == pytest.approx(rates.mean().item(), rel=1e-5, abs=1e-4)


def test_a_movie_played_backwards_has_the_negative_map(movie: Movie) -> None:
    model = ensemble(movie)
    forward, backward = (dissipation_map(model, m) for m in (movie, movie.reversed()))
    torch.testing.assert_close(backward.member_maps, -forward.member_maps, rtol=1e-9, atol=1e-9)


def test_maps_of_frames_average_to_the_mean_map(movie: Movie) -> None:
    model = ensemble(movie)
    one = movie.take(slice(3, 4))
    H = frame_maps(model, one, torch.arange(40))
    mean = dissipation_map(model, movie).movies[3]
    torch.testing.assert_close(H.mean(0), mean.float())  # networks compute in float32


def test_the_map_of_a_result_is_that_of_its_held_out_movies(movie: Movie) -> None:
    generator = make_generator(2)
    result = infer_entropy_production(
        movie, generator=generator, members=2, steps=2, progress=False
    )
    found = dissipation_map(result)
    assert len(found.movies) == result.held_out.n_trajectories
    assert found.mean.sum().item() == pytest.approx(result.rate, rel=1e-4, abs=1e-4)


def test_networks_without_maps_and_ensembles_without_movies_are_refused(movie: Movie) -> None:
    with pytest.raises(ValueError, match="movie"):
        dissipation_map(ensemble(movie))
    with pytest.raises(TypeError, match="NEEP draws no maps"):
        dissipation_map(Ensemble([NEEP(2, generator=make_generator(0))]), movie)


@pytest.mark.parametrize(
    ("kind", "expected", "receptive_field"),
    [
        (FlowNEEP, 2, 4),  # slopes of the mean frame, 4 px, have no part in this
        (BilinearCNEEP, 9, 9),
        (CNEEP, 23, 23),
    ],
)
def test_a_cell_sees_changes_in_its_receptive_field_only(
    kind: Any, expected: int, receptive_field: int
) -> None:
    """The change from frame to frame is altered pixel by pixel, their mean is kept."""
    side, generator = 32, make_generator(4)
    network = kind((side, side), width=4, generator=generator)
    with torch.no_grad():
        for weights in network.parameters():  # a start at zero would see nothing
            weights += 0.1 * torch.randn(weights.shape, generator=generator)
    pixel = torch.eye(side**2).view(-1, 1, side, side)
    change = torch.cat((-pixel, pixel), 1)
    rows, columns = network.map(change[:1]).shape[1:]
    row, column = rows // 2, columns // 2 - 1
    seen = torch.zeros(side**2, dtype=torch.bool)
    for _ in range(8):  # a unit that is silent for one window speaks for another
        window = torch.randn(1, 2, side, side, generator=generator)
        with torch.no_grad():
            H, before = (network.map(w)[:, row, column] for w in (window + change, window))
        seen |= (H - before).abs() > 1e-4 * before.abs()  # rounding is 1e-6
    low, high = (f(seen.view(side, side).nonzero(), 0).values for f in (torch.min, torch.max))
    place = cell_place(torch.tensor([row, column]), network.cell)
    assert (high - low + 1).tolist() == [expected] * 2
    assert ((low + high) / 2 - place).abs().max() <= 0.5
    assert seen.sum() == expected**2
    assert network.receptive_field == receptive_field
    assert network.cell * rows == network.cell * columns == side


# What each node is given


def test_a_blob_is_a_gaussian_around_its_place_that_sums_to_one() -> None:
    place = torch.tensor([[24.0, 21.0]], dtype=torch.float64)
    spot = blobs(place, (24, 24), 2, size=3.0)[0]
    middles = cell_place(torch.arange(24, dtype=torch.float64), 2)
    away = torch.cartesian_prod(middles, middles) - place
    assert spot.sum().item() == pytest.approx(1)
    torch.testing.assert_close(spot @ away, torch.zeros(2).double(), rtol=0, atol=1e-4)
    torch.testing.assert_close(spot @ away**2, torch.full((2,), 9.0).double(), rtol=1e-3, atol=0)


def test_the_fit_finds_what_each_node_was_given() -> None:
    given = torch.arange(9.0, dtype=torch.float64)
    H = (given @ blobs(NODES, (12, 12), 2)).view(12, 12)
    torch.testing.assert_close(blob_weights(H, NODES, 2), given, rtol=1e-9, atol=1e-9)


def test_the_map_of_a_truth_gives_each_node_its_own() -> None:
    truth, like = TRUTHS["velocity"], DissipationMap(*torch.ones(2, 1, 12, 12), 2, 9)
    torch.testing.assert_close(blob_weights(truth_map(truth, like), NODES, 2), truth.values)


def test_three_truths_stand_on_nodes_and_between_them() -> None:
    rate = NETWORK.entropy_production_rate()
    for places, values in TRUTHS.values():
        assert values.sum().item() == pytest.approx(rate)
        assert len(places) == len(values)
    i, j = local_dissipation(NETWORK).bonds[0]
    assert torch.equal(TRUTHS["bond"].places[0], (NODES[i] + NODES[j]) / 2)


# The figures


@pytest.fixture
def figures() -> Any:
    return pytest.importorskip("stochphys.course.figures.maps")


def test_maps_in_a_row_share_one_scale_around_zero(figures) -> None:
    H = torch.linspace(-1, 3, 16).view(4, 4)
    figure = figures.row_of_maps({"one": H, "half": H / 2}, cell=2, nodes=torch.ones(3, 2), hot=[1])
    images = [ax.images[0] for ax in figure.axes if ax.images and ax.get_title()]
    assert [image.get_clim() for image in images] == [(-3, 3)] * 2
    assert images[1].get_array().max() == 1.5
    colors = figure.axes[0].collections[0].get_edgecolors()
    assert (colors[0] == colors[2]).all()
    assert (colors[0] != colors[1]).any()
    assert not figure.axes[0].texts


def test_nodes_are_numbered_on_each_map(figures) -> None:
    H, nodes = torch.ones(4, 4), 2.0 * torch.arange(6).view(3, 2) - 0.5
    figure = figures.row_of_maps({"one": H, "two": H}, cell=2, nodes=nodes, numbered=True)
    for ax in figure.axes[:2]:
        assert [(text.get_text(), text.xy) for text in ax.texts] == [
            ("0", (2, 0)), ("1", (6, 4)), ("2", (10, 8))
        ]  # fmt: skip


def test_a_frame_stands_beside_maps_with_scales_of_their_own(figures) -> None:
    H = torch.linspace(-1, 3, 16).view(4, 4)
    figure = figures.row_of_maps(
        {"H": H, "mean": H / 2}, cell=2, frame=torch.rand(8, 8), shared=False
    )
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles == ["frame", "H", "mean"]
    assert figure.axes[2].images[0].get_clim() == (-1.5, 1.5)


def test_the_receptive_field_is_drawn_around_its_cell(figures) -> None:
    found = DissipationMap(torch.ones(1, 12, 12), torch.ones(1, 12, 12), 2, 9)
    ax = figures.plt.subplots()[1]
    figures.receptive_fields(ax, torch.rand(24, 24), found, [(3, 5)])
    field, cell = ax.patches
    assert (field.get_width(), cell.get_width()) == (9, 2)
    for square in (field, cell):  # cell (3, 5) covers pixels 6 and 7, 10 and 11
        assert square.get_center().tolist() == [11, 7]


# What networks learn


@pytest.mark.slow
def test_a_convolution_sees_the_arrow_of_time_between_two_beads() -> None:
    """A cell that sees one bead finds no irreversibility: 90 % of the map lies where both are seen."""
    films = simulate(BeadSpring(), 100, 500, 0.05, generator=make_generator(9))
    movie, generator = bead_camera(BeadSpring()).film(films), make_generator(10)
    network = BilinearCNEEP(movie.shape, generator=generator).standardise(movie)
    options: dict = dict(members=1, steps=200, lr=3e-3, batch_size=256, progress=False)
    result = infer_entropy_production(
        movie, generator=generator, network=lambda: network, **options
    )
    assert result.compare(BeadSpring()).r_squared > 0.9
    columns = dissipation_map(result).mean.sum(0)
    assert columns[4:7].sum() > 0.9 * columns.sum()  # the beads stand in cells 2 and 7 of ten


# Entropy place by place


def test_mixed_displacements_are_told_apart() -> None:
    """S = M d Mᵀ gives back a symmetric M and d, to second order in what M mixes."""
    mixed = torch.zeros(9, 9, dtype=torch.float64)
    for i, j in local_dissipation(NETWORK).bonds.tolist():
        mixed[i, j] = mixed[j, i] = 0.05
    M, d = torch.eye(9).double() + mixed, torch.linspace(1, 10, 9).double()
    found = mixing(M @ torch.diag(d) @ M.T)
    torch.testing.assert_close(found, M, rtol=0, atol=4 * 0.05**2)
    left = torch.linalg.inv(found) @ M @ torch.diag(d) @ (torch.linalg.inv(found) @ M).T
    torch.testing.assert_close(left, torch.diag(left.diagonal()), rtol=0, atol=1e-9)


@pytest.fixture(scope="module")
def flows(movie: Movie) -> Ensemble:
    generator = make_generator(20)
    networks = [FlowNEEP(movie.shape, generator=generator).standardise(movie) for _ in range(2)]
    for network in networks:
        torch.nn.init.normal_(network.weight, generator=generator)
    return Ensemble(networks)


def test_places_hold_all_that_moves_and_turn_round_with_the_movie(
    movie: Movie, flows: Ensemble
) -> None:
    """At dt → 0 the sum over places and what none explains is that of the maps, of both intervals."""
    read, backwards = (entropy_at(flows, NODES, film) for film in (movie, movie.reversed()))
    torch.testing.assert_close(backwards.rate, -read.rate, rtol=1e-3, atol=1e-3)
    windows = Windows(movie, 3, every=2)
    window = windows[torch.arange(len(windows))]
    with torch.no_grad():
        first, second, both = (
            flows.on_shared(pair).double().mean()
            for pair in (window[:, :2], window[:, 1:], window[:, ::2])
        )
    total = (first + second - both / 2) / movie.dt
    assert read.rate.sum().item() + read.rest == pytest.approx(total.item(), rel=1e-3, abs=1e-3)
    assert read.readings.shape == (2, movie.n_trajectories, 9)
    torch.testing.assert_close(read.readings.mean((0, 1)), read.rate)


def test_places_that_cannot_be_read_are_refused(movie: Movie, flows: Ensemble) -> None:
    with pytest.raises(ValueError, match="places"):
        entropy_at(flows, NODES[:, :1], movie)
    with pytest.raises(ValueError, match="24 × 24"):
        entropy_at(flows, NODES + 20, movie)
    with pytest.raises(TypeError, match="FlowNEEP"):
        entropy_at(ensemble(movie), NODES, movie)
    three = Ensemble([FlowNEEP(movie.shape, frames=3, generator=make_generator(21))])
    with pytest.raises(ValueError, match="two frames"):
        entropy_at(three, NODES, movie)
    corner = torch.cat((NODES, torch.zeros(1, 2)))  # where the fixed ring is
    with pytest.raises(ValueError, match=r"nothing moves at places \[9\]"):
        entropy_at(flows, corner, movie)


@pytest.mark.slow
def test_nodes_are_read_right_and_the_hottest_is_not_too_low() -> None:
    """Two hot nodes of different temperatures, 200 movies. Over four draws the RMS was 0.06 to 0.12; blobs
    on the same maps read the hottest node as 0.6 to 0.75 of what it is, places as 0.93 to 1.05."""
    system, generator = ElasticNetwork(hot=(2, 3), T_h=(4.0, 10.0)), make_generator(24)
    camera = filament_camera(system)
    films, fresh = (
        camera.film(simulate(system, n, 400, 0.01, generator=generator)).recorded()
        for n in (200, 60)
    )
    network = FlowNEEP(films.shape, generator=generator).standardise(films)
    read = entropy_at(Ensemble([network]), NODES, fresh)
    exact = local_dissipation(system).velocity
    assert (read.rate - exact).square().mean().sqrt() < 0.2 * exact.mean()
    assert (read.rate / exact)[3].item() == pytest.approx(1, abs=0.2)


# The score of those that dissipate


def reading(rate: Tensor, std: float = 0.1, noise: float = 0.01) -> PlaceEntropy:
    readings = rate + noise * torch.randn(2, 50, len(rate), generator=make_generator(30))
    return PlaceEntropy(rate, torch.full_like(rate, std), readings, 0.0)


UNLIKE = local_dissipation(ElasticNetwork(hot=(2, 3), T_h=(4.0, 10.0))).velocity


def test_a_right_reading_has_the_best_score_and_a_scaled_one_its_slope() -> None:
    for factor in (1.0, 0.7):
        scores = score_nodes(reading(factor * UNLIKE), UNLIKE, generator=make_generator(31))
        some = UNLIKE[dissipates(UNLIKE)]
        score = scores["dissipate"]
        assert score.n == 7 and scores["all"].n == 9
        rms = (1 - factor) * some.square().mean().sqrt() / some.mean()
        assert score.rms == pytest.approx(rms.item(), abs=1e-9)
        assert score.r == pytest.approx(1) and score.slope == pytest.approx(factor)
        assert score.slope_interval[0] < factor < score.slope_interval[1]
        within = ((1 - factor) * some < 0.2).double().mean().item()
        assert score.within == within


def test_silent_nodes_earn_nothing() -> None:
    """Hot nodes 1 and 8: knowing which are silent makes r = 0.98, and no number among those that speak."""
    exact = TRUTHS["velocity"].values  # of hot nodes of one temperature
    knows = dissipates(exact).double() * exact.mean()
    scores = score_nodes(reading(knows), exact, generator=make_generator(32))
    assert scores["all"].r > 0.97
    assert torch.isnan(torch.tensor(scores["dissipate"].r))
    with pytest.raises(ValueError, match=r"\(9,\)"):
        score_nodes(reading(knows), exact[:4], generator=make_generator(33))


def test_the_best_force_of_positions_reads_each_coordinate() -> None:
    """Within K standard errors over movies, twice as wide as those of a known force; at this dt a reading
    without extrapolation is 4 % low, and the error of a node is 5 %."""
    system, generator = ElasticNetwork(hot=(2, 3), T_h=(4.0, 10.0)), make_generator(34)
    train, fresh = (simulate(system, 150, 200, 0.02, generator=generator) for _ in range(2))
    read = least_force(train, fresh).view(150, 9, 2).sum(2)
    error = 2 * read.std(0) / 150**0.5
    assert ((read.mean(0) - UNLIKE).abs() < sigmas(9) * error).all()


# What notebook 32 writes out by hand


@pytest.fixture(scope="module")
def lesson() -> SimpleNamespace:
    """The functions as the notebook defines them, cut out of their cells."""
    return inline("32_dissipation_maps", "paper_map", "score", torch=torch)


@pytest.fixture(scope="module")
def network(movie: Movie) -> CNEEP:
    return CNEEP(movie.shape, generator=make_generator(1)).standardise(movie)


def test_the_inline_map_is_that_of_the_network(
    lesson: SimpleNamespace, network: CNEEP, movie: Movie
) -> None:
    window = Windows(movie).sample(20)
    with torch.no_grad():
        written, found = lesson.paper_map(network, window), network.map(window)
    torch.testing.assert_close(written, found, rtol=1e-4, atol=1e-5)
    assert written.abs().max() > 1e-3


def test_the_inline_score_is_that_of_score_nodes(lesson: SimpleNamespace) -> None:
    found = reading(UNLIKE + 0.15 * torch.linspace(-1, 2, 9).double())
    score = score_nodes(found, UNLIKE, generator=make_generator(35))["dissipate"]
    assert lesson.score(found.rate, found.std, UNLIKE) == pytest.approx((score.rms, score.within))
