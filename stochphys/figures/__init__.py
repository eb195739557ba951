"""Everything that is looked at: the style, the recurring figures, figures with controls."""

from . import style
from .explore import explore
from .live import LiveCurve
from .plots import (
    cumulative_entropy,
    entropy_histogram,
    learning_curve,
    paths,
    phase_plane,
    r_squared_and_slope,
    scatter_against_exact,
    sweep,
)
from .style import use_style

__all__ = [
    "LiveCurve",
    "cumulative_entropy",
    "entropy_histogram",
    "explore",
    "learning_curve",
    "paths",
    "phase_plane",
    "r_squared_and_slope",
    "scatter_against_exact",
    "style",
    "sweep",
    "use_style",
]
