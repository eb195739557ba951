r"""The stationary Fokker–Planck equation of two coordinates, solved on a grid.

Where no closed form of the stationary law exists, this is what stands beside simulations: no noise,
and an error that falls with the square of the grid's spacing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from ..brief import Brief

Array = NDArray[np.float64]
Field = Callable[[Array], Array]  # (…, 2) -> (…, 2)


@dataclass(frozen=True, eq=False)
class GridDensity(Brief):
    """A stationary law on the cells of a square grid.

    Attributes:
        states: centres of the cells `(n, n, 2)`.
        probability: of each cell `(n, n)`; the sum is one.
    """

    states: Array
    probability: Array

    def average(self, values: Array) -> Array:
        """Mean of `values (n, n, …)`, given at `states`."""
        return np.tensordot(self.probability, values, axes=2)

    def log_density(self, x: Array) -> Array:
        """ln p `(…)` at states `(…, 2)`, up to a constant; linear between the centres."""
        axes = (self.states[:, 0, 0], self.states[0, :, 1])
        log = np.log(np.maximum(self.probability, 1e-300))
        return RegularGridInterpolator(axes, log, bounds_error=False, fill_value=None)(x)


def stationary_law(force: Field, diffusion: Field, *, reach: float, n: int) -> GridDensity:
    r"""The density p whose probability current has no source,

    $$0 = \nabla\cdot J, \qquad J_i = F_i\,p - D_i\,\partial_i p,$$

    on a square of half-width `reach` that no probability leaves. F is the Itô drift less $\nabla\cdot D$.

    Across each border of two cells the current has the exponential form that is exact for constant
    F and D: all probabilities come out positive, and the error is of second order in the spacing
    (Scharfetter & Gummel 1969; Chang & Cooper 1970).

    Args:
        force: F, from states `(…, 2)` to values `(…, 2)`.
        diffusion: D_i of independent noises, same shapes.
        reach: beyond it the density must be negligible.
        n: cells along each side.
    """
    h = 2 * reach / n
    centres, borders = -reach + h * (np.arange(n) + 0.5), -reach + h * np.arange(1, n)
    cell = np.arange(n * n).reshape(n, n)
    rows, columns, entries = [], [], []
    for axis in range(2):
        sides = (borders, centres) if axis == 0 else (centres, borders)
        x = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1)
        D = diffusion(x)[..., axis]
        step = force(x)[..., axis] * h / D
        up, down = ((D / h**2 * _bernoulli(s)).ravel() for s in (-step, step))
        low, high = (np.delete(cell, end, axis).ravel() for end in (-1, 0))
        rows += [low, low, high, high]
        columns += [low, high, low, high]
        entries += [-up, down, up, -down]
    generator = coo_matrix(
        (np.concatenate(entries), (np.concatenate(rows), np.concatenate(columns)))
    ).tocsr()
    # One balance follows from all others; the scale is set by one cell instead.
    middle = cell[n // 2, n // 2]
    others = np.delete(cell.ravel(), middle)
    balance = generator[others].tocsc()
    p = np.ones(n * n)
    p[others] = spsolve(balance[:, others], -balance[:, [middle]].toarray().ravel())
    states = np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1)
    return GridDensity(states, (p / p.sum()).reshape(n, n))


def _bernoulli(z: Array) -> Array:
    """z/(eᶻ − 1)."""
    z = np.where(np.abs(z) < 1e-8, 1e-8, z)
    return z / np.expm1(z)
