r"""What is doubtful about an inferred equation of motion, in sentences that name the sign, the number, the
remedy.

Doubts start from the residuals, what is left of the labels when the inferred drift is taken away: if
the equation is right, one says nothing about the next.
"""

from collections.abc import Iterator
from itertools import chain

import torch
from torch import Tensor

from .doubts import CLEAR, clear
from .increments import EARLIER, successive
from .inertia import friction_of_rules
from .lags import OPEN
from .misfit import misfit
from .neighbours import changing, neighbours_alike
from .results import Langevin
from .signs import rounded
from .tracks import of_residuals

SKETCH = 0.2  # predicted NMSE above which a drift is no more than a sketch
SMOOTH = 1.5  # growth of D, with every second frame left out, that no white noise shows
SMOOTH_WITH_DRIFT = 1.9  # the same where the drift is in it, too: it makes steps alike
BLURRED = 0.03  # correlation of residuals at which a noisy measurement makes D 6 % too large
SHAKEN = (
    0.01  # squared error of positions over squared displacements that centred labels do not survive
)
MEMORY = 0.1  # correlation of residuals that is worth a sentence
LOST = 0.1  # fraction of drift or diffusion whose loss between frames is worth a sentence
LOST_BY_SECANTS = 0.02  # the same for velocities that are differences of positions, which lose more
LOST_IF_CENTRED = 0.035  # and by labels that are rid of what is lost to first order


def doubts_of_equation(result: Langevin, drift: Tensor, carried: bool = False) -> tuple[str, ...]:
    """What a careful colleague would add to `result`, whose `drift` at the labels `(n_paths, n_steps, dim)` is
    the one that these show; empty if all is well. `carried`: it will be rid of what is lost between frames to first order.

    Has each coordinate noise of its own? Do residuals tell of a noisy measurement, or of inertia?
    Only if not: is there enough data, are frames close in time, is the drift among the functions that
    were tried?
    """
    data = result.increments
    labels = data.y if data.secant else data.steps / data.dt
    rest = labels - drift
    if successive(rest, data.row, 0, 1)[0].shape[1] < 2:  # pairs of labels
        return ()
    if not data.secant and (
        coarse := tuple(rounded(data.start.flatten(0, 1), data.steps.flatten(0, 1)))
    ):
        return coarse
    if of_noise := tuple(chain(*(residuals(result, rest, k) for k in range(rest.shape[2])))):
        return of_noise
    of_tracks, of_tails = of_residuals(result, rest)
    slow = tuple(missing(result, labels, rest, carried))
    of_drift = (
        tuple(changing(result, rest))
        or of_tracks
        or tuple(misfit(result, rest))
        or tuple(neighbours_alike(result, rest))
    )
    if of_drift and not slow:
        of_tails = []  # else few steps that are far off may have made the drift so steep
    return (*friction_of_rules(result), *of_tails, *slow, *of_drift)


def smooth_coordinates(steps: Tensor) -> Tensor:
    """Which coordinates have no noise of their own `(dim,)`, from `steps (n_paths, n, dim)` whose
    drift is not known, see `growth`."""
    return growth(steps, steps) > SMOOTH_WITH_DRIFT


def growth(steps: Tensor, noise: Tensor, row: Tensor | None = None) -> Tensor:
    """D with every second frame left out over D `(dim,)`, from `steps (n_paths, n, dim)` and their
    noise, what the drift leaves of them; where no drift is known, the steps themselves. `row`: where
    they begin, see `Increments`.

    1 for white noise and short steps; near 2 for a coordinate without noise of its own, whose
    successive steps are alike.
    """
    first, second = successive(steps, row, 0, 1)
    two = second + first - 2 * successive(steps - noise, row, 0, 1)[0]
    return two.square().mean((0, 1)) / (2 * noise.square().mean((0, 1)))


def residuals(result: Langevin, rest: Tensor, k: int) -> Iterator[str]:
    r"""Whether coordinate k has no noise of its own: then its D vanishes with dt. Or whether its
    residuals remember each other: less than white noise makes them, by a noisy measurement, or more,
    by inertia or coloured noise.

    White noise makes successive residuals independent, and second differences of positions correlated by
    1/4. An error ζ of each position adds −ζ² to the covariance of displacements and ζ²/dt to D; to
    that of second differences −4ζ², and 6ζ² to their variance.
    """
    data, r = result.increments, rest[..., k]
    first, second = successive(r, data.row, 0, 1)
    luck = (2 / first.numel()) ** 0.5  # relative error of a variance
    ratio = 1.0 if data.secant else growth(data.steps, rest * data.dt, data.row)[k].item()
    if clear(ratio - 1, luck, SMOOTH - 1):
        yield (
            f"No noise: with every second frame left out, D of coordinate {k} grows {ratio:.1f}-fold, as "
            "for a coordinate that others drive. Its D and error bars mean nothing. If it has inertia, "
            "give underdamped=True; else fit it as an ordinary differential equation, apart from the rest."
        )
        return
    products, square = second * first, r.square().mean()
    white = 0.25 if data.secant else 0.0
    excess = (products.mean() / square).item() - white
    error = (products.std() / products.numel() ** 0.5 / square).item()
    said = f"(correlation {excess + white:.3f} ± {error:.3f}, expected {white:g})"
    if data.secant and data.rule in EARLIER:
        error_of_positions = -excess * square * data.dt**4 / 5.5
        moved = data.start[..., data.noisy][..., k].square().mean() * data.dt**2
        if clear(-excess, error, MEMORY) and error_of_positions > SHAKEN * moved:
            yield (
                f"Noisy measurement: positions of coordinate {k} have errors of about "
                f"{error_of_positions.sqrt().item():.2g}, {(error_of_positions / moved).sqrt():.0%} of a "
                "displacement; friction and D come out too small, which no error bar shows. "
                "trajectories.every(2) halves that share."
            )
    made_for_it = data.rule in EARLIER
    first, third = successive(r, data.row, 0, 2)
    later = (third * first).mean().item() / square.item()
    # As by a shutter: between two frames alone, and no more than by one that never closes.
    at_once = clear(excess, 2 * error, BLURRED) and later < excess / 4 and not data.secant
    at_once = at_once and excess < OPEN + CLEAR * error
    if at_once and not made_for_it:
        yield (
            f"Open shutter: successive residuals of coordinate {k} are alike {said}, and those two frames "
            f"apart are not ({later:.3f}), as where each frame is a mean over some of the time until the next "
            f"(0.25 over all of it): D is {1 - 1 / (1 + 2 * excess):.0%} too small. Give rule='midpoint', which "
            "survives it. Inertia that dies out within a frame looks the same: a shorter exposure tells."
        )
    elif clear(excess, error, MEMORY) and not (at_once or data.secant):
        yield (
            f"Memory: successive residuals of coordinate {k} are alike {said}. Inertia or coloured "
            "noise is seen; leave out frames with trajectories.every(2), or give underdamped=True if "
            "these are positions alone."
        )
    if not made_for_it and clear(-excess, error, MEMORY if data.secant else BLURRED):
        zeta = (-excess * square * (data.dt**4 / 5.5 if data.secant else data.dt**2)).sqrt().item()
        remedy = (
            ". Leave rule out: the default survives it."
            if data.secant
            else f", which makes D {-2 * excess / (1 + 2 * excess):.0%} too large. Give rule='midpoint', "
            "which survives it, or leave out frames: trajectories.every(2) halves it."
        )
        yield (
            f"Noisy measurement: residuals of coordinate {k} alternate {said}, as by a tracking error of "
            f"{zeta:.2g}{remedy}"
        )


def missing(result: Langevin, labels: Tensor, rest: Tensor, carried: bool) -> Iterator[str]:
    r"""Whether the paths hold too little information for as many numbers. Or whether the drift changes
    between frames by more than its error bar admits; that of D knows of it.

    In one step the drift Φ of the start turns into Φ′; half of what it loses, $u = \tfrac12(1 -
    \langle\Phi\Phi'\rangle/\langle\Phi^2\rangle)$, is lost to its estimate, of a drift that is
    `carried` back $\tfrac43 u^2$, as of a trap. Error bars know nothing of it: it may be as large as
    half of them, or a tenth of the drift, before it is said. An error of the positions adds to the change
    over one step as much as to that over two.
    """
    data, drift, nmse, goal = result.increments, labels - rest, result.predicted_nmse, SKETCH / 2
    if nmse >= SKETCH:
        known = (
            f"{max(result.information, 0):.2g} nats for {result.effective_parameters:.2g} numbers"
        )
        more = "more frames in the same time do not help."
        yield (
            f"Little data: {known}, so the drift cannot be told from zero. Observe for a longer "
            f"time than {data.time:.3g}; {more}"
            if result.information <= 0
            else f"Little data: {known}, so the expected NMSE of the drift is {nmse:.2g}. About "
            f"{nmse / goal:.1f} times as long a time would bring it to {goal:g}; {more} Or take a "
            "smaller basis."
        )
        return
    weight = 1 / data.steps.square().mean((0, 1))  # as 1/D weighs coordinates

    def change(steps: int) -> Tensor:
        first, last = successive(drift, data.row, 0, steps)
        return (weight * (last - first).square()).mean((0, 1)).sum()

    square, once = (weight * drift.square()).mean((0, 1)).sum(), change(1)
    if data.rule == "midpoint" and drift.shape[1] > 2:
        once = torch.minimum(once, (change(2) - once).clamp(min=0))
    forgets = (once / square).item() / 2
    lost = forgets**2 / 3 if carried else forgets / 2
    blind = min(LOST, max(LOST / 5, (nmse / 5) ** 0.5))
    if data.secant:
        blind = LOST_IF_CENTRED if data.rule == "centred" else LOST_BY_SECANTS
    if lost > blind:
        yield (
            f"Slow camera: from frame to frame the drift forgets {forgets:.1%} of itself, so that about "
            f"{lost:.1%} of it is lost{' beyond what was put back' if carried else ''}, which no error bar "
            f"shows. Take a shorter dt than {data.dt:g}. Data made by Euler steps of that dt lose nothing."
        )
