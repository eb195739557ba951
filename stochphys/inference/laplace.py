r"""Networks whose weights have a posterior: Gauss–Newton steps and evidence by turns, then Laplace's law.

About weights ŵ a network is linear in their changes, $f(x) = f_{\hat w}(x) + J(x)(w - \hat w)$: Bayesian
regression with the Jacobian J for its features. Each step solves that regression, goes towards its mean
as far as what is minimised falls, and reads the precision α of the prior of each group of weights off it,
as `evidence.most_probable` does. A group that the data do not need is switched off; a group 0, a mean
function that is declared, has no prior. Which networks are trained says `growing`.

Source: MacKay, Neural Computation 4, 448 (1992); relevance of inputs: Neal, Bayesian Learning for Neural
Networks (1996); linearised: Immer, Korzepa & Bauer, AISTATS 2021; several minima: Eschenhagen et al. 2021,
arXiv 2111.03577.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jvp, vmap

from ..brief import Brief
from ..device import Source, as_generator, drawn_from
from ..models.drift_diffusion import Likelihood
from .evidence import SETTLED, UNLIKELY, Belief, believed, cholesky, with_rest
from .posterior import Functions, Known, Posterior
from .regression import Samples

CHUNK = 2**12  # states whose Jacobian is held at once
CELLS = 11  # halvings: training sees at most 2¹¹ labels, each the mean of those in a cell
OFF = 1e8  # precision of a group, in units of weights of order one, that is switched off
MARGIN = (
    0.01  # of the spread of states, beyond the last: rounding, and on a circle cos is never quite 1
)
SHOWN = 2000  # states at most by which is judged where data end
FIRST = 6  # steps in which precisions stay 1: else a network is switched off before it has learned
SHORT = 2.0**-10  # of a Gauss–Newton step, at which training ends


def in_cells(samples: Samples) -> Samples:
    """At most 2¹¹ labels: means over cells of states that lie together. The cells come from halves, each
    time across the coordinate in which a cell is the widest."""
    n, one = len(samples.x), torch.arange(len(samples.x), device=samples.x.device)
    if n <= 2**CELLS:
        return samples
    missing = -n % 2**CELLS  # to fill all cells alike: labels again, of weight 0
    index = torch.cat((one, one[:: n // missing][:missing] if missing else one[:0]))
    weight = torch.cat((samples.weight, torch.zeros_like(samples.weight[:missing])))
    place, x = torch.arange(len(weight))[None], samples.x / samples.x.std(0)
    for _ in range(CELLS):
        there = x[index[place]]  # (n_cells, n, dim_in)
        widest = there.var(1).argmax(1)[:, None, None].expand(-1, there.shape[1], 1)
        order = there.gather(2, widest)[..., 0].argsort(dim=1, stable=True)
        place = place.gather(1, order).view(2 * len(place), -1)
    w, row = weight[place], index[place]
    total = w.sum(1)
    y = (w * samples.y[row]).sum(1) / total.clamp(min=1e-300)
    return Samples(samples.x[row].mean(1), y, total)


@dataclass(frozen=True, eq=False)
class Flat(Brief):
    """A network of one output, as a function of its weights in one row `(n_weights,)`."""

    network: nn.Module

    @property
    def weights(self) -> Tensor:
        return torch.cat([w.detach().flatten() for w in self.network.parameters()])

    def __call__(self, weights: Tensor, x: Tensor) -> Tensor:
        """f `(…)` at states `x (…, dim_in)`."""
        named = list(self.network.named_parameters())
        parts = weights.split([w.numel() for _, w in named])
        given = {k: part.view_as(w) for (k, w), part in zip(named, parts, strict=True)}
        return functional_call(self.network, given, (x,))[..., 0]

    def jacobian(self, weights: Tensor, x: Tensor) -> Tensor:
        """J `(n, n_weights)` at states `x (n, dim_in)`."""
        return vmap(grad(self), (None, 0))(weights, x)

    def summed(
        self, weights: Tensor, samples: Samples, likelihood: Likelihood
    ) -> tuple[Tensor, Tensor]:
        r"""$H = \sum J^\top c J$ and the moment $\sum J^\top c z$, of labels z of Jw: what they are for a prior
        around 0, and not around ŵ."""
        H = torch.zeros(len(weights), len(weights)).to(weights)
        moment = torch.zeros_like(weights)
        for part in samples.chunks(CHUNK):
            J, f = self.jacobian(weights, part.x), self(weights, part.x)
            z = likelihood.working_label(f, part.y[:, 0]) - f + J @ weights
            c = likelihood.curvature(part.weight[:, 0])
            rows = c[:, None] * J
            H += J.T @ rows
            moment += rows.T @ z
        return H, moment


@dataclass(frozen=True, eq=False)
class Trained(Brief):
    """Where training of a network ended.

    Attributes:
        f: the network.
        weights: ŵ `(n_weights,)`.
        groups: of each weight the number of its group `(n_weights,)`.
        precision: α of the prior in each group `(n_groups,)`; 0 in group 0, infinite where it is switched off.
        determined: how many weights of each group the data determine, MacKay's γ `(n_groups,)`.
        evidence: in nats, less what is the same for all networks.
    """

    f: Flat
    weights: Tensor
    groups: Tensor
    precision: Tensor
    determined: Tensor
    evidence: float


def trained(
    f: Flat,
    groups: Tensor,
    samples: Samples,
    likelihood: Likelihood,
    steps: int,
    precision: Tensor,
) -> Trained:
    """From the weights of the network on, by at most so many steps; of each weight its group is given, of each
    group the precision at the start, infinite for one that is switched off, where weights are 0."""
    w, x, y, weight = f.weights, samples.x, samples.y[:, 0], samples.weight[:, 0]
    n = torch.bincount(groups, minlength=len(precision)).to(w)
    alpha = precision.clamp(max=OFF)
    alpha[0] = 0.0
    used, last = (alpha > 0) & (alpha < OFF), -inf

    def per_group(values: Tensor) -> Tensor:
        return torch.zeros_like(n).index_add(0, groups, values)

    def minus_log(w: Tensor) -> float:
        """Of the joint probability of labels and weights."""
        misfit = likelihood.loss(f(w, x), y, weight).sum()
        return (misfit + alpha[groups] @ w.square() / 2).item()

    for step in range(steps + 1):
        H, moment = f.summed(w, samples, likelihood)
        L = cholesky(H + alpha[groups].diag())
        here = minus_log(w)
        log_det = 2 * L.diagonal().log().sum()
        evidence = -here + ((n * alpha.log())[alpha > 0].sum() - log_det).item() / 2
        determined = n - alpha * per_group(torch.cholesky_inverse(L).diagonal())
        if (step > FIRST and abs(evidence - last) < SETTLED) or step == steps:
            break
        last, size = evidence, 1.0
        change = torch.cholesky_solve(moment[:, None], L)[:, 0] - w
        while size > SHORT and not minus_log(w + size * change) < here:
            size /= 2
        if size > SHORT:
            w = w + size * change
        if step >= FIRST:
            wanted = determined.clamp(min=1e-9) / per_group(w.square()).clamp(min=1e-300)
            alpha = torch.where(used, wanted.clamp(max=OFF), alpha)
    evidence -= int((used & (alpha < OFF)).sum())  # Akaike's nat, as in `evidence.Prior`
    return Trained(f, w, groups, torch.where(alpha < OFF, alpha, inf), determined, evidence)


@dataclass(frozen=True, eq=False)
class Tangent(Brief):
    r"""A network of one output in its tangent space, $w = m + R\xi$.

    Attributes:
        at: where training ended, ŵ.
        shift: m − ŵ.
        root: R `(n_weights, n_weights)`.
        determined: how many of the weights the data determine.
        evidence: in nats, as of `at`, but with all the sizes of the rest.
    """

    at: Trained
    shift: Tensor
    root: Tensor
    determined: float
    evidence: float

    @classmethod
    def of(cls, at: Trained, samples: Samples, likelihood: Likelihood) -> "Tangent":
        """From all samples, of one component. The last group is a rest, see `evidence.with_rest`."""
        H, moment = at.f.summed(at.weights, samples, likelihood)
        each = [*with_rest(H, moment, at.groups, at.precision, len(at.precision) - 1)]
        more = torch.tensor([nats for _, nats in each]).to(H)
        roots, determined = zip(*(believed(H, at.groups, alpha) for alpha, _ in each), strict=True)
        belief = Belief(more.softmax(0), [*roots])
        return cls(
            at,
            belief.shares @ belief.means(moment) - at.weights,
            belief.root(moment, torch.arange(len(H))),
            (belief.shares @ torch.tensor(determined).to(H)).item(),
            at.evidence + more.logsumexp(0).item(),
        )

    def changed(self, changes: Tensor, x: Tensor) -> Tensor:
        """f + J·change `(draws, …)`, of each row of `changes (draws, n_weights)` at its x `(draws, …, dim_in)`."""
        f, w, flat = self.at.f, self.at.weights, x.flatten(0, -2)
        whose = torch.arange(len(x), device=x.device).repeat_interleave(len(flat) // len(x))
        parts = zip(flat.split(CHUNK), whose.split(CHUNK), strict=True)
        values = [f(w, at) + (f.jacobian(w, at) * changes[of]).sum(-1) for at, of in parts]
        return torch.cat(values).view(x.shape[:-1])

    def mean(self, x: Tensor) -> Tensor:
        f, df, *_ = jvp(lambda w: self.at.f(w, x), (self.at.weights,), (self.shift,))
        return f + df

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and std, from one J."""
        f, w = self.at.f, self.at.weights
        each = [(f(w, piece), f.jacobian(w, piece)) for piece in x.split(CHUNK)]
        means, stds = zip(
            *((f + J @ self.shift, (J @ self.root).norm(dim=-1)) for f, J in each), strict=True
        )
        return torch.cat(means), torch.cat(stds)


class LinearisedPosterior(Posterior):
    """Of each component some networks, each in its `Tangent` space, as believable as their evidence says.

    Args:
        tangents: of each component, one or more.
        states: that it was learned from `(n, dim_in)`.
        ends: whether nothing is said beyond them: of a function without a mean that was declared.
    """

    def __init__(
        self, tangents: Sequence[Sequence[Tangent]], states: Tensor, *, ends: bool
    ) -> None:
        evidences = [torch.tensor([t.evidence for t in of]).to(states) for of in tangents]
        likely = [evidence.softmax(0) for evidence in evidences]
        self.tangents = [
            [t for t, p in zip(of, share, strict=True) if p > UNLIKELY * share.max()]
            for of, share in zip(tangents, likely, strict=True)
        ]
        kept = [share[share > UNLIKELY * share.max()] for share in likely]
        self.shares = [share / share.sum() for share in kept]
        self.effective_parameters = sum(
            (share @ torch.tensor([t.determined for t in of]).to(share)).item()
            for of, share in zip(self.tangents, self.shares, strict=True)
        )
        margin = MARGIN * states.std(0)
        self.low, self.high = states.amin(0) - margin, states.amax(0) + margin
        self.limits = Known.of(self, states[:: 1 + len(states) // SHOWN]) if ends else None

    def mean(self, x: Tensor) -> Tensor:
        x = torch.as_tensor(x).double()
        each = zip(self.tangents, self.shares, strict=True)
        return torch.stack([share @ torch.stack([t.mean(x) for t in of]) for of, share in each], -1)

    def std(self, x: Tensor) -> Tensor:
        x, stds = torch.as_tensor(x).double(), []
        for of, share in zip(self.tangents, self.shares, strict=True):
            means, within = map(torch.stack, zip(*(t.moments(x) for t in of), strict=True))
            stds.append((share @ (within.square() + (means - share @ means).square())).sqrt())
        return torch.stack(stds, dim=-1)

    def known(self, x: Tensor) -> Tensor:
        if self.limits is None:
            return super().known(x)
        return self.limits(x)

    def ended(self, x: Tensor) -> Tensor:
        if self.limits is None:
            return super().ended(x)
        return ((x < self.low) | (self.high < x)).any(-1)

    def sample(self, draws: int, *, generator: Source) -> Functions:
        generator = as_generator(generator)
        drawn = []  # of each component the tangent of each draw, and the changes of its weights
        for of, share in zip(self.tangents, self.shares, strict=True):
            which = torch.multinomial(share, draws, replacement=True, generator=generator)
            most = max(len(tangent.shift) for tangent in of)
            xi = torch.randn(draws, most, **drawn_from(generator)).to(share)
            drawn.append((of, which, xi))

        def functions(x: Tensor) -> Tensor:
            x = x.double().expand(draws, *x.shape[1:])
            values = torch.empty(*x.shape[:-1], len(drawn), dtype=x.dtype)
            for i, (of, which, xi) in enumerate(drawn):
                for k in which.unique().tolist():
                    tangent, mine = of[k], which == k
                    changes = tangent.shift + xi[mine, : len(tangent.shift)] @ tangent.root.T
                    values[mine, ..., i] = tangent.changed(changes, x[mine])
            return values

        return functions
