"""The filament network: its rate, where it dissipates in three tellings, and its camera."""

import pytest
import torch

from stochphys.device import make_generator
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring, ElasticNetwork, filament_camera
from stochphys.systems.filament import local_dissipation, neighbours
from tests.chance import sigmas

LAYOUTS = [(3, (4,)), (3, (1, 8)), (3, (0, 4, 5)), (2, (0,))]
RATES = [8.679, 10.652, 14.991, 4.185]
SYSTEMS = [
    BeadSpring(),
    BeadSpring(n_beads=5, k=2.0, gamma=3.0),
    ElasticNetwork(),
    ElasticNetwork(n=4, hot=(2, 3, 9), T_c=0.7, T_h=4.0, k=2.0, gamma=0.5),
]


@pytest.mark.parametrize(("layout", "rate"), list(zip(LAYOUTS, RATES, strict=True)))
def test_networks_produce_entropy_at_the_known_rates(
    layout: tuple[int, tuple[int, ...]], rate: float
) -> None:
    n, hot = layout
    assert ElasticNetwork(n=n, hot=hot).entropy_production_rate() == pytest.approx(rate, abs=6e-4)


def test_one_hot_centre_pays_for_the_heat_through_its_four_springs() -> None:
    """By symmetry all heat leaves the centre; the eight others take it at T_c."""
    local = local_dissipation(ElasticNetwork(hot=(4,)))
    heat = -local.heat[4] * 10
    assert local.heat.sum().item() == pytest.approx(heat * (1 - 1 / 10))
    assert (local.bond > 1e-9).sum() == 4
    assert local.bond.max().item() == pytest.approx(heat * (1 - 1 / 10) / 4)


def test_rows_and_columns_are_two_independent_copies() -> None:
    network = ElasticNetwork(n=2, hot=(0,))
    one = torch.tensor([[-4, 1, 1, 0], [1, -4, 0, 1], [1, 0, -4, 1], [0, 1, 1, -4]]).double()
    assert torch.equal(network.A[::2, ::2], one)
    assert torch.equal(network.A[1::2, 1::2], one)
    assert not network.A[::2, 1::2].any()
    assert network.D.diagonal().tolist() == [10, 10, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(("dt", "fraction"), [(0.005, 0.981), (0.01, 0.963), (0.02, 0.926)])
def test_frames_show_a_known_fraction(dt: float, fraction: float) -> None:
    network = ElasticNetwork()
    seen = network.entropy_production_rate(dt) / network.entropy_production_rate()
    assert seen == pytest.approx(fraction, abs=2e-3)


@pytest.mark.parametrize("system", SYSTEMS)
def test_three_tellings_of_where_sum_to_the_rate(system: BeadSpring | ElasticNetwork) -> None:
    heat, bond, velocity, bonds = local_dissipation(system)
    for local in (heat, bond, velocity):
        assert local.sum().item() == pytest.approx(system.entropy_production_rate(), rel=1e-12)
    assert heat.min() < 0 < velocity.min()
    assert bond.min() > -1e-12
    assert len(bond) == len(bonds)


@pytest.mark.parametrize(
    ("n_beads", "heat", "bond", "velocity"),
    [
        (2, [2.250, -0.225], [2.025], [1.428, 0.597]),
        (
            5,
            [0.673, 0.042, 0.000, -0.018, -0.067],
            [0.466, 0.102, 0.043, 0.0195],
            [0.226, 0.283, 0.080, 0.033, 0.0075],
        ),
    ],
)
def test_local_dissipation_of_beads(n_beads: int, heat: list, bond: list, velocity: list) -> None:
    local = local_dissipation(BeadSpring(n_beads=n_beads))
    assert local.heat.tolist() == pytest.approx(heat, abs=6e-4)
    assert local.bond.tolist() == pytest.approx(bond, abs=6e-4)
    assert local.velocity.tolist() == pytest.approx(velocity, abs=6e-4)
    assert local.bonds.tolist() == [[i, i + 1] for i in range(n_beads - 1)]


def test_heat_of_a_bead_is_its_heat_rate_over_temperature() -> None:
    chain = BeadSpring(n_beads=4, k=1.5, gamma=2.0)
    expected = -chain.heat_rate() / chain.temperatures
    assert torch.allclose(local_dissipation(chain).heat, expected)


def test_springs_between_nodes_are_where_the_bonds_are() -> None:
    network = ElasticNetwork(n=3)
    found = local_dissipation(network).bonds.tolist()
    bonds = neighbours(network.n)
    assert sorted(found) == sorted(bonds.tolist())
    i, j = bonds.T
    assert ((network.nodes[i] - network.nodes[j]).abs().sum(-1) == 1).all()


def test_equal_baths_dissipate_nowhere() -> None:
    for local in local_dissipation(ElasticNetwork(T_h=1.0))[:3]:
        assert local.abs().max() < 1e-12


def test_each_node_dissipates_what_its_steps_say() -> None:
    """ν ∘ du/D of each node, averaged over independent films, within K standard errors."""
    network, dt = ElasticNetwork(n=2, hot=(0,)), 0.002
    films = simulate(network, 4000, 50, dt, generator=make_generator(1))
    steps = (
        network.local_entropy_production(films, "midpoint").double().mean(1).view(-1, 4, 2).sum(-1)
        / dt
    )
    exact = local_dissipation(network).velocity
    error = (steps.mean(0) - exact) / (steps.std(0) / len(steps) ** 0.5)
    assert error.abs().max() < sigmas(
        error.numel()
    )  # frames every 0.002 hide 0.8 %, less than a standard error


@pytest.mark.parametrize(
    "wrong",
    [{"n": 0}, {"hot": (9,)}, {"hot": (-1,)}, {"hot": (1, 1)}, {"T_h": 0.0}, {"k": -1.0}],
)
def test_impossible_networks_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ElasticNetwork(**wrong)


# The camera


@pytest.mark.parametrize(("n", "hot", "size"), [(3, (1, 8), 24), (2, (0,), 18), (6, (7,), 42)])
def test_frames_have_a_cell_per_spring(n: int, hot: tuple[int, ...], size: int) -> None:
    network = ElasticNetwork(n=n, hot=hot)
    camera = filament_camera(network)
    assert camera.shape == (size, size)
    assert len(camera.centre) == 4 * (2 * n * (n - 1) + 4 * n)  # springs to the ring included


def test_spots_move_with_the_two_ends_of_their_spring() -> None:
    network = ElasticNetwork(n=3)
    camera = filament_camera(network)
    moved = torch.zeros(network.dim)
    moved[2 * 4 + 1] = 2.0  # the centre, two units along its row: one pixel
    way = camera.motion @ moved
    assert not way[:, 0].any()
    assert sorted(way[:, 1][way[:, 1] > 0].tolist()) == pytest.approx(
        sorted(4 * [0.125, 0.375, 0.625, 0.875])
    )
    near = (camera.centre - (6 * network.nodes[4] - 0.5)).norm(dim=1) < 0.8
    assert way[near, 1].tolist() == pytest.approx(4 * [0.875])


def test_the_frame_at_rest_has_the_symmetry_of_a_square_and_hardly_saturates() -> None:
    network = ElasticNetwork(n=3)
    camera = filament_camera(network)
    frame = camera(torch.zeros(1, network.dim))[0]
    for same in (frame.T, frame.flip(0), frame.flip(1)):
        assert torch.allclose(frame, same, atol=1e-3)
    assert 0.7 * camera.peak < frame.max() < 0.8 * camera.peak
    films = simulate(network, 100, 10, 1.0, generator=make_generator(2))
    saturated = (camera(films.x.flatten(0, 1)) == camera.peak).float().mean()
    assert saturated < 1e-4
