"""What resets gain on digits with wrong labels, beside lower rates, short runs, averages and a robust loss.

`tools/run_studies.py` stores what notebook 43 reads here. Learning rates, averages and resets were chosen
on seeds 0 to 23. The seed of a run is the first of its data seeds, whose networks are trained in one pass.
"""

from typing import Any

import torch

from ...training import SWA, classify
from ..page import stored
from .digits import STEPS, study_digits
from .losses import gce

Accuracies = list[float]  # of 24 seeds, in per cent

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
    found = study_digits(
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
        study_digits(data, noise_rate, generator=1 + k, starts=k, steps=int(SHORT * steps))
        for k in starts
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
    found = study_digits(data, noise_rate, p_reset, **options, **changed)
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


def fair_baselines(noise_rate: float) -> dict[str, tuple[Accuracies, Accuracies | None]]:
    """For each method the test accuracies without resets and with them, of the weights that noisy labels
    chose, seed by seed in one order; `None` where no resets were tried.

    The learning rate starts at 0.2 and falls along a cosine, in 3000 steps, where the name says nothing
    else; under EMA, an average of the weights, it is constant, and GCE begins at 0.4. `noise_rate`: 0.4 or 0.6.
    """
    found: dict[str, Accuracies] = {}
    for row in stored("43_baselines") + stored("43_short_runs"):
        if row["setting"]["noise_rate"] == noise_rate:
            found |= row["result"]
    ends = {}
    for row in stored("43_endings"):
        if (setting := row["setting"])["noise_rate"] == noise_rate:
            ends[setting["steps"], setting.get("ema")] = row["result"]
    slow = ends[STEPS, 0.995]["kept"]
    return {
        "early stopping": (found["early stopping"], found["resets"]),
        "lr 0.05": (found["early stopping, lr 0.05"], found["resets, lr 0.05"]),
        "constant lr": (found["early stopping, constant lr"], found["resets, constant lr"]),
        "best of 5 short runs": (found["best of 5 short runs"], None),
        "600 steps, the last": (ends[600, None]["last"][0], None),
        "EMA 0.98": (found["EMA"], found["EMA + resets, 0.1"]),
        "EMA 0.995": (slow[0], slow[1]),
        "GCE": (found["GCE"], found["GCE + resets"]),
    }
