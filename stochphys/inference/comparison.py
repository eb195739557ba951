"""An estimate of entropy production beside the exact answer, where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor


class Exact(Protocol):
    """A system that knows the entropy produced in each step of its own paths."""

    def entropy_production(self, data: Any, *options: Any) -> Tensor: ...


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
        x, y = exact.double().flatten(), learned.double().flatten()
        x_mean, y_mean, n = x.mean(), y.mean(), len(x)
        xx, xy, yy = x @ x / n - x_mean**2, x @ y / n - x_mean * y_mean, y @ y / n - y_mean**2
        exact_rate = x_mean.item() / dt
        return cls(
            exact_rate=exact_rate,
            ratio=rate / exact_rate,
            r_squared=(xy**2 / (xx * yy)).item(),
            slope=(xy / xx).item(),
        )
