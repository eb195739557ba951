"""Machine learning for stochastic thermodynamics, learned by doing it.

What most work needs is here, by one import:

    import stochphys as sp

    data = sp.Trajectories.load("tracks.csv")              # or simulate them
    print(sp.look(data))                                   # steady? errors? wrong frames?
    print(sp.infer_entropy_production(data, generator=0))  # rate ± error, and doubts in words

Data
    Trajectories, Jumps, Movie      paths, states or frames, simulated or from your files
    look                            begin here: a figure, and what is wrong with them, in words
Nature
    Overdamped, Underdamped         an equation of motion of your own
    simulate, simulate_jumps        run it, or a chain of jumps
How much entropy is produced
    short_time_tur                  a safe bound from the best current, in a second
    gaussian_plugin                 in closed form, where forces are linear
    word_plugin                     of numbered states, by counting words
    infer_entropy_production        by networks, for paths, jumps and movies
    integral_fluctuation_theorem    does the answer obey ⟨exp(−ΔS)⟩ = 1?
    dissipation_map                 where in a movie it is produced
Which forces and which noise
    infer_langevin                  drift and diffusion with error bars
    BayesianRegression              the road there, for noise that depends on place
    predict_paths                   what the inferred equation says of paths not seen
How networks learn
    fit                             the one training loop

`help` of each says what it takes, returns and refuses. More of each kind is in the rooms of the
library: data, simulators, models, training, inference, widgets; systems holds the exactly solved
systems of four papers, course what only the notebooks need.

In which order to learn it: the notebooks. 00 to 03 motion, heat, entropy, networks; 11 to 16 forces
and noise; 21 to 26 entropy production; 31 to 33 movies; 41 to 43 resetting. Which estimator for
which data: docs/estimators.md.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Trajectories": "data",
    "Jumps": "data",
    "Movie": "movie",
    "look": "widgets",
    "Overdamped": "simulators",
    "Underdamped": "simulators",
    "simulate": "simulators",
    "simulate_jumps": "simulators",
    "short_time_tur": "inference",
    "gaussian_plugin": "inference",
    "word_plugin": "inference",
    "infer_entropy_production": "inference",
    "integral_fluctuation_theorem": "inference",
    "dissipation_map": "inference",
    "infer_langevin": "inference",
    "BayesianRegression": "inference",
    "predict_paths": "inference",
    "fit": "training",
}
_ROOMS = ("data", "simulators", "models", "training", "inference", "widgets", "systems", "course")


def __getattr__(name: str) -> Any:
    """Loaded when it is asked for: `import stochphys` alone costs nothing, not even torch."""
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(["__version__", *_HOMES, *_ROOMS])
