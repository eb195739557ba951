r"""Frames that do not belong to their path: a spot found elsewhere for a while, two particles whose names
were exchanged.

They are seen by steps that are far too large for the noise at that place and that time. Nothing is
repaired here: `without` leaves frames out, and gaps remain.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

import torch
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn.functional import pad

from ..data import Trajectories
from ..stretches import Stretches

FAR = 9.0  # widths of noise that no clean path is off and back at once, slow cameras and D(x) included
STAYS = 12.0  # for a jump that stays, as one through a narrow place where D is large may
GAP = 2.0  # below wrong jumps, down to this part of the least of them,
FEW = 0.3  # there are fewer than this part of their number
RARE = 0.01  # part of the steps; more jumps than that are what the motion does,
CLEARLY = 4.0  # unless half of them are so many times as far as need be
AGREE = 1 / 3  # of a jump, that velocities may miss of it
NEAR = 20  # frames before and after, and states in the neighbourhood, that say what is usual
LIKE = 5  # so many of them say something
MOST = 0.9  # the part of all that is usual: one in ten may be wrong
NORMAL = 1.645  # standard deviations, within which so many normal numbers lie
NAMED = 5  # places at most in a sentence
MANY = 2000  # jumps at most that are looked at, the farthest
SHOWN = 2**17  # frames at most from which a typical width is read


@dataclass(frozen=True)
class WrongFrame:
    """A frame that does not belong to its path.

    Attributes:
        trajectory: number of its path.
        frame: its number in that path, from 0; of paths with gaps, its number in the film.
        widths: the jump to it, or from it, in units of twice the std of what is usual there and then
            for the distance from the middle between the neighbours.
        coordinate: the one that jumps farthest.
    """

    trajectory: int
    frame: int
    widths: float
    coordinate: int


def wrong_frames(trajectories: Trajectories) -> list[WrongFrame]:
    r"""The frames that do not belong to their path, in the order of paths and frames; as a rule none.

    The distance of a frame from the middle between its neighbours, $r_t = x_t - (x_{t-1} + x_{t+1})/2$, is
    noise of two steps, with inertia less. A step is a jump if both of its frames are more than nine
    widths off. The width is the larger one of what is usual around that time and around that state:
    where D(x) is large, or where spikes come back, steps are no jumps; nor where velocities were measured that
    account for them. Frames between a jump there and a
    jump back are wrong; of a jump that stays, the first frame. In paths of two frames none is found.
    """
    if none_is_far(trajectories):
        return []
    x = trajectories.rows.double().cpu()  # (n_frames, dim), path after path
    path, number = frames_of(trajectories)
    follows = (path.diff() == 0) & (number.diff() == 1)  # whether the next row is the next frame
    r = off_the_middle(x, follows)
    some = slice(None, None, 1 + len(x) // SHOWN)
    usual = torch.stack([width(c[c > 0]) for c in r[some].unbind(1)])  # (dim,)
    widths, coordinate = (torch.minimum(r[1:], r[:-1]) / usual).max(1)
    top = torch.where(follows, widths, 0.0).topk(min(MANY, len(follows)))
    if top.values[0] <= FAR:
        return []
    rows = top.indices[top.values > FAR / GAP].sort().values.tolist()
    low, high = (
        x[some].kthvalue(int(1 + q * (len(x[some]) - 1)), dim=0).values for q in (0.05, 0.95)
    )
    z = x / torch.where(high > low, high - low, (x.amax(0) - x.amin(0)).clamp(min=1e-300))
    tree, jumps = cKDTree(z.numpy()), {}
    for row in rows:
        k = int(coordinate[row])
        if trajectories.underdamped and led_there(x[row], x[row + 1], trajectories.dt, k):
            continue
        there = [width(r[rows_like, k]) for rows_like in usual_there(z, tree, follows, row)]
        w = widths[row] * usual[k] / max([usual[k], *there])
        jumps[row] = float(w), k
    least = end_of_tail([w for w, _ in jumps.values()])
    jumps = {row: (w, k) for row, (w, k) in jumps.items() if w >= least}
    far = sorted(w for w, _ in jumps.values())
    if len(far) > RARE * len(x) and far[len(far) // 2] < CLEARLY * FAR:
        return []
    found = wrong_rows(z, follows, {row: w for row, (w, _) in jumps.items()})
    return [
        WrongFrame(int(path[row]), int(number[row]), *jumps[jump])
        for row, jump in sorted(found.items())
    ]


def led_there(first: Tensor, second: Tensor, dt: float, k: int) -> bool:
    """Whether positions and velocities `(dim,)` of two frames agree about a jump of coordinate k: what moves so
    is the thing itself, not a spot found elsewhere. Velocities that are differences of the positions hold
    half of a wrong jump."""
    d = len(first) // 2
    i = k % d
    step, kick = second - first, dt / 2 * (second[d + i] - first[d + i])
    off = step[i] - dt / 2 * (first[d + i] + second[d + i])
    return bool(off.abs() < AGREE * (step[i] if k < d else kick).abs())


def end_of_tail(widths: list[float]) -> float:
    """From where on jumps of these `widths`, of which none below `FAR / GAP` need be there, are not the tail
    of what the motion itself does: it thins out, and few lie just below."""
    w = torch.tensor(sorted(widths), dtype=torch.float64)
    above = len(w) - torch.searchsorted(w, w)
    below = torch.searchsorted(w, w) - torch.searchsorted(w, w / GAP)
    apart = (w >= FAR) & (below <= FEW * above)
    return w[apart].min().item() if apart.any() else inf


def none_is_far(trajectories: Trajectories) -> bool:
    """Whether no frame of paths of one length is far off the middle: most are asked this alone."""
    x = trajectories.x
    if trajectories.stretches is not None or x.shape[1] < 3:
        return False
    r = (x[:, 2:] + x[:, :-2]).sub_(x[:, 1:-1], alpha=2)
    apart = 1 + x[..., 0].numel() // (SHOWN // 8)
    paths = max(1, min(apart, len(x) // 20))
    some = r[::paths, :: 1 + (apart - 1) // paths].flatten(0, 1).abs().cpu()
    usual = torch.stack([width(c[c > 0]) for c in some.unbind(1)])
    largest = torch.stack([torch.stack(each.aminmax()).abs().max() for each in r.unbind(2)]).cpu()
    return bool((largest < 0.9 * FAR * usual).all())


def usual_there(z: Tensor, tree: cKDTree, follows: Tensor, row: int) -> Iterator[list[int]]:
    """Rows that say what is usual where the step that begins with this row is: those around it in time,
    and those at states `z (n, dim)` like the ones beside it, nearer than a quarter of the step."""
    first = last = row
    while first > max(0, row - NEAR) and follows[first - 1]:
        first -= 1
    while last < min(len(follows), row + NEAR + 1) and follows[last]:
        last += 1
    beside = set(range(max(first, row - 1), min(last, row + 2) + 1))
    found = [[i for i in range(first, last + 1) if i not in beside]]
    reach = (z[row + 1] - z[row]).norm().item() / 4
    for place in beside:
        away, near = tree.query(z[place].numpy(), NEAR, distance_upper_bound=reach)
        found.append([i for i in near[away < inf].tolist() if not first <= i <= last])
    return (rows for rows in found if len(rows) >= LIKE)


def without(trajectories: Trajectories, wrong: list[WrongFrame]) -> Trajectories:
    """The same paths with gaps where these frames were.

    Raises `ValueError` if nothing is left.
    """
    path, number = frames_of(trajectories)
    kept = torch.ones(len(path), dtype=torch.bool)
    for w in wrong:
        kept &= (path != w.trajectory) | (number != w.frame)
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


def width(values: Tensor) -> Tensor:
    """Standard deviation that normal numbers of these sizes have, one in ten of which may be wrong."""
    n = len(values)
    return values.kthvalue(max(1, round(MOST * n))).values / NORMAL if n else values.new_tensor(inf)


def wrong_rows(z: Tensor, follows: Tensor, jumps: dict[int, float]) -> dict[int, int]:
    """Of frames `z (n, dim)` those that are wrong, each with the jump that says so: one of the `jumps`,
    steps in the order of the row of their first frame, with their widths."""
    found: dict[int, int] = {}
    first = 0
    for end in [*(~follows).nonzero().flatten().tolist(), len(z) - 1]:  # the last row of each run
        inside = [row for row in jumps if first <= row < end]
        starts, stops = [first, *(row + 1 for row in inside)], [*inside, end]
        longest = max(range(len(starts)), key=lambda i: stops[i] - starts[i])
        after = range(longest, len(starts))
        found |= apart(z, jumps, [(starts[i], stops[i], starts[i] - 1) for i in after])
        before = range(longest, -1, -1)
        found |= apart(z, jumps, [(stops[i], starts[i], stops[i]) for i in before])
        first = end + 1
    return found


def apart(z: Tensor, jumps: dict[int, float], pieces: list[tuple[int, int, int]]) -> dict[int, int]:
    """Wrong frames of pieces that follow each other away from one which is right, the first. Each is given
    by its nearest row, its farthest row, and the jump to it."""
    found: dict[int, int] = {}
    right, i = z[pieces[0][1]], 1
    while i < len(pieces):
        off = [(z[near] - right).norm().item() for near, _, _ in pieces]
        back = [j for part in (8, 2) for j in range(i + 1, len(pieces)) if off[j] < off[i] / part]
        rest = sum(abs(far - near) + 1 for near, far, _ in pieces[i:])
        if back or rest < NEAR:
            upto = back[0] if back else len(pieces)
            for near, far, jump in pieces[i:upto]:
                side = 1 if far >= near else -1
                away = z[range(near, far + side, side)] - right
                n = int((away.norm(dim=1) > off[i] / 2).long().cumprod(0).sum())  # then it is back
                found |= dict.fromkeys(range(near, near + side * max(n, 1), side), jump)
        else:
            upto, (near, _, jump) = i, pieces[i]
            found |= {near: jump} if jumps[jump] > STAYS else {}
        if upto < len(pieces):
            right = z[pieces[upto][1]]
        i = upto + 1
    return found
