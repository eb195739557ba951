"""Exercises of 03 Learning machines."""

from .grading import Table, function, number


@function(
    at=[(1.0, 1.0, 0.01, 0.1), (2.0, 0.5, 0.01, 0.1), (3.0, 2.0, 0.05, 0.2)],
    otherwise="Λ = t⟨x²⟩/2D with ⟨x²⟩ = D/k, and the error of k is 1/√Λ.",
    means="A film of 200 relaxation times 1/k for 10 %, whatever the camera and the bath.",
)
def check_03_1(k: float, D: float, dt: float, eps: float) -> Table:
    """Length of a film that gives the stiffness of a trap with a relative error eps."""
    length = 2 / (k * eps**2)
    yield length
    yield length / dt, "this is a number of frames; times dt it is the length of the film."
    yield 2 * k / eps**2, "eps is the relative error: the error of k itself is eps times k."
    yield 2 * D / (k**2 * eps**2), "here ⟨x²⟩ is 1; in the trap it is D/k, and D drops out."
    yield 2 / (k * eps), "the error falls as 1/√t only: ten times better is a hundred times longer."


@function(
    at=[(1.0, 1.0), (2.0, 0.5), (3.0, 2.0)],
    otherwise="it is −⟨F*²⟩/4D with ⟨x²⟩ = D/k.",
    means="A trap tells k/4 nats per unit time; a hotter bath kicks harder, and also farther out.",
)
def check_03_2(k: float, D: float) -> Table:
    """Lowest mean of the held-out loss ⟨F² − 2Fẋ⟩/4D in the trap F = −kx."""
    yield -k / 4
    yield k / 4, "sign: no force at all has ℓ = 0, and lower is better."
    yield 0.0, "ℓ = 0 is for no force; put F = F* and average."
    yield -k / 2, "⟨F²⟩ comes back with a plus: −2⟨F*²⟩ + ⟨F*²⟩."
    yield -k * D, "this is −⟨F*²⟩; the loss is in units of 4D."
    yield -(k**2) / (4 * D), "here ⟨x²⟩ is 1; in the trap it is D/k."


# Coverage of the 95 % band if D is taken to be a quarter of its value.
check_03_3 = number(
    0.673,
    (0.95, "a smaller D makes the band narrower, and leaves its middle where it was."),
    (0.376, "the width goes as √D, not as D."),
    (0.327, "this is the fraction that lies outside."),
    rtol=0.1,  # a count may be given: one standard error of 200 copies is 5 %
    otherwise="the width goes as √D: ±1.96 of her std are ±0.98 of the true one.",
    means="She is wrong in one case of three, and thinks in one of twenty.",
)

# The largest lr of gradient descent for F = w x, with the objective ⟨F² − 2Fẋ⟩/4D.
check_03_4 = number(
    2.238,  # 4D/⟨x²⟩ of the double well at D = 1/2
    (1.119, "one such step lands in the minimum; twice as far is still stable."),
    (4.477, "half a step less than this explodes: |1 − lr·curvature| must be below 1."),
    (2.0, "close, but ⟨x²⟩ is not 1 in this well."),
    rtol=0.05,
    otherwise="try an lr a little above and below yours, for 3000 steps.",
    means="4D/⟨x²⟩: gradient descent is Euler's scheme in the loss, and the limit is k dt = 2.",
)
