"""What a network does with wrong labels: it sees through them, learns them by heart, or errs."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ...training import Ensemble, Labelled, predict

FRACTIONS = ("true label", "memorised", "other", "right labels")


def memorised(model: nn.Module, data: Labelled) -> Tensor:
    r"""What becomes of wrongly labelled examples: four fractions, named in `FRACTIONS`.

    With given label $\tilde y$, true label y and prediction $\hat y$, of the examples with
    $\tilde y \ne y$ the shares with $\hat y = y$ (seen through), $\hat y = \tilde y$ (memorised) and
    neither; they add up to 1. The last is the share of $\hat y = y$ among examples with
    $\tilde y = y$.

    Args:
        data: with the true labels.

    Returns:
        `(4,)`, or `(4, members)` of an `Ensemble`; nan where there is no such example.

    Raises:
        ValueError: `data` without true labels.
    """
    if data.true is None:
        raise ValueError(
            "data has no true labels: what is memorised cannot be told; give Labelled its true"
        )
    given, true = data.y, data.true
    if given.ndim == 2:
        given, true = (t.repeat_interleave(data.copies, 0) for t in (given, true))
    said, wrong = predict(model, data), given != true

    def share(event: Tensor, among: Tensor) -> Tensor:
        return (event & among).sum(-1) / among.sum(-1)

    seen, learned = said == true, said == given
    shares = (share(seen, wrong), share(learned, wrong), share(~seen & ~learned, wrong))
    return torch.stack((*shares, share(seen, ~wrong)))


@torch.no_grad()
def distance(model: nn.Module, state: Mapping[str, Tensor]) -> Tensor:
    r"""How far the weights are from those in `state`, $\|\theta - \theta_c\|$, buffers left out.

    Args:
        state: a `state_dict` of the model, or `Resetting.checkpoint`.

    Returns:
        `()`, or `(members,)` of an `Ensemble`.

    Raises:
        ValueError: parameters that are missing in `state`.
    """
    parameters = dict(model.named_parameters())
    if missing := sorted(parameters.keys() - state.keys()):
        raise ValueError(f"state lacks {', '.join(missing)}; give a state_dict of this model")
    first = 1 if isinstance(model, Ensemble) else 0
    apart = [(p - state[name]).flatten(first) for name, p in parameters.items()]
    return torch.cat([d.reshape(*d.shape[:first], -1) for d in apart], -1).norm(dim=-1)
