"""Exercises of 25 Odd variables."""

from math import log
from typing import Any

from ...systems import UnderdampedBeadSpring
from .grading import Hint, evaluate, function, number


def check_25_1(answer: Any) -> str:
    """Parity of acceleration, angular momentum, kinetic energy, heat of a step, magnetic field."""
    try:
        signs = [int(sign) for sign in answer]
    except (TypeError, ValueError):
        raise Hint("a list of five signs is wanted, such as [1, -1, 1, 1, 1].") from None
    if len(signs) != 5 or set(signs) - {1, -1}:
        raise Hint(f"five signs, +1 or −1 each, are wanted; you gave {signs}.")
    hints = (
        "acceleration: v changes sign and so does dt, which keeps dv/dt.",
        "angular momentum: x stays, v turns.",
        "kinetic energy: a square forgets signs.",
        "heat: what the bath gave in the film, it takes in the reversed one.",
        "B: the electrons in the coil run the other way.",
    )
    for sign, right, hint in zip(signs, (1, -1, 1, -1, -1), hints, strict=True):
        if sign != right:
            raise Hint(hint)
    return (
        "An odd B is why a charge in a magnetic field looks irreversible until the coil is turned "
        "as well."
    )


def check_25_2(answer: Any) -> str:
    """Entropy per step that the naive swap claims for one free particle in equilibrium."""
    function(
        answer,
        lambda mass, gamma, dt: 12 * mass / (gamma * dt),
        at=[(0.01, 0.01, 0.001), (1.0, 0.5, 0.01), (2.0, 3.0, 0.02)],
        wrong={
            lambda m, g, dt: (
                3 * m / (g * dt)
            ): "the means are v dt and −v dt: they differ by 2v dt.",
            lambda m, g, dt: 12 / (g * dt): "⟨v²⟩ = T/m, and the noise has q = 2γT/m².",
            lambda m, g, dt: 12 * m / (g * dt**2): "this is per unit time; per step one dt less.",
            lambda m, g, dt: 0.0: "that is the true entropy. What does the swap without flip find?",
        },
        otherwise="d²/2w with d = 2v dt, w = q dt³/12 and ⟨v²⟩ = T/m; T must drop out.",
    )
    return (
        "Per unit time 12 m/(γ dt²): it diverges with the camera's speed, and knows nothing of T. "
        "It measures how well a position follows its velocity."
    )


def check_25_3(answer: Any) -> str:
    """σ̇ of the odd ring in two terms: logarithms of rates, difference of escape rates."""

    def terms(c: float) -> tuple[float, float]:
        plus, minus = 1 / (2 + c / 5), (1 + c / 5) / (2 + c / 5)
        return (plus - minus * (1 + c / 10)) * -log(1 + c / 10), (plus - minus) * -c / 10

    exact = [terms(c) for c in (2.0, 10.0)]
    swapped = [(escape, logarithms) for logarithms, escape in exact]
    parts = [
        tuple(value for value in evaluate(answer, c)) if callable(answer) else evaluate(answer, c)
        for c in (2.0, 10.0)
    ]
    # The two velocities weighted the other way round.
    other = [
        ((minus - plus * (1 + c / 10)) * -log(1 + c / 10), (minus - plus) * -c / 10)
        for c in (2.0, 10.0)
        for plus, minus in ((1 / (2 + c / 5), (1 + c / 5) / (2 + c / 5)),)
    ]
    half = [(logarithms, 0.0) for logarithms, _ in exact]
    number(
        parts,
        exact,
        wrong={
            tuple(swapped): "both terms are right; return the logarithms first.",
            tuple(other): "the turns f₊ take the runner out of +: it is there for f₋/(f₊ + f₋).",
            tuple(
                half
            ): "the escape rates of + and − differ by c/10, and so do the weights of stays.",
        },
        otherwise=(
            "moves have the reverse rates h₋ for h₊, turns are their own reverse; "
            "(p₊h₊ − p₋h₋) ln(h₊/h₋) comes first."
        ),
    )
    return (
        "At c = 10: 0.866 + 0.5. A film without a clock still shows 1.226: the order of states "
        "knows something of the escape rates, too."
    )


def check_25_4(answer: Any) -> str:
    """Rate that pairs of positions alone seem to show at dt = 0.01."""
    state = UnderdampedBeadSpring().entropy_production_rate(0.01)
    number(
        answer,
        5.25506,
        wrong={
            0.0525506: "this is per step; divide by dt.",
            state: "this is the rate with velocities, flipped; here only positions are kept.",
            9.20369: "this is ⟨h₂⟩/dt with the velocities still there.",
            1.08861: "this is at dt = 0.05; take 0.01.",
            712421.5: "the velocities are still in the pair: keep rows and columns 0, 1, 4, 5.",
        },
        otherwise="keep rows and columns 0, 1, 4, 5 of two_frames(system, 0.01), and swap them.",
    )
    return (
        "More than the 3.97 that is produced: two positions show a velocity, and ⟨h₁⟩ of that state "
        "is counted once per step. At dt = 0.05 it would be 1.09: no rate at all."
    )
