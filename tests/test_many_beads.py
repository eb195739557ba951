"""Many coordinates: what noise costs, what a steady state gives back, and networks that were stored."""

from importlib.resources import files

import pytest
import torch

from stochphys.data import Trajectories, Windows
from stochphys.device import make_generator
from stochphys.inference import Comparison, infer_entropy_production
from stochphys.models import AreaNEEP, Areas
from stochphys.models.many import shrink_antisymmetric
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring, StirredDoubleWell
from stochphys.training import load_checkpoint
from tests.chance import K
from tools.make_checkpoints import CHECKPOINTS, fingerprint

DT = 0.01


def judge(model, held_out, exact):
    """The model's ΔS of each held-out step against the exact one."""
    windows = Windows(held_out)
    with torch.no_grad():
        pieces = torch.arange(len(windows)).split(2**14)
        learned = torch.cat([model(windows[piece]) for piece in pieces])
    return Comparison.of(exact, learned, learned.double().mean().item() / DT, DT)


def closed_form(K):
    """A model that knows one matrix alone."""
    return lambda w: (((w[:, 0] + w[:, 1]) / 2 @ K.float()) * (w[:, 1] - w[:, 0])).sum(-1)


def exact_areas(system, n):
    """The moments of infinitely many steps, as if they came from n."""
    P, C = system._sampled(DT, "exact")
    midpoint, step = (2 * C + P @ C + C @ P.T) / 4, 2 * C - P @ C - C @ P.T
    mixed = (C @ P.T - P @ C) / 2
    covariance = torch.cat((torch.cat((midpoint, mixed), 1), torch.cat((mixed.T, step), 1)))
    return Areas(n, torch.zeros(2 * len(C), dtype=torch.float64), covariance)


# The family of equal rate


@pytest.mark.parametrize(
    ("n_beads", "T_c"), [(8, 0.416997), (16, 0.20768), (32, 0.10358), (64, 0.05171), (128, 0.02583)]
)
def test_cold_baths_of_the_family_agree_with_the_table(n_beads, T_c):
    """Kim et al. 2020, the high-dimensional example: rate 1 whatever the length, T_h = 10."""
    chain = BeadSpring.of_rate(1.0, n_beads=n_beads, T_h=10.0)
    assert chain.T_c == pytest.approx(T_c, abs=6e-6)  # the table has five digits
    assert chain.entropy_production_rate() == pytest.approx(1.0, rel=1e-9)


def test_two_beads_of_a_given_rate_solve_a_quadratic_equation():
    chain = BeadSpring.of_rate(2.025, n_beads=2, T_h=10.0)
    assert chain.T_c == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("sigma_dot", [0.0, -1.0, float("nan"), 1e12])
def test_a_rate_that_no_bath_gives_is_refused(sigma_dot):
    with pytest.raises(ValueError, match="sigma_dot"):
        BeadSpring.of_rate(sigma_dot, n_beads=4)


# Areas


@pytest.mark.parametrize("shrink", [False, True])
def test_areas_of_endless_data_give_the_exact_log_ratio(shrink):
    system = BeadSpring.of_rate(n_beads=8)
    K = exact_areas(system, n=10**14).entropy_matrix(shrink=shrink)
    torch.testing.assert_close(K, system.entropy_matrix(DT), rtol=1e-5, atol=1e-5)


def test_areas_of_two_parts_add_up_to_those_of_the_whole():
    x = simulate(BeadSpring(n_beads=6), 60, 200, DT, generator=make_generator(0))
    x = x.map(lambda values: values + 1e3)  # far from zero: float32 must not lose the digits
    whole, parts = (
        Areas.of(x),
        [Areas.of(x.map(lambda v, p=p: v[p])) for p in (slice(20), slice(20, 60))],
    )
    both = parts[0] + parts[1]
    assert both.n == whole.n == 60 * 200
    torch.testing.assert_close(both.mean, whole.mean, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(both.covariance, whole.covariance, rtol=1e-4, atol=1e-5)


def test_noise_of_the_areas_costs_four_per_number_and_step():
    """Error variance of ΔS per step 4p/n with p = N(N − 1)/2. It is a sum of p squares: relative
    standard deviation √(2/p) = 6 %, and 4 of them are allowed."""
    system, p = BeadSpring.of_rate(n_beads=24), 24 * 23 // 2
    g = make_generator(0)
    areas = Areas.of(simulate(system, 500, 1000, DT, generator=g))
    held_out = simulate(system, 200, 1000, DT, generator=g)
    exact = system.entropy_production(held_out, "exact")
    learned = closed_form(areas.entropy_matrix(shrink=False))(
        Windows(held_out)[torch.arange(200 * 1000)]
    )
    error = (learned - exact.flatten()).square().mean().item()
    assert error == pytest.approx(4 * p / areas.n, rel=K * (2 / p) ** 0.5)


def test_shrinking_finds_two_modes_in_noise_and_keeps_their_current():
    """Two modes of size 1 in 100 × 100 numbers with noise 0.05: the sum of the squares of the error
    falls at least to a fifth, and the mean current keeps its size within K standard errors."""
    n, g = 400, make_generator(0)
    Q = torch.linalg.qr(torch.randn(100, 2, generator=g, dtype=torch.float64))[0]
    S = torch.outer(Q[:, 0], Q[:, 1]) - torch.outer(Q[:, 1], Q[:, 0])
    noise = torch.randn(100, 100, generator=g, dtype=torch.float64).triu(1) / n**0.5
    seen = S + noise - noise.T
    found = shrink_antisymmetric(seen, n)
    torch.testing.assert_close(found, -found.T)
    assert (found - S).square().sum() < 0.2 * (seen - S).square().sum()
    # Σs² − noise has the variance 4 · 2 |S|²/n + 8 · p/n² of 2 Σ_{i<j} (S + noise)².
    error = (16 / n + 8 * 4950 / n**2) ** 0.5 / 2
    assert (found * S).sum() == pytest.approx(2.0, rel=K * error)


def test_shrinking_leaves_a_third_of_what_noise_feigns_in_equilibrium():
    """Of 50 data sets, in the steps they were made of: a share of 0.29 ± 0.03, K standard errors
    allowed. About half of the sets leave nothing, the others that which luck lifts above noise."""
    x = simulate(BeadSpring(T_h=1.0, n_beads=8), 500, 1000, DT, generator=make_generator(0)).x
    claimed, kept = [], []
    for few in x.split(10):
        areas = Areas.of(Trajectories(few, DT))
        current = areas.covariance[:8, 8:]
        claimed.append((areas.entropy_matrix(shrink=False) * current).sum().item())
        kept.append((areas.entropy_matrix() * current).sum().item())
    assert sum(kept) / sum(claimed) == pytest.approx(0.29, abs=K * 0.03)
    assert 0 < kept.count(0.0) < 50


def test_where_all_areas_are_noise_the_network_begins_with_a_gain_all_the_same():
    """In equilibrium about half of the data sets leave K = 0, and ΔS with it."""
    calm, nothing = BeadSpring(T_c=1.0, T_h=1.0, n_beads=5), 0
    for seed in range(20):
        model = AreaNEEP(5, generator=0).standardise(simulate(calm, 100, 100, DT, generator=seed))
        assert 0 < model.gain < 1
        nothing += not model.K.any()
    assert 0 < nothing < 20


def test_coordinates_that_depend_on_each_other_are_refused():
    x = simulate(BeadSpring(), 20, 50, DT, generator=make_generator(0)).x
    doubled = Trajectories(torch.cat((x, x.sum(-1, keepdim=True)), -1), DT)
    with pytest.raises(ValueError, match="linear functions of each other"):
        Areas.of(doubled).entropy_matrix()


# The network


def test_reversing_a_pair_flips_the_sign_and_training_starts_at_the_areas():
    x = simulate(BeadSpring(n_beads=6), 50, 200, DT, generator=make_generator(0))
    model = AreaNEEP(6, generator=make_generator(1)).standardise(x)
    pairs = Windows(x)[torch.arange(500)]
    torch.testing.assert_close(model(pairs), -model(pairs.flip(-2)))
    torch.testing.assert_close(model(pairs), model.gain * model.areas(pairs))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_beads", "least"), [(5, 0.985), pytest.param(8, 0.98, marks=pytest.mark.weekly)]
)
def test_few_beads_are_learned_in_seconds(n_beads, least):
    """Error variance 4p/n of 28 areas is 1 % of the signal; training costs up to as much again."""
    system, g = BeadSpring.of_rate(n_beads=n_beads), make_generator(0)
    x = simulate(system, 1000, 1000, DT, generator=g)
    result = infer_entropy_production(x, generator=g, members=2, progress=False)
    found = result.compare(system)
    assert found.r_squared >= least
    # √(2/(n σ)) of 8e5 steps that chose K: 1.6 %, K of them.
    assert abs(found.ratio - 1) < K * 0.016 and abs(found.slope - 1) < K * 0.016
    # Steps that judged, 2e5, and steps that chose: 3.6 % together.
    assert abs(result.rate / system.entropy_production_rate(DT) - 1) < K * 0.036


@pytest.mark.slow
def test_the_network_learns_what_no_area_knows():
    """Eight coordinates, stirred in a double well: linear currents see less than R² = 0.8, the one
    call for all data sees the rest. Two members, and held-out steps of √(2/(n σ)) = 0.3 %."""
    system, g = StirredDoubleWell(n_coordinates=8), make_generator(3)
    x = simulate(system, 1000, 500, DT, scheme="euler", generator=g)
    result = infer_entropy_production(x, generator=g, members=2, progress=False)
    model = AreaNEEP(8, generator=g).standardise(x)
    exact = system.entropy_production(result.held_out, "euler")
    assert judge(model, result.held_out, exact).r_squared < 0.8
    found = result.compare(system, "euler")
    assert found.r_squared > 0.95 and abs(found.slope - 1) < 0.1 and abs(found.ratio - 1) < 0.05


# What is stored


@pytest.mark.slow
@pytest.mark.parametrize(("n_beads", "least"), [(32, 0.975), (64, 0.96), (128, 0.95)])
def test_stored_networks_are_what_their_recipe_says_and_good_on_fresh_data(n_beads, least):
    """R² of 10⁵ steps has a standard error below 0.001."""
    name = f"23_beads_{n_beads:03}"
    saved = load_checkpoint(files("stochphys") / f"course/checkpoints/{name}.pt")
    assert saved["sha256"] == fingerprint(saved["state"])
    recipe = saved["recipe"]
    assert saved["seed"] == 0 and name in CHECKPOINTS and recipe["n_beads"] == n_beads
    system = BeadSpring.of_rate(recipe["sigma_dot"], n_beads=n_beads, T_h=recipe["T_h"])
    held_out = simulate(system, 100, 1000, DT, generator=make_generator(123))
    model = AreaNEEP(n_beads, width=recipe["width"], generator=make_generator(0))
    model.load_state_dict(saved["state"])
    found = judge(model, held_out, system.entropy_production(held_out, "exact"))
    assert found.r_squared >= least
    assert abs(found.slope - 1) < 0.03
