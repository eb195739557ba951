r"""Bayesian linear regression: a posterior in closed form, with a prior that the data choose.

Samples are summed up in a Gram matrix and a moment; what they say of the weights, and of families of
functions to choose from, is found in `evidence`. For a `LogVariance` the formulas for labels with
normal noise are iterated with working labels (Fisher scoring).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol

import torch
from torch import Tensor

from ..brief import Brief
from ..device import Source
from ..models.bases import Candidates, Families, Features
from ..models.drift_diffusion import Likelihood, LogVariance, Normal
from .evidence import AND_REST, Belief, Prior, in_words
from .posterior import CHUNK, LinearPosterior, Posterior

HELD = 2**25  # features that are kept from one iteration to the next
CHOICES = 2  # iterations of working labels at most that may change the prior
CHOOSE = 2**12  # samples by which families of functions are chosen
NEAR = 0.1  # of the variance of x: as far as it may move while labels are averaged for that
STEP = 1e-5  # of a difference quotient, in units of the spread of x: thrice as fast as a derivative
ITERATIONS, TOLERANCE = 30, 1e-4  # of working labels; a change this small, in units of its variance
NOTHING = 25  # nats below its mean, at which a variance is none


@dataclass(frozen=True, eq=False)
class Samples(Brief):
    """What a method is fitted to, float64.

    Attributes:
        x: where the function was seen `(n, dim_in)`.
        y: labels, the function with noise on it `(n, dim_out)`.
        weight: inverse variance of the labels, or what `LogVariance` calls a weight; same shape.
        tangent: for labels whose noise also moved x: the directions `(n, dim_out, dim_in)` along
            which the derivative of each feature is subtracted from $\\Phi^\\top W y$.
    """

    x: Tensor
    y: Tensor
    weight: Tensor
    tangent: Tensor | None = None

    def chunks(self, size: int = CHUNK) -> "Iterator[Samples]":
        """The samples in pieces."""
        for i in range(0, len(self.x), size):
            part = slice(i, i + size)
            tangent = None if self.tangent is None else self.tangent[part]
            yield Samples(self.x[part], self.y[part], self.weight[part], tangent)

    def fewer(self, n: int) -> "Samples":
        """At most n samples. Labels that follow each other are averaged as long as x hardly moves, and
        each mean is seen where the first of them was; if need be some means are left out."""
        x, k, far = self.x, 1, 2 * NEAR * self.x.var(0)
        while len(x) > k * n and ((x[2 * k :] - x[: -2 * k]).square().mean(0) < far).all():
            k *= 2
        whole = len(x) // k * k
        step = -(-(whole // k) // n)  # of means, one in so many is kept

        def blocks(values: Tensor) -> Tensor:
            return values[:whole].unflatten(0, (-1, k))[::step]

        weight, total = blocks(self.weight).sum(1), blocks(self.weight * self.y).sum(1)
        # Of the noise that labels share with x, the first of them shares it with the x that is kept.
        tangent = None if self.tangent is None else blocks(self.tangent)[:, 0]
        return Samples(blocks(x)[:, 0], total / weight, weight, tangent)


class Method(Protocol):
    """What finds a posterior; `BayesianRegression` here, networks in `neural`."""

    def fit(
        self,
        samples: Samples,
        likelihood: Likelihood = ...,
        *,
        generator: Any,  # `None` will do for a method that draws nothing
    ) -> Posterior: ...


@dataclass(frozen=True)
class BayesianRegression(Brief):
    """Bayesian linear regression on a basis: one of `models.bases`, or any function from states to
    features.

    The default are `Families` of functions. Each component is an average over those that make its
    data probable, with a rest that lies in none of them: one that is far ahead stands alone, and what the
    choice leaves open is in the error bar. Of many samples a few thousand choose, and all are fitted.

    Args:
        basis: of the function.
        like: a posterior whose features and prior are taken instead, so that the estimate is the same
            linear function of the labels.
    """

    basis: Any = Families()
    like: LinearPosterior | None = None

    def fit(
        self,
        samples: Samples,
        likelihood: Likelihood = Normal(),
        *,
        generator: Source | None = None,
    ) -> LinearPosterior:
        """The posterior of f; nothing in it is random, `generator` is not used.

        Raises `ValueError` if there are fewer samples than features.
        """
        priors: tuple[Prior, ...] = ()
        start: Tensor | None = None
        words = ""
        basis: Any = self.basis.fitted(samples.x) if hasattr(self.basis, "fitted") else self.basis
        if (like := self.like) is not None:
            basis, priors, start = like.basis, like.priors, like.weights
        elif isinstance(basis, Candidates) and len(samples.x) > CHOOSE:
            chosen, w, *_ = fitted(basis, samples.fewer(CHOOSE), likelihood)
            likely = {name.removesuffix(AND_REST) for prior in chosen for name in prior.names}
            families = {name: of for name, of in basis.families.items() if name in likely}
            parts = {basis.rest}.union(*families.values())
            kept = torch.isin(basis.groups, torch.tensor(sorted(parts)))
            words = in_words(chosen)
            basis, start = basis.only(families), w[:, kept]
        priors, w, beliefs, moment = fitted(basis, samples, likelihood, priors, start)
        kept = torch.ones_like(w[0], dtype=torch.bool)
        if isinstance(basis, Candidates):  # nobody asks for features that no family needs
            needed = torch.cat([prior.precisions < inf for prior in priors]).any(0)
            needed[basis.rest] = True
            held = {k: tuple(i for i in of if needed[i]) for k, of in basis.families.items()}
            priors, kept = tuple(prior.of_groups(needed) for prior in priors), needed[basis.groups]
            basis = basis.only(held)
        root = [belief.root(one, kept) for belief, one in zip(beliefs, moment, strict=True)]
        if not words or any(prior.ahead < inf for prior in priors):
            words = in_words(priors)
        offset = offset_of(samples, likelihood)
        return LinearPosterior(basis, w[:, kept], torch.stack(root), offset, priors, words)


def offset_of(samples: Samples, likelihood: Likelihood) -> Tensor:
    """A variance is a factor: its logarithm is measured from that of the mean."""
    mean = samples.y.mean(0)
    return mean.log() if isinstance(likelihood, LogVariance) else torch.zeros_like(mean)


def fitted(
    basis: Features,
    samples: Samples,
    likelihood: Likelihood,
    priors: tuple[Prior, ...] = (),
    start: Tensor | None = None,
) -> tuple[tuple[Prior, ...], Tensor, list[Belief], Tensor]:
    """Of each component the prior, if it is not known from `priors`, the weights of the features
    `(dim, n_features)`, what is open, and the moment that says so; from weights to `start` with.

    Raises `ValueError` if there are fewer samples than features.
    """
    n_features, (n, dim) = basis(samples.x[:1]).shape[-1], samples.y.shape
    groups = getattr(basis, "groups", torch.ones(n_features, dtype=torch.long))
    families, rest = {"": groups >= 0}, None
    if isinstance(basis, Candidates):
        rest = basis.rest
        families = {k: torch.isin(groups, torch.tensor(v)) for k, v in basis.families.items()}
    least = min(int(mask.sum()) for mask in families.values())
    if n < least:
        raise ValueError(
            f"{n} samples cannot determine {least} weights; take more data or a smaller basis"
        )
    families = {name: mask for name, mask in families.items() if mask.sum() <= n}
    offset = offset_of(samples, likelihood)
    gram = torch.zeros(dim, n_features, n_features, dtype=torch.float64)  # ΦᵀWΦ
    w = torch.zeros(dim, n_features, dtype=torch.float64) if start is None else start
    found, choices = priors, CHOICES if start is None else 1
    scale = samples.x.std(0)
    best, before = inf, w

    def seen() -> Iterator[tuple[Samples, Tensor]]:
        for part in samples.chunks():
            yield part, basis(part.x)

    once = isinstance(likelihood, Normal)
    held = None if once or n * n_features > HELD else list(seen())
    for iteration in range(ITERATIONS):
        label = (
            likelihood.first_label if start is None and iteration == 0 else likelihood.working_label
        )
        moment = torch.zeros_like(w)  # ΦᵀWz of labels z, less the noise that z shares with x
        misfit = 0.0
        for part, phi in held or seen():
            c = likelihood.curvature(part.weight)
            if iteration == 0:
                gram += squares(phi, c)
            f = phi @ w.T + offset
            if isinstance(likelihood, LogVariance) and not (f > offset - NOTHING).all():
                raise ValueError(
                    "a variance that depends on the state comes out as nothing at some states: there are too "
                    "few data there, or nothing moves, or errors of the positions exceed the noise; take "
                    "diffusion=None, one constant matrix, or a smaller basis"
                )
            misfit += likelihood.loss(f, part.y, part.weight).sum().item()
            z = label(f, part.y) - offset
            moment += (c * z).T @ phi
            if part.tangent is not None:
                for i, direction in enumerate(part.tangent.unbind(1)):
                    h = STEP / (direction / scale).abs().max()
                    moment[i] -= (basis(part.x + h * direction) - phi).sum(0) / h
        if iteration and not misfit < best + n_features:
            # A step too far: where labels are far above e^f it is as long as they.
            w = (w + before) / 2
            continue
        best, before = min(best, misfit), w
        if not priors and iteration < choices:
            both = zip(gram, moment, strict=True)
            found = tuple(Prior.of(*one, groups, families, rest) for one in both)
        if iteration < choices:
            beliefs = [p.believed(one, groups) for p, one in zip(found, gram, strict=True)]
        step = (
            torch.stack([b.shares @ b.means(m) for b, m in zip(beliefs, moment, strict=True)]) - w
        )
        w = w + step * (1 if iteration < 5 else 0.5)  # where no model fits, whole steps swing
        moved = torch.einsum("of,ofg,og->o", step, gram, step)
        if once or (moved < TOLERANCE).all():
            break
    return found, w, beliefs, moment


def squares(phi: Tensor, c: Tensor) -> Tensor:
    r"""$\Phi^\top c\,\Phi$ of features `(n, n_features)`, for each column of `c (n, dim_out)`."""
    if (c == c[0]).all():
        return c[0, :, None, None] * (phi.T @ phi)
    return torch.stack([phi.T @ (one[:, None] * phi) for one in c.unbind(-1)])
