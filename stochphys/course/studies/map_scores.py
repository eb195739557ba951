"""Maps of dissipation beside exact ones: what they would show, and what they show at each place."""

from typing import NamedTuple

import torch
from torch import Tensor

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
