r"""Bodies of networks: what maps numbers to numbers, before any physics is said.

Those whose weights are uncertain, mean-field Gaussians and dropout, can be asked for
`draw(n, generator=…)`: n ordinary networks, each with weights of its own that stay as they are. How
they meet data lives in `inference.neural`.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear, softplus
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


class WithLine(nn.Module):
    r"""A network and a straight line, $f(x) = \text{body}(x) + 3Ax$, A zero at the start.

    Units with tanh become constant far out, and leave the slope to the line. The factor lets a prior
    of one width for all weights bind it least.

    Args:
        body: from `(…, n_in)` to `(…, n_out)`.
    """

    def __init__(self, body: nn.Module, n_in: int, n_out: int) -> None:
        super().__init__()
        self.body = body
        self.line = nn.Parameter(torch.zeros(n_out, n_in))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + 3 * linear(x, self.line)


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


class BayesianLinear(nn.Module):
    r"""A linear layer with independent Gaussian weights,

    $$q(w) = \mathcal N(w;\, \mu, \sigma^2), \quad \sigma = \ln(1 + e^{\rho}), \qquad
        p(w) = \mathcal N(w;\, 0, 1),$$

    biases alike. A call draws not the weights but what they do to each
    input, the local reparametrisation

    $$h = \mu x + \sqrt{\sigma^2 x^2}\;\xi, \qquad \xi \sim \mathcal N(0, 1),$$

    which has the same law for each input by itself, and gradients with far less noise (Kingma,
    Salimans & Welling, NeurIPS 2015). Noise comes from torch's own generator,
    which `fit` seeds, as for dropout.

    Args:
        n_in, n_out: numbers of inputs and outputs.
        std: σ at the start; small, so that means are found first.
        generator: source of the initial means, spread as tanh layers want it.
    """

    def __init__(self, n_in: int, n_out: int, *, std: float = 0.02, generator: Source) -> None:
        super().__init__()
        generator = as_generator(generator)
        self.weight = nn.Parameter(torch.empty(n_out, n_in))
        self.bias = nn.Parameter(torch.empty(n_out))
        nn.init.normal_(self.weight, std=5 / 3 / n_in**0.5, generator=generator)
        nn.init.normal_(self.bias, std=5 / 6, generator=generator)
        rho = math.log(math.expm1(std))
        self.weight_rho = nn.Parameter(torch.full((n_out, n_in), rho))
        self.bias_rho = nn.Parameter(torch.full((n_out,), rho))

    @property
    def std(self) -> tuple[Tensor, Tensor]:
        """σ of weights `(n_out, n_in)` and biases `(n_out,)`, always positive."""
        return softplus(self.weight_rho), softplus(self.bias_rho)

    def forward(self, x: Tensor) -> Tensor:
        """`(…, n_in)` to `(…, n_out)`; each call and each entry has noise of its own."""
        weight_std, bias_std = self.std
        mean = linear(x, self.weight, self.bias)
        variance = linear(x**2, weight_std**2, bias_std**2)
        return mean + variance.sqrt() * torch.randn_like(mean)

    def kl(self) -> Tensor:
        r"""In nats, with its gradient, summed over weights and biases,

        $$\mathrm{KL}(q \,\|\, p) = \sum \tfrac12(\mu^2 + \sigma^2 - 1) - \ln\sigma.$$
        """
        posterior = zip((self.weight, self.bias), self.std, strict=True)
        weight, bias = (((mu**2 + std**2 - 1) / 2 - std.log()).sum() for mu, std in posterior)
        return weight + bias

    def draw(self, n: int, *, generator: Source) -> tuple[Tensor, Tensor]:
        """n weights `(n, n_out, n_in)` and biases `(n, n_out)` from q."""
        generator = as_generator(generator)
        draws = []
        for mean, std in zip((self.weight, self.bias), self.std, strict=True):
            noise = torch.randn((n, *mean.shape), generator=generator, device=generator.device)
            draws.append((mean + std * noise.to(mean)).detach())
        return draws[0], draws[1]


class BayesianMLP(MLP):
    """An `MLP` of `BayesianLinear` layers: each call is another draw of its weights.

    Args:
        sizes, generator: as for `MLP`.
    """

    def __init__(self, sizes: Sequence[int], *, generator: Source) -> None:
        super().__init__(sizes, activation=nn.Tanh, layer=BayesianLinear, generator=generator)

    @property
    def layers(self) -> list[BayesianLinear]:
        return [layer for layer in self if isinstance(layer, BayesianLinear)]

    def kl(self) -> Tensor:
        """KL of all layers, in nats."""
        return torch.stack([layer.kl() for layer in self.layers]).sum()

    def draw(self, n: int, *, generator: Source) -> list[MLP]:
        """n networks with weights drawn from q."""
        generator = as_generator(generator)
        networks = [MLP(self.sizes, activation=nn.Tanh, generator=generator) for _ in range(n)]
        for k, layer in enumerate(self.layers):
            drawn = layer.draw(n, generator=generator)
            for network, weight, bias in zip(networks, *drawn, strict=True):
                network[2 * k].load_state_dict({"weight": weight, "bias": bias})
        return networks


class DropoutMLP(MLP):
    """An `MLP` that forgets each of its hidden units with probability `p` at each call.

    What stays is divided by 1 − p. Taking the calls for draws from a posterior is "MC dropout"
    (Gal & Ghahramani, ICML 2016); nothing ties their spread to the amount of data.

    Args:
        sizes, generator: as for `MLP`.
        p: probability to forget.
    """

    def __init__(self, sizes: Sequence[int], p: float, *, generator: Source) -> None:
        super().__init__(sizes, activation=nn.Tanh, generator=generator)
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        for layer in self:
            x = layer(x)
            if isinstance(layer, nn.Tanh):
                x = dropout(x, self.p)  # in training or not
        return x

    def draw(self, n: int, *, generator: Source) -> list[MLP]:
        """n networks, each with units of its own switched off for good."""
        generator = as_generator(generator)
        networks = [MLP(self.sizes, activation=nn.Tanh, generator=generator) for _ in range(n)]
        for network in networks:
            network.load_state_dict(self.state_dict())
            for layer in list(network)[2:]:
                if isinstance(layer, nn.Linear):
                    on = torch.rand(layer.in_features, generator=generator) >= self.p
                    layer.weight.data *= on / (1 - self.p)
        return networks
