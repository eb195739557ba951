r"""What goes into networks and what comes out: samples in units of order one, float32, or drawn anew
for each member; posteriors of one network and its tangent space, or of many networks.

How the networks are trained lives in `neural`.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from .. import require
from ..brief import Brief
from ..device import Source, drawn_from
from ..models.drift_diffusion import Likelihood, LogVariance
from ..training import Ensemble
from .posterior import Functions, Posterior
from .regression import Samples

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
    n_bins = min(BINS, len(samples.x))
    spreads = []  # of means over bins along each input, in which noise is averaged away
    for order in samples.x.argsort(0).unbind(-1):
        labels, weights = (t[order].tensor_split(n_bins) for t in (samples.y, samples.weight))
        each = [((w * y).sum(0), w.sum(0)) for y, w in zip(labels, weights, strict=True)]
        bins = [torch.where(total > 0, of / total, mean) for of, total in each]
        spreads.append(torch.stack(bins).std(0))
    return samples.x.mean(0), scale, mean, torch.stack(spreads).amax(0)


def check_shared(samples: Samples) -> None:
    """`ValueError` for labels whose noise is in x, too: only a linear model can take it out."""
    if samples.tangent is not None:
        raise ValueError(
            "a network cannot take out the noise that labels share with x; give rule='ito' (overdamped) "
            "or rule='combined' (underdamped), or take BayesianRegression"
        )


def tensors(samples: Samples, units: Sequence[Tensor]) -> tuple[TensorDataset, tuple[Tensor, ...]]:
    """The samples as networks take them, float32 and less ⟨x⟩, and the units of what is left."""
    check_shared(samples)
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
