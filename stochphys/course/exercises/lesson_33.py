"""Exercises of 33 Imperfect movies."""

from math import pi, sqrt
from typing import Any

import torch
from torch import Tensor

from ...simulators.visible import frame_covariances, visible_entropy_rate
from ...systems import BeadSpring
from .grading import Hint, function, number


def check_33_1(answer: Any) -> str:
    """Error of the place of a Gaussian blob, in pixels, as a function of ζ and psf."""
    function(
        answer,
        lambda zeta, psf: zeta * sqrt(2 / pi),
        at=[(0.1, 1.5), (0.2, 3.0), (0.05, 0.75)],
        wrong={
            lambda zeta, psf: zeta**2 * 2 / pi: "this is the variance; the error is its root.",
            lambda zeta, psf: zeta * 2 / pi: "a root is missing: variance ζ²/(π/2).",
            lambda zeta, psf: zeta * psf * sqrt(2 / pi): (
                "a wider blob is flatter, but it covers more pixels: both count."
            ),
            lambda zeta, psf: zeta * sqrt(2 / pi) / psf: (
                "two directions: the sum over pixels is an area and grows like psf²."
            ),
            lambda zeta, psf: zeta: "the pixels add up: Σ (∂I/∂x)² is not 1 but π/2.",
        },
        otherwise="the variance is ζ²/Σ(∂I/∂x)², with I = exp(−r²/2psf²) and an integral for Σ.",
    )
    return (
        "A wide blob has flat flanks and more pixels: psf cancels. At ζ = 0.1 that is 0.08 px, "
        "where the cold bead moves by 0.13 px between two frames."
    )


def check_33_2(answer: Any) -> str:
    """The two beads of five that show the most."""
    try:
        pair = tuple(sorted(int(bead) for bead in answer))
    except (TypeError, ValueError):
        raise Hint("two numbers from 1 to 5 are wanted, such as (2, 4).") from None
    if len(set(pair)) != 2 or not set(pair) <= set(range(1, 6)):
        raise Hint("two different beads are wanted, numbered from 1 (cold) to 5 (hot).")
    system = BeadSpring(n_beads=5)
    rows = torch.eye(5)[[bead - 1 for bead in pair]]
    share = visible_entropy_rate(system, 0.01, observe=rows) / system.entropy_production_rate()
    if pair == (1, 5):
        raise Hint(
            f"the largest difference of temperature, but {share:.1%}: no spring joins these two, "
            "and what one does reaches the other through three hidden beads."
        )
    if pair == (4, 5):
        raise Hint(f"the hottest pair shows {share:.1%}: heat over a high T is little entropy.")
    if pair != (1, 2):
        raise Hint(f"this pair shows {share:.1%}; another shows more. Where is heat divided by T?")
    return "68.1 % of the whole chain: neighbours, and where it is cold."


def check_33_3(answer: Any) -> str:
    """What the sixteenth frame adds, beads 1 and 2 of five, dt = 0.01."""
    system, rows, dt = BeadSpring(n_beads=5), torch.eye(5)[:2], 0.01
    truth = system.entropy_production_rate()

    def mean(n: int) -> float:
        return visible_entropy_rate(system, dt, observe=rows, frames=n) / truth

    number(
        answer,
        15 * mean(16) - 14 * mean(15),
        rtol=0.002,
        wrong={
            mean(16): "this is the mean of all 15 steps; the last one knows 14 frames more than "
            "the first.",
            mean(2): "this is two frames.",
            mean(16) - mean(15): "a difference of means per step; take that of D_n = (n − 1) dt "
            "times the rate.",
            (15 * mean(16) - 14 * mean(15)) * truth * dt: "divide by σ̇ dt, the entropy that the "
            "whole chain produces between two frames.",
        },
        otherwise="(D_16 − D_15)/(σ̇ dt), with D_n = (n − 1) dt times the rate of n frames.",
    )
    return "From 0.681 to 0.708: three hidden beads are forgotten too slowly to be guessed."


def check_33_4(answer: Any) -> str:
    """Rate that a scanning camera shows of two beads in equilibrium, dt = 0.2."""
    dt = 0.2
    covariance, _ = frame_covariances(BeadSpring(T_c=5.0, T_h=5.0), dt / 2, None, None, 4)
    forward = covariance[SCANNED][:, SCANNED]
    rate = scanned_rate(forward, dt)
    number(
        answer,
        rate,
        rtol=0.01,
        wrong={
            0.0: "both beads at one time show nothing; bead 2 is scanned half an interval later.",
            rate * dt: "this is per pair of frames; divide by dt.",
            2 * rate: "two frames are dt apart, not dt/2.",
        },
        otherwise="frames at 0, dt/2, dt, 3dt/2: bead 1 from the first and third, bead 2 from the "
        "second and fourth; then swap the two pairs.",
    )
    return (
        "Equilibrium, and yet an arrow of time: that of the scanner. A gradient of temperature "
        "looks larger or smaller, depending on which end is scanned first."
    )


SCANNED = torch.tensor([0, 3, 4, 7])  # x₁(0), x₂(dt/2), x₁(dt), x₂(3dt/2) of four frames


def scanned_rate(forward: Tensor, dt: float) -> float:
    """The rate of pairs of scanned frames with this covariance `(4, 4)`."""
    swap = torch.tensor([2, 3, 0, 1])
    backward = forward[swap][:, swap]
    return (torch.linalg.solve(backward, forward).trace().item() - 4) / 2 / dt
