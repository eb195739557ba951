r"""Networks whose weights are uncertain: mean-field Gaussians with their KL, and dropout.

Each of them can be asked for `draw(n, generator=…)`: n ordinary networks, each with weights of its
own that stay as they are. How they meet data lives in `inference.neural`.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear, softplus

from ..device import as_generator
from .networks import MLP


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

    def __init__(
        self, n_in: int, n_out: int, *, std: float = 0.02, generator: torch.Generator | int
    ) -> None:
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
        weight, bias = (
            ((mean**2 + std**2 - 1) / 2 - std.log()).sum()
            for mean, std in zip((self.weight, self.bias), self.std, strict=True)
        )
        return weight + bias

    def draw(self, n: int, *, generator: torch.Generator | int) -> tuple[Tensor, Tensor]:
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
        sizes: width of each layer, input and output included.
        generator: source of the initial means.
    """

    def __init__(self, sizes: Sequence[int], *, generator: torch.Generator | int) -> None:
        super().__init__(sizes, activation=nn.Tanh, layer=BayesianLinear, generator=generator)

    @property
    def layers(self) -> list[BayesianLinear]:
        return [layer for layer in self if isinstance(layer, BayesianLinear)]

    def kl(self) -> Tensor:
        """KL of all layers, in nats."""
        return torch.stack([layer.kl() for layer in self.layers]).sum()

    def draw(self, n: int, *, generator: torch.Generator | int) -> list[MLP]:
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
        sizes: width of each layer, input and output included.
        p: probability to forget.
        generator: source of the initial weights.
    """

    def __init__(self, sizes: Sequence[int], p: float, *, generator: torch.Generator | int) -> None:
        super().__init__(sizes, activation=nn.Tanh, generator=generator)
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        for layer in self:
            x = layer(x)
            if isinstance(layer, nn.Tanh):
                x = dropout(x, self.p)  # in training or not
        return x

    def draw(self, n: int, *, generator: torch.Generator | int) -> list[MLP]:
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
