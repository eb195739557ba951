"""Exercises of 25 Odd variables."""

from math import log

from ...systems import UnderdampedBeadSpring
from .grading import Table, function, number, refuse, tensor


def check_25_1(answer: object) -> str:
    """Parity of acceleration, angular momentum, kinetic energy, heat of a step, magnetic field."""
    wanted = "a list of five signs is wanted, such as [1, -1, 1, 1, 1]"
    signs = tensor(answer, (5,), wanted=wanted).tolist()
    refuse(set(signs) - {1, -1}, f"five signs, +1 or −1 each, are wanted; you gave {signs}.")
    hints = (
        "acceleration: v changes sign and so does dt, which keeps dv/dt.",
        "angular momentum: x stays, v turns.",
        "kinetic energy: a square forgets signs.",
        "heat: what the bath gave in the film, it takes in the reversed one.",
        "B: the electrons in the coil run the other way.",
    )
    for sign, right, hint in zip(signs, (1, -1, 1, -1, -1), hints, strict=True):
        refuse(sign != right, hint)
    return (
        "An odd B is why a charge in a magnetic field looks irreversible until the coil is turned "
        "as well."
    )


@function(
    at=[(0.01, 0.01, 0.001), (1.0, 0.5, 0.01), (2.0, 3.0, 0.02)],
    otherwise="d²/2w with d = 2v dt, w = q dt³/12 and ⟨v²⟩ = T/m; T must drop out.",
    means="Per unit time 12 m/(γ dt²): it diverges with the camera's speed, and knows nothing of T. "
    "It measures how well a position follows its velocity.",
)
def check_25_2(mass: float, gamma: float, dt: float) -> Table:
    """Entropy per step that the naive swap claims for one free particle in equilibrium."""
    yield 12 * mass / (gamma * dt)
    yield 3 * mass / (gamma * dt), "the means are v dt and −v dt: they differ by 2v dt."
    yield 12 / (gamma * dt), "⟨v²⟩ = T/m, and the noise has q = 2γT/m²."
    yield 12 * mass / (gamma * dt**2), "this is per unit time; per step one dt less."
    yield 0.0, "that is the true entropy. What does the swap without flip find?"


@function(
    at=[(2.0,), (10.0,)],
    otherwise="moves have the reverse rates h₋ for h₊, turns are their own reverse; "
    "(p₊h₊ − p₋h₋) ln(h₊/h₋) comes first.",
    means="At c = 10: 0.866 + 0.5. A film without a clock still shows 1.226: the order of states "
    "knows something of the escape rates, too.",
)
def check_25_3(c: float) -> Table:
    """σ̇ of the odd ring in two terms: logarithms of rates, difference of escape rates."""
    h, p_plus, p_minus = 1 + c / 10, 1 / (2 + c / 5), (1 + c / 5) / (2 + c / 5)
    logarithms, escape = (p_plus - p_minus * h) * -log(h), (p_plus - p_minus) * -c / 10
    # The two velocities weighted the other way round.
    swapped = (p_minus - p_plus * h) * -log(h), (p_minus - p_plus) * -c / 10
    yield logarithms, escape
    yield (escape, logarithms), "both terms are right; return the logarithms first."
    yield swapped, "the turns f₊ take the runner out of +: it is there for f₋/(f₊ + f₋)."
    alone = (logarithms, 0.0)
    yield alone, "the escape rates of + and − differ by c/10, and so do the weights of stays."


STATE = UnderdampedBeadSpring().entropy_production_rate(0.01)

# Rate that pairs of positions alone seem to show at dt = 0.01.
check_25_4 = number(
    5.25506,
    (0.0525506, "this is per step; divide by dt."),
    (STATE, "this is the rate with velocities, flipped; here only positions are kept."),
    (9.20369, "this is ⟨h₂⟩/dt with the velocities still there."),
    (1.08861, "this is at dt = 0.05; take 0.01."),
    (712421.5, "the velocities are still in the pair: keep rows and columns 0, 1, 4, 5."),
    otherwise="keep rows and columns 0, 1, 4, 5 of two_frames(system, 0.01), and swap them.",
    means="More than the 3.97 that is produced: two positions show a velocity, and ⟨h₁⟩ of that "
    "state is counted once per step. At dt = 0.05 it would be 1.09: no rate at all.",
)
