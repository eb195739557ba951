"""Exercises of 41 Search with resetting."""

from ...systems.search import Interval, Poisson, Search, mean_time, optimal
from .grading import Table, function, number

SEARCH, NEAR = Search(), Interval(0.1)
BEST, BEST_NEAR = optimal(SEARCH, Poisson()), optimal(NEAR, Poisson())
assert BEST and BEST_NEAR  # in both resets help
TIME = mean_time(SEARCH, BEST)
Z, RESETS = BEST.r**0.5, BEST.r * TIME

# z* and the number of resets in a mean search.
check_41_1 = number(
    (Z, RESETS),
    ((BEST.r, RESETS), "the first is r* x0²/D; z* is its square root."),
    ((Z, TIME), "the second is the time T*; r*T* resets fall into it."),
    ((BEST.r, TIME), "these are rate and time, r* and T*; wanted are z* = √r* and r*T*."),
    ((Z, RESETS + 1), "e^z* counts the attempts; the last one arrives and is not reset."),
    ((RESETS, Z), "both are right, in the other order: (z*, resets)."),
    ((0.0, RESETS), "z = 0 solves the equation too, but is no minimum; find the other root."),
    rtol=5e-3,
    otherwise="z* solves z/2 = 1 − e^(−z), and the resets in a mean search are e^z* − 1.",
    means="On average 3.92 attempts are given up before one arrives, and z* is a pure number: no "
    "choice of units can change it.",
)


@function(
    at=[(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (1.0, 3.0, 2.0), (0.5, 2.0, 7.0)],
    otherwise="ln T̃ = −(x0/2D)(√(v² + 4Ds) − v): its slope at s = 0 is −⟨T⟩, its curvature Var(T).",
    means="1/Pe: drift wins over diffusion at Pe = 1, and there resetting stops to help.",
)
def check_41_2(x0: float, D: float, v: float) -> Table:
    """CV² of a search with drift, as a function of x0, D and v."""
    yield 2 * D / (x0 * v)
    yield x0 * v / (2 * D), "upside down: with a stronger drift T varies less."
    yield (2 * D / (x0 * v)) ** 0.5, "this is CV; its square is wanted."
    yield 2 * D * x0 / v**3, "this is the variance; divide by the mean squared."
    yield 1 + 2 * D / (x0 * v), "this is ⟨T²⟩/⟨T⟩²; the variance is ⟨T²⟩ − ⟨T⟩²."


@function(
    at=[(1e-4,), (1e-3,), (1e-2,)],
    rtol=0.02,
    otherwise="put x0 + 0.5826 √(2D dt) into the exact mean time, r left at r*.",
    means="5.3 % at dt = 0.001, and a step ten thousand times shorter still leaves 0.05 %.",
)
def check_41_3(dt: float) -> Table:
    """Excess of the mean time at the best rate when only the ends of steps are looked at."""

    def excess(shift: float) -> float:
        return mean_time(Search(x0=1 + shift), BEST) / TIME - 1

    shift = 0.5826 * (2 * dt) ** 0.5
    nearer = excess(-shift)
    yield excess(shift)
    yield excess(shift / 2**0.5), "one step is √(2D dt) long, not √(D dt)."
    yield nearer, "touches are overlooked, so the search takes longer: the target moves away."
    yield 1 + excess(shift), "this is the ratio; the excess over 1 is wanted."
    yield shift, "this is the shift of the target; what does it do to the mean time?"
    yield 2 * shift, "right to first order; at dt = 0.01 the exponential matters."
    yield 100 * excess(shift), "this is in per cent; the fraction is wanted."
    yield 0.5826 * dt, "it is not of the order of dt: √dt is much larger."


U, GAIN = (5 - 5**0.5) / 10, NEAR.mean / mean_time(NEAR, BEST_NEAR)

# Threshold of u in an interval, and the gain at u = 0.1.
check_41_4 = number(
    (U, GAIN),
    ((1 - U, GAIN), "the mirror image: from there on it helps again. Give u < 1/2."),
    ((U, 1 / GAIN), "the gain is the time without resets over that with them."),
    ((U, BEST_NEAR.r), "this is the best rate; how much does it gain?"),
    ((U, NEAR.cv**2), "this is CV²; the gain needs the mean time at the best rate."),
    ((0.5, GAIN), "in the middle CV² is 2/3; where is it 1?"),
    rtol=5e-3,
    otherwise="CV² = (1 + u − u²)/(3u(1 − u)) − 1 = 1 for the first; `optimal` for the second.",
    means="Who starts near one end and gets into the middle does better to start over: the search is 2.9 times shorter at u = 0.1.",
)

# Entropy that one reset takes away, and power of the trap, for k = 30, D = 0.5, r = 4.
check_41_5 = number(
    (1.0, 15.0),
    ((4.0, 15.0), "the first is the rate; divide by the resets per unit time."),
    ((1.0, 3.75), "the second is the work of one reset; the power is r times as much."),
    ((4.0, 3.75), "the first is wanted per reset, the second per unit time: the other way."),
    ((1.0, 30.0), "the power is twice too large: the trap's energy is kx²/2, not kx²."),
    ((-1.0, 15.0), "taken away, so counted positive: α⟨|x|⟩ is what is lost at a reset."),
    otherwise="a reset changes −ln p from −ln p(x) to −ln p(0); and kx²/2 is the work.",
    means="One k_B for each reset, so r per unit time; the trap's power kD does not depend on r.",
)
