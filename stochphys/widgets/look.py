"""One look at data before anything is inferred from them: four pictures, and what they say in words.

The tests live in `inference.signs`, `signs_of_frames`, `signs_of_jumps` and `signs_of_movies`.
"""

from base64 import b64encode
from dataclasses import dataclass, field
from html import escape

import torch
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..brief import Brief
from ..data import Trajectories
from ..inference.signs import some_pairs, some_pieces
from ..inference.signs_of_data import facts_of_paths, signs_of_paths
from ..inference.signs_of_frames import Lags, lags
from .explore import png
from .style import DATA, EXACT_LINE, HOT, OTHERS, STYLE

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


def look(data: Trajectories) -> Look:
    """One look before any estimate.

    Args:
        data: `Trajectories`, of any lengths, with gaps or not.

    Of more than some 100 000 frames a part is looked at. Raises `TypeError` for anything else.
    """
    if not isinstance(data, Trajectories):
        raise TypeError(
            f"data must be Trajectories, got {type(data).__name__}; wrap arrays: sp.Trajectories.of(arrays, dt)"
        )
    found = lags(data)
    facts, warnings = tuple(facts_of_paths(data, found)), tuple(signs_of_paths(data))
    with rc_context(STYLE):
        figure = Figure((8.4, 5.6))
        figure.set_label(
            "Four panels: positions in the first and last third, D against the lag, the correlation of "
            "successive displacements, and the size of steps in time."
        )
        (of_thirds, of_lag), (of_memory, of_steps) = figure.subplots(2, 2)
        thirds(of_thirds, data)
        spread(of_lag, data)
        memory(of_memory, found)
        sizes(of_steps, data)
    return Look(facts, warnings, figure)


def thirds(ax: Axes, data: Trajectories) -> None:
    """Positions in the first and in the last third of the time."""
    x, _, _, time = some_pairs(data)
    span = int(time.max() - time.min()) + 1
    early, late = (time - time.min()) * 3 < span, (time - time.min()) * 3 >= 2 * span
    change = (x[late].mean(0) - x[early].mean(0)).abs() / x.std(0) if late.any() else x[0] * 0
    k = int(change.argmax())
    edges = torch.linspace(x[:, k].min(), x[:, k].max(), 41).tolist()
    for part, colour, name in ((early, DATA, "first third"), (late, HOT, "last third")):
        if part.any():
            ax.hist(
                x[part, k].numpy(), edges, density=True, histtype="step", color=colour, label=name
            )
    ax.set(xlabel=f"coordinate {k}", ylabel="density")
    ax.legend()


def spread(ax: Axes, data: Trajectories) -> None:
    """Variance of displacements over twice their time: D, if nothing but noise moves it."""
    some = some_pieces(data)
    ks = [k for k in (1, 2, 3, 5, 8, 13, 21, 34, 55, 89) if k < max(2, some.longest // 2)]
    rows = []
    for k in ks:
        x = some.gapless(k + 1, max(1, k // 4))[0].x.double().cpu()
        rows.append((x[:, k:] - x[:, :-k]).var((0, 1)) / (2 * k * data.dt))
    for i, values in enumerate(torch.stack(rows, 1)[: len(COLOURS)]):
        ax.loglog(
            [k * data.dt for k in ks], values, "o-", color=COLOURS[i], label=f"coordinate {i}"
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
            ax.errorbar(at, found.correlation[:, i], error, fmt="o", color=COLOURS[i])
    ax.set(xlabel="frames apart", ylabel="correlation of steps", ylim=(-0.6, 1.05))


def sizes(ax: Axes, data: Trajectories) -> None:
    """The size of steps in time, in units of what is typical."""
    _, step, _, time = some_pairs(data)
    size = (step / step.abs().median(0).values.clamp(min=1e-300)).abs().amax(1) * 0.6745
    far = size.argsort(descending=True)[: SHOWN // 10]
    shown = torch.cat((far, torch.arange(0, len(size), 1 + len(size) // SHOWN)))
    ax.semilogy(time[shown] * data.dt, size[shown].clamp(min=0.1), ".", color=DATA, markersize=2)
    ax.set(xlabel="time", ylabel="largest step / typical")
