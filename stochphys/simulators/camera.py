"""How nature is seen: states become frames of a microscope, in batches, on the device of the states.

A frame is a sum of Gaussian blobs. Each blob is a product of a profile along the rows and one along
the columns, so that a batch of frames is one batched matrix product.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from .. import require
from ..brief import Brief
from ..data import Trajectories
from ..device import Source, as_generator, drawn_from
from ..movie import Film, Movie

PROFILES = 2**22  # numbers held at once while frames are rendered


@dataclass(frozen=True, eq=False)
class Camera(Brief):
    r"""A microscope that shows points which move in proportion to the state x,

    $$\text{point}_p = \text{centre}_p + \text{motion}_p\, x, \qquad
      I(r) = \text{peak} \sum_p b\, e^{-|r - \text{point}_p|^2 / 2\,\text{psf}^2},$$

    cut off at `peak`, as a camera saturates. Lengths are in pixels; the middle of the first pixel
    is (0, 0).

    Attributes:
        centre: place of each point at x = 0, `(n_points, 2)`: row, column.
        motion: by how much each coordinate of the state moves it, `(n_points, 2, dim)`.
        shape: height and width of a frame.
        psf: width of the point-spread function, the standard deviation of a blob.
        brightness: b, of a single point in units of `peak`.
        peak: brightest value of a pixel.
        noise: standard deviation of white noise on each pixel, in units of `peak`.
        bits: depth of the digital image; pixels are rounded down to it. None leaves them as they are.

    Raises `ValueError` for shapes that do not fit, a `psf` that is not positive or negative noise.
    """

    centre: Tensor
    motion: Tensor
    shape: tuple[int, int]
    psf: float
    brightness: float = 1.0
    peak: float = 255.0
    noise: float = 0.0
    bits: int | None = None

    def __post_init__(self) -> None:
        n_points = len(self.centre)
        if self.centre.shape != (n_points, 2) or self.motion.shape[:-1] != (n_points, 2):
            raise ValueError(
                "centre (n_points, 2) and motion (n_points, 2, dim) must fit, got "
                f"{tuple(self.centre.shape)} and {tuple(self.motion.shape)}"
            )
        height, width = self.shape
        require.integer(1, height=height, width=width)
        require.positive(self, "psf")
        require.not_negative(self, "noise")

    @property
    def dim(self) -> int:
        """Number of coordinates of the state."""
        return self.motion.shape[2]

    def to(self, device: torch.device | str) -> "Camera":
        """The same camera; on the device of the states it need not be sent there for each frame."""
        return replace(self, centre=self.centre.to(device), motion=self.motion.to(device))

    @cached_property
    def _moves(self) -> list[bool]:
        """Whether anything moves along rows, and along columns; a GPU must stop to answer, so once."""
        return self.motion.any(dim=2).any(dim=0).tolist()

    def __call__(self, x: Tensor, *, generator: Source | None = None) -> Tensor:
        """Frames `(…, height, width)` of states `x (…, dim)`; noise comes from `generator`, without
        which a noisy camera refuses (`TypeError`)."""
        at_once = max(1, PROFILES // (len(self.centre) * max(self.shape)))
        some = x.reshape(-1, self.dim).split(at_once)
        frames = torch.cat([self._profiles(x, 0) @ self._profiles(x, 1).mT for x in some])
        frames.mul_(self.brightness * self.peak).clamp_(max=self.peak)
        if self.noise:
            noise = torch.randn(frames.shape, dtype=frames.dtype, **drawn_from(generator))
            frames.add_(noise.to(x.device), alpha=self.noise * self.peak)
        if self.bits:
            step = self.peak / (2**self.bits - 1)
            frames.div_(step).floor_().mul_(step).clamp_(0, self.peak)
        return frames.view(*x.shape[:-1], *self.shape)

    def _profiles(self, states: Tensor, axis: int) -> Tensor:
        """Profile of each blob along one axis, `(n_states, n_pixels, n_points)`; of one state where
        nothing moves along it."""
        motion, centre = self.motion[:, axis].to(states), self.centre[:, axis].to(states)
        place = torch.addmm(centre, states if self._moves[axis] else states[:1], motion.T)
        pixel = torch.arange(self.shape[axis], device=states.device, dtype=states.dtype)
        unit = 2**0.5 * self.psf
        return (place[:, None] / unit - pixel[:, None] / unit).square_().neg_().exp_()

    def film(self, trajectories: Trajectories, *, generator: Source | None = None) -> Movie:
        """Movies of these trajectories, whose frames are rendered only when they are looked at.

        Noise is drawn anew from `generator` at each look, as if the movie had been taken again;
        `movie.recorded()` keeps one take.

        Raises `ValueError` for another number of coordinates, or paths with gaps, `TypeError` for noise
        without a generator.
        """
        if trajectories.stretches is not None:
            raise ValueError(
                "movies have one length and no gaps, these paths have not; film the windows of k frames "
                "that exist, camera.film(trajectories.gapless(k, k)[0])"
            )
        if trajectories.dim != self.dim:
            raise ValueError(
                f"this camera looks at {self.dim} coordinates, these paths have {trajectories.dim}"
            )
        source = as_generator(generator) if self.noise else None
        states = trajectories.x.flatten(0, 1)  # (n_trajectories · n_times, dim)
        numbers = torch.arange(len(states), device=states.device).view(trajectories.x.shape[:2])
        return Movie(Film(self, states, source), trajectories.dt, numbers)

    def crop(self, top: int, left: int, height: int, width: int) -> "Camera":
        """A camera that sees only this part of the frame."""
        rows, columns = self.shape
        if top < 0 or left < 0 or top + height > rows or left + width > columns:
            raise ValueError(
                f"a crop of {height} × {width} at ({top}, {left}) leaves the frame, {rows} × {columns}"
            )
        return replace(self, centre=self.centre - torch.tensor([top, left]), shape=(height, width))

    def showing(self, points: list[int]) -> "Camera":
        """A camera to which only these points are visible."""
        return replace(self, centre=self.centre[points], motion=self.motion[points])

    def localisation(self) -> Tensor:
        r"""How well a frame with `noise` tells where the coordinates are, close to x = 0: the
        covariance $(J^\top J)^{-1} (\text{noise} \cdot \text{peak})^2$, with J the change of the
        pixels with the state.

        One free blob is located to noise/√(π/2) pixels, whatever its width. What the frame does
        not show has no covariance: the inverse fails.
        """
        quiet = replace(self, noise=0.0, bits=None)
        h = 1e-4 * torch.eye(self.dim, dtype=torch.float64)
        J = (quiet(h) - quiet(-h)).flatten(1).T / 2e-4
        return (self.noise * self.peak) ** 2 * torch.linalg.inv(J.T @ J)
