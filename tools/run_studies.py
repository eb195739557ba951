"""Measures what pages of the course say of many runs and what takes longer than a page may.

`python tools/run_studies.py name …` runs the studies of these names, of which
`stochphys/course/results/name.jsonl` keeps one row for each setting and seed; `course.stored(name)` reads
them. Runs that are in the file are not made again: a study goes on where it was stopped, and a row that
is to be measured anew is deleted first.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import torch

from stochphys.device import make_generator
from stochphys.inference import BayesianRegression, Samples, coverage, infer_langevin, nmse
from stochphys.simulators import simulate
from stochphys.systems import CarnotEngine, DoubleHump, InferredEngine, infer_engine
from stochphys.systems.engine_inference import CycleBasis, LinearForce
from stochphys.training import sweep

FOLDER = Path(__file__).resolve().parents[1] / "stochphys" / "course" / "results"


class Study(NamedTuple):
    """What `sweep` is asked for: a function at the top of this file, settings and seeds."""

    function: Callable[..., dict[str, Any]]
    settings: list[dict[str, Any]]
    seeds: Iterable[int]


# Page 12: networks that say how sure they are, each on films of its own

METHODS: dict[str, Any] = {"regression": BayesianRegression}


def network_on_film(method: str, *, seed: int, **options: Any) -> dict[str, Any]:
    """The drift of the double hump from a film of 200 time units, and what its error bar is worth.

    The seed draws the film and the training; errors are counted at 1000 places where the particle goes,
    and at 100 beyond, 1.15 to 1.6 times the range that it has visited.
    """
    generator, system, dt = make_generator(seed), DoubleHump(), 0.01
    film = simulate(system, 20, 10_000, dt / 10, generator=generator, every=10)
    inside = system.sample_stationary(1000, generator=generator, dtype=torch.float64)
    x, dx = film.x[:, :-1].reshape(-1, 1).double(), film.x.diff(dim=1).reshape(-1, 1).double()
    D = infer_langevin(film, generator=generator, diffusion=BayesianRegression()).diffusion
    samples = Samples(x, dx / dt, dt / (2 * D.mean(x)[:, 0]))
    middle, half = (x.max() + x.min()) / 2, (x.max() - x.min()) / 2
    beyond = torch.linspace(1.15, 1.6, 50, dtype=torch.float64)[:, None] * half
    outside = torch.cat((middle - beyond, middle + beyond))
    begin = process_time()
    f = METHODS[method](**options).fit(samples, generator=generator)
    seconds = process_time() - begin
    return dict(
        nmse=nmse(f.mean(inside), system.drift(inside)),
        inside=coverage(f, inside, system.drift(inside)),
        outside=coverage(f, outside, system.drift(outside)),
        growth=f.std(outside).mean() / f.std(inside).mean(),
        cpu_seconds=seconds,
    )


# Page 15: what the bands of an inferred engine are worth


def bands_of_engine(tau: float, scheme: str, *, seed: int) -> dict[str, Any]:
    """Of 5000 time units of (x, v) every 0.01, simulated in two steps per frame, or four by Euler's rule:
    where the truth lies, in std of the posterior, read in three ways: as frames show it, with what
    `infer_langevin` puts back to first order in dt, and with what `infer_engine` puts back to all.

    For each way the shares of 200 times of the cycle at which mean ± 2 std holds κ and T, their mean relative
    errors, γ, its std and whether it holds γ, and η: the ends of its 95 % interval, and whether that holds it.
    """
    engine, n = CarnotEngine(tau), 4 if scheme == "euler" else 2
    data = simulate(
        engine, round(5000 / tau), round(n * tau / 0.01), 0.01 / n, generator=seed, every=n,
        scheme=scheme,
    )  # fmt: skip
    exact = infer_engine(data, tau)
    force, noise = (BayesianRegression(f) for f in (LinearForce(tau), CycleBasis(tau, 3)))
    first = infer_langevin(data, drift=force, diffusion=noise, time=True)
    t = torch.arange(200, dtype=torch.float64) * tau / 200
    truth, found = (engine.stiffness(t), engine.temperature(t)), {}
    for name, said in (
        ("frames", InferredEngine(exact.drift, exact.diffusion, tau)),
        ("first order", InferredEngine(first.drift, first.diffusion, tau)),
        ("all orders", exact),
    ):
        kappa, gamma, T = said.coefficients(t, 400, generator=seed)
        row = dict(gamma=gamma.mean().item(), gamma_std=gamma.std().item())
        row["gamma_inside"] = abs(row["gamma"] - engine.gamma) < 2 * row["gamma_std"]
        for key, draws, true in (("kappa", kappa, truth[0]), ("T", T, truth[1])):
            off = draws.mean(0) - true
            row[key] = (off.abs() < 2 * draws.std(0)).double().mean().item()
            row[f"{key}_off"] = (off / true).mean().item()
            row[f"{key}_std"] = (draws.std(0) / true).mean().item()
        eta = said.efficiency(200, generator=seed)
        low, high = eta.interval
        inside = low <= engine.cycle().efficiency <= high
        found[name] = dict(row, eta=eta.estimate, low=low, high=high, eta_inside=bool(inside))
    return found


ENGINES = [dict(tau=tau, scheme="baoab") for tau in (20.0, 50.0, 100.0)]
STUDIES = {
    "12_networks": Study(network_on_film, [dict(method="regression")], range(5)),
    "15_bands": Study(bands_of_engine, [*ENGINES, dict(tau=50.0, scheme="euler")], range(100, 130)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="+", choices=STUDIES, help=f"of {', '.join(STUDIES)}")
    for name in parser.parse_args().name:
        rows = sweep(*STUDIES[name], results=FOLDER / f"{name}.jsonl")
        print(f"{name}: {len(rows)} runs, {sum(row['seconds'] for row in rows):.0f} s")


if __name__ == "__main__":
    main()
