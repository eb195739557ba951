"""Checks of the exercises of notebook 16, on predictions from an inferred equation."""

from math import exp

from .grading import Table, function, measured, number


@function(
    at=[(0.1,), (0.3,), (1.0,)],
    rtol=0.05,  # 2 for 1.96 will do
    otherwise="ψ at its upper end is the mean + 1.96 std. What is ⟨T⟩ there, over ⟨T⟩ at the mean?",
    means="±0.3 in ψ make a factor 1.8 each way: barriers are in an exponent.",
)
def check_16_1(std: float) -> Table:
    """Upper end of the 95 % interval of a passage time over its median, from the std of ψ."""
    yield exp(1.96 * std)
    yield exp(std), "this end holds one std: 95 % need more of them."
    yield 1 + 1.96 * std, "true for a small std only; the time is an exponential of ψ."
    yield 2 * 1.96 * std, "this is the width of the interval of ψ itself."


# Spread of the times when all draws are the mean equation, relative to the honest one.
check_16_2 = measured(
    (-1e-6, 1e-6),
    ((0.85, 1.15), "hardly anything has changed: is Φ still drawn? Use `.mean` of both."),
    ((1.5, 20), "is this a std itself, in time units? The ratio of the two is wanted."),
    ((1e-6, 0.85), "some draws still differ: both drift and diffusion must be the means."),
    otherwise="a ratio of two std is no less than zero, and not above that of the honest times.",
    means="no spread at all: one equation, one time. What is not known has been left out.",
)

ERROR = 0.6  # of the entropy production rate 8.24 of NonlinearForce(), from 100 time units
RATIO = ERROR / 0.0824  # of the error of one such film over the error that is wanted

# Time for an error of one per cent of the entropy production rate.
check_16_3 = number(
    100 * RATIO**2,
    (100 * RATIO, "the error falls like one over the root of the time: square the ratio."),
    (RATIO**2, "this is how many such films; each lasts 100 time units."),
    (100 * (ERROR / 0.01) ** 2, "1 % of σ̇, not of one: its error should be 0.082."),
    rtol=0.05,
    otherwise="τ = 100 (error now / error wanted)², with the error wanted 0.01 σ̇.",
    means="5300 time units, 530 000 frames. Like a drift, entropy production needs more time, not more frames.",
)
