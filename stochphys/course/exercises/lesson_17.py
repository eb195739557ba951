"""Checks of the exercises of notebook 17, on networks that infer the systems of a paper."""

from math import sqrt

from .grading import Table, function, number


@function(
    at=[(3.0, 1.0, 100, 2), (1.0, 2.0, 50, 1), (0.5, 0.1, 10, 20)],
    otherwise="what is the variance of the mean of one draw's paths? Draws are independent of each other.",
    means="more paths of the same draw help against chance, never against what is not known.",
)
def check_17_1(within: float, between: float, draws: int, paths: int) -> Table:
    """Standard error of the mean over all paths, of which several follow the same draw."""
    yield sqrt(between**2 / draws + within**2 / (draws * paths))
    yield (
        sqrt((between**2 + within**2) / (draws * paths)),
        "paths of one draw share its equation: `between` falls with the number of draws alone.",
    )
    yield between**2 / draws + within**2 / (draws * paths), "this is the variance; take its root."
    yield (
        within / sqrt(draws * paths),
        "this is chance alone: what differs between draws is left out.",
    )
    yield (
        between / sqrt(draws) + within / sqrt(draws * paths),
        "independent errors add by their squares.",
    )


@function(
    at=[(2.0, 0.01), (0.5, 0.1), (1.0, 0.001)],
    otherwise="which noise does a step get beside √(2D dt) ξ, and which D would make it?",
    means="at σ = 2 and dt = 0.01 it is 0.02: all that was not known of the drift is gone.",
)
def check_17_2(sigma: float, dt: float) -> Table:
    """What a drift that is drawn anew in each step adds to D."""
    yield sigma**2 * dt / 2
    yield sigma**2 * dt, "of a noise of variance 2D dt, D is the half: divide by 2dt."
    yield sigma**2 * dt**2, "this is the variance of the step; D is that over 2dt."
    yield sigma**2 / 2, "the step is σ ξ dt, not σ ξ √dt."
    yield sigma * dt / 2, "a variance has σ²."


# Growth of the D of a coordinate without noise, with every second frame left out.
check_17_3 = number(
    2.0,
    (1.0, "this is what a noise does: its D does not depend on the step. The voltage has none."),
    (4.0, "Δx² grows fourfold; D is Δx² over 2dt."),
    (0.5, "the other way round: fewer frames, longer steps."),
    (1.5, "the third that secants hide is another story: this is one step, squared."),
    rtol=0.1,
    otherwise="compare the mean square of a step with that of two steps, each over its own 2dt.",
    means="steps of a smooth coordinate grow like dt, so that Δx²/2dt does, too: it is no D.",
)

# Of 20 films: intervals that hold the exact time, and mean equations that come within 10 % of it.
check_17_4 = number(
    (0.95, 0.5),
    ((0.5, 0.95), "the other way round: intervals first."),
    ((19.0, 10.0), "shares are wanted, out of 20."),
    ((95.0, 50.0), "shares are wanted, not per cent."),
    ((1.0, 0.5), "one interval ends before the exact time; is ≤ on both sides of it?"),
    otherwise="compare each `low`, `high` and `of_the_mean` with the exact 12.39.",
    means="19 of 20 intervals, as promised; half of the mean equations are off by 10 % or more, and none says so.",
)
