"""What a network does with wrong labels: it sees through them, learns them by heart, or errs."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ...training import Ensemble, Labelled
from ...training.labels import predict

FRACTIONS = ("true label", "memorised", "other", "right labels")


def memorised(model: nn.Module, data: Labelled) -> Tensor:
    r"""What becomes of wrongly labelled examples: four fractions, named in `FRACTIONS`.

    With given label $\tilde y$, true label y and prediction $\hat y$, of the examples with
    $\tilde y \ne y$ the shares with $\hat y = y$ (seen through), $\hat y = \tilde y$ (memorised) and
    neither; they add up to 1. The last is the share of $\hat y = y$ where $\tilde y = y$.

    Returns `(4,)`, or `(4, members)` of an `Ensemble`; nan where there is no such example.

    Raises `ValueError` for data without true labels.
    """
    if data.true is None:
        raise ValueError("data has no true labels to compare with; give Labelled(x, y, true=…)")
    given, true = (
        t if t.ndim == 1 else t.repeat_interleave(data.copies, 0) for t in (data.y, data.true)
    )
    said, wrong = predict(model, data), given != true
    seen, learned = said == true, said == given
    pairs = ((seen, wrong), (learned, wrong), (~seen & ~learned, wrong), (seen, ~wrong))
    return torch.stack([(event & among).sum(-1) / among.sum(-1) for event, among in pairs])


@torch.no_grad()
def distance(model: nn.Module, state: Mapping[str, Tensor]) -> Tensor:
    r"""How far the weights are from those in `state`, $\|\theta - \theta_c\|$, buffers left out:
    `()`, or `(members,)` of an `Ensemble`.

    `state` is a `state_dict` of the model, or `Resetting.checkpoint`. Raises `ValueError` for
    parameters that are missing there.
    """
    parameters = dict(model.named_parameters())
    if missing := sorted(parameters.keys() - state.keys()):
        raise ValueError(f"state lacks {', '.join(missing)}; give a state_dict of this model")
    members = (model.members,) if isinstance(model, Ensemble) else ()
    apart = [(p - state[name]).reshape(*members, -1) for name, p in parameters.items()]
    return torch.cat(apart, -1).norm(dim=-1)
