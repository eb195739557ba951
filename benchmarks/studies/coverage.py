"""Coverage: how often an interval of 95 % holds the truth, on fresh data for every seed.

Fields are judged at states that were seen, numbers by whether theirs is within: an interval of the
posterior, or 1.96 standard errors. Of estimators of entropy production at a time step the truth is
what pairs of frames hold at most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import (
    BayesianRegression,
    gaussian_plugin,
    infer_entropy_production,
    infer_langevin,
    short_time_tur,
)
from stochphys.inference.predict import mean_first_passage_time
from stochphys.inference.thermodynamics import entropy_production_rate
from stochphys.models.bases import RBF, Polynomial
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring, DoubleHump, NonlinearForce

from .. import print_table
from .films import by_setting
from .runs import ended

DT, BEADS, WELLS = 0.01, BeadSpring(T_h=10.0), DoubleHump()
LINE = BayesianRegression(Polynomial(1))
Found = dict[str, float]
# From frames in all and a source of random numbers.
Case = Callable[[int, torch.Generator], Found]


def beads(n_times: int, g: torch.Generator, n_paths: int = 20) -> Trajectories:
    return simulate(BEADS, n_paths, n_times // n_paths, DT, generator=g)


def fields(system: Any, n_times: int, g: torch.Generator, **methods: Any) -> Found:
    """Share of the values of both fields that lie in their intervals, and the error of the drift."""
    data = simulate(system, 1, n_times * 10, DT / 10, generator=g, start=0.0, every=10)
    judged = infer_langevin(data, generator=g, **methods).compare(system)
    return dict(
        inside=judged.drift_coverage, error=judged.drift_nmse, diffusion=judged.diffusion_coverage
    )


def number(estimate: float, std: float, exact: float) -> Found:
    return dict(inside=float(abs(estimate - exact) < 1.96 * std), error=abs(estimate / exact - 1))


def plugin(n_times: int, g: torch.Generator) -> Found:
    found = gaussian_plugin(beads(n_times, g))
    return number(found.rate, found.std, BEADS.entropy_production_rate(DT))


def tur(n_times: int, g: torch.Generator) -> Found:
    found = short_time_tur(beads(n_times, g), generator=g)
    return number(found.rate, found.std, BEADS.entropy_production_rate(DT))


def network(n_times: int, g: torch.Generator) -> Found:
    """Five members, whose spread follows Student's law with 4 degrees of freedom: 88 %, not 95."""
    how = dict(fraction=0.5, width=16, lr=5e-3, steps=300, validate_every=300, progress=False)
    found = infer_entropy_production(beads(10 * n_times, g, 500), generator=g, **how)  # type: ignore[arg-type]
    return number(found.rate, found.std, BEADS.entropy_production_rate(DT))


def entropy(n_times: int, g: torch.Generator) -> Found:
    found = infer_langevin(beads(n_times, g), drift=LINE)
    rate = entropy_production_rate(found, beads(n_times, g), generator=g)
    told = rate.compare(BEADS)
    return dict(inside=float(told.inside), error=abs(rate.rate / told.exact - 1))


def passage(n_times: int, g: torch.Generator) -> Found:
    data = simulate(WELLS, 10, n_times, DT / 10, generator=g, every=10)
    found = infer_langevin(data, diffusion=BayesianRegression())
    time = mean_first_passage_time(found, -WELLS.well, WELLS.well, generator=g)
    told = time.compare(WELLS)
    return dict(inside=float(told.inside), error=abs(time.estimate / told.exact - 1))


CASES: dict[str, Case] = {
    "drift of two beads, linear": partial(fields, BEADS, drift=LINE),
    "drift of the nonlinear force, RBF(40)": partial(
        fields, NonlinearForce(), drift=BayesianRegression(RBF(40))
    ),
    "drift of two wells": partial(fields, WELLS, diffusion=BayesianRegression()),
    "Gaussian plug-in": plugin,
    "short-time TUR": tur,
    "NEEP, five members": network,
    "entropy production of the inferred equation": entropy,
    "passage time of the inferred equation": passage,
}


def interval(case: str, n_times: int, *, seed: int) -> Found:
    """Whether (or how much of) the truth is `inside`, and the relative `error`."""
    return CASES[case](n_times, make_generator(seed))


def study(results: Path, seeds: Sequence[int] | None, *, tiny: bool, retry: bool) -> None:
    settings = [dict(case=case, n_times=2000 if tiny else 20_000) for case in CASES]
    seeds = seeds or range(1 if tiny else 40)
    print_coverage(ended(interval, settings, seeds, results, retry))


def print_coverage(rows: list[dict[str, Any]]) -> None:
    """Means over seeds with standard errors; that of a share p of n is never below 1/n, since
    n hits in a row do not prove a certainty."""
    lines = []
    for case, of in by_setting(rows, "case").items():
        n = len(of["inside"])
        std = max((of["inside"].var(correction=0) / n).sqrt().item(), 1 / n)
        diffusion = f"{of['diffusion'].mean():.0%}" if "diffusion" in of else ""
        held = f"{100 * of['inside'].mean():.0f} ± {100 * std:.0f} %"
        lines.append((case, n, held, of["error"].median().item(), diffusion))
    columns = ("95 % intervals", "seeds", "hold the truth", "median error", "of the diffusion")
    print_table(columns, lines)
