r"""How displacements that lie some frames apart are correlated: what is left of errors of the positions, of an
open shutter and of inertia when what states let expect is taken away. `signs_of_frames` says it in words.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from ..brief import Brief
from ..data import Trajectories
from .expected import Steps
from .increments import successive
from .signs import SAMPLE, some_pieces

LAGS = 6
CLEAR = 4.0  # standard errors
LEAST = 0.03  # share of the variance of displacements at which rates are 6 % off
ALIKE = 0.1  # correlation that is called memory
FEW = 100  # steps of which nothing is said
OPEN = 0.25  # correlation where the shutter never closes: no shutter makes more
WHITE = 1e-6  # of the variance of noise, below which a combination of coordinates has none
SMALL, NAMED = 0.05, 4  # terms of a combination


@dataclass(frozen=True, eq=False)
class Lags(Brief):
    """How displacements (of velocities, where those were measured) that lie so many frames apart are
    correlated, when what the state lets expect is taken away.

    Attributes:
        correlation: at lags 1 to 6, or as many as runs of frames allow, `(n_lags, dim)`.
        error: its standard error.
        bare, error_of_bare: what lag 1 of the displacements themselves has beyond a straight line through lags 2
            and 3, and its standard error, `(dim,)` both.
        variance: of one displacement `(dim,)`.
        steps: that were looked at.
        names: of the coordinates.
        along: the same of the two combinations of coordinates, each in units of the noise, of which errors and
            the shutter are the largest share: noise that is common to coordinates hides them from each.
    """

    correlation: Tensor
    error: Tensor
    bare: Tensor
    error_of_bare: Tensor
    variance: Tensor
    steps: Steps
    names: list[str]
    along: "Lags | None" = None

    @cached_property
    def later(self) -> Tensor:
        """Mean of the lags beyond the first, 0 if there are none, `(dim,)`."""
        return self.correlation[1:].sum(0) / max(1, len(self.correlation) - 1)

    @cached_property
    def alone(self) -> Tensor:
        """Whether the next lags are luck, or so small beside the first that forces cannot have made it."""
        near, luck = self.correlation[1:3].sum(0) / 2, self.error[1:3].square().sum(0).sqrt() / 2
        return near.abs() < torch.maximum(
            (self.correlation[0] - self.later).abs() / 2, CLEAR * luck
        )

    @cached_property
    def excess(self) -> Tensor:
        """What lag 1 has beyond later ones, `(dim,)`: of errors and of the shutter, as forces that are not
        expected, such as those that errors of the state hide, act on all lags alike."""
        return torch.where(self.alone, self.correlation[0] - self.later, self.bare)

    @cached_property
    def error_of_excess(self) -> Tensor:
        later = self.error[1:].square().sum(0) / max(1, len(self.error) - 1) ** 2
        return torch.where(self.alone, (self.error[0].square() + later).sqrt(), self.error_of_bare)

    @cached_property
    def memory(self) -> Tensor:
        """Which coordinates have inertia or a coloured noise `(dim,)`."""
        if len(self.correlation) < 3:
            return torch.zeros_like(self.alone)
        first, second, _ = self.correlation[:3]
        lasting = (second > first / 4) & (second > CLEAR * self.error[1])
        return (first > ALIKE) & (lasting | (first > OPEN + CLEAR * self.error[0]))

    @cached_property
    def clear(self) -> Tensor:
        """Where the excess is no luck and worth a sentence `(dim,)`."""
        size = self.excess.abs()
        return (size > CLEAR * self.error_of_excess) & (size > LEAST) & ~self.memory

    @cached_property
    def seen(self) -> "Lags":
        """Of coordinates, or of their combinations where those alone show something."""
        if self.along is None or self.clear.any() or self.memory.any():
            return self
        return self.along

    @property
    def factor(self) -> float:
        """How many times too large a rate reads by the excess that is clear, in the worst direction."""
        every = [self] if self.along is None or self.memory.any() else [self, self.along]
        excess = torch.cat([one.excess[one.clear] for one in every])
        read = (1 + 2 * excess).clamp(min=0.01)
        return read[read.log().abs().argmax()].item() if len(read) else 1.0


def lags(data: Trajectories, most: int = 8 * SAMPLE) -> Lags | None:
    """Of about so many frames; nothing for fewer than 100 steps, or runs of fewer than three frames."""
    if data.longest < 3:
        return None
    some = some_pieces(data, most)
    x, row = some.x.double().cpu(), None
    if some.stretches is not None:
        row = some.stretches.windows(2, 1)[0].cpu()
        first, step = x[None, row], (x[row + 1] - x[row])[None]
    else:
        first, step = x[:, :-1], x.diff(dim=1)  # (n_paths, n_steps, dim)
    if data.underdamped:
        step = step[..., data.dim // 2 :]
    if step[..., 0].numel() < FEW:
        return None
    steps, n_lags = Steps.of(first.flatten(0, 1), step.flatten(0, 1)), min(LAGS, some.longest - 2)
    rest, bare = steps.rest.view_as(step), (steps.drift + steps.rest).view_as(step)
    bare = bare - bare.mean((0, 1))

    def found(map: Tensor, names: list[str], wider: float = 1.0) -> Lags:
        """Of combinations of coordinates, the columns of `map (dim, n)`."""
        correlation, error = (
            correlations(rest @ map, row, n_lags) * torch.tensor([1, wider])[:, None, None]
        )
        first, spread = correlations(bare @ map, row, min(3, n_lags))
        line = torch.tensor([[1.0], [-2.0], [1.0]][: len(first)], dtype=first.dtype)
        error_of_bare = wider * (line * spread).square().sum(0).sqrt()
        variance = (rest @ map).square().mean((0, 1)).clamp(min=1e-300)
        return Lags(
            correlation, error, (line * first).sum(0), error_of_bare, variance, steps, names
        )

    dim = step.shape[-1]
    each = found(torch.eye(dim, dtype=x.dtype), [f"coordinate {k}" for k in range(dim)])
    noise = steps.rest.T @ steps.rest / len(steps.rest)
    unit = noise.diagonal().clamp(min=1e-300).rsqrt()
    values, vectors = torch.linalg.eigh(unit[:, None] * noise * unit)
    if dim == 1 or values[0] < WHITE:
        return each
    white = unit[:, None] * vectors * values.rsqrt()

    def product(lag: int) -> Tensor:
        early, late = successive(rest @ white, row, 0, lag)
        return early.flatten(0, 1).T @ late.flatten(0, 1) / early[..., 0].numel()

    beyond = product(1) - product(n_lags) if n_lags > 2 else product(1)
    _, turned = torch.linalg.eigh(beyond + beyond.T)
    combinations = white @ turned[:, [0, -1]]
    combinations = combinations / combinations.abs().amax(0)
    # The largest of many that are luck: as eigenvalues of a random symmetric matrix.
    wider = (1 + (2 * dim) ** 0.5) / (1 + 2**0.5)
    return replace(each, along=found(combinations, [written(one) for one in combinations.T], wider))


def correlations(values: Tensor, row: Tensor | None, most: int) -> Tensor:
    """Of values `(n_paths, n, dim)` that lie 1 … `most` apart, and standard errors, `(2, most, dim)`."""
    variance, found = values.square().mean((0, 1)).clamp(min=1e-300), []
    for lag in range(1, most + 1):
        early, late = successive(values, row, 0, lag)
        product = (early * late).flatten(0, 1)
        mean = product.mean(0)
        spread = (product.square().mean(0) - mean.square()).clamp(min=0).sqrt()
        found.append(torch.stack((mean, spread / len(product) ** 0.5)) / variance)
    return torch.stack(found, 1)


def written(weights: Tensor) -> str:
    """A combination of coordinates, its largest terms."""
    most = [k for k in weights.abs().argsort(descending=True).tolist() if weights[k].abs() > SMALL]
    terms = " ".join(f"{weights[k]:+.2g} x{k}" for k in most[:NAMED])
    return f"the combination {terms}{' …' * (len(most) > NAMED)} of coordinates"
