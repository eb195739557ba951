"""Nature: systems whose thermodynamics is known exactly, and the one engine that runs them."""

from .beads import BeadSpring
from .camera import Camera, Film, bead_camera
from .double_hump import DoubleHump
from .drift_fields import InhomogeneousDiffusion, NonlinearForce
from .engine import CarnotEngine
from .fields import Stirred, StirredDoubleWell
from .filament import ElasticNetwork, LocalDissipation, filament_camera, local_dissipation
from .hidden import HiddenChain
from .inertia import UnderdampedBeadSpring
from .integrate import simulate
from .jumps import FlashingRatchet, JumpChain, simulate_jumps
from .langevin import Linear, Overdamped, System, Underdamped, noise_induced_drift
from .motor import ThermalMotor, UnderdampedThermalMotor
from .neuron import ChannelNoiseNeuron, HodgkinHuxley, gate_rates, spike_times
from .odd_jumps import OddJumpProcess, OddRing
from .oscillator import VanDerPol
from .visible import visible_entropy, visible_entropy_rate

__all__ = [
    "BeadSpring",
    "Camera",
    "CarnotEngine",
    "ChannelNoiseNeuron",
    "DoubleHump",
    "ElasticNetwork",
    "Film",
    "FlashingRatchet",
    "HiddenChain",
    "HodgkinHuxley",
    "InhomogeneousDiffusion",
    "JumpChain",
    "Linear",
    "LocalDissipation",
    "NonlinearForce",
    "OddJumpProcess",
    "OddRing",
    "Overdamped",
    "Stirred",
    "StirredDoubleWell",
    "System",
    "ThermalMotor",
    "Underdamped",
    "UnderdampedBeadSpring",
    "UnderdampedThermalMotor",
    "VanDerPol",
    "bead_camera",
    "filament_camera",
    "gate_rates",
    "local_dissipation",
    "noise_induced_drift",
    "simulate",
    "simulate_jumps",
    "spike_times",
    "visible_entropy",
    "visible_entropy_rate",
]
