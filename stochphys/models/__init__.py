"""What learns: bodies of networks, and the heads that make them physics.

ΔS of a step: `NEEP`, `AreaNEEP` (many coordinates), `ForceNEEP` (errors of positions), `UnderdampedNEEP`, `JumpNEEP`, `RNEEP` (hidden
states), `OddJumpNEEP`; of frames of a movie: `FlowNEEP`, `CNEEP`, `BilinearCNEEP`. They are trained by
`neep_objective`, `alpha_neep_objective` or `classifier_objective`. Functions of a state: `MLP`, and
the bases `Polynomial` and `RBF`, with `Normal` or `LogVariance` for their labels.
"""

from .bases import RBF, Polynomial
from .drift_diffusion import LogVariance, Normal
from .flow import FlowNEEP
from .force import ForceNEEP, force_objective
from .jump_neep import RNEEP, JumpNEEP, OddJumpNEEP
from .lagged import FRAMES, Shape
from .many import AreaNEEP, Areas, shrink_antisymmetric
from .movies import CNEEP, BilinearCNEEP, MovieNEEP
from .neep import NEEP, UnderdampedNEEP, alpha_neep_objective, classifier_objective, neep_objective
from .networks import MLP, InUnits
