r"""What inference returns: an entropy production, and an equation of motion, each with its doubts;
and what an ensemble says of windows of data.

How they are found lives in `entropy` and `langevin`, what is doubtful about them in `doubts`, what
follows from an equation in `predict` and `thermodynamics`.
"""

from dataclasses import dataclass, field
from math import inf

import torch
from torch import Tensor

from ..brief import Brief
from ..data import Jumps, Trajectories, Windows
from ..device import Source, as_generator
from ..estimate import Estimate
from ..models.force import force_cost
from ..movie import Movie
from ..simulators import Exact, System, Underdamped
from ..simulators.langevin import square_root
from ..training import Ensemble, History
from .comparison import Comparison, FieldComparison, exact_entropy
from .increments import Increments
from .jackknife import mean_of_steps
from .posterior import QUANTILE, Functions, Known, Posterior

Recorded = Trajectories | Jumps | Movie


@dataclass(frozen=True, eq=False, kw_only=True)
class EntropyProduction(Estimate):
    """Entropy production inferred by an ensemble, with what is needed to doubt it, see `doubts`.

    Attributes:
        rate: entropy produced per unit time (per jump, for jumps without waiting times), mean of
            the ensemble on held-out trajectories; NaN where it would mean nothing, see `warnings`.
        std: its standard error: the variance of the `member_rates`, the luck of the training, and the
            squared error of the mean over held-out trajectories, that of the data; widened, as a few
            members tell their variance badly, so that rate ± 2 std is a 95 % interval
            of five members or more; with what blur or errors of the positions, which `warnings` then
            name, make of the rate.
        member_rates: rate of each member `(members,)`, each trained on trajectories drawn anew
            (bootstrap).
        bound: held-out (J + 1)/dt of the ensemble mean, a lower bound on what the frames contain;
            far below `rate`, it says that the network has overfitted. For odd variables, where
            ΔS has several parts, it is their sum, an estimate and no bound.
        in_sample: the same bound on the training data: too high.
        entropy: ΔS of each held-out step, mean of the ensemble, `(n_trajectories, n_steps)`; NaN where
            there is no step.
        history: the training curve.
        model: the trained ensemble.
        held_out: trajectories that training never saw.
        frames: successive frames that the network sees at once.
    """

    member_rates: Tensor
    bound: float
    in_sample: float
    entropy: Tensor = field(repr=False)
    history: History = field(repr=False)
    model: Ensemble = field(repr=False)
    held_out: Recorded = field(repr=False)
    frames: int = 2

    @property
    def remark(self) -> str:
        bound = "bound" if one_part(self.model) else "J + 1"
        return f" (held-out {bound} {self.bound:.4g})"

    @property
    def step_time(self) -> float:
        """Time from the first to the last frame of a window."""
        return self.held_out.dt * (self.frames - 1)

    @property
    def steps(self) -> Windows:
        """Windows of the held-out trajectories that lie end to end, those of which `entropy` tells."""
        return Windows(self.held_out, self.frames, every=self.frames - 1)

    def per_step(self, data: Recorded | None = None) -> Tensor:
        """ΔS of each step, mean of the ensemble, `(n_trajectories, n_times - 1)`; by default of
        the held-out trajectories; NaN where there is none. A recurrent network gives ΔS of windows
        that lie end to end."""
        if data is None:
            return self.entropy
        windows = Windows(data, self.frames, every=self.frames - 1)
        h = on_sample(self.model, windows, len(windows))
        return windows.laid(total(self.model, h.mean(1)))

    def compare(self, system: Exact, scheme: str | None = None) -> Comparison:
        """The estimate against the exact entropy of the same held-out steps; see
        `System.entropy_production` for `scheme`, and for what is raised. Movies are compared with
        what was filmed."""
        exact = exact_entropy(system, self.held_out, scheme, frames=self.frames)
        return Comparison.of(exact, self.entropy, self.rate, self.step_time)


# What an ensemble says of windows: h of each of them, ΔS from its parts, the bound J + 1


@torch.no_grad()
def on_sample(model: Ensemble, windows: Windows, n: int) -> Tensor:
    """h of at most n windows, evenly spaced, by each member, `(parts, members, n)`; see `signs`."""
    n, size = min(n, len(windows)), at_once(windows)
    index = torch.arange(n, device=windows.trajectories.x.device) * len(windows) // n
    # Written in place: small results kept between large ones would scatter over the memory.
    h = torch.empty(len(signs(model)), model.members, n, device=index.device)
    for piece, out in zip(index.split(size), h.split(size, dim=-1), strict=True):
        out.copy_(model.on_shared(windows[piece]).view(model.members, len(h), -1).transpose(0, 1))
    return h


def at_once(windows: Windows) -> int:
    """Windows that are looked at together: as many as a processor's caches bear, movies fewer."""
    return max(16, min(2**12, 2**20 // windows.sample(1).numel()))


def rate_of(steps: Windows, entropy: Tensor, time: float) -> Estimate:
    """Mean of ΔS of windows `(n_windows,)`, each produced in so much time, per unit time; the error is the
    spread of their paths, of a single one that of its pieces."""
    rates = entropy.double() / time
    if steps.trajectories.n_trajectories == 1:
        return mean_of_steps(torch.ones_like(rates), rates)
    return mean_of_steps(steps.weight, steps.weight * steps.means(rates))


def bound(model: Ensemble, parts: Tensor) -> float:
    """J + 1 of the parts of h `(parts, …)`, each with its sign; what stands for it of a `ForceNEEP`."""
    if 0.0 in signs(model):
        return -force_cost(parts.double()).item()
    h = parts.double().flatten(1)  # J = ⟨h − e⁻ʰ⟩
    return total(model, (h - torch.expm1(-h)).mean(1)).item()


def signs(model: Ensemble) -> tuple[float, ...]:
    """With which the parts of h add up to ΔS."""
    return getattr(model.member(0), "signs", (1.0,))


def one_part(model: Ensemble) -> bool:
    """Whether ΔS is one part of h alone, so that J + 1 is a bound."""
    return sum(sign != 0 for sign in signs(model)) == 1


def total(model: Ensemble, parts: Tensor) -> Tensor:
    """ΔS from its parts `(parts, …)`, each with its sign."""
    return torch.tensordot(parts.new_tensor(signs(model)), parts, dims=1)


@dataclass(frozen=True, eq=False)
class Langevin(Brief):
    r"""An inferred Langevin equation.

    Attributes:
        drift: posterior of Φ at states `(n, dim_in)`: x, or (x, v) with inertia, and t last if it
            was an input.
        diffusion: posterior of the matrix D there.
        information: $I_F = \tfrac{\tau}{4}\langle\Phi^\top D^{-1}\Phi\rangle$, what the paths
            hold about the drift, in nats (Frishman & Ronceray 2020, PRX 10, 021009); less what noise
            adds to it.
        effective_parameters: numbers p that the data determined.
        increments: labels it was made from.
        warnings: sentences; empty if all is well.
    """

    drift: Posterior
    diffusion: Posterior
    information: float
    effective_parameters: float
    increments: Increments
    warnings: tuple[str, ...] = ()

    @property
    def predicted_nmse(self) -> float:
        """p/(2 I_F): expected squared error of the drift over ⟨Φ²⟩, in units of D; ∞ if all is noise."""
        return self.effective_parameters / (2 * self.information) if self.information > 0 else inf

    @property
    def states(self) -> Tensor:
        """At most 2000 of the states that were seen, evenly spaced `(n, dim_in)`."""
        return self.increments.some_states

    def __str__(self) -> str:
        text = (
            f"drift and diffusion from {self.increments.time:.4g} time units: {self.information:.3g} nats "
            f"for {self.effective_parameters:.0f} numbers, expected NMSE of the drift "
            f"{self.predicted_nmse:.2g}"
        )
        choice = getattr(self.drift, "choice", "")
        return "\n".join((text, *([f"drift: {choice}"] if choice else []), *self.warnings))

    @property
    def timed(self) -> bool:
        """Whether time is an input of the equation."""
        return self.increments.x.shape[-1] > self.increments.noisy.stop

    def known(self, x: Tensor, quantile: float = QUANTILE) -> Tensor:
        """Of states `x (n, dim_in)`, whether the drift is known there, `(n,)`: its std is no larger than at
        this quantile of the states that were seen; beyond, a draw says more of the prior than of the data."""
        return Known.of(self.drift, self.states, quantile)(x)

    def inputs(self, x: Tensor, t: float) -> Tensor:
        """Where drift and diffusion are asked for states `x (n, dim)` at time t, `(n, dim_in)`."""
        return torch.cat((x, torch.full_like(x[:, :1], t)), dim=1) if self.timed else x

    def draw(self, draws: int, *, generator: Source) -> System:
        """A system for `simulate` with `draws` trajectories: path i follows draw i from the posterior."""
        generator = as_generator(generator)
        phi = self.drift.sample(draws, generator=generator)
        drawn = Drawn(self, phi, self.diffusion.sample(draws, generator=generator))
        return DrawnUnderdamped(drawn=drawn) if self.increments.underdamped else drawn

    def compare(self, system: System, x: Tensor | None = None) -> FieldComparison:
        """Drift and diffusion against the exact ones at states `x (n, dim_in)`, by default at
        states that were seen: NMSE and coverage of the 95 % intervals. Raises `TypeError` for what
        is no `System`, `ValueError` for one of another dimension."""
        x = self.states if x is None else x
        return FieldComparison.of(self.drift, self.diffusion, self.increments.noisy, system, x)


@dataclass(frozen=True, eq=False)
class Drawn(System):
    """Drift and diffusion drawn from the posteriors of a result; path i follows draw i."""

    result: Langevin
    phi: Functions
    D: Functions

    @property
    def dim(self) -> int:  # type: ignore[override]
        return self.result.increments.dim

    def drift(self, x: Tensor, t: float) -> Tensor:
        return self.at(self.phi, x, t)

    def noise_amplitude(self, x: Tensor, t: float) -> Tensor:
        return square_root(2 * self.at(self.D, x, t))

    def at(self, functions: Functions, x: Tensor, t: float) -> Tensor:
        """Of each draw at its own state `x (draws, dim)`, `(draws, …)`."""
        return functions(self.result.inputs(x, t)[:, None])[:, 0].to(x.dtype)


@dataclass(frozen=True, eq=False)
class DrawnUnderdamped(Underdamped):
    """The same with inertia: the drift is the acceleration; noises are independent."""

    additive = False
    drawn: Drawn = field(kw_only=True)

    @property
    def dim(self) -> int:  # type: ignore[override]
        return 2 * self.drawn.dim

    def acceleration(self, x: Tensor, v: Tensor, t: float) -> Tensor:
        return self.drawn.drift(torch.cat((x, v), dim=-1), t)

    def velocity_noise(self, x: Tensor, v: Tensor, t: float) -> Tensor:
        D = self.drawn.at(self.drawn.D, torch.cat((x, v), dim=-1), t)
        return (2 * D.diagonal(dim1=1, dim2=2)).sqrt()
