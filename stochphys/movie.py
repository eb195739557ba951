"""Movies: frames of a microscope, stored or rendered on demand, and the order they are seen in.

A movie is a list of numbers of frames on a reel. Cutting, splitting, slowing down, reversing and
shuffling change the numbers; no frame is ever copied, so the reel may lie on disc.
"""

from collections.abc import Callable
from dataclasses import InitVar, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import avg_pool2d, embedding

from . import require
from .brief import Brief
from .data import FLOATS, INTEGERS, Trajectories
from .device import Source, drawn_from
from .io.movies import ENDINGS, EXACT, OWN, mapped, read
from .io.writing import replacing, with_ending
from .paths import Paths, check_axes, check_numbers

PIECE = 4096  # frames that are looked at together, fewer if they are large
SHORT = (torch.uint8, torch.int8, torch.int16, torch.uint16)  # single precision keeps them
PIXELS = (*INTEGERS, torch.uint16, torch.uint32, torch.uint64, torch.float16, *FLOATS)


@dataclass(frozen=True, eq=False)
class Film(Brief):
    """A reel whose frames do not exist until they are looked at.

    Attributes:
        camera: what looks, a `simulators.Camera`.
        states: what it looks at, `(n_frames, dim)`.
        generator: source of the camera's noise.
    """

    camera: Any
    states: Tensor
    generator: Generator | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        return (len(self.states), *self.camera.shape)

    def to(self, device: torch.device | str) -> Self:
        return replace(self, camera=self.camera.to(device), states=self.states.to(device))

    def __getitem__(self, numbers: Tensor) -> Tensor:
        return self.camera(embedding(numbers, self.states), generator=self.generator)


@dataclass(frozen=True, eq=False)
class Movie(Paths):
    """Movies of one size, length and frame interval.

    Attributes:
        reel: what holds the frames, `(n_frames, height, width)`: a tensor of integers or floats,
            which may be memory-mapped, or a `Film`, which renders them when asked.
        dt: time between two frames.
        x: the number on the reel of each frame, `(n_movies, n_times)`; without it, the whole reel
            is one movie.
        check: look at the numbers, and at every pixel of a stored reel; False where all are known
            to be fine.

    Raises:
        TypeError: a reel that is no tensor of integers or floats; `x` that is no tensor of int64.
        ValueError: colour, or another wrong number of axes; no movie, or fewer than two frames; a frame
            not on the reel; a pixel not finite, or an integer beyond 2**24; `dt` not positive.
    """

    reel: Tensor | Film
    dt: float
    x: Tensor = None  # type: ignore[assignment]
    check: InitVar[bool] = True

    def __post_init__(self, check: bool) -> None:
        if not isinstance(self.reel, Film):
            require.tensor(PIXELS, reel=self.reel, hint="it holds frames: torch.as_tensor(reel)")
        shape = tuple(self.reel.shape)
        if len(shape) != 3 or 0 in shape:
            raise ValueError(
                f"reel must have the axes (n_frames, height, width), got shape {shape}; "
                "Movie.of takes (n_movies, n_times, height, width), colours averaged by .mean(-1)"
            )
        require.positive(dt=self.dt, hint="it is the time between two frames")
        if self.x is None:
            object.__setattr__(self, "x", torch.arange(shape[0])[None])
        require.tensor((torch.int64,), x=self.x, hint="its entries are numbers of frames")
        check_axes(self.x, "n_movies", "n_times", hint="one movie needs x[None]")
        if not check:
            return
        check_numbers(self.x, shape[0], "the reel")
        if isinstance(self.reel, Film) or self.reel.dtype in SHORT:
            return
        whole, first = not self.reel.is_floating_point(), 0
        for some in self.reel.split(together(self.shape)):  # a reel on disk is read piece by piece
            wrong = some.double().abs() > EXACT if whole else ~torch.isfinite(some)
            if wrong.any():
                frame, row, column = wrong.nonzero()[0].tolist()
                says = "beyond 2**24, take images.double(): it is" if whole else "not finite,"
                where = f"at frame {first + frame}, row {row}, column {column}"
                raise ValueError(f"images hold a pixel that is {says} {where}; fill or cut it")
            first += len(some)

    @classmethod
    def of(cls, images: Tensor, dt: float) -> "Movie":
        """Stored movies `(n_movies, n_times, height, width)`, or one, `(n_times, height, width)`."""
        require.tensor(PIXELS, images=images, hint="use torch.as_tensor(images)")
        coloured = images.ndim == 4 and images.shape[-1] in (3, 4)
        images = images[None] if images.ndim == 3 else images
        if images.ndim != 4 or images.shape[1] < 2 or coloured or 0 in images.shape:
            raise ValueError(
                "images must have the axes (n_movies, n_times, height, width) with at least two times, "
                f"got shape {tuple(images.shape)}; of colours take the mean: images.float().mean(-1), join "
                "frames by torch.stack, and narrow movies by Movie(images.flatten(0, 1), dt).cut(n_movies)"
            )
        n_movies, n_times, *size = images.shape
        numbers = torch.arange(n_movies * n_times).view(n_movies, n_times)
        return cls(images.reshape(-1, *size), dt, numbers)

    @classmethod
    def load(
        cls,
        path: str | Path,
        dt: float | None = None,
        *,
        channel: int | str | None = None,
        z: int | str | None = None,
        series: int | None = None,
    ) -> "Movie":
        """Read movies from `.npy`, `.npz`, `.tif`, `.gif`, `.mp4`, `.avi` and others, see `io.movies.read`,
        and print a line that says what was read as what, unless `save` wrote it.

        Args:
            path: the file.
            dt: time between two frames; without it, what the file says: a tif in its OME or ImageJ
                metadata, in seconds, a gif or video by the speed at which it is played.
            channel, z, series: which to take of several, counted from 0. `z="time"` says that what a
                tif calls slices are the times, as programs do that know no better; so `channel`.

        Raises:
            FileNotFoundError, ImportError: no such file, or library that reads this ending.
            ValueError: an unknown ending; a damaged file; `dt` that stands nowhere, varies or is not
                positive; a choice to be made, with the call that makes it; frames of several sizes.
            TypeError: numbers that no pixel can have.
        """
        images, dt, words, _ = read(path, dt, channel=channel, z=z, series=series)
        name = Path(path).name
        try:
            reel = torch.from_numpy(images)
            many = reel.ndim == 4  # of which three columns are no colours, the reader has asked
            movie = cls.of(reel.flatten(0, 1), dt).cut(len(reel)) if many else cls.of(reel, dt)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from None
        (n, n_times), (height, width) = movie.x.shape, movie.shape
        size = f"{n} movie{'s' * (n > 1)} of {n_times} frames, {height} × {width} pixels"
        if words:
            print(f"{name}: {'; '.join((size, *words))}")
        return movie

    def save(self, path: str | Path) -> None:
        """Write a `.npz` file that `load` reads; raises what `writing.replacing` raises.

        A film is written as bytes, as a camera of 8 bits records it.
        """
        if (ending := Path(path).suffix.lower()) in ENDINGS[:1] + ENDINGS[2:]:
            raise ValueError(f"path must end in .npz, which is what is written, got {ending}")
        with replacing(with_ending(path, ".npz")) as file:
            stored = self.recorded() if isinstance(self.reel, Film) else self
            np.savez(file, frames=stored.reel[stored.x].cpu().numpy(), dt=self.dt, axes=OWN)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a frame, in pixels."""
        _, height, width = self.reel.shape
        return height, width

    @property
    def filmed(self) -> Trajectories:
        """The trajectories that a camera of the course looks at; a measured movie has none."""
        if isinstance(self.reel, Tensor):
            raise ValueError("what was filmed is not known; keep the movie that camera.film made")
        return Trajectories(self.reel.states[self.x], self.dt, check=False)

    def at(self, index: Tensor) -> Tensor:
        numbers = self.x.take(index.to(self.x.device))
        if isinstance(self.reel, Tensor):  # the reel stays where it lies, only a batch is moved
            flat = numbers.flatten().to(self.reel.device)
            picked = self.reel.index_select(0, flat).to(index.device)
            picked = picked if picked.dtype == torch.float64 else picked.float()
        else:
            picked = self.reel[numbers.flatten()]
        return picked.unflatten(0, numbers.shape)

    def to(self, device: torch.device | str) -> Self:
        reel = self.reel.to(device) if isinstance(self.reel, Film) else self.reel
        return replace(self, reel=reel, x=self.x.to(device), check=False)

    def every(self, k: int) -> "Movie":
        """Each k-th frame: the same movies by a slower camera."""
        require.integer(1, k=k)
        require.within(f"[1, {self.n_times - 1}]", k=k)
        return replace(self, x=self.x[:, ::k], dt=self.dt * k, check=False)

    def rearranged(self, x: Tensor) -> "Movie":
        """Movies of the same frames in another order, `x` as in `Movie`. Raises what `Movie` raises of it."""
        movie = replace(self, x=x, check=False)
        check_numbers(x, self.reel.shape[0], "the reel")
        return movie

    def reversed(self) -> "Movie":
        """The movies played backwards."""
        return self._laid(lambda x: x.flip(1))

    def shuffled(self, *, generator: Source) -> "Movie":
        """The frames of each movie in random order: no arrow of time is left in them."""
        order = torch.rand(self.x.shape, **drawn_from(generator)).argsort(1)
        return self._laid(lambda x: x.gather(1, order.to(x.device)))

    def crop(self, top: int, left: int, height: int, width: int) -> "Movie":
        """A part of each stored frame, in pixels; nothing is copied. `ValueError` if it leaves the frame."""
        require.integer(0, top=top, left=left)
        require.integer(1, height=height, width=width)
        reel = self._stored[:, top : top + height, left : left + width]
        if reel.shape[1:] != (height, width):
            where = f"{height} × {width} at ({top}, {left})"
            raise ValueError(f"a crop of {where} leaves the frame, {self.shape}")
        return replace(self, reel=reel, check=False)

    def bin(self, k: int) -> "Movie":
        """Stored frames of which each pixel is the mean of k × k; rows and columns left over at the end
        are dropped. The floats are kept in a temporary file that is mapped."""
        require.integer(1, k=k)
        require.within(f"[1, {min(self._stored.shape[1:])}]", k=k)
        return self._developed(lambda frames: avg_pool2d(frames, k))

    def subtract(self, background: Tensor | str = "median") -> "Movie":
        """Stored frames less one background for all: an image `(height, width)`, or each pixel's
        `"median"` or `"mean"` over all frames. Kept as what `bin` makes."""
        image = self._over_time(background) if isinstance(background, str) else background
        require.tensor(PIXELS, background=image, hint="or give 'median' or 'mean'")
        require.finite(background=image)
        if image.shape != self._stored.shape[1:]:
            shapes = f"{self.shape}, got {tuple(image.shape)}"
            raise ValueError(f"background must be an image of the frames' shape {shapes}")
        return self._developed(lambda some: (some.double() - image.to(some.device)).to(some))

    def steady_light(self) -> "Movie":
        """Stored frames, each divided by its mean, as a lamp that fades or a dye that bleaches asks for, once what
        a dark camera shows is subtracted. Kept as what `bin` makes. `ValueError` for a mean not positive."""

        def change(some: Tensor) -> Tensor:
            light = some.double().mean((-2, -1), keepdim=True)
            require.positive(light=light.min(), hint="subtract no more than a dark camera shows")
            return (some / light).to(some)

        return self._developed(change)

    def _over_time(self, how: str) -> Tensor:
        """The median or the mean of each pixel over all frames, tile by tile `(height, width)`."""
        require.one_of(("median", "mean"), background=how)
        (height, width), numbers = self.shape, self.x.flatten().to(self._stored.device)
        columns = min(width, max(1, PIECE**2 // len(numbers)))  # a tile is small in all its frames
        rows = max(1, PIECE**2 // (len(numbers) * columns))
        image = np.empty(self.shape)
        for top in range(0, height, rows):
            for left in range(0, width, columns):
                tile = slice(top, top + rows), slice(left, left + columns)
                values = self._stored[:, *tile].index_select(0, numbers).double().numpy()
                image[tile] = getattr(np, how)(values, axis=0)
        return torch.from_numpy(image)

    def _developed(self, change: Callable[[Tensor], Tensor]) -> "Movie":
        """Other frames of the same movies, made and written some at a time."""
        numbers = torch.arange(self.x.numel(), device=self.x.device)
        pieces = (change(self.at(some)).cpu() for some in numbers.split(together(self.shape)))
        reel = mapped((frame for piece in pieces for frame in piece.numpy()), "the movie")
        return Movie(torch.from_numpy(reel), self.dt, numbers.view(self.x.shape))

    @property
    def _stored(self) -> Tensor:
        if isinstance(self.reel, Film):
            raise ValueError("a film has no stored frames; movie.recorded() stores them")
        return self.reel

    def recorded(self) -> "Movie":
        """The same movies as bytes in memory: for films that take longer to render than to look up."""
        frames = torch.empty((self.x.numel(), *self.shape), dtype=torch.uint8)
        numbers = torch.arange(len(frames), device=self.x.device)
        for piece in numbers.split(together(self.shape)):
            frames[piece.cpu()] = self.at(piece).clamp_(0, 255).cpu().byte()
        return Movie(frames, self.dt, torch.arange(len(frames)).view(self.x.shape), check=False)


def together(shape: tuple[int, int]) -> int:
    """How many frames of so many pixels are looked at together, for at most 64 MB of floats."""
    return max(1, min(PIECE, PIECE**2 // (shape[0] * shape[1])))
