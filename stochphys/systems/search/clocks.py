r"""Clocks that tell a search when to give up and start over, integrals over what they leave, and the
stationary state that resetting keeps up.

A clock knows the law of its waiting times; it does not know what is searched. Times are drawn anew
after each reset.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, pi
from typing import Self

import torch
from torch import Tensor

from ... import require
from ...brief import Brief
from ...device import as_generator, one_thread

# Nodes of the trapezoidal rule in u = ln t, or in the logit of t/longest: the integrands are smooth
# and fall exponentially on both sides, where the rule is exact to rounding.
NODES = torch.arange(-60, 200, 0.05, dtype=torch.float64)


class Clock(ABC):
    r"""Waiting times R with the survival function Ψ(t) = P(R > t).

    Attributes:
        longest: a time that no waiting time exceeds.
        mean: ⟨R⟩; the mean square is $\langle R^2\rangle = 2\int t\,\Psi\,dt$.
    """

    longest: float = inf

    @property
    @abstractmethod
    def mean(self) -> float: ...

    @abstractmethod
    def survival(self, t: Tensor) -> Tensor:
        """Ψ at times of any shape."""

    @abstractmethod
    def sample(self, n: int, *, generator: torch.Generator | int) -> Tensor:
        """n independent waiting times, float64."""

    @abstractmethod
    def stretched(self, factor: float) -> Self:
        """The clock whose waiting times are `factor` times as long."""

    def integral(self, g: Callable[[Tensor], Tensor], unit: float = 1.0) -> Tensor:
        r"""$\int_0^\infty \Psi(t)\,g(t)\,dt$, and ∞ where the integrand falls off no faster than 1/t.

        `g` takes times `(n,)` and returns `(…, n)`; the answer is `(…)`. Nodes are spread around
        `unit`, a time of the problem. What is left after the last one is a geometric series: by
        then the integrand is a power of t.
        """
        with one_thread():
            if self.longest < inf:
                u = NODES[NODES <= 40]
                t, dt = self.longest * u.sigmoid(), self.longest * u.sigmoid() * (-u).sigmoid()
            else:
                t = dt = unit * NODES.exp()
            values = self.survival(t) * g(t) * dt
            last = values[..., -1]
            ratio = torch.where(last == 0, 0.0, last / values[..., -2])
            tail = torch.where(ratio < 1 - 1e-9, last * ratio / (1 - ratio), inf)
            seen = last.abs() > 1e-30 * values.abs().amax(-1)  # below, nothing is left
            return (values.sum(-1) + torch.where(seen, tail, 0.0)) * (NODES[1] - NODES[0])


def uniform(n: int, generator: torch.Generator | int) -> Tensor:
    """n numbers of (0, 1], so that their logarithm is finite."""
    generator = as_generator(generator)
    return 1 - torch.rand(n, generator=generator, device=generator.device, dtype=torch.float64)


@dataclass(frozen=True)
class Poisson(Clock):
    r"""Resets at a constant rate r, 1/time, whatever was before: $\Psi = e^{-rt}$.

    Raises `ValueError` for a rate that is not positive; a search without resets has the clock None.
    """

    r: float = 1.0

    def __post_init__(self) -> None:
        require.positive(self, "r")

    @property
    def mean(self) -> float:
        return 1 / self.r

    def survival(self, t: Tensor) -> Tensor:
        return torch.exp(-self.r * t)

    def sample(self, n: int, *, generator: torch.Generator | int) -> Tensor:
        return -uniform(n, generator).log() / self.r

    def stretched(self, factor: float) -> "Poisson":
        return Poisson(self.r / factor)


@dataclass(frozen=True)
class Sharp(Clock):
    """Resets after a fixed time: Ψ = 1 until `period`, 0 from then on.

    Raises `ValueError` for a period that is not positive.
    """

    period: float = 1.0

    def __post_init__(self) -> None:
        require.positive(self, "period")

    @property
    def mean(self) -> float:
        return self.period

    longest = mean  # type: ignore[assignment]

    def survival(self, t: Tensor) -> Tensor:
        return (t < self.period).to(t)

    def sample(self, n: int, *, generator: torch.Generator | int) -> Tensor:
        generator = as_generator(generator)
        return torch.full((n,), self.period, dtype=torch.float64, device=generator.device)

    def stretched(self, factor: float) -> "Sharp":
        return Sharp(self.period * factor)


@dataclass(frozen=True)
class Lomax(Clock):
    r"""Waiting times with a tail of power a from the time t0 on, $\Psi = (1 + t/t_0)^{-a}$.

    For a → ∞ at constant mean $t_0/(a - 1)$ it is `Poisson`. Waiting times have a variance for a > 2.

    Raises `ValueError` for t0 that is not positive, or a ≤ 1: then the mean is infinite.
    """

    a: float = 2.0
    t0: float = 1.0

    def __post_init__(self) -> None:
        require.positive(self, "t0")
        rare = "else the mean waiting time is infinite and resets become ever rarer"
        require.within("(1, inf)", self, "a", hint=rare)

    @property
    def mean(self) -> float:
        return self.t0 / (self.a - 1)

    def survival(self, t: Tensor) -> Tensor:
        return (1 + t / self.t0) ** -self.a

    def sample(self, n: int, *, generator: torch.Generator | int) -> Tensor:
        return self.t0 * (uniform(n, generator) ** (-1 / self.a) - 1)

    def stretched(self, factor: float) -> "Lomax":
        return replace(self, t0=self.t0 * factor)


@dataclass(frozen=True)
class StationaryState(Brief):
    r"""Free diffusion that is put back to 0 whenever a clock rings, long after its start: what
    diffusion spreads, resets gather again.

    $$p(x) = \frac{1}{\langle R\rangle}\int_0^\infty \Psi(t)\,
      \frac{e^{-x^2/4Dt}}{\sqrt{4\pi Dt}}\,dt, \qquad
      \langle x^2\rangle = D\,\frac{\langle R^2\rangle}{\langle R\rangle}.$$

    For `Poisson` this is Laplace's $\frac{\alpha}{2}e^{-\alpha|x|}$ with $\alpha = \sqrt{r/D}$, of kurtosis
    6; for `Lomax` it has a tail $|x|^{1 - 2a}$, and a variance only for a > 2.

    Raises `ValueError` for D that is not positive.

    Source: Evans, Majumdar, PRL 106, 160601 (2011); power laws: Nagar, Gupta, PRE 93, 060102 (2016).
    """

    clock: Clock
    D: float = 1.0

    def __post_init__(self) -> None:
        require.positive(self, "D")

    def density(self, x: Tensor) -> Tensor:
        """p at places of any shape, 1/length, float64."""
        return self._density_and_slope(x)[0]

    def variance(self) -> float:
        """⟨x²⟩, length²; ∞ where the clock has no mean square."""
        mean = self.clock.mean
        return 2 * self.D * self.clock.integral(lambda t: t, mean).item() / mean

    def entropy_production_rate(self) -> float:
        r"""Rate at which diffusion raises the entropy of p, and which resets must take away again:

        $$\dot\sigma = \int \frac{J^2}{D\,p}\,dx = D\int \frac{p'^2}{p}\,dx, \qquad J = -D\,p',$$

        exactly r for `Poisson`, so 1 per reset; 1.326 per reset for `Sharp`, 0.833 for `Lomax(2)`.

        Source: Fuchs, Goldt, Seifert, EPL 113, 60009 (2016).
        """
        # x = width·e^u: Lomax has tails, Poisson a cusp at 0.
        u = torch.arange(-25, 12, 0.1, dtype=torch.float64)
        x = (self.D * self.clock.mean) ** 0.5 * u.exp()
        p, slope = self._density_and_slope(x)
        seen = p > 1e-290
        return 2 * self.D * 0.1 * (slope[seen] ** 2 / p[seen] * x[seen]).sum().item()

    def trap_work(self, k: float) -> float:
        r"""Mean work per reset by a trap, $kx^2/2$, which is switched on to pull the walker home and
        switched off when the walker passes 0; its travel time is not counted:
        $kD\langle R\rangle$. Its power is kD for every clock.

        To see the walker pass 0 is a measurement. What it tells lets a weak trap do with less than T per
        $k_B$ of entropy; one that nobody watches leaves a width T/k.

        `k`: stiffness, energy/length².
        """
        return k * self.D * self.clock.mean

    def _density_and_slope(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x, mean = torch.as_tensor(x, dtype=torch.float64)[..., None], self.clock.mean

        def spread(t: Tensor) -> Tensor:  # what a walker makes of itself in a time t, and its slope
            gauss = torch.exp(-(x**2) / (4 * self.D * t)) / (4 * pi * self.D * t).sqrt()
            return torch.stack((gauss, -x / (2 * self.D * t) * gauss))

        p, slope = self.clock.integral(spread, mean) / mean
        return p, slope
