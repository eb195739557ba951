"""How the tests train on the digits: as notebook 42 does, where nothing else is said."""

from __future__ import annotations

from typing import Any

import torch

RECIPE: dict[str, Any] = dict(
    batch_size=8,
    lr=0.2,
    optimizer=torch.optim.SGD,
    ema=0,
    validate_every=10,
    keep="lowest",
    device="cpu",
    progress=False,
)
