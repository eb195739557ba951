"""Checks of the exercises of notebook 15, on engines of one particle."""

from math import cos, isfinite, pi, sin, sqrt
from typing import Any

from .grading import Hint, function, number

BREAK_EVEN = 10.68  # of CarnotEngine, where its work changes sign


def check_15_1(answer: Any) -> str:
    """Period at which the engine breaks even."""
    number(
        answer,
        BREAK_EVEN,
        rtol=0.03,
        wrong={
            24.0: "there its power is largest; you want the period at which it delivers nothing.",
            1.0: "at τ = 1 it consumes 7 per cycle: it must run slower than that.",
        },
        otherwise="`CarnotEngine(tau).cycle().work_out` is not zero there; where is its sign changed?",
    )
    return (
        "faster, and the particle cannot follow the trap: all that heat gives is lost to friction."
    )


def check_15_2(answer: Any) -> str:
    """Quasi-static efficiency for a factor a of κ along the adiabats."""
    function(
        answer,
        lambda a: 1 - 1 / sqrt(a),
        at=[(2.0,), (3.0,), (9.0,)],
        wrong={
            lambda a: 1 - 1 / a: (
                "T is not proportional to κ on an adiabat: kinetic energy has its share too."
            ),
            lambda a: sqrt(a) - 1: "divided by the heat of the cold isotherm; the hot one pays.",
            lambda a: 1 / sqrt(a): "this is T_c/T_h; what is left of the heat after the cold bath?",
            lambda a: 1 - a**-1.5: "on an adiabat dT = ½ T dlnκ: which power of κ is T?",
        },
        otherwise="find T_h/T_c from dT = ½ T dlnκ first; the isotherms have one ratio of κ.",
    )
    return "T² ∝ κ on an adiabat, so T_h/T_c = √a: Carnot's efficiency, 0.423 for a = 3."


def check_15_3(answer: Any) -> str:
    """Work that an engine inferred with one temperature claims to deliver at τ = 50."""
    try:
        value = float(answer)
    except (TypeError, ValueError):
        raise Hint(f"a number is wanted here, you gave {type(answer).__name__}.") from None
    if not isfinite(value):
        raise Hint("the answer must be finite.")
    if value > 2:
        raise Hint(
            "this engine still knows that its bath is heated: give no `diffusion`, one constant D."
        )
    if value > 0:
        raise Hint("positive, against the second law: is this −W, delivered, averaged over draws?")
    if value < -5:
        raise Hint("too much: take τ = 50, and the work of one cycle, summed over its strokes.")
    return (
        f"{value:.2f}: with one temperature no cycle can deliver work. The drift was right; the noise "
        "is half of an engine."
    )


def check_15_4(answer: Any) -> str:
    """Itô drift for D = μ(x) T_0 with the D of `ThermalMotor()`."""
    k, T_0, q = 2.0, 2.0, 2 * pi / 5

    def force(x: float) -> float:
        return -k if x < 2.5 else k

    def relative(x: float) -> float:
        return 1 + sin(q * x) / T_0

    def slope(x: float) -> float:
        return q * cos(q * x)

    function(
        answer,
        lambda x: relative(x) * force(x) + slope(x),
        at=[(0.3,), (1.7,), (3.1,), (4.6,)],
        wrong={
            lambda x: force(
                x
            ): "this is the drift for T(x) at constant mobility, which has a current.",
            lambda x: (
                relative(x) * force(x)
            ): "μF alone: at D′ ≠ 0, p ∝ e^(−U/T) would not be at rest.",
            lambda x: force(x) + slope(x): "the mobility varies: it multiplies the force, too.",
            lambda x: relative(x) * force(x) + slope(x) / 2: (
                "half of D′ is Stratonovich's drift; Itô's has all of it."
            ),
            lambda x: relative(x) * force(x) - slope(x): "the sign of D′: drift × p = (Dp)′.",
        },
        otherwise="with p ∝ e^(−U/T_0) and drift × p = (Dp)′: which two terms does the drift have?",
    )
    return "μF + D′, no current: the same D(x) as the motor's, and equilibrium."
