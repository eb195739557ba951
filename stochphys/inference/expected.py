"""What states let expect of steps, by least squares on functions of them."""

from typing import NamedTuple

import torch
from torch import Tensor

from .signs import SAMPLE

FAR = 8.0  # typical displacements beyond which one is none: a wrong frame must not decide
BENDS = 24  # of all coordinates together
SQUARE, CUBIC = 8, 4  # coordinates up to which the expectation has products of two, and of three


class Expected:
    """What states `x (n, dim)` let expect, by least squares on functions of them: in each coordinate a parabola
    with bends, and for few coordinates products of two, for fewer of three."""

    def __init__(self, x: Tensor) -> None:
        n, dim = x.shape
        bends = min(BENDS // dim, n // (50 * dim))
        z = (x - x.mean(0)).T.contiguous()  # numbers of one function lie side by side
        z /= z.square().mean(1, keepdim=True).sqrt().clamp(min=1e-300)
        order = z[:, :: 1 + n // 2000].sort(1).values
        knots = order[:, order.shape[1] * torch.arange(1, bends + 1) // (bends + 1)]  # (dim, bends)
        bent = (z[:, None] - knots[..., None]).clamp_(min=0).flatten(0, 1)
        z = z.clamp(-4, 4)
        i, j = torch.triu_indices(dim, dim) if dim <= SQUARE else (torch.arange(dim),) * 2
        square = z[i] * z[j]
        cubic = [square * one for one in z] if bends and dim <= CUBIC else []
        self.f = torch.cat((torch.ones_like(z[:1]), z, square, bent, *cubic))  # (n_functions, n)
        self.n_places, self.n_smooth = 1 + dim * (dim <= SQUARE), 1 + dim + len(square)  # the first
        self.some = slice(None, None, 1 + n // SAMPLE)  # they determine the coefficients
        self.moments = self.f[:, self.some] @ self.f[:, self.some].T
        diagonal = self.moments.diagonal()
        diagonal += 1e-9 * diagonal.mean()

    def __call__(self, y: Tensor, *, smooth: bool = False) -> Tensor:
        """The part of `y (n, k)` that these functions make, or those of them that are smooth."""
        n = self.n_smooth if smooth else len(self.f)
        f, moments = self.f[:n], self.moments[:n, :n]
        return f.T @ torch.linalg.solve(moments, f[:, self.some] @ y[self.some])

    def times_place(self, y: Tensor) -> Tensor:
        """`y (n, k)`, and where coordinates are few its products with each of them, `(n, (1 + dim) k)`."""
        return torch.cat([y * one[:, None] for one in self.f[: self.n_places]], dim=1)


class Steps(NamedTuple):
    """Steps, none of them far: what their states let expect, the `drift (n, dim)` and the `rest` of each."""

    expected: Expected
    drift: Tensor
    rest: Tensor

    @classmethod
    def of(cls, x: Tensor, step: Tensor) -> "Steps":
        """From states `x (n, dim_in)`."""
        expected, step = Expected(x), clamped(step)
        drift = expected(step)
        return cls(expected, drift, step - drift)


def clamped(step: Tensor) -> Tensor:
    """Steps `(n, dim)` that are no longer than any by noise."""
    size = step.abs().median(0).values * FAR / 0.6745
    size = torch.where(
        size > 0, size, FAR * step.square().mean(0).sqrt()
    )  # most are rounded to none
    return step.clamp(-size, size)
