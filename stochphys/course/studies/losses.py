"""Losses that are less led astray by wrong labels, for `classify`; and ELR, an objective by itself.

Each takes logits `(…, n_classes)` and labels `(…)` and gives one number per example, `(…)`. With
p the probabilities that a network gives and y the label that it is told.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ... import require
from ...training.labels import cross_entropy
from ...training.run import Callback

Loss = Callable[[Tensor, Tensor], Tensor]


def gce(q: float = 0.7) -> Loss:
    r"""Generalised cross entropy, $(1 - p_y^q)/q$, which is cross entropy for q → 0.

    For q = 1 it is half the mean absolute error, $\sum_k |\delta_{ky} - p_k| = 2(1 - p_y)$, and
    symmetric: its sum over all labels is C − 1 for any p, so symmetric noise below (C − 1)/C does
    not move its minimum. It learns slowly then: an example far from its label hardly pulls.

    Raises `ValueError` for q outside (0, 1].

    Sources: Zhang and Sabuncu 2018, arXiv 1805.07836; for q = 1 Ghosh, Kumar and Sastry 2017,
    arXiv 1712.09482.
    """
    require.within("(0, 1]", hint="for q = 0 take cross_entropy", q=q)
    return lambda logits, y: -torch.expm1(-q * cross_entropy(logits, y)) / q


def sce(alpha: float = 0.1, beta: float = 1.0) -> Loss:
    r"""Symmetric cross entropy: α times the cross entropy, and β times it with p and y exchanged,

    $$-\alpha \ln p_y - \beta \sum_k p_k \ln \delta_{ky}, \qquad \ln 0 := A = \ln 10^{-4}.$$

    The second sum is $-A(1 - p_y)$, a multiple of `gce(1)`.

    Source: Wang et al. 2019, arXiv 1908.06112.
    """

    def loss(logits: Tensor, y: Tensor) -> Tensor:
        surprise = cross_entropy(logits, y)
        return alpha * surprise - beta * math.log(1e-4) * (1 - (-surprise).exp())

    return loss


def forward_corrected(transition: Tensor) -> Loss:
    r"""Cross entropy of the given label under the network's guess of the true one,

    $$-\ln \sum_i P_{iy}\, p_i,$$

    with `transition` $P_{iy}$, `(n_classes, n_classes)`, the probability that an example of class i
    is labelled y, such as `symmetric_noise` gives. If P is right and all labels that could be drawn
    were averaged over, it is least at the clean posterior. The luck of those that were drawn stays.

    Raises `ValueError` if P is not square, or if its rows are no probabilities.

    Source: Patrini et al. 2017, arXiv 1609.03683.
    """
    if transition.ndim != 2 or transition.shape[0] != transition.shape[1]:
        raise ValueError(f"transition must be a square matrix, got shape {tuple(transition.shape)}")
    require.stochastic(transition=transition)

    def loss(logits: Tensor, y: Tensor) -> Tensor:
        log_p = logits.log_softmax(-1)
        column = transition.to(log_p).log().T[y]  # (…, n_classes)
        return -(log_p + column).logsumexp(-1)

    return loss


class ELR(Callback):
    r"""Early-learning regularisation: cross entropy, plus a pull to what was believed before,

    $$-\ln p_y + \lambda \ln(1 - p \cdot t), \qquad t \leftarrow \beta t + (1 - \beta)\,p,$$

    with λ = `lam`, β = `beta` and a target t of its own for every example, renewed at each visit
    and held fixed in the gradient. What is learned early is mostly right, and the second term keeps
    it from being unlearned. Held-out data are judged by the cross entropy alone. With noisy labels
    it rises as the network gets sure, and accuracy too: keep the last weights, `validation=None`.

    An objective for `fit`, from a model and a batch `(x, y, index)` of `Labelled`. Targets live as
    long as this object: take a new one for each run, and name it among the callbacks, too, if the
    run has a checkpoint to go on from. `n_examples` is the size of the training set.

    Raises `ValueError` for β outside [0, 1), and, when called, for other networks than before.

    Source: Liu et al. 2020, arXiv 2007.00151.
    """

    lasting = ("targets",)

    def __init__(
        self, n_examples: int, n_classes: int, *, lam: float = 3.0, beta: float = 0.7
    ) -> None:
        require.within("[0, 1)", beta=beta)
        self.lam, self.beta = lam, beta
        # t, where the model learns; of an Ensemble, once begun, (members, n_examples, n_classes).
        self.targets = torch.zeros(n_examples, n_classes)

    def __call__(self, model: nn.Module, batch: Any) -> Tensor:
        x, y, index = batch
        logits = model(x)
        loss = cross_entropy(logits, y)
        if not model.training:
            return loss.mean(-1)
        members = index.shape[:-1]  # () for one model
        if self.targets.shape[:-2] != members:
            if self.targets.any():
                shape = tuple(self.targets.shape)
                raise ValueError(f"targets have the shape {shape} of another run; take a new ELR")
            self.targets = self.targets.repeat(*members, 1, 1)
        p = logits.softmax(-1, dtype=self.targets.dtype)
        self.targets = self.targets.to(p.device)
        member = torch.arange(len(index), device=index.device)[:, None]
        where = (member, index) if members else (index,)
        t = self.beta * self.targets[where] + (1 - self.beta) * p.detach()
        self.targets[where] = t
        agreement = (t * p).sum(-1).clamp(max=1 - 1e-4)  # its logarithm stays finite
        return (loss + self.lam * torch.log1p(-agreement)).mean(-1)
