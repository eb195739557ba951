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

PIECE = 2**18  # pixels looked at together
ROWS = 2**12  # coordinates of so many windows are looked at together, while they are in the cache
NUMBERS = 2**22  # of coordinates that are looked at before the training, at most
MOVED = 512  # directions in which displacements are looked at, at most: of large frames, those of the largest
LEAST = 1e-4  # of all motion: what is less tells no cell from its neighbours


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
    step produces little, their noise is larger than what they teach. With more modes than features W starts
    from zero.

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
        features: int = 32,
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
        r"""Let the force be the best one that is linear in what is seen: `areas` of coordinates $x_i$ of the
        mean frame, and of what displacements tell of their changes, $v_i$. Of all coordinates that are
        linear in the pixels those come first in which the least is left of a change, compared with the
        range of the coordinate, once displacements have told theirs. They follow positions: brightness
        alone would put first what large motions make of it in second order. What is looked at of
        displacements are their `components`, of small frames all."""
        windows, n_cells = Windows(movie, self.frames), self.motion[0].numel()
        seen, _, moved = self.sides(self.sample(movie))
        P, R = components(seen, 4 * len(self.weight)), components(moved, MOVED)
        pieces, r = (
            torch.arange(len(windows), device=P.device).split(1 + PIECE // (4 * n_cells)),
            P.shape[1],
        )
        moments = torch.zeros((), dtype=torch.float64, device=P.device)
        for i in pieces:
            _, change, moved = self.sides(windows[i])
            z = torch.cat((change @ P, moved @ R), 1)
            moments = moments + (z.T @ z).double() / len(windows)
        told, size = moments[r:, r:].clone(), R.square().sum(0).double()
        told.diagonal().add_(LEAST * (told.diagonal() / size).sum() * size)
        B = torch.linalg.solve(told, moments[r:, :r])  # change ≈ moved @ R @ B
        left = moments[:r, :r] - moments[:r, r:] @ B
        V = torch.linalg.eigh((left + left.T) / 2).eigenvectors[:, : len(self.weight)]
        P, Q = P @ V.to(P), R @ (B @ V).to(R)
        few = pieces[:: 1 + len(windows) * V.shape[1] // NUMBERS]
        # Written in place: small results kept between large ones would scatter over the memory.
        x, v = moments.new_empty(2, sum(map(len, few)), V.shape[1])
        for i, x_i, v_i in zip(few, *(z.split(len(few[0])) for z in (x, v)), strict=True):
            seen, _, moved = self.sides(windows[i])
            x_i.copy_(seen @ P)
            v_i.copy_(moved @ Q)
        K = areas(x, v)
        m = len(K)
        if m == len(self.weight):
            return  # a map of some modes would not stand where they are; batches teach more
        last = self.body[-1]
        assert isinstance(last, nn.Linear)
        line = self.line.weight.view(len(self.weight), self.n_even, n_cells)
        line[:m] = self.line.bias[:m] = last.weight[:m] = last.bias[:m] = 0
        line[:m, 0] = P[:, :m].T
        self.weight[:m, :: self.n_odd] = (K.to(Q) @ Q[:, :m].T).view(m, 2, *self.motion.shape[1:])

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
    def flow(self, window: Tensor, odd: Tensor, spots: Tensor | None = None) -> Tensor:
        """The same, where the odd parts are known; or of `spots (cells, n)`, weights of the cells, each of
        which moves as one, `(n, 2 n_odd, n)`."""
        (down, right), squares = self.gradients(window.mean(-3))
        p, q = coarse(down[:, None] * odd), coarse(right[:, None] * odd)
        a, b, c = squares[:, :, None]  # (n, 1, rows, columns) each
        if spots is not None:
            a, b, c, p, q = (part.flatten(-2) @ spots for part in (a, b, c, p, q))
        a, b = a + 0.1 * self.level, b + 0.1 * self.level  # nothing moves where nothing is seen
        # Least squares within a cell: the matrix ((a, c), (c, b)) times v is (p, q).
        return torch.cat((b * p - c * q, a * q - c * p), 1) / (a * b - c * c)

    def force(self, even: Tensor) -> Tensor:
        """F of even parts, `(n, 2 n_odd, rows, columns)`."""
        seen = coarse(even).flatten(1)
        features = self.body(seen) + self.line(seen)
        weight = self.motion * self.weight
        return torch.tensordot(features.to(weight), weight, dims=1)  # mixed precision ends here

    def map(self, window: Tensor) -> Tensor:
        even, odd = self.parts(window)
        return (self.force(even) * self.flow(window, odd)).sum(1)


def components(x: Tensor, n: int) -> Tensor:
    """Directions `(dim, ≤ n)` in which x `(n_samples, dim)` has the largest second moments, scaled to 1;
    those that are left of rounding are left out."""
    x = x[:: 1 + min(x.shape) // 500]
    _, scale, directions = torch.linalg.svd(x, full_matrices=False)
    n = min(n, int((scale > 1e-3 * scale[0]).sum()))
    return directions[:n].T * (len(x) ** 0.5 / scale[:n])


def areas(x: Tensor, v: Tensor) -> Tensor:
    r"""K `(m, m)` of the current $h = x^\top K v$ of the first m of even x and odd v `(n, dim)`, float64,
    that has the largest J.

    In a stationary state $\langle x_i v_j\rangle$ is antisymmetric, and linear forces make
    $K = C^{-1} A\,Q^{-1}$, with second moments C of x and Q of v and an antisymmetric A (see `Areas`), in
    which J is concave. A larger m learns more by heart: of n windows, each of the m(m − 1)/2 numbers in A adds 2/n
    to J + 1 here and takes as much from it elsewhere, twice that where a bootstrap drew them. So it must pay
    6/n for each: more than luck adds to J here, less than J loses elsewhere, as what a force leaves out is
    missing in the rate as well, and what it knows by heart is not there on other windows.
    """
    n, best, kept = len(x), -math.inf, x.new_zeros(0, 0)
    for m in range(2, x.shape[1] + 1, 2):
        if m > 2 * len(kept) + 4 or 20 * m * (m - 1) > n:
            break
        C, Q = (torch.linalg.pinv(y[:, :m].T @ y[:, :m] / n, hermitian=True) for y in (x, v))
        K, J = highest(x[:, :m], v[:, :m], C, Q)
        J -= 3 * m * (m - 1) / n
        if best < J:
            best, kept = J, K
    return kept


def highest(x: Tensor, v: Tensor, C: Tensor, Q: Tensor) -> tuple[Tensor, float]:
    """K = C A Q with the antisymmetric A for which xᵀKv has the largest J, and J."""
    A = torch.zeros_like(C, requires_grad=True)
    optimizer = torch.optim.LBFGS([A], max_iter=20, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimizer.zero_grad()
        minus_J = 0.0
        for seen, moved in zip(x.split(ROWS), v.split(ROWS), strict=True):
            h = ((seen @ (C @ (A - A.T) @ Q)) * moved).sum(1)
            part = (torch.exp(-h) - h).sum() / len(x)
            part.backward()
            minus_J += part.item()
        return minus_J

    with torch.enable_grad():
        optimizer.step(loss)
        J = -loss()
    return (C @ (A - A.T) @ Q).detach(), J


def coarse(image: Tensor) -> Tensor:
    """Means of 2 × 2 pixels, `(…, height/2, width/2)`, rounded up."""
    return avg_pool2d(image.flatten(0, -3), 2, ceil_mode=True).unflatten(0, image.shape[:-2])
