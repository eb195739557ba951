"""Exercises of 31 Brownian movies."""

from math import exp, inf, sqrt
from statistics import NormalDist

from .grading import Table, function, measured, number

verdict = NormalDist().cdf  # probability that a Gaussian of mean z and variance 1 is positive


@function(
    at=[(1, 0.0913), (20, 0.0913), (160, 0.0913), (100, 0.02)],
    otherwise="z = nm/√(2nm) = √(nm/2); with n = 0 the verdict is a coin, with n → ∞ certain.",
    means="58 % for one step, 99.7 % for 160. In truth the variance is 3.1⟨S⟩, but S is skewed: 99.4 %.",
)
def check_31_1(n: float, m: float) -> Table:
    """Probability that the sum of n steps of mean m is positive, Var S = 2⟨S⟩."""
    right, mean = verdict(sqrt(n * m / 2)), 1 / (1 + exp(-n * m))
    yield right
    yield verdict(sqrt(n * m)), "this has Var S = ⟨S⟩; the fluctuations are 2⟨S⟩."
    yield verdict(n * m / 2), "divide the mean by the standard deviation, the root of the variance."
    yield verdict(sqrt(m / 2)), "this is one step; mean and variance grow with n."
    yield 1 - right, "this is the probability of a wrong verdict."
    yield mean, "this is the probability if S has its mean value; average over what S can be."


# Interval that shows the most entropy per unit time, ζ = 0.1.
check_31_2 = number(
    0.095,
    (0.38, "this interval shows the most per pair; here the rate per time unit is asked."),
    (0.36, "this interval shows the most per pair, without noise."),
    (0.155, "this is for ζ = 0.2."),
    (0.055, "this is for ζ = 0.05."),
    (0.01, "fast frames are best without noise; did you give the noise to the function?"),
    (0.02, "this is the end of your range; did you give the noise to the function?"),
    rtol=0.12,
    otherwise="print the rates from dt = 0.02 to 0.3 with noise[0.1]; the top, 1.21, is flat but clear.",
    means="0.095 shows 1.21 of 2.025. At 0.01 the same camera shows 0.52: slower is better.",
)

# Duration of the test for a realised rate within 2 %, dt = 0.05.
check_31_3 = number(
    4242.0,
    (2926.0, "this is the variance of single steps; steps are correlated, take it of a long S."),
    (2738.0, "this has Var S = 2⟨S⟩; steps are correlated: measure the variance of a long S."),
    (84_842.0, "this is the number of frames; one frame lasts 0.05."),
    (85.0, "the error is a root: it falls with the square root of the duration."),
    (212.0, "this is for an error of 9 %: √(r/⟨S⟩) = 0.02 is wanted."),
    (1060.0, "this gives 4 %: twice the error."),
    rtol=0.28,  # four standard errors of a variance from 400 movies
    otherwise="r = Var S/⟨S⟩ is 3.1, ⟨S⟩ = 1.826 T, and √(r/⟨S⟩) = 0.02.",
    means="4240 time units, 85 000 frames. A network that is judged by the expected rate on less looks "
    "worse, or better, than it is.",
)

# Rate found in movies of which every second one runs backwards.
check_31_4 = measured(
    (-0.35, 0.35),
    ((-1.2, 1.2), "closer to zero, please: all 400 movies, and a batch_size of 256 or more."),
    ((1.2, inf), "this is the rate of the good archive; is every second movie really reversed?"),
    otherwise="now all movies run backwards; reverse every second one only.",
    means="{:+.2f}: a pair of frames and its reverse are equally frequent in this archive. Nothing "
    "is wrong with the network, the arrow is gone.",
)

# Gaussian rate of 4 principal components over the realised rate.
check_31_5 = number(
    1.55,
    (2.83, "divide by the realised rate of the same movies."),
    (0.97, "this is k = 2; take 4 components."),
    (2.1, "this is k = 8; take 4 components."),
    (0.0, "one component alone holds no arrow; take 4."),
    rtol=0.12,
    otherwise="take all of result.held_out, 4 components, and the realised rate found.exact_rate.",
    means="Half too much. Two components are the two shifts, Gaussian like the states. The next two "
    "are their squares, and no Gaussian. A warning says that, but not how many to take: k is 2 "
    "because there are two beads.",
)
