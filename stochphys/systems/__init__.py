"""The zoo of the four papers: systems whose thermodynamics is known exactly.

Heat between baths: `BeadSpring`, `UnderdampedBeadSpring`, `ElasticNetwork`. Driven by a force:
`Stirred`, `StirredDoubleWell`, `NonlinearForce`, `VanDerPol`; by T(x): `ThermalMotor`. In
equilibrium: `DoubleHump`. Noise that depends on place: `InhomogeneousDiffusion`. An engine:
`CarnotEngine`. A neuron: `HodgkinHuxley`, `ChannelNoiseNeuron`. Jumps: `FlashingRatchet`, seen in part
by a `HiddenChain`, and `OddRing`. Searches with resets: `search`.
"""

from . import search
from .beads import BeadSpring, UnderdampedBeadSpring, bead_camera
from .drift_fields import InhomogeneousDiffusion, NonlinearForce
from .engine import CarnotEngine
from .engine_inference import InferredEngine, LinearForce, infer_engine
from .fields import DoubleHump, Stirred, StirredDoubleWell
from .filament import ElasticNetwork, LocalDissipation, filament_camera, local_dissipation
from .hidden import FlashingRatchet, HiddenChain, hidden_ratchet_rate
from .motor import ThermalMotor, UnderdampedThermalMotor
from .neuron import ChannelNoiseNeuron, HodgkinHuxley, gate_rates, spike_times
from .odd_jumps import OddJumpProcess, OddRing
from .oscillator import VanDerPol
