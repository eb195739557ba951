r"""What an increment says about drift and diffusion: two likelihoods, one for each.

In a step Δx of the Itô equation $dx = \Phi\,dt + \sqrt{2D}\,dW$ the drift is the mean and the
diffusion the variance: $\Delta x/dt$ has mean Φ and variance $2D/dt$; $(\Delta x - \Phi dt)^2/2dt$
has mean D and is D times a χ² number with one degree of freedom. Whatever learns, a line or a
network, gives one number f per component and meets the data through these functions.
"""

from torch import Tensor


class Normal:
    r"""f is the drift Φ; of a label y of inverse variance w, −ln p is $\tfrac12 w (y - f)^2$."""

    def loss(self, f: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        return weight * (y - f).square() / 2

    def curvature(self, weight: Tensor) -> Tensor:
        """Second derivative of the loss with respect to f, on average over the data."""
        return weight

    def working_label(self, f: Tensor, y: Tensor) -> Tensor:
        """The label z for which $½ c (z - f)^2$, with c the curvature, has the slope of the loss."""
        return y

    first_label = working_label


class LogVariance:
    r"""f is the logarithm of the diffusion, $D = e^f > 0$ whatever f: minus the log-likelihood of a
    label y of mean D is $\tfrac12 w (f + y e^{-f})$.

    The weight is 1 for independent increments; less where labels of neighbouring times overlap.
    """

    def loss(self, f: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        return weight * (f + y * (-f).exp()) / 2

    def curvature(self, weight: Tensor) -> Tensor:
        """As for `Normal`; Fisher's information of a variance is one half per increment."""
        return weight / 2

    def working_label(self, f: Tensor, y: Tensor) -> Tensor:
        """As for `Normal`."""
        return f + y * (-f).exp() - 1

    def first_label(self, f: Tensor, y: Tensor) -> Tensor:
        """A first label of log D, f not being known: the log of a χ² number has the mean −1.27."""
        size = y.abs()  # 0 where nothing moved
        return size.clamp(min=1e-4 * size.mean().item()).log() + 1.27


Likelihood = Normal | LogVariance
