"""Rates of what a real camera saw, positions with errors and means over an open shutter: by the averages of
`models.lagged`, in which neither is left, or withheld where they leave nothing of D.
"""

from collections.abc import Callable
from functools import partial
from math import hypot
from typing import NamedTuple, Self

import torch
from torch import Tensor

from ..data import Trajectories, Windows
from ..estimate import Estimate
from ..models.lagged import APART, FRAMES, Lagged, Shape, extrapolated, solved, windows_of
from .jackknife import BLOCKS, debiased, jackknife

CLEAR = 4.0  # standard errors
FEW = 500  # windows
STEEP, DOUBT = 3.0, 2.5  # standard errors
MORE = 0.25  # noise of a current than coordinates make of it
VARIES = 0.03  # of the squared relative changes of D, from which on one constant is not enough


def enough(data: Trajectories) -> bool:
    """Whether there are windows for these averages, in more than one path."""
    if data.longest < FRAMES:
        return False
    windows = Windows(data, FRAMES)
    return len(windows) >= FEW and int((windows.per_path > 0).sum()) > 1


def sums_of_blocks(
    data: Trajectories, sums: Callable[[Tensor], Tensor], most: int = BLOCKS
) -> Tensor:
    """`sums` of paths without gaps `(n_paths, n_times, dim)`, over each of at most so many blocks of whole
    trajectories, `(n_blocks, n_numbers)`."""
    paths, owner = data.with_windows(FRAMES).gapless(FRAMES)
    each = owner.unique_consecutive(return_counts=True)[1].cpu().tensor_split(most)
    blocks = paths.x.cpu().split([int(n.sum()) for n in each if len(n)])
    return torch.stack([sums(block) for block in blocks])


class NoiseLeft(NamedTuple):
    """What errors and an open shutter leave of D: why it decides nothing, if so; its shape, if it depends on the
    place; and whether forces make so much of it that lags are `steep`."""

    lost: tuple[str, ...] = ()
    shape: Shape | None = None
    steep: bool = False

    @classmethod
    def of(cls, data: Trajectories) -> Self:
        """By regression of what the lags of displacements say of D on functions of places elsewhere."""
        dim = data.dim
        some = data.x.cpu().double().flatten(0, -2)
        centre, scale = some.mean(0), some.std(0).clamp(min=1e-300)

        def functions(x: Tensor) -> Tensor:
            return Shape.functions((x - centre) / scale)

        size = functions(centre[None]).shape[1]

        def sums(x: Tensor) -> Tensor:
            total = torch.zeros(())
            for y in windows_of(x, FRAMES * (dim + size)):
                step, middle = y.diff(dim=1), (y[:, 1:] + y[:, :-1]) / 2
                f = torch.cat([functions(middle[:, place]) for place in (0, 6)])
                labels = torch.cat([square_of(step[:, first : first + 5]) for first in (2, 0)])
                falls = (step[:, :-2] * step[:, 2:]).mean(1) - (step[:, :-4] * step[:, 4:]).mean(1)
                labels = torch.cat((labels, falls.repeat(2, 1)), dim=1)
                total = total + torch.cat(((f.T @ f).flatten(), (f.T @ labels).flatten()))
            return total

        def moments(sums: Tensor) -> tuple[Tensor, Tensor]:  # ⟨f f⟩, ⟨f 2D dt⟩
            f, labels = (sums / sums[..., :1]).tensor_split((size**2,), -1)
            return f.unflatten(-1, (size, size)), labels.unflatten(-1, (size, 2 * dim))

        def mean(k: int, sums: Tensor) -> Tensor:
            return moments(sums)[1][..., 0, k]

        def variation(k: int, sums: Tensor) -> Tensor:
            f, labels = moments(sums)
            b = labels[..., k : k + 1]
            return (b * solved(f, b)).sum((-1, -2)) / b[..., 0, 0].square() - 1

        each = sums_of_blocks(data, sums)
        left = torch.stack([mean(k, each.sum(0)) for k in range(dim)]) / (2 * data.dt)
        error = torch.stack([jackknife(partial(mean, k), each) for k in range(dim)]) / (2 * data.dt)
        k = int((left / error).argmin())
        if left[k] < CLEAR * error[k]:
            return cls(
                (
                    f"Errors of the positions, or an open shutter, leave {left[k]:.2g} ± {error[k]:.1g} for D of "
                    f"coordinate {k}, which cannot be told from zero. Take more data, cut long paths, "
                    "data.cut(20), which tells the error better, or take fewer frames, data.every(k), between which "
                    "steps are larger than the errors.",
                )
            )
        f, labels = moments(each.sum(0))
        fall = [jackknife(partial(mean, k), each) for k in range(dim, 2 * dim)]
        steep = bool((labels[0, dim:].abs() > STEEP * torch.stack(fall)).any())
        found = [debiased(partial(variation, k), each) for k in range(dim)]
        if not any(size > max(CLEAR * error, VARIES) for size, error in found):
            return cls(steep=steep)
        labels = labels[:, :dim]
        return cls((), Shape(centre, scale, solved(f, labels) / labels[0]), steep)


def square_of(step: Tensor) -> Tensor:
    """What successive displacements `(n, 5, dim)` tell of 2D dt, `(n, dim)`, as `Lagged.noise`."""

    def lag(k: int) -> Tensor:
        return (step[:, : 5 - k] * step[:, k:]).mean(1)

    return lag(0) + 2 * lag(1) - (lag(2) + lag(3) + lag(4))


def rate_of_currents(
    data: Trajectories, functions: Callable[[Tensor], Tensor], most: int, noise: NoiseLeft
) -> tuple[Estimate, float, Tensor]:
    """The rate that the best current $c_{ik} f_i(\\bar x)\\circ\\Delta x_k$ tells, what it reads on the data that
    chose it, and c `(n_functions, dim)`; `noise`: what is known of it."""
    dim, dt = data.dim, data.dt
    n_functions = functions(data.x[..., :1, :].flatten(0, -2)[:1].cpu().double()).shape[-1]
    sums = sums_of_blocks(
        data, lambda x: Lagged.sums(x, functions, noise.shape, steep=noise.steep), most
    )

    def rate(sums: Tensor) -> Tensor:
        return Lagged.of(sums, n_functions, dim).entropy / dt

    found = Lagged.of(sums.sum(0), n_functions, dim)
    estimate, in_sample, weights = debiased(rate, sums), (found.entropy / dt).item(), found.weights
    times, error = own_noise(data, functions, most, weights, found.noise, noise.shape)
    if found.entropy < 0 or times - 1 < max(CLEAR * error, MORE):
        doubt = estimate.rate * (1 - 1 / times) if times - 1 > max(DOUBT * error, MORE) else 0.0
        return Estimate(estimate.rate, hypot(estimate.std, doubt)), in_sample, weights
    # The bound of a current is 2 m²/V with its own V.
    std = hypot(estimate.std, estimate.rate * error / times) / times
    return Estimate(estimate.rate / times, std), in_sample / times, weights / times


def own_noise(
    data: Trajectories,
    functions: Callable[[Tensor], Tensor],
    most: int,
    weights: Tensor,
    noise: Tensor,
    shape: Shape | None,
) -> Estimate:
    r"""How many times as large as the mean 2D dt makes it, `noise` with a `shape`, the variance of a current of
    these weights is, where the displacements between two midpoints tell it,

    $$V = \langle F_0^\top \lambda\,F_6\rangle, \qquad
      \lambda = \overline{\Delta\Delta^\top} + 2\,\overline{\Delta\Delta_1^\top} - 3\,\Delta\Delta_2^\top$$

    of the three steps in the middle of a window, symmetric: noise may lie along directions that change with the
    place. What the six frames between the midpoints lose of it is as if D were its mean."""

    def sums(x: Tensor) -> Tensor:
        total = torch.zeros(())
        for y in windows_of(x, FRAMES * (data.dim + len(weights))):
            middle, dx = (y[:, 1:] + y[:, :-1]) / 2, y.diff(dim=1)[:, 2:5]
            F = (functions(middle.flatten(0, 1)) @ weights).view_as(middle)
            p, q = ((F[:, [k]] * dx).sum(-1) for k in (0, 6))  # (n, 3)
            here = (p * q).mean(1) - 1.5 * (p[:, 0] * q[:, 2] + p[:, 2] * q[:, 0])
            here = here + (p[:, 1] * (q[:, 0] + q[:, 2]) + q[:, 1] * (p[:, 0] + p[:, 2])) / 2
            F = F if shape is None else F * shape(middle)
            Q = [((F[:, : 7 - k] @ noise) * F[:, k:]).sum(-1).mean(1).sum() for k in APART]
            total = total + torch.stack((here.sum(), Q[-1], extrapolated(Q)))
        return total

    def times(sums: Tensor) -> Tensor:
        here, apart, once = sums.unbind(-1)
        return (here + once - apart) / once

    each = sums_of_blocks(data, sums, most)
    return Estimate(times(each.sum(0)).item(), jackknife(times, each).item())
