"""Samples as networks take them in: as they are, or drawn anew for each member of an ensemble."""

from dataclasses import dataclass

from torch import Tensor
from torch.utils.data import TensorDataset

from ..brief import Brief
from .regression import Samples


def tensors(samples: Samples, centre: Tensor) -> TensorDataset:
    """The samples as networks take them: float32, states less their `centre (dim_in,)`.

    Raises `ValueError` for labels whose noise is in x, too: only a linear model can take it out.
    """
    if samples.tangent is not None:
        raise ValueError(
            "a network cannot take out the noise that labels share with x; give rule='ito' (overdamped) "
            "or rule='combined' (underdamped), or take BayesianRegression"
        )
    return TensorDataset((samples.x - centre).float(), samples.y.float(), samples.weight.float())


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
