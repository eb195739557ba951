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
from torch import Generator, Tensor

from stochphys.course.studies.digits import study_digits
from stochphys.course.studies.doubtful_networks import DropoutNetwork, VariationalNetwork
from stochphys.course.studies.fair_baselines import (
    BASELINES,
    ENDINGS,
    SHORT_RUNS,
    baseline,
    ending,
    short_runs,
)
from stochphys.course.studies.hot_nodes import hot_nodes
from stochphys.course.studies.noisy_images import on_images
from stochphys.course.studies.paper_numbers import passage
from stochphys.course.studies.paper_systems import SETTINGS, paper_system
from stochphys.course.studies.published_network import PublishedNetwork
from stochphys.course.studies.swag import SWAGNetwork
from stochphys.device import make_generator
from stochphys.inference import (
    BayesianRegression,
    BootstrapEnsemble,
    LaplaceNetwork,
    Samples,
    infer_langevin,
    nmse,
)
from stochphys.models.bases import Polynomial
from stochphys.simulators import simulate
from stochphys.systems import CarnotEngine, DoubleHump, InferredEngine, infer_engine
from stochphys.systems.engine_inference import CycleBasis, LinearForce
from stochphys.training import sweep

FOLDER = Path(__file__).resolve().parents[1] / "stochphys" / "course" / "results"
WELLS, DT = DoubleHump(), 0.01


class Study(NamedTuple):
    """What `sweep` is asked for: a function at the top of this file, settings and seeds."""

    function: Callable[..., dict[str, Any]]
    settings: list[dict[str, Any]]
    seeds: Iterable[int]


# Page 12: networks that say how sure they are, each on films of its own


def double_hump(seed: int) -> tuple[Samples, Tensor, Tensor, Generator]:
    """Labels of a film of 200 time units, 1000 places where the particle goes, and 100 beyond, 1.15 to 1.6
    times the range that it has visited."""
    generator = make_generator(seed)
    film = simulate(WELLS, 20, 10_000, DT / 10, generator=generator, every=10)
    inside = WELLS.sample_stationary(1000, generator=generator, dtype=torch.float64)
    x, dx = film.x[:, :-1].reshape(-1, 1).double(), film.x.diff(dim=1).reshape(-1, 1).double()
    D = infer_langevin(film, generator=generator, diffusion=BayesianRegression()).diffusion
    middle, half = (x.max() + x.min()) / 2, (x.max() - x.min()) / 2
    beyond = torch.linspace(1.15, 1.6, 50, dtype=torch.float64)[:, None] * half
    outside = torch.cat((middle - beyond, middle + beyond))
    return Samples(x, dx / DT, DT / (2 * D.mean(x)[:, 0])), inside, outside, generator


def judged(method: Any, seed: int) -> dict[str, Any]:
    """What a method learns from a film, and what its error bar is worth: how often ± 1.96 std holds the
    drift inside and outside, and how often it refuses to answer outside. The seed draws film and training."""
    samples, inside, outside, generator = double_hump(seed)
    begin = process_time()
    f = method.fit(samples, generator=generator)
    seconds = process_time() - begin
    std = [f.std(x) for x in (inside, outside)]
    away = [(f.mean(x) - WELLS.drift(x)).abs() for x in (inside, outside)]
    held = [(a < 1.96 * s).double().mean() for a, s in zip(away, std, strict=True)]
    return dict(
        nmse=nmse(f.mean(inside), WELLS.drift(inside)),
        inside=held[0],
        outside=held[1],
        refused=(~f.known(outside)).double().mean(),
        std=std[0].mean(),
        growth=std[1].mean() / std[0].mean(),
        cpu_seconds=seconds,
    )


# Steps after which twice as many change no more than the luck of a film: see "12_longer".
NETWORKS: dict[str, tuple[Any, dict[str, Any]]] = {
    "variational": (VariationalNetwork, dict(steps=4000)),
    "dropout": (DropoutNetwork, dict(steps=2000)),
    "SWAG": (SWAGNetwork, dict(steps=2000)),
    "ensemble": (BootstrapEnsemble, dict(bootstrap=False, steps=1500)),
    "bootstrap": (BootstrapEnsemble, dict(steps=1500)),
    "Laplace": (LaplaceNetwork, {}),
}


def network_on_film(
    method: str, *, seed: int, activation: str, line: bool, longer: int = 1, **options: Any
) -> dict[str, Any]:
    """One of `NETWORKS`, beside a straight line or not, trained as long as stated there or longer."""
    kind, usual = NETWORKS[method]
    usual = usual | options | dict(activation=activation, mean=Polynomial(1) if line else None)
    if longer > 1:
        usual["steps"] *= longer
    return judged(kind(**usual), seed)


def regression_on_film(*, seed: int) -> dict[str, Any]:
    return judged(BayesianRegression(), seed)


def published_on_film(*, seed: int, longer: int = 1, **repairs: Any) -> dict[str, Any]:
    """The published network, with some of its repairs or another ρ at the start."""
    return judged(PublishedNetwork(dt=DT, steps=5000 * longer, **repairs), seed)


BODIES = [dict(activation=a, line=line) for line in (False, True) for a in ("tanh", "elu")]
KINDS = [dict(method=name, **body) for name in NETWORKS if name != "ensemble" for body in BODIES]
ALONE = [
    dict(method="ensemble", activation="tanh", line=False),
    dict(method="Laplace", activation="bump", line=True),  # as it is by default beside a line
]
LONGER = [
    dict(method=name, **BODIES[0], longer=2)
    for name in ("variational", "dropout", "SWAG", "bootstrap")
]
BAYES = dict(live=True, variance=True, per_label=True)
REPAIRS: list[dict[str, Any]] = [
    {},
    dict(rho=-7.0),
    dict(rho=-3.0),
    dict(variance=True),
    dict(live=True),
    dict(live=True, variance=True),
    dict(live=True, per_label=True),
    BAYES,
    BAYES | dict(longer=4, lr=3e-3),
]


# Page 15: what the bands of an inferred engine are worth


def bands_of_engine(tau: float, scheme: str, *, seed: int) -> dict[str, Any]:
    """Of 5000 time units of (x, v) every 0.01, simulated in two steps per frame, or four by Euler's rule:
    where the truth lies, in std of the posterior, read in three ways: as frames show it, with what
    `infer_langevin` puts back to first order in dt, and with what `infer_engine` puts back to all.

    For each way the shares of 200 times of the cycle at which mean ± 2 std holds κ and T, their mean relative
    errors, γ, its std and whether it holds γ; for the last η, too, its 95 % interval, and whether that holds it.
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
        found[name] = row
    eta = exact.efficiency(200, generator=seed)
    low, high = eta.interval
    inside = bool(low <= engine.cycle().efficiency <= high)
    found["all orders"] |= dict(eta=eta.estimate, low=low, high=high, eta_inside=inside)
    return found


# Page 32: the hot nodes of the films of the page, and three sets that differ in temperature

HOT_SETS: list[dict[str, Any]] = [
    dict(hot=[1, 8], T_h=[10.0, 10.0]),
    dict(hot=[2, 3], T_h=[4.0, 10.0]),
    dict(hot=[0, 5, 7], T_h=[10.0, 3.0, 6.0]),
    dict(hot=[0, 2, 6, 8], T_h=[2.0, 4.0, 6.0, 10.0]),
]

ENGINES = [dict(tau=tau, scheme="baoab") for tau in (20.0, 50.0, 100.0)]


# Page 42: what resets gain on digits with wrong labels, at every noise rate and beside other remedies


def digits_with_resets(noise_rate: float, *, seed: int, **changed: Any) -> dict[str, Any]:
    """24 data seeds from this one on in one pass, each without resets and with p_reset = 0.03: test
    accuracies in per cent, `(2, 24)`, of the weights that early stopping keeps, and of the last ones."""
    found = study_digits(range(seed, seed + 24), noise_rate, P_RESET, generator=1, **changed)
    return {
        name: [[round(accuracy, 3) for accuracy in row] for row in values.T.tolist()]
        for name, values in (("kept", found.kept), ("last", found.last))
    }


P_RESET = (0.0, 0.03)
NOISE_RATES = (0.0, 0.2, 0.4, 0.6, 0.8)
REMEDIES: list[dict[str, Any]] = [  # another learning rate, or weights averaged on the way
    {},
    dict(lr=0.05),
    dict(ema=0.98, schedule="constant"),
]
DIGITS = [dict(noise_rate=rate, **how) for how in REMEDIES for rate in NOISE_RATES]
DIGITS += [
    dict(noise_rate=0.4, schedule="constant"),
    dict(noise_rate=0.4, ema=0.995, schedule="constant"),
]


# Page 44: a network on images with wrong labels, without and with resets


def pairs(*settings: dict[str, Any], p_reset: float = 0.03) -> list[dict[str, Any]]:
    """Each of them without resets and with."""
    return [s | dict(p_reset=p) for s in settings for p in (0.0, p_reset)]


RATE, IMAGES = dict(noise_rate=0.4), range(100, 112)

STUDIES = {
    "12_regression": Study(regression_on_film, [{}], range(5)),
    "12_published": Study(published_on_film, REPAIRS, range(5)),
    "12_networks": Study(network_on_film, KINDS + ALONE, range(5)),
    "12_longer": Study(network_on_film, LONGER, range(2)),
    "12_swag": Study(
        network_on_film,
        [dict(method="SWAG", activation="tanh", line=True, sgd_lr=lr) for lr in (0.01, 0.3)],
        range(5),
    ),
    "15_bands": Study(bands_of_engine, [*ENGINES, dict(tau=50.0, scheme="euler")], range(100, 130)),
    "17_systems": Study(paper_system, SETTINGS, range(3)),
    "17_passage": Study(passage, [dict(n_films=8)], range(20)),
    "32_hot_nodes": Study(hot_nodes, HOT_SETS, range(3210, 3212)),
    "42_digits": Study(digits_with_resets, DIGITS, [200]),
    "43_baselines": Study(baseline, BASELINES, [200]),  # 24 data seeds in one run
    "43_short_runs": Study(short_runs, SHORT_RUNS, [200]),
    "43_endings": Study(ending, ENDINGS, [200]),
    "44_noise": Study(
        on_images, pairs(*[dict(noise_rate=r) for r in (0.4, 0.6, 0.2, 0.8, 0.0)]), IMAGES
    ),
    "44_p_reset": Study(
        on_images, [RATE | dict(p_reset=p) for p in (0.003, 0.01, 0.1, 0.3)], IMAGES[:6]
    ),
    "44_baselines": Study(
        on_images,
        [
            *pairs(RATE | dict(method="EMA"), RATE | dict(method="lower rate")),
            RATE | dict(p_reset=0.0, method="short run"),
        ],
        IMAGES[:6],
    ),
    "44_losses": Study(
        on_images, pairs(*[RATE | dict(method=m) for m in ("GCE", "SCE", "ELR")]), IMAGES[:6]
    ),
    "44_batches": Study(
        on_images, pairs(*[RATE | dict(batch_size=b) for b in (8, 128)]), IMAGES[:6]
    ),
    "44_layers": Study(
        on_images,
        [RATE | dict(p_reset=0.03, layers=[part]) for part in ("classifier", "features")],
        IMAGES[:6],
    ),
    "44_lookalikes": Study(on_images, pairs(RATE | dict(lookalikes=True)), IMAGES[:6]),
    "44_adam": Study(on_images, pairs(RATE | dict(method="Adam")), IMAGES[:6]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="+", choices=STUDIES, help=f"of {', '.join(STUDIES)}")
    for name in parser.parse_args().name:
        rows = sweep(*STUDIES[name], results=FOLDER / f"{name}.jsonl")
        print(f"{name}: {len(rows)} runs, {sum(row['seconds'] for row in rows):.0f} s")


if __name__ == "__main__":
    main()
