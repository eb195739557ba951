r"""From a movie to few coordinates without a network: principal components, and blobs tracked.

Both give `Trajectories`, for which `gaussian_plugin`, `short_time_tur` or an exact formula finds the
entropy production. Networks that read frames themselves live in `models.movies`.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ...data import Trajectories
from ...movie import PIECE, Movie

SAMPLE = 20_000  # frames from which components are found
NEWTON = 4  # steps of a fit; the error of each is the square of the one before


def pca(movie: Movie, n_components: int) -> Trajectories:
    r"""Frames in the coordinates in which they vary most, $z_i = u_i \cdot (I - \langle I\rangle)$,
    with $u_i$ the eigenvectors of the covariance of the pixels, largest eigenvalue first.

    How many to take is for the user to say, and matters. A bead that moves shows as many components
    as its movement is nonlinear in the pixels: x, x², x³ … With all of them a Gaussian plug-in counts
    the same current again and again. Where a frame is a sum of functions of one coordinate $x_i$
    each, the components of order k are Hermite polynomials whose covariances are k-th powers of
    those of x, uncorrelated with all other orders. So the plug-in adds up divergences,
    $\sum_k D\big[(C_{ij})^k\big]$, of which the first is the truth.

    Args:
        movie: frames of some thousand pixels at most; all of them are projected, at most 20 000,
            evenly spaced, say onto what.
        n_components: of the coordinates.

    Returns `Trajectories` `(n_movies, n_times, n_components)`, in units of pixel values.

    Raises `ValueError` for more components than pixels, or none.

    Source: for movies, Gnesotto, Gradziuk, Ronceray, Broedersz 2020, arXiv 2001.08642.
    """
    n_pixels = movie.shape[0] * movie.shape[1]
    if not 1 <= n_components <= n_pixels:
        raise ValueError(
            f"n_components must lie between 1 and the {n_pixels} pixels of a frame, got {n_components}"
        )
    pieces = [movie.at(numbers) for numbers in _sample(movie, SAMPLE).split(PIECE)]
    frames = torch.cat(pieces).flatten(1)  # (n, n_pixels), in the numbers of the movie
    mean = frames.mean(0, dtype=torch.float64)
    square = torch.zeros(n_pixels, n_pixels, dtype=torch.float64, device=mean.device)
    for piece in frames.split(PIECE):
        square.addmm_((piece - mean).T, piece - mean)
    modes = torch.linalg.eigh(square).eigenvectors.flip(1)[:, :n_components]
    return _frame_by_frame(movie, lambda frames: (frames.flatten(1) - mean) @ modes)


def track(movie: Movie, n_blobs: int, *, psf: float) -> Trajectories:
    r"""The column of each blob of a row of them, by a least-squares fit of

    $$p(c) = \sum_i a_i\, e^{-(c - c_i)^2/2\,\text{psf}^2}$$

    to the profile p of a frame along the row, its rows weighed by how bright they are on average.
    Heights and places of all blobs are free, so that neighbours may overlap. White pixel noise of
    standard deviation ζ in units of the peak then leaves an error of about ζ/√(π/2) pixels, the
    least possible.

    Args:
        movie: blobs that move along the row, each about the middle of a cell of its own, all cells
            of equal width.
        n_blobs: in the row.
        psf: width of a blob, the standard deviation of its Gaussian in pixels.

    Returns `Trajectories` `(n_movies, n_times, n_blobs)`, in pixels from the middle of the first.

    Raises `ValueError` for cells narrower than a pixel, or a `psf` that is not positive.
    """
    width = movie.shape[1]
    if not 1 <= n_blobs <= width or not psf > 0:
        raise ValueError(
            f"n_blobs={n_blobs} must fit into {width} columns, and psf={psf} must be positive"
        )
    bright = movie.at(_sample(movie, PIECE)).double().mean((0, 2))
    bright = bright - bright.min()
    column = torch.arange(width).to(bright)
    middle = (torch.arange(n_blobs) + 0.5).to(bright) * (width / n_blobs)

    def places(frames: Tensor) -> Tensor:
        profile = torch.einsum("r,nrc->nc", bright / bright.square().sum(), frames)
        place = middle.expand(len(frames), -1)
        for _ in range(NEWTON):
            offset = (column - place[..., None]) / psf  # (n, n_blobs, width)
            blob = torch.exp(-(offset**2) / 2)
            columns = torch.cat((blob, blob * offset / psf), 1)  # heights, and heights · shifts
            normal = columns @ columns.mT
            fit = torch.linalg.solve(normal, (columns @ profile[..., None]).squeeze(-1))
            height, moment = fit.chunk(2, -1)
            place = place + (moment / height).clamp(-psf, psf)
        return place

    return _frame_by_frame(movie, places)


def _sample(movie: Movie, most: int) -> Tensor:
    """Numbers of some frames, evenly spaced."""
    n_frames = movie.x.numel()
    n = min(n_frames, most)
    return torch.arange(n, device=movie.x.device) * n_frames // n


def _frame_by_frame(movie: Movie, coordinates: Callable[[Tensor], Tensor]) -> Trajectories:
    """`coordinates` of frames `(n, height, width)` in float64, for all frames of a movie."""
    numbers = torch.arange(movie.x.numel(), device=movie.x.device)
    frames = (movie.at(piece) for piece in numbers.split(PIECE))
    pieces = [coordinates(frame.double()).to(frame.dtype) for frame in frames]
    return Trajectories(torch.cat(pieces).unflatten(0, movie.x.shape), movie.dt)
