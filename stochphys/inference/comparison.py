"""An estimate of entropy production beside the exact answer, where there is one."""

from dataclasses import dataclass
from inspect import signature
from math import nan
from typing import Any

import torch
from torch import Tensor

from ..data import Paths
from ..movie import Movie
from ..simulators import Exact


@dataclass(frozen=True)
class Comparison:
    """An estimate against the exact answer on the same steps.

    Attributes:
        exact_rate: mean of the exact ΔS of these steps, per unit time.
        ratio: inferred over exact rate.
        r_squared: squared correlation of the ΔS of single steps; blind to a wrong scale.
        slope: of the regression of inferred on exact ΔS; not blind to it.

    Where no step produces anything, as in `DoubleHump`, the last three are nan.
    """

    exact_rate: float
    ratio: float
    r_squared: float
    slope: float

    @classmethod
    def of(cls, exact: Tensor, learned: Tensor, rate: float, dt: float) -> "Comparison":
        """From the exact and the inferred ΔS of the same steps `(…)`, and the inferred rate."""
        exact_rate = exact.double().mean().item() / dt
        ratio = rate / exact_rate if exact_rate else nan
        return cls(exact_rate, ratio, *r_squared_and_slope(exact, learned))


def exact_entropy(
    system: Exact, data: Paths, scheme: str | None = None, *, frames: int = 2
) -> Tensor:
    """What `system.entropy_production` says of these data, of movies what it says of what was filmed.

    Raises `TypeError` for what is not `Exact`, and whatever that method refuses.
    """
    filmed = data.filmed if isinstance(data, Movie) else data
    form = "entropy_production(data, scheme, *, frames)"
    exact = ask(system, form, filmed, scheme, frames=frames)
    shape = (filmed.n_trajectories, (filmed.n_times - 1) // (frames - 1))
    if not isinstance(exact, Tensor) or exact.shape != shape:
        got = tuple(exact.shape) if isinstance(exact, Tensor) else type(exact).__name__
        raise TypeError(
            f"{type(system).__name__}.entropy_production must give a tensor {shape}, got {got}; see "
            "simulators.Exact"
        )
    return exact


def ask(system: Any, form: str, *args: Any, **options: Any) -> Any:
    """What a system answers when its method of this form, `name(arguments)`, is asked. Raises
    `TypeError` for what has no such method."""
    name = form.partition("(")[0]
    try:
        signature(getattr(system, name)).bind(*args, **options)
        missing = isinstance(system, type)  # whose methods have no self
    except (AttributeError, TypeError):
        missing = True
    if missing:
        kind = f"the class {system.__name__}" if isinstance(system, type) else type(system).__name__
        raise TypeError(
            f"{kind} cannot be compared with: that takes an object with a method {form}"
        )
    return getattr(system, name)(*args, **options)


def r_squared_and_slope(exact: Any, learned: Any) -> tuple[float, float]:
    r"""How well, and with which factor, `learned` follows `exact`: R² and slope.

    Both belong to the least-squares line learned ≈ slope · exact + constant, with
    $R^2 = \mathrm{corr}^2$. R² does not see a wrong factor, the slope does not see noise: a
    network is good only if both are near one. Tensors or arrays of any shape, as many in both.
    """
    x, y = (torch.as_tensor(values).detach().double().flatten() for values in (exact, learned))
    if len(x) != len(y):
        raise ValueError(f"exact and learned must have one shape, got {len(x)} and {len(y)} values")
    n, x_mean, y_mean = len(x), x.mean(), y.mean()  # without copies: there may be millions
    xx, xy, yy = x @ x / n - x_mean**2, x @ y / n - x_mean * y_mean, y @ y / n - y_mean**2
    return (xy**2 / (xx * yy)).item(), (xy / xx).item()
