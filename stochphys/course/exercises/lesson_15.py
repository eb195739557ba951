"""Checks of the exercises of notebook 15, on engines of one particle."""

from math import cos, inf, pi, sin, sqrt

from .grading import Table, function, measured, refuse, tensor

STROKES = "this is the mean over strokes; a cycle has four of them, and their sum is wanted."

# Period at which the engine breaks even: 10.68.
check_15_1 = measured(
    (10.65, 10.75),
    ((20, 25), "there its power is largest; you want the period at which it delivers nothing."),
    ((10.75, inf), "it delivers work there: let it run faster, until nothing is left."),
    ((0, 10.65), "it costs work there: let it run more slowly, until it costs nothing."),
    otherwise="a period is positive.",
    means="Driven faster, the particle lags so far behind the trap that a cycle costs work.",
)


@function(
    at=[(2.0,), (3.0,), (9.0,)],
    otherwise="find T_h/T_c from dT = ½ T dlnκ first; the isotherms have one ratio of κ.",
    means="T² ∝ κ on an adiabat, so T_h/T_c = √a: Carnot's efficiency, 0.423 for a = 3.",
)
def check_15_2(a: float) -> Table:
    """Quasi-static efficiency for a factor a of κ along the adiabats."""
    yield 1 - 1 / sqrt(a)
    yield 1 - 1 / a, "T is not proportional to κ on an adiabat: kinetic energy has its share too."
    yield sqrt(a) - 1, "divided by the heat of the cold isotherm; the hot one pays."
    yield 1 / sqrt(a), "this is T_c/T_h; what is left of the heat after the cold bath?"
    yield 100 - 100 / sqrt(a), "in per cent? A fraction between 0 and 1 is wanted."
    yield 1 - a**-1.5, "on an adiabat dT = ½ T dlnκ: which power of κ is T?"


# Work that engines of one temperature claim, in 60 films: means −1.11 to −2.15 (−1.59 ± 0.21), std 0.15
# to 0.52 over the draws. It is −1.38 if κ, γ and the mean of T are exact: rough κ(t) costs work.
claimed = measured(
    (-2.8, -0.95),
    (
        (0.95, 2.8),
        "the size is right, the sign is not: this is W, done on the engine; −W is wanted.",
    ),
    (
        (2.8, 4),
        "this engine still knows that its bath is heated: give no `diffusion`, one constant D.",
    ),
    ((0.25, 0.7), STROKES),
    ((-0.7, -0.25), STROKES),
    ((-0.25, -0.12), "this is an efficiency, work over heat; the work itself is wanted."),
    ((-0.06, -0.01), "this is work per time unit; a cycle lasts 50 of them."),
    ((-280, -95), "this is the sum over 100 engines; you want their mean."),
    otherwise="take `.work_out` of engines that have one constant D, at τ = 50, and its mean over them.",
    means="{:.2f}",
)


def check_15_3(answer: object) -> str:
    """Mean and std, over draws, of the work that an engine of one temperature claims to deliver."""
    wanted = "two numbers are wanted, the mean and the std over the draws"
    mean, std = tensor(answer, (2,), wanted=wanted).tolist()
    refuse(std <= 0, "a std is positive; the mean comes first, then the std.")
    text = claimed(mean)
    refuse(
        std < 0.07, "so small? This is a standard error of the mean; how far apart are the draws?"
    )
    refuse(
        std > 0.8,
        "so large? Take the std of `.work_out` over the 100 engines, not over strokes.",
    )
    return (
        f"{text} ± {std:.2f}: with one temperature no cycle can deliver work. The drift was inferred "
        "as well as before; without the noise of each moment it makes another engine."
    )


@function(
    at=[(0.3,), (1.7,), (3.1,), (4.6,)],
    otherwise="with p ∝ e^(−U/T_0) and drift × p = (Dp)′: which two terms does the drift have?",
    means="μF + D′, no current: the same D(x) as the motor's, and equilibrium.",
)
def check_15_4(x: float) -> Table:
    """Itô drift for D = μ(x) T_0 with the D of `ThermalMotor()`."""
    k, T_0, q = 2.0, 2.0, 2 * pi / 5
    force, slope = -k if x < 2.5 else k, q * cos(q * x)
    moved = (1 + sin(q * x) / T_0) * force  # μF
    yield moved + slope
    yield force, "this is the drift for T(x) at constant mobility, which has a current."
    yield moved, "μF alone: at D′ ≠ 0, p ∝ e^(−U/T) would not be at rest."
    yield force + slope, "the mobility varies: it multiplies the force, too."
    yield moved + slope / 2, "half of D′ is Stratonovich's drift; Itô's has all of it."
    yield moved + 2 * slope, "2D′ is too much: (Dp)′ holds D′ once."
    yield moved + slope / q, "the slope of sin(2πx/L) has a factor 2π/L."
    yield 2 * moved + slope, "D′ is right; the mobility is μ = D/T_0, not D."
    yield moved - slope, "the sign of D′: drift × p = (Dp)′."
