"""Films that were once read wrongly without a word: each is read right now, told, or refused with a way."""

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

av = pytest.importorskip("av")
tifffile = pytest.importorskip("tifffile")

import numpy as np
import torch
from PIL import Image

from stochphys.inference import infer_entropy_production
from stochphys.movie import Movie

DT = 0.1
NOISE = np.random.default_rng(0).integers(0, 256, (7, 11, 13), np.uint8)
DIM = np.random.default_rng(1).integers(0, 16, (12, 20, 30, 3), np.uint8)
FAINT = np.full((12, 20, 62, 3), 100, np.uint8)
for k in range(12):
    FAINT[k, 5:15, 3 * k : 3 * k + 10, 0] += 16
GREY = np.repeat(NOISE[..., None], 3, -1)
T, ROW, COLUMN = np.meshgrid(np.arange(12), np.arange(32), np.arange(64), indexing="ij")
DEEP = (60_000 * np.exp(-((ROW - 16) ** 2 + (COLUMN - 20 - T) ** 2) / 50)).astype(np.uint16)
PALETTE = np.random.default_rng(2).permutation(256).astype(np.uint16) * 257
LARGE = np.int32(2_000_000_000) + NOISE
OPAQUE = np.concatenate((GREY, np.full_like(GREY[..., :1], 255)), -1)


def tif(path: Path, frames: np.ndarray, **options: Any) -> None:
    tifffile.imwrite(path, frames, **{"metadata": None} | options)


def gif(path: Path, frames: np.ndarray) -> None:
    images = [Image.fromarray(page) for page in frames]
    images[0].save(path, save_all=True, append_images=images[1:], duration=100)


def video(path: Path, frames: np.ndarray, codec: str, kind: str, **options: str) -> None:
    given = {1: "gray", 2: "gray16le"}[frames.itemsize] if frames.ndim == 3 else "rgb24"
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=Fraction(10), options=options)
        (stream.height, stream.width), stream.pix_fmt = frames.shape[1:3], kind
        for page in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(page, format=given)))
        file.mux(stream.encode())


def all_of(movie: Movie) -> np.ndarray:
    return movie.at(torch.arange(movie.x.numel())).numpy()


RGB = dict(photometric="rgb")
COLOURS = (
    "has colours, red, green and blue, or is transparent in part; keep one channel, Movie.load"
)


@pytest.mark.parametrize(
    ("name", "write", "frames", "options", "truth"),
    [
        ("float.tif", tif, DIM / 16, RGB, COLOURS),
        ("dim.tif", tif, DIM, RGB, COLOURS),
        ("dim.ome.tif", tif, DIM, RGB | dict(ome=True, metadata={"axes": "TYXS"}), COLOURS),
        ("dimj.tif", tif, DIM, RGB | dict(imagej=True, metadata={"axes": "TYXS"}), COLOURS),
        ("grey.tif", tif, GREY, RGB, NOISE),
        ("opaque.tif", tif, OPAQUE, RGB | dict(extrasamples=["unassalpha"]), NOISE),
        ("clear.tif", tif, OPAQUE[..., [0, 0, 0, 1]] // 2 * 0 + OPAQUE[..., [0, 1, 2, 0]],
         RGB | dict(extrasamples=["unassalpha"]), COLOURS),
        ("cmyk.tif", tif, OPAQUE, dict(photometric="separated"), "stores its pixels as SEPARATED"),
        ("mask.tif", tif, NOISE > 127, {}, NOISE > 127),
        ("palette.tif", tif, NOISE, dict(photometric="palette", colormap=np.tile(PALETTE, (3, 1))),
         (PALETTE >> 8)[NOISE]),
        ("colour.tif", tif, NOISE,
         dict(photometric="palette", colormap=np.stack((PALETTE, PALETTE, PALETTE[::-1]))), COLOURS),
        ("large.tif", tif, LARGE, {}, LARGE),
        ("unsigned.tif", tif, LARGE.astype(np.uint64), {}, LARGE),
        ("large.npy", np.save, LARGE, {}, LARGE),
        ("faint.gif", gif, FAINT, {}, COLOURS),
        ("grey.gif", gif, GREY, {}, NOISE),
        ("faint.mp4", video, FAINT, dict(codec="libx264", kind="yuv444p", crf="0"), COLOURS),
        ("faint.avi", video, FAINT, dict(codec="mpeg4", kind="yuv420p"), COLOURS),
        ("faint.mkv", video, FAINT, dict(codec="ffv1", kind="bgr0"), COLOURS),
        ("grey.mkv", video, GREY, dict(codec="ffv1", kind="bgr0"), NOISE),
        ("deep.mkv", video, DEEP, dict(codec="ffv1", kind="yuv420p10le"), DEEP),
        ("deep.mov", video, DEEP, dict(codec="prores_ks", kind="yuv422p10le"), DEEP),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)  # fmt: skip
def test_numbers_are_right_or_refused(tmp_path, name, write, frames, options, truth):
    write(tmp_path / name, frames, **options)
    if isinstance(truth, str):
        with pytest.raises(ValueError, match=f"{name} {truth}"):
            Movie.load(tmp_path / name, DT)
    else:
        lost = 300 if frames is DEEP else 0  # of 65 535, where 10 bits were kept
        found = all_of(Movie.load(tmp_path / name, DT))
        assert np.abs(found.astype(float) - truth).max() <= lost


@pytest.mark.parametrize("shape", [(200, 12, 24), (2, 6, 5, 3), (20, 3, 9, 8)])
def test_what_was_saved_is_loaded_whatever_its_width(tmp_path, capsys, shape):
    n = shape[0] if len(shape) == 4 else 20
    reel = torch.randint(0, 255, (*shape,)).byte()
    movie = Movie(reel.flatten(0, -3), DT)
    movie = movie.crop(0, 0, 12, 12).bin(3).cut(n) if len(shape) == 3 else movie.cut(n)
    movie.save(tmp_path / "a.npz")
    again = Movie.load(tmp_path / "a.npz")
    assert again.x.shape == movie.x.shape and again.shape == movie.shape
    assert np.array_equal(all_of(again), movie.at(movie.x.flatten()).numpy())
    assert capsys.readouterr().out == ""
    assert Movie.load(tmp_path / "a.npz", 0.5).dt == 0.5
    assert "dt 0.5 as given" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"path must end in .npz, .* got .tif"):
        movie.save(tmp_path / "a.tif")


def test_an_axis_of_three_is_asked_for_and_both_answers_work(tmp_path, capsys):
    frames = np.stack((NOISE[:3], NOISE[3:6]))
    np.savez(tmp_path / "a.npz", frames=frames, dt=0.2)
    with pytest.raises(ValueError, match=r"If it counts times: Movie\(.*, dt\).cut\(2\)"):
        Movie.load(tmp_path / "a.npz")
    movie = Movie(torch.from_numpy(frames).flatten(0, 1), DT).cut(2)
    assert np.array_equal(all_of(movie).reshape(frames.shape), frames)
    np.savez(tmp_path / "a.npz", film=NOISE[:, None], dt=0.2)  # an axis of one
    assert np.array_equal(all_of(Movie.load(tmp_path / "a.npz")), NOISE)
    assert "dt 0.2 beside the frames" in capsys.readouterr().out
    for name, write in (("a.npy", np.save), ("a.gif", gif)):
        write(tmp_path / name, NOISE)
        for choice in ({"z": 0}, {"series": 0}, {"channel": 0}):
            if name == "a.npy" or "channel" not in choice:
                with pytest.raises(ValueError, match="leave .* out"):
                    Movie.load(tmp_path / name, DT, **choice)


def test_what_is_left_out_and_how_it_is_stored_is_said(tmp_path, capsys):
    for kind in ("imagej", "ome"):
        path = tmp_path / f"{kind}.tif"
        tif(path, NOISE, metadata={"axes": "TYX"}, **{kind: True})
        raw = path.read_bytes().replace(b"images=7", b"images=5").replace(b"frames=7", b"frames=5")
        path.write_bytes(raw.replace(b'SizeT="7"', b'SizeT="5"'))
        assert np.array_equal(all_of(Movie.load(path, DT)), NOISE[:5])
        assert "left out: 2 pages" in capsys.readouterr().out
    tif(path, NOISE, photometric="miniswhite")
    assert np.array_equal(all_of(Movie.load(path, DT)), NOISE)
    assert "of which 0 means white" in capsys.readouterr().out
    stamps = [0, 0.1, 0.205, 0.3, 0.4, 0.5, 0.6]
    tif(path, NOISE, ome=True, metadata={"axes": "TYX", "Plane": {"DeltaT": stamps}})
    assert Movie.load(path).dt == pytest.approx(0.1)
    assert "the mean of steps that vary by up to 5.0%" in capsys.readouterr().out


def test_a_video_that_the_decoder_finds_corrupt_is_refused(tmp_path):
    frames = np.random.default_rng(3).integers(0, 256, (12, 48, 64), np.uint8)
    video(path := tmp_path / "a.mp4", frames, "libx264", "yuv420p", threads="1")
    assert Movie.load(path, DT).n_times == 12
    whole = path.read_bytes()
    begin = whole.find(b"mdat")
    corrupt = []
    for place in range(begin + 1000, begin + 10000, 500):  # the bytes depend on the processor
        raw = bytearray(whole)
        raw[place : place + 40] = bytes(40)
        (other := tmp_path / f"{place}.mp4").write_bytes(raw)
        with suppress(av.FFmpegError), av.open(str(other)) as file:
            if any(frame.is_corrupt for frame in file.decode(video=0)):
                corrupt.append(other)
    assert corrupt
    for other in corrupt:
        with pytest.raises(ValueError, match="mp4 is damaged: of the 12 frames it announces"):
            Movie.load(other, DT)


def test_a_video_is_shown_upright(tmp_path):
    """A telephone notes in a matrix how it was held."""
    video(path := tmp_path / "a.mp4", DEEP, "libx264", "yuv420p")
    raw, straight = bytearray(path.read_bytes()), all_of(Movie.load(path, DT))
    place = raw.find(b"tkhd") + 4 + 40
    quarter = [0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30]  # x' = -y, y' = x: clockwise
    raw[place : place + 36] = b"".join(number.to_bytes(4, "big", signed=True) for number in quarter)
    (other := tmp_path / "b.mp4").write_bytes(raw)
    assert np.array_equal(all_of(Movie.load(other, DT)), np.rot90(straight, -1, (1, 2)))


def test_digits_beyond_single_precision_are_kept_until_the_background_is_off(tmp_path):
    np.save(tmp_path / "a.npy", LARGE)
    movie = Movie.load(tmp_path / "a.npy", DT).subtract(torch.full((11, 13), 2e9).double())
    assert np.array_equal(all_of(movie), NOISE)
    with pytest.raises(ValueError, match=r"beyond 2\*\*24, take images.double\(\)"):
        Movie.of(torch.from_numpy(LARGE), DT)
    movie = Movie.of(torch.from_numpy(LARGE).double().repeat(6, 1, 1), DT).cut(12)
    result = infer_entropy_production(movie, generator=0, steps=2, members=1, progress=False)
    assert np.isfinite(result.rate)


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        (["a.tif"], TypeError, "path must be that of one file, got list"),
        (None, TypeError, "got NoneType"),
        ("a.czi", ValueError, "the ending must be one of .npy, .* export it as OME-TIFF"),
        (".", ValueError, r"is a folder.* of images: Movie.of\(torch.from_numpy\(tifffile.imread"),
        ("nowhere.tif", FileNotFoundError, "there is no file nowhere.tif"),
    ],
)
def test_what_is_no_film_is_refused_with_what_would_do(path, error, words):
    with pytest.raises(error, match=words):
        Movie.load(path, DT)


def test_a_camera_is_slowed_as_far_as_two_frames_are_left():
    movie = Movie.of(torch.from_numpy(NOISE), DT)
    assert movie.every(6).n_times == 2
    for k, words in ((0, "positive integer, got 0"), (7, r"lie in \[1, 6\], got 7")):
        with pytest.raises(ValueError, match=words):
            movie.every(k)


def test_frames_of_two_kinds_of_number_are_not_joined(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(NOISE[0], metadata=None)
        file.write(NOISE[1].astype(np.uint16) * 200, metadata=None)
    with pytest.raises(ValueError, match="a.tif has frames of uint8 and of uint16"):
        Movie.load(tmp_path / "a.tif", DT)
