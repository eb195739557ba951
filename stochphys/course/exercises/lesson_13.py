"""Exercises of 13 Find forces when only positions are seen."""

from .grading import Hint, Table, function, number, refuse, tensor


@function(
    at=[(1,), (2,), (5,), (10,), (1000,)],
    otherwise="each noise moves the second difference with weight j or n − j; add up j²/n².",
    means="1, 4/3 and 1.4925 at n = 1, 2, 10: 3/2 errs by 1/(2n²), half a per cent at n = 10.",
)
def check_13_1(n: float) -> Table:
    """The factor between D and the squared second differences of n Euler steps per frame."""
    factor, of_sums = 3 * n**2 / (2 * n**2 + 1), 3 * n / (2 * n + 1)
    yield factor
    yield 1 / factor, "this is what the squares see, 2/3 for large n; the factor is its inverse."
    yield 1.5, "right for n → ∞; a camera that sees every step, n = 1, misses nothing."
    yield (
        of_sums,
        "1 at n = 1 and 3/2 at ∞, but the sum of the squares grows faster: Σj² is of third "
        "order in n.",
    )


# The weights that free forward and central secants from their common bias.
check_13_2 = number(
    (1.5, -0.5),
    (
        (1.25, -0.25),
        "these weights belong to the reverse secant, whose bias is −5/3; the central one has −1.",
    ),
    ((-0.5, 1.5), "the order is (forward, central): the better of the two gets the larger weight."),
    ((0.5, 0.5), "the sum is 1, but −1/3 and −1 have the same sign: one weight must be negative."),
    ((0.75, 0.25), "the biases would cancel only if they had opposite signs."),
    ((3.0, -1.0), "the biases cancel; but the weights of Φ itself must add up to 1."),
    otherwise="two equations: a + b = 1, so that Φ survives, and a/3 + b = 0, so that the bias does not.",
    means="(3 Φ_f − Φ_c)/2: like all such sums it leaves terms of order dt, which grow faster in it.",
)


@function(
    at=[(1e-3, 0.01), (1e-3, 0.02), (3e-3, 0.01), (0.1, 1.0)],
    otherwise="D̂ = (3/2)⟨s²⟩/(2dt³) with s = x₊ − 2x + x₋; what is ⟨s²⟩ for pure noise?",
    means="at dt = 0.01 one thousandth of a length unit adds 4.5 to a D of 1; twice the dt, an eighth.",
)
def check_13_3(zeta: float, dt: float) -> Table:
    """What measurement noise adds to the diffusion from squared second differences."""
    one = zeta**2 / dt**3
    yield 4.5 * one
    yield (
        3 * one,
        "two thirds of it: the estimate is the squares times 3/2, noise of the camera included.",
    )
    yield (
        1.5 * one,
        "three positions contribute their errors: x₊ − 2x + x₋ has the variance (1 + 4 + 1)ζ².",
    )
    yield 4.5 * zeta / dt**3, "ζ is a standard deviation; variances add."
    yield (
        4.5 * zeta**2 / dt**2,
        "one power of dt short: the second difference divided by dt is the change of velocity, "
        "and its square grows like 2D dt.",
    )


def check_13_4(answer: object) -> str:
    """Coverage with the variance of the residuals, and with the long-run variance."""
    wanted = "two numbers are wanted: (with residuals, with 2D/dt)"
    iid, long_run = tensor(answer, (2,), wanted=wanted).tolist()
    if not (0 <= iid <= 1 and 0 <= long_run <= 1):
        raise Hint("coverage is a fraction between 0 and 1.")
    refuse(iid > long_run, "the larger variance covers more: is the order (residuals, 2D/dt)?")
    if long_run > 0.98:
        raise Hint("too good: 95 % was asked for; is 1.96 times std, not variance, the half-width?")
    refuse(
        long_run < 0.9,
        "the second is too small: the long-run variance of the labels is 2D/dt, and the estimate "
        "must be the combined one, else its bias is counted.",
    )
    refuse(
        iid < 0.8 or long_run - iid < 0.03,
        "the first is off: the residuals of the labels have about 2/3 of the variance 2D/dt.",
    )
    return (
        f"{iid:.2f} against {long_run:.2f}: neighbouring labels share a noise (correlation 1/4), so a "
        "mean of n labels varies more than one label over n."
    )
