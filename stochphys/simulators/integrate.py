"""The one engine: it moves any system forward in time, many trajectories at once.

Storage is time-major with the trajectories innermost, `(n_times, dim, n_trajectories)`, so that
each step works on contiguous numbers; systems and users see the view `(n_trajectories, …, dim)`.
Noise is drawn in pieces that stay in the processor's cache, and the output is written once.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, prod

import numpy as np
import torch
from torch import Tensor

from ..data import Trajectories
from ..device import free_memory, one_thread
from .langevin import Linear, System, Underdamped, noise_induced_drift, square_root

# step(x, t, out): from the states x at time t to those at t + dt. `out` arrives holding the noise
# of this step and leaves holding the new states.
Step = Callable[[Tensor, float, Tensor], None]

CHUNK = 2**17  # normal numbers drawn at once: 0.5 MB, about a second-level cache


@torch.no_grad()
def simulate(
    system: System,
    n_trajectories: int,
    n_steps: int,
    dt: float,
    *,
    generator: torch.Generator,
    start: Tensor | float | None = None,
    burn_in: int = 0,
    every: int = 1,
    scheme: str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Trajectories:
    """Simulate independent trajectories of a system on the generator's device.

    | scheme    | for                       | weak order                                      |
    |-----------|---------------------------|-------------------------------------------------|
    | `"exact"` | `Linear` (its default)    | no error in dt                                  |
    | `"baoab"` | `Underdamped`, friction −γv (its default) | 2 (Leimkuhler & Matthews 2013)  |
    | `"heun"`  | every system              | 2 for additive, 1 for multiplicative noise      |
    | `"euler"` | every system (default)    | 1 (Euler–Maruyama)                              |

    Noise is read in the sense of Itô by all of them; Heun, which converges to Stratonovich, is
    given the matching drift.

    Args:
        n_steps: integration steps of length `dt` that are recorded, a multiple of `every`.
        generator: source of the noise; its device is where the simulation runs.
        start: state at t = 0, `(dim,)` or `(n_trajectories, dim)`. Without it the stationary law
            is drawn where it is known.
        burn_in: steps before t = 0 that are not recorded.
        every: keep each `every`-th step.

    Returns:
        `Trajectories` with `n_steps // every + 1` times, the one at t = 0 included.

    Raises:
        ValueError: an argument that makes no sense, or functions of the system that return a
            wrong shape; before any work.
        MemoryError: the result does not fit; before any work.
        FloatingPointError: the states grew beyond all bounds: dt is too large.
    """
    scheme = scheme or _default_scheme(system)
    _check_arguments(n_trajectories, n_steps, dt, burn_in, every)
    device = generator.device
    n_times = n_steps // every + 1
    _check_memory((n_times, system.dim, n_trajectories), dtype, device)
    x = _initial(system, n_trajectories, start, generator, dtype)
    _check_system(system, x, dt * n_steps, scheme)

    storage = _empty((n_times, system.dim, n_trajectories), dtype, device)
    with one_thread():
        if scheme == "exact":
            assert isinstance(system, Linear)
            _sample_linear(system, x.T, storage, dt, burn_in, every, generator)
        else:
            _integrate(system, scheme, x.T, storage, dt, burn_in, every, generator)
    return Trajectories(storage.permute(2, 0, 1), dt * every, system.underdamped)


def _integrate(
    system: System,
    scheme: str,
    x: Tensor,
    storage: Tensor,
    dt: float,
    burn_in: int,
    every: int,
    generator: torch.Generator,
) -> None:
    """Burn-in runs at t < 0; from t = 0 on each `every`-th state goes to `storage`."""
    step, amplitude = SCHEMES[scheme](system, dt)
    (_, dim, n), last = storage.shape, (len(storage) - 1) * every
    noisy = slice(dim // 2 if system.underdamped else 0, dim)  # positions get no noise of their own
    length = ceil(CHUNK / (n * dim))
    noise = storage.new_empty(min(length, last + burn_in), noisy.stop - noisy.start, n)
    scratch = storage.new_empty(min(length, burn_in + (last if every > 1 else 0)), dim, n)

    def walk(block: Tensor, x: Tensor, i: int) -> Tensor:
        """Fill `block (steps, dim, n)` with the states after `x (dim, n)`, the state of step i."""
        x = x.clone()  # it may lie in the block
        xi = noise[: len(block)].normal_(generator=generator)
        block[:, noisy] = _times(amplitude, xi.mT).mT
        state = x.T
        for j, out in enumerate(block.mT.unbind(0), start=i):
            step(state, j * dt, out)
            state = out
        if not torch.isfinite(state.sum()):
            bad = ~torch.isfinite(block).flatten(1).all(1)
            raise FloatingPointError(
                f"the states stop being finite at t = {(i + 1 + int(bad.nonzero()[0])) * dt:.4g}: "
                f"dt = {dt:g} is too long a step for this system; try dt = {dt / 4:.2g}"
            )
        return block[-1]

    for i in range(-burn_in, 0, length):
        x = walk(scratch[: min(length, -i)], x, i)
    storage[0] = x
    for i in range(0, last, length):
        steps = min(length, last - i)
        if every == 1:
            x = walk(storage[i + 1 : i + 1 + steps], x, i)
        else:
            x = walk(scratch[:steps], x, i)
            kept = scratch[every - 1 - i % every : steps : every]
            storage[i // every + 1 : i // every + 1 + len(kept)] = kept


def _times(amplitude: Tensor | float, noise: Tensor) -> Tensor:
    """B ξ for noise `(…, n_trajectories, dim)`; a matrix B has the shape (… or 1, dim, dim)."""
    if not isinstance(amplitude, Tensor) or amplitude.ndim < 3:
        return amplitude * noise
    if len(amplitude) == 1:
        return noise @ amplitude[0].T
    return (amplitude * noise[..., None, :]).sum(-1)


def _constant_amplitude(system: System, dt: float) -> Tensor | float:
    """What multiplies the noise of all steps at once: B √dt, or √dt where B is not constant."""
    if not system.additive:
        return dt**0.5
    nowhere = torch.zeros(1, system.dim)
    if isinstance(system, Underdamped):
        x, v = nowhere.chunk(2, dim=-1)
        return system.velocity_noise(x, v, 0.0) * dt**0.5
    return system.noise_amplitude(nowhere, 0.0) * dt**0.5


def _euler(system: System, dt: float) -> tuple[Step, Tensor | float]:
    """x' = x + drift dt + B ξ √dt."""
    if isinstance(system, Underdamped):
        return _euler_underdamped(system, dt)

    def step(x: Tensor, t: float, out: Tensor) -> None:
        if not system.additive:
            out.copy_(_times(system.noise_amplitude(x, t), out))
        out.add_(system.drift(x, t), alpha=dt).add_(x)

    return step, _constant_amplitude(system, dt)


def _euler_underdamped(system: Underdamped, dt: float) -> tuple[Step, Tensor | float]:
    """The same, with noise on the velocities alone."""

    def step(state: Tensor, t: float, out: Tensor) -> None:
        (x, v), (x_out, v_out) = state.chunk(2, dim=-1), out.chunk(2, dim=-1)
        if not system.additive:
            v_out.copy_(system.velocity_noise(x, v, t) * v_out)
        v_out.add_(system.acceleration(x, v, t), alpha=dt).add_(v)
        torch.add(x, v, alpha=dt, out=x_out)

    return step, _constant_amplitude(system, dt)


def _heun(system: System, dt: float) -> tuple[Step, Tensor | float]:
    """Predictor and corrector: averages drift and noise amplitude over both ends of the step."""
    noisy = slice(system.dim // 2 if system.underdamped else 0, system.dim)

    def kick(x: Tensor, t: float, noise: Tensor) -> Tensor:
        return noise if system.additive else _times(system.noise_amplitude(x, t), noise)

    def drift(x: Tensor, t: float) -> Tensor:
        a = system.drift(x, t)
        return a if system.additive else a - noise_induced_drift(system, x, t)

    def step(x: Tensor, t: float, out: Tensor) -> None:
        noise = torch.zeros_like(out)
        noise[:, noisy] = out[:, noisy]
        a, dx = drift(x, t), kick(x, t, noise)
        y = x + a * dt + dx
        b, dy = drift(y, t + dt), kick(y, t + dt, noise)
        torch.add(x, a + b, alpha=dt / 2, out=out)
        out.add_(dx + dy, alpha=0.5)

    return step, _constant_amplitude(system, dt)


def _baoab(system: System, dt: float) -> tuple[Step, Tensor | float]:
    """Half kick, half drift, exact friction and noise, half drift, half kick."""
    assert isinstance(system, Underdamped)
    gamma, mass, T = (torch.as_tensor(a) for a in (system.gamma, system.mass, system.T))
    decay = torch.exp(-gamma * dt / mass)
    force: Tensor | None = None  # at the end of a step = at the beginning of the next

    def step(state: Tensor, t: float, out: Tensor) -> None:
        nonlocal force
        (x, v), (x_out, v_out) = state.chunk(2, dim=-1), out.chunk(2, dim=-1)
        if force is None:
            force = system.force(x, t)
        v = v + force * (dt / (2 * mass))
        x = x + v * (dt / 2)
        v = decay * v + v_out
        torch.add(x, v, alpha=dt / 2, out=x_out)
        force = system.force(x_out, t + dt)
        torch.add(v, force * (dt / (2 * mass)), out=v_out)

    return step, torch.sqrt((1 - decay**2) * T / mass)


SCHEMES = {"euler": _euler, "heun": _heun, "baoab": _baoab}


def _sample_linear(
    system: Linear,
    x: Tensor,
    storage: Tensor,
    dt: float,
    burn_in: int,
    every: int,
    generator: torch.Generator,
) -> None:
    """Exact: several frames at once are one matrix times (last state, fresh noise)."""
    dim, n = x.shape

    def normal(rows: int) -> Tensor:
        z = torch.empty(rows, n, dtype=x.dtype, device=x.device)
        return z.normal_(generator=generator)

    if burn_in:
        P, Q = system.transition(burn_in * dt)
        x = P.to(x) @ x + square_root(Q).to(x) @ normal(dim)
    storage[0] = x
    P, Q = system.transition(dt * every)
    frames = 16 if n < 300 else 8
    frames = max(1, min(frames, 64 // dim)) if x.device.type == "cpu" else max(1, 256 // dim)
    from_state, from_noise = (m.to(x) for m in _block(P, square_root(Q), frames))
    rest = storage[1:].view(-1, n)  # rows: time and coordinate
    rows = frames * dim
    noise = torch.empty(max(1, CHUNK // (rows * n)) * rows, n, dtype=x.dtype, device=x.device)
    x = storage[0]
    for begin in range(0, len(rest), len(noise)):
        noise.normal_(generator=generator)
        for piece, z in zip(
            rest[begin : begin + len(noise)].split(rows), noise.split(rows), strict=False
        ):
            m = len(piece)
            torch.mm(from_noise[:m, :m], z[:m], out=piece)
            piece.addmm_(from_state[:m], x)
            x = piece[-dim:]


def _block(P: Tensor, root: Tensor, frames: int) -> tuple[Tensor, Tensor]:
    """`frames` states from the last one, matrix `(rows, dim)`, and from noise `(rows, rows)`."""
    dim = len(P)
    powers = [torch.eye(dim, dtype=P.dtype)]
    for _ in range(frames):
        powers.append(P @ powers[-1])
    from_noise = torch.zeros(frames, dim, frames, dim, dtype=P.dtype)
    for i in range(frames):
        for j in range(i + 1):
            from_noise[i, :, j] = powers[i - j] @ root
    return torch.cat(powers[1:]), from_noise.view(frames * dim, frames * dim)


def _default_scheme(system: System) -> str:
    if isinstance(system, Linear):
        return "exact"
    return "baoab" if _has_linear_friction(system) else "euler"


def _has_linear_friction(system: System) -> bool:
    if not isinstance(system, Underdamped):
        return False
    kind = type(system)
    return (
        kind.acceleration is Underdamped.acceleration
        and kind.velocity_noise is Underdamped.velocity_noise
    )


def _empty(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    if device.type != "cpu":
        return torch.empty(shape, dtype=dtype, device=device)
    # numpy asks for huge pages, which makes the first write to a large array 3 to 5 times faster
    return torch.from_numpy(np.empty(shape, dtype=torch.empty(0, dtype=dtype).numpy().dtype))


def _initial(
    system: System,
    n: int,
    start: Tensor | float | None,
    generator: torch.Generator,
    dtype: torch.dtype,
) -> Tensor:
    """States `(n, dim)` at the beginning."""
    if start is None:
        sample = getattr(system, "sample_stationary", None)
        if sample is None:
            raise ValueError(
                f"start must be given: the stationary law of {type(system).__name__} is not known; "
                "give start=… and a burn_in"
            )
        return sample(n, generator=generator, dtype=dtype)
    x = torch.as_tensor(start, dtype=dtype, device=generator.device)
    if x.ndim > 2 or (x.ndim and x.shape[-1] != system.dim) or (x.ndim == 2 and len(x) != n):
        raise ValueError(
            f"start must have shape ({system.dim},) or ({n}, {system.dim}), got {tuple(x.shape)}"
        )
    if not torch.isfinite(x).all():
        raise ValueError("start must be finite")
    return x.expand(n, system.dim).contiguous()


def _check_arguments(n: int, n_steps: int, dt: float, burn_in: int, every: int) -> None:
    if not (np.isfinite(dt) and dt > 0):
        raise ValueError(f"dt must be a positive time, got {dt}")
    for name, value, least in (
        ("n_trajectories", n, 1),
        ("n_steps", n_steps, 1),
        ("burn_in", burn_in, 0),
        ("every", every, 1),
    ):
        if value != int(value) or value < least:
            raise ValueError(f"{name} must be an integer of at least {least}, got {value}")
    if n_steps % every:
        raise ValueError(f"n_steps={n_steps} must be a multiple of every={every}")


def _check_memory(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> None:
    need, free = prod(shape) * dtype.itemsize, free_memory(device)
    if need > 0.8 * free:
        raise MemoryError(
            f"the trajectories would take {need / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; "
            f"keep fewer frames with every={ceil(need / (0.4 * free))}, or fewer trajectories"
        )


def _check_system(system: System, x: Tensor, duration: float, scheme: str) -> None:
    """Ask the system once, at the door, for everything that the loop will ask."""
    name = type(system).__name__
    if scheme not in ("euler", "heun", "baoab", "exact"):
        raise ValueError(f"scheme must be 'euler', 'heun', 'baoab' or 'exact', got {scheme!r}")
    if scheme == "exact" and not isinstance(system, Linear):
        raise ValueError(f"scheme='exact' needs a Linear system, got {name}; use 'heun'")
    if scheme == "baoab" and not _has_linear_friction(system):
        raise ValueError(
            f"scheme='baoab' needs an Underdamped system with friction −γv and constant noise; "
            f"{name} is not, use 'heun'"
        )
    drift = system.drift(x, 0.0)
    if drift.shape != x.shape:
        raise ValueError(
            f"{name}.drift must return shape {tuple(x.shape)}, like x; got {tuple(drift.shape)}"
        )
    amplitude = torch.as_tensor(system.noise_amplitude(x, 0.0), dtype=x.dtype, device=x.device)
    wanted = x.shape if amplitude.ndim <= x.ndim else (*x.shape, x.shape[-1])
    try:
        amplitude.expand(wanted)
    except RuntimeError:
        raise ValueError(
            f"{name}.noise_amplitude must broadcast to {tuple(wanted)}, "
            f"got {tuple(amplitude.shape)}"
        ) from None
    if not torch.isfinite(amplitude).all():
        raise ValueError(f"{name}.noise_amplitude is not finite at the start")
    if system.additive:
        later = system.noise_amplitude(x + 1, 0.618 * duration)
        later = torch.as_tensor(later, dtype=x.dtype, device=x.device)
        if not torch.equal(later, amplitude):
            raise ValueError(
                f"{name} says additive = True, but its noise_amplitude changes with x or t; set "
                "additive = False"
            )
