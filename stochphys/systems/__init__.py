"""The zoo of the four papers: systems whose thermodynamics is known exactly."""

from .beads import BeadSpring, bead_camera
from .double_hump import DoubleHump
from .drift_fields import InhomogeneousDiffusion, NonlinearForce
from .engine import CarnotEngine
from .engine_inference import InferredEngine, LinearForce, infer_engine
from .fields import Stirred, StirredDoubleWell
from .filament import ElasticNetwork, LocalDissipation, filament_camera, local_dissipation
from .hidden import HiddenChain, hidden_ratchet_rate
from .inertia import UnderdampedBeadSpring
from .motor import ThermalMotor, UnderdampedThermalMotor
from .neuron import ChannelNoiseNeuron, HodgkinHuxley, gate_rates, spike_times
from .odd_jumps import OddJumpProcess, OddRing
from .oscillator import VanDerPol
from .ratchet import FlashingRatchet
