"""Exercises of 14 A neuron."""

from math import exp, expm1, inf

from .grading import Table, function, measured, number


@function(
    at=[(0.0582, 0.125, 3e-4), (1.0, 1.0, 1e-3), (0.4, 0.067, 1e-4)],
    otherwise="set x∞(1 − x∞)/N equal to T/(α + β) and insert x∞ = α/(α + β).",
    means="132 potassium channels at rest for T = 3·10⁻⁴: 7 µm² of membrane, a tiny patch.",
)
def check_14_1(alpha: float, beta: float, T: float) -> Table:
    """Number of channels whose gate varies as much as one under noise of strength T."""
    yield alpha * beta / ((alpha + beta) * T)
    yield alpha * beta / ((alpha + beta) ** 2 * T), "x∞(1 − x∞)/N must equal T/(α + β), not T."
    yield (alpha + beta) * T / (alpha * beta), "upside down: more noise means fewer channels."
    yield alpha / T, "x∞ is α/(α + β), and 1 − x∞ is β/(α + β)."


# g_Na, E_Na and g_K from frames that are 0.05 ms apart.
check_14_2 = number(
    (120.0, 115.0, 36.0),
    (
        (114.6, 114.3, 34.3),
        "these are the values of the start of the step, an error of order dt; where else can "
        "the right side be taken?",
    ),
    ((120.0, 13800.0, 36.0), "the second weight is g_Na E_Na: divide it by g_Na."),
    ((120.0, 36.0, 115.0), "the order is g_Na, E_Na, g_K."),
    (
        (600.0, 115.0, 180.0),
        "five times too large: the frames of `slow` are slow.dt = 0.05 ms apart.",
    ),
    otherwise="three numbers are wanted, g_Na, E_Na and g_K; each within 1 %.",
    means="V is smooth, so the trapezoid is allowed, and its error falls faster than dt.",
)

# Smallest jump of V from rest that makes a spike.
check_14_3 = measured(
    (6.35, 6.65),
    ((49, 51), "50 mV is where our counter counts a spike; a much smaller jump leads to one."),
    ((10.5, 10.7), "this is the leak's reversal potential; the sodium channels open earlier."),
    ((6.65, inf), "this jump makes a spike, but a smaller one does so, too."),
    ((0, 6.35), "this jump dies out: look at the peak of V that follows it."),
    otherwise="a jump upwards is wanted, in mV: where does the peak of V leap to 100 mV?",
    means="6.5 mV: a jump of 6.4 dies out at 7, one of 6.6 grows to 100. All or nothing.",
)

# Fraction of frames in which a clipped m sits on a bound, at T = 0.01.
check_14_4 = number(
    0.089,
    (0.0, "a mirror leaves no frame on a bound; did you say bounds='clip'?"),
    (0.035, "averaged over three gates? Only m is asked."),
    (8.9, "a fraction is wanted, not per cent."),
    rtol=0.12,
    otherwise="count the frames where m is exactly 0 or exactly 1.",
    means="one frame in eleven lies exactly on a bound, where steps obey neither the drift nor the noise of Eq. 1.",
)


@function(
    at=[(2.414e-4, 4.3, 0.05), (1e-4, 0.2, 0.01), (1e-3, 5.0, 0.2)],
    rtol=0.005,
    otherwise="after dt a gate has the variance T(1 − e^(−2k dt))/k about its mean.",
    means="for m at dt = 0.05 it turns 2.4·10⁻⁴ into 3.0·10⁻⁴: the correction takes Eq. 1 for granted.",
)
def check_14_5(T_hat: float, k: float, dt: float) -> Table:
    """The strength of the noise from what frames dt apart show of it."""
    seen = -expm1(-2 * k * dt) / (2 * k * dt)
    yield T_hat / seen
    yield T_hat * (1 + k * dt), "right to first order in dt; the exact variance after dt is asked."
    yield T_hat * seen, "the wrong way round: this is what frames show of T."
    yield T_hat * k * dt / -expm1(-k * dt), "the mean relaxes with k, the variance with 2k."
    yield T_hat * 2 * k * dt / (1 - exp(-k * dt)), "the exponent of a variance holds 2k."
