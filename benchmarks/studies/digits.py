"""Digits with wrong labels: what resets, averages, robust losses and rates gain over early stopping.

Two tables: that of notebook 43 on the data seeds 200 to 223, and that of docs/estimators.md on 300 to
323. Learning rates, averages and resets were chosen on seeds 0 to 23. The seed of a run is the first
of its 24 data seeds, whose networks are trained in one pass; ± is a 95 % interval.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from stochphys.course.studies.digits import paired_gain
from stochphys.course.studies.losses import ELR, forward_corrected, gce, sce
from stochphys.training import classify, symmetric_noise

from .. import print_table
from .one_pass import STEPS
from .one_pass import study as train
from .runs import ended

NETWORKS = 24
SHORT = 0.2  # of the steps, in a run that is short

# Passes of the table of notebook 43: the columns of each, and what it changes.
RESETS: dict[str, dict[str, dict[str, Any]]] = {
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
BEST_OF = 5  # short runs from other starts
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


def resets(name: str, noise_rate: float, networks: int, steps: int, *, seed: int) -> dict[str, Any]:
    """A pass of `RESETS`: by column, accuracies of the kept weights; members toss their own coins."""
    rules = [dict(how, generator=10 + k) for k, how in enumerate(RESETS[name]["columns"].values())]
    found = train(
        range(seed, seed + networks),
        noise_rate,
        generator=1,
        rules=rules,
        steps=steps,
        **RESETS[name]["changed"],
    )
    return dict(zip(RESETS[name]["columns"], found.kept.T.tolist(), strict=True))


def short_runs(noise_rate: float, networks: int, steps: int, *, seed: int) -> dict[str, Any]:
    """The best of some short runs, chosen by held-out labels."""
    data, starts = range(seed, seed + networks), range(1, BEST_OF + 1)
    found = [
        train(data, noise_rate, generator=1 + k, starts=k, steps=int(SHORT * steps)) for k in starts
    ]
    chosen = torch.cat([f.lowest for f in found], 1).argmin(1, keepdim=True)
    kept = torch.cat([f.kept for f in found], 1).gather(1, chosen)[:, 0]
    return {f"best of {BEST_OF} short runs": kept.tolist()}


def losses(name: str, networks: int, steps: int, *, seed: int) -> dict[str, Any]:
    """A row of `LOSSES`: accuracies of the kept and of the last weights."""
    changed = dict(LOSSES[name])
    steps = int(changed.pop("share", 1) * steps)
    if name == "ELR":  # it remembers: one for each run
        changed["objective"] = ELR(800, 10)
    found = train(range(seed, seed + networks), 0.4, generator=0, steps=steps, **changed)
    return dict(kept=found.kept[:, 0].tolist(), last=found.last[:, 0].tolist())


def study(results: Path, seeds: Sequence[int] | None, *, tiny: bool, retry: bool) -> None:
    size = dict(networks=2, steps=20) if tiny else dict(networks=NETWORKS, steps=STEPS)
    go, rates = partial(ended, results=results, retry=retry), (0.4, 0.6)
    passes = [dict(name=name, noise_rate=rate, **size) for rate in rates for name in RESETS]
    rows = go(resets, passes, seeds or (200,))
    rows += go(short_runs, [dict(noise_rate=rate, **size) for rate in rates], seeds or (200,))
    print_gains(rows)
    print_losses(go(losses, [dict(name=name, **size) for name in LOSSES], seeds or (300,)))


# Accuracies of a method: those of the networks of a run by the seed of that run.
Accuracies = dict[int, list[float]]


def print_gains(rows: list[dict[str, Any]]) -> None:
    """Notebook 43: gain of each method over early stopping, in points, at both noise rates."""
    found: dict[float, dict[str, Accuracies]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        for column, values in row["result"].items():
            found[row["setting"]["noise_rate"]][column][row["seed"]] = values
    lines: dict[str, list[str]] = defaultdict(list)
    for _, of in sorted(found.items()):
        stopped = of["early stopping"]
        lines["early stopping"].append(f"{mean(stopped)} %")
        for name in [name for name in of if name != "early stopping"]:
            lines[name].append(gain(of[name], stopped))
        for both, alone in (
            ("resets, lr 0.05", "early stopping, lr 0.05"),
            ("resets, constant lr", "early stopping, constant lr"),
            ("EMA + resets, 0.1", "EMA"),
            ("GCE + resets", "GCE"),
        ):
            lines[f"{both} over {alone}"].append(gain(of[both], of[alone]))
    head = ("gain over early stopping, points", *(f"noise rate {rate}" for rate in sorted(found)))
    print_table(head, [(name, *texts) for name, texts in lines.items()])


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
