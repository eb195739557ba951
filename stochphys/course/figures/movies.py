"""Figures of learning from movies: what is seen of a network that learns its pairs by heart."""

from typing import Any

from matplotlib.axes import Axes

from ...widgets.style import DATA, HOT, LEARNED, OTHERS, array

# Frames per movie; R² on other movies at the last step, means of five runs; the same where the
# held-out loss was best, middle of their ranges. From the logs in `results/2BS` of
# github.com/qodudrud/CNEEP, commit 067c227: 100 movies each, dt = 0.01, 50 000 steps of 4096 pairs.
PUBLISHED_RUNS = (
    (500, 1000, 2000, 4000, 6000, 8000, 10_000),
    (0.376, 0.663, 0.927, 0.968, 0.979, 0.983, 0.984),
    (0.926, 0.956, 0.971, 0.982, 0.981, 0.984, 0.988),
)
# Held-out loss at the last step of the shortest movies; it ends between these.
LAST_LOSS = (1.01, 1.10)


def overfitting(ax: Axes, times_seen: Any, readings: Any) -> None:
    """Readings `(n_looks, 4)` over how often each training pair was drawn: 1 − loss of training and
    of held-out pairs, mean ΔS, R²; 1 is right. A line marks the best held-out loss. What leaves
    −1 to 2.5 is not drawn."""
    looks = {"1 − loss, training": (DATA, ":"), "1 − loss, held out": (LEARNED, "-")}
    looks |= {"mean ΔS, held out": (HOT, "-."), "R², held out": (OTHERS[0], "--")}
    times, values = array(times_seen), array(readings)
    for (name, (color, dashes)), reading in zip(looks.items(), values.T, strict=True):
        ax.semilogx(times, reading, dashes, color=color, label=name)
    ax.axvline(times[values[:, 1].argmax()], color="0.6", linewidth=0.8)
    ax.set(xlabel="times that each pair was seen", ylabel="reading (1 is right)", ylim=(-1, 2.5))
    ax.legend(loc="lower left", fontsize=8)


def published_runs(ax: Axes) -> None:
    """`PUBLISHED_RUNS` of CNEEP: R² over the length of the movies, at the last and at the best step."""
    lengths, last, best = PUBLISHED_RUNS
    ax.semilogx(lengths, best, "s-", color=LEARNED, label="best held-out loss")
    ax.semilogx(lengths, last, "o:", color=HOT, label="last step")
    at = (lengths[0], last[0] - 0.04)
    ax.annotate("held-out loss\n{} to {:.2f}".format(*LAST_LOSS), at, va="top", fontsize=9)
    ax.set(xlabel="frames per movie", ylabel="$R^2$, published runs", ylim=(0, 1.05))
    ax.legend(loc="lower right")
