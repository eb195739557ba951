"""What `simulate` asks before any work starts: do the arguments make sense, does the system answer?

After this door, the loop in `integrate` trusts.
"""

from dataclasses import fields
from math import ceil, prod

import torch
from torch import Generator, Tensor

from .. import require
from ..brief import brief
from ..device import free_memory
from .langevin import System, Underdamped
from .linear import Linear


def schemes_of(system: System) -> tuple[str, ...]:
    """The schemes that move this system, the default first."""
    if not isinstance(system, System):
        raise TypeError(f"system must be a System, such as an Overdamped one, got {brief(system)}")
    if type(system).confine is not System.confine:
        return ("euler",)  # bounds: a mirror image is no step of the others
    if isinstance(system, Linear):
        return ("exact", "euler", "heun")
    # The splitting takes friction −γv and a noise without v for granted.
    if isinstance(system, Underdamped) and not (
        _redefined(system, "acceleration") or _noise_of_v(system)
    ):
        return ("baoab", "euler", "heun")
    return ("euler", "heun")


def initial_states(
    system: System, n: int, start: Tensor | float | None, generator: Generator, dtype: torch.dtype
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
    require.finite(start=x)
    return x.expand(n, system.dim).contiguous()


def check_memory(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> None:
    """Refuse what does not fit, with the size and the way out."""
    need = prod(shape) * dtype.itemsize
    if need < 2**26:  # asking costs as much as a short simulation
        return
    if need > 0.8 * (free := free_memory(device)):
        raise MemoryError(
            f"the trajectories would take {need / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; "
            f"keep fewer frames with every={ceil(need / (0.4 * free))}, or fewer trajectories"
        )


def check_system(system: System, x: Tensor, duration: float, scheme: str) -> None:
    """Ask the system once, at the door, for everything that the loop will ask."""
    name = type(system).__name__
    hint = f"no other moves a {name}: see the table of simulate"
    require.one_of(schemes_of(system), scheme=scheme, hint=hint)
    if isinstance(system, Underdamped):
        _check_underdamped(system)
    drift = system.drift(x, 0.0)
    got = tuple(drift.shape) if isinstance(drift, Tensor) else type(drift).__name__
    if got != tuple(x.shape):
        raise ValueError(f"{name}.drift must return shape {tuple(x.shape)}, like x; got {got}")
    amplitude = torch.as_tensor(system.noise_amplitude(x, 0.0), dtype=x.dtype, device=x.device)
    wanted = x.shape if amplitude.ndim <= x.ndim else (*x.shape, x.shape[-1])
    try:
        amplitude.expand(wanted)
    except RuntimeError:
        raise ValueError(
            f"{name}.noise_amplitude must broadcast to {tuple(wanted)}, "
            f"got {tuple(amplitude.shape)}"
        ) from None
    require.finite(**{f"{name}.noise_amplitude": amplitude}, hint="at the start")
    if system.additive:
        later = system.noise_amplitude(x + 0.618, 0.618 * duration)
        later = torch.as_tensor(later, dtype=x.dtype, device=x.device)
        if not torch.equal(later, amplitude):
            raise ValueError(
                f"{name}: additive = True, but noise_amplitude changes with x or t; set it to False"
            )


def _check_underdamped(system: Underdamped) -> None:
    """What a subclass of `Underdamped` may not do, or would do in vain."""
    kind, name = type(system), type(system).__name__
    Underdamped.__post_init__(system)  # a subclass may have its own and forget this one
    for field in fields(system):
        if (value := getattr(kind, field.name, field.default)) is not field.default:
            raise TypeError(
                f"{field.name} = {value} in the class {name} would be ignored; write "
                f"`{field.name}: float = {value}` under @dataclass(frozen=True)"
            )
    if system.dim % 2:
        raise ValueError(f"{name}.dim must be even, for as many velocities, got {system.dim}")
    if _redefined(system, "drift", "noise_amplitude"):
        raise TypeError(
            f"{name} is Underdamped: it must define force or acceleration instead of drift, and "
            "velocity_noise instead of noise_amplitude"
        )


def _noise_of_v(system: Underdamped) -> bool:
    """Whether the noise depends on the velocities."""
    x = torch.full((1, system.dim // 2), 0.618)
    slow, fast = (torch.as_tensor(system.velocity_noise(x, v, 0.618)) for v in (x, -2 * x))
    return not torch.equal(slow, fast)


def _redefined(system: Underdamped, *methods: str) -> bool:
    """Whether the class of this system has some of these methods of `Underdamped` anew."""
    return any(getattr(type(system), m) is not getattr(Underdamped, m) for m in methods)
