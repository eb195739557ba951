"""Figures of many inferred systems: what a study measured of each, and a field over two coordinates."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ...widgets.style import DATA, EXACT, EXACT_LINE, FIELD, LEARNED, OTHERS, array

MARKS = {"network": "s", "network, line": "D", "regression": "o", "right basis": "^"}  # of methods
LOOKS = {"network": LEARNED, "network, line": OTHERS[1], "regression": DATA, "right basis": EXACT}


def dots(
    ax: Axes, values: dict[str, dict[str, Any]], *, at: float | None = None, **axes: Any
) -> None:
    """What a study measured: of each method, by its name, the numbers of all seeds of each system; their mean,
    and from the smallest to the largest. `at`: where they should lie, dashed."""
    for k, (method, of) in enumerate(values.items()):
        for row, numbers in enumerate(of.values()):
            few = array(numbers)
            mean, y = few.mean(), row + 0.17 * (k - (len(values) - 1) / 2)
            bars = np.array([[mean - few.min()], [few.max() - mean]])
            look: dict[str, Any] = dict(fmt=MARKS[method], color=LOOKS[method], capsize=2)
            ax.errorbar(mean, y, xerr=bars, label=None if row else method, **look)
    names = list(next(iter(values.values())))
    if at is not None:
        ax.axvline(at, **EXACT_LINE)
    ax.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5), **axes)


def plane(
    ax: Axes, x: Any, std: Any, arrows: dict[str, Any], *, known: Any = None, **axes: Any
) -> Any:
    """A field over two coordinates: its `std (n, n)` as colours at states `x (n, n, 2)`, grey where it is not
    `known (n, n)`, and arrows `(n, n, 2)` by name at every fourth state, "exact" ones dark and thin. Returns
    the colours, for a colour bar."""
    at, size = array(x), array(std)
    if known is not None:
        size = np.where(array(known) > 0, size, np.nan)
        ax.set_facecolor("0.85")
    colors = ax.pcolormesh(at[..., 0], at[..., 1], size, cmap=FIELD, shading="gouraud")
    few, root = (slice(2, None, 4),) * 2, np.abs(array(arrows["exact"])).max()
    unit = 5 * root / np.ptp(at[..., 0])
    for name, field in arrows.items():
        exact = name == "exact"
        look: dict[str, Any] = dict(
            angles="xy", scale_units="width", scale=2.5 * unit * np.ptp(at[..., 0])
        )
        look |= dict(color="white", width=0.011) if not exact else dict(color="black", width=0.004)
        ax.quiver(
            *at[few].transpose(2, 0, 1), *array(field)[few].transpose(2, 0, 1), label=name, **look
        )
    ax.set(**axes)
    return colors
