"""What frames still show: exact figures of the bead-spring chain, and laws that need no figures."""

from dataclasses import replace
from math import pi
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.simulators import Linear, simulate
from stochphys.simulators.visible import frame_covariances, visible_entropy, visible_entropy_rate
from stochphys.systems import BeadSpring, bead_camera
from tests.chance import K
from tests.lesson import inline

TWO, FIVE = BeadSpring(), BeadSpring(n_beads=5)
TRUTH = {system: system.entropy_production_rate() for system in (TWO, FIVE)}


def beads(*numbers: int) -> Tensor:
    """M that picks these beads of five, numbered from 1."""
    return torch.eye(5, dtype=torch.float64)[[number - 1 for number in numbers]]


def camera_noise(eta: float, motion: float = 0.5) -> Tensor:
    """Covariance of two beads' positions as a camera reads them: pixel noise of `eta` of the peak
    shifts a Gaussian blob by eta/√(π/2) pixels, and `motion` pixels are one standard deviation."""
    return torch.diag(TWO.stationary_covariance().diagonal()) * eta**2 / (pi / 2) / motion**2


@pytest.mark.parametrize(
    ("system", "fractions"),
    [
        (TWO, {0.01: 0.980, 0.02: 0.960, 0.05: 0.902, 0.1: 0.808, 0.2: 0.637, 0.5: 0.280}),
        (FIVE, {0.01: 0.984, 0.02: 0.968, 0.05: 0.922, 0.1: 0.849, 0.2: 0.717, 0.5: 0.431}),
    ],
    ids=["two beads", "five beads"],
)
def test_a_slow_camera_misses_what_happens_between_frames(
    system: BeadSpring, fractions: dict[float, float]
) -> None:
    for dt, fraction in fractions.items():
        rate = visible_entropy_rate(system, dt)
        assert rate / TRUTH[system] == pytest.approx(fraction, abs=5e-4)
        assert rate == pytest.approx(system.entropy_production_rate(dt), rel=1e-9)


def test_a_step_shows_most_at_036() -> None:
    """0.304 per pair of frames at dt = 0.36, less at longer and at shorter intervals."""
    per_step = {dt: dt * visible_entropy_rate(TWO, dt) for dt in (0.3, 0.36, 0.42)}
    assert max(per_step, key=per_step.__getitem__) == 0.36
    assert per_step[0.36] == pytest.approx(0.304, abs=5e-4)


@pytest.mark.parametrize(
    ("visible", "fraction"),
    [((1, 2), 0.681), ((1, 2, 3), 0.880), ((2, 3, 4), 0.236), ((3, 4), 0.070), ((1, 5), 0.0067)],
)
def test_hidden_beads(visible: tuple[int, ...], fraction: float) -> None:
    rate = visible_entropy_rate(FIVE, 0.01, observe=beads(*visible))
    assert rate / TRUTH[FIVE] == pytest.approx(fraction, abs=5e-4 if fraction > 0.01 else 5e-5)


def test_sixteen_frames_lift_two_of_five_beads() -> None:
    """The 16th frame tells 0.708 of the truth; sixteen together, the poorer first ones included,
    0.695 on average."""
    mean = {n: visible_entropy_rate(FIVE, 0.01, observe=beads(1, 2), frames=n) for n in (15, 16)}
    assert mean[16] / TRUTH[FIVE] == pytest.approx(0.695, abs=5e-4)
    assert (15 * mean[16] - 14 * mean[15]) / TRUTH[FIVE] == pytest.approx(0.708, abs=5e-4)


@pytest.mark.parametrize("bead", [1, 3, 5])
@pytest.mark.parametrize("frames", [2, 5, 16])
@pytest.mark.parametrize("noise", [None, [[0.3]]])
def test_one_bead_has_no_direction_of_time(bead: int, frames: int, noise: object) -> None:
    """One stationary Gaussian coordinate is reversible, however long it is watched."""
    noise = None if noise is None else torch.tensor(noise)
    options = dict(observe=beads(bead), noise=noise, frames=frames)
    assert visible_entropy_rate(FIVE, 0.05, **options) == 0


def test_noise_hides_dissipation() -> None:
    of_frames = visible_entropy_rate(TWO, 0.05)
    for eta, fraction in {0.02: 0.975, 0.05: 0.8625, 0.1: 0.611, 0.2: 0.275}.items():
        rate = visible_entropy_rate(TWO, 0.05, noise=camera_noise(eta))
        assert rate / of_frames == pytest.approx(fraction, abs=5e-4)


def test_a_longer_interval_helps_against_noise() -> None:
    for dt, fraction in {0.01: 0.076, 0.05: 0.248, 0.1: 0.328}.items():
        rate = visible_entropy_rate(TWO, dt, noise=camera_noise(0.2))
        assert rate / TRUTH[TWO] == pytest.approx(fraction, abs=5e-4)


def test_equilibrium_is_reversible_whatever_is_seen() -> None:
    calm = BeadSpring(T_c=3.0, T_h=3.0, n_beads=5)
    mixed = torch.tensor([[1.0, 0.5, 0, 0, 0], [0, 0, 1.0, -1.0, 2.0]])
    for frames in (2, 6):
        rate = visible_entropy_rate(calm, 0.05, observe=mixed, frames=frames)
        assert abs(rate) < 1e-10


def test_all_of_the_state_without_noise_has_no_use_for_memory() -> None:
    """A Markov process: n frames tell n - 1 times as much as two, film by film."""
    data = simulate(FIVE, 20, 13, 0.05, generator=make_generator(1))
    steps = FIVE.entropy_production(data, "exact").double()
    for frames in (2, 4, 7):
        assert visible_entropy_rate(FIVE, 0.05, frames=frames) == pytest.approx(
            visible_entropy_rate(FIVE, 0.05), rel=1e-9
        )
        windows = visible_entropy(FIVE, data, frames=frames)
        of_steps = steps.unfold(1, frames - 1, frames - 1).sum(-1)
        torch.testing.assert_close(windows, of_steps, rtol=1e-4, atol=1e-4)  # float32 steps


@pytest.mark.parametrize("dt", [0.01, 0.1])
@pytest.mark.parametrize("visible", [(1, 2), (1, 5), (2, 3, 4)])
def test_more_frames_and_more_beads_show_more_but_never_all(
    dt: float, visible: tuple[int, ...]
) -> None:
    noise = 0.05 * torch.eye(len(visible))
    for R in (None, noise):
        options = dict(observe=beads(*visible), noise=R)
        rates = [visible_entropy_rate(FIVE, dt, frames=n, **options) for n in (2, 3, 4, 8, 16)]
        assert rates == sorted(rates) and 0 < rates[0] and rates[-1] < TRUTH[FIVE]
    fewer = visible_entropy_rate(FIVE, dt, observe=beads(*visible[:-1]), frames=8)
    assert fewer < visible_entropy_rate(FIVE, dt, observe=beads(*visible), frames=8)


def test_long_windows_reach_the_spectral_rate() -> None:
    r"""The divergence per step of endless Gaussian films is
    $\frac12\int\frac{d\theta}{2\pi}\operatorname{tr}(S(-\theta)^{-1}S(\theta) - 1)$, with the
    spectral density S of the frames, here of a chain x' = Px + noise of covariance Q."""
    dt, M, R = 0.1, beads(1, 2).to(torch.complex128), 0.1 * torch.eye(2, dtype=torch.complex128)
    P, Q = (matrix.to(torch.complex128) for matrix in FIVE.transition(dt))
    theta = (torch.arange(4096, dtype=torch.float64) / 4096 * 2 * pi)[:, None, None]
    response = M @ torch.linalg.inv(torch.eye(5) - P * torch.exp(-1j * theta))
    S = response @ Q @ response.mH + R
    spectral = torch.linalg.solve(S.mT, S).diagonal(dim1=1, dim2=2).sum(1).real.mean() / 2 - 1
    D = {
        n: (n - 1)
        * dt
        * visible_entropy_rate(FIVE, dt, observe=beads(1, 2), noise=R.real, frames=n)
        for n in (79, 80)
    }
    assert D[80] - D[79] == pytest.approx(spectral.item(), rel=1e-3)


def test_log_ratios_of_noisy_films_have_the_exact_mean() -> None:
    """Two of five beads through a noisy camera: the mean of ΔS, and of e^(-ΔS), within K s.e."""
    M, R, n = beads(1, 2), torch.tensor([[0.2, 0.05], [0.05, 0.1]]), 4
    generator = make_generator(2)
    x = simulate(FIVE, 2000, 30, 0.1, generator=generator)
    error = torch.randn(2000, 31, 2, generator=generator) @ torch.linalg.cholesky(R).T
    seen = Trajectories(x.x @ M.T.float() + error, x.dt)
    entropy = visible_entropy(FIVE, seen, observe=M, noise=R, frames=n)
    assert entropy.shape == (2000, 10)
    exact = (n - 1) * x.dt * visible_entropy_rate(FIVE, x.dt, observe=M, noise=R, frames=n)
    for per_film, mean in ((entropy.mean(1), exact), (torch.exp(-entropy).mean(1), 1.0)):
        assert abs(per_film.mean() - mean) < K * per_film.std() / 2000**0.5
    reversed_film = Trajectories(seen.x.flip(1), x.dt)
    backwards = visible_entropy(FIVE, reversed_film, observe=M, noise=R, frames=n).flip(1)
    torch.testing.assert_close(backwards, -entropy, rtol=1e-6, atol=1e-9)


def test_a_mixture_of_the_coordinates_is_seen_as_well_as_the_coordinates() -> None:
    """What is seen may be written in any coordinates."""
    mix = torch.tensor([[1.0, 2.0], [-1.0, 0.5]], dtype=torch.float64)
    R = torch.tensor([[0.3, 0.1], [0.1, 0.2]], dtype=torch.float64)
    plain = visible_entropy_rate(FIVE, 0.05, observe=beads(2, 3), noise=R, frames=3)
    options = dict(observe=mix @ beads(2, 3), noise=mix @ R @ mix.T, frames=3)
    assert visible_entropy_rate(FIVE, 0.05, **options) == pytest.approx(plain, rel=1e-9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(frames=1), "at least 2"),
        (dict(observe=torch.eye(3)), r"\(k, 5\)"),
        (dict(observe=beads(1), noise=torch.eye(2)), r"covariance \(1, 1\)"),
        (dict(noise=-torch.eye(5)), "negative"),
        (dict(observe=beads(1, 1)), "copies"),
    ],
)
def test_a_camera_that_makes_no_sense_is_refused(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        visible_entropy_rate(FIVE, 0.05, **options)


def test_frames_of_another_camera_are_refused() -> None:
    data = simulate(FIVE, 2, 3, 0.05, generator=make_generator(3))
    with pytest.raises(ValueError, match="observe"):
        visible_entropy(FIVE, data, observe=beads(1, 2))
    with pytest.raises(ValueError, match="no stationary state"):
        visible_entropy_rate(Linear(torch.eye(2), torch.eye(2)), 0.05)


# What notebook 33 writes out by hand

DT, N = 0.05, 4
M = torch.tensor([[1.0, 0, 0.5, 0, 0], [0, 1.0, 0, 0, -1.0]], dtype=torch.float64)
R = torch.tensor([[0.3, 0.1], [0.1, 0.2]], dtype=torch.float64)


@pytest.fixture(scope="module")
def lesson() -> SimpleNamespace:
    """`law` and `divergence` as the notebook defines them: the cell as it stands."""
    return inline("33_imperfect_movies", "law", "divergence", torch=torch)


def test_what_the_lesson_says_of_slow_and_noisy_cameras() -> None:
    """Noise of 0.2 on the coarse camera: what pairs show of 2.025, at four intervals."""
    camera = replace(bead_camera(TWO, cell=(5, 5), psf=0.75, motion=0.25), noise=0.1)
    shares = [
        visible_entropy_rate(TWO, dt, noise=camera.localisation()) / TRUTH[TWO]
        for dt in (0.05, 0.1, 0.15, 0.2)
    ]
    assert shares == pytest.approx([0.26, 0.34, 0.36, 0.35], abs=0.006)


def test_the_inline_law_is_that_of_the_package(lesson: SimpleNamespace) -> None:
    forward, _ = frame_covariances(FIVE, DT, M, R, N)
    torch.testing.assert_close(lesson.law(FIVE, DT, M, R, N), forward)
    everything, _ = frame_covariances(FIVE, DT, None, None, 2)
    torch.testing.assert_close(lesson.law(FIVE, DT), everything)


def test_the_inline_divergence_is_that_of_the_package(lesson: SimpleNamespace) -> None:
    rate = lesson.divergence(lesson.law(FIVE, DT, M, R, N), N) / ((N - 1) * DT)
    exact = visible_entropy_rate(FIVE, DT, observe=M, noise=R, frames=N)
    assert rate == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("part", ["law", "divergence"])
def test_a_lesson_that_drifts_away_is_noticed(part: str, lesson: SimpleNamespace) -> None:
    wrong = SimpleNamespace(**vars(lesson))
    if part == "law":  # the transposed covariance: time reversed
        wrong.law = lambda *args: lesson.law(*args).flip(0, 1)
        test = test_the_inline_law_is_that_of_the_package
    else:
        wrong.divergence = lambda *args: 2 * lesson.divergence(*args)
        test = test_the_inline_divergence_is_that_of_the_package
    with pytest.raises(AssertionError):
        test(wrong)
