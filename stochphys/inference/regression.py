r"""Bayesian linear regression: a posterior in closed form, with a prior that the data choose.

For weights $w \sim N(0, 1/\alpha)$, features Φ and labels y of inverse variance W the posterior is
normal with

$$\text{covariance}^{-1} = \alpha + \Phi^\top W \Phi, \qquad
  \text{mean} = \text{covariance}\;\Phi^\top W y,$$

and α maximises the evidence, the probability of the data with the weights integrated out. For a
`LogVariance` the same formulas are iterated with working labels (Fisher scoring).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from ..brief import Brief
from ..device import Source
from ..models.bases import RBF, Features
from ..models.drift_diffusion import Likelihood, LogVariance, Normal
from .posterior import LinearPosterior, Posterior

CHUNK = 2**16  # samples whose features are held at once
PRECISIONS = torch.logspace(-8, 8, 129, dtype=torch.float64)  # of the prior, times that of the data
UPDATES = 60  # at most, of the relative precisions
ITERATIONS, TOLERANCE = 30, 1e-4  # of working labels; a change this small, in units of its variance


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
    """Bayesian linear regression on a basis; `basis` is one of `models.bases`, or any function
    from states to features."""

    basis: Any = RBF()

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
        given = self.basis
        basis: Features = given.fitted(samples.x) if hasattr(given, "fitted") else given
        n_features = basis(samples.x[:1]).shape[-1]
        n, dim = samples.y.shape
        if n < n_features:
            raise ValueError(
                f"{n} samples cannot determine {n_features} weights; take more data or a smaller basis"
            )
        # A variance is a factor: its logarithm is measured from that of the mean.
        mean = samples.y.mean(0)
        offset = mean.log() if isinstance(likelihood, LogVariance) else torch.zeros_like(mean)
        gram = torch.zeros(dim, n_features, n_features, dtype=torch.float64)  # ΦᵀWΦ
        for part in samples.chunks():
            phi = basis(part.x)  # (n, n_features)
            for i, c in enumerate(likelihood.curvature(part.weight).unbind(-1)):
                gram[i] += phi.T @ (c[:, None] * phi)
        groups = getattr(basis, "groups", torch.zeros(n_features, dtype=torch.long))
        prior = Prior.of(gram, groups)
        w = torch.zeros(dim, n_features, dtype=torch.float64)
        for iteration in range(ITERATIONS):
            label = likelihood.first_label if iteration == 0 else likelihood.working_label
            moment = torch.zeros_like(w)  # ΦᵀWz of labels z, less the noise that z shares with x
            for part in samples.chunks():
                phi = basis(part.x)
                z = label(phi @ w.T + offset, part.y) - offset
                moment += (likelihood.curvature(part.weight) * z).T @ phi
                if part.tangent is not None:
                    for i, direction in enumerate(part.tangent.unbind(1)):
                        moment[i] -= torch.func.jvp(basis, (part.x,), (direction,))[1].sum(0)
            prior = prior.updated(gram, moment) if groups.max() > 1 else prior
            found, total, alpha = prior.most_probable(moment)
            step = found - w
            w = w + step * (1 if iteration < 5 else 0.5)  # where no model fits, whole steps swing
            moved = torch.einsum("of,ofg,og->o", step, gram, step)
            if isinstance(likelihood, Normal) or (moved < TOLERANCE).all():
                break
        return LinearPosterior(basis, w, prior.root(total), alpha, offset)


@dataclass(frozen=True, eq=False)
class Prior(Brief):
    r"""Relative precisions of the weights, $w_k \sim N(0, 1/\alpha\alpha_{g(k)})$ with one number
    $\alpha_g$ for each group of features and component.

    A coordinate on which a component does not depend gets bumps with a prior that keeps them at zero,
    instead of the one that the others need (automatic relevance determination).

    Attributes:
        groups: of each feature `(n_features,)`; $\alpha_0 = 1$.
        relative: $\alpha_g$ `(dim_out, n_groups)`.
        values, vectors: λ `(dim_out, n_features)` and V with $V^\top \Phi^\top W \Phi V = \lambda$ and
            $V V^\top = \mathrm{diag}(1/\alpha_g)$.

    Source: MacKay, Neural Computation 4, 415 (1992), §5.
    """

    groups: Tensor
    relative: Tensor
    values: Tensor
    vectors: Tensor

    @classmethod
    def of(cls, gram: Tensor, groups: Tensor, relative: Tensor | None = None) -> "Prior":
        """One precision for all groups, if there are no `relative` ones."""
        if relative is None:
            relative = torch.ones(len(gram), int(groups.max()) + 1, dtype=gram.dtype)
        scale = relative[:, groups] ** -0.5
        values, vectors = torch.linalg.eigh(scale[:, :, None] * gram * scale[:, None])
        return cls(groups, relative, values.clamp(min=0), scale[:, :, None] * vectors)

    def most_probable(self, moment: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        r"""The mean of the weights and α + λ `(dim_out, n_features)`, with the α `(dim_out,)` that has
        the greatest evidence for each component,

        $$\ln p(y|\alpha) = \tfrac12 \sum_k \Big(\ln\frac{\alpha}{\alpha + \lambda_k}
          + \frac{b_k^2}{\alpha + \lambda_k}\Big) + \text{const},$$

        from the `moment` $\Phi^\top W y$ `(dim_out, n_features)`, which is b in the frame V.
        """
        b = torch.einsum("ofr,of->or", self.vectors, moment)
        candidates = PRECISIONS * self.values.mean(1, keepdim=True)  # of α: (dim_out, n)
        totals = self.values[:, None] + candidates[..., None]  # (dim_out, n, n_features)
        terms = (candidates[..., None] / totals).log() + b[:, None].square() / totals
        best = (terms.sum(-1) / 2).argmax(1, keepdim=True)
        alpha = candidates.gather(1, best)  # (dim_out, 1)
        total = self.values + alpha
        # In the frame V, where ΦᵀWΦ is diagonal, each weight is found alone: b/(α + λ).
        mean = torch.einsum("ofr,or->of", self.vectors, b / total)
        return mean, total, alpha[:, 0]

    def root(self, total: Tensor) -> Tensor:
        r"""R with $RR^\top = V\,\mathrm{diag}(1/t)\,V^\top$, the covariance of the weights where t is
        `total (dim_out, n_features)`.

        Symmetric up to the scale of the prior, so that a seed draws the same functions everywhere:
        rounding turns the eigenvectors of eigenvalues that are alike, but not R.
        """
        turned_back = self.vectors * self.relative[:, self.groups, None] ** 0.5  # orthogonal
        return (self.vectors / total[:, None].sqrt()) @ turned_back.mT

    def updated(self, gram: Tensor, moment: Tensor) -> "Prior":
        r"""Precisions of greatest evidence, by MacKay's fixed point,

        $$\alpha_g \leftarrow \gamma_g \Big/ \sum_{k \in g} w_k^2, \qquad
          \gamma_g = n_g - \alpha_g \sum_{k \in g} \Sigma_{kk} .$$

        γ of the n weights of a group are determined by the data: Σ is their covariance, 1/α each if
        the data say nothing. With one weight in each group: Tipping, JMLR 1, 211 (2001).
        """
        alpha, n = self.relative, torch.bincount(self.groups).to(gram)

        def per_group(values: Tensor) -> Tensor:
            return torch.zeros_like(alpha).index_add(1, self.groups, values)

        for _ in range(UPDATES):
            covariance = torch.linalg.inv(gram + torch.diag_embed(alpha[:, self.groups]))
            w = torch.einsum("ofg,og->of", covariance, moment)  # (dim_out, n_features)
            determined = n - alpha * per_group(covariance.diagonal(dim1=1, dim2=2))  # γ
            new = determined.clamp(min=1e-6) / per_group(w.square()).clamp(min=1e-12)
            new = new.clamp(1e-6, 1e8)  # a group that nothing needs goes to infinity
            new[:, 0] = 1  # the scale of all is α itself, which `most_probable` finds
            moved = (new / alpha).log().abs().max()
            alpha = new
            if moved < 0.01:
                break
        return Prior.of(gram, self.groups, alpha)
