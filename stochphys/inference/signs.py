r"""What data show before anything is inferred from them: are they steady?

Each test is a function that yields a sentence, or nothing. A sentence says the sign that was seen, the
causes that give it, and the test that decides between them. What successive frames say of the dynamics
and of the measurement is in `signs_of_frames`, jumps and movies have `signs_of_jumps` and
`signs_of_movies`; doubts of a finished result live in `doubts`.
"""

from collections.abc import Iterator
from math import gcd

import torch
from torch import Tensor

from ..data import Trajectories
from ..paths import Paths
from .changes import BLOCKS, MANY, Change, clear_changes, told

SAMPLE = 25_000  # frames looked at, at most, which costs an estimate little
PIECE = 1000  # of so many that follow each other, if there are more
FEW = 100  # pairs of frames, of which nothing is said
UNBOUND = 1.75  # growth of a spread in twice the time: 1 for a bound coordinate, 2 for a free one
TWICE = 0.01  # of the successive frames
GOLDEN = (5**0.5 - 1) / 2  # of its multiples the parts beyond whole numbers fill [0, 1) evenly
COARSE = 1.6  # steps, from which on a rounding is no error of positions that a rule survives
LEAST = 0.1  # change of a mean in units of the spread, or of a variance, that is worth a sentence


def some_pairs(data: Trajectories, before: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """At most some `SAMPLE` pairs of frames that follow each other, spread over paths and times: the first
    state, or that so many frames `before`, which errors of the step do not reach; the step `(n, dim)`, path
    and time in frames of the film `(n,)`. Paths of one length begin together."""
    row, path, time = clock(data, 2 + before)
    # No `rows`: of films whose times come first they are a copy.
    *which, at = (path, time) if data.stretches is None else (row,)
    state, first, then = (data.x[(*which, at + i)].double().cpu() for i in (0, before, before + 1))
    return state, then - first, path, time


def clock(data: Paths, frames: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Rows with which some windows of so many frames begin, spread over paths and times so that blocks of the
    time stay full; with the path and the time of each `(n,)`."""
    if data.stretches is None:
        n, n_times = data.x.shape[:2]
        apart, paths = strides(n, n_times)
        at, of = torch.arange(0, n_times - frames + 1, apart), some_paths(n, paths)
        path, time = of.repeat_interleave(len(at)), at.repeat(len(of))
        return path * n_times + time, path, time
    row = data.stretches.windows(frames, 1)[0].cpu()
    path, time = (each.cpu()[row] for each in data.stretches.frames)
    some = thinned(path, time)
    return row[some], path[some], time[some]


def strides(n_paths: float, n_times: int) -> tuple[int, int]:
    """Each how many frames, and each how many paths, are looked at."""
    skip = 1 + int(n_paths * n_times) // SAMPLE
    apart = min(skip, max(1, n_times // (20 * BLOCKS)))
    return apart, 1 + (skip - 1) // apart


def thinned(path: Tensor, time: Tensor) -> Tensor:
    """Places of those that are looked at among all paths and times `(n,)`."""
    span = int(time.max() - time.min()) + 1
    apart, paths = strides(len(path) / span, span)
    there = torch.isin(path, some_paths(int(path.max()) + 1, paths).to(path.device))
    return (there & (time % apart == 0)).nonzero().flatten()


def some_paths(n: int, of: int) -> Tensor:
    """One in so `of` many of n paths, but not each k-th: two kinds may go by turns."""
    first = torch.arange(0, n, of)
    return (first + (GOLDEN * torch.arange(len(first)) % 1 * of).long()).clamp(max=n - 1)


def joined(data: Trajectories) -> Trajectories:
    """Paths put together again that `cut` took to pieces: each piece goes on where the last one ended,
    except each k-th."""
    x, n = data.x, data.n_trajectories
    if data.stretches is not None or n < MANY:
        return data
    some = 1 + x[..., 0].numel() // FEW**2
    square = (x[:, 1::some] - x[:, :-1:some]).double().cpu().square().mean(1)  # (n, dim)
    step = torch.maximum(square, square.mean(0)).sqrt()  # where a lamp is bright they are larger
    goes_on = ((x[1:, 0] - x[:-1, -1]).double().cpu().abs() < 4 * step[:-1]).all(1)
    k = gcd(n, *(1 + (~goes_on).nonzero().flatten()).tolist())
    if k == 1:
        return data
    whole = x.reshape(n // k, k * data.n_times, data.dim)
    return Trajectories(whole, data.dt, data.underdamped, check=False)


def some_pieces(data: Trajectories, most: int) -> Trajectories:
    """At most about so many frames, in pieces that follow each other, spread over paths and times."""
    n, skip = data.n_times // PIECE, data.x[..., 0].numel() // most + 1
    if data.stretches is not None:
        return data.cut(max(1, n)).take(slice(None, None, skip)) if skip > 1 else data
    if n < 2 or skip == 1:
        return data.take(slice(None, None, skip))
    # No `cut`: it would copy all of them.
    places = range(0, n * data.n_trajectories, skip)
    x = [data.x[i // n, i % n * PIECE :][:PIECE] for i in places]
    return Trajectories(torch.stack(x), data.dt, data.underdamped, check=False)


def unbound(data: Trajectories) -> Tensor:
    """Which coordinates nothing holds back in the time of a path `(dim,)`: their spread about a common
    motion goes on growing, as that of a free particle, or of an angle that turns."""
    data = data.take(slice(None, None, 1 + data.n_trajectories // 100))
    part = max(6, 60 // data.n_trajectories)  # of a path, so short that some thirty are independent
    if (far := data.longest // part) < 1:
        return torch.zeros(data.dim, dtype=torch.bool)
    if far > PIECE // 10:
        data = data.every(far // (PIECE // 20))
        far = data.longest // part
    x = data.gapless(2 * far + 1, far)[0].x.double().cpu()
    twice, once = x[:, 2 * far :] - x[:, : -2 * far], x[:, far:] - x[:, :-far]
    luck = (4 / max(1, twice[..., 0].numel() / (2 * far if data.stretches is None else 2))) ** 0.5
    return twice.var((0, 1)) > (UNBOUND - luck) * once.var((0, 1))


def steadiness(data: Trajectories) -> list[Change]:
    """What changes for certain, and by more than a tenth: the mean or the variance of a coordinate, or
    the variance of its displacements; of one that nothing holds back, displacements alone."""
    data = joined(data)
    x, step, path, time = some_pairs(data)
    if len(x) < FEW:
        return []
    span = int(time.max() - time.min()) + 1
    # Tracks that come and go begin anywhere: their places are steady if they are.
    free = (unbound(data) & (data.n_times > span / 2)).tolist()
    x, centre, drift = x - x.mean(0), x.mean(0), step.mean(0)
    values, names, least = [], [], []
    for k in range(data.dim):
        v, c = ((step - drift)[:, k], drift[k]) if free[k] else (x[:, k], centre[k])
        of, square = f"{'displacements of ' * free[k]}coordinate {k}", v.square()
        values += [v + c, square]
        names += [f"the mean of {of}", f"the variance of {of}"]
        least += [LEAST * square.mean().item() ** 0.5, LEAST * square.mean().item()]
        if not free[k]:
            d = (step - drift)[:, k].square()
            values += [d]
            names += [f"the variance of displacements of coordinate {k}"]
            least += [LEAST * d.mean().item()]
    return clear_changes(torch.stack(values, 1), path, time, names, least)


def not_steady(data: Trajectories) -> Iterator[str]:
    """Whether first and last third of the film differ."""
    if found := steadiness(data):
        yield (
            f"Not steady: {told(found)}. Even steps from third to third are a "
            "stage that drifts, or a lamp, a temperature that does: a bead that is fixed, or all particles "
            "at once, show it; subtract their common motion. Less and less of it is relaxation: take "
            "the later frames alone."
        )


def written_twice(equal: Tensor) -> Iterator[str]:
    """Whether many frames are followed by one that is `equal (n,)`."""
    n = int(equal.sum())
    if n > max(2, TWICE * len(equal)):
        yield (
            f"Frames alike: {n} of {len(equal)} frames are followed by the same. They were written twice, by a program that "
            "fills lost frames or plays at another speed than the camera, or nothing moves, or numbers were rounded: "
            "look at the file. If each is there twice, .every(2) leaves one of them, at the dt of the camera."
        )


def rounded(x: Tensor, step: Tensor) -> Iterator[str]:
    """Whether positions `x (n, dim)` are whole multiples of a length beyond a `step (n, dim)`."""
    some = slice(None, None, 1 + len(x) // SAMPLE)
    x, step = x[some], step[some]
    for k, size in enumerate(step.std(0)):
        apart = x[:, k].unique().diff()
        unit = apart.amin() if len(apart) else size.new_zeros(())
        if unit > COARSE * size and ((apart / unit - (apart / unit).round()).abs() < 0.01).all():
            yield (
                f"Rounded: coordinate {k} holds multiples of {unit:.3g} alone, {unit / size:.2g} of its step from frame to frame. "
                "What the rounding adds to D, and takes from forces, no rule mends. Read positions between pixels; or take "
                f"data.every({int((3 * unit / size) ** 2) + 1}) and more, so that steps are longer, if the dynamics is slow enough."
            )
            return
