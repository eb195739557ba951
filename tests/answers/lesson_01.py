"""Right and wrong answers to the exercises of notebook 01."""

from dataclasses import dataclass
from typing import Any

import torch

from stochphys.simulators import Overdamped


@dataclass(frozen=True)
class Washboard(Overdamped):
    """The answer to 01.1, or a wrong one: its tilt, the sign of its wave, its noise."""

    f: float = 0.3
    wave: float = -1.0
    amplitude: float = 1.0
    dim = 1
    additive = True

    def drift(self, x: torch.Tensor, t: float) -> torch.Tensor:
        return self.f + self.wave * torch.sin(x)

    def noise_amplitude(self, x: torch.Tensor, t: float) -> float:
        return self.amplitude


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "01.1": (
        Washboard(),
        [
            (Washboard(wave=1.0), "(−cos x)' = sin x"),
            (Washboard(f=-0.3, wave=1.0), "turn its sign"),
            (Washboard(f=0.5), "it is f"),
            (Washboard(amplitude=0.5**0.5), "√(2T)"),
            (Washboard(amplitude=0.5), "this is D"),
            (Washboard, "an instance"),
            (0.3, "derived from Overdamped"),
        ],
    ),
    "01.2": (
        2 / 3,
        [
            (2.0, "Euler's variance"),
            (0.75, "for small h only"),
            (8 / 3, "the trial point carries noise"),
            (1 / 3, "this is the error"),
        ],
    ),
    "01.3": (
        0.098,
        [
            (2.0, "the soft spring alone"),
            (0.05, "still stable"),
            (0.2, "overshoot"),
            (0.12, "a little above and below"),
        ],
    ),
    "01.4": (
        0.025,
        [
            (-0.1, "this is the Stratonovich drift"),
            (-0.225, "sign"),
            (0.15, "half of it"),
            (0.125, "alone"),
        ],
    ),
}
