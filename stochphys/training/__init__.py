"""How it learns: one loop, ensembles in one pass, checkpoints, sweeps. Knows no physics."""

from .batches import Objective
from .ensemble import Ensemble
from .labels import (
    Labelled,
    accuracy,
    class_noise,
    classify,
    cross_entropy,
    flip,
    predict,
    symmetric_noise,
)
from .loop import fit
from .monitor import SWA, Monitor
from .resetting import Resetting
from .run import Callback, History, Run, load_checkpoint, save_checkpoint
from .sweep import sweep
