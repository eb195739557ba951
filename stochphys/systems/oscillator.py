r"""The noisy van der Pol oscillator: motion that pumps itself, of which a camera sees positions only.

Its friction changes sign with the position and belongs to no bath, so there is no heat here.
"""

from dataclasses import dataclass, field
from typing import Any, NoReturn

from torch import Tensor

from .. import require
from ..simulators.langevin import Underdamped


@dataclass(frozen=True, eq=False)
class VanDerPol(Underdamped):
    r"""A spring with a friction that brakes wide swings and drives narrow ones (Itô):

    $$dx = v\,dt, \qquad dv = \Phi(x, v)\,dt + \sqrt{2D(x, v)}\,dW,$$
    $$\Phi = k(1 - x^2)\,v - x, \qquad D = D_0\,(1 + a x^2 + b v^2).$$

    The state is (x, v), `dim` = 2. Multiplying the equation by v and by x gives two exact averages of
    the stationary state,

    $$k\langle (x^2 - 1)\,v^2\rangle = \langle D\rangle, \qquad \langle v^2\rangle = \langle x^2\rangle .$$

    Without noise and for k = 2 every motion ends on a cycle of amplitude 2.0199 and period 7.6299.

    Args:
        k: strength of the friction, 1/time.
        D0: diffusion of the velocity at rest, length²/time³; 0 is the motion without noise.
        a, b: growth of the noise with x², 1/length², and with v², time²/length².

    Raises `ValueError` for k, D0, a or b that is negative or not finite.

    Source: van der Pol, Phil. Mag. 2, 978 (1926); with noise and observed positions: Brückner,
    Ronceray, Broedersz, PRL 125, 058103 (2020), there k = 2, D0 = 1.
    """

    mass: float = field(init=False, default=1.0, repr=False)
    gamma: float = field(init=False, default=1.0, repr=False)
    T: float = field(init=False, default=1.0, repr=False)
    k: float = 2.0
    D0: float = 1.0
    a: float = 0.0
    b: float = 0.0
    dim = 2

    def __post_init__(self) -> None:
        require.not_negative(self, "k", "D0", "a", "b")

    @property
    def additive(self) -> bool:  # type: ignore[override]
        return self.a == self.b == 0

    def acceleration(self, x: Tensor, v: Tensor, t: float) -> Tensor:
        return self.k * (1 - x.square()) * v - x

    def velocity_noise(self, x: Tensor, v: Tensor, t: float) -> Tensor | float:
        return (2 * self.D0) ** 0.5 if self.additive else (2 * self._diffusion(x, v)).sqrt()

    def diffusion(self, x: Tensor) -> Tensor:
        """D of the velocity, a matrix of one entry `(…, 1, 1)`, at states `x (…, 2)`."""
        return self._diffusion(*x.chunk(2, dim=-1))[..., None]

    def _diffusion(self, x: Tensor, v: Tensor) -> Tensor:
        return self.D0 * (1 + self.a * x.square() + self.b * v.square())

    def heat(self, *data: Any, **options: Any) -> NoReturn:
        """Refused with `ValueError`, as is entropy: no temperature belongs to this friction."""
        raise ValueError(
            "VanDerPol has no heat and no entropy production: its friction k(x² − 1)v is negative "
            "for |x| < 1 and is not tied to the noise by any temperature; use a system with friction "
            "−γv at temperature T, such as UnderdampedBeadSpring"
        )

    entropy_production_rate = step_entropy = heat
