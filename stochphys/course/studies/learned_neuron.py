r"""A neuron learned without its laws: what (V, n, m, h) say of the motion of each, by one method for all.

The gates have noise, so their equations are inferred. The voltage has none: its equation is solved
for, and only the mean of what is found counts. What knows the form of these laws lives in `neuron`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import nan
from typing import Any

import torch
from torch import Tensor

from ...data import Trajectories
from ...device import Source
from ...inference import Langevin, Posterior, Samples, increments
from ...inference.posterior import ConstantDiffusion
from ...inference.regression import Method
from ...simulators import System
from ...systems import HodgkinHuxley

SURE = 1.0  # weight of a label of dV/dt, (ms/mV)²: what gates do between two frames changes it by about 1


@dataclass(frozen=True, eq=False)
class LearnedNeuron(HodgkinHuxley):
    """Neuron i moves as `voltage` and the i-th of `gates` say: functions of states `(draws, n, 4)`."""

    voltage: Callable[[Tensor], Tensor] = field(kw_only=True)
    gates: Callable[[Tensor], Tensor] = field(kw_only=True)

    def drift(self, x: Tensor, t: float) -> Tensor:
        at = x.double()
        return torch.cat((self.voltage(at), self.gates(at[:, None])[:, 0]), dim=-1).to(x.dtype)


@dataclass(frozen=True, eq=False)
class InferredNeuron(Langevin):
    """Drift and diffusion are those of the gates; `voltage` is the posterior of dV/dt."""

    voltage: Posterior = field(kw_only=True)

    def draw(self, draws: int, *, generator: Source) -> System:
        """Gates of path i follow draw i from the posterior; voltages all follow the mean."""
        T = self.diffusion.mean(self.states[:1])[0, 0, 0].item()
        gates = self.drift.sample(draws, generator=generator)
        return LearnedNeuron(T=T, voltage=self.voltage.mean, gates=gates)


def infer_neuron(film: Trajectories, *, drift: Method, generator: Source) -> InferredNeuron:
    r"""Drift of the gates from Δx/dt at the start of a step, of variance 2T/dt, as everywhere; dV/dt from
    ΔV/dt in the middle of a step, as page 14 does. Inputs of both are V, n, m and h."""
    data = increments(film)
    dt, y = data.dt, data.y.flatten(0, 1)
    # In differences of successive steps the drift cancels to leading order.
    T = (data.steps[..., 1:].diff(dim=1).square().mean() / (4 * dt)).item()
    start, middle = data.x.flatten(0, 1), (data.x + data.steps / 2).flatten(0, 1)
    gates = Samples(start, y[:, 1:], torch.full_like(y[:, 1:], dt / (2 * T)))
    voltage = Samples(middle, y[:, :1], torch.full_like(y[:, :1], SURE))
    found: dict[str, Any] = {
        "drift": drift.fit(gates, generator=generator),
        "voltage": drift.fit(voltage, generator=generator),
        "diffusion": ConstantDiffusion(T * torch.eye(3, dtype=torch.float64), 3 * len(y)),
    }
    of_gates = replace(data, noisy=slice(1, 4), y=data.y[..., 1:])
    return InferredNeuron(information=nan, effective_parameters=nan, increments=of_gates, **found)
