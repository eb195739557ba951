"""Drift and diffusion of paths with gaps and of unequal length: every label that exists, and no other."""

import math
from functools import cache

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import (
    BayesianRegression,
    Langevin,
    gaussian_plugin,
    increments,
    infer_langevin,
)
from stochphys.inference.langevin import independent_share
from stochphys.inference.posterior import Combination, LinearPosterior
from stochphys.inference.predict import mean_first_passage_time
from stochphys.inference.thermodynamics import entropy_production_rate, heat_rate
from stochphys.models.bases import Polynomial
from stochphys.simulators import Linear, simulate
from stochphys.systems import (
    BeadSpring,
    UnderdampedBeadSpring,
    UnderdampedThermalMotor,
    bead_camera,
)
from tests.chance import K, sigmas

DT = 0.01
BEADS = BeadSpring(T_c=1.0, T_h=10.0)
WITH_INERTIA = UnderdampedBeadSpring(T_c=1.0, T_h=3.0, mass=1.0, gamma=1.0)
LINE = BayesianRegression(Polynomial(1))
FRAMES = {
    "ito": 2,
    "end": 2,
    "midpoint": 4,
    "centred": 5,
    "combined": 5,
    "forward": 5,
    "reverse": 5,
    "symmetric": 5,
}
POSITIONS = (
    "centred",
    "combined",
    "forward",
    "reverse",
    "symmetric",
)  # alone: rules of second differences


def of_frames(x: Tensor, there: Tensor, **more: bool) -> Trajectories:
    """The frames of paths `x (n, n_times, dim)` that are there, in a random order."""
    path, frame = torch.meshgrid(*(torch.arange(n) for n in there.shape), indexing="ij")
    order = torch.randperm(int(there.sum()), generator=make_generator(1))
    x, path, frame = (each[there][order] for each in (x, path, frame))
    return Trajectories.of_frames(x, DT, track=path, frame=frame, **more)


def knocked_out(x: Tensor, share: float, seed: int = 0, **more: bool) -> Trajectories:
    """Paths in which so many frames are missing, at random."""
    there = torch.rand(x.shape[:2], generator=make_generator(seed)) >= share
    return of_frames(x, there, **more)


def scattered(seed: int, n: int = 5, n_times: int = 30) -> tuple[Tensor, Tensor]:
    """States without any order `(n, n_times, 2)`, and which of them were recorded."""
    g = make_generator(seed)
    there = torch.rand(n, n_times, generator=g) > 0.3
    there[0, 4:20], there[1], there[1, :2] = True, False, True
    return torch.randn(n, n_times, 2, generator=g).double(), there


def window_by_window(x: Tensor, there: Tensor, rule: str) -> dict[str, Tensor]:
    """Labels with time in them, found in a plain loop over paths and frames."""
    found: dict[str, list] = dict(x=[], y=[], start=[], before=[], steps=[], at=[], squares=[])
    secant = rule in POSITIONS

    def now(t: float, *parts: Tensor) -> Tensor:
        return torch.cat((*parts, torch.tensor([t * DT], dtype=torch.float64)))

    def label(p: Tensor, t: int) -> tuple[Tensor, Tensor]:
        """What is seen of the path p from frame t on: the state, and the step."""
        if not secant:
            late = {"ito": 0.0, "midpoint": 0.5, "end": 1.0}[rule]
            return now(t + late, p[t] + late * (p[t + 1] - p[t])), p[t + 1] - p[t]
        later = int(rule == "reverse")
        a, b = p[t + later], p[t + later + 1]
        seen = now(t + later + 0.5, (a + b) / 2, (b - a) / DT)
        if rule in ("symmetric", "centred"):
            seen = now(t + 1, p[t : t + 3].mean(0), (p[t + 2] - p[t]) / (2 * DT))
        return seen, p[t + 2] - 2 * p[t + 1] + p[t]

    def square(p: Tensor, t: int) -> tuple[Tensor, Tensor]:
        s = [label(p, t + i)[1] for i in range(FRAMES[rule] - (2 if secant else 1))]
        pairs = torch.stack([torch.stack([torch.outer(a, b) for b in s]) for a in s])
        pairs = (pairs + pairs.mT) / 2
        if secant:
            lags = [torch.stack([pairs[i, i + k] for i in range(3 - k)]).mean(0) for k in range(3)]
            centre = now(t + 2, p[t + 2], (p[t + 3] - p[t + 1]) / (2 * DT))
            return centre, (lags[0] + lags[1] - 2 * lags[2]) / (5 * DT**3 / 3)
        if rule == "midpoint":
            return now(t + 1.5, (p[t + 1] + p[t + 2]) / 2), pairs[1].sum(0) / (2 * DT)
        return now(t, p[t]), pairs[0, 0] / (2 * DT)

    back = {"midpoint": 1, "symmetric": 2, "centred": 2}.get(rule, 0)
    for p, held in zip(x, there.tolist(), strict=True):
        for t in range(len(p)):
            if all(held[t : t + (3 if secant else 2)]) and t + (3 if secant else 2) <= len(p):
                seen, step = label(p, t)
                early = next(k for k in range(back, -1, -1) if t >= k and all(held[t - k : t]))
                begin = label(p, t - early)[0] if secant else now(t - early, p[t - early])
                first = now(t + 0.5, (p[t] + p[t + 1]) / 2, (p[t + 1] - p[t]) / DT)
                found["x"].append(seen)
                found["y"].append(step / DT**2 if secant else step / DT)
                found["steps"].append(step)
                found["start"].append(first if secant else now(t, p[t]))
                found["before"].append(begin)
            if all(held[t : t + FRAMES[rule]]) and t + FRAMES[rule] <= len(p):
                at, D = square(p, t)
                found["at"].append(at)
                found["squares"].append(D)
    return {name: torch.stack(values) for name, values in found.items()}


@pytest.mark.parametrize("rule", FRAMES)
@given(seed=st.integers(0, 2**40))
def test_each_label_is_one_that_a_plain_loop_finds(rule: str, seed: int) -> None:
    x, there = scattered(seed)
    data = increments(of_frames(x, there), rule=rule, underdamped=rule in POSITIONS, time=True)
    exact = window_by_window(x, there, rule)
    got = {name: getattr(data, name) for name in exact if name != "squares"}
    for name, values in (got | dict(squares=data.squares())).items():
        torch.testing.assert_close(values[0], exact[name], rtol=1e-9, atol=1e-9)
    assert data.time == pytest.approx(len(exact["y"]) * DT)


def test_paths_with_the_same_frames_give_the_same_bits_in_any_order() -> None:
    x = simulate(BEADS, 20, 200, DT, generator=0).x.contiguous()
    regular, mixed = Trajectories(x, DT), of_frames(x, torch.ones(x.shape[:2]).bool())
    for rule in ("ito", "midpoint"):
        a, b = (infer_langevin(data, rule=rule) for data in (regular, mixed))
        assert torch.equal(a.increments.y, b.increments.y)
        assert torch.equal(a.drift.mean(a.states), b.drift.mean(b.states))
        assert torch.equal(a.diffusion.mean(a.states), b.diffusion.mean(b.states))


def line(result: Langevin) -> tuple[Tensor, Tensor]:
    """Slopes of a straight drift `(dim, dim_in)`, and their errors."""
    found = result.drift.forward if isinstance(result.drift, Combination) else result.drift
    assert isinstance(found, LinearPosterior)
    std = result.increments.x[0].std(0)
    zero, units = result.states[:1] * 0, torch.eye(len(std), dtype=torch.float64)
    slopes = (result.drift.mean(units) - result.drift.mean(zero)).T
    return slopes, found.root.square().sum(-1).sqrt()[:, 1:] / std


def assert_bead_spring(data: Trajectories, rule: str) -> None:
    """Drift and diffusion are those of the continuous path."""
    result = infer_langevin(data, drift=LINE, rule=rule)
    slopes, errors = line(result)
    k, one = sigmas(7), result.states[:1]
    assert ((slopes - BEADS.A).abs() < k * errors).all()
    off = (result.diffusion.mean(one)[0] - BEADS.D).abs() / result.diffusion.std(one)[0]
    assert (off < k).all()
    # Of 10⁴ pairs of residuals a correlation of 0.03 may be luck.
    assert len(result.increments.y[0]) < 30_000 or result.warnings == ()


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("rule", ["ito", "midpoint"])
def test_missing_frames_leave_drift_and_diffusion_as_they_are(share: float, rule: str) -> None:
    x = simulate(BEADS, 100, 1000, DT, generator=1, dtype=torch.float64).x
    assert_bead_spring(knocked_out(x, share, seed=2), rule)


def test_paths_of_2_to_400_frames_are_all_read() -> None:
    x = simulate(BEADS, 300, 399, DT, generator=2).x
    length = torch.randint(2, 401, (300,), generator=make_generator(3))
    late = torch.randint(0, 399, (300,), generator=make_generator(4)).clamp(max=400 - length)
    frame = torch.arange(400)
    data = of_frames(x, (frame >= late[:, None]) & (frame < (late + length)[:, None]))
    assert_bead_spring(data, "ito")
    assert infer_langevin(data).increments.y.shape[1] == (length - 1).sum()


@cache
def swings(n: int) -> Trajectories:
    """n paths of 1000 frames with their velocities."""
    return simulate(WITH_INERTIA, n, 1000, DT, generator=3, dtype=torch.float64)


def assert_inertia(data: Trajectories, rule: str) -> None:
    """Slopes of the acceleration, and its D, of beads of which positions alone are seen. Secants lose
    Γ dt/2 of the friction, Γ = 1; and 1 % is allowed of the largest slope."""
    result = infer_langevin(data, drift=LINE, rule=rule, underdamped=True)
    slopes, errors = line(result)
    exact, one = WITH_INERTIA.A[2:], result.states[:1]
    assert ((slopes - exact).abs() < sigmas(12) * errors + 0.01 * exact.abs().max()).all()
    D, std = result.diffusion.mean(one)[0], result.diffusion.std(one)[0]
    assert ((D - WITH_INERTIA.D[2:, 2:]).abs() < sigmas(4) * std + 0.01 * D.max()).all()
    assert result.warnings == ()


@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 0.5])
@pytest.mark.parametrize("rule", ["centred", "combined", "symmetric"])
def test_missing_frames_leave_acceleration_and_its_noise_as_they_are(
    share: float, rule: str
) -> None:
    assert_inertia(knocked_out(swings(100).position, share, seed=4), rule)


def test_measured_velocities_may_have_gaps() -> None:
    data = knocked_out(swings(100).x, 0.3, underdamped=True)
    result = infer_langevin(data, drift=LINE)
    slopes, errors = line(result)
    P = torch.linalg.matrix_exp(WITH_INERTIA.A * DT)
    exact = (P - torch.eye(4))[2:] / DT
    assert ((slopes - exact).abs() < sigmas(8) * errors).all()


# What labels say together


def test_labels_of_noise_are_worth_as_much_on_both_sides_of_a_gap() -> None:
    """Sums of neighbours, z_i + z_{i+1}: their squares share noise where they touch, and are worth
    1/1.5 of independent ones; where each second of them is missing, each is worth one."""
    z = torch.randn(1, 200_001, 1, generator=make_generator(5), dtype=torch.float64)
    labels, row = ((z[:, 1:] + z[:, :-1]) / 2**0.5).square(), torch.arange(200_000)
    assert independent_share(labels, row) == independent_share(labels)
    assert independent_share(labels[:, ::2], row[::2]) == pytest.approx(1, rel=0.03)


def test_residuals_of_rows_that_do_not_touch_are_not_compared() -> None:
    """Frames in pairs: nothing can be said of neighbours, and nothing is; in triples, a tracking error
    is seen."""
    x = simulate(BEADS, 50, 1000, DT, generator=6, dtype=torch.float64).x
    noisy = x + 0.1 * torch.randn(x.shape, generator=make_generator(7), dtype=x.dtype)
    frame = torch.arange(x.shape[1]).expand(x.shape[:2])
    assert infer_langevin(of_frames(noisy, frame % 3 != 2), drift=LINE).warnings == ()
    said = infer_langevin(of_frames(noisy, frame % 4 != 3), drift=LINE).warnings
    assert said and all(sentence.startswith("Noisy measurement") for sentence in said)


@pytest.mark.parametrize(("rule", "frames"), [(rule, n) for rule, n in FRAMES.items() if n > 2])
def test_rules_say_how_many_frames_in_a_row_they_need(rule: str, frames: int) -> None:
    x = torch.randn(40, 30, 1, generator=make_generator(8)).cumsum(1).cumsum(1)  # as with inertia
    there = torch.arange(30).expand(40, -1) % frames != frames - 1
    with pytest.raises(
        ValueError, match=f"longest stretch must be .* least {frames}, got {frames - 1}"
    ):
        infer_langevin(of_frames(x, there), rule=rule, underdamped=rule in POSITIONS)
    there = there | (torch.arange(40)[:, None] < 3)  # three paths without gaps
    short = of_frames(x[:, :frames], there[:, :frames])
    with pytest.raises(ValueError, match="n_labels_of_D must be an integer of at least 10, got 3"):
        infer_langevin(short, rule=rule, underdamped=rule in POSITIONS)


# Where weights depend on the state


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5])
def test_noise_that_depends_on_place_leaves_the_drift_of_noisy_gapped_data_alone(
    share: float,
) -> None:
    """dx = −x dt + √(2D) dW with D = exp(0.8 sin x), positions with errors ζ. At the first frame of a
    stretch the weight 1/D knows the error that the displacement has; uncorrected, this gives a force of
    ζ²/dt ∂D/D there: 0.2 of ∂D/D with 20 % missing, 0.5 with 50 %. A finite dt leaves 0.03 anywhere."""
    g, n, m, substeps, zeta = make_generator(9), 1600, 1000, 5, 0.1
    x, h, frames = torch.zeros(n, dtype=torch.float64), DT / 5, []
    for _ in range(m):
        for _ in range(substeps):
            D = torch.exp(0.8 * torch.sin(x))
            x = x - x * h + (2 * D * h).sqrt() * torch.randn(n, generator=g, dtype=x.dtype)
        frames.append(x)
    seen = torch.stack(frames, 1)[..., None]
    seen = seen + zeta * torch.randn(seen.shape, generator=g, dtype=x.dtype)
    bent = BayesianRegression(Polynomial(5))
    found = infer_langevin(knocked_out(seen, share), rule="midpoint", drift=bent, diffusion=bent)
    at = torch.linspace(-2, 2, 41, dtype=torch.float64)[:, None]
    spurious, slope = found.drift.mean(at) + at, 0.8 * torch.cos(at)
    bias = (spurious * slope).sum() / slope.square().sum()
    draws = found.drift.sample(200, generator=0)(at[None])
    luck = ((draws * slope).sum((1, 2)) / slope.square().sum()).std()
    assert abs(bias) < 0.03 + K * luck


# What follows from an equation


def test_entropy_and_heat_are_those_of_all_steps_that_exist() -> None:
    """One sum over the steps, found in a plain loop over them."""
    trained = infer_langevin(simulate(BEADS, 50, 500, DT, generator=10), drift=LINE)
    fresh = knocked_out(simulate(BEADS, 50, 500, DT, generator=11).x.double(), 0.3)
    rate = entropy_production_rate(trained, fresh, generator=0, draws=100)
    stretches = fresh.stretches
    assert stretches is not None
    total, steps = torch.zeros(2, dtype=torch.float64), 0
    for path in fresh.x.split(stretches.length.tolist()):
        middle, step = (path[1:] + path[:-1]) / 2, path.diff(dim=0)
        D = trained.diffusion.mean(middle)
        total += (torch.linalg.solve(D, trained.drift.mean(middle)) * step).sum(0)
        steps += len(step)
    assert rate.rate == pytest.approx(total.sum().item() / (steps * DT), rel=1e-9)
    heat = heat_rate(trained, fresh, 2.0, generator=0, draws=100)
    assert [q.rate for q in heat] == pytest.approx((-2 * total / (steps * DT)).tolist(), rel=1e-9)
    assert abs(rate.rate - BEADS.entropy_production_rate()) < K * rate.std


@pytest.mark.parametrize("seen", ["velocities", "positions"])
def test_with_inertia_entropy_of_gapped_paths_is_that_of_whole_ones(seen: str) -> None:
    """The same equation on fresh paths with and without gaps: two numbers that agree within the error
    of either."""
    measured = seen == "velocities"
    data, whole = (
        swings(60),
        simulate(WITH_INERTIA, 60, 1000, DT, generator=12, dtype=torch.float64),
    )
    pick = (lambda d: d.x) if measured else (lambda d: d.position)
    trained = infer_langevin(
        Trajectories(pick(data), DT, measured), drift=LINE, underdamped=not measured
    )
    both = [
        entropy_production_rate(trained, fresh, generator=0, draws=100)
        for fresh in (
            Trajectories(pick(whole), DT, measured),
            knocked_out(pick(whole), 0.2, underdamped=measured),
        )
    ]
    assert abs(both[0].rate - both[1].rate) < K * both[1].std
    assert both[1].std < 3 * both[0].std


def test_fresh_paths_need_the_frames_of_a_step() -> None:
    result = infer_langevin(Trajectories(swings(60).position, DT), drift=LINE, underdamped=True)
    x = swings(60).position
    short = of_frames(x, (torch.arange(x.shape[1]) % 4 != 3).expand(x.shape[:2]))
    with pytest.raises(ValueError, match="longest stretch of fresh must be .* least 4, got 3"):
        entropy_production_rate(result, short, generator=0)


def test_passage_times_come_from_states_that_were_seen() -> None:
    """x = 0 and 100 in turn, on two paths of which one lies far off: no state between is made up."""
    x = torch.randn(20, 400, 1, generator=make_generator(13), dtype=torch.float64).cumsum(1) * 0.01
    x[10:] += 100
    result = infer_langevin(knocked_out(x, 0.5), drift=LINE, rule="midpoint")
    seen = result.increments.x
    assert ((seen < 50) == (seen < 10)).all()
    with pytest.raises(ValueError, match="outside the training data"):
        mean_first_passage_time(result, 0.0, 200.0, generator=0)


def test_heat_of_paths_with_gaps_is_that_of_the_same_steps() -> None:
    """NaN where a step is missing; each path begins with its first frame."""
    for system in (BEADS, WITH_INERTIA):
        whole = simulate(system, 6, 30, DT, generator=15, dtype=torch.float64)
        there = torch.rand(6, 31, generator=make_generator(16)) > 0.3
        there[:, 0] = there[0, 30] = True
        heat = system.heat(of_frames(whole.x, there, underdamped=system.underdamped))
        both = there[:, 1:] & there[:, :-1]
        assert torch.equal(~heat[..., 0].isnan(), both)
        torch.testing.assert_close(heat[both], system.heat(whole)[both])


def test_heat_of_the_hot_half_is_summed_over_the_steps_that_exist() -> None:
    motor = UnderdampedThermalMotor()
    whole = simulate(motor, 6, 30, DT, generator=18, dtype=torch.float64)
    x = whole.x.clone()
    there = torch.ones(6, 31).bool()
    there[0, 15] = False
    pieces = (Trajectories(x[:1, :15], DT, True), Trajectories(x[:1, 16:], DT, True))
    hot = motor.hot_heat(of_frames(x, there, underdamped=True))
    torch.testing.assert_close(hot[0], sum(motor.hot_heat(piece) for piece in pieces)[0])
    torch.testing.assert_close(hot[1:], motor.hot_heat(whole)[1:])


def test_movies_are_made_of_windows_that_exist() -> None:
    data, camera = knocked_out(simulate(BEADS, 6, 30, DT, generator=17).x, 0.3), bead_camera(BEADS)
    with pytest.raises(ValueError, match="no gaps"):
        camera.film(data)
    assert camera.film(data.gapless(3, 3)[0]).n_times == 3


# Far from zero


def test_positions_far_from_zero_give_the_same_equation() -> None:
    x = simulate(BEADS, 30, 500, DT, generator=14, dtype=torch.float64).x
    for rule, gaps in (("ito", 0.0), ("midpoint", 0.2)):
        near, far = (
            infer_langevin(knocked_out(x + shift, gaps), rule=rule, diffusion=BayesianRegression())
            for shift in (0.0, 2e6)
        )
        for f in ("drift", "diffusion"):
            for value in ("mean", "std"):
                a = getattr(getattr(near, f), value)(near.states)
                b = getattr(getattr(far, f), value)(far.states)
                torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_states_that_were_rounded_are_refused_where_it_shows() -> None:
    """Steps of 0.14 at 2·10⁶, where single precision leaves eighths of one."""
    x = simulate(BEADS, 30, 500, DT, generator=14, dtype=torch.float64).x
    for gaps in (0.0, 0.3):
        rounded = knocked_out((x + 2e6).float(), gaps)
        with pytest.raises(ValueError, match="rounding makes .* of its squared differences; store"):
            infer_langevin(rounded)
        assert infer_langevin(rounded, rule="midpoint").increments.rule == "midpoint"


def test_frames_that_are_lost_after_large_steps_make_D_and_the_rate_too_small() -> None:
    """What the page on estimators warns of. Steps of length r > R end in a lost frame: of the rest
    ⟨r²⟩ = 2s²(1 − a/(eᵃ − 1)) with a = R²/2s², s² = 2D dt, and the drift shrinks by the same factor."""
    trap = Linear(torch.tensor([[-1.0, 3.0], [-3.0, -1.0]]), torch.eye(2))
    x = simulate(trap, 100, 199, DT, generator=make_generator(0), dtype=torch.float64).x
    s = (2 * DT) ** 0.5
    there = torch.ones(x.shape[:2], dtype=torch.bool)
    there[:, 1:] = x.diff(dim=1).norm(dim=-1) < 1.8 * s
    a = 1.8**2 / 2
    factor = 1 - a / math.expm1(a)  # 0.60
    data = of_frames(x, there)
    D = infer_langevin(data, drift=LINE).diffusion.mean(x[0, :1])[0].diagonal()
    assert D.tolist() == pytest.approx([factor, factor], rel=0.04)  # ±1 %, and 2 % of the drift
    found = gaussian_plugin(data)
    assert abs(found.rate - factor * trap.entropy_production_rate()) < K * found.std
