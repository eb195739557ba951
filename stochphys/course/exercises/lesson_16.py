"""Checks of the exercises of notebook 16, on predictions from an inferred equation."""

from math import exp
from typing import Any

from .grading import function, number

ERROR = 0.6  # of the entropy production rate from one film of 100 time units
SIGMA_DOT = 8.24  # of NonlinearForce()


def check_16_1(answer: Any) -> str:
    """Upper end of the 95 % interval of a passage time over its median, from the std of ψ."""
    function(
        answer,
        lambda std: exp(1.96 * std),
        at=[(0.1,), (0.3,), (1.0,)],
        rtol=0.05,  # 2 for 1.96 will do
        wrong={
            lambda std: exp(std): "this end holds one std: 95 % need more of them.",
            lambda std: (
                1 + 1.96 * std
            ): "true for a small std only; the time is an exponential of ψ.",
            lambda std: 2 * 1.96 * std: "this is the width of the interval of ψ itself.",
        },
        otherwise="ψ at its upper end is the mean + 1.96 std. What is ⟨T⟩ there, over ⟨T⟩ at the mean?",
    )
    return "±0.3 in ψ make a factor 1.8 each way: barriers are in an exponent."


def check_16_2(answer: Any) -> str:
    """Spread of the times when all draws are the mean equation, relative to the honest one."""
    number(
        answer,
        0.0,
        wrong={1.0: "nothing has changed: are Φ and D still drawn? Use `.mean` of both."},
        otherwise="some draws still differ: both drift and diffusion must be the means.",
    )
    return (
        "no spread at all: one equation, one time. What is not known has been left out, not solved."
    )


def check_16_3(answer: Any) -> str:
    """Time for an error of one per cent of the entropy production rate."""
    right = 100 * (ERROR / (0.01 * SIGMA_DOT)) ** 2
    number(
        answer,
        right,
        rtol=0.05,
        wrong={
            right**0.5
            * 10: "the error falls like one over the root of the time: square the ratio.",
            right / 100: "this is how many such films; each lasts 100 time units.",
            100 * (ERROR / 0.01) ** 2: "1 % of σ̇, not of one: its error should be 0.082.",
        },
        otherwise="τ = 100 (error now / error wanted)², with the error wanted 0.01 σ̇.",
    )
    return "5300 time units, 530 000 frames. Accuracy of entropy is bought with time, like that of a drift."
