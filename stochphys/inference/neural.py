r"""Networks that say how sure they are: two ways from samples to a posterior over functions.

Each has `fit(samples, likelihood, generator=…)`, as `regression.BayesianRegression`. Both are MLPs
in units of the data, beside a mean function that is declared, trained by `training.fit`, and have error
bars that hold where there are data, `LaplaceNetwork` beyond them too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch
from torch import Generator, Tensor, nn

from .. import require
from ..brief import Brief
from ..device import Source, as_generator, drawn_from
from ..models.drift_diffusion import Likelihood, Normal
from ..models.networks import MLP, Bump, InUnits, WithMean
from ..training import Callback, Ensemble, Objective, fit
from .laplace import Flat, LinearisedPosterior, Tangent, in_cells, trained
from .neural_posteriors import MemberPosterior, Resampled, check_shared, tensors, units_of
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
        width, depth: size and number of the hidden layers; depth 0 is a straight line.
        activation: of the hidden units, "tanh", which becomes constant far out, "elu", which goes on
            straight, or "bump", which vanishes there.
        mean: None, or a basis, of `models.bases` or any function from states to features: what the network
            adds to and what is left of it far out, declared; its weights are found beside the network's.
        gain: size of the initial weights of the hidden layers; above 1 they bend more from the start.
        steps: of the training.

    Raises `ValueError` for a width below 1, a depth below 0, a negative gain or an unknown activation,
    `TypeError` for a mean that is no basis and no function; `fit` for features of it that are not
    `(…, n_features)`, or are zero or no numbers where data are, and for what the training refuses.
    """

    width: int = 24
    depth: int = 2
    activation: str = "tanh"
    mean: Any = None
    gain: float = 1.0
    steps: int = 500

    def __post_init__(self) -> None:
        require.integer(1, self, "width")
        require.integer(0, self, "depth")
        require.integer(1, self, "steps")
        require.one_of([*ACTIVATIONS], activation=self.activation)
        require.not_negative(self, "gain")
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
        """Of the hidden layers."""
        return ACTIVATIONS[self.activation]

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

    def with_mean(self, body: nn.Module, samples: Samples) -> nn.Module:
        """A body, in units of the samples, and the mean function beside it."""
        if self.mean is None:
            return body
        x = samples.x
        features = self.mean.fitted(x) if hasattr(self.mean, "fitted") else self.mean
        phi = torch.as_tensor(features(x))
        if phi.ndim != 2 or len(phi) != len(x):
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
    """A `Body` that is trained by `training.fit`, with steps, lr and batches of `batch_size`."""

    lr: float = 2e-2
    batch_size: int = 2048

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
class LaplaceNetwork(Body):
    """Of each component a few networks, each trained by Gauss–Newton steps together with the precisions of
    the prior of its weights, and the normal posterior of these where they came to rest, see `laplace`.
    What is not needed is switched off by the evidence: an input, a layer, or beside the mean function
    all of the network.

    Of three inputs and more the best weights are found less surely, and intervals may be too narrow: compare
    with `BayesianRegression`.

    Without a `mean` intervals are infinite where data have ended: networks do not know how a function goes on,
    and say so. With one they hold the truth there if it is the right one.

    Attributes:
        activation: "tanh" by default, beside a mean function "bump": units that saturate would leave a constant
            of their own beside it, far out.
        starts: networks of each component, averaged with the probabilities that they give to the data.
        steps: at most, of each of them.
    """

    depth: int = 1
    activation: str = ""
    starts: int = 3
    steps: int = 40

    def __post_init__(self) -> None:
        if not self.activation:
            object.__setattr__(self, "activation", "tanh" if self.mean is None else "bump")
        super().__post_init__()
        require.integer(1, self, "starts")

    def _fit(self, samples: Samples, likelihood: Likelihood, generator: Generator) -> Posterior:
        centre, scale, a, b = units_of(samples, likelihood)
        check_shared(samples)
        if self.mean is not None and isinstance(likelihood, Normal):
            a = torch.zeros_like(a)  # a constant is declared, or there is none
        found = []
        for i, (y, weight) in enumerate(zip(samples.y.T, samples.weight.T, strict=True)):
            one = Samples(samples.x, y[:, None], weight[:, None])
            few, tangents = in_cells(one), []
            for start in range(self.starts + 1):
                body = self.mlp(one, generator)
                if start == self.starts:  # one that is switched off
                    for w in body.parameters():
                        nn.init.zeros_(w)
                units = centre, scale, a[i : i + 1], b[i : i + 1]
                network = InUnits(self.with_mean(body, one), units).double().requires_grad_(False)
                groups = groups_of(network, body, free=self.mean is None)
                at = trained(Flat(network), groups, few, likelihood, self.steps)
                tangents.append(Tangent.of(at, one, likelihood))
            found.append(tangents)
        return LinearisedPosterior(found, samples.x, ends=self.mean is None)


def groups_of(network: nn.Module, body: MLP, *, free: bool) -> Tensor:
    """Of each weight of a network, in one row, whose prior it shares, see `evidence.most_probable`: with
    those of one input, of one layer, of the biases of one layer. In group 0, without a prior, is what is not
    of its body, and of that the last bias if it is `free`."""
    first, *_, last = body.parameters()
    numbers, groups = count(1), []
    mine = {id(w) for w in body.parameters()} - ({id(last)} if free else set())
    for w in network.parameters():
        each = w.shape[1] if w is first else 1
        of = [next(numbers) for _ in range(each)] if id(w) in mine else [0]
        groups.append(torch.tensor(of).expand(w.shape).flatten())
    return torch.cat(groups)


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
