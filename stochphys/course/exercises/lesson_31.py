"""Exercises of 31 Brownian movies."""

from math import exp, sqrt
from statistics import NormalDist

from .grading import Table, function, measured, number

verdict = NormalDist().cdf  # probability that a Gaussian of mean z and variance 1 is positive


@function(
    at=[(1, 0.0913), (20, 0.0913), (160, 0.0913), (100, 0.02)],
    otherwise="z = nm/√(2nm) = √(nm/2); with n = 0 the verdict is a coin, with n → ∞ certain.",
    means="58 % for one step, 99.7 % for 160. In truth the variance is about 3⟨S⟩, but S is skewed: 99.4 %.",
)
def check_31_1(n: float, m: float) -> Table:
    """Probability that the sum of n steps of mean m is positive, Var S = 2⟨S⟩."""
    right, mean = verdict(sqrt(n * m / 2)), 1 / (1 + exp(-n * m))
    yield right
    yield verdict(sqrt(n * m)), "this has Var S = ⟨S⟩; the fluctuations are 2⟨S⟩."
    yield verdict(n * m / 2), "divide the mean by the standard deviation, the root of the variance."
    yield verdict(sqrt(m / 2)), "this is one step; mean and variance grow with n."
    yield 100 * right, "this is in per cent; a probability is at most 1."
    yield 1 - right, "this is the probability of a wrong verdict."
    yield mean, "this is the probability if S has its mean value; average over what S can be."


# Interval that shows the most entropy per unit time, ζ = 0.1.
check_31_2 = number(
    0.095,
    (0.38, "near this interval a pair shows the most; here the rate per time unit is asked."),
    (0.155, "with ζ = 0.2 such an interval would be the best; here ζ = 0.1."),
    (0.055, "with ζ = 0.05 such an interval would be the best; here ζ = 0.1."),
    (1.21, "this is the rate, which is right; the interval that shows it is asked."),
    (0.01, "fast frames are best without noise; did you give the noise to the function?"),
    (0.02, "the rate still grows from here on; did you give the noise to the function?"),
    rtol=0.12,
    otherwise="print the rates from dt = 0.02 to 0.3 with noise[0.1]; the top, 1.21, is flat but clear.",
    means="0.095 shows 1.21 of 2.025. At 0.01 the same camera shows 0.52: slower is better.",
)

# Duration of the test for a realised rate within 2 %, dt = 0.05: r/(0.02² σ̇). Sets of 400 movies
# give r = 2.6 to 3.3, hence 3560 to 4520; from single steps they give 2903 to 2946.
check_31_3 = measured(
    (3250.0, 5000.0),
    ((2820.0, 3100.0), "this is r of single steps; steps are correlated, take r of the sums S."),
    (
        (2500.0, 2819.0),
        "this is r = 2, the least there is; measure r, of sums S over whole movies.",
    ),
    ((65_000.0, 100_000.0), "this counts frames, and one frame lasts 0.05."),
    ((65.0, 100.0), "this is r/(0.02 σ̇): the error is a root, so 0.02 enters squared."),
    ((160.0, 250.0), "so short a test has an error near 9 %: were frames taken for time units?"),
    ((812.0, 1250.0), "so short a test has an error near 4 %: √(r/⟨S⟩) = 0.02 is wanted."),
    (
        (5900.0, 9200.0),
        "is this ⟨S⟩ = r/0.02²? Then divide it by its rate, 1.826, to get a time. If not, a factor "
        "of two may be too many.",
    ),
    (
        (float("-inf"), 0.0),
        "a time is positive: which of the numbers that you divided by is not?",
    ),
    otherwise="r = Var S/⟨S⟩ is 2.6 to 3.3, ⟨S⟩ = 1.826 T, and √(r/⟨S⟩) = 0.02; solve for T.",
    means="{:.0f} time units, twenty times as many frames; other sets of 400 movies say 3500 to 4500. "
    "A network that is judged by the expected rate on less looks worse, or better, than it is.",
)

# Rate found in movies of which every second one runs backwards: six seeds −0.041 to 0.016, and 0.19
# and 0.23 where only every third one does.
PARTLY = (
    "the arrow is weaker, not gone. Its rate falls as the squared difference of the shares of both "
    "directions: with every third movie reversed 0.2 is left. Is exactly every second one reversed?"
)
check_31_4 = measured(
    (-0.07, 0.07),
    (
        (0.08, 0.1),
        "a pair of the good archive shows 0.0913; asked is what this archive shows, per time unit.",
    ),
    ((0.07, 1.2), PARTLY),
    ((-1.2, -0.07), "now most movies run backwards, or the network was too short in training."),
    ((1.2, 2.2), "this is the rate of the good archive; is every second movie really reversed?"),
    (
        (-2.2, -1.2),
        "this is the rate of an archive that runs backwards; reverse every second movie.",
    ),
    otherwise="good movies give 1.8, and no archive of them more: is the rate per time unit?",
    means="{:+.2f}: a pair of frames and its reverse are equally frequent in this archive. Nothing "
    "is wrong with the network, the arrow is gone.",
)

# Gaussian rate of 4 principal components over the realised rate: six seeds 1.54 to 1.63.
check_31_5 = measured(
    (1.48, 1.7),
    (
        (1.3, 1.48),
        "was the rate divided by the 2.025 that are produced? Asked is what the same movies realised.",
    ),
    ((0.85, 1.15), "so near to 1 are 2 or 3 components; take 4."),
    ((1.7, 2.4), "so much comes of 6 or 8 components; take 4."),
    ((2.5, 3.4), "this is the rate itself; divide by the realised rate of the same movies."),
    ((0.45, 0.6), "is this the excess over 1? Then add 1: the whole ratio is asked."),
    (
        (0.6, 0.72),
        "the rate of the components over the realised one is asked, neither the inverse nor the excess.",
    ),
    ((-0.05, 0.05), "one component alone holds no arrow; take 4."),
    otherwise="take all of result.held_out, 4 components, and the realised rate found.exact_rate.",
    means="Half too much. Two components are the two shifts, Gaussian like the states. The next two "
    "are their squares, and no Gaussian. A warning says that, but not how many to take: k is 2 "
    "because there are two beads.",
)
