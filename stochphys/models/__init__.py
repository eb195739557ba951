"""What learns: bodies of networks, and the heads that make them physics."""

from .neep import NEEP, neep_objective
from .networks import MLP

__all__ = ["MLP", "NEEP", "neep_objective"]
