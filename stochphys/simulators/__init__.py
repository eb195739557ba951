"""How nature runs: equations of motion, the one engine, jumps, and what a camera sees of them."""

from .camera import Camera
from .integrate import simulate
from .jumps import JumpChain, simulate_jumps
from .langevin import Exact, Overdamped, System, Underdamped, noise_induced_drift
from .linear import Linear
from .visible import visible_entropy, visible_entropy_rate
