"""From data to physics, with uncertainty."""

from .baselines import CurrentEstimate, finite_time_tur, short_time_tur
from .calibration import coverage, coverage_curve, nmse
from .comparison import Comparison
from .drift import Langevin, infer_langevin
from .entropy import EntropyProduction, infer_entropy_production
from .fluctuation import (
    accumulate,
    detailed_fluctuation_theorem,
    integral_fluctuation_theorem,
)
from .increments import Increments, increments, secant_factor
from .plugins import WordEstimate, first_passage, gaussian_plugin, knn_plugin, word_plugin
from .posterior import Posterior
from .regression import BayesianRegression, Samples

__all__ = [
    "BayesianRegression",
    "Comparison",
    "CurrentEstimate",
    "EntropyProduction",
    "Increments",
    "Langevin",
    "Posterior",
    "Samples",
    "WordEstimate",
    "accumulate",
    "coverage",
    "coverage_curve",
    "detailed_fluctuation_theorem",
    "finite_time_tur",
    "first_passage",
    "gaussian_plugin",
    "increments",
    "infer_entropy_production",
    "infer_langevin",
    "integral_fluctuation_theorem",
    "knn_plugin",
    "nmse",
    "secant_factor",
    "short_time_tur",
    "word_plugin",
]
