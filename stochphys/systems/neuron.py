r"""The neuron of Hodgkin and Huxley, whose gates are noisy and whose voltage is not.

Two noises: of constant strength, and of a finite number of channels. What is inferred from such
data lives in `inference`.
"""

from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache

import torch
from scipy.optimize import brentq
from torch import Tensor
from torch.nn.functional import pad

from .. import require
from ..data import Trajectories
from ..simulators.langevin import System

CHUNK = 2**16  # states looked at at once


@dataclass(frozen=True, eq=False, kw_only=True)
class Neuron(System):
    r"""A patch of membrane: the voltage V, and the gates n, m and h as fractions that are open,

    $$\begin{aligned}
    C\,\dot V &= I - g_\text{Na} m^3 h\,(V - E_\text{Na}) - g_\text{K} n^4 (V - E_\text{K})
                 - g_\text{L} (V - E_\text{L}) \\
    dx &= [\alpha_x(V)(1 - x) - \beta_x(V)\,x]\,dt + \sqrt{2 D_x}\,dW_x, \qquad x = n, m, h,
    \end{aligned}$$

    in the sense of Itô. State (V, n, m, h), `dim` = 4. V has no noise of its own, so the diffusion
    matrix diag(0, Dₙ, Dₘ, Dₕ) is singular: V has no likelihood, and the reverse of a path has no
    probability, so that its entropy production is not defined.

    A gate is a fraction. A noisy step may end outside [0, 1]; it is then mirrored at the bound,
    which is the Euler step of the reflected process (Dangerfield, Kay and Burrage 2012).
    `bounds="clip"` puts it on the bound instead, as some published code does: states then pile up
    there. `fraction_outside` says how often either happens.

    Units: ms, mV, µA/cm², mS/cm², µF/cm². V is counted from the resting potential, upwards where
    the membrane depolarises (Hodgkin and Huxley 1952 count downwards).

    Args:
        current: I, injected.
        bounds: "reflect" or "clip".
        C, g_Na, g_K, g_L, E_Na, E_K, E_L: capacitance, conductances, reversal potentials.

    Raises `ValueError` for a number that is not finite, a conductance or capacitance that is not
    positive, and other bounds.

    Sources: A. L. Hodgkin and A. F. Huxley, J. Physiol. 117, 500 (1952), Eqs. 12–15, 20–24, 26;
    C. E. Dangerfield, D. Kay and K. Burrage, Phys. Rev. E 85, 051907 (2012).
    """

    current: float = 0.0
    bounds: str = "reflect"
    C: float = 1.0
    g_Na: float = 120.0
    g_K: float = 36.0
    g_L: float = 0.3
    E_Na: float = 115.0
    E_K: float = -12.0
    E_L: float = 10.6
    dim = 4
    no_entropy = (
        "has no entropy production: its voltage has no noise of its own, so that the reverse of a path "
        "has no probability, and its gates belong to no bath"
    )

    def __post_init__(self) -> None:
        require.one_of(("reflect", "clip"), bounds=self.bounds)
        require.positive(self, "C", "g_Na", "g_K", "g_L")
        require.finite(self, "current", "E_Na", "E_K", "E_L")

    @abstractmethod
    def gate_diffusion(self, x: Tensor) -> Tensor:
        """Diffusion coefficients of n, m and h at states `x (…, 4)`, `(…, 3)`, 1/ms."""

    def drift(self, x: Tensor, t: float) -> Tensor:
        V, n, m, h = x.unbind(-1)
        sodium = self.g_Na * m**3 * h
        potassium = self.g_K * n.square().square()
        inward = sodium * self.E_Na + potassium * self.E_K + (self.g_L * self.E_L + self.current)
        slope = (inward - (sodium + potassium + self.g_L) * V) / self.C
        opening, closing = gate_rates(V)
        gates = opening - (opening + closing) * x[..., 1:]
        return torch.cat((slope[..., None], gates), dim=-1)

    def noise_amplitude(self, x: Tensor, t: float) -> Tensor:
        return pad(torch.sqrt(2 * self.gate_diffusion(x)), (1, 0))  # none for the voltage

    def diffusion(self, x: Tensor) -> Tensor:
        """D at states `x (…, 4)`, `(…, 4, 4)`: diagonal, zero for the voltage."""
        return torch.diag_embed(pad(self.gate_diffusion(x), (1, 0)))

    def confine(self, x: Tensor) -> None:
        """Bring gates of `x (…, 4)` that left [0, 1] back, in place."""
        gates = x[..., 1:]
        if self.bounds == "reflect":
            torch.minimum(gates.abs_(), 2 - gates, out=gates)
        gates.clamp_(0, 1)  # a step longer than the interval itself is beyond mirrors

    def resting_state(self) -> Tensor:
        """Where drift vanishes, `(4,)` float64: rest, if the injected current is weak."""

        def slope(V: float) -> float:
            return self.drift(self._settled(V), 0.0)[0].item()

        low, high = min(self.E_K, self.E_L), max(self.E_Na, self.E_L)
        reach = abs(self.current) / self.g_L + 1
        return self._settled(brentq(slope, low - reach, high + reach, xtol=1e-10))

    def _settled(self, V: float) -> Tensor:
        """State with all gates at their mean for this voltage."""
        voltage = torch.tensor(V, dtype=torch.float64)
        opening, closing = gate_rates(voltage)
        return torch.cat((voltage[None], opening / (opening + closing)))

    def fraction_outside(self, trajectories: Trajectories) -> Tensor:
        r"""How often a step of `simulate` led a gate out of [0, 1] and was brought back, `(3,)`.

        Each step has a Gaussian law, so that from a gate x a step of length dt leads outside with
        the probability

        $$p = \Phi\Big(-\frac{x + a\,dt}{\sqrt{2D\,dt}}\Big)
            + \Phi\Big(-\frac{1 - x - a\,dt}{\sqrt{2D\,dt}}\Big)$$

        with its drift a; the mean of p over all frames is the frequency. Each step must be there.
        """
        x, dt = trajectories.x.flatten(0, -2), trajectories.dt
        normal, total = torch.special.ndtr, torch.zeros(3, dtype=torch.float64, device=x.device)
        for part in x.split(CHUNK):
            part = part.double()
            width = torch.sqrt(2 * self.gate_diffusion(part) * dt)
            end = (part + self.drift(part, 0.0) * dt)[:, 1:]
            total += (normal(-end / width) + normal((end - 1) / width)).sum(0)
        return total / len(x)


@dataclass(frozen=True, eq=False)
class HodgkinHuxley(Neuron):
    r"""A neuron whose gates all feel noise of the same constant strength, $D_n = D_m = D_h = T$.

    With V held fixed, and far from the bounds, a gate is an Ornstein–Uhlenbeck process with the
    variance $T/(\alpha + \beta)$. The noise makes spikes without any current: about 27 per second
    at T = 3·10⁻⁴. `T` is in 1/ms, 0 for no noise; all others are as for `Neuron`, by name.
    """

    T: float = 3e-4
    additive = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require.not_negative(self, "T")

    def gate_diffusion(self, x: Tensor) -> Tensor:
        return torch.full_like(x[..., 1:], self.T)


@dataclass(frozen=True, eq=False)
class ChannelNoiseNeuron(Neuron):
    r"""A neuron with a finite number of channels: each gate opens and closes by itself, at random.

    $$D_x = \frac{\alpha_x(V)(1 - x) + \beta_x(V)\,x}{2N},$$

    N_K for n and N_Na for m and h: the variance of the number of gates that open or close in a
    short time, as for any two-state unit. With V held fixed the variance of a gate is binomial,
    $x_\infty(1 - x_\infty)/N$. At the bounds D falls to α/2N or β/2N, not to zero, so that steps
    are mirrored here too; that happens within about 1/N of a bound.

    A channel has four gates. This form shares one n among all channels, and so makes the open
    fraction n⁴ fluctuate less, and with other correlations, than four independent gates in each
    of N channels would (Goldwyn and Shea-Brown 2011).

    The defaults of N_Na and N_K are 100 µm² with 60 and 18 channels per µm²; all others are as for
    `Neuron`, by name.

    Sources: R. F. Fox and Y. Lu, Phys. Rev. E 49, 3421 (1994); J. H. Goldwyn and E. Shea-Brown,
    PLoS Comput. Biol. 7, e1002247 (2011), the model "subunit noise".
    """

    N_Na: float = 6000.0
    N_K: float = 1800.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require.within("[1, inf)", self, "N_Na", "N_K")

    def gate_diffusion(self, x: Tensor) -> Tensor:
        V, gates = x[..., 0], x[..., 1:]
        opening, closing = gate_rates(V)
        number = x.new_tensor([self.N_K, self.N_Na, self.N_Na])
        return (opening + (closing - opening) * gates) / (2 * number)


def gate_rates(V: Tensor) -> tuple[Tensor, Tensor]:
    r"""Rates at which n, m and h open, α, and close, β, at voltages `V (…)`: two `(…, 3)`, 1/ms.

    $$\begin{aligned}
    \alpha_n &= 0.1\,\varphi\big(\tfrac{10 - V}{10}\big) &
    \alpha_m &= \varphi\big(\tfrac{25 - V}{10}\big) & \alpha_h &= 0.07\,e^{-V/20} \\
    \beta_n &= 0.125\,e^{-V/80} & \beta_m &= 4\,e^{-V/18} &
    \beta_h &= \frac{1}{e^{(30 - V)/10} + 1}
    \end{aligned} \qquad \varphi(u) = \frac{u}{e^u - 1}.$$

    φ(0) = 1: the quotients 0/0 at V = 10 and V = 25 are filled in. Source: Hodgkin and Huxley (1952).
    """
    slope, offset, factor = _rate_constants(V.dtype, V.device)
    u = torch.addcmul(offset, slope, V[..., None])
    u = torch.where(u == 0, 1e-12, u)
    e = torch.expm1(u)  # all six exponentials at once: a step is many small operations
    parts = (u[..., :2] / e[..., :2], e[..., 2:5] + 1, 1 / (e[..., 5:] + 2))
    rates = torch.cat(parts, dim=-1) * factor
    return rates[..., :3], rates[..., 3:]


@lru_cache
def _rate_constants(dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Of αₙ, αₘ, αₕ, βₙ, βₘ, βₕ: slope and offset of the exponent, and the factor."""
    centre = torch.tensor([10.0, 25.0, 0.0, 0.0, 0.0, 30.0], dtype=dtype, device=device)
    scale = torch.tensor([10.0, 10.0, 20.0, 80.0, 18.0, 10.0], dtype=dtype, device=device)
    factor = torch.tensor([0.1, 1.0, 0.07, 0.125, 4.0, 1.0], dtype=dtype, device=device)
    return -1 / scale, centre / scale, factor


def spike_times(
    V: Tensor, dt: float, *, threshold: float = 50.0, rearm: float = 10.0
) -> list[Tensor]:
    """Times at which spikes begin in V `(n_trajectories, n_times)`, one tensor per path.

    A spike begins where V reaches `threshold`; the next one can begin only after V was below
    `rearm`. With `rearm=threshold` each crossing counts, wiggles on top of a spike included.
    """
    change = (V >= threshold).int() - (V < rearm).int()  # up 1, down −1, between 0
    times = torch.arange(V.shape[1], device=V.device)
    latest = torch.where(change != 0, times, 0).cummax(dim=1).values  # when it was last up or down
    up = change.gather(1, latest) > 0
    begins = up[:, 1:] & ~up[:, :-1]
    return [(row.nonzero()[:, 0] + 1).double() * dt for row in begins]
