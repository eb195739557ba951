"""Movies on the page: a player with a slider, and the filmstrip that readers without a kernel see.

A movie may have fields beside it, such as the entropy that each cell of a network reports, and
fields that stand still, such as their mean over time. What is shown comes from elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython import get_ipython
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from ..brief import Brief
from ..movie import Movie
from .explore import Explorer, png
from .style import IMAGE, SIGNED, WIDE, array


@dataclass(frozen=True, eq=False)
class Panel(Brief):
    """One picture that moves, or that stands still, in a `play_movie` or a `filmstrip`.

    Attributes:
        images: `(n_frames, height, width)`, tensor or array; `(height, width)` stands still.
        signed: the field is odd under time reversal, such as entropy: white is zero, red is
            positive, it has a colour bar, and a movie that plays backwards shows its negative.
        limit: the colours end here; without it, at the largest size in any frame.
        cell: pixels of the camera on a side of each of its cells.
        label: what a signed field is, with its unit, beside the colour bar.

    Raises `ValueError` for other axes, no images, or values that are not finite.
    """

    images: Any
    signed: bool = False
    limit: float | None = None
    cell: float = 1.0
    label: str = r"$H$ ($k_B$)"

    def __post_init__(self) -> None:
        images = array(self.images).astype(np.float32)
        if images.ndim not in (2, 3) or 0 in images.shape:
            raise ValueError(
                "images must have the axes (n_frames, height, width), or (height, width) for a "
                f"picture that stands still, got shape {images.shape}; take one movie of several"
            )
        if not np.isfinite(images).all():
            raise ValueError("images must be finite; leave out what is not")
        object.__setattr__(self, "images", images)

    @property
    def still(self) -> bool:
        return self.images.ndim == 2

    def at(self, index: int, backwards: bool = False) -> np.ndarray:
        """What is seen in frame `index` `(height, width)`, counted in the order of recording."""
        frame = self.images if self.still else self.images[index]
        return -frame if self.signed and backwards else frame

    def draw(self, ax: Axes, index: int) -> AxesImage:
        """Frame `index` as an image whose colours mean the same in every frame."""
        height, width = self.images.shape[-2:]
        low, high = self.images.min(), self.images.max()
        if self.signed:
            high = max(-low, high) or 1.0
        if self.limit is not None:
            high = self.limit
        image = ax.imshow(
            self.at(index),
            cmap=SIGNED if self.signed else IMAGE,
            vmin=-high if self.signed else low,
            vmax=high,
            origin="upper",
            interpolation="nearest",
            extent=(0, width * self.cell, height * self.cell, 0),
        )
        ax.set(xticks=[], yticks=[], visible=True)
        return image


def play_movie(
    movies: Mapping[str, Any], *, alt: str, dt: float | None = None, n_strip: int = 6
) -> Explorer:
    """A movie with play, slider and direction, beside it whatever else moves or stands still.

    Where no kernel runs, the page shows the `filmstrip`.

    Args:
        movies: the panels from left to right by their titles: a `Movie`, of which the first path
            is shown, frames `(n_frames, height, width)`, or a `Panel`. The shortest decides how
            many frames are played: a movie of n frames has n − 1 steps.
        alt: the movie in words, for readers who do not see it.
        dt: time between two frames, if no `Movie` tells; without it frames are counted.
        n_strip: frames in the filmstrip.

    Returns:
        The `Explorer`, already on the page; `controls["frame"]` counts what has been played.

    Raises `ValueError` for no `alt`, no panel that moves, or fewer than two frames.

    Example:
        `play_movie({"film A": A, "film B": B}, alt="Two beads …", dt=0.05)`
    """
    panels, n_frames, dt = _panels(movies, dt)
    width = min(WIDE[0] / 2, WIDE[0] / len(panels))
    height = max(width * p.images.shape[-2] / p.images.shape[-1] for p in panels.values())
    bars = any(panel.signed for panel in panels.values())
    figure = Figure((width * len(panels), height + 0.5 + 0.6 * bars))
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    images = []
    for ax, (title, panel) in zip(axes, panels.items(), strict=True):
        images.append(panel.draw(ax, 0))
        ax.set_title(title)
        if bars:  # for all, else the panels would not stand side by side
            label = panel.label if panel.signed else "pixel value"
            figure.colorbar(images[-1], ax=ax, location="bottom", label=label, shrink=0.8)
    clock = figure.suptitle(" ", fontsize=11)

    def draw(frame: int = 0, direction: bool = False) -> Figure:
        index = n_frames - 1 - frame if direction else frame
        for image, panel in zip(images, panels.values(), strict=True):
            image.set_data(panel.at(index, direction))
        clock.set_text(_when(frame, dt))
        return figure

    directions = {"forwards": False, "backwards": True}
    explorer = Explorer(draw, alt, "frame", dict(frame=(0, n_frames - 1), direction=directions))
    assert explorer.player is not None
    explorer.player.interval = 200  # milliseconds, as far as kernel and network keep up
    if get_ipython() is not None:
        strip = filmstrip(panels, dt=dt, n=n_strip)
        plt.close(strip)
        explorer.show(png(strip))
    return explorer


def filmstrip(movies: Mapping[str, Any], *, dt: float | None = None, n: int = 6) -> Figure:
    """`n` frames of each movie in a row, evenly spaced in time; what stands still comes last.

    Args:
        movies, dt: as in `play_movie`.
        n: frames shown, at most all.

    Raises `ValueError` for no panel that moves, or fewer than two frames.
    """
    panels, n_frames, dt = _panels(movies, dt)
    index = np.unique(np.linspace(0, n_frames - 1, min(n, n_frames)).round().astype(int))
    still = {title: panel for title, panel in panels.items() if panel.still}
    moving = {title: panel for title, panel in panels.items() if not panel.still}
    first = next(iter(moving.values()))
    shape = max(len(moving), len(still)), len(index) + bool(still)
    height, breadth = first.images.shape[1:]
    row_height = 0.1 + WIDE[0] / shape[1] * height / breadth
    size = WIDE[0], 0.3 + shape[0] * row_height
    figure, axes = plt.subplots(*shape, squeeze=False, figsize=size)
    for ax in axes.ravel():
        ax.set_visible(False)
    for row, (title, panel) in zip(axes, moving.items(), strict=False):
        for ax, i in zip(row, index, strict=False):
            image = panel.draw(ax, i)
            if panel is first:
                ax.set_title(_when(i, dt), fontsize=9)
        row[0].set_ylabel(title)
        if panel.signed:
            figure.colorbar(image, ax=row[: len(index)].tolist(), label=panel.label, pad=0.02)
    for ax, (title, panel) in zip(axes[:, -1], still.items(), strict=False):
        image = panel.draw(ax, 0)
        ax.set_title(title, fontsize=9)
        if panel.signed:
            figure.colorbar(image, ax=ax, label=panel.label)
    return figure


def _panels(
    movies: Mapping[str, Any], dt: float | None
) -> tuple[dict[str, Panel], int, float | None]:
    """All entries as `Panel`, how many frames all moving ones have, and their dt if known."""
    panels = {}
    for title, movie in movies.items():
        if isinstance(movie, Movie):
            dt = dt or movie.dt
            movie = movie.at(torch.arange(movie.n_times))
        panels[title] = movie if isinstance(movie, Panel) else Panel(movie)
    lengths = [len(panel.images) for panel in panels.values() if not panel.still]
    if not lengths or min(lengths) < 2:
        raise ValueError(
            "a movie needs at least two frames in each panel that moves, got the shapes "
            f"{[panel.images.shape for panel in panels.values()]}"
        )
    return panels, min(lengths), dt


def _when(frame: int, dt: float | None) -> str:
    """The caption of a frame: its time, or its number."""
    return f"frame {frame}" if dt is None else f"$t$ = {frame * dt:.3g}"
