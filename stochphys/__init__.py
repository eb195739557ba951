"""stochphys: machine learning for stochastic thermodynamics, learned by doing it."""

__version__ = "0.1.0"
