"""Figures of search with resetting: walkers on their way, and when they arrive."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ...systems.search import Poisson, Search, mean_time, optimal
from ...widgets.style import COLD, DATA, EXACT_LINE, HOT, array


def searching(ax: Axes, paths: Any, dt: float, *, until: float, color: str = DATA) -> None:
    """Positions `(n_walkers, n_times)` of walkers up to a time, nan after arrival; the target is the
    line at 0, and a dot marks each arrival."""
    x = array(paths)
    shown = x[:, : round(until / dt) + 1]
    times = dt * np.arange(x.shape[1])
    ax.plot(times[: shown.shape[1]], shown.T, color=color, linewidth=0.8, alpha=0.7)
    arrival = np.isnan(shown).argmax(1)
    ax.plot(times[arrival[arrival > 0]], 0 * arrival[arrival > 0], "o", color=HOT, clip_on=False)
    ax.axhline(0, color=HOT, linewidth=2)
    ax.set(xlabel="$t$ (time units)", ylabel="$x$ (length units)", xlim=(0, times[-1]))


def arrivals(
    ax: Axes, times: Any, *, until: float, longest: float, label: str, **look: Any
) -> None:
    """Histogram of the arrival times `(n_walkers,)` up to now, as a density of all walkers. `look` goes to
    `ax.stairs`."""
    times = array(times)
    count, edges = np.histogram(times[times <= until], 30, (0, longest))
    label = f"{label}: {count.sum() / len(times):.0%}"
    ax.stairs(count / (len(times) * edges[1]), edges, linewidth=1.6, label=label, **look)
    ax.set(xlabel="$t$ (time units)", ylabel="density of $T$ (1/time)", xlim=(0, longest))
    ax.legend(loc="upper right", title="arrived")


def time_against_rate(ax: Axes, search: Search, *, most: float) -> float:
    """Exact mean search time against the reset rate up to `most`, with its minimum; returns the best
    rate, 0 if no resets are better still."""
    rates = np.linspace(most / 250, most, 120)
    ax.plot(rates, [mean_time(search, Poisson(r)) for r in rates], **EXACT_LINE, label="exact")
    if search.v > 0:
        ax.plot(0, search.mean, "s", color=COLD, label="no resets", clip_on=False)
    best = optimal(search, Poisson())
    if best is not None:
        ax.plot(best.r, mean_time(search, best), "o", color=HOT, label="minimum")
    ax.set(xlabel="$r$ ($D/x_0^2$)", ylabel=r"$\langle T_r\rangle$ ($x_0^2/D$)", xlim=(0, most))
    ax.legend(loc="upper right")
    return best.r if best else 0.0
