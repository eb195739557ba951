"""Neural estimators of entropy production: antisymmetric under time reversal by construction."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

from ..data import Trajectories
from .networks import MLP


class NEEP(nn.Module):
    r"""Entropy produced in one step of a continuous process whose variables are even under time
    reversal,

    $$\Delta S_\theta(x, x') = h_\theta(\bar x, \Delta x) - h_\theta(\bar x, -\Delta x),$$

    with midpoint $\bar x$ and displacement $\Delta x$: reversing time swaps x and x', which keeps
    the midpoint and turns the displacement round (Kim, Bae, Lee, Jeong 2020, arXiv 2003.04166,
    there with h(x, x')). Train it with `neep_objective`.

    Args:
        dim: number of coordinates.
        width, depth: size and number of the hidden layers.
        generator: source of the initial weights.
    """

    centre: Tensor
    scale: Tensor

    def __init__(
        self, dim: int, *, width: int = 64, depth: int = 2, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.h = MLP([2 * dim, *[width] * depth, 1], generator=generator)
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(2, dim))

    def standardise(self, trajectories: Trajectories) -> Self:
        """Bring midpoints and displacements to order one, with the spread of these data."""
        x = trajectories.x
        self.centre.copy_(x.mean(dim=(0, 1)))
        self.scale[0].copy_(x.std(dim=(0, 1)))
        self.scale[1].copy_(x.diff(dim=1).std(dim=(0, 1)))
        if not (self.scale > 0).all():
            constant = (self.scale == 0).any(0).nonzero().flatten().tolist()
            raise ValueError(f"coordinates {constant} never change in these data; leave them out")
        return self

    def forward(self, window: Tensor) -> Tensor:
        """ΔS `(…)` of pairs of successive states `(…, 2, dim)`."""
        first, second = window.unbind(-2)
        midpoint = ((first + second) / 2 - self.centre) / self.scale[0]
        step = (second - first) / self.scale[1]
        forward = torch.cat((midpoint, step), -1)
        backward = torch.cat((midpoint, -step), -1)
        h = self.h(torch.stack((forward, backward))).squeeze(-1)  # one batch: (2, …)
        return h[0] - h[1]


def neep_objective(model: nn.Module, window: Tensor) -> Tensor:
    r"""−J, to be minimised, averaged over the last axis of what the model returns:

    $$J[h] = \langle h - e^{-h} \rangle, \qquad \max_h J + 1 = \langle \Delta S \rangle,$$

    and J + 1 ≤ ⟨ΔS⟩ for every antisymmetric h (arXiv 2003.04166, Eq. 4).
    """
    h = model(window).float()
    return (torch.exp(-h) - h).mean(-1)
