r"""What goes into networks and what comes out: samples in units of order one, float32, or drawn anew
for each member; posteriors of one network and its tangent space, or of many networks.

How the networks are trained lives in `neural`.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, jvp, vmap
from torch.utils.data import TensorDataset

from .. import require
from ..brief import Brief
from ..device import Source, drawn_from
from ..models.drift_diffusion import Likelihood, LogVariance
from ..training import Ensemble
from .evidence import believed, most_probable
from .posterior import Functions, Posterior
from .regression import Samples

CHUNK = 2**12  # states whose Jacobian is held at once
BINS = 20  # in which labels are averaged to see how large the signal is


def units_of(samples: Samples, likelihood: Likelihood) -> tuple[Tensor, ...]:
    """⟨x⟩, std x `(dim_in,)`, a and b `(dim_out,)` of `InUnits`.

    Raises `ValueError` for an input that never changes.
    """
    scale = samples.x.std(0)
    require.changing(inputs=scale)
    mean = (samples.weight * samples.y).sum(0) / samples.weight.sum(0)
    if isinstance(likelihood, LogVariance):
        return samples.x.mean(0), scale, mean.log(), torch.ones_like(mean)
    spreads = []  # of means over bins along each input, in which noise is averaged away
    for order in samples.x.argsort(0).unbind(-1):
        labels, weights = (t[order].tensor_split(BINS) for t in (samples.y, samples.weight))
        bins = [(w * y).sum(0) / w.sum(0) for y, w in zip(labels, weights, strict=True)]
        spreads.append(torch.stack(bins).std(0))
    return samples.x.mean(0), scale, mean, torch.stack(spreads).amax(0)


def tensors(samples: Samples, units: Sequence[Tensor]) -> tuple[TensorDataset, tuple[Tensor, ...]]:
    """The samples as networks take them, float32 and less ⟨x⟩, and the units of what is left.

    Raises `ValueError` for labels whose noise is in x, too: only a linear model can take it out.
    """
    if samples.tangent is not None:
        raise ValueError(
            "a network cannot take out the noise that labels share with x; give rule='ito' (overdamped) "
            "or rule='combined' (underdamped), or take BayesianRegression"
        )
    x = (samples.x - units[0]).float()
    less = torch.zeros_like(x[0]), *units[1:]
    return TensorDataset(x, samples.y.float(), samples.weight.float()), less


@dataclass(frozen=True, eq=False)
class Resampled(Brief):
    """Samples drawn anew for each member, in blocks of successive ones, as data for `fit`.

    A block keeps what neighbours share: second differences overlap by one step of time.

    Args:
        data: the samples.
        starts: of the blocks `(members, n_blocks)`.
        block: length of each.
    """

    data: TensorDataset
    starts: Tensor
    block: int

    def __len__(self) -> int:
        return self.starts.shape[1] * self.block

    def __getitem__(self, index: Tensor) -> tuple[Tensor, ...]:
        return self.data[self.starts.gather(1, index // self.block) + index % self.block]


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
        effective_parameters: how many of the weights the data determine.

    Source: MacKay 1992; Immer, Korzepa & Bauer, AISTATS 2021; Antorán et al., ICML 2022.
    """

    def __init__(self, network: nn.Module, samples: Samples, likelihood: Likelihood) -> None:
        self.network = network
        self.at = {name: w.detach() for name, w in network.named_parameters()}
        weights = torch.cat([w.flatten() for w in self.at.values()])  # ŵ
        H = torch.zeros(len(weights), len(weights), dtype=torch.float64)
        moment = torch.zeros_like(weights)
        for part in samples.chunks(CHUNK):
            f, J = network(part.x), self.jacobian(part.x)  # (n, dim_out), (n, dim_out, n_weights)
            # What J w should be, for a prior around 0 and not around ŵ: label − (f − J ŵ).
            label = likelihood.working_label(f, part.y) - f + J @ weights
            curvature = likelihood.curvature(part.weight)
            for i in range(J.shape[1]):
                c, rows = curvature[:, i], J[:, i]
                H += rows.T @ (c[:, None] * rows)
                moment += (c * label[:, i]) @ rows
        groups = torch.ones(len(H), dtype=torch.long)
        [(precision, _)] = most_probable(H, moment, groups, [groups > 0])
        self.root, self.effective_parameters = believed(H, groups, precision)  # (α + H)^(−1/2)
        self.precision = precision[1:]
        self.shift = self.root @ (self.root.T @ moment) - weights  # m − ŵ

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
        return self._moved(self.shift, torch.as_tensor(x).double())

    def std(self, x: Tensor) -> Tensor:
        pieces = torch.as_tensor(x).double().split(CHUNK)
        return torch.cat([(self.jacobian(piece) @ self.root).norm(dim=-1) for piece in pieces])

    def sample(self, draws: int, *, generator: Source) -> Functions:
        xi = torch.randn(draws, len(self.shift), **drawn_from(generator))
        changes = self.shift + xi.to(self.root) @ self.root.T

        return lambda x: vmap(self._moved)(changes, x.double().expand(draws, *x.shape[1:]))


class MemberPosterior(Posterior):
    """Many networks, each as believable as the next; `model` is their `Ensemble`.

    Draws are members, taken anew with replacement: ten members are ten functions.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        self.model = Ensemble(networks).double().requires_grad_(False)

    def mean(self, x: Tensor) -> Tensor:
        return self.model.on_shared(torch.as_tensor(x).double()).mean(0)

    def std(self, x: Tensor) -> Tensor:
        return self.model.on_shared(torch.as_tensor(x).double()).std(0)

    def sample(self, draws: int, *, generator: Source) -> Functions:
        chosen = torch.randint(self.model.members, (draws,), **drawn_from(generator))
        drawn = deepcopy(self.model)
        drawn.members = draws
        for weights in (*drawn.parameters(), *drawn.buffers()):
            weights.data = weights.data[chosen.to(weights.device)]
        return lambda x: drawn(x.double().expand(draws, *x.shape[1:]))
