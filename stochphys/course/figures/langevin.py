"""Figures of inferred equations of motion: what a posterior says of drift and diffusion, and where."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...systems import CarnotEngine, ThermalMotor
from ...widgets.style import COLD, DATA, EXACT, EXACT_LINE, HOT, LEARNED, OTHERS, array
from ..page import Means
from .plots import learned_curve, points


def visits(ax: Axes, x: Any) -> None:
    """Where the data were: a histogram of `x` of any shape at the foot of the axes, with no scale."""
    count, edges = np.histogram(array(x).ravel(), 60)
    height = 0.18 * count / count.max()
    foot = ax.get_xaxis_transform()  # x in data units, y as a fraction of the axes
    ax.stairs(height, edges, transform=foot, fill=True, color=DATA, alpha=0.25, label="visits")
    ax.legend(loc="upper right")


def drift_views(
    name: str, line: Any, band: Any, exact: Any, x: Any, *views: tuple[float, float]
) -> Figure:
    """A learned drift on `line`, `band` its mean and std, drawn as the 95 % interval, with the exact drift and
    the `visits` of `x`: one panel for each view, its reach in x and in the drift; one legend beside them."""
    (mean, std), places = (array(part).ravel() for part in band), array(line).ravel()
    width = 2.4 + 3.2 * len(views)
    figure, panels = plt.subplots(1, len(views), figsize=(width, 3.4), squeeze=False)
    for ax, letter, (reach, height) in zip(panels[0], "abc", views, strict=False):
        learned_curve(ax, line, mean, exact=exact, label=name)
        interval = places, mean - 1.96 * std, mean + 1.96 * std
        look = dict(color=LEARNED, alpha=0.25, linewidth=0)
        ax.fill_between(*interval, **look, label="± 1.96 std")
        visits(ax, x)
        ax.get_legend().remove()
        ax.set(xlim=(-reach, reach), ylim=(-height, height), ylabel=r"drift $\Phi$ (length/time)")
        if len(views) > 1:
            ax.set_title(letter, loc="left", weight="bold")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside right center")
    return figure


def binned(ax: Axes, x: Any, y: Any, *, width: float) -> None:
    """Mean of the labels `y` in bins of x, with standard errors: the moments of Kramers and Moyal.

    `x` and `y` have as many entries, in any shape; bins with fewer than 30 are left out.
    """
    x, y = array(x).ravel(), array(y).ravel()
    bins = np.floor(x / width).astype(int)
    full = [k for k in np.unique(bins) if (bins == k).sum() >= 30]
    labels = [y[bins == k] for k in full]
    mean, error = [of.mean() for of in labels], [of.std() / of.size**0.5 for of in labels]
    points(ax, [(k + 0.5) * width for k in full], mean, error, label="mean of a bin")


# Of methods, told apart without colour, too: the last are long dashes, a dash and two dots, sparse dots.
DASHES = ("-", "--", "-.", ":", (0, (8, 2)), (0, (4, 1, 1, 1, 1, 1)), (0, (1, 4)))


def spreads(
    ax: Axes, x: Any, std: dict[str, Any], *, seen: tuple[float, float], **axes: Any
) -> None:
    """How sure each method says it is: `std` by name over x, on a logarithmic scale; what lies
    within `seen`, the range that was visited, is shaded."""
    ax.axvspan(*seen, color=DATA, alpha=0.12, linewidth=0, label="range visited")
    for (name, values), dashes in zip(std.items(), DASHES, strict=False):
        ax.plot(array(x).ravel(), array(values).ravel(), linestyle=dashes, label=name)
    ax.set(yscale="log", xlabel="$x$ (length units)", ylabel=r"std of $\Phi$ (length/time)", **axes)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


BODIES = {(a, b): f"{a}, line" if b else a for b in (False, True) for a in ("tanh", "elu")}


def held_by_method(panels: Sequence[Axes], averages: Means) -> None:
    """How often 95 % intervals hold the truth where data are and beyond, with standard errors over
    films: one panel for each method, in it four kinds of network.

    `averages` of settings with a method, an activation and whether there is a line, and of the numbers
    inside and outside; methods of fewer than four kinds are left out.
    """
    by_method: dict[str, dict[str, dict[str, tuple[float, float]]]] = {}
    for setting, found in averages:
        if kind := BODIES.get((setting["activation"], setting["line"])):
            by_method.setdefault(setting["method"], {})[kind] = found
    whole = {name: kinds for name, kinds in by_method.items() if len(kinds) == len(BODIES)}
    for ax, (name, kinds) in zip(panels, whole.items(), strict=True):
        ax.axhline(0.95, **EXACT_LINE, label="95 %")
        for where, marker, color in (("inside", "o", DATA), ("outside", "s", LEARNED)):
            mean, error = zip(*(kinds[kind][where] for kind in BODIES.values()), strict=True)
            ax.errorbar(range(len(mean)), mean, error, fmt=marker, color=color, label=where)
        ax.set(title=name, ylim=(-0.05, 1.08), xlim=(-0.5, len(BODIES) - 0.5))
        ax.set_xticks(range(len(BODIES)), BODIES.values(), rotation=90)
    panels[0].set_ylabel("fraction that holds the truth")
    panels[0].legend(loc="lower left", bbox_to_anchor=(0, 0.5))


def arrow(ax: Axes, x: Any, y: Any, i: int, color: str) -> None:
    """The direction of a curve `(n,)` at its point i."""
    look = dict(arrowstyle="-|>", color=color, mutation_scale=16)
    ax.annotate("", (x[i + 1], y[i + 1]), (x[i], y[i]), arrowprops=look)


def strokes(ax: Axes, engine: CarnotEngine) -> None:
    """The cycle of an engine in the plane of κ and T, each stroke in its colour."""
    for stroke, color in enumerate((COLD, EXACT, HOT, OTHERS[0])):
        t = np.linspace(stroke, stroke + 1) * engine.tau / 4
        path = engine.stiffness(t), engine.temperature(t)
        ax.plot(*path, color=color, label=f"stroke {stroke + 1}")
        arrow(ax, *path, 25, color)
    ax.plot(path[0][-1], path[1][-1], "o", color=COLD, label="start")  # where it ends, too
    ax.set(xlabel=r"$\kappa$ (energy/length²)", ylabel="$T$ (energy)", ylim=(9, 22))
    ax.legend(loc="upper left", ncols=2)


def work_loop(ax: Axes, engine: CarnotEngine, t: Any, xx: Any, **axes: Any) -> None:
    """⟨x²⟩/2 over κ at times t of a cycle, all `(n,)`; the signed area is the work delivered.

    Arrows stand in the middle of each stroke.
    """
    kappa = engine.stiffness(t)
    slow = engine.temperature(t) / kappa
    ax.plot(kappa, slow / 2, **EXACT_LINE, label="slow limit")
    ax.plot(kappa, xx / 2, color=DATA, label=rf"$\tau$ = {engine.tau:g}")
    for stroke in range(4):
        arrow(ax, kappa, xx / 2, (2 * stroke + 1) * len(t) // 8, DATA)
    ax.set(xlabel=r"$\kappa$ (energy/length²)", ylabel=r"$\langle x^2\rangle/2$ (length²)")
    ax.set(xlim=(0, 45), ylim=(0, 1.5), **axes)
    ax.legend(loc="upper right")


def on_ring(ax: Axes, ring: ThermalMotor) -> None:
    """Energy, temperature and exact density around the ring of a motor."""
    x = np.linspace(0, ring.period, 301)
    ax.plot(x, ring.energy(torch.tensor(x)) / 5, color=EXACT, label="$U/5$")
    ax.plot(x, ring.temperature(x) / 5, color=HOT, label="$T/5$")
    ax.fill_between(x, ring.density(x), color=DATA, alpha=0.4, label="density, exact")
    ax.set(xlabel="$x$ (length units)", ylabel="$U/5$, $T/5$ (energy), $p$ (1/length)")
    ax.set(ylim=(0, 1.7), xlim=(0, ring.period))
    ax.legend(loc="upper right")
