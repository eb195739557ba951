r"""What successive frames say about drift and diffusion: labels with a state at which they hold.

Overdamped, the displacement itself: $\Delta x/dt$ has mean Φ and variance 2D/dt. With inertia, and
positions alone, velocities are secants, and what a second difference says of the force is said at a
velocity that shares its noise. Each rule here says how large that share is; regression takes it out.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from .. import require
from ..brief import Brief
from ..data import Trajectories

# c: labels y seen at a state obey ⟨b y⟩ = ⟨b Φ⟩ + c⟨D·∂b⟩ for any function b of that state. A
# displacement seen after the fraction c/2 of its step has done that part of its noise, see Itô's rule.
OVERDAMPED = {"ito": 0.0, "midpoint": 1.0, "end": 2.0}
UNDERDAMPED = {"centred": 1.0, "combined": 0.0, "forward": 0.0, "reverse": 0.0, "symmetric": 1.0}
# Rules that an error of the positions does not break, and how many frames before lies a state that
# neither noise nor error has reached.
EARLIER = {"midpoint": 1, "symmetric": 2, "centred": 2}
SHOWN = 2000  # states at most at which fields are looked at


@dataclass(frozen=True, eq=False)
class Increments(Brief):
    r"""Labels of drift and diffusion, one path after the other, float64.

    Of paths of unequal length, or with gaps, those whose frames all follow each other are here, as if
    they were one path: `n_paths` is 1, and `row` and `row_at` say which of them are neighbours.

    Attributes:
        x: states at which the drift is asked `(n_paths, n_steps, dim_in)`; with `time` t comes last.
        y: what the increments say of the drift there `(n_paths, n_steps, dim)`.
        dt: time between two frames; the noise of y has the variance 2D/dt in the long run.
        noisy: the entries of `x` that the noise drives.
        shared: how much of the noise of y is in x as well, c in
            $\langle b\,y\rangle = \langle b\,\Phi\rangle + c\langle D\cdot\partial b\rangle$.
        start: states at the start of each step, like `x`; the residual that D is read from is taken
            there.
        before: states that neither noise nor error of y has reached yet, where weights are taken; where
            frames begin, those that are there.
        rule: how they were read.
        reverse: for the rule "combined": the states at the later end of the same labels.
        at: states at which the diffusion is asked `(n_paths, n_squares, dim_in)`.
        steps: what the noise did, `(n_paths, n, dim)`: displacements, or second differences.
        precision: of the trajectories that were read, and of paths that are predicted.
        row, row_at: None, or of each label, and of each square, the row of its first frame.
        frames: None, or of each label its path and first frame.
        period: None, or that of each entry of `x`, inf where there is none, `(dim_in,)`.
        response: None, or dt ∂Φ_i/∂v_k of the drift by which labels were `corrected`, `(n_paths,
            n_steps, dim, dim)`.
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
    row: Tensor | None = None
    row_at: Tensor | None = None
    frames: tuple[Tensor, Tensor] | None = None
    period: Tensor | None = None
    response: Tensor | None = None

    @property
    def dim(self) -> int:
        """Components of the noise: coordinates, not velocities."""
        return self.y.shape[-1]

    @property
    def underdamped(self) -> bool:
        return self.noisy.start > 0

    @property
    def time(self) -> float:
        """Time that all paths last together, as far as labels know it."""
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
        drift cancels, too. Of an oscillator it is larger than the noise; a known drift is taken out.
        """
        done = self.dt**2 if self.secant else self.dt
        s = self.steps if drift is None else self.steps - drift * done
        if not self.secant:
            if self.rule != "midpoint":
                return outer(s, s) / (2 * self.dt)
            a, b, c = successive(s, self.row, 0, 1, 2)
            return symmetric(outer(b, b + (a + c))) / (2 * self.dt)
        a, b, c = successive(s, self.row, 0, 1, 2)
        lag_0 = (outer(a, a) + outer(b, b) + outer(c, c)) / 3
        lag_1 = (outer(a, b) + outer(b, c)) / 2
        return symmetric(lag_0 + lag_1 - 2 * outer(a, c)) / (5 * self.dt**3 / 3)

    def every(self, k: int) -> "Increments":
        """Each k-th label of the drift."""
        response = None if self.response is None else self.response[:, ::k]
        x, y, before = (each[:, ::k] for each in (self.x, self.y, self.before))
        return replace(self, x=x, y=y, before=before, response=response)

    @property
    def begins(self) -> Tensor | None:
        """Of paths with gaps, numbers of the labels whose noise has reached `before`, for want of an
        earlier frame."""
        lag, row = EARLIER.get(self.rule, 0), self.row
        if row is None or not lag:
            return None
        return pad(row[lag:] - row[:-lag] != lag, (lag, 0), value=True).nonzero().flatten()

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
    | positions, `underdamped=True`       | `"centred"` (default)      | mean of three, centred     |
    |                                     | `"symmetric"`              | there; order dt is left    |
    |                                     | `"combined"`               | both secants, (5Φ_f − Φ_r)/4 |
    |                                     | `"forward"`, `"reverse"`   | earlier, later secant      |

    The kicks of a second difference move the secants beside it, too: regression at the earlier one
    gives $\Phi_f = \Phi - \tfrac13\partial_v(Dp)/p$, at the later one $\tfrac53$ of that term,
    and the combination is free of it (Bae, Ha, Jeong 2024, arXiv 2402.01338, who take positions at the
    earlier end of each secant; its middle leaves less than half of the squared bias that remains). But
    these secants lie before or after their label, and ¾ω²dt is added to the friction of an oscillator
    of frequency ω. The centred difference has the share 1, which is taken out with the inferred D
    ("symmetric": Brückner, Ronceray, Broedersz 2020, PRL 125, 058103); "centred" takes out what is of
    order dt, too, see `corrected`. Both survive noise of the measurement; without inertia "midpoint"
    does (Frishman & Ronceray 2020, PRX 10, 021009).

    Differences are taken in float64, between frames that follow each other; a label that would need a
    missing one does not exist. With `time`, t is the number of a frame times dt: where paths begin
    together, the time since; in films, that of the film.

    States that were rounded to float32 before are refused where the rounding makes 1 % or more of the
    squared differences, except by the rules to which it is a noise of the measurement.

    Raises `ValueError` for an unknown rule, too few frames in a row, a still coordinate, rounded states.
    """
    known = trajectories.underdamped
    rules = UNDERDAMPED if underdamped and not known else OVERDAMPED
    rule = rule or next(iter(rules))
    require.one_of(rules, rule=rule, hint="others are for other data")
    secant = rules is UNDERDAMPED
    least = 5 if secant else 4 if rule == "midpoint" else 2
    gaps = trajectories.stretches
    most: Any = {"n_times" if gaps is None else "longest stretch": trajectories.longest}
    require.integer(least, **most, hint=f"rule={rule!r} needs so many frames in a row")
    x, dt = trajectories.x.double(), trajectories.dt
    x = x if gaps is None else x[None]
    high, low = x.amax((0, 1)), x.amin((0, 1))
    require.changing(coordinates=high - low)
    number = torch.arange(x.shape[1], device=x.device) if gaps is None else gaps.frames[1]
    clock = (number.double() * dt)[:, None].expand(len(x), -1, 1)

    def states(*parts: Tensor, first: float = 0.0) -> Tensor:
        """Inputs of the functions, with t if it is one of them; `first` frames after the start."""
        now = (clock[:, : parts[0].shape[1]] + first * dt,) if time else ()
        return torch.cat((*parts, *now), dim=-1)

    def earlier(values: Tensor) -> Tensor:
        """Values as many frames before, no earlier than the frames that follow each other begin."""
        row = torch.arange(values.shape[1], device=x.device)
        begin: Any = 0 if gaps is None else gaps.first.repeat_interleave(gaps.length)[: len(row)]
        return values[:, (row - EARLIER[rule]).clamp(min=begin)]

    read = partial(Increments, dt=dt, rule=rule, shared=rules[rule], precision=trajectories.x.dtype)
    dim = x.shape[-1]
    if rules is OVERDAMPED:
        start, end, robust = x[:, :-1], x[:, 1:], rule == "midpoint"
        noisy = slice(dim // 2, dim) if known else slice(0, dim)
        moved = x[..., noisy].diff(dim=1)
        late, begin = rules[rule] / 2, states(start)
        labels = read(
            x=states(torch.lerp(start, end, late), first=late),
            y=moved / dt,
            noisy=noisy,
            start=begin,
            before=earlier(begin) if robust else begin,
            reverse=None,
            at=states((start + end)[:, 1:-1] / 2, first=1.5) if robust else begin,
            steps=moved,
        )
    else:
        v, s = x.diff(dim=1) / dt, x.diff(n=2, dim=1)
        centred = (x[:, 2:] - x[:, :-2]) / (2 * dt)
        # A secant is the velocity in the middle of its interval: the position is taken there, too.
        half = (x[:, 1:] + x[:, :-1]) / 2
        early = states(half[:, :-1], v[:, :-1], first=0.5)
        later = states(half[:, 1:], v[:, 1:], first=1.5)
        middle = states((x[:, 2:] + x[:, 1:-1] + x[:, :-2]) / 3, centred, first=1)
        seen = {"reverse": later, "symmetric": middle, "centred": middle}.get(rule, early)
        labels = read(
            x=seen,
            start=early,
            before=earlier(seen) if rule in EARLIER else seen,
            reverse=later if rule == "combined" else None,
            y=s / dt**2,
            noisy=slice(dim, 2 * dim),
            at=states(x[:, 2:-2], centred[:, 1:-1], first=2),
            steps=s,
        )
    if gaps is not None:
        labels = replace(labels, frames=gaps.frames)
        labels = existing(labels, *(gaps.windows(n, 1)[0] for n in (3 if secant else 2, least)))
    if trajectories.x.dtype == torch.float32 and rule not in EARLIER:
        check_rounding(torch.maximum(high, -low), labels)
    return labels


def existing(labels: Increments, row: Tensor, row_at: Tensor) -> Increments:
    """Of labels that begin with each frame, those that begin with these, whose frames follow each other."""
    kept: Any = {k: getattr(labels, k)[:, row] for k in ("x", "y", "start", "before", "steps")}
    kept["reverse"] = None if labels.reverse is None else labels.reverse[:, row]
    kept["frames"] = tuple(each[row] for each in labels.frames or ())
    return replace(labels, **kept, at=labels.at[:, row_at], row=row, row_at=row_at)


def successive(values: Tensor, row: Tensor | None, *places: int) -> list[Tensor]:
    """Of each run of labels `(n_paths, n, …)` that follow each other, for which the last of the `places`
    is long enough, those at these places; `row` as in `Increments`."""
    last = places[-1]
    if row is None:
        return [values[:, i : values.shape[1] - last + i] for i in places]
    first = (row[last:] - row[: len(row) - last] == last).nonzero().flatten()
    return [values[:, first + i] for i in places]


def check_rounding(far: Tensor, labels: Increments) -> None:
    """Refuse labels of float32 states, that lie up to `far (dim,)` from zero, whose rounding, of std
    ulp/√12 each, shows in the differences."""
    which, terms, rule = ("second ", 6, "symmetric") if labels.secant else ("", 2, "midpoint")
    ulp = far[-labels.dim :] * torch.finfo(torch.float32).eps / 2
    steps = labels.steps.flatten(0, 1)[:: 1 + labels.steps[..., 0].numel() // SHOWN]  # some of them
    share = (terms * ulp.square() / 12 / steps.square().mean(0)).max().item()
    if share > 0.01:
        raise ValueError(
            f"x is in single precision, and rounding makes {share:.0%} of its squared {which}"
            "differences; store states in float64 from the first, subtract an offset before they are "
            f'rounded, or take fewer frames with .every(k) or rule="{rule}"'
        )


def outer(a: Tensor, b: Tensor) -> Tensor:
    return a[..., :, None] * b[..., None, :]


def symmetric(matrix: Tensor) -> Tensor:
    return (matrix + matrix.mT) / 2
