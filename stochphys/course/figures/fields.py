"""Figures of many inferred systems: what a study measured of each, a field over two coordinates, learned
neurons and engines."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...data import Trajectories
from ...inference import Langevin
from ...simulators import System
from ...systems import CarnotEngine
from ...widgets.style import DATA, EXACT, EXACT_LINE, FIELD, LEARNED, OTHERS, array
from . import plots

MARKS = {"network": "s", "network, line": "D", "regression": "o", "right basis": "^"}  # of methods
LOOKS = {"network": LEARNED, "network, line": OTHERS[1], "regression": DATA, "right basis": EXACT}


def dots(values: dict[str, dict[str, Any]], what: str, *, field: str) -> Figure:
    """What a study measured of a field: of each method, by its name, the numbers of all seeds of each system;
    their mean, and from the smallest to the largest. `what`: "nmse", on a logarithmic scale, or a share of intervals
    of 95 % that hold the truth."""
    figure, ax = plt.subplots(figsize=(5.4, 3.3))
    for k, (method, of) in enumerate(values.items()):
        for row, name in enumerate(names := list(values["network"])):
            if (few := array(of.get(name, []))).size:
                mean, y = few.mean(), row + 0.17 * (k - (len(values) - 1) / 2)
                bars = np.array([[mean - few.min()], [few.max() - mean]])
                look: dict[str, Any] = dict(fmt=MARKS[method], color=LOOKS[method], capsize=2)
                ax.errorbar(mean, y, xerr=bars, **look)
        ax.plot([], [], MARKS[method], color=LOOKS[method], label=method)
    if what == "nmse":
        ax.set(xscale="log", xlabel=f"NMSE of the {field}")
    else:
        ax.axvline(0.95, **EXACT_LINE)
        ax.set(xlabel=f"share of the {field} inside intervals of 95 %", xlim=(0, 1.02))
    ax.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def plane(
    ax: Axes, found: Langevin, system: System, limits: tuple[float, float], **axes: Any
) -> Any:
    """An inferred equation of two coordinates, or of one with its velocity, in the plane of its states, which
    reaches so far to both sides: the std of the drift as colours where it is known, grey elsewhere, and where the
    state goes, learned in white and exact in black. Returns the colours, for a colour bar."""
    sides = (torch.linspace(-limit, limit, 41, dtype=torch.float64) for limit in limits)
    grid = torch.stack(torch.meshgrid(*sides, indexing="xy"), dim=-1)  # (41, 41, 2)
    x = grid.flatten(0, 1)
    exact, mean = system.drift(x, 0.0), found.drift.mean(x)
    mean = torch.cat((exact[:, : 2 - mean.shape[1]], mean), dim=1)  # of a place the velocity
    inside = array(found.drift.known(x).view(41, 41)) > 0
    std = np.where(inside, array(found.drift.std(x).norm(dim=1)).reshape(41, 41), np.nan)
    ax.set_facecolor("0.85")
    colors = ax.pcolormesh(*array(grid).transpose(2, 0, 1), std, cmap=FIELD, shading="nearest")
    few = np.zeros_like(inside)
    few[::5, ::5] = inside[::5, ::5]
    arrows = [array(of).reshape(41, 41, 2)[few].T for of in (mean, exact)]
    longest = np.quantile(np.linalg.norm(arrows[1], axis=0), 0.9)
    look: dict[str, Any] = dict(angles="xy", scale_units="width", scale=12 * longest, zorder=4)
    for arrow, color, width in zip(arrows, ("white", "black"), (0.013, 0.004), strict=True):
        ax.quiver(*array(grid)[few].T, *arrow, color=color, width=width, **look)
    ax.set(**axes)
    return colors


def voltages(true: Trajectories, learned: Trajectories) -> Figure:
    """Voltages of neurons, in ms and mV: true ones above, learned ones below; the title counts how many of
    these fall below -25 mV, far under all that a true one does, and leave the figure."""
    lost = (learned.x[..., 0] < -25).any(dim=1).sum().item()
    says = f"learned: {lost} of {len(learned.x)} fall below −25 mV"
    figure, axes = plt.subplots(2, 1, figsize=(4.8, 3.0), sharex=True)
    for ax, paths, color, title in zip(
        axes, (true, learned), (DATA, LEARNED), ("true", says), strict=True
    ):
        ax.plot(array(paths.times), array(paths.x[..., 0]).T, color=color, linewidth=0.9)
        ax.set(ylabel="$V$ (mV)", title=title, ylim=(-25, 125))
    axes[1].set(xlabel="$t$ (ms)", xlim=(0, paths.times[-1].item()))
    return figure


def engine_bands(curves: dict[str, Any], engine: CarnotEngine) -> Figure:
    """κ and T over one period, learned and exact, from the `curves` of a study; titles say at how many of the
    times the band of ± 2 std holds the exact one."""
    figure, panels = plt.subplots(1, 2, figsize=(5.4, 2.4))
    t = torch.tensor(curves["t"], dtype=torch.float64)
    for ax, key, exact in zip(
        panels, ("kappa", "T"), (engine.stiffness(t), engine.temperature(t)), strict=True
    ):
        mean, std = (torch.tensor(curves[of], dtype=torch.float64) for of in (key, key + "_std"))
        held = ((mean - exact).abs() <= 2 * std).double().mean().item()
        title = f"held at {held:.0%} of times"
        plots.learned_curve(ax, t, mean, std, exact=exact, xlabel="$t$", title=title)
    panels[0].set(ylabel=r"$\kappa$ (energy/length²)", ylim=(0, 45))
    panels[0].get_legend().remove()
    panels[1].set(ylabel="$T$ (energy)", ylim=(8, 26))
    return figure
