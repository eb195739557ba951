r"""Bayesian networks on three equations of one coordinate: error, bands inside and beyond the data, cost.

Two humps, $\Phi = -2x + 10x\,e^{-x^2/2}$; a double well whose drift does not go on straight,
$x - x^3$; one that saturates, $-2\tanh 2x$. In all of them D depends on the place. 20 paths of 1000 frames;
beside networks three regressions: told the true features; told the shape, but not where it is, how wide
and how high (the tangent space of these numbers at the truth, the bound of Cramér and Rao); and the
default. One more shows what is possible: the Gaussian process whose kernel, length and amplitude the truth
has chosen, anew for each film.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from math import nan
from pathlib import Path
from statistics import fmean
from time import process_time
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, vmap

from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import (
    BayesianRegression,
    Langevin,
    LaplaceNetwork,
    Samples,
    infer_langevin,
    nmse,
)
from stochphys.inference.laplace import in_cells
from stochphys.models import LogVariance, Normal, Polynomial
from stochphys.simulators import System, simulate

from .. import print_table
from .runs import ended

DT, INNER, N_PATHS, N_FRAMES = 0.01, 10, 20, 1000
FIRST, SEEDS = 7100, 10
GRID = torch.linspace(-8, 8, 20_001, dtype=torch.float64)


@dataclass(frozen=True, eq=False)
class OneCoordinate(System):
    """Drift and D of one coordinate, and the functions that the drift is a sum of."""

    phi: Callable[[Tensor], Tensor]
    D: Callable[[Tensor], Tensor]
    features: Callable[[Tensor], Tensor]
    dim = 1

    def drift(self, x: Tensor, t: float = 0.0) -> Tensor:
        return self.phi(x)

    def noise_amplitude(self, x: Tensor, t: float) -> Tensor:
        return (2 * self.D(x)).sqrt()

    def log_D(self, x: Tensor) -> Tensor:
        return self.D(x).log()

    def sample_stationary(self, n: int, *, generator: torch.Generator) -> Tensor:
        """`(n, 1)` of $p \\propto e^{\\int\\Phi/D}/D$, by its distribution function on a grid."""
        slope = self.phi(GRID) / self.D(GRID)
        potential = torch.cumulative_trapezoid(slope, GRID)
        p = (potential - potential.max()).exp() / self.D(GRID[1:])
        below = p.cumsum(0) / p.sum()
        uniform = torch.rand(n, generator=generator, dtype=torch.float64)
        return GRID[1:][torch.searchsorted(below, uniform).clamp(max=len(p) - 1)][:, None]


def bump(x: Tensor) -> Tensor:
    return torch.exp(-x.square() / 2)


SYSTEMS = {
    "two humps": OneCoordinate(
        lambda x: -2 * x + 10 * x * bump(x),
        lambda x: 1 + 2 * bump(x),
        lambda x: torch.cat((x, x * bump(x)), dim=-1),
    ),
    "cubic": OneCoordinate(
        lambda x: x - x**3,
        lambda x: 0.5 + 0.25 * x**2 / (1 + x**2),
        lambda x: torch.cat((x, x**3), dim=-1),
    ),
    "saturates": OneCoordinate(
        lambda x: -2 * torch.tanh(2 * x),
        lambda x: 1 + torch.tanh(x) / 2,
        lambda x: torch.tanh(2 * x),
    ),
}


def told(
    system: OneCoordinate, f: Callable[[Tensor], Tensor], shape: bool
) -> Callable[[Tensor], Tensor]:
    """The features of f, Φ or ln D, or with its `shape` alone also what a constant, a shift and a stretch
    add."""
    own = (
        system.features
        if f == system.drift
        else lambda x: torch.cat((torch.ones_like(x), f(x)), dim=-1)
    )

    def features(x: Tensor) -> Tensor:
        if not shape:
            return own(x)
        slope = vmap(grad(lambda z: f(z[None])[0]))(x.flatten()).view_as(x)
        constant = [torch.ones_like(x)] if f == system.drift else []
        return torch.cat((own(x), slope, x * slope, *constant), dim=-1)

    return features


def method(name: str, system: OneCoordinate, f: Callable[[Tensor], Tensor]) -> Any:
    """Of the drift, or of ln D."""
    means = dict(line=Polynomial(1), right=told(system, f, shape=False))
    if name == "right basis":
        return BayesianRegression(told(system, f, shape=False))
    if name == "right shape":
        return BayesianRegression(told(system, f, shape=True))
    if name == "BayesianRegression()":
        return BayesianRegression()
    return LaplaceNetwork(mean=means.get(name.removeprefix("network, mean: ")))


METHODS = (
    "right basis",
    "right shape",
    "BayesianRegression()",
    "network",
    "network, mean: line",
    "network, mean: right",
)


def film(system: OneCoordinate, seed: int) -> tuple[Trajectories, Tensor, torch.Generator]:
    """Paths, 4000 stationary states at which fields are judged, and the generator that made them."""
    g = make_generator(seed)
    options: Any = dict(generator=g, every=INNER, dtype=torch.float64)
    start = system.sample_stationary(N_PATHS, generator=g)
    paths = simulate(system, N_PATHS, N_FRAMES * INNER, DT / INNER, start=start, **options)
    return paths, system.sample_stationary(4000, generator=g), g


def beyond(x: Tensor) -> Tensor:
    """States from 1.15 to 1.6 times the range of the data."""
    low, high = x.min(), x.max()
    away = torch.linspace(1.15, 1.6, 50, dtype=torch.float64) * (high - low) / 2
    return ((low + high) / 2 + torch.cat((-away, away)))[:, None]


def judged(
    moments: Callable[[Tensor], tuple[Tensor, Tensor]],
    f: Callable[[Tensor], Tensor],
    inside: Tensor,
    outside: Tensor,
    positive: bool,
) -> dict[str, float]:
    """From mean and std of f at any states: error, of D and not of its logarithm, share of the values
    within 1.96 std, how much the std grows."""
    (mean, std), (far, wide) = moments(inside), moments(outside)
    truth = f(inside)
    pair = (mean.exp(), truth.exp()) if positive else (mean, truth)
    return dict(
        nmse=nmse(*pair),
        inside=((mean - truth).abs() < 1.96 * std).double().mean().item(),
        outside=((far - f(outside)).abs() < 1.96 * wide).double().mean().item(),
        grows=(wide.mean() / std.mean()).item(),
        least=(wide.amin() / std.mean()).item(),
    )


def fields(*, system: str, name: str, seed: int) -> dict[str, dict[str, float]]:
    """Drift and D by one method, from `infer_langevin`."""
    process = SYSTEMS[system]
    data, inside, g = film(process, seed)
    outside = beyond(data.x)
    drift, diffusion = (method(name, process, f) for f in (process.drift, process.log_D))
    begin = process_time()
    result = infer_langevin(data, drift=drift, diffusion=diffusion, generator=g)
    seconds = process_time() - begin
    logarithm, left = result.diffusion.logarithm, result.diffusion.left  # type: ignore[attr-defined]

    def of_drift(x: Tensor) -> tuple[Tensor, Tensor]:
        return result.drift.mean(x), result.drift.std(x)

    def of_log_D(x: Tensor) -> tuple[Tensor, Tensor]:
        return logarithm.mean(x), (logarithm.std(x).square() + left**2).sqrt()

    found = dict(
        drift=judged(of_drift, process.drift, inside, outside, positive=False),
        D=judged(of_log_D, process.log_D, inside, outside, positive=True),
    )
    for key, posterior in (("drift", result.drift), ("D", result.diffusion)):
        found[key]["refused"] = 1 - posterior.known(outside).double().mean().item()
        found[key]["refused inside"] = 1 - posterior.known(inside).double().mean().item()
        found[key]["seconds"] = seconds
    return found


# What is possible


def labels(result: Langevin) -> tuple[Samples, Samples]:
    """Means over cells of what the increments say of the drift and of D, read by a first result."""
    data = result.increments
    x, y = data.x.flatten(0, 1), data.y.flatten(0, 1)
    weight = data.dt / (2 * result.diffusion.mean(x)[:, 0])
    squares = data.squares(result.drift.mean(x).view_as(data.y)).flatten(0, 1)[:, 0]
    return in_cells(Samples(x, y, weight)), in_cells(Samples(x, squares, torch.ones_like(y)))


def few(samples: Samples, n: int = 128) -> Samples:
    """Means over so many cells that follow each other."""
    order = samples.x[:, 0].argsort()
    w, y, x = (t[order].view(n, -1) for t in (samples.weight, samples.y, samples.x))
    total = w.sum(1, keepdim=True)
    return Samples(
        (w * x).sum(1, keepdim=True) / total, (w * y).sum(1, keepdim=True) / total, total
    )


KERNELS: dict[str, Callable[[Tensor], Tensor]] = {
    "Gauss": lambda r: torch.exp(-r.square() / 2),
    "Matérn 5/2": lambda r: (1 + 5**0.5 * r + 5 * r.square() / 3) * torch.exp(-(5**0.5) * r),
    "Matérn 3/2": lambda r: (1 + 3**0.5 * r) * torch.exp(-(3**0.5) * r),
}


def process(*, system: str, seed: int) -> dict[str, dict[str, float]]:
    """The Gaussian process of least error, among kernels, lengths, amplitudes, with a line or without."""
    own = SYSTEMS[system]
    data, inside, _ = film(own, seed)
    given = method("right basis", own, own.drift), method("right basis", own, own.log_D)
    both = labels(infer_langevin(data, drift=given[0], diffusion=given[1]))
    found = {}
    for key, f, samples, likelihood in (
        ("drift", own.drift, few(both[0]), Normal()),
        ("D", own.log_D, few(both[1]), LogVariance()),
    ):
        truth = f(samples.x)  # about which the logarithm of a variance has a working label
        z, noise = (
            likelihood.working_label(truth, samples.y),
            1 / likelihood.curvature(samples.weight),
        )
        size, least = z.var().sqrt(), 1e9
        for kernel, line, length, height in product(
            KERNELS.values(),
            (False, True),
            torch.logspace(-0.7, 0.8, 9),
            torch.logspace(-1, 1.5, 6),
        ):

            def covariance(a: Tensor, b: Tensor) -> Tensor:
                K = (height * size).square() * kernel((a - b.T).abs() / length)  # noqa: B023
                return K + 1e4 * size**2 * (1 + line * a * b.T)  # noqa: B023

            K = covariance(samples.x, samples.x) + noise[:, 0].diag()
            mean = covariance(inside, samples.x) @ torch.linalg.solve(K, z)
            pair = (mean.exp(), f(inside).exp()) if key == "D" else (mean, f(inside))
            least = min(least, nmse(*pair))
        found[key] = dict(nmse=least)
    return found


def study(results: Path, seeds: Sequence[int] | None, *, tiny: bool, retry: bool) -> None:
    given = list(seeds or range(FIRST, FIRST + (1 if tiny else SEEDS)))
    systems = list(SYSTEMS)[:1] if tiny else SYSTEMS
    names = (METHODS[0], METHODS[3]) if tiny else METHODS
    each = [dict(system=system, name=name) for system in systems for name in names]
    rows = ended(fields, each, given, results, retry)
    if not tiny:
        alone = [dict(system=system) for system in systems]
        rows += ended(process, alone, given[:5], results, retry)
    print_fields(rows)


def print_fields(rows: list[dict[str, Any]]) -> None:
    """Of drift and D: means over the films, the error over that of the right basis."""
    found: dict[tuple[str, str, str], list[dict[str, float]]] = {}
    for row in rows:
        setting = row["setting"]
        name = setting.get("name", "Gaussian process of least error")
        for field, numbers in row["result"].items():
            found.setdefault((field, setting["system"], name), []).append(numbers)
    for field in ("drift", "D"):
        lines = []
        for (of, system, name), numbers in found.items():
            if of != field:
                continue

            def mean(key: str) -> float:
                return fmean(n.get(key, nan) for n in numbers)  # noqa: B023

            least = [n["nmse"] for n in found[field, system, METHODS[0]]][: len(numbers)]
            ratio = mean("nmse") / fmean(least)
            shares = [f"{mean(key):.0%}" for key in ("inside", "outside", "refused")]
            columns = (*shares, f"{mean('grows'):.1f}", f"{mean('seconds'):.2g}")
            lines.append((system, name, f"{mean('nmse'):.4f}", f"{ratio:.2f}", *columns))
        heads = ("system", "method", "NMSE", "over right basis", "inside", "outside", "refused", "grows", "CPU-s")  # fmt: skip
        print_table(
            (field, *heads[1:]), sorted(lines, key=lambda line: list(SYSTEMS).index(line[0]))
        )
