"""Exercises of 24 Hidden states."""

import torch
from torch import Tensor

from ...systems import FlashingRatchet, HiddenChain
from .grading import Hint, Table, function, number, tensor

LOW, STEEP = FlashingRatchet(V=2.0), FlashingRatchet(V=3.0)
SEEN_LOW, SEEN_STEEP = (HiddenChain(ratchet, ratchet.sites) for ratchet in (LOW, STEEP))
D_3, D_8 = SEEN_LOW.window_bound(3), SEEN_STEEP.window_bound(8)  # per step

# Entropy per jump of the ratchet at V = 3, from its matrix alone.
check_24_1 = number(
    STEEP.entropy_production_rate(),
    (0.7465, "each state weighs the same here; the ratchet is at the bottom more often: use π."),
    (0.2131, "this is V = 2."),
    (0.9927, "this is per unit time of the rates w; what is asked is per jump, with P."),
    (0.3968, "a simulation of the published code gives this; from P alone there is no scatter."),
    rtol=0.002,
    otherwise="Σ π_i P_ij ln(π_i P_ij / π_j P_ji), over the pairs where P_ij is not zero.",
    means="Without r (no switching) or V (no potential) it is 0: only both together pump.",
)

# D_3/2 of the hidden ratchet at V = 2.
check_24_2 = number(
    D_3,
    (2 * D_3, "this is D_3; a word of three has two steps."),
    (2 * D_3 / 3, "a word of three symbols has two steps, not three."),
    (SEEN_LOW.window_bound(2), "this is D_2: words of two."),
    (
        LOW.entropy_production_rate(),
        "this is what the six states tell; sum the hidden ones out first: p(w) = Σ over all paths "
        "that show w.",
    ),
    rtol=0.002,
    otherwise="p(abc) sums π_i P_ij P_jk over i in {a, a + 3}, j in {b, b + 3}, k in {c, c + 3}.",
    means="33 times more per step than words of two: the arrow sits in the order of three.",
)


CASES = [FlashingRatchet(V=V, r=r) for V, r in ((1.5, 1.0), (2.0, 1.0), (3.0, 0.5))]


@function(
    at=[(chain.P, chain.stationary_law) for chain in CASES],
    rtol=0.002,
    otherwise="one jump i → j, seen backwards with the modes swapped, is j* → i*.",
    means="0.0419, 0.0773, 0.1785 at V = 1.5, 2, 3 (r = 1): what no observer of the sites can "
    "pass.",
)
def check_24_3(P: Tensor, law: Tensor) -> Table:
    """d_∞ of a ratchet, as a function of its matrix and its stationary law."""

    def told(backward: Tensor) -> Tensor:
        return torch.where(P > 0, law[:, None] * P * (P / backward).log(), 0.0).sum()

    swapped = P.roll((3, 3), (0, 1))  # P[i*, j*]
    yield told(swapped.T)
    yield (
        told(P.T),
        "this is all of σ̇: backwards the same labels. Which other labels show the same film?",
    )
    yield told(swapped), "the labels are swapped, but time still runs forwards: j* → i*."


def check_24_4(answer: object) -> str:
    """⟨e^(−ΔS)⟩ at V = 3 with π upside down."""
    mean, law = tensor(answer).item(), STEEP.stationary_law
    if abs(mean - 1) < 0.1:
        raise Hint("this is the right ΔS; turn π upside down: π_j P_ij / (π_i P_ji).")
    if abs(mean - 0.398) < 0.02:
        raise Hint("this is the mean of ΔS, which the error leaves alone; average e^(−ΔS).")
    upside_down = number(
        (law[:, None] ** 2 * STEEP.P.T / law).sum(),  # 2.009
        rtol=0.03,
        otherwise="average e^(−ΔS) over the jumps of the ratchet, V = 3.",
        means="Along a path π cancels but for its ends, so that means and cumulative plots look "
        "right; the fluctuation theorem does not forgive.",
    )
    return upside_down(mean)


# Held-out bound per step of a network for windows of 8, V = 3.
check_24_5 = number(
    D_8,
    (7 * D_8, "this is D_8; divide by the seven steps."),
    (0.398, "the network still sees all six states: observe the sites."),
    (0.0251, "this is V = 2."),
    (SEEN_STEEP.window_bound(2), "words of two frames: give frames=8."),
    rtol=0.1,
    otherwise="off by more than 10 %: is lr = 0.03 and the learning rate falling, are there "
    "some 500 steps?",
    means=f"The exact bound is {D_8:.4f}.",
)
