"""Exercises of 24 Hidden states."""

from typing import Any

import torch

from ...systems import FlashingRatchet, HiddenChain
from ...systems.hidden import hidden_ratchet_rate
from .grading import Hint, evaluate, number


def check_24_1(answer: Any) -> str:
    """Entropy per jump of the ratchet at V = 3, from its matrix alone."""
    number(
        answer,
        FlashingRatchet(V=3.0).entropy_production_rate(),
        rtol=0.002,
        wrong={
            0.7465: "each state weighs the same here; the ratchet is at the bottom more often: use π.",
            0.2131: "this is V = 2.",
            0.9927: "this is per unit time of the rates w; what is asked is per jump, with P.",
            0.3968: "a simulation of the published code gives this; from P alone there is no scatter.",
        },
        otherwise="Σ π_i P_ij ln(π_i P_ij / π_j P_ji), over the pairs where P_ij is not zero.",
    )
    return "Without r (no switching) or V (no potential) it is 0: only both together pump."


def check_24_2(answer: Any) -> str:
    """D_3/2 of the hidden ratchet at V = 2."""
    ratchet = FlashingRatchet(V=2.0)
    hidden = HiddenChain(ratchet, ratchet.sites)
    number(
        answer,
        hidden.window_bound(3),
        rtol=0.002,
        wrong={
            2 * hidden.window_bound(3): "this is D_3; a word of three has two steps.",
            2 * hidden.window_bound(3) / 3: "a word of three symbols has two steps, not three.",
            hidden.window_bound(2): "this is D_2: words of two.",
            ratchet.entropy_production_rate(): "this is what the six states tell; sum the hidden "
            "ones out first: p(w) = Σ over all paths that show w.",
        },
        otherwise="p(abc) sums π_i P_ij P_jk over i in {a, a + 3}, j in {b, b + 3}, k in {c, c + 3}.",
    )
    return "33 times more per step than words of two: the arrow sits in the order of three."


def check_24_3(answer: Any) -> str:
    """d_∞ of a ratchet, as a function of its matrix and its stationary law."""
    cases = [FlashingRatchet(V=V, r=r) for V, r in ((1.5, 1.0), (2.0, 1.0), (3.0, 0.5))]

    def formula(chain: FlashingRatchet, backward: torch.Tensor) -> float:
        flow = chain.stationary_law[:, None] * chain.P
        return torch.where(chain.P > 0, flow * (chain.P / backward).log(), 0.0).sum().item()

    def swap(matrix: torch.Tensor) -> torch.Tensor:
        return matrix.roll((3, 3), (0, 1))

    def values(backward: Any) -> tuple[float, ...]:
        return tuple(formula(chain, backward(chain.P)) for chain in cases)

    number(
        [float(evaluate(answer, chain.P, chain.stationary_law)) for chain in cases],
        [hidden_ratchet_rate(chain) for chain in cases],
        rtol=0.002,
        wrong={
            values(lambda P: P.T): "this is all of σ̇: backwards the same labels. Which other "
            "labels show the same film?",
            values(swap): "the labels are swapped, but time still runs forwards: j* → i*.",
        },
        otherwise="one jump i → j, seen backwards with the modes swapped, is j* → i*.",
    )
    return (
        "0.0419, 0.0773, 0.1785 at V = 1.5, 2, 3 (r = 1): what no observer of the sites can pass."
    )


def check_24_4(answer: Any) -> str:
    """⟨e^(−ΔS)⟩ at V = 3 with π upside down."""
    chain = FlashingRatchet(V=3.0)
    law, P = chain.stationary_law, chain.P
    exact = (law[:, None] ** 2 * P.T / law).sum().item()  # 2.009
    try:
        value = float(answer)
    except (TypeError, ValueError):
        raise Hint(f"a number is wanted here, you gave {type(answer).__name__}.") from None
    if abs(value - 1) < 0.1:
        raise Hint("this is the right ΔS; turn π upside down: π_j P_ij / (π_i P_ji).")
    if abs(value - 0.398) < 0.02:
        raise Hint("this is the mean of ΔS, which the error leaves alone; average e^(−ΔS).")
    number(
        value, exact, rtol=0.03, otherwise="average e^(−ΔS) over the jumps of the ratchet, V = 3."
    )
    return (
        "Along a path π cancels but for its ends, so that means and cumulative plots look right; "
        "the fluctuation theorem does not forgive."
    )


def check_24_5(answer: Any) -> str:
    """Held-out bound per step of a network for windows of 8, V = 3."""
    ratchet = FlashingRatchet(V=3.0)
    hidden = HiddenChain(ratchet, ratchet.sites)
    exact = hidden.window_bound(8)
    number(
        answer,
        exact,
        rtol=0.1,
        wrong={
            7 * exact: "this is D_8; divide by the seven steps.",
            0.398: "the network still sees all six states: observe the sites.",
            0.0251: "this is V = 2.",
            hidden.window_bound(2): "words of two frames: give frames=8.",
        },
        otherwise="off by more than 10 %: is lr = 0.03 and the learning rate falling, are there "
        "some 500 steps?",
    )
    return f"The exact bound is {exact:.4f}."
