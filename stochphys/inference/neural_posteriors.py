r"""Posteriors made of networks: one network and its tangent space, or many networks.

How the networks are trained lives in `neural`.
"""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, jvp, vmap

from ..device import as_generator
from ..models.drift_diffusion import Likelihood
from ..training import Ensemble
from .posterior import Functions, Posterior
from .regression import Samples, most_probable

CHUNK = 2**12  # states whose Jacobian is held at once


class LinearisedPosterior(Posterior):
    r"""Laplace's posterior of a network, linearised where training ended, at weights ŵ:

    $$f(x) = f_{\hat w}(x) + J(x)(w - \hat w), \qquad
        p(w|\text{data}) = \mathcal N\big(m,\; (\alpha + H)^{-1}\big), \qquad
        H = \sum J^\top c\, J,$$

    with the Jacobian J of the network and the curvature c of the likelihood (generalised
    Gauss–Newton). That is Bayesian regression with J for its features: its mean m and the α of the
    greatest evidence are found alike, which also brings the training to its end.

    Attributes:
        precision: α, `(1,)`; weights are of order one.
        log_evidence: up to a constant of the data, `(1,)`.
        effective_parameters: how many of the weights the data determine.

    Source: MacKay 1992; Immer, Korzepa & Bauer, AISTATS 2021; Antorán et al., ICML 2022.
    """

    def __init__(self, network: nn.Module, samples: Samples, likelihood: Likelihood) -> None:
        self.network = network
        self.at = {name: w.detach() for name, w in network.named_parameters()}
        weights = torch.cat([w.flatten() for w in self.at.values()])
        H = torch.zeros(len(weights), len(weights), dtype=torch.float64)
        moment = torch.zeros_like(weights)
        for x, y, w in zip(
            *(t.split(CHUNK) for t in (samples.x, samples.y, samples.weight)), strict=True
        ):
            f, J = network(x), self.jacobian(x)
            residual = likelihood.working_label(f, y) - f + J @ weights
            for c, r, rows in zip(
                likelihood.curvature(w).unbind(1), residual.unbind(1), J.unbind(1), strict=True
            ):
                H += rows.T @ (c[:, None] * rows)
                moment += (c * r) @ rows
        values, vectors = torch.linalg.eigh(H)
        values, b = values.clamp(min=0), vectors.T @ moment
        self.precision, self.log_evidence = most_probable(
            values[None], b[None], values.mean()[None]
        )
        total = values + self.precision
        self.effective_parameters = (values / total).sum().item()
        self.shift = vectors @ (b / total) - weights  # m − ŵ
        self.root = (vectors / total.sqrt()) @ vectors.mT  # vectors turn where values are alike

    def jacobian(self, x: Tensor) -> Tensor:
        """J `(n, dim_out, n_weights)` at states `x (n, dim_in)`."""
        slopes = vmap(jacrev(self._call), (None, 0))(self.at, x)
        return torch.cat([slope.flatten(2) for slope in slopes.values()], dim=-1)

    def _call(self, weights: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(self.network, weights, (x,))

    def _moved(self, change: Tensor, x: Tensor) -> Tensor:
        """f_ŵ + J·change at `x (n, dim_in)`, without J itself."""
        parts = change.split([w.numel() for w in self.at.values()])
        tangent = {k: d.view_as(w) for (k, w), d in zip(self.at.items(), parts, strict=True)}
        f, df, *_ = jvp(lambda weights: self._call(weights, x), (self.at,), (tangent,))
        return f + df

    def mean(self, x: Tensor) -> Tensor:
        return self._moved(self.shift, x.double())

    def std(self, x: Tensor) -> Tensor:
        pieces = x.double().split(CHUNK)
        return torch.cat([(self.jacobian(piece) @ self.root).norm(dim=-1) for piece in pieces])

    def sample(self, draws: int, *, generator: torch.Generator | int) -> Functions:
        generator = as_generator(generator)
        xi = torch.randn(draws, len(self.shift), generator=generator, device=generator.device)
        changes = self.shift + xi.to(self.root) @ self.root.T

        def functions(x: Tensor) -> Tensor:
            return vmap(self._moved)(changes, x.double().expand(draws, *x.shape[1:]))

        return functions


class MemberPosterior(Posterior):
    """Many networks, each as believable as the next; `model` is their `Ensemble`.

    Draws are members, taken anew with replacement: ten members are ten functions.
    """

    def __init__(self, networks: Sequence[nn.Module] | Ensemble) -> None:
        model = networks if isinstance(networks, Ensemble) else Ensemble(networks)
        self.model = model.double().requires_grad_(False)

    def mean(self, x: Tensor) -> Tensor:
        return self.model.on_shared(x.double()).mean(0)

    def std(self, x: Tensor) -> Tensor:
        return self.model.on_shared(x.double()).std(0)

    def sample(self, draws: int, *, generator: torch.Generator | int) -> Functions:
        generator = as_generator(generator)
        chosen = torch.randint(
            self.model.members, (draws,), generator=generator, device=generator.device
        )
        drawn = deepcopy(self.model)
        drawn.members = draws
        for weights in (*drawn.parameters(), *drawn.buffers()):
            weights.data = weights.data[chosen.to(weights.device)]
        return lambda x: drawn(x.double().expand(draws, *x.shape[1:]))
