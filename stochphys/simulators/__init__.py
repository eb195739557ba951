"""Nature: systems whose thermodynamics is known exactly, and the one engine that runs them."""

from .beads import BeadSpring
from .camera import Camera, Film, bead_camera
from .double_hump import DoubleHump
from .drift_fields import InhomogeneousDiffusion, NonlinearForce
from .engine import CarnotEngine
from .exact import Exact
from .fields import Stirred, StirredDoubleWell
from .filament import ElasticNetwork, LocalDissipation, filament_camera, local_dissipation
from .hidden import HiddenChain
from .inertia import UnderdampedBeadSpring
from .integrate import simulate
from .jumps import FlashingRatchet, JumpChain, simulate_jumps
from .langevin import Overdamped, System, Underdamped, noise_induced_drift
from .linear import Linear
from .motor import ThermalMotor, UnderdampedThermalMotor
from .neuron import ChannelNoiseNeuron, HodgkinHuxley, gate_rates, spike_times
from .odd_jumps import OddJumpProcess, OddRing
from .oscillator import VanDerPol
from .resetting_clocks import Clock, Lomax, Poisson, Sharp
from .resetting_state import StationaryState
from .search_laws import (
    FreeDiffusion,
    Interval,
    Search,
    coefficient_of_variation,
    mean_time,
    optimal,
)
from .search_walkers import SearchTimes, simulate_paths, simulate_search
from .visible import visible_entropy, visible_entropy_rate

__all__ = [
    "BeadSpring",
    "Camera",
    "CarnotEngine",
    "ChannelNoiseNeuron",
    "Clock",
    "DoubleHump",
    "ElasticNetwork",
    "Exact",
    "Film",
    "FlashingRatchet",
    "FreeDiffusion",
    "HiddenChain",
    "HodgkinHuxley",
    "InhomogeneousDiffusion",
    "Interval",
    "JumpChain",
    "Linear",
    "LocalDissipation",
    "Lomax",
    "NonlinearForce",
    "OddJumpProcess",
    "OddRing",
    "Overdamped",
    "Poisson",
    "Search",
    "SearchTimes",
    "Sharp",
    "StationaryState",
    "Stirred",
    "StirredDoubleWell",
    "System",
    "ThermalMotor",
    "Underdamped",
    "UnderdampedBeadSpring",
    "UnderdampedThermalMotor",
    "VanDerPol",
    "bead_camera",
    "coefficient_of_variation",
    "filament_camera",
    "gate_rates",
    "local_dissipation",
    "mean_time",
    "noise_induced_drift",
    "optimal",
    "simulate",
    "simulate_jumps",
    "simulate_paths",
    "simulate_search",
    "spike_times",
    "visible_entropy",
    "visible_entropy_rate",
]
