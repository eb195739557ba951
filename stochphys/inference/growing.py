r"""Networks that grow: a line, then unit by unit while the evidence does, beside a network of random units.

All are of one family, a hidden layer beside a line, $f(z) = a \cdot s(Wz + b) + v \cdot z + c$, trained as
`laplace` says. Weights have a common prior with those of one input, as biases, as heights a, or as slopes v
(automatic relevance determination). Training many random units at once finds the best weights of one or
two inputs; of more it is lost among weights that fit noise. There each unit begins as the best of some
hundred on offer, every other of which bends along one coordinate and leaves the use of other inputs as it was.

No network is quite the truth. Each stands for the functions close to it: beside it is a rest of random units
whose heights are so small that the data determine few of them, as in `evidence.with_rest`.

Source: growing by the best candidate: Fahlman & Lebiere, NeurIPS 1989, cascade correlation; the evidence and
the relevance of inputs as in `laplace`.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from math import inf, lgamma, log

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import linear

from .. import require
from ..brief import Brief
from ..device import Source, drawn_from
from ..models.drift_diffusion import Likelihood, Normal
from ..models.networks import InUnits, WithMean
from .evidence import UNLIKELY
from .laplace import Flat, LinearisedPosterior, Tangent, Trained, in_cells, trained
from .neural import Body
from .neural_posteriors import check_shared, units_of
from .posterior import Posterior
from .regression import Samples

OFFERED, REST = 400, 120  # random units: of which the best is taken, and of the rest
STEEP, SPREAD = 2.0, 0.7  # their slopes, in units of the data: median, and spread of the logarithm
PATIENCE, GAIN = 2, 0.5  # units that gain less, in nats, at which growing ends
NEW = 1e-3  # share of a unit, squared, that the network cannot do without it: with less it is left out


class Layer(nn.Module):
    """Hidden units that stay as they are, $s(Wz + b)$: features."""

    def __init__(self, s: nn.Module, W: Tensor, b: Tensor) -> None:
        super().__init__()
        self.s, self.W, self.b = s, nn.Buffer(W), nn.Buffer(b)

    def forward(self, z: Tensor) -> Tensor:
        return self.s(linear(z, self.W, self.b))


class Units(nn.Module):
    r"""One hidden layer, $a \cdot s(Wz + b)$, and unless a mean function is declared a line, $v \cdot z + c$.

    Args:
        s: activation.
        W, b, a: `(n_units, dim_in)`, `(n_units,)`, `(n_units,)`.
        v, c: `(dim_in,)`, `()`.
    """

    def __init__(self, s: nn.Module, W: Tensor, b: Tensor, a: Tensor, *line: Tensor) -> None:
        super().__init__()
        self.s = s
        self.W, self.b, self.a, *_ = (nn.Parameter(w) for w in (W, b, a))
        self.line = nn.ParameterList(line)

    def forward(self, z: Tensor) -> Tensor:
        f = self.s(linear(z, self.W, self.b)) @ self.a
        if len(self.line):
            v, c = self.line
            f = f + z @ v + c
        return f[..., None]


def random_units(z: Tensor, n: int, generator: Source) -> tuple[Tensor, Tensor]:
    """W `(n, dim_in)` and b `(n,)` of units that bend at one of the states `z (n_states, dim_in)` each; every
    other one along one coordinate."""
    dim, how = z.shape[1], drawn_from(generator)
    W = torch.randn(n, dim, **how).to(z)
    W = W / W.norm(dim=1, keepdim=True)
    W[::2] = torch.eye(dim).to(z)[torch.arange(n)[::2] // 2 % dim]
    W = W * STEEP * torch.exp(SPREAD * torch.randn(n, 1, **how).to(z))
    return W, -(W * z[torch.randint(len(z), (n,), **how)]).sum(1)


@dataclass(frozen=True)
class LaplaceNetwork(Body):
    """Of each component some networks, each trained by Gauss–Newton steps together with the precisions of
    the prior of its weights, and the normal posterior of these where they came to rest, averaged with the
    probabilities that they give to the data: a line, networks that have grown from it, and one of
    `width` random units, see `growing` and `laplace`. What is not needed is switched off by the evidence:
    an input, a layer, or beside the mean function all of the network.

    Without a `mean` intervals are infinite where data have ended: networks do not know how a function goes on,
    and say so. With one they hold the truth there if it is the right one.

    Attributes:
        width: units at most.
        activation: "tanh" by default, beside a mean function "bump": units that saturate would leave a constant
            of their own beside it, far out.
        steps: at most, of the training of each network.
    """

    width: int = 24
    activation: str = ""
    steps: int = 40

    def __post_init__(self) -> None:
        if not self.activation:
            object.__setattr__(self, "activation", "tanh" if self.mean is None else "bump")
        super().__post_init__()

    def _fit(self, samples: Samples, likelihood: Likelihood, generator: Generator) -> Posterior:
        centre, scale, a, b = units_of(samples, likelihood)
        check_shared(samples)
        require.integer(samples.x.shape[1] + 2, samples=len(samples.x), hint="take more data")
        if not samples.weight.isfinite().all():
            raise ValueError(
                "the noise of some labels is nothing: of these no network can be found; "
                "leave out what stands still, or give the diffusion as one matrix"
            )
        if self.mean is not None and isinstance(likelihood, Normal):
            a = torch.zeros_like(a)  # a constant is declared, or there is none
        found = []
        for i, (y, weight) in enumerate(zip(samples.y.T, samples.weight.T, strict=True)):
            one = Samples(samples.x, y[:, None], weight[:, None])
            units = centre, scale, a[i : i + 1], b[i : i + 1]
            growth = Growth(self, one, in_cells(one), likelihood, units)
            networks = [
                replace(at, evidence=at.evidence + modes(at)) for at in growth.networks(generator)
            ]
            likely = max(at.evidence for at in networks) + log(UNLIKELY)
            found.append([growth.tangent(at, generator) for at in networks if at.evidence > likely])
        return LinearisedPosterior(found, samples.x, ends=self.mean is None)


@dataclass(frozen=True, eq=False)
class Growth(Brief):
    """For the networks of one component.

    Attributes:
        method: what is looked for.
        samples, few: all of the component, and those in cells.
        likelihood: of their labels.
        units: of `InUnits`.
    """

    method: LaplaceNetwork
    samples: Samples
    few: Samples
    likelihood: Likelihood
    units: tuple[Tensor, ...]

    def networks(self, generator: Generator) -> Iterator[Trained]:
        """One of random units; no network at all, beside what has no prior; a line; then one unit more each
        time, until two bring no gain."""
        width, dim = self.method.width, self.samples.x.shape[1]
        a = torch.randn(width, **drawn_from(generator)) / width**0.5
        network = self.network(*random_units(self.states, width, generator), a)
        yield self.trained(network, self.used(units=True))
        network = self.network(torch.zeros(0, dim), *torch.zeros(2, 0))
        for line in (False, True)[: 1 + (self.method.mean is None)]:
            at = self.trained(network, self.used(line=line))
            yield at
        best, in_vain = at.evidence, 0
        for _ in range(width):
            tried = [self.trained(*offer) for offer in self.larger(at, generator)]
            yield from tried
            at = max(tried, key=lambda at: at.evidence)
            in_vain = 0 if at.evidence > best + GAIN else in_vain + 1
            best = max(best, at.evidence)
            if in_vain == PATIENCE:
                return

    def used(self, *, units: bool = False, line: bool = False) -> Tensor:
        """Precisions at the start of 0, which has no prior, inputs, biases, heights, and slopes of the line."""
        inputs = self.samples.x.shape[1]
        on = torch.tensor([True] + [units] * (inputs + 2) + [line])
        return torch.where(on, 1.0, inf).double()

    @property
    def states(self) -> Tensor:
        """In units of the data."""
        centre, scale, *_ = self.units
        return (self.few.x - centre) / scale

    def network(self, W: Tensor, b: Tensor, a: Tensor) -> nn.Module:
        """Beside the mean function, or a line."""
        s, dim = self.method.unit(), W.shape[1]
        line = () if self.method.mean is not None else (torch.zeros(dim), torch.zeros(()))
        body = Units(s, W, b, a, *line)
        return InUnits(self.method.with_mean(body, self.samples), self.units).double()

    def larger(self, at: Trained, generator: Generator) -> Iterator[tuple[nn.Module, Tensor]]:
        """By the unit whose height would lower the misfit the most, of those along one coordinate and of all
        others, and the precisions then: a network goes on from where it was, and the new unit from height 0."""
        x, y, weight = self.few.x, self.few.y[:, 0], self.few.weight[:, 0]
        f, c = at.f(at.weights, x), self.likelihood.curvature(weight).sqrt()
        used = at.precision[at.groups] < inf
        Q, _ = torch.linalg.qr(c[:, None] * at.f.jacobian(at.weights, x)[:, used])
        W, b = random_units(self.states, OFFERED, generator)
        unit = c[:, None] * self.method.unit()(linear(self.states, W, b))
        new = unit - Q @ (Q.T @ unit)
        left = c * (self.likelihood.working_label(f, y) - f)
        size, least = new.square().sum(0), NEW * unit.square().sum(0)
        gain = torch.where(size > least, (left @ new).square() / size, 0.0)
        dim = x.shape[1]
        for first in range(min(dim, 2)):
            k = first + 2 * gain[first::2].argmax()
            network = deepcopy(at.f.network)
            units = hidden(network)
            units.W = nn.Parameter(torch.cat((units.W, W[k : k + 1])))
            units.b = nn.Parameter(torch.cat((units.b, b[k : k + 1])))
            units.a = nn.Parameter(torch.cat((units.a, units.a.new_zeros(1))))
            bends = torch.cat((W.new_zeros(1), W[k], W.new_ones(2), W.new_zeros(1))) != 0
            yield network, torch.where(bends & (at.precision == inf), 1.0, at.precision)

    def trained(self, network: nn.Module, precision: Tensor) -> Trained:
        """From these precisions of the groups that `used` names."""
        units = hidden(network)
        dim = units.W.shape[1]
        numbers: dict[nn.Parameter, Tensor | int] = {units.W: torch.arange(1, dim + 1)}
        numbers |= {units.b: dim + 1, units.a: dim + 2}
        numbers |= dict.fromkeys(list(units.line)[:1], dim + 3)
        each = [torch.as_tensor(numbers.get(w, 0)).expand(w.shape) for w in network.parameters()]
        at = trained(
            Flat(network.requires_grad_(False)),
            torch.cat([groups.flatten() for groups in each]),
            self.few,
            self.likelihood,
            self.method.steps,
            precision,
        )
        nn.utils.vector_to_parameters(at.weights, network.parameters())
        return at

    def tangent(self, at: Trained, generator: Generator) -> Tangent:
        """Of a network, with a rest beside it."""
        layer = Layer(self.method.unit(), *random_units(self.states, REST, generator))
        network = InUnits(
            WithMean(at.f.network.get_submodule("body"), layer, (1, REST)), self.units
        )
        larger = replace(
            at,
            f=Flat(network.double().requires_grad_(False)),
            weights=torch.cat((at.weights.new_zeros(REST), at.weights)),
            groups=torch.cat((at.groups.new_full((REST,), len(at.precision)), at.groups)),
            precision=torch.cat((at.precision, at.precision.new_full((1,), inf))),
        )
        return Tangent.of(larger, self.samples, self.likelihood)


def hidden(network: nn.Module) -> Units:
    """Where units can be added to a network."""
    return next(module for module in network.modules() if isinstance(module, Units))


def modes(at: Trained) -> float:
    """ln of how many modes like this one the posterior has, which training does not find: units may be exchanged,
    and the two signs of each turned. Of h units of N that the data determine, ln N!/(N − h)! + h ln 2."""
    heights = len(at.precision) - 2
    n, determined = int((at.groups == heights).sum()), at.determined[heights].clamp(min=0).item()
    return lgamma(n + 1) - lgamma(n - determined + 1) + determined * log(2)
