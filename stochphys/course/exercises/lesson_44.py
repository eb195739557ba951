"""Exercises of 44 Images."""

from math import inf

from .grading import Table, function, measured, number

check_44_1 = number(
    (0.76, 0.5),
    ((0.6, 0.5), "labels are wrong in six kinds of ten only: average over all ten."),
    ((0.76, 0.9), "0.9 belongs to wrong labels that are any of nine; here all are the same one."),
    (
        (0.6, 0.9),
        "that is symmetric noise: here four kinds have right labels, and each wrong label "
        "of a kind is the same one.",
    ),
    ((0.84, 0.5), "that is 1 − τ · 4/10: wrong labels are in six kinds of ten."),
    ((0.24, 0.5), "this is the share of wrong labels; the accuracy is what is left."),
    ((0.76, 1 / 1.2), "there half of all labels are wrong; asked are those of boots alone."),
    ((0.5, 0.76), "the other way round, please: first the accuracy, then τ."),
    ((76, 0.5), "as shares, please, not in per cent."),
    means="A perfect network looks 76 % right, and 0.5 is the end: from there on most boots are called "
    "sneakers, and a network that says so has the lower loss. Symmetric noise may reach 0.9.",
    otherwise="two numbers: the share of labels that are right, and the τ at which right and wrong "
    "labels of a boot are equally frequent.",
)


@function(
    at=[(0.03, 400, 1500), (0.3, 400, 1500), (0.1, 75, 1500)],
    otherwise="one coin after each of the n − b steps, each with probability p.",
    means="33 ± 6 are expected in section 2, where 40 came. The coins do not look at the network, so the "
    "number of resets tells nothing about it; when they begin does.",
)
def check_44_2(p: float, b: float, n: float) -> Table:
    """Mean number of resets and its standard deviation."""
    mean, std = p * (n - b), (p * (1 - p) * (n - b)) ** 0.5
    yield mean, std
    yield (mean, mean**0.5), "Poisson's √mean is right for small p; a coin has p(1 − p) per step."
    yield (mean, std**2), "the second is the variance; the standard deviation is its root."
    yield (p * n, (p * (1 - p) * n) ** 0.5), "no coin is tossed before resets begin, at step b."
    yield ((n - b) / p, std), "1/p is the mean time between two resets; their number is p(n − b)."


check_44_3 = measured(
    (0.2, 4),
    ((-4, -0.2), "the best on the way is above what was kept: which one did you subtract?"),
    ((0.002, 0.04), "in points, please: 0.01 is one point."),
    ((10, 30), "that is above the last step; compare with what early stopping kept."),
    ((60, 100), "this is an accuracy; the difference of two is wanted."),
    means="{:.1f} points: 400 labels, four in ten of them wrong, do not see the best step. Beside it stands "
    "what resets gain in section 2, 0.9 points.",
    otherwise="the largest of `tests` minus `kept`, both in per cent, of the run without resets.",
)

check_44_4 = measured(
    (45, 62),
    ((62, 80), "this is what held-out images keep: is `held_out=train` in the call?"),
    ((0.4, 0.8), "in per cent, please."),
    (
        (80, inf),
        "no network gets so many test images right here: is it the share of the training labels?",
    ),
    means="{:.0f} %, as after the last step of SGD. The loss on the images that one learns from keeps "
    "falling while wrong labels are learned by heart, so resets begin late or never, and what is kept "
    "is the network that knows them best.",
    otherwise="the accuracy on test images of the network that is kept, in per cent; `run` prints it.",
)
