"""Figures of images and of what a study of many runs found about them."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...widgets.style import DATA, EXACT_LINE, HOT, LEARNED, OTHERS, array
from .learning import gains


def gallery(axes: Sequence[Axes], images: Any, given: Any, true: Any, names: Sequence[str]) -> None:
    """Grey images `(n, 1, height, width)`, each with the label that is given; a wrong one in bold
    vermillion, with the true one below it."""
    for ax, image, said, is_ in zip(axes, array(images), given, true, strict=True):
        ax.imshow(image[0], cmap="gray_r", origin="upper")
        wrong = said != is_
        text = f"{names[said]}\nnot {names[is_]}" if wrong else f"{names[said]}\n"
        ax.set_title(
            text, fontsize=9, color=HOT if wrong else "k", weight="bold" if wrong else None
        )
        ax.set(xticks=[], yticks=[])


def by_kind(ax: Axes, names: Sequence[str], shares: dict[str, Any]) -> None:
    """Per cent of each kind that two networks call by its name, one row for each kind."""
    rows = np.arange(len(names))
    looks = (("^", OTHERS[1]), ("o", LEARNED))
    for (label, share), (mark, color) in zip(shares.items(), looks, strict=True):
        ax.plot(array(share), rows, mark, color=color, label=label)
    ax.set(yticks=rows, yticklabels=names, ylim=(len(names) - 0.5, -0.5), xlim=(0, 100))
    ax.set(xlabel="test images called by their name (%)")
    ax.grid(axis="y", color="0.9")
    ax.figure.legend(loc="outside upper center", ncols=2)


def over_noise(axes: Sequence[Axes], rates: Sequence[float], found: dict[str, Any]) -> None:
    """Left accuracies over the noise rate, right what resets gain, with 95 % intervals.

    `found`: for each of `rates`, in lists, `last`, `stopped` and `reset`: mean accuracies in per cent, and
    `over stopped`, `over last`: gain and half width.
    """
    left, right = axes
    for name, label, color, mark in (
        ("reset", "resets", LEARNED, "o-"),
        ("stopped", "early stopping", DATA, "s--"),
        ("last", "last step of SGD", OTHERS[1], "^:"),
    ):
        left.plot(rates, found[name], mark, color=color, label=label)
    left.set(xlabel="noise rate τ", ylabel="test accuracy (%)", ylim=(0, 100))
    left.legend(loc="lower left")
    for name, label, color, mark in (
        ("over stopped", "over early stopping", DATA, "s--"),
        ("over last", "over the last step", OTHERS[1], "^:"),
    ):
        mean, half = zip(*found[name], strict=True)
        right.errorbar(rates, mean, half, fmt=mark, color=color, label=label)
    right.axhline(0, **EXACT_LINE)
    right.set(xlabel="noise rate τ", ylabel="gain by resets (points)")
    right.legend(loc="upper left")


def panels(
    found: dict[str, dict[str, tuple[float, float]]], usual: tuple[float, float], *, over: str
) -> Figure:
    """Gains with their intervals, one panel for each question, on one scale; a band for the usual one."""
    n = -(-len(found) // 2)
    heights = [len(rows) + 1 for rows in found.values()]
    ratios = [max(heights[2 * k : 2 * k + 2]) for k in range(n)]
    figure, axes = plt.subplots(
        n, 2, figsize=(8.4, 0.4 * sum(ratios) + 0.6), sharex=True, height_ratios=ratios
    )
    for ax, (question, rows) in zip(np.ravel(axes), found.items(), strict=True):
        mean, half = usual
        ax.axvspan(mean - half, mean + half, color="0.9", linewidth=0)
        ax.axvline(mean, color="0.6", linewidth=0.8)
        gains(ax, rows, over=over)
        ax.set(title=question, xlabel="")
    figure.supxlabel(f"accuracy minus that of {over} (points)", fontsize=11)
    return figure
