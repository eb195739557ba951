"""Maps of dissipation beside each other, beside the frame they belong to, and what one cell sees."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from ...inference.maps import DissipationMap, cell_place
from ...models import MovieNEEP
from ...widgets.movies import Panel
from ...widgets.style import DATA, EXACT, EXACT_LINE, HOT, LEARNED, WIDE, array

LABEL = r"entropy per cell ($k_B$ per time unit)"


def row_of_maps(
    maps: Mapping[str, Any],
    *,
    cell: int,
    frame: Any = None,
    nodes: Any = None,
    hot: Sequence[int] = (),
    numbered: bool = False,
    shared: bool = True,
) -> Figure:
    """Signed maps side by side: white is zero, red is positive.

    Args:
        maps: `(rows, columns)` each, by their titles.
        cell: size of a cell in pixels.
        frame: `(height, width)`, shown first.
        nodes: places to be marked `(n, 2)`, row and column in pixels; those numbered in `hot`
            are vermillion, and with `numbered` each has its number beside it.
        shared: one scale for all; else each its own, as for one frame beside the mean of many.
    """
    limit = max(float(abs(array(H)).max()) for H in maps.values()) if shared else None
    look: dict[str, Any] = dict(signed=True, limit=limit, cell=cell, label=LABEL)
    panels = {} if frame is None else {"frame": Panel(frame)}
    panels |= {title: Panel(H, **look) for title, H in maps.items()}
    rows, columns = next(iter(panels.values())).images.shape
    size = WIDE[0], WIDE[0] / len(panels) * rows / columns + 0.9  # inches
    figure, axes = plt.subplots(1, len(panels), figsize=size, squeeze=False)
    for ax, (title, panel) in zip(axes[0], panels.items(), strict=True):
        image = panel.draw(ax, 0)
        ax.set_title(title, fontsize=10)
        if nodes is not None:
            mark(ax, nodes, hot=hot, numbered=numbered)
        if panel.signed and not shared:
            figure.colorbar(image, ax=ax, location="bottom", label=r"$k_B$ per time unit")
    if shared:
        figure.colorbar(image, ax=axes[0].tolist(), location="bottom", label=LABEL, aspect=50)
    return figure


def mark(ax: Axes, nodes: Any, *, hot: Sequence[int] = (), numbered: bool = False) -> None:
    """Rings at the places of the nodes, see `row_of_maps`."""
    row, column = array(nodes).T + 0.5  # a pixel covers one unit of these axes
    edges = [HOT if i in hot else EXACT for i in range(len(row))]
    rings = ax.scatter(column, row, s=30, facecolors="none", edgecolors=edges, linewidths=1.6)
    rings.set_path_effects([withStroke(linewidth=3.2, foreground="white")])
    for i, place in enumerate(zip(column, row, strict=True)):
        if numbered:
            text = ax.annotate(str(i), place, (4, 4), textcoords="offset points", fontsize=8)
            text.set(color=edges[i], path_effects=[withStroke(linewidth=2, foreground="white")])


def receptive_fields(
    ax: Axes, frame: Any, found: DissipationMap | MovieNEEP, cells: Sequence[tuple[int, int]]
) -> None:
    """A frame with the square that each of the `cells` (row, column) of a map sees, and the cell
    itself filled; what lies outside of the frame is cut off."""
    Panel(frame).draw(ax, 0)
    rows, columns = array(frame).shape
    places = array(cell_place(torch.tensor(cells), found.cell)) + 0.5
    for place, color, line in zip(places, cycle((HOT, "white")), cycle(("-", "--")), strict=False):
        for size, fill in ((found.receptive_field, "none"), (found.cell, color)):
            top, left = (place - size / 2).clip(0.3)
            bottom, right = (place + size / 2).clip(max=(rows - 0.3, columns - 0.3))
            square = Rectangle((left, top), right - left, bottom - top)
            square.set(facecolor=fill, edgecolor=color, linestyle=line, linewidth=1.8)
            ax.add_patch(square)
    ax.set_title(f"one cell sees {found.receptive_field} × {found.receptive_field} pixels")


def read_against_exact(ax: Axes, exact: Any, read: Any, std: Any, blobs: Any) -> None:
    """Entropy of each node against what is exact: as blobs on the map say, and as `entropy_at` does, ± 2 std."""
    bars: dict[str, Any] = dict(
        yerr=2 * array(std), fmt="o", color=LEARNED, label="at places, ± 2 s.e."
    )
    ax.plot(array(exact), array(blobs), "s", color=DATA, fillstyle="none", label="blobs", zorder=3)
    ax.errorbar(array(exact), array(read), **bars)
    ax.axline((0, 0), slope=1, **EXACT_LINE)
    ax.set(xlabel=r"exact $\langle\nu_i^2\rangle/D_i$")
