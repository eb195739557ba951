"""Two coordinates against each other: where the states are, and which way the currents run."""

from collections.abc import Callable
from typing import Any

import torch
from matplotlib.axes import Axes

from ...data import Trajectories
from ...simulators import Linear
from ...systems import Stirred
from ...widgets.style import DATA, EXACT, EXACT_LINE, LEARNED, array

# Arrows as long as the data axes say.
ARROWS: dict[str, Any] = dict(
    angles="xy", scale_units="xy", scale=1, width=0.009, color=EXACT, zorder=4
)


def phase_plane(
    ax: Axes,
    trajectories: Trajectories | None = None,
    *,
    system: Linear,
    velocity: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> None:
    r"""What is exact for a linear system of two coordinates, and states of `trajectories` as points.

    The ellipses of 1 and 2 std dashed; arrows of the mean local velocity $\nu(x) = (A + D C^{-1})x$,
    as long as the way covered in half of the slowest relaxation time. `velocity` is what was learned
    of ν, from states to velocities `(n, 2)`: wide green arrows behind the exact ones.
    """
    if trajectories is not None:
        states = trajectories.x.flatten(0, -2)
        x, y = array(states[:: 1 + len(states) // 4000]).T
        ax.scatter(x, y, s=6, alpha=0.25, color=DATA, linewidths=0, label="data")
    C = system.stationary_covariance()
    angle = torch.linspace(0, 2 * torch.pi, 97, dtype=C.dtype)[:, None]
    circle = torch.cat((angle.cos(), angle.sin()), dim=1) @ torch.linalg.cholesky(C).T
    for radius, label in ((1, "exact: 1 and 2 std"), (2, None)):
        ax.plot(*array(radius * circle).T, **EXACT_LINE, label=label)
    tail = torch.cat([radius * circle[:-1:12] for radius in (1.5, 2.5)])  # (16, 2)
    arrows = [(system.mean_local_velocity(tail), ARROWS)]
    if velocity is not None:
        behind = ARROWS | dict(color=LEARNED, width=0.022, zorder=3.5)
        arrows.append((velocity(tail.float()), behind))
    relaxation = -1 / float(torch.linalg.eigvals(system.A).real.max())
    for nu, look in arrows:
        ax.quiver(*array(tail).T, *array(nu * relaxation / 2).T, **look)
    limit = 3.2 * float(C.diagonal().max()) ** 0.5
    ax.set(xlabel="$x_{1}$ (length units)", ylabel="$x_{2}$ (length units)")
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    ax.legend(loc="upper left", markerscale=3)


def stirred_plane(ax: Axes, system: Stirred, trajectories: Trajectories) -> None:
    """The first two coordinates of a stirred potential: its level lines dashed, the states as
    points, and arrows of the probability current, in one unit for all strengths of the stirring.

    The other coordinates, if any, are zero for lines and arrows.
    """
    limit = 2.5

    def grid(n: int) -> torch.Tensor:
        """States `(n, n, dim)`."""
        side = torch.linspace(-limit, limit, n, dtype=torch.float64)
        states = torch.zeros(n, n, system.dim, dtype=torch.float64)
        states[..., 0], states[..., 1] = torch.meshgrid(side, side, indexing="xy")
        return states

    states = trajectories.x.flatten(0, -2)
    x, y = array(states[:: 1 + len(states) // 1500, :2]).T
    ax.scatter(x, y, s=6, alpha=0.25, color=DATA, linewidths=0, label="data")
    fine, coarse = grid(81), grid(15)
    levels = [0.25, 0.75, 1.5, 3.0]
    field = fine[..., 0], fine[..., 1], system.energy(fine)
    ax.contour(*field, levels, colors=EXACT, linestyles="--", linewidths=0.9)
    energy = system.energy(coarse)
    density = torch.exp(-(energy - energy.min()) / system.T)[..., None]
    current = density * system.mean_local_velocity(coarse)
    tails, ways = (array(t[..., :2]).transpose(2, 0, 1) for t in (coarse, current / 4))
    ax.quiver(*tails, *ways, **ARROWS | dict(width=0.006))
    ax.plot([], [], **EXACT_LINE, label="levels of $U$")
    ax.set(xlabel="$x_1$ (length units)", ylabel="$x_2$ (length units)")
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    ax.legend(loc="upper right", markerscale=3)
