r"""Systems by seed, to judge an estimator on what nobody tuned it for: `python -m tools.random_systems 7`.

    from tools.random_systems import film, random_system

    system = random_system(7)  # or random_system(7, "field", dim=2)
    sp.infer_langevin(film(system, 0)).compare(system)

What is drawn, in reduced units u = x/ℓ and time t/τ, with ℓ and τ between 10⁻³ and 10³:

| kind       | equation                                                                    | d    |
|------------|-----------------------------------------------------------------------------|------|
| `wells`    | $du = (-1 + A)\nabla U\,dt$ + noise of a constant matrix D                  | 1–4  |
| `field`    | the same, with independent noises $D_i(u) = D_i\,e^{a_i \sin(n_i\cdot u + \varphi_i)}$ (Itô) | 1–4 |
| `inertia`  | $dv = (-\nabla U + A u\,e^{-u^2/2} - \gamma v)\,dt$ + noise, D = γT         | 1, 2 |
| `pumped`   | the same with the friction $\gamma\,(u^2 - 1)\,v$, and in half of them D(u) | 1, 2 |
| `linear`   | `Linear`, with currents where d > 1: $A = -(D + Q)\,C^{-1}$, $Q = -Q^\top$  | 1–4  |
| `balanced` | `Linear` in equilibrium: Q = 0                                              | 1–4  |

$$U = \tfrac12 u^\top K u + \tfrac14 \sum_i q_i u_i^4 + \tfrac14 \sum_{i,j} c_{ij}\,u_i^2 u_j^2
      - \sum_w h_w\, e^{-|u - u_w|^2/2s_w^2} .$$

K has a frame of its own and the eigenvalues 0.5 to 2, in one of three systems the least is −1 to −0.5:
two wells, with q between 0.3 and 0.8. Otherwise q is zero for half of the systems, else up to 0.5.
$c_{ij}$ is zero for half of them, else up to 0.3. There are n = 0 to 3 wells $u_w$ of depth 1/n to 3/n
and width 0.6 to 1, 1 to 2 from the origin: none is a trap. A is antisymmetric, zero for a third. D has the
eigenvalues 0.7 to 1.5, $|a_i| < 0.8$ and $|n_i| = 1$; γ lies between 0.2 and 3, T between 0.7 and 1.5, of
pumped ones twice that. C has the eigenvalues 0.4 to 2.5, A and Q the largest 0.3 to 2.

Every one is bounded: $u\cdot\nabla U$ grows, A turns along the levels of U or is bounded, D is bounded, and
the pumped ones are braked outside |u| = 1. Exact: drift and D everywhere, of linear ones the entropy
production too.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import cache
from math import comb

import numpy as np
import torch
from torch import Tensor

from stochphys import require
from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.simulators import Linear, Overdamped, System, Underdamped, simulate
from stochphys.simulators.langevin import noise_matrix, square_root

KINDS = ("wells", "field", "inertia", "pumped", "linear", "balanced")
Matrix = np.ndarray


@dataclass(frozen=True, eq=False)
class Landscape:
    """The potential U, reduced: see the head of this file."""

    K: Tensor  # (d, d), and c too
    q: Tensor  # (d,)
    c: Tensor
    h: Tensor  # (n_wells,), and s too
    s: Tensor
    at: Tensor  # (n_wells, d)

    def gradient(self, u: Tensor) -> Tensor:
        """∇U at `u (…, d)`, same shape."""
        K, q, c, h, s, at = (part.to(u) for part in vars(self).values())
        square, apart = u * u, u[..., None, :] - at
        pull = h / s**2 * torch.exp(-apart.square().sum(-1) / (2 * s**2))  # (…, n_wells)
        return u @ K + u * (q * square + square @ c + pull.sum(-1, keepdim=True)) - pull @ at


@dataclass(frozen=True, eq=False)
class Noise:
    """D, reduced: a constant matrix, or where `a` is given its diagonal times $e^{a \\sin(n u + φ)}$."""

    D: Tensor  # (d, d)
    a: Tensor | None = None  # (d,)
    n: Tensor | None = None  # (d, d), a row for each noise
    phase: Tensor | None = None  # (d,)

    def amplitude(self, u: Tensor) -> Tensor:
        """B at `u (n, d)`: `(n, d)`, or `(1, d, d)` where it is constant."""
        if self.a is None or self.n is None or self.phase is None:
            return square_root(2 * self.D).to(u)[None]
        angle = u @ self.n.T.to(u) + self.phase.to(u)
        return (2 * self.D.diagonal()).sqrt().to(u) * torch.exp(self.a.to(u) / 2 * torch.sin(angle))


@dataclass(frozen=True, eq=False)
class Stirring(Overdamped):
    """`wells` and `field`: a landscape, stirred by the antisymmetric `A`. `length` is ℓ, `time` τ."""

    landscape: Landscape
    A: Tensor
    noise: Noise
    length: float = 1.0
    time: float = 1.0

    dim = property(lambda self: len(self.A))  # type: ignore[assignment]
    additive = property(lambda self: self.noise.a is None)  # type: ignore[assignment]

    def drift(self, x: Tensor, t: float = 0.0) -> Tensor:
        gradient = self.landscape.gradient(x / self.length)
        return (gradient @ self.A.T.to(x) - gradient) * (self.length / self.time)

    def noise_amplitude(self, x: Tensor, t: float = 0.0) -> Tensor:
        return self.noise.amplitude(x / self.length) * (self.length / self.time**0.5)


@dataclass(frozen=True, eq=False)
class Inertial(Underdamped):
    """`inertia`, and with `pumped` the friction that is negative near the origin."""

    mass: float = field(init=False, default=1.0, repr=False)
    T: float = field(init=False, default=1.0, repr=False)  # stands in the noise
    gamma: float = 1.0
    landscape: Landscape = field(kw_only=True)
    A: Tensor = field(kw_only=True)
    noise: Noise = field(kw_only=True)
    pumped: bool = False
    length: float = 1.0
    time: float = 1.0

    dim = property(lambda self: 2 * len(self.A))  # type: ignore[assignment]
    additive = property(lambda self: self.noise.a is None)  # type: ignore[assignment]

    def acceleration(self, x: Tensor, v: Tensor, t: float) -> Tensor:
        u, du = x / self.length, v * (self.time / self.length)
        square = u.square().sum(-1, keepdim=True)
        stir = (u @ self.A.T.to(x)) * torch.exp(-square / 2)
        friction = self.gamma * (square - 1 if self.pumped else 1)
        force = stir - self.landscape.gradient(u) - friction * du
        return force * (self.length / self.time**2)

    def velocity_noise(self, x: Tensor, v: Tensor, t: float) -> Tensor:
        B = self.noise.amplitude(x / self.length) * (self.length / self.time**1.5)
        return B if self.noise.a is not None else B[0].diagonal()


def random_system(seed: int, kind: str | None = None, *, dim: int | None = None) -> System:
    """The system of this seed; `kind` and `dim`, the number of positions, are drawn unless given.

    Raises `ValueError` for a kind or a dim that is not in the table, or a negative seed.
    """
    require.integer(0, seed=seed)
    draw = np.random.default_rng(seed)
    drawn = KINDS[draw.integers(len(KINDS))]
    kind = kind or drawn
    require.one_of(KINDS, kind=kind)
    highest = 2 if kind in ("inertia", "pumped") else 4
    d = int(draw.integers(1, highest + 1)) if dim is None else dim
    require.one_of(range(1, highest + 1), dim=d)
    length, time = (float(10 ** draw.uniform(-3, 3)) for _ in range(2))
    if kind in ("linear", "balanced"):
        C = symmetric(draw, draw.uniform(0.4, 2.5, d))
        D = symmetric(draw, draw.uniform(0.7, 1.5, d))
        Q = antisymmetric(draw, d, draw.uniform(0.3, 2)) * (kind == "linear")
        drift = -(D + Q) @ np.linalg.inv(C)
        return Linear(torch.from_numpy(drift / time), torch.from_numpy(D * length**2 / time))
    landscape = random_landscape(draw, d)
    A = torch.from_numpy(antisymmetric(draw, d, draw.uniform(0.3, 2) * (draw.random() > 1 / 3)))
    units = dict(A=A, landscape=landscape, length=length, time=time)
    if kind in ("wells", "field"):
        D = symmetric(draw, draw.uniform(0.7, 1.5, d))
        return Stirring(noise=random_noise(draw, D, varies=kind == "field"), **units)  # type: ignore[arg-type]
    pumped = kind == "pumped"
    gamma, T = 0.2 * 15 ** draw.random(), draw.uniform(0.7, 1.5) * (1 + pumped)
    noise = random_noise(draw, gamma * T * np.eye(d), varies=pumped and draw.random() < 0.5)
    return Inertial(gamma=gamma, noise=noise, pumped=pumped, **units)  # type: ignore[arg-type]


def symmetric(draw: np.random.Generator, values: Matrix) -> Matrix:
    """A symmetric matrix with these eigenvalues and a frame drawn at random."""
    R = np.linalg.qr(draw.normal(size=(len(values),) * 2))[0]
    return (S := R @ np.diag(values) @ R.T) / 2 + S.T / 2


def antisymmetric(draw: np.random.Generator, d: int, size: float) -> Matrix:
    """An antisymmetric matrix whose largest eigenvalue has this size; 0 where d = 1."""
    A = np.triu(draw.normal(size=(d, d)), 1)
    A = A - A.T
    return A * size / max(float(np.linalg.norm(A, 2)), 1e-9)


def random_landscape(draw: np.random.Generator, d: int) -> Landscape:
    k, q, c = draw.uniform(0.5, 2, d), draw.uniform(0, 0.5, d), draw.uniform(0, 0.3, (d, d))
    q, c = q * (draw.random() < 0.5), np.triu(c, 1) * (draw.random() < 0.5)
    if draw.random() < 1 / 3:
        k[0], q = draw.uniform(-1, -0.5), draw.uniform(0.3, 0.8, d)
    n = int(draw.integers(0, 4))
    away = draw.normal(size=(n, d))
    at = away / np.linalg.norm(away, axis=1, keepdims=True) * draw.uniform(1, 2, (n, 1))
    parts = (
        symmetric(draw, k),
        q,
        c + c.T,
        draw.uniform(1, 3, n) / max(n, 1),
        draw.uniform(0.6, 1, n),
        at,
    )
    return Landscape(*map(torch.from_numpy, parts))


def random_noise(draw: np.random.Generator, D: Matrix, *, varies: bool) -> Noise:
    if not varies:
        return Noise(torch.from_numpy(D))
    n = draw.normal(size=D.shape)
    n, phase = n / np.linalg.norm(n, axis=1, keepdims=True), draw.uniform(0, 2 * np.pi, len(D))
    parts = (D, draw.uniform(-0.8, 0.8, len(D)), n, phase)
    return Noise(*map(torch.from_numpy, parts))


@cache
def scales(system: System) -> tuple[float, float, Tensor]:
    """Rate at which the drift of a system changes, nats per time that its paths hold on the drift,
    ⟨ΦᵀD⁻¹Φ⟩/4, and 256 states that have forgotten where they began.
    """
    if isinstance(system, Stirring | Inertial):
        start = torch.randn(256, system.dim, generator=make_generator(0)) * system.length
        if isinstance(system, Inertial):
            start[:, system.dim // 2 :] /= system.time
        how = dict(start=start, scheme="euler", generator=make_generator(0), every=6000)
        x = simulate(system, 256, 6000, system.time / 200, **how).x[:, -1]  # type: ignore[arg-type]
    else:
        x = system.sample_stationary(256, generator=make_generator(0))  # type: ignore[attr-defined]
    x = x.double()
    noisy = slice(system.dim // 2 if system.underdamped else 0, None)
    slopes = torch.func.vmap(torch.func.jacrev(lambda y: system.drift(y[None], 0.0)[0]))(x)
    if isinstance(system, Inertial):  # velocities in units of length per time
        unit = torch.ones(system.dim, dtype=torch.float64)
        unit[noisy] /= system.time
        slopes = slopes * unit / unit[:, None]
    rate = torch.linalg.matrix_norm(slopes, 2).square().mean().sqrt().item()
    B, phi = noise_matrix(system, x, 0.0)[:, noisy, noisy], system.drift(x, 0.0)[:, noisy]
    whitened = torch.linalg.solve(B, phi[..., None])  # ΦᵀD⁻¹Φ = 2 |B⁻¹Φ|²
    return rate, whitened.square().sum((1, 2)).mean().item() / 2, x


def film(system: System, seed: int, *, n_paths: int = 20) -> Trajectories:
    """Frames of a system, by the seed of the film: `n_paths` stretches begun in the stationary state, with
    velocities where there are some: a camera sees `Trajectories(data.position, data.dt)`.

    The time between frames is 0.03 to 0.1 of that in which the drift changes; frames are as many as
    let cubic polynomials find the drift to an NMSE of 0.02 to 0.07, but 4000 to 40 000. Ten steps are
    taken from one frame to the next; linear systems are exact.
    """
    rate, capacity, states = scales(system)
    generator = make_generator(seed)
    a, b = torch.rand(2, generator=generator).tolist()
    dt, error = 0.03 * (10 / 3) ** a / rate, 0.02 * 3.5**b
    d = system.dim // 2 if system.underdamped else system.dim
    duration = d * comb(system.dim + 3, 3) / (2 * capacity * error)
    n = min(max(duration / dt, 4000), 40_000) / n_paths
    which = torch.randint(len(states), (n_paths,), generator=generator)
    scheme = None if isinstance(system, Linear) else "heun" if system.additive else "euler"
    how = dict(start=states[which].float(), burn_in=1000, every=10, scheme=scheme)
    return simulate(system, n_paths, 10 * int(n), dt / 10, generator=generator, **how)  # type: ignore[arg-type]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("which seed? python -m tools.random_systems 7 [kind]")
    system = random_system(int(sys.argv[1]), *sys.argv[2:3])
    print(f"{system}\nfilm 0: {film(system, 0)}")
    if isinstance(system, Linear):
        print(f"entropy production rate {system.entropy_production_rate():.6g}")
