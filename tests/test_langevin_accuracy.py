"""How accurate, and how honest about it: drift and diffusion of the systems of the course.

NMSE and coverage of 95 % intervals on paths that were not seen, means of several seeds, bands no
wider than 2.5 times those of a regression that is told the true features.
"""

import pytest
import torch

from stochphys.device import make_generator
from stochphys.inference.comparison import coverage, nmse
from stochphys.inference.growing import LaplaceNetwork
from stochphys.inference.langevin import infer_langevin
from stochphys.inference.regression import BayesianRegression
from stochphys.models.bases import RBF, Polynomial
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring, NonlinearForce
from tests.chance import K

pytestmark = pytest.mark.slow
SEEDS = 5


def true_basis(x):
    """x and x e^{-x²/2} of each coordinate: the nonlinear force is linear in them."""
    return torch.cat((x, x * torch.exp(-x.square() / 2)), dim=-1)


@pytest.fixture(scope="module")
def paths():
    """Five paths to learn from and five to judge by, 10⁴ frames each, ten inner steps per frame."""
    options = dict(generator=make_generator(0), every=10, start=torch.zeros(2))
    both = simulate(NonlinearForce(), 2 * SEEDS, 100_000, 1e-3, **options)
    pieces = [both.map(lambda x, i=i: x[i : i + 1]) for i in range(2 * SEEDS)]
    return list(zip(pieces[:SEEDS], pieces[SEEDS:], strict=True))


def judge(method, paths):
    """NMSE, coverage and mean std of the drift, each the mean over the seeds."""
    rows = []
    for seed, (data, fresh) in enumerate(paths):
        found = infer_langevin(data, generator=make_generator(seed), drift=method)
        x = fresh.x[0, ::5].double()
        exact = NonlinearForce().drift(x)
        rows.append(
            (
                nmse(found.drift.mean(x), exact),
                coverage(found.drift, x, exact),
                found.drift.std(x).mean().item(),
            )
        )
    return torch.tensor(rows).mean(0).tolist()


@pytest.mark.parametrize(
    "method", [BayesianRegression(RBF(40)), LaplaceNetwork()], ids=["BLR", "Laplace"]
)
def test_nonlinear_drift_from_ten_thousand_frames(method, paths):
    """d = 2, T = 5: NMSE ≤ 0.08, coverage ≥ 0.90, bands at most 2.5 times those of the true basis.

    The regression on the true features has 8 numbers to find and 272 nats to find them in, 0.0147 of
    NMSE; with three standard errors, √(2/8)/√5 of it each, and 0.003 of dt that is 0.027.
    """
    least, _, width = judge(BayesianRegression(true_basis), paths)
    assert least < 0.027
    error, held, std = judge(method, paths)
    assert error <= 0.08
    assert held >= 0.90
    assert std <= 2.5 * width


def test_nonlinear_drift_in_four_coordinates():
    """Means of six films. Over 27 the NMSE was 0.041 ± 0.009 (of one film) and the coverage of 95 %
    intervals 0.90 ± 0.05: K standard errors of the mean over six are allowed."""
    system, rows = NonlinearForce(dim=4), []
    options = dict(generator=make_generator(7), every=10, start=torch.zeros(4), burn_in=2000)
    both = simulate(system, 12, 100_000, 1e-3, **options)
    for seed in range(6):
        data = both.map(lambda x, i=seed: x[i : i + 1])
        method = BayesianRegression(RBF(32))
        found = infer_langevin(data, generator=make_generator(seed), drift=method)
        found = found.compare(system, both.x[6 + seed, ::5].double())
        rows.append((found.drift_nmse, found.drift_coverage))
    error, held = torch.tensor(rows).mean(0).tolist()
    assert error <= 0.06
    assert held >= 0.90 - K * 0.05 / 6**0.5


@pytest.mark.parametrize(
    ("n_beads", "films", "off", "missed"), [(2, 20, 0.74, 0.084), (8, 5, 0.29, 0.024)]
)
def test_drift_of_chains_is_as_good_as_their_information_says(n_beads, films, off, missed):
    """Bead chains, linear basis: mean NMSE p/(2 I_F), and mean coverage of the 95 % intervals 0.94.

    p/(2 I_F) is in units of D. The plain NMSE of a chain, whose coordinates have p/d numbers each, is
    ΣD/Σ⟨Φ²⟩ · Σ(⟨Φ²⟩/D)/d times that: 1.5 times for two beads at T = 1 and 10, 1.03 times for
    eight. Over 40 films the NMSE scattered by `off` of its mean and the coverage by `missed`: K
    standard errors of the mean are allowed.
    """
    chain, rows = BeadSpring(n_beads=n_beads), []
    A = chain.drift(torch.eye(n_beads), 0.0).T.double()
    D, size = chain.temperatures.double(), (A @ chain.stationary_covariance() @ A.T).diagonal()
    uneven = D.sum() / size.sum() * (size / D).mean()
    for seed in range(films):
        g = make_generator(seed)
        data, fresh = (simulate(chain, 1, 10_000, 0.01, generator=g) for _ in range(2))
        found = infer_langevin(data, generator=g, drift=BayesianRegression(Polynomial(1)))
        judged = found.compare(chain, fresh.x[0, ::5].double())
        rows.append((judged.drift_nmse, judged.drift_coverage, found.predicted_nmse))
    error, held, expected = torch.tensor(rows).mean(0).tolist()
    assert abs(error / (uneven * expected) - 1) < K * off / films**0.5
    assert held > 0.94 - K * missed / films**0.5
