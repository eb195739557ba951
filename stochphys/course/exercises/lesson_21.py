"""Exercises of 21 NEEP."""

import numpy as np
import torch

from ...device import make_generator
from ...simulators import simulate
from ...systems import BeadSpring
from .grading import SIGN, Hint, Table, evaluate, function, number, refuse, tensor


@function(
    at=[(0.5,), (0.9,), (1.0,), (1.3,)],
    otherwise="J + 1 ≈ 2⟨h⟩ − ½⟨h²⟩; at a = 1 all of ⟨ΔS⟩ must come out.",
    means="1 − (1 − a)²: flat at its top. The bound forgives a wrong slope, the mean ⟨h⟩ does not.",
)
def check_21_1(a: float) -> Table:
    """(J + 1)/⟨ΔS⟩ of h = a ΔS, for short steps."""
    yield 2 * a - a**2
    yield a, "this is ⟨h⟩/⟨ΔS⟩; J + 1 holds ⟨e^−h⟩ as well."
    yield 2 * a, "the second order of e^−h is missing: ⟨ΔS²⟩ is as large as ⟨ΔS⟩."
    yield 2 * a - a**2 / 2, "for short steps ⟨ΔS²⟩ = 2⟨ΔS⟩, because ⟨e^−ΔS⟩ = 1."
    yield a - a**2, "−e^−h gives +⟨h⟩ too: J + 1 ≈ 2⟨h⟩ − ½⟨h²⟩."


def check_21_2(answer: object) -> str:
    """J + 1 per step of a network that is not odd, in equilibrium."""
    finite = "the answer must be finite; 300 steps at lr = 0.01 do not blow up."
    claim = tensor(answer, finite=finite).item()
    refuse(claim < -0.5, "sign: J = ⟨h − e^−h⟩ is what the loss has with a minus.")
    refuse(
        claim < 0.5,
        "an odd h finds this, and in equilibrium it is right: is the backward half still there?",
    )
    return (
        "No odd h can exceed 0 here, and this one goes on rising: h = c for all steps gives "
        "c − e^−c, without limit. It calls every film forwards."
    )


def check_21_3(answer: object) -> str:
    """A network for the two beads, T = 1 and 10, dt = 0.01: R² and slope on steps of our own."""
    system = BeadSpring()
    data = simulate(system, 200, 200, 0.01, generator=make_generator(213))
    exact = system.entropy_production(data, "exact").flatten().double()
    pairs = torch.stack((data.x[:, :-1], data.x[:, 1:]), dim=2).flatten(0, 1)  # (n, 2, dim)
    constant = "the network gives one value for all steps, or none: was it trained?"
    wanted = f"pairs (n, 2, dim), n = {len(exact)}, should give ΔS of shape (n,)"
    with torch.no_grad():
        h = tensor(evaluate(answer, pairs), exact.shape, wanted=wanted, finite=constant).double()
    refuse(h.std() == 0, constant)
    correlation = torch.corrcoef(torch.stack((exact, h)))[0, 1].item()
    slope = correlation * (h.std() / exact.std()).item()
    seen = f"R² = {correlation**2:.3f}, slope = {slope:.2f}"
    refuse(correlation < -0.5, f"{seen}. {SIGN}")
    if correlation**2 < 0.98:
        raise Hint(f"{seen}: scatter. More steps, a learning rate that falls, inputs of order one.")
    refuse(slope > 10, f"{seen}: ΔS of a step is wanted, not a rate per unit time.")
    if abs(slope - 1) > 0.1:
        raise Hint(f"{seen}: the factor is off; is the loss ⟨e^−h − h⟩, and is it at its minimum?")
    return f"{seen} on steps it has never seen. Swapping frames works as well as flipping Δx."


FALLING = [1.0, 0.985, 0.981, 0.976, 0.972, 0.965, 0.951, 0.940, 0.942]
TURNS = [1.0, 0.987, 0.990, 0.984, 0.981, 0.985, 0.992, 1.02, 1.3]
NEVER = [1.0, 0.991, 0.986, 0.987, 0.985, 0.983, 0.984, 0.982, 0.981]


@function(
    at=[(FALLING, TURNS), (FALLING, NEVER)],
    rtol=0.001,
    otherwise="keep the look at which the held-out objective is smallest.",
    means="Held-out data choose. `fit` also asks whether a rise is larger than its error bar.",
)
def check_21_4(training: list[float], held_out: list[float]) -> Table:
    """Which look at the held-out data to keep: curves that turn, that wobble, that never turn."""
    best, last = int(np.argmin(held_out)), len(held_out) - 1
    learned = int(np.argmin(training))
    rises = np.flatnonzero(np.diff(held_out) > 0)
    yield best
    yield learned, "the training objective falls for ever: it learns the noise of its own data."
    yield last, "the last weights are the most overfitted ones."
    yield int(np.argmax(held_out)), "the objective is −J: small is good."
    yield rises[0] if len(rises) else last, "the curve wobbles: look on after the first rise."
    yield held_out[best], "this is the objective itself; its index is wanted."
    agree = np.argmin(np.abs(np.subtract(held_out, training)))
    yield agree, "both agree where nothing has been learned yet."


# Fraction of the truth at dt = 0.1 that the short-time TUR sees in two beads, T = 1 and 10.
check_21_5 = number(
    0.892,  # (2/dt) mᵀΞ⁻¹m with the fourth moments of the Gaussian pair (x, x'), over 1.636
    (0.728, "you divide by 2.025 or 1.985; the truth for these frames is 1.636."),
    (0.985, "this is the fast camera, dt = 0.01."),
    (1.46, "this is the bound itself; divide by the truth for these frames."),
    (1.121, "upside down: a bound cannot exceed the truth."),
    rtol=0.04,  # two standard errors of a thousand paths of t = 50
    otherwise="short_time_tur(trajectories.every(10), …).rate over the truth for dt = 0.1.",
    means="It keeps mean and variance of h and drops the rest of e^−h; a network keeps all of it.",
)
