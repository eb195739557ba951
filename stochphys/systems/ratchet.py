"""A particle that a flickering potential carries around a ring: it climbs where no force pushes."""

from dataclasses import dataclass, field
from math import isfinite

import torch
from torch import Tensor

from ..simulators.jumps import JumpChain


@dataclass(frozen=True, eq=False)
class FlashingRatchet(JumpChain):
    r"""A particle on a ring of three sites in a potential that is switched on and off at random.

    State $3m + s$: site $s = 0, 1, 2$; mode $m = 0$, potential on with energies $E_s = sV$, or
    $m = 1$, off. Rates are $e^{(E_s - E_{s'})/2T}$ between sites when on, 1 when off, and r for
    switching. What is simulated is the chain of jumps: where the next jump leads, not when
    (Kim, Bae, Lee, Jeong 2020, arXiv 2003.04166). Only the jumps between sites while the potential
    is on exchange heat.

    Args:
        V: height of a step of the potential.
        r: rate of switching.
        T: temperature, k_B = 1.

    Raises `ValueError` for r or T that is not positive, or V that is not finite.
    """

    P: Tensor = field(init=False, repr=False)
    V: float = 2.0
    r: float = 1.0
    T: float = 1.0

    def __post_init__(self) -> None:
        for name, value in (("r", self.r), ("T", self.T)):
            if not (isfinite(value) and value > 0):
                raise ValueError(f"{name} must be positive, got {value}")
        if not isfinite(self.V):
            raise ValueError(f"V must be finite, got {self.V}")
        energy = self.V * torch.arange(3, dtype=torch.float64)
        on = torch.exp((energy[:, None] - energy) / (2 * self.T))
        off, switch = torch.ones_like(on), self.r * torch.eye(3, dtype=torch.float64)
        rates = torch.cat((torch.cat((on, switch), 1), torch.cat((switch, off), 1)))
        rates.fill_diagonal_(0)
        object.__setattr__(self, "P", rates / rates.sum(1, keepdim=True))
        super().__post_init__()

    @property
    def sites(self) -> Tensor:
        """What an observer sees who cannot see the potential: the site `(6,)` of each state."""
        return torch.arange(6) % 3
