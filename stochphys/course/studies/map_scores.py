"""What a map of dissipation is worth: compared with the exact one, and with knowing nothing."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ...brief import Brief
from ...device import Source, as_generator
from ...inference.maps import DissipationMap, blobs
from ...systems import LocalDissipation


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


def truth_map(truth: Truth, like: DissipationMap) -> Tensor:
    """What the map `like` would be if each place showed its entropy as one blob, `(rows, columns)`."""
    shape = like.movies.shape[1:]
    return (truth.values.double() @ blobs(truth.places, shape, like.cell)).view(shape)


def blob_weights(H: Tensor, places: Tensor, cell: int) -> Tensor:
    """Entropy at each place, `(…, n)`: least-squares fit of maps `(…, rows, columns)` by blobs."""
    return H.double().flatten(-2) @ torch.linalg.pinv(blobs(places, H.shape[-2:], cell))


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's correlation over the last axis, of `(…, n)` and what broadcasts to it."""
    a, b = (x.double() - x.double().mean(-1, keepdim=True) for x in (a, b))
    return (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1))


@dataclass(frozen=True, eq=False)
class MapScore(Brief):
    """How well a map agrees with the truth, and how well it would without knowing anything.

    `weights (n,)` is the entropy per unit time that the map puts at each place, a least-squares fit
    by one blob per place. `uniform` is what knowing the places of the nodes gives, without knowing
    where entropy is produced; a map that knows more than the places has `interval` above zero.
    """

    weights: Tensor
    correlation: float  # of the weights with what is produced there
    p: float  # fraction of random permutations of the places that correlate as well
    member_correlations: Tensor  # the correlation of each network's own map, (members,)
    map_correlation: float  # of the map, cell by cell, with blobs as bright as the truth
    uniform: float  # of the map, cell by cell, with blobs that are all equally bright
    interval: tuple[float, float]  # 95 %, of map_correlation − uniform, from movies drawn anew

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"correlation with the truth {self.correlation:.2f} (p = {self.p:.2g}, one network "
            f"{self.member_correlations.mean():.2f}); cell by cell {self.map_correlation:.2f}, uniform "
            f"{self.uniform:.2f}, 95 % interval of the difference {low:+.2f} to {high:+.2f}"
        )


def score_map(
    found: DissipationMap, truth: Truth, *, generator: Source, draws: int = 10_000
) -> MapScore:
    """Compare a map of at least two movies with the exact local dissipation, one of `truths`.

    `draws`: permutations of the places, and bootstrap samples of movies. Raises `ValueError` for a
    single movie, from which no interval can be drawn.
    """
    generator = as_generator(generator)
    n_movies, *shape = found.movies.shape
    if n_movies < 2:
        raise ValueError("one movie gives no interval; cut it into pieces, movie.cut(20)")
    values, spots = truth.values.double(), blobs(truth.places, tuple(shape), found.cell)
    weights = blob_weights(found.mean, truth.places, found.cell)
    by_member = blob_weights(found.member_maps, truth.places, found.cell)
    # By chance: the same weights at places that were permuted.
    reached = correlation(weights, values)
    order = torch.rand(draws, len(values), generator=generator).argsort(1)
    as_good = correlation(weights, values[order]) >= reached - 1e-9
    # From movies drawn anew: each sample counts how often a movie is in it, (draws, n_movies).
    drawn = torch.randint(n_movies, (draws, n_movies), generator=generator)
    counts = torch.zeros(draws, n_movies, dtype=torch.float64)
    counts.scatter_add_(1, drawn, torch.ones_like(counts))
    samples = counts @ found.movies.flatten(1)  # (draws, cells)
    expected, equal, flat = values @ spots, spots.sum(0), found.mean.flatten()  # (cells,)
    above_uniform = correlation(samples, expected) - correlation(samples, equal)
    low, high = (above_uniform.quantile(q).item() for q in (0.025, 0.975))
    return MapScore(
        weights=weights,
        correlation=reached.item(),
        p=(1 + as_good.sum().item()) / (1 + draws),
        member_correlations=correlation(by_member, values),
        map_correlation=correlation(flat, expected).item(),
        uniform=correlation(flat, equal).item(),
        interval=(low, high),
    )
