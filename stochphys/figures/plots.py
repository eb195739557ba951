r"""The figures that come back in many notebooks, one function each.

A function draws on the axes it is given and labels them; the figure, its size and what it says
belong to the notebook. Numbers come as tensors or arrays; exact is dashed grey, data is points,
learned is green. $k_B = 1$, so entropy has no unit of its own and is written in units of $k_B$.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes

from ..data import Trajectories
from ..simulators import Linear
from .style import DATA, EXACT, EXACT_LINE, HOT, LEARNED

ARROW = {"arrowstyle": "->", "color": HOT, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}


def array(values: Any) -> np.ndarray:
    """A tensor of any device, or anything like an array, as a float64 numpy array."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
    return np.asarray(values, dtype=np.float64)


def paths(
    ax: Axes,
    trajectories: Trajectories,
    *,
    coordinate: int = 0,
    n_paths: int = 5,
    mean: Any = None,
    std: Any = None,
    color: str = DATA,
    label: str | None = None,
) -> None:
    """One coordinate of the first few paths over time, with the exact mean ± std if given.

    `mean` and `std` are numbers or arrays `(n_times,)`.
    """
    times = array(trajectories.times)
    x = array(trajectories.x[:n_paths, :, coordinate])
    lines = ax.plot(times, x.T, color=color, linewidth=0.9, alpha=0.8)
    lines[0].set_label(label or ("path" if len(lines) == 1 else f"{len(lines)} paths"))
    if mean is not None:
        mean = np.broadcast_to(array(mean), times.shape)
        ax.plot(times, mean, **EXACT_LINE, label="exact mean" + ("" if std is None else " ± std"))
        if std is not None:
            low, high = mean - array(std), mean + array(std)
            ax.fill_between(times, low, high, color=EXACT, alpha=0.15, linewidth=0)
    this = rf"$x_{{{coordinate + 1}}}$ (length units)"
    first = ax.get_ylabel() in ("", this)
    ax.set(
        xlabel="$t$ (time units)",
        ylabel=this if first else "$x_i$ (length units)",
        xlim=(times[0], times[-1]),
    )
    ax.legend(loc="upper right")


def phase_plane(
    ax: Axes,
    trajectories: Trajectories | None = None,
    system: Linear | None = None,
    *,
    coordinates: tuple[int, int] = (0, 1),
    n_points: int = 4000,
) -> None:
    r"""Two coordinates against each other, with what is exact for a linear system.

    About `n_points` states as points; the ellipses of 1 and 2 std dashed; arrows of the mean local
    velocity $\nu(x) = (A + D C^{-1})x$, averaged over the other coordinates. An arrow is as long as
    the way covered in a quarter of the slowest relaxation time.
    """
    i, j = coordinates
    if trajectories is not None:
        points = trajectories.x[..., [i, j]].reshape(-1, 2)
        points = array(points[:: 1 + len(points) // n_points])
        ax.scatter(*points.T, s=5, alpha=0.35, color=DATA, linewidths=0, label="data")
    if system is not None:
        C = system.stationary_covariance()
        seen = C[[i, j]][:, [i, j]]
        angle = torch.linspace(0, 2 * torch.pi, 97, dtype=C.dtype)[:, None]
        circle = torch.cat((angle.cos(), angle.sin()), dim=1) @ torch.linalg.cholesky(seen).T
        for radius, label in ((1, "exact: 1 and 2 std"), (2, None)):
            ax.plot(*array(radius * circle).T, **EXACT_LINE, label=label)
        tail = torch.cat([radius * circle[:-1:8] for radius in (0.5, 1.5, 2.5)])
        # ν is linear, so its average over the other coordinates is ν at their mean, given the two.
        velocity = system.mean_local_velocity(tail @ torch.linalg.inv(seen) @ C[[i, j]])
        relaxation = -1 / float(torch.linalg.eigvals(system.A).real.max())
        head = tail + velocity[:, [i, j]] * relaxation / 4
        for start, end in zip(array(tail), array(head), strict=True):
            ax.annotate("", end, start, arrowprops=ARROW)
    ax.set(xlabel=f"$x_{{{i + 1}}}$ (length units)", ylabel=f"$x_{{{j + 1}}}$ (length units)")
    ax.set_aspect("equal", adjustable="datalim")
    ax.legend(loc="upper left", markerscale=3)


def r_squared_and_slope(exact: Any, learned: Any) -> tuple[float, float]:
    r"""How well, and with which factor, `learned` follows `exact`: R² and slope.

    Both belong to the least-squares line learned ≈ slope · exact + constant, with
    $R^2 = \mathrm{corr}^2$. R² does not see a wrong factor, the slope does not see noise: a
    network is good only if both are near one. Any shape, the same for both.
    """
    x, y = array(exact).ravel(), array(learned).ravel()
    if x.shape != y.shape:
        raise ValueError(f"exact and learned must have one shape, got {x.size} and {y.size} values")
    x, y = x - x.mean(), y - y.mean()
    return float((x @ y) ** 2 / ((x @ x) * (y @ y))), float((x @ y) / (x @ x))


def scatter_against_exact(ax: Axes, exact: Any, learned: Any, *, n_points: int = 2000) -> None:
    """Learned against exact entropy per step: the identity dashed, R² and slope of all points.

    Every k-th point is drawn, so that about `n_points` are seen.
    """
    r_squared, slope = r_squared_and_slope(exact, learned)
    x, y = array(exact).ravel(), array(learned).ravel()
    every = 1 + x.size // n_points
    ax.scatter(x[::every], y[::every], s=8, alpha=0.5, color=LEARNED, linewidths=0, label="steps")
    ax.axline((0, 0), slope=1, **EXACT_LINE, label="learned = exact")
    limit = 1.05 * max(np.abs(x[::every]).max(), np.abs(y[::every]).max())
    ax.set(
        xlabel=r"exact $\Delta S$ per step ($k_B$)",
        ylabel=r"learned $\Delta S$ per step ($k_B$)",
        xlim=(-limit, limit),
        ylim=(-limit, limit),
        aspect="equal",
    )
    ax.text(
        0.97,
        0.05,
        f"$R^2$ = {r_squared:.3f}\nslope = {slope:.3f}",
        transform=ax.transAxes,
        ha="right",
    )
    ax.legend(loc="upper left", markerscale=2)


def cumulative_entropy(ax: Axes, exact: Any, learned: Any, *, dt: float) -> None:
    """Entropy produced up to time t along one path, from the steps `(n_times - 1,)` of both."""
    for steps, look, label in (
        (learned, {"color": LEARNED}, "learned"),
        (exact, EXACT_LINE, "exact"),
    ):
        total = np.concatenate(([0.0], np.cumsum(array(steps))))
        ax.plot(dt * np.arange(total.size), total, **look, label=label)
    ax.set(xlabel="$t$ (time units)", ylabel=r"$\Delta S(t)$ ($k_B$)", xlim=(0, dt * len(exact)))
    ax.legend(loc="upper left")


def learning_curve(ax: Axes, history: Any) -> None:
    """Training and validation objective over the steps of a `History`, the best step marked."""
    ax.plot(history.step, array(history.training), color=DATA, linewidth=1.0, label="training")
    if len(history.validation):
        validation = array(history.validation)
        ax.plot(history.step, validation, "o-", color=LEARNED, markersize=3, label="held out")
        best = list(history.step).index(history.best_step)
        ax.axvline(history.best_step, color=EXACT, linestyle=":", linewidth=1.2)
        ax.plot(
            history.best_step,
            validation[best],
            "*",
            color=HOT,
            markersize=13,
            zorder=4,
            label=f"best: step {history.best_step}",
        )
    ax.set(xlabel="step", ylabel="objective (lower is better)")
    ax.legend(loc="upper right")


def entropy_histogram(ax: Axes, entropy: Any, *, exact: Any = None, bins: int = 60) -> None:
    """P(ΔS) over paths or steps, the part below zero hatched; `exact` as a dashed outline.

    The outermost 0.1 % are left out of the picture, not out of the printed probability.
    """
    entropy = array(entropy).ravel()
    low, high = np.quantile(entropy, [0.0005, 0.9995])
    width = (high - low) / bins  # of bins with an edge at zero
    edges = width * np.arange(np.floor(low / width), np.ceil(high / width) + 1)
    density = np.histogram(entropy, edges)[0] / (entropy.size * np.diff(edges))
    ax.stairs(density, edges, fill=True, color=DATA, alpha=0.6)
    ax.stairs(
        np.where(edges[1:] <= 0, density, 0),
        edges,
        color=HOT,
        hatch="////",
        label=rf"$P(\Delta S < 0)$ = {(entropy < 0).mean():.2g}",
    )
    if exact is not None:
        steps = array(exact).ravel()
        ax.stairs(
            np.histogram(steps, edges)[0] / (steps.size * np.diff(edges)),
            edges,
            **EXACT_LINE,
            label="exact",
        )
    ax.axvline(0, color=EXACT, linewidth=0.8)
    ax.set(xlabel=r"$\Delta S$ ($k_B$)", ylabel=r"$P(\Delta S)$ ($1/k_B$)")
    ax.legend(loc="upper right")


def sweep(
    ax: Axes,
    values: Any,
    mean: Any,
    std: Any,
    *,
    exact: Callable[[float], Any] | None = None,
    xlabel: str,
    ylabel: str = r"$\dot\sigma$ ($k_B$ per time unit)",
) -> None:
    """Estimates with error bars over one parameter, with the curve `exact(value)` behind them."""
    values = array(values)
    if exact is not None:
        between = np.geomspace if ax.get_xscale() == "log" else np.linspace
        fine = between(values.min(), values.max(), 61)
        ax.plot(fine, [float(exact(float(v))) for v in fine], **EXACT_LINE, label="exact")
    ax.errorbar(
        values, array(mean), array(std), fmt="o", color=LEARNED, label="learned ± std", zorder=4
    )
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend()
