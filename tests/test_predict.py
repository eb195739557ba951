"""What inferred equations predict: passage times, paths that know where to stop, entropy and heat."""

from dataclasses import replace

import pytest
import torch

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference.langevin import infer_langevin
from stochphys.inference.predict import (
    PredictedNumber,
    PredictedRate,
    mean_first_passage_time,
    passage_quadrature,
    predict_paths,
)
from stochphys.inference.regression import BayesianRegression
from stochphys.inference.thermodynamics import divergence, entropy_production_rate, heat_rate
from stochphys.models.bases import RBF, Polynomial
from stochphys.simulators import Linear, simulate
from stochphys.systems import (
    BeadSpring,
    DoubleHump,
    InhomogeneousDiffusion,
    NonlinearForce,
    UnderdampedBeadSpring,
    VanDerPol,
)
from tests.chance import K, sigmas

HUMP = DoubleHump()
LINE = BayesianRegression(Polynomial(1))


def one(paths, i):
    """Path i alone."""
    return Trajectories(paths.x[i : i + 1], paths.dt, paths.underdamped)


def positions(paths):
    return Trajectories(paths.position, paths.dt)


def mean_and_error(values):
    values = torch.as_tensor(values, dtype=torch.float64)
    return values.mean().item(), (values.std() / len(values) ** 0.5).item()


@pytest.fixture(scope="module")
def humps():
    """Twenty times τ = 400 of the double hump, each in 16 paths; frames every ten steps."""
    paths = simulate(HUMP, 320, 25_000, 1e-3, generator=make_generator(0), every=10)
    return [paths.map(lambda x, i=i: x[16 * i : 16 * i + 16]) for i in range(20)]


@pytest.fixture(scope="module")
def hump(humps):
    """The equation inferred from one of them."""
    return infer_langevin(humps[0], generator=make_generator(0), diffusion=BayesianRegression())


# --- passages --------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
def test_the_quadrature_gives_the_exact_passage_time_in_both_directions(sign):
    """12.39 between the wells to a part in a thousand, from a wall that is never met."""
    upto, beyond = torch.linspace(-7, -HUMP.well, 1001), torch.linspace(-HUMP.well, HUMP.well, 1001)
    grid = sign * torch.cat((upto, beyond[1:])).double()
    drift, D = HUMP.drift(grid), HUMP.diffusion(grid[:, None])[:, 0, 0]
    time = passage_quadrature(drift[None], D[None], grid, 1000).item()
    assert time == pytest.approx(HUMP.mean_first_passage_time(-HUMP.well, HUMP.well), rel=1e-3)


@pytest.mark.slow
def test_the_passage_time_lies_in_its_credible_interval_as_often_as_it_says(humps):
    """At τ = 400, in 20 cases, intervals of 90 %: they hold the exact time in 10 or fewer with
    probability 7e-6, if they are honest (binomial); of 300 cases 264 did. Their ends are no more than
    a factor 2.5 apart, in the median: some 32 crossings in such a time leave a factor of 1.8."""
    inside, ratios = 0, []
    for i, data in enumerate(humps):
        g = make_generator(i)
        found = infer_langevin(data, generator=g, diffusion=BayesianRegression())
        time = mean_first_passage_time(found, -HUMP.well, HUMP.well, generator=g, level=0.9)
        inside += time.compare(HUMP).inside
        ratios.append(time.interval[1] / time.interval[0])
    assert inside > 10
    assert torch.tensor(ratios).median() <= 2.5


def test_passage_times_refuse_what_the_data_do_not_know(hump):
    g = make_generator(0)
    with pytest.raises(ValueError, match=r"target=\[9.0\] lies outside the training data"):
        mean_first_passage_time(hump, 0.0, 9.0, generator=g)
    with pytest.raises(ValueError, match=r"level must lie in \(0, 1\)"):
        mean_first_passage_time(hump, 0.0, 1.0, generator=g, level=90)
    chain = simulate(BeadSpring(), 1, 1000, 0.01, generator=g)
    with pytest.raises(ValueError, match=r"one coordinate .* simulate langevin.draw\(…\)"):
        mean_first_passage_time(infer_langevin(chain, generator=g), 0.0, 0.5, generator=g)
    with_time = infer_langevin(chain, generator=g, time=True, drift=LINE)
    with pytest.raises(ValueError, match="does not depend on time"):
        mean_first_passage_time(with_time, 0.0, 0.5, generator=g)


# --- paths -----------------------------------------------------------------------------------------


def test_paths_stand_still_from_the_frame_at_which_the_drift_is_no_longer_known(hump):
    paths = predict_paths(hump, 50, 1000, 0.01, generator=make_generator(0), start=HUMP.well)
    x, left = paths.trajectories.x[..., 0], paths.left
    assert 0 < (left < x.shape[1]).sum() < 50
    for path, k in zip(x, left.tolist(), strict=True):
        assert (path[k:] == path[-1]).all()
        assert (path[1:k] != path[: k - 1]).all()
    assert f"{(left < x.shape[1]).sum()} of 50 paths leave" in str(paths)
    assert "stand still" in str(paths)


def test_flagged_paths_go_on_and_stopped_ones_may_not_begin_on_the_unknown(hump):
    g = make_generator(1)
    edge = hump.increments.x.max().item()
    with pytest.raises(ValueError, match=r"start=\[.*\] lies where the drift is less known"):
        predict_paths(hump, 5, 10, 0.01, generator=g, start=edge)
    paths = predict_paths(hump, 5, 10, 0.01, generator=g, start=edge, stop=False)
    assert (paths.left == 0).all()
    assert (paths.trajectories.x.diff(dim=1) != 0).all()
    known = predict_paths(hump, 5, 10, 0.01, generator=g, start=HUMP.well)
    assert str(known) == "All 5 paths stay where the data know the drift."
    with pytest.raises(ValueError, match=r"quantile must lie in \(0, 1\]"):
        predict_paths(hump, 5, 10, 0.01, generator=g, start=0.0, quantile=99)


def test_the_spread_of_predicted_paths_holds_noise_and_ignorance():
    """A bowl seen for τ = 10: the variance at late times is the mean of D/k + (offset/k)² over the
    draws, larger than what any single equation gives. 4000 paths, within K standard errors."""
    g = make_generator(0)
    bowl = Linear(-torch.eye(1), torch.eye(1))
    found = infer_langevin(simulate(bowl, 1, 1000, 0.01, generator=g), generator=g, drift=LINE)
    n, h = 4000, 0.01
    options = dict(start=0.0, stop=False, every=1000)
    paths = predict_paths(found, n, 1000, h, generator=make_generator(3), **options)
    last = paths.trajectories.x[:, -1, 0].double()
    draw = found.draw(n, generator=make_generator(3))  # the same equations
    zero, unit = torch.zeros(n, 1).double(), torch.ones(n, 1).double()
    offset = draw.drift(zero, 0.0)[:, 0]
    k = offset - draw.drift(unit, 0.0)[:, 0]
    D = draw.noise_amplitude(zero, 0.0).flatten() ** 2 / 2
    expected = D / (k * (1 - k * h / 2)) + (offset / k) ** 2
    assert (offset / k).std() > 0.1
    z = (last.square() - expected) / expected
    mean, error = mean_and_error(z)
    assert abs(mean) < K * error


# --- entropy and heat ------------------------------------------------------------------------------


@pytest.mark.slow
def test_entropy_production_is_right_on_fresh_paths_and_too_high_on_its_own():
    """Nonlinear force, d = 2, T = 5, 20 pairs of paths of 10⁴ frames, each read by bumps learned
    from the other: the mean is 8.26 within chance. On its own path the same force gives
    more, by over 2 standard errors; a force without a prior gives more than 8.26, by over 2."""
    g, system = make_generator(0), NonlinearForce()
    data = simulate(
        system, 40, 100_000, 1e-3, generator=g, every=10, burn_in=1000, start=torch.zeros(2)
    )
    fresh, own, plain = [], [], []
    for i in range(40):
        found = infer_langevin(one(data, i), drift=BayesianRegression(RBF()), generator=g)
        other = one(data, i + 1 if i % 2 == 0 else i - 1)
        x, y = (a.flatten(0, 1) for a in (found.increments.x, found.increments.y))
        weights = torch.linalg.lstsq(found.drift.basis(x), y, driver="gelsd").solution.T
        free = replace(found, drift=replace(found.drift, weights=weights))
        for rates, force, path in (
            (fresh, found, other),
            (own, found, one(data, i)),
            (plain, free, one(data, i)),
        ):
            rates.append(entropy_production_rate(force, path, generator=g, draws=2).rate)
    fresh, own, plain = (torch.tensor(r).view(20, 2).mean(1) for r in (fresh, own, plain))
    assert system.entropy_production_rate() == pytest.approx(8.26, abs=0.03)
    mean, error = mean_and_error(fresh)
    assert abs(mean - 8.26) < sigmas(samples=len(fresh)) * error
    mean, error = mean_and_error(own - fresh)
    assert mean > 2 * error
    mean, error = mean_and_error(plain)
    assert mean - 8.26 > 2 * error


def test_a_rate_carries_the_doubts_of_its_equation_and_leaves_wrong_frames_out():
    """A frame far off in the fresh paths is named and costs nothing; errors of the positions, of which the
    equation warned, are named by the rates that are read off it."""
    data = simulate(BeadSpring(), 20, n_steps=1000, dt=0.01, generator=make_generator(1))
    off = data.x.clone()
    off[3, 500] += 100
    found = infer_langevin(data)
    clean, wrong = (
        entropy_production_rate(found, data.map(lambda _, x=x: x), generator=make_generator(2))
        for x in (data.x, off)
    )
    assert clean.warnings == found.warnings == ()
    assert wrong.warnings[0].startswith("Wrong frames: trajectory 3 at frame 500")
    assert abs(wrong.rate - clean.rate) < clean.std
    mirrored = data.map(lambda x: x * torch.tensor([-1.0, 1.0]))
    against = entropy_production_rate(found, mirrored, generator=make_generator(2))
    assert against.warnings[0].startswith("Below zero")
    noise = torch.randn(data.x.shape, generator=make_generator(3))
    noisy = data.map(lambda x: x + 0.2 * noise)
    found = infer_langevin(noisy)
    rates = (
        entropy_production_rate(found, noisy, generator=4),
        *heat_rate(found, noisy, 1.0, generator=4),
    )
    assert all(rate.warnings == found.warnings != () for rate in rates)


@pytest.mark.slow
def test_entropy_production_of_the_bead_chain_lies_in_its_intervals():
    """Six pairs, linear basis: at least four of six 95 % intervals hold the exact rate (less with
    probability 0.002 if they are honest), the std is at most 2.5 √(2σ/τ), which the fresh path alone
    gives without memory; and the heat of each bath is within 3.5 std."""
    chain, inside = BeadSpring(), 0
    for seed in range(6):
        g = make_generator(seed)
        data = simulate(chain, 2, 20_000, 0.01, generator=g)
        found, fresh = infer_langevin(one(data, 0), generator=g, drift=LINE), one(data, 1)
        rate = entropy_production_rate(found, fresh, generator=g, draws=100)
        inside += rate.compare(chain).inside
        assert rate.std < 2.5 * (2 * rate.rate / fresh.duration) ** 0.5
        heat = heat_rate(found, fresh, chain.temperatures, generator=g, draws=100)
        for bath, exact in zip(heat, chain.heat_rate().tolist(), strict=True):
            assert abs(bath.against(exact).error) < K
    assert inside >= 4


@pytest.mark.slow
def test_entropy_production_where_diffusion_depends_on_the_place():
    """The divergence of D counts: with it the exact rate of the inhomogeneous chain is within 3 std."""
    g, system = make_generator(0), InhomogeneousDiffusion()
    options = dict(generator=g, every=5, start=torch.zeros(2), burn_in=1000)
    data, fresh = (simulate(system, 20, 5000, 2e-3, **options) for _ in range(2))
    found = infer_langevin(data, generator=g, diffusion=BayesianRegression())
    rate = entropy_production_rate(found, fresh, generator=g, draws=50)
    assert abs(rate.compare(system).error) < K

    x = torch.randn(1, 5, 2, generator=g).double()
    learned = divergence(lambda x: system.diffusion(x), x)
    torch.testing.assert_close(learned, system.drift(x) - system.force(x))


@pytest.mark.slow
@pytest.mark.parametrize("seen", ["velocities", "positions"])
def test_entropy_production_with_inertia_needs_one_friction(seen):
    """Two beads with mass between two baths, exact rate 1.35 within 3 std, heats too, whether
    velocities were measured or not. Van der Pol's friction is refused."""
    g = make_generator(1)
    chain = UnderdampedBeadSpring(mass=1.0, gamma=1.0)
    data = simulate(chain, 2, 40_000, 0.01, generator=g, dtype=torch.float64)
    data = positions(data) if seen == "positions" else data
    options = dict(generator=g, underdamped=seen == "positions")
    found = infer_langevin(one(data, 0), drift=LINE, **options)
    rate = entropy_production_rate(found, one(data, 1), generator=g)
    assert abs(rate.compare(chain).error) < K
    heat = heat_rate(found, one(data, 1), chain.temperatures, generator=g)
    for bath, exact in zip(heat, chain.heat_rate().tolist(), strict=True):
        assert abs(bath.against(exact).error) < K

    start = torch.tensor([1.0, 1.0])
    cycle = simulate(VanDerPol(), 1, 4000, 0.01, generator=g, dtype=torch.float64, start=start)
    cycle = positions(cycle) if seen == "positions" else cycle
    found = infer_langevin(cycle, drift=BayesianRegression(Polynomial(3)), **options)
    with pytest.raises(ValueError, match="it is not that of a bath"):
        entropy_production_rate(found, cycle, generator=g)
    if seen == "positions":
        found = infer_langevin(one(data, 0), drift=LINE, diffusion=LINE, **options)
        with pytest.raises(ValueError, match="D depends on the state"):
            entropy_production_rate(found, one(data, 1), generator=g)


def test_entropy_production_is_refused_where_it_is_not_defined():
    g = make_generator(0)
    chain = simulate(BeadSpring(), 1, 5000, 0.01, generator=g)
    with_time = infer_langevin(chain, generator=g, time=True, drift=LINE)
    with pytest.raises(ValueError, match="depends on time"):
        entropy_production_rate(with_time, chain, generator=g)

    shaken = Linear(torch.tensor([[-1.0, 1.0], [0.0, -1.0]]), torch.diag(torch.tensor([0.0, 1.0])))
    data = simulate(shaken, 1, 5000, 0.01, generator=g)
    found = infer_langevin(data, generator=g, drift=LINE)
    with pytest.raises(ValueError, match="D is singular"):
        entropy_production_rate(found, data, generator=g)

    found = infer_langevin(chain, generator=g, drift=LINE)
    with pytest.raises(ValueError, match="fresh must have dim=2"):
        entropy_production_rate(
            found, simulate(BeadSpring(n_beads=3), 1, 9, 0.01, generator=g), generator=g
        )
    with pytest.raises(ValueError, match="temperature must be positive"):
        heat_rate(found, chain, -1.0, generator=g)


def test_a_prediction_says_its_number_and_its_interval():
    draws = torch.linspace(0, 1, 101).double()
    for kind in (PredictedRate, PredictedNumber):
        prediction = kind.of(0.5, draws, 0.9)
        assert prediction.interval == pytest.approx((0.05, 0.95))
        assert str(prediction) == "0.5, with 90% between 0.05 and 0.95"
        assert not prediction.against(1.0).inside
        assert prediction.best == 0.5
