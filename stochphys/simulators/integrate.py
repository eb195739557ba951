"""The one engine: it moves any system forward in time, many trajectories at once.

Storage is time-major with the trajectories innermost, `(n_times, dim, n_trajectories)`, so that
each step works on contiguous numbers; systems and users see the view `(n_trajectories, …, dim)`.
Noise is drawn in pieces that stay in the processor's cache, and the output is written once.
"""

from collections.abc import Iterable
from math import ceil, isfinite

import numpy as np
import torch
from torch import Generator, Tensor

from .. import require
from ..data import FLOATS, Trajectories
from ..device import Source, as_generator, one_thread
from .checks import check_memory, check_system, initial_states, schemes_of
from .langevin import System, Underdamped, square_root
from .linear import Linear
from .schemes import SCHEMES, times

# Normal numbers drawn at once. On a CPU 0.5 MB, about a second-level cache; on a GPU as much as
# keeps it busy between two looks at the numbers by the host.
CHUNK, CHUNK_GPU = 2**17, 2**24
ROWS, ROWS_GPU = 20, 256  # of the matrix that makes several frames of a linear system at once


@torch.no_grad()
def simulate(
    system: System,
    n_trajectories: int,
    n_steps: int,
    dt: float,
    *,
    generator: Source,
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
    | `"baoab"` | `Underdamped`, friction −γv, noise without v (its default) | 2 (Leimkuhler & Matthews 2013) |
    | `"heun"`  | every system without bounds | 2 for additive, 1 for multiplicative noise    |
    | `"euler"` | every system (default)    | 1 (Euler–Maruyama)                              |

    Noise is read in the sense of Itô by all of them; Heun, which converges to Stratonovich, is
    given the matching drift. Formulas and sources stand in `schemes`.

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
    generator = as_generator(generator)
    scheme = scheme or schemes_of(system)[0]
    require.positive(dt=dt)
    require.integer(1, n_trajectories=n_trajectories, n_steps=n_steps, every=every)
    require.integer(0, burn_in=burn_in)
    require.one_of(FLOATS, dtype=dtype)
    if n_steps % every:
        raise ValueError(f"n_steps={n_steps} must be a multiple of every={every}")
    device = generator.device
    shape = (n_steps // every + 1, system.dim, n_trajectories)
    check_memory(shape, dtype, device)
    x = initial_states(system, n_trajectories, start, generator, dtype)
    check_system(system, x, dt * n_steps, scheme)

    if device.type == "cpu":
        # numpy asks for huge pages, which makes the first write to a large array 3 to 5 times faster
        storage = torch.from_numpy(np.empty(shape, x[:0].numpy().dtype))
    else:
        storage = x.new_empty(shape)
    with one_thread():
        if scheme == "exact" and isinstance(system, Linear):
            _sample_linear(system, x.T, storage, dt, burn_in, every, generator)
            if not isfinite(storage[-1].sum().item()):
                raise FloatingPointError(
                    f"the states grow beyond all bounds within t = {n_steps * dt:.4g}: A is unstable, "
                    "simulate a shorter time"
                )
        else:
            _integrate(system, scheme, x.T, storage, dt, burn_in, every, generator)
    # What diverges stays so: the last frames were finite, hence all are.
    return Trajectories(storage.permute(2, 0, 1), dt * every, system.underdamped, check=False)


def _integrate(
    system: System,
    scheme: str,
    x: Tensor,
    storage: Tensor,
    dt: float,
    burn_in: int,
    every: int,
    generator: Generator,
) -> None:
    """Burn-in runs at t < 0; from t = 0 on each `every`-th state goes to `storage`."""
    step, amplitude = SCHEMES[scheme](system, dt, x.T[:1])
    # Storage is (n_times, dim, n), scratch (steps, dim, n): what is not kept is overwritten.
    (_, dim, n), last = storage.shape, (len(storage) - 1) * every
    half = dim // 2 if isinstance(system, Underdamped) else 0  # positions get no noise of their own
    length = ceil((CHUNK if storage.device.type == "cpu" else CHUNK_GPU) / (n * dim))
    noise = storage.new_empty(min(length, last + burn_in) if half else 0, dim - half, n)
    scratch = storage.new_empty(min(length, burn_in + (last if every > 1 else 0)), dim, n)

    def states(block: Tensor) -> Iterable:
        """The states `(n, dim)` in `block (steps, dim, n)` one by one, or the pairs `(n, half)` of
        them; a view costs as much as an addition, so all are made at once."""
        if half and scheme != "heun":
            return zip(block[:, :half].mT.unbind(0), block[:, half:].mT.unbind(0), strict=True)
        return block.mT.unbind(0)

    def walk(block: Tensor, x: Tensor, i: int) -> Tensor:
        """Fill `block (steps, dim, n)` with the states after `x (dim, n)`, the state of step i."""
        (state,) = states(x[None].clone())  # x may lie in the block
        if half:
            block[:, half:] = _draw(noise[: len(block)], amplitude, generator)
        else:
            _draw(block, amplitude, generator)
        for j, out in enumerate(states(block), start=i):
            step(state, j * dt, out)
            state = out
        # A state that is not finite stays so, and so does a sum with it: one look at the last.
        if not isfinite(block[-1].sum().item()):
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
            kept = scratch[every - 1 - i % every : steps : every]  # those after each `every` steps
            storage[i // every + 1 : i // every + 1 + len(kept)] = kept


def _draw(out: Tensor, amplitude: Tensor | float, generator: Generator) -> Tensor:
    """Fill `out (steps, dim, n)` with B ξ."""
    if isinstance(amplitude, Tensor):
        times(amplitude, out.normal_(generator=generator).mT)
        return out
    return out.normal_(0, abs(float(amplitude)), generator=generator)


def _sample_linear(
    system: Linear,
    x: Tensor,
    storage: Tensor,
    dt: float,
    burn_in: int,
    every: int,
    generator: Generator,
) -> None:
    r"""Exact: k frames at once, by one product of a matrix with the last state and fresh noise ξ,

    $$x_k = P^k x_0 + \sum_{j=1}^{k} P^{k-j} \sqrt{Q}\,\xi_j,$$

    with P, Q of `Linear.transition` (Gardiner, Handbook of Stochastic Methods, §4.4.6). Noise that
    is constant has one reading, Itô's and Stratonovich's.
    """
    dim, n = x.shape

    if burn_in:  # one long step
        P, Q = system.transition(burn_in * dt)
        noise = x.new_empty(dim, n).normal_(generator=generator)
        x = P.to(x) @ x + square_root(Q).to(x) @ noise
    storage[0] = x
    P, Q = system.transition(dt * every)
    # Long blocks save calls, short ones arithmetic: 16 to 32 rows cost least on a CPU.
    on_cpu = x.device.type == "cpu"
    frames = min(16 if n < 300 else 8, ROWS // dim) if on_cpu else ROWS_GPU // dim
    frames = max(1, min(frames, len(storage) - 1))
    from_state, from_noise = (m.to(x) for m in _block(P, square_root(Q), frames))
    rest = storage[1:].view(-1, n)  # rows: time and coordinate
    rows = frames * dim
    chunk = CHUNK if on_cpu else CHUNK_GPU
    # Noise (rows of several blocks, n) is drawn at once, each block of it made into frames.
    noise = x.new_empty(max(1, chunk // (rows * n)) * rows, n)
    x = storage[0]
    for part in rest.split(len(noise)):
        noise[: len(part)].normal_(generator=generator)
        for piece, z in zip(part.split(rows), noise.split(rows), strict=False):
            if (m := len(piece)) < rows:  # the last one
                z, from_noise, from_state = z[:m], from_noise[:m, :m], from_state[:m]
            torch.mm(from_noise, z, out=piece)
            piece.addmm_(from_state, x)
            x = piece[-dim:]


def _block(P: Tensor, root: Tensor, frames: int) -> tuple[Tensor, Tensor]:
    """`frames` states from the last one, matrix `(rows, dim)`, and from noise `(rows, rows)`."""
    dim = len(P)
    powers = [torch.eye(dim, dtype=P.dtype)]
    for _ in range(frames):
        powers.append(P @ powers[-1])
    # Frame i feels noise j ≤ i through P^(i−j) √Q: block (i, j) of the matrix.
    age = torch.arange(frames)[:, None] - torch.arange(frames)  # of a noise, in frames
    from_noise = (torch.stack(powers) @ root)[age.clamp(min=0)] * (age >= 0)[..., None, None]
    return torch.cat(powers[1:]), from_noise.transpose(1, 2).reshape(frames * dim, frames * dim)
