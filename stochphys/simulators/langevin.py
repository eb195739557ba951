"""What a system is: the equation of motion and whatever is known exactly about it.

A system is a small frozen object that says what physics it is. It never steps itself: that is the
work of `integrate.simulate`. Three kinds are enough for the course: `Overdamped` and `Underdamped`
here, and `Linear`, for which everything is known in closed form, in a file of its own. All that an
estimator asks of a system is `Exact`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Protocol

import torch
from torch import Tensor

from .. import require
from ..brief import Brief
from ..data import Trajectories
from ..paths import Paths, Windows, check_frames, end_to_end, of_windows


class Exact(Protocol):
    """A system that knows what entropy its paths produce, or says why nobody can.

    Every system of this package is one, with one signature, and so is any object of yours with this
    method: an estimate is compared with it by `result.compare(system)`.
    """

    def entropy_production(
        self, data: Paths, scheme: str | None = None, *, frames: int = 2
    ) -> Tensor:
        """ΔS between the ends of windows of `frames` frames that lie end to end, with one frame in
        common: of each step by default, `(n_trajectories, (n_times - 1) // (frames - 1))`.

        `scheme`: how the data were made; by default as `simulate` makes them by default.

        Raises `TypeError` for data of another kind, `ValueError` for data that do not fit, and for a
        system whose entropy production is not defined or not known, with the reason.
        """


class System(Brief, ABC):
    r"""A stochastic differential equation in the sense of Itô,

    $$dx = \text{drift}(x, t)\,dt + B(x, t)\,dW, \qquad B B^\top = 2D.$$

    A subclass gives `dim`, `drift` and `noise_amplitude`. It sets `additive = True` if B depends
    neither on x nor on t, which saves time; `simulate` checks the claim. One whose entropy production
    is known gives `step_entropy`, and in `entropy_schemes` what it can be asked for, the way in which
    `simulate` makes its paths first; one that has none says in `no_entropy` why.
    """

    dim: int
    additive: bool = False
    underdamped: bool = False
    entropy_schemes: tuple[str, ...] = ("midpoint",)
    no_entropy: str = ""

    @abstractmethod
    def drift(self, x: Tensor, t: float) -> Tensor:
        """Itô drift at states `x (n_trajectories, dim)`, same shape."""

    @abstractmethod
    def noise_amplitude(self, x: Tensor, t: float) -> Tensor | float:
        """B at states `x (n_trajectories, dim)`.

        Independent noises: anything that broadcasts to `x`. Mixed noises: one axis more than `x`,
        `(n_trajectories or 1, dim, dim)`.
        """

    def confine(self, x: Tensor) -> None:  # noqa: B027
        """Bring states `x (n_trajectories, dim)` that a step led out of bounds back, in place.

        A system with bounds overrides it; it is then integrated by `"euler"`, in which a mirror
        image is the step of the reflected process.
        """

    def entropy_production(
        self, data: Paths, scheme: str | None = None, *, frames: int = 2
    ) -> Tensor:
        r"""Stochastic entropy produced in each step, `(n_trajectories, n_times - 1)`, k_B = 1.

        | scheme       | ΔS of a step from x to x'                                              |
        |--------------|------------------------------------------------------------------------|
        | `"exact"`    | $\ln p(x, x')/p(x', x)$ of the process itself, seen every `dt`         |
        | `"euler"`    | the same of the Euler–Maruyama chain with steps of `dt`                |
        | `"midpoint"` | heat over temperature plus the change of $-\ln p$, both by the midpoint rule of Stratonovich: right up to terms that vanish with `dt` |

        Args:
            data: `Trajectories` of this system.
            scheme: how they were made; by default as `simulate` makes them of this system:
                "exact" for a `Linear` one, "euler" for a `Stirred` one as long as each step is kept,
                "midpoint" where a step has no log-ratio in closed form.
            frames: in a window, as in `Exact`; what its steps produce is added up.

        Raises:
            TypeError: data of another kind, or a system of your own without `step_entropy`.
            ValueError: another number of coordinates, a scheme that this system does not know, too
                many frames; a system whose entropy production is not defined or not known.
        """
        name = type(self).__name__
        if not isinstance(data, Trajectories):
            raise TypeError(f"data must be the Trajectories of a {name}, got {type(data).__name__}")
        if data.dim != self.dim:
            raise ValueError(f"these paths have dim={data.dim}, {name} has {self.dim}")
        check_frames(frames, data.longest)
        if scheme is not None and scheme not in self.entropy_schemes:
            # A system that refuses them all says why before it says which it knows.
            self.step_entropy(data.gapless()[0].take(slice(1)), self.entropy_schemes[0])
            hint = f"{name} knows the entropy of no other steps"
            require.one_of(self.entropy_schemes, scheme=scheme, hint=hint)
        chosen = scheme or self.entropy_schemes[0]

        def entropy(paths: Trajectories) -> Tensor:
            return end_to_end(self.step_entropy(paths, chosen), frames)

        return of_windows(entropy, data, frames)

    def step_entropy(self, trajectories: Trajectories, scheme: str) -> Tensor:
        """ΔS of each step, `(n_trajectories, n_times - 1)`, without gaps; see `entropy_production`."""
        if self.no_entropy:
            raise ValueError(f"{type(self).__name__} {self.no_entropy}")
        raise TypeError(
            f"{type(self).__name__} does not say what entropy its paths produce; define "
            "step_entropy(trajectories, scheme), or take a system that does"
        )


def each_step(method: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A method of a system that says something of each step of paths without gaps,
    `(n_trajectories, n_times - 1, …)`, for all paths: NaN where a step is missing."""

    @wraps(method)
    def of_any(system: System, trajectories: Trajectories, *args: Any, **options: Any) -> Tensor:
        values = method(system, trajectories.gapless()[0], *args, **options)
        if trajectories.stretches is None:
            return values
        last = values[:, 0].movedim(0, -1)  # (…, n_windows)
        laid = Windows(trajectories).laid(last)  # (…, n_trajectories, n_steps)
        return laid.movedim((-2, -1), (0, 1))

    return of_any


class Overdamped(System):
    """Positions alone: inertia has died out. All of the state is even under time reversal."""


@dataclass(frozen=True, eq=False)
class Underdamped(System):
    r"""Positions and velocities, state (x, v) of `dim` = 2n entries, v odd under time reversal:

    $$dx = v\,dt, \qquad m\,dv = F(x, t)\,dt - \gamma v\,dt + \sqrt{2\gamma T}\,dW.$$

    A subclass gives `dim` and `force`; the numbers `mass`, `gamma` and `T` are arguments (each a
    float, or a tensor with one entry per degree of freedom). Another kind of friction or noise overrides `acceleration`
    and `velocity_noise`; the splitting scheme no longer applies if friction is not −γv or the noise depends on v.

    Raises `ValueError` for a mass or temperature that is not positive, or a negative friction.
    """

    mass: float | Tensor = 1.0
    gamma: float | Tensor = 1.0
    T: float | Tensor = 1.0
    underdamped = True
    additive = True

    def __post_init__(self) -> None:
        positive, not_negative = require.positive, require.not_negative
        for name, check in (("mass", positive), ("T", positive), ("gamma", not_negative)):
            for entry in torch.as_tensor(getattr(self, name)).flatten().tolist():
                check(**{name: entry})

    def force(self, x: Tensor, t: float) -> Tensor:
        """Force at positions `x (n_trajectories, n)`, same shape."""
        raise TypeError(f"{type(self).__name__} must define force(x, t) or acceleration(x, v, t)")

    def acceleration(self, x: Tensor, v: Tensor, t: float) -> Tensor:
        """dv/dt without the noise, at positions and velocities `(n_trajectories, n)`."""
        return (self.force(x, t) - self.gamma * v) / self.mass

    def velocity_noise(self, x: Tensor, v: Tensor, t: float) -> Tensor | float:
        """Amplitude of the noise on the velocities, `(n_trajectories, n)` or what broadcasts."""
        return (2 * self.gamma * self.T) ** 0.5 / self.mass

    def drift(self, x: Tensor, t: float) -> Tensor:
        position, velocity = x.chunk(2, dim=-1)
        return torch.cat((velocity, self.acceleration(position, velocity, t)), dim=-1)

    def noise_amplitude(self, x: Tensor, t: float) -> Tensor:
        position, velocity = x.chunk(2, dim=-1)
        amplitude = torch.as_tensor(
            self.velocity_noise(position, velocity, t), dtype=x.dtype, device=x.device
        )
        return torch.cat((torch.zeros_like(position), amplitude.expand_as(velocity)), dim=-1)


def square_root(covariance: Tensor) -> Tensor:
    """A matrix R `(…, dim, dim)` with R Rᵀ = covariance, also when the covariance is singular."""
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt()[..., None, :]


def noise_matrix(system: System, x: Tensor, t: float) -> Tensor:
    """B as a matrix for each of the states `x (n_trajectories, dim)`, `(n_trajectories, dim, dim)`."""
    B = torch.as_tensor(system.noise_amplitude(x, t), dtype=x.dtype, device=x.device)
    if B.ndim <= x.ndim:
        B = torch.diag_embed(B.expand_as(x))
    return B.expand(*x.shape, x.shape[-1])


def noise_induced_drift(system: System, x: Tensor, t: float) -> Tensor:
    r"""The difference between the Itô and the Stratonovich drift of the same process,

    $$\text{drift}_i^{\text{Itô}} - \text{drift}_i^{\text{Strat}}
      = \tfrac12 \sum_{jk} B_{kj}\, \partial_k B_{ij},$$

    at states `x (n_trajectories, dim)`, same shape. A system written in Stratonovich form adds it
    to its drift. Derivatives are taken by automatic differentiation (Gardiner, §4.3.6).
    """
    if system.additive:
        return torch.zeros_like(x)
    B = noise_matrix(system, x, t)
    total = torch.zeros_like(x)
    for j in range(x.shape[-1]):  # derivative of column j of B along itself
        change = torch.func.jvp(lambda y: noise_matrix(system, y, t), (x,), (B[..., j],))[1]
        total = total + change[..., j] / 2
    return total
