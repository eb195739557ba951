"""The figures that come back in many notebooks, one function each."""

import itertools
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from ...data import Trajectories
from ...inference.comparison import r_squared_and_slope
from ...inference.fluctuation import DetailedFluctuationTheorem
from ...training import History
from ...widgets.style import COLD, DATA, EXACT, EXACT_LINE, HOT, LEARNED, OTHERS, array
from .planes import phase_plane as phase_plane
from .planes import stirred_plane as stirred_plane


def paths(
    ax: Axes,
    trajectories: Trajectories,
    *,
    coordinate: int = 0,
    n_paths: int = 5,
    color: str = DATA,
    label: str | None = None,
) -> None:
    """One coordinate of the first few paths over time, with their gaps."""
    some = trajectories.take(slice(n_paths))
    times, states = array(some.times), some.x[..., coordinate]
    x = array(states if some.stretches is None else some.stretches.laid(states))
    lines = ax.plot(times, x.T, color=color, linewidth=0.9, alpha=0.8)
    lines[0].set_label(label or ("path" if len(lines) == 1 else f"{len(lines)} paths"))
    name = "x" if some.dim == 1 else f"x_{{{coordinate + 1}}}"
    ylabel = f"${name}$ (length units)"
    if ax.get_ylabel() not in ("", ylabel):  # another coordinate is there
        ylabel = "$x_i$ (length units)"
    ax.set(xlabel="$t$ (time units)", ylabel=ylabel, xlim=(times[0], times[-1]))
    ax.legend(loc="upper right")


def points(
    ax: Axes,
    x: Any,
    y: Any,
    std: Any = None,
    *,
    exact: tuple[Any, Any] | None = None,
    label: str = "simulated",
    marker: str = "o",
    **axes: Any,
) -> None:
    """Simulated numbers with error bars; `exact` is x and y of a curve, dashed behind them.

    `axes` goes to `ax.set`; without `xlabel` the axis is time. Call it again for more points.
    """
    bars = None if std is None else array(std)
    ax.errorbar(array(x), array(y), bars, fmt=marker, color=DATA, label=label)
    if exact is not None:
        named = "exact" in ax.get_legend_handles_labels()[1]
        ax.plot(array(exact[0]), array(exact[1]), **EXACT_LINE, label=None if named else "exact")
    ax.set(**dict(xlabel="$t$ (time units)") | axes)
    ax.legend()


def bead_chain(ax: Axes, x: Any, *, temperatures: Any) -> None:
    """One frame of a film: beads at the displacements `x (n_beads,)`, their springs, two walls.

    The coldest bead is sky blue, the hottest vermillion, all are blue at one temperature. Springs
    at rest are drawn 10 length units long.
    """
    x, T, rest = array(x), array(temperatures), 10.0
    walls = np.array([0.0, rest * (x.size + 1)])
    beads = rest * np.arange(1, x.size + 1) + x
    ends = np.concatenate((walls[:1], beads, walls[1:]))
    for left, right in itertools.pairwise(ends):
        coil = np.concatenate(([0, 0], np.tile([0.25, -0.25], 6), [0, 0]))
        ax.plot(np.linspace(left, right, coil.size), coil, color=EXACT, linewidth=1.0)
    ax.vlines(walls, -1, 1, color=EXACT, linewidth=6)
    warmth = (T - T.min()) / max(np.ptp(T), 1e-12)
    colors = LinearSegmentedColormap.from_list("baths", [COLD, HOT])(warmth)
    ax.scatter(beads, 0 * beads, s=400, color=colors, edgecolors=EXACT, zorder=3)
    ax.set(xlim=walls + [-0.5, 0.5], ylim=(-2, 2), yticks=[], xlabel="place (length units)")
    ax.spines["left"].set_visible(False)


def learned_curve(
    ax: Axes,
    x: Any,
    mean: Any = None,
    std: Any = None,
    *,
    exact: Any = None,
    label: str = "learned",
    color: str = LEARNED,
    **axes: Any,
) -> None:
    """A learned function of one coordinate with a band of ± 2 std, and the exact one dashed.

    `x`, `mean`, `std` and `exact` have as many entries, in any shape; what is None is not drawn.
    `axes` goes to `ax.set`; without it the axes are those of a force in one dimension.
    """
    x = array(x).ravel()
    if mean is not None:
        mean = array(mean).ravel()
        ax.plot(x, mean, color=color, label=label)
        if std is not None:
            low, high = mean - 2 * array(std).ravel(), mean + 2 * array(std).ravel()
            ax.fill_between(x, low, high, color=color, alpha=0.25, linewidth=0, label="± 2 std")
    if exact is not None:
        ax.plot(x, array(exact).ravel(), **EXACT_LINE, label="exact")
    ax.set(**dict(xlabel="$x$ (length units)", ylabel="force $F(x)$ (length/time)") | axes)
    ax.legend(loc="upper right")


def density(ax: Axes, samples: Any, *, exact: tuple[Any, Any], limit: float) -> None:
    """P(x) of `samples` of any shape as points, on |x| < `limit`; `exact` is x and p(x), dashed."""
    samples, bins = array(samples).ravel(), 60
    count, edges = np.histogram(samples, bins, (-limit, limit))
    middle, p = (edges[1:] + edges[:-1]) / 2, count / (samples.size * (2 * limit / bins))
    ax.plot(middle, p, "o", color=DATA, markersize=3, label="simulated")
    ax.plot(array(exact[0]), array(exact[1]), **EXACT_LINE, label="exact")
    ax.set(xlabel="$x$ (length units)", ylabel="$p(x)$ (1/length units)")
    ax.set(xlim=(-limit, limit), ylim=(0, 1.25 * ax.dataLim.ymax))  # room for the legend
    ax.legend(loc="upper right")


def scatter_against_exact(
    ax: Axes, exact: Any, learned: Any, *, name: str = "learned", color: str = LEARNED
) -> None:
    """Learned against exact entropy per step: the identity dashed, R² and slope of all points.

    Every k-th is drawn, about 2000. `name` and `color`: of another estimator, which did not learn.
    """
    r_squared, slope = r_squared_and_slope(exact, learned)
    x, y = array(exact).ravel(), array(learned).ravel()
    y, x = y[~np.isnan(x)], x[~np.isnan(x)]
    every = 1 + x.size // 2000
    x, y = x[::every], y[::every]
    ax.scatter(x, y, s=8, alpha=0.5, color=color, linewidths=0, label="steps")
    ax.axline((0, 0), slope=1, **EXACT_LINE, label=f"{name} = exact")
    limit = 1.05 * max(np.abs(x).max(), np.abs(y).max())
    text = f"$R^2$ = {r_squared:.3f}\nslope = {slope:.3f}"
    ax.text(0.97, 0.05, text, transform=ax.transAxes, ha="right")
    per_step = r"$\Delta S$ per step ($k_B$)"
    ax.set(xlabel=f"exact {per_step}", ylabel=f"{name} {per_step}")
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    ax.legend(loc="upper left", markerscale=2)


SUMS = tuple({"color": color, "linewidth": 1.2} for color in (DATA, HOT, *OTHERS))


def running_sums(
    ax: Axes, steps: dict[str, Any], *, dt: float, ylabel: str, looks: Any = SUMS
) -> None:
    """What one path has exchanged up to time t: sums of steps `(n_steps,)`, one line per name. Where steps
    are NaN, it breaks off, and goes on from the same height."""
    for (label, values), look in zip(steps.items(), looks, strict=False):
        values = array(values)
        sums = np.where(np.isnan(values), np.nan, np.nancumsum(values))
        total = np.concatenate(([0.0], sums))
        ax.plot(dt * np.arange(total.size), total, **look, label=label)
    ax.set(xlabel="$t$ (time units)", ylabel=ylabel, xlim=(0, dt * (total.size - 1)))


def cumulative_entropy(ax: Axes, exact: Any, learned: Any, *, dt: float) -> None:
    """Entropy produced up to time t along one path, from the steps `(n_times - 1,)` of both."""
    looks, ylabel = ({"color": LEARNED}, EXACT_LINE), r"$\Delta S(t)$ ($k_B$)"
    running_sums(ax, {"learned": learned, "exact": exact}, dt=dt, ylabel=ylabel, looks=looks)
    ax.legend(loc="upper left")


def learning_curve(ax: Axes, history: History) -> None:
    """Training and held-out objective over the steps, the weights that were kept as a star.

    For an ensemble one thin line and one star per member.
    """
    step = np.array(history.step)
    training, held_out = (
        array(values).reshape(len(step), -1) for values in (history.training, history.validation)
    )
    several = training.shape[1] > 1
    width = 0.8 if several else 1.4
    ax.plot(step, training, color=DATA, linewidth=width, linestyle=":")[0].set_label("training")
    if held_out.any():  # all zero without held-out data
        ax.plot(step, held_out, color=LEARNED, linewidth=width)[0].set_label("held out")
        kept = "kept, one per member" if several else f"kept: step {history.best_step}"
        for member, best in enumerate(np.atleast_1d(history.best_step)):
            y = held_out[step == best, member]  # empty while the training runs
            star = ax.plot([best] * len(y), y, "*", color=HOT, markersize=11, zorder=4)
            star[0].set_label(kept if member == 0 and len(y) else None)
    ax.set(xlabel="step", ylabel="objective (lower is better)")
    ax.legend(loc="upper right")


def entropy_histogram(ax: Axes, entropy: Any, *, color: str = LEARNED) -> None:
    """P(ΔS) over paths or steps, the part below zero hatched.

    The outermost 0.1 % are left out of the picture, not out of the printed probability; NaN is no step.
    """
    entropy = array(entropy).ravel()
    entropy = entropy[~np.isnan(entropy)]
    low, high = np.quantile(entropy, [0.0005, 0.9995])
    width = (high - low) / 60  # of bins with an edge at zero
    edges = width * np.arange(np.floor(low / width), np.ceil(high / width) + 1)
    density = np.histogram(entropy, edges)[0] / (entropy.size * width)
    below = edges[1:] <= 1e-9 * width
    label = rf"$P(\Delta S < 0)$ = {(entropy < 0).mean():.2g}"
    ax.stairs(density, edges, fill=True, color=color, alpha=0.6)
    ax.stairs(np.where(below, density, 0), edges, color=HOT, hatch="////", label=label)
    ax.axvline(0, color=EXACT, linewidth=0.8)
    ax.set(xlabel=r"$\Delta S$ ($k_B$)", ylabel=r"$P(\Delta S)$ ($1/k_B$)")
    ax.legend(loc="upper right")


def mirrored_histogram(ax: Axes, entropy: Any) -> None:
    r"""P(s) of the entropy, $e^{-s}P(s)$, and the mirror image P(−s) that the latter should be.

    The area of $e^{-s}P(s)$ is the average of the integral fluctuation theorem.
    """
    s, bins = array(entropy).ravel(), 60
    s = s[~np.isnan(s)]
    limit = np.quantile(np.abs(s), 0.999)
    edges, unit = np.linspace(-limit, limit, bins + 1), s.size * 2 * limit / bins
    density, weighted = (np.histogram(s, edges, weights=w)[0] / unit for w in (None, np.exp(-s)))
    area = rf"$e^{{-s}}P(s)$, area {np.exp(-s).mean():.2f}"
    ax.stairs(density, edges, color=DATA, fill=True, alpha=0.5, label="$P(s)$")
    ax.stairs(weighted, edges, color=OTHERS[1], fill=True, alpha=0.8, label=area)
    ax.stairs(density[::-1], edges, **EXACT_LINE, label="theorem: $P(-s)$")
    ax.set(xlabel="$s$ ($k_B$)", ylabel="density ($1/k_B$)", xlim=(-limit, limit))
    ax.legend(loc="upper left")


def fluctuation_line(ax: Axes, test: DetailedFluctuationTheorem, *, color: str = LEARNED) -> None:
    """ln P(s)/P(−s) over s with error bars, and the line of slope one that the theorem demands."""
    s, log_ratio, std = array(test.s), array(test.log_ratio), array(test.std)
    label = f"slope {test.slope:.3f} ± {test.slope_std:.3f}"
    ax.errorbar(s, log_ratio, std, fmt="o", color=color, label=label)
    ax.axline((0, 0), slope=1, **EXACT_LINE, label="theorem: slope 1")
    ax.set(xlabel="$s$ ($k_B$)", ylabel=r"$\ln\,P(\Delta S = s)\,/\,P(\Delta S = -s)$")
    ax.set(xlim=(0, None), ylim=(0, None))
    ax.legend(loc="upper left")


def sweep(ax: Axes, values: Any, mean: Any, std: Any, *, xlabel: str) -> None:
    """Learned rates with error bars over one parameter."""
    rates = array(values), array(mean), array(std)
    ax.errorbar(*rates, fmt="o", color=LEARNED, label="learned ± std", zorder=4)
    ax.set(xlabel=xlabel, ylabel=r"$\dot\sigma$ ($k_B$ per time unit)")
    ax.legend()


def estimates(ax: Axes, results: dict[str, tuple[float, float]], *, learned: Any = ()) -> None:
    """Estimate over exact, with its standard error, one row per estimator from the top down.

    The estimators named in `learned` are networks: green squares, the others blue dots.
    """
    for row, (name, (value, std)) in enumerate(results.items()):
        color, marker = (LEARNED, "s") if name in learned else (DATA, "o")
        ax.errorbar(value, row, xerr=std, color=color, fmt=marker)
    ax.axvline(1, **EXACT_LINE, label="exact")
    ax.set(yticks=range(len(results)), yticklabels=results, ylim=(len(results) - 0.5, -0.5))
    ax.set(xlabel=r"estimate / exact $\dot\sigma$", xlim=(0, None))
    ax.legend(loc="lower left")
