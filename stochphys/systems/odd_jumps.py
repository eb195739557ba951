"""Jumps in continuous time between states of which some change when time is reversed.

States such as (place, ±velocity): the film played backwards shows them with the other sign. Chains
without a clock, and the engine `simulate_jumps` for both, live in `jumps`.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from .. import require
from ..data import Jumps
from ..simulators.jumps import JumpChain


@dataclass(frozen=True, eq=False)
class OddJumpProcess(JumpChain):
    r"""A Markov process that jumps from s to s' at the rate $W_{ss'}$, in continuous time, with a
    time reversal ε that exchanges states.

    A film shows states, waiting times τ and jumps: s stays for τ, which is exponential with the
    escape rate $\lambda_s = \sum_{s'} W_{ss'}$, then goes to s' with the probability
    $P_{ss'} = W_{ss'}/\lambda_s$. Backwards it shows εs' going to εs, which stays for τ. With
    `stationary_law` $\pi_s$, that of the visits (per jump, not per time), a jump produces the entropy

    $$\Delta S = \ln\frac{\pi_s P_{ss'}\,\lambda_s e^{-\lambda_s\tau}}
      {\pi_{s'} P_{\epsilon s'\epsilon s}\,\lambda_{\epsilon s} e^{-\lambda_{\epsilon s}\tau}}.$$

    The exponentials are the waiting part: a state and its mirror image may differ in patience.

    Args:
        W: rates per unit time `(n_states, n_states)`, from row to column; the diagonal is ignored.
        reversal: the state εs of each s `(n_states,)`.

    Raises `ValueError` for shapes that do not fit, a negative rate, a reversal that is not its own
    inverse, a state without escape, a jump whose reverse has no rate, and what `JumpChain` refuses.

    Source: Lee, Kwon, Park, PRL 110, 050602 (2013); Kim, Lee, Jeong 2021, arXiv 2112.04681.
    """

    P: Tensor = field(init=False, repr=False)
    W: Tensor
    reversal: Tensor

    def __post_init__(self) -> None:
        W = torch.as_tensor(self.W, dtype=torch.float64)
        reversal = torch.as_tensor(self.reversal)
        n = len(reversal)
        if W.shape != (n, n):
            raise ValueError(
                f"W must have shape ({n}, {n}), one row per state of reversal, got {tuple(W.shape)}"
            )
        if not torch.equal(reversal.argsort(), reversal):  # its own inverse
            raise ValueError("reversal must exchange states in pairs, or leave them: ε² = 1")
        W = W * (1 - torch.eye(n, dtype=torch.float64))
        if not (torch.isfinite(W) & (W >= 0)).all():
            raise ValueError("rates W must be finite and not negative")
        if stuck := (W.sum(1) == 0).nonzero().flatten().tolist():
            raise ValueError(f"the states {stuck} have no way out; every row of W needs a rate")
        if len(alone := ((W > 0) & (W[reversal][:, reversal].T == 0)).nonzero()):
            i, j = alone[0].tolist()
            raise ValueError(
                f"the jump {i} → {j} has a rate, its reverse {reversal[j]} → {reversal[i]} has none: "
                "the entropy production would be infinite"
            )
        object.__setattr__(self, "W", W)
        object.__setattr__(self, "reversal", reversal)
        object.__setattr__(self, "P", W / W.sum(1, keepdim=True))
        super().__post_init__()

    @property
    def escape_rates(self) -> Tensor:  # type: ignore[override]
        """λ `(n_states,)`, one over the mean waiting time in each state."""
        return self.W.sum(1)

    def mean_waiting_time(self) -> float:
        """Time per jump."""
        return (self.stationary_law / self.escape_rates).sum().item()

    def time_law(self) -> Tensor:
        r"""Fraction of the time spent in each state, $p_s \propto \pi_s/\lambda_s$ `(n_states,)`."""
        return self.stationary_law / self.escape_rates / self.mean_waiting_time()

    def entropy_production_rate(self) -> float:
        r"""σ̇, the entropy produced per unit time,

        $$\dot\sigma = \sum_{ss'} p_s W_{ss'} \ln\frac{W_{ss'}}{W_{\epsilon s'\epsilon s}}
          + \sum_s p_s\,(\lambda_{\epsilon s} - \lambda_s),$$

        with the `time_law` $p_s$; the sum of `jumps_and_waiting`.
        """
        return sum(self.jumps_and_waiting())

    def jumps_and_waiting(self) -> tuple[float, float]:
        r"""σ̇ in two parts, both ≥ 0: what the order of the states shows, and what the waiting times
        add to it, the divergence of $\lambda_s e^{-\lambda_s\tau}$ from that of εs."""
        rates = self.escape_rates
        flow = self.stationary_law[:, None] * self.P / self.mean_waiting_time()
        jumps = (flow * self._log_odds()).sum().item()
        ratio = rates[self.reversal] / rates
        return jumps, (flow.sum(1) @ (ratio - 1 - torch.log(ratio))).item()

    def _log_odds(self) -> Tensor:
        """ln of P of s → s' over that of εs' → εs, 0 where nothing goes."""
        backward = self.P[self.reversal][:, self.reversal].T
        return torch.where(self.P > 0, torch.log(self.P / backward), 0.0)

    def entropy_of_jumps(self) -> Tensor:
        """ΔS of each jump s → s' without the waiting part `(n_states, n_states)`, float64."""
        law = self.stationary_law
        return torch.where(self.P > 0, self._log_odds() + torch.log(law[:, None] / law), 0.0)

    def jump_entropy(self, jumps: Jumps) -> Tensor:
        """ΔS of each jump `(n_trajectories, n_times - 1)`, float64, with the time spent before it.

        Without `jumps.waiting` it is that of the bare order of the states.
        """
        entropy = super().jump_entropy(jumps)
        if jumps.waiting is None:
            return entropy
        rates, states = self.escape_rates.to(entropy.device), jumps.x[:, :-1].long()
        mirrored = rates[self.reversal.to(entropy.device)]
        constant, slope = torch.log(rates / mirrored)[states], (mirrored - rates)[states]
        return entropy + constant + slope * jumps.waiting[:, :-1]


@dataclass(frozen=True, eq=False)
class OddRing(OddJumpProcess):
    r"""A runner on a ring of `n_sites` places with a velocity of either sign. A jump moves it in
    the direction of its velocity, at the rate $h_\pm$, or turns the velocity round, at $f_\pm$:

    $$h_+ = f_- = 1, \qquad h_- = 1 + c/10, \qquad f_+ = 1 + c/5.$$

    With the probabilities $p_\pm = f_\mp/(f_+ + f_-)$ of the velocities,

    $$\dot\sigma = (p_+h_+ - p_-h_-)\ln\frac{h_+}{h_-} + (p_+ - p_-)(h_- + f_- - h_+ - f_+),$$

    which vanishes at c = 0. State s is place s, with velocity + for s < n_sites, and place
    s − n_sites with velocity − above.

    Raises `ValueError` for c ≤ −5, where a rate is no longer positive, or fewer than three sites.

    Source: Kim, Lee, Jeong 2021, arXiv 2112.04681.
    """

    W: Tensor = field(init=False, repr=False)
    reversal: Tensor = field(init=False, repr=False)
    c: float = 10.0
    n_sites: int = 10

    def __post_init__(self) -> None:
        require.within("(-5, inf)", self, "c", hint="a rate is 1 + c/5")
        require.integer(3, self, "n_sites")
        n, place = self.n_sites, torch.arange(self.n_sites)
        W = torch.zeros(2 * n, 2 * n, dtype=torch.float64)
        W[place, (place + 1) % n] = 1.0
        W[n + place, n + (place - 1) % n] = 1 + self.c / 10
        W[place, n + place] = 1 + self.c / 5
        W[n + place, place] = 1.0
        object.__setattr__(self, "W", W)
        object.__setattr__(self, "reversal", torch.cat((n + place, place)))
        super().__post_init__()
