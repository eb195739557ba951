"""Exercises of 02 Heat and entropy."""

import torch

from ...systems import BeadSpring
from .grading import SIGN, Table, function, number


@function(
    at=[(1.0, 10.0), (1.0, 2.0), (2.0, 3.0), (5.0, 1.0)],
    means="It is of second order in T_h − T_c: close to equilibrium dissipation is hard to see.",
)
def check_02_1(T_c: float, T_h: float) -> Table:
    """Entropy production rate of two beads as a function of T_c and T_h, k = γ = 1."""
    heat, part = (T_h - T_c) / 4, (T_h - T_c) / (4 * T_c * T_h)
    yield heat * (1 / T_c - 1 / T_h)
    yield heat * (1 / T_h - 1 / T_c), "sign: did you reverse time? The hot bath loses heat."
    yield part, "heat flows by T_h − T_c, and each unit of it makes 1/T_c − 1/T_h: a second factor."
    yield heat, "this is the heat flow; what entropy does it make?"
    yield heat * (1 / T_c + 1 / T_h), "the two baths have opposite signs: 1/T_c − 1/T_h."


CHAIN = BeadSpring(n_beads=5)
HEAT, T = CHAIN.heat_rate(), CHAIN.temperatures
SQUARED_FORCE = torch.diag(CHAIN.A @ CHAIN.stationary_covariance() @ CHAIN.A.T)

# Mean heat absorbed from each of five baths, T = 1 to 10, per unit time.
check_02_2 = number(
    HEAT,
    (HEAT / T, "this is the entropy that each bath loses; heat itself is asked for."),
    (-SQUARED_FORCE, "this is −⟨F²⟩, the rule of Itô; the midpoint adds −T ∂F/∂x = 2T."),
    (-SQUARED_FORCE - 2 * T, "sign of the Itô correction: ∂F/∂x is −2, so −T ∂F/∂x is +2T."),
    (SQUARED_FORCE - 2 * T, SIGN),
    otherwise="each entry is −⟨F ∘ dx⟩/dt of one bead; the five must add up to zero.",
    means="The chain takes heat from the warm half and hands it to the cold half; nothing is "
    "stored.",
)

# Energy that the left-point rule loses per unit time in the dragged trap, k = 2, T = γ = 1.
check_02_3 = number(
    2.0,
    (0.0, "it does not vanish with dt: Δx² is of order dt, and there are t/dt steps."),
    (8.0, "this is the loss after t = 4; give it per unit time."),
    (0.02, "this is the loss in one step; there are 1/dt of them per unit time."),
    rtol=0.05,
    otherwise="the two rules differ by ½ k Δx² in each step; what is the mean of Δx²?",
    means="kD = 2: an error of the rule, not of the time step. With ∘ the books close.",
)

# Slopes of ln P(s)/P(−s) for the entropy of the baths alone, over t = 0.1 and 2.
check_02_4 = number(
    (0.40, 0.81),
    ((1.0, 1.0), "this is the total entropy; leave out the change of −ln p."),
    ((0.81, 0.40), "the short window first, then the long one."),
    ((-0.40, -0.81), "sign: the baths gain what the chain loses, −δQ/T."),
    rtol=0.08,
    otherwise="use steps=10 and steps=200 on the sum of −δQ/T over both beads.",
    means="Heat alone obeys the theorem only when t is much longer than the relaxation time 1.",
)


@function(
    at=[(1.0, 10.0), (1.0, 2.0), (3.0, 2.0), (1.0, 100.0)],
    otherwise="mean C₁₁ − C₂₂ per unit time, variance 2(D₂C₁₁ + D₁C₂₂): try T_c = T_h first.",
    means="At most 3/4, close to equilibrium; at T_h = 100 T_c a single current sees a tenth.",
)
def check_02_5(T_c: float, T_h: float) -> Table:
    """Fraction of σ̇ that the area current can see for dt → 0, as a function of T_c and T_h."""
    seen = 12 * T_c * T_h / (T_c**2 + 14 * T_c * T_h + T_h**2)
    crossed = 12 * T_c * T_h / (7 * T_c**2 + 2 * T_c * T_h + 7 * T_h**2)
    yield seen
    yield 1 / seen, "upside down: a bound cannot exceed σ̇."
    yield crossed, "x₁ dx₂ carries the noise of bead 2: its variance is 2 D₂ C₁₁ dt."
    yield seen * (T_h - T_c) ** 2 / (4 * T_c * T_h), "this is the bound itself; divide by σ̇."
