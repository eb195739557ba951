"""How it learns: one loop, ensembles in one pass, checkpoints, sweeps. Knows no physics."""

from .batches import Objective
from .checkpoint import load_checkpoint, save_checkpoint
from .ensemble import Ensemble
from .loop import fit
from .losses import ELR, forward_corrected, gce, mae, sce
from .monitor import SWA, Monitor
from .noisy_labels import (
    Labelled,
    accuracy,
    class_noise,
    classify,
    cross_entropy,
    digits,
    flip,
    predict,
    symmetric_noise,
)
from .resetting import Resetting
from .run import Callback, History, Run
from .sweep import sweep

__all__ = [
    "SWA",
    "Callback",
    "ELR",
    "Ensemble",
    "History",
    "Labelled",
    "Monitor",
    "Objective",
    "Resetting",
    "Run",
    "accuracy",
    "class_noise",
    "classify",
    "cross_entropy",
    "digits",
    "fit",
    "flip",
    "forward_corrected",
    "gce",
    "load_checkpoint",
    "mae",
    "predict",
    "save_checkpoint",
    "sce",
    "sweep",
    "symmetric_noise",
]
