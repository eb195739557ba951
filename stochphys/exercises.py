"""The checks of the exercises: a learner's answer in, a physical hint out.

A check is a function `check_NM_k(answer)`, for exercise k of notebook NM. It compares with what is
exact by the helpers `number`, `function` and `choice`, which raise `Hint` for a wrong answer, and
it returns one sentence on what the right answer means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from .device import make_generator
from .simulators import BeadSpring, Overdamped, simulate


def check(name: str, answer: Any) -> None:
    """Print what can be said of `answer` to the exercise `name`, such as "21.1".

    Raises `ValueError` if there is no such exercise.
    """
    print(grade(name, answer)[1])


def grade(name: str, answer: Any) -> tuple[str, str]:
    """The status ("not attempted", "correct" or "hint") and the line that `check` prints."""
    checks = all_checks()
    if name not in checks:
        raise ValueError(f"there is no exercise {name!r}; there are {', '.join(sorted(checks))}")
    try:
        attempted(answer)
        meaning = checks[name](answer)
    except NotAttempted:
        return "not attempted", f"Exercise {name}: not attempted yet."
    except Hint as hint:
        return "hint", f"Exercise {name}: not yet. Hint: {hint}"
    return "correct", f"Exercise {name}: correct. {meaning}"


def all_checks() -> dict[str, Callable[[Any], str]]:
    """Every `check_NM_k` of this file by its name "NM.k"."""
    return {
        key.removeprefix("check_").replace("_", "."): test
        for key, test in globals().items()
        if key.startswith("check_")
    }


class NotAttempted(Exception):
    """The answer is still the empty stub."""


class Hint(Exception):
    """The answer is wrong; the message says where to look."""


def attempted(answer: Any) -> Any:
    """The answer, unless it is None or `...`."""
    if answer is None or answer is Ellipsis:
        raise NotAttempted
    return answer


def evaluate(answer: Callable, *arguments: Any) -> Any:
    """The value of the learner's function; an error in it becomes a hint."""
    if not callable(answer):
        raise Hint(f"a function is wanted here, you gave {type(answer).__name__}.")
    try:
        value = answer(*arguments)
    except Exception as error:
        raise Hint(f"your function stops with {type(error).__name__}: {error}.") from error
    return attempted(value)


SIGN = "the size is right, the sign is not: which direction of time, or of the flow, is positive?"
FACTORS = {
    2.0: "exactly twice too large: look for a factor of two, such as 2D where D belongs.",
    0.5: "exactly half of it: look for a factor of two, such as D where 2D belongs.",
}


def number(
    answer: Any,
    exact: Any,
    *,
    rtol: float = 0.01,
    wrong: dict[Any, str] | None = None,
    otherwise: str = "the value is off by more than rounding explains; check one limit by hand.",
) -> None:
    """Pass if the number, or each number of an array, agrees with `exact` to `rtol`.

    Args:
        wrong: plausible wrong values (a number, or a tuple for an array) and the hint for each.
            A wrong sign and a factor of two have hints of their own.
        otherwise: the hint for any other value.
    """
    target = np.asarray(exact, dtype=np.float64)
    if isinstance(answer, torch.Tensor):
        answer = answer.detach().cpu()
    try:
        value = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        raise Hint(f"a number is wanted here, you gave {type(answer).__name__}.") from None
    if value.shape != target.shape:
        raise Hint(f"the shape should be {target.shape}, yours is {value.shape}.")
    if not np.isfinite(value).all():
        raise Hint("the answer must be finite.")

    def near(x: Any) -> bool:
        return np.allclose(value, np.asarray(x, dtype=np.float64), rtol=rtol, atol=1e-9)

    if near(target):
        return
    for x, hint in (wrong or {}).items():
        if near(x):
            raise Hint(hint)
    if near(-target):
        raise Hint(SIGN)
    for factor, hint in FACTORS.items():
        if near(factor * target):
            raise Hint(hint)
    raise Hint(otherwise)


def function(
    answer: Any,
    exact: Callable[..., float],
    *,
    at: list[tuple],
    rtol: float = 0.01,
    wrong: dict[Callable[..., float], str] | None = None,
    otherwise: str = "the function is off at some of the points tried; check one limit by hand.",
) -> None:
    """Pass if the learner's function agrees with `exact` at the arguments listed in `at`.

    `wrong`: plausible wrong functions and the hint for each.
    """

    def values(f: Callable[..., float]) -> tuple[float, ...]:
        return tuple(float(f(*arguments)) for arguments in at)

    number(
        [evaluate(answer, *arguments) for arguments in at],
        values(exact),
        rtol=rtol,
        wrong={values(f): hint for f, hint in (wrong or {}).items()},
        otherwise=otherwise,
    )


def choice(answer: Any, right: str, wrong: dict[str, str]) -> None:
    """Pass if the word `right` was chosen; each other word has its hint."""
    word = str(answer).strip().lower()
    if word != right:
        raise Hint(wrong.get(word, f"choose one of {', '.join(sorted([right, *wrong]))}."))


# 00 Start here


def check_00_1(answer: Any) -> str:
    """σ̇ of two beads at T_c = 1 and T_h = 5, read off a figure."""
    number(
        answer,
        0.8,
        wrong={
            2.025: "this is σ̇ at T_h = 10; move the slider to 5.",
            8.0: "this is about what ΔS reaches at t = 10; σ̇ is its growth per time unit.",
            -1.0: "this is the swept area per time unit; σ̇ stands above the right panel.",
            1.0: "this is the swept area per time unit; σ̇ stands above the right panel.",
        },
        otherwise="read the number after σ̇, above the right panel, with T_h = 5 above the left.",
    )
    return "Half the temperature, but much less than half of the 2.025 at T_h = 10."


def check_00_2(answer: Any) -> str:
    """Heat absorbed from the hot bath per unit time, T_c = 1, T_h = 10."""
    number(
        answer,
        2.25,
        rtol=0.06,  # a measured value may be given: 2 % hide between frames, and 2 % is noise
        wrong={
            -2.25: "sign: Q counts as positive when the beads absorb it, and the hot bath gives.",
            0.225: "this is Q_h/T_h, an entropy; the heat itself is asked for.",
            22.5: "this is the heat of a whole path of 10 time units; give it per time unit.",
            0.0225: "this is the heat of one step of 0.01; give it per time unit.",
            2.025: "this is σ̇; divide it by 1/T_c − 1/T_h.",
        },
        otherwise="put Q_c = −Q_h into σ̇ = −(Q_c/T_c + Q_h/T_h) and solve for Q_h.",
    )
    return (
        "The hot bath loses what the cold one gains; entropy grows since the cold one gains more."
    )


def check_00_3(answer: Any) -> str:
    """Entropy per unit time in the film of bead 2 alone."""
    number(
        answer,
        0.0,
        wrong={
            2.025: "that takes both beads: the arrow is in a circle, and a line has none.",
            1.0125: "half of the beads does not mean half of the entropy; what goes round now?",
            -0.225: "this is what the hot bath loses; its heat needs the force of the hidden bead.",
        },
        otherwise="your estimate agrees with an exact number, within its error: which one?",
    )
    return "The beads make as much as before, and you cannot see it: what is seen is a lower bound."


# 01 Langevin dynamics


def check_01_1(answer: Any) -> str:
    """A tilted washboard, U = −cos x − f x, f = 0.3, T = 0.5, as a system."""
    if isinstance(answer, type):
        raise Hint("this is the class; give an instance, Washboard(f=0.3, T=0.5).")
    if not isinstance(answer, Overdamped):
        raise Hint(
            f"a system is wanted here, derived from Overdamped; got {type(answer).__name__}."
        )
    x = torch.tensor([[-1.0], [0.5], [2.0]])

    def tilted(x: torch.Tensor, sign: float) -> tuple[float, ...]:
        return tuple((0.3 + sign * torch.sin(x)).ravel().tolist())

    number(
        torch.as_tensor(evaluate(answer.drift, x, 0.0)).ravel(),
        tilted(x, -1),
        wrong={
            tilted(x, 1): "the force is minus the slope of U, and (−cos x)' = sin x.",
            tuple(-v for v in tilted(x, -1)): "the force is minus the slope of U: turn its sign.",
            tilted(x * torch.pi / 180, -1): "x is an angle in radians.",
        },
        otherwise="the drift should be −U'(x), with f = 0.3: check it at x = 0, where it is f.",
    )
    amplitude = torch.as_tensor(evaluate(answer.noise_amplitude, x, 0.0)).expand(3, 1)
    number(
        amplitude.ravel(),
        (1.0,) * 3,
        wrong={
            (0.5**0.5,) * 3: "the noise is √(2T), because B² = 2D and D = T/γ.",
            (0.5,) * 3: "this is D = T/γ; the noise amplitude B obeys B² = 2D.",
        },
        otherwise="the noise amplitude should be √(2T), with T = 0.5.",
    )
    return "It slides down the tilt in jumps of 2π, and `simulate` can run it."


def check_01_2(answer: Any) -> str:
    """Stationary variance of Heun's chain in a trap at k dt = 1, with T/k = 1."""
    number(
        answer,
        2 / 3,
        wrong={
            2.0: "this is Euler's variance; Heun's step is 1 − h + h²/2 in x.",
            0.75: "1 − h²/4 holds for small h only; solve V = P²V + R² at h = 1.",
            8 / 3: "the trial point carries noise too, so ξ is multiplied by (1 − h/2)√(2h).",
            1 / 3: "this is the error; the variance itself is asked for.",
        },
    )
    return "V = (1 − h/2)/(1 − h/2 + h²/4), or 1 − h²/4 for small h: order 2, and too cold."


def check_01_3(answer: Any) -> str:
    """The largest dt for which Euler stays finite with relaxation rates 1 and 20."""
    number(
        answer,
        0.1,
        rtol=0.03,
        wrong={
            2.0: "that is the limit of the soft spring alone; the stiff one explodes first.",
            0.05: "at 0.05 one step takes the stiff spring to its centre; that is still stable.",
            0.2: "this would be 2/10; the overshoot of the stiff spring is |1 − 20 dt|.",
        },
        otherwise="try a dt a little above and below yours, for 10 000 steps each.",
    )
    return "dt < 2/20: the fastest part sets the step, even if only the slow part is of interest."


def check_01_4(answer: Any) -> str:
    """Itô drift c of the Stratonovich equation dx = −0.1 x dt + 0.5 x ∘ dW."""
    number(
        answer,
        0.025,
        wrong={
            -0.1: "this is the Stratonovich drift; add D'(x)/2 with 2D = (0.5 x)².",
            -0.225: "sign: the noise-induced drift pushes toward strong noise, to large x.",
            0.15: "half of it: the noise-induced drift is D'/2, and D = x²/8.",
            0.125: "this is the noise-induced drift alone; the book's drift comes on top.",
        },
    )
    return "c > 0: the mean grows, although ln x falls by 0.1 per unit time."


# 02 Heat and entropy


def check_02_1(answer: Any) -> str:
    """Entropy production rate of two beads as a function of T_c and T_h, k = γ = 1."""

    def exact(T_c: float, T_h: float) -> float:
        return (T_h - T_c) ** 2 / (4 * T_c * T_h)

    function(
        answer,
        exact,
        at=[(1.0, 10.0), (1.0, 2.0), (2.0, 3.0), (5.0, 1.0)],
        wrong={
            lambda T_c, T_h: (
                -exact(T_c, T_h)
            ): "sign: did you reverse time? The hot bath loses heat.",
            lambda T_c, T_h: (T_h - T_c) / (4 * T_c * T_h): (
                "heat flows by T_h − T_c, and each unit of it makes 1/T_c − 1/T_h: a second factor."
            ),
            lambda T_c, T_h: (T_h - T_c) / 4: "this is the heat flow; what entropy does it make?",
            lambda T_c, T_h: (T_h - T_c) / 4 * (1 / T_c + 1 / T_h): (
                "the two baths have opposite signs: 1/T_c − 1/T_h."
            ),
        },
    )
    return "It is of second order in T_h − T_c: close to equilibrium dissipation is hard to see."


def check_02_2(answer: Any) -> str:
    """Mean heat absorbed from each of five baths, T = 1 to 10, per unit time."""
    system = BeadSpring(n_beads=5)
    C, T = system.stationary_covariance(), system.temperatures
    heat, force = system.heat_rate(), torch.diag(system.A @ C @ system.A.T)

    def five(values: torch.Tensor) -> tuple[float, ...]:
        return tuple(values.tolist())

    number(
        answer,
        five(heat),
        wrong={
            five(heat / T): "this is the entropy that each bath loses; heat itself is asked for.",
            five(-force): "this is −⟨F²⟩, the rule of Itô; the midpoint adds −T ∂F/∂x = 2T.",
            five(-force - 2 * T): "sign of the Itô correction: ∂F/∂x is −2, so −T ∂F/∂x is +2T.",
            five(force - 2 * T): SIGN,
        },
        otherwise="each entry is −⟨F ∘ dx⟩/dt of one bead; the five must add up to zero.",
    )
    return (
        "The chain takes heat from the warm half and hands it to the cold half; nothing is stored."
    )


def check_02_3(answer: Any) -> str:
    """Energy that the left-point rule loses per unit time in the dragged trap, k = 2, T = γ = 1."""
    number(
        answer,
        2.0,
        rtol=0.05,
        wrong={
            0.0: "it does not vanish with dt: Δx² is of order dt, and there are t/dt steps.",
            8.0: "this is the loss after t = 4; give it per unit time.",
            0.02: "this is the loss in one step; there are 1/dt of them per unit time.",
        },
        otherwise="the two rules differ by ½ k Δx² in each step; what is the mean of Δx²?",
    )
    return "kD = 2: an error of the rule, not of the time step. With ∘ the books close."


def check_02_4(answer: Any) -> str:
    """Slopes of ln P(s)/P(−s) for the entropy of the baths alone, over t = 0.1 and 2."""
    number(
        answer,
        (0.40, 0.81),
        rtol=0.08,
        wrong={
            (1.0, 1.0): "this is the total entropy; leave out the change of −ln p.",
            (0.81, 0.40): "the short window first, then the long one.",
            (-0.40, -0.81): "sign: the baths gain what the chain loses, −δQ/T.",
        },
        otherwise="use window=10 and window=200 on the sum of −δQ/T over both beads.",
    )
    return "Heat alone obeys the theorem only when t is much longer than the relaxation time 1."


def check_02_5(answer: Any) -> str:
    """Fraction of σ̇ that the area current can see for dt → 0, as a function of T_c and T_h."""

    def exact(T_c: float, T_h: float) -> float:
        return 12 * T_c * T_h / (T_c**2 + 14 * T_c * T_h + T_h**2)

    def crossed(T_c: float, T_h: float) -> float:
        return 12 * T_c * T_h / (7 * T_c**2 + 2 * T_c * T_h + 7 * T_h**2)

    def rate(T_c: float, T_h: float) -> float:
        return exact(T_c, T_h) * (T_h - T_c) ** 2 / (4 * T_c * T_h)

    function(
        answer,
        exact,
        at=[(1.0, 10.0), (1.0, 2.0), (3.0, 2.0), (1.0, 100.0)],
        wrong={
            lambda T_c, T_h: 1 / exact(T_c, T_h): "upside down: a bound cannot exceed σ̇.",
            crossed: "x₁ dx₂ carries the noise of bead 2: its variance is 2 D₂ C₁₁ dt.",
            rate: "this is the bound itself; divide by σ̇.",
        },
        otherwise="mean C₁₁ − C₂₂ per unit time, variance 2(D₂C₁₁ + D₁C₂₂): try T_c = T_h first.",
    )
    return "At most 3/4, close to equilibrium; at T_h = 100 T_c a single current sees a tenth."


# 03 Learning machines


def check_03_1(answer: Any) -> str:
    """Length of a film that gives the stiffness of a trap with a relative error eps."""
    function(
        answer,
        lambda k, D, dt, eps: 2 / (k * eps**2),
        at=[(1.0, 1.0, 0.01, 0.1), (2.0, 0.5, 0.01, 0.1), (3.0, 2.0, 0.05, 0.2)],
        wrong={
            lambda k, D, dt, eps: 2 / (k * eps**2 * dt): (
                "this is a number of frames; times dt it is the length of the film."
            ),
            lambda k, D, dt, eps: 2 * k / eps**2: (
                "eps is the relative error: the error of k itself is eps times k."
            ),
            lambda k, D, dt, eps: 2 * D / (k**2 * eps**2): (
                "here ⟨x²⟩ is 1; in the trap it is D/k, and D drops out."
            ),
            lambda k, D, dt, eps: 2 / (k * eps): (
                "the error falls as 1/√t only: ten times better is a hundred times longer."
            ),
        },
        otherwise="Λ = t⟨x²⟩/2D with ⟨x²⟩ = D/k, and the error of k is 1/√Λ.",
    )
    return "A film of 200 relaxation times 1/k for 10 %, whatever the camera and the bath."


def check_03_2(answer: Any) -> str:
    """Lowest mean of the held-out loss ⟨F² − 2Fẋ⟩/4D in the trap F = −kx."""
    function(
        answer,
        lambda k, D: -k / 4,
        at=[(1.0, 1.0), (2.0, 0.5), (3.0, 2.0)],
        wrong={
            lambda k, D: k / 4: "sign: no force at all has ℓ = 0, and lower is better.",
            lambda k, D: 0.0: "ℓ = 0 is for no force; put F = F* and average.",
            lambda k, D: -k / 2: "⟨F²⟩ comes back with a plus: −2⟨F*²⟩ + ⟨F*²⟩.",
            lambda k, D: -k * D: "this is −⟨F*²⟩; the loss is in units of 4D.",
            lambda k, D: -(k**2) / (4 * D): "here ⟨x²⟩ is 1; in the trap it is D/k.",
        },
        otherwise="it is −⟨F*²⟩/4D with ⟨x²⟩ = D/k.",
    )
    return "A trap tells k/4 nats per unit time; a hotter bath kicks harder, and also farther out."


def check_03_3(answer: Any) -> str:
    """Coverage of the 95 % band if D is taken to be a quarter of its value."""
    number(
        answer,
        0.673,
        rtol=0.1,  # a count may be given: one standard error of 200 copies is 5 %
        wrong={
            0.95: "a smaller D makes the band narrower, and leaves its middle where it was.",
            0.376: "the width goes as √D, not as D.",
            0.327: "this is the fraction that lies outside.",
        },
        otherwise="the width goes as √D: ±1.96 of her std are ±0.98 of the true one.",
    )
    return "She is wrong in one case of three, and thinks in one of twenty."


def check_03_4(answer: Any) -> str:
    """The largest lr of gradient descent for F = w x, with the objective ⟨F² − 2Fẋ⟩/4D."""
    number(
        answer,
        2.238,  # 4D/⟨x²⟩ of the double well at D = 1/2
        rtol=0.05,
        wrong={
            1.119: "one such step lands in the minimum; twice as far is still stable.",
            4.477: "half a step less than this explodes: |1 − lr·curvature| must be below 1.",
            2.0: "close, but ⟨x²⟩ is not 1 in this well.",
        },
        otherwise="try an lr a little above and below yours, for 3000 steps.",
    )
    return "4D/⟨x²⟩: gradient descent is Euler's scheme in the loss, and the limit is k dt = 2."


# 21 NEEP


def check_21_1(answer: Any) -> str:
    """(J + 1)/⟨ΔS⟩ of h = a ΔS, for short steps."""
    function(
        answer,
        lambda a: 2 * a - a**2,
        at=[(0.5,), (0.9,), (1.0,), (1.3,)],
        wrong={
            lambda a: a: "this is ⟨h⟩/⟨ΔS⟩; J + 1 holds ⟨e^−h⟩ as well.",
            lambda a: 2 * a: "the second order of e^−h is missing: ⟨ΔS²⟩ is as large as ⟨ΔS⟩.",
            lambda a: 2 * a - a**2 / 2: "for short steps ⟨ΔS²⟩ = 2⟨ΔS⟩, because ⟨e^−ΔS⟩ = 1.",
            lambda a: a - a**2: "−e^−h gives +⟨h⟩ too: J + 1 ≈ 2⟨h⟩ − ½⟨h²⟩.",
        },
        otherwise="J + 1 ≈ 2⟨h⟩ − ½⟨h²⟩; at a = 1 all of ⟨ΔS⟩ must come out.",
    )
    return "1 − (1 − a)²: flat at its top. The bound forgives a wrong slope, the mean ⟨h⟩ does not."


def check_21_2(answer: Any) -> str:
    """J + 1 per step of a network that is not odd, in equilibrium."""
    try:
        value = float(answer)
    except (TypeError, ValueError):
        raise Hint(f"a number is wanted here, you gave {type(answer).__name__}.") from None
    if not np.isfinite(value):
        raise Hint("the answer must be finite; 300 steps at lr = 0.01 do not blow up.")
    if value < -0.5:
        raise Hint("sign: J = ⟨h − e^−h⟩ is what the loss has with a minus.")
    if value < 0.5:
        raise Hint(
            "an odd h finds this, and in equilibrium it is right: is the backward half still there?"
        )
    return (
        "No odd h can exceed 0 here, and this one goes on rising: h = c for all steps gives "
        "c − e^−c, without limit. It calls every film forwards."
    )


def check_21_3(answer: Any) -> str:
    """A network for the two beads, T = 1 and 10, dt = 0.01: R² and slope on steps of our own."""
    system = BeadSpring()
    data = simulate(system, 200, 200, 0.01, generator=make_generator(213))
    exact = system.entropy_production(data, "exact").flatten().double()
    with torch.no_grad():
        h = evaluate(answer, torch.stack((data.x[:, :-1], data.x[:, 1:]), dim=2).flatten(0, 1))
    h = torch.as_tensor(h).detach().cpu().double()
    if h.shape != exact.shape:
        raise Hint(
            f"pairs (n, 2, dim) should give ΔS of shape (n,); yours is {tuple(h.shape)} for "
            f"n = {len(exact)}."
        )
    if not torch.isfinite(h).all() or h.std() == 0:
        raise Hint("the network gives one value for all steps, or none: was it trained?")
    correlation = torch.corrcoef(torch.stack((exact, h)))[0, 1].item()
    slope = correlation * (h.std() / exact.std()).item()
    seen = f"R² = {correlation**2:.3f}, slope = {slope:.2f}"
    if correlation < -0.5:
        raise Hint(f"{seen}. {SIGN}")
    if correlation**2 < 0.98:
        raise Hint(f"{seen}: scatter. More steps, a learning rate that falls, inputs of order one.")
    if slope > 10:
        raise Hint(f"{seen}: ΔS of a step is wanted, not a rate per unit time.")
    if abs(slope - 1) > 0.1:
        raise Hint(f"{seen}: the factor is off; is the loss ⟨e^−h − h⟩, and is it at its minimum?")
    return f"{seen} on steps it has never seen. Swapping frames works as well as flipping Δx."


def check_21_4(answer: Any) -> str:
    """Which look at the held-out data to keep: curves that turn, that wobble, that never turn."""
    falling = [1.0, 0.985, 0.981, 0.976, 0.972, 0.965, 0.951, 0.940, 0.942]
    turns = [1.0, 0.987, 0.990, 0.984, 0.981, 0.985, 0.992, 1.02, 1.3]
    never = [1.0, 0.991, 0.986, 0.987, 0.985, 0.983, 0.984, 0.982, 0.981]

    def first_rise(training: list[float], held_out: list[float]) -> int:
        rises = [i for i in range(1, len(held_out)) if held_out[i] > held_out[i - 1]]
        return rises[0] - 1 if rises else len(held_out) - 1

    def agree(training: list[float], held_out: list[float]) -> int:
        return int(np.argmin(np.abs(np.subtract(held_out, training))))

    function(
        answer,
        lambda training, held_out: int(np.argmin(held_out)),
        at=[(falling, turns), (falling, never)],
        rtol=0.001,
        wrong={
            lambda training, held_out: int(np.argmin(training)): (
                "the training objective falls for ever: it learns the noise of its own data."
            ),
            lambda training, held_out: len(held_out) - 1: (
                "the last weights are the most overfitted ones."
            ),
            lambda training, held_out: int(np.argmax(held_out)): (
                "the objective is −J: small is good."
            ),
            first_rise: "the curve wobbles: look on after the first rise.",
            lambda training, held_out: held_out[int(np.argmin(held_out))]: (
                "this is the objective itself; its index is wanted."
            ),
            agree: "both agree where nothing has been learned yet.",
        },
        otherwise="keep the look at which the held-out objective is smallest.",
    )
    return "Held-out data choose. `fit` also asks whether a rise is larger than its error bar."


def check_21_5(answer: Any) -> str:
    """Fraction of the truth at dt = 0.1 that the short-time TUR sees in two beads, T = 1 and 10."""
    number(
        answer,
        0.892,  # (2/dt) mᵀΞ⁻¹m with the fourth moments of the Gaussian pair (x, x'), over 1.636
        rtol=0.04,  # two standard errors of a thousand paths of t = 50
        wrong={
            0.728: "you divide by 2.025 or 1.985; the truth for these frames is 1.636.",
            0.985: "this is the fast camera, dt = 0.01.",
            1.46: "this is the bound itself; divide by the truth for these frames.",
            1.121: "upside down: a bound cannot exceed the truth.",
        },
        otherwise="short_time_tur(trajectories.every(10), …).rate over the truth for dt = 0.1.",
    )
    return "It keeps mean and variance of h and drops the rest of e^−h; a network keeps all of it."
