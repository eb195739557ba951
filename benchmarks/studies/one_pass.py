"""One pass of the study of the digits: networks of many seeds, and of several kinds of resets, trained
together and judged by labels that are true.

What the tables compare lives in `digits`, the recipe in `stochphys.course.studies.digits`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stochphys.course.studies import noisy_labels
from stochphys.course.studies.digits import RECIPE, digits

STEPS, PATIENCE = 3000, 300


def study(
    seeds: Sequence[int],
    noise_rate: float,
    p_reset: Sequence[float] = (0.0,),
    *,
    starts: int = 0,
    steps: int = STEPS,
    **changed: Any,
) -> noisy_labels.Study:
    """`noisy_labels.study` of `digits` by their `RECIPE`, of which `changed` says what is to be another:
    resets begin after 300 steps without a lower held-out objective, the learning rate falls to 0."""
    data = digits(seeds, noise_rate, copies=len(p_reset), starts=starts)
    options = RECIPE | dict(patience=PATIENCE, schedule="cosine") | changed
    return noisy_labels.study(data, p_reset, steps=steps, **options)
