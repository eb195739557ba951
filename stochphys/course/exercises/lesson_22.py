"""Exercises of 22 Why a network."""

from math import exp, isfinite, log, tanh
from typing import Any

import torch

from ...device import make_generator
from ...inference import finite_time_tur
from ...simulators import simulate
from ...systems import StirredDoubleWell
from .grading import Hint, evaluate, function


def check_22_1(answer: Any) -> str:
    """Entropy production rate of the Euler chain of a stirred bowl, as a function of α and dt."""
    function(
        answer,
        lambda alpha, dt: 2 * alpha**2 / (1 - dt * (1 + alpha**2) / 2),
        at=[(1.0, 0.1), (2.0, 0.1), (0.5, 0.3), (1.0, 0.001)],
        wrong={
            lambda alpha, dt: 2 * alpha**2: (
                "this is the continuous process; the chain has a wider cloud, c > 1."
            ),
            lambda alpha, dt: 2 * alpha**2 / (1 - dt / 2): (
                "stirring widens the cloud too: PPᵀ = ((1 − dt)² + α²dt²)·1."
            ),
            lambda alpha, dt: 2 * alpha**2 / (1 + dt * (1 + alpha**2) / 2): (
                "Euler steps overshoot: c exceeds 1, it does not fall below."
            ),
            lambda alpha, dt: dt * 2 * alpha**2 / (1 - dt * (1 + alpha**2) / 2): (
                "this is the entropy of one step; per unit time it is 1/dt times as much."
            ),
            lambda alpha, dt: alpha**2 / (1 - dt * (1 + alpha**2) / 2): (
                "half of it: JᵀJ has the trace 2 in two dimensions."
            ),
        },
        otherwise="for dt → 0 it must be α²⟨|∇U|²⟩/T = 2α².",
    )
    return (
        "Euler's chain produces more than the process: its cloud is wider by 1/(1 − dt(1 + α²)/2). "
        "Two beads have 1/(1 − 3dt/4) for the same reason."
    )


def check_22_2(answer: Any) -> str:
    """A current whose bound sees 90 % of what the right one sees, judged on the same steps of our own:
    both bounds share their luck, which is 5 % of each."""
    system, dt = StirredDoubleWell(), 0.002
    data = simulate(system, 200, 2000, dt, generator=make_generator(222))
    middle, step = (data.x[:, 1:] + data.x[:, :-1]) / 2, data.x.diff(dim=1)
    current = evaluate(answer, middle.flatten(0, 1), step.flatten(0, 1))
    current = torch.as_tensor(current).detach().cpu().double()
    right = (system.mean_local_velocity(middle) * step).sum(-1)
    n = step.shape[0] * step.shape[1]
    if current.shape != (n,):
        raise Hint(f"one number per step is wanted, shape ({n},); yours is {tuple(current.shape)}.")
    if not torch.isfinite(current).all() or current.std() == 0:
        raise Hint("the current must be finite and must vary.")
    bound = finite_time_tur(current.view(step.shape[:2]), dt)
    seen = bound.rate / system.entropy_production_rate()
    words = f"your bound sees {seen:.0%}"
    if seen < 0.1:
        raise Hint(
            f"{words}: no net flow. Is it the change of a function of state, such as ∇U·Δx, or even "
            "in Δx?"
        )
    if seen < 0.45:
        raise Hint(f"{words}: what every linear current sees. The force is cubic.")
    if bound.rate < 0.9 * finite_time_tur(right.double(), dt).rate:
        raise Hint(f"{words}: more than linear. Which factors has J∇U(x̄) in each component?")
    error = bound.std / system.entropy_production_rate()
    return f"{seen:.0%} ± {error:.0%} by one current, the right one."


def check_22_3(answer: Any) -> str:
    """Bias of the first-passage ratio at threshold ℓ for ΔS itself."""
    function(
        answer,
        lambda ell: log(1 + exp(ell)) / (ell * tanh(ell / 2)),
        at=[(0.5,), (1.0,), (3.0,), (8.0,)],
        wrong={
            lambda ell: log(1 + exp(ell)) / ell: (
                "⟨T⟩ is less than ℓ/σ̇: some passages end at −ℓ, so the mean of ΔS is ℓ(p₊ − p₋)."
            ),
            lambda ell: 1 / tanh(ell / 2): (
                "|ln p₋| is not ℓ: with p₊ + p₋ = 1, p₋ = 1/(1 + e^ℓ)."
            ),
            lambda ell: ell * tanh(ell / 2) / log(1 + exp(ell)): (
                "upside down: estimate over exact is wanted, and it exceeds 1."
            ),
            lambda ell: 1.0: "only for ℓ → ∞; what does a passage at small ℓ look like?",
        },
        otherwise="p₋ = 1/(1 + e^ℓ), and σ̇⟨T⟩ = ℓ(p₊ − p₋); for large ℓ the factor must go to 1.",
    )
    return "2.8 at ℓ = 1, 1.12 at 3, 1.00 at 8: but e⁸ = 3000 passages are needed to see one wrong."


def check_22_4(answer: Any) -> str:
    """In-sample bound over exact rate: degree 7, four paths of 200 frames."""
    try:
        value = float(answer)
    except (TypeError, ValueError):
        raise Hint(f"a number is wanted here, you gave {type(answer).__name__}.") from None
    if not isfinite(value):
        raise Hint("the answer must be finite.")
    if value < 0:
        raise Hint(
            "negative: this is the held-out `rate`, which gives the alarm; take `in_sample`."
        )
    if value > 12:
        raise Hint("divide by the exact rate, 6.993.")
    if value < 2:
        raise Hint("close to the truth or below: did you take all of the data, or a low degree?")
    return (
        f"{value:.1f} times too much: 72 currents, chosen and judged on 796 steps. The held-out "
        "bound is large and negative: absurd, and therefore honest."
    )
