"""Exercises of 23 Many beads."""

from collections.abc import Sequence
from typing import Any

import torch

from ...models import Areas
from ...systems import BeadSpring
from .grading import function, number


def visible_rate(chain: BeadSpring, beads: Sequence[int], dt: float) -> float:
    """What frames of some of the beads show: exact, since they are Gaussian too."""
    C, (P, _) = chain.stationary_covariance(), chain.transition(dt)
    midpoint, step = (2 * C + P @ C + C @ P.T) / 4, 2 * C - P @ C - C @ P.T
    mixed = (C @ P.T - P @ C) / 2
    seen = torch.tensor([[*beads]])
    blocks = [[midpoint, mixed], [mixed.T, step]]
    covariance = torch.cat([torch.cat([b[seen.T, seen] for b in row], 1) for row in blocks])
    areas = Areas(1, torch.zeros(len(covariance), dtype=C.dtype), covariance)
    return (areas.entropy_matrix(shrink=False) * mixed[seen.T, seen]).sum().item() / dt


def check_23_1(answer: Any) -> str:
    """Steps that areas need for R² = 0.95 at σ̇ dt = 0.01, as a function of N."""
    per_number = 2 / 0.01 * 0.95 / 0.05
    function(
        answer,
        lambda n: per_number * n * (n - 1) / 2,
        at=[(8,), (32,), (128,)],
        wrong={
            lambda n: per_number * n**2: "this is for all currents; how many areas are there?",
            lambda n: per_number * n * (n + 1) / 2: (
                "a bead has no area with itself: N(N − 1)/2 of them."
            ),
            lambda n: n * (n - 1) / 2 / 0.01 * 0.95 / 0.05: (
                "the noise is 4p/n and the signal 2σ̇dt: their ratio keeps a factor of two."
            ),
            lambda n: per_number * n * (n - 1) / 2 / 19**2: (
                "upside down: 1/R² − 1 = 0.05/0.95 is small, so n is large."
            ),
        },
        otherwise="noise over signal, 2p/(n σ̇ dt), must be 1/R² − 1.",
    )
    return "31 million steps for 128 beads: each number to learn costs 3800 steps."


def check_23_2(answer: Any) -> str:
    """Share of the entropy that the first two of 127 springs make."""
    chain = BeadSpring.of_rate(n_beads=128)
    T, flow = chain.temperatures, -chain.heat_rate().cumsum(0)[:-1]
    entropy = flow * (1 / T[:-1] - 1 / T[1:])
    share = entropy / entropy.sum()
    number(
        answer,
        share[:2].sum().item(),
        wrong={
            share[0].item(): "this is the first spring alone.",
            2 / 127: "springs do not share equally: 1/T falls most steeply at the cold end.",
            share[-2:].sum().item(): "this is the hot end; bead 1 is the cold one.",
            100 * share[:2].sum().item(): "as a fraction, please, not in per cent.",
        },
        otherwise="entropy of spring i: its heat flow times 1/T_i − 1/T_(i+1).",
    )
    return "Two of 127 springs make four fifths of the entropy: few modes carry it all."


def check_23_3(answer: Any) -> str:
    """Rate that 31 of 32 beads show, the coldest being out of sight."""
    chain, dt = BeadSpring.of_rate(n_beads=32), 0.01
    number(
        answer,
        visible_rate(chain, range(1, 32), dt),
        rtol=0.25,
        wrong={
            chain.entropy_production_rate(dt): (
                "this is the rate of all 32 beads; leave the first coordinate out."
            ),
            visible_rate(chain, range(31), dt): (
                "this is without the hottest bead; the coldest is the first."
            ),
        },
        otherwise="a third of the full rate is a good guess. Judge K on paths that did not choose it.",
    )
    return "One bead of 32 hides 70 % of the entropy: what counts is which."


def check_23_4(answer: Any) -> str:
    """Rate that ten paths of 1000 steps claim in sample: the truth, and noise of 2p/(n dt)."""
    p, n, dt = 32 * 31 / 2, 10 * 1000, 0.01
    number(
        answer,
        1 + 2 * p / (n * dt),
        rtol=0.25,
        wrong={
            1.0: "this is the truth; average over the same ten paths that gave K.",
            0.11: "this is one step; per time unit it is 1/dt times as much.",
            1 + 2 * 32**2 / (n * dt): "this is what all currents claim; areas are half as many.",
        },
        otherwise="the truth plus 2p/(n dt) with 496 areas is to be expected.",
    )
    return "Ten times too much, from noise alone. Held-out films are the remedy, or more films."
