"""Chains of which an observer sees less than the state: what the visible film can still tell.

The example is a particle in a potential that flickers and cannot be seen, `FlashingRatchet`.
Everything here is exact, by the forward filter: sum over all hidden paths that agree with the
film. It is the fair target for an estimator that sees symbols only.
"""

from dataclasses import dataclass, field, replace
from math import log

import torch
from torch import Tensor

from .. import require
from ..brief import Brief
from ..data import Jumps, Paths
from ..estimate import Estimate
from ..paths import check_frames, of_windows
from ..simulators.jumps import JumpChain, jumps_of, simulate_jumps
from ..simulators.linear import blocks

MOST_WORDS = 2_000_000  # that are enumerated: windows of 13 frames with three symbols


@dataclass(frozen=True, eq=False)
class FlashingRatchet(JumpChain):
    r"""A particle on a ring of three sites in a potential that is switched on and off at random: it
    climbs where no force pushes.

    State $3m + s$: site $s = 0, 1, 2$; mode $m = 0$, potential on with energies $E_s = sV$, or
    $m = 1$, off. Rates are $e^{(E_s - E_{s'})/2T}$ between sites when on, 1 when off, and r for
    switching. What is simulated is the chain of jumps: where the next jump leads, not when
    (Kim, Bae, Lee, Jeong 2020, arXiv 2003.04166). Only the jumps between sites while the potential
    is on exchange heat, at the temperature T with k_B = 1.

    Raises `ValueError` for r or T that is not positive, or V that is not finite.
    """

    P: Tensor = field(init=False, repr=False)
    V: float = 2.0
    r: float = 1.0
    T: float = 1.0

    def __post_init__(self) -> None:
        require.positive(self, "r", "T")
        require.finite(self, "V")
        energy = self.V * torch.arange(3, dtype=torch.float64)
        on = torch.exp((energy[:, None] - energy) / (2 * self.T))
        off, switch = torch.ones_like(on), self.r * torch.eye(3, dtype=torch.float64)
        rates = blocks(on, switch, switch, off).fill_diagonal_(0)
        object.__setattr__(self, "P", rates / rates.sum(1, keepdim=True))
        super().__post_init__()

    @property
    def sites(self) -> Tensor:
        """What an observer sees who cannot see the potential: the site `(6,)` of each state."""
        return torch.arange(6) % 3


@dataclass(frozen=True, eq=False)
class HiddenChain(Brief):
    r"""A stationary `chain` seen through a map from states to symbols.

    The symbols have a memory of their own. A window of n of them shows
    $\Delta S = \ln[p(w_1 \dots w_n)/p(w_n \dots w_1)]$, with mean $D_n$. The most that windows of n
    frames can tell per step is $D_n/(n-1)$, which rises from almost nothing to the limit of long
    windows, and never above the entropy production of the chain.

    Args:
        chain: what happens.
        symbols: the symbol of each state `(n_states,)`, numbered from 0.

    Raises `ValueError` for symbols that do not fit the chain or leave a number out.
    """

    chain: JumpChain
    symbols: Tensor

    def __post_init__(self) -> None:
        symbols = torch.as_tensor(self.symbols)
        if symbols.shape != (self.chain.n_states,):
            raise ValueError(
                f"symbols must have shape ({self.chain.n_states},), one for each state, got "
                f"{tuple(symbols.shape)}"
            )
        used = symbols.unique()
        if not torch.equal(used, torch.arange(len(used))):
            raise ValueError(
                f"symbols must be numbered 0, 1, 2, … without gaps, got {used.tolist()}"
            )
        object.__setattr__(self, "symbols", symbols.long())

    @property
    def n_symbols(self) -> int:
        return int(self.symbols.max()) + 1

    @property
    def visible(self) -> Tensor:
        """1 where a state shows a symbol, `(n_symbols, n_states)`, float64."""
        return (self.symbols == torch.arange(self.n_symbols)[:, None]).double()

    def observe(self, jumps: Jumps) -> Jumps:
        """The symbols of these paths: what remains when the rest is hidden."""
        states = jumps_of(jumps, self.chain.n_states).x
        symbols = self.symbols.to(states.device, torch.uint8)
        x = symbols.index_select(0, states.flatten().int()).view(states.shape)
        return replace(jumps, x=x, n_states=self.n_symbols, names=None, check=False)

    def word_probabilities(self, frames: int) -> Tensor:
        """Probability of each word of `frames` symbols, one axis per symbol, float64.

        Raises `ValueError` for more words than can be enumerated.
        """
        if self.n_symbols**frames > MOST_WORDS:
            most = int(log(MOST_WORDS, self.n_symbols))
            raise ValueError(
                f"there are {self.n_symbols}^{frames} words; enumerate up to frames={most}, and "
                "take estimate_window_bound beyond"
            )
        joint = self.chain.stationary_law * self.visible  # of word and state, (symbols, states)
        for _ in range(frames - 2):  # one more axis for each symbol
            joint = (joint @ self.chain.P)[..., None, :] * self.visible
        return (joint @ self.chain.P) @ self.visible.T

    def window_bound(self, frames: int) -> float:
        """The most that windows of so many `frames` can tell per step, D_n/(n − 1), exact."""
        p = self.word_probabilities(frames)
        backward = p.permute(*reversed(range(frames)))
        return torch.where(p > 0, p * (p / backward).log(), 0.0).sum().item() / (frames - 1)

    def log_probability(self, words: Tensor) -> Tensor:
        """ln p of words `(…, n)`, shape `(…)`, float64, by the forward filter.

        The filter carries the probability of each state, given the symbols so far.
        """
        P, visible = self.chain.P.to(words.device), self.visible.to(words.device)
        belief = self.chain.stationary_law.to(words.device)  # of each state; (…, n_states) soon
        log_p = belief.new_zeros(words.shape[:-1])
        for t, symbol in enumerate(words.unbind(-1)):
            belief = (belief @ P if t else belief) * visible[symbol.long()]
            chance = belief.sum(-1, keepdim=True)  # of this symbol, given those before
            log_p += chance[..., 0].log()
            belief = belief / chance
        return log_p

    def log_ratio(self, words: Tensor) -> Tensor:
        """ΔS of words `(…, n)`: ln of the odds for forwards, shape `(…)`, float64."""
        return self.log_probability(words) - self.log_probability(words.flip(-1))

    def entropy_production(
        self, data: Paths, scheme: str | None = None, *, frames: int = 2
    ) -> Tensor:
        """ΔS that windows of symbols show, `(n_trajectories, n_windows)`, float64.

        Windows of `data`, `Jumps` between symbols (see `observe`), lie end to end, with one frame in
        common: the yardstick for a recurrent network. As symbols remember, it is not the sum of what
        their steps show. The only `scheme` is "exact".

        Raises `TypeError` for what are no `Jumps`, `ValueError` for another number of symbols, another
        scheme, or too many frames.
        """
        require.one_of((None, "exact"), scheme=scheme)
        symbols = jumps_of(data, self.n_symbols)
        check_frames(frames, symbols.longest)

        def entropy(paths: Jumps) -> Tensor:
            return self.log_ratio(paths.x.unfold(1, frames, frames - 1))

        return of_windows(entropy, symbols, frames)

    def estimate_window_bound(
        self, frames: int, *, n_words: int = 100_000, generator: torch.Generator | int
    ) -> Estimate:
        r"""D_n/(n − 1) for windows too long to enumerate, from random ones.

        Averages $\Delta S \tanh(\Delta S/2)$: the same mean as ΔS, since a word and its reverse
        appear in the ratio $e^{\Delta S} : 1$, and much less scatter.
        """
        S = self.log_ratio(self._words(frames, n_words, generator))
        S = S * torch.tanh(S / 2) / (frames - 1)
        return Estimate(S.mean().item(), S.std().item() / n_words**0.5, unit="jump")

    def estimate_limit(
        self, *, frames: int = 1000, n_words: int = 2000, generator: torch.Generator | int
    ) -> Estimate:
        """What endless windows tell per step: ΔS of the second half of long words, given the
        first, so that what is special about their ends drops out."""
        words = self._words(frames, n_words, generator)
        half = frames // 2
        S = (self.log_ratio(words) - self.log_ratio(words[:, :half])) / (frames - half)
        return Estimate(S.mean().item(), S.std().item() / n_words**0.5, unit="jump")

    def _words(self, frames: int, n_words: int, generator: torch.Generator | int) -> Tensor:
        return self.observe(simulate_jumps(self.chain, n_words, frames - 1, generator=generator)).x


def hidden_ratchet_rate(ratchet: FlashingRatchet) -> float:
    r"""What endless films of the sites tell per step, the potential being hidden; exact.

    The chain never stays where it is, so a site that is seen twice in a row betrays a switch, and
    each switch is seen. All modes are known but for one bit, the first. The film played backwards
    may carry either label, and takes the likelier one:

    $$d_\infty = \min\Big\{\dot\sigma,\; \sum_{ij} \pi_i P_{ij}
      \ln\frac{P_{ij}}{P_{j^* i^*}}\Big\},$$

    with the site of i and the opposite mode in $i^*$.
    """
    P = ratchet.P
    backward = P.T.roll((3, 3), (0, 1))  # P[j*, i*]
    flow = ratchet.stationary_law[:, None] * P
    swapped = torch.where(P > 0, flow * (P / backward).log(), 0.0).sum().item()
    return min(ratchet.entropy_production_rate(), swapped)
