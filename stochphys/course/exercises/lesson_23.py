"""Exercises of 23 Many beads."""

import torch

from ...simulators.visible import visible_entropy_rate
from ...systems import BeadSpring
from .grading import Table, function, number


@function(
    at=[(8,), (32,), (128,)],
    otherwise="noise over signal, 2p/(n σ̇ dt), must be 1/R² − 1.",
    means="31 million steps for 128 beads: each number to learn costs 3800 steps.",
)
def check_23_1(n: float) -> Table:
    """Steps that areas need for R² = 0.95 at σ̇ dt = 0.01, as a function of N."""
    per_number = 2 / 0.01 * 0.95 / 0.05
    right = per_number * n * (n - 1) / 2
    yield right
    yield per_number * n**2, "this is for all currents; how many areas are there?"
    yield per_number * n * (n + 1) / 2, "a bead has no area with itself: N(N − 1)/2 of them."
    yield right / 2, "the noise is 4p/n and the signal 2σ̇dt: their ratio keeps a factor of two."
    yield right / 19**2, "upside down: 1/R² − 1 = 0.05/0.95 is small, so n is large."


LONG = BeadSpring.of_rate(n_beads=128)
FLOW, COLDNESS = -LONG.heat_rate().cumsum(0)[:-1], 1 / LONG.temperatures
ENTROPY = FLOW * (COLDNESS[:-1] - COLDNESS[1:])
SHARE = ENTROPY / ENTROPY.sum()  # of each spring

# Share of the entropy that the first two of 127 springs make.
check_23_2 = number(
    SHARE[:2].sum(),
    (SHARE[0], "this is the first spring alone."),
    (2 / 127, "springs do not share equally: 1/T falls most steeply at the cold end."),
    (SHARE[-2:].sum(), "this is the hot end; bead 1 is the cold one."),
    (100 * SHARE[:2].sum(), "as a fraction, please, not in per cent."),
    otherwise="entropy of spring i: its heat flow times 1/T_i − 1/T_(i+1).",
    means="Two of 127 springs make four fifths of the entropy: few modes carry it all.",
)

CHAIN = BeadSpring.of_rate(n_beads=32)
BEADS = torch.eye(32)  # a row for each
WITHOUT_HOTTEST = visible_entropy_rate(CHAIN, 0.01, observe=BEADS[:-1])
ALL = CHAIN.entropy_production_rate(0.01)

# Rate that 31 of 32 beads show, the coldest being out of sight.
check_23_3 = number(
    visible_entropy_rate(CHAIN, 0.01, observe=BEADS[1:]),
    (ALL, "this is the rate of all 32 beads; leave the first coordinate out."),
    (WITHOUT_HOTTEST, "this is without the hottest bead; the coldest is the first."),
    rtol=0.25,
    otherwise="a third of the full rate is a good guess. Judge K on paths that did not choose it.",
    means="One bead of 32 hides 70 % of the entropy: what counts is which.",
)

NOISE = 2 / (10 * 1000 * 0.01)  # of each number that is learned from ten paths of 1000 steps

# Rate that ten paths of 1000 steps claim in sample: the truth, and noise of 2p/(n dt).
check_23_4 = number(
    1 + 32 * 31 / 2 * NOISE,
    (1.0, "this is the truth; average over the same ten paths that gave K."),
    (0.11, "this is one step; per time unit it is 1/dt times as much."),
    (1 + 32**2 * NOISE, "this is what all currents claim; areas are half as many."),
    rtol=0.25,
    otherwise="the truth plus 2p/(n dt) with 496 areas is to be expected.",
    means="Ten times too much, from noise alone. Held-out films are the remedy, or more films.",
)
