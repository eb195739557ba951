"""Films of two beads through a real camera, each artefact alone and all together: what a look says, and what
`infer_entropy_production` makes of it.

One film is cut into pieces, as a user would. The truth is ΔS of the very steps that were held out, at the
moments in the middle of each exposure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stochphys.course.studies.pca import pca
from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference import infer_entropy_production, short_time_tur
from stochphys.inference.signs_of_data import signs_of
from stochphys.movie import Movie
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring, bead_camera

from .. import print_table
from .runs import ended

DT, EXPOSURE, PEAK = 0.05, 10, 255.0  # time between frames, moments in an exposure, brightest pixel
SYSTEMS = {"driven": BeadSpring(T_c=1.0, T_h=10.0), "equilibrium": BeadSpring(T_c=5.0, T_h=5.0)}

Change = Callable[[Tensor, torch.Generator], Tensor]


def noise(frames: Tensor, g: torch.Generator) -> Tensor:
    """One number in each frame `(n, 1, 1)`."""
    return torch.randn(len(frames), 1, 1, generator=g)


def clock(frames: Tensor) -> Tensor:
    """The time of each frame `(n, 1, 1)`, from 0 to 1."""
    return torch.linspace(0, 1, len(frames))[:, None, None]


def uneven(frames: Tensor, g: torch.Generator) -> Tensor:
    """A third of the light at the right, and less above than below."""
    height, width = frames.shape[1:]
    return frames * torch.linspace(1, 0.33, width) * torch.linspace(0.7, 1, height)[:, None]


def shot_noise(photons: float) -> Change:
    """So many photons in the brightest pixel."""
    return lambda frames, g: torch.poisson(frames * photons / PEAK, generator=g) * PEAK / photons


CHANGES: dict[str, Change] = {
    "uneven light": uneven,
    "half bleached": lambda frames, g: frames * 0.5 ** clock(frames),
    "lamp flickers by 3 %": lambda frames, g: frames * (1 + 0.03 * noise(frames, g)),
    "100 photons": shot_noise(100),
    "1000 photons": shot_noise(1000),
    "read noise of 2 %": lambda x, g: x + 0.02 * PEAK * torch.randn(x.shape, generator=g),
}
SHUTTER, DRIFT, JITTER, ALL = "open shutter", "stage drifts 4 px", "stage shakes by 0.1 px", "all"
ARTEFACTS = ("none", *CHANGES, SHUTTER, DRIFT, JITTER, ALL)


def filmed(system: BeadSpring, frames: int, artefact: str, seed: int) -> tuple[Movie, Tensor]:
    """One film, and ΔS between the moments in the middle of its frames `(frames,)`, the last of none."""
    g = make_generator(seed)
    here = {name for name in ARTEFACTS if artefact in (name, ALL)}
    k = EXPOSURE if SHUTTER in here else 1
    x = simulate(system, 1, k * frames, DT / k, generator=g).x[0, :-1]
    moments = Trajectories(x[None, k // 2 :: k], DT)
    exact = torch.cat((system.entropy_production(moments, "exact")[0], torch.zeros(1)))
    stage = torch.zeros(frames, 2)  # row and column
    if DRIFT in here:
        stage = stage + torch.linspace(0, 4, frames)[:, None] * torch.tensor([0.3, 1.0])
    if JITTER in here:
        stage = stage + 0.1 * torch.randn(frames, 2, generator=g)
    camera = bead_camera(system)
    both = torch.cat((camera.motion, torch.eye(2).expand(2, 2, 2)), dim=2)
    states = torch.cat((x, stage.repeat_interleave(k, 0)), dim=1)
    images = replace(camera, motion=both)(states.view(frames, k, 4)).mean(1)
    for name in CHANGES:
        if name in here:
            images = CHANGES[name](images, g)
    return Movie.of(images, DT).cut(50 if frames >= 5000 else 20), exact


def words(sentences: Sequence[str]) -> list[str]:
    return [sentence.removeprefix("No rate. ").split(":")[0] for sentence in sentences]


def looked(artefact: str, system: str, frames: int, *, seed: int) -> list[str]:
    """The first words of each finding."""
    return words(signs_of(filmed(SYSTEMS[system], frames, artefact, seed)[0]))


def inferred(artefact: str, system: str, frames: int, *, seed: int) -> dict[str, Any]:
    """Rate and error by the default call, what networks read before anything is taken out of it, and the rate of
    two components, beside what the same steps, or all, show."""
    movie, exact = filmed(SYSTEMS[system], frames, artefact, seed)
    found = infer_entropy_production(movie, generator=seed, progress=False)
    truth = exact[found.held_out.x[:, :-1]].mean().item() / DT
    read = found.entropy.double().mean().item() / DT
    rate, std = short_time_tur(pca(movie, 2), generator=seed)
    return dict(
        rate=found.rate, std=found.std, truth=truth, read=read, components=rate, of_components=std,
        whole=exact[movie.x[:, :-1]].mean().item() / DT, words=words(found.warnings),
    )  # fmt: skip


def study(results: Path, seeds: Sequence[int] | None, *, tiny: bool, retry: bool) -> None:
    lengths = (200,) if tiny else (1000, 5000, 20_000)
    names = ("none", SHUTTER) if tiny else ARTEFACTS
    settings = [
        dict(artefact=a, system=s, frames=n) for n in lengths for a in names for s in SYSTEMS
    ]
    few, many = (range(1), range(2)) if tiny else (range(700, 705), range(700, 720))
    looks = ended(looked, settings, seeds or many, results, retry)
    rates = ended(inferred, settings, seeds or few, results, retry)
    lines = []
    for setting in settings:
        said, found = (
            [row["result"] for row in rows if row["setting"] == setting] for rows in (looks, rates)
        )
        told = [each for each in found if isfinite(each["rate"])]
        z = torch.tensor([(each["rate"] - each["truth"]) / each["std"] for each in told])
        mean = sum(each["rate"] for each in told) / max(1, len(told))
        read = sum(each["read"] for each in found) / sum(each["truth"] or 1 for each in found)
        two = [each for each in found if isfinite(each["components"])]
        both = [
            sum(each[key] for each in two) / max(1, len(two))
            for key in ("components", "of_components")
        ]
        lines.append(
            (
                *setting.values(),
                f"{sum(map(bool, said))} of {len(said)}",
                ", ".join(sorted({word for each in said for word in each})),
                f"{len(found) - len(told)} of {len(found)}",
                f"{mean:.3f}",
                f"{sum(each['truth'] for each in found) / len(found):.3f}",
                f"{read:.2f}",
                "{:.3f} ± {:.3f}".format(*both),
                int((z.abs() > 2).sum()),
                int((z.abs() > 3).sum()),
            )
        )
    head = (
        "artefact",
        "system",
        "frames",
        "named",
        "as",
        "withheld",
        "rate",
        "truth",
        "read/truth",
        "2 components",
    )
    print_table((*head, "beyond 2 s.e.", "beyond 3 s.e."), lines)
