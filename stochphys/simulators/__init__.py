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
