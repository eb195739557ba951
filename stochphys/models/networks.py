r"""Bodies of networks: what maps numbers to numbers, before any physics is said."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.nn.utils import skip_init

from ..device import Source, as_generator


def _plain_linear(n_in: int, n_out: int, *, generator: torch.Generator) -> nn.Linear:
    """A linear layer with weights uniform within ±1/√n_in, as in torch."""
    layer = skip_init(nn.Linear, n_in, n_out)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -1 / math.sqrt(n_in), 1 / math.sqrt(n_in), generator=generator)
    return layer


class MLP(nn.Sequential):
    """A multilayer perceptron.

    Args:
        sizes: width of each layer, input and output included: `(4, 64, 64, 1)`.
        activation: what stands between the layers.
        layer: makes a layer of n_in inputs and n_out outputs.
        generator: source of the initial weights.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: type[nn.Module] = nn.SiLU,
        layer: Callable[..., nn.Module] = _plain_linear,
        generator: Source,
    ) -> None:
        generator = as_generator(generator)
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(sizes):
            layers += [layer(n_in, n_out, generator=generator), activation()]
        super().__init__(*layers[:-1])
        self.sizes = tuple(sizes)


class Bump(nn.Module):
    r"""$e^{-z^2/2}$ of each number: a unit that is zero far out."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.exp(-z.square() / 2)


class WithMean(nn.Module):
    r"""A network and a mean function that is linear in features, $f(x) = \text{body}(x) + 3A\,\phi(x)$,
    A zero at the start.

    Units with tanh become constant far out, and leave what goes on there to the features: to a straight
    line, say. The factor lets a prior of one width for all weights bind A least.

    Args:
        body: from `(…, n_in)` to `(…, n_out)`.
        features: φ, from `(…, n_in)` to `(…, n_features)`, of order one.
        shape: of A, `(n_out, n_features)`.
    """

    def __init__(
        self, body: nn.Module, features: Callable[[Tensor], Tensor], shape: tuple[int, int]
    ) -> None:
        super().__init__()
        self.body, self.features = body, features
        self.weight = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + 3 * linear(self.features(x), self.weight)


class InUnits(nn.Module):
    r"""A network whose inputs and outputs are of order one, in the units of the data,

    $$f(x) = a + b\,\text{body}\big((x - \langle x\rangle)/\text{std}\,x\big);$$

    for a drift a is the mean label and b the size of what varies in it, for $\ln D$ they are the
    logarithm of the mean label and 1.

    ⟨x⟩ keeps its precision, and is subtracted before x is rounded to that of the weights.

    Args:
        body: from `(…, dim_in)` to `(…, dim_out)`.
        units: ⟨x⟩, std x `(dim_in,)`, a and b `(dim_out,)`.
    """

    def __init__(self, body: nn.Module, units: Sequence[Tensor]) -> None:
        super().__init__()
        self.body = body
        centre, *others = units
        self.centre = nn.Buffer(centre)
        self.scale, self.offset, self.unit = (nn.Buffer(unit.float()) for unit in others)

    def forward(self, x: Tensor) -> Tensor:
        x = (x - self.centre).to(self.scale.dtype)
        return self.offset + self.unit * self.body(x / self.scale)
