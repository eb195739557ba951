"""Examples whose labels may be wrong: how they get wrong, how they are drawn, what is learned."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Subset

from .. import require
from ..brief import Brief, brief
from ..device import as_generator
from .batches import Objective
from .classes import as_examples, as_numbers, how_many, names_of
from .ensemble import Ensemble

PIECE = 1000  # examples that are classified at once


@dataclass(frozen=True, eq=False)
class Labelled(Brief):
    """Examples with labels that may be wrong; `data[index]` gives `(x, y, index)`.

    Tensors, arrays and lists will do. Labels may be integers of any kind, names of classes, one-hot
    rows `(n, n_classes)` or a column `(n, 1)`; here they become numbers.

    Attributes:
        x: the examples, `(n_examples, …)`.
        y: their given labels from 0 to `n_classes` − 1, `(n,)`, or `(groups, n)` for an `Ensemble`
            whose networks come in groups, each with a data set of its own.
        n_classes: number of classes. By default as many as there are names or one-hot columns, or
            as numbers from 0 on, if each of these is the label of an example.
        true: the true labels, shaped as `y`, where they are known.
        rows: which examples they belong to, shaped as `y`; by default the first is the first.
        copies: networks in a row that share a data set, and the batches drawn from it: what differs
            between them then is not the luck of the batches.
        names: class k is called `names[k]`. By default the names in `y` and `true` in sorted order;
            held-out data may lack one, so they take `names=train.names`.

    Raises:
        TypeError: examples that are no numbers.
        ValueError: labels that are no integers, out of range, or of one class only (nothing can be
            learned from them, and no held-out objective tells networks apart); shapes that do not
            fit; no examples.
    """

    x: Tensor
    y: Tensor
    n_classes: int | None = None
    true: Tensor | None = None
    rows: Tensor | None = None
    copies: int = 1
    names: Sequence[str] | None = None

    def __post_init__(self) -> None:
        require.integer(1, self, "copies")
        x, given = as_examples(self.x), dict(y=self.y, true=self.true, rows=self.rows)
        names = names_of(self.y, self.true) if self.names is None else tuple(self.names)
        n = -1 if self.rows is not None else len(x)  # with rows two axes are groups
        labels = {k: as_numbers(k, v, n, names) for k, v in given.items() if v is not None}
        y, n_classes = labels["y"], self.n_classes
        if n_classes is None:
            one_hot = np.ndim(self.y) > y.ndim and np.shape(self.y)[1] > 1
            n_classes = np.shape(self.y)[1] if one_hot else len(names or ())
            n_classes = n_classes or how_many(*(labels[k] for k in ("y", "true") if k in labels))
        require.integer(1, n_classes=n_classes)
        if y.ndim not in (1, 2):
            raise ValueError(f"y must have the shape (n,) or (groups, n), got {tuple(y.shape)}")
        if self.copies > 1 and y.ndim == 1:
            raise ValueError(
                f"copies={self.copies} need groups, y (groups, n), got y {tuple(y.shape)}"
            )
        for name, values in labels.items():
            if values.shape != y.shape:
                raise ValueError(
                    f"{name} must have the shape of y, {tuple(y.shape)}, got {tuple(values.shape)}"
                )
            known = (len(x), "len(x)") if name == "rows" else (n_classes, "n_classes")
            _require_labels(name, values, *known)
        for row in y.view(-1, y.shape[-1]):
            if (row == row[0]).all():
                raise ValueError(f"y holds one class only, {int(row[0])}; give two or more")
        if self.rows is None and len(x) != y.shape[-1]:
            raise ValueError(
                f"x holds {len(x)} examples and y {y.shape[-1]} labels; give as many, or "
                "rows that say which belong together"
            )
        for name, value in dict(x=x, names=names, n_classes=n_classes, **labels).items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(
        cls, dataset: Any, n_classes: int | None = None, *, names: Sequence[str] | None = None
    ) -> "Labelled":
        """The pairs (example, label) of a torch `Dataset`, each read once into memory: what its
        transforms draw stays as drawn. Names that it has as `classes`, as in torchvision, are kept.

        Raises `TypeError` for what has no length, or other items, and what `Labelled` raises.
        """
        dataset = dataset.dataset if isinstance(dataset, DataLoader) else dataset
        kind = type(dataset).__name__
        if not hasattr(dataset, "__len__"):
            raise TypeError(f"dataset must have a length, {kind} has none; give list(dataset)")
        pairs = [dataset[i] for i in range(len(dataset))]
        if strange := [p for p in pairs if not isinstance(p, tuple | list) or len(p) != 2]:
            raise TypeError(
                f"items of {kind} must be pairs (example, label), got {brief(strange[0])}; give a "
                "list of such pairs, or Labelled(x, y)"
            )
        while isinstance(dataset, Subset):
            dataset = dataset.dataset
        if names is None and getattr(dataset, "target_transform", None) is None:
            names = getattr(dataset, "classes", None)
        x, y = ([pair[k] for pair in pairs] for k in (0, 1))
        return cls(x, y, n_classes, names=names)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return self.y.shape[-1]

    def __getitem__(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if self.y.ndim == 1:
            rows = index if self.rows is None else self.rows[index]
            return self.x[rows], self.y[index], index
        if index.ndim != 2 or len(index) != len(self.y) * self.copies:
            raise ValueError(
                f"y has {len(self.y)} groups of {self.copies}; the model must be an Ensemble of "
                f"{len(self.y) * self.copies} members. For one model take group(0)"
            )
        index = index.unflatten(0, (-1, self.copies))[:, 0]
        rows = index if self.rows is None else self.rows.gather(-1, index)
        x, y = self.x[rows], self.y.gather(-1, index)
        x, y, index = (t.repeat_interleave(self.copies, 0) for t in (x, y, index))
        return x, y, index

    def group(self, i: int) -> "Labelled":
        """The data set of group i alone, `y (n,)`."""
        true, rows = (None if t is None else t[i] for t in (self.true, self.rows))
        return replace(self, y=self.y[i], true=true, rows=rows, copies=1)

    def to(self, device: torch.device) -> "Labelled":
        true, rows = (None if t is None else t.to(device) for t in (self.true, self.rows))
        return replace(self, x=self.x.to(device), y=self.y.to(device), true=true, rows=rows)


def _require_labels(name: str, labels: Tensor, number: int, known: str) -> None:
    """Refuse what cannot number `number` things, of which `known` says how many there are."""
    if not labels.numel():
        raise ValueError(f"{name} is empty; give at least one example of two classes")
    if not 0 <= labels.min() <= labels.max() < number:
        raise ValueError(
            f"{name} must lie between 0 and {known} - 1 = {number - 1}, got {labels.min()} to "
            f"{labels.max()}; leave out what has no label, and count from 0"
        )


def symmetric_noise(noise_rate: float, n_classes: int) -> Tensor:
    r"""Each label is replaced, with probability τ, by one of the C − 1 others, all alike:

    $$P_{ij} = (1 - \tau)\,\delta_{ij} + \frac{\tau}{C - 1}(1 - \delta_{ij}).$$

    Returns:
        The transition matrix `(n_classes, n_classes)`: row i is the law of the given label of an
        example of class i.

    Raises:
        ValueError: a rate outside [0, 1], fewer than two classes.
    """
    require.integer(2, n_classes=n_classes)
    others = 1 - torch.eye(n_classes, dtype=torch.float64)
    return _mixture(noise_rate, others / (n_classes - 1))


def class_noise(noise_rate: float, to: Sequence[int]) -> Tensor:
    """Each label i is replaced, with probability `noise_rate`, by `to[i]`: classes that look alike
    are taken for each other. Where `to[i]` is i, labels are right.

    Returns and raises as `symmetric_noise` does.
    """
    if not len(to) or not all(isinstance(i, Integral) and 0 <= i < len(to) for i in to):
        raise ValueError(f"to must name one of its {len(to)} classes for each, got {to}")
    return _mixture(noise_rate, F.one_hot(as_numbers("to", to, -1), len(to)).double())


def _mixture(noise_rate: float, wrong: Tensor) -> Tensor:
    require.within("[0, 1]", noise_rate=noise_rate)
    return (1 - noise_rate) * torch.eye(len(wrong), dtype=torch.float64) + noise_rate * wrong


def flip(y: Tensor, transition: Tensor, *, generator: torch.Generator | int) -> Tensor:
    """Given labels for true ones, integers of any shape, drawn from the rows of a transition matrix.

    Raises:
        ValueError: rows that are no probabilities, labels that are no rows.
    """
    transition, y = torch.as_tensor(transition), as_numbers("y", y, -1)
    require.stochastic(transition=transition)
    _require_labels("y", y, len(transition), "len(transition)")
    u = torch.rand(y.shape, generator=as_generator(generator), dtype=torch.float64)
    return (u[..., None] >= transition.cumsum(-1)[:, :-1][y]).sum(-1)


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Minus the logarithm of the probability of the label, for each example."""
    return F.cross_entropy(logits.flatten(0, -2), y.flatten(), reduction="none").view(y.shape)


def classify(loss: Callable[[Tensor, Tensor], Tensor] | None = None) -> Objective:
    """The objective of a classifier, for `fit`: the mean over a batch of a loss per example, from
    logits `(…, n_classes)` and labels `(…)`; cross entropy by default. One number per member of an
    `Ensemble`."""
    loss, asked = loss or cross_entropy, False

    def objective(model: nn.Module, batch: Any) -> Tensor:
        nonlocal asked
        x, y = batch[:2]
        logits = logits_of(model, x)
        if y.shape != logits.shape[:-1] or y.is_floating_point():
            raise TypeError(
                f"a batch must hold one integer per example, {tuple(logits.shape[:-1])} for logits "
                f"{tuple(logits.shape)}, got {brief(y)}; Labelled(x, y) makes them of one-hot rows "
                "and columns"
            )
        y = y.long()
        if not asked or y.device.type == "cpu":  # a GPU would stop for the answer at each step
            asked = True
            if y.max() >= logits.shape[-1]:
                raise ValueError(
                    f"the network tells {logits.shape[-1]} classes apart, but there are labels up to "
                    f"{y.max()}; give it an output for each class"
                )
        return loss(logits, y).mean(-1)

    return objective


def logits_of(model: nn.Module, x: Tensor) -> Tensor:
    """What a network says of examples, in the precision of its weights. Bytes go in as they are: some
    networks scale them. `TypeError` where this one does not."""
    weights = next(model.parameters())
    try:
        return model(x.to(weights.dtype) if x.is_floating_point() else x)
    except RuntimeError as error:
        if x.is_floating_point() or type(error) is not RuntimeError:
            raise
        scaled = "x.float() / 255" if x.dtype == torch.uint8 else "x.float()"
        raise TypeError(
            f"x holds {brief(x)}, and this network takes no such numbers ({error}); give it floats, "
            f"Labelled({scaled}, y)"
        ) from error


@torch.no_grad()
def predict(model: nn.Module, data: Labelled) -> Tensor:
    """The classes `(n,)`, or `(members, n)`, that a network gives to all examples, wherever they
    and the network are; on the device of the data."""
    training, device = model.training, next(model.parameters()).device
    model.eval()
    per_member = (model.members,) if isinstance(model, Ensemble) else ()
    index = torch.arange(len(data), device=data.y.device)
    classes = []
    for piece in index.split(PIECE):
        logits = logits_of(model, data[piece.expand(*per_member, -1)][0].to(device))
        classes.append(logits.argmax(-1))
    model.train(training)
    if data.names is not None and len(data.names) != logits.shape[-1]:
        raise ValueError(
            f"the network tells {logits.shape[-1]} classes apart, data names {len(data.names)}, maybe "
            "in another order; give names=train.names, those of the data that it learned from"
        )
    return torch.cat(classes, -1).to(data.y.device)


def accuracy(model: nn.Module, data: Labelled) -> Tensor:
    """Share of examples that get their given label, `()` or `(members,)`."""
    y = data.y if data.y.ndim == 1 else data.y.repeat_interleave(data.copies, 0)
    return (predict(model, data) == y).float().mean(-1)
