"""Figures of learning with wrong labels: training curves with resets, what is memorised, gains."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ...widgets.style import COLD, DATA, EXACT_LINE, HOT, LEARNED, OTHERS, array
from ..studies.digits import paired_gain
from ..studies.memorisation import FRACTIONS
from ..studies.network_search import Walks


def fractions(ax: Axes, steps: Any, values: Any) -> None:
    """What becomes of wrongly labelled examples, in per cent: rows of `memorised`, `(n_steps, 4)`."""
    looks = ((LEARNED, "-"), (HOT, "--"), (OTHERS[1], ":"), (DATA, "-."))
    for name, line, (color, dashes) in zip(FRACTIONS, 100 * array(values).T, looks, strict=True):
        where = "right labels: right" if name == FRACTIONS[-1] else f"wrong labels: {name}"
        ax.plot(array(steps), line, dashes, color=color, label=where)
    ax.set(xlabel="step", ylabel="share of examples (%)", ylim=(0, 101))
    ax.legend(loc="center", bbox_to_anchor=(0.5, 0.47), ncols=2, fontsize=9)


def training_curves(
    ax: Axes, steps: Any, curves: dict[str, Any], *, best: Any = (), **axes: Any
) -> None:
    """A measured number over the steps of up to three runs, the first dashed; a dot where each was
    `best`, step and number, if given. `axes` goes to `ax.set`."""
    steps = array(steps)
    for k, (name, curve) in enumerate(curves.items()):
        color, dashes = ((DATA, "--"), (LEARNED, "-"), (COLD, "-."))[k]
        ax.plot(steps, array(curve), dashes, color=color, label=name)
        if len(best):
            ax.plot(*best[k], "o", color=color, markersize=9, clip_on=False)
    ax.set(xlabel="step", xlim=(0, steps[-1]), **axes)
    ax.legend()


def walks(axes: Sequence[Axes], steps: Any, runs: dict[str, Any], *, resets: Any) -> None:
    """Test accuracy of up to three runs, and how far each is from its checkpoint.

    `runs`: for each name accuracies in per cent, distances, and its best, step and accuracy.
    `resets`: the steps of those, as ticks.
    """
    left, right = axes
    tests, away = ({name: run[k] for name, run in runs.items()} for k in (0, 1))
    best = [run[2] for run in runs.values()]
    training_curves(left, steps, tests, best=best, ylabel="test accuracy (%)", ylim=(50, 100))
    foot = left.get_xaxis_transform()  # x in data units, y as a fraction of the axes
    left.vlines(array(resets), 0, 0.05, color=HOT, linewidth=0.8, transform=foot)
    left.plot([], [], "|", color=HOT, label=f"{len(resets)} resets")
    left.legend(loc="lower right", bbox_to_anchor=(1, 0.08))
    training_curves(right, steps, away, ylabel=r"distance to $\theta_c$")


def study_curves(axes: Sequence[Axes], found: dict[str, Any], column: int) -> None:
    """Test accuracy and noisy validation loss, means over seeds: no resets, and those of one column.

    `found`: `p_reset` (without resets first), `steps`, `test (n_steps, n_seeds, n_p)` and
    `best (n_seeds, n_p)` in per cent, and the `history` of all members, seed by seed.
    """
    history, p = found["history"], found["p_reset"][column]
    held_out = array(history.validation).reshape(len(history.step), *found["best"].shape)
    for ax, steps, values, label in (
        (axes[0], found["steps"], array(found["test"]), "test accuracy (%)"),
        (axes[1], history.step, held_out, "noisy validation loss"),
    ):
        without, with_resets = values.mean(1)[:, [0, column]].T
        curves = {"SGD": without, f"$p_{{reset}}$ = {p}": with_resets}
        training_curves(ax, steps, curves, ylabel=label)
    axes[0].axhline(float(found["best"][:, 0].mean()), **EXACT_LINE, label="early stopping")
    axes[0].legend(loc="lower left")
    axes[0].set(ylim=(40, 100))
    axes[1].set(ylim=(0, 3))


def gains(
    ax: Axes, results: dict[str, tuple[float, float]], *, over: str, seeds: Any = None
) -> None:
    """Gains in accuracy over a baseline, one row per method from the top down: mean and half width
    of the interval, in per cent points, as `paired_gain` gives them.

    `seeds`: the gain of each seed, `(n_seeds, n_methods)`, as small points.
    """
    mean, half = array(list(results.values())).T
    rows = np.arange(len(mean))
    if seeds is not None:
        values = array(seeds)
        below = np.broadcast_to(rows + 0.2, values.shape)
        ax.plot(values, below, "o", color=COLD, markersize=2.5, alpha=0.7)
        ax.plot([], [], "o", color=COLD, markersize=2.5, label="one seed each")
    ax.errorbar(mean, rows, xerr=half, fmt="o", color=DATA, label="mean, 95 % interval")
    ax.axvline(0, **EXACT_LINE)
    ax.set(yticks=rows, yticklabels=results, ylim=(len(mean) - 0.5, -0.5))
    ax.set(xlabel=f"accuracy minus that of {over} (points)")


WAYS: dict[str, dict[str, Any]] = {  # to train, as the study `42_digits` has them
    "learning rate 0.2": {},
    "learning rate 0.05": dict(lr=0.05),
    "averaged weights": dict(ema=0.98, schedule="constant"),
}


def gains_over_noise(axes: Sequence[Axes], rows: list[dict[str, Any]]) -> None:
    """Gain of resets over the noise rate, with 95 % intervals, one of `axes` for each of three ways to
    train: of the weights that early stopping keeps, and of the last ones. `rows` are those of the study
    `42_digits`."""
    for ax, (title, way) in zip(axes, WAYS.items(), strict=True):
        results = {
            row["setting"]["noise_rate"]: row["result"]
            for row in rows
            if row["setting"] == way | dict(noise_rate=row["setting"]["noise_rate"])
        }
        for name, label, color, mark in (
            ("kept", "over early stopping", LEARNED, "o-"),
            ("last", "over the last step", DATA, "s--"),
        ):
            gains = [paired_gain(*result[name][::-1]) for result in results.values()]
            mean, half = zip(*gains, strict=True)
            ax.errorbar(list(results), mean, half, fmt=mark, color=color, label=label)
        ax.axhline(0, **EXACT_LINE)
        ax.set(title=title, xlabel="noise rate τ", ylim=(-6, 34))
    axes[0].set(ylabel="gain by resets (points)")
    axes[1].legend(loc="upper left")


def with_and_without(panels: Sequence[Axes], methods: dict[float, Any]) -> None:
    """Gains over early stopping of several methods, without resets and with them: one panel for each noise
    rate, means, in numbers too, and 95 % intervals of paired differences.

    `methods`: for each noise rate by name the accuracies in per cent without and with resets, as
    `fair_baselines` gives them; the first without resets is what all are compared with.
    """
    for ax, (noise_rate, found) in zip(panels, methods.items(), strict=True):
        baseline = next(iter(found.values()))[0]
        ax.axvline(0, **EXACT_LINE)
        for k, (shift, marker, color, label) in enumerate(
            ((-0.15, "o", DATA, "without resets"), (0.15, "s", HOT, "with resets"))
        ):
            rows = {row + shift: both[k] for row, both in enumerate(found.values())}
            there = {y: v for y, v in rows.items() if v and v is not baseline}
            gains = [paired_gain(accuracies, baseline) for accuracies in there.values()]
            x, half = zip(*gains, strict=True)
            ax.errorbar(x, [*there], xerr=half, fmt=marker, color=color, label=label)
            for y, (gain, reach) in zip(there, gains, strict=True):
                ax.annotate(
                    f"{gain:+.1f}", (gain + reach, y), (4, 0), textcoords="offset points",
                    va="center", color=color, fontsize=8,
                )  # fmt: skip
        ax.set(yticks=range(len(found)), yticklabels=found, ylim=(len(found) - 0.5, -0.5))
        ax.set(title=rf"$\tau$ = {noise_rate}", xlabel="gain over early stopping (points)")
        ax.label_outer()
    panels[0].figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=2
    )


def search_times(ax: Axes, search: Walks, target: float, predicted: tuple[Any, Any]) -> None:
    """Mean hitting times of a network over p_reset, both on logarithmic scales.

    Points are walkers, restricted to the time of the walk (the grey line); the band is those without
    resets. `predicted`: `p_reset` and what `Walks.predict` says of them, green; dashed the curve of a
    Brownian search, scaled to the same optimum, if there is one.
    """
    times = search.hitting_times(target)
    p, (mean, std) = array(search.p_reset), map(array, times.restricted_mean())
    for low, high in zip((mean - std)[p == 0], (mean + std)[p == 0], strict=True):
        ax.axhspan(low, high, color=COLD, alpha=0.35, linewidth=0, label="no resets ± s.e.")
    at, (curve, lower, upper) = map(array, predicted)
    ax.fill_between(at, lower, upper, color=LEARNED, alpha=0.3, linewidth=0)
    ax.plot(at, curve, color=LEARNED, label="from free excursions")
    if curve.argmin() > 0:
        z = 1.593624 * np.sqrt(at / at[curve.argmin()])  # √(r/D) x₀, and its best value
        brownian = curve.min() * (np.exp(z) - 1) / z**2 / 1.544138
        ax.plot(at, brownian, **EXACT_LINE, label="Brownian search, scaled")
    ax.errorbar(p[p > 0], mean[p > 0], std[p > 0], fmt="o", color=DATA, label="walkers")
    ax.axhline(times.longest, color="0.6", linewidth=0.8)
    ax.set(xscale="log", yscale="log", xlabel="$p_{reset}$", ylabel="mean search (steps)")
    ax.set(xlim=(0.008, 0.9), ylim=(30, 8000))
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
