"""Digits with wrong labels: what resets, averages, robust losses and rates gain over early stopping.

The table of docs/estimators.md, on the data seeds 300 to 323; what notebook 43 compares on 200 to 223 is
in `stochphys.course.studies.fair_baselines`. Learning rates, averages and resets were chosen on seeds 0 to 23. The seed of a run is the
first of its 24 data seeds, whose networks are trained in one pass; ± is a 95 % interval.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from stochphys.course.studies.digits import STEPS, paired_gain, study_digits
from stochphys.course.studies.fair_baselines import NETWORKS, SHORT
from stochphys.course.studies.losses import ELR, forward_corrected, gce, sce
from stochphys.training import classify, symmetric_noise

from .. import print_table
from .runs import ended

# Rows of the table of docs/estimators.md; each loss has the constants of its paper.
LOSSES: dict[str, dict[str, Any]] = {
    "early stopping": {},
    "resetting, 0.03": dict(p_reset=(0.03,)),
    "moving average, 0.995": dict(ema=0.995, schedule="constant"),
    "both, 0.98 and 0.1": dict(ema=0.98, schedule="constant", p_reset=(0.1,)),
    "600 steps": dict(share=SHORT),
    "learning rate 0.05": dict(lr=0.05),
    "learning rate 0.05, resetting, 0.03": dict(lr=0.05, p_reset=(0.03,)),
    "MAE": dict(objective=classify(gce(1.0)), lr=0.4),  # half the MAE, twice the rate
    "GCE": dict(objective=classify(gce())),
    "SCE": dict(objective=classify(sce())),
    "forward correction": dict(objective=classify(forward_corrected(symmetric_noise(0.4, 10)))),
    "ELR": {},
}


def losses(name: str, networks: int, steps: int, *, seed: int) -> dict[str, Any]:
    """A row of `LOSSES`: accuracies of the kept and of the last weights."""
    changed = dict(LOSSES[name])
    steps = int(changed.pop("share", 1) * steps)
    if name == "ELR":  # it remembers: one for each run
        changed["objective"] = ELR(800, 10)
    found = study_digits(range(seed, seed + networks), 0.4, generator=0, steps=steps, **changed)
    return dict(kept=found.kept[:, 0].tolist(), last=found.last[:, 0].tolist())


def study(results: Path, seeds: Sequence[int] | None, *, tiny: bool, retry: bool) -> None:
    size = dict(networks=2, steps=20) if tiny else dict(networks=NETWORKS, steps=STEPS)
    rows = ended(
        losses, [dict(name=name, **size) for name in LOSSES], seeds or (300,), results, retry
    )
    print_losses(rows)


# Accuracies of a method: those of the networks of a run by the seed of that run.
Accuracies = dict[int, list[float]]


def print_losses(rows: list[dict[str, Any]]) -> None:
    """docs/estimators.md: per cent, and the gain over what early stopping keeps."""
    found: dict[str, tuple[Accuracies, Accuracies]] = defaultdict(lambda: ({}, {}))
    for row in rows:
        kept, last = found[row["setting"]["name"]]
        kept[row["seed"]], last[row["seed"]] = row["result"]["kept"], row["result"]["last"]
    stopped = found["early stopping"][0]
    lines = [
        (name, mean(kept), gain(kept, stopped), mean(last), gain(last, stopped))
        for name, (kept, last) in found.items()
    ]
    columns = (
        f"digits, noise rate 0.4, {sum(map(len, stopped.values()))} fresh seeds",
        "%, at the lowest held-out loss",
        "gain",
        "%, after the last step",
        "gain",
    )
    print_table(columns, lines)


def mean(of: Accuracies) -> str:
    values = list(chain(*of.values()))
    return f"{sum(values) / len(values):.1f}" if values else "-"


def gain(method: Accuracies, baseline: Accuracies) -> str:
    """On the seeds that both were run with."""
    seeds = [seed for seed in method if seed in baseline]
    if not seeds:
        return "-"
    a, b = (list(chain(*(of[seed] for seed in seeds))) for of in (method, baseline))
    return "{:+.1f} ± {:.1f}".format(*paired_gain(a, b))
