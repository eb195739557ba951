"""Draw docs/overview.png, the picture of the README: nature, a learned path, inferred rates.

    python docs/make_overview.py            (another file can be named)

On one core it takes two minutes.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from stochphys import course
from stochphys.course.figures.plots import cumulative_entropy, phase_plane, sweep
from stochphys.data import Trajectories
from stochphys.inference import infer_entropy_production
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring
from stochphys.widgets.style import EXACT_LINE

picture = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("overview.png")
size = course.sizes(
    quick=dict(n=20, options=dict(steps=10, members=2, progress=False)),
    default=dict(n=1000, options=dict(steps=1000, batch_size=1024)),
    paper=dict(n=1000, options=dict(steps=10_000)),
)
temperatures, dt = (2.0, 5.0, 10.0, 20.0), 0.01

generator = course.setup(quiet=True)
torch.set_num_threads(1)
results = {}
for T_h in temperatures:
    trajectories = simulate(BeadSpring(T_h=T_h), size.n, 1000, dt, generator=generator)
    results[T_h] = infer_entropy_production(trajectories, generator=generator, **size.options)
    print(f"T_h = {T_h:4}: {results[T_h].rate:.3f} ± {results[T_h].std:.3f}")

system, result = BeadSpring(T_h=10.0), results[10.0]
path = Trajectories(result.held_out.x[:1], dt)
exact, learned = system.entropy_production(path, "exact")[0], result.per_step(path)[0]

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12.0, 3.9))
phase_plane(left, result.held_out, system=system)
left.set_title("nature: two beads, one cold, one hot")
cumulative_entropy(middle, exact, learned, dt=dt)
middle.set_title("a network learns the entropy of each step")
between = np.linspace(temperatures[0], temperatures[-1], 41).tolist()
rates = [BeadSpring(T_h=T_h).entropy_production_rate(dt) for T_h in between]
right.plot(between, rates, **EXACT_LINE, label="exact")
found, error = ([getattr(r, name) for r in results.values()] for name in ("rate", "std"))
sweep(right, temperatures, found, error, xlabel="$T_h$ ($T_c$)")
right.set_title("the rate, with its error bar")
figure.savefig(picture, metadata={"Software": None})
