"""Checks of the exercises of notebook 17, on networks that infer the systems of a paper."""

from math import sqrt

from .grading import Table, function, number, refuse, tensor


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
    means="at σ = 2 and dt = 0.01 it is 0.02: the paths no longer show the uncertainty of the drift; "
    "only this small extra noise is left.",
)
def check_17_2(sigma: float, dt: float) -> Table:
    """What a drift that is drawn anew in each step adds to D."""
    yield sigma**2 * dt / 2
    yield sigma**2 * dt, "of a noise of variance 2D dt, D is the half: divide by 2dt."
    yield sigma**2 * dt**2, "this is the variance of the step; D is that over 2dt."
    yield sigma**2 / 2, "the step is σ ξ dt, not σ ξ √dt."
    yield sigma * dt / 2, "a variance has σ²."


def check_17_3(answer: object) -> str:
    """⟨ΔV²⟩/2dt of a coordinate without noise, from all frames and from every second one: 2.1 to 5.5 mV²/ms in
    28 films of 20 neurons, and 1.99 times as much."""
    wanted = "two numbers are wanted, from all frames and from every second one"
    first, second = tensor(answer, (2,), wanted=wanted).tolist()
    refuse(first <= 0 or second <= 0, "a mean square is positive.")
    refuse(second < 0.7 * first, "the other way round? All frames come first.")
    growth = second / first
    refuse(growth < 1.2, "this is what |ΔV|/2dt does: take the square of each step.")
    refuse(growth < 1.7, "this is a root of D; leave the square.")
    refuse(growth > 3 and first < 0.5, "this is ⟨ΔV²⟩; D is that over 2dt.")
    refuse(growth > 3, "twice the step: divide by the dt of the film of every second frame.")
    refuse(growth > 2.3, "compare the mean square of one step with that of two steps together.")
    refuse(first < 0.5, "this is a mean of |ΔV|: D has the square of each step, over 2dt.")
    refuse(first < 1.6, "averaged over all four coordinates? The voltage alone is `x[..., 0]`.")
    refuse(first > 8, "too large: a mean square in mV², over 2dt with dt in ms.")
    return (
        f"D = {first:.1f}, then {second:.1f} mV²/ms. Steps of a smooth coordinate grow like dt, so Δx²/2dt does, "
        "too: it is no D."
    )


# Of 20 films: intervals that hold the exact time, and mean equations that come within 20 % of it.
check_17_4 = number(
    (1.0, 0.75),
    ((0.75, 1.0), "the other way round: intervals first."),
    ((20.0, 15.0), "shares are wanted, out of 20."),
    ((100.0, 75.0), "shares are wanted, not per cent."),
    ((0.95, 0.75), "95 % were promised; how many of these 20 do hold it?"),
    ((1.0, 0.25), "this is the share that is further away."),
    ((1.0, 0.7), "these are the medians of the draws; take `of_the_mean`."),
    ((1.0, 0.8), "20 % of the exact time, not of what the mean equation says."),
    ((1.0, 0.45), "within 10 %? 20 % is asked."),
    otherwise="compare each `low`, `high` and `of_the_mean` with the exact 12.39.",
    means="all 20 intervals, where 19 are promised. 15 mean equations come within 20 %, and 14 medians of draws: "
    "as an estimate one is as good as the other, but only the draws have an interval.",
)
