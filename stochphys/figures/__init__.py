"""Everything that is looked at: the style, the recurring figures, figures with controls."""

from . import style
from .explore import explore
from .live import LiveCurve
from .plots import (
    bead_chain,
    cumulative_entropy,
    density,
    entropy_histogram,
    fluctuation_line,
    learned_curve,
    learning_curve,
    mirrored_histogram,
    paths,
    phase_plane,
    points,
    r_squared_and_slope,
    running_sums,
    scatter_against_exact,
    sweep,
)
from .style import use_style

__all__ = [
    "LiveCurve",
    "bead_chain",
    "cumulative_entropy",
    "density",
    "entropy_histogram",
    "explore",
    "fluctuation_line",
    "learned_curve",
    "learning_curve",
    "mirrored_histogram",
    "paths",
    "phase_plane",
    "points",
    "r_squared_and_slope",
    "running_sums",
    "scatter_against_exact",
    "style",
    "sweep",
    "use_style",
]
