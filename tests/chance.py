"""What chance may do to a test, said once.

An assertion about random draws allows `sigmas()` standard errors: a true one fails with probability
`CHANCE`. The suite makes some 700 of them (every parameter of a test counts), so that one run in 140,
with random numbers it has never seen (`pytest --stream`), fails somewhere by chance: below 1 in 100.
"""

import math

from scipy import stats
from torch import Tensor

CHANCE = 1e-5


def sigmas(comparisons: int = 1, samples: float = math.inf) -> float:
    """Standard errors that a normal variable passes, on either side, with probability `CHANCE`.

    Args:
        comparisons: how many numbers are held to it at once, of which none may pass (Bonferroni).
        samples: how many the standard error itself was found from, where they are few (Student).
    """
    return float(stats.t.isf(CHANCE / (2 * comparisons), samples - 1))


K = sigmas()  # 4.42


def rate_and_error(per_step: Tensor, dt: float) -> tuple[float, float]:
    """Mean over time and over independent paths `(n_paths, n_steps)`, with its standard error."""
    rate = per_step.double().mean(1) / dt
    return rate.mean().item(), (rate.std() / len(rate) ** 0.5).item()


def assert_mean(sample: Tensor, expected: Tensor | float) -> None:
    """The means over the first axis, of independent samples, are `expected` within chance."""
    sample = sample.double()
    error = (sample.mean(0) - expected) / (sample.std(0) / len(sample) ** 0.5)
    k = sigmas(error.numel(), len(sample))
    assert error.abs().max() < k, f"off by {error.tolist()} standard errors, {k:.2f} are allowed"
