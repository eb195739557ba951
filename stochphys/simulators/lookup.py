r"""The engine of the jump chains: the next state is read from a table, at the place that the present
state and twelve random bits name.

Many chains go through the table side by side. One long chain is cut into pieces that do: a piece
does not know yet where it starts, so it is run from every state with the same random numbers. That
makes of each piece a map from states to states; composing the maps tells where each piece starts.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from ..device import as_generator

BITS = 12
BINS = 2**BITS
PER_DRAW = 5  # groups of 12 bits in the 63 random bits of a positive int64
BLOCK = 2**17  # numbers worked on at once: a megabyte, which stays in the cache
FEW = 256  # with fewer chains than this side by side, a long chain is cut into pieces
PIECES = 4096  # that run side by side


def jump_sequence(
    P: Tensor, start: Tensor, n_steps: int, *, generator: torch.Generator | int
) -> Tensor:
    r"""Paths of a Markov chain `(n_trajectories, n_steps + 1)`, uint8, from the states `start`.

    A uniform number decides each jump. Its 12 high bits belong to one chain. Its low
    bits are shared by all chains that run side by side, which matters only where a threshold falls
    into one of the $2^{12}$ bins: each chain has exactly the law P, and what two chains have in
    common is of order $2^{-24}$. Chains run on the CPU; the random numbers come from `generator`,
    and the result goes to its device.

    Args:
        P: probabilities `(n_states, n_states)`, at most 256 states, rows that sum to 1.
        start: first states `(n_trajectories,)`, integers.
    """
    generator = as_generator(generator)
    table, states = _Table(P), start.cpu().numpy().astype(np.int64)
    if len(states) < FEW and n_steps * len(states) > PIECES:
        x = _in_pieces(table, states, n_steps, generator)
    else:
        x = np.empty((n_steps + 1, len(states)), np.uint8)
        x[0] = states
        for i in range(0, len(states), PIECES):
            some = slice(i, i + PIECES)
            table.run(states[some], _random(n_steps, states[some].size, generator), x[1:, some])
        x = x.T
    return torch.from_numpy(x).to(generator.device)


def _in_pieces(
    table: "_Table", start: np.ndarray, n_steps: int, generator: torch.Generator
) -> np.ndarray:
    """Few long chains `(n_trajectories, n_steps + 1)` by composing random maps."""
    n, n_states = len(start), table.n_states
    length = -(-n_steps // max(1, PIECES // n))  # of a piece
    pieces = -(-n_steps // length)  # of each chain
    random = list(_random(length, n * pieces, generator))
    maps = table.compose(n * pieces, random).reshape(n_states, n, pieces)
    first = np.empty((n, pieces), np.int64)  # state at the start of each piece
    for chain, (state, ends) in enumerate(
        zip(start, maps.transpose(1, 2, 0).tolist(), strict=True)
    ):
        for piece, end in enumerate(ends):
            first[chain, piece] = state
            state = end[state]
    out = np.empty((length, n * pieces), np.uint8)
    table.run(first.ravel(), random, out)
    x = np.empty((n, n_steps + 1), np.uint8)
    x[:, 0] = start
    x[:, 1:] = out.reshape(length, n, pieces).transpose(1, 2, 0).reshape(n, -1)[:, :n_steps]
    return x


def _random(
    n_steps: int, width: int, generator: torch.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of random numbers: bits `(n, width)` for up to 5n steps, low bits `(n_steps,)`."""
    draws = max(1, BLOCK // (PER_DRAW * width))
    for begin in range(0, n_steps, PER_DRAW * draws):
        steps = min(PER_DRAW * draws, n_steps - begin)
        size, device = (-(-steps // PER_DRAW), width), generator.device
        bits = torch.empty(size, dtype=torch.int64, device=device).random_(generator=generator)
        low = torch.rand(steps, dtype=torch.float64, generator=generator, device=device)
        yield bits.cpu().numpy(), low.cpu().numpy()


class _Table:
    """The next state at place `state · BINS + bin`, itself kept as a place: `next · BINS`.

    The few bins that hold a threshold are filled anew for each step, with its low bits.
    """

    def __init__(self, P: Tensor) -> None:
        sums = P.cpu().double().cumsum(1)
        n = self.n_states = len(P)
        # Thresholds of all states on one line, BINS for each state; the last of each is its end.
        edges = (sums / sums[:, -1:] + torch.arange(n, dtype=sums.dtype)[:, None]) * BINS
        self.edges = edges[:, :-1].flatten().numpy()
        self.divided = np.unique(self.edges[self.edges % 1 > 0]).astype(np.int64)
        self.table = self.next_place(np.arange(n * BINS))

    def next_place(self, x: np.ndarray) -> np.ndarray:
        """Where the uniform number `x / BINS - state` leads, by counting thresholds."""
        passed = np.searchsorted(self.edges, x, side="right")
        return (passed - np.floor(x / BINS).astype(np.int64) * (self.n_states - 1)) * BINS

    def steps(
        self, random: Iterable[tuple[np.ndarray, np.ndarray]]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For each block, its bins `(n_steps, width)`, to be used up before the next block is
        asked for, and what fills the divided bins."""
        buffer = np.empty((0, 0, 0), np.int64)
        for bits, low in random:
            if buffer.shape[1:] != bits.shape:
                buffer = np.empty((PER_DRAW, *bits.shape), np.int64)
            bins = buffer
            for k, group in enumerate(bins):
                np.right_shift(bits, BITS * k, out=group)
            bins &= BINS - 1
            yield (
                bins.reshape(-1, bits.shape[1])[: len(low)],
                self.next_place(self.divided + low[:, None]),
            )

    def run(
        self, states: np.ndarray, random: Iterable[tuple[np.ndarray, np.ndarray]], out: np.ndarray
    ) -> None:
        """Chains `(width,)` side by side; their states after each step go to `out`."""
        place, done = states * BINS, 0
        for bins, filling in self.steps(random):
            for x, fill in zip(bins, filling, strict=True):
                self.table[self.divided] = fill
                x += place
                place = self.table.take(x, out=x, mode="clip")
            place = place.copy()
            block = out[done : (done := done + len(bins))]
            np.right_shift(bins, BITS, out=block, casting="unsafe")

    def compose(self, width: int, random: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """The last state from each first state, `(n_states, width)`."""
        place = np.arange(self.n_states)[:, None].repeat(width, 1) * BINS
        for bins, filling in self.steps(random):
            for x, fill in zip(bins, filling, strict=True):
                self.table[self.divided] = fill
                place += x
                self.table.take(place, out=place, mode="clip")
            if (place == place[0]).all():  # all starts have met: one copy is enough
                place = place[:1].copy()
        return np.broadcast_to(place // BINS, (self.n_states, width))
