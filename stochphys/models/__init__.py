"""What learns: bodies of networks, and the heads that make them physics."""

from .bases import RBF, Polynomial
from .drift_diffusion import LogVariance, Normal
from .jump_neep import RNEEP, JumpNEEP, OddJumpNEEP
from .many import AreaNEEP, Areas, shrink_antisymmetric
from .movies import CNEEP, BilinearCNEEP, FlowNEEP, MovieNEEP
from .neep import NEEP, UnderdampedNEEP, alpha_neep_objective, classifier_objective, neep_objective
from .networks import MLP, InUnits
