"""Frames that do not belong to their path: each is found and named, and clean paths have none."""

import pytest
import torch

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import infer_langevin
from stochphys.inference.outliers import without, wrong_frames
from stochphys.simulators import Linear, simulate
from stochphys.simulators.langevin import System
from stochphys.systems import UnderdampedBeadSpring, VanDerPol
from tests.chance import K

DT = 0.01  # a step of the trap is 0.14 of its width


@pytest.fixture(scope="module")
def trap():
    """Ten paths of 1000 frames in a trap, k = D = 1, in two dimensions."""
    system = Linear(-torch.eye(2), torch.eye(2))
    return simulate(system, 10, 1000, DT, generator=make_generator(0), dtype=torch.float64)


def places(data):
    return [(w.trajectory, w.frame) for w in wrong_frames(data)]


def moved(data, where, by):
    x = data.x.clone()
    x[where] += by
    return Trajectories(x, data.dt)


@pytest.mark.parametrize("by", [3.0, 10.0, 100.0])
@pytest.mark.parametrize("frame", [0, 1, 500, 999, 1000])
def test_a_displaced_spot_is_named(trap, by, frame):
    """By 3 widths of the trap, 21 steps, and more; in one coordinate."""
    assert places(moved(trap, (4, frame, 1), by)) == [(4, frame)]


def test_frames_between_there_and_back_are_wrong_and_of_a_jump_that_stays_the_first(trap):
    for n in (2, 30, 300):
        there = moved(trap, (2, slice(400, 400 + n)), 10.0)
        assert places(there) == [(2, frame) for frame in range(400, 400 + n)]
    assert places(moved(trap, (2, slice(600, None)), 10.0)) == [(2, 600)]
    assert places(moved(trap, (2, slice(0, 400)), 10.0)) == [(2, 400)]
    assert places(moved(trap, (2, slice(995, None)), 10.0)) == [(2, f) for f in range(995, 1001)]


def spiked(data, n, size, g, frames=1):
    """With `n` runs of so many frames off by `size` steps, in any direction; and which these are."""
    x, where = data.x.clone(), set()
    for _ in range(n):
        path = int(torch.randint(x.shape[0], (), generator=g))
        first = int(torch.randint(1, x.shape[1] - frames, (), generator=g))
        off = torch.randn(x.shape[2], generator=g, dtype=x.dtype)
        x[path, first : first + frames] += size * (2 * data.dt) ** 0.5 * off / off.norm()
        where |= {(path, first + i) for i in range(frames)}
    return Trajectories(x, data.dt), where


@pytest.mark.parametrize("n, size, frames", [(8, 18, 1), (30, 18, 1), (30, 10, 1), (8, 25, 3)])
def test_wrong_frames_do_not_hide_each_other(trap, n, size, frames):
    """Nine in ten are named; beside two that are close, another may be."""
    for seed in range(4):
        data, where = spiked(trap, n, size, make_generator(seed), frames)
        named = set(places(data))
        assert len(named & where) >= 0.9 * len(where) and len(named - where) <= 2


def test_wrong_frames_of_several_sizes_do_not_spoil_an_estimate(trap):
    """Normal ones of 20 steps: those that are not seen are too small to matter."""
    g = make_generator(5)
    x = trap.x.clone()
    for path in range(8):
        x[path, int(torch.randint(1, 1000, (), generator=g))] += 2 * torch.randn(2, generator=g)
    with_, clean = infer_langevin(Trajectories(x, DT)), infer_langevin(trap)
    at = clean.states
    off = (with_.drift.mean(at) - clean.drift.mean(at)) / clean.drift.std(at)
    assert off.square().mean() < 0.2


def test_tracks_with_inertia_that_end_at_any_time_show_their_spikes():
    """Positions only, in steps of the noise of two, which is less than a displacement."""
    data = simulate(UnderdampedBeadSpring(), 20, 500, 0.02, generator=make_generator(6))
    x = data.position.double()
    noise = (x[:, 2:] - 2 * x[:, 1:-1] + x[:, :-2]).std()
    x[3, 100], x[7, 200, 0] = x[3, 100] + 15 * noise, x[7, 200, 0] - 15 * noise
    there = torch.arange(501) < torch.randint(250, 502, (20, 1), generator=make_generator(7))
    track, frame = there.nonzero().unbind(1)
    cut = Trajectories.of_frames(x[there], data.dt, track=track, frame=frame)
    assert places(cut) == [(3, 100), (7, 200)]


def test_wrong_frames_are_left_out_of_drift_and_diffusion(trap):
    """What is left is what a path with gaps there gives, and D is 1."""
    found = infer_langevin(moved(trap, (4, 500), 100.0))
    path, frame = torch.meshgrid(torch.arange(10), torch.arange(1001), indexing="ij")
    kept = ~((path == 4) & (frame == 500))
    gap = Trajectories.of_frames(trap.x[kept], DT, track=path[kept], frame=frame[kept])
    x = torch.zeros(1, 2)
    torch.testing.assert_close(found.drift.mean(x), infer_langevin(gap).drift.mean(x))
    D, std = (part(x)[0].diagonal() for part in (found.diffusion.mean, found.diffusion.std))
    assert ((D - 1).abs() < K * std + DT).all()
    (sentence,) = found.warnings
    assert sentence.startswith("Wrong frames: trajectory 4 at frame 500, by")


def test_of_paths_with_gaps_the_number_in_the_film_is_named(trap):
    path, frame = torch.meshgrid(torch.arange(10), torch.arange(1001), indexing="ij")
    kept = (frame + path) % 50 > 0
    x = moved(trap, (3, 512), 10.0).x
    gaps = Trajectories.of_frames(x[kept], DT, track=path[kept], frame=frame[kept])
    assert places(gaps) == [(3, 512 - int(frame[kept].min()))]
    assert places(without(gaps, wrong_frames(gaps))) == []


class Noise(System):
    """A trap whose D varies 100-fold."""

    dim = 1

    def drift(self, x, t):
        return -x

    def noise_amplitude(self, x, t):
        return (0.2 * (1 + 99 * torch.sigmoid(3 * (x - 1)))).sqrt()


class Wells(System):
    """Wells between barriers of 10 kT, from one to the next in a frame."""

    dim, additive = 1, True

    def drift(self, x, t):
        return 10 * torch.pi * torch.sin(2 * torch.pi * x)

    def noise_amplitude(self, x, t):
        return 2**0.5


@pytest.mark.slow
def test_clean_paths_have_no_wrong_frames():
    """None in 40 sets of each kind: D(x) that varies 100-fold, rare hops seen by a slow camera, inertia
    with velocities and without, steps that are rare and ten times as long."""
    options = dict(generator=make_generator(1), dtype=torch.float64)
    swings = dict(start=torch.tensor([1.0, 0.0]), burn_in=2000, every=10, **options)
    kinds = [
        simulate(Noise(), 80, 6000, 0.005, every=2, start=0.0, **options),
        simulate(Wells(), 80, 20_000, 0.005, every=40, start=0.5, **options),
        simulate(UnderdampedBeadSpring(), 80, 1000, DT, **options),
        simulate(VanDerPol(D0=0.1, a=2.0, b=2.0), 80, 10_000, 0.002, **swings),
    ]
    kinds += [Trajectories(each.position, each.dt) for each in kinds[2:]]
    restless = (torch.rand(1000, generator=make_generator(2)) < 0.05).cumsum(0) % 2
    steps = torch.randn(80, 1000, 2, generator=make_generator(3), dtype=torch.float64)
    kinds.append(Trajectories((steps * (0.3 + 3 * restless)[:, None]).cumsum(1), DT))
    assert (
        sum(len(places(each.take(slice(i, i + 2)))) for each in kinds for i in range(0, 80, 2)) == 0
    )


@pytest.mark.slow
def test_a_jump_that_velocities_account_for_is_no_wrong_frame():
    """Swings of one frame, seen by a slow camera: none is wrong; a displaced frame of them still is."""
    for seed in range(10):
        how = dict(every=50, start=torch.tensor([0.1, 0.1]), dtype=torch.float64)
        swings = simulate(
            VanDerPol(k=8.0, D0=0.3), 2, 50_000, 0.002, generator=make_generator(seed), **how
        )
        assert places(swings) == []
        x = swings.x.clone()
        x[1, 500, 0] += 10.0
        assert (1, 500) in places(Trajectories(x, swings.dt, underdamped=True))
