"""Exercises of 26 How wrong can it be."""

from typing import Any

from ...inference import EntropyProduction
from ...systems import BeadSpring
from .grading import Hint, function, number


def check_26_1(answer: Any) -> str:
    """R² of h = a ΔS + η from a and b = bound over true rate, for short steps."""
    function(
        answer,
        lambda a, b: a**2 / (2 * a - b),
        at=[(1.0, 0.5), (1.0, 1.0), (0.8, 0.9), (1.2, 0.3)],
        wrong={
            lambda a, b: a / (2 * a - b): "⟨h²⟩ holds a²⟨ΔS²⟩: both parts of R² need the square.",
            lambda a, b: 1 / (2 - b): "this is Eq. 1, for a = 1; now a is free.",
            lambda a, b: b: "b falls by half of ⟨η²⟩/⟨ΔS⟩; R² compares ⟨η²⟩ with a²⟨ΔS²⟩.",
            lambda a, b: (2 * a - a**2 - b) / (2 * a - b): "this is the part that η has: 1 − R².",
            lambda a, b: a**2 / (a - b / 2): "for short steps ⟨ΔS²⟩ = 2⟨ΔS⟩; check a = b = 1.",
        },
        otherwise="at a = b = 1 there is no noise and R² must be 1; at a = 1, b = 0 it is one half.",
    )
    return (
        "R² = a²/(2a − b): two readings of the data tell what a plot against the truth would show."
    )


def check_26_2(answer: Any) -> str:
    """Rate of the Euler chain of two beads, T_c = k = γ = 1."""

    def rate(T_h: float, dt: float) -> float:
        return (T_h - 1) ** 2 / (4 * T_h) / (1 - 0.75 * dt)

    def sampled(T_h: float, dt: float) -> float:
        return BeadSpring(T_h=T_h).entropy_production_rate(dt)

    function(
        answer,
        rate,
        at=[(10.0, 0.1), (3.0, 0.2), (50.0, 0.01)],
        rtol=0.001,
        wrong={
            lambda T_h, dt: rate(T_h, 0.0): "this is the limit dt → 0; the covariance of the chain "
            "differs from that of the process.",
            sampled: "this is the process seen every dt; the chain is another process.",
            lambda T_h, dt: (
                rate(T_h, 0.0) * (1 - 0.75 * dt)
            ): "upside down: the chain produces more.",
            lambda T_h, dt: rate(T_h, 0.0) * (1 + 0.75 * dt): "the first order is right; the exact "
            "result is a geometric series.",
            lambda T_h, dt: rate(T_h, dt) * dt: "per step; a rate per unit time is wanted.",
        },
        otherwise="entropy_production_rate(dt, 'euler') tells the number that must come out.",
    )
    return "σ̇/(1 − 3dt/4), for any T_h: the chain moves a little too far in each step."


def check_26_3(answer: Any) -> str:
    """Steps that show T_h = 1.1 to be out of equilibrium by three standard errors."""
    number(
        answer,
        72 / (BeadSpring(T_h=1.1).entropy_production_rate(0.01) * 0.01),
        rtol=0.03,
        wrong={
            18 / (BeadSpring(T_h=1.1).entropy_production_rate(0.01) * 0.01): (
                "this is √(2/(nΔS)), the noise of the exact ΔS; who must learn it has twice that."
            ),
            72 / BeadSpring(T_h=1.1).entropy_production_rate(0.01): (
                "this is a time; a step lasts 0.01."
            ),
            8 / (BeadSpring(T_h=1.1).entropy_production_rate(0.01) * 0.01): (
                "for one standard error; three need nine times as many."
            ),
            24 / (BeadSpring(T_h=1.1).entropy_production_rate(0.01) * 0.01): (
                "n grows like the square: three standard errors need nine times as many."
            ),
            800 / (BeadSpring(T_h=1.1).entropy_production_rate(0.01) * 0.01): (
                "this is for 10 %; here one third is enough."
            ),
        },
        otherwise="2 √(2/(n ΔS)) = 1/3, with ΔS of one step at T_h = 1.1.",
    )
    return "More than three million steps, for a temperature that differs by a tenth."


def check_26_4(answer: Any) -> str:
    """A result that has learned by heart, and says so."""
    if not isinstance(answer, EntropyProduction):
        raise Hint(
            f"the result of infer_entropy_production is wanted, you gave {type(answer).__name__}."
        )
    said = " ".join(answer.warnings)
    if "Overfitting" not in said and "too bold" in said:
        raise Hint('it says "Not calibrated": bold, not yet by heart. More steps, fewer films.')
    if "Overfitting" not in said and said:
        raise Hint(
            "it complains, but of something else; let it train longer on the same few films."
        )
    if "Overfitting" not in said:
        raise Hint(
            f"training bound {answer.in_sample:.3g}, held out {answer.bound:.3g}: no harm done. "
            "Fewer films that train, and one look at held-out data at the very end (validate_every)."
        )
    return (
        f"{answer.in_sample:.3g} on its own films, {answer.bound:.3g} on others. What protected it "
        "were looks at held-out data, and films enough to learn from."
    )
