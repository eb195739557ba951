"""One look at data before anything is inferred from them: four pictures, and what they say in words.

The tests live in `inference.signs`, `signs_of_frames`, `signs_of_jumps` and `signs_of_movies`.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import torch
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..brief import Brief
from ..data import Jumps, Trajectories
from ..inference.lags import Lags, lags
from ..inference.results import Recorded
from ..inference.signs import clock, some_pairs, some_pieces
from ..inference.signs_of_data import facts_of, signs_of
from ..inference.signs_of_jumps import pairs
from ..inference.signs_of_movies import Seen
from ..movie import Movie
from .explore import png
from .style import DATA, EXACT_LINE, HOT, IMAGE, OTHERS, STYLE, array

SHOWN = 2000  # steps that are drawn
COLOURS = (DATA, *OTHERS, "#009E73")


@dataclass(frozen=True, eq=False)
class Look(Brief):
    """What a first look at data shows; `print` shows the words, a notebook the figure too.

    Attributes:
        facts: what the data hold, and what they could tell at all.
        warnings: sentences on what is wrong with them, each with its sign, its causes, and the test that
            decides; empty if all is well.
        figure: of matplotlib; `look.figure.savefig("look.png")` keeps it.
    """

    facts: tuple[str, ...]
    warnings: tuple[str, ...]
    figure: Figure = field(repr=False)

    def __str__(self) -> str:
        return "\n".join((*self.facts, *(self.warnings or ("Nothing to complain of.",))))

    def _repr_html_(self) -> str:
        picture = b64encode(png(self.figure)).decode()
        words = "".join(f"<p>{escape(line)}</p>" for line in str(self).splitlines())
        return f'{words}<img alt="{escape(str(self.figure.get_label()))}" src="data:image/png;base64,{picture}">'


def look(data: Recorded) -> Look:
    """One look before any estimate: a figure and words.

    Args:
        data: `Trajectories` of any lengths, with gaps or not; `Jumps`; a `Movie`. Of more than some
            200 000 frames (4000 of a movie) a part is looked at.

    Raises `TypeError` for anything else.
    """
    draw: Any = {Jumps: of_jumps, Movie: of_movie, Trajectories: of_paths}.get(type(data))
    if draw is None:
        raise TypeError(
            f"data must be Trajectories, Jumps or a Movie, got {type(data).__name__}; wrap arrays: "
            "sp.Trajectories.of(arrays, dt)"
        )
    with rc_context(STYLE):
        figure = Figure((8.4, 5.6))
        figure.set_label(draw(figure.subplots(2, 2).flatten(), data))
    return Look(facts_of(data), signs_of(data), figure)


def of_paths(axes: Sequence[Axes], data: Trajectories) -> str:
    thirds(axes[0], data)
    spread(axes[1], data)
    memory(axes[2], lags(data))
    sizes(axes[3], data)
    return (
        "Positions in the first and last third, the apparent D against the lag, the correlation of "
        "successive displacements, and the size of steps in time."
    )


def of_jumps(axes: Sequence[Axes], data: Jumps) -> str:
    rows, _, time = clock(data)
    x, late = data.x.flatten()[rows].long().cpu(), time * 3 >= 2 * time.max()
    for part, colour, name in (
        (time * 3 < time.max(), DATA, "first third"),
        (late, HOT, "last third"),
    ):
        share = torch.bincount(x[part], minlength=data.n_states) / max(1, int(part.sum()))
        axes[0].step(range(data.n_states), array(share), where="mid", color=colour, label=name)
    axes[0].set(xlabel="state", ylabel="share")
    axes[0].legend()
    i, j, n = pairs(data)
    there = torch.zeros(data.n_states, data.n_states)
    there[i.cpu(), j.cpu()] = n.cpu().float()
    axes[1].imshow(array(there.log1p()), cmap=IMAGE)
    axes[1].set(xlabel="to", ylabel="from")
    both, moves = (there + there.T) / 2, (there - there.T) / (there + there.T).sqrt().clamp(min=1)
    axes[2].plot(array(both).flatten(), array(moves).flatten(), ".", color=DATA)
    axes[2].set(xlabel="jumps, mean of both ways", ylabel="difference / its luck", xscale="symlog")
    axes[3].plot(array(time[:SHOWN]), array(x[:SHOWN]), ".", color=DATA, markersize=2)
    axes[3].set(xlabel="time", ylabel="state")
    return (
        "Share of the states in the first and last third, counts of jumps, their difference from one "
        "way to the other, and states in time."
    )


def of_movie(axes: Sequence[Axes], data: Movie) -> str:
    seen = Seen.of(data)
    time = array(seen.time * data.dt)
    axes[0].imshow(array(seen.frames.mean(0)), cmap=IMAGE, origin="upper")
    axes[0].set(title="mean", xticks=[], yticks=[])
    axes[1].plot(time, array(seen.brightness), ".", color=DATA, markersize=2)
    axes[1].set(xlabel="time", ylabel="mean brightness")
    for i, name in enumerate(("row", "column")):
        moved = seen.place[:, i] - seen.place[:, i].mean()
        axes[2].plot(time, array(moved), ".", color=COLOURS[i], markersize=2, label=name)
    axes[2].set(xlabel="time", ylabel="middle of the light (pixels)")
    axes[2].legend()
    axes[3].hist(
        array(seen.frames.flatten()[:: 1 + seen.frames.numel() // 100_000]),
        60,
        color=DATA,
        log=True,
    )
    axes[3].set(xlabel="brightness of pixels", ylabel="number")
    return "The mean image, its brightness and the middle of the light in time, and brightness of pixels."


def thirds(ax: Axes, data: Trajectories) -> None:
    """Positions in the first and in the last third of the time, of the coordinate that changes most."""
    x, _, _, time = some_pairs(data)
    span = int(time.max() - time.min()) + 1
    early, late = (time - time.min()) * 3 < span, (time - time.min()) * 3 >= 2 * span
    k = 0
    if late.any():
        change = (x[late].mean(0) - x[early].mean(0)).abs() / (x.amax(0) - x.amin(0))
        k = int(change.nan_to_num().argmax())
    for part, colour, name in ((early, DATA, "first third"), (late, HOT, "last third")):
        if part.any():
            ax.hist(array(x[part, k]), 40, histtype="step", color=colour, label=name)
    ax.set(xlabel=f"coordinate {k}", ylabel="frames")
    ax.legend()


def spread(ax: Axes, data: Trajectories) -> None:
    """Variance of displacements over twice their time: D, if nothing but noise moves it."""
    some = some_pieces(data, 100_000)
    ks = [k for k in (1, 2, 3, 5, 8, 13, 21, 34, 55, 89) if k < max(2, some.longest // 2)]
    rows = []
    for k in ks:
        x = some.gapless(k + 1, max(1, k // 4))[0].x.double().cpu()
        rows.append((x[:, k:] - x[:, :-k]).var((0, 1), correction=0) / (2 * k * data.dt))
    for i, values in enumerate(torch.stack(rows, 1)[: len(COLOURS)]):
        ax.loglog(
            [k * data.dt for k in ks],
            array(values),
            "o-",
            color=COLOURS[i],
            label=f"coordinate {i}",
        )
    ax.set(xlabel="lag", ylabel="variance of steps / 2 lag")
    ax.legend()


def memory(ax: Axes, found: Lags | None) -> None:
    """How displacements so many frames apart are correlated, without what forces make."""
    ax.axhline(0, **EXACT_LINE)
    if found is not None:
        for i in range(min(found.correlation.shape[1], len(COLOURS))):
            at = torch.arange(1, len(found.correlation) + 1) + 0.06 * i
            error = 2 * found.error[:, i]
            ax.errorbar(
                array(at), array(found.correlation[:, i]), array(error), fmt="o", color=COLOURS[i]
            )
    ax.set(xlabel="frames apart", ylabel="correlation of steps", ylim=(-0.6, 1.05))


def sizes(ax: Axes, data: Trajectories) -> None:
    """The size of steps in time, in units of what is typical."""
    _, step, _, time = some_pairs(data)
    size = (step / step.abs().median(0).values.clamp(min=1e-300)).abs().amax(1) * 0.6745
    far = size.argsort(descending=True)[: SHOWN // 10]
    shown = torch.cat((far, torch.arange(0, len(size), 1 + len(size) // SHOWN)))
    ax.semilogy(
        array(time[shown] * data.dt),
        array(size[shown].clamp(min=0.1)),
        ".",
        color=DATA,
        markersize=2,
    )
    ax.set(xlabel="time", ylabel="largest step / typical")
