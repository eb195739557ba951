r"""The Bayesian neural network of Bae, Ha & Jeong (arXiv 2402.01338), as page 12 trains and repairs it."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import softplus
from torch.utils.data import TensorDataset

from ... import require
from ...device import Source, as_generator
from ...inference.neural import Network
from ...inference.neural_posteriors import MemberPosterior
from ...inference.posterior import Posterior
from ...inference.regression import Samples
from ...models.drift_diffusion import Likelihood, Normal
from ...models.networks import MLP, InUnits
from ...training import fit

PRIOR = 0.1  # std of each weight
KL_WEIGHT = 0.01
DRAWS = 3  # of the weights, for each step of the training


@dataclass(frozen=True)
class PublishedNetwork(Network):
    r"""Four layers with ELU, the last two with Gaussian weights; the drift in units of std x and dt.

    With the normalised labels $z_i = \Delta x_i/\mathrm{std}\,x$ of one batch, three draws of the weights
    and n batches in an epoch, the published loss is

    $$\Big\langle \tfrac12 (z - f)^2 \Big\rangle + \frac{0.01}{n}\,\frac{\mathrm{KL}}{n_w},$$

    KL a number without gradient and $n_w$ the weights that have a Gaussian. The last fifth of the samples
    is held out, and the best epoch is kept. Each of three repairs is off by default. The paper's scale is `width=256`, `lr=1e-6`, 5000 epochs at a constant rate; here the
    rate falls to zero like a cosine.

    Raises `ValueError` for a depth below 1, a time step that is not positive or fewer than two draws.

    Attributes:
        dt: of the labels.
        live: the KL has a gradient.
        variance: each label has its own variance, from the weights of the samples, instead of 1.
        per_label: the loss has the whole KL over the number of labels, as Bayes' theorem asks for.
        rho: with σ = softplus(ρ) for all weights at the start.
        draws: networks that stand for the posterior.
    """

    dt: float = field(kw_only=True)
    live: bool = False
    variance: bool = False
    per_label: bool = False
    rho: float = -5.0
    draws: int = 200
    width: int = 32
    depth: int = 3
    activation: str = "elu"
    steps: int = 5000
    lr: float = 1e-3
    batch_size: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        require.integer(1, self, "depth", hint="the last two layers are Gaussian")
        require.positive(self, "dt")
        require.integer(2, self, "draws", hint="fewer have no spread")

    def _fit(self, samples: Samples, likelihood: Likelihood, generator: Generator) -> Posterior:
        if samples.x.shape[1] > 1 or not isinstance(likelihood, Normal):
            raise ValueError(
                "PublishedNetwork learns the drift of one coordinate, got "
                f"{samples.x.shape[1]} and {likelihood}; take LaplaceNetwork"
            )
        unit = samples.x.std() / self.dt  # of drifts, which are then displacements over std x
        x = (samples.x - samples.x.mean(0)) / samples.x.std(0)
        data = [t.float() for t in (x, samples.y / unit, samples.weight * unit**2)]
        n = len(x) * 4 // 5
        a, b = data[1][:n].mean(0), data[1][:n].std(0)
        body = PublishedMLP(self.sizes(samples), self.unit, self.rho, generator=generator)
        batches = max(1, n // self.batch_size)
        share = 1 / n if self.per_label else KL_WEIGHT / batches / body.n_gaussian

        def objective(body: Any, batch: Any) -> Tensor:
            x, z, weight = batch
            misfit = (z - a - b * body(x.expand(DRAWS, *x.shape))).square() / 2
            kl = body.kl() if self.live else body.kl().item()
            return (misfit * (weight if self.variance else 1)).mean() + share * kl

        train, held_out = (
            TensorDataset(*(t[part] for t in data)) for part in (slice(n), slice(n, None))
        )
        fit(
            body,
            objective,
            train,
            validation=held_out,
            validate_every=batches,
            keep="lowest",
            steps=self.steps,
            batch_size=self.batch_size,
            lr=self.lr,
            schedule="cosine",
            ema=0,
            generator=generator,
            progress=False,
        )
        units = samples.x.mean(0), samples.x.std(0), a * unit, b * unit
        drawn = body.draw(self.draws, generator=generator)
        return MemberPosterior([InUnits(network, units) for network in drawn])


class GaussianLinear(nn.Module):
    r"""A linear layer with weights $N(\mu, \ln^2(1 + e^\rho))$, `mu` and `rho` `(n_out, n_in + 1)`, biases
    in the last column. μ is spread as He et al. want it for rectified units, uniformly."""

    def __init__(self, n_in: int, n_out: int, rho: float, *, generator: Source) -> None:
        super().__init__()
        generator = as_generator(generator)
        reach = (6 / n_in) ** 0.5
        self.mu = nn.Parameter(reach * (2 * torch.rand(n_out, n_in + 1, generator=generator) - 1))
        self.rho = nn.Parameter(torch.full_like(self.mu, rho))

    def forward(self, x: Tensor) -> Tensor:
        """`(draws, n, n_in)` to `(draws, n, n_out)`: one set of weights for each draw."""
        w = self.mu + softplus(self.rho) * torch.randn(len(x), *self.mu.shape)
        return x @ w[:, :, :-1].mT + w[:, None, :, -1]

    def kl(self) -> Tensor:
        """From N(0, `PRIOR`²), summed, in nats."""
        sigma = softplus(self.rho)
        return (((self.mu**2 + sigma**2) / PRIOR**2 - 1) / 2 - (sigma / PRIOR).log()).sum()


class PublishedMLP(MLP):
    """An `MLP` whose last two layers are `GaussianLinear`."""

    def __init__(
        self, sizes: list[int], unit: type[nn.Module], rho: float, *, generator: Source
    ) -> None:
        generator = as_generator(generator)
        super().__init__(sizes, activation=unit, generator=generator)
        self.unit = unit
        *_, n_in, width, n_out = sizes
        self[-3] = GaussianLinear(n_in, width, rho, generator=generator)
        self[-1] = GaussianLinear(width, n_out, rho, generator=generator)

    @property
    def gaussians(self) -> list[GaussianLinear]:
        return [layer for layer in self if isinstance(layer, GaussianLinear)]

    @property
    def n_gaussian(self) -> int:
        return sum(layer.mu.numel() for layer in self.gaussians)

    def kl(self) -> Tensor:
        return torch.stack([layer.kl() for layer in self.gaussians]).sum()

    def draw(self, n: int, *, generator: Source) -> list[MLP]:
        """n ordinary networks with weights from the Gaussians."""
        generator = as_generator(generator)
        networks = []
        for _ in range(n):
            network = MLP(self.sizes, activation=self.unit, generator=generator)
            for mine, theirs in zip(network, self, strict=True):
                state = theirs.state_dict()
                if isinstance(theirs, GaussianLinear):
                    xi = torch.randn(theirs.mu.shape, generator=generator)
                    w = theirs.mu.detach() + softplus(theirs.rho.detach()) * xi
                    state = dict(weight=w[:, :-1], bias=w[:, -1])
                mine.load_state_dict(state)
            networks.append(network)
        return networks
