"""Nature: systems whose thermodynamics is known exactly, and the one engine that runs them."""

from .beads import BeadSpring
from .fields import Stirred, StirredDoubleWell
from .hidden import HiddenChain
from .inertia import UnderdampedBeadSpring
from .integrate import simulate
from .jumps import FlashingRatchet, JumpChain, simulate_jumps
from .langevin import Linear, Overdamped, System, Underdamped, noise_induced_drift
from .odd_jumps import OddJumpProcess, OddRing

__all__ = [
    "BeadSpring",
    "FlashingRatchet",
    "HiddenChain",
    "JumpChain",
    "Linear",
    "OddJumpProcess",
    "OddRing",
    "Overdamped",
    "Stirred",
    "StirredDoubleWell",
    "System",
    "Underdamped",
    "UnderdampedBeadSpring",
    "noise_induced_drift",
    "simulate",
    "simulate_jumps",
]
