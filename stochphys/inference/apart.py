"""Whether coordinates are several, or one under several names."""

import torch

from .increments import Increments

SAME = 1e-8  # part of steps, squared, by which coordinates must differ


def check_apart(data: Increments) -> None:
    """`ValueError` for coordinates that move as one, or with time: what each of them does to the drift, and
    what its own D is, cannot be known."""
    x = data.x.flatten(0, 1)
    n = x.shape[1] - data.noisy.stop  # 1 if time is an input
    names = [f"coordinate {k}" for k in range(data.dim)]
    inputs = [*names, *(f"velocity {k}" for k in range(data.noisy.start)), *["time"] * n]
    for values, of in ((data.steps.flatten(0, 1), names), (x - x.mean(0), inputs)):
        scaled = values / values.square().mean(0).sqrt().clamp(min=1e-300)
        parts, vectors = torch.linalg.eigh(scaled.T @ scaled / len(scaled))
        if 1 < len(of) < len(values) / 3 and parts[0] < SAME:
            same = [of[k] for k in (vectors[:, 0].abs() > 0.05).nonzero().flatten().tolist()]
            raise ValueError(
                f"{' and '.join(same)} are the same up to factors and constants, so the equation of "
                f"each cannot be known; leave {'time=True' if same[-1] == 'time' else same[-1]} out"
            )
