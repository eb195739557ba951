"""The figures of the lessons.

A function draws on the axes it is given and labels them; the figure, its size and what it says
belong to the notebook. Numbers come as tensors or arrays; exact is dashed grey, data is points,
learned is green. $k_B = 1$, so entropy has no unit of its own and is written in units of $k_B$.
"""

from .planes import phase_plane, stirred_plane
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
    points,
    r_squared_and_slope,
    running_sums,
    scatter_against_exact,
    sweep,
)
