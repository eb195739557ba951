"""Many networks of one kind, trained in one pass: the course's road to error bars."""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap


class Ensemble(nn.Module):
    """Members of equal shape, their weights stacked along a first axis.

    Where one model takes `(batch, …)`, the ensemble takes `(members, batch, …)` and gives
    `(members, batch, …)`: each matrix product becomes one batched product, nearly free on a GPU
    until it is full. No member sees another; the sum of their losses trains them side by side.

    Args:
        models: at least one `nn.Module`; all of the same architecture.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = len(models)
        parameters, buffers = stack_module_state(list(models))
        self._names = [*parameters, *buffers]
        for name, tensor in parameters.items():
            if tensor.ndim == 3:  # batched products take matrices without a copy if they lie so
                tensor = tensor.mT.contiguous().mT
            self.register_parameter(_flat(name), nn.Parameter(tensor.detach()))
        for name, tensor in buffers.items():
            self.register_buffer(_flat(name), tensor)
        # What the members have in common, without weights, kept out of this module's own state.
        self._architecture = [deepcopy(models[0]).to("meta")]
        self._convolves = any(isinstance(layer, nn.Conv2d) for layer in models[0].modules())

    def _stacked(self) -> dict[str, Tensor]:
        """Weights and buffers `(members, …)` by the names that they have in each member."""
        return {name: getattr(self, _flat(name)) for name in self._names}

    def _own(self, i: int) -> dict[str, Tensor]:
        """Those of member i."""
        return {name: tensor[i] for name, tensor in self._stacked().items()}

    def train(self, mode: bool = True) -> "Ensemble":
        self._architecture[0].train(mode)
        return super().train(mode)

    def forward(self, x: Tensor) -> Tensor:
        """Each member on its own batch `(members, batch, …)`."""
        if len(x) != self.members:
            raise ValueError(f"x must begin with an axis of {self.members} members, got {len(x)}")

        def one(weights: dict[str, Tensor], x: Tensor) -> Tensor:
            return functional_call(self._architecture[0], weights, (x,))

        if x.device.type == "cpu" and self._convolves:  # grouped convolutions are slow there
            return torch.stack([one(self._own(i), x[i]) for i in range(self.members)])
        # The members' axis is added to each operation: x·W (batch, n) becomes (members, batch, n).
        return vmap(one, randomness="different")(self._stacked(), x)

    def on_shared(self, x: Tensor) -> Tensor:
        """All members on the same batch `(batch, …)`; nothing is copied."""
        return self(x.expand(self.members, *x.shape))

    def member(self, i: int) -> nn.Module:
        """Member i as an ordinary model with weights of its own."""
        model = deepcopy(self._architecture[0]).to_empty(device=next(self.parameters()).device)
        model.load_state_dict(self._own(i))
        return model


def _flat(name: str) -> str:
    """A module's own entries must not have dots in their names."""
    return name.replace(".", "/")
