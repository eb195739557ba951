"""Images come from the course or from a folder of one's own, and what is missing or damaged is named."""

import gzip
import os
import re
import warnings
from pathlib import Path

import pytest
import torch

from stochphys.course.studies import datasets
from stochphys.course.studies.datasets import FASHION, FASHION_LOOKALIKES, images, read_idx
from stochphys.device import make_generator
from stochphys.training.labels import class_noise


def idx(values: torch.Tensor) -> bytes:
    head = bytes([0, 0, 8, values.ndim])
    return head + b"".join(n.to_bytes(4, "big") for n in values.shape) + values.numpy().tobytes()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An edition of Fashion-MNIST with 3000 and 40 images, named by STOCHPHYS_DATA."""
    g = make_generator(0)
    for part, n in (("train", 3000), ("t10k", 40)):
        x = torch.randint(256, (n, 28, 28), generator=g, dtype=torch.uint8)
        y = torch.randint(10, (n,), generator=g, dtype=torch.uint8)
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(x)))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(y))
    monkeypatch.setenv("STOCHPHYS_DATA", str(tmp_path))
    return tmp_path


def test_the_course_has_images_of_its_own(monkeypatch):
    monkeypatch.delenv("STOCHPHYS_DATA", raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = images()
        few = images(n_train=30, n_test=20)
    assert data.train[0].shape == (2000, 1, 28, 28) and data.test[0].shape == (1000, 1, 28, 28)
    assert data.train[0].dtype == torch.uint8 and data.train[1].dtype == torch.int64
    assert torch.equal(few.train[0], data.train[0][:30]) and len(few.test[1]) == 20
    for _, y in (data.train, data.test):
        assert y.bincount(minlength=10).min() > 70 * len(y) / 1000 and len(FASHION) == 10
    # Shoes are dark above, trousers in the corners: an ankle boot, 9, has light in its lowest row.
    mean = torch.stack([data.train[0][data.train[1] == c].float().mean(0)[0] for c in range(10)])
    assert mean[5:8:2, :5].mean() < 5 < mean[0, :5].mean()


@pytest.mark.skipif(
    not (Path(os.environ.get("STOCHPHYS_DATA", "")) / "train-images-idx3-ubyte.gz").is_file(),
    reason="needs the files of Fashion-MNIST in the folder STOCHPHYS_DATA",
)
def test_the_images_of_the_course_are_the_first_of_those_that_were_published():
    shipped, whole = images(), images(n_train=10**6, n_test=10**6)
    assert len(whole.train[1]) == 60_000 and len(whole.test[1]) == 10_000
    assert whole.train[1].bincount().tolist() == [6000] * 10
    for few, all_ in ((shipped.train, whole.train), (shipped.test, whole.test)):
        for a, b in zip(few, all_, strict=True):
            assert torch.equal(a, b[: len(a)])


def test_more_images_come_from_a_folder(folder):
    with pytest.warns(UserWarning, match="do not begin as Fashion-MNIST does; .* fetch https"):
        data = images(n_train=2500, n_test=2000)
    x, y = read_idx(folder)
    assert torch.equal(data.train[0], x[:2500]) and torch.equal(data.train[1], y[:2500])
    assert data.test[0].shape == (40, 1, 28, 28)  # there are no more


def test_only_other_images_under_its_name_are_told(folder):
    """MNIST, for one, comes in files of the same names."""
    shipped = images()
    for part, (x, y) in (("train", shipped.train), ("t10k", shipped.test)):
        x, y = torch.cat((x, x[:9])), torch.cat((y, y[:9])).byte()
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(x[:, 0])))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(y))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(images(n_train=6000).train[1]) == 2009
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(y.flip(0)))
    with pytest.warns(UserWarning, match="they are read as they are"):
        assert torch.equal(images(n_train=6000).test[1], y.flip(0)[:1000])


def test_what_is_missing_is_said_once_and_the_course_goes_on(folder, monkeypatch):
    with pytest.warns(UserWarning, match="data_batch_1.* not found in .* fetch https.* instead$"):
        found = images("CIFAR-10")
    assert found.name == "Fashion-MNIST" and len(found.train[1]) == 2000
    (folder / "train-labels-idx1-ubyte").unlink()
    with pytest.warns(UserWarning, match="train-labels-idx1-ubyte.gz not found in .* instead$"):
        assert len(images(n_train=6000).train[1]) == 2000
    with pytest.warns(UserWarning, match="no images in .* instead$"):
        images("ANIMAL-10N")
    monkeypatch.delenv("STOCHPHYS_DATA")
    with pytest.warns(UserWarning, match="let STOCHPHYS_DATA name the folder of its files"):
        images(n_train=6000)
    with pytest.raises(ValueError, match="name must be one of Fashion-MNIST, CIFAR-10, "):
        images("MNIST")
    with pytest.raises(ValueError, match="n_train must be"):
        images(n_train=0)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda raw: raw[:-7],
        lambda raw: b"<html>moved</html>",
        lambda raw: b"\0\0\x0d" + raw[3:],
        lambda raw: b"",
        lambda raw: raw + b"1",
    ],
)
def test_damaged_files_are_refused(folder, break_it):
    for name, packed in (("t10k-images-idx3-ubyte.gz", True), ("t10k-labels-idx1-ubyte", False)):
        path = folder / name
        whole = path.read_bytes()
        raw = break_it(gzip.decompress(whole) if packed else whole)
        for content in (gzip.compress(raw), break_it(whole)) if packed else (raw,):
            if content[:-1] == whole:
                continue  # what stands behind a packed file does no harm
            path.write_bytes(content)
            with pytest.raises(
                ValueError, match=f"{re.escape(name.split('.')[0])} in .* is damaged"
            ):
                read_idx(folder, train=False)
        path.write_bytes(whole)


def test_flipped_bits_are_damage_and_a_locked_file_is_not(folder, monkeypatch):
    path = folder / "t10k-images-idx3-ubyte.gz"
    whole = gzip.compress(idx(torch.zeros(40, 28, 28, dtype=torch.uint8)))
    for i in range(10, 30):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0xFF]) + whole[i + 1 :])
        with pytest.raises(ValueError, match="t10k-images-idx3-ubyte in .* is damaged"):
            read_idx(folder, train=False)

    def locked(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", locked)
    with pytest.raises(PermissionError, match="Permission denied: .*t10k-images"):
        read_idx(folder, train=False)


def test_labels_of_other_classes_and_no_images_are_refused(folder):
    for n, message in ((40, "label 46 at example 0; labels must be 0 to 9"), (0, "not as many")):
        x, y = torch.zeros(n, 28, 28).byte(), torch.full((n,), 46).byte()
        (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(x)))
        (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(y))
        with pytest.raises(ValueError, match=message):
            read_idx(folder, train=False)


def test_labels_for_other_images_are_refused(folder):
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(torch.zeros(39, dtype=torch.uint8)))
    with pytest.raises(ValueError, match=r"images \(40, 28, 28\) and labels \(39,\), not as many"):
        read_idx(folder, train=False)


def test_lookalikes_are_six_classes():
    wrong = [(a, FASHION_LOOKALIKES[a]) for a in range(10) if FASHION_LOOKALIKES[a] != a]
    assert [(FASHION[a], FASHION[b]) for a, b in wrong] == [
        ("T-shirt", "shirt"),
        ("pullover", "coat"),
        ("coat", "pullover"),
        ("sandal", "sneaker"),
        ("shirt", "T-shirt"),
        ("boot", "sneaker"),
    ]
    assert class_noise(0.4, FASHION_LOOKALIKES)[9, 7] == 0.4
    assert datasets.SHIPPED == (2000, 1000)
