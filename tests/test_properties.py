"""Properties that hold whatever the numbers: shapes, seeds, units, files."""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor

from stochphys.data import Trajectories, Windows
from stochphys.device import make_generator
from stochphys.simulators import Linear, Overdamped, Underdamped, integrate, simulate
from stochphys.systems import BeadSpring

sizes = st.integers(1, 6)
seeds = st.integers(0, 2**40)
positive = st.floats(0.1, 10)


@dataclass(frozen=True)
class Relaxing(Overdamped):
    """Any number of dimensions; noise of one of the three kinds that a system may have."""

    dim: int = 1
    kind: str = "constant"

    @property
    def additive(self) -> bool:  # type: ignore[override]
        return self.kind == "constant"

    def drift(self, x: Tensor, t: float) -> Tensor:
        return -x

    def noise_amplitude(self, x: Tensor, t: float) -> Tensor | float:
        if self.kind == "constant":
            return 0.5
        diagonal = torch.sqrt(0.1 + x**2)
        return diagonal if self.kind == "diagonal" else torch.diag_embed(diagonal)


@dataclass(frozen=True)
class Oscillators(Underdamped):
    n: int = 1

    @property
    def dim(self) -> int:  # type: ignore[override]
        return 2 * self.n

    def force(self, x: Tensor, t: float) -> Tensor:
        return -x


def system_and_scheme(kind: str, n: int) -> tuple:
    if kind in ("constant", "diagonal", "matrix"):
        return Relaxing(n, kind), "heun" if n % 2 else "euler"
    if kind == "underdamped":
        return Oscillators(n=n), ("baoab", "euler", "heun")[n % 3]
    return Linear(-torch.eye(n), torch.eye(n)), "exact" if kind == "exact" else "heun"


kinds = st.sampled_from(["constant", "diagonal", "matrix", "underdamped", "exact", "linear"])


@given(
    kind=kinds, n=sizes, m=sizes, kept=sizes, every=sizes, burn_in=st.integers(0, 9), seed=seeds,
    chunk=st.sampled_from([1, 5, 64, 2**17]), dtype=st.sampled_from([torch.float32, torch.float64]),
)  # fmt: skip
def test_shapes_and_seeds(
    kind: str,
    n: int,
    m: int,
    kept: int,
    every: int,
    burn_in: int,
    seed: int,
    chunk: int,
    dtype: torch.dtype,
) -> None:
    system, scheme = system_and_scheme(kind, n)

    def run(every: int) -> Trajectories:
        return simulate(
            system, m, kept * every, 0.1, generator=make_generator(seed), start=0.2,
            burn_in=burn_in, every=every, scheme=scheme, dtype=dtype,
        )  # fmt: skip

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(integrate, "CHUNK", chunk)
        recorded = run(every)
        assert torch.equal(recorded.x, run(every).x)
    assert recorded.x.shape == (m, kept + 1, system.dim)
    assert recorded.x.dtype == dtype
    assert recorded.dt == pytest.approx(0.1 * every)
    assert recorded.underdamped == (kind == "underdamped")
    if not burn_in:
        assert torch.equal(recorded.x[:, 0], torch.full((m, system.dim), 0.2, dtype=dtype))


@given(kind=kinds, seed=seeds)
def test_another_seed_gives_other_numbers(kind: str, seed: int) -> None:
    system, scheme = system_and_scheme(kind, 2)
    runs = [
        simulate(system, 8, 4, 0.1, generator=make_generator(s), start=0.2, scheme=scheme).x
        for s in (seed, seed + 1)
    ]
    assert not torch.equal(*runs)


def entropy(chain: BeadSpring, dt: float, seed: int, scheme: str) -> Tensor:
    generator = make_generator(seed)
    recorded = simulate(chain, 20, 12, dt, generator=generator, scheme=scheme, dtype=torch.float64)
    return torch.stack([chain.entropy_production(recorded, s) for s in ("midpoint", scheme)])


@given(
    length=st.integers(-5, 5), time=st.integers(-5, 5), energy=st.integers(-5, 5),
    T_h=st.floats(0.5, 20), n_beads=st.integers(2, 6), seed=seeds,
    scheme=st.sampled_from(["exact", "euler"]),
)  # fmt: skip
def test_entropy_of_each_step_does_not_depend_on_the_units(
    length: int, time: int, energy: int, T_h: float, n_beads: int, seed: int, scheme: str
) -> None:
    """Metres or microns, seconds or hours, kelvin or joules (k_B = 1): the same seed gives the same
    entropy, step by step. Units differ by powers of two, so that no rounding hides an error."""
    chain = BeadSpring(T_c=1, T_h=T_h, n_beads=n_beads, k=1.5, gamma=0.8)
    a, s, e = 2.0**length, 2.0**time, 2.0**energy
    other = BeadSpring(
        T_c=e * chain.T_c,
        T_h=e * chain.T_h,
        n_beads=n_beads,
        k=chain.k * e / a**2,
        gamma=chain.gamma * e * s / a**2,
    )
    rate = chain.entropy_production_rate()
    assert other.entropy_production_rate() * s == pytest.approx(rate, rel=1e-9, abs=1e-12)
    expected = entropy(chain, 0.05, seed, scheme)
    assert torch.allclose(entropy(other, 0.05 * s, seed, scheme), expected, rtol=1e-7, atol=1e-9)


@given(
    T_c=positive, T_h=positive, k=positive, gamma=positive, n_beads=st.integers(2, 12), dt=positive
)  # fmt: skip
def test_rates_of_any_chain(
    T_c: float, T_h: float, k: float, gamma: float, n_beads: int, dt: float
) -> None:
    chain = BeadSpring(T_c=T_c, T_h=T_h, n_beads=n_beads, k=k, gamma=gamma)
    rate = chain.entropy_production_rate()
    mirrored = replace(chain, T_c=T_h, T_h=T_c).entropy_production_rate()
    assert rate >= -1e-10 * k / gamma * n_beads
    assert mirrored == pytest.approx(rate, rel=1e-6, abs=1e-9 * k / gamma)
    # Looking only every dt hides entropy, and the longer, the more.
    seen, later = (chain.entropy_production_rate(h * gamma / k) for h in (dt / 50, dt / 25))
    slack = 1e-6 * rate + 1e-9 * k / gamma
    assert -slack <= later <= seen + slack <= rate + 2 * slack


@given(m=sizes, n_times=st.integers(2, 9), dim=sizes, data=st.data())
def test_windows_equal_slices(m: int, n_times: int, dim: int, data: st.DataObject) -> None:
    frames = data.draw(st.integers(2, n_times))
    x = torch.arange(m * n_times * dim, dtype=torch.float32).view(m, n_times, dim)
    windows = Windows(Trajectories(x, 1.0), frames)
    assert len(windows) == m * (n_times - frames + 1)
    i = data.draw(st.integers(0, len(windows) - 1))
    path, begin = divmod(i, n_times - frames + 1)
    assert torch.equal(windows[torch.tensor(i)], x[path, begin : begin + frames])
    assert torch.equal(windows[torch.tensor([[i]])][0, 0], x[path, begin : begin + frames])


@given(m=st.integers(2, 30), fraction=st.floats(0, 1), seed=seeds)
def test_a_split_loses_nothing(m: int, fraction: float, seed: int) -> None:
    trajectories = Trajectories(torch.arange(2.0 * m).view(m, 2, 1), 1.0)
    if not 0 < round(fraction * m) < m:
        with pytest.raises(ValueError, match="empty"):
            trajectories.split(fraction, generator=make_generator(seed))
        return
    first, rest = trajectories.split(fraction, generator=make_generator(seed))
    assert first.n_trajectories == round(fraction * m)
    both = torch.cat((first.x, rest.x))
    assert torch.equal(both[both[:, 0, 0].argsort()], trajectories.x)


@given(
    x=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=3, max_dims=3, min_side=2, max_side=5),
        elements=st.floats(-(2.0**99), 2.0**99, width=32),
    ),
    dt=st.floats(1e-9, 1e9),
)
def test_a_saved_file_gives_back_the_same(x: np.ndarray, dt: float) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.npz"
        Trajectories(torch.from_numpy(x), dt).save(path)
        loaded = Trajectories.load(path)
    assert np.array_equal(loaded.x.numpy(), x)
    assert loaded.dt == dt


@given(
    m=sizes, n_times=st.integers(2, 6), dim=st.integers(1, 3), dt=st.floats(1e-3, 1e3),
    order=st.randoms(use_true_random=False),
)  # fmt: skip
def test_a_table_gives_back_what_was_written(
    m: int, n_times: int, dim: int, dt: float, order: object
) -> None:
    """The rows of different trajectories may be mixed, as a tracking program writes them."""
    x = torch.randn(m, n_times, dim, generator=make_generator(0))
    rows = [
        ",".join(map(repr, [float(i), j * dt, *x[i, j].tolist()]))
        for j in range(n_times)
        for i in order.sample(range(m), m)  # type: ignore[attr-defined]
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.csv"
        names = ",".join(f"x{k}" for k in range(dim))
        path.write_text("\n".join([f"trajectory,time,{names}", *rows]) + "\n")
        loaded = Trajectories.load(path)
    assert torch.equal(loaded.x, x)
    assert loaded.dt == pytest.approx(dt)
