r"""Where in the frame entropy is produced: maps that networks draw of movies.

A map H has one number per cell of the frame, and its sum is the entropy produced. Training fixes
the sum only, so a map is shown with its spread over networks.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..data import Windows
from ..models.movies import MovieNEEP
from ..movie import Movie
from ..training import Ensemble
from .results import EntropyProduction, at_once


@dataclass(frozen=True, eq=False)
class DissipationMap:
    r"""The mean of H over movies and windows, per unit time: $\sum_{x,y} \langle H\rangle = \dot\sigma$.

    Attributes:
        member_maps: the map of each network, `(members, rows, columns)`.
        movies: the map of each movie, mean of the networks, `(n_movies, rows, columns)`.
        cell: size of a cell in pixels.
        receptive_field: size in pixels of what one cell sees: nothing finer can be told from it.
    """

    member_maps: Tensor = field(repr=False)
    movies: Tensor = field(repr=False)
    cell: int
    receptive_field: int

    @property
    def mean(self) -> Tensor:
        """The map of the ensemble, `(rows, columns)`."""
        return self.member_maps.mean(0)

    @property
    def std(self) -> Tensor:
        """By how much one network's map differs from another's, `(rows, columns)`."""
        return self.member_maps.std(0)

    @property
    def agreement(self) -> float:
        """Mean correlation of the maps of two networks."""
        pairs = torch.triu_indices(len(self.member_maps), len(self.member_maps), offset=1)
        return torch.corrcoef(self.member_maps.flatten(1))[*pairs].mean().item()


def dissipation_map(
    model: Ensemble | EntropyProduction, movie: Movie | None = None
) -> DissipationMap:
    """The mean map of an ensemble of `MovieNEEP`s.

    Args:
        model: the ensemble, or the result of `infer_entropy_production`.
        movie: movies to be looked at, which training should not have seen; by default those that
            were held out for the result.

    Raises `ValueError` for an ensemble without movies.
    """
    if isinstance(model, EntropyProduction):
        if movie is None and isinstance(model.held_out, Movie):
            movie = model.held_out
        model = model.model
    first, *_ = networks = map_networks(model)
    if movie is None:
        raise ValueError("movie is missing: give movies that the networks have not seen")
    windows = Windows(movie, first.frames, every=first.frames - 1)
    shape = window_maps(networks, windows.sample(1)).shape[2:]
    sums = movie.x.new_zeros(len(networks), movie.n_trajectories, *shape, dtype=torch.float64)
    for piece in torch.arange(len(windows), device=movie.x.device).split(at_once(windows)):
        sums.index_add_(1, piece // windows.n_starts, window_maps(networks, windows[piece]))
    rates = (sums / (windows.n_starts * (movie.dt * (windows.frames - 1)))).cpu()
    return DissipationMap(rates.mean(1), rates.mean(0), first.cell, first.receptive_field)


def frame_maps(model: Ensemble, movie: Movie, index: Tensor) -> Tensor:
    """H of single windows per unit time, mean of the ensemble, `(n, rows, columns)`.

    Window number `index` of `Windows(movie, frames)`; for one movie, that which begins at frame
    `index`. It fluctuates: negative cells are no errors.
    """
    networks = map_networks(model)
    windows = Windows(movie, networks[0].frames)
    H = window_maps(networks, windows[index]).mean(0)  # (n, rows, columns)
    return (H / (movie.dt * (windows.frames - 1))).float()


@torch.no_grad()
def window_maps(networks: list[MovieNEEP], window: Tensor) -> Tensor:
    """H of each window by each network, `(members, n, rows, columns)`, float64."""
    return torch.stack([network.map(window).double() for network in networks])


def map_networks(model: Ensemble) -> list[MovieNEEP]:
    """The networks of an ensemble; `TypeError` if they draw no maps."""
    networks = [model.member(i) for i in range(model.members)]
    if not all(isinstance(network, MovieNEEP) for network in networks):
        kind = type(networks[0]).__name__
        raise TypeError(f"{kind} draws no maps; train a FlowNEEP on a Movie")
    return networks  # type: ignore[return-value]


def cell_place(number: Tensor, cell: int) -> Tensor:
    """Row or column in pixels of the middle of cell number r along that axis. What a cell of a
    convolution with stride 2 sees lies half a pixel before it."""
    return cell * (number + 0.5) - 0.5
