r"""What data show before anything is inferred from them: are they steady?

Each test is a function that yields a sentence, or nothing. A sentence says the sign that was seen, the
causes that give it, and the test that decides between them. What successive frames say of the dynamics
and of the measurement is in `signs_of_frames`, jumps and movies have `signs_of_jumps` and
`signs_of_movies`; doubts of a finished result live in `doubts`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import gcd

import torch
from scipy.special import stdtrit
from torch import Tensor

from ..brief import Brief
from ..data import Trajectories
from ..paths import Paths

SAMPLE = 25_000  # frames looked at, at most, which costs an estimate little
PIECE = 1000  # of so many that follow each other, if there are more
BLOCKS = 12  # of the time of the film: the first and the last four are compared
MANY = 10  # paths from which on their own spread is the error
FEW = 100  # pairs of frames, of which nothing is said
SKEW = 0.6  # part of the values below their mean, half for even ones: squares have two thirds
LUCK = 1e-3  # with which any of the tests of one film fires where all is steady
UNBOUND = 1.75  # growth of a spread in twice the time: 1 for a bound coordinate, 2 for a free one
TWICE = 0.01  # of the successive frames
GOLDEN = (5**0.5 - 1) / 2  # of its multiples the parts beyond whole numbers fill [0, 1) evenly
COARSE = 1.6  # steps, from which on a rounding is no error of positions that a rule survives
LEAST = 0.1  # change of a mean in units of the spread, or of a variance, that is worth a sentence


@dataclass(frozen=True)
class Change(Brief):
    """How something changes from the first to the last third of the time of a film.

    Attributes:
        name: what changes.
        thirds: its mean in the first, the middle and the last third.
        first: what the first number is of; the first twelfth, where that differs more.
        error: standard error of the difference between last and first.
        allowed: so many of them are luck.
    """

    name: str
    thirds: tuple[float, float, float]
    error: float
    allowed: float
    first: str = "first"

    @property
    def difference(self) -> float:
        return self.thirds[2] - self.thirds[0]

    def clear(self, least: float) -> bool:
        """Whether it is no luck, and at least so large."""
        return abs(self.difference) > max(self.allowed * self.error, least)

    def __str__(self) -> str:
        first, middle, last = (f"{value:.3g}" for value in self.thirds)
        return (
            f"{self.name} is {first}, {middle} and {last} in the {self.first}, middle and last third of the time "
            f"(change {self.difference:.2g} ± {self.error:.2g})"
        )


def changes(values: Tensor, path: Tensor, time: Tensor, names: Sequence[str]) -> list[Change]:
    """From the first third, or twelfth, to the last third of the time, of each of the `values (n_frames, k)`, seen on these
    paths at these times `(n_frames,)`; none where the paths are too few and too short to tell.

    Of ten paths and more in either third, each is one observation, however slow it is: the error is
    their spread. Of fewer, those that last from beginning to end are taken as a mean in each of twelve
    blocks of the time. What they leave of a straight line says how large the error is, and by its
    memory how much larger it is than that of independent blocks: a slow coordinate that happens to move
    is no trend.
    """
    first, span = time.min(), int(time.max() - time.min()) + 1
    block = ((time - first) * BLOCKS).div(span, rounding_mode="floor")
    cell = path * BLOCKS + block
    n_paths = int(path.max()) + 1
    n = torch.bincount(cell, minlength=n_paths * BLOCKS).double().view(n_paths, BLOCKS, 1)
    sums = values.new_zeros(n_paths * BLOCKS, values.shape[1])
    sums = sums.index_add_(0, cell, values).view(n_paths, BLOCKS, -1)

    def part(begin: int, end: int) -> tuple[Tensor, Tensor, Tensor]:
        """Frames and sums of each path in these blocks, and the mean of all."""
        there, total = n[:, begin:end].sum(1), sums[:, begin:end].sum(1)
        return there, total, total.sum(0) / there.sum().clamp(min=1)

    def between(end: int) -> tuple[Tensor, Tensor, int]:
        """Mean of the first blocks, error of the difference between the last third and it, and degrees of
        freedom of that; of the paths there are."""
        n_1, s_1, m_1 = part(0, end)
        degrees = min(int((n_1 > 0).sum()), int((n_3 > 0).sum())) - 1
        # By how much each path moves the difference of the means.
        pull = (s_3 - n_3 * m_3) / n_3.sum() - (s_1 - n_1 * m_1) / n_1.sum()
        return m_1, (pull.square().sum(0) * (degrees + 1) / max(1, degrees)).sqrt(), degrees

    (_, _, m_2), (n_3, s_3, m_3) = part(4, 8), part(8, 12)
    m_1, error, degrees = between(4)
    early = torch.zeros(len(names), dtype=torch.bool)
    if degrees + 1 >= MANY:
        m_0, error_0, degrees_0 = between(1)
        if degrees_0 + 1 >= MANY:
            early = (m_3 - m_0).abs() * error > (m_3 - m_1).abs() * error_0
            # The spread of few tells nothing.
            early &= (values < values.mean(0)).double().mean(0) < SKEW
            m_1, error = torch.where(early, m_0, m_1), torch.where(early, error_0, error)
            degrees = min(degrees, degrees_0)
    else:
        whole = (n[..., 0] > 0).all(1)
        if not whole.any():
            return []
        degrees = int(whole.sum()) * (BLOCKS - 2)
        means = sums[whole] / n[whole]  # (n_whole, BLOCKS, k)
        clock = torch.arange(BLOCKS).to(means) - (BLOCKS - 1) / 2
        slope = (clock[:, None] * means).sum(1, keepdim=True) / clock.square().sum()
        rest = means - means.mean(1, keepdim=True) - slope * clock[:, None]
        square = rest.square().sum((0, 1))
        memory = (rest[:, 1:] * rest[:, :-1]).sum((0, 1)) / square.clamp(min=1e-300)
        # A straight line takes more than itself out of few numbers (Kendall 1954); one standard error more.
        memory = (memory + 2 / BLOCKS) / (1 - 4 / BLOCKS) + (degrees + 1) ** -0.5
        memory = memory.clamp(0, 0.99)
        noise = square / degrees * (1 + memory) / (1 - memory) / int(whole.sum())
        error = (noise * 2 / (BLOCKS / 3)).sqrt()
        m_1, m_2, m_3 = means.mean(0).unflatten(0, (3, -1)).mean(1)
    allowed = -float(stdtrit(degrees, LUCK / (4 * len(names))))
    thirds = torch.stack((m_1, m_2, m_3), 1).tolist()
    of = ["first twelfth" if one else "first" for one in early.tolist()]
    return [
        Change(name, (a, b, c), e, allowed, where)
        for name, (a, b, c), e, where in zip(names, thirds, error.tolist(), of, strict=True)
    ]


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
    step = (x[:, 1::some] - x[:, :-1:some]).double().cpu().square().mean((0, 1)).sqrt()
    goes_on = ((x[1:, 0] - x[:-1, -1]).double().cpu().abs() < 4 * step).all(1)
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
    found = changes(torch.stack(values, 1), path, time, names)
    return [change for change, least in zip(found, least, strict=False) if change.clear(least)]


def told(found: Sequence[Change]) -> str:
    """The largest changes in words."""
    first = sorted(found, key=lambda change: -abs(change.difference) / max(change.error, 1e-300))
    return "; ".join(map(str, first[:2])) + f"; and {len(found) - 2} more" * (len(found) > 2)


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
