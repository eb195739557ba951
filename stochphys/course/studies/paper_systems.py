r"""The systems of the paper on Bayesian networks, arXiv 2402.01338, each inferred by network and regression.

A `Case` is one of them with the constants of its authors, seen as they see it: frames every 0.01, ten
Euler steps between two, positions alone where there is inertia. `paper_system` infers it from such a
film, and judges drift, D, their error bars, and one number that follows from the equation.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import process_time
from typing import Any

import torch
from torch import Tensor

from ...brief import Brief
from ...data import Trajectories
from ...device import make_generator
from ...inference import (
    BayesianRegression,
    Langevin,
    LaplaceNetwork,
    Posterior,
    Samples,
    infer_langevin,
)
from ...inference.comparison import field_errors, nmse
from ...inference.wraps import OnCircle
from ...models import Polynomial
from ...simulators import System, simulate
from ...simulators.langevin import noise_matrix
from ...systems import (
    BeadSpring,
    CarnotEngine,
    HodgkinHuxley,
    InhomogeneousDiffusion,
    LinearForce,
    NonlinearForce,
    ThermalMotor,
    VanDerPol,
)
from ...systems.engine_inference import CycleBasis
from .learned_neuron import InferredNeuron, infer_neuron
from .paper_numbers import AT, FOLLOWED, cycles, engine_of

DT, EVERY = 0.01, 10  # between frames, and how many steps of Euler's that is
TAU = 50.0  # period of the engine; the authors' is that of a path, 100
METHODS: dict[str, Any] = {
    "network": LaplaceNetwork(),
    "network, line": LaplaceNetwork(mean=Polynomial(1)),
    "regression": BayesianRegression(),
}


@dataclass(frozen=True)
class Case(Brief):
    """One system of the paper.

    Attributes:
        system: with the constants of the authors.
        title: for figures.
        drift, diffusion: features of the true drift and of ln D, for who knows them; without features of
            ln D, D is one constant matrix.
        paths, frames: of a film; the authors' are 1 and 10 000.
        burn_in: steps before the film begins, from the origin, or from rest.
        options: of `infer_langevin`.
        infer: what infers the equation from a film.
    """

    system: System
    title: str
    drift: Any = None
    diffusion: Any = None
    paths: int = 1
    frames: int = 10_000
    burn_in: int = 2000
    options: dict[str, Any] = field(default_factory=dict)
    infer: Callable[..., Langevin] = infer_langevin

    def film(
        self, paths: int, generator: torch.Generator, frames: int | None = None
    ) -> Trajectories:
        """What was simulated, velocities included; of so many frames, if they are given."""
        how: dict[str, Any] = dict(every=EVERY, dtype=torch.float64, generator=generator)
        if not isinstance(self.system, CarnotEngine):  # which begins in its periodic state
            origin = torch.zeros(self.system.dim, dtype=torch.float64)
            start = getattr(self.system, "resting_state", lambda: origin)()
            how |= dict(start=start, burn_in=self.burn_in)
        steps = (frames or self.frames) * EVERY
        return simulate(self.system, paths, steps, DT / EVERY, **how)

    def fresh(self, generator: torch.Generator) -> Trajectories:
        """A film to judge by, as long as one of the authors' in all, of many short paths; of whole periods."""
        whole = self.options.get("time", False)
        return self.film(2, generator) if whole else self.film(20, generator, frames=500)

    def states(self, film: Trajectories) -> Tensor:
        """Some 2000 of the states of a film, as drift and D take them, `(n, dim_in)`."""
        x = film.x
        if self.options.get("time"):
            x = torch.cat((x, film.times.to(x)[None, :, None].expand(len(x), -1, 1)), dim=-1)
        x = x.flatten(0, 1)
        return x[:: 1 + len(x) // 2000]

    def learn(self, film: Trajectories, method: str, generator: torch.Generator) -> Langevin:
        """The equation by one of the `METHODS`, or "right basis", regression on the true features."""
        seen = Trajectories(film.position, film.dt) if film.underdamped else film
        drift = noise = METHODS.get(method)
        if method == "right basis":
            drift, noise = BayesianRegression(self.drift), BayesianRegression(self.diffusion)
        elif self.options.get("time"):
            noise = OfTime(noise)
        how: dict[str, Any] = self.options | dict(drift=drift, generator=generator)
        if self.diffusion is not None:
            how["diffusion"] = noise
        return self.infer(seen, **how)


@dataclass(frozen=True)
class OfTime(Brief):
    """A method told that what it looks for is a function of the last input, the time, alone: the heat of
    a bath does not ask where a particle is."""

    method: Any

    def fit(self, samples: Samples, likelihood: Any, *, generator: Any) -> Posterior:
        alone = replace(samples, x=samples.x[:, -1:])
        found = self.method.fit(alone, likelihood, generator=generator)
        return OnCircle(found, lambda x: x[..., -1:])


def bumps(x: Tensor) -> Tensor:
    """x and $x e^{-x^2/2}$ of each coordinate: what `NonlinearForce` and `InhomogeneousDiffusion` need."""
    return torch.cat((x, x * torch.exp(-x.square() / 2)), dim=-1)


def log_humps(x: Tensor) -> Tensor:
    """ln D of `InhomogeneousDiffusion`, but for a constant."""
    return torch.cat((torch.ones_like(x[..., :1]), (1 + 2 * torch.exp(-x.square() / 2)).log()), -1)


def log_uneven(x: Tensor) -> Tensor:
    """ln D of the uneven oscillator at (x, v), but for a constant."""
    D = 1 + 0.3 * x[..., :1].square() + 0.1 * x[..., 1:].square()
    return torch.cat((torch.ones_like(D), D.log()), dim=-1)


def teeth(circle: Tensor) -> Tensor:
    """The motor's force where (cos, sin) of the place is given, but for a constant."""
    return circle[..., 1:].sign()


def log_warmth(circle: Tensor) -> Tensor:
    """ln D of the motor, but for a constant."""
    T = 2 + circle[..., 1:]
    return torch.cat((torch.ones_like(T), T.log()), dim=-1)


INERTIA: dict[str, Any] = dict(underdamped=True)
CASES: dict[str, Case] = {
    **{
        f"force_{d}": Case(NonlinearForce(dim=d), f"nonlinear force, d = {d}", bumps)
        for d in (2, 4, 8)
    },
    "inhomogeneous": Case(InhomogeneousDiffusion(), "inhomogeneous D", bumps, log_humps),
    "oscillator": Case(VanDerPol(), "van der Pol", Polynomial(3), burn_in=10_000, options=INERTIA),
    "oscillator_uneven": Case(
        VanDerPol(a=0.3, b=0.1),
        "van der Pol, D(x, v)",
        Polynomial(3),
        log_uneven,
        burn_in=10_000,
        options=INERTIA,
    ),
    "neuron": Case(
        HodgkinHuxley(), "Hodgkin–Huxley", paths=50, frames=2000, burn_in=10_000, infer=infer_neuron
    ),
    "engine": Case(
        CarnotEngine(TAU),
        "Carnot engine",
        LinearForce(TAU),
        CycleBasis(TAU, degree=3),
        paths=100,
        frames=round(TAU / DT),
        options=INERTIA | dict(time=True),
    ),
    "chain": Case(BeadSpring(k=2.0, n_beads=4), "bead–spring chain", Polynomial(1)),
    "motor": Case(
        ThermalMotor(), "Büttiker–Landauer motor", teeth, log_warmth, options=dict(period=5.0)
    ),
}
# Of the study of page 17.
SETTINGS: list[dict[str, Any]] = [
    dict(system=k, method=m)
    for m in METHODS
    for k in CASES
    if m != "network, line"
    or k not in ("neuron", "engine", "motor")  # which go nowhere straight on
]
SETTINGS += [dict(system=k, method="right basis") for k, case in CASES.items() if case.drift]


def beyond(x: Tensor, dims: int, generator: torch.Generator) -> Tensor:
    """For each state `x (n, dim_in)` one outside, in its direction from the middle: 1.15 to 1.6 times as far
    as any was seen, where far is in units in which the first `dims` entries have covariance 1."""
    z = x[:, :dims]
    root = torch.linalg.cholesky(torch.atleast_2d(torch.cov(z.T)))
    w = torch.linalg.solve(root, (z - z.mean(0)).T).T
    r = w.norm(dim=1, keepdim=True)
    how_far = 1.15 + 0.45 * torch.rand(len(w), 1, generator=generator, dtype=x.dtype)
    return torch.cat((z.mean(0) + w / r * r.max() * how_far @ root.T, x[:, dims:]), dim=1)


def judged(case: Case, found: Langevin, x: Tensor, outside: Tensor | None) -> dict[str, Any]:
    """Of drift and of D: `nmse`, and `inside`, the share of the values at states `x (n, dim_in)` that lie in
    intervals of 95 %; `outside` the same at states further out, of which at the share `refused` the interval is
    infinite; and `growth`, mean std there over that at x."""
    noisy, row = found.increments.noisy, {}
    for name in ("drift", "diffusion"):
        of = getattr(found, name)
        error, inside, std = field_errors(of, x, exact(case, name, x, noisy))
        row[name] = dict(nmse=error, inside=inside)
        if outside is not None:
            _, held, wide = field_errors(of, outside, exact(case, name, outside, noisy))
            refused = 1 - of.known(outside).double().mean().item()
            row[name] |= dict(outside=held, refused=refused, growth=wide / std)
    return row


def exact(case: Case, name: str, x: Tensor, noisy: slice) -> Tensor:
    """The true drift `(n, dim)` or D `(n, dim, dim)` of the coordinates that noise drives."""
    dim, system = case.system.dim, case.system
    timed = [(row[None, :dim], row[-1].item()) for row in x] if x.shape[1] > dim else [(x, 0.0)]
    if name == "drift":
        return torch.cat([system.drift(at, t) for at, t in timed])[:, noisy]
    B = torch.cat([noise_matrix(system, at, t) for at, t in timed])[:, noisy][..., noisy]
    return B @ B.mT / 2


def paper_system(system: str, method: str, paths: int = 1, *, seed: int) -> dict[str, Any]:
    """How well one method finds one of the `CASES` from a film with so many times the usual paths: what
    is `judged`, the processor's seconds, and for "network" what is `FOLLOWED` from the equation."""
    case, generator = CASES[system], make_generator(seed)
    film, fresh = case.film(case.paths * paths, generator), case.fresh(generator)
    begin = process_time()
    found = case.learn(film, method, generator)
    seconds, x = process_time() - begin, case.states(fresh)
    ring = found.increments.period is not None  # has no outside
    outside = None if ring else beyond(x, case.system.dim, generator)
    row = judged(case, found, x, outside) | dict(cpu_seconds=seconds, warnings=found.warnings)
    if isinstance(found, InferredNeuron):
        row["voltage_nmse"] = nmse(found.voltage.mean(x), case.system.drift(x, 0.0)[:, :1])
    if method == "network" and system in FOLLOWED:
        row["followed"] = FOLLOWED[system](case.system, found, fresh, generator)._asdict()
    if method == "network" and system == "engine":
        row["curves"] = curves(found, generator)
    return row


def curves(found: Langevin, generator: torch.Generator) -> dict[str, list[float]]:
    """Mean and std of κ and T of an engine over one period; work delivered, and heat taken in each stroke, in
    the median of 200 draws and where 95 % of them lie."""
    t = torch.linspace(0, TAU, 41, dtype=torch.float64)
    kappa, _, T = engine_of(found, t, 200, generator)
    told = dict(t=t, kappa=kappa.mean(0), kappa_std=kappa.std(0), T=T.mean(0), T_std=T.std(0))
    cycle = cycles(found, TAU, 200, generator)
    for name, values in (("work", cycle.work_out), ("heat", cycle.heat)):
        told[name] = torch.as_tensor(values).quantile(AT, dim=0)
    return {name: values.tolist() for name, values in told.items()}
