"""What a film shows before anything is inferred: bleaching, a stage that moves, frames that were written
twice, pixels that are full."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..brief import Brief
from ..movie import Movie
from .signs import changes, told, written_twice

PIXELS = 2**25  # looked at, at most
FRAMES = 4000  # at most
FALL = 0.02  # of the brightness
SHIFT = 0.1  # pixels
FULL = 0.01  # of the pixels


@dataclass(frozen=True, eq=False)
class Seen(Brief):
    """Some frames of a film, in pairs that follow each other.

    Attributes:
        frames: the first of each pair `(n, height, width)`, float64.
        equal: whether the second is the same, pixel by pixel `(n,)`.
        path, time: movie and place of the first `(n,)`.
    """

    frames: Tensor
    equal: Tensor
    path: Tensor
    time: Tensor

    @classmethod
    def of(cls, movie: Movie) -> "Seen":
        n, n_times = movie.x.shape
        most = max(60, min(FRAMES, PIXELS // (movie.shape[0] * movie.shape[1])))
        skip = 1 + n * (n_times - 1) // most
        apart = min(skip, max(1, n_times // 60))
        time = torch.arange(0, n_times - 1, apart)
        path = torch.arange(0, n, max(1, skip // apart))
        first = (path[:, None] * n_times + time).flatten()
        a, b = (movie.at(first + i).double().cpu() for i in (0, 1))
        equal = (a == b).flatten(1).all(1)
        return cls(a, equal, path.repeat_interleave(len(time)), time.repeat(len(path)))

    @property
    def brightness(self) -> Tensor:
        return self.frames.mean((1, 2))

    @property
    def place(self) -> Tensor:
        """Row and column of the middle of what is brighter than the median `(n, 2)`, in pixels."""
        light = self.frames - self.frames.flatten(1).median(1).values[:, None, None]
        total = light.sum((1, 2))
        scale = total.abs().clamp(min=1e-3 * self.frames.abs().mean() * light[0].numel())
        total = torch.where(total < 0, -scale, scale)
        row, column = (torch.arange(n).to(light) for n in light.shape[1:])
        return torch.stack((light.sum(2) @ row / total, light.sum(1) @ column / total), 1)


def facts_of_movies(movie: Movie) -> Iterator[str]:
    (n, n_times), (height, width) = movie.x.shape, movie.shape
    yield (
        f"{n} movie{'s' * (n > 1)} of {n_times} frames, {height} × {width} pixels, a frame every {movie.dt:g}: "
        f"{n * (n_times - 1)} steps, {n * (n_times - 1) * movie.dt:.4g} in all."
    )


def signs_of_movies(movie: Movie) -> Iterator[str]:
    """All that is doubtful about a film."""
    seen = Seen.of(movie)
    yield from not_steady_light(seen)
    yield from written_twice(seen.equal)
    if isinstance(movie.reel, Tensor):
        yield from full(seen)


def not_steady_light(seen: Seen) -> Iterator[str]:
    """Whether brightness or the place of what is bright change from the first to the last third."""
    light, place = seen.brightness[:, None], seen.place
    names = [
        "the mean brightness",
        "the middle of the light (row)",
        "the middle of the light (column)",
    ]
    found = changes(torch.cat((light, place), 1), seen.path, seen.time, names)
    spread = place.std(0)
    if bleached := [c for c in found[:1] if c.clear(FALL * light.abs().mean().item())]:
        yield (
            f"Bleaching, or a lamp that drifts: {told(bleached)}. A part of the frame where nothing is shows a lamp. "
            "Divide each frame by its mean before Movie.of, or take a part of the film in which it is steady."
        )
    if moved := [
        c for c, s in zip(found[1:], spread.tolist(), strict=False) if c.clear(max(SHIFT, 0.1 * s))
    ]:
        yield (
            f"Moving: {told(moved)}, in pixels: a stage that drifts, or an object that moves as a whole. "
            "Something that is fixed in the frame tells; shift the frames back before Movie.of, or crop "
            "around what stays."
        )


def full(seen: Seen) -> Iterator[str]:
    """Whether many pixels have the largest value, and few lie a little below."""
    top = seen.frames.max()
    share = (seen.frames == top).double().mean().item()
    near = ((seen.frames >= 0.9 * top) & (seen.frames < top)).double().mean().item()
    if share > FULL and share > near / 4 and top > seen.frames.min():
        yield (
            f"Full pixels: {share:.1%} have the largest value, {top:g}, and {near:.1%} lie within a tenth below it. The "
            "camera was saturated, or the file was cut off there: what moves in them is not seen. A shorter "
            "exposure shows it; a mask, or an image of two values, looks the same."
        )
