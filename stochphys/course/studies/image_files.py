"""Labelled images as they are published: CIFAR, ciFAIR, CIFAR-N and ANIMAL-10N, from their own files.

Each reader takes what was downloaded and gives images in bytes, `(n, 3, height, width)`, and labels
`(n,)`. Nothing is fetched here; a file that is missing or damaged says where it comes from.
"""

import hashlib
import io
import pickle
import re
import tarfile
import zipfile
from dataclasses import dataclass, replace
from os.path import expanduser
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.serialization import safe_globals

from ...brief import Brief
from ...io.tables import library

ANIMAL_10N = "https://dm.kaist.ac.kr/datasets/animal-10n"
CIFAR_N = "https://github.com/UCSC-REAL/cifar-10-100n"

# For labels that are wrong as people are wrong: truck → car, bird → plane, deer → horse, cat ↔ dog
# (Patrini et al. 2017, arXiv 1609.03683). Class c is taken for CIFAR10_LOOKALIKES[c].
CIFAR10_LOOKALIKES = (0, 1, 0, 5, 7, 3, 6, 7, 8, 1)


@dataclass(frozen=True)
class Published(Brief):
    """What there is to fetch, and the MD5 sum of each file in it."""

    url: str
    train: dict[str, str]
    test: dict[str, str]
    labels: str = "labels"


# Sums as in torchvision (datasets/cifar.py) and in the loaders of cvjena/cifair.
CIFAR = {
    "CIFAR-10": Published(
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        {
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        },
        {"test_batch": "40351d587109b95175f43aff81a1287e"},
    ),
    "CIFAR-100": Published(
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        {"train": "16019d7e3df5f24257cddd939b257f8d"},
        {"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
        "fine_labels",
    ),
}
CIFAR["CIFAR-100 superclasses"] = replace(CIFAR["CIFAR-100"], labels="coarse_labels")
CIFAR["ciFAIR-10"] = Published(
    "https://github.com/cvjena/cifair/releases/download/v1.0/ciFAIR-10.zip",
    CIFAR["CIFAR-10"].train,
    {"test_batch": "01290e6b622a1977a000eff13650aca2"},
)


def read_cifar(path: str | Path, name: str, *, train: bool = True) -> tuple[Tensor, Tensor]:
    """Images `(n, 3, 32, 32)` in bytes and labels `(n,)` of CIFAR-10, CIFAR-100 or ciFAIR-10.

    ciFAIR-10 has the train set of CIFAR-10; in its test set, images that (nearly) occur in the train
    set have been replaced. Its small benchmark is `of_each_class(labels, 50)`.

    Args:
        path: the archive as it was downloaded, or the directory of the unpacked files.
        name: `"CIFAR-10"`, `"CIFAR-100"` (its 100 fine classes), `"CIFAR-100 superclasses"` (20, of
            five classes each) or `"ciFAIR-10"`.
        train: the train set, else the test set.

    Raises:
        FileNotFoundError: says what to fetch and where to put it.
        ValueError: another name, or a file that is not the one that was published.

    Sources: Krizhevsky 2009, *Learning multiple layers of features from tiny images*; Barz and
    Denzler 2020, arXiv 1902.00423.
    """
    path = Path(expanduser(path))
    if name not in CIFAR:
        raise ValueError(f"name must be one of {', '.join(CIFAR)}, got {name!r}")
    published = CIFAR[name]
    sums = published.train if train else published.test
    files = _read(path, sums, published.url)
    for file, content in files.items():
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if found != sums[file]:
            raise ValueError(
                f"{file} in {path} is not that of {name}: its MD5 sum is {found}, not {sums[file]}. "
                f"Fetch {published.url} again"
            )
    parts = [_Arrays(io.BytesIO(files[file]), encoding="latin1").load() for file in sums]
    x = np.concatenate([part["data"] for part in parts]).reshape(-1, 3, 32, 32)
    y = np.concatenate([part[published.labels] for part in parts])
    return torch.from_numpy(x), torch.from_numpy(y).long()


def read_human_labels(path: str | Path, kind: str, true: Tensor) -> Tensor:
    """Labels `(n,)` that people gave to the train set of CIFAR-10 or CIFAR-100.

    Args:
        path: `CIFAR-10_human.pt` or `CIFAR-100_human.pt`.
        kind: of CIFAR-10 `"aggre_label"` (the majority of three people), `"random_label1"` to
            `"random_label3"` (each of the three) or `"worse_label"` (a wrong one if there is any);
            of CIFAR-100 `"noisy_label"`.
        true: labels `(n,)` of the train set from `read_cifar`: they prove that order is the same.

    Raises:
        FileNotFoundError: says what to fetch.
        ValueError: the file holds other things, or labels of other images; an unknown kind; labels
            outside of the classes.

    Source: Wei et al. 2022, *Learning with noisy labels revisited*, arXiv 2110.12088.
    """
    path = Path(expanduser(path))
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; fetch {path.name} from {CIFAR_N}")
    try:
        with safe_globals(_SAFE):
            content = torch.load(path, map_location="cpu", weights_only=True)
        labels = {k: torch.as_tensor(np.asarray(v)).flatten().long() for k, v in content.items()}
    except Exception as error:  # torch raises many kinds for a broken file
        raise ValueError(
            f"{path.name} holds no arrays of labels ({type(error).__name__}); fetch it again from "
            f"{CIFAR_N}"
        ) from error
    if kind not in labels or "clean_label" not in labels:
        raise ValueError(f"kind must be one of {', '.join(labels)}, got {kind!r}")
    if not torch.equal(labels["clean_label"], true.cpu()):
        raise ValueError(
            f"{path.name} is about {len(labels['clean_label'])} other images, or in another order: "
            f"its clean_label differs from true, which has {len(true)}. Take the whole train set"
        )
    return _in_classes(labels[kind], int(true.max()) + 1, path)


def read_animal10n(path: str | Path, *, train: bool = True) -> tuple[Tensor, Tensor]:
    """Images `(n, 3, height, width)` in bytes and labels `(n,)` of ANIMAL-10N, by number of image.

    Ten animals in five pairs that people take for each other; labels of the train set are wrong
    where people were. The whole train set takes 0.6 GB.

    Args:
        path: the directory with `training` and `testing`, whose files are named `LABEL_ID.jpg`.
        train: the train set, else the test set.

    Raises:
        FileNotFoundError: says what to fetch and where to put it.
        ValueError: a file of another name, a label outside of 0 to 9, images of several sizes, a
            file that is no image.

    Source: Song, Kim and Lee 2019, *SELFIE: refurbishing unclean samples for robust deep learning*, ICML.
    """
    folder = Path(expanduser(path)) / ("training" if train else "testing")
    files = [file for file in folder.glob("*") if not file.name.startswith(".")]
    if not files:
        raise FileNotFoundError(
            f"there are no images in {folder}; ask for the images (raw image version) at "
            f"{ANIMAL_10N} and unpack them there"
        )
    numbers = []
    for file in files:
        if not (match := re.fullmatch(r"(\d+)_(\d+)\.jpg", file.name)):
            raise ValueError(f"{file} must be named LABEL_ID.jpg with two numbers")
        numbers.append((int(match[2]), int(match[1]), file))
    numbers.sort()
    y = _in_classes(torch.tensor([label for _, label, _ in numbers]), 10, folder)
    size = _pixels(numbers[0][2]).shape
    x = torch.empty(len(files), *size, dtype=torch.uint8)
    for i, (_, _, file) in enumerate(numbers):
        pixels = _pixels(file)
        if pixels.shape != size:
            raise ValueError(
                f"{file} has {pixels.shape[1]}×{pixels.shape[2]} pixels, {numbers[0][2].name} has "
                f"{size[1]}×{size[2]}; scale all to one size"
            )
        x[i] = pixels
    return x, y


def of_each_class(labels: Tensor, n: int, *, skip: int = 0) -> Tensor:
    """Where the first n examples of each class are, after `skip` others: `(n_classes * n,)`.

    The small-data benchmark on ciFAIR-10 trains on 50 per class, of which 30 to learn and 20 to
    validate: `of_each_class(labels, 30)` and `of_each_class(labels, 20, skip=30)`.

    Raises:
        ValueError: a class has fewer.

    Source: Brigato et al. 2022, *Image classification with small datasets*, IEEE Access.
    """
    counts = labels.bincount()
    if counts.min() < skip + n:
        raise ValueError(
            f"n + skip must be at most {int(counts.min())}, the size of class {int(counts.argmin())},"
            f" got {n} + {skip}"
        )
    order = labels.argsort(stable=True)
    starts = counts.cumsum(0) - counts
    return order[starts[:, None] + torch.arange(skip, skip + n)].flatten()


def next_in_superclass(fine: Tensor, coarse: Tensor) -> tuple[int, ...]:
    """Of CIFAR-100, for `class_noise`: a class is taken for the next one of its superclass, in the
    order of their numbers, and the last for the first. Both labels `(n,)` are of the same images.

    Raises:
        ValueError: a class without images, or one in two superclasses.

    Source: Patrini et al. 2017, arXiv 1609.03683.
    """
    pairs = torch.stack((coarse, fine)).unique(dim=1)  # ordered by superclass, then by class
    to = torch.arange(pairs.shape[1])
    if not torch.equal(pairs[1].sort().values, to):
        raise ValueError("fine must name every class, and coarse always the same superclass of it")
    for classes in pairs[1].split(pairs[0].bincount().tolist()):
        to[classes] = classes.roll(-1)
    return tuple(to.tolist())


def _read(path: Path, names: dict[str, str], url: str) -> dict[str, bytes]:
    """Content of each named file in a directory or an archive."""
    advice = f"fetch {url} and give the archive, or the directory of its files"
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}; {advice}")
    try:
        if path.is_dir():
            files = {name: (path / name).read_bytes() for name in names if (path / name).is_file()}
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                inside = {Path(item).name: item for item in archive.namelist()}
                files = {name: archive.read(inside[name]) for name in names if name in inside}
        else:
            with tarfile.open(path) as archive:  # one pass: a packed archive cannot go back
                files = {
                    Path(item.name).name: archive.extractfile(item).read()  # type: ignore[union-attr]
                    for item in archive
                    if item.isfile() and Path(item.name).name in names
                }
    except (FileNotFoundError, PermissionError, MemoryError):
        raise
    except Exception as error:  # flipped bits can raise nearly anything
        raise ValueError(f"{path.name} is no whole archive; fetch {url} again") from error
    if missing := [name for name in names if name not in files]:
        raise FileNotFoundError(f"{', '.join(missing)} not found in {path}; {advice}")
    return files


def _pixels(file: Path) -> Tensor:
    """An image as bytes `(3, height, width)`."""
    pillow = library("PIL.Image", "pillow", file)
    try:
        with pillow.open(file) as image:
            return torch.from_numpy(np.array(image.convert("RGB"))).movedim(2, 0)
    except OSError as error:
        raise ValueError(f"{file} is no whole image; fetch it again from {ANIMAL_10N}") from error


def _in_classes(labels: Tensor, n_classes: int, where: Path) -> Tensor:
    outside = (labels < 0) | (labels >= n_classes)
    if outside.any():
        first = int(outside.nonzero()[0])
        raise ValueError(
            f"{where} has the label {int(labels[first])} at example {first}; labels must be 0 to "
            f"{n_classes - 1}"
        )
    return labels


def _latin1(text: str, _encoding: str) -> bytes:
    """How Python 3 writes bytes for readers that know only the pickles of Python 2."""
    return text.encode("latin1")


_reconstruct: Any = np.zeros(0).__reduce__()[0]
_ALLOWED: dict[str, Any] = {  # what a pickle of arrays of numbers calls; nothing else may be called
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy._core.multiarray._reconstruct": _reconstruct,
    "numpy.ndarray": np.ndarray,
    "numpy.dtype": np.dtype,
    "_codecs.encode": _latin1,
}
_SAFE: Any = [(called, name) for name, called in _ALLOWED.items()]
_SAFE += [type(np.dtype(code)) for code in np.typecodes["AllInteger"]]


class _Arrays(pickle.Unpickler):
    """Reads arrays, numbers and strings; a pickle can ask for any function, this one refuses."""

    def find_class(self, module: str, name: str) -> Any:
        if (wanted := f"{module}.{name}") not in _ALLOWED:
            raise ValueError(f"the file asks for {wanted}, which no array does; it was not run")
        return _ALLOWED[wanted]
