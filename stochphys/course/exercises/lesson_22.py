"""Exercises of 22 Why a network."""

from functools import cache
from math import exp, inf, log, tanh

from torch import Tensor

from ...device import make_generator
from ...inference import finite_time_tur
from ...simulators import simulate
from ...systems import StirredDoubleWell
from .grading import Hint, Table, evaluate, function, measured, refuse, tensor

WELL, DT = StirredDoubleWell(), 0.002


@function(
    at=[(1.0, 0.1), (2.0, 0.1), (0.5, 0.3), (1.0, 0.001)],
    otherwise="for dt → 0 it must be α²⟨|∇U|²⟩/T = 2α².",
    means="Euler's chain produces more than the process: its cloud is wider by 1/(1 − dt(1 + α²)/2). "
    "Two beads have 1/(1 − 3dt/4) for the same reason.",
)
def check_22_1(alpha: float, dt: float) -> Table:
    """Entropy production rate of the Euler chain of a stirred bowl, as a function of α and dt."""
    process, widening = 2 * alpha**2, dt * (1 + alpha**2) / 2
    chain = process / (1 - widening)
    yield chain
    yield process, "this is the continuous process; the chain has a wider cloud, c > 1."
    yield process / (1 - dt / 2), "stirring widens the cloud too: PPᵀ = ((1 − dt)² + α²dt²)·1."
    yield process / (1 + widening), "Euler steps overshoot: c exceeds 1, it does not fall below."
    yield chain * dt, "this is the entropy of one step; per unit time it is 1/dt times as much."
    yield chain / 2, "half of it: JᵀJ has the trace 2 in two dimensions."


@cache
def steps() -> tuple[Tensor, Tensor]:
    """Midpoints and steps of paths of our own, `(n_trajectories, n_steps, 2)`."""
    data = simulate(WELL, 200, 2000, DT, generator=make_generator(222))
    return (data.x[:, 1:] + data.x[:, :-1]) / 2, data.x.diff(dim=1)


def check_22_2(answer: object) -> str:
    """A current whose bound sees 90 % of what the right one sees, judged on the same steps of our own:
    both bounds share their luck, which is 5 % of each."""
    middle, step = steps()
    n = step.shape[0] * step.shape[1]
    given = evaluate(answer, middle.flatten(0, 1).clone(), step.flatten(0, 1).clone())
    wanted = f"one number per step is wanted, shape ({n},)"
    varies = "the current must be finite and must vary."
    current = tensor(given, (n,), wanted=wanted, finite=varies).double()
    refuse(current.std() == 0, varies)
    bound = finite_time_tur(current.view(step.shape[:2]), DT)
    right = (WELL.mean_local_velocity(middle) * step).sum(-1)
    seen = bound.rate / WELL.entropy_production_rate()
    words = f"your bound sees {seen:.0%}"
    refuse(
        seen < 0.1,
        f"{words}: no net flow. Is it the change of a function of state, such as ∇U·Δx, or even "
        "in Δx?",
    )
    refuse(seen < 0.45, f"{words}: what every linear current sees. The force is cubic.")
    if bound.rate < 0.9 * finite_time_tur(right.double(), DT).rate:
        raise Hint(f"{words}: more than linear. Which factors has J∇U(x̄) in each component?")
    error = bound.std / WELL.entropy_production_rate()
    return f"{seen:.0%} ± {error:.0%} by one current, the right one."


@function(
    at=[(0.5,), (1.0,), (3.0,), (8.0,)],
    otherwise="p₋ = 1/(1 + e^ℓ), and σ̇⟨T⟩ = ℓ(p₊ − p₋); for large ℓ the factor must go to 1.",
    means="2.8 at ℓ = 1, 1.12 at 3, 1.00 at 8: but e⁸ = 3000 passages are needed to see one wrong.",
)
def check_22_3(ell: float) -> Table:
    """Bias of the first-passage ratio at threshold ℓ for ΔS itself."""
    rarity = log(1 + exp(ell))  # |ln p₋|
    factor = rarity / (ell * tanh(ell / 2))
    yield factor
    yield (
        rarity / ell,
        "⟨T⟩ is less than ℓ/σ̇: some passages end at −ℓ, so the mean of ΔS is ℓ(p₊ − p₋).",
    )
    yield 1 / tanh(ell / 2), "|ln p₋| is not ℓ: with p₊ + p₋ = 1, p₋ = 1/(1 + e^ℓ)."
    yield 1 / factor, "upside down: estimate over exact is wanted, and it exceeds 1."
    yield 1.0, "only for ℓ → ∞; what does a passage at small ℓ look like?"


# In-sample bound over exact rate: degree 7, four paths of 200 frames.
check_22_4 = measured(
    (2, 12),
    ((0, 2), "close to the truth or below: did you take all of the data, or a low degree?"),
    ((-inf, 0), "negative: this is `rate`, which is free of that luck; take `in_sample`."),
    otherwise="divide by the exact rate, 6.993.",
    means="{:.1f} times too much: 72 currents, chosen and judged on 796 steps. The error "
    "bar of `rate` is as wide as the truth: nothing is known, and it says so.",
)
