r"""What successive frames show of the dynamics and of the measurement: inertia, an open shutter, errors.

Displacements of an overdamped path, less what the state lets expect, are independent. Each departure
has its sign at the first lags:

| what                            | covariance at lag 1        | at lag 2 and beyond       |
|---------------------------------|----------------------------|---------------------------|
| errors ζ of the positions       | −ζ²                        | 0                         |
| an open shutter                 | +2R D dt, R ≤ 1/6          | 0                         |
| inertia, coloured noise         | positive                   | positive, falling slowly  |
| a force that is not expected    | of order dt²               | as at lag 1               |

Source: Berglund, PRE 82, 011917 (2010); Vestergaard, Blainey, Flyvbjerg, PRE 89, 022726 (2014).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from ..brief import Brief
from ..data import Trajectories
from .increments import successive
from .signs import SAMPLE, some_pieces

LAGS = 6
CLEAR = 4.0  # standard errors
LEAST = 0.03  # share of the variance of displacements at which rates are 6 % off
ALIKE = 0.1  # correlation that is called memory
FEW = 100  # steps of which nothing is said
OF_FRAMES = ("Memory", "Open shutter", "Errors of the positions")  # how the sentences begin
FAR = 8.0  # typical displacements beyond which one is none: a wrong frame must not decide
BENDS = 24  # of all coordinates together
SQUARE, CUBIC = 8, 4  # coordinates up to which the expectation has products of two, and of three
ROADS = (
    "Estimates of rates take it out by themselves; infer_langevin(data, rule='midpoint') survives it, and "
    "entropy_production_rate of what it finds."
)
OPEN = 0.25  # correlation where the shutter never closes: no shutter makes more


@dataclass(frozen=True, eq=False)
class Lags(Brief):
    """How displacements (of velocities, where those were measured) that lie so many frames apart are
    correlated, when what the state lets expect is taken away.

    Attributes:
        correlation: at lags 1 to 6 `(LAGS, dim)`.
        error: its standard error.
        variance: of one displacement `(dim,)`.
        steps: that were looked at.
    """

    correlation: Tensor
    error: Tensor
    variance: Tensor
    steps: "Steps"

    @cached_property
    def excess(self) -> Tensor:
        """What lag 1 has beyond lags 2 to 6, `(dim,)`: of errors and of the shutter, as forces that are
        not expected act on all lags alike."""
        return self.correlation[0] - self.correlation[1:].mean(0)

    @cached_property
    def error_of_excess(self) -> Tensor:
        later = self.error[1:].square().sum(0) / (LAGS - 1) ** 2
        return (self.error[0].square() + later).sqrt()

    @cached_property
    def memory(self) -> Tensor:
        """Which coordinates have inertia or a coloured noise `(dim,)`."""
        first, second, _ = self.correlation[:3]
        lasting = (second > first / 4) & (second > CLEAR * self.error[1])
        return (first > ALIKE) & (lasting | (first > OPEN + CLEAR * self.error[0]))

    @property
    def factor(self) -> float:
        """How many times too large a rate reads by the excess that is clear, in the worst coordinate."""
        read = (1 + 2 * self.excess[self.clear]).clamp(min=0.01)
        return read[read.log().abs().argmax()].item() if len(read) else 1.0

    @cached_property
    def clear(self) -> Tensor:
        """Where the excess is no luck and worth a sentence `(dim,)`."""
        size = self.excess.abs()
        # A stiff force acts at lag 2 as well.
        alone = self.correlation[1:3].mean(0).abs() < size / 2
        return (size > CLEAR * self.error_of_excess) & (size > LEAST) & alone & ~self.memory


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


def lags(data: Trajectories, most: int = 8 * SAMPLE) -> Lags | None:
    """Of about so many frames; nothing for fewer than 100 steps in runs of eight."""
    if data.longest < LAGS + 2:
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
    steps = Steps.of(first.flatten(0, 1), step.flatten(0, 1))
    rest = steps.rest.view_as(step)
    variance = steps.rest.square().mean(0).clamp(min=1e-300)
    found = []
    for lag in range(1, LAGS + 1):
        early, late = successive(rest, row, 0, lag)
        product = (early * late).flatten(0, 1)
        mean = product.mean(0)
        spread = (product.square().mean(0) - mean.square()).clamp(min=0).sqrt()
        found.append(torch.stack((mean, spread / len(product) ** 0.5)) / variance)
    correlation, error = torch.stack(found, 1)
    return Lags(correlation, error, variance, steps)


def clamped(step: Tensor) -> Tensor:
    """Steps `(n, dim)` that are no longer than any by noise."""
    size = step.abs().median(0).values * FAR / 0.6745
    return step.clamp(-size, size)


def signs_of_frames(data: Trajectories, found: Lags) -> Iterator[str]:
    """Inertia, an open shutter, or errors of the positions."""
    which = torch.arange(len(found.variance))
    if len(some := which[found.memory]):
        yield memory(data, found, int(some[found.correlation[0, some].argmax()]))
    if len(some := which[found.clear & (found.excess > 0)]):
        yield shutter(data, found, int(some[found.excess[some].argmax()]))
    if len(some := which[found.clear & (found.excess < 0)]):
        yield errors(data, found, int(some[found.excess[some].argmin()]))


def memory(data: Trajectories, found: Lags, k: int) -> str:
    first, second, third = found.correlation[:3, k].tolist()
    of, cure = (
        ("changes of velocity", "Leave out frames, data.every(k), until the first is zero.")
        if data.underdamped
        else (
            "displacements",
            "If it has inertia and these are positions alone: infer_langevin(data, underdamped=True). Else "
            "leave out frames, data.every(k), until the first is zero.",
        )
    )
    return (
        f"Memory: successive {of} of coordinate {k} are alike (correlation {first:.2f}, {second:.2f} and "
        f"{third:.2f} at lags 1 to 3, ± {found.error[0, k]:.1g}), by inertia, a coloured noise, a "
        f"coordinate without noise of its own, or positions that were smoothed. {cure}"
    )


def shutter(data: Trajectories, found: Lags, k: int) -> str:
    r, error = found.excess[k].item(), found.error_of_excess[k].item()
    if data.underdamped:
        return (
            f"Velocities are differences: successive changes of velocity {k} are alike (correlation {r:.3f} ± "
            f"{error:.1g} at lag 1, expected 0, and 0.25 where they are differences of positions), or each "
            "frame is a mean over an open shutter. Give positions alone, and "
            "infer_langevin(positions, underdamped=True)."
        )
    share = min(1.0, 6 * r / (1 + 2 * r))
    return (
        f"Open shutter: successive displacements of coordinate {k} are alike (correlation {r:.3f} ± {error:.1g} "
        f"at lag 1, expected 0; later ones are not), as where each frame is a mean over {share:.0%} of the "
        f"time between frames. D reads {1 / (1 + 2 * r):.2f} and entropy production {1 + 2 * r:.2f} times "
        "what it is where single steps are squared. Inertia that dies out within a frame looks the same, and errors of the positions may "
        f"hide some of it: a shorter exposure at the same dt decides. {ROADS}"
    )


def errors(data: Trajectories, found: Lags, k: int) -> str:
    r, error = found.excess[k].item(), found.error_of_excess[k].item()
    zeta = (-r * found.variance[k].item()) ** 0.5
    if data.underdamped:
        return (
            f"Errors of the velocities: successive changes of velocity {k} alternate (correlation {r:.3f} ± "
            f"{error:.1g} at lag 1, expected 0), as by an error of {zeta:.2g}. A body at rest, recorded "
            "alike, shows it. infer_langevin(positions, underdamped=True, rule='symmetric') survives "
            "errors of the positions."
        )
    return (
        f"Errors of the positions: successive displacements of coordinate {k} alternate (correlation {r:.3f} ± "
        f"{error:.1g} at lag 1, expected 0; later ones do not), as by an error of {zeta:.2g}, or more if the shutter "
        f"is open, which hides some. D reads {1 / max(1 + 2 * r, 0.01):.2f} and entropy production {max(1 + 2 * r, 0):.2f} "
        "times what it is where single steps are squared. Rounded positions and a force that turns within a frame look the same: a bead that is "
        f"fixed, recorded alike, shows the errors, a shorter dt the force. {ROADS} data.every(k) makes it less."
    )
