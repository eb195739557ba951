"""Nature: systems whose thermodynamics is known exactly, and the one engine that runs them."""

from .beads import BeadSpring
from .integrate import simulate
from .langevin import Linear, Overdamped, System, Underdamped, noise_induced_drift

__all__ = [
    "BeadSpring",
    "Linear",
    "Overdamped",
    "System",
    "Underdamped",
    "noise_induced_drift",
    "simulate",
]
