r"""Entropy production without a network: bounds from the fluctuations of currents.

Seconds of work on a million steps, and the standard that a network must beat. Networks live in
`entropy`, tests of a whole distribution in `fluctuation`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .. import require
from ..brief import Brief
from ..data import Trajectories, Windows
from ..device import Source
from ..estimate import Estimate
from ..simulators import Exact
from .comparison import Comparison, exact_entropy
from .fluctuation import accumulate, counted, independent, with_error

Basis = Callable[[Tensor], Tensor]

STATES = 100_000  # from which a basis learns where the data lie
FEW = 5  # steps at least for each number that they determine
PIECE = 2**19  # float64 numbers worked on at once: 4 MB


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
        in_sample: the same, judged on the data that chose the current: too high.
        coefficients: c of the current chosen by all data `(n_functions, dim)`.
        basis: the functions of the midpoint.
        trajectories: the data; the rate was judged on all of them, each half with the other's c.
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

    The maximum over noisy data is too high. So trajectories are halved, each half is judged with
    the c of the other, by h = 2 mᵀΞ⁻¹j in the form $(2\langle h\rangle - \mathrm{Var}(h)/2)/dt$: the
    same number at the optimum, below it in expectation anywhere else.

    Args:
        trajectories: at least two, overdamped, of any lengths. Pieces of a few MB are worked on at a time.
        generator: draws the halves.
        basis: functions of the state, `(…, dim)` → `(…, n_functions)`, float64, or one of
            `models.bases`, which find their place on the data; the default 1 and x is complete for
            linear forces.

    Raises `ValueError` for one trajectory, underdamped data, or a basis that gives another shape.

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
    check_even(trajectories, 2 * trajectories.dim * probe.shape[1])  # each half its own
    halves = trajectories.with_windows().split(0.5, generator=generator)
    moments = [_moments(half, basis) for half in halves]
    best = [_best_coefficients(*m) for m in moments]
    judged = torch.cat([_judge(halves[0], basis, best[1]), _judge(halves[1], basis, best[0])])
    dt = trajectories.dt

    def bound(sums: Tensor) -> Tensor:
        n, h, h_squared = sums.unbind(-1)
        return (2 * h / n - (h_squared / n - (h / n) ** 2) / 2) / dt

    rate, std = with_error(bound, judged)
    n, total, square = (a + b for a, b in zip(*moments, strict=True))
    coefficients = _best_coefficients(n, total, square)
    return CurrentEstimate(
        rate=rate,
        std=std,
        in_sample=(total / n @ coefficients / dt).item(),
        coefficients=coefficients.view(-1, trajectories.dim).cpu(),
        basis=basis,
        trajectories=trajectories,
        warnings=tuple(few_paths(trajectories)),
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
    if not hasattr(basis, "fitted"):
        return basis
    x = trajectories.x if trajectories.stretches is None else trajectories.x[None]
    some = x[:, :: 1 + x[..., 0].numel() // STATES].cpu().double()
    return basis.fitted(some.flatten(0, 1))


def check_even(trajectories: Trajectories, numbers: int) -> None:
    """Refuse a single trajectory, one that has nearly all of the steps, too few steps to determine so
    many numbers, and velocities."""
    hint = "one leaves nothing to judge the estimate on: cut it, trajectories.cut(10)"
    require.integer(2, trajectories, "n_trajectories", hint=hint)
    if trajectories.underdamped:
        raise ValueError(
            "this estimator is for overdamped data: velocities change sign under time reversal"
        )
    n = Windows(trajectories).per_path
    if (steps := int(n.sum())) < FEW * numbers:
        raise ValueError(
            f"{steps} steps, in {int((n > 0).sum())} trajectories, do not determine {numbers} numbers; "
            f"{FEW * numbers} are the least, and a good error bar needs far more"
        )
    if (share := (n.max() / n.sum()).item()) > 0.9:
        raise ValueError(f"one trajectory holds {share:.0%} of the steps, and {hint}")


def pieces(x: Tensor, numbers: int) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Rows, midpoints and displacements `(rows, steps, dim)` in float64, piece by piece, so many
    at a time that `numbers` of each step fill `PIECE`."""
    n, n_times, _ = x.shape
    x = x.cpu() if x.device.type == "mps" else x  # which knows no float64
    pairs = max(1, PIECE // numbers)
    rows, steps = min(n, pairs), max(1, pairs // n)
    for i in range(0, n, rows):
        for t in range(0, n_times - 1, steps):
            piece = x[i : i + rows, t : t + steps + 1].double()
            yield slice(i, i + rows), (piece[:, 1:] + piece[:, :-1]) / 2, piece.diff(dim=1)


def _currents(x: Tensor, basis: Basis) -> Iterator[tuple[slice, Tensor]]:
    """Currents `(rows, steps, n_functions * dim)` in float64, piece by piece, and their rows."""
    n_functions = basis(x[:1, 0].double().cpu()).shape[-1]
    for rows, midpoint, step in pieces(x, x.shape[-1] * n_functions):
        yield rows, (basis(midpoint)[..., None] * step[..., None, :]).flatten(2)


def _moments(data: Trajectories, basis: Basis) -> tuple[Tensor, Tensor, Tensor]:
    """Number of steps, sum of the currents `(n_currents,)` and of their products."""
    n, total, square = (torch.zeros((), dtype=torch.float64) for _ in range(3))
    for _, j in _currents(data.gapless()[0].x, basis):
        j = j.flatten(0, 1)
        n, total, square = n + len(j), j.sum(0) + total.to(j), j.T @ j + square.to(j)
    return n, total, square


def _best_coefficients(n: Tensor, total: Tensor, square: Tensor) -> Tensor:
    """2 Ξ⁻¹ m, in units where each current has variance one; a redundant current does no harm."""
    mean = total / n  # m (n_currents,)
    covariance = square / n - torch.outer(mean, mean)  # Ξ (n_currents, n_currents)
    scale = covariance.diagonal().clamp(min=1e-300).rsqrt()
    inverse = torch.linalg.pinv(scale[:, None] * covariance * scale, rtol=1e-12, hermitian=True)
    return 2 * scale * (inverse @ (scale * mean))


def _judge(data: Trajectories, basis: Basis, coefficients: Tensor) -> Tensor:
    """Of each trajectory the number of steps, the sum of h and of h², `(n_trajectories, 3)`."""
    paths, owner = data.gapless()
    sums = coefficients.new_zeros(data.n_trajectories, 3)
    for rows, j in _currents(paths.x, basis):
        h = j @ coefficients
        of_rows = torch.stack((torch.ones_like(h), h, h**2), dim=-1).sum(1)
        sums.index_add_(0, owner[rows].to(sums.device), of_rows)
    return sums


def finite_time_tur(current: Tensor, dt: float, *, steps: int = 1) -> Estimate:
    r"""The bound of one current over windows of t = `steps` · dt:

    $$\dot\sigma \ge \frac{2\langle J_t\rangle^2}{t\,\mathrm{Var} J_t}.$$

    Args:
        current: what flows in each step `(n_trajectories, n_steps)`, NaN where there is none;
            reversal flips its sign.

    Source: Barato & Seifert, PRL 114, 158101 (2015); finite time: Pietzonka, Ritort, Seifert,
    PRE 96, 012101 (2017), Horowitz & Gingrich, PRE 96, 020103 (2017).
    """
    n_windows, J = counted(independent(accumulate(current, steps)))

    def bound(sums: Tensor) -> Tensor:
        n, first, second = sums.unbind(-1)
        mean = first / n
        return 2 * mean**2 / (steps * dt * (second / n - mean**2))

    per_row = torch.stack((n_windows, J.sum(1), (J**2).sum(1)), dim=1)
    return with_error(bound, per_row)
