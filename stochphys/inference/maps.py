r"""Where in the frame entropy is produced: maps that networks draw of movies.

A map H has one number per cell of the frame, and its sum is the entropy produced. Training fixes
the sum only, so a map is shown with its spread over networks.
"""

from dataclasses import dataclass, field
from math import nan
from typing import Any

import torch
from torch import Tensor

from ..brief import Brief, brief
from ..data import Windows
from ..models import FlowNEEP
from ..models.movies import MovieNEEP
from ..movie import Movie
from ..training import Ensemble
from .entropy import widened
from .results import EntropyProduction, at_once

SPOT = 1.5  # pixels around a place that move with it
STILL = 5e-3  # of the largest mean square of a displacement: what moves less stands still


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
    networks, movie = looked_at(model, movie)
    first, *_ = networks
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


def looked_at(
    model: Ensemble | EntropyProduction, movie: Movie | None
) -> tuple[list[MovieNEEP], Movie]:
    """The networks, and the movie they are shown: by default what was held out for a result."""
    if isinstance(model, EntropyProduction):
        if movie is None and isinstance(model.held_out, Movie):
            movie = model.held_out
        model = model.model
    networks = map_networks(model)
    if movie is None:
        raise ValueError("movie is missing: give movies that the networks have not seen")
    return networks, movie


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


def blobs(places: Tensor, shape: tuple[int, ...], cell: int, size: float = 2.0) -> Tensor:
    """A Gaussian of std `size` pixels around each place, `(n, rows · columns)`; each sums to 1.

    Where `size` is more than a third of the way to the next place, blobs can hardly be told apart,
    and even a true map scores low.
    """
    middles = [cell_place(torch.arange(n, dtype=torch.float64), cell) for n in shape]
    distance = torch.cdist(places.double(), torch.cartesian_prod(*middles))
    spots = torch.exp(-(distance**2) / (2 * size**2))
    return spots / spots.sum(1, keepdim=True)


@dataclass(frozen=True, eq=False)
class PlaceEntropy(Brief):
    """Entropy produced at each of n places per unit time, see `entropy_at`.

    Attributes:
        rate: mean of networks and movies, `(n,)`, float64.
        std: its standard error, `(n,)`, from the spread over networks and over movies, as that of
            `EntropyProduction`; NaN for a single network or movie.
        readings: of each network in each movie, `(members, n_movies, n)`.
        rest: what the networks find and no place explains; far from 0, a place is missing.
    """

    rate: Tensor
    std: Tensor
    readings: Tensor = field(repr=False)
    rest: float


def entropy_at(
    model: Ensemble | EntropyProduction, places: Tensor, movie: Movie | None = None
) -> PlaceEntropy:
    r"""How much entropy is produced at each of some places: $\langle\nu_i^2\rangle/D_i$ of what moves there.

    A map of many cells is free where neighbouring cells see one displacement, and shows that of a node
    on all springs that hang on it. But if each place i has a noise of its own,
    $\Delta S = \sum_i a_i\,\Delta x_i$ has unique factors. So displacements are measured by optical
    flow around the places, and made uncorrelated, as independent noises are, by a mixing matrix M that is
    symmetric: place i shows of node j what j shows of i. What the cells of a `FlowNEEP` see, $v = \beta\,\Delta x$
    on average, then says which force acts on which place, $a = \beta^\top F$.

    A step of 2 dt produces less than two steps of dt: rates are extrapolated to dt → 0 from both, so that
    their sum lies above what frames show, `EntropyProduction.rate`.

    Args:
        model, movie: as for `dissipation_map`, of `FlowNEEP`s that see two frames; movies of three frames
            or more.
        places: row and column in pixels `(n, 2)`, the middle of the first pixel is (0, 0).

    Raises `TypeError` for other networks; `ValueError` for networks that see more frames, places of another
    shape or outside of the frame, and a place where nothing moves.
    """
    networks, movie = looked_at(model, movie)
    flows = [network for network in networks if isinstance(network, FlowNEEP)]
    if len(flows) < len(networks):
        raise TypeError(f"model must hold FlowNEEPs, got {type(networks[0]).__name__}")
    if networks[0].frames > 2:
        raise ValueError(f"model must see two frames, these networks see {networks[0].frames}")
    frame = torch.tensor(movie.shape)
    if (
        places.ndim != 2
        or places.shape[1] != 2
        or not ((places > -0.5) & (places < frame - 0.5)).all()
    ):
        raise ValueError(
            f"places must be (n, 2), row and column in a frame of {movie.shape[0]} × {movie.shape[1]} "
            f"pixels, got {brief(places)}"
        )
    read = [read_at(network, places, movie) for network in flows]
    rates = torch.stack([each for each, _ in read])  # (members, n_movies, n)
    members, n_movies, n = rates.shape
    std = torch.full((n,), nan, dtype=torch.float64)
    if members > 1 < n_movies:
        spread, luck = rates.mean(1).var(0), rates.mean(0).var(0) / n_movies
        for i, each in enumerate(zip(spread.tolist(), luck.tolist(), strict=True)):
            std[i] = widened((each[0], members - 1), (each[1], n_movies - 1))
    missed = sum(rest for _, rest in read) / members
    return PlaceEntropy(rates.mean((0, 1)), std, rates, missed)


@torch.no_grad()
def read_at(network: FlowNEEP, places: Tensor, movie: Movie) -> tuple[Tensor, float]:
    """`entropy_at` by one network: rates `(n_movies, n)`, and what no place explains."""
    spots = blobs(places, tuple(network.motion.shape[1:]), network.cell, SPOT).T.to(network.motion)
    windows, k = Windows(movie, 3, every=2), 2 * len(places)
    pieces = torch.arange(len(windows), device=movie.x.device).split(at_once(windows))

    def moved(piece: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Displacements of places `(3 n, k)` and of cells `(3 n, 2 cells)` in n windows, between the frames
        0 and 1, then 1 and 2, then 0 and 2, with the even parts of these pairs."""
        window = windows[piece]
        pair = torch.cat((window[:, :2], window[:, 1:], window[:, ::2]))
        even, odd = network.parts(pair)
        return network.flow(pair, odd, spots).flatten(1), network.flow(pair, odd).flatten(1), even

    def to_zero(products: Tensor) -> Tensor:
        """Rates at dt → 0 in windows `(n, …)`, from what is quadratic in frames, `(3 n, …)`."""
        first, second, both = products.chunk(3)
        return (first + second - both / 2).double() / movie.dt

    moments: Any = 0
    for piece in pieces:
        own, cells, _ = moved(piece)
        weight = torch.tensor([1, 1, -0.5]).repeat_interleave(len(piece))[:, None].to(own)
        moments = moments + ((weight * own).T @ torch.cat((own, cells), 1)).double()
    S, beside = moments[:, :k], moments[:, k:]
    moves = S.diagonal() > STILL * S.diagonal().max()
    if (still := ~moves.view(2, -1).any(0)).any():
        raise ValueError(f"nothing moves at places {still.nonzero().flatten().tolist()}")
    apart = torch.zeros_like(S)  # from displacements that are mixed to those that are not
    apart[moves.outer(moves)] = torch.linalg.inv(mixing(S[moves][:, moves])).flatten()
    scale = (apart @ S * apart).sum(1)
    beta = torch.where(moves, 1 / scale, 0)[:, None] * (apart @ beside)  # (k, 2 cells)
    beta, apart = beta.to(spots), apart.to(spots)

    rates, rest = S.new_zeros(movie.n_trajectories, len(places)), 0.0
    for piece in pieces:
        own, cells, even = moved(piece)
        force = network.force(even).flatten(1)
        told = to_zero((force @ beta.T) * (own @ apart.T)).view(len(piece), 2, -1).sum(1)
        rest += (to_zero((force * cells).sum(1)).sum() - told.sum()).item()
        rates.index_add_(0, piece // windows.n_starts, told)
    return (rates / windows.n_starts).cpu(), rest / len(windows)


def mixing(S: Tensor) -> Tensor:
    """M with a unit diagonal, symmetric but for what is of second order in its other numbers, of which
    S = M d Mᵀ with a diagonal d: how places see each other's displacements, whose covariance is S."""
    one = torch.eye(len(S)).to(S)
    M, left = one, S
    for _ in range(10):  # each squares what is left
        d = left.diagonal()
        step = one + (left / (d[:, None] + d)).fill_diagonal_(0)
        undo = torch.linalg.inv(step)
        M, left = M @ step, undo @ left @ undo.T
    return M
