"""Trajectories, simulated or measured, and the windows of time that networks look at.

Simulated data and a researcher's own files take the same road from here on. What produced the
data, and what is inferred from it, lives elsewhere.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass, replace
from math import inf
from numbers import Real
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding


@dataclass(frozen=True, eq=False)
class Trajectories:
    """Recorded paths, all of the same length and time step.

    Attributes:
        x: states `(n_trajectories, n_times, dim)`; may be a view of time-major storage.
        dt: time between two frames.
        underdamped: if True, the second half of `dim` holds the velocities of the first half.
        check: look at every number; False where all are known to be finite.

    Raises:
        TypeError: `x` is not a tensor of floats.
        ValueError: wrong number of axes, fewer than two times, a value that is not finite,
            `dt` that is not positive, an odd `dim` with `underdamped=True`.
    """

    x: Tensor
    dt: float
    underdamped: bool = False
    check: InitVar[bool] = True

    def __post_init__(self, check: bool) -> None:
        x = self.x
        if not isinstance(x, Tensor) or not x.is_floating_point():
            got = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(
                f"x must be a tensor of floats, got {got}; use torch.as_tensor(x).float()"
            )
        if x.ndim != 3 or x.shape[1] < 2 or 0 in x.shape:
            raise ValueError(
                "x must have the axes (n_trajectories, n_times, dim) with at least two times, got "
                f"shape {tuple(x.shape)}; one 1-d path needs x[None, :, None]"
            )
        if not (isinstance(self.dt, Real) and 0 < self.dt < inf):
            raise ValueError(f"dt must be a positive time, got {self.dt!r}")
        if self.underdamped and x.shape[2] % 2:
            raise ValueError(
                f"underdamped=True needs positions and as many velocities, got dim = {x.shape[2]}"
            )
        if not check:
            return
        # A sum is one pass without a copy; only if it fails is each number looked at.
        if not torch.isfinite(x.sum()) and len(bad := (~torch.isfinite(x)).nonzero()):
            i, j, k = bad[0].tolist()
            raise ValueError(
                f"x is {x[i, j, k].item()} at trajectory {i}, time index {j}, coordinate {k}; cut "
                "the trajectory there or fill the gap first"
            )

    @property
    def n_trajectories(self) -> int:
        return self.x.shape[0]

    @property
    def n_times(self) -> int:
        return self.x.shape[1]

    @property
    def dim(self) -> int:
        return self.x.shape[2]

    @property
    def duration(self) -> float:
        """Time from the first frame to the last."""
        return (self.n_times - 1) * self.dt

    @property
    def times(self) -> Tensor:
        """Times of the frames `(n_times,)`, the first is 0."""
        return torch.arange(self.n_times, dtype=torch.float64) * self.dt

    @property
    def position(self) -> Tensor:
        """The coordinates that are even under time reversal."""
        return self.x[..., : self.dim // 2] if self.underdamped else self.x

    @property
    def velocity(self) -> Tensor:
        """The second half of `dim`; `ValueError` if the state holds no velocities."""
        if not self.underdamped:
            raise ValueError("these trajectories hold positions only (underdamped=False)")
        return self.x[..., self.dim // 2 :]

    def to(self, device: torch.device | str) -> Trajectories:
        return replace(self, x=self.x.to(device), check=False)

    def every(self, k: int) -> Trajectories:
        """Each k-th frame: the same paths seen by a slower camera."""
        return replace(self, x=self.x[:, ::k], dt=self.dt * k, check=False)

    def split(
        self, fraction: float = 0.8, *, generator: torch.Generator
    ) -> tuple[Trajectories, Trajectories]:
        """Whole trajectories drawn into a first part of `fraction` and a held-out rest.

        Neighbouring frames are correlated, so a split by time would leak; this one does not.
        """
        n_first = round(fraction * self.n_trajectories)
        if not 0 < n_first < self.n_trajectories:
            raise ValueError(
                f"a split of {self.n_trajectories} trajectories at fraction={fraction} leaves one "
                "side empty; cut long trajectories into pieces, or change the fraction"
            )
        order = torch.randperm(self.n_trajectories, generator=generator, device=generator.device)
        order = order.to(self.x.device)
        parts = order[:n_first], order[n_first:]
        first, rest = (replace(self, x=self.x[part], check=False) for part in parts)
        return first, rest

    def save(self, path: str | Path) -> None:
        """Write a `.npz` file that `load` reads."""
        path = Path(path)
        if path.suffix != ".npz":  # a dot in a name need not begin a suffix: T_h=1.5
            path = path.with_name(f"{path.name}.npz")
        np.savez(path, x=self.x.cpu().numpy(), dt=self.dt, underdamped=self.underdamped)

    @classmethod
    def load(
        cls, path: str | Path, dt: float | None = None, *, underdamped: bool | None = None
    ) -> Trajectories:
        """Read trajectories from a file.

        `.npy`: an array `(n_trajectories, n_times, dim)`, or `(n_times, dim)` or `(n_times,)` for
        one path. `.npz`: the same under the name `x` (or as the only array), with `dt` and
        `underdamped` if they were saved. `.csv`: one header line; the column `trajectory` tells
        paths apart, the column `t` or `time` gives a uniform time, all others are coordinates.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: an unknown ending, `dt` neither given nor in the file, a time step that
                varies, trajectories of unequal length, or whatever `Trajectories` refuses.
        """
        path = Path(path)
        if path.suffix == ".npy":
            x = np.load(path)
        elif path.suffix == ".npz":
            with np.load(path) as file:
                if "x" not in file and len(file.files) != 1:
                    raise ValueError(f"{path.name} must hold an array named 'x', has {file.files}")
                x = file["x" if "x" in file else file.files[0]]
                dt = float(file["dt"]) if dt is None and "dt" in file else dt
                if underdamped is None and "underdamped" in file:
                    underdamped = bool(file["underdamped"])
        elif path.suffix == ".csv":
            x, dt = _read_csv(path, dt)
        else:
            raise ValueError(f"{path.name}: the ending must be .npy, .npz or .csv")
        if dt is None:
            raise ValueError(f"{path.name} does not tell the time between frames; give dt=…")
        if x.ndim == 1:
            x = x[:, None]
        if x.ndim == 2:
            x = x[None]
        x = torch.as_tensor(np.ascontiguousarray(x, dtype=np.float32))
        return cls(x, dt, bool(underdamped))


def _read_csv(path: Path, dt: float | None) -> tuple[np.ndarray, float | None]:
    """Columns by name → array `(n_trajectories, n_times, dim)` and the time step, if told."""
    with path.open() as file:
        names = [name.strip() for name in file.readline().split(",")]
        table = np.loadtxt(file, delimiter=",", ndmin=2)
    if any(_is_number(name) for name in names):
        raise ValueError(f"{path.name}: the first line must be a header that names the columns")
    if table.shape[1:] != (len(set(names)),) or len(set(names)) < len(names):
        raise ValueError(
            f"{path.name}: {len(names)} column names, {names}, for {table.shape[1]} columns; each "
            "column needs a name of its own"
        )
    columns = dict(zip(names, table.T, strict=True))
    label = columns.pop("trajectory", np.zeros(len(table)))
    time = columns.pop("t", columns.pop("time", None))
    if not columns:
        raise ValueError(f"{path.name}: there is no column of coordinates")
    rows = [np.flatnonzero(label == value) for value in np.unique(label)]
    lengths = {len(r) for r in rows}
    if len(lengths) > 1:
        raise ValueError(
            f"{path.name}: trajectories have {min(lengths)} to {max(lengths)} frames; cut them to "
            "one length, or load them one by one"
        )
    if min(lengths) < 2:
        raise ValueError(f"{path.name}: a trajectory needs at least two frames")
    if time is not None:
        steps = np.diff(np.stack([time[r] for r in rows]), axis=1)
        if np.ptp(steps) > 1e-3 * abs(steps.mean()):
            raise ValueError(
                f"{path.name}: the time step varies from {steps.min():.4g} to {steps.max():.4g}; "
                "interpolate to a uniform one first"
            )
        dt = float(steps.mean()) if dt is None else dt
    x = np.stack(list(columns.values()), axis=-1)
    return np.stack([x[r] for r in rows]), dt


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, eq=False)
class Windows:
    """All stretches of `length` successive frames, as a data set to draw from by index.

    `windows[index]` with an integer tensor of any shape `(…)` gives `(…, length, dim)`. Index `i` means trajectory `i // n_starts`, first frame `i % n_starts`.

    With `draws (members, n_trajectories)`, made by `bootstrap`, an index `(members, batch)` is
    read by each member in its own resampled list of trajectories.
    """

    trajectories: Trajectories
    length: int = 2
    draws: Tensor | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.length <= self.trajectories.n_times:
            raise ValueError(
                f"length={self.length} must lie between 2 and the {self.trajectories.n_times} "
                "frames of a trajectory"
            )
        x = self.trajectories.x.contiguous()
        object.__setattr__(self, "trajectories", replace(self.trajectories, x=x, check=False))

    @property
    def n_starts(self) -> int:
        """First frames per trajectory."""
        return self.trajectories.n_times - self.length + 1

    def __len__(self) -> int:
        return self.trajectories.n_trajectories * self.n_starts

    def __getitem__(self, index: Tensor) -> Tensor:
        row, start = index // self.n_starts, index % self.n_starts
        if self.draws is not None:
            row = self.draws.gather(1, row)
        first = row * self.trajectories.n_times + start
        frames = first[..., None] + torch.arange(self.length, device=index.device)
        # A table look-up by row: five times faster here than general indexing.
        return embedding(frames, self.trajectories.x.flatten(0, 1))

    def bootstrap(self, members: int, *, generator: torch.Generator) -> Windows:
        """The same windows, with trajectories drawn anew (with replacement) for each member."""
        n = self.trajectories.n_trajectories
        draws = torch.randint(n, (members, n), generator=generator, device=generator.device)
        return replace(self, draws=draws.to(self.trajectories.x.device))

    def to(self, device: torch.device | str) -> Windows:
        draws = None if self.draws is None else self.draws.to(device)
        return replace(self, trajectories=self.trajectories.to(device), draws=draws)
