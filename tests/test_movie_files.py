"""Movies in files: every format gives the same frames back, and what is no movie is refused."""

import sys
from pathlib import Path

import pytest

av = pytest.importorskip("av")
tifffile = pytest.importorskip("tifffile")

import numpy as np
import psutil
import torch
from PIL import Image

from stochphys.data import Windows
from stochphys.device import make_generator
from stochphys.io.movies import read
from stochphys.movie import Movie
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring, bead_camera

DT = 0.05


@pytest.fixture
def frames() -> np.ndarray:
    """Smooth grey frames `(n_times, height, width)`, which a video can keep."""
    t, row, column = np.meshgrid(np.arange(6), np.arange(16), np.arange(32), indexing="ij")
    blob = np.exp(-((row - 8) ** 2 + (column - 14 - t) ** 2) / 18)
    return (255 * blob).round().astype(np.uint8)


def write_gif(path: Path, pages: np.ndarray) -> None:
    images = [Image.fromarray(page) for page in pages]
    images[0].save(path, save_all=True, append_images=images[1:], duration=40)


def write_video(path: Path, pages: np.ndarray) -> None:
    with av.open(str(path), "w") as video:
        stream = video.add_stream("mpeg4", rate=25)
        stream.height, stream.width = pages.shape[1:3]
        stream.bit_rate = 4_000_000
        for page in pages:
            rgb = page if page.ndim == 3 else np.repeat(page[..., None], 3, axis=2)
            video.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        video.mux(stream.encode())


def write_tif(path: Path, pages: np.ndarray) -> None:
    tifffile.imwrite(path, pages, photometric="minisblack")


def write_packed_tif(path: Path, pages: np.ndarray) -> None:
    tifffile.imwrite(path, pages, photometric="minisblack", compression="zlib")


def write_tif_page_by_page(path: Path, pages: np.ndarray) -> None:
    with tifffile.TiffWriter(path) as tif:
        for page in pages:
            tif.write(page)


def write_imagej_tif(path: Path, pages: np.ndarray) -> None:
    tifffile.imwrite(path, pages, imagej=True, byteorder=">", metadata={"axes": "TYX"})


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.npy", np.save),
        ("a.tif", write_tif),
        ("a.tiff", write_packed_tif),
        ("a.TIF", write_imagej_tif),
        ("b.tif", write_tif_page_by_page),
        ("a.gif", write_gif),
    ],
)
def test_frames_come_back_as_they_were(tmp_path, frames, name, write):
    write(tmp_path / name, frames)
    found, dt, *_ = read(tmp_path / name, DT)
    assert dt == DT
    assert found.dtype == frames.dtype and np.array_equal(found, frames)


@pytest.mark.parametrize("write", [np.save, write_tif, write_packed_tif, write_imagej_tif])
def test_sixteen_bits_stay_sixteen_whatever_their_order(tmp_path, frames, write):
    path = tmp_path / ("a.npy" if write is np.save else "a.tif")
    deep = frames.astype(np.uint16) * 200
    write(path, deep)
    found = read(path, DT).frames
    assert found.dtype == np.uint16 and np.array_equal(found, deep)
    movie = Movie.load(path, DT)
    assert torch.equal(movie.at(torch.tensor([3]))[0], torch.from_numpy(deep[3].astype(np.float32)))


@pytest.mark.parametrize("ending", ["mp4", "avi", "mov"])
def test_a_video_gives_its_frames_up_to_what_compression_lost(tmp_path, frames, ending):
    write_video(tmp_path / f"a.{ending}", frames)
    found = read(tmp_path / f"a.{ending}", DT).frames
    assert found.shape == frames.shape and found.dtype == np.uint8
    assert np.abs(found.astype(float) - frames).mean() < 4


def test_many_movies_and_npz(tmp_path, frames):
    many = np.stack((frames, frames[::-1]))
    np.save(tmp_path / "a.npy", many)
    assert np.array_equal(read(tmp_path / "a.npy", DT)[0], many)
    Movie.of(torch.from_numpy(many.copy()), DT).save(tmp_path / "a.npz")
    movie = Movie.load(tmp_path / "a.npz")
    assert movie.dt == DT and movie.x.shape == (2, 6)
    assert torch.equal(
        movie.at(movie.x.flatten()), torch.from_numpy(many.reshape(12, 16, 32)).float()
    )
    assert Movie.load(tmp_path / "a.npz", 0.1).dt == 0.1
    np.savez(tmp_path / "b.npz", many)  # without a name
    assert np.array_equal(read(tmp_path / "b.npz", DT)[0], many)


def test_a_film_is_saved_as_a_camera_would_record_it(tmp_path):
    system = BeadSpring()
    paths = simulate(system, 3, 20, DT, generator=make_generator(0))
    film = bead_camera(system).film(paths)
    film.save(tmp_path / "film")
    movie = Movie.load(tmp_path / "film.npz")
    index = torch.arange(len(Windows(film)))
    assert (Windows(movie)[index] - Windows(film)[index]).abs().max() < 1  # rounded down


@pytest.mark.parametrize("name", ["big.npy", "big.tif"])
def test_a_movie_larger_than_memory_is_read_in_pieces(tmp_path, name):
    """6.4 GB of pixels on paper: a file with holes, of which two frames were ever written."""
    shape, path = (2000, 1600, 2000), tmp_path / name
    if name == "big.npy":
        np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)[[0, 1777]] = 7
    else:
        with tifffile.TiffWriter(path, bigtiff=True) as tif:
            tif.write(shape=shape, dtype=np.uint8, photometric="minisblack", metadata=None)
        tifffile.memmap(path)[[0, 1777]] = 7
    before = psutil.Process().memory_info().rss
    movie = Movie.load(path, DT)
    assert movie.at(torch.tensor([1777, 1778])).amax((1, 2)).tolist() == [7, 0]
    assert psutil.Process().memory_info().rss - before < 100e6


# What is refused


def test_a_missing_frame_interval_is_asked_for(tmp_path, frames):
    for name, write in (("a.npy", np.save), ("a.tif", write_tif), ("a.TIF", write_imagej_tif)):
        write(tmp_path / name, frames)
        with pytest.raises(ValueError, match=f"{name} does not tell the time between two frames"):
            Movie.load(tmp_path / name)
    for dt in (0.0, -1.0, float("nan"), float("inf"), "0.1"):
        with pytest.raises(ValueError, match="dt must be positive"):
            Movie.load(tmp_path / "a.npy", dt)


@pytest.mark.parametrize("name", ["a.npy", "a.tif", "a.gif", "a.mp4"])
def test_colours_are_refused(tmp_path, frames, name):
    coloured = np.stack((frames, frames[:, ::-1], frames // 2), axis=-1)
    if name == "a.npy":
        np.save(tmp_path / name, coloured)
    elif name == "a.tif":
        tifffile.imwrite(tmp_path / name, coloured, photometric="rgb")
    else:
        (write_gif if name == "a.gif" else write_video)(tmp_path / name, coloured)
    words = "an axis of 3 colours; choose" if name == "a.npy" else "has colours.*keep"
    with pytest.raises(ValueError, match=rf"{name} .*{words} one.*Movie.load\('{name}'"):
        Movie.load(tmp_path / name, DT)


@pytest.mark.parametrize("name", ["a.npy", "a.tif", "a.gif", "a.mp4"])
def test_one_frame_is_refused(tmp_path, frames, name):
    write = {"npy": np.save, "tif": write_tif, "gif": write_gif, "mp4": write_video}[name[2:]]
    write(tmp_path / name, frames[:1])
    with pytest.raises(ValueError, match="at least two times, got shape"):
        Movie.load(tmp_path / name, DT)


def test_pages_of_several_sizes_and_stacks_of_more_than_time_are_refused(tmp_path, frames):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(frames[0])
        tif.write(frames[1, :8])
    with pytest.raises(ValueError, match="16×32 and of 8×32 pixels; crop all to one size"):
        Movie.load(tmp_path / "a.tif", DT)
    stack = np.stack((frames, frames), axis=1)
    tifffile.imwrite(tmp_path / "b.tif", stack, imagej=True, metadata={"axes": "TZYX"})
    with pytest.raises(ValueError, match="2 slices.* axes TZYX; .*z=0"):
        Movie.load(tmp_path / "b.tif", DT)
    tifffile.imwrite(tmp_path / "c.tif", stack[:, :1], imagej=True, metadata={"axes": "TZYX"})
    assert Movie.load(tmp_path / "c.tif", DT).n_times == 6


def test_arrays_that_are_no_movie_are_refused(tmp_path, frames):
    cases = [
        (frames[0, 0], ValueError, "must have the axes"),
        (frames[None, None], ValueError, "an axis of 6 colours"),
    ]
    for array, error, text in cases:
        np.save(tmp_path / "a.npy", array)
        with pytest.raises(error, match=text):
            Movie.load(tmp_path / "a.npy", DT)
    ragged = np.array([frames[0], frames[1, :8]], dtype=object)
    np.save(tmp_path / "a.npy", ragged, allow_pickle=True)
    with pytest.raises(ValueError, match="a.npy is no array of numbers.*several sizes"):
        Movie.load(tmp_path / "a.npy", DT)
    broken = frames.astype(np.float32)
    broken[4, 3, 2] = np.nan
    np.save(tmp_path / "a.npy", broken)
    with pytest.raises(ValueError, match="not finite, at frame 4, row 3, column 2"):
        Movie.load(tmp_path / "a.npy", DT)
    np.savez(tmp_path / "a.npz", x=frames, y=frames)
    with pytest.raises(ValueError, match=r"must hold an array named 'frames', has \['x', 'y'\]"):
        Movie.load(tmp_path / "a.npz", DT)


def test_unknown_endings_and_absent_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.npy"):
        read(tmp_path / "nowhere.npy", DT)
    (tmp_path / "a.czi").touch()
    with pytest.raises(ValueError, match="the ending must be one of .npy, .npz, .tif"):
        read(tmp_path / "a.czi", DT)


@pytest.mark.parametrize(
    ("name", "library"), [("a.tif", "tifffile"), ("a.mp4", "av"), ("a.gif", "pillow")]
)
def test_a_missing_library_is_asked_for_by_name(tmp_path, monkeypatch, name, library):
    (tmp_path / name).touch()
    module = {"pillow": "PIL.Image"}.get(library, library)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=f"pip install '{library}'"):
        read(tmp_path / name, DT)
