r"""What is known about a function after data were seen: its mean, its std, and functions drawn from it.

Every method of Langevin inference ends in a `Posterior`. How one is found lives in `regression`,
`neural` and `langevin`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import torch
from scipy.stats import norm
from torch import Tensor

from .. import require
from ..brief import Brief
from ..device import Source, as_generator, drawn_from
from ..models.bases import Features
from .evidence import Prior

# From states (draws or 1, n, dim_in) to values (draws, n, dim_out).
Functions = Callable[[Tensor], Tensor]
CHUNK = 2**11  # states whose features are made at once: these stay in the caches of a processor


class Posterior(Brief, ABC):
    """A belief about a function of states `x (n, dim_in)` with values `(n, dim_out)`; of a diffusion
    matrix the values are `(n, dim, dim)`."""

    @abstractmethod
    def mean(self, x: Tensor) -> Tensor:
        """Best guess `(n, dim_out)`."""

    @abstractmethod
    def std(self, x: Tensor) -> Tensor:
        """Its standard error `(n, dim_out)`: what is not known of the function. Noise is not in it."""

    @abstractmethod
    def sample(self, draws: int, *, generator: Source) -> Functions:
        """Functions f drawn from the belief: f(x) of `x (draws or 1, n, dim_in)` is
        `(draws, n, dim_out)`, and draw i is the same function wherever it is asked."""

    def known(self, x: Tensor) -> Tensor:
        """Of states `x (n, dim_in)`, whether anything is said of the function there, `(n,)`: everywhere,
        unless the method says otherwise."""
        return ~self.ended(x)

    def ended(self, x: Tensor) -> Tensor:
        """Of states `x (n, dim_in)`, whether they are beyond all that were seen, `(n,)`, for a method that
        says nothing there, however small its std; for others nowhere."""
        return torch.zeros(len(x), dtype=torch.bool, device=torch.as_tensor(x).device)

    def interval(self, x: Tensor, level: float = 0.95) -> tuple[Tensor, Tensor]:
        """Lower and upper end `(n, dim_out)` of what holds the value with probability `level`, for a
        normal law; infinite where nothing is `known`. Raises `ValueError` unless 0 < level < 1."""
        require.within("(0, 1)", level=level, hint="0.95 for 95 %")
        z, mean, std = float(norm.ppf((1 + level) / 2)), self.mean(x), self.std(x)
        known = self.known(x).view(-1, *[1] * (std.ndim - 1))
        wide = torch.where(known, z * std, inf)
        return mean - wide, mean + wide


QUANTILE = 0.99  # of states that were seen: where the std is larger than at these, nothing is known
ROUNDING = 1e-9  # of a std that is the same everywhere


@dataclass(frozen=True, eq=False)
class Known(Brief):
    """Where a function is known: where its std is no larger than at most of the states that were seen, and
    data have not `ended`.

    Attributes:
        posterior: of the function.
        scale: its mean std at these states `(dim_out,)`.
        limit: of the root mean square of the std of all components, in these units.
    """

    posterior: Posterior
    scale: Tensor
    limit: float

    @classmethod
    def of(cls, posterior: Posterior, states: Tensor, quantile: float = QUANTILE) -> "Known":
        """From states `(n, dim_in)` that were seen, of which this quantile is known."""
        std = posterior.std(states)
        scale = std.mean(0)
        limit = (std / scale).square().mean(-1).sqrt().quantile(quantile).item()
        return cls(posterior, scale, limit)

    def __call__(self, x: Tensor) -> Tensor:
        """Of states `x (n, dim_in)`, `(n,)`."""
        doubt = (self.posterior.std(x) / self.scale).square().mean(-1).sqrt()
        return (doubt <= self.limit * (1 + ROUNDING)) & ~self.posterior.ended(x)


@dataclass(frozen=True, eq=False)
class LinearPosterior(Posterior):
    r"""$f_i(x) = \phi(x)\cdot w_i$ with normal weights, $w_i = m_i + R_i \xi$ for each component i.

    Attributes:
        basis: features φ.
        weights: their means m `(dim_out, n_features)`.
        root: R `(dim_out, n_features, n)`; $R_i R_i^\top$ is the covariance.
        offset: constant added to each component `(dim_out,)`.
        priors: of each component, which the evidence chose.
        choice: which families of functions, in words; empty if there was one alone.
    """

    basis: Features
    weights: Tensor
    root: Tensor
    offset: Tensor
    priors: tuple[Prior, ...]
    choice: str = ""

    @property
    def precision(self) -> Tensor:
        r"""α of the prior $w \sim N(0, 1/\alpha)$ of each component and group of features but group 0,
        which has none, `(dim_out, n_groups)`; of an average that of its first family."""
        return torch.stack([prior.precisions[0, 1:] for prior in self.priors])

    def mean(self, x: Tensor) -> Tensor:
        return self._of_features(x, lambda phi: phi @ self.weights.T + self.offset)

    def std(self, x: Tensor) -> Tensor:
        def spread(phi: Tensor) -> Tensor:
            return torch.stack([(phi @ R).norm(dim=-1) for R in self.root], dim=-1)

        return self._of_features(x, spread)

    def _of_features(self, x: Tensor, f: Functions) -> Tensor:
        pieces = torch.as_tensor(x).double().split(CHUNK)
        return torch.cat([f(self.basis(piece)) for piece in pieces])

    def sample(self, draws: int, *, generator: Source) -> Functions:
        xi = torch.randn(draws, *self.root[:, 0].shape, **drawn_from(generator)).to(self.root)
        weights = self.weights + torch.einsum("ofr,dor->dof", self.root, xi)
        return lambda x: self.basis(x.double()) @ weights.mT + self.offset


@dataclass(frozen=True, eq=False)
class Combination(Posterior):
    r"""$(5 f - g)/4$ of two estimates from the same noise, read forwards (f) and backwards (g).

    What the two share is not independent: the error of the sum is that of f, to leading order in dt.
    """

    forward: Posterior
    reverse: Posterior

    @property
    def choice(self) -> str:
        """As of a `LinearPosterior`; of anything else nothing is said."""
        return getattr(self.forward, "choice", "")

    def mean(self, x: Tensor) -> Tensor:
        return (5 * self.forward.mean(x) - self.reverse.mean(x)) / 4

    def std(self, x: Tensor) -> Tensor:
        return self.forward.std(x)

    def known(self, x: Tensor) -> Tensor:
        return self.forward.known(x)

    def ended(self, x: Tensor) -> Tensor:
        return self.forward.ended(x)

    def sample(self, draws: int, *, generator: Source) -> Functions:
        functions = self.forward.sample(draws, generator=generator)

        def shifted(x: Tensor) -> Tensor:
            flat = x.flatten(0, 1)
            shift = (self.forward.mean(flat) - self.reverse.mean(flat)) / 4
            return functions(x) + shift.unflatten(0, x.shape[:2])

        return shifted


# Of a diffusion matrix `(n, dim, dim)`, written as an exponential: each draw is positive definite.


@dataclass(frozen=True, eq=False)
class ConstantDiffusion(Posterior):
    r"""One matrix for all states, from n independent increments: $D = L\,e^S L^\top$ with
    $LL^\top = \hat D$ and S a symmetric matrix of normal numbers, of variance 2/n on its diagonal and
    1/n beside it. That is Wishart's law for n large."""

    estimate: Tensor  # (dim, dim)
    n: float

    def mean(self, x: Tensor) -> Tensor:
        return self.estimate.expand(len(x), -1, -1)

    def std(self, x: Tensor) -> Tensor:
        D, diagonal = self.estimate, self.estimate.diagonal()
        return ((diagonal[:, None] * diagonal + D**2) / self.n).sqrt().expand(len(x), -1, -1)

    def sample(self, draws: int, *, generator: Source) -> Functions:
        L, dim = torch.linalg.cholesky(self.estimate), len(self.estimate)
        z = torch.randn(draws, dim, dim, **drawn_from(generator))
        S = (z + z.mT).to(L) / (2 * self.n) ** 0.5
        drawn = L @ torch.linalg.matrix_exp(S) @ L.T  # (draws, dim, dim)
        return lambda x: drawn[:, None].expand(draws, x.shape[1], dim, dim)


@dataclass(frozen=True, eq=False)
class DiffusionField(Posterior):
    """Independent noises: $D = \\mathrm{diag}(e^{f_1(x)}, e^{f_2(x)}, …)$ with a posterior of f, and one
    relative error `left` that all values have in common."""

    logarithm: Posterior
    left: float = 0.0

    def mean(self, x: Tensor) -> Tensor:
        # Not that of draws: labels are χ² numbers, of which the most probable e^f is no more than their mean.
        return torch.diag_embed(self.logarithm.mean(x).exp())

    def std(self, x: Tensor) -> Tensor:
        return self.mean(x) * torch.diag_embed(torch.expm1(self._spread(x) ** 2).sqrt())

    def sample(self, draws: int, *, generator: Source) -> Functions:
        generator = as_generator(generator)
        f = self.logarithm.sample(draws, generator=generator)
        if not self.left:
            return lambda x: torch.diag_embed(f(x).exp())
        common = self.left * torch.randn(draws, 1, 1, **drawn_from(generator))
        return lambda x: torch.diag_embed((f(x) + common.to(x.device)).exp())

    def interval(self, x: Tensor, level: float = 0.95) -> tuple[Tensor, Tensor]:
        require.within("(0, 1)", level=level, hint="0.95 for 95 %")
        z, f, spread = float(norm.ppf((1 + level) / 2)), self.logarithm.mean(x), self._spread(x)
        wide = torch.where(self.known(x)[:, None], z * spread, inf)
        return torch.diag_embed((f - wide).exp()), torch.diag_embed((f + wide).exp())

    def known(self, x: Tensor) -> Tensor:
        return self.logarithm.known(x)

    def _spread(self, x: Tensor) -> Tensor:
        """Standard error of f `(n, dim)`."""
        return (self.logarithm.std(x) ** 2 + self.left**2).sqrt()
