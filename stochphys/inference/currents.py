r"""Entropy production without a network: bounds from the fluctuations of currents.

Seconds of work on a million steps, and the standard that a network must beat. Networks live in
`entropy`, tests of a whole distribution in `fluctuation`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .. import require
from ..brief import Brief
from ..data import Trajectories, Windows
from ..device import Source, drawn_from
from ..estimate import Estimate
from ..simulators import Exact
from .camera import rate_of_currents
from .checks import check_even
from .comparison import Comparison, exact_entropy
from .fluctuation import accumulate, counted, independent
from .jackknife import BLOCKS, debiased, with_error
from .signs_of_data import Examined, examined, one_coordinate

Basis = Callable[[Tensor], Tensor]

STATES = 100_000  # from which a basis learns where the data lie
PIECE = 2**19  # float64 numbers worked on at once: 4 MB
MOMENTS = 2**18  # float64 numbers that the moments of all blocks may fill, if these remain
FEW_BLOCKS = 20
NOISELESS = 1e6  # of the squared mean over the variance, from which on it is as good as infinite


@dataclass(frozen=True, eq=False)
class Affine(Brief):
    """The functions 1, x_1 − c_1, …, x_dim − c_dim of the state: `(…, dim)` → `(…, 1 + dim)`.

    Attributes:
        centre: c `(dim,)`; `fitted` takes the mean of the data, far from which x and 1 would be
            hard to tell apart.
    """

    centre: Tensor = torch.zeros(())

    def fitted(self, x: Tensor) -> "Affine":
        return Affine(x.mean(0))

    def __call__(self, x: Tensor) -> Tensor:
        away = (x - self.centre.to(x.device)).to(x.dtype)
        return torch.cat((torch.ones_like(away[..., :1]), away), dim=-1)


@dataclass(frozen=True, eq=False, kw_only=True)
class CurrentEstimate(Estimate):
    r"""Entropy production described as a current, $\Delta S = \sum_{ik} c_{ik} f_i(\bar x)\circ\Delta x_k$.

    Attributes:
        rate: the estimate, per unit time; from `short_time_tur` a lower bound.
        std: its standard error, from the spread over trajectories.
        in_sample: the same, with the luck of the data that chose the current: too high.
        coefficients: c of the current chosen by all data `(n_functions, dim)`.
        basis: the functions of the midpoint.
        trajectories: the data.
    """

    in_sample: float
    coefficients: Tensor
    basis: Basis
    trajectories: Trajectories = field(repr=False)

    def per_step(self, trajectories: Trajectories | None = None) -> Tensor:
        """The current in each step, `(n_trajectories, n_times - 1)`, NaN where there is none; by default
        of the data that chose it."""
        data = self.trajectories if trajectories is None else trajectories
        x = data.gapless()[0].x
        entropy = x.new_empty(len(x), x.shape[1] - 1)
        rows = max(1, PIECE // x[0].numel())
        for part, out in zip(x.split(rows), entropy.split(rows), strict=True):
            functions = self.basis((part[:, 1:] + part[:, :-1]) / 2)
            current = (functions @ self.coefficients.to(functions)) * part.diff(dim=1)
            torch.sum(current, dim=-1, out=out)
        return Windows(data).laid(entropy.flatten())

    def compare(self, system: Exact, scheme: str | None = None) -> Comparison:
        """The estimate, and its current step by step, against the exact entropy of the same
        steps; see `System.entropy_production` for `scheme`, and for what is raised."""
        exact = exact_entropy(system, self.trajectories, scheme)
        return Comparison.of(exact, self.per_step(), self.rate, self.trajectories.dt)


def short_time_tur(
    trajectories: Trajectories, *, generator: Source, basis: Any = Affine()
) -> CurrentEstimate:
    r"""The tightest thermodynamic uncertainty bound that one step of the data gives,

    $$\dot\sigma \ge \max_c \frac{2\langle j_c\rangle^2}{dt\,\mathrm{Var}\,j_c},
      \qquad j_c = \sum_{ik} c_{ik}\, f_i(\bar x) \circ \Delta x_k .$$

    With mean m and covariance Ξ of the currents the best c is Ξ⁻¹m, and the bound (2/dt) mᵀΞ⁻¹m.
    In a stationary overdamped process it becomes an equality for dt → 0 if the f_i span the
    thermodynamic force; then 2 Ξ⁻¹m weighs the currents so that they add up to ΔS.

    The maximum over noisy data is too high, by about 2/τ for each current that fluctuates freely over
    the duration τ of all data. The jackknife, which chooses c anew when it leaves out trajectories,
    removes that and gives the error. In equilibrium the result scatters around zero.

    Where successive frames show errors of the positions or an open shutter, which would take part in the
    variance, m and Ξ are made of averages that are free of them, see `models.lagged`, extrapolated to dt → 0.

    Args:
        trajectories: at least two, overdamped, of any lengths. Pieces of a few MB are worked on at a time.
        generator: draws which trajectories are left out together, where they are many.
        basis: functions of the state, `(…, dim)` → `(…, n_functions)`, float64, or one of
            `models.bases`, which find their place on the data; the default 1 and x is complete for
            linear forces.

    Raises `ValueError` for one trajectory, underdamped data, motion without noise, or a basis that
    gives another shape.

    Source: Otsubo, Ito, Dechant, Sagawa, arXiv 2001.07460; Manikandan, Gupta, Krishnamurthy,
    PRL 124, 120603 (2020); Van Vu, Vo, Hasegawa, arXiv 2001.07131.
    """
    check_even(trajectories, 0)
    basis = placed(basis, trajectories)
    probe = basis(trajectories.x[..., :2, :].flatten(0, -2)[:2].double().cpu())
    if probe.ndim != 2 or len(probe) != 2:
        raise ValueError(
            f"basis must map (…, dim) to (…, n_functions), made (2, {trajectories.dim}) into "
            f"{tuple(probe.shape)}"
        )
    n_currents = trajectories.dim * probe.shape[1]
    check_even(trajectories, 2 * n_currents)
    look = examined(trajectories)
    trajectories = look.data
    data, dt = trajectories.with_windows(), trajectories.dt
    order = torch.randperm(data.n_trajectories, **drawn_from(generator)).to(data.x.device)
    paths, most = data.take(order), max(FEW_BLOCKS, min(BLOCKS, MOMENTS // n_currents**2))

    def columns(midpoint: Tensor, step: Tensor) -> Tensor:
        currents = (basis(midpoint)[..., None] * step[..., None, :]).flatten(2)
        return torch.cat((torch.ones_like(currents[..., :1]), currents), dim=-1)

    sums = block_moments(paths, columns, 1 + n_currents, most)
    mean, covariance = mean_and_covariance(sums.sum(0))
    whiten = whitening(mean, covariance)  # W (n_currents, rank), WᵀΞW = 1
    if look.road:
        return told(look, basis, *rate_of_currents(paths, basis, most, look.road))

    def bound(sums: Tensor) -> Tensor:
        mean, covariance = mean_and_covariance(sums)
        m, near_one = (mean @ whiten)[..., None], whiten.T @ covariance @ whiten
        # A current that only the left-out block has is 0 here, and must not make 0/0.
        near_one.diagonal(dim1=-2, dim2=-1).add_(1e-9)
        return 2 / dt * (m * torch.linalg.solve(near_one, m)).sum((-1, -2))

    coefficients = 2 * whiten @ (mean @ whiten)
    in_sample = (mean @ coefficients / dt).item()
    return told(look, basis, debiased(bound, sums), in_sample, coefficients)


def told(
    look: Examined,
    basis: Basis,
    found: Estimate,
    in_sample: float,
    coefficients: Tensor,
    doubts: Iterable[str] = (),
) -> CurrentEstimate:
    """What was found of data that were looked at, with all that is doubtful about it."""
    data = look.data
    rate, std, why = look.told(*found, free=look.road is not None)
    return CurrentEstimate(
        rate=rate,
        std=std,
        in_sample=in_sample,
        coefficients=coefficients.view(-1, data.dim).cpu(),
        basis=basis,
        trajectories=data,
        warnings=(*why, *look.warnings, *few_paths(data), *one_coordinate(data), *doubts),
    )


def few_paths(trajectories: Trajectories) -> Iterator[str]:
    """Whether the spread over trajectories, which is the error bar, is that of too few."""
    if (n := Windows(trajectories).n_equal) < 5:
        yield (
            f"Few paths: the error bar is the spread of as good as {n:.1f} paths, which may be wrong by half "
            "of it. Cut long paths into pieces: trajectories.cut(20)."
        )


def placed(basis: Any, trajectories: Trajectories) -> Basis:
    """The basis where these data lie, if it is one that finds its place: see `models.bases`."""
    fitted = not isinstance(basis, type) and hasattr(basis, "fitted")
    if not fitted:
        require.able("__call__", basis=basis, hint="a function of the state, or one such as RBF()")
        return basis
    x = trajectories.x if trajectories.stretches is None else trajectories.x[None]
    some = x[:, :: 1 + x[..., 0].numel() // STATES].cpu().double()
    return basis.fitted(some.flatten(0, 1))


def pieces(x: Tensor, numbers: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Midpoints and displacements `(rows, steps, dim)` in float64, piece by piece, so many at a time
    that `numbers` of each step fill `PIECE`."""
    n, n_times, _ = x.shape
    x = x.cpu() if x.device.type == "mps" else x  # which knows no float64
    pairs = max(1, PIECE // numbers)
    rows, steps = min(n, pairs), max(1, pairs // n)
    for i in range(0, n, rows):
        for t in range(0, n_times - 1, steps):
            piece = x[i : i + rows, t : t + steps + 1].double()
            yield (piece[:, 1:] + piece[:, :-1]) / 2, piece.diff(dim=1)


def block_moments(
    data: Trajectories, columns: Callable[[Tensor, Tensor], Tensor], numbers: int, most: int
) -> Tensor:
    """Sums over steps of the products of `columns(midpoint, step)` `(rows, steps, numbers)`, the first
    of which is 1, over each of at most so many blocks of whole trajectories, `(n_blocks, numbers, numbers)`."""
    paths, owner = data.gapless()
    owners = owner.unique_consecutive(return_counts=True)[1].cpu().tensor_split(most)
    sums = []
    for x in paths.x.split([int(n.sum()) for n in owners if len(n)]):
        total: Any = 0
        for midpoint, step in pieces(x, numbers):
            z = columns(midpoint, step).flatten(0, 1)
            total = total + z.T @ z
        sums.append(total)
    return torch.stack(sums)


def mean_and_covariance(sums: Tensor) -> tuple[Tensor, Tensor]:
    """Of the columns after the first, from what `block_moments` adds up: `(…, n)` and `(…, n, n)`."""
    moments = sums / sums[..., :1, :1]
    mean = moments[..., 0, 1:]
    return mean, moments[..., 1:, 1:] - mean[..., None] * mean[..., None, :]


def whitening(mean: Tensor, covariance: Tensor) -> Tensor:
    """W `(n, rank)` with WᵀΞW = 1 for a covariance Ξ `(n, n)`; what is redundant is left out.

    Raises `ValueError` if nothing changes, or something changes that has no noise.
    """
    scale = (covariance.diagonal() + mean**2).clamp(min=1e-300).rsqrt()  # units do not matter
    values, vectors = torch.linalg.eigh(scale[:, None] * covariance * scale)
    noisy, along = values > 1e-12, vectors.T @ (scale * mean)
    if (along.square() > NOISELESS * values.clamp(min=1e-12)).any():
        raise ValueError(
            "trajectories move without noise in some direction, such as along straight lines: the "
            "reversed path is impossible, and the entropy production infinite or undefined; leave "
            "that direction out"
        )
    if not noisy.any():
        raise ValueError("no coordinate of trajectories ever changes")
    return scale[:, None] * vectors[:, noisy] * values[noisy].rsqrt()


def finite_time_tur(current: Tensor, dt: float, *, steps: int = 1) -> Estimate:
    r"""The bound of one current over windows of t = `steps` · dt:

    $$\dot\sigma \ge \frac{2\langle J_t\rangle^2}{t\,\mathrm{Var} J_t}.$$

    Args:
        current: what flows in each step `(n_trajectories, n_steps)`, NaN where there is none;
            reversal flips its sign.

    Source: Barato & Seifert, PRL 114, 158101 (2015); finite time: Pietzonka, Ritort, Seifert,
    PRE 96, 012101 (2017), Horowitz & Gingrich, PRE 96, 020103 (2017).
    """
    require.positive(dt=dt)
    require.of_kind(Tensor, current=current)
    n_windows, J = counted(independent(accumulate(current, steps)))

    def bound(sums: Tensor) -> Tensor:
        n, first, second = sums.unbind(-1)
        mean = first / n
        return 2 * mean**2 / (steps * dt * (second / n - mean**2))

    per_row = torch.stack((n_windows, J.sum(1), (J**2).sum(1)), dim=1)
    return with_error(bound, per_row)
