"""One look for every figure of the course: colours with fixed meanings, sizes, fonts.

Nothing changes at import; `use_style()` applies it. What is drawn lives in `plots`.
"""

from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from cycler import cycler

# Okabe–Ito: told apart by readers with any colour vision. One colour, one meaning.
EXACT = "#404040"  # always dashed
DATA = "#0072B2"  # blue; always points, or the thin lines of single paths
LEARNED = "#009E73"  # green; what a network says
HOT = "#D55E00"  # vermillion: the hot bath, and its bead
COLD = "#56B4E9"  # sky blue: the cold bath, and its bead
OTHERS = ("#CC79A7", "#E69F00", "#F0E442")  # purple, orange, yellow: free for one figure

FIELD = "viridis"  # positive fields
IMAGE = "cividis"  # what a camera sees
SIGNED = "RdBu_r"  # signed fields, red positive: dissipation

# Sizes in inches, at 100 dots per inch.
SINGLE = (6.0, 3.6)
SQUARE = (4.6, 4.2)
WIDE = (8.4, 3.4)  # two panels side by side

STYLE: dict[Any, Any] = {
    "figure.figsize": SINGLE,
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "savefig.dpi": "figure",
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelsize": 11,
    "legend.fontsize": 10,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "legend.borderpad": 0.2,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=[DATA, LEARNED, HOT, COLD, *OTHERS[:2]]),
    "lines.linewidth": 1.6,
    "lines.markersize": 5.0,
    "errorbar.capsize": 3.0,
    "image.cmap": FIELD,
    "image.origin": "lower",
}

EXACT_LINE: dict[str, Any] = {"color": EXACT, "linestyle": "--", "linewidth": 1.8, "zorder": 3}


def use_style() -> None:
    """Make this the look of all figures from here on; `course.setup` calls it."""
    mpl.rcParams.update(STYLE)


def array(values: Any) -> np.ndarray:
    """A tensor of any device, or anything like an array, as a float64 numpy array."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
    return np.asarray(values, dtype=np.float64)
