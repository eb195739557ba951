r"""Positions of something with inertia: what centred labels are off by to first order in dt, and
whether there is any inertia in the data.

A second difference y of three frames and the state $(\bar x, \bar v)$ in their middle share noise. For
any function b of that state

$$\langle b\,y_i\rangle = \Big\langle b\,\big(\Phi_i + \tfrac{dt}{3} D_{jj}\partial_j^2\Phi_i\big)
  + \big(D_{ij} + \tfrac{dt}{12} J_{ik}D_{kj} + \tfrac{7dt}{12} D_{ik}J_{jk}\big)\,\partial_j b
  + \tfrac{7dt}{9} D_{ij}\,\partial_{x_j} b\Big\rangle + O(dt^2),
  \qquad J_{ik} = \partial_k \Phi_i,$$

where ∂ without x is along velocities, and D is taken as constant within a label. The correction of Φ is
its mean over velocities that vary by $\tfrac23 D\,dt$; the others are noise that is shared.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from .. import require
from .doubts import clear
from .increments import Increments, successive
from .posterior import Posterior
from .results import Langevin

ALIKE = 0.3  # correlation of successive displacements below which no velocity is seen
EARLY = {"combined": 0.75, "forward": 0.5}  # frames from a state to its label
ADDED = 0.03  # of a friction that is worth a sentence


def corrected(
    data: Increments, drift: Posterior, known: Tensor, diffusion: Posterior
) -> Increments:
    r"""Labels of the rule "centred" from which what Φ is off by is taken, with the `response` of the
    drift, from a first guess of `drift` and `diffusion`; `known (n_paths, n_steps, dim)` is the drift at
    the labels.

    Of order dt², one is worth a line: $\bar x$ is the middle frame plus $y\,dt^2/3$, which changes
    stiffness and friction of an oscillator by a third of $(\omega\,dt)^2$.
    """
    x, phi, dt = data.x.flatten(0, 1), known.flatten(0, 1), data.dt
    D = diffusion.mean(x[:1])[0].diagonal()  # (dim,)
    middle = x.clone()
    middle[:, : data.dim] -= data.y.flatten(0, 1) * dt**2 / 3
    off, response = drift.mean(middle) - phi, []
    for k, apart in enumerate((2 / 3 * dt * D).sqrt()):
        shift = torch.zeros_like(x[:1])
        shift[:, data.noisy.start + k] = apart
        faster, slower = drift.mean(x + shift), drift.mean(x - shift)
        off += (faster + slower) / 2 - phi
        response.append(dt * (faster - slower) / (2 * apart))
    new = data.y - off.view_as(data.y)
    J = torch.stack(response, dim=-1).view(*data.y.shape, -1)
    return replace(data, y=new, steps=new * dt**2, response=J)


def shared_later(data: Increments, response: Tensor, D: Tensor) -> Tensor:
    """What of the noise of `corrected` labels is shared with the state to order dt, beside D
    `(n, dim, dim)` with the velocities: `(n, dim, dim_in)`. `response (n, dim, dim)` as in `Increments`.

    Where the mean response is large it is summed as a geometric series, so that friction, however
    strong, never turns the sign of what is shared.
    """
    JD = response @ D
    first = JD / 12 + JD.mT * 7 / 12
    mean, D_mean = first.mean(0), D.mean(0)
    shared = D.new_zeros(len(D), data.dim, data.x.shape[-1])
    shared[..., data.noisy] = first @ torch.linalg.solve(D_mean - mean, D_mean)
    shared[..., : data.dim] = 7 / 9 * data.dt * D
    return shared


def check_inertia(data: Increments) -> None:
    """Refuse, with `ValueError`, positions whose velocities are gone before the next frame.

    Displacements of something with inertia are alike from frame to frame, their correlation tends to 1
    for short dt; without inertia it tends to 0, and errors of the positions make it negative.
    """
    v = data.start[..., data.noisy]  # secants
    v = v - v.mean((0, 1))
    early, late = successive(v, data.row, 0, 1)
    alike = (early * late).mean((0, 1)) / v.square().mean((0, 1))  # (dim,)
    k = int(alike.argmin())
    if alike[k] + 2 / early[..., 0].numel() ** 0.5 < ALIKE:
        raise ValueError(
            f"underdamped=True, but successive displacements of coordinate {k} are not alike "
            f"(correlation {alike[k]:.2f}, near 1 where inertia is seen): velocities cannot be told from "
            "these positions. Either there is no inertia at this dt: leave underdamped out; or a period "
            "has only a few frames: take a shorter dt; or errors of the positions are as large as a "
            "displacement: trajectories.every(2) then makes the correlation grow"
        )


def friction_of_rules(result: Langevin) -> Iterator[str]:
    r"""Whether a rule other than "centred" takes what an oscillator's force changes between frames for
    friction.

    Labels seen a time a early say $\Phi + a\,L\Phi$, and of $\Phi = -\omega^2 x - \Gamma v$ the friction
    $\Gamma + a\,\omega^2$. By the rule "symmetric" the friction is as wrong as the D that it is found with.
    """
    data, x = result.increments, result.states
    if not data.secant or data.rule == "centred":
        return

    def slope(k: int, along: int) -> float:
        apart = torch.zeros_like(x)
        apart[:, along] = x[:, along].std() / 10
        change = result.drift.mean(x + apart) - result.drift.mean(x - apart)
        return (change[:, k] / (2 * apart[:, along])).mean().item()

    known = result.drift.mean(data.x.flatten(0, 1)).view_as(data.y)
    D, without_drift = result.diffusion.mean(x).mean(0), data.squares(known).mean((0, 1))
    for k in range(data.dim):
        friction = -slope(k, data.dim + k)
        early = EARLY.get(data.rule, 0.0)
        share = -early * data.dt * slope(k, k) / friction
        if not early:
            share = 1 - (without_drift[k, k] / D[k, k]).item()
        if friction > 0 and clear(share, (2 / (friction * data.time)) ** 0.5 / 2, ADDED):
            yield (
                f"Low damping: about {share:.0%} of the friction of coordinate {k}, {friction:.2g}, is what "
                f"rule={data.rule!r} takes of the force for friction. Leave rule out, or take a shorter dt: "
                "the share is proportional to it."
            )


def secant_factor(n: int) -> float:
    r"""D over what the variance of second differences says, $\langle s^2\rangle/2dt^3$, for frames
    that are n Euler steps apart: $3n^2/(2n^2 + 1)$, and 3/2 for a true path.

    Raises `ValueError` for n below 1.
    """
    require.integer(1, n=n)
    return 3 * n**2 / (2 * n**2 + 1)
