r"""Where in the frame entropy is produced: maps that networks draw of movies, and what they are worth.

A map H has one number per cell of the frame, and its sum is the entropy produced. Training fixes
the sum only, so a map is shown with its spread over networks and, where the truth is known, a score.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from ..brief import Brief
from ..data import Windows
from ..device import as_generator
from ..models.movies import MovieNEEP
from ..movie import Movie
from ..simulators import LocalDissipation
from ..training import Ensemble
from .entropy import EntropyProduction
from .readout import piece_size


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
    networks = map_networks(model)
    if movie is None:
        raise ValueError("movie is missing: give movies that the networks have not seen")
    windows = Windows(movie, networks[0].frames, every=networks[0].frames - 1)
    shape = window_maps(networks, windows.sample(1)).shape[2:]
    sums = movie.x.new_zeros(len(networks), movie.n_trajectories, *shape, dtype=torch.float64)
    for piece in torch.arange(len(windows), device=movie.x.device).split(piece_size(windows)):
        sums.index_add_(1, piece // windows.n_starts, window_maps(networks, windows[piece]))
    rates = (sums / (windows.n_starts * window_time(windows))).cpu()
    return DissipationMap(
        rates.mean(1), rates.mean(0), networks[0].cell, networks[0].receptive_field
    )


def frame_maps(model: Ensemble, movie: Movie, index: Tensor) -> Tensor:
    """H of single windows per unit time, mean of the ensemble, `(n, rows, columns)`.

    Window number `index` of `Windows(movie, frames)`; for one movie, that which begins at frame
    `index`. It fluctuates: negative cells are no errors.
    """
    networks = map_networks(model)
    windows = Windows(movie, networks[0].frames)
    return (window_maps(networks, windows[index]).mean(0) / window_time(windows)).float()


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


def window_time(windows: Windows) -> float:
    """Time from the first to the last frame of a window."""
    return windows.trajectories.dt * (windows.frames - 1)


# What a map is worth


class Truth(NamedTuple):
    """Entropy produced per unit time `values (n,)` at `places (n, 2)`: row and column in pixels."""

    places: Tensor
    values: Tensor


def truths(nodes: Tensor, local: LocalDissipation) -> dict[str, Truth]:
    """The three exact tellings of where, "heat", "bond" and "velocity", by the places of the nodes
    in the frame `(n_nodes, 2)`; a bond sits halfway between its ends."""
    return {
        "heat": Truth(nodes, local.heat),
        "bond": Truth(nodes[local.bonds].mean(1), local.bond),
        "velocity": Truth(nodes, local.velocity),
    }


def cell_place(number: Tensor, cell: int) -> Tensor:
    """Row or column in pixels of the middle of cell number r along that axis. What a cell of a
    convolution with stride 2 sees lies half a pixel before it."""
    return cell * (number + 0.5) - 0.5


def cell_places(rows: int, columns: int, cell: int) -> Tensor:
    """Row and column in pixels of the middle of each cell, `(rows · columns, 2)`."""
    along = [cell_place(torch.arange(n, dtype=torch.float64), cell) for n in (rows, columns)]
    return torch.cartesian_prod(*along)


def blobs(places: Tensor, shape: tuple[int, int], cell: int, size: float = 2.0) -> Tensor:
    """One Gaussian of standard deviation `size` pixels around each place, `(n, rows · columns)`; each
    sums to 1.

    Where `size` is more than a third of the way to the next place, blobs can hardly be told apart,
    and even a true map scores low.
    """
    distance = torch.cdist(places.double(), cell_places(*shape, cell))
    spots = torch.exp(-(distance**2) / (2 * size**2))
    return spots / spots.sum(1, keepdim=True)


def truth_map(truth: Truth, like: DissipationMap, size: float = 2.0) -> Tensor:
    """What the map `like` would be if each place showed its entropy as one blob, `(rows, columns)`."""
    rows, columns = like.movies.shape[1:]
    spots = blobs(truth.places, (rows, columns), like.cell, size)
    return (truth.values.double() @ spots).view(rows, columns)


def blob_weights(H: Tensor, places: Tensor, cell: int, size: float = 2.0) -> Tensor:
    """Least-squares fit of maps `(…, rows, columns)` by one blob per place: how much entropy stands
    there, `(…, n)`."""
    shape = H.shape[-2], H.shape[-1]
    return H.double().flatten(-2) @ torch.linalg.pinv(blobs(places, shape, cell, size))


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's correlation over the last axis, of `(…, n)` and what broadcasts to it."""
    a, b = (x.double() - x.double().mean(-1, keepdim=True) for x in (a, b))
    return (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1))


@dataclass(frozen=True, eq=False)
class MapScore(Brief):
    """How well a map agrees with the truth, and how well it would without knowing anything.

    Attributes:
        weights: entropy per unit time that the map puts at each place `(n,)`, a least-squares fit
            by one blob per place.
        truth: what is produced there `(n,)`.
        correlation: of the two.
        p: fraction of random permutations of the places that correlate as well.
        member_correlations: the correlation of each network's own map, `(members,)`.
        map_correlation: of the map, cell by cell, with blobs as bright as the truth.
        uniform: of the map with blobs that are all equally bright: what knowing the places of the
            nodes gives, without knowing where entropy is produced.
        interval: 95 % interval of `map_correlation` − `uniform`, from movies drawn anew; a map that
            knows more than the places has it above zero.
    """

    weights: Tensor
    truth: Tensor
    correlation: float
    p: float
    member_correlations: Tensor
    map_correlation: float
    uniform: float
    interval: tuple[float, float]

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"correlation with the truth {self.correlation:.2f} (p = {self.p:.2g}, one network "
            f"{self.member_correlations.mean():.2f}); cell by cell {self.map_correlation:.2f}, uniform "
            f"{self.uniform:.2f}, 95 % interval of the difference {low:+.2f} to {high:+.2f}"
        )


def score_map(
    found: DissipationMap,
    truth: Truth,
    *,
    generator: torch.Generator | int,
    size: float = 2.0,
    draws: int = 10_000,
) -> MapScore:
    """Compare a map with the exact local dissipation.

    Args:
        found: a map of at least two movies.
        truth: see `truths`.
        size: standard deviation of a blob, in pixels.
        draws: permutations of the places, and bootstrap samples of movies.

    Raises `ValueError` for a single movie, from which no interval can be drawn.
    """
    generator = as_generator(generator)
    n_movies = len(found.movies)
    if n_movies < 2:
        raise ValueError("one movie gives no interval; cut it into pieces, movie.cut(20)")
    shape = found.movies.shape[1], found.movies.shape[2]
    values, spots = truth.values.double(), blobs(truth.places, shape, found.cell, size)
    expected, equal = values @ spots, spots.sum(0)

    def above_uniform(H: Tensor) -> Tensor:
        return correlation(H, expected) - correlation(H, equal)

    weights, by_member = (
        blob_weights(H, truth.places, found.cell, size) for H in (found.mean, found.member_maps)
    )
    reached = correlation(weights, values)
    order = torch.rand(draws, len(values), generator=generator).argsort(1)
    as_good = correlation(weights, values[order]) >= reached - 1e-9
    drawn = torch.randint(n_movies, (draws, n_movies), generator=generator)
    counts = torch.zeros(draws, n_movies, dtype=torch.float64)
    counts.scatter_add_(1, drawn, torch.ones(drawn.shape, dtype=torch.float64))
    samples = above_uniform(counts @ found.movies.flatten(1))
    low, high = samples.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    flat = found.mean.flatten()
    return MapScore(
        weights=weights,
        truth=values,
        correlation=reached.item(),
        p=(1 + as_good.sum().item()) / (1 + draws),
        member_correlations=correlation(by_member, values),
        map_correlation=correlation(flat, expected).item(),
        uniform=correlation(flat, equal).item(),
        interval=(low, high),
    )
