"""One step of an equation of motion, in each of the schemes by which `integrate.simulate` goes on.

A scheme makes two things of a system and a time step: the function that takes a step, and what the
noise of all steps is multiplied by at once, as far as it is constant. Which scheme a system allows
is asked in `checks`.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .langevin import System, Underdamped, noise_induced_drift

# step(state, t, out): from the state at time t to that at t + dt. `out` arrives holding the noise of
# this step and leaves holding the new state. A state is x `(n_trajectories, dim)`, or, in the schemes
# that move positions and velocities of an underdamped system by turns, the pair (x, v).
Pair = tuple[Tensor, Tensor]
Step = Callable[..., None]


def euler(system: System, dt: float, x: Tensor) -> tuple[Step, Tensor | float]:
    r"""Euler–Maruyama, with standard normal ξ and the Itô drift a:

    $$x' = x + a(x, t)\,dt + B(x, t)\,\sqrt{dt}\,\xi.$$

    Drift and amplitude are those at the beginning of the step, as in Itô's integral, to which it
    converges. Weak order 1 (Kloeden & Platen, Numerical Solution of SDEs, 1992, §14.1).
    """
    if isinstance(system, Underdamped):
        return _euler_underdamped(system, dt, x)

    def step(x: Tensor, t: float, out: Tensor) -> None:
        if not system.additive:
            times(system.noise_amplitude(x, t), out)
        out.add_(system.drift(x, t), alpha=dt).add_(x)
        system.confine(out)

    return step, _constant_amplitude(system, dt, x)


def _euler_underdamped(system: Underdamped, dt: float, x: Tensor) -> tuple[Step, Tensor | float]:
    """The same, with noise on the velocities alone."""

    def step(state: Pair, t: float, out: Pair) -> None:
        (x, v), (x_out, v_out) = state, out
        if not system.additive:
            times(system.velocity_noise(x, v, t), v_out)
        v_out.add_(system.acceleration(x, v, t), alpha=dt).add_(v)
        torch.add(x, v, alpha=dt, out=x_out)

    return step, _constant_amplitude(system, dt, x)


def heun(system: System, dt: float, x: Tensor) -> tuple[Step, Tensor | float]:
    r"""Heun: the average over both ends of the step, of which an Euler step predicts the second,

    $$y = x + a(x, t)\,dt + B(x, t)\,\sqrt{dt}\,\xi, \qquad
      x' = x + \tfrac12 [a(x, t) + a(y, t')]\,dt + \tfrac12 [B(x, t) + B(y, t')]\,\sqrt{dt}\,\xi.$$

    With B at both ends it converges to the Stratonovich reading (Rümelin, SIAM J. Numer. Anal. 19,
    604 (1982)). So a is the Stratonovich drift, and the process is again the one meant by Itô. Weak
    order 2 if B is constant, else 1.
    """

    def kick(x: Tensor, t: float, noise: Tensor) -> Tensor:
        return noise if system.additive else times(system.noise_amplitude(x, t), noise.clone())

    def drift(x: Tensor, t: float) -> Tensor:
        a = system.drift(x, t)
        return a if system.additive else a - noise_induced_drift(system, x, t)

    def step(x: Tensor, t: float, out: Tensor) -> None:
        noise = out.clone()  # both ends of the step feel the same
        if isinstance(system, Underdamped):
            noise[:, : system.dim // 2] = 0
        a, dx = drift(x, t), kick(x, t, noise)
        y = x + a * dt + dx
        b, dy = drift(y, t + dt), kick(y, t + dt, noise)
        torch.add(x, a + b, alpha=dt / 2, out=out)
        out.add_(dx + dy, alpha=0.5)

    return step, _constant_amplitude(system, dt, x)


def baoab(system: System, dt: float, x: Tensor) -> tuple[Step, Tensor | float]:
    r"""Kick, drift, exact friction and noise, drift, kick: the parts B, A, O, A, B in this order of

    $$\text{B: } v' = v + F(x)\,\tfrac{dt}{2m}, \quad \text{A: } x' = x + v\,\tfrac{dt}2, \quad
      \text{O: } v' = e^{-\gamma dt/m}\, v + \sqrt{(1 - e^{-2\gamma dt/m})\,T/m}\;\xi.$$

    Each part is solved exactly. Weak order 2; in a harmonic well positions have the exact variance
    whatever dt (Leimkuhler & Matthews, Appl. Math. Res. Express 2013, 34). T may depend on place and
    time, which stand still at their middle while O acts: the order stays 2, as the parts come in one
    order forwards and backwards. Noise does not depend on v, so that Itô and Stratonovich agree.
    """
    assert isinstance(system, Underdamped)
    gamma, mass, T = (
        torch.as_tensor(a, dtype=torch.float64) for a in (system.gamma, system.mass, system.T)
    )
    if not system.additive:  # the noise of this T has amplitude 1, for `velocity_noise` to multiply
        T = mass.square() / (2 * gamma.clamp(min=1e-9))

    def number(a: Tensor) -> Tensor | float:
        return a.to(x) if a.ndim else a.item()

    kick, decay = number(dt / (2 * mass)), number(torch.exp(-gamma * dt / mass))
    amplitude = number(torch.sqrt(-torch.expm1(-2 * gamma * dt / mass) * T / mass))
    force: Tensor | None = None  # at the end of a step = at the beginning of the next

    def step(state: Pair, t: float, out: Pair) -> None:
        nonlocal force
        (x, v), (x_out, v_out) = state, out
        if force is None:
            force = system.force(x, t)
        v = _plus(v, kick, force)  # B
        x = torch.add(x, v, alpha=dt / 2)  # A
        if not system.additive:
            times(system.velocity_noise(x, v, t + dt / 2), v_out)
        v = _plus(v_out, decay, v)  # O: v_out holds the noise
        torch.add(x, v, alpha=dt / 2, out=x_out)  # A
        force = system.force(x_out, t + dt)
        _plus(v, kick, force, out=v_out)  # B

    return step, amplitude


SCHEMES = {"euler": euler, "heun": heun, "baoab": baoab}


def times(amplitude: Tensor | float, noise: Tensor) -> Tensor:
    """ξ → B ξ in place, `(…, n_trajectories, dim)`; a matrix B has the shape `(… or 1, dim, dim)`."""
    if not isinstance(amplitude, Tensor) or amplitude.ndim < 3:
        return noise.mul_(amplitude)
    B = amplitude.to(noise)
    return noise.copy_(noise @ B[0].T if len(B) == 1 else (B * noise[..., None, :]).sum(-1))


def _plus(x: Tensor, a: Tensor | float, y: Tensor, out: Tensor | None = None) -> Tensor:
    """x + a y in one operation; `a` is a number, or one for each degree of freedom."""
    if isinstance(a, Tensor):
        return torch.addcmul(x, a, y, out=out)
    return torch.add(x, y, alpha=a, out=out)


def _constant_amplitude(system: System, dt: float, x: Tensor) -> Tensor | float:
    """What multiplies the noise of all steps at once: B √dt, or √dt where B is not constant."""
    if not system.additive:
        return dt**0.5
    if isinstance(system, Underdamped):
        position, velocity = x.chunk(2, dim=-1)
        return system.velocity_noise(position, velocity, 0.0) * dt**0.5
    return system.noise_amplitude(x, 0.0) * dt**0.5
