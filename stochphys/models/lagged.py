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

from .bases import monomials, products

FRAMES = 8  # of a window: what lags up to 5 of displacements, and up to 6 of midpoints, need
APART = (2, 4, 6)  # frames between midpoints, from which G is extrapolated by a parabola
TO_ZERO = (3, -3, 1)
LAGS = 6
WHERE = 7 / 9  # lag of covariances of an elastic force that is taken from C₀ + 2C₁, to order dt³
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
    ones, on average; or, where those fall steeply, on their straight line at lag `WHERE`."""
    later = torch.stack(C[2:])
    if not steep:
        return C[0] + 2 * C[1] - 3 * later.mean(0)
    lag = torch.arange(2, LAGS).to(later) - (LAGS + 1) / 2
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
