r"""What is doubtful about an inferred equation of motion, in sentences that name number and remedy.

All starts from the residuals, what is left of the labels when the inferred drift is taken away: if
the equation is right, one says nothing about the next. The equation itself is inferred in `drift`.
"""

from typing import TYPE_CHECKING

from torch import Tensor

from ..data import Trajectories

if TYPE_CHECKING:
    from .drift import Langevin

CLEAR = 3.0  # standard errors beyond which a difference is not luck
SKETCH = 0.2  # predicted NMSE above which a drift is no more than a sketch
SMOOTH = 1.5  # growth of D, with every second frame left out, that no white noise shows
BLURRED = 0.03  # correlation of residuals at which a noisy measurement makes D 6 % too large
MEMORY = 0.1  # correlation of residuals that is worth a sentence
LOST = 0.1  # fraction of drift or diffusion whose loss between frames is worth a sentence
LOST_BY_SECANTS = 0.02  # the same for velocities that are differences of positions, which lose more


def diagnose(result: "Langevin", trajectories: Trajectories) -> tuple[str, ...]:
    """What a careful colleague would add to `result`, inferred from `trajectories`; empty if all is
    well.

    Has each coordinate noise of its own? Do residuals tell of a noisy measurement, or of inertia?
    Only if not: is there enough data, are frames close in time?
    """
    rest = residuals(result)
    if rest.shape[1] < 3:
        return ()
    doubts = [smooth(result, rest, k) or memory(result, rest, k) for k in range(rest.shape[2])]
    found = tuple(filter(None, doubts))
    return found or tuple(filter(None, (little_data(result) or slow_camera(result, trajectories),)))


def residuals(result: "Langevin") -> Tensor:
    """Labels less the inferred drift `(n_paths, n_steps, dim)`."""
    data = result.increments
    labels, at = (data.y, data.x) if data.secant else (data.steps / data.dt, data.start)
    return labels - result.drift.mean(at.flatten(0, 1)).view_as(labels)


def growth(result: "Langevin", rest: Tensor) -> Tensor:
    """D with every second frame left out over D `(dim,)`, from displacements: 1 for white noise and
    short steps."""
    data = result.increments
    drift = data.steps - rest * data.dt  # in each step
    two = data.steps[:, 1:] + data.steps[:, :-1] - 2 * drift[:, :-1]
    return two.square().mean((0, 1)) / (2 * (rest * data.dt).square().mean((0, 1)))


def smooth(result: "Langevin", rest: Tensor, k: int) -> str:
    """Whether coordinate k has no noise of its own: then its D vanishes with dt."""
    if result.increments.secant or (ratio := growth(result, rest)[k].item()) < SMOOTH:
        return ""
    return (
        f"No noise: with every second frame left out, D of coordinate {k} grows {ratio:.1f}-fold, as for "
        "a coordinate that others drive. Its D and error bars mean nothing. If it has inertia, give "
        "underdamped=True; else fit it as an ordinary differential equation, apart from the rest."
    )


def memory(result: "Langevin", rest: Tensor, k: int) -> str:
    r"""Whether residuals of coordinate k remember each other: less than white noise makes them, by a
    noisy measurement, or more, by inertia or coloured noise.

    White noise makes successive residuals independent, and second differences of positions correlated by
    1/4. An error ζ of each position adds −ζ² to the covariance of displacements and ζ²/dt to D; to
    that of second differences −4ζ², and 6ζ² to their variance.
    """
    data, r = result.increments, rest[..., k]
    products, square = r[:, 1:] * r[:, :-1], r.square().mean()
    white = 0.25 if data.secant else 0.0
    excess = (products.mean() / square).item() - white
    error = (products.std() / products.numel() ** 0.5 / square).item()
    said = f"(correlation {excess + white:.3f} ± {error:.3f}, expected {white:g})"
    if excess > max(CLEAR * error, MEMORY) and not data.secant:
        return (
            f"Memory: successive residuals of coordinate {k} are alike {said}. Inertia or coloured "
            "noise is seen; leave out frames with trajectories.every(2), or give underdamped=True if "
            "these are positions alone."
        )
    if -excess < max(CLEAR * error, MEMORY if data.secant else BLURRED):
        return ""
    if data.rule in ("symmetric", "midpoint"):  # made for it
        return ""
    if data.secant:
        zeta = (-excess * square * data.dt**4 / 5.5).sqrt().item()
        return (
            f"Noisy measurement: residuals of coordinate {k} alternate {said}, as by a tracking "
            f"error of {zeta:.2g}. Give rule='symmetric', which survives it."
        )
    zeta = (-excess * square * data.dt**2).sqrt().item()
    return (
        f"Noisy measurement: residuals of coordinate {k} alternate {said}, as by a tracking error of "
        f"{zeta:.2g}, which makes D {-2 * excess / (1 + 2 * excess):.0%} too large. "
        "Give rule='midpoint', which survives it, or leave out frames: trajectories.every(2) halves it."
    )


def little_data(result: "Langevin") -> str:
    """Whether the paths hold too little information for as many numbers."""
    nmse, goal = result.predicted_nmse, SKETCH / 2
    if nmse < SKETCH:
        return ""
    numbers = f"{max(result.information, 0):.2g} nats for {result.effective_parameters:.2g} numbers"
    if result.information <= 0:
        return (
            f"Little data: {numbers}, so the drift cannot be told from zero. Observe for a longer "
            f"time than {result.increments.time:.3g}; more frames in the same time do not help."
        )
    return (
        f"Little data: {numbers}, so the expected NMSE of the drift is {nmse:.2g}. About "
        f"{nmse / goal:.1f} times as long a time would bring it to {goal:g}; more frames in the same "
        "time do not help. Or take a smaller basis."
    )


def slow_camera(result: "Langevin", trajectories: Trajectories) -> str:
    """Whether drift or diffusion change between frames by more than the error bars admit.

    In one step the drift Φ of the start turns into Φ′; half of what it loses, $\\tfrac12(1 -
    \\langle\\Phi\\Phi'\\rangle/\\langle\\Phi^2\\rangle)$, is lost to its estimate. Error bars know nothing
    of it: it may be as large as half of them, or a tenth of the drift, before it is said.
    """
    data, rest = result.increments, residuals(result)
    drift = (data.y if data.secant else data.steps / data.dt) - rest
    weight = 1 / (data.steps.square().mean((0, 1)))
    square = (weight * drift.square()).mean((0, 1)).sum()
    lost = ((weight * drift.diff(dim=1).square()).mean((0, 1)).sum() / square).item() / 4
    blind = min(LOST, max(LOST / 5, (result.predicted_nmse / 5) ** 0.5))
    if lost > (LOST_BY_SECANTS if data.secant else blind):
        return (
            f"Slow camera: from frame to frame the drift forgets {2 * lost:.1%} of itself, so that about "
            f"{lost:.1%} of it is lost, which no error bar shows. Take a shorter dt than "
            f"{trajectories.dt:g}."
        )
    if not data.overlapping and (fall := 1 - growth(result, rest).min().item()) > LOST:
        return (
            f"Slow camera: with every second frame left out, D falls by {fall:.0%}; about as much "
            f"again is lost between your frames. Take a shorter dt than {trajectories.dt:g}."
        )
    return ""
