r"""The stationary state that resetting keeps up, and its price: what diffusion spreads, resets must
gather again.
"""

from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor

from ... import require
from ...brief import Brief
from .clocks import Clock


@dataclass(frozen=True)
class StationaryState(Brief):
    r"""Free diffusion that is put back to 0 whenever a clock rings, long after its start:

    $$p(x) = \frac{1}{\langle R\rangle}\int_0^\infty \Psi(t)\,
      \frac{e^{-x^2/4Dt}}{\sqrt{4\pi Dt}}\,dt, \qquad
      \langle x^2\rangle = D\,\frac{\langle R^2\rangle}{\langle R\rangle}.$$

    For `Poisson` this is Laplace's $\frac{\alpha}{2}e^{-\alpha|x|}$ with $\alpha = \sqrt{r/D}$, of kurtosis
    6; for `Lomax` it has a tail $|x|^{1 - 2a}$, and a variance only for a > 2.

    Raises:
        ValueError: D not positive.

    Source: Evans, Majumdar, PRL 106, 160601 (2011); power laws: Nagar, Gupta, PRE 93, 060102 (2016).
    """

    clock: Clock
    D: float = 1.0

    def __post_init__(self) -> None:
        require.positive(self, "D")

    def density(self, x: Tensor) -> Tensor:
        """p at places of any shape, 1/length, float64."""
        return self._density_and_slope(x)[0]

    def variance(self) -> float:
        """⟨x²⟩, length²; ∞ where the clock has no mean square."""
        return (
            2 * self.D * self.clock.integral(lambda t: t, self.clock.mean).item() / self.clock.mean
        )

    def entropy_production_rate(self) -> float:
        r"""Rate at which diffusion raises the entropy of p, and which resets must take away again:

        $$\dot\sigma = \int \frac{J^2}{D\,p}\,dx = D\int \frac{p'^2}{p}\,dx, \qquad J = -D\,p',$$

        exactly r for `Poisson`, so 1 per reset; 1.326 per reset for `Sharp`, 0.833 for `Lomax(2)`.

        Source: Fuchs, Goldt, Seifert, EPL 113, 60009 (2016).
        """
        # x = width·e^u: Lomax has tails, Poisson a cusp at 0.
        u = torch.arange(-25, 12, 0.1, dtype=torch.float64)
        x = (self.D * self.clock.mean) ** 0.5 * u.exp()
        p, slope = self._density_and_slope(x)
        seen = p > 1e-290
        return 2 * self.D * 0.1 * (slope[seen] ** 2 / p[seen] * x[seen]).sum().item()

    def trap_work(self, k: float) -> float:
        r"""Mean work per reset by a trap, $kx^2/2$, which is switched on to pull the walker home and
        switched off when the walker passes 0; its travel time is not counted:
        $kD\langle R\rangle$. Its power is kD for every clock.

        To see the walker pass 0 is a measurement. What it tells lets a weak trap do with less than T per
        $k_B$ of entropy; one that nobody watches leaves a width T/k.

        `k`: stiffness, energy/length².
        """
        return k * self.D * self.clock.mean

    def _density_and_slope(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.as_tensor(x, dtype=torch.float64)[..., None]

        def gauss(t: Tensor) -> Tensor:
            return torch.exp(-(x**2) / (4 * self.D * t)) / (4 * pi * self.D * t).sqrt()

        def slope(t: Tensor) -> Tensor:
            return -x / (2 * self.D * t) * gauss(t)

        unit, mean = self.clock.mean, self.clock.mean
        return self.clock.integral(gauss, unit) / mean, self.clock.integral(slope, unit) / mean
