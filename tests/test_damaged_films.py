"""Films of which bytes are wrong or missing: read, or refused in words that name the file."""

import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest

av = pytest.importorskip("av")
tifffile = pytest.importorskip("tifffile")

import numpy as np
import torch
from PIL import Image

from stochphys.movie import Movie

T, ROW, COLUMN = np.meshgrid(np.arange(12), np.arange(16), np.arange(32), indexing="ij")
FILM = (200 * np.exp(-((ROW - 8) ** 2 + (COLUMN - 10 - T) ** 2) / 18)).round().astype(np.uint8)


def gif(path: Path) -> None:
    images = [Image.fromarray(page) for page in FILM]
    images[0].save(path, save_all=True, append_images=images[1:], duration=40)


def video(path: Path) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.height, stream.width = FILM.shape[1:]
        for page in FILM:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(page, format="gray")))
        file.mux(stream.encode())


def tif(path: Path, frames: np.ndarray = FILM, **options) -> None:
    tifffile.imwrite(path, frames, **options)


def pages(path: Path) -> None:
    with tifffile.TiffWriter(path) as file:
        for page in FILM:
            file.write(page, metadata=None)


TWO = np.stack((FILM, FILM), axis=1)
AXES = {"axes": "TCYX", "TimeIncrement": 0.05, "finterval": 0.05, "Plane": {"DeltaT": [0.1] * 24}}
WRITERS: dict[str, Callable[[Path], None]] = {
    "a.tif": tif,
    "b.tif": lambda path: tif(path, compression="zlib"),
    "c.tif": pages,
    "a.ome.tif": lambda path: tif(path, TWO, ome=True, metadata=AXES),
    "b.ome.tif": lambda path: tif(path, TWO, ome=True, metadata=AXES, compression="zlib"),
    "j.tif": lambda path: tif(path, TWO, imagej=True, metadata=AXES),
    "a.gif": gif,
    "a.mp4": video,
    "a.mov": video,
    "a.avi": video,
    "a.npy": lambda path: np.save(path, FILM),
    "a.npz": lambda path: np.savez(path, frames=FILM, dt=0.1),
}


def damaged(raw: bytes, g: np.random.Generator) -> bytes:
    """Some bytes changed, mostly near the ends, where formats keep what they know; or cut off; or a
    piece lost or set to zero."""
    new = bytearray(raw)
    begin, length = int(g.integers(len(raw))), int(g.integers(1, 200))
    match g.integers(5):
        case 0:
            return raw[:begin]
        case 1:
            del new[begin : begin + length]
        case 2:
            new[begin : begin + length] = bytes(len(new[begin : begin + length]))
        case _:
            near = min(len(raw), 600)
            for _ in range(g.integers(1, 9)):
                place = g.choice([g.integers(len(raw)), g.integers(near), -g.integers(1, near)])
                new[int(place)] = g.integers(256)
    return bytes(new)


def load_or_refuse(path: Path) -> bool:
    """Whether a file is read, whole; whatever is raised must name it."""
    try:
        channel = 1 if path.name[0] == "j" or "ome" in path.name else None
        movie = Movie.load(path, 0.1, channel=channel)
        movie.at(torch.arange(movie.x.numel()))
    except (ValueError, TypeError, ImportError) as error:
        assert path.name in str(error) and len(str(error)) < 1000
        return False
    return True


def spoil(folder: Path, first: int, last: int) -> int:
    """How many of the mutants with these numbers are refused."""
    refused, names = 0, list(WRITERS)
    for name, write in WRITERS.items():
        write(folder / name)
        assert load_or_refuse(folder / name)
    raws = {name: (folder / name).read_bytes() for name in names}
    for seed in range(first, last):
        name = names[seed % len(names)]
        (folder / name).write_bytes(damaged(raws[name], np.random.default_rng(seed)))
        try:
            refused += not load_or_refuse(folder / name)
        except BaseException:
            print(f"mutant {seed} of {name}")
            raise
    return refused


@pytest.fixture(autouse=True)
def quiet():
    """Libraries beneath tell of what they stumble over."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    yield
    logging.disable(level)


def test_a_damaged_film_is_read_or_refused_by_name(tmp_path):
    assert 20 < spoil(tmp_path, 0, 72) < 72


@pytest.mark.weekly
def test_two_thousand_damaged_films_are_read_or_refused_by_name(tmp_path):
    assert spoil(tmp_path, 0, 2000) > 600


@pytest.mark.parametrize("name", [name for name in WRITERS if name[-4:] not in (".npy", ".npz")])
@pytest.mark.parametrize("part", [0.05, 0.3, 0.5, 0.8, 0.97, 0.999])
def test_no_film_loads_short_without_a_word(tmp_path, name, part):
    """A film of which only what stands behind the pixels is missing may still be read whole."""
    channel = 1 if name[0] == "j" or "ome" in name else None
    WRITERS[name](path := tmp_path / name)
    whole = Movie.load(path, 0.1, channel=channel)
    everything, raw = torch.arange(12), path.read_bytes()
    frames = whole.at(everything).clone()
    path.unlink()  # it is mapped
    path.write_bytes(raw[: int(part * len(raw))])
    try:
        found = Movie.load(path, 0.1, channel=channel)
    except ValueError as error:
        assert re.match(f"{name} (is|needs|has) .*(cut|short|damaged|no video|page)", str(error))
    else:
        assert part > 0.7 and found.n_times == 12 and torch.equal(found.at(everything), frames)


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_of_another_kind_is_refused_by_name(tmp_path, name):
    for content in (b"", b"frame,x,y\n1,2,3\n", bytes(1000)):
        (path := tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=name):
            Movie.load(path, 0.1)
    Image.new("L", (32, 16)).save(path, format="PNG")
    with pytest.raises(ValueError, match=name):
        Movie.load(path, 0.1)


def test_pixels_beyond_all_measure_are_refused_by_name(tmp_path, monkeypatch):
    """What Pillow calls a decompression bomb."""
    gif(path := tmp_path / "a.gif")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ValueError, match="a.gif is no film that can be read"):
        Movie.load(path, 0.1)
