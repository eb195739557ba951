"""Exact and generic simulators against the drawing of their normals, and against the usual loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from unittest.mock import patch

import torch
from torch import Tensor

from stochphys.simulators import integrate
from stochphys.systems import BeadSpring

from ..simulators import DT, DoubleWell, draw_normals, run, usual_chain, usual_loop
from .figures import Figure, ratio, rounds

Tasks = dict[str, Callable[[], object]]
OTHER_ROWS = (64, 128)  # of the blocks of the exact simulator, beside the number that it takes


def measure(device: torch.device, tiny: bool) -> Iterator[Figure]:
    repeats = 3 if tiny else 7
    chain, well = BeadSpring(), DoubleWell()
    for m, n in ((200, 50), (400, 20)) if tiny else ((1000, 10_000), (100_000, 1000)):
        name = f"chain of 2, exact, M = {m:,}"
        simulate = partial(run, chain, m, n, device=device)
        tasks: Tasks = {
            "normals": partial(draw_normals, m * n * chain.dim, device),
            "simulate": simulate,
            "loop": partial(usual_chain, chain, m, n, device),
        }
        tasks |= {
            f"blocks of {rows} rows": partial(in_blocks, rows, simulate) for rows in OTHER_ROWS
        }
        seconds = rounds(tasks, device, repeats)
        yield Figure(f"{name}: steps", m * n / min(seconds["simulate"]), "1/s")
        yield ratio(f"{name}: of its normals", seconds, "simulate", "normals", most=3.0)
        yield ratio(f"{name}: faster than the loop", seconds, "loop", "simulate", least=5.0)
        for rows in OTHER_ROWS:
            blocks = f"blocks of {rows} rows"
            own = f"over {integrate.ROWS_GPU}"
            yield ratio(f"{name}: {blocks} {own}", seconds, blocks, "simulate")
    off = deviation(chain, simulate())
    yield Figure("largest deviation of its covariances from the exact ones", off, "s.e.", most=5.0)

    for m, n in ((200, 50), (400, 20)) if tiny else ((10_000, 1000), (1_000_000, 200)):
        name = f"double well, Euler, M = {m:,}"
        simulate = partial(run, well, m, n, 0.0, device)
        loop = partial(usual_loop, lambda x: x - x**3, well.T, m, n, device)
        normals = partial(draw_normals, m * n, device)
        seconds = rounds(
            {"normals": normals, "simulate": simulate, "loop": loop}, device, repeats
        )  # fmt: skip
        yield Figure(f"{name}: steps", m * n / min(seconds["simulate"]), "1/s")
        yield ratio(f"{name}: of its normals", seconds, "simulate", "normals")
        yield ratio(f"{name}: faster than the loop", seconds, "loop", "simulate")
    ours, theirs = (task()[:, -1].double().square() for task in (simulate, loop))
    error = ((ours.var() + theirs.var()) / m).sqrt()
    off = ((ours.mean() - theirs.mean()) / error).abs().item()
    yield Figure("its last ⟨x²⟩ from that of the loop", off, "s.e.", most=5.0)


def in_blocks(rows: int, simulate: Callable[[], object]) -> None:
    with patch.object(integrate, "ROWS_GPU", rows):
        simulate()


def deviation(chain: BeadSpring, x: Tensor) -> float:
    """Of the covariances of the last state, and of it with the one before, from the exact ones: the
    largest, in standard errors. Five of them are passed once in 3 · 10⁵ runs."""
    last, before = x[:, -1].double().cpu(), x[:, -2].double().cpu()
    C, (P, _) = chain.stationary_covariance(), chain.transition(DT)
    variances = torch.outer(C.diagonal(), C.diagonal())
    errors = [
        (last.T @ other / len(x) - exact) / ((variances + exact**2) / len(x)).sqrt()
        for other, exact in ((last, C), (before, P @ C))
    ]
    return torch.stack(errors).abs().max().item()
