r"""Search with resetting: exact first-passage laws, and what clocks that start a search over make of
their mean, by renewal. Walkers that really search live in `walkers`.
"""

from dataclasses import dataclass
from math import exp, expm1, inf, pi, sqrt
from typing import ClassVar, TypeVar

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from ... import require
from .clocks import Clock, Poisson

AnyClock = TypeVar("AnyClock", bound=Clock)
LARGEST = 709.0  # expm1 of more overflows


@dataclass(frozen=True)
class FreeDiffusion:
    """Diffusion with no target, dx = √(2D) dW, from x0, which is where a reset leads back to.

    Attributes:
        targets: places where a walker stops.
        drift: of a walker, length/time.

    Raises `ValueError` for x0 that is not finite, or D that is not positive.
    """

    x0: float = 0.0
    D: float = 1.0
    targets: ClassVar[tuple[float, ...]] = ()
    drift: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        require.positive(self, "D")
        require.finite(self, "x0")

    def resets(self, r: float) -> float:
        """Mean number of resets at rate r until the walker arrives; ∞ from 1e308 on."""
        return inf

    def laplace(self, s: float) -> float:
        r"""$\langle e^{-sT}\rangle$ without resets."""
        return 1 / (1 + self.resets(s))


@dataclass(frozen=True)
class Search(FreeDiffusion):
    r"""A target at 0, a start at x0 > 0, and a drift v towards the target:
    $dx = -v\,dt + \sqrt{2D}\,dW$.

    Without resets, and with the Péclet number Pe = x0 v/2D, for v > 0

    $$\langle T\rangle = x_0/v, \qquad \mathrm{CV}^2 = \mathrm{Var}(T)/\langle T\rangle^2 = 1/\mathrm{Pe};$$

    for v ≤ 0 the mean is infinite. With resets at rate r

    $$\langle T_r\rangle = \frac1r\Big(\exp\Big[\frac{x_0}{2D}\big(\sqrt{v^2 + 4Dr} - v\big)\Big] - 1\Big),$$

    for v = 0 least at $r_* = z_*^2 D/x_0^2$ with $z_*/2 = 1 - e^{-z_*}$, $z_* = 2 + W_0(-2e^{-2}) = 1.5936$.

    Args:
        x0: distance of the start from the target.
        D: diffusion coefficient, length²/time.
        v: drift towards the target, length/time; negative is away from it.

    Raises `ValueError` for x0 or D that is not positive, or v that is not finite.

    Source: Evans, Majumdar, PRL 106, 160601 (2011); with drift Ray, Mondal, Reuveni, J. Phys. A 52,
    255002 (2019).
    """

    x0: float = 1.0
    v: float = 0.0
    targets: ClassVar[tuple[float, ...]] = (0.0,)

    def __post_init__(self) -> None:
        require.positive(self, "x0", "D")
        require.finite(self, "v")

    @property
    def drift(self) -> float:  # type: ignore[override]
        return -self.v

    @property
    def peclet(self) -> float:
        """Pe = x0 v/2D."""
        return self.x0 * self.v / (2 * self.D)

    @property
    def diffusion_time(self) -> float:
        """x0²/D."""
        return self.x0**2 / self.D

    @property
    def mean(self) -> float:
        """⟨T⟩ without resets."""
        return self.x0 / self.v if self.v > 0 else inf

    @property
    def cv(self) -> float:
        """Standard deviation of T over its mean, without resets; ∞ where the mean is."""
        return self.peclet**-0.5 if self.v > 0 else inf

    def resets(self, r: float) -> float:
        root = sqrt(self.v**2 + 4 * self.D * r)
        gap = 4 * self.D * r / (root + self.v) if self.v > 0 else root - self.v  # root − v, exact
        exponent = self.x0 / (2 * self.D) * gap
        return expm1(exponent) if exponent < LARGEST else inf

    def survival(self, t: Tensor) -> Tensor:
        """S(t) = P(T > t) at times of any shape."""
        width = (2 * self.D * t).sqrt()
        if self.v == 0:  # the general formula loses digits at late times
            return torch.erf(self.x0 / (2**0.5 * width))
        ahead, behind = (self.x0 - self.v * t) / width, -(self.x0 + self.v * t) / width
        mirrored = 2 * self.peclet + torch.special.log_ndtr(behind)
        return torch.special.ndtr(ahead) - mirrored.exp()

    def density(self, t: Tensor) -> Tensor:
        """f(t) = −dS/dt at times of any shape: an inverse Gaussian for v > 0."""
        gauss = torch.exp(-((self.x0 - self.v * t) ** 2) / (4 * self.D * t))
        flow = self.x0 / (4 * pi * self.D) ** 0.5 * t**-1.5 * gauss
        return torch.where(gauss > 0, flow, 0.0)  # 0 at t = 0, where t^-1.5 is infinite


@dataclass(frozen=True)
class Interval(FreeDiffusion):
    r"""Two targets, 0 and `length`, and a start between them. With u = x0/`length`, without resets,

    $$\langle T\rangle = \frac{x_0(\text{length} - x_0)}{2D}, \qquad
      \mathrm{CV}^2 = \frac{1 + u - u^2}{3u(1 - u)} - 1,$$

    so that CV > 1, and resetting helps, for u < (5 − √5)/10 = 0.27639, and symmetrically.

    Raises `ValueError` for D that is not positive, or x0 that is not between the targets.

    Source: Pal, Prasad, PRE 99, 032123 (2019).
    """

    x0: float = 0.5
    length: float = 1.0

    def __post_init__(self) -> None:
        require.positive(self, "D", "length")
        require.within(f"(0, {self.length})", self, "x0", hint="a place between the targets")

    @property
    def targets(self) -> tuple[float, ...]:  # type: ignore[override]
        return (0.0, self.length)

    @property
    def diffusion_time(self) -> float:
        """Square of the distance to the nearer target, over D."""
        return min(self.x0, self.length - self.x0) ** 2 / self.D

    @property
    def mean(self) -> float:
        """⟨T⟩ without resets."""
        return self.x0 * (self.length - self.x0) / (2 * self.D)

    @property
    def cv(self) -> float:
        """Standard deviation of T over its mean, without resets."""
        u = self.x0 / self.length
        return ((1 + u - u * u) / (3 * u * (1 - u)) - 1) ** 0.5

    def resets(self, r: float) -> float:
        k = sqrt(r / self.D)
        near, far = sorted((k * self.x0, k * (self.length - self.x0)))
        return expm1(near) * -expm1(-far) / (1 + exp(near - far)) if near < LARGEST else inf

    def survival(self, t: Tensor) -> Tensor:
        """S(t) = P(T > t) at times of any shape."""
        return self._series(t)[0]

    def density(self, t: Tensor) -> Tensor:
        """f(t) = −dS/dt at times of any shape."""
        return self._series(t)[1]

    def _series(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """S and f: by modes at late times, by mirror images of the start at early ones."""
        time, t = self.length**2 / self.D, t[..., None]
        n = torch.arange(1, 12, 2, dtype=torch.float64, device=t.device)
        rate = (n * pi) ** 2 / time
        modes = 4 / (n * pi) * torch.sin(n * pi * self.x0 / self.length) * torch.exp(-rate * t)
        k = torch.arange(-4, 5, dtype=torch.float64, device=t.device)
        sign = torch.where(k % 2 == 0, 1.0, -1.0)
        image = self.x0 + k * self.length  # even k: for the target at 0, odd k: for the other
        erf = torch.erf(image / (4 * self.D * t).sqrt())
        gauss = torch.exp(-(image**2) / (4 * self.D * t))
        flow = torch.where(gauss > 0, image / (4 * pi * self.D) ** 0.5 * t**-1.5 * gauss, 0.0)
        late = t[..., 0] > 0.1 * time
        survival = torch.where(late, modes.sum(-1), (sign * erf).sum(-1))
        density = torch.where(late, (rate * modes).sum(-1), (sign * flow).sum(-1))
        return survival, density


def mean_time(search: Search | Interval, clock: Clock | None = None) -> float:
    r"""Mean search time under a clock, or without resets.

    A search that starts over after each waiting time R is a renewal process, so for every law of T
    and every clock

    $$\langle T_R\rangle = \frac{\langle\min(T, R)\rangle}{P(T \le R)}
       = \frac{\int_0^\infty S\,\Psi\,dt}{\int_0^\infty f\,\Psi\,dt},$$

    which for `Poisson` is $(1/\tilde T(r) - 1)/r$ with the Laplace transform $\tilde T$ of f.

    Source: Pal, Reuveni, PRL 118, 030603 (2017).
    """
    if clock is None:
        return search.mean
    if isinstance(clock, Poisson):
        return search.resets(clock.r) / clock.r
    return _moments(search, clock)[0]


def coefficient_of_variation(search: Search | Interval, clock: Clock | None = None) -> float:
    r"""Standard deviation of the search time over its mean, under a clock or without resets.

    Resets at a low rate help if and only if it exceeds 1 without them, since
    $d\langle T_r\rangle/dr = \langle T\rangle^2 - \langle T^2\rangle/2$ at r = 0; at the best rate it is 1.

    Source: Reuveni, PRL 116, 170601 (2016).
    """
    if clock is None:
        return search.cv
    first, second = _moments(search, clock)
    return sqrt(second - first**2) / first if second < inf else inf


def _moments(search: Search | Interval, clock: Clock) -> tuple[float, float]:
    """⟨T_R⟩ and ⟨T_R²⟩ by renewal: T_R = min(T, R), plus a new T_R if R came first."""

    def laws(t: Tensor) -> Tensor:
        S, f = search.survival(t), search.density(t)
        return torch.stack((S, f, t * S, t * f))

    # ⟨min(T, R)⟩, P(T ≤ R), ⟨min(T, R)²⟩/2, ⟨T; T ≤ R⟩
    time, arrived, half_square, success = clock.integral(laws, search.diffusion_time).tolist()
    if not arrived:
        return inf, inf
    first = time / arrived
    return first, 2 * (half_square + (time - success) * first) / arrived


def optimal(search: Search | Interval, clock: AnyClock) -> AnyClock | None:
    """Of all clocks that are `clock` stretched in time, the one with the shortest mean search; None
    if no resets are better still.

    Example: `optimal(Search(), Poisson())` is the best rate, `optimal(Search(), Lomax(a=2))` the best
    power-law clock with this exponent.

    Raises `ValueError` where the mean time is beyond floating-point numbers for all of them, as for a
    strong drift away from the target.
    """

    def stretched(u: float) -> AnyClock:
        return clock.stretched(search.diffusion_time / clock.mean * exp(u))

    def cost(u: float) -> float:
        return mean_time(search, stretched(u))

    grid = np.linspace(-14, 14, 57)
    costs = [cost(u) for u in grid]
    if min(costs) == inf:
        raise ValueError(
            f"search={search} takes more than 1e308 with any such clock; weaken its drift"
        )
    best = grid[np.argmin(costs)]
    u = minimize_scalar(cost, bounds=(best - 0.5, best + 0.5), options={"xatol": 1e-9}).x
    return stretched(u) if cost(u) < search.mean * (1 - 1e-9) else None
