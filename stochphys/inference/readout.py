"""What an ensemble says of windows of data: h of each window, ΔS from its parts, the bound J + 1."""

from __future__ import annotations

import torch
from torch import Tensor

from ..data import Jumps, Trajectories, Windows
from ..training import Ensemble


@torch.no_grad()
def member_entropy(model: Ensemble, data: Trajectories | Jumps, window: int = 2) -> Tensor:
    """h of each window by each member, windows end to end,
    `(parts, members, n_trajectories, n_windows)`; networks for odd variables have several parts."""
    windows = Windows(data, window, every=window - 1)
    index = torch.arange(len(windows), device=data.x.device)
    h = torch.empty(len(signs(model)), model.members, len(windows), device=data.x.device)
    for piece, out in zip(index.split(2**12), h.split(2**12, dim=-1), strict=True):
        out.copy_(model.on_shared(windows[piece]).view(model.members, len(h), -1).transpose(0, 1))
    return h.unflatten(-1, (data.n_trajectories, -1))


@torch.no_grad()
def on_sample(model: Ensemble, windows: Windows, n: int) -> Tensor:
    """h of at most n of the windows by each member, `(parts, members, n)`."""
    pieces = [
        model.on_shared(piece).view(model.members, -1, len(piece))
        for piece in windows.sample(n).split(2**12)
    ]
    return torch.cat(pieces, dim=-1).transpose(0, 1)


def bound(model: Ensemble, parts: Tensor) -> float:
    """J + 1 of the parts of h `(parts, …)`, each with its sign."""
    h = parts.double().flatten(1)
    return total(model, (h - torch.expm1(-h)).mean(1)).item()


def signs(model: Ensemble) -> tuple[float, ...]:
    """With which the parts of h add up to ΔS."""
    return getattr(model.member(0), "signs", (1.0,))


def total(model: Ensemble, parts: Tensor) -> Tensor:
    """ΔS from its parts `(parts, …)`, each with its sign."""
    return torch.tensordot(parts.new_tensor(signs(model)), parts, dims=1)
