r"""What the trajectories of a neuron say about its equations: conductances, and the rates of gates.

The voltage has no noise, so its equation is solved for, without an error bar; the gates have noise,
so their equations are inferred, with one. The general tools are in `regression` and `drift`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ... import require
from ...brief import Brief
from ...data import Trajectories
from ...estimate import Averages
from ...inference.equation_doubts import smooth_coordinates
from ...inference.posterior import LinearPosterior
from ...inference.regression import BayesianRegression, Samples
from ...models.bases import Features

GATES = ("n", "m", "h")
DEGREE = 12  # of the highest polynomial of a rate


@dataclass(frozen=True)
class Conductances:
    """The six numbers of the voltage equation: mS/cm² and mV.

    `residual` is the root mean square of what the equation leaves of dV/dt, relative to that of
    dV/dt. It is what the gates do between two frames, and vanishes with dt. No noise of V is in it,
    so no error bar can be made of it.
    """

    g_Na: float
    E_Na: float
    g_K: float
    E_K: float
    g_L: float
    E_L: float
    residual: float


def infer_conductances(trajectories: Trajectories, *, rule: str = "midpoint") -> Conductances:
    r"""Conductances and reversal potentials, by least squares on

    $$\frac{\Delta V}{dt} = -g_\text{Na}\,m^3hV + g_\text{Na}E_\text{Na}\,m^3h
      - g_\text{K}\,n^4V + g_\text{K}E_\text{K}\,n^4 - g_\text{L}V + g_\text{L}E_\text{L},$$

    for a membrane of 1 µF/cm² without injected current: data give the ratios to the capacitance
    alone, and the sum of the current and $g_\text{L}E_\text{L}$ alone.

    Args:
        trajectories: states (V, n, m, h), mV and ms.
        rule: where the right side is taken: `"start"` of the step, an error of order dt, or
            `"midpoint"`, the mean of both ends, which removes it. Both are allowed, as V is smooth.

    Raises `ValueError` for another rule, or trajectories that are not those of a neuron.
    """
    require.one_of(("start", "midpoint"), rule=rule)
    V, n, m, h = _states(trajectories.gapless()[0]).unbind(-1)  # (n_trajectories, n_times) each
    sodium, potassium = m**3 * h, n**4  # shares of open channels
    terms = torch.stack((-sodium * V, sodium, -potassium * V, potassium, -V, V * 0 + 1), dim=-1)
    terms = terms[:, :-1] if rule == "start" else (terms[:, :-1] + terms[:, 1:]) / 2
    A, y = terms.flatten(0, 1), (V.diff(dim=1) / trajectories.dt).flatten()
    scale = A.square().mean(0).sqrt()  # columns of one size lose fewer digits
    w = torch.linalg.lstsq(A / scale, y).solution / scale
    left = (y - A @ w).square().mean().sqrt() / y.square().mean().sqrt()
    (g_Na, a), (g_K, b), (g_L, c) = w.view(3, 2).tolist()
    return Conductances(g_Na, a / g_Na, g_K, b / g_K, g_L, c / g_L, left.item())


@dataclass(frozen=True)
class GateBasis:
    r"""Features for $\alpha(V)(1 - x) - \beta(V)\,x$: both rates are sums of Chebyshev polynomials,

    $$T_0 = 1, \quad T_1 = z, \quad T_{k+1} = 2 z T_k - T_{k-1},$$

    with z from −1 to 1 over the voltages of the data. Rates are smooth in V, so 13 are enough.

    Raises `ValueError` for data of one voltage only.
    """

    def fitted(self, x: Tensor) -> Features:
        """For states `x (n, 2)`, voltage and gate."""
        low, high = x[:, 0].min(), x[:, 0].max()
        if low == high:
            raise ValueError(
                f"V never leaves {low:.4g} mV, where rates could be seen at one voltage only; give "
                "recordings at several voltages"
            )

        def features(x: Tensor) -> Tensor:
            z = (2 * x[..., 0] - low - high) / (high - low)
            T = [torch.ones_like(z), z]
            for _ in range(DEGREE - 1):
                T.append(2 * z * T[-1] - T[-2])
            along, gate = torch.stack(T, dim=-1), x[..., 1:]
            return torch.cat((along * (1 - gate), -along * gate), dim=-1)

        return features


@dataclass(frozen=True, eq=False)
class Gate(Brief):
    """The inferred equation of one gate."""

    drift: LinearPosterior  # a function of (n, 2): V and the gate
    T: float  # diffusion coefficient, 1/ms
    T_std: float  # and its standard error

    def opening(self, V: Tensor) -> Averages:
        """α at voltages `V (n,)`, mean and std: the drift of a gate that is shut."""
        return self._rate(V, 0.0)

    def closing(self, V: Tensor) -> Averages:
        """β at voltages `V (n,)`, mean and std: minus the drift of a gate that is open."""
        return self._rate(V, 1.0)

    def _rate(self, V: Tensor, gate: float) -> Averages:
        x = torch.stack((V.double(), torch.full_like(V, gate, dtype=torch.float64)), dim=-1)
        return Averages((1 - 2 * gate) * self.drift.mean(x)[:, 0], self.drift.std(x)[:, 0])


def infer_gate(trajectories: Trajectories, gate: str) -> Gate:
    r"""Rates and noise of one gate, with error bars, from

    $$\frac{\Delta x}{dt} = \alpha(V)(1 - x) - \beta(V)\,x + \sqrt{\frac{2T}{dt}}\,\xi.$$

    The error bars hold the luck of the noise. They do not hold what a finite dt does: the gate
    relaxes during the step, so that T comes out too small by $(\alpha + \beta)\,dt$, relative, and
    rates by half of that; where V moves fast they are those of half a step later. Nor do they hold
    the push of a bound that mirrors the gate. T is taken as constant: noise of channels, which is
    not, gives its mean, and bands that hold on average alone.

    `trajectories` are states (V, n, m, h), `gate` is "n", "m" or "h".

    Raises `ValueError` for another name, and for what has no noise, and so no likelihood, as V.
    """
    x = _states(trajectories)
    if gate != "V":
        require.one_of(GATES, gate=gate)
    dt, column = trajectories.dt, ("V", *GATES).index(gate)
    if gate == "V" or smooth_coordinates(x.diff(dim=1))[column]:
        raise ValueError(
            f"{gate} has no noise of its own: what an equation leaves of its increments is the error "
            "of a finite dt, and an error bar made of it would mean nothing; for the voltage use "
            "infer_conductances, which gives numbers and a residual"
        )
    inputs = x[:, :-1, [0, column]].flatten(0, 1)
    label = x[..., column].diff(dim=1).flatten()[:, None] / dt
    # To weigh by: in differences of successive labels the drift cancels to leading order.
    T = x[..., column].diff(n=2, dim=1).square().mean().item() / (4 * dt)
    samples = Samples(inputs, label, torch.full_like(label, dt / (2 * T)))
    drift = BayesianRegression(GateBasis()).fit(samples)
    T = (label - drift.mean(inputs)).square().mean().item() * dt / 2
    return Gate(drift, T, T * (2 / len(label)) ** 0.5)


def _states(trajectories: Trajectories) -> Tensor:
    """(V, n, m, h) in float64; `ValueError` if these are no such states."""
    x = trajectories.x.double()
    if x.shape[-1] != 4 or x[..., 1:].min() < 0 or x[..., 1:].max() > 1:
        raise ValueError(
            "trajectories must hold V, n, m and h, the last three between 0 and 1, got dim = "
            f"{x.shape[-1]} with values from {x.min():.3g} to {x.max():.3g}"
        )
    return x
