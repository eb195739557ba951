r"""Neural estimators of entropy production: antisymmetric under time reversal by construction.

Every network maps a window of successive states to $h(\text{window})$ with
$h(\text{reversed window}) = -h(\text{window})$; what reversal does to a state is what tells the
classes apart. The objectives that train them stand at the end, one line each.
"""

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from .. import require
from ..data import Trajectories, Windows
from ..device import Source, as_generator
from .networks import MLP


class NEEP(nn.Module):
    r"""Entropy produced in one step of a continuous process whose variables are even under time
    reversal,

    $$\Delta S_\theta(x, x') = h_\theta(\bar x, \Delta x) - h_\theta(\bar x, -\Delta x),$$

    with midpoint $\bar x$ and displacement $\Delta x$: reversing time swaps x and x', which keeps
    the midpoint and turns the displacement round (Kim, Bae, Lee, Jeong 2020, arXiv 2003.04166,
    there with h(x, x')). Train it with `neep_objective`.

    Args:
        dim: number of coordinates.
        width, depth: size and number of the hidden layers.
        generator: source of the initial weights.
    """

    def __init__(self, dim: int, *, width: int = 64, depth: int = 2, generator: Source) -> None:
        super().__init__()
        self.h = MLP([2 * dim, *[width] * depth, 1], generator=generator)
        self.centre: Tensor = nn.Buffer(torch.zeros(dim))
        self.scale = nn.Buffer(torch.ones(2, dim))  # of midpoints, of displacements

    def standardise(self, trajectories: Trajectories) -> Self:
        """Bring midpoints and displacements to order one, with the spread of these data."""
        x = trajectories.gapless()[0].x
        self.centre = x.mean(dim=(0, 1)).to(self.scale.device)
        self.scale.copy_(spread(x))
        return self

    def parts(self, window: Tensor) -> tuple[Tensor, Tensor]:
        """Midpoints, less their mean, and displacements `(…, dim)` of pairs `(…, 2, dim)`.

        Differences are taken in the precision of the data, and only then rounded to that of the
        weights: far from zero float32 has no digits for a step.
        """
        first, second = window.unbind(-2)
        midpoint = (first + second) / 2 - self.centre
        return midpoint.to(self.scale.dtype), (second - first).to(self.scale.dtype)

    def forward(self, window: Tensor) -> Tensor:
        """ΔS `(…)` of pairs of successive states `(…, 2, dim)`."""
        midpoint, step = self.parts(window)
        return odd_in(self.h, midpoint / self.scale[0], step / self.scale[1])


class UnderdampedNEEP(nn.Module):
    r"""Entropy produced in one step of a process with velocities, which are odd under reversal.

    Reversal takes $(s, s')$ to $(\epsilon s', \epsilon s)$ with $\epsilon(x, v) = (x, -v)$. So

    $$\Delta S = \ln\frac{p(s, s')}{p(\epsilon s', \epsilon s)}
        - \ln\frac{p(s')}{p(\epsilon s')} = h_2(s, s') - h_1(s'),$$

    each part antisymmetric and trained by an objective of its own (arXiv 2112.04681).

    Args:
        dim: positions and as many velocities.
        width, depth, generator: as for `NEEP`, of each of the two networks.
    """

    signs = (1.0, -1.0)  # with which the parts add up to ΔS

    def __init__(self, dim: int, *, width: int = 64, depth: int = 2, generator: Source) -> None:
        super().__init__()
        generator = as_generator(generator)
        self.h_2 = MLP([2 * dim, *[width] * depth, 1], generator=generator)
        self.h_1 = MLP([dim, *[width] * depth, 1], generator=generator)
        self.centre: Tensor = nn.Buffer(torch.zeros(dim // 2))
        self.scale = nn.Buffer(torch.ones(dim))
        self.odd, self.even = nn.Buffer(torch.eye(dim)), nn.Buffer(torch.eye(dim))

    def standardise(self, trajectories: Trajectories) -> Self:
        r"""Bring states, and what reversal turns and keeps, to order one, with these data.

        A step has the odd part $(\Delta x, \bar v)$ and the even part $(\bar x, \Delta v)$. As
        $\Delta x \approx \bar v\,dt$, what counts is their small difference: each part is whitened,
        by a linear map, which mixes nothing odd with anything even.
        """
        trajectories, _ = trajectories.gapless()
        self.centre = trajectories.position.mean(dim=(0, 1)).to(self.scale.device)
        self.scale.copy_(spread(trajectories.x)[0])
        odd, even = self.parts(Windows(trajectories).sample(100_000))
        self.odd.copy_(whitening(odd))
        self.even.copy_(whitening(even))
        return self

    def forward(self, window: Tensor) -> Tensor:
        """The two parts `(2, …)` of pairs of successive states `(…, 2, dim)`."""
        odd, even = self.parts(window)
        h_2 = odd_in(self.h_2, even @ self.even, odd @ self.odd)
        x, v = window[..., 1, :].chunk(2, -1)
        scale_x, scale_v = self.scale.chunk(2)
        x, v = (x - self.centre).to(scale_x.dtype), v.to(scale_v.dtype)
        h_1 = odd_in(self.h_1, x / scale_x, v / scale_v)  # v is not centred: rest must stay rest
        return torch.stack((h_2, h_1))

    def parts(self, window: Tensor) -> tuple[Tensor, Tensor]:
        """What reversing a pair turns, (Δx, v̄), and what it keeps, (x̄, Δv), `(…, dim)` each."""
        (x, v), (x_next, v_next) = (s.chunk(2, -1) for s in window.unbind(-2))
        odd = torch.cat((x_next - x, (v + v_next) / 2), -1)
        even = torch.cat(((x + x_next) / 2 - self.centre, v_next - v), -1)
        return odd.to(self.scale.dtype), even.to(self.scale.dtype)


def odd_part(g: nn.Module, forward: Tensor, backward: Tensor) -> Tensor:
    """g(forward) − g(backward) `(…)` of features `(…, n_features)`, both in one batch."""
    values = g(torch.stack((forward, backward))).squeeze(-1)
    return values[0] - values[1]


def odd_in(g: nn.Module, even: Tensor, odd: Tensor) -> Tensor:
    """g(even, odd) − g(even, −odd) `(…)`: of g the part that turns round with the odd features."""
    return odd_part(g, torch.cat((even, odd), -1), torch.cat((even, -odd), -1))


def spread(x: Tensor) -> Tensor:
    """Standard deviations of the states and of their steps, `(2, dim)`, of `(…, n_times, dim)`.

    Raises `ValueError` if a coordinate never changes.
    """
    scale = torch.stack((x.std(dim=(0, 1)), x.diff(dim=1).std(dim=(0, 1))))
    require.changing(coordinates=scale)
    return scale


def whitening(features: Tensor) -> Tensor:
    """W `(dim, dim)` such that `features @ W`, of `(n, dim)`, have unit second moments."""
    features = features.double()
    moments = features.T @ features / len(features)
    scale = moments.diagonal().rsqrt()
    # Scaled to a unit diagonal first: features of very different size keep their digits.
    values, vectors = torch.linalg.eigh(scale[:, None] * moments * scale)
    return scale[:, None] * vectors * values.clamp(min=1e-9).rsqrt()


def neep_objective(model: nn.Module, window: Tensor) -> Tensor:
    r"""−J, to be minimised, averaged over the last axis of what the model returns:

    $$J[h] = \langle h - e^{-h} \rangle, \qquad \max_h J + 1 = \langle \Delta S \rangle,$$

    and J + 1 ≤ ⟨ΔS⟩ for every antisymmetric h (arXiv 2003.04166, Eq. 4).
    """
    h = model(window).float()
    return (torch.exp(-h) - h).mean(-1)


def classifier_objective(model: nn.Module, window: Tensor) -> Tensor:
    r"""Cross-entropy of telling forwards from backwards, $\langle\ln(1 + e^{-h})\rangle$.

    Least where h is the log of the odds, ΔS. Its slope is bounded, so that rare windows cannot
    upset it (Seif, Hafezi, Jarzynski, Nature Physics 17, 105 (2021)).
    """
    return softplus(-model(window).float()).mean(-1)


def alpha_neep_objective(alpha: float) -> Callable[[nn.Module, Tensor], Tensor]:
    r"""−J of the family, to be minimised, with its maximum at h = ΔS for every α:

    $$J_\alpha[h] = \Big\langle \frac{e^{\alpha h} - 1}{\alpha}
        - \frac{e^{-(1 + \alpha) h} - 1}{1 + \alpha} \Big\rangle, \qquad -1 < \alpha < 0.$$

    α → 0 is NEEP. α = −1/2 weighs both tails alike, best far from equilibrium
    (Kwon & Baek, PRE 109, 014143 (2024)). Raises `ValueError` outside −1 < α < 0.
    """
    require.within("(-1, 0)", alpha=alpha, hint="0 is neep_objective")

    def objective(model: nn.Module, window: Tensor) -> Tensor:
        h = model(window).float()
        minus_J = torch.expm1(-(1 + alpha) * h) / (1 + alpha) - torch.expm1(alpha * h) / alpha
        return minus_J.mean(-1)

    return objective
