r"""Frames that do not belong to their path: a spot found elsewhere for a while, two particles whose names
were exchanged.

With a the step to a frame and b the one from it, $r = (a - b)/2$ is how far it is off the middle between its
neighbours, $h = (a + b)/2$ half of the step over it. Noise has no sign: where it makes (a, b) it makes
(a, −b) as often, so that r is as h, however strong noise is there and then; inertia makes r less. A frame
that is off and back has a large r and an ordinary h; beside a jump that stays, two have large r.

Nothing is repaired here: `without` leaves frames out, and gaps remain.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf

import torch
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn.functional import pad

from ..data import Trajectories
from ..stretches import Stretches

FAR = 7.0  # widths of noise, beyond the usual √dim: normal noise is once in e^(7²/2) frames
STAYS = 10.0  # for a jump that stays, as one through a narrow place where D is large may
RUN = 6  # frames at most that are off and back at once
GAP, FEW = 2.0, 0.3  # no tail: of those down to 1/GAP of a size there are fewer than this part
LOW = FAR / GAP  # from where on it is looked at
RARE = 0.01  # part of the steps; more jumps that stay are what the motion does
AGREE = 1 / 3  # of a jump, that velocities may miss of it
NEAR = 20  # frames before and after, and states nearby, that say what is usual
MOST, NORMAL = 0.9, 1.645  # the part of all that is right; standard deviations that hold as many
NAMED = 5  # places at most in a sentence
MANY = 5000  # steps at most that are looked at, the farthest
SHOWN = 2**17  # frames at most from which a width is read


@dataclass(frozen=True)
class WrongFrame:
    """A frame that does not belong to its path.

    Attributes:
        trajectory: number of its path.
        frame: its number in that path, from 0; of paths with gaps, its number in the film.
        widths: how far it is off the middle between its neighbours, or the jump to it or from it, in
            units of what is usual there and then.
    """

    trajectory: int
    frame: int
    widths: float


def wrong_frames(trajectories: Trajectories) -> list[WrongFrame]:
    r"""The frames that do not belong to their path, in the order of paths and frames; as a rule none.

    The length of r, in widths of all, is divided by how much larger it is around that time, at states like
    those beside it, and h is there: normal noise is beyond √dim + 7 once in $4\cdot 10^{10}$ frames then. Up to
    six frames that are so far off, and back at once or the path ends, are wrong. But where the motion itself
    jumps, or has heavy tails, more steps stay than come back, and most are shorter: those of half of the size must
    be few. A jump that stays must be farther. Frames between a jump there and a jump back are wrong; of one that
    stays, the first. Steps that measured velocities account for are none. What is found is left out, and the
    rest looked at again, so that none hides another. In paths of two frames none is found.
    """
    if none_is_far(trajectories):
        return []
    x = trajectories.rows.double().cpu()  # (n_frames, dim), path after path
    path, number = frames_of(trajectories)
    follows = (path.diff() == 0) & (number.diff() == 1)  # whether the next row is the next frame
    r, usual = off_the_middle(x, follows), x.shape[1] ** 0.5
    r /= widths(r)
    u = r.norm(dim=1)
    if u.max() <= FAR + usual:
        return []
    noise = Noise(x, u, pad((~follows).cumsum(0), (1, 0)))
    if trajectories.underdamped:
        follows &= ~led_there(x, trajectories.dt, r[1:].argmax(1))
    back, jumps = off_and_back(noise, torch.where(follows, torch.minimum(u[1:], u[:-1]), 0.0))
    stay = least_of(jumps.values(), [], STAYS)
    if sum(w > FAR for w in jumps.values()) > RARE * len(x):
        stay = inf
    found = between(noise, {i: w for i, w in jumps.items() if w >= stay})
    far = least_of(back.values(), [w for w in jumps.values() if w < stay], FAR)
    for (first, last), w in back.items():
        found |= dict.fromkeys(range(first, last + 1), w) if w >= far else {}
    wrong = [WrongFrame(int(path[i]), int(number[i]), w + usual) for i, w in found.items()]
    if 0 < len(wrong) < len(x):
        wrong += wrong_frames(without(trajectories, wrong))
    return sorted(wrong, key=lambda one: (one.trajectory, one.frame))


class Noise:
    """How strong noise is, here and there, of states `x (n, dim)` that are `u (n,)` widths off the middle; which
    `run (n,)` of frames that follow each other each is in."""

    def __init__(self, x: Tensor, u: Tensor, run: Tensor) -> None:
        self.x, self.u, self.run = x, u, run
        self.z = x / widths(x - x.median(0).values)
        self.tree = cKDTree(self.z.numpy())
        h = (x[2:] - x[:-2])[run[2:] == run[:-2]] / 2
        long = (h / widths(h)).norm(dim=1)
        self.h = widths(h) * most(long[long > 0])

    def far(self, size: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """Sizes `(n,)` of u beyond √dim, in units of what is usual about two rows each: around that time, at
        states like these two, and in the step over the frames between them, if there are some."""
        time = (before[:, None] + torch.arange(-NEAR, NEAR + RUN)).clamp(0, len(self.u) - 1)
        k = min(NEAR, len(self.u))
        here, there = (
            torch.from_numpy(self.tree.query(self.z[at].numpy(), k)[1]).view(-1, k)
            for at in (before, after)
        )
        step = (self.x[after] - self.x[before]) / (after - before)[:, None] / self.h
        scale = torch.where(after - before > 1, step.norm(dim=1), 1.0).clamp(min=1)
        for near in (time, here, there):
            known = (near < before[:, None]) | (near > after[:, None])
            if near is time:
                known &= self.run[near] == self.run[before, None]
            sizes = torch.where(known, self.u[near], inf).sort(1).values
            rank = (MOST * known.sum(1)).round().long().clamp(min=1) - 1
            usual = sizes.gather(1, rank[:, None])[:, 0] / most(self.u[self.u > 0])
            scale = torch.where(known.any(1), torch.maximum(scale, usual), scale)
        return size / scale - self.x.shape[1] ** 0.5


def off_and_back(
    noise: Noise, jump: Tensor
) -> tuple[dict[tuple[int, int], float], dict[int, float]]:
    """First and last of up to `RUN` frames that are off, and back or the path ends, with how far; and the jumps
    that are left, by their first row. `jump (n_steps,)`: of both frames of a step how far the nearer one is off."""
    back: dict[tuple[int, int], float] = {}
    jumps: dict[int, float] = {}
    u, run = noise.u, noise.run
    low = max(LOW + noise.x.shape[1] ** 0.5, u.sort().values[-MANY:][0].item())
    # Beside one that is off alone, frames are off by half as much.
    alone = (u[1:-1] >= u[2:]) & (u[1:-1] >= u[:-2]) & (jump[1:] > 0) & (jump[:-1] > 0)
    for n in (*range(1, RUN + 1), 0):
        size = u[1:-1] * alone if n == 1 else torch.minimum(jump[: len(jump) - n], jump[n:])
        row = ((size > low) & (run[n + 1 :] == run[: -n - 1])).nonzero().flatten()
        far = noise.far(size[row], row, row + n + 1)
        first = torch.searchsorted(run, run[row])
        last = torch.searchsorted(run, run[row], right=True) - 1
        for i, w, start, stop in zip(
            *(each.tolist() for each in (row, far, first, last)), strict=True
        ):
            end = (start, i) if i - start < stop - i - 1 else (i + 1, stop)
            if w > LOW and (n or end[1] - end[0] < RUN):
                back[(i + 1, i + n) if n else end] = w
                jump[i : i + n + 1] = 0
            elif w > LOW:
                jumps[i] = w
    return back, jumps


def least_of(these: Iterable[float], others: Iterable[float], far: float) -> float:
    """From where on these distances, if they are `far`, are not the tail of what the motion itself does: it
    thins out, and few of these lie just below, few `others` there or beyond."""
    these, others = sorted(these), sorted(others)
    for i, w in enumerate(these):
        tail = i - bisect_left(these, w / GAP) + len(others) - bisect_left(others, w / GAP)
        if w >= far and tail <= FEW * (len(these) - i):
            return w
    return inf


def led_there(x: Tensor, dt: float, k: Tensor) -> Tensor:
    """Whether positions and velocities `x (n, dim)` agree about each step, of its coordinate k `(n - 1,)`: what
    moves so is the thing itself, not a spot found elsewhere. Velocities that are differences of the positions
    hold half of a wrong jump."""
    step, twice = x.diff(dim=0), x[1:] + x[:-1]
    d = x.shape[1] // 2
    off = (step[:, :d] - dt / 2 * twice[:, d:]).repeat(1, 2)
    size = torch.cat((step[:, :d], dt / 2 * step[:, d:]), dim=1)
    return (off.abs() < AGREE * size.abs()).gather(1, k[:, None])[:, 0]


def none_is_far(trajectories: Trajectories) -> bool:
    """Whether no frame of paths of one length is far off the middle: most are asked this alone."""
    x = trajectories.x
    if trajectories.stretches is not None or x.shape[1] < 3:
        return False
    r = (x[:, 2:] + x[:, :-2]).sub_(x[:, 1:-1], alpha=2)
    apart = 1 + r[..., 0].numel() // (SHOWN // 8)
    paths = max(1, min(apart, len(x) // 20))
    unit = widths(r[::paths, :: 1 + (apart - 1) // paths].flatten(0, 1)).tolist()
    length = sum(c.div_(one).square_() for c, one in zip(r.unbind(2), unit, strict=True))
    farthest = torch.as_tensor(length).max() ** 0.5
    return bool(farthest < 0.9 * (FAR + r.shape[2] ** 0.5))


def without(trajectories: Trajectories, wrong: list[WrongFrame]) -> Trajectories:
    """The same paths with gaps where these frames were.

    Raises `ValueError` if nothing is left.
    """
    path, number = frames_of(trajectories)
    film = int(number.max()) + 1
    out = torch.tensor([w.trajectory * film + w.frame for w in wrong])
    kept = ~torch.isin(path * film + number, out)
    stretches = Stretches.of_frames(path[kept], number[kept], trajectories.n_trajectories)
    x = trajectories.rows[kept.to(trajectories.x.device)]
    return Trajectories(x, trajectories.dt, trajectories.underdamped, stretches=stretches)


def said_of(wrong: list[WrongFrame]) -> Iterator[str]:
    """One sentence on frames that were left out, if there are any."""
    if wrong:
        known = {(w.trajectory, w.frame) for w in wrong}
        begins = [w for w in wrong if (w.trajectory, w.frame - 1) not in known]
        named = [
            f"trajectory {w.trajectory} at frame {w.frame}, by {w.widths:.0f} widths of the noise"
            for w in begins[:NAMED]
        ]
        more = f", and {len(begins) - NAMED} more" if len(begins) > NAMED else ""
        yield (
            f"Wrong frames: {'; '.join(named)}{more}; estimates leave out {len(wrong)} frame{'s' * (len(wrong) > 1)}. A jump so long is a "
            "spot found elsewhere, or two particles whose names were exchanged: look at those frames. If the "
            "motion itself jumps, it is no diffusion, and no estimate has its jumps."
        )


def frames_of(trajectories: Trajectories) -> tuple[Tensor, Tensor]:
    """Path and number of each frame `(n_frames,)`, path after path."""
    if trajectories.stretches is not None:
        path, number = trajectories.stretches.frames
        return path.cpu(), number.cpu()
    n_paths, n_times = trajectories.x.shape[:2]
    return (
        torch.arange(n_paths).repeat_interleave(n_times),
        torch.arange(n_times).repeat(n_paths),
    )


def off_the_middle(x: Tensor, follows: Tensor) -> Tensor:
    """How far each of the frames `x (n, dim)` is from the middle between those beside it; at an end of a
    run, how much farther its only neighbour is than the next one, 0 where there is none."""
    r = torch.zeros_like(x)
    r[1:-1] = (x[1:-1] - (x[2:] + x[:-2]) / 2).abs() * (follows[1:] & follows[:-1])[:, None]
    lone, padded = pad(~follows, (1, 1), value=True), pad(r, (0, 0, 2, 2))
    for end, inward in ((lone[:-1], 1), (lone[1:], -1)):
        row = end.nonzero().flatten()
        at = row + 2
        r[row] = (padded[at + inward] - padded[at + 2 * inward]).clamp(min=0)
    return r


def most(values: Tensor) -> Tensor:
    """What nine in ten of these numbers `(n,)` do not exceed."""
    n = len(values)
    return values.kthvalue(max(1, round(MOST * n))).values if n else values.new_tensor(inf)


def widths(r: Tensor) -> Tensor:
    """Standard deviations `(dim,)` that normal numbers of these sizes `(n, dim)` have, one in ten of which may
    be wrong; zeros say nothing."""
    some = r[:: 1 + len(r) // SHOWN].abs().cpu()
    return torch.stack([most(each[each > 0]) for each in some.unbind(1)]) / NORMAL


def between(noise: Noise, jumps: dict[int, float]) -> dict[int, float]:
    """Wrong rows by these `jumps`, each with its size: all until the path is back; of one that stays the first."""
    found: dict[int, float] = {}
    left, z = sorted(jumps), noise.z
    while left:
        i = left.pop(0)
        reach = (z[i + 1] - z[i]).norm() / 2
        same = (j for j in left if noise.run[j] == noise.run[i])
        last = next((j for j in same if (z[j + 1] - z[i]).norm() < reach), i + 1)
        found |= dict.fromkeys(range(i + 1, last + 1), jumps[i])
        left = [j for j in left if j > last]
    return found
