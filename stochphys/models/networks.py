"""Bodies of networks: what maps numbers to numbers, before any physics is said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn


class MLP(nn.Sequential):
    """A multilayer perceptron with SiLU between its layers.

    Args:
        sizes: width of each layer, input and output included: `(4, 64, 64, 1)`.
        generator: source of the initial weights (uniform within ±1/√inputs, as in torch).
    """

    def __init__(self, sizes: Sequence[int], *, generator: torch.Generator) -> None:
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(sizes):
            linear = nn.Linear(n_in, n_out)
            for parameter in linear.parameters():
                bound = 1 / math.sqrt(n_in)
                nn.init.uniform_(parameter, -bound, bound, generator=generator)
            layers += [linear, nn.SiLU()]
        super().__init__(*layers[:-1])
