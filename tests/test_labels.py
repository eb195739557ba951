"""Labels as people have them become the numbers that they stand for, or are refused with a cure."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset

from stochphys.device import make_generator
from stochphys.models import MLP
from stochphys.training import Labelled, accuracy, classify, fit, flip, symmetric_noise
from stochphys.training.labels import class_noise, predict

RNG = np.random.default_rng(0)
Y = np.concatenate((np.arange(3), RNG.integers(0, 3, 57)))
X = (np.eye(3)[Y] + 0.1 * RNG.normal(size=(60, 3))).astype(
    np.float32
)  # the largest tells the class
WORDS = np.array(["bead", "film", "walker"])


class Pictures(Dataset):
    """One (image, integer) at a time, with the attributes of torchvision."""

    classes = list(WORDS)

    def __len__(self):
        return len(Y)

    def __getitem__(self, i):
        return torch.tensor(X[i]).view(1, 1, 3), int(Y[i])


INTEGERS = "uint8 int8 uint16 int16 uint32 int32 uint64 int64 bool".split()
NUMBERS = {
    **{kind: (Y % 2 if kind == "bool" else Y).astype(kind) for kind in INTEGERS},
    "list": Y.tolist(),
    "numpy integers in a list": list(Y),
    "tensors in a list": [torch.tensor(y) for y in Y],
    "int32 tensor": torch.tensor(Y).int(),
    "column": Y[:, None],
    "column of a tensor": torch.tensor(Y)[:, None],
    "one-hot": np.eye(3)[Y],
    "one-hot integers": np.eye(3, dtype=int)[Y],
    "one-hot truth values": np.eye(3, dtype=bool)[Y],
    "one-hot tensor": torch.eye(3)[torch.tensor(Y)],
    "one-hot, a class unseen": np.eye(4)[Y],
}


@pytest.mark.parametrize("given", NUMBERS)
def test_numbers_of_every_kind_are_the_same_labels(given: str):
    data = Labelled(X, NUMBERS[given], true=NUMBERS[given])
    assert data.y.dtype == torch.long and torch.equal(data.y, data.true)
    assert data.y.tolist() == (Y % 2 if given == "bool" else Y).tolist()
    assert data.n_classes == {"bool": 2, "one-hot, a class unseen": 4}.get(given, 3)
    assert torch.equal(data.x, torch.tensor(X)) and data.names is None


@pytest.mark.parametrize("kind", ["array", "list", "bytes", "object", "column"])
def test_names_become_numbers_in_sorted_order_and_are_kept(kind: str):
    words = WORDS[Y]
    given = {
        "array": words,
        "list": words.tolist(),
        "bytes": words.astype("S"),
        "object": words.astype(object),
        "column": words[:, None],
    }[kind]
    data = Labelled(X, given)
    assert data.names == tuple(WORDS) and data.n_classes == 3
    assert [data.names[k] for k in data.y] == words.tolist()


def test_numbers_in_words_are_numbers():
    """As OpenML gives the digits of MNIST: in sorted order, "10" would come before "2"."""
    y = np.arange(60) % 11
    data = Labelled(X, y.astype(str))
    assert data.names is None and data.y.tolist() == y.tolist()


def test_held_out_data_that_lack_a_class_take_the_names_of_the_others():
    """By themselves, "film" and "walker" would be 0 and 1: with the names they are 1 and 2."""
    train, rest = Labelled(X, WORDS[Y]), Y > 0
    held_out = Labelled(X[rest], WORDS[Y][rest], names=train.names)
    assert held_out.y.tolist() == Y[rest].tolist() and held_out.n_classes == 3
    network, alone = MLP((3, 3), generator=0), Labelled(X[rest], WORDS[Y][rest])
    how = dict(steps=1, generator=0, device="cpu", progress=False)
    with pytest.raises(ValueError, match=r"data number their classes as .*give .*same names"):
        fit(network, classify(), train, validation=alone, **how)
    with pytest.raises(ValueError, match="tells 3 classes apart, data names 2.*names=train.names"):
        accuracy(network, alone)
    with pytest.raises(ValueError, match="y: 'walker' is none of names="):
        Labelled(X, WORDS[Y], names=("bead", "film"))


def test_names_and_true_labels_share_one_numbering():
    data = Labelled(X[:3], ["b", "c", "b"], true=["a", "c", "b"])
    assert data.names == ("a", "b", "c")
    assert data.y.tolist() == [1, 2, 1] and data.true.tolist() == [0, 2, 1]


def test_groups_stay_groups():
    """Two axes are one-hot rows only where they cannot be labels of groups."""
    y = torch.tensor(Y)
    assert Labelled(X, torch.stack((y, y)), 3).y.shape == (2, 60)
    rows = torch.stack((torch.tensor([0, 1, 2]),) * 4)  # four groups, and four examples
    assert Labelled(X[:4], np.eye(3, dtype=int)[[0, 1, 2, 0]], 3, rows=rows).y.shape == (4, 3)
    group = Labelled(X, torch.stack((y, y)), names=WORDS).group(1)
    assert group.y.shape == (60,) and group.names == tuple(WORDS)


@pytest.mark.parametrize(
    ("given", "source"),
    [
        ("items", Pictures()),
        ("a part", Subset(Subset(Pictures(), range(60)), range(60))),
        (
            "two parts",
            ConcatDataset([Subset(Pictures(), range(9)), Subset(Pictures(), range(9, 60))]),
        ),
        ("a loader", DataLoader(Pictures(), 7, shuffle=True)),
        ("tensors", TensorDataset(torch.tensor(X).view(60, 1, 1, 3), torch.tensor(Y))),
        ("a list", [Pictures()[i] for i in range(60)]),
    ],
)
def test_data_sets_of_torch_are_read_once(given: str, source):
    data = Labelled.of(source)
    assert torch.equal(data.x, torch.tensor(X).view(60, 1, 1, 3)) and data.y.tolist() == Y.tolist()
    assert data.names == (tuple(WORDS) if given in ("items", "a part", "a loader") else None)


@pytest.mark.parametrize(
    "y",
    [Y.astype(np.uint8), np.eye(3)[Y], WORDS[Y], Y[:, None]],
    ids=["bytes", "one-hot", "names", "column"],
)
def test_what_was_converted_is_learned(y):
    """Classes a distance of 14 standard deviations apart: no example may be taken for another."""
    data = Labelled(X.astype(np.float64), y)
    network = MLP((3, 16, 3), generator=make_generator(0))
    fit(network, classify(), data, steps=200, lr=0.03, generator=1, device="cpu", progress=False)
    assert accuracy(network, data) == 1 and predict(network, data).tolist() == Y.tolist()


def test_float64_meets_the_weights_as_float32():
    x, network = torch.tensor(X), MLP((3, 3), generator=0)
    pair = Labelled(x, Y), Labelled(x.double(), Y)
    losses = [classify()(network, data[torch.arange(60)]) for data in pair]
    assert pair[1].x.dtype == torch.float64 and torch.equal(*losses)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Labelled(X, Y + 1),
            "n_classes is not given, and labels from 1 to 3.*give n_classes=4",
        ),
        (
            lambda: Labelled(X, Y + 1, 3),
            "between 0 and n_classes - 1 = 2, got 1 to 3; .*count from 0",
        ),
        (lambda: Labelled(X, Y - 1), "between 0 and n_classes - 1 = 1, got -1 to 1; leave out"),
        (lambda: Labelled(X, Y * 1.0), r"integers or names, got torch.float64.*y.astype\(int\)"),
        (lambda: Labelled(X, Y + 0j), "got torch.complex128"),
        (
            lambda: Labelled(X, np.eye(3)[Y] / 2),
            r"one-hot.*row 0 is \[0.5, 0.0, 0.0\].*y.argmax\(1\)",
        ),
        (lambda: Labelled(X, np.ones((60, 3))), "a single 1 in each row"),
        (lambda: Labelled(X, [*WORDS[Y][1:], ""]), "got -1 to 2; leave out what has no label"),
        (lambda: Labelled(X, [*WORDS[Y][1:], None]), "got -1 to 2; leave out what has no label"),
        (lambda: Labelled([[1.0], [1.0, 2.0]], [0, 1]), "x is no array .*one shape first"),
        (lambda: Labelled(X[:0], []), "y is empty"),
        (lambda: Labelled(X, Y, 2.5), "n_classes must be a positive integer, got 2.5"),
        (lambda: Labelled(["a", "b"], [0, 1]), "x must hold numbers, got <U1"),
        (lambda: Labelled.of([(1.0, 0, 0)]), r"items of list must be pairs .*got \(1.0, 0, 0\)"),
        (lambda: Labelled.of(iter([])), r"list_iterator has none; give list\(dataset\)"),
        (
            lambda: flip(WORDS, symmetric_noise(0.1, 3), generator=0),
            r"y holds names, \('bead', .*Labelled\(x, y\).y numbers them",
        ),
    ],
)
def test_what_is_no_label_is_refused_with_a_cure(make, message: str):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_images_in_bytes_are_refused_where_the_network_takes_floats():
    """Some networks scale bytes themselves: they are asked first."""
    images = RNG.integers(0, 256, (60, 1, 4, 4), dtype=np.uint8)
    data = Labelled(images, Y)
    assert data.x.dtype == torch.uint8
    how = dict(steps=1, generator=0, device="cpu", progress=False)
    for network in (nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), nn.Conv2d(1, 3, 4)):
        with pytest.raises(TypeError, match=r"uint8 .*floats, Labelled\(x.float\(\) / 255, y\)"):
            fit(network, classify(), data, **how)
        with pytest.raises(TypeError, match=r"uint8 .*floats, Labelled\(x.float\(\) / 255, y\)"):
            predict(network, data)


@pytest.mark.parametrize("y", [torch.eye(3)[Y], torch.tensor(Y)[:, None], torch.tensor(Y).double()])
def test_a_batch_without_one_integer_each_is_refused_in_words(y):
    data = TensorDataset(torch.tensor(X), y)
    how = dict(steps=1, generator=0, device="cpu", progress=False)
    with pytest.raises(
        TypeError, match=r"one integer per example.*got float|int64.*Labelled\(x, y\)"
    ):
        fit(MLP((3, 3), generator=0), classify(), data, **how)


def test_noise_takes_what_numpy_gives():
    P = class_noise(np.float64(0.3), np.array([0, 2, 1]))
    assert torch.equal(P, class_noise(0.3, (0, 2, 1)))
    given = flip(Y.astype(np.int16), P.numpy(), generator=0)
    assert torch.equal(given, flip(torch.tensor(Y), P, generator=0))
