"""From data to physics, with uncertainty."""

from .baselines import TURBound, finite_time_tur, short_time_tur
from .entropy import Comparison, EntropyProduction, infer_entropy_production
from .fluctuation import (
    accumulate,
    detailed_fluctuation_theorem,
    integral_fluctuation_theorem,
)

__all__ = [
    "Comparison",
    "EntropyProduction",
    "TURBound",
    "accumulate",
    "detailed_fluctuation_theorem",
    "finite_time_tur",
    "infer_entropy_production",
    "integral_fluctuation_theorem",
    "short_time_tur",
]
