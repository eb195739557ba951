"""From data to physics, with uncertainty."""

from .baselines import CurrentEstimate, finite_time_tur, short_time_tur
from .comparison import Comparison
from .entropy import EntropyProduction, infer_entropy_production
from .fluctuation import (
    accumulate,
    detailed_fluctuation_theorem,
    integral_fluctuation_theorem,
)
from .plugins import WordEstimate, first_passage, gaussian_plugin, knn_plugin, word_plugin

__all__ = [
    "Comparison",
    "CurrentEstimate",
    "EntropyProduction",
    "WordEstimate",
    "accumulate",
    "detailed_fluctuation_theorem",
    "finite_time_tur",
    "first_passage",
    "gaussian_plugin",
    "infer_entropy_production",
    "integral_fluctuation_theorem",
    "knn_plugin",
    "short_time_tur",
    "word_plugin",
]
