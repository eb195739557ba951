r"""From a movie to few coordinates without a network and without tracking: principal components.

`gaussian_plugin`, `short_time_tur` or an exact formula then finds the entropy production. Networks
that read frames themselves live in `models.movies`.
"""

import torch

from ... import require
from ...data import Trajectories
from ...movie import PIECE, Movie

SAMPLE = 20_000  # frames from which components are found


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
    n_pixels, n_frames = movie.shape[0] * movie.shape[1], movie.x.numel()
    hint = "a frame has no more components than pixels"
    require.within(f"[1, {n_pixels}]", hint=hint, n_components=n_components)
    numbers = torch.arange(n_frames, device=movie.x.device)
    n = min(n_frames, SAMPLE)
    sample = numbers[:n] * n_frames // n
    # In the numbers of the movie; sums over them in float64.
    frames = movie.at(sample[:1]).new_empty(n, n_pixels)
    for piece, out in zip(sample.split(PIECE), frames.split(PIECE), strict=True):
        out.copy_(movie.at(piece).flatten(1))
    mean = frames.mean(0, dtype=torch.float64)
    square = torch.zeros(n_pixels, n_pixels, dtype=torch.float64, device=mean.device)
    for piece in frames.split(PIECE):
        square.addmm_((piece - mean).T, piece - mean)
    modes = torch.linalg.eigh(square).eigenvectors.flip(1)[:, :n_components]
    z = frames.new_empty(n_frames, n_components)
    for piece, out in zip(numbers.split(PIECE), z.split(PIECE), strict=True):
        out.copy_((movie.at(piece).flatten(1).double() - mean) @ modes)
    return Trajectories(z.unflatten(0, movie.x.shape), movie.dt)
