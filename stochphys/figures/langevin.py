"""Figures of inferred equations of motion: what a posterior says of drift and diffusion, and where.

As in `plots`: each function draws on the axes it is given; the figure belongs to the notebook.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from .plots import array, points
from .style import DATA


def visits(ax: Axes, x: Any, *, height: float = 0.18, bins: int = 60) -> None:
    """Where the data were: a histogram of `x` of any shape along the foot of the axes, without a
    scale, as high as the fraction `height` of them."""
    count, edges = np.histogram(array(x).ravel(), bins)
    foot = ax.get_xaxis_transform()  # x in data units, y as a fraction of the axes
    ax.stairs(
        height * count / count.max(),
        edges,
        transform=foot,
        fill=True,
        color=DATA,
        alpha=0.25,
        label="visits",
    )
    ax.legend(loc="upper right")


def binned(ax: Axes, x: Any, y: Any, *, width: float, least: int = 30) -> None:
    """Mean of the labels `y` in bins of x, with standard errors: the moments of Kramers and Moyal.

    `x` and `y` have as many entries, in any shape; bins with fewer than `least` are left out.
    """
    x, y = array(x).ravel(), array(y).ravel()
    bins = np.floor(x / width).astype(int)
    full = [k for k in np.unique(bins) if (bins == k).sum() >= least]
    mean = [y[bins == k].mean() for k in full]
    error = [y[bins == k].std() / (bins == k).sum() ** 0.5 for k in full]
    points(ax, [(k + 0.5) * width for k in full], mean, error, label="mean of a bin")
