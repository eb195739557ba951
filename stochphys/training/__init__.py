"""How it learns: one loop, ensembles in one pass, checkpoints, sweeps. Knows no physics."""

from .batches import Objective
from .callbacks import SWA, Monitor, Resetting
from .ensemble import Ensemble
from .labels import Labelled, accuracy, classify, cross_entropy, flip, symmetric_noise
from .loop import fit
from .run import Callback, History, Run, load_checkpoint, save_checkpoint
from .sweep import sweep
