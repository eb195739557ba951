"""From data to physics, with uncertainty."""

from .baselines import CurrentEstimate, finite_time_tur, short_time_tur
from .calibration import coverage, coverage_curve, nmse
from .comparison import Comparison
from .drift import Langevin, infer_langevin
from .engine import InferredEngine, infer_engine
from .entropy import EntropyProduction, infer_entropy_production
from .fluctuation import (
    accumulate,
    detailed_fluctuation_theorem,
    integral_fluctuation_theorem,
)
from .gradient_split import GradientSplit, annealed, gradient_split
from .increments import Increments, increments, secant_factor
from .maps import (
    DissipationMap,
    MapScore,
    Truth,
    blob_weights,
    dissipation_map,
    frame_maps,
    score_map,
    truth_map,
    truths,
)
from .memorisation import memorised
from .movie_baselines import pca, track
from .neural import (
    BootstrapEnsemble,
    DropoutNetwork,
    LaplaceNetwork,
    VariationalNetwork,
)
from .neuron import infer_conductances, infer_gate
from .paired import paired_gain
from .passage import mean_first_passage_time
from .plugin_estimators import (
    WordEstimate,
    first_passage_ratio,
    gaussian_plugin,
    knn_plugin,
    word_plugin,
)
from .posterior import Posterior
from .predict import Prediction, predict_paths
from .regression import BayesianRegression, Samples
from .thermodynamics import entropy_production_rate, heat_rate

__all__ = [
    "BayesianRegression",
    "BootstrapEnsemble",
    "Comparison",
    "CurrentEstimate",
    "DissipationMap",
    "DropoutNetwork",
    "EntropyProduction",
    "GradientSplit",
    "Increments",
    "InferredEngine",
    "Langevin",
    "LaplaceNetwork",
    "MapScore",
    "Posterior",
    "Prediction",
    "Samples",
    "Truth",
    "VariationalNetwork",
    "WordEstimate",
    "accumulate",
    "annealed",
    "blob_weights",
    "coverage",
    "coverage_curve",
    "detailed_fluctuation_theorem",
    "dissipation_map",
    "entropy_production_rate",
    "finite_time_tur",
    "first_passage_ratio",
    "frame_maps",
    "gaussian_plugin",
    "gradient_split",
    "heat_rate",
    "increments",
    "infer_conductances",
    "infer_engine",
    "infer_entropy_production",
    "infer_gate",
    "infer_langevin",
    "integral_fluctuation_theorem",
    "knn_plugin",
    "mean_first_passage_time",
    "memorised",
    "nmse",
    "paired_gain",
    "pca",
    "predict_paths",
    "score_map",
    "secant_factor",
    "short_time_tur",
    "track",
    "truth_map",
    "truths",
    "word_plugin",
]
