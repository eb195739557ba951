"""Films of one system, each learned from alone: errors as they scatter from film to film.

Two tables: methods for a drift on two wells, that of docs/estimators.md; and networks that see movies.
The seed of a run draws its film and its training.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import torch
from torch import Tensor, nn

from stochphys.course.studies.doubtful_networks import DropoutNetwork, VariationalNetwork
from stochphys.course.studies.pca import pca
from stochphys.device import make_generator, pick_device
from stochphys.inference import (
    BayesianRegression,
    BootstrapEnsemble,
    Comparison,
    LaplaceNetwork,
    Samples,
    coverage,
    gaussian_plugin,
    infer_entropy_production,
    nmse,
)
from stochphys.models import CNEEP, RBF, BilinearCNEEP, FlowNEEP, LogVariance, Polynomial
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring, DoubleHump

from .. import print_table
from ..movies import film
from .runs import ended

WELLS, DT, INNER = DoubleHump(), 0.01, 10


def true_features(x: Tensor) -> Tensor:
    """The two functions that the drift of the double hump is made of."""
    return torch.cat((x, x * torch.exp(-x.square() / 2)), dim=-1)


METHODS: dict[str, Any] = {
    "regression, told the true features": BayesianRegression(true_features),
    "BayesianRegression()": BayesianRegression(),
    "LaplaceNetwork()": LaplaceNetwork(),
    "LaplaceNetwork(mean=Polynomial(1))": LaplaceNetwork(mean=Polynomial(1)),
    "BayesianRegression(RBF())": BayesianRegression(RBF()),
    "BootstrapEnsemble()": BootstrapEnsemble(),
    "BootstrapEnsemble(bootstrap=False)": BootstrapEnsemble(bootstrap=False),
    "VariationalNetwork()": VariationalNetwork(),
    "VariationalNetwork(kl_weight=0.1)": VariationalNetwork(kl_weight=0.1),
    "DropoutNetwork()": DropoutNetwork(),
}
LOW = dict(cell=(5, 5), psf=0.75, motion=0.25)
NETWORKS: dict[str, tuple[Callable[..., nn.Module] | None, dict[str, Any]]] = {
    "two beads, bilinear": (BilinearCNEEP, {}),
    "two beads, published layers of 16": (CNEEP, {}),
    "two beads, force × flow": (FlowNEEP, {}),
    "two beads, 5 × 10 px, bilinear": (BilinearCNEEP, LOW),
    "two beads, 5 × 10 px, force × flow": (FlowNEEP, LOW),
    "two beads, dt = 0.01, bilinear": (BilinearCNEEP, dict(dt=0.01)),
    "two beads, dt = 0.01, force × flow": (FlowNEEP, dict(dt=0.01)),
    "five beads, 10 × 50 px, bilinear": (BilinearCNEEP, dict(n_beads=5)),
    "five beads, 10 × 50 px, force × flow": (FlowNEEP, dict(n_beads=5)),
    "two beads, 2 components, no network": (None, {}),
}


def drift(method: str, n_times: int, *, seed: int) -> dict[str, float]:
    """One method on one film of two wells, in paths of `n_times` frames: error of the drift where
    there are data, how often 95 % intervals hold it there (`inside`) and beyond, from 1.15 to 1.6
    times the range of the data (`outside`), at which share of these nothing is said (`refused`), and their
    mean width."""
    g = make_generator(seed)
    options = dict(generator=g, every=INNER)
    x = simulate(WELLS, 20, n_times * INNER, DT / INNER, **options).x.double()  # type: ignore[arg-type]
    places = WELLS.sample_stationary(4000, generator=g, dtype=torch.float64)
    start, dx = x[:, :-1].reshape(-1, 1), x.diff(dim=1).reshape(-1, 1)
    rough = BayesianRegression().fit(
        Samples(start, dx / DT, (DT**2 / dx.square().mean()).expand_as(dx))
    )
    rest = (dx - rough.mean(start) * DT).square() / (2 * DT)
    D = BayesianRegression().fit(Samples(start, rest, torch.ones_like(rest)), LogVariance())
    data = Samples(start, dx / DT, DT / (2 * D.mean(start).exp()))
    begin = process_time()
    posterior = METHODS[method].fit(data, generator=g)
    seconds = process_time() - begin
    low, high = start.min(), start.max()
    away = torch.linspace(1.15, 1.6, 50, dtype=torch.float64) * (high - low) / 2
    outside = ((low + high) / 2 + torch.cat((-away, away)))[:, None]
    return dict(
        nmse=nmse(posterior.mean(places), WELLS.drift(places)),
        inside=coverage(posterior, places, WELLS.drift(places)),
        outside=coverage(posterior, outside, WELLS.drift(outside)),
        refused=1 - posterior.known(outside).double().mean().item(),
        width=2 * 1.96 * posterior.std(places).mean().item(),
        cpu_seconds=seconds,
    )


def movies(
    name: str, n_train: int, n_judge: int, steps: int | None, *, seed: int
) -> dict[str, float]:
    """One network on movies, by its own recipe (or so many `steps`), judged on `n_judge` movies that
    it never saw: the ratio to the exact ΔS of the same steps, and R²."""
    kind, options = NETWORKS[name]
    g, system = (
        make_generator(seed),
        BeadSpring(T_c=1.0, T_h=10.0, n_beads=options.get("n_beads", 2)),
    )
    if kind is None:
        movie = film(100, seed=seed)
        found = gaussian_plugin(pca(movie, 2))
        exact = system.entropy_production(movie.filmed, "exact")
        comparison = Comparison.of(exact, found.per_step(), found.rate, movie.dt)
    else:
        movie = film(n_train + n_judge, seed=seed, **options)
        result = infer_entropy_production(
            movie,
            generator=g,
            network=lambda: kind(movie.shape, generator=g).standardise(movie),  # type: ignore[operator]
            members=1,
            fraction=n_train / (n_train + n_judge),
            device=pick_device(),
            progress=False,
            hours=math.inf,
            **({} if steps is None else dict(steps=steps, validate_every=steps)),  # type: ignore[arg-type]
        )
        comparison = result.compare(system)
    return dict(ratio=comparison.ratio, r_squared=comparison.r_squared)


def study(results: Path, seeds: Sequence[int] | None, *, tiny: bool, retry: bool) -> None:
    go = partial(ended, results=results, retry=retry)
    n_times, names = (50, list(METHODS)[:3]) if tiny else (1000, list(METHODS))
    settings = [dict(method=name, n_times=n_times) for name in names]
    print_drift(go(drift, settings, seeds or range(2 if tiny else 5)))
    size = (
        dict(n_train=5, n_judge=5, steps=2) if tiny else dict(n_train=2000, n_judge=40, steps=None)
    )
    cases = ("two beads, force × flow", "two beads, 2 components, no network") if tiny else NETWORKS
    print_movies(
        go(movies, [dict(name=name, **size) for name in cases], seeds or range(2 if tiny else 3))
    )


def print_drift(rows: list[dict[str, Any]]) -> None:
    """docs/estimators.md: means over the films, of the error with its standard error."""
    found = by_setting(rows, "method")
    told = found[next(iter(METHODS))]["width"].mean()
    lines = [
        (
            name,
            with_error(of["nmse"]),
            f"{of['inside'].mean():.0%}",
            f"{of['outside'].mean():.0%}",
            f"{of['refused'].mean():.0%}",
            f"{of['width'].mean() / told:.1f}",
            f"{of['cpu_seconds'].mean():.2g}",
        )
        for name, of in found.items()
    ]
    n = min(len(of["nmse"]) for of in found.values())
    print_table(
        (
            f"drift, {n} films of two wells",
            "NMSE",
            "inside",
            "outside",
            "refused",
            "width",
            "CPU s",
        ),
        lines,
    )


def print_movies(rows: list[dict[str, Any]]) -> None:
    lines = [
        (name, with_error(of["ratio"]), with_error(of["r_squared"]))
        for name, of in by_setting(rows, "name").items()
    ]
    print_table(("movies", "ratio to the exact ΔS of the same steps", "R²"), lines)


def by_setting(rows: list[dict[str, Any]], argument: str) -> dict[str, dict[str, Tensor]]:
    """Results of all seeds `(n_seeds,)` by the value of one argument and the name of the number."""
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for row in rows:
        found[row["setting"][argument]].append(row["result"])
    return {
        name: {key: torch.tensor([result[key] for result in results]) for key in results[0]}
        for name, results in found.items()
    }


def with_error(values: Tensor) -> str:
    """The mean, and its standard error where there are seeds enough for one."""
    text = f"{values.mean():.3f}"
    return f"{text} ± {values.std() / len(values) ** 0.5:.3f}" if len(values) > 1 else text
