r"""Two popular ways to make a network say how sure it is, which page 12 compares with others.

Mean-field Gaussians over the weights, and dropout left on. Their bodies can be asked for
`draw(n, generator=…)`: n ordinary networks, each with weights of its own that stay as they are. A third
way lives in `swag`, the network of one paper in `published_network`, and what the library takes instead
in `inference.neural`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import dropout, linear, softplus

from ... import require
from ...device import Source, as_generator
from ...inference.laplace import in_cells
from ...inference.neural import Network
from ...inference.neural_posteriors import MemberPosterior
from ...inference.posterior import Posterior
from ...inference.regression import Samples
from ...models.drift_diffusion import Likelihood
from ...models.networks import MLP, InUnits, WithMean
from ...training import Callback, Run

START = 0.02  # σ of all weights when the training begins: small, so that means are found first


class Rise(Callback):
    """A factor that rises from 0 to 1 in the first `steps` steps, and stays there."""

    def __init__(self, steps: int) -> None:
        self.steps, self.factor = steps, 0.0

    def after_step(self, run: Run) -> None:
        self.factor = min(1.0, run.step / max(1, self.steps))


@dataclass(frozen=True)
class VariationalNetwork(Network):
    r"""A mean-field Gaussian over the weights, `BayesianMLP`, that minimises

    $$\langle -\ln p(\text{data}|w)\rangle_q + \beta\,\mathrm{KL}(q\,\|\,p),$$

    minus a lower bound on the evidence if β = 1. In the first half of the training β rises from 0:
    from the start it would bring all weights to the prior before the data have been looked at. Labels
    are averaged in small cells of x, see `laplace.in_cells`: the likelihood is the same, and gradients have
    far less noise. For β below 1 the posterior is "cold": not the one that
    the prior and the likelihood state.

    Raises `ValueError` for a negative weight or fewer than two draws.
    """

    kl_weight: float = 1.0  # β
    draws: int = 200  # networks that stand for q
    width: int = 12
    steps: int = 1000
    lr: float = 1e-2
    batch_size: int = 1024

    def __post_init__(self) -> None:
        super().__post_init__()
        require.not_negative(self, "kl_weight")
        require.integer(2, self, "draws", hint="fewer have no spread")

    def _fit(self, samples: Samples, likelihood: Likelihood, generator: Generator) -> Posterior:
        samples = in_cells(samples)
        mlp = BayesianMLP(self.sizes(samples), activation=self.unit, generator=generator)
        plain = self.with_mean(mlp, samples)
        body = BayesianMean(plain) if isinstance(plain, WithMean) else mlp
        rise, share = Rise(self.steps // 2), self.kl_weight / len(samples.x)

        def weighted_kl() -> Tensor:
            return rise.factor * share * body.kl()

        units = self._in_units(body, samples, likelihood, generator, weighted_kl, [rise])
        drawn: Sequence[nn.Module] = body.draw(self.draws, generator=generator)
        return MemberPosterior([InUnits(network, units) for network in drawn])


@dataclass(frozen=True)
class DropoutNetwork(Network):
    """Dropout left on, its draws taken for a posterior: their spread follows `p`, not the data.

    Raises `ValueError` unless 0 < p < 1, or for fewer than two draws.
    """

    p: float = 0.05  # probability that a hidden unit is switched off
    draws: int = 200  # networks that stand for the posterior

    def __post_init__(self) -> None:
        super().__post_init__()
        require.within("(0, 1)", self, "p")
        require.integer(2, self, "draws", hint="fewer have no spread")

    def _fit(self, samples: Samples, likelihood: Likelihood, generator: Generator) -> Posterior:
        mlp = DropoutMLP(self.sizes(samples), self.p, activation=self.unit, generator=generator)
        body = self.with_mean(mlp, samples)
        units = self._in_units(body, samples, likelihood, generator)
        drawn: Sequence[nn.Module] = mlp.draw(self.draws, generator=generator)
        if isinstance(body, WithMean):  # which all of them share
            drawn = [beside(network, body, body.weight) for network in drawn]
        return MemberPosterior([InUnits(network, units) for network in drawn])


class BayesianLinear(nn.Module):
    r"""A linear layer with independent Gaussian weights,

    $$q(w) = \mathcal N(w;\, \mu, \sigma^2), \quad \sigma = \ln(1 + e^{\rho}), \qquad
        p(w) = \mathcal N(w;\, 0, 1),$$

    biases alike. A call draws what the weights do to each input, the local reparametrisation

    $$h = \mu x + \sqrt{\sigma^2 x^2}\;\xi, \qquad \xi \sim \mathcal N(0, 1),$$

    which has the same law for each input by itself, and gradients with far less noise (Kingma,
    Salimans & Welling, NeurIPS 2015). Noise comes from torch's own generator, which `fit` seeds, as
    for dropout. At the start σ is `std`; `generator` draws the means, spread as tanh layers want it.
    """

    def __init__(self, n_in: int, n_out: int, *, std: float = START, generator: Source) -> None:
        super().__init__()
        generator = as_generator(generator)
        self.weight = nn.Parameter(torch.empty(n_out, n_in))
        self.bias = nn.Parameter(torch.empty(n_out))
        nn.init.normal_(self.weight, std=5 / 3 / n_in**0.5, generator=generator)
        nn.init.normal_(self.bias, std=5 / 6, generator=generator)
        self.weight_rho, self.bias_rho = rho_of(std, n_out, n_in), rho_of(std, n_out)

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

    def draw(self, n: int, *, generator: Source) -> tuple[Tensor, Tensor]:
        """n weights `(n, n_out, n_in)` and biases `(n, n_out)` from q."""
        generator = as_generator(generator)
        draws = []
        for mean, std in zip((self.weight, self.bias), self.std, strict=True):
            noise = torch.randn((n, *mean.shape), generator=generator, device=generator.device)
            draws.append((mean + std * noise.to(mean)).detach())
        return draws[0], draws[1]


def rho_of(std: float, *shape: int) -> nn.Parameter:
    """ρ of this shape, with softplus(ρ) = std."""
    return nn.Parameter(torch.full(shape, math.log(math.expm1(std))))


def kl_of(mean: Tensor, std: Tensor) -> Tensor:
    """KL of independent N(mean, std²) from N(0, 1), summed, in nats."""
    return ((mean**2 + std**2 - 1) / 2 - std.log()).sum()


class BayesianMLP(MLP):
    """An `MLP` of `BayesianLinear` layers: each call is another draw of its weights."""

    def __init__(
        self, sizes: Sequence[int], *, activation: type[nn.Module] = nn.Tanh, generator: Source
    ) -> None:
        super().__init__(sizes, activation=activation, layer=BayesianLinear, generator=generator)
        self.activation = activation

    @property
    def layers(self) -> list[BayesianLinear]:
        return [layer for layer in self if isinstance(layer, BayesianLinear)]

    def kl(self) -> Tensor:
        r"""In nats, with its gradient, summed over weights and biases of all layers,

        $$\mathrm{KL}(q \,\|\, p) = \sum \tfrac12(\mu^2 + \sigma^2 - 1) - \ln\sigma.$$
        """
        of_all = []
        for layer in self.layers:
            posterior = zip((layer.weight, layer.bias), layer.std, strict=True)
            of_all += [kl_of(mean, std) for mean, std in posterior]
        return torch.stack(of_all).sum()

    def draw(self, n: int, *, generator: Source) -> list[MLP]:
        """n networks with weights drawn from q."""
        generator = as_generator(generator)
        kind: dict[str, Any] = dict(activation=self.activation, generator=generator)
        networks = [MLP(self.sizes, **kind) for _ in range(n)]
        for k, layer in enumerate(self.layers):
            drawn = layer.draw(n, generator=generator)
            for network, weight, bias in zip(networks, *drawn, strict=True):
                network[2 * k].load_state_dict({"weight": weight, "bias": bias})
        return networks


class BayesianMean(WithMean):
    """A `BayesianMLP` and beside it a mean function, of which each weight is a Gaussian, too."""

    body: BayesianMLP

    def __init__(self, plain: WithMean) -> None:
        n_out, n_features = plain.weight.shape
        super().__init__(plain.body, plain.features, (n_out, n_features))
        self.rho = rho_of(START, n_out, n_features)

    def forward(self, x: Tensor) -> Tensor:
        variance = linear((3 * self.features(x)) ** 2, softplus(self.rho) ** 2)
        return super().forward(x) + variance.sqrt() * torch.randn_like(variance)

    def kl(self) -> Tensor:
        return self.body.kl() + kl_of(self.weight, softplus(self.rho))

    def draw(self, n: int, *, generator: Source) -> list[WithMean]:
        """n networks, each beside a mean function of its own, with weights drawn from q."""
        generator = as_generator(generator)
        xi = torch.randn((n, *self.weight.shape), generator=generator)
        weights = self.weight + softplus(self.rho) * xi.to(self.rho)
        networks = self.body.draw(n, generator=generator)
        return [beside(*pair) for pair in zip(networks, [self] * n, weights, strict=True)]


def beside(network: nn.Module, of: WithMean, weight: Tensor) -> WithMean:
    """A network with the mean function of another, and these weights of it."""
    both = WithMean(network, of.features, (len(weight), weight.shape[1]))
    both.weight.data = weight.detach().clone()
    return both


class DropoutMLP(MLP):
    """An `MLP` that forgets each of its hidden units with probability `p` at each call.

    What stays is divided by 1 − p. Taking the calls for draws from a posterior is "MC dropout"
    (Gal & Ghahramani, ICML 2016); nothing ties their spread to the amount of data.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        p: float,
        *,
        activation: type[nn.Module] = nn.Tanh,
        generator: Source,
    ) -> None:
        super().__init__(sizes, activation=activation, generator=generator)
        self.p, self.activation = p, activation

    def forward(self, x: Tensor) -> Tensor:
        for layer in self:
            x = layer(x)
            if not isinstance(layer, nn.Linear):
                x = dropout(x, self.p)  # in training or not
        return x

    def draw(self, n: int, *, generator: Source) -> list[MLP]:
        """n networks, each with units of its own switched off for good."""
        generator = as_generator(generator)
        kind: dict[str, Any] = dict(activation=self.activation, generator=generator)
        networks = [MLP(self.sizes, **kind) for _ in range(n)]
        for network in networks:
            network.load_state_dict(self.state_dict())
            for weight in list(network.parameters())[2::2]:  # (n_out, n_in), of all but the first
                on = torch.rand(weight.shape[1], generator=generator) >= self.p
                weight.data *= on / (1 - self.p)
        return networks
