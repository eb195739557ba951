"""What an estimator asks of a system that knows the answer: the entropy that its paths produce.

Where forces are compared, a `langevin.System` is asked for its drift and noise; nothing else of a
system is known to inference.
"""

from typing import Protocol, runtime_checkable

from torch import Tensor

from ..paths import Paths


@runtime_checkable
class Exact(Protocol):
    """A system that knows what entropy its paths produce, or says why nobody can.

    Every system of this package is one, with one signature, and so is any object of yours with this
    method: an estimate is compared with it by `result.compare(system)`.
    """

    def entropy_production(
        self, data: Paths, scheme: str | None = None, *, frames: int = 2
    ) -> Tensor:
        """ΔS between the ends of windows of `frames` frames that lie end to end, with one frame in
        common: of each step by default, `(n_trajectories, (n_times - 1) // (frames - 1))`.

        `scheme`: how the data were made; by default as `simulate` makes them by default.

        Raises `TypeError` for data of another kind, `ValueError` for data that do not fit, and for a
        system whose entropy production is not defined or not known, with the reason.
        """


def end_to_end(steps: Tensor, frames: int) -> Tensor:
    """From ΔS of steps `(n_trajectories, n_steps)` to that of windows of so many frames, with one
    frame in common: for a process without memory, what its steps produce adds up."""
    return steps if frames == 2 else steps.unfold(1, frames - 1, frames - 1).sum(-1)
