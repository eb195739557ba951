"""Exercises of 33 Imperfect movies."""

from math import pi, sqrt

import torch

from ...simulators.visible import frame_covariances, visible_entropy_rate
from ...systems import BeadSpring
from .grading import Hint, Table, function, number, refuse, tensor

CHAIN = BeadSpring(n_beads=5)


@function(
    at=[(0.1, 1.5), (0.2, 3.0), (0.05, 0.75)],
    otherwise="the variance is ζ²/Σ(∂I/∂x)², with I = exp(−r²/2psf²) and an integral for Σ.",
    means="A wide blob has flat flanks and more pixels: psf cancels. At ζ = 0.1 that is 0.08 px, "
    "where the cold bead moves by 0.13 px between two frames.",
)
def check_33_1(zeta: float, psf: float) -> Table:
    """Error of the place of a Gaussian blob, in pixels, as a function of ζ and psf."""
    right = zeta * sqrt(2 / pi)
    yield right
    yield zeta**2 * 2 / pi, "this is the variance; the error is its root."
    yield zeta * 2 / pi, "a root is missing: variance ζ²/(π/2)."
    yield right * psf, "a wider blob is flatter, but it covers more pixels: both count."
    yield right / psf, "two directions: the sum over pixels is an area and grows like psf²."
    yield zeta, "the pixels add up: Σ (∂I/∂x)² is not 1 but π/2."


def share(*beads: int, frames: int = 2) -> float:
    """What films of so many frames of some beads show, per step of 0.01, over the truth."""
    rows = torch.eye(5)[[bead - 1 for bead in beads]]
    seen = visible_entropy_rate(CHAIN, 0.01, observe=rows, frames=frames)
    return seen / CHAIN.entropy_production_rate()


def check_33_2(answer: object) -> str:
    """The two beads of five that show the most."""
    wanted = "two numbers from 1 to 5 are wanted, such as (2, 4)"
    pair = sorted(tensor(answer, (2,), wanted=wanted).tolist())
    if pair[0] == pair[1] or not set(pair) <= {1, 2, 3, 4, 5}:
        raise Hint("two different beads are wanted, numbered from 1 (cold) to 5 (hot).")
    seen = share(*map(int, pair))
    refuse(
        pair == [1, 5],
        f"the largest difference of temperature, but {seen:.1%}: no spring joins these two, "
        "and what one does reaches the other through three hidden beads.",
    )
    if pair == [4, 5]:
        raise Hint(f"the hottest pair shows {seen:.1%}: heat over a high T is little entropy.")
    if pair != [1, 2]:
        raise Hint(f"this pair shows {seen:.1%}; another shows more. Where is heat divided by T?")
    return "68.1 % of the whole chain: neighbours, and where it is cold."


BEFORE, ALL = share(1, 2, frames=15), share(1, 2, frames=16)
LAST = 15 * ALL - 14 * BEFORE

# What the sixteenth frame adds, beads 1 and 2 of five, dt = 0.01.
check_33_3 = number(
    LAST,
    (ALL, "this is the mean of all 15 steps; the last one knows 14 frames more than the first."),
    (share(1, 2), "this is two frames."),
    (ALL - BEFORE, "a difference of means per step; take that of D_n = (n − 1) dt times the rate."),
    (
        LAST * CHAIN.entropy_production_rate() * 0.01,
        "divide by σ̇ dt, the entropy that the whole chain produces between two frames.",
    ),
    rtol=0.002,
    otherwise="(D_16 − D_15)/(σ̇ dt), with D_n = (n − 1) dt times the rate of n frames.",
    means="From 0.681 to 0.708: three hidden beads are forgotten too slowly to be guessed.",
)


def scanned_rate(system: BeadSpring, dt: float) -> float:
    """The rate that a camera shows which takes bead 1 at 0, dt, … and bead 2 in between."""
    covariance, _ = frame_covariances(system, dt / 2, None, None, 4)
    # x₁(0), x₂(dt/2), x₁(dt), x₂(3dt/2) of four frames, and the two pairs swapped: (4, 4) each.
    forward, backward = (covariance[i][:, i] for i in ([0, 3, 4, 7], [4, 7, 0, 3]))
    return (torch.linalg.solve(backward, forward).trace().item() - 4) / 2 / dt


SCANNED = scanned_rate(BeadSpring(T_c=5.0, T_h=5.0), 0.2)

# Rate that a scanning camera shows of two beads in equilibrium, dt = 0.2.
check_33_4 = number(
    SCANNED,
    (0.0, "both beads at one time show nothing; bead 2 is scanned half an interval later."),
    (SCANNED * 0.2, "this is per pair of frames; divide by dt."),
    (2 * SCANNED, "two frames are dt apart, not dt/2."),
    otherwise="frames at 0, dt/2, dt, 3dt/2: bead 1 from the first and third, bead 2 from the "
    "second and fourth; then swap the two pairs.",
    means="Equilibrium, and yet an arrow of time: that of the scanner. A gradient of temperature "
    "looks larger or smaller, depending on which end is scanned first.",
)


def check_33_5(answer: object) -> str:
    """What gives a film that bleaches a steady light."""
    if not isinstance(answer, str):
        raise Hint('the name of a method of Movie is wanted, a string such as "bin".')
    name = answer.strip().removesuffix("()").split(".")[-1]
    refuse(
        name in ("cut", "crop", "bin", "every", "subtract"),
        f"{name} leaves the light as it fades: look at the mean brightness of the first and of the last frames.",
    )
    if name != "steady_light":
        raise Hint("read what sp.look says of the film that bleaches: it names the method.")
    return (
        "Each frame divided by its mean: the trend is gone, and with it the arrow that it drew. Of the sharp film pairs "
        "are read, which lose a tenth; through the shutter and the photons averages that go to dt = 0 as well."
    )
