"""What `fit` draws batches from, and what it refuses at the door."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset


class Data(Protocol):
    """What `fit` draws batches from: `data[index]` with an integer tensor gives a batch."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: Tensor) -> Any: ...


def require_batches(name: str, data: Any, per_member: torch.Size) -> None:
    """Refuse what gives no batch for a tensor of indices, in words."""
    if isinstance(data, DataLoader):
        raise TypeError(
            f"{name} is a DataLoader, which makes batches of its own; fit draws them by index: give "
            f"the dataset inside, {name}=loader.dataset"
        )
    if isinstance(data, tuple | list):
        raise TypeError(f"{name} is a {type(data).__name__}; for tensors give TensorDataset(x, y)")
    if not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
        raise TypeError(f"{name} must have a length and data[index], got {type(data).__name__}")
    if len(data) == 0:
        raise ValueError(f"{name} is empty; give it at least one example")
    if isinstance(data, TensorDataset) or not isinstance(data, Dataset):
        return
    index = torch.zeros(*per_member, 2, dtype=torch.long)
    try:
        batch = data[index]
        parts = [batch] if isinstance(batch, Tensor) else list(batch)
        good = all(part.shape[: index.ndim] == index.shape for part in parts)
    except Exception:  # whatever a dataset raises that knows single numbers only
        good = False
    if not good:
        raise TypeError(
            f"{name}[index] must give a batch for a tensor of indices, which {type(data).__name__} "
            "does not; stack its examples once: TensorDataset(*default_collate(list of examples)), "
            "both of torch.utils.data"
        )


def moved(data: Any, device: torch.device) -> Any:
    """Data of the course move themselves; the tensors of a `TensorDataset` are moved."""
    if isinstance(data, TensorDataset):
        return TensorDataset(*(t.to(device) for t in data.tensors))
    return data.to(device) if hasattr(data, "to") else data
