r"""Networks that say how sure they are: what they have in common, and an ensemble.

Each has `fit(samples, likelihood, generator=…)`, as `regression.BayesianRegression`, and is in units of the
data, beside a mean function that may be declared. Those here are trained by `training.fit`; `growing` has one
whose weights have a posterior.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn

from .. import require
from ..brief import Brief
from ..device import Source, as_generator, drawn_from
from ..models.drift_diffusion import Likelihood, Normal
from ..models.networks import MLP, Bump, InUnits, WithMean
from ..training import Callback, Ensemble, Objective, fit
from .neural_posteriors import MemberPosterior, Resampled, tensors, units_of
from .posterior import Posterior
from .regression import Samples

ACTIVATIONS = {"tanh": nn.Tanh, "elu": nn.ELU, "bump": Bump}
MEANS = "Polynomial(1), or a function from states (…, dim_in) to features (…, n_features)"


def misfit(likelihood: Likelihood) -> Objective:
    """Minus the log-likelihood per sample, a scalar, or `(members,)` for an ensemble."""

    def objective(model: nn.Module, batch: Sequence[Tensor]) -> Tensor:
        x, y, weight = batch
        return likelihood.loss(model(x), y, weight).sum(-1).mean(-1)

    return objective


@dataclass(frozen=True)
class Body(Brief):
    """What all networks have in common.

    Attributes:
        width: hidden units, in each layer.
        activation: of the hidden units, "tanh", which becomes constant far out, "elu", which goes on
            straight, or "bump", which vanishes there.
        mean: None, or a basis, of `models.bases` or any function from states to features: what the network
            adds to and what is left of it far out, declared; its weights are found beside the network's.
        steps: of the training.

    Raises `ValueError` for a width or steps below 1 or an unknown activation, `TypeError` for a mean that is no basis and no function; `fit` for features of it that are not
    `(…, n_features)`, or are zero or no numbers where data are, and for what the training refuses.
    """

    width: int = 24
    activation: str = "tanh"
    mean: Any = None
    steps: int = 500

    def __post_init__(self) -> None:
        require.integer(1, self, "width")
        require.integer(1, self, "steps")
        require.one_of([*ACTIVATIONS], activation=self.activation)
        if self.mean is not None:
            method = "fitted" if hasattr(self.mean, "fitted") else "__call__"
            require.able(method, mean=self.mean, hint=MEANS)

    def fit(
        self, samples: Samples, likelihood: Likelihood = Normal(), *, generator: Source
    ) -> Posterior:
        """The posterior of f: draws start weights, batches, and what else the method draws."""
        return self._fit(samples, likelihood, as_generator(generator))

    def _fit(self, samples: Samples, likelihood: Likelihood, generator: Generator) -> Posterior:
        raise NotImplementedError

    @property
    def unit(self) -> type[nn.Module]:
        """Of the hidden units."""
        return ACTIVATIONS[self.activation]

    def with_mean(self, body: nn.Module, samples: Samples) -> nn.Module:
        """A body, in units of the samples, and the mean function beside it."""
        if self.mean is None:
            return body
        x = samples.x
        features = self.mean.fitted(x) if hasattr(self.mean, "fitted") else self.mean
        phi = torch.as_tensor(features(x))
        if phi.ndim != 2 or len(phi) != len(x) or not phi.shape[1]:
            shapes = f"{tuple(phi.shape)} at states {tuple(x.shape)}"
            raise ValueError(f"mean must give features (…, n_features), got {shapes}; give {MEANS}")
        centre, scale, size = x.mean(0), x.std(0), phi.square().mean(0).sqrt()
        if wrong := (~((size > 0) & size.isfinite())).nonzero().flatten().tolist():
            raise ValueError(
                f"mean: features {wrong} are zero at all states that were seen, or no numbers at some; leave "
                "them out"
            )

        def in_units(z: Tensor) -> Tensor:
            return (features(centre.to(z.device) + scale.to(z.device) * z) / size).to(z.dtype)

        return WithMean(body, in_units, (samples.y.shape[1], len(size)))


@dataclass(frozen=True)
class Network(Body):
    """A `Body` that is trained by `training.fit`, with steps, lr and batches of `batch_size`.

    Attributes:
        depth: number of the hidden layers; 0 is a straight line.
        gain: size of the initial weights of the hidden layers; above 1 they bend more from the start.

    Raises `ValueError` for a depth below 0 or a negative gain, too.
    """

    depth: int = 2
    gain: float = 1.0
    lr: float = 2e-2
    batch_size: int = 2048

    def __post_init__(self) -> None:
        super().__post_init__()
        require.integer(0, self, "depth")
        require.not_negative(self, "gain")

    def sizes(self, samples: Samples) -> list[int]:
        return [samples.x.shape[1], *[self.width] * self.depth, samples.y.shape[1]]

    def mlp(self, samples: Samples, generator: Source) -> MLP:
        """A fresh body; its hidden units are spread over the data."""
        generator = as_generator(generator)
        body = MLP(self.sizes(samples), activation=self.unit, generator=generator)
        for layer in list(body)[:-1]:
            if isinstance(layer, nn.Linear):
                std = self.gain / layer.in_features**0.5
                nn.init.normal_(layer.weight, std=std, generator=generator)
                nn.init.normal_(layer.bias, std=self.gain / 2, generator=generator)
        return body

    def train(
        self,
        model: nn.Module,
        objective: Objective,
        data: Any,
        generator: Source,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        options: dict[str, Any] = dict(schedule="cosine", ema=0.99, progress=False)
        options |= dict(steps=self.steps, lr=self.lr, batch_size=self.batch_size)
        fit(model, objective, data, generator=generator, callbacks=callbacks, **options)
        model.requires_grad_(False)

    def _in_units(
        self,
        body: nn.Module,
        samples: Samples,
        likelihood: Likelihood,
        generator: Generator,
        penalty: Callable[[], Tensor | float] = lambda: 0.0,
        callbacks: Sequence[Callback] = (),
    ) -> tuple[Tensor, ...]:
        """Train a body in the units of the samples, which are returned; the penalty on its weights
        is counted per sample, as the misfit is."""
        units, loss = units_of(samples, likelihood), misfit(likelihood)

        def objective(model: nn.Module, batch: Any) -> Tensor:
            return loss(model, batch) + penalty()

        data, centred = tensors(samples, units)
        self.train(InUnits(body, centred), objective, data, generator, callbacks)
        return units


@dataclass(frozen=True)
class BootstrapEnsemble(Network):
    """Networks trained side by side, each on increments drawn anew: their spread holds the luck of
    the data and that of the training.

    Attributes:
        members: number of networks.
        bootstrap: False gives all of them the same data: a "deep ensemble", which does not know how
            lucky its data are.
        block: successive increments that are drawn together; where paths end, with those of the next.

    Raises `ValueError` for fewer than two members or an empty block; `fit` if the samples do not fill
    one block.
    """

    members: int = 10
    bootstrap: bool = True
    block: int = 20
    gain: float = 5 / 3
    steps: int = 600
    lr: float = 1e-2
    batch_size: int = 1024

    def __post_init__(self) -> None:
        super().__post_init__()
        require.integer(2, self, "members", hint="fewer have no spread")
        require.integer(1, self, "block")

    def _fit(self, samples: Samples, likelihood: Likelihood, generator: Generator) -> Posterior:
        n, units = len(samples.x), units_of(samples, likelihood)
        require.integer(self.block, samples=n, hint="they must fill a block, take shorter blocks")
        bodies = [
            self.with_mean(self.mlp(samples, generator), samples) for _ in range(self.members)
        ]
        data, centred = tensors(samples, units)
        ensemble = Ensemble([InUnits(body, centred) for body in bodies])
        if self.bootstrap:
            shape = self.members, n // self.block
            starts = torch.randint(n - self.block + 1, shape, **drawn_from(generator))
            data = Resampled(data, starts, self.block)  # type: ignore[assignment]
        self.train(ensemble, misfit(likelihood), data, generator)
        trained: list[Any] = [ensemble.member(i) for i in range(self.members)]
        return MemberPosterior([InUnits(network.body, units) for network in trained])
