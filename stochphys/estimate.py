"""What every estimator of a rate returns: the rate, its error, and what is doubtful about it.

Other numbers that come with an error are not called rates: what is predicted from an inferred
equation is a `Prediction`, many numbers at once are `Averages`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import NamedTuple

from torch import Tensor

from .brief import Brief

NO_RATE = (
    "No rate: these data, or what is left of them without some of the paths, do not define it: a variance, "
    "or a number of events, is zero."
)
NO_ERROR = "No error bar: of a single path there is no spread. Cut it into pieces, data.cut(20)."


@dataclass(frozen=True, eq=False)
class Estimate(Brief):
    """A rate that was estimated from data; what is special to an estimator is in a subclass.

    `rate, std = estimate` takes the two numbers out of any of them.

    What is not finite is withheld, nan, and the reason is in `warnings`.

    Attributes:
        rate: the estimate, per `unit`.
        std: its standard error.
        warnings: sentences on what is doubtful; empty if nothing is.
        unit: what it is a rate per: "unit time", or "jump" for a chain without waiting times.
    """

    rate: float
    std: float
    warnings: tuple[str, ...] = ()
    unit: str = field(default="unit time", repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.warnings, str):  # would be printed letter by letter
            raise TypeError(f"warnings must be a tuple of sentences, got {self.warnings!r}")
        if self.warnings or isfinite(self.rate) and isfinite(self.std):
            return
        reason = NO_ERROR if isfinite(self.rate) else NO_RATE
        object.__setattr__(self, "warnings", (reason,))

    def __iter__(self) -> Iterator[float]:
        return iter((self.rate, self.std))

    @property
    def remark(self) -> str:
        """What else belongs on the line."""
        return ""

    def __str__(self) -> str:
        line = f"{self.rate:.4g} ± {self.std:.2g} per {self.unit}{self.remark}"
        return "\n".join((line, *self.warnings))


class Averages(NamedTuple):
    """Numbers that are no rates, with their standard errors: tensors of one shape."""

    mean: Tensor
    std: Tensor
