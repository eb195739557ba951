"""Exercises of 32 Dissipation maps."""

from typing import Any

import torch

from ...device import make_generator
from ...systems import ElasticNetwork, local_dissipation
from ..studies.map_scores import Truth, blobs, correlation, truths
from .grading import Hint, evaluate, function, number

LAYERS = {23: [(5, 2), (2, 2), (3, 1), (3, 1)], 13: [(5, 2), (3, 1), (3, 1)], 9: [(5, 2), (3, 1)]}


def field(layers: list[tuple[int, int]], *, first: int = 1, late: bool = True) -> int:
    """Receptive field of layers (kernel, stride), and of two ways to get it wrong."""
    size, step = first, 1
    for kernel, stride in layers:
        step = step if late else step * stride
        size += (kernel - 1) * step
        step = step * stride if late else step
    return size


def check_32_1(answer: Any) -> str:
    """Receptive field of a stack of layers (kernel, stride)."""
    function(
        answer,
        lambda layers: field(layers),
        at=[(layers,) for layers in (*LAYERS.values(), [(3, 1)], [(2, 2), (2, 2), (3, 1)])],
        wrong={
            lambda layers: field([(kernel, 1) for kernel, _ in layers]): (
                "this forgets the strides: after a stride of 2, neighbours are 2 pixels apart."
            ),
            lambda layers: field(layers, late=False): (
                "the stride of a layer spreads the layers after it, not itself."
            ),
            lambda layers: field(layers, first=0): "one pixel is missing: no layer at all sees 1.",
            lambda layers: sum(kernel for kernel, _ in layers): (
                "kernels overlap: each adds (kernel − 1) times the distance of its neighbours."
            ),
        },
        otherwise="by hand: 5 × 5 with stride 2 sees 5, and a 3 × 3 after it 5 + 2 · 2 = 9.",
    )
    return "23 px with pooling, 13 without, 9 for one 3 × 3 layer: half a bead cell, and more."


def check_32_2(answer: Any) -> str:
    """Heat over temperature at the cold bead, over the rate."""
    function(
        answer,
        lambda T_c, T_h: T_h / (T_h - T_c),
        at=[(1.0, 10.0), (1.0, 2.0), (0.5, 4.0)],
        wrong={
            lambda T_c, T_h: -T_c / (T_h - T_c): "this is the hot bead, whose bath is cooled.",
            lambda T_c, T_h: (T_h - T_c) / T_h: "upside down: the share exceeds 1.",
            lambda T_c, T_h: T_h / (T_h + T_c): (
                "the hot bath loses entropy: J/T_c − J/T_h is the total, not their sum."
            ),
            lambda T_c, T_h: (
                1.0
            ): "and the hot bath? Its entropy falls, so the cold one gains more.",
        },
        otherwise="the same heat J goes into the cold bath and out of the hot one: J/T_c and −J/T_h.",
    )
    return "2.25 of 2.025 at the cold bead, −0.225 at the hot one: no share in the usual sense."


def check_32_3(answer: Any) -> str:
    """Cell-by-cell correlation of a map that is the same at each node with the truth."""
    network = ElasticNetwork(n=3, hot=(1, 8))
    nodes = 6 * network.nodes - 0.5
    exact = truths(nodes, local_dissipation(network))

    def knows_nothing(truth: Truth, size: float = 2.0) -> float:
        spots = blobs(truth.places, (12, 12), 2, size)
        return correlation(truth.values @ spots, spots.sum(0)).item()

    number(
        answer,
        knows_nothing(exact["velocity"]),
        rtol=0.01,
        wrong={
            knows_nothing(exact["heat"]): "this is the telling by heat; take velocity.",
            knows_nothing(exact["bond"]): "this is the telling by bonds; take velocity.",
            knows_nothing(exact["velocity"], 3.0): "this has blobs of 3 px; take 2.",
            0.0: "does it know nothing? It knows where the nodes are.",
        },
        otherwise="two maps: truth_map of the truth, and of the same places with equal values.",
    )
    return (
        "0.80 without any knowledge of where entropy is produced. Hence the null: `uniform`, and the "
        "interval of the difference."
    )


def check_32_4(answer: Any) -> str:
    """Another map with the same ΔS: everything in the first cell."""
    H = torch.randn(7, 12, 12, generator=make_generator(324))
    moved = evaluate(answer, H.clone())
    if not isinstance(moved, torch.Tensor) or moved.shape != H.shape:
        got = tuple(moved.shape) if isinstance(moved, torch.Tensor) else type(moved).__name__
        raise Hint(f"maps of the same shape {tuple(H.shape)} are wanted, you gave {got}.")
    if not torch.allclose(moved.sum((1, 2)), H.sum((1, 2)), atol=1e-3):
        raise Hint("ΔS of single windows changes: the sum over cells must stay, for each window.")
    if torch.allclose(moved, H):
        raise Hint("the sums are right, but this is the map that was given.")
    if moved.flatten(1)[:, 1:].abs().max() > 1e-5:
        raise Hint("the sums are right; now leave nothing in any cell but [0, 0].")
    return "The loss sees ΔS alone, and cannot object. A map needs more than a good R²."
