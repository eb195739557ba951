"""The figures of the lessons; most pages take them from the modules.

A function draws on the axes it is given and labels them; the figure, its size and what it says
belong to the notebook. Numbers come as tensors or arrays; exact is dashed grey, data is points,
learned is green. $k_B = 1$, so entropy has no unit of its own and is written in units of $k_B$.
"""

from .planes import phase_plane
from .plots import entropy_histogram, fluctuation_line, mirrored_histogram, running_sums
