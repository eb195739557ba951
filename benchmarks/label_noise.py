"""What resetting adds and what it does not: the table of notebook 43, twelve methods on the digits.

Test accuracies of 24 seeds that no choice was made on, paired with early stopping on the same data,
start and batches. Nothing is timed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from stochphys.device import make_generator
from stochphys.inference.paired import paired_gain
from stochphys.models import MLP
from stochphys.training import Ensemble, Resetting, accuracy, classify, digits, fit, gce

from . import print_header, print_table

SEEDS = range(200, 224)
BASE = dict(steps=3000, batch_size=8, lr=0.2, schedule="cosine", ema=0.0)
VARIANTS: dict[str, dict[str, Any]] = {  # of resetting with p_reset = 0.03, each for one member
    "resets": {},
    "... at fixed intervals": dict(sharp=True),
    "... half way": dict(strength=0.5),
    "... checkpoint not renewed": dict(adaptive=False),
    "... first layer only": dict(layers=("0",)),
    "... last layer only": dict(layers=("2",)),
}


def train(
    noise_rate: float,
    p_reset: Sequence[float],
    *,
    starts: int = 0,
    loss: Any = None,
    **options: Any,
) -> tuple[Tensor, Tensor]:
    """Test accuracies in per cent at the lowest held-out loss, `(seeds, len(p_reset))`, and that
    loss. The k-th member of a seed is reset by the k-th of `VARIANTS` if there are as many."""
    data = digits(SEEDS, noise_rate, copies=len(p_reset))
    if starts:  # other start weights for the same data
        generators = [make_generator(10_000 * starts + seed) for seed in SEEDS]
        size = dict(activation=nn.ReLU)
        data.networks = Ensemble([MLP((64, 64, 10), **size, generator=g) for g in generators])
    variants = [{}, *VARIANTS.values()] if len(p_reset) > len(VARIANTS) else [{}] * len(p_reset)
    callbacks = [
        Resetting(
            (torch.arange(len(p_reset)) == k).repeat(len(SEEDS)) * p,
            generator=make_generator(10 + k),
            patience=300,
            **how,
        )
        for k, (p, how) in enumerate(zip(p_reset, variants, strict=True))
    ]
    history = fit(
        data.networks,
        classify(loss),
        data.train,
        validation=data.validation,
        validate_every=10,
        keep="lowest",
        optimizer=torch.optim.SGD,
        generator=make_generator(1 + starts),
        callbacks=callbacks,
        device="cpu",
        progress=False,
        **BASE | options,
    )
    lowest = torch.tensor(history.validation).amin(0).view(len(SEEDS), -1)
    return 100 * accuracy(data.networks, data.test).view(len(SEEDS), -1), lowest


def compare(noise_rate: float) -> dict[str, str]:
    """Gain of each method over early stopping, with its 95 % interval, in points."""
    stopped, *reset = train(noise_rate, [0.0, *[0.03] * len(VARIANTS)])[0].T
    found = dict(zip(VARIANTS, reset, strict=True))
    stopped_slow, found_slow = train(noise_rate, [0.0, 0.03], lr=0.05)[0].T
    stopped_flat, found_flat = train(noise_rate, [0.0, 0.03], schedule="constant")[0].T
    found["early stopping, lr 0.05"], found["resets, lr 0.05"] = stopped_slow, found_slow
    found["warm restarts"] = train(noise_rate, [0.0], schedule="restarts")[0][:, 0]
    short = [train(noise_rate, [0.0], steps=600, starts=k) for k in range(1, 6)]
    found_by = torch.cat([loss for _, loss in short], 1).argmin(1, keepdim=True)
    found["best of 5 short runs"] = torch.cat([a for a, _ in short], 1).gather(1, found_by)[:, 0]
    averaged = train(noise_rate, [0.0, 0.1], ema=0.98, schedule="constant")[0]
    found["EMA"], found["EMA + resets, 0.1"] = averaged.T
    found["GCE"], found["GCE + resets"] = train(noise_rate, [0.0, 0.03], loss=gce(0.7), lr=0.4)[0].T
    rows = {"early stopping": f"{stopped.mean():.1f} %"}
    gains = {name: paired_gain(method, stopped) for name, method in found.items()}
    for name, both, alone in (
        ("resets over early stopping, lr 0.05", found_slow, stopped_slow),
        ("resets over early stopping, constant lr", found_flat, stopped_flat),
        ("EMA + resets over EMA", found["EMA + resets, 0.1"], found["EMA"]),
        ("GCE + resets over GCE", found["GCE + resets"], found["GCE"]),
    ):
        gains[name] = paired_gain(both, alone)
    return rows | {name: f"{gain:+.1f} ± {half:.1f}" for name, (gain, half) in gains.items()}


def main() -> None:
    print_header("label_noise")
    few, many = compare(0.4), compare(0.6)
    rows = [(name, few[name], many[name]) for name in few]
    print_table(("gain over early stopping, points", "noise rate 0.4", "0.6"), rows)
