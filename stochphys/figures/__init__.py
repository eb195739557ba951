"""Everything that is looked at: the style, the recurring figures, figures with controls."""

from . import style
from .explore import explore
from .live import LiveCurve
from .maps import receptive_fields, row_of_maps
from .movies import Panel, filmstrip, play_movie
from .plots import (
    bead_chain,
    cumulative_entropy,
    density,
    entropy_histogram,
    estimates,
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
    stirred_plane,
    sweep,
)
from .style import use_style

__all__ = [
    "LiveCurve",
    "Panel",
    "bead_chain",
    "cumulative_entropy",
    "density",
    "entropy_histogram",
    "estimates",
    "explore",
    "filmstrip",
    "fluctuation_line",
    "learned_curve",
    "learning_curve",
    "mirrored_histogram",
    "paths",
    "phase_plane",
    "play_movie",
    "points",
    "r_squared_and_slope",
    "receptive_fields",
    "row_of_maps",
    "running_sums",
    "scatter_against_exact",
    "stirred_plane",
    "style",
    "sweep",
    "use_style",
]
