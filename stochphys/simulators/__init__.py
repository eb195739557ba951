"""How nature runs: equations of motion, the one engine, jumps, and what a camera sees of them.

An equation of your own is a subclass of `Overdamped` or `Underdamped`, or a `Linear(A, D)`, of which
everything is exact; `simulate` runs it. A `JumpChain` runs by `simulate_jumps`. A `Camera` films;
`visible_entropy_rate` says what frames of a linear system can show. `Exact` is what an estimator
asks of a system to be compared with it.
"""

from .camera import Camera
from .integrate import simulate
from .jumps import JumpChain, simulate_jumps
from .langevin import Exact, Overdamped, System, Underdamped, noise_induced_drift
from .linear import Linear
from .visible import visible_entropy, visible_entropy_rate
