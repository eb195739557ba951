r"""The network that reads a movie as forces times displacements, and starts from the best of them that
is linear in its components.

Its map stands where things move; networks that know nothing of displacements are in `movies`.
"""

import math
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad
from torch.nn.utils import skip_init

from ..data import Windows
from ..device import Source, as_generator
from ..movie import Movie
from .movies import MovieNEEP, initialise
from .networks import MLP

PIECE = 2**20  # pixels looked at together
NUMBERS = 2**23  # of displacements that are looked at before the training, at most
MUCH = 0.125  # of a step's mean ΔS: batches teach the force as well, and the map better
LEAST = 3e-3  # of all motion: what is less tells no cell from its neighbours


class FlowNEEP(MovieNEEP):
    r"""Force times displacement, cell by cell: the network whose map stands where things move,

    $$H(x, y) = F(x, y; \bar I) \cdot v(x, y), \qquad
      F = \sum_k W_k(x, y)\,\phi_k(\bar I).$$

    v is the local displacement between the frames, by optical flow: the least-squares solution of
    $\nabla\bar I \cdot v = I_t - I_{t+1}$ within a cell (Lucas and Kanade 1981), which has no
    weights. The force F may depend on the whole mean frame, by a few features φ. An extension of
    this course.

    An overdamped system with noises of its own at each place has $\Delta S = \sum_i a_i(\bar x)
    \Delta x_i$ with unique factors. So a map that is local in the displacement, and may look as far
    as it needs for the force, has no choice but $\langle\nu_i^2\rangle/D_i$ (`Linear.local_entropy_production`).
    Where neighbouring cells see the same displacement, the least force is taken, and each cell counts
    in proportion to its motion, `motion`, which undoes that Adam moves all weights alike. `standardise`
    lets W start from the best force that is linear in what is seen, found without batches: where a
    step produces little, their noise is larger than what they teach. Where it produces much, or there
    are more modes than features, W starts from zero, and the map is better.

    Args:
        shape, frames, generator: see `MovieNEEP`.
        features: number of features φ; as many as coordinates that move, or more.
        width: hidden units of φ.
    """

    cell = 2
    receptive_field = 4  # of the displacement; the force sees the whole frame

    def __init__(
        self,
        shape: tuple[int, int],
        *,
        frames: int = 2,
        features: int = 24,
        width: int = 32,
        generator: Source,
    ) -> None:
        super().__init__(shape, frames)
        generator = as_generator(generator)
        rows, columns = ((pixels + 1) // 2 for pixels in shape)
        n_in = self.n_even * rows * columns
        self.body = MLP([n_in, width, features], generator=generator)
        self.line = skip_init(nn.Linear, n_in, features)
        initialise(self.line, generator)
        self.weight = nn.Parameter(torch.zeros(features, 2 * self.n_odd, rows, columns))
        self.level = nn.Buffer(torch.ones(()))
        self.motion = nn.Buffer(torch.ones(2 * self.n_odd, rows, columns))

    def standardise(self, movie: Movie) -> Self:
        """The same, and the start of the force, from this movie."""
        super().standardise(movie)
        window = self.sample(movie)
        self.level.copy_(self.gradients(window.mean(-3))[1][:2].mean())
        motion = self.displacement(window).std(0)
        self.motion.copy_(motion / motion.square().mean() / math.sqrt(motion.numel()))
        self.begin(movie)
        return self

    @torch.no_grad()
    def begin(self, movie: Movie) -> None:
        r"""Let the force be the best one that is linear in what is seen: `areas` of principal components
        $x_i$ of the mean frame, and of what displacements tell of their changes, $v_i$."""
        windows, cells = Windows(movie, self.frames), self.motion[0].numel()
        P = components(self.sides(self.sample(movie))[0], len(self.weight))
        n = min(len(windows), NUMBERS // (2 * cells))
        index = torch.arange(n, device=movie.x.device) * len(windows) // n
        parts = [
            (seen @ P, change @ P, moved)
            for i in index.split(1 + PIECE // (4 * cells))
            for seen, change, moved in [self.sides(windows[i])]
        ]
        x, change, moved = (torch.cat(part) for part in zip(*parts, strict=True))
        Q = ridge(moved, change)
        x, v = x.double(), (moved @ Q).double()
        K = areas(x, v)
        m = len(K)
        if m == len(self.weight) or ((x[:, :m] @ K) * v[:, :m]).sum(1).mean() > MUCH:
            return  # a map of some modes would not stand where they are; batches teach more
        K = K.to(Q)
        last = self.body[-1]
        assert isinstance(last, nn.Linear)
        line = self.line.weight.view(len(self.weight), self.n_even, cells)
        line[:m] = self.line.bias[:m] = last.weight[:m] = last.bias[:m] = 0
        line[:m, 0] = P[:, :m].T
        self.weight[:m, :: self.n_odd] = (K @ Q[:, :m].T).view(m, 2, *self.motion.shape[1:])

    def sides(self, window: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of the first and last frame, mean and difference `(n, cells)`, and displacement `(n, 2 cells)`."""
        even, odd = (part[:, :1] for part in self.parts(window))
        moved = self.motion[:: self.n_odd] * self.flow(window, odd)
        return coarse(even).flatten(1), coarse(odd).flatten(1), moved.flatten(1)

    def gradients(self, frame: Tensor) -> tuple[Tensor, Tensor]:
        """Slopes of frames `(n, height, width)` along rows and columns, `(2, n, height, width)`, and
        the means of their squares and of their product in a cell, `(3, n, rows, columns)`."""
        framed = pad(frame, (1, 1, 1, 1), mode="replicate")
        down = (framed[:, 2:, 1:-1] - framed[:, :-2, 1:-1]) / 2
        right = (framed[:, 1:-1, 2:] - framed[:, 1:-1, :-2]) / 2
        down, right = down.to(self.level.dtype), right.to(self.level.dtype)
        squares = torch.stack((down * down, right * right, down * right))
        return torch.stack((down, right)), coarse(squares)

    def displacement(self, window: Tensor) -> Tensor:
        """How far each cell moves, `(n, 2 n_odd, rows, columns)`, down and right, up to one factor."""
        return self.flow(window, self.parts(window)[1])

    @torch.no_grad()
    def flow(self, window: Tensor, odd: Tensor) -> Tensor:
        """The same, where the odd parts are known."""
        (down, right), squares = self.gradients(window.mean(-3))
        a, b, c = squares[:, :, None]  # (n, 1, rows, columns) each
        a, b = a + 0.1 * self.level, b + 0.1 * self.level  # nothing moves where nothing is seen
        p, q = coarse(down[:, None] * odd), coarse(right[:, None] * odd)
        # Least squares within a cell: the matrix ((a, c), (c, b)) times v is (p, q).
        return torch.cat((b * p - c * q, a * q - c * p), 1) / (a * b - c * c)

    def map(self, window: Tensor) -> Tensor:
        even, odd = self.parts(window)
        seen = coarse(even).flatten(1)
        features = self.body(seen) + self.line(seen)
        weight = self.motion * self.weight
        force = torch.tensordot(features.to(weight), weight, dims=1)  # mixed precision ends here
        return (force * self.flow(window, odd)).sum(1)


def components(x: Tensor, n: int) -> Tensor:
    """Directions `(dim, ≤ n)` in which x `(n_samples, dim)` has the largest second moments, scaled to 1;
    those that are left of rounding are left out."""
    x = x[:: 1 + min(x.shape) // 500]
    _, scale, directions = torch.linalg.svd(x, full_matrices=False)
    n = min(n, int((scale > 1e-3 * scale[0]).sum()))
    return directions[:n].T * (len(x) ** 0.5 / scale[:n])


def ridge(x: Tensor, y: Tensor) -> Tensor:
    """B such that `x @ B` is near y, from samples `(n, dim)`: least squares with a ridge. Without it neighbours
    that see the same get large weights of opposite signs, whose sum is right and whose map is not."""
    tall = len(x) > x.shape[1]
    gram = (x.T @ x if tall else x @ x.T).double()
    gram.diagonal().add_(x.norm().double().square() / len(x) * (1 + LEAST * len(x)))
    inverse = gram.inverse().to(x)
    return inverse @ (x.T @ y) if tall else x.T @ (inverse @ y)


def areas(x: Tensor, v: Tensor) -> Tensor:
    r"""K `(m, m)` of the current $h = x^\top K v$ of the first m of even x and odd v `(n, dim)`, float64,
    that has the largest J.

    In a stationary state $\langle x_i v_j\rangle$ is antisymmetric, and linear forces make
    $K = C^{-1} A\,Q^{-1}$, with second moments C of x and Q of v and an antisymmetric A (see `Areas`), in
    which J is concave. A larger m learns more by heart: of n windows, each number in A adds 2/n to J + 1
    here and takes as much from it elsewhere, twice that where a bootstrap drew them. So it must pay for its
    m(m − 1)/2 numbers, and n must be many times those.
    """
    n, best, kept = len(x), -math.inf, x.new_zeros(0, 0)
    for m in range(2, x.shape[1] + 1, 2):
        if m > 2 * len(kept) + 4 or 20 * m * (m - 1) > n:
            break
        C, Q = (torch.linalg.pinv(y[:, :m].T @ y[:, :m] / n, hermitian=True) for y in (x, v))
        A, J = highest(x[:, :m] @ C, v[:, :m] @ Q)
        J -= 4 * m * (m - 1) / n
        if best < J:
            best, kept = J, C @ A @ Q
    return kept


def highest(x: Tensor, v: Tensor) -> tuple[Tensor, float]:
    """The antisymmetric A for which xᵀAv has the largest J, and J."""
    A = x.new_zeros(x.shape[1], x.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([A], max_iter=20, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        h = ((x @ (A - A.T)) * v).sum(1)
        minus_J = (torch.exp(-h) - h).mean()
        minus_J.backward()
        return minus_J

    with torch.enable_grad():
        optimizer.step(loss)
        J = -loss().item()
    return (A - A.T).detach(), J


def coarse(image: Tensor) -> Tensor:
    """Means of 2 × 2 pixels, `(…, height/2, width/2)`, rounded up."""
    return avg_pool2d(image.flatten(0, -3), 2, ceil_mode=True).unflatten(0, image.shape[:-2])
