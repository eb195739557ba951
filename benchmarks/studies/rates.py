"""Rates of entropy production beside exact ones: does the error bar hold, is something found where
nothing is?

Each estimator with its defaults on 100 random linear systems of `tools/random_systems.py` in and 100
out of equilibrium, networks on fewer; on 40 sets in equilibrium of other kinds; then networks on what
they once failed on, three times each. The seeds are those of `accuracy`; `--seeds` takes others, and
what costs minutes takes the first of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf, isnan, nan
from pathlib import Path
from statistics import fmean
from time import process_time
from typing import Any

import torch

from stochphys.data import Jumps, Trajectories
from stochphys.device import make_generator
from stochphys.estimate import Estimate
from stochphys.inference import (
    entropy_production_rate,
    gaussian_plugin,
    infer_entropy_production,
    infer_langevin,
    short_time_tur,
    word_plugin,
)
from stochphys.simulators import JumpChain, System, simulate, simulate_jumps
from stochphys.systems import BeadSpring, StirredDoubleWell, bead_camera
from tools.random_systems import Noise, film, random_system, scales

from .. import print_table
from .accuracy import DEVELOPMENT, REPEATS, Found
from .runs import ended

RATES, NULLS, NETWORKS = 100, 40, 10


def by_equation(data: Trajectories, generator: torch.Generator) -> Estimate:
    """Half of the paths tell the equation, the other half are read by it."""
    half, fresh = data.split(0.5, generator=generator)
    return entropy_production_rate(infer_langevin(half), fresh, generator=generator)


ESTIMATORS: dict[str, Callable[[Any, torch.Generator], Estimate]] = {
    "gaussian_plugin": lambda data, g: gaussian_plugin(data),
    "short_time_tur": lambda data, g: short_time_tur(data, generator=g),
    "entropy_production_rate": by_equation,
}


def network(data: Any, g: torch.Generator) -> Estimate:
    return infer_entropy_production(data, generator=g, progress=False)  # type: ignore[arg-type]


def asked(estimator: Callable, data: Any, seed: int, unit: float, exact: float) -> Found:
    """What it answers, times `unit`; a refusal is an answer too."""
    begin = process_time()
    try:
        rate, std, warnings = (e := estimator(data, make_generator(seed))).rate, e.std, e.warnings
    except (ValueError, FloatingPointError) as refusal:
        rate, std, warnings = nan, nan, (f"{type(refusal).__name__}: {refusal}",)
    seconds, said = process_time() - begin, [w[:100] for w in warnings]
    return dict(
        rate=rate * unit, std=std * unit, exact=exact * unit, warnings=said, seconds=seconds
    )


def rates(*, kind: str, estimators: list[str], seed: int) -> Found:
    """A linear system of two to four coordinates in 100 paths. Of the equation the rate of the process
    is asked, of all others that which pairs of frames show."""
    system = random_system(seed, kind, dim=2 + seed % 3)
    data, unit = film(system, 0, n_paths=100), 1 / scales(system)[0]
    found = {}
    for name in estimators:
        dt = None if name == "entropy_production_rate" else data.dt
        exact = system.entropy_production_rate(dt)  # type: ignore[attr-defined]
        found[name] = asked(ESTIMATORS.get(name, network), data, seed, unit, exact)
    return found


def print_rates(rows: list[Found]) -> None:
    """Of a kind of data and an estimator: how often 2 and 3 standard errors hold the rate."""
    groups: dict[tuple[str, str], list[tuple[int, Found]]] = {}
    for row in rows:
        for name, answer in row["result"].items():
            kind = row["setting"].get("kind") or answer["kind"]
            groups.setdefault((kind, name), []).append((row["seed"], answer))
    lines = []
    for (kind, name), answers in groups.items():
        # Where all is exact and known, 0 ± 0, nothing is off.
        z = {s: off(a) for s, a in answers if not isnan(a["rate"])}
        far = {s: v for s, v in z.items() if abs(v) > 3}
        n = max(len(z), 1)
        driven = [a["std"] / a["exact"] for s, a in answers if a["exact"] > 1e-9 and s in z]
        sharp = f"{fmean(driven):.3f}" if driven else ""
        lines.append(
            (
                kind, name, len(answers), len(answers) - len(z), f"{sum(abs(v) <= 2 for v in z.values()) / n:.0%}",
                (sum(v * v for v in z.values()) / n) ** 0.5, sum(z.values()) / n,
                sharp, sum(bool(a["warnings"]) for _, a in answers),
                " ".join(f"{s}:{v:+.1f}" for s, v in sorted(far.items(), key=lambda p: -abs(p[1]))[:6]),
                fmean(a["seconds"] for _, a in answers),
            )
        )  # fmt: skip
    columns = (
        "data", "estimator", "sets", "no number", "2 s.e. hold", "rms z", "mean z", "std/rate",
        "warned", "beyond 3 s.e. (seed:z)", "CPU-s",
    )  # fmt: skip
    print_table(columns, lines)


def off(answer: Found) -> float:
    error = answer["rate"] - answer["exact"]
    return error / answer["std"] if answer["std"] > 0 else (0.0 if abs(error) < 1e-9 else inf)


# Equilibrium of other kinds


def nulls(*, networks: bool, seed: int) -> Found:
    """A set in which nothing is produced: a landscape, a line of springs, a ring or a web of jumps, a
    particle with inertia."""
    kind = ("landscape", "linear", "ring", "jumps", "inertia")[seed % 5]
    g, estimators = make_generator(seed), dict(ESTIMATORS)
    data: Trajectories | Jumps
    if kind in ("ring", "jumps"):
        data, estimators = simulate_jumps(chain(kind, g), 200, 200, generator=g), {}
        estimators["word_plugin"] = lambda data, g: word_plugin(data)
        unit = 1.0
    else:
        system = in_equilibrium(kind, seed)
        data, unit = film(system, 0, n_paths=100), 1 / scales(system)[0]
        if kind == "inertia":
            estimators = {"entropy_production_rate": by_equation_with_inertia}
    if networks:
        estimators = {"network": network}
    answers = {name: asked(e, data, seed, unit, 0.0) for name, e in estimators.items()}
    return {name: answer | dict(kind=kind) for name, answer in answers.items()}


def in_equilibrium(kind: str, seed: int) -> System:
    if kind == "linear":
        return random_system(seed, "balanced", dim=1 + seed % 3)
    system: Any = random_system(seed, "wells" if kind == "landscape" else kind)
    changes: dict[str, Any] = dict(A=torch.zeros_like(system.A))
    if kind == "landscape":  # one temperature
        changes["noise"] = Noise(system.noise.D.diagonal().mean() * torch.eye(system.dim).double())
    return replace(system, **changes)


def chain(kind: str, g: torch.Generator) -> JumpChain:
    """Jumps with symmetric barriers between states of random energies."""
    n = int(torch.randint(3, 8, (), generator=g))
    energy, barrier = (
        torch.rand(n, generator=g).double() * 2,
        torch.rand(n, n, generator=g).double(),
    )
    allowed = torch.ones(n, n).double() - torch.eye(n)
    if kind == "ring":
        apart = (torch.arange(n)[:, None] - torch.arange(n)).abs()
        allowed = ((apart == 1) | (apart == n - 1)).double()
    w = allowed * torch.exp((energy[:, None] - energy) / 2 - (barrier + barrier.T))
    return JumpChain(w / w.sum(1, keepdim=True))


def by_equation_with_inertia(data: Trajectories, generator: torch.Generator) -> Estimate:
    half, fresh = data.split(0.5, generator=generator)
    found = infer_langevin(Trajectories(half.position, half.dt), underdamped=True)
    return entropy_production_rate(
        found, Trajectories(fresh.position, fresh.dt), generator=generator
    )


# What networks once failed on


def named(*, case: str, seed: int) -> Found:
    """Ratio and R² against the exact entropy of the same held-out steps."""
    g = make_generator(seed)
    systems: dict[str, tuple[Any, int, float]] = {
        "chain of 7": (BeadSpring(T_c=2.0, T_h=9.0, n_beads=7), 300, 0.01),
        "nonlinear state": (StirredDoubleWell(), 300, 0.01),
        "equilibrium chain of 5": (BeadSpring(T_c=1.0, T_h=1.0, n_beads=5), 300, 0.01),
        "movies of two beads": (BeadSpring(T_c=3.0, T_h=5.0), 100, 0.05),
    }
    system, n, dt = systems[case]
    data: Any = simulate(system, n, 1000, dt, generator=g)
    if case.startswith("movies"):
        data = bead_camera(system).film(data)
    begin = process_time()
    found = infer_entropy_production(data, generator=g, progress=False)  # type: ignore[arg-type]
    seconds, told = process_time() - begin, found.compare(system)
    return dict(
        rate=found.rate, std=found.std, exact=told.exact_rate, r_squared=told.r_squared,
        warnings=[w[:100] for w in found.warnings], seconds=seconds,
    )  # fmt: skip


CASES = ("chain of 7", "nonlinear state", "equilibrium chain of 5", "movies of two beads")


def print_named(rows: list[Found]) -> None:
    lines = []
    for row in rows:
        r = row["result"]
        found = f"{r['rate']:.4g} ± {r['std']:.2g}"
        lines.append(
            (
                row["setting"]["case"], row["seed"], found, r["exact"], r["r_squared"], len(r["warnings"]),
                r["seconds"],
            )
        )  # fmt: skip
    print_table(("case", "seed", "found", "same steps", "R²", "warnings", "CPU-s"), lines)


def study(results: Path, seeds: Sequence[int] | None, *, tiny: bool, retry: bool) -> None:
    given = seeds or range(DEVELOPMENT, DEVELOPMENT + (1 if tiny else RATES))

    def both(estimators: list[str]) -> list[Found]:
        return [dict(kind=kind, estimators=estimators) for kind in ("linear", "balanced")]

    print_rates(ended(rates, both(list(ESTIMATORS)), given, results, retry))
    print_rates(ended(nulls, [dict(networks=False)], given[:NULLS], results, retry))
    if not tiny:
        print_rates(ended(rates, both(["network"]), given[:NETWORKS], results, retry))
        print_rates(ended(nulls, [dict(networks=True)], given[:NETWORKS], results, retry))
        cases = [dict(case=case) for case in CASES]
        print_named(ended(named, cases, given[:REPEATS], results, retry))
