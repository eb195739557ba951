"""Right and wrong answers to the exercises of notebook 26."""

from typing import Any

import torch
from torch import nn

from stochphys.data import Trajectories
from stochphys.inference import EntropyProduction
from stochphys.systems import BeadSpring
from stochphys.training import Ensemble, History

STEP = BeadSpring(T_h=1.1).entropy_production_rate(0.01) * 0.01


def result(*warnings: str) -> EntropyProduction:
    """A result that says `warnings`, and nothing else of interest."""
    return EntropyProduction(
        rate=2.0,
        std=0.1,
        member_rates=torch.full((2,), 2.0),
        bound=1.0,
        in_sample=4.0,
        entropy=torch.zeros(2, 1),
        history=History(),
        model=Ensemble([nn.Linear(1, 1)]),
        held_out=Trajectories(torch.zeros(2, 2, 1), 0.01),
        warnings=warnings,
    )


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "26.1": (
        lambda a, b: 2 * a**2 / (2 * a**2 + 2 * (2 * a - a**2 - b)),
        [
            (lambda a, b: 1 / (2 - b), "now a is free"),
            (lambda a, b: a / (2 * a - b), "need the square"),
            (lambda a, b: b, "b falls by half"),
            (lambda a, b: 1 - a**2 / (2 * a - b), "1 − R²"),
            (lambda a, b: 2 * a**2 / (2 * a - b), "check a = b = 1"),
        ],
    ),
    "26.2": (
        lambda T_h, dt: BeadSpring(T_h=T_h).entropy_production_rate(dt, "euler"),
        [
            (lambda T_h, dt: BeadSpring(T_h=T_h).entropy_production_rate(), "limit dt → 0"),
            (lambda T_h, dt: BeadSpring(T_h=T_h).entropy_production_rate(dt), "another process"),
            (lambda T_h, dt: (T_h - 1) ** 2 / (4 * T_h) * (1 - 0.75 * dt), "upside down"),
            (lambda T_h, dt: (T_h - 1) ** 2 / (4 * T_h) * (1 + 0.75 * dt), "geometric series"),
        ],
    ),
    "26.3": (
        72 / STEP,
        [
            (18 / STEP, "twice that"),
            (0.72 / STEP, "a step lasts 0.01"),
            (8 / STEP, "nine times"),
            (24 / STEP, "like the square"),
            (800 / STEP, "for 10 %"),
        ],
    ),
    "26.4": (
        result("Overfitting: (J + 1)/dt is 4 on the data that trained the networks."),
        [
            (result(), "no harm done"),
            (result("Little data: the error bar is 30 % of the rate."), "of something else"),
            (result("Not calibrated: it is too bold: take more data."), "not yet by heart"),
            (4.0, "you gave float"),
        ],
    ),
}
