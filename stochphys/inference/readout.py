"""What an ensemble says of windows of data: h of each window, ΔS from its parts, the bound J + 1."""

import torch
from torch import Tensor

from ..data import Paths, Windows
from ..training import Ensemble


def member_entropy(model: Ensemble, data: Paths, frames: int = 2) -> Tensor:
    """h of each window by each member, windows end to end,
    `(parts, members, n_trajectories, n_windows)`."""
    windows = Windows(data, frames, every=frames - 1)
    h = on_sample(model, windows, len(windows)).float()
    return h.unflatten(-1, (data.n_trajectories, -1))


@torch.no_grad()
def on_sample(model: Ensemble, windows: Windows, n: int) -> Tensor:
    """h of at most n of the windows, evenly spaced, by each member, `(parts, members, n)`; networks
    for odd variables have several parts."""
    n = min(n, len(windows))
    index = torch.arange(n, device=windows.trajectories.x.device) * len(windows) // n
    pieces = [
        model.on_shared(windows[piece]).view(model.members, -1, len(piece))
        for piece in index.split(piece_size(windows))
    ]
    return torch.cat(pieces, dim=-1).transpose(0, 1).contiguous()


def piece_size(windows: Windows) -> int:
    """Windows that are looked at together: as many as a processor's caches bear, movies fewer."""
    return max(16, min(2**12, 2**20 // windows.sample(1).numel()))


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
