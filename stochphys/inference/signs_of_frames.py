r"""What successive frames show of the dynamics and of the measurement: inertia, an open shutter, errors.

Displacements of an overdamped path, less what the state lets expect, are independent. Each departure
has its sign at the first lags:

| what                            | covariance at lag 1        | at lag 2 and beyond       |
|---------------------------------|----------------------------|---------------------------|
| errors ζ of the positions       | −ζ²                        | 0                         |
| an open shutter                 | +2R D dt, R ≤ 1/6          | 0                         |
| inertia, coloured noise         | positive                   | positive, falling slowly  |
| a force that is not expected    | of order dt²               | as at lag 1               |

Source: Berglund, PRE 82, 011917 (2010); Vestergaard, Blainey, Flyvbjerg, PRE 89, 022726 (2014).
"""

from collections.abc import Iterator

import torch

from ..data import Trajectories
from .camera import enough
from .lags import Lags

OF_FRAMES = ("Memory", "Open shutter", "Errors of the positions")  # how the sentences begin


def signs_of_frames(data: Trajectories, found: Lags) -> Iterator[str]:
    """Inertia, an open shutter, or errors of the positions."""
    if found.memory.any():
        k = int(torch.where(found.memory, found.correlation[0], -1).argmax())
        yield memory(data, found, k)
    seen = found.seen
    excess = seen.excess * seen.clear
    if (excess > 0).any():
        yield shutter(data, seen, int(excess.argmax()))
    if (excess < 0).any():
        yield errors(data, seen, int(excess.argmin()))


def roads(data: Trajectories) -> str:
    """What survives errors and an open shutter."""
    rates = (
        "Estimates of rates take it out by themselves"
        if enough(data)
        else "Too few runs of eight frames to take it out of rates, whose error bars hold it"
    )
    return f"{rates}; infer_langevin(data, rule='midpoint') survives it."


def memory(data: Trajectories, found: Lags, k: int) -> str:
    first, second, third = found.correlation[:3, k].tolist()
    of, cure = (
        ("changes of velocity", "Leave out frames, data.every(k), until the first is zero.")
        if data.underdamped
        else (
            "displacements",
            "If it has inertia and these are positions alone: infer_langevin(data, underdamped=True). Else "
            "leave out frames, data.every(k), until the first is zero.",
        )
    )
    return (
        f"Memory: successive {of} of coordinate {k} are alike (correlation {first:.2f}, {second:.2f} and "
        f"{third:.2f} at lags 1 to 3, ± {found.error[0, k]:.1g}), by inertia, a coloured noise, a "
        f"coordinate without noise of its own, or positions that were smoothed. {cure}"
    )


def shutter(data: Trajectories, found: Lags, k: int) -> str:
    r, error = found.excess[k].item(), found.error_of_excess[k].item()
    if data.underdamped:
        return (
            f"Velocities are differences: successive changes of velocity {k} are alike (correlation {r:.3f} ± "
            f"{error:.1g} at lag 1, expected 0, and 0.25 where they are differences of positions), or each "
            "frame is a mean over an open shutter. Give positions alone, and "
            "infer_langevin(positions, underdamped=True)."
        )
    share = min(1.0, 6 * r / (1 + 2 * r))
    return (
        f"Open shutter: successive displacements of {found.names[k]} are alike (correlation {r:.3f} ± {error:.1g} "
        f"at lag 1, expected 0; later ones are not), as where each frame is a mean over {share:.0%} of the "
        f"time between frames. D reads {1 / (1 + 2 * r):.2f} and entropy production {1 + 2 * r:.2f} times "
        "what it is where single steps are squared. Inertia that dies out within a frame looks the same, and errors of the positions may "
        f"hide some of it: a shorter exposure at the same dt decides. {roads(data)}"
    )


def errors(data: Trajectories, found: Lags, k: int) -> str:
    r, error = found.excess[k].item(), found.error_of_excess[k].item()
    zeta = (-r * found.variance[k].item()) ** 0.5
    if data.underdamped:
        return (
            f"Errors of the velocities: successive changes of velocity {k} alternate (correlation {r:.3f} ± "
            f"{error:.1g} at lag 1, expected 0), as by an error of {zeta:.2g}. A body at rest, recorded "
            "alike, shows it. infer_langevin(positions, underdamped=True, rule='symmetric') survives "
            "errors of the positions."
        )
    return (
        f"Errors of the positions: successive displacements of {found.names[k]} alternate (correlation {r:.3f} ± "
        f"{error:.1g} at lag 1, expected 0; later ones do not), as by an error of {zeta:.2g}, or more if the shutter "
        f"is open, which hides some. D reads {1 / max(1 + 2 * r, 0.01):.2f} and entropy production {max(1 + 2 * r, 0):.2f} "
        "times what it is where single steps are squared. Rounded positions and a force that turns within a frame look the same: a bead that is "
        f"fixed, recorded alike, shows the errors, a shorter dt the force. {roads(data)} data.every(k) makes it less."
    )
