"""Accuracy of `infer_langevin` on systems that no default was tuned on, `tools/random_systems.py`.

Five films of each of 20 systems: does the band hold the truth where the film has been, is the predicted
error that which is made, and is what is wrong accompanied by a warning? Then the cases that defaults
once failed on, three films each.

Whoever mends a default looks at the seeds from `DEVELOPMENT` on. Nobody tunes on those of the judgement,
`python -m benchmarks study accuracy --seeds $(seq 5000 5019)`, listed here before they were run.
`--results benchmarks/results/accuracy_before.jsonl` prints what the defaults of commit a88df99 made of the
same films.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean
from time import process_time
from typing import Any

import torch
from torch import Tensor

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import BayesianRegression, Posterior, infer_langevin
from stochphys.simulators import System, simulate
from stochphys.simulators.langevin import noise_matrix
from stochphys.systems import InhomogeneousDiffusion, NonlinearForce, VanDerPol
from tools.random_systems import film, random_system, scales

from .. import print_table
from .runs import ended

DEVELOPMENT, SYSTEMS, FILMS, REPEATS = 0, 20, 5, 3
FIELDS = ("wells", "field", "inertia", "pumped", "linear")  # by turns
Found = dict[str, Any]


def judged(system: System, data: Trajectories, **methods: Any) -> tuple[Found, Posterior]:
    """One inference beside the truth at 1000 frames of the film."""
    seen = Trajectories(data.position, data.dt)
    begin = process_time()
    found = infer_langevin(seen, underdamped=system.underdamped, **methods)
    seconds = process_time() - begin
    x = data.x.flatten(0, 1).double()
    x = x[:: max(1, len(x) // 1000)]
    noisy = found.increments.noisy
    phi, B = system.drift(x, 0.0)[:, noisy], noise_matrix(system, x, 0.0)[:, noisy, noisy]
    D = B @ B.mT / 2
    error = found.drift.mean(x) - phi
    of_drift, of_D = against(found.drift, x, phi), against(found.diffusion, x, D)
    numbers = dict(
        nmse=in_units_of(D, error) / in_units_of(D, phi),
        predicted=found.predicted_nmse,
        drift=of_drift,
        diffusion=of_D,
        warnings=[sentence[:100] for sentence in found.warnings],
        seconds=seconds,
    )
    return numbers, found.drift


def against(posterior: Posterior, x: Tensor, exact: Tensor) -> Found:
    """Share of values in their intervals, rms and share beyond 4 of errors in units of std, and the
    mean relative error."""
    std = posterior.std(x)
    free = std[0] > 0
    low, high = posterior.interval(x)
    error = (posterior.mean(x) - exact)[:, free]
    z = error / std[:, free]
    return dict(
        inside=((low <= exact) & (exact <= high))[:, free].double().mean().item(),
        z=z.square().mean().sqrt().item(),
        beyond=1 - (z.abs() <= 4).double().mean().item(),
        off=(error.norm() / exact[:, free].norm()).item(),
    )


def in_units_of(D: Tensor, phi: Tensor) -> float:
    """⟨ΦᵀD⁻¹Φ⟩."""
    return (torch.linalg.solve(D, phi[..., None])[..., 0] * phi).sum(-1).mean().item()


def wrong(film: Found) -> str:
    """What of a film is wrong beyond chance, in a word or two; empty if nothing is."""
    drift = not film["nmse"] <= 3 * film["predicted"] or film["drift"]["beyond"] > 0.01
    return " ".join(["drift"] * drift + ["D"] * (film["diffusion"]["beyond"] > 0.01))


def fields(*, seed: int) -> Found:
    """Five films of one system; where its noise depends on the state, D is asked for as a field."""
    kind = FIELDS[seed % len(FIELDS)]
    system = random_system(seed, kind)
    varies = not system.additive
    methods = dict(diffusion=BayesianRegression()) if varies else {}
    films, drifts = zip(
        *(judged(system, film(system, i), **methods) for i in range(FILMS)), strict=True
    )
    x = scales(system)[2]  # the same states for all films
    std, mean = torch.stack([d.std(x) for d in drifts]), torch.stack([d.mean(x) for d in drifts])
    wide = (std.square().mean() / mean.var(0).mean()).sqrt().item()
    # D is taken to be constant where it is not: does somebody say so?
    blind = judged(system, film(system, 0))[0]["warnings"] if varies else []
    return dict(kind=kind, dim=system.dim, varies=varies, wide=wide, films=films, blind=blind)


def print_fields(rows: list[Found]) -> None:
    lines, every = [], [f for row in rows for f in row["result"]["films"]]
    for row in rows:
        r = row["result"]
        of = partial(mean_of, r["films"])
        bad = [(f["warnings"], w) for f in r["films"] if (w := wrong(f))]
        silent = sorted({w for said, w in bad if not said})
        lines.append(
            (
                row["seed"], f"{r['kind']}{'*' * r['varies']} {r['dim']}", of("nmse"), of("predicted"),
                of("nmse") / of("predicted"), of("drift", "inside"), of("drift", "z"), r["wide"],
                of("diffusion", "inside"), of("diffusion", "z"), of("diffusion", "off"),
                sum(bool(f["warnings"]) for f in r["films"]),
                f"{sum(not said for said, _ in bad)}/{len(bad)} {', '.join(silent)}", of("seconds"),
            )
        )  # fmt: skip
    columns = (
        "seed", "system", "NMSE", "predicted", "ratio", "95 % hold", "std of z", "std/scatter",
        "D: 95 % hold", "D: z", "D: off", "films warned", "silent/wrong", "CPU-s",
    )  # fmt: skip
    print_table(columns, lines)
    ratio = [line[4] for line in lines]
    z = [line[6] for line in lines]
    print(
        f"\n{len(rows)} systems: 95 % bands of the drift hold {mean_of(every, 'drift', 'inside'):.1%}, "
        f"of D {mean_of(every, 'diffusion', 'inside'):.1%}; predicted within a factor of 2 in "
        f"{sum(0.5 <= r <= 2 for r in ratio)}; std of z between 0.8 and 1.3 in "
        f"{sum(0.8 <= v <= 1.3 for v in z)}; std/scatter ≤ 1.5 in {sum(line[7] <= 1.5 for line in lines)}; "
        f"films wrong {sum(bool(wrong(f)) for f in every)}, of them silent "
        f"{sum(bool(wrong(f)) and not f['warnings'] for f in every)}, warned though right "
        f"{sum(not wrong(f) and bool(f['warnings']) for f in every)} of {len(every)}; constant D where it varies: warned in "
        f"{sum(bool(row['result']['blind']) for row in rows)} of {sum(row['result']['varies'] for row in rows)}"
    )


def mean_of(films: list[Found], *keys: str) -> float:
    """Over films, of a number in them."""
    values = [film[keys[0]] if len(keys) == 1 else film[keys[0]][keys[1]] for film in films]
    return fmean(values)


# What defaults once failed on


def paths(system: System, n: int, dt: float, g: torch.Generator, finer: int = 10) -> Trajectories:
    how = dict(start=0.0, burn_in=3000, every=finer)
    return simulate(system, 20, n * finer // 20, dt / finer, generator=g, **how)  # type: ignore[arg-type]


def named(*, case: str, seed: int) -> Found:
    g = make_generator(seed)
    systems: dict[str, tuple[System, float]] = {
        "van der Pol, positions": (VanDerPol(), 0.02),
        "stirred field, D(x)": (replace(random_system(2, "field", dim=2), length=1.0, time=1.0), 0.02),  # type: ignore[type-var]
        "additive drift, D(x)": (InhomogeneousDiffusion(), 0.01),
        "nonlinear, d = 4": (NonlinearForce(dim=4), 0.01),
    }  # fmt: skip
    system, dt = systems[case]
    methods = {} if system.additive else dict(diffusion=BayesianRegression())
    return judged(system, paths(system, 20_000, dt, g), **methods)[0]


CASES = (
    "van der Pol, positions", "stirred field, D(x)", "additive drift, D(x)", "nonlinear, d = 4",
)  # fmt: skip


def print_named(rows: list[Found]) -> None:
    lines = []
    for row in rows:
        r = row["result"]
        lines.append(
            (
                row["setting"]["case"], row["seed"], r["nmse"], r["predicted"], r["drift"]["inside"],
                r["drift"]["z"], r["diffusion"]["off"], r["diffusion"]["z"], len(r["warnings"]), r["seconds"],
            )
        )  # fmt: skip
    columns = (
        "case", "seed", "NMSE", "predicted", "95 % hold", "std of z", "D: off", "D: z", "warnings", "CPU-s",
    )  # fmt: skip
    print_table(columns, lines)


def study(results: Path, seeds: Sequence[int] | None, *, tiny: bool, retry: bool) -> None:
    seeds = seeds or range(DEVELOPMENT, DEVELOPMENT + (1 if tiny else SYSTEMS))
    print_fields(ended(fields, [{}], seeds, results, retry))
    cases = [dict(case=case) for case in (CASES[:1] if tiny else CASES)]
    print_named(ended(named, cases, seeds[:REPEATS], results, retry))
