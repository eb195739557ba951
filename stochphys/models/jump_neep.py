r"""Neural estimators of entropy production for systems that jump between numbered states.

Antisymmetric under time reversal, like those of `neep`, where their objectives live.
"""

from typing import Self

import torch
from torch import Tensor, nn

from ..data import Jumps
from ..device import Source, as_generator
from .neep import odd_part
from .networks import MLP


class JumpNEEP(nn.Module):
    r"""Entropy produced in one jump between numbered states,
    $\Delta S_\theta(s, s') = g(s, s') - g(s', s)$; each state is embedded as a vector.

    Args:
        n_states: number of states.
        width, generator: as for `NEEP`; the embedding is as wide as the hidden layer.
    """

    def __init__(self, n_states: int, *, width: int = 64, generator: Source) -> None:
        super().__init__()
        generator = as_generator(generator)
        self.embedding = embedding(n_states, width, generator)
        self.g = MLP([2 * width, width, 1], generator=generator)

    def forward(self, window: Tensor) -> Tensor:
        """ΔS `(…)` of pairs of successive states `(…, 2)`, integers."""
        pair = self.embedding(window)
        return odd_part(self.g, pair.flatten(-2), pair.flip(-2).flatten(-2))


class RNEEP(nn.Module):
    r"""Entropy produced along a window of symbols by a process with a memory,

    $$\Delta S_\theta(s_1 \dots s_n) = \sum_t g(m_t) - \sum_t g(\tilde m_t),$$

    where the memory m of a gated recurrent unit reads the window forwards, and m̃ reads it
    backwards. The weights know no length: a longer window may be given than in training.
    (Kim, Bae, Lee, Jeong 2020, arXiv 2003.04166, there with the mean in place of the sum.)

    Args:
        n_states: number of symbols.
        generator: as for `JumpNEEP`.
        width: size of the memory.
    """

    def __init__(self, n_states: int, *, width: int = 32, generator: Source) -> None:
        super().__init__()
        generator = as_generator(generator)
        self.gates = embedding(n_states, 2 * width, generator)  # what a symbol asks of the gates
        self.news = embedding(n_states, width, generator)  # and what it wants remembered
        self.recall = MLP([width, 3 * width], generator=generator)
        self.g = MLP([width, 1], generator=generator)

    def forward(self, window: Tensor) -> Tensor:
        """ΔS `(…)` of windows of symbols `(…, n)`, integers."""
        films = torch.stack((window, window.flip(-1))).flatten(0, -2).T  # (n, both directions)
        n_states, width = self.news.weight.shape
        # One-hot vectors (n, both directions, n_states): a product is faster than looking up rows.
        symbols = torch.arange(n_states, device=films.device)
        which = (films[..., None] == symbols).to(self.news.weight)
        weight, bias = (p.split((2 * width, width)) for p in self.recall.parameters())
        memory = which.new_zeros(which.shape[1], width)
        total = memory
        for symbol in which.unbind(0):  # a gated recurrent unit, written out
            gate = torch.addmm(bias[0], symbol, self.gates.weight)
            keep, update = torch.sigmoid(torch.addmm(gate, memory, weight[0].T)).chunk(2, -1)
            old = torch.addmm(bias[1], memory, weight[1].T)
            new = torch.addmm(keep * old, symbol, self.news.weight)
            memory = memory + update * (torch.tanh(new) - memory)
            total = total + memory
        h = self.g(total).view(2, *window.shape[:-1])
        return h[0] - h[1]


class OddJumpNEEP(nn.Module):
    r"""Entropy produced in one jump of a process in continuous time with odd states.

    Reversal takes the jump $s \to s'$ to $\epsilon s' \to \epsilon s$ and a stay of time τ in s to
    one in εs. With antisymmetric parts for jumps, for stays and for states

    $$\Delta S = h_{jump}(s, s') + h_{stay}(s, \tau) - h_0(s) - h_0(s')$$

    up to what telescopes (arXiv 2112.04681).

    Args:
        reversal: the state εs of each state s, `(n_states,)`.
        width, generator: as for `JumpNEEP`, of each network.
    """

    signs = (1.0, 1.0, -1.0, -1.0)  # with which the parts add up to ΔS

    def __init__(self, reversal: Tensor, *, width: int = 32, generator: Source) -> None:
        super().__init__()
        generator = as_generator(generator)
        self.embedding = embedding(len(reversal), width, generator)
        self.jump = MLP([2 * width, width, 1], generator=generator)
        self.stay = MLP([width + 1, width, 1], generator=generator)
        self.state = MLP([width, width, 1], generator=generator)
        self.reversal = nn.Buffer(reversal.clone())
        self.scale = nn.Buffer(torch.ones(()))

    def standardise(self, jumps: Jumps) -> Self:
        """Bring waiting times to order one."""
        self.scale.fill_(jumps.dt)
        return self

    def forward(self, window: Tensor) -> Tensor:
        """The four parts `(4, …)` of pairs of successive stays `(…, 2, 2)`, state and time."""
        states = window[..., 0].long()
        time = window[..., :1, 1].to(self.scale.dtype) / self.scale  # (…, 1)
        s, reverse = self.embedding(states), self.embedding(self.reversal[states])  # (…, 2, width)
        jump = odd_part(self.jump, s.flatten(-2), reverse.flip(-2).flatten(-2))
        stays = (torch.cat((vector[..., 0, :], time), -1) for vector in (s, reverse))
        stay = odd_part(self.stay, *stays)  # of the first of both states
        state = odd_part(self.state, s, reverse)  # (…, 2)
        return torch.stack((jump, stay, state[..., 0], state[..., 1]))


def embedding(n_states: int, width: int, generator: torch.Generator) -> nn.Embedding:
    """A vector for each state, normal random numbers to begin with."""
    table = torch.randn(n_states, width, generator=generator)
    return nn.Embedding.from_pretrained(table, freeze=False)
