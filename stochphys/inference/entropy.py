"""From trajectories to entropy production, by networks: the rate, its error bar, each step's ΔS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..data import Trajectories, Windows
from ..models.neep import NEEP, neep_objective
from ..simulators.langevin import Linear
from ..training import Callback, Ensemble, History, Run, fit


@dataclass(frozen=True, eq=False)
class EntropyProduction:
    """Entropy production inferred by an ensemble, with what is needed to doubt it.

    Attributes:
        rate: entropy produced per unit time, mean of the ensemble on held-out trajectories.
        std: its standard error, spread of the `members`.
        members: rate of each member `(n_members,)`. Each was trained on trajectories drawn anew
            (bootstrap) and read off held-out ones drawn anew, so that their spread holds both the
            luck of the training and that of the data.
        bound: held-out (J + 1)/dt of the ensemble mean, a lower bound on what the frames contain;
            far below `rate`, it says that the network has overfitted.
        history: the training curve.
        model: the trained ensemble.
        held_out: trajectories that training never saw.
    """

    rate: float
    std: float
    members: Tensor
    bound: float
    history: History = field(repr=False)
    model: Ensemble = field(repr=False)
    held_out: Trajectories = field(repr=False)

    def __str__(self) -> str:
        return f"{self.rate:.4g} ± {self.std:.2g} per unit time (held-out bound {self.bound:.4g})"

    def per_step(self, trajectories: Trajectories | None = None) -> Tensor:
        """ΔS of each step, mean of the ensemble, `(n_trajectories, n_times - 1)`; by default of
        the held-out trajectories."""
        trajectories = self.held_out if trajectories is None else trajectories
        return member_entropy(self.model, trajectories).mean(0)

    def compare(self, system: Linear, scheme: str | None = "exact") -> Comparison:
        """The estimate against the exact entropy of the same held-out steps; see
        `Linear.entropy_production` for `scheme`."""
        exact = system.entropy_production(self.held_out, scheme)
        return Comparison.of(exact, self.per_step(), self.rate, self.held_out.dt)


@dataclass(frozen=True)
class Comparison:
    """An estimate against the exact answer on the same steps.

    Attributes:
        exact_rate: mean of the exact ΔS of these steps, per unit time.
        ratio: inferred over exact rate.
        r_squared: squared correlation of the ΔS of single steps; blind to a wrong scale.
        slope: of the regression of inferred on exact ΔS; not blind to it.
    """

    exact_rate: float
    ratio: float
    r_squared: float
    slope: float

    @classmethod
    def of(cls, exact: Tensor, learned: Tensor, rate: float, dt: float) -> Comparison:
        """From the exact and the inferred ΔS of the same steps `(…)`, and the inferred rate."""
        exact, learned = exact.double().flatten(), learned.double().flatten()
        correlation = torch.corrcoef(torch.stack((exact, learned)))[0, 1]
        exact_rate = exact.mean().item() / dt
        return cls(
            exact_rate=exact_rate,
            ratio=rate / exact_rate,
            r_squared=correlation.square().item(),
            slope=(correlation * learned.std() / exact.std()).item(),
        )


def infer_entropy_production(
    trajectories: Trajectories,
    *,
    generator: torch.Generator,
    members: int = 5,
    width: int = 32,
    depth: int = 2,
    steps: int = 600,
    lr: float = 1e-2,
    schedule: str = "cosine",
    callbacks: Sequence[Callback] = (),
    **options: Any,
) -> EntropyProduction:
    """Entropy production of a stationary overdamped process, from its trajectories alone (NEEP).

    A fifth of the trajectories is held out. An ensemble of `NEEP` networks learns from the others
    and is read off the held-out ones (Kim, Bae, Lee, Jeong 2020, arXiv 2003.04166). The progress
    bar shows the current rate.

    Args:
        trajectories: at least ten.
        members: networks in the ensemble.
        width, depth: of each network.
        steps, lr, schedule, callbacks, options: arguments of `training.fit`.

    Raises `ValueError` for velocities (odd under time reversal: this estimator is for even
    variables), too few trajectories, a coordinate that never changes, and whatever `fit` refuses.
    """
    if trajectories.underdamped:
        raise ValueError(
            "these trajectories hold velocities, which change sign when time is reversed; this "
            "estimator is for positions only"
        )
    if trajectories.n_trajectories < 10:
        raise ValueError(
            f"{trajectories.n_trajectories} trajectories are too few to hold some out and to draw "
            "error bars from; cut long ones into at least 10 pieces"
        )
    train, held_out = trajectories.split(0.8, generator=generator)
    networks = [
        NEEP(train.dim, width=width, depth=depth, generator=generator).standardise(train)
        for _ in range(members)
    ]
    model = Ensemble(networks)
    history = fit(
        model,
        neep_objective,
        Windows(train).bootstrap(members, generator=generator),
        validation=Windows(held_out),
        steps=steps,
        lr=lr,
        schedule=schedule,
        generator=generator,
        callbacks=[CurrentRate(held_out), *callbacks],
        **options,
    )
    entropy = member_entropy(model, held_out)  # (members, n_trajectories, n_steps)
    mean = entropy.mean(0)
    n = held_out.n_trajectories
    draws = torch.randint(n, (members, n), generator=generator, device=generator.device)
    per_trajectory = entropy.mean(-1).gather(1, draws.to(entropy.device))
    rates = per_trajectory.mean(1).double() / held_out.dt
    return EntropyProduction(
        rate=mean.double().mean().item() / held_out.dt,
        std=rates.std().item() if members > 1 else float("nan"),
        members=rates,
        bound=((mean - torch.exp(-mean)).double().mean().item() + 1) / held_out.dt,
        history=history,
        model=model,
        held_out=held_out,
    )


class CurrentRate(Callback):
    """Shows the rate that an ensemble finds in a sample of held-out pairs while it trains."""

    def __init__(self, held_out: Trajectories, n_pairs: int = 10_000) -> None:
        windows = Windows(held_out)
        n = min(n_pairs, len(windows))
        self.pairs, self.dt = windows[torch.arange(n) * len(windows) // n], held_out.dt

    @torch.no_grad()
    def after_validation(self, run: Run) -> dict[str, float]:
        assert isinstance(run.average, Ensemble)
        self.pairs = self.pairs.to(run.draw.device)
        return {"sigma_dot": run.average.on_shared(self.pairs).mean().item() / self.dt}


@torch.no_grad()
def member_entropy(model: Ensemble, trajectories: Trajectories) -> Tensor:
    """ΔS of each step by each member, `(members, n_trajectories, n_times - 1)`."""
    windows = Windows(trajectories)
    index = torch.arange(len(windows), device=trajectories.x.device)
    entropy = trajectories.x.new_empty(model.members, len(windows))
    for piece, out in zip(index.split(2**12), entropy.split(2**12, dim=1), strict=True):
        out.copy_(model.on_shared(windows[piece]))
    return entropy.unflatten(1, (trajectories.n_trajectories, -1))
