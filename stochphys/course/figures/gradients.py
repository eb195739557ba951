"""Figures of gradients under wrong labels, and of what resets do about them."""

from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor

from ...device import Source, as_generator
from ...widgets.style import COLD, DATA, EXACT, EXACT_LINE, HOT, LEARNED, OTHERS, array
from ..studies.gradient_split import GradientSplit
from ..studies.sgd_toys import LinearRegression, poisson_filter, sharp_filter, stopping_filter
from .planes import ARROWS

# The parts of the noisy gradient, in the order in which they add up.
PARTS = {
    "drift": (LEARNED, "clean drift, shrunk"),
    "pull": (OTHERS[1], "pull to uniform"),
    "quenched": (HOT, "quenched $q$"),
}


def gradient_plane(
    ax: Axes, split: GradientSplit, examples: Tensor, *, batch_size: int, generator: Source
) -> None:
    """Where the parts of a noisy gradient push the weights, in the plane of −g and −g̃.

    Arrows from tip to tail, the first axis along −g; what sticks out of the plane cancels between
    pull and q. Dots: 150 minibatches of `batch_size` examples, from `example_gradients`
    `(n_examples, n_parameters)` of one network, as `split` is.
    """
    along = -split.clean / split.clean.norm()
    across = -split.noisy - along * (along @ -split.noisy)
    plane = torch.stack((along, across / across.norm()), 1)  # (n_parameters, 2)
    index = torch.randint(len(examples), (150, batch_size), generator=as_generator(generator))
    x, y = array(-(examples @ plane)[index].mean(1)).T
    ax.scatter(x, y, s=9, color=DATA, alpha=0.35, linewidths=0, label=f"{batch_size} examples")
    arrow, tail = ARROWS | dict(width=0.012), torch.zeros(2)
    for part, (color, label) in PARTS.items():
        way = -getattr(split, part) @ plane
        ax.quiver(*array(tail), *array(way), **arrow | dict(color=color, label=label))
        tail = tail + way
    ax.quiver(0, 0, *array(tail), **arrow | dict(color="k", label=r"$-\tilde g$", zorder=3))
    ax.plot([0, split.clean.norm().item()], [0, 0], **EXACT_LINE, label="$-g$")
    ax.set(xlabel="along $-g$", ylabel=r"across, towards $-\tilde g$")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def over_training(ax: Axes, steps: Any, curves: dict[str, Any], **axes: Any) -> None:
    """Up to four curves over steps, by colour and dashes, ± one standard error over members.

    `curves`: by name `(len(steps), members)`; parts of the gradient keep their colours.
    """
    free = iter((DATA, EXACT, OTHERS[0], COLD))
    for (name, values), dashes in zip(curves.items(), ("-", "--", ":", "-."), strict=False):
        color, label = PARTS[name] if name in PARTS else (next(free), name)
        values = array(values)
        mean, error = values.mean(1), values.std(1) / values.shape[1] ** 0.5
        ax.plot(array(steps), mean, dashes, color=color, label=label)
        ax.fill_between(array(steps), mean - error, mean + error, color=color, alpha=0.2, lw=0)
    ax.set(xlabel="training step", **axes)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)  # above, clear of the curves


def filters(
    left: Axes, right: Axes, problem: LinearRegression, wait: int, lr: float, found: Any = None
) -> None:
    """How far each axis of a linear regression is learned from θ = 0, on the left, and the risk
    that follows, over the mean time between resets (or until training stops), on the right.

    `wait` in steps is marked; `found` `(walkers, dim)` are weights found by training, shown axis by axis
    with one standard error of their mean.
    """
    h, axes = torch.linalg.eigh(problem.H)
    minimum = axes.T @ torch.linalg.solve(problem.H, problem.b)
    truth = axes.T @ problem.w.double()
    grid, waits = torch.logspace(-2, 0.7, 80), range(2, 400, 3)
    for name, rule, dashes in (
        ("Poisson resets: ridge", lambda h, n: poisson_filter(h, 1 / n, lr), "-"),
        ("sharp resets", lambda h, n: sharp_filter(h, n, lr), "--"),
        ("stop once", lambda h, n: stopping_filter(h, n, lr), "-."),
    ):
        (line,) = left.plot(array(grid), array(rule(grid, wait)), dashes, label=name)
        risk = [(rule(h, n) * minimum - truth).square().sum().item() for n in (*waits, wait)]
        lowest = min(risk[:-1])
        label = f"{lowest:.2f} at {waits[risk.index(lowest)]}"
        right.plot(waits, risk[:-1], dashes, color=line.get_color(), label=label)
        right.plot(wait, risk[-1], "o", color=line.get_color(), markersize=8)
    if found is not None:
        way = found.double() @ axes / minimum  # (walkers, dim)
        error = way.std(0) / len(way) ** 0.5
        left.errorbar(array(h), array(way.mean(0)), array(error), fmt="k.", label="walkers")
    left.set(xscale="log", xlabel="curvature $h$", ylabel="way to the minimum", ylim=(-0.05, 1.1))
    right.set(xscale="log", xlabel="mean time to a reset, $1/p$ (steps)", ylabel="risk")
    right.set(ylim=(0, 3))
    # Above the axes, clear of the curves.
    above: dict[str, Any] = dict(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=9)
    left.legend(**above)
    right.legend(**above, title="lowest risk, at 1/$p$", title_fontsize=9)


def against_length(ax: Axes, lengths: Any, curves: dict[str, Any]) -> None:
    """Test accuracy over the length of the run: by name a list of accuracies `(seeds,)` in per
    cent, one tensor per length, with one standard error."""
    for (name, values), marks in zip(curves.items(), ("o-.", "s:", "^-"), strict=True):
        error = [float(v.std()) / len(v) ** 0.5 for v in values]
        ax.errorbar(lengths, [float(v.mean()) for v in values], error, fmt=marks, label=name)
    ax.set(xscale="log", xlabel="length of the run (steps)", ylabel="test accuracy (%)")
    ax.set_xticks(lengths, lengths)
    ax.minorticks_off()
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
