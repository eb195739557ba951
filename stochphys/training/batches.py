"""What `fit` learns from, tried at the door: whatever works will do, else words say what does not."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from ..brief import brief, dtype_of

# From a model and a batch to a scalar, or to one number per member of an `Ensemble`.
Objective = Callable[[nn.Module, Any], Tensor]


class Data(Protocol):
    """What `fit` draws batches from: `data[index]` with an integer tensor gives a batch."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: Tensor) -> Any: ...


def require_what_learns(model: Any, data: Any, validation: Any) -> None:
    """Refuse a model that has nothing to learn with, and data without examples."""
    weights = list(model.parameters()) if isinstance(model, nn.Module) else []
    if not any(weight.requires_grad for weight in weights):
        what = f"{len(weights)} weights, all frozen" if weights else "no weights"
        raise ValueError(
            f"model must be an nn.Module with weights that learn, got {brief(model)} with {what}; "
            "model.requires_grad_() frees those that are frozen"
        )
    sources = dict(data=data) if validation is None else dict(data=data, validation=validation)
    for name, given in sources.items():
        if not hasattr(given, "__len__"):
            raise TypeError(f"{name} must have a length and {name}[index], got {brief(given)}")
        if len(given) == 0:
            raise ValueError(f"{name} is empty; give it at least one example")
    ours, theirs = (getattr(given, "names", None) for given in (data, validation))
    if ours and theirs and ours != theirs:
        raise ValueError(
            f"data number their classes as {brief(ours)}, validation as {brief(theirs)}; give "
            "Labelled(…, names=…) the same names in both"
        )


def batch_of(name: str, data: Data, index: Tensor) -> Any:
    """`data[index]`, of which a tensor at least must begin with the axes of the index."""
    cause: Exception | None = None
    try:
        batch = data[index]
        if any(t.shape[: index.ndim] == index.shape for t in tensors(batch)):
            return batch
        found = f"gives {brief(batch)}"
    except (TypeError, ValueError, LookupError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        found, cause = f"raises {type(error).__name__}: {error}", error
    raise TypeError(
        f"{name}[index] must give a batch of tensors for a tensor of indices {tuple(index.shape)}; "
        f"{type(data).__name__} {found}. For tensors give TensorDataset(x, y), for a DataLoader its "
        "dataset, and stack once what gives one example at a time: "
        "TensorDataset(*default_collate(list of examples)), both of torch.utils.data; examples with "
        "labels, Labelled.of(dataset)"
    ) from cause


def tensors(batch: Any) -> Iterator[Tensor]:
    """All tensors of a batch, in whatever tuples, dicts and objects they come."""
    if isinstance(batch, Tensor):
        yield batch
        return
    if isinstance(batch, Mapping):
        batch = batch.values()
    elif not isinstance(batch, tuple | list):
        batch = getattr(batch, "__dict__", {}).values()
    for part in batch:
        yield from tensors(part)


def evaluate(objective: Objective, model: nn.Module, batch: Any, per_member: torch.Size) -> Tensor:
    """The objective on a batch; in words what is wrong with it."""
    try:
        value = objective(model, batch)
    except (RuntimeError, IndexError) as error:
        if type(error) not in (RuntimeError, IndexError):  # memory is full, for one
            raise
        weights = next(model.parameters())
        text = (
            f"objective fails on the batch {brief(tuple(tensors(batch)))} with weights of "
            f"{dtype_of(weights)} on {weights.device}"
        )
        if any(t.is_floating_point() and t.dtype != weights.dtype for t in tensors(batch)):
            raise TypeError(
                f"{text}: their precision must be one. Let forward take off the mean of the data, which is "
                "lost on float32 far from zero, and then cast, (x - mean).to(weight.dtype); or change it "
                "before, data.float(), data.map(torch.Tensor.float), model.double()"
            ) from None
        raise TypeError(
            f"{text} ({error}); shapes and device must fit, and a "
            "network for classes has an output for each"
        ) from error
    if not isinstance(value, Tensor) or value.shape != per_member:
        wanted = f"one number per member, {tuple(per_member)}" if per_member else "one number, ()"
        raise TypeError(
            f"objective must give a tensor of {wanted}, got {brief(value)}; take the mean over the "
            "examples of the batch, and leave the numbers as tensors"
        )
    if torch.is_grad_enabled() and not value.requires_grad:
        raise ValueError(
            "objective has no gradient, so that nothing would be learned; it must depend on the "
            "weights of the model that it is given, without detach, item or no_grad"
        )
    return value


def moved(data: Any, device: torch.device) -> Any:
    """Data of the course move themselves; the tensors of a `TensorDataset` are moved."""
    if isinstance(data, TensorDataset):
        return TensorDataset(*(t.to(device) for t in data.tensors))
    return data.to(device) if hasattr(data, "to") else data
