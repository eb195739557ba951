r"""Rates of what a real camera saw, positions with errors and means over an open shutter: by the averages of
`models.lagged`, in which neither is left, or withheld where those do not decide.
"""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from ..data import Trajectories
from ..estimate import Estimate
from ..models.lagged import FRAMES, Lagged, windows_of
from .jackknife import BLOCKS, debiased, jackknife

CLEAR = 4.0  # standard errors
VARIES = 0.03  # of the squared relative changes of D, from which on one constant is not enough
OWN = "infer_langevin(data, rule='midpoint', diffusion=BayesianRegression())"


def sums_of_blocks(
    data: Trajectories, sums: Callable[[Tensor], Tensor], most: int = BLOCKS
) -> Tensor:
    """`sums` of paths without gaps `(n_paths, n_times, dim)`, over each of at most so many blocks of whole
    trajectories, `(n_blocks, n_numbers)`."""
    paths, owner = data.with_windows(FRAMES).gapless(FRAMES)
    x = paths.x.cpu() if paths.x.device.type == "mps" else paths.x  # which knows no float64
    each = owner.unique_consecutive(return_counts=True)[1].cpu().tensor_split(most)
    return torch.stack([sums(block) for block in x.split([int(n.sum()) for n in each if len(n)])])


def rate_of_currents(
    data: Trajectories, functions: Callable[[Tensor], Tensor], most: int
) -> tuple[Estimate, float, Tensor]:
    """The rate that the best current $c_{ik} f_i(\\bar x)\\circ\\Delta x_k$ tells, what it reads on the data that
    chose it, and c `(n_functions, dim)`."""
    dim, dt = data.dim, data.dt
    n_functions = functions(data.x[..., :1, :].flatten(0, -2)[:1].double()).shape[-1]
    sums = sums_of_blocks(data, lambda x: Lagged.sums(x, functions), most)

    def rate(sums: Tensor) -> Tensor:
        return Lagged.of(sums, n_functions, dim).entropy / dt

    found = Lagged.of(sums.sum(0), n_functions, dim)
    return debiased(rate, sums), (found.entropy / dt).item(), found.weights


def not_decided(data: Trajectories) -> Iterator[str]:
    """Why errors or an open shutter leave no rate: nothing is left of D beside them, or D depends on the place."""
    dim = data.dim
    some = data.x if data.stretches is None else data.x[None]
    centre, scale = some.mean((0, 1)).double(), some.double().std((0, 1))

    def functions(x: Tensor) -> Tensor:
        z = (x - centre) / scale
        return torch.cat((torch.ones_like(z[:, :1]), z, z.square()), dim=-1)

    def sums(x: Tensor) -> Tensor:
        total = torch.zeros(())
        for y in windows_of(x, FRAMES * 4 * dim):
            step, middle = y.diff(dim=1), (y[:, 1:] + y[:, :-1]) / 2
            each = [
                (functions(middle[:, place]), square_of(step[:, later]))
                for place, later in ((0, slice(2, 7)), (6, slice(0, 5)))
            ]
            f = torch.cat([f for f, _ in each])
            labels = torch.cat([square for _, square in each])
            total = total + torch.cat(((f.T @ f).flatten(), (f.T @ labels).flatten()))
        return total

    each = sums_of_blocks(data, sums)
    size = 1 + 2 * dim

    def noise(k: int, sums: Tensor) -> Tensor:  # 2D dt
        return sums[..., size**2 + k] / sums[..., 0]

    def variation(k: int, sums: Tensor) -> Tensor:
        moments, b = sums[..., : size**2].unflatten(-1, (size, size)), sums[..., size**2 :]
        b = b.unflatten(-1, (size, dim))[..., k : k + 1]
        square = (b * torch.linalg.solve(moments, b)).sum((-1, -2))
        return square / moments[..., 0, 0] / noise(k, sums).square() - 1

    for k in range(dim):
        left = noise(k, each.sum(0)).item() / data.dt / 2
        error = jackknife(partial(noise, k), each).item() / data.dt / 2
        if left < CLEAR * error:
            yield (
                f"Errors of the positions, or an open shutter, leave {left:.2g} ± {error:.1g} for D of "
                f"coordinate {k}, which cannot be told from zero. Take more data, or fewer frames, data.every(k), "
                "between which steps are larger than the errors."
            )
            return
        varies, error = debiased(partial(variation, k), each)
        if varies > max(CLEAR * error, VARIES):
            yield (
                f"D of coordinate {k} depends on the place: it varies by {varies**0.5:.0%} (squared: "
                f"{varies:.2g} ± {error:.1g}), and single steps, in which errors or an open shutter are, do not tell "
                f"how. {OWN} does, and entropy_production_rate of what it finds."
            )
            return


def square_of(step: Tensor) -> Tensor:
    """What successive displacements `(n, 5, dim)` tell of 2D dt, `(n, dim)`, as `Lagged.noise`."""

    def lag(k: int) -> Tensor:
        return (step[:, : 5 - k] * step[:, k:]).mean(1)

    return lag(0) + 2 * lag(1) - (lag(2) + lag(3) + lag(4))
