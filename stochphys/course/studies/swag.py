r"""SWAG: the weights that SGD visits, taken for a posterior; page 12 compares it with others."""

from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator, Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ... import require
from ...device import Source, as_generator
from ...inference.neural import Network, misfit
from ...inference.neural_posteriors import MemberPosterior, tensors
from ...inference.posterior import Posterior
from ...inference.regression import Samples
from ...models.drift_diffusion import Likelihood
from ...models.networks import InUnits
from ...training import Callback, Run, fit


@dataclass(frozen=True)
class SWAGNetwork(Network):
    r"""One network, trained, whose weights then wander under SGD with a constant rate: what they visit is
    taken for a posterior, a Gaussian with the mean of the visits and, of their covariance, half the
    diagonal and half of what the last `rank` of them span.

    Nothing but the rate and the size of the batches sets how far the weights wander.

    Attributes:
        sgd_lr: the constant rate of SGD, of momentum 0.9.
        every, visits: steps between two visits, and their number.

    Raises `ValueError` for fewer than two of the rank, visits or draws, or a rank above the visits.

    Source: Maddox et al., NeurIPS 2019, arXiv 1902.02476.
    """

    sgd_lr: float = 0.1
    every: int = 20
    visits: int = 50
    rank: int = 20
    draws: int = 200

    def __post_init__(self) -> None:
        super().__post_init__()
        require.integer(2, self, "rank", "visits", "draws", hint="fewer have no spread")
        require.integer(self.rank, self, "visits", hint="the rank is that of the last visits")

    def _fit(self, samples: Samples, likelihood: Likelihood, generator: Generator) -> Posterior:
        body = self.with_mean(self.mlp(samples, generator), samples)
        units = self._in_units(body, samples, likelihood, generator)
        body.requires_grad_(True)
        data, centred = tensors(samples, units)
        path = Wandering(self.every)
        fit(
            InUnits(body, centred),
            misfit(likelihood),
            data,
            steps=self.every * self.visits,
            batch_size=self.batch_size,
            lr=self.sgd_lr,
            optimizer=partial(torch.optim.SGD, momentum=0.9),
            ema=0,
            generator=generator,
            callbacks=[path],
            progress=False,
        )
        seen = torch.stack(path.weights)
        members = []
        for weights in drawn_around(seen, self.rank, self.draws, generator=generator):
            member = deepcopy(body).requires_grad_(False)
            vector_to_parameters(weights, member.parameters())
            members.append(InUnits(member, units))
        return MemberPosterior(members)


def drawn_around(seen: Tensor, rank: int, n: int, *, generator: Source) -> Tensor:
    """n draws `(n, n_weights)` from a Gaussian with the mean of weights that were `seen (visits, n_weights)`,
    and of their covariance half the diagonal and half of what the last `rank` of them span."""
    generator = as_generator(generator)
    mean, std = seen.mean(0), seen.std(0, correction=0)
    along = torch.randn(n, rank, generator=generator) / (rank - 1) ** 0.5
    xi = torch.randn(n, len(mean), generator=generator)
    return mean + (std * xi + along @ (seen[-rank:] - mean)) / 2**0.5


class Wandering(Callback):
    """The weights of a network `(n_weights,)` after every so many steps."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.weights: list[Tensor] = []

    def after_step(self, run: Run) -> None:
        if run.step % self.every == 0:
            self.weights.append(parameters_to_vector(run.model.parameters()).detach().cpu())
