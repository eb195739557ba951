"""Right and wrong answers to the exercises of notebook 32."""

from typing import Any

import torch


def field(layers: list[tuple[int, int]]) -> int:
    size, step = 1, 1
    for kernel, stride in layers:
        size, step = size + (kernel - 1) * step, step * stride
    return size


def early(layers: list[tuple[int, int]]) -> int:
    size, step = 1, 1
    for kernel, stride in layers:
        step *= stride
        size += (kernel - 1) * step
    return size


def all_in_one(H: torch.Tensor) -> torch.Tensor:
    moved = torch.zeros_like(H)
    moved[:, 0, 0] = H.sum((1, 2))
    return moved


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "32.1": (
        field,
        [
            (lambda layers: 1 + sum(kernel - 1 for kernel, _ in layers), "forgets the strides"),
            (early, "spreads the layers after it"),
            (lambda layers: field(layers) - 1, "one pixel is missing"),
            (lambda layers: sum(kernel for kernel, _ in layers), "kernels overlap"),
            (lambda layers: 40, "by hand"),
        ],
    ),
    "32.2": (
        lambda T_c, T_h: 1 / (1 - T_c / T_h),
        [
            (lambda T_c, T_h: T_c / (T_c - T_h), "the hot bead"),
            (lambda T_c, T_h: 1 - T_c / T_h, "upside down"),
            (lambda T_c, T_h: 1 / (1 + T_c / T_h), "not their sum"),
            (lambda T_c, T_h: 1.0, "and the hot bath?"),
            (lambda T_c, T_h: T_h, "the same heat J"),
        ],
    ),
    "32.3": (
        0.976,
        [
            (0.441, "by heat"),
            (0.373, "at the hot nodes"),
            (0.640, "hot=(1, 8)"),
            (0.953, "r itself"),
            (0.0, "which nodes are silent"),
            (1.0, "two rows"),
        ],
    ),
    "32.4": (
        all_in_one,
        [
            (lambda H: 0 * H, "the sum over cells must stay"),
            (lambda H: H, "the map that was given"),
            (lambda H: H.roll(1, 0).roll(-1, 0).roll(3, 2), "nothing in any cell but"),
            (lambda H: H.sum((1, 2)), "same shape"),
            (lambda H: 3, "yours is 3"),
        ],
    ),
}
