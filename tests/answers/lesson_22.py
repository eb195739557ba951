"""Right and wrong answers to the exercises of notebook 22."""

from math import cosh, log, sinh
from typing import Any

import torch

from stochphys.systems import StirredDoubleWell


def stirring(middle: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    return (StirredDoubleWell().mean_local_velocity(middle) * step).sum(-1)


def area(middle: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    return middle[:, 0] * step[:, 1] - middle[:, 1] * step[:, 0]


def change_of_energy(middle: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    return (StirredDoubleWell().gradient(middle) * step).sum(-1)


def one_component(middle: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    return middle[:, 0] * (middle[:, 0] ** 2 - 1) * step[:, 1]


def chain(alpha: float, dt: float) -> float:
    return 4 * alpha**2 / (2 - dt * (1 + alpha**2))


def bias(ell: float) -> float:
    return log(2 * cosh(ell / 2)) / (ell * sinh(ell / 2)) * cosh(ell / 2) + 0.5 * cosh(
        ell / 2
    ) / sinh(ell / 2)


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "22.1": (
        chain,
        [
            (lambda alpha, dt: 2 * alpha**2, "continuous process"),
            (lambda alpha, dt: 2 * alpha**2 / (1 - dt / 2), "stirring widens"),
            (lambda alpha, dt: 2 * alpha**2 / (1 + dt * (1 + alpha**2) / 2), "overshoot"),
            (lambda alpha, dt: dt * chain(alpha, dt), "entropy of one step"),
            (lambda alpha, dt: chain(alpha, dt) / 2, "half of it"),
            (lambda alpha, dt: chain(alpha, dt) + 1, "for dt → 0"),
        ],
    ),
    "22.2": (
        lambda middle, step: -3 * stirring(middle, step),
        [
            (area, "linear current"),
            (change_of_energy, "no net flow"),
            (one_component, "more than linear"),
            (lambda middle, step: step, "one number per step"),
            (lambda middle, step: 0 * step[:, 0], "must vary"),
        ],
    ),
    "22.3": (
        bias,
        [
            (lambda ell: log(1 + 2.718281828459045**ell) / ell, "some passages end"),
            (lambda ell: cosh(ell / 2) / sinh(ell / 2), "p₊ + p₋ = 1"),
            (lambda ell: 1 / bias(ell), "upside down"),
            (lambda ell: 1.0, "only for ℓ → ∞"),
            (lambda ell: 1 + ell, "must go to 1"),
        ],
    ),
    "22.4": (
        4.1,
        [
            (-310.0, "free of that luck"),
            (28.0, "divide by"),
            (0.9, "close to the truth"),
            ("many", "a number is wanted"),
        ],
    ),
}
