r"""What wrong labels do to the gradient: the exact split of a noisy gradient into drift and noise.

For cross-entropy the gradient is linear in the labels, so their expectation splits it without any
approximation. How the noise is made lives in `training.labels`.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.functional import cosine_similarity, cross_entropy, one_hot

from ... import require
from ...brief import Brief
from ...training import Ensemble
from ...training.labels import Labelled


@dataclass(frozen=True, eq=False)
class GradientSplit(Brief):
    r"""The gradient of the loss on given labels, as a sum of three parts,

    $$\tilde g = \underbrace{s\,g}_\text{drift} + \underbrace{E[\tilde g] - s\,g}_\text{pull}
    + \underbrace{\tilde g - E[\tilde g]}_\text{quenched},$$

    where E is taken over the draw of the labels, and $s = (\mathrm{tr}\,T - 1)/(C - 1)$ for a
    transition matrix T of C classes. For symmetric noise $s = 1 - a$ with $a = \tau C/(C - 1)$, and
    the pull is a times the gradient towards uniform predictions. The quenched part has zero mean
    over draws, but during training it stays what it is: it memorises.
    """

    clean: Tensor  # g, on the true labels, ([members], n_parameters), as all that follow
    noisy: Tensor  # g̃, on the given labels
    drift: Tensor  # the clean gradient, shrunk
    pull: Tensor  # towards the labels that noise puts in place of the true ones, on average
    quenched: Tensor  # what this one draw of the labels adds, constant in time for given weights
    bias: Tensor  # latent gradient bias, g̃ − g: what is left if only minibatch noise is averaged
    correct: Tensor  # of the mean loss over the examples whose given label is true
    wrong: Tensor  # of the mean loss over those where it is not

    def norm(self, part: str) -> Tensor:
        """Length of the part of this name `([members],)`."""
        return getattr(self, part).norm(dim=-1)

    def cosine(self, part: str, other: str) -> Tensor:
        """Cosine of the angle between two parts, by name `([members],)`."""
        return cosine_similarity(getattr(self, part), getattr(self, other), dim=-1)


@torch.enable_grad()
def gradient_split(model: nn.Module, data: Labelled, transition: Tensor) -> GradientSplit:
    """Split the gradient of the mean cross-entropy over all of `data`, at the model's weights.

    Args:
        model: from `(batch, …)` to logits `(batch, n_classes)`, or an `Ensemble` of such.
        data: examples with given and with true labels.
        transition: T[true, given], probability of a given label `(n_classes, n_classes)`.

    Raises `ValueError` for data without true labels, and for a transition matrix of another number
    of classes, or whose rows are no probabilities.
    """
    per_member, index = _everything(model, data)
    if data.true is None:
        raise ValueError("data has no true labels to split by; give Labelled(x, y, true=…)")
    x, given, _ = data[index]
    true = replace(data, y=data.true)[index][1]
    log_p = model(x).log_softmax(-1)  # ([members], n, n_classes)
    n_classes = log_p.shape[-1]
    if transition.shape != (n_classes, n_classes):
        raise ValueError(
            f"transition must be {(n_classes, n_classes)}, as the model has {n_classes} classes; "
            f"got {tuple(transition.shape)}"
        )
    require.stochastic(transition=transition)
    transition = transition.to(log_p)

    def gradient(target: Tensor, among: Tensor) -> Tensor:
        """Of the mean cross-entropy against `target ([members], n, n_classes)`, over the examples
        that are 1, not 0, in `among ([members], n)`."""
        weight = among / among.sum(-1, keepdim=True).clamp(min=1)
        loss = -(weight[..., None] * target * log_p).sum()
        parts = torch.autograd.grad(loss, [*model.parameters()], retain_graph=True)
        return torch.cat([g.reshape(*per_member, -1) for g in parts], -1)

    hot, right = one_hot(given, n_classes), (given == true).to(log_p)
    targets, everyone = (one_hot(true, n_classes), transition[true], hot), torch.ones_like(right)
    clean, expected, noisy = (gradient(target, everyone) for target in targets)
    drift = (transition.trace().item() - 1) / (n_classes - 1) * clean
    return GradientSplit(
        clean=clean,
        noisy=noisy,
        drift=drift,
        pull=expected - drift,
        quenched=noisy - expected,
        bias=noisy - clean,
        correct=gradient(hot, right),
        wrong=gradient(hot, 1 - right),
    )


def example_gradients(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Gradient of the cross-entropy of each example alone, `(batch, n_parameters)`.

    One model, no `Ensemble`; `x (batch, …)`, `y (batch,)` classes. The mean of a batch of rows is
    what that minibatch says of the gradient.
    """
    weights = {name: p.detach() for name, p in model.named_parameters()}

    def loss(weights: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(functional_call(model, weights, (x[None],)), y[None])

    gradients = vmap(grad(loss), in_dims=(None, 0, 0))(weights, x, y)
    return torch.cat([g.flatten(1) for g in gradients.values()], 1)


def annealed(model: nn.Module, data: Labelled, batch_size: int) -> Tensor:
    r"""Root mean square length of minibatch noise ξ, $\sqrt{\mathrm{tr}\,C/B}$, `([members],)`.

    C is the covariance of gradients of single examples; `fit` draws batches of B with replacement.
    """
    per_member, index = _everything(model, data)
    x, y, _ = data[index]
    if isinstance(model, Ensemble):
        gradients = [example_gradients(model.member(i), x[i], y[i]) for i in range(model.members)]
    else:
        gradients = [example_gradients(model, x, y)]
    trace = torch.stack([each.var(0, correction=0).sum() for each in gradients])
    return (trace.view(per_member) / batch_size).sqrt()


def _everything(model: nn.Module, data: Labelled) -> tuple[tuple[int, ...], Tensor]:
    """The axis of members, if there is one, and an index to all examples for each."""
    per_member = (model.members,) if isinstance(model, Ensemble) else ()
    return per_member, torch.arange(len(data), device=data.x.device).expand(*per_member, -1)
