"""Published images come back byte by byte, and a file that is not what was published is refused."""

import hashlib
import pickle
import re
import struct
import tarfile
import warnings
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from stochphys.course.studies import image_files
from stochphys.course.studies.image_files import (
    CIFAR,
    CIFAR10_LOOKALIKES,
    next_in_superclass,
    read_animal10n,
    read_cifar,
    read_human_labels,
)
from stochphys.device import make_generator
from stochphys.training.labels import class_noise


class Python2(pickle._Pickler):  # type: ignore[name-defined]
    """Writes strings and bytes alike, as the Python that wrote CIFAR did."""

    dispatch = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_string(self, content: str | bytes) -> None:
        raw = content.encode("latin1") if isinstance(content, str) else content
        self.write(b"T" + struct.pack("<i", len(raw)) + raw)
        self.memoize(content)

    dispatch[str] = dispatch[bytes] = save_string


def python2(content: object) -> bytes:
    file = BytesIO()
    Python2(file, 2).dump(content)
    return file.getvalue().replace(b"numpy._core", b"numpy.core")


FOLDERS = {
    "CIFAR-10": "cifar-10-batches-py",
    "CIFAR-100": "cifar-100-python",
    "CIFAR-100 superclasses": "cifar-100-python",
    "ciFAIR-10": "ciFAIR-10",
}


def publish(monkeypatch, folder: Path, name: str, dump=python2) -> dict[str, tuple]:
    """A small edition of a data set: 20 images per file; their true images and labels by file."""
    folder.mkdir(exist_ok=True)
    g, content = make_generator(0), {}
    sums: dict[str, dict[str, str]] = {"train": {}, "test": {}}
    for part in sums:
        for file in getattr(CIFAR[name], part):
            x = torch.randint(256, (20, 3, 32, 32), generator=g, dtype=torch.uint8)
            y = torch.randint(100 if name == "CIFAR-100" else 10, (20,), generator=g)
            labels = {"coarse_labels": [0] * 20, CIFAR[name].labels: y.tolist()}
            raw = dump({"data": x.reshape(20, -1).numpy(), "batch_label": file, **labels})
            (folder / file).write_bytes(raw)
            sums[part][file] = hashlib.md5(raw).hexdigest()
            content[file] = x, y
    (folder / "batches.meta").write_bytes(b"")
    monkeypatch.setitem(CIFAR, name, replace(CIFAR[name], **sums))
    return content


def pack(folder: Path, name: str) -> Path:
    """The archive as one downloads it, its files in an order of its own."""
    path = folder.parent / CIFAR[name].url.rsplit("/", 1)[1]
    files = sorted(folder.iterdir(), reverse=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in files:
                archive.write(file, f"{folder.name}/{file.name}")
    else:
        with tarfile.open(path, "w:gz") as archive:
            for file in files:
                archive.add(file, f"{folder.name}/{file.name}")
    return path


@pytest.mark.parametrize("name", FOLDERS)
def test_images_and_labels_come_back_from_directory_and_archive(tmp_path, monkeypatch, name):
    folder = tmp_path / FOLDERS[name]
    content = publish(monkeypatch, folder, name)
    for path in (folder, str(pack(folder, name))):
        for train in (True, False):
            x, y = read_cifar(path, name, train=train)
            parts = [content[f] for f in (CIFAR[name].train if train else CIFAR[name].test)]
            assert x.dtype == torch.uint8 and y.dtype == torch.int64
            assert torch.equal(x, torch.cat([x for x, _ in parts]))
            assert torch.equal(y, torch.cat([y for _, y in parts]))


@pytest.mark.parametrize("protocol", [2, 4])
def test_pickles_of_python_3_are_read_too(tmp_path, monkeypatch, protocol):
    content = publish(
        monkeypatch, tmp_path / "a", "ciFAIR-10", lambda c: pickle.dumps(c, protocol=protocol)
    )
    x, y = read_cifar(tmp_path / "a", "ciFAIR-10", train=False)
    assert torch.equal(x, content["test_batch"][0]) and torch.equal(y, content["test_batch"][1])


def test_what_is_missing_is_named_with_its_address(tmp_path, monkeypatch):
    with pytest.raises(
        FileNotFoundError, match=r"not found in .*nowhere; fetch https.*cifar-10-python.tar.gz"
    ):
        read_cifar(tmp_path / "nowhere", "CIFAR-10")
    folder = tmp_path / "a"
    publish(monkeypatch, folder, "CIFAR-10")
    (folder / "data_batch_3").unlink()
    for path in (folder, pack(folder, "CIFAR-10")):
        with pytest.raises(FileNotFoundError, match=r"data_batch_3 not found in .*; fetch https"):
            read_cifar(path, "CIFAR-10")
    assert len(read_cifar(folder, "CIFAR-10", train=False)[0]) == 20  # the rest is whole
    with pytest.raises(ValueError, match="name must be one of CIFAR-10, CIFAR-100, .*ciFAIR-10"):
        read_cifar(folder, "cifar10")


def test_damaged_files_are_refused(tmp_path, monkeypatch):
    folder = tmp_path / "a"
    publish(monkeypatch, folder, "CIFAR-10")
    archive = pack(folder, "CIFAR-10")
    raw = (folder / "data_batch_2").read_bytes()
    (folder / "data_batch_2").write_bytes(raw[:-1] + b"?")
    with (
        pytest.warns(UserWarning, match=r"data_batch_2 in .* is not that of CIFAR-10: its MD5 sum"),
        pytest.raises(ValueError, match=r"data_batch_2 in .* does not hold images of 32×32 pixels"),
    ):
        read_cifar(folder, "CIFAR-10")
    archive.write_bytes(archive.read_bytes()[:20_000])
    with pytest.raises(ValueError, match="cifar-10-python.tar.gz is no whole archive; fetch https"):
        read_cifar(archive, "CIFAR-10")
    archive.write_bytes(b"<html>moved</html>")
    with pytest.raises(ValueError, match="cifar-10-python.tar.gz is no whole archive; fetch https"):
        read_cifar(archive, "CIFAR-10")


def test_another_edition_is_read_with_a_warning(tmp_path, monkeypatch):
    """Whose sums are not the published ones; if it holds images and labels."""
    folder = tmp_path / "a"
    x, y = publish(monkeypatch, folder, "ciFAIR-10")["test_batch"]

    def written(data: object, labels: object) -> None:
        raw = pickle.dumps(dict(data=data, labels=labels))
        (folder / "test_batch").write_bytes(raw)

    written(x[:5].reshape(5, -1).numpy(), y[:5].tolist())
    with pytest.warns(
        UserWarning, match="is not that of ciFAIR-10: its MD5 sum is .* read as it is"
    ):
        found = read_cifar(folder, "ciFAIR-10", train=False)
    assert torch.equal(found[0], x[:5]) and torch.equal(found[1], y[:5])
    flat = x[:5].reshape(5, -1).numpy()
    for data, labels, message in (
        (flat, y[:4].tolist(), r"images uint8 \(5, 3072\), labels int64 \(4,\)"),
        (flat.astype(float), y[:5].tolist(), "images float64"),
        (flat[:, :9], y[:5].tolist(), r"\(5, 9\)"),
        (flat, list("abcde"), "labels <U1"),
        (flat, [0, 1, 2, 3, 10], "has the label 10 at example 4; labels must be 0 to 9"),
        (None, None, "does not hold images"),
    ):
        written(data, labels)
        with pytest.warns(UserWarning, match="MD5"), pytest.raises(ValueError, match=message):
            read_cifar(folder, "ciFAIR-10", train=False)


@pytest.mark.parametrize("name", ["CIFAR-10", "ciFAIR-10"])
def test_an_archive_with_one_bit_flipped_is_read_right_or_refused_in_words(
    tmp_path, monkeypatch, name
):
    """Bits of the last kB, where a zip has its table of contents, and as many of the whole file. What a
    packed file does not notice itself the sums do."""
    folder = tmp_path / "a"
    x, y = publish(monkeypatch, folder, name)["test_batch"]
    for file in CIFAR[name].train:
        (folder / file).unlink()
    archive = pack(folder, name)
    raw, refused = archive.read_bytes(), 0
    for seed in range(600):
        g = make_generator(seed)
        begin = 0 if seed % 2 else max(0, len(raw) - 1000)
        place = int(torch.randint(begin, len(raw), (), generator=g))
        bit = 1 << int(torch.randint(8, (), generator=g))
        archive.write_bytes(raw[:place] + bytes([raw[place] ^ bit]) + raw[place + 1 :])
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                found = read_cifar(archive, name, train=False)
        except (ValueError, FileNotFoundError) as error:
            assert re.search(r"[Ff]etch https", str(error))
            refused += 1
        else:
            assert said or (torch.equal(found[0], x) and torch.equal(found[1], y))
            refused += bool(said)
    assert refused > 300  # or read with a warning


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    publish(monkeypatch, tmp_path / "a", "ciFAIR-10")
    archive = pack(tmp_path / "a", "ciFAIR-10")

    def refuse(*_: object) -> None:
        raise PermissionError("not yours")

    monkeypatch.setattr(zipfile, "ZipFile", refuse)
    with pytest.raises(PermissionError, match="not yours"):
        read_cifar(archive, "ciFAIR-10")


def test_the_sums_are_of_different_files():
    """Ciphers of 16 bytes; the train set of CIFAR-10 and both sets of CIFAR-100 occur twice."""
    sums = [s for kind in CIFAR.values() for s in (kind.train | kind.test).values()]
    assert len(sums) == 16 and len(set(sums)) == 9
    assert all(len(bytes.fromhex(s)) == 16 for s in sums)


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_no_code_of_a_file_is_run(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    publish(monkeypatch, tmp_path / "a", "CIFAR-100", lambda _: pickle.dumps(Evil(victim)))
    with pytest.raises(ValueError, match="the file asks for .* it was not run"):
        read_cifar(tmp_path / "a", "CIFAR-100")
    torch.save({"clean_label": Evil(victim)}, tmp_path / "CIFAR-10_human.pt")
    with pytest.raises(ValueError, match="holds no arrays of labels"):
        read_human_labels(tmp_path / "CIFAR-10_human.pt", "worse_label", torch.arange(3))
    assert not victim.exists()


# What people said


def human(path: Path, true: Tensor, **others: object) -> Path:
    """As numpy 1 and torch wrote it."""
    file = BytesIO()
    content = {"clean_label": true.numpy(), "worse_label": true.flip(0).numpy(), **others}
    torch.save(content, file, _use_new_zipfile_serialization=False)
    path.write_bytes(file.getvalue().replace(b"numpy._core", b"numpy.core"))
    return path


def test_human_labels_follow_the_order_of_the_images(tmp_path):
    true = torch.arange(10).repeat(3)
    as_tensor = human(
        tmp_path / "a.pt", true, aggre_label=true, random_label1=true.numpy().astype(np.uint8)
    )
    assert torch.equal(read_human_labels(as_tensor, "worse_label", true), true.flip(0))
    for kind in ("aggre_label", "random_label1"):
        labels = read_human_labels(as_tensor, kind, true)
        assert torch.equal(labels, true) and labels.dtype == torch.int64
    torch.save({"clean_label": true.numpy(), "noisy_label": true.numpy()}, tmp_path / "b.pt")
    assert torch.equal(read_human_labels(tmp_path / "b.pt", "noisy_label", true), true)


def test_human_labels_of_other_images_are_refused(tmp_path):
    true = torch.arange(10).repeat(3)
    path = human(tmp_path / "CIFAR-10_human.pt", true, random_label2=(true + 1).numpy())
    for other in (true.roll(1), true[:20]):
        with pytest.raises(ValueError, match="other images, or in another order.*whole train set"):
            read_human_labels(path, "worse_label", other)
    with pytest.raises(
        ValueError, match="kind must be one of clean_label, worse_label.*got 'worst'"
    ):
        read_human_labels(path, "worst", true)
    with pytest.raises(ValueError, match="has the label 10 at example 9; labels must be 0 to 9"):
        read_human_labels(path, "random_label2", true)
    with pytest.raises(FileNotFoundError, match=r"fetch CIFAR-100_human.pt from https://github"):
        read_human_labels(tmp_path / "CIFAR-100_human.pt", "noisy_label", true)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="CIFAR-10_human.pt holds no arrays of labels"):
        read_human_labels(path, "worse_label", true)


# Ten animals


@pytest.fixture
def pillow() -> Any:
    return pytest.importorskip("PIL.Image")


@pytest.fixture
def animals(tmp_path, pillow) -> Path:
    """Twelve images of one colour each; the label is image number times 7 modulo 10."""
    for part in ("training", "testing"):
        (tmp_path / part).mkdir()
        for i in range(12):
            colour = pillow.new("RGB", (64, 48), (20 * i, 100, 250 - 20 * i))
            colour.save(tmp_path / part / f"{7 * i % 10}_{i}.jpg", quality=100)
    pillow.new("L", (64, 48), 9).save(tmp_path / "testing" / "3_100.jpg")
    return tmp_path


def test_animals_come_in_the_order_of_their_numbers(animals):
    x, y = read_animal10n(animals)
    assert x.shape == (12, 3, 48, 64) and x.dtype == torch.uint8
    assert torch.equal(y, 7 * torch.arange(12) % 10)
    expected = torch.stack([torch.tensor([20 * i, 100, 250 - 20 * i]) for i in range(12)])
    assert (x.float().mean((2, 3)) - expected).abs().max() < 3  # what jpg lost
    x, y = read_animal10n(animals, train=False)
    assert len(x) == 13 and y[12] == 3 and (x[12] == 9).all()  # grey in three equal channels


def test_animals_that_are_no_set_are_refused(animals, pillow):
    with pytest.raises(
        FileNotFoundError, match="no images in .*nowhere/training; ask for the images"
    ):
        read_animal10n(animals / "nowhere")
    training = animals / "training"
    (training / ".hidden").touch()
    for name, size, text in (
        ("cat_5.jpg", (64, 48), r"cat_5.jpg must be named LABEL_ID.jpg"),
        ("10_50.jpg", (64, 48), r"has the label 10 at example 12; labels must be 0 to 9"),
        ("1_50.jpg", (32, 48), r"1_50.jpg has 48×32 pixels, 0_0.jpg has 48×64; scale all"),
    ):
        pillow.new("RGB", size).save(training / name)
        with pytest.raises(ValueError, match=text):
            read_animal10n(animals)
        (training / name).unlink()
    (training / "1_50.jpg").write_bytes((training / "0_0.jpg").read_bytes()[:200])
    with pytest.raises(ValueError, match=r"1_50.jpg is no whole image; fetch it again"):
        read_animal10n(animals)


# Choices


def test_lookalikes_are_five_classes_of_ten():
    names = "plane car bird cat deer dog frog horse ship truck".split()
    pairs = {(a, names[b]) for a, b in zip(names, CIFAR10_LOOKALIKES, strict=True) if names[b] != a}
    assert pairs == {
        ("truck", "car"),
        ("bird", "plane"),
        ("deer", "horse"),
        ("cat", "dog"),
        ("dog", "cat"),
    }
    assert len(image_files.CIFAR10_LOOKALIKES) == 10


def test_in_a_superclass_each_class_is_taken_for_the_next():
    """Cycles of five classes in rising order, whatever the order of the images."""
    g = make_generator(0)
    superclass = torch.arange(20).repeat(5)[torch.randperm(100, generator=g)]
    fine = torch.cat((torch.arange(100), torch.randint(100, (900,), generator=g)))
    fine = fine[torch.randperm(1000, generator=g)]
    to = torch.tensor(next_in_superclass(fine, superclass[fine]))
    for group in range(20):
        (classes,) = (superclass == group).nonzero(as_tuple=True)
        assert to[classes].tolist() == [*classes[1:].tolist(), int(classes[0])]
    wrong = superclass[fine]
    wrong[0] = (wrong[0] + 1) % 20
    for labels in ((fine, wrong), (fine[fine != 7], superclass[fine[fine != 7]])):
        with pytest.raises(ValueError, match="fine must name every class, and coarse always"):
            next_in_superclass(*labels)
    transition = class_noise(0.4, next_in_superclass(fine, superclass[fine]))
    assert (transition[torch.arange(100), to] == 0.4).all()
