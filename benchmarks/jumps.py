"""The jump chains against one chain at a time, in the usual loop.

That loop is how published code does it: at each step the row of the present state is summed up and
compared with a random number. A table of next states, read at twelve random bits, would be five times
as fast as what is timed here, and eight times for one long chain. No page runs chains so long that
anybody would notice, so the loop stays the one that page 24 writes out.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from stochphys.device import make_generator, one_thread
from stochphys.simulators import simulate_jumps
from stochphys.systems import FlashingRatchet

from . import cpu_seconds, print_header, print_table, verdict

RATCHET = FlashingRatchet(V=2.0)


def run(n_trajectories: int, n_steps: int) -> None:
    simulate_jumps(RATCHET, n_trajectories, n_steps, generator=make_generator(0))


def usual_loop(n_steps: int) -> np.ndarray:
    """One chain, step by step."""
    P, rng = RATCHET.P.numpy(), np.random.default_rng(0)
    states, state = np.zeros(n_steps, np.int64), 0
    for i in range(n_steps):
        state = (rng.random() > np.cumsum(P[state])).sum()
        states[i] = state
    return states


def main() -> None:
    with one_thread():
        print_header(
            "Jump chains: steps per processor second, and how often that of the usual loop"
        )
        cases = [  # name, M, steps, target
            ("M = 1000 side by side", 1000, 4000, 2e7),
            ("M = 10 000 side by side", 10_000, 400, 2e7),
            ("one long chain in pieces", 1, 1_000_000, 1e7),
        ]
        loop_steps = 20_000
        tasks = {"loop": partial(usual_loop, loop_steps)}
        tasks |= {name: partial(run, m, steps) for name, m, steps, _ in cases}
        seconds = cpu_seconds(tasks, repeats=25)
        loop = loop_steps / seconds["loop"]
        rows = []
        for name, m, steps, target in cases:
            speed = m * steps / seconds[name]
            rows.append((name, f"{speed:.2g}", f"{speed / loop:.0f}", verdict(speed, least=target)))
        rows.append(("usual loop, one chain", f"{loop:.2g}", "1", ""))
        print_table(("chain", "steps per second", "times the loop", "target"), rows)
