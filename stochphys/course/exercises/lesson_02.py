"""Exercises of 02 Heat and entropy."""

from typing import Any

import torch

from ...systems import BeadSpring
from .grading import SIGN, function, number


def check_02_1(answer: Any) -> str:
    """Entropy production rate of two beads as a function of T_c and T_h, k = γ = 1."""

    def exact(T_c: float, T_h: float) -> float:
        return (T_h - T_c) ** 2 / (4 * T_c * T_h)

    function(
        answer,
        exact,
        at=[(1.0, 10.0), (1.0, 2.0), (2.0, 3.0), (5.0, 1.0)],
        wrong={
            lambda T_c, T_h: (
                -exact(T_c, T_h)
            ): "sign: did you reverse time? The hot bath loses heat.",
            lambda T_c, T_h: (T_h - T_c) / (4 * T_c * T_h): (
                "heat flows by T_h − T_c, and each unit of it makes 1/T_c − 1/T_h: a second factor."
            ),
            lambda T_c, T_h: (T_h - T_c) / 4: "this is the heat flow; what entropy does it make?",
            lambda T_c, T_h: (T_h - T_c) / 4 * (1 / T_c + 1 / T_h): (
                "the two baths have opposite signs: 1/T_c − 1/T_h."
            ),
        },
    )
    return "It is of second order in T_h − T_c: close to equilibrium dissipation is hard to see."


def check_02_2(answer: Any) -> str:
    """Mean heat absorbed from each of five baths, T = 1 to 10, per unit time."""
    system = BeadSpring(n_beads=5)
    C, T = system.stationary_covariance(), system.temperatures
    heat, force = system.heat_rate(), torch.diag(system.A @ C @ system.A.T)

    def five(values: torch.Tensor) -> tuple[float, ...]:
        return tuple(values.tolist())

    number(
        answer,
        five(heat),
        wrong={
            five(heat / T): "this is the entropy that each bath loses; heat itself is asked for.",
            five(-force): "this is −⟨F²⟩, the rule of Itô; the midpoint adds −T ∂F/∂x = 2T.",
            five(-force - 2 * T): "sign of the Itô correction: ∂F/∂x is −2, so −T ∂F/∂x is +2T.",
            five(force - 2 * T): SIGN,
        },
        otherwise="each entry is −⟨F ∘ dx⟩/dt of one bead; the five must add up to zero.",
    )
    return (
        "The chain takes heat from the warm half and hands it to the cold half; nothing is stored."
    )


def check_02_3(answer: Any) -> str:
    """Energy that the left-point rule loses per unit time in the dragged trap, k = 2, T = γ = 1."""
    number(
        answer,
        2.0,
        rtol=0.05,
        wrong={
            0.0: "it does not vanish with dt: Δx² is of order dt, and there are t/dt steps.",
            8.0: "this is the loss after t = 4; give it per unit time.",
            0.02: "this is the loss in one step; there are 1/dt of them per unit time.",
        },
        otherwise="the two rules differ by ½ k Δx² in each step; what is the mean of Δx²?",
    )
    return "kD = 2: an error of the rule, not of the time step. With ∘ the books close."


def check_02_4(answer: Any) -> str:
    """Slopes of ln P(s)/P(−s) for the entropy of the baths alone, over t = 0.1 and 2."""
    number(
        answer,
        (0.40, 0.81),
        rtol=0.08,
        wrong={
            (1.0, 1.0): "this is the total entropy; leave out the change of −ln p.",
            (0.81, 0.40): "the short window first, then the long one.",
            (-0.40, -0.81): "sign: the baths gain what the chain loses, −δQ/T.",
        },
        otherwise="use steps=10 and steps=200 on the sum of −δQ/T over both beads.",
    )
    return "Heat alone obeys the theorem only when t is much longer than the relaxation time 1."


def check_02_5(answer: Any) -> str:
    """Fraction of σ̇ that the area current can see for dt → 0, as a function of T_c and T_h."""

    def exact(T_c: float, T_h: float) -> float:
        return 12 * T_c * T_h / (T_c**2 + 14 * T_c * T_h + T_h**2)

    def crossed(T_c: float, T_h: float) -> float:
        return 12 * T_c * T_h / (7 * T_c**2 + 2 * T_c * T_h + 7 * T_h**2)

    def rate(T_c: float, T_h: float) -> float:
        return exact(T_c, T_h) * (T_h - T_c) ** 2 / (4 * T_c * T_h)

    function(
        answer,
        exact,
        at=[(1.0, 10.0), (1.0, 2.0), (3.0, 2.0), (1.0, 100.0)],
        wrong={
            lambda T_c, T_h: 1 / exact(T_c, T_h): "upside down: a bound cannot exceed σ̇.",
            crossed: "x₁ dx₂ carries the noise of bead 2: its variance is 2 D₂ C₁₁ dt.",
            rate: "this is the bound itself; divide by σ̇.",
        },
        otherwise="mean C₁₁ − C₂₂ per unit time, variance 2(D₂C₁₁ + D₁C₂₂): try T_c = T_h first.",
    )
    return "At most 3/4, close to equilibrium; at T_h = 100 T_c a single current sees a tenth."
