"""Movies: frames are what optics says, and whatever is done to a movie, no frame changes."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from stochphys.data import Trajectories, Windows
from stochphys.device import make_generator
from stochphys.inference import infer_entropy_production
from stochphys.models import CNEEP, BilinearCNEEP, FlowNEEP
from stochphys.movie import Movie
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring, bead_camera
from stochphys.training import Ensemble
from tests.chance import sigmas

BEADS = BeadSpring()


@pytest.fixture
def generator() -> torch.Generator:
    return make_generator(7)


@pytest.fixture
def trajectories(generator) -> Trajectories:
    return simulate(BEADS, 12, 40, 0.05, generator=generator)


def test_a_frame_is_the_sum_of_gaussian_blobs(trajectories):
    camera = bead_camera(BEADS)
    x = trajectories.x[0, 3].double()
    row, column = torch.meshgrid(torch.arange(10.0), torch.arange(20.0), indexing="ij")
    spread = BEADS.stationary_covariance().diagonal().sqrt()
    expected = sum(
        255 * torch.exp(-((row - 5) ** 2 + (column - c) ** 2) / (2 * 1.5**2))
        for c in torch.tensor([5.0, 15.0]) + 0.5 * x / spread
    )
    torch.testing.assert_close(camera(x), expected.double(), rtol=0, atol=1e-4)


def test_crop_hide_and_bits_act_on_the_same_frames(trajectories):
    camera, x = bead_camera(BEADS), trajectories.x.double()  # in float32 pixels round by 1e-4
    frames = camera(x)
    torch.testing.assert_close(camera.crop(2, 4, 6, 9)(x), frames[..., 2:8, 4:13])
    alone = camera.showing([0])(x) + camera.showing([1])(x)
    torch.testing.assert_close(alone.clamp(max=255), frames)
    digital = replace(camera, bits=8)(x)
    assert torch.equal(digital, digital.round()) and ((frames - digital) < 1).all()
    with pytest.raises(ValueError, match="leaves the frame"):
        camera.crop(5, 0, 6, 20)


def test_noise_locates_a_bead_as_well_as_theory_says(trajectories, generator):
    """Noise ζ of the peak locates a free blob to ζ/√(π/2) pixels, whatever its width."""
    camera = replace(bead_camera(BEADS), noise=0.1)
    pixels_per_unit = 0.5 / BEADS.stationary_covariance().diagonal().sqrt()
    error = camera.localisation().diagonal().sqrt() * pixels_per_unit
    assert error.tolist() == pytest.approx([0.1 / math.sqrt(math.pi / 2)] * 2, rel=0.01)
    noise = camera(trajectories.x, generator=generator) - replace(camera, noise=0.0)(trajectories.x)
    n = noise.numel()
    assert noise.std().item() == pytest.approx(25.5, abs=5 * 25.5 / math.sqrt(2 * n))
    with pytest.raises(TypeError, match="generator must be .*, got None"):
        camera.film(trajectories)


def test_whatever_is_done_to_a_movie_changes_no_frame(trajectories, generator):
    camera = bead_camera(BEADS)
    movie, frames = camera.film(trajectories), camera(trajectories.x)
    stored = Movie.of(frames, 0.05)
    everything = torch.arange(12 * 41).view(12, 41)
    torch.testing.assert_close(movie.at(everything), frames)
    torch.testing.assert_close(stored.at(everything), frames)
    torch.testing.assert_close(stored.reversed().at(everything), frames.flip(1))
    slow = stored.every(4)
    assert slow.dt == pytest.approx(0.2)
    torch.testing.assert_close(slow.at(torch.arange(12 * 11).view(12, 11)), frames[:, ::4])
    torch.testing.assert_close(
        stored.cut(4).at(torch.arange(48 * 10).view(48, 10)), frames[:, :40].reshape(48, 10, 10, 20)
    )
    shuffled = stored.shuffled(generator=generator)
    assert torch.equal(shuffled.x.sort(1).values, stored.x)
    windows = Windows(movie, 3)
    torch.testing.assert_close(windows[torch.tensor([[0, 40]])][0, 1], frames[1, 1:4])
    a, b = movie.split(0.75, generator=generator)
    torch.testing.assert_close(camera(a.filmed.x), a.at(torch.arange(9 * 41).view(9, 41)))
    assert b.n_trajectories == 3 and b.filmed.dt == 0.05
    one_take = movie.recorded()
    assert one_take.reel.dtype == torch.uint8
    difference = frames - one_take.at(everything)
    assert 0 <= difference.min() and difference.max() < 1


def test_no_frame_is_copied(trajectories, generator):
    stored = Movie.of(bead_camera(BEADS)(trajectories.x), 0.05)
    for other in (stored.cut(3), stored.every(2), stored.split(0.5, generator=generator)[0]):
        assert other.reel is stored.reel


def test_values_cannot_be_changed_where_numbers_of_frames_are_meant(trajectories):
    """Twice the numbers would show other frames, not brighter ones."""
    stored = Movie.of(bead_camera(BEADS)(trajectories.x), 0.05)
    assert not hasattr(stored, "map")
    assert torch.equal(stored.rearranged(stored.x.flip(1)).x, stored.reversed().x)
    assert torch.equal(stored.take(torch.tensor([1, 0])).x, stored.x[[1, 0]])
    with pytest.raises(ValueError, match="the reel allows 0 to"):
        stored.rearranged(2 * stored.x)
    with pytest.raises(
        TypeError, match="tensor of int64, got torch.float32; its entries are numbers of frames"
    ):
        stored.rearranged(2.0 * stored.x)


@pytest.mark.parametrize(
    "error, says, change",
    [
        (TypeError, "x must be a tensor of int64, got torch.float32", lambda x: x.float()),
        (TypeError, "x must be a tensor of int64, got torch.bool", lambda x: x > 3),
        (
            TypeError,
            "x must be a tensor of int64, got torch.uint8",
            lambda x: x.clamp(max=9).byte(),
        ),
        (TypeError, "x must be a tensor of int64, got ndarray", lambda x: x.numpy()),
        (TypeError, "x must be a tensor of int64, got list", lambda x: x.tolist()),
        (ValueError, "from 1 to 492, the reel allows 0 to 491", lambda x: x + 1),
        (ValueError, "from -1 to 490, the reel", lambda x: x - 1),
        (ValueError, r"got shape \(41,\); one movie needs x\[None\]", lambda x: x[0]),
        (ValueError, r"got shape \(12, 41, 1\)", lambda x: x[..., None]),
        (ValueError, r"got shape \(0, 41\)", lambda x: x[:0]),
        (ValueError, "at least two times", lambda x: x[:, :1]),
    ],
)
@pytest.mark.parametrize("rendered", [False, True], ids=["stored", "rendered"])
def test_however_a_movie_is_made_it_shows_frames_of_its_reel(
    error, says, change, rendered, trajectories
):
    camera = bead_camera(BEADS)
    movie = camera.film(trajectories) if rendered else Movie.of(camera(trajectories.x), 0.05)
    wrong = change(movie.x)
    for make in (lambda x: Movie(movie.reel, 0.05, x), movie.rearranged):
        with pytest.raises(error, match=says):
            make(wrong)


@pytest.mark.parametrize("which", [0, slice(0, 0), torch.tensor([], dtype=torch.int64)], ids=repr)
def test_no_part_of_a_movie_is_without_movies(which, trajectories):
    with pytest.raises(ValueError, match=r"x must have the axes \(n_movies, n_times\)"):
        bead_camera(BEADS).film(trajectories).take(which)


@pytest.mark.parametrize(
    "error, match, make",
    [
        (
            ValueError,
            "colour",
            lambda f: Movie(f.reshape(-1, 10, 20, 1).expand(-1, -1, -1, 3), 0.05),
        ),
        (
            ValueError,
            "of colours take the mean",
            lambda f: Movie.of(f[..., None].expand(-1, -1, -1, -1, 3), 0.05),
        ),
        (ValueError, "at least two times", lambda f: Movie.of(f[:, :1], 0.05)),
        (ValueError, "height, width", lambda f: Movie(f, 0.05)),
        (ValueError, "dt must be positive.* between two frames", lambda f: Movie.of(f, 0.0)),
        (ValueError, "frame 42, row 3, column 7", lambda f: Movie.of(broken(f), 0.05)),
        (
            TypeError,
            "images must be a tensor of uint8 or .*, got torch.bool",
            lambda f: Movie.of(f > 1, 0.05),
        ),
        (
            TypeError,
            "images must be a tensor of .*, got torch.bfloat16",
            lambda f: Movie.of(f.bfloat16(), 0.05),
        ),
        (
            TypeError,
            "images must be a tensor of .*, got ndarray",
            lambda f: Movie.of(f.numpy(), 0.05),
        ),
        (
            TypeError,
            "images must be a tensor of .*, got list",
            lambda f: Movie.of(f.tolist(), 0.05),
        ),
        (TypeError, "reel must be a tensor of .* got ndarray", lambda f: Movie(f[0].numpy(), 0.05)),
        (TypeError, "reel must be a tensor of .* got list", lambda f: Movie(f[0].tolist(), 0.05)),
        (ValueError, "what was filmed is not known", lambda f: Movie.of(f, 0.05).filmed),
    ],
)
def test_frames_that_cannot_be_used_are_refused(error, match, make, trajectories):
    with pytest.raises(error, match=match):
        make(bead_camera(BEADS)(trajectories.x))


def broken(frames: torch.Tensor) -> torch.Tensor:
    frames = frames.clone()
    frames[1, 1, 3, 7] = float("nan")
    return frames


def test_networks_refuse_movies_without_motion_and_frames_that_are_too_small(generator):
    still = Movie.of(torch.full((12, 5, 10, 20), 3.0), 0.1)
    with pytest.raises(ValueError, match="no pixel of these movies ever changes"):
        infer_entropy_production(still, generator=generator)
    with pytest.raises(ValueError, match="too small"):
        CNEEP((4, 20), generator=generator)
    with pytest.raises(ValueError, match="frames must be an integer of at least 2"):
        BilinearCNEEP((10, 20), frames=1, generator=generator)


@pytest.mark.parametrize("frames", [2, 3, 4])
@pytest.mark.parametrize("kind", [CNEEP, BilinearCNEEP, FlowNEEP])
def test_an_ensemble_says_what_its_members_say(kind, frames, trajectories, generator):
    movie = bead_camera(BEADS).film(trajectories)
    nets = [kind(movie.shape, frames=frames, generator=generator) for _ in range(3)]
    nets = [net.standardise(movie) for net in nets]
    window = Windows(movie, frames).sample(7)
    together = Ensemble(nets).on_shared(window)
    for alone, net in zip(together, nets, strict=True):
        torch.testing.assert_close(alone, net(window), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(net(window.flip(1)), -net(window), rtol=1e-4, atol=1e-5)


def test_the_published_network_reads_frames_one_by_one_but_for_its_first_layer(
    trajectories, generator
):
    """Its input (mean, difference) is a linear map of (I, I'), so the same function is the published
    network on raw frames with another first layer."""
    movie = bead_camera(BEADS).film(trajectories)
    net = CNEEP(movie.shape, generator=generator).standardise(movie)
    net.centre.fill_(net.centre.mean())  # the published standardisation is one number
    window = Windows(movie).sample(5)
    first = net.body[0]
    mean, difference = first.weight.unbind(1)
    raw = torch.stack(
        (
            mean / 2 / net.scale[0] - difference / net.scale[1],
            mean / 2 / net.scale[0] + difference / net.scale[1],
        ),
        1,
    )

    def h(frames):
        frames = frames - net.centre
        features = torch.nn.functional.conv2d(frames, raw, first.bias, 2, 2)
        return net.head(net.body[1:](features).flatten(1)).squeeze(1)

    torch.testing.assert_close(net(window), h(window) - h(window.flip(1)), rtol=1e-4, atol=1e-5)


def test_shares_of_the_beads_add_up_to_the_entropy_of_each_step(generator):
    """⟨ν²⟩/D from the velocities of the probability current; test_filament has their values."""
    for beads in (BeadSpring(), BeadSpring(n_beads=5)):
        rate = beads.entropy_production_rate(0.05)
        assert beads.local_entropy_production_rate(0.05).sum().item() == pytest.approx(rate)
        paths = simulate(beads, 400, 500, 0.05, generator=generator)
        each = beads.local_entropy_production(paths, "exact")
        torch.testing.assert_close(each.sum(-1), beads.entropy_production(paths, "exact"))
        mean, error = each.mean((0, 1)), each.mean(1).std(0) / 20
        exact = beads.local_entropy_production_rate(0.05).float() * 0.05
        assert ((mean - exact).abs() < sigmas(error.numel()) * error).all()


@pytest.mark.cuda
def test_frames_are_rendered_and_learned_from_on_a_gpu(trajectories, generator):
    camera = bead_camera(BEADS)
    index = torch.arange(12 * 41).view(12, 41)
    movie, stored = camera.film(trajectories), Movie.of(camera(trajectories.x), 0.05)
    for one in (movie, stored):
        frames = one.to("cuda").at(index.cuda())
        assert frames.is_cuda
        torch.testing.assert_close(frames.cpu(), one.at(index), rtol=1e-4, atol=1e-2)
    noisy = replace(camera, noise=0.02)
    films = noisy.film(simulate(BEADS, 200, 500, 0.05, generator=generator), generator=generator)
    options = dict(members=2, steps=800, device="cuda", progress=False)
    result = infer_entropy_production(films, generator=generator, **options)
    assert result.compare(BEADS).r_squared > 0.85


# Made smaller


@pytest.fixture
def stored() -> Movie:
    """Two movies of 30 frames of 13 × 17 pixels, of 16 bits."""
    frames = torch.randint(0, 60_000, (2, 30, 13, 17), generator=make_generator(0))
    return Movie.of(frames.to(torch.uint16), 0.1)


def everything(movie: Movie) -> torch.Tensor:
    return movie.at(torch.arange(movie.x.numel()).view(movie.x.shape))


def test_a_crop_is_a_view(stored):
    small = stored.crop(2, 3, 6, 9)
    assert small.reel.data_ptr() == stored.reel[:, 2:, 3:].data_ptr() and small.shape == (6, 9)
    assert torch.equal(everything(small), everything(stored)[..., 2:8, 3:12])
    assert torch.equal(everything(small.cut(3)), everything(stored.cut(3))[..., 2:8, 3:12])
    for wrong in ((8, 0, 6, 9), (0, 9, 6, 9), (-1, 0, 6, 9), (0, 0, 0, 9), (0.5, 0, 6, 9)):
        with pytest.raises(ValueError, match="leaves the frame, .13, 17|must be an? .*integer"):
            stored.crop(*wrong)


@pytest.mark.parametrize("k", [1, 2, 3, 13])
def test_a_bin_is_the_mean_of_its_pixels(stored, k):
    rows, columns = 13 // k, 17 // k
    means = everything(stored)[..., : rows * k, : columns * k].double()
    means = means.unflatten(-1, (columns, k)).unflatten(-3, (rows, k)).mean((-1, -3))
    torch.testing.assert_close(everything(stored.bin(k)).double(), means, rtol=1e-6, atol=0)
    with pytest.raises(ValueError, match=r"k must lie in \[1, 13\], got 14"):
        stored.bin(14)


def test_a_background_is_that_of_the_frames_shown(stored, monkeypatch):
    monkeypatch.setattr("stochphys.movie.PIECE", 23)  # tiles of one row of 17 pixels at most
    part = stored.rearranged(stored.x[:, 5:25])
    frames = everything(part)
    for how in ("median", "mean"):
        image = torch.from_numpy(getattr(np, how)(frames.double().numpy(), axis=(0, 1)))
        less = (frames.double() - image).float()
        assert torch.equal(everything(part.subtract(how)), less)
        assert torch.equal(everything(part.subtract(image)), less)
    assert everything(part.crop(0, 0, 5, 5).subtract()).median(1).values.abs().mean() < 20_000
    with pytest.raises(ValueError, match="background must be one of median, mean, got 'mode'"):
        part.subtract("mode")
    with pytest.raises(
        ValueError, match=r"an image of the frames' shape \(13, 17\), got \(17, 13\)"
    ):
        part.subtract(torch.zeros(17, 13))
    with pytest.raises(ValueError, match="background must be finite"):
        part.subtract(torch.full((13, 17), torch.nan))
    with pytest.raises(TypeError, match="background must be a tensor"):
        part.subtract(3.0)


def test_a_film_is_stored_before_its_frames_are_changed(trajectories):
    film = bead_camera(BEADS).film(trajectories)
    for change in (lambda m: m.crop(0, 0, 5, 5), lambda m: m.bin(2), lambda m: m.subtract("mean")):
        with pytest.raises(ValueError, match=r"movie.recorded\(\) stores them"):
            change(film)
        assert change(film.recorded()).x.shape == film.x.shape
