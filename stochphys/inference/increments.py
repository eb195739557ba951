r"""What successive frames say about drift and diffusion: labels with a state at which they hold.

Overdamped, the displacement itself: $\Delta x/dt$ has mean Φ and variance 2D/dt. With inertia, and
positions alone, velocities are secants, and what a second difference says of the force is said at a
velocity that shares its noise. Each rule here says how large that share is; regression takes it out.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from .. import require
from ..brief import Brief
from ..data import Trajectories

# c: labels y seen at a state obey ⟨b y⟩ = ⟨b Φ⟩ + c⟨D·∂b⟩ for any function b of that state. A
# displacement seen after the fraction c/2 of its step has done that part of its noise, see Itô's rule.
OVERDAMPED = {"ito": 0.0, "midpoint": 1.0, "end": 2.0}
UNDERDAMPED = {"combined": 0.0, "forward": 0.0, "reverse": 0.0, "symmetric": 1.0}
SHOWN = 2000  # states at most at which fields are looked at


@dataclass(frozen=True, eq=False)
class Increments(Brief):
    r"""Labels of drift and diffusion, one path after the other, float64.

    Attributes:
        x: states at which the drift is asked `(n_paths, n_steps, dim_in)`; with `time` the last
            entry is t.
        y: what the increments say of the drift there `(n_paths, n_steps, dim)`.
        dt: time between two frames; the noise of y has the variance 2D/dt in the long run.
        noisy: the entries of `x` that the noise drives.
        shared: how much of the noise of y is in x as well, c in
            $\langle b\,y\rangle = \langle b\,\Phi\rangle + c\langle D\cdot\partial b\rangle$.
        start: states at the start of each step, like `x`; the residual that D is read from is taken
            there.
        before: states that neither noise nor error of y has reached yet, where weights are taken.
        rule: how they were read.
        reverse: for the rule "combined": the states at the later end of the same labels.
        at: states at which the diffusion is asked `(n_paths, n_squares, dim_in)`.
        steps: what the noise did, `(n_paths, n, dim)`: displacements, or second differences.
        precision: of the trajectories that were read, and of paths that are predicted.
    """

    x: Tensor
    y: Tensor
    dt: float
    noisy: slice
    shared: float
    start: Tensor
    before: Tensor
    rule: str
    reverse: Tensor | None
    at: Tensor
    steps: Tensor
    precision: torch.dtype

    @property
    def dim(self) -> int:
        """Components of the noise: coordinates, not velocities."""
        return self.y.shape[-1]

    @property
    def underdamped(self) -> bool:
        return self.noisy.start > 0

    @property
    def time(self) -> float:
        """Time that all paths last together."""
        return self.y.shape[0] * self.y.shape[1] * self.dt

    @property
    def some_states(self) -> Tensor:
        """At most 2000 of the states, evenly spaced `(n, dim_in)`."""
        x = self.x.flatten(0, 1)
        return x[:: 1 + len(x) // SHOWN]

    def squares(self, drift: Tensor | None = None) -> Tensor:
        r"""What each increment says of D, `(n_paths, n_squares, dim, dim)`.

        One displacement: $(\Delta x - \Phi dt)(\Delta x - \Phi dt)^\top/2dt$ with the `drift`
        `(n_paths, n_steps, dim)` if it is known. Without it D comes out too large by Φ²dt/2. By the
        rule "midpoint" its products with the steps before and after are added: an error of a measured
        position enters them with the opposite sign (Vestergaard, Blainey, Flyvbjerg 2014, PRE 89,
        022726).

        Second differences s of positions, three lags of them,

        $$D = \frac{s_i s_i^\top + s_i s_{i+1}^\top - 2 s_i s_{i+2}^\top}{5\,dt^3/3},$$

        where a constant drift, a friction and the noise of a measurement cancel to leading order
        in dt. Locally each lag is the mean over the three s, which is even in time: the change of the
        drift cancels, too.
        """
        if not self.secant:
            s = self.steps if drift is None else self.steps - drift * self.dt
            if self.rule != "midpoint":
                return outer(s, s) / (2 * self.dt)
            beside = s[:, :-2] + s[:, 2:]
            return symmetric(outer(s[:, 1:-1], s[:, 1:-1] + beside)) / (2 * self.dt)
        s = self.steps
        a, b, c = s[:, :-2], s[:, 1:-1], s[:, 2:]
        lag_0 = (outer(a, a) + outer(b, b) + outer(c, c)) / 3
        lag_1 = (outer(a, b) + outer(b, c)) / 2
        return symmetric(lag_0 + lag_1 - 2 * outer(a, c)) / (5 * self.dt**3 / 3)

    @property
    def secant(self) -> bool:
        """Whether velocities are differences of positions."""
        return self.underdamped and self.rule in UNDERDAMPED

    @property
    def overlapping(self) -> bool:
        """Whether successive labels of D share noise."""
        return self.secant or self.rule == "midpoint"


def increments(
    trajectories: Trajectories,
    *,
    rule: str | None = None,
    underdamped: bool = False,
    time: bool = False,
) -> Increments:
    r"""Read labels of drift and diffusion off trajectories.

    | data                                | rule                       | seen at                    |
    |-------------------------------------|----------------------------|----------------------------|
    | overdamped; velocities measured     | `"ito"` (default)          | the start of the step      |
    |                                     | `"midpoint"`               | its middle                 |
    |                                     | `"end"`                    | its end                    |
    | positions, `underdamped=True`       | `"combined"` (default)     | both secants, (5Φ_f − Φ_r)/4 |
    |                                     | `"forward"`, `"reverse"`   | earlier, later secant      |
    |                                     | `"symmetric"`              | mean of three, centred     |

    The kicks of a second difference move the secants beside it, too: regression at the earlier one
    gives $\Phi_f = \Phi - \tfrac13\partial_v(Dp)/p$, at the later one $\tfrac53$ of that term,
    and the combination is free of it (Bae, Ha, Jeong 2024, arXiv 2402.01338, who take positions at the
    earlier end of each secant; its middle leaves less than half of the squared bias that remains). The
    centred difference has the share 1, which is taken out with the inferred D. Noise of the
    measurement is survived by "symmetric" (Brückner, Ronceray, Broedersz 2020, PRL 125, 058103) and,
    without inertia, by "midpoint" (Frishman & Ronceray 2020, PRX 10, 021009).

    Second differences are taken in float64. Positions that were rounded to float32 before are
    refused where the rounding makes 1 % or more of their squares, except by "symmetric", to which it
    is a noise of the measurement.

    Raises `ValueError` for an unknown rule, too few frames, a coordinate that never changes, or
    rounded positions.
    """
    known = trajectories.underdamped
    rules = UNDERDAMPED if underdamped and not known else OVERDAMPED
    rule = rule or next(iter(rules))
    require.one_of(rules, rule=rule, hint="others are for other data")
    least = 5 if rules is UNDERDAMPED else 4 if rule == "midpoint" else 2
    require.integer(least, trajectories, "n_times", hint=f"rule={rule!r} needs so many frames")
    x, dt = trajectories.x.double(), trajectories.dt
    require.changing(coordinates=x.amax((0, 1)) - x.amin((0, 1)))
    clock = trajectories.times.to(x)[:, None].expand(len(x), -1, 1)

    def states(*parts: Tensor, first: float = 0.0) -> Tensor:
        """Inputs of the functions, with t if it is one of them; `first` frames after the start."""
        now = (clock[:, : parts[0].shape[1]] + first * dt,) if time else ()
        return torch.cat((*parts, *now), dim=-1)

    read = partial(Increments, dt=dt, rule=rule, shared=rules[rule], precision=trajectories.x.dtype)
    dim = x.shape[-1]
    if rules is OVERDAMPED:
        start, end, robust = x[:, :-1], x[:, 1:], rule == "midpoint"
        one_earlier = (torch.arange(start.shape[1]) - int(robust)).clamp(min=0)
        moved = trajectories.velocity.double().diff(dim=1) if known else x.diff(dim=1)
        late = rules[rule] / 2
        return read(
            x=states(torch.lerp(start, end, late), first=late),
            y=moved / dt,
            noisy=slice(dim // 2, dim) if known else slice(0, dim),
            start=states(start),
            before=states(start)[:, one_earlier],
            reverse=None,
            at=states((start + end)[:, 1:-1] / 2, first=1.5) if robust else states(start),
            steps=moved,
        )
    v, s = x.diff(dim=1) / dt, x.diff(n=2, dim=1)
    if trajectories.x.dtype == torch.float32 and rule != "symmetric":
        check_rounding(trajectories.x, s)
    centred = (x[:, 2:] - x[:, :-2]) / (2 * dt)
    # A secant is the velocity in the middle of its interval: the position is taken there, too.
    half = (x[:, 1:] + x[:, :-1]) / 2
    early = states(half[:, :-1], v[:, :-1], first=0.5)
    later = states(half[:, 1:], v[:, 1:], first=1.5)
    middle = states((x[:, 2:] + x[:, 1:-1] + x[:, :-2]) / 3, centred, first=1)
    seen = {"reverse": later, "symmetric": middle}.get(rule, early)
    two_earlier = (torch.arange(seen.shape[1]) - 2).clamp(min=0)
    return read(
        x=seen,
        start=early,
        before=seen[:, two_earlier] if rule == "symmetric" else seen,
        reverse=later if rule == "combined" else None,
        y=s / dt**2,
        noisy=slice(dim, 2 * dim),
        at=states(x[:, 2:-2], centred[:, 1:-1], first=2),
        steps=s,
    )


def check_rounding(x: Tensor, s: Tensor) -> None:
    """Refuse float32 positions whose rounding, of std ulp/√12 each, shows in second differences s."""
    ulp = x.abs().amax((0, 1)).double() * torch.finfo(torch.float32).eps / 2
    share = (6 * ulp.square() / 12 / s.square().mean((0, 1))).max().item()
    if share > 0.01:
        raise ValueError(
            f"x is in single precision, and rounding makes {share:.0%} of its squared second "
            "differences; store positions in float64, subtract an offset before they are rounded, or "
            'take fewer frames with .every(k) or rule="symmetric"'
        )


def secant_factor(n: int) -> float:
    r"""D over what the variance of second differences says, $\langle s^2\rangle/2dt^3$, for frames
    that are n Euler steps apart: $3n^2/(2n^2 + 1)$, and 3/2 for a true path.

    Raises `ValueError` for n below 1.
    """
    require.integer(1, n=n)
    return 3 * n**2 / (2 * n**2 + 1)


def outer(a: Tensor, b: Tensor) -> Tensor:
    return a[..., :, None] * b[..., None, :]


def symmetric(matrix: Tensor) -> Tensor:
    return (matrix + matrix.mT) / 2
