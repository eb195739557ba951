"""Numbers of 64 bits: kept by files, taken by every estimator, and of use far from zero.

Data a million widths away from the origin are the same data. Float32 would leave a tenth of a width
between two numbers there, and nothing of a step. A new estimator is one more line in `ESTIMATORS`.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from stochphys.course.studies.doubtful_networks import DropoutNetwork, VariationalNetwork
from stochphys.course.studies.pca import pca
from stochphys.data import Jumps, Trajectories
from stochphys.device import make_generator
from stochphys.inference import (
    BayesianRegression,
    BootstrapEnsemble,
    LaplaceNetwork,
    entropy_production_rate,
    finite_time_tur,
    gaussian_plugin,
    heat_rate,
    infer_entropy_production,
    infer_langevin,
    knn_plugin,
    mean_first_passage_time,
    predict_paths,
    short_time_tur,
)
from stochphys.models import CNEEP, BilinearCNEEP
from stochphys.models.bases import RBF, Polynomial
from stochphys.movie import Movie
from stochphys.simulators import simulate, simulate_jumps
from stochphys.systems import (
    BeadSpring,
    CarnotEngine,
    OddRing,
    UnderdampedBeadSpring,
    bead_camera,
    infer_engine,
)

FAR = 2.0**20  # widths; a power of two, so that moving there rounds no digit that float64 has not
DT = 0.01
QUICK = dict(members=2, steps=30, progress=False, device="cpu")
SMALL = dict(steps=30, width=6)


def double(data: Trajectories) -> Trajectories:
    return data.map(Tensor.double)


def trap(n_beads: int = 2) -> Trajectories:
    return double(simulate(BeadSpring(n_beads=n_beads), 40, 100, DT, generator=make_generator(0)))


def inertia() -> Trajectories:
    return double(simulate(UnderdampedBeadSpring(), 40, 100, DT, generator=make_generator(0)))


def positions() -> Trajectories:
    data = simulate(
        UnderdampedBeadSpring(), 40, 100, DT, generator=make_generator(0), dtype=torch.float64
    )
    return Trajectories(data.position, DT)


def movie() -> Movie:
    paths = simulate(BeadSpring(), 12, 40, DT, generator=make_generator(0))
    return Movie.of(bead_camera(BeadSpring())(paths.x).double(), DT)


def moved(data: Trajectories | Movie, by: float) -> Trajectories | Movie:
    """All positions, or all pixels, `by` widths further up."""
    if isinstance(data, Movie):
        assert isinstance(data.reel, Tensor)
        return Movie(data.reel + by * data.reel.std(), data.dt, data.x)
    shift = by * 2.0 ** data.position.std().log2().round()
    if data.underdamped:  # an offset of the velocity would be another movement
        return data.map(lambda x: x + shift * (torch.arange(x.shape[2]) < x.shape[2] // 2))
    return data.map(lambda x: x + shift)


def network(data, **options) -> list[float]:
    found = infer_entropy_production(data, generator=make_generator(1), **QUICK | options)
    again = found.per_step(found.held_out)
    rates = found.member_rates  # there are numbers where no rate is given
    spread = again.double().std().item()
    return [rates.mean().item(), rates.std().item(), found.bound, found.in_sample, spread]


def convolutional(kind) -> Callable[[Movie], list[float]]:
    """Five steps: from ten on the training itself makes, on some processors, a thousandth of rounding."""
    return lambda data: network(
        data,
        network=lambda: kind(data.shape, generator=make_generator(2)).standardise(data),
        steps=5,
    )


def current(found) -> list[float]:
    return [found.rate, found.std, found.in_sample, found.per_step().double().std().item()]


def langevin(data, drift, **options):
    return infer_langevin(data, generator=make_generator(1), drift=drift, **options)


def fields(method, **options) -> Callable[[Trajectories], list[float]]:
    def estimate(data: Trajectories) -> list[float]:
        found = langevin(data, method, **options)
        at = found.states[::50]
        values = (found.drift.mean(at), found.drift.std(at), found.diffusion.mean(at))
        return [found.information, found.effective_parameters] + [
            moment.item() for v in values for moment in (v.mean(), v.std())
        ]

    return estimate


def predictions(data: Trajectories) -> list[float]:
    found = langevin(data, BayesianRegression(Polynomial(1)))
    a, b = make_generator(2), make_generator(3)
    rate = entropy_production_rate(found, data, generator=a, draws=10)
    heat = heat_rate(found, data, 1.0, generator=b, draws=10)
    return [*pair(rate), *(number for part in heat for number in pair(part))]


def passages(data: Trajectories) -> list[float]:
    one = data.map(lambda x: x[..., :1])
    start = one.x.mean().item()
    found = langevin(one, BayesianRegression(Polynomial(1)))
    half = one.x.std().item() / 2
    time = mean_first_passage_time(
        found, start, start + half, generator=make_generator(2), draws=20
    )
    return [time.estimate, time.std]


def paths(data: Trajectories) -> list[float]:
    found, start = langevin(data, BayesianRegression(Polynomial(1))), data.x.mean((0, 1))
    drawn = predict_paths(found, 5, 20, DT, generator=make_generator(2), start=start)
    away = drawn.trajectories.x - start
    return [away.std().item(), away[:, -1].mean().item(), drawn.limit]


def pair(estimate) -> list[float]:
    return [estimate.rate, estimate.std] if hasattr(estimate, "rate") else list(estimate)


ESTIMATORS: dict[str, tuple[Callable, Callable]] = {  # the data, and numbers inferred from them
    "NEEP": (trap, network),
    "AreaNEEP": (lambda: trap(6), network),
    "UnderdampedNEEP": (inertia, network),
    "FlowNEEP": (movie, network),
    "CNEEP": (movie, convolutional(CNEEP)),
    "BilinearCNEEP": (movie, convolutional(BilinearCNEEP)),
    "short-time TUR": (trap, lambda data: current(short_time_tur(data, generator=0))),
    "short-time TUR, bumps": (
        trap,
        lambda data: current(short_time_tur(data, generator=0, basis=RBF(4))),
    ),
    "finite-time TUR": (
        trap,
        lambda data: pair(finite_time_tur(gaussian_plugin(data).per_step(), DT)),
    ),
    "Gaussian plug-in": (trap, lambda data: current(gaussian_plugin(data))),
    "neighbours": (trap, lambda data: pair(knn_plugin(data, generator=0, n_pairs=500))),
    "principal components": (movie, lambda data: [pca(data, 3).x.abs().mean().item()]),
    "bumps": (trap, fields(BayesianRegression(RBF(6)))),
    "polynomials": (trap, fields(BayesianRegression(Polynomial(3)))),
    "a field of D": (
        trap,
        fields(BayesianRegression(RBF(6)), diffusion=BayesianRegression(Polynomial(2))),
    ),
    "midpoints": (trap, fields(BayesianRegression(RBF(6)), rule="midpoint")),
    "velocities": (inertia, fields(BayesianRegression(RBF(6)))),
    "secants": (positions, fields(BayesianRegression(Polynomial(1)), underdamped=True)),
    "Laplace": (trap, fields(LaplaceNetwork(**SMALL))),
    "bootstrap": (trap, fields(BootstrapEnsemble(**SMALL, members=2))),
    "variational": (trap, fields(VariationalNetwork(**SMALL, draws=5))),
    "dropout": (trap, fields(DropoutNetwork(**SMALL, draws=5))),
    "entropy and heat": (trap, predictions),
    "first passages": (trap, passages),
    "predicted paths": (trap, paths),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_million_widths_away_every_estimate_is_the_same(name: str) -> None:
    """Not to the last bit: inputs of networks are rounded to float32, by 6e-8, and training may make
    a hundred times that of it; positions to 2⁻³³ of a width, float64 at 2²⁰ widths."""
    make, estimate = ESTIMATORS[name]
    data = make()
    here, there = estimate(data), estimate(moved(data, FAR))
    scale = max(map(abs, here))
    assert there == pytest.approx(here, rel=1e-4, abs=1e-4 * scale)


@pytest.mark.slow
def test_waiting_times_of_64_bits() -> None:
    ring = OddRing()
    jumps = simulate_jumps(ring, 40, 100, generator=make_generator(0))
    assert jumps.waiting is not None
    fine = Jumps(jumps.x, jumps.n_states, jumps.waiting.double())
    assert network(fine, reversal=ring.reversal) == pytest.approx(
        network(jumps, reversal=ring.reversal), rel=1e-4
    )


def test_an_engine_is_inferred_from_64_bits() -> None:
    engine = CarnotEngine(2.0)
    paths = simulate(engine, 40, 200, engine.tau / 100, generator=make_generator(0))
    once, twice = (infer_engine(data, engine.tau) for data in (paths, double(paths)))
    at = once.drift.mean(torch.tensor([[0.5, 0.5, 0.1]]))
    torch.testing.assert_close(twice.drift.mean(torch.tensor([[0.5, 0.5, 0.1]])), at)


def test_results_of_64_bits_are_compared_with_the_exact_answer() -> None:
    data = trap()
    for found in (gaussian_plugin(data), short_time_tur(data, generator=0)):
        assert found.per_step().dtype == torch.float64
        assert found.compare(BeadSpring()).r_squared > 0.5


# ----------------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        ("f8", "f8"),
        ("f4", "f4"),
        (">f8", "f8"),
        ("f2", "f4"),
        ("u1", "f4"),
        ("i2", "f4"),
        ("i8", "f8"),
    ],
)
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_files_keep_the_digits_that_they_have(
    tmp_path: Path, ending: str, kind: str, kept: str
) -> None:
    x = np.arange(24)[::-1].reshape(2, 4, 3).astype(kind)
    save = np.save if ending == "npy" else lambda path, x: np.savez(path, x=x)
    save(tmp_path / f"a.{ending}", x)
    loaded = Trajectories.load(tmp_path / f"a.{ending}", 0.1).x
    assert loaded.numpy().dtype == np.dtype(kept) and np.array_equal(loaded.numpy(), x)


def test_a_table_has_64_bits(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("t,x\n0,2000000.123456\n1,2000000.123457\n")
    step = Trajectories.load(tmp_path / "a.csv").x.diff(dim=1).item()
    assert step == pytest.approx(1e-6, rel=1e-3)
