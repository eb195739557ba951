"""Exercises of 33 Imperfect movies."""

import re
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
    yield right / 2, "(∂I/∂x)² falls as exp(−r²/psf²): the exponential is squared, too."
    yield zeta / sqrt(pi), "the blob moves along the row alone: (∂I/∂x)² has x², not r²."
    yield zeta * sqrt(2 * psf / sqrt(pi)), "this sums over one row of pixels; a blob covers many."


def share(*beads: int, frames: int = 2, dt: float = 0.01) -> float:
    """What films of so many frames of some beads show, per step, over the truth."""
    rows = torch.eye(5)[[bead - 1 for bead in beads]]
    seen = visible_entropy_rate(CHAIN, dt, observe=rows, frames=frames)
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
        raise Hint(
            f"this pair shows {seen:.1%}; another shows more. Which end is cold, where a little heat is much entropy?"
        )
    return "68.1 % of the whole chain: neighbours, and where it is cold."


def added(n: int, dt: float = 0.01) -> float:
    """What the frame of this number adds of beads 1 and 2, over σ̇ dt."""
    return (n - 1) * share(1, 2, frames=n, dt=dt) - (n - 2) * share(1, 2, frames=n - 1, dt=dt)


BEFORE, ALL, LAST = share(1, 2, frames=15), share(1, 2, frames=16), added(16)

# What the sixteenth frame adds, beads 1 and 2 of five, dt = 0.01.
check_33_3 = number(
    LAST,
    (added(16, 0.05), "this is at dt = 0.05, which `dt` is on this page; here it is 0.01."),
    (added(15), "this is the fifteenth frame: D_15 − D_14."),
    (added(17), "this is the seventeenth frame: D_17 − D_16."),
    (ALL, "this is the mean of all 15 steps; the last one knows 14 frames more than the first."),
    (share(1, 2), "this is two frames."),
    (ALL - BEFORE, "a difference of means per step; take that of D_n = (n − 1) dt times the rate."),
    (
        LAST * CHAIN.entropy_production_rate() * 0.01,
        "divide by σ̇ dt, the entropy that the whole chain produces between two frames.",
    ),
    rtol=2e-4,
    otherwise="(D_16 − D_15)/(σ̇ dt), with D_n = (n − 1) dt times the rate of n frames; four digits.",
    means="The second frame adds 0.681, the sixteenth 0.708: the past tells little about the three "
    "hidden beads.",
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
    (2 * SCANNED, "twice too large: two frames are dt apart, not dt/2; or is the ½ of Eq. 1 lost?"),
    (scanned_rate(BeadSpring(), 0.2), "this is the rate at T = (1, 10); asked is that at (5, 5)."),
    (scanned_rate(BeadSpring(T_c=10.0, T_h=1.0), 0.2), "this is at T = (10, 1); asked is (5, 5)."),
    otherwise="frames at 0, dt/2, dt, 3dt/2: bead 1 from the first and third, bead 2 from the "
    "second and fourth; then swap the two pairs.",
    means="Equilibrium, and yet an arrow of time: that of the scanner. A gradient of temperature "
    "looks larger or smaller, depending on which end is scanned first.",
)


def check_33_5(answer: object) -> str:
    """What gives a film that bleaches a steady light."""
    if not isinstance(answer, str):
        raise Hint('the name of a method of Movie is wanted, a string such as "bin".')
    names = set(re.findall("[a-z_]+", answer.lower()))
    if "steady_light" not in names:
        if useless := names & {"cut", "crop", "bin", "every", "subtract"}:
            raise Hint(
                f"{', '.join(sorted(useless))}: the light still fades, look at the mean brightness of the first and "
                "of the last frames."
            )
        raise Hint("read what sp.look says of the film that bleaches: it names the method.")
    return (
        "Each frame is divided by its mean, and the film is steady again. The sharp film is read from pairs, which "
        "lose a tenth. The other two are read with the averages of section 7, which also extrapolate to dt = 0."
    )
