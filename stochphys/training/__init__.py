"""How it learns: one loop, ensembles in one pass, checkpoints. Knows no physics."""

from .checkpoint import load_checkpoint, save_checkpoint
from .ensemble import Ensemble
from .loop import Callback, History, Objective, Run, fit

__all__ = [
    "Callback",
    "Ensemble",
    "History",
    "Objective",
    "Run",
    "fit",
    "load_checkpoint",
    "save_checkpoint",
]
