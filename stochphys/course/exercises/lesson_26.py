"""Exercises of 26 How wrong can it be."""

from ...inference import EntropyProduction
from ...systems import BeadSpring
from .grading import Hint, Table, function, number, refuse


@function(
    at=[(1.0, 0.5), (1.0, 1.0), (0.8, 0.9), (1.2, 0.3)],
    otherwise="at a = b = 1 there is no noise and R² must be 1; at a = 1, b = 0 it is one half.",
    means="R² = a²/(2a − b): two readings of the data tell what a plot against the truth would "
    "show.",
)
def check_26_1(a: float, b: float) -> Table:
    """R² of h = a ΔS + η from a and b = bound over true rate, for short steps."""
    yield a**2 / (2 * a - b)
    yield a / (2 * a - b), "⟨h²⟩ holds a²⟨ΔS²⟩: both parts of R² need the square."
    yield 1 / (2 - b), "this is Eq. 1, for a = 1; now a is free."
    yield b, "b falls by half of ⟨η²⟩/⟨ΔS⟩; R² compares ⟨η²⟩ with a²⟨ΔS²⟩."
    yield (2 * a - a**2 - b) / (2 * a - b), "this is the part that η has: 1 − R²."
    yield a**2 / (a - b / 2), "for short steps ⟨ΔS²⟩ = 2⟨ΔS⟩; check a = b = 1."


@function(
    at=[(10.0, 0.1), (3.0, 0.2), (50.0, 0.01)],
    rtol=0.001,
    otherwise="entropy_production_rate(dt, 'euler') tells the number that must come out.",
    means="σ̇/(1 − 3dt/4), for any T_h: the chain moves a little too far in each step.",
)
def check_26_2(T_h: float, dt: float) -> Table:
    """Rate of the Euler chain of two beads, T_c = k = γ = 1."""
    limit, factor = (T_h - 1) ** 2 / (4 * T_h), 1 - 0.75 * dt
    yield limit / factor
    yield (
        limit,
        "this is the limit dt → 0; the covariance of the chain differs from that of the process.",
    )
    sampled, first_order = BeadSpring(T_h=T_h).entropy_production_rate(dt), 1 + 0.75 * dt
    yield sampled, "this is the process seen every dt; the chain is another process."
    yield limit * factor, "upside down: the chain produces more."
    yield limit * first_order, "the first order is right; the exact result is a geometric series."
    yield limit / factor * dt, "per step; a rate per unit time is wanted."


STEP = BeadSpring(T_h=1.1).entropy_production_rate(0.01) * 0.01  # ΔS

# Steps that show T_h = 1.1 to be out of equilibrium by three standard errors.
check_26_3 = number(
    72 / STEP,
    (18 / STEP, "this is √(2/(nΔS)), the noise of the exact ΔS; who must learn it has twice that."),
    (0.72 / STEP, "this is a time; a step lasts 0.01."),
    (8 / STEP, "for one standard error; three need nine times as many."),
    (24 / STEP, "n grows like the square: three standard errors need nine times as many."),
    (800 / STEP, "this is for 10 %; here one third is enough."),
    rtol=0.03,
    otherwise="2 √(2/(n ΔS)) = 1/3, with ΔS of one step at T_h = 1.1.",
    means="More than three million steps, for a temperature that differs by a tenth.",
)


def check_26_4(answer: object) -> str:
    """A result that has learned by heart, and says so."""
    if not isinstance(answer, EntropyProduction):
        raise Hint(
            f"the result of infer_entropy_production is wanted, you gave {type(answer).__name__}."
        )
    said = " ".join(answer.warnings)
    if "Overfitting" not in said:
        if "too bold" in said:
            raise Hint('it says "Not calibrated": bold, not yet by heart. More steps, fewer films.')
        other = "it complains, but of something else; let it train longer on the same few films."
        refuse(said, other)
        raise Hint(
            f"training bound {answer.in_sample:.3g}, held out {answer.bound:.3g}: no harm done. "
            "Fewer films that train, and one look at held-out data at the very end (validate_every)."
        )
    return (
        f"{answer.in_sample:.3g} on its own films, {answer.bound:.3g} on others. What protected it "
        "were looks at held-out data, and films enough to learn from."
    )
