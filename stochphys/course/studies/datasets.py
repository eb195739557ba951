"""Where images come from: the folder that the environment variable STOCHPHYS_DATA names, or the few that
the course ships.

Formats are read by `image_files`.
"""

import gzip
import os
import warnings
import zlib
from dataclasses import dataclass
from importlib.resources import files
from itertools import chain
from os.path import expanduser
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ... import require
from ...brief import Brief
from .image_files import CIFAR, in_classes, read_animal10n, read_cifar

FASHION = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")  # fmt: skip
# For labels that are wrong as people would be wrong: class c is taken for FASHION_LOOKALIKES[c].
FASHION_LOOKALIKES = (6, 1, 4, 3, 2, 7, 0, 7, 8, 7)
SHIPPED = 2000, 1000
IDX = "{}-images-idx3-ubyte", "{}-labels-idx1-ubyte"
FETCH = (
    "https://github.com/zalandoresearch/fashion-mnist, or Debian's package dataset-fashion-mnist"
)


@dataclass(frozen=True, eq=False)
class Images(Brief):
    """Images in bytes, `(n, colours, height, width)`, and labels `(n,)`, to learn from and to test with."""

    name: str
    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def images(name: str = "Fashion-MNIST", n_train: int = 2000, n_test: int = 1000) -> Images:
    """The first `n_train` and `n_test` images of a data set.

    The first 2000 and 1000 of Fashion-MNIST, grey images of 28×28 pixels of ten kinds of clothes, are
    part of the course (MIT licence, Zalando SE 2017; Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747).
    All else is read from the folder that STOCHPHYS_DATA names, in the format in which it is published.
    Where it is not there, one warning says what is missing, and the images of the course come instead.
    Another warns of a Fashion-MNIST that does not begin with these, such as MNIST; it is read as it is.

    Args:
        name: `"Fashion-MNIST"` (60 000 and 10 000), a name that `read_cifar` knows, or `"ANIMAL-10N"`.
        n_train, n_test: how many; fewer if there are no more.

    Raises `ValueError` for another name, or files that are damaged.
    """
    require.one_of(("Fashion-MNIST", *CIFAR, "ANIMAL-10N"), name=name)
    require.integer(1, n_train=n_train, n_test=n_test)
    with np.load(str(files("stochphys") / "course/data/fashion_mnist.npz")) as stored:
        x, y = (torch.from_numpy(stored[k]) for k in ("x", "y"))
    shipped = [(x[i], y[i].long()) for i in torch.arange(len(x)).split(SHIPPED)]
    if name == "Fashion-MNIST" and n_train <= SHIPPED[0] and n_test <= SHIPPED[1]:
        return _first(name, shipped, (n_train, n_test))
    try:
        parts = [_read(name, train=train) for train in (True, False)]
    except FileNotFoundError as error:
        warnings.warn(
            f"{error}. Here are {SHIPPED[0]} and {SHIPPED[1]} of Fashion-MNIST instead",
            stacklevel=2,
        )
        return _first("Fashion-MNIST", shipped, (n_train, n_test))
    pairs = zip(chain(*parts), chain(*shipped), strict=True)
    if name == "Fashion-MNIST" and not all(torch.equal(ours[: len(a)], a) for ours, a in pairs):
        warnings.warn(
            f"the files in the folder STOCHPHYS_DATA do not begin as {name} does; they are read as they "
            f"are. For {name} fetch {FETCH}",
            stacklevel=2,
        )
    return _first(name, parts, (n_train, n_test))


def _first(name: str, parts: list[tuple[Tensor, Tensor]], numbers: tuple[int, int]) -> Images:
    train, test = ((x[:n], y[:n]) for (x, y), n in zip(parts, numbers, strict=True))
    return Images(name, train, test)


def _read(name: str, *, train: bool) -> tuple[Tensor, Tensor]:
    """From the folder STOCHPHYS_DATA."""
    if not (folder := os.environ.get("STOCHPHYS_DATA")):
        raise FileNotFoundError(
            f"for more images, or {name}, let STOCHPHYS_DATA name the folder of its files"
        )
    path = Path(expanduser(folder))
    if name == "Fashion-MNIST":
        return read_idx(path, train=train)
    if name == "ANIMAL-10N":
        return read_animal10n(path, train=train)
    archive = path / CIFAR[name].url.rsplit("/", 1)[1]
    return read_cifar(archive if archive.exists() else path, name, train=train)


def read_idx(path: str | Path, *, train: bool = True) -> tuple[Tensor, Tensor]:
    """Images `(n, 1, height, width)` in bytes and labels `(n,)` of Fashion-MNIST, or of MNIST, which has
    the same format.

    Args:
        path: the directory of the four files, packed by gzip or not.
        train: the train set, else the test set.

    Raises `FileNotFoundError`, which says what to fetch, and `ValueError` for files that are damaged,
    or labels outside of 0 to 9.
    """
    folder = Path(expanduser(path))
    x, y = (_idx(folder, name.format("train" if train else "t10k")) for name in IDX)
    if x.ndim != 3 or y.ndim != 1 or len(x) != len(y) or not len(y):
        raise ValueError(
            f"the files in {folder} hold images {x.shape} and labels {y.shape}, not as many of each; "
            f"fetch {FETCH} again"
        )
    return torch.from_numpy(x)[:, None], in_classes(torch.from_numpy(y).long(), 10, folder)


def _idx(folder: Path, name: str) -> np.ndarray:
    """Bytes in the shape that the head of the file tells: 0, 0, 8 for bytes, the number of axes, sizes."""
    path, packed = folder / name, folder / f"{name}.gz"
    if not path.is_file() and not packed.is_file():
        raise FileNotFoundError(f"{name}.gz not found in {folder}; fetch {FETCH}")
    try:
        raw = path.read_bytes() if path.is_file() else gzip.decompress(packed.read_bytes())
        if raw[:3] != b"\0\0\x08":
            raise ValueError("not bytes")
        shape = np.frombuffer(raw, ">u4", count=raw[3], offset=4)
        content = np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)
    except PermissionError:
        raise
    except (EOFError, OSError, ValueError, IndexError, zlib.error) as error:
        raise ValueError(f"{name} in {folder} is damaged; fetch {FETCH} again") from error
    return content.copy()
