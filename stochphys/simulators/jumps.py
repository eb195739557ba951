"""Systems that jump between a few numbered states, one jump per unit of time: Markov chains.

`JumpChain` is any chain, with everything that is exact; `simulate_jumps` runs it by table look-up,
thousands of chains at once, or one long chain cut into pieces that run side by side. Chains of
which an observer sees only a part live in `hidden`.
"""

from dataclasses import dataclass, field
from numbers import Integral

import torch
from torch import Tensor

from ..brief import Brief
from ..data import Jumps, Paths
from ..device import as_generator
from .exact import check_frames, end_to_end, known_scheme
from .lookup import jump_sequence


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
                "P must have the shape (n_states, n_states) with 2 to 256 states, got "
                f"{tuple(P.shape)}"
            )
        if not (P >= 0).all():
            i, j = (~(P >= 0)).nonzero()[0].tolist()
            raise ValueError(f"P must hold probabilities, got P[{i}, {j}] = {P[i, j].item():g}")
        sums = P.sum(1)
        if (off := (sums - 1).abs()).max() > 1e-6:
            i = int(off.argmax())
            raise ValueError(
                f"row {i} of P sums to {sums[i].item():.6g}, not to 1; divide each row by its sum"
            )
        reached = (P > 0).double() + torch.eye(len(P), dtype=P.dtype)
        for _ in range(len(P).bit_length()):  # twice as many steps each time
            reached = ((reached @ reached) > 0).double()
        if not reached.all():
            i, j = (reached == 0).nonzero()[0].tolist()
            raise ValueError(
                f"state {j} cannot be reached from state {i}: the stationary law is not unique. "
                "Leave out what is never visited, or split the chain"
            )
        P = P / sums[:, None]
        # π P = π and Σπ = 1, as one least-squares problem.
        equations = torch.cat((P.T - torch.eye(len(P)), torch.ones(1, len(P))))
        wanted = torch.zeros(len(P) + 1, dtype=P.dtype)
        wanted[-1] = 1
        law = torch.linalg.lstsq(equations, wanted[:, None]).solution[:, 0]
        object.__setattr__(self, "P", P)
        object.__setattr__(self, "stationary_law", law)

    @property
    def n_states(self) -> int:
        return len(self.P)

    def sample_stationary(self, n: int, *, generator: torch.Generator | int) -> Tensor:
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
        """ΔS of each jump of these paths, `(n_trajectories, n_times - 1)`, float64; of windows of
        more `frames`, which lie end to end, the sum. It is always the "exact" one.

        Raises `TypeError` for what are no `Jumps`, `ValueError` for another number of states, another
        scheme, too many frames, or a jump without a reverse.
        """
        known_scheme(scheme, ("exact",), type(self).__name__)
        jumps = jumps_of(data, self.n_states)
        check_frames(frames, jumps.n_times)
        return end_to_end(self.jump_entropy(jumps), frames)

    def jump_entropy(self, jumps: Jumps) -> Tensor:
        """ΔS of each jump of these paths, `(n_trajectories, n_times - 1)`, float64."""
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
    process: JumpChain, n_trajectories: int, n_steps: int, *, generator: torch.Generator | int
) -> Jumps:
    """Run a chain from its stationary law: `(n_trajectories, n_steps + 1)` states, one byte each,
    and, if the process has `escape_rates`, the time of each stay, drawn from its exponential law.

    See `lookup.jump_sequence` for how. The same generator state gives the same paths.

    Raises `ValueError` for numbers that are not positive integers.
    """
    generator = as_generator(generator)
    for name, value in (("n_trajectories", n_trajectories), ("n_steps", n_steps)):
        if not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value!r}")
    start = process.sample_stationary(n_trajectories, generator=generator)
    x = jump_sequence(process.P, start, n_steps, generator=generator)
    if process.escape_rates is None:
        return Jumps(x, process.n_states, check=False)
    waiting = torch.empty(x.shape, device=x.device).exponential_(generator=generator)
    waiting /= process.escape_rates.to(waiting)[x.long()]
    return Jumps(x, process.n_states, waiting, check=False)
