r"""Entropy production of what a real camera sees: positions with errors, frames that are means over an
open shutter.

For a force that is read at the midpoint of a step, $\Delta S = F(\bar x)^\top \Delta x$, three averages
decide, and each is taken where the measurement drops out of it:

- $m = \langle F(\bar x)\circ\Delta x\rangle$: an error enters the two frames of a step with opposite
  signs, and their midpoint alike;
- $G(\tau) = \langle F(\bar x_t)\,F(\bar x_{t+\tau})\rangle$ of midpoints that share no frame;
- $2D\,dt = C_0 + 2C_1 - 3C_{2\ldots5}$ of covariances $C_l$ of displacements at lag l: an error ζ adds
  2ζ² to the first and −ζ² to the second, an open shutter moves as much from the first to both
  neighbours, and what forces make of all of them is seen at the later lags.

The first two are extrapolated to no time between frames. Nothing is assumed of ζ or of the shutter. Where D
depends on the place, so does the weight of the second.

Source: Vestergaard, Blainey, Flyvbjerg, PRE 89, 022726 (2014) for D from $C_0 + 2C_1$; Frishman & Ronceray,
PRX 10, 021009 (2020) for midpoints that errors do not upset; put together in this course.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from ..data import Trajectories
from ..device import Source, as_generator
from .bases import monomials, products
from .networks import MLP

FRAMES = 8  # of a window: what lags up to 5 of displacements, and up to 6 of midpoints, need
APART = (2, 4, 6)  # frames between midpoints, from which G is extrapolated by a parabola
TO_ZERO = (3, -3, 1)
LAGS = 6
WHERE = 7 / 9  # lag of covariances of an elastic force that is taken from C₀ + 2C₁, to order dt³
CUBIC = 3  # coordinates at most
BETWEEN = (0.1, 10.0)  # of the mean of D
FAR = 4.0  # standard deviations
PIECE = 2**19  # float64 numbers worked on at once: 4 MB

Values = Callable[[Tensor], Tensor]


def windows_of(x: Tensor, numbers: int) -> Iterator[Tensor]:
    """Windows of successive frames `(n, FRAMES, dim)` of paths `x (n_paths, n_times, dim)`, float64, so
    many at a time that `numbers` of each fill `PIECE`."""
    each = x.unfold(1, FRAMES, 1).movedim(-1, 2)  # (n_paths, n_windows, FRAMES, dim), a view
    paths = max(1, PIECE // numbers // each.shape[1])
    for rows in each.split(paths):
        for piece in rows.split(max(1, PIECE // numbers), dim=1):
            yield piece.flatten(0, 1).double()


def between(values: list[Tensor], lag: int) -> Tensor:
    """Mean over places in a window of products at this lag, summed over windows: of values `(n, k)` at
    each place, `(k, k)`, symmetric."""
    pairs = zip(values, values[lag:], strict=False)
    total = sum((early.T @ late for early, late in pairs), start=torch.zeros(()))
    return (total + total.mT) / (2 * (len(values) - lag))


def noise_of(C: list[Tensor], steep: bool) -> Tensor:
    """2D dt of the covariances at lags 0 … 5: what forces make of the first two is what is seen at the later
    ones, on average; or, where those fall steeply, on their straight line, where it counts, see below."""
    later = torch.stack(C[2:])
    if not steep:
        return C[0] + 2 * C[1] - 3 * later.mean(0)
    lag = torch.arange(2.0, LAGS, dtype=later.dtype) - (LAGS + 1) / 2
    slope = torch.tensordot(lag / lag.square().sum(), later, dims=1)
    return C[0] + 2 * C[1] - 3 * (later.mean(0) + (WHERE - (LAGS + 1) / 2) * slope)


def polynomial(z: Tensor, degree: int) -> Tensor:
    """Monomials of `z (…, dim)`, which go on no further than data do, `(…, n_functions)`."""
    z = z.clamp(-FAR, FAR)
    powers = [power for k in range(1, degree + 1) for power in monomials(z.shape[-1], k)]
    return torch.cat((torch.ones_like(z[..., :1]), products(z, powers)), dim=-1)


class Shape(nn.Module):
    """How D depends on the place: $D_{kl}(x) = r_k(x) D_{kl} r_l(x)$ with $r_k^2$ a polynomial, 1 on average.

    Args:
        centre, scale: of places `(dim,)`.
        weight: coefficients of $r^2$ `(n_functions, dim)`.
    """

    def __init__(self, centre: Tensor, scale: Tensor, weight: Tensor) -> None:
        super().__init__()
        self.centre, self.scale = nn.Buffer(centre), nn.Buffer(scale)
        self.weight = nn.Buffer(weight)

    @staticmethod
    def functions(z: Tensor) -> Tensor:
        return polynomial(z, 4 if z.shape[-1] <= 2 else 2)

    def forward(self, x: Tensor) -> Tensor:
        """r at places `x (…, dim)`, likewise."""
        z = self.functions((x - self.centre) / self.scale)
        return (z @ self.weight.to(z)).clamp(*BETWEEN).sqrt()


class Lagged(NamedTuple):
    r"""What decides of currents $f_i(\bar x)\circ\Delta x_k$, without errors of the positions and exposure.

    Attributes:
        mean: m, of each current in a step `(…, n_functions, dim)`.
        overlap: G, $\langle f_i f_j\rangle$ `(…, n_functions, n_functions)`; where D has a shape r,
            $\langle f_i r_k f_j r_l\rangle$ `(…, n_functions dim, n_functions dim)`.
        noise: 2D dt, on average `(…, dim, dim)`.
    """

    mean: Tensor
    overlap: Tensor
    noise: Tensor

    @staticmethod
    def sums(
        x: Tensor, functions: Values, shape: Values | None = None, *, steep: bool = False
    ) -> Tensor:
        """Of paths `x (n_paths, n_times, dim)` additive numbers `(n_numbers,)`, for `of`; `functions` map
        `(n, dim)` to `(n, n_functions)`, the `shape` of D, if it has one, to `(n, dim)`; `steep`: see `noise_of`."""
        dim = x.shape[-1]
        n_functions = functions(x[0, :1].double()).shape[-1] * (dim if shape else 1)
        total = torch.zeros(())
        for y in windows_of(x, FRAMES * (dim + n_functions)):
            step, middle = y.diff(dim=1), (y[:, 1:] + y[:, :-1]) / 2
            f, dx = [functions(z) for z in middle.unbind(1)], [*step.unbind(1)]
            once = (f[2].T @ dx[2] + f[3].T @ dx[3] + f[4].T @ dx[4]) / 3
            twice = functions((y[:, 2] + y[:, 4]) / 2).T @ (y[:, 4] - y[:, 2])
            twice = (twice + functions((y[:, 3] + y[:, 5]) / 2).T @ (y[:, 5] - y[:, 3])) / 4
            if shape:
                r = [shape(z) for z in middle.unbind(1)]
                f = [(a[:, :, None] * b[:, None]).flatten(1) for a, b in zip(f, r, strict=True)]
            overlap = extrapolated(between(f, lag) for lag in APART)
            C = [between(dx, lag) for lag in range(LAGS)]
            parts = (2 * once - twice, overlap, noise_of(C, steep))
            total = total + torch.cat((y.new_tensor([len(y)]), *[part.flatten() for part in parts]))
        return total

    @classmethod
    def of(cls, sums: Tensor, n_functions: int, dim: int) -> Self:
        """From sums `(…, n_numbers)`."""
        first, last = 1 + n_functions * dim, sums.shape[-1] - dim**2
        mean, overlap, noise = (sums[..., 1:] / sums[..., :1]).tensor_split(
            (first - 1, last - 1), -1
        )
        size = round(overlap.shape[-1] ** 0.5)
        shapes = (n_functions, dim), (size, size), (dim, dim)
        parts = zip((mean, overlap, noise), shapes, strict=True)
        return cls(*(part.unflatten(-1, shape) for part, shape in parts))

    @property
    def weights(self) -> Tensor:
        """Of the current that adds up to ΔS, c = 2 G⁻¹ m (2D dt)⁻¹ `(…, n_functions, dim)`."""
        m = self.mean
        if self.overlap.shape[-1] == m.shape[-2]:
            return 2 * solved(self.noise, solved(self.overlap, m).mT).mT
        times = m.shape[-2]
        V = self.overlap * self.noise.repeat(*[1] * (self.noise.ndim - 2), times, times)
        return 2 * solved(V, m.flatten(-2)[..., None])[..., 0].unflatten(-1, m.shape[-2:])

    @property
    def entropy(self) -> Tensor:
        """Produced in a step, 2 mᵀ G⁻¹ m (2D dt)⁻¹ `(…)`."""
        return (self.weights * self.mean).sum((-1, -2))


def solved(matrix: Tensor, b: Tensor) -> Tensor:
    """Of symmetric equations, in units in which the diagonal is 1, without what is redundant."""
    unit = matrix.diagonal(dim1=-2, dim2=-1).abs().clamp(min=1e-300).rsqrt()[..., None]
    inverse = torch.linalg.pinv(unit * matrix * unit.mT, rtol=1e-10, hermitian=True)
    return unit * (inverse @ (unit * b))


def extrapolated(values: Iterable[Tensor]) -> Tensor:
    """To lag 0 from the lags `APART`."""
    return sum((w * value for w, value in zip(TO_ZERO, values, strict=True)), start=torch.zeros(()))


class ForceNEEP(nn.Module):
    r"""Entropy produced in one step, $\Delta S_\theta = F_\theta(\bar x)^\top \Delta x$, learned from
    positions with errors and from means over an open shutter.

    It has two parts: the current, and $q = F^\top 2D\,dt\,F$, its variance. Train it with
    `force_objective` on windows of `FRAMES` frames, where both are taken between frames whose
    errors have nothing in common. F is a polynomial, cubic of up to three coordinates and else a straight
    line, that begins at its closed form, and a network that begins at zero.

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
        self.body, self.degree = body, 3 if dim <= CUBIC else 1
        self.weight = nn.Parameter(
            torch.zeros(polynomial(torch.zeros(dim), self.degree).shape[-1], dim)
        )
        self.centre: Tensor = nn.Buffer(torch.zeros(dim))
        self.scale = nn.Buffer(torch.ones(2, dim))  # of midpoints, of displacements
        self.noise = nn.Buffer(torch.eye(dim))  # 2D dt, in units of the latter

    @torch.no_grad()
    def standardise(self, trajectories: Trajectories) -> Self:
        """Bring midpoints and displacements to order one, and begin at the best straight line."""
        x = trajectories.gapless(FRAMES)[0].x
        dim = x.shape[-1]
        self.centre = x.mean((0, 1)).to(self.scale.device)
        units = x.double().std((0, 1))

        def functions(z: Tensor) -> Tensor:
            return polynomial((z - self.centre) / units, self.degree)

        sums = Lagged.sums(x, functions, self.shape, steep=self.steep)
        found = Lagged.of(sums, len(self.weight), dim)
        steps = found.noise.diagonal().sqrt()
        self.scale.copy_(torch.stack((units, steps)))
        self.noise.copy_(found.noise / steps / steps[:, None])
        self.weight.copy_(found.weights * steps)
        return self

    def force(self, x: Tensor) -> Tensor:
        """F, per unit of displacement, at midpoints `x (…, dim)`."""
        z = (x - self.centre).to(self.scale.dtype) / self.scale[0]
        return self.body(z) + polynomial(z, self.degree) @ self.weight

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
