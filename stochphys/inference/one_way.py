"""Jumps that were seen in one direction only: what they produce is infinite, or is not in the data."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..data import Jumps, Windows
from ..paths import Paths

ENOUGH = 10  # such jumps, in all, from which on it is said,
SURE = 5.0  # if they are so many standard deviations more than luck makes


def irreversible(jumps: Jumps, kind: Tensor, n: Tensor) -> Iterator[str]:
    """Whether jumps were seen whose reverse never was, from the kinds of jump that were seen, `kind` =
    i · n_states + j for i → j, and how often each was seen, `n`, both `(n_kinds,)`.

    A reverse of probability p is missed in n jumps with probability (1 − p)ⁿ, so that up to p = 3/n is
    possible: a jump produces ln(n/3) at least, and there is no upper limit. Of many pairs of states that are
    joined by few jumps each, as likely as their reverses, some are seen one way by luck: m jumps with
    probability 2 / 2ᵐ.
    """
    first, then, in_all = kind // jumps.n_states, kind % jumps.n_states, int(n.sum())
    pair, apart = torch.minimum(kind, then * jumps.n_states + first), first != then
    m = torch.bincount(pair[apart].unique(return_inverse=True)[1], n[apart].double())
    luck = 2 ** (1 - m)
    allowed = (m * luck).sum() + SURE * (m.square() * luck * (1 - luck)).sum().sqrt()
    n = torch.where(torch.isin(then * jumps.n_states + first, kind), 0, n)
    if (total := int(n.sum())) >= max(ENOUGH, allowed.item()):
        i, j = (int(state[n.argmax()]) for state in (first, then))
        names = jumps.names or range(jumps.n_states)
        yield (
            f"Irreversible as far as seen: {int((n > 0).sum())} kinds of jump, {total} of {in_all} jumps, "
            f"never occur the other way, most often {names[i]} → {names[j]} ({int(n.max())} times). "
            "They produce infinite entropy, or their reverse is too rare for these data: the rate says "
            "nothing of that. Record for longer, or make one state of those between which jumps go one way."
        )


def irreversible_pairs(data: Paths) -> Iterator[str]:
    """The same of recorded data, if they are jumps in discrete time."""
    if isinstance(data, Jumps) and data.waiting is None:
        pairs = Windows(data).apart()
        yield from irreversible(
            data, *(pairs[:, 0] * data.n_states + pairs[:, 1]).unique(return_counts=True)
        )
