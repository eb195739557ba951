"""Examples whose labels may be wrong: how they get wrong, how they are drawn, what is learned."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import require
from ..brief import Brief
from ..device import as_generator
from .batches import Objective
from .ensemble import Ensemble

PIECE = 1000  # examples that are classified at once


@dataclass(frozen=True, eq=False)
class Labelled(Brief):
    """Examples with labels that may be wrong; `data[index]` gives `(x, y, index)`.

    Attributes:
        x: the examples, `(n_examples, …)`.
        y: their given labels from 0 to `n_classes` − 1, `(n,)`, or `(groups, n)` for an `Ensemble`
            whose networks come in groups, each with a data set of its own.
        n_classes: number of classes.
        true: the true labels, shaped as `y`, where they are known.
        rows: which examples they belong to, shaped as `y`; by default the first is the first.
        copies: networks in a row that share a data set, and the batches drawn from it: what differs
            between them then is not the luck of the batches.

    Raises:
        ValueError: labels that are no integers, out of range, or of one class only (nothing can be
            learned from them, and no held-out objective tells networks apart); shapes that do not
            fit; no examples.
    """

    x: Tensor
    y: Tensor
    n_classes: int
    true: Tensor | None = None
    rows: Tensor | None = None
    copies: int = 1

    def __post_init__(self) -> None:
        shape = tuple(self.y.shape)
        if len(shape) not in (1, 2):
            raise ValueError(f"y must have the shape (n,) or (groups, n), got {shape}")
        require.integer(1, self, "copies")
        if self.copies > 1 and len(shape) == 1:
            raise ValueError(f"copies={self.copies} need groups, y (groups, n), got y {shape}")
        for name, number, known in (
            ("y", self.n_classes, "n_classes"),
            ("true", self.n_classes, "n_classes"),
            ("rows", len(self.x), "len(x)"),
        ):
            if (labels := getattr(self, name)) is None:
                continue
            if labels.shape != shape:
                raise ValueError(f"{name} must have the shape of y, {shape}, got {labels.shape}")
            _require_labels(name, labels, number, known)
        for row in self.y.view(-1, shape[-1]):
            if (row == row[0]).all():
                raise ValueError(f"y holds one class only, {int(row[0])}; give two or more")
        if self.rows is None and len(self.x) != shape[-1]:
            raise ValueError(
                f"x holds {len(self.x)} examples and y {shape[-1]} labels; give as many, or "
                "rows that say which belong together"
            )

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
    if labels.dtype != torch.long or not 0 <= labels.min() <= labels.max() < number:
        raise ValueError(
            f"{name} must be integers (torch.long) between 0 and {known} - 1 = {number - 1}, got "
            f"{labels.dtype} from {labels.min()} to {labels.max()}"
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
    if not len(to) or not all(isinstance(i, int) and 0 <= i < len(to) for i in to):
        raise ValueError(f"to must name one of its {len(to)} classes for each, got {to}")
    return _mixture(noise_rate, F.one_hot(torch.tensor(to), len(to)).double())


def _mixture(noise_rate: float, wrong: Tensor) -> Tensor:
    require.within("[0, 1]", noise_rate=noise_rate)
    return (1 - noise_rate) * torch.eye(len(wrong), dtype=torch.float64) + noise_rate * wrong


def flip(y: Tensor, transition: Tensor, *, generator: torch.Generator | int) -> Tensor:
    """Given labels for true ones of any shape, drawn from the rows of a transition matrix.

    Raises:
        ValueError: rows that are no probabilities, labels that are no rows.
    """
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
        logits = model(x)
        if not asked or y.device.type == "cpu":  # a GPU would stop for the answer at each step
            asked = True
            if y.max() >= logits.shape[-1]:
                raise ValueError(
                    f"the network tells {logits.shape[-1]} classes apart, but there are labels up to "
                    f"{y.max()}; give it an output for each class"
                )
        return loss(logits, y).mean(-1)

    return objective


@torch.no_grad()
def predict(model: nn.Module, data: Labelled) -> Tensor:
    """The classes `(n,)`, or `(members, n)`, that a network gives to all examples, wherever they
    and the network are; on the device of the data."""
    training, device = model.training, next(model.parameters()).device
    model.eval()
    per_member = (model.members,) if isinstance(model, Ensemble) else ()
    index = torch.arange(len(data), device=data.y.device)
    classes = [
        model(data[piece.expand(*per_member, -1)][0].to(device)).argmax(-1)
        for piece in index.split(PIECE)
    ]
    model.train(training)
    return torch.cat(classes, -1).to(data.y.device)


def accuracy(model: nn.Module, data: Labelled) -> Tensor:
    """Share of examples that get their given label, `()` or `(members,)`."""
    y = data.y if data.y.ndim == 1 else data.y.repeat_interleave(data.copies, 0)
    return (predict(model, data) == y).float().mean(-1)
