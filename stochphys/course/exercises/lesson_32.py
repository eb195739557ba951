"""Exercises of 32 Dissipation maps."""

import torch
from torch import Tensor

from ...device import make_generator
from ...systems import ElasticNetwork, local_dissipation
from ..studies.hot_nodes import dissipates
from ..studies.map_scores import correlation
from .grading import Hint, Table, evaluate, function, number, refuse, tensor

# The kernel and stride of each layer; they see 23, 13 and 9 pixels.
STACKS = [[(5, 2), (2, 2), (3, 1), (3, 1)], [(5, 2), (3, 1), (3, 1)], [(5, 2), (3, 1)]]


@function(
    at=[(layers,) for layers in (*STACKS, [(3, 1)], [(2, 2), (2, 2), (3, 1)])],
    otherwise="by hand: 5 × 5 with stride 2 sees 5, and a 3 × 3 after it 5 + 2 · 2 = 9.",
    means="23 px with pooling, 13 without, 9 for one 3 × 3 layer: half a bead cell, and more.",
)
def check_32_1(layers: list[tuple[int, int]]) -> Table:
    """Receptive field of a stack of layers (kernel, stride)."""

    def field(*, early: bool = False) -> int:
        """Receptive field, or what it is if a stride spreads its own layer, too."""
        size, step = 1, 1
        for kernel, stride in layers:
            size += (kernel - 1) * step * (stride if early else 1)
            step *= stride
        return size

    kernels = sum(kernel for kernel, _ in layers)
    dense = kernels - len(layers) + 1
    yield field()
    yield dense, "this forgets the strides: after a stride of 2, neighbours are 2 pixels apart."
    yield field(early=True), "the stride of a layer spreads the layers after it, not itself."
    yield field() - 1, "one pixel is missing: no layer at all sees 1."
    yield kernels, "kernels overlap: each adds (kernel − 1) times the distance of its neighbours."


@function(
    at=[(1.0, 10.0), (1.0, 2.0), (0.5, 4.0)],
    otherwise="the same heat J goes into the cold bath and out of the hot one: J/T_c and −J/T_h.",
    means="2.25 of 2.025 at the cold bead, −0.225 at the hot one: no share in the usual sense.",
)
def check_32_2(T_c: float, T_h: float) -> Table:
    """Heat over temperature at the cold bead, over the rate."""
    added = T_h / (T_h + T_c)
    yield T_h / (T_h - T_c)
    yield -T_c / (T_h - T_c), "this is the hot bead, whose bath is cooled."
    yield (T_h - T_c) / T_h, "upside down: the share exceeds 1."
    yield added, "the hot bath loses entropy: J/T_c − J/T_h is the total, not their sum."
    yield 1.0, "and the hot bath? Its entropy falls, so the cold one gains more."


LOCAL = local_dissipation(ElasticNetwork(n=3, hot=(1, 8)))
SPEAK = dissipates(LOCAL.velocity).double()  # 0 at the silent nodes
HOT = torch.eye(9)[[1, 8]].sum(0)
OTHER = local_dissipation(ElasticNetwork(hot=(2, 3), T_h=(4.0, 10.0))).velocity


def alike(a: Tensor, b: Tensor) -> float:
    return correlation(a, b).item()


# Correlation of a reading that knows which nodes are silent with the truth.
check_32_3 = number(
    alike(SPEAK, LOCAL.velocity),
    (alike(SPEAK, LOCAL.heat), "this is the telling by heat; take velocity."),
    (
        alike(HOT, LOCAL.velocity),
        "this reading has 1 at the hot nodes; take 1 where entropy is produced.",
    ),
    (alike(dissipates(OTHER).double(), OTHER), "these are the nodes of the page; take hot=(1, 8)."),
    (alike(SPEAK, LOCAL.velocity) ** 2, "this is r²; r itself is asked for."),
    (0.0, "does it know nothing? It knows which nodes are silent."),
    otherwise="two rows of nine numbers: 0 and 1, and ⟨ν²⟩/D. Seven nodes reach 5 % of the largest.",
    means="0.98 without any knowledge of how much a node produces. Hence the score of those that dissipate.",
)


def check_32_4(answer: object) -> str:
    """Another map with the same ΔS: everything in the first cell."""
    H = torch.randn(7, 12, 12, generator=make_generator(324))
    wanted = f"maps of the same shape {tuple(H.shape)} are wanted"
    moved = tensor(evaluate(answer, H.clone()), H.shape, wanted=wanted).float()
    if not torch.allclose(moved.sum((1, 2)), H.sum((1, 2)), atol=1e-3):
        raise Hint("ΔS of single windows changes: the sum over cells must stay, for each window.")
    refuse(torch.allclose(moved, H), "the sums are right, but this is the map that was given.")
    if moved.flatten(1)[:, 1:].abs().max() > 1e-5:
        raise Hint("the sums are right; now leave nothing in any cell but [0, 0].")
    return "The loss sees ΔS alone, and cannot object. A map needs more than a good R²."
