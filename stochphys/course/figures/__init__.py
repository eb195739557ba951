"""The figures of the lessons."""

from .langevin import binned, reliability, spreads, visits
from .maps import receptive_fields, row_of_maps
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
