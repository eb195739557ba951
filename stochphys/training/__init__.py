"""How it learns: one loop, ensembles in one pass, checkpoints, sweeps. Knows no physics.

`fit` trains a network or an `Ensemble` and returns a `History`; a `Callback` looks on, as `Monitor`,
`SWA` and `Resetting` do. Wrong labels: `Labelled`, `flip`, `classify`, `accuracy`. Many settings and
seeds: `sweep`.
"""

from .batches import Objective
from .callbacks import SWA, Monitor, Resetting
from .ensemble import Ensemble
from .labels import Labelled, accuracy, classify, cross_entropy, flip, symmetric_noise
from .loop import fit
from .run import Callback, History, NotFinite, Run, load_checkpoint, save_checkpoint
from .sweep import sweep
