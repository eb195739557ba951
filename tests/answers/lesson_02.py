"""Right and wrong answers to the exercises of notebook 02."""

from typing import Any

import torch

from stochphys.systems import BeadSpring

FIVE = BeadSpring(n_beads=5)  # the chain of 02.2, and ⟨F²⟩ of each bead
SQUARED_FORCE = torch.diag(FIVE.A @ FIVE.stationary_covariance() @ FIVE.A.T)


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "02.1": (
        lambda T_c, T_h: (T_h - T_c) ** 2 / (4 * T_c * T_h),
        [
            (lambda T_c, T_h: -((T_h - T_c) ** 2) / (4 * T_c * T_h), "reverse time"),
            (lambda T_c, T_h: (T_h - T_c) ** 2 / (2 * T_c * T_h), "exactly twice"),
            (lambda T_c, T_h: (T_h - T_c) / 4, "this is the heat flow"),
            (lambda T_c, T_h: (T_h - T_c) / (4 * T_c * T_h), "a second factor"),
            (lambda T_c, T_h: (T_h - T_c) / 4 * (1 / T_c + 1 / T_h), "opposite signs"),
            (2.025, "a function is wanted"),
        ],
    ),
    "02.2": (
        FIVE.heat_rate(),
        [
            (-FIVE.heat_rate(), "the sign is not"),
            (FIVE.heat_rate() / FIVE.temperatures, "entropy that each"),
            (-SQUARED_FORCE, "the rule of Itô"),
            (-SQUARED_FORCE - 2 * FIVE.temperatures, "sign of the Itô correction"),
            (torch.zeros(5), "add up to zero"),
            ([-2.25, 2.25], "shape should be (5,)"),
        ],
    ),
    "02.3": (
        1.98,
        [
            (-2.0, "the sign is not"),
            (1.0, "exactly half"),
            (4.0, "exactly twice"),
            (0.0, "does not vanish with dt"),
            (8.0, "the loss after t = 4"),
            (0.02, "the loss in one step"),
        ],
    ),
    "02.4": (
        (0.395, 0.82),
        [
            ((0.99, 1.0), "the total entropy"),
            ((0.82, 0.395), "the short window first"),
            ((-0.395, -0.82), "sign: the baths gain"),
            ((0.34, 0.39), "steps=10 and steps=200"),
        ],
    ),
    "02.5": (
        lambda T_c, T_h: 12 * T_c * T_h / (T_c**2 + 14 * T_c * T_h + T_h**2),
        [
            (lambda T_c, T_h: (T_c**2 + 14 * T_c * T_h + T_h**2) / (12 * T_c * T_h), "upside"),
            (lambda T_c, T_h: 12 / (7 * T_c / T_h + 2 + 7 * T_h / T_c), "noise of bead 2"),
            (
                lambda T_c, T_h: 3 * (T_h - T_c) ** 2 / (T_c**2 + 14 * T_c * T_h + T_h**2),
                "divide by σ̇",
            ),
            (
                lambda T_c, T_h: 6 * T_c * T_h / (T_c**2 + 14 * T_c * T_h + T_h**2),
                "exactly half",
            ),
            (lambda T_c, T_h: 0.5, "try T_c = T_h first"),
        ],
    ),
}
