"""What a file says of its axes, its frame rate and its pixels is believed; what it leaves open is asked."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

av = pytest.importorskip("av")
tifffile = pytest.importorskip("tifffile")

import numpy as np
import torch
from PIL import Image

from stochphys.movie import Movie

DT = 0.05
ROW = np.arange(6)[:, None, None]
STACK = np.random.default_rng(0).integers(0, 60_000, (6, 2, 3, 16, 32), np.uint16)  # T Z C Y X
FILM = STACK[:, 0, 0]
BYTES = (FILM // 256).astype(np.uint8)


def all_of(movie: Movie) -> np.ndarray:
    return movie.at(torch.arange(movie.x.numel())).numpy()


def same(movie: Movie, frames: np.ndarray) -> bool:
    return np.array_equal(all_of(movie), frames.astype(np.float32))


def write_tif(path: Path, frames: np.ndarray, axes: str, **options: Any) -> None:
    tifffile.imwrite(path, frames, metadata={"axes": axes}, **options)


@pytest.mark.parametrize(
    "kind", [{}, {"ome": True}, {"imagej": True}], ids=["axes", "ome", "imagej"]
)
@pytest.mark.parametrize("packed", [{}, {"compression": "zlib"}, {"byteorder": ">"}], ids=str)
def test_channel_and_slice_are_chosen_and_never_guessed(tmp_path, capsys, kind, packed):
    if "imagej" in kind and "compression" in packed:
        pytest.skip("no such files")
    write_tif(path := tmp_path / "a.tif", STACK, "TZCYX", **kind, **packed)
    for z, channel in ((0, 0), (1, 2)):
        assert same(Movie.load(path, DT, z=z, channel=channel), STACK[:, z, channel])
    printed = capsys.readouterr().out
    assert "a.tif: 1 movie of 6 frames, 16 × 32 pixels; z 1 of 2, the rest left out" in printed
    call = r"axes TZCYX; say what of it, Movie.load\('a.tif', z=0, channel=1\)"
    with pytest.raises(ValueError, match=call):
        Movie.load(path, DT, channel=1)
    with pytest.raises(ValueError, match="a.tif: channel must be an integer from 0 to 2, got 3"):
        Movie.load(path, DT, z=0, channel=3)


def test_what_is_chosen_of_a_stored_stack_stays_mapped(tmp_path):
    write_tif(path := tmp_path / "a.tif", STACK, "TZCYX")
    movie = Movie.load(path, DT, z=1, channel=0)
    tifffile.memmap(path)[2, 1, 0, 3, 4] = 7
    assert all_of(movie)[2, 3, 4] == 7


def test_channels_are_no_frames_unless_it_is_said(tmp_path):
    """A program that knew no better calls frames channels, or slices."""
    for axes, name in (("CYX", "channel"), ("ZYX", "z")):
        write_tif(path := tmp_path / "a.tif", FILM, axes, imagej=True)
        with pytest.raises(ValueError, match=rf"6 .*Movie.load\('a.tif', {name}='time'\), if its"):
            Movie.load(path, DT)
        assert same(Movie.load(path, DT, **{name: "time"}), FILM)
    write_tif(path, STACK[:, :, 0], "ZCYX", imagej=True)
    with pytest.raises(
        ValueError, match=r"Movie.load\('a.tif', z='time', channel=0\), if its slic"
    ):
        Movie.load(path, DT)
    assert same(Movie.load(path, DT, z="time", channel=1), STACK[:, 1, 0])
    write_tif(path, STACK[:, :, 0], "TZYX", imagej=True)
    with pytest.raises(ValueError, match="name its axes where you save it"):
        Movie.load(path, DT, z="time")


def test_pages_without_names_are_frames(tmp_path):
    for metadata in (None, {}):  # axes I Y X and Q Y X
        tifffile.imwrite(tmp_path / "a.tif", FILM, metadata=metadata)
        assert same(Movie.load(tmp_path / "a.tif", DT), FILM)
    tifffile.imwrite(tmp_path / "a.tif", STACK[:, :, 0])
    with pytest.raises(ValueError, match="6 pages × 2 pages .*, axes QQYX; .* name its axes"):
        Movie.load(tmp_path / "a.tif", DT)


def test_series_are_chosen_and_never_joined(tmp_path):
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tif:
        tif.write(FILM, metadata={"axes": "TYX", "TimeIncrement": 0.1})
        tif.write(FILM[::-1], metadata={"axes": "TYX", "TimeIncrement": 0.2})
    with pytest.raises(
        ValueError, match=r"2 series \(0: 6 times × .*Movie.load\('a.ome.tif', seri"
    ):
        Movie.load(path)
    movie = Movie.load(path, series=1)
    assert movie.dt == 0.2 and same(movie, FILM[::-1])
    with pytest.raises(ValueError, match="series must be an integer from 0 to 1, got 2"):
        Movie.load(path, series=2)


@pytest.mark.parametrize("packed", [{}, {"compression": "zlib"}], ids=str)
def test_pages_that_the_metadata_do_not_count_are_told(tmp_path, capsys, packed):
    write_tif(path := tmp_path / "a.ome.tif", FILM, "TYX", ome=True, **packed)
    path.write_bytes(path.read_bytes().replace(b'SizeT="6"', b'SizeT="4"'))
    assert same(Movie.load(path, DT), FILM[:4])
    assert "left out: 2 pages beyond what its metadata count" in capsys.readouterr().out


# When, and how large


@pytest.mark.parametrize(
    ("kind", "facts", "dt", "words"),
    [
        ("ome", {"TimeIncrement": 0.25}, 0.25, "dt 0.25 s from TimeIncrement"),
        ("ome", {"TimeIncrement": 50, "TimeIncrementUnit": "ms"}, 0.05, "dt 0.05 s"),
        ("ome", {"TimeIncrement": 2, "TimeIncrementUnit": "min"}, 120, "dt 120 s"),
        ("ome", {"Plane": {"DeltaT": [0.3 * t + 0.01 * (t == 3) for t in range(6)]}}, 0.3, "planes"),
        ("ome", {"PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "TimeIncrement": 1}, 1, "a pixel is 0.1 µm"),
        ("imagej", {"finterval": 0.25, "fps": 7}, 0.25, "dt 0.25 s from finterval"),
        ("imagej", {"finterval": 40, "tunit": "ms"}, 0.04, "dt 0.04 s"),
        ("imagej", {"fps": 8}, 0.125, "dt 0.125 s from fps (ImageJ), a speed to play at"),
        ("imagej", {"finterval": 1, "unit": "um"}, 1, "a pixel is 0.2 um"),
    ],
)  # fmt: skip
def test_the_time_step_and_the_pixel_stand_in_the_metadata(
    tmp_path, capsys, kind, facts, dt, words
):
    options = {kind: True, "metadata": {"axes": "TYX", **facts}, "resolution": (5, 5)}
    tifffile.imwrite(path := tmp_path / "a.tif", FILM, **options)
    assert Movie.load(path).dt == pytest.approx(dt, rel=1e-12)
    assert words in capsys.readouterr().out
    assert Movie.load(path, 7.0).dt == 7.0
    assert "dt 7 as given" in capsys.readouterr().out


def test_times_that_are_uneven_are_refused_unless_a_step_is_given(tmp_path):
    stamps = [0, 0.05, 0.1, 0.15, 0.35, 0.4]
    facts = {"axes": "TYX", "TimeIncrement": 0.05, "Plane": {"DeltaT": stamps}}
    tifffile.imwrite(path := tmp_path / "a.tif", FILM, ome=True, metadata=facts)
    words = r"a.tif: the time .* varies from 0.05 to 0.2. Give dt=.*give dt=0.05, .*x\[:, 0:4\]"
    with pytest.raises(ValueError, match=words):
        Movie.load(path)
    movie = Movie.load(path, 0.05)
    assert same(movie.rearranged(movie.x[:, 0:4]), FILM[:4])
    images = [Image.fromarray(page) for page in BYTES]
    gif = tmp_path / "a.gif"
    for waits, dt in (([40] * 6, 0.04), ([20, 30, 20, 30, 20, 30], 0.024), ([40] * 5 + [90], 0.04)):
        images[0].save(gif, save_all=True, append_images=images[1:], duration=waits)
        assert Movie.load(gif).dt == pytest.approx(dt)
    images[0].save(gif, save_all=True, append_images=images[1:], duration=[40, 40, 80, 40, 40, 40])
    with pytest.raises(ValueError, match="a.gif: the time .* varies from 0.04 to 0.08"):
        Movie.load(gif)
    assert Movie.load(gif, 0.04).dt == 0.04


def write_video(path: Path, pages: np.ndarray, stamps: np.ndarray, codec: str = "mpeg4") -> None:
    """Frames of grey or red, green and blue, shown at these times, in hundredths of a second."""
    with av.open(str(path), "w") as video:
        stream = video.add_stream(codec, rate=25)
        stream.height, stream.width, stream.bit_rate = *pages.shape[1:3], 4_000_000
        stream.codec_context.time_base = Fraction(1, 100)
        for page, stamp in zip(pages, stamps, strict=True):
            frame = av.VideoFrame.from_ndarray(page, format="gray" if page.ndim == 2 else "rgb24")
            frame.pts, frame.time_base = int(stamp), Fraction(1, 100)
            video.mux(stream.encode(frame))
        video.mux(stream.encode())


@pytest.mark.parametrize("ending", ["mp4", "mov"])
def test_a_video_tells_its_play_speed_and_whether_it_is_even(tmp_path, capsys, ending):
    path = tmp_path / f"a.{ending}"
    write_video(path, BYTES, 4 * np.arange(6))
    assert Movie.load(path).dt == pytest.approx(0.04, rel=1e-12)
    assert "from its play speed, which need not be the camera's" in capsys.readouterr().out
    write_video(path, BYTES, np.array([0, 4, 8, 12, 24, 28]))
    with pytest.raises(ValueError, match=f"a.{ending}: the time .* varies from 0.04 to 0.12"):
        Movie.load(path)
    assert Movie.load(path, 0.04).n_times == 6


# Colours


@pytest.mark.parametrize("ending", ["gif", "avi", "mp4", "tif", "npy"])
def test_one_colour_is_chosen(tmp_path, ending):
    """Red, green and blue are moving blobs of their own."""
    path, (row, column) = tmp_path / f"a.{ending}", np.mgrid[:32, :48]
    at = 10 + 10 * np.arange(3) + 2 * ROW[..., None]
    blobs = np.exp(-((row[..., None] - 16) ** 2 + (column[..., None] - at) ** 2) / 50)
    film = (200 * blobs).round().astype(np.uint8)
    if ending == "gif":
        images = [Image.fromarray(page) for page in film]
        images[0].save(path, save_all=True, append_images=images[1:], duration=40)
    elif ending == "tif":
        tifffile.imwrite(path, film, photometric="rgb")
    elif ending == "npy":
        np.save(path, film)
    else:
        write_video(path, film, 4 * np.arange(6))
    with pytest.raises(ValueError, match=r"choose one|keep one"):
        Movie.load(path, DT)
    for channel in range(3):
        found = all_of(Movie.load(path, DT, channel=channel))
        loss = 0 if ending in ("tif", "npy") else 12  # palettes, and colours at half the resolution
        assert np.abs(found - film[..., channel]).mean() <= loss
    with pytest.raises(ValueError, match="channel must be an integer from 0 to 2"):
        Movie.load(path, DT, channel=3)


@pytest.mark.parametrize(
    "shape", [(20, 3, 16, 32), (20, 16, 32, 4), (2, 6, 16, 32, 3), (2, 6, 3, 9, 9)]
)
def test_colours_at_any_end_of_an_array_are_no_frames(tmp_path, shape):
    array = np.random.default_rng(1).integers(0, 255, shape, np.uint8)
    np.save(path := tmp_path / "a.npy", array)
    with pytest.raises(
        ValueError, match=r"an axis of [34] colours; choose one, Movie.load\('a.npy'"
    ):
        Movie.load(path, DT)
    chosen = array[..., 1] if shape[-1] < 5 else np.moveaxis(array, -3, 0)[1]
    assert same(Movie.load(path, DT, channel=1), chosen.reshape(-1, *chosen.shape[-2:]))
    short = torch.zeros(20, 3, 16, 32)
    Movie.of(short, DT).save(tmp_path / "short.npz")  # three frames are a movie for who says so
    assert Movie.load(tmp_path / "short.npz").x.shape == (20, 3)


@pytest.mark.parametrize("seed", range(8))
def test_each_grey_level_of_a_gif_comes_back(tmp_path, seed):
    """Palettes of their own, merged ones, and frames of which only what changes is stored."""
    g, t = np.random.default_rng(seed), np.arange(7)
    levels = g.choice(256, (7 if seed % 2 else 1, 2 + 31 * seed))
    which = g.integers(0, levels.shape[1], (7, 24, 32))
    film = levels[(t % len(levels))[:, None, None], which].astype(np.uint8)
    film[1:, :12] = film[:1, :12]
    film[t, 0, 0] = g.permutation(256)[:7]  # no two frames are equal
    for mode in ("L", "P", "RGB"):
        for options in (
            {},
            {"optimize": True},
            {"optimize": False},
            {"disposal": 1},
            {"disposal": 2},
        ):
            images = [Image.fromarray(page).convert(mode) for page in film]
            path = tmp_path / "a.gif"
            images[0].save(path, save_all=True, append_images=images[1:], duration=40, **options)
            assert same(Movie.load(path), film)
