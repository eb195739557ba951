"""Exercises of 41 Search with resetting."""

from typing import Any

from ...systems.search import Interval, Poisson, Search, mean_time, optimal
from .grading import function, number


def check_41_1(answer: Any) -> str:
    """z* and the number of resets in a mean search."""
    best = optimal(Search(), Poisson())
    assert best is not None
    T = mean_time(Search(), best)
    z, resets = best.r**0.5, best.r * T
    number(
        answer,
        (z, resets),
        rtol=5e-3,
        wrong={
            (best.r, resets): "the first is r* x0²/D; z* is its square root.",
            (z, T): "the second is the time T*; r*T* resets fall into it.",
            (best.r, T): "these are rate and time, r* and T*; wanted are z* = √r* and r*T*.",
            (z, resets + 1): "e^z* counts the attempts; the last one arrives and is not reset.",
            (resets, z): "both are right, in the other order: (z*, resets).",
            (0.0, resets): "z = 0 solves the equation too, but is no minimum; find the other root.",
        },
        otherwise="z* solves z/2 = 1 − e^(−z), and the resets in a mean search are e^z* − 1.",
    )
    return (
        "On average 3.92 attempts are given up before one arrives, and z* is a pure number: no "
        "choice of units can change it."
    )


def check_41_2(answer: Any) -> str:
    """CV² of a search with drift, as a function of x0, D and v."""
    function(
        answer,
        lambda x0, D, v: 2 * D / (x0 * v),
        at=[(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (1.0, 3.0, 2.0), (0.5, 2.0, 7.0)],
        wrong={
            lambda x0, D, v: x0 * v / (2 * D): "upside down: a strong drift makes T certain.",
            lambda x0, D, v: (2 * D / (x0 * v)) ** 0.5: "this is CV; its square is wanted.",
            lambda x0, D, v: 2 * D * x0 / v**3: "this is the variance; divide by the mean squared.",
            lambda x0, D, v: 1 + 2 * D / (x0 * v): (
                "this is ⟨T²⟩/⟨T⟩²; the variance is ⟨T²⟩ − ⟨T⟩²."
            ),
        },
        otherwise="ln T̃ = −(x0/2D)(√(v² + 4Ds) − v): its slope at s = 0 is −⟨T⟩, its curvature Var(T).",
    )
    return "1/Pe: drift wins over diffusion at Pe = 1, and there resetting stops to help."


def check_41_3(answer: Any) -> str:
    """Excess of the mean time at the best rate when only the ends of steps are looked at."""
    search = Search()
    best = optimal(search, Poisson())

    def excess(shift: float) -> float:
        return mean_time(Search(x0=1 + shift), best) / mean_time(search, best) - 1

    function(
        answer,
        lambda dt: excess(0.5826 * (2 * dt) ** 0.5),
        at=[(1e-4,), (1e-3,), (1e-2,)],
        rtol=0.02,
        wrong={
            lambda dt: excess(0.5826 * dt**0.5): "one step is √(2D dt) long, not √(D dt).",
            lambda dt: excess(-0.5826 * (2 * dt) ** 0.5): (
                "touches are overlooked, so the search takes longer: the target moves away."
            ),
            lambda dt: 1 + excess(0.5826 * (2 * dt) ** 0.5): (
                "this is the ratio; the excess over 1 is wanted."
            ),
            lambda dt: 0.5826 * (2 * dt) ** 0.5: (
                "this is the shift of the target; what does it do to the mean time?"
            ),
            lambda dt: 2 * 0.5826 * (2 * dt) ** 0.5: (
                "right to first order; at dt = 0.01 the exponential matters."
            ),
            lambda dt: 100 * excess(0.5826 * (2 * dt) ** 0.5): (
                "this is in per cent; the fraction is wanted."
            ),
            lambda dt: 0.5826 * dt: "it is not of the order of dt: √dt is much larger.",
        },
        otherwise="put x0 + 0.5826 √(2D dt) into the exact mean time, r left at r*.",
    )
    return "5.3 % at dt = 0.001, and a step ten thousand times shorter still leaves 0.05 %."


def check_41_4(answer: Any) -> str:
    """Threshold of u in an interval, and the gain at u = 0.1."""
    threshold, near = (5 - 5**0.5) / 10, Interval(0.1)
    best = optimal(near, Poisson())
    assert best is not None
    gain = near.mean / mean_time(near, best)
    number(
        answer,
        (threshold, gain),
        rtol=5e-3,
        wrong={
            (1 - threshold, gain): "the mirror image: from there on it helps again. Give u < 1/2.",
            (threshold, 1 / gain): "the gain is the time without resets over that with them.",
            (threshold, best.r): "this is the best rate; how much does it gain?",
            (threshold, near.cv**2): "this is CV²; the gain needs the mean time at the best rate.",
            (0.5, gain): "in the middle CV² is 2/3; where is it 1?",
        },
        otherwise="CV² = (1 + u − u²)/(3u(1 − u)) − 1 = 1 for the first; `optimal` for the second.",
    )
    return "A walker near one end, lost in the middle, does better to start over: 2.9 times sooner at u = 0.1."


def check_41_5(answer: Any) -> str:
    """Entropy that one reset takes away, and power of the trap, for k = 30, D = 0.5, r = 4."""
    number(
        answer,
        (1.0, 15.0),
        wrong={
            (4.0, 15.0): "the first is the rate; divide by the resets per unit time.",
            (1.0, 3.75): "the second is the work of one reset; the power is r times as much.",
            (4.0, 3.75): "the first is wanted per reset, the second per unit time: the other way.",
            (1.0, 30.0): "the power is twice too large: the trap's energy is kx²/2, not kx².",
            (-1.0, 15.0): "taken away, so counted positive: α⟨|x|⟩ is what is lost at a reset.",
        },
        otherwise="a reset changes −ln p from −ln p(x) to −ln p(0); and kx²/2 is the work.",
    )
    return "One k_B for each reset, so r per unit time; the trap's power kD knows nothing of r."
