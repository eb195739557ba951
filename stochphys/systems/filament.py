"""A network of elastic filaments whose nodes sit in baths of two temperatures, and where it dissipates.

The network is linear, so its rate is exact, and so is each of the three ways to say how much of it
is produced where. `filament_camera` films it.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from .. import require
from ..simulators.camera import Camera
from ..simulators.linear import Linear
from .beads import BeadSpring


@dataclass(frozen=True, eq=False)
class ElasticNetwork(Linear):
    r"""n × n mobile nodes of a square lattice inside a ring of fixed ones, joined by springs,

    $$\gamma\,du_i = k \sum_{j \sim i} (u_j - u_i)\,dt + \sqrt{2\gamma T_i}\,dW_i,$$

    with the displacement $u_i$ of node i from its place, rows and columns independent, k_B = 1.
    The four neighbours j of a node are nodes, or the ring, which rests at u = 0. A state is
    `(…, 2 n²)`: node by node, row by row, first down the rows of the image, then along its columns.

    Args:
        n: nodes along one side.
        hot: numbers of the nodes at temperature `T_h`, counted row by row from 0; the others are
            at `T_c`.
        T_h: one temperature for all of them, or a tuple of one for each.

    Raises `ValueError` for n below 1, a hot node that is not there or named twice, and a
    temperature, k or gamma that is not positive.

    Source: the filaments of Bae, Kim, Jeong 2022, arXiv 2106.15108, with linearised springs.
    """

    A: Tensor = field(init=False, repr=False)
    D: Tensor = field(init=False, repr=False)
    n: int = 3
    hot: tuple[int, ...] = (1, 8)
    T_c: float = 1.0
    T_h: float | tuple[float, ...] = 10.0
    k: float = 1.0
    gamma: float = 1.0

    def __post_init__(self) -> None:
        require.positive(self, "T_c", "k", "gamma")
        each = self.T_h if isinstance(self.T_h, tuple) else (self.T_h,) * len(self.hot)
        for T in each:
            require.positive(T_h=T)
        if len(each) != len(self.hot):
            raise ValueError(f"T_h must be one number, or one for each of {self.hot}, got {each}")
        require.integer(1, self, "n")
        if len(set(self.hot) & set(range(self.n**2))) < len(self.hot):
            raise ValueError(
                f"hot must name different nodes from 0 to {self.n**2 - 1}, got {self.hot}"
            )
        i, j = neighbours(self.n).T
        laplacian = torch.diag(torch.full((self.n**2,), -4.0, dtype=torch.float64))
        laplacian[i, j] = laplacian[j, i] = 1.0
        both = torch.eye(2, dtype=torch.float64)  # rows and columns of the image
        object.__setattr__(self, "A", self.k / self.gamma * torch.kron(laplacian, both))
        object.__setattr__(self, "D", torch.kron(torch.diag(self.temperatures / self.gamma), both))
        super().__post_init__()

    @property
    def temperatures(self) -> Tensor:
        """Temperature of the bath of each node, `(n²,)`."""
        T = torch.full((self.n**2,), self.T_c, dtype=torch.float64)
        T[list(self.hot)] = torch.as_tensor(self.T_h, dtype=torch.float64)
        return T

    @property
    def nodes(self) -> Tensor:
        """Places of the nodes at rest, row and column from 1 to n, `(n², 2)`; the ring is at 0 and n + 1."""
        side = torch.arange(1, self.n + 1, dtype=torch.float64)
        return torch.cartesian_prod(side, side)


def neighbours(side: int) -> Tensor:
    """Pairs of neighbours on a square lattice counted row by row, `(2 side (side − 1), 2)`."""
    number = torch.arange(side**2).view(side, side)
    across = torch.stack((number[:, :-1], number[:, 1:]), -1).view(-1, 2)
    down = torch.stack((number[:-1], number[1:]), -1).view(-1, 2)
    return torch.cat((across, down))


class LocalDissipation(NamedTuple):
    """Entropy produced per unit time, told in three ways; each sums to the rate of the system.

    Attributes:
        heat: heat over temperature that each node gives to its bath, `(n_nodes,)`; negative where
            a bath is cooled.
        bond: heat through each spring, times the difference of inverse temperatures at its ends,
            `(n_bonds,)`.
        velocity: ⟨ν²⟩/D of each node, `(n_nodes,)`; never negative.
        bonds: the two nodes of each spring, `(n_bonds, 2)`.
    """

    heat: Tensor
    bond: Tensor
    velocity: Tensor
    bonds: Tensor


def local_dissipation(system: BeadSpring | ElasticNetwork) -> LocalDissipation:
    r"""How much entropy is produced where, exactly, in the stationary state.

    With $S = (CA^\top - AC)/2$, the mean of $u_i \circ du_j/dt$, and sums over the coordinates of a
    node,

    $$\dot\sigma = \sum_i \frac{\gamma (AS)_{ii}}{T_i}
      = \sum_{i<j} k\,S_{ij} \Big(\frac1{T_j} - \frac1{T_i}\Big)
      = \sum_i \frac{\langle\nu_i^2\rangle}{D_i}.$$

    Heat appears at the baths, and flows through the springs. The last form is the only one that has
    a value for each node and step, `Linear.local_entropy_production`.
    """
    A, C, T = system.A, system.stationary_covariance(), system.temperatures
    S = (C @ A.T - A @ C) / 2
    n, each = len(T), system.dim // len(T)  # nodes, and coordinates of each
    heat = (A @ S).diagonal().view(n, each).sum(-1) * system.gamma / T
    between = system.gamma * A * S  # heat from coordinate i to j, through the spring between them
    per_node = between.view(n, each, n, each).sum((1, 3))
    i, j = bonds = torch.triu_indices(n, n, offset=1)
    joined = A[::each, ::each][i, j] != 0
    bond = per_node[i, j] * (1 / T[j] - 1 / T[i])
    velocity = system.local_entropy_production_rate().view(n, each).sum(-1)
    return LocalDissipation(heat, bond[joined], velocity, bonds.T[joined])


def filament_camera(network: ElasticNetwork) -> Camera:
    """A camera that films the springs as bright lines, `6 (n + 1)` pixels square.

    Neighbouring nodes at rest are six pixels apart, the ring lies on the edge of the frame, and a node
    moves by half a pixel per unit of length. Each spring, those to the ring included, is a row of four
    Gaussian spots on the straight line between its ends, so that every spot moves linearly with the
    state. At this brightness a node where four springs meet has 3/4 of the peak at rest, so that
    hardly any pixel saturates.
    """
    n, side = network.n, network.n + 2  # with the ring
    mobile = torch.zeros(side, side, dtype=torch.bool)
    mobile[1:-1, 1:-1] = True
    place = 6 * torch.cartesian_prod(torch.arange(side), torch.arange(side)) - 0.5  # (side², 2)
    move = torch.zeros(side**2, 2, 2 * n**2)  # of each node by each coordinate of the state
    move[mobile.flatten()] = 0.5 * torch.eye(2 * n**2).view(n**2, 2, -1)
    ends = neighbours(side)
    first, second = ends[mobile.flatten()[ends].any(1)].T  # no springs between nodes of the ring

    weight = (torch.arange(4) + 0.5) / 4
    centre = torch.lerp(place[first][:, None], place[second][:, None], weight[:, None])
    motions = torch.lerp(move[first][:, None], move[second][:, None], weight[:, None, None])
    size = (6 * (n + 1), 6 * (n + 1))
    return Camera(centre.flatten(0, 1), motions.flatten(0, 1), size, psf=1.2, brightness=0.2)
