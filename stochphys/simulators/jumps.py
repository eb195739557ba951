"""Systems that jump between a few numbered states, one jump per unit of time: Markov chains.

`JumpChain` is any chain, with everything that is exact; `simulate_jumps` runs thousands of chains
side by side, or one long chain cut into pieces that do.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor

from .. import require
from ..brief import Brief
from ..data import Jumps, Paths
from ..device import Source, as_generator, one_thread
from ..paths import check_frames, end_to_end, of_windows

BITS, GROUPS = 12, 5  # one random integer has 63 bits: five groups of twelve
BLOCK = 2**17  # integers drawn at once: a megabyte, which stays in the cache
TOGETHER = 4096  # chains, or pieces of chains, that run side by side
FEW = 256  # with fewer chains than this side by side, long ones are cut into pieces,
COPIES = 32  # if they have no more states: of each piece there is a copy for each state


@dataclass(frozen=True, eq=False)
class JumpChain(Brief):
    r"""A Markov chain in discrete time: from state i the next jump leads to j with probability
    $P_{ij}$. One step is the unit of time.

    Its stationary law solves $\pi P = \pi$. A jump i → j produces the entropy

    $$\Delta S = \ln\frac{\pi_i P_{ij}}{\pi_j P_{ji}}, \qquad
      \dot\sigma = \sum_{ij} \pi_i P_{ij} \ln\frac{\pi_i P_{ij}}{\pi_j P_{ji}},$$

    the log-odds that the film of this jump runs forwards.

    Attributes:
        P: probabilities `(n_states, n_states)`, kept in float64.
        stationary_law: π `(n_states,)`, float64.

    Raises:
        ValueError: P is not square, has fewer than 2 or more than 256 states, a negative entry, a
            row that does not sum to 1, or states that cannot all reach each other.
    """

    P: Tensor
    stationary_law: Tensor = field(init=False, repr=False)
    escape_rates = None  # in continuous time: one over the mean stay in each state `(n_states,)`

    def __post_init__(self) -> None:
        P = torch.as_tensor(self.P, dtype=torch.float64)
        if P.ndim != 2 or P.shape[0] != P.shape[1] or not 2 <= len(P) <= 256:
            raise ValueError(
                f"P must have shape (n_states, n_states), 2 to 256 states, got {tuple(P.shape)}"
            )
        require.stochastic(P=P)
        reached = (P > 0).double() + torch.eye(len(P), dtype=P.dtype)
        for _ in range(len(P).bit_length()):  # twice as many steps each time
            reached = ((reached @ reached) > 0).double()
        if not reached.all():
            i, j = (reached == 0).nonzero()[0].tolist()
            raise ValueError(
                f"state {j} cannot be reached from state {i}: the stationary law is not unique. "
                "Leave out what is never visited, or split the chain"
            )
        P = P / P.sum(1, keepdim=True)
        object.__setattr__(self, "P", P)
        object.__setattr__(self, "stationary_law", stationary_law(P))

    @property
    def n_states(self) -> int:
        return len(self.P)

    def sample_stationary(self, n: int, *, generator: Source) -> Tensor:
        """States `(n,)` drawn from the stationary law, int64."""
        generator = as_generator(generator)
        law = self.stationary_law.to(generator.device)
        return torch.multinomial(law, n, replacement=True, generator=generator)

    def entropy_of_jumps(self) -> Tensor:
        """ΔS of each jump i → j `(n_states, n_states)`, float64; 0 where no jump leads.

        Raises `ValueError` if a jump has no reverse: its entropy is infinite.
        """
        flow = self.stationary_law[:, None] * self.P
        if (one_way := (flow > 0) & (flow.T == 0)).any():
            i, j = one_way.nonzero()[0].tolist()
            raise ValueError(
                f"the jump {i} → {j} has no reverse (P[{j}, {i}] = 0), so that it produces infinite "
                "entropy; a chain with an entropy needs P[i, j] > 0 wherever P[j, i] > 0"
            )
        return torch.where(flow > 0, (flow / flow.T).log(), 0.0)

    def entropy_production_rate(self) -> float:
        """Mean entropy produced per jump, exact."""
        flow = self.stationary_law[:, None] * self.P
        return (flow * self.entropy_of_jumps()).sum().item()

    def entropy_production(
        self, data: Paths, scheme: str | None = None, *, frames: int = 2
    ) -> Tensor:
        """ΔS of windows of `Jumps` as in `langevin.Exact`, float64, always the "exact" one; raises
        `ValueError` also for another number of states, or a jump without a reverse."""
        require.one_of((None, "exact"), scheme=scheme)
        jumps = jumps_of(data, self.n_states)
        check_frames(frames, jumps.longest)
        return of_windows(lambda paths: end_to_end(self.jump_entropy(paths), frames), jumps, frames)

    def jump_entropy(self, jumps: Jumps) -> Tensor:
        """ΔS of each jump of paths without gaps, `(n_trajectories, n_times - 1)`, float64."""
        x = jumps.x.long()
        pair = x[:, :-1] * self.n_states + x[:, 1:]
        return self.entropy_of_jumps().to(x.device).flatten()[pair]


def jumps_of(data: Paths, n_states: int) -> Jumps:
    """These paths, if they are jumps between so many states."""
    if not isinstance(data, Jumps):
        raise TypeError(f"data must be Jumps between states, got {type(data).__name__}")
    if data.n_states != n_states:
        raise ValueError(f"these paths have {data.n_states} states, the chain has {n_states}")
    return data


def simulate_jumps(
    process: JumpChain, n_trajectories: int, n_steps: int, *, generator: Source
) -> Jumps:
    """Run a chain from its stationary law: `(n_trajectories, n_steps + 1)` states, one byte each,
    and, if the process has `escape_rates`, the time of each stay, drawn from its exponential law.

    Few chains of few states are cut into pieces that run side by side. A piece does not know where it
    starts, so it is run from every state with the same random numbers: that makes of it a map from
    states to states, and composing the maps tells where each piece starts.

    The same generator state gives the same paths. Raises `ValueError` for numbers that are not
    positive integers.
    """
    generator = as_generator(generator)
    require.integer(1, n_trajectories=n_trajectories, n_steps=n_steps)
    start = process.sample_stationary(n_trajectories, generator=generator)
    thresholds = process.P.cumsum(1)[:, :-1].to(start.device)  # (n_states, n_states - 1)
    with one_thread():
        few = n_trajectories < FEW and process.n_states <= COPIES
        if few and n_steps * n_trajectories > TOGETHER:
            x = _in_pieces(thresholds, start, n_steps, generator)
        else:
            parts = []
            for some in start.split(TOGETHER):
                parts.append(_run(thresholds, some, _numbers(n_steps, len(some), generator)))
            x = torch.cat((start[None].byte(), torch.cat(parts, 1))).T
    if process.escape_rates is None:
        return Jumps(x, process.n_states, check=False)
    waiting = torch.empty(x.shape, device=x.device).exponential_(generator=generator)
    waiting /= process.escape_rates.to(waiting)[x.long()]
    return Jumps(x, process.n_states, waiting, check=False)


def _jump(thresholds: Tensor, state: Tensor, u: Tensor) -> Tensor:
    """The next state `(…)`: the first j with u < P_i0 + … + P_ij, found by counting."""
    return (u[..., None] >= thresholds[state]).sum(-1)


def _run(thresholds: Tensor, state: Tensor, numbers: Iterable[Tensor]) -> Tensor:
    """States after each jump `(n_steps, …)`, uint8, from `state (…)` with one row of numbers each."""
    states = []
    for u in numbers:
        state = _jump(thresholds, state, u)
        states.append(state.byte())
    return torch.stack(states)


def stationary_law(P: Tensor) -> Tensor:
    """π `(n_states,)` with π P = π and Σπ = 1: one state after the other is taken out of the chain and put
    back, without a subtraction, so that no digit is lost, and in one order, so that all runs agree.

    Source: Grassmann, Taksar, Heyman, Oper. Res. 33, 1107 (1985).
    """
    P, law = P.clone(), torch.ones_like(P[0])
    for k in range(len(P) - 1, 0, -1):
        P[:k, k] /= P[k, :k].sum()
        P[:k, :k] += P[:k, k, None] * P[k, :k]
    for k in range(1, len(P)):
        law[k] = (law[:k] * P[:k, k]).sum()
    return law / law.sum()


def _in_pieces(thresholds: Tensor, start: Tensor, n_steps: int, generator: Generator) -> Tensor:
    """Few long chains `(n_trajectories, n_steps + 1)` by composing random maps."""
    n, states = len(start), torch.arange(len(thresholds), device=start.device)
    length = -(-n_steps // (TOGETHER // n))  # of a piece
    pieces = -(-n_steps // length)  # of each chain
    numbers = [u.view(n, pieces) for u in _numbers(length, n * pieces, generator)]
    ends = states[:, None, None].expand(-1, n, pieces)  # of each piece, for each first state
    for u in numbers:
        ends = _jump(thresholds, ends, u)
        if (ends == ends[0]).all():  # copies that meet stay together: one is enough
            ends = ends[:1]
    ends, chain = ends.expand(len(states), -1, -1), torch.arange(n, device=start.device)
    starts = [start]
    for piece in range(pieces - 1):
        starts.append(ends[starts[-1], chain, piece])
    x = _run(thresholds, torch.stack(starts, 1), numbers)  # (length, n, pieces)
    x = x.permute(1, 2, 0).flatten(1)[:, :n_steps]
    return torch.cat((start[:, None].byte(), x), 1)


def _numbers(n_steps: int, width: int, generator: Generator) -> Iterator[Tensor]:
    r"""Uniform numbers of [0, 1), for each jump a row `(width,)`, float64.

    The 12 high bits of each belong to one chain. The low bits are shared by the row, which matters
    only where a threshold falls into one of the $2^{12}$ bins: each chain has exactly the law P, and
    what two chains have in common is of order $2^{-24}$. So one random integer does for five jumps.
    """
    device, draws = generator.device, max(1, BLOCK // (GROUPS * width))
    shift = BITS * torch.arange(GROUPS, device=device)[:, None, None]
    for begin in range(0, n_steps, GROUPS * draws):
        steps = min(GROUPS * draws, n_steps - begin)
        bits = torch.empty(-(-steps // GROUPS), width, dtype=torch.int64, device=device)
        bits.random_(generator=generator)
        low = torch.rand(steps, 1, dtype=torch.float64, generator=generator, device=device)
        high = (bits >> shift) & (2**BITS - 1)  # (groups, draws, width)
        yield from (high.flatten(0, 1)[:steps] + low) / 2**BITS
