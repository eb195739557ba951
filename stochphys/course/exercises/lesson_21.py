"""Exercises of 21 NEEP."""

from typing import Any

import numpy as np
import torch

from ...device import make_generator
from ...simulators import simulate
from ...systems import BeadSpring
from .grading import SIGN, Hint, evaluate, function, number


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
