"""What resets gain on digits with wrong labels, beside lower rates, short runs, averages and a robust loss.

`python tools/run_studies.py 43_baselines 43_endings` stores what notebook 43 reads. Learning rates, averages
and resets were chosen on seeds 0 to 23. The seed of a run is the first of its data seeds, whose networks
are trained in one pass.
"""

from __future__ import annotations

from typing import Any

import torch

from stochphys.course.studies.losses import gce
from stochphys.training import SWA, classify

from .one_pass import STEPS
from .one_pass import study as train

NETWORKS, RATES = 24, (0.4, 0.6)
SHORT = 0.2  # of the steps, in a run that is short
BEST_OF = 5  # short runs from other starts

# The columns of each pass, with what is special about their resets, and what the pass changes.
PASSES: dict[str, dict[str, dict[str, Any]]] = {
    "variants": dict(
        columns={
            "early stopping": {},
            "resets": {},
            "... at fixed intervals": dict(sharp=True),
            "... half way": dict(strength=0.5),
            "... checkpoint not renewed": dict(adaptive=False),
            "... first layer only": dict(layers=("0",)),
            "... last layer only": dict(layers=("2",)),
        },
        changed=dict(p_reset=[0.0, *[0.03] * 6]),
    ),
    "lr 0.05": dict(
        columns={"early stopping, lr 0.05": {}, "resets, lr 0.05": {}},
        changed=dict(p_reset=(0.0, 0.03), lr=0.05),
    ),
    "constant lr": dict(
        columns={"early stopping, constant lr": {}, "resets, constant lr": {}},
        changed=dict(p_reset=(0.0, 0.03), schedule="constant"),
    ),
    "warm restarts": dict(columns={"warm restarts": {}}, changed=dict(schedule="restarts")),
    "averages": dict(
        columns={"EMA": {}, "EMA + resets, 0.1": {}},
        changed=dict(p_reset=(0.0, 0.1), ema=0.98, schedule="constant"),
    ),
    "GCE": dict(
        columns={"GCE": {}, "GCE + resets": {}},
        changed=dict(p_reset=(0.0, 0.03), objective=classify(gce(0.7)), lr=0.4),
    ),
}


def baseline(
    name: str, noise_rate: float, networks: int, steps: int, *, seed: int
) -> dict[str, Any]:
    """A pass of `PASSES`: by column, accuracies of the kept weights; members toss their own coins."""
    rules = [dict(how, generator=10 + k) for k, how in enumerate(PASSES[name]["columns"].values())]
    found = train(
        range(seed, seed + networks),
        noise_rate,
        generator=1,
        rules=rules,
        steps=steps,
        **PASSES[name]["changed"],
    )
    return dict(zip(PASSES[name]["columns"], found.kept.T.tolist(), strict=True))


def short_runs(noise_rate: float, networks: int, steps: int, *, seed: int) -> dict[str, Any]:
    """Accuracies of the best of some short runs, chosen by held-out labels."""
    data, starts = range(seed, seed + networks), range(1, BEST_OF + 1)
    found = [
        train(data, noise_rate, generator=1 + k, starts=k, steps=int(SHORT * steps)) for k in starts
    ]
    chosen = torch.cat([f.lowest for f in found], 1).argmin(1, keepdim=True)
    kept = torch.cat([f.kept for f in found], 1).gather(1, chosen)[:, 0]
    return {f"best of {BEST_OF} short runs": kept.tolist()}


def ending(
    noise_rate: float, p_reset: list[float], networks: int, steps: int, *, seed: int, **changed: Any
) -> dict[str, Any]:
    """For each p_reset the accuracies of the weights that held-out labels chose, of those after the last
    step, and of their mean over the second half of the run."""
    average, data = SWA(steps // 2), range(seed, seed + networks)
    options: dict[str, Any] = dict(generator=1, coins=2, steps=steps, callbacks=[average])
    found = train(data, noise_rate, p_reset, **options, **changed)
    ends = dict(kept=found.kept, last=found.last, mean=found.judge(average.model))
    return {name: values.T.tolist() for name, values in ends.items()}


SIZE = dict(networks=NETWORKS, steps=STEPS)
BASELINES = [dict(name=name, noise_rate=rate, **SIZE) for rate in RATES for name in PASSES]
SHORT_RUNS = [dict(noise_rate=rate, **SIZE) for rate in RATES]
BATCHES = [
    dict(noise_rate=0.4, p_reset=[0.0, 0.1], networks=NETWORKS, steps=2000, batch_size=n)
    for n in (8, 32, 128)
]
RUNS = [
    dict(noise_rate=rate, p_reset=[0.0, 0.03], networks=NETWORKS, **changed)
    for rate in RATES
    for changed in (
        dict(steps=int(SHORT * STEPS)),
        dict(steps=STEPS, schedule="constant"),
        dict(steps=STEPS, schedule="constant", ema=0.995),
    )
]
ENDINGS = BATCHES + RUNS
