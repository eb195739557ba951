"""The network for what a real camera sees: its force is found from the averages of `lagged`, in closed form. A
network that begins at zero adds next to nothing in the steps that a recipe can pay for, so that the functions
must be rich enough, and few where few will do: paths that did not choose the weights decide.
"""

from itertools import product
from typing import Self

import torch
from torch import Tensor, nn

from .. import require
from ..data import Trajectories
from ..device import Source, as_generator
from .bases import spread_out
from .lagged import FAR, FRAMES, Lagged, Shape, extrapolated, polynomial
from .networks import MLP

CUBIC = 3  # coordinates at most
BUMPS, MANY = 20, 100  # along each coordinate, and along all of them, at most
WIDE = 1.3  # bumps, in distances of their centres
PLACES = 150  # of bumps in all coordinates, at most
SHOWN = 4096  # states of which they are taken, at most
TIGHT = (1e-3, 1e-2, 1e-1)  # what holds the weights of bumps, in units of their mean square
FOLDS = 5


def fitted(found: Lagged, smooth: int, size: int, tight: float) -> Tensor:
    """Weights `(…, n_functions, dim)` of the best current of the first `size` functions, 0 of the others;
    those after the `smooth` ones are held so tight."""
    n = found.mean.shape[-2]
    per = found.overlap.shape[-1] // n  # dim, where D has a shape
    G = found.overlap[..., : size * per, : size * per]
    if size > smooth:  # ⟨f f⟩ without the negative values that luck makes of few data
        values, vectors = torch.linalg.eigh(G)
        G = (vectors * values.clamp(min=0)[..., None, :]) @ vectors.mT
        late = G.diagonal(dim1=-2, dim2=-1)[..., smooth * per :]
        late += tight * late.mean(-1, keepdim=True)
    weights = Lagged(found.mean[..., :size, :], G, found.noise).weights
    return nn.functional.pad(weights, (0, 0, 0, n - size))


def cost_of(weights: Tensor, found: Lagged) -> float:
    """`force_objective` of currents with weights `(…, n_functions, dim)`, on average."""
    n = weights.shape[-2]
    if found.overlap.shape[-1] == n:
        moved = found.overlap @ weights @ found.noise
    else:
        V = found.overlap * found.noise.repeat(1, n, n)
        moved = (V @ weights.flatten(-2)[..., None]).view_as(weights)
    return (weights * (moved / 2 - 2 * found.mean)).sum((-1, -2)).mean().item()


class ForceNEEP(nn.Module):
    r"""Entropy produced in one step, $\Delta S_\theta = F_\theta(\bar x)^\top \Delta x$, learned from
    positions with errors and from means over an open shutter.

    It has two parts: the current, and $q = F^\top 2D\,dt\,F$, its variance. Train it with
    `force_objective` on windows of `FRAMES` frames, where both are taken between frames whose
    errors have nothing in common. F is a sum of functions in closed form, and a network that begins at zero.
    The functions are a straight line or, of up to three coordinates, a cubic; bumps along each coordinate, held
    more or less tight; and these with bumps in all coordinates: what has the least `force_objective` on paths
    that did not choose the weights.

    Args:
        dim: number of coordinates.
        shape: that of D, if it depends on the place.
        steep: whether lags are, see `noise_of`.
        width, depth: size and number of the hidden layers.
        generator: source of the initial weights.
    """

    signs = (1.0, 0.0)  # with which the parts add up to ΔS

    def __init__(
        self,
        dim: int,
        *,
        shape: Shape | None = None,
        steep: bool = False,
        width: int = 32,
        depth: int = 2,
        generator: Source,
    ) -> None:
        super().__init__()
        self.shape, self.steep = shape, steep
        body = MLP([dim, *[width] * depth, dim], generator=as_generator(generator))
        for parameter in body[-1].parameters():
            nn.init.zeros_(parameter)
        few = dim <= CUBIC
        self.body, self.degree = body, 3 if few else 1
        self.centre: Tensor = nn.Buffer(torch.zeros(dim))
        self.scale = nn.Buffer(torch.ones(2, dim))  # of midpoints, of displacements
        self.noise = nn.Buffer(torch.eye(dim))  # 2D dt, in units of the latter
        self.ends = nn.Buffer(torch.tensor([[-FAR], [FAR]]).repeat(1, dim))  # of bumps
        self.places = nn.Buffer(torch.zeros(PLACES // (dim if shape else 1) if few else 0, dim))
        size = self.functions(torch.zeros(dim)).shape[-1]
        self.weight = nn.Buffer(torch.zeros(size, dim))

    def functions(self, z: Tensor) -> Tensor:
        """Polynomial, bumps along each coordinate, and bumps in all of them, of places `z (…, dim)` in units
        of their spread, `(…, n_functions)`."""
        (low, high), places, dim = self.ends.to(z), self.places.to(z), z.shape[-1]
        last = min(BUMPS, MANY // dim) - 1
        at = torch.linspace(0, 1, last + 1, dtype=z.dtype, device=z.device)
        along = (((z - low) / (high - low))[..., None] - at).square() * (last / WIDE) ** 2
        square = z.square().sum(-1, keepdim=True) + places.square().sum(-1)
        around = (square - 2 * z @ places.mT) * (4 / dim) ** 2
        bumps = torch.exp(-torch.cat((along.flatten(-2), around), dim=-1) / 2)
        return torch.cat((polynomial(z, self.degree), bumps), dim=-1)

    @torch.no_grad()
    def standardise(self, trajectories: Trajectories) -> Self:
        """Bring midpoints and displacements to order one, and find F in closed form. Raises `ValueError` for a
        coordinate that never changes."""
        pieces, owner = trajectories.gapless(FRAMES)
        x, dim = pieces.x, pieces.dim
        self.centre = x.mean((0, 1)).to(self.scale.device)
        units = x.double().std((0, 1))
        require.changing(coordinates=units)
        seen = ((x.flatten(0, 1) - self.centre) / units).clamp(-FAR, FAR)
        self.ends.copy_(torch.stack((seen.amin(0), seen.amax(0))))
        if (n := len(self.places)) > 0:
            places = spread_out(seen[:: 1 + len(seen) // SHOWN], n)
            self.places.copy_(places[torch.arange(n) % len(places)])

        def sums(x: Tensor) -> Tensor:
            return Lagged.sums(
                x, lambda x: self.functions((x - self.centre) / units), self.shape, steep=self.steep
            )

        # A path that was drawn twice must not judge itself: paths that begin alike go together.
        _, path, count = owner.unique_consecutive(return_inverse=True, return_counts=True)
        alike = x[count.cumsum(0) - count, 0].unique(dim=0, return_inverse=True)[1]
        fold = alike[path] % FOLDS
        folds = torch.stack([sums(x[fold == k]) for k in fold.unique()])
        size = len(self.weight)
        found, others, judges = (
            Lagged.of(sums, size, dim) for sums in (folds.sum(0), folds.sum(0) - folds, folds)
        )
        smooth = polynomial(self.centre, self.degree).shape[-1]
        choices = [(smooth, 0.0), (1 + dim, 0.0), *product(dict.fromkeys((size - n, size)), TIGHT)]
        if len(folds) > 1:
            choices.sort(key=lambda choice: cost_of(fitted(others, smooth, *choice), judges))
        steps = found.noise.diagonal().sqrt()
        self.scale.copy_(torch.stack((units, steps)))
        self.noise.copy_(found.noise / steps / steps[:, None])
        self.weight.copy_(fitted(found, smooth, *choices[0]) * steps)
        return self

    def force(self, x: Tensor) -> Tensor:
        """F, per unit of displacement, at midpoints `x (…, dim)`."""
        z = (x - self.centre).to(self.scale.dtype) / self.scale[0]
        return self.body(z) + self.functions(z) @ self.weight

    def forward(self, window: Tensor) -> Tensor:
        """Current and variance `(2, …)` of a step, of two frames `(…, 2, dim)`; or of one in the middle of
        a window `(…, FRAMES, dim)`, free of errors on average."""
        step = window.diff(dim=-2).to(self.scale.dtype) / self.scale[1]
        middle = (window[..., :-1, :] + window[..., 1:, :]) / 2
        if window.shape[-2] == 2:
            F = self.force(middle)
            return torch.stack(((F * step).sum((-1, -2)), self.product(middle, F, 0)[..., 0]))
        two = (window[..., 2:3, :] + window[..., 4:5, :]) / 2
        apart = middle[..., ::2, :]  # they share no frame
        F = self.force(torch.cat((apart, two), dim=-2))
        once = (F[..., 1, :] * step[..., 2, :]).sum(-1)
        twice = (F[..., 4, :] * (step[..., 2, :] + step[..., 3, :])).sum(-1)
        q = extrapolated(self.product(apart, F[..., :4, :], k).mean(-1) for k in (1, 2, 3))
        return torch.stack((2 * once - twice / 2, q))

    def product(self, x: Tensor, F: Tensor, k: int) -> Tensor:
        r"""$F^\top 2D\,dt\,F'$ of forces at places `x (…, n, dim)` that are k apart, `(…, n − k)`."""
        F = F if self.shape is None else F * self.shape(x).to(F)
        n = F.shape[-2] - k
        return ((F[..., :n, :] @ self.noise) * F[..., k:, :]).sum(-1)


def force_objective(model: nn.Module, window: Tensor) -> Tensor:
    r"""$-2\langle F\circ\Delta x\rangle + \tfrac12\langle F^\top 2D\,dt\,F\rangle$, to be minimised, of
    a `ForceNEEP`: for a current and a short step the same as `neep_objective`, and least, −⟨ΔS⟩,
    where $F^\top\Delta x = \Delta S$."""
    return force_cost(model(window).float())


def force_cost(parts: Tensor) -> Tensor:
    """The same of its parts `(…, 2, n)`."""
    current, q = parts.unbind(-2)
    return (q / 2 - 2 * current).mean(-1)
