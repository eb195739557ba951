"""From data to physics, with uncertainty.

Entropy production: `short_time_tur`, `finite_time_tur`, `gaussian_plugin`, `word_plugin`,
`knn_plugin`, `first_passage_ratio`, and by networks `infer_entropy_production`. The answer is
doubted by `integral_fluctuation_theorem` and `detailed_fluctuation_theorem`; `dissipation_map` says
where in a movie it is produced, `entropy_at` how much at some places. Forces and noise: `infer_langevin`, by `BayesianRegression`,
`LaplaceNetwork` or `BootstrapEnsemble`, on the bases `RBF` or `Polynomial`; what follows: `predict_paths`, `mean_first_passage_time`,
`entropy_production_rate`, `heat_rate`.
"""

from ..models.bases import RBF, Polynomial
from .comparison import Comparison, coverage, coverage_curve, nmse
from .currents import CurrentEstimate, finite_time_tur, short_time_tur
from .entropy import infer_entropy_production
from .fluctuation import accumulate, detailed_fluctuation_theorem, integral_fluctuation_theorem
from .growing import LaplaceNetwork
from .increments import Increments, increments
from .inertia import secant_factor
from .langevin import infer_langevin
from .maps import DissipationMap, PlaceEntropy, dissipation_map, entropy_at, frame_maps
from .neural import BootstrapEnsemble
from .plugin_estimators import first_passage_ratio, gaussian_plugin, knn_plugin
from .posterior import DiffusionField, Posterior
from .predict import Prediction, mean_first_passage_time, predict_paths
from .regression import BayesianRegression, Samples
from .results import EntropyProduction, Langevin
from .thermodynamics import entropy_production_rate, heat_rate
from .words import word_plugin
