"""Labelled images as they are published: CIFAR, ciFAIR, CIFAR-N and ANIMAL-10N, from their own files.

Each reader takes what was downloaded and gives images in bytes, `(n, 3, height, width)`, and labels
`(n,)`. Nothing is fetched here; a file that is missing or damaged says where it comes from.
"""

import codecs
import hashlib
import io
import pickle
import re
import tarfile
import warnings
import zipfile
from dataclasses import dataclass, replace
from os.path import expanduser
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.serialization import safe_globals

from ... import require
from ...brief import Brief
from ...io.files import library

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


N_CLASSES = dict(labels=10, coarse_labels=20, fine_labels=100)

# Sums as in torchvision (datasets/cifar.py) and in the loaders of cvjena/cifair.
CIFAR = {
    "CIFAR-10": Published(
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        train=dict(
            data_batch_1="c99cafc152244af753f735de768cd75f",
            data_batch_2="d4bba439e000b95fd0a9bffe97cbabec",
            data_batch_3="54ebc095f3ab1f0389bbae665268c751",
            data_batch_4="634d18415352ddfa80567beed471001a",
            data_batch_5="482c414d41f54cd18b22e5b47cb7c3cb",
        ),
        test=dict(test_batch="40351d587109b95175f43aff81a1287e"),
    ),
    "CIFAR-100": Published(
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        train=dict(train="16019d7e3df5f24257cddd939b257f8d"),
        test=dict(test="f0ef6b0ae62326f3e7ffdfab6717acfc"),
        labels="fine_labels",
    ),
}
CIFAR["CIFAR-100 superclasses"] = replace(CIFAR["CIFAR-100"], labels="coarse_labels")
CIFAR["ciFAIR-10"] = Published(
    "https://github.com/cvjena/cifair/releases/download/v1.0/ciFAIR-10.zip",
    train=CIFAR["CIFAR-10"].train,
    test=dict(test_batch="01290e6b622a1977a000eff13650aca2"),
)


def read_cifar(path: str | Path, name: str, *, train: bool = True) -> tuple[Tensor, Tensor]:
    """Images `(n, 3, 32, 32)` in bytes and labels `(n,)` of CIFAR-10, CIFAR-100 or ciFAIR-10.

    ciFAIR-10 has the train set of CIFAR-10; in its test set, images that (nearly) occur in the train
    set have been replaced. Its small benchmark takes the first 50 examples of each class,
    `torch.cat([(y == c).nonzero()[:50, 0] for c in range(10)])`, 30 to learn and 20 to validate.

    Args:
        path: the archive as it was downloaded, or the directory of the unpacked files.
        name: `"CIFAR-10"`, `"CIFAR-100"` (its 100 fine classes), `"CIFAR-100 superclasses"` (20, of
            five classes each) or `"ciFAIR-10"`.
        train: the train set, else the test set.

    Warns of a file that is not the one that was published. Raises `FileNotFoundError`, which says what
    to fetch and where to put it, and `ValueError` for another name, or a file that is damaged.

    Sources: Krizhevsky 2009, *Learning multiple layers of features from tiny images*; Barz and
    Denzler 2020, arXiv 1902.00423; of the benchmark Brigato et al. 2022, *Image classification with
    small datasets*, IEEE Access.
    """
    path = Path(expanduser(path))
    require.one_of(CIFAR, name=name)
    published = CIFAR[name]
    sums = published.train if train else published.test
    try:
        files = _contents(path, sums) if path.exists() else {}
    except (FileNotFoundError, PermissionError, MemoryError):
        raise
    except Exception as error:  # flipped bits can raise nearly anything
        raise ValueError(f"{path.name} is no whole archive; fetch {published.url} again") from error
    if missing := [file for file in sums if file not in files]:
        raise FileNotFoundError(
            f"{', '.join(missing)} not found in {path}; fetch {published.url} and give the archive, "
            "or the directory of its files"
        )
    for file, content in files.items():
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if found != sums[file]:
            warnings.warn(
                f"{file} in {path} is not that of {name}: its MD5 sum is {found}, not {sums[file]}. It "
                f"is read as it is; the one that was published is at {published.url}",
                stacklevel=2,
            )
    parts = [_arrays(files[file], published, f"{file} in {path}") for file in sums]
    x, y = (np.concatenate(of_all) for of_all in zip(*parts, strict=True))
    return torch.from_numpy(x).reshape(-1, 3, 32, 32), torch.from_numpy(y).long()


def _arrays(content: bytes, published: Published, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Images `(n, 3072)` and labels `(n,)` in one of its files."""
    try:
        part = _Arrays(io.BytesIO(content), encoding="latin1").load()
        x, y = part["data"], np.asarray(part[published.labels])
        if x.dtype != np.uint8 or (*y.shape, 3072) != x.shape or y.dtype.kind not in "iu":
            raise TypeError(f"images {x.dtype} {x.shape}, labels {y.dtype} {y.shape}")
        in_classes(torch.from_numpy(y), N_CLASSES[published.labels], where)
    except Exception as error:  # flipped bits can raise nearly anything
        raise ValueError(
            f"{where} does not hold images of 32×32 pixels in bytes and as many labels ({error}); "
            f"fetch {published.url} again"
        ) from error
    return x, y


def read_human_labels(path: str | Path, kind: str, true: Tensor) -> Tensor:
    """Labels `(n,)` that people gave to the train set of CIFAR-10 or CIFAR-100.

    Args:
        path: `CIFAR-10_human.pt` or `CIFAR-100_human.pt`.
        kind: of CIFAR-10 `"aggre_label"` (the majority of three people), `"random_label1"` to
            `"random_label3"` (each of the three) or `"worse_label"` (a wrong one if there is any);
            of CIFAR-100 `"noisy_label"`.
        true: labels `(n,)` of the train set from `read_cifar`: they prove that order is the same.

    Raises `FileNotFoundError`, which says what to fetch, and `ValueError` for a file that holds other
    things, or labels of other images; an unknown kind; labels outside of the classes.

    Source: Wei et al. 2022, *Learning with noisy labels revisited*, arXiv 2110.12088.
    """
    path = Path(expanduser(path))
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; fetch {path.name} from {CIFAR_N}")
    allowed: list[Any] = [(called, name) for name, called in ALLOWED.items()]
    integers = [type(np.dtype(code)) for code in np.typecodes["AllInteger"]]
    try:
        with safe_globals(allowed + integers):
            content = torch.load(path, map_location="cpu", weights_only=True)
        labels = {k: torch.as_tensor(np.asarray(v)).flatten().long() for k, v in content.items()}
    except Exception as error:  # torch raises many kinds for a broken file
        raise ValueError(
            f"{path.name} holds no arrays of labels ({type(error).__name__}); fetch it again from "
            f"{CIFAR_N}"
        ) from error
    require.one_of(labels, kind=kind)
    if (clean := labels.get("clean_label")) is None or not torch.equal(clean, true.cpu()):
        raise ValueError(
            f"{path.name} is about other images, or in another order: its clean_label differs from "
            f"true, which has {len(true)}. Take the whole train set"
        )
    return in_classes(labels[kind], int(true.max()) + 1, path)


def read_animal10n(path: str | Path, *, train: bool = True) -> tuple[Tensor, Tensor]:
    """Images `(n, 3, height, width)` in bytes and labels `(n,)` of ANIMAL-10N, by number of image.

    Ten animals in five pairs that people take for each other; labels of the train set are wrong
    where people were. The whole train set takes 0.6 GB.

    Args:
        path: the directory with `training` and `testing`, whose files are named `LABEL_ID.jpg`.
        train: the train set, else the test set.

    Raises `FileNotFoundError`, which says what to fetch and where to put it, and `ValueError` for a
    file of another name, a label outside of 0 to 9, images of several sizes, a file that is no image.

    Source: Song, Kim and Lee 2019, *SELFIE: refurbishing unclean samples for robust deep learning*, ICML.
    """
    folder = Path(expanduser(path)) / ("training" if train else "testing")
    found: list[tuple[int, int, Path]] = []  # number, label, file
    for file in folder.glob("[!.]*"):
        if not (match := re.fullmatch(r"(\d+)_(\d+)\.jpg", file.name)):
            raise ValueError(f"{file} must be named LABEL_ID.jpg with two numbers")
        found.append((int(match[2]), int(match[1]), file))
    if not found:
        raise FileNotFoundError(
            f"there are no images in {folder}; ask for the images (raw image version) at "
            f"{ANIMAL_10N} and unpack them there"
        )
    found.sort()
    y = in_classes(torch.tensor([label for _, label, _ in found]), 10, folder)
    pillow = library("PIL.Image", "pillow", found[0][2])
    for i, (_, _, file) in enumerate(found):
        try:
            with pillow.open(file) as image:
                pixels = torch.from_numpy(np.array(image.convert("RGB"))).movedim(2, 0)
        except OSError as error:
            raise ValueError(
                f"{file} is no whole image; fetch it again from {ANIMAL_10N}"
            ) from error
        if i == 0:
            x = torch.empty(len(found), *pixels.shape, dtype=torch.uint8)
        if pixels.shape != x.shape[1:]:
            size, first = ("{1}×{2}".format(*image.shape) for image in (pixels, x[0]))
            raise ValueError(
                f"{file} has {size} pixels, {found[0][2].name} has {first}; scale all to one size"
            )
        x[i] = pixels
    return x, y


def next_in_superclass(fine: Tensor, coarse: Tensor) -> tuple[int, ...]:
    """Of CIFAR-100, for `class_noise`: a class is taken for the next one of its superclass, in the
    order of their numbers, and the last for the first. Both labels `(n,)` are of the same images.

    Raises `ValueError` for a class without images, or one in two superclasses.

    Source: Patrini et al. 2017, arXiv 1609.03683.
    """
    pairs = torch.stack((coarse, fine)).unique(dim=1)  # ordered by superclass, then by class
    to = torch.arange(pairs.shape[1])
    if not torch.equal(pairs[1].sort().values, to):
        raise ValueError("fine must name every class, and coarse always the same superclass of it")
    for classes in pairs[1].split(pairs[0].bincount().tolist()):
        to[classes] = classes.roll(-1)
    return tuple(to.tolist())


def _contents(path: Path, wanted: dict[str, str]) -> dict[str, bytes]:
    """What the wanted files hold, by name, in a directory or an archive."""
    if path.is_dir():
        return {name: (path / name).read_bytes() for name in wanted if (path / name).is_file()}
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as zipped:
            names = {Path(name).name: name for name in zipped.namelist()}
            return {name: zipped.read(names[name]) for name in wanted if name in names}
    contents = {}
    with tarfile.open(path) as packed:
        for member in packed:  # one pass: a packed archive cannot go back
            name, file = Path(member.name).name, packed.extractfile(member)
            if name in wanted and file:
                contents[name] = file.read()
    return contents


def in_classes(labels: Tensor, n_classes: int, where: str | Path) -> Tensor:
    """The labels of the file `where`; `ValueError` for the first outside of the classes."""
    if (outside := (labels < 0) | (labels >= n_classes)).any():
        first = int(outside.nonzero()[0])
        raise ValueError(
            f"{where} has the label {int(labels[first])} at example {first}; labels must be 0 to "
            f"{n_classes - 1}"
        )
    return labels


_reconstruct: Any = np.zeros(0).__reduce__()[0]
ALLOWED: dict[str, Any] = {  # what a pickle of arrays of numbers calls; nothing else may be called
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy._core.multiarray._reconstruct": _reconstruct,
    "numpy.ndarray": np.ndarray,
    "numpy.dtype": np.dtype,
    "_codecs.encode": codecs.encode,  # Python 3 writes bytes so for readers of Python 2
}


class _Arrays(pickle.Unpickler):
    """Reads arrays, numbers and strings; a pickle can ask for any function, this one refuses."""

    def find_class(self, module: str, name: str) -> Any:
        if (wanted := f"{module}.{name}") not in ALLOWED:
            raise ValueError(f"the file asks for {wanted}, which no array does; it was not run")
        return ALLOWED[wanted]
