"""Search for a target by diffusion with resets: clocks, walkers, and the exact laws they obey."""

from .clocks import Clock, Lomax, Poisson, Sharp, StationaryState
from .laws import FreeDiffusion, Interval, Search, coefficient_of_variation, mean_time, optimal
from .walkers import SearchTimes, simulate_paths, simulate_search
