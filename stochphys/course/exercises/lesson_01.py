"""Exercises of 01 Langevin dynamics."""

import torch

from ...simulators import Overdamped
from .grading import Hint, evaluate, number

X = torch.tensor([[-1.0], [0.5], [2.0]])
judge_drift = number(
    0.3 - torch.sin(X),
    (0.3 + torch.sin(X), "the force is minus the slope of U, and (−cos x)' = sin x."),
    (torch.sin(X) - 0.3, "the force is minus the slope of U: turn its sign."),
    (0.3 - torch.sin(X * torch.pi / 180), "x is an angle in radians."),
    otherwise="the drift should be −U'(x), with f = 0.3: check it at x = 0, where it is f.",
    means="The tilt drives it.",
)
judge_noise = number(
    torch.ones(3, 1),
    (0.5**0.5, "the noise is √(2T), because B² = 2D and D = T/γ."),
    (0.5, "this is D = T/γ; the noise amplitude B obeys B² = 2D."),
    otherwise="the noise amplitude should be √(2T), with T = 0.5.",
    means="It slides down the tilt in jumps of 2π, and `simulate` can run it.",
)


def check_01_1(answer: object) -> str:
    """A tilted washboard, U = −cos x − f x, f = 0.3, T = 0.5, as a system."""
    if isinstance(answer, type):
        raise Hint("this is the class; give an instance, Washboard(f=0.3, T=0.5).")
    if not isinstance(answer, Overdamped):
        raise Hint(
            f"a system is wanted here, derived from Overdamped; got {type(answer).__name__}."
        )
    judge_drift(evaluate(answer.drift, X, 0.0))
    return judge_noise(torch.as_tensor(evaluate(answer.noise_amplitude, X, 0.0)).expand(3, 1))


# Stationary variance of Heun's chain in a trap at k dt = 1, with T/k = 1.
check_01_2 = number(
    2 / 3,
    (2.0, "this is Euler's variance; Heun's step is 1 − h + h²/2 in x."),
    (0.75, "1 − h²/4 holds for small h only; solve V = P²V + R² at h = 1."),
    (8 / 3, "the trial point carries noise too, so ξ is multiplied by (1 − h/2)√(2h)."),
    (1 / 3, "this is the error; the variance itself is asked for."),
    means="V = (1 − h/2)/(1 − h/2 + h²/4), or 1 − h²/4 for small h: order 2, and too cold.",
)

# The largest dt for which Euler stays finite with relaxation rates 1 and 20.
check_01_3 = number(
    0.1,
    (2.0, "that is the limit of the soft spring alone; the stiff one explodes first."),
    (0.05, "at 0.05 one step takes the stiff spring to its centre; that is still stable."),
    (0.2, "this would be 2/10; the overshoot of the stiff spring is |1 − 20 dt|."),
    rtol=0.03,
    otherwise="try a dt a little above and below yours, for 10 000 steps each.",
    means="dt < 2/20: the fastest part sets the step, even if only the slow part is of interest.",
)

# Itô drift c of the Stratonovich equation dx = −0.1 x dt + 0.5 x ∘ dW.
check_01_4 = number(
    0.025,
    (-0.1, "this is the Stratonovich drift; add D'(x)/2 with 2D = (0.5 x)²."),
    (-0.225, "sign: the noise-induced drift pushes toward strong noise, to large x."),
    (0.15, "half of it: the noise-induced drift is D'/2, and D = x²/8."),
    (0.125, "this is the noise-induced drift alone; the book's drift comes on top."),
    means="c > 0: the mean grows, although ln x falls by 0.1 per unit time.",
)
