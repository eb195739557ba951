"""How something changes in the time of a film: from its first to its last third, or in steps that all go one
way. More than by luck, or not."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.special import stdtrit
from torch import Tensor

from ..brief import Brief

BLOCKS = 12  # of the time of the film: the first and the last four are compared
MANY = 10  # paths from which on their own spread is the error
SKEW = 0.6  # part of the values below their mean, half for even ones: squares have two thirds
LUCK = 1e-3  # with which any of the tests of one film fires where all is steady


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


def trends(values: Tensor, path: Tensor, names: Sequence[str]) -> list[Change]:
    """What `changes` takes for slow: a trend that is no straight line. Of few paths of one length, in the order
    of their times, steps from block to block whose mean is beyond their own spread (Student); of a free
    particle, or of anything that comes back, it is not."""
    n_paths = len(path.unique())
    if n_paths >= MANY or len(values) % n_paths or len(values) < n_paths * BLOCKS:
        return []
    blocks = values.view(n_paths, -1, values.shape[1]).tensor_split(BLOCKS, 1)
    means = torch.stack([block.mean(1) for block in blocks], 1)  # (n_paths, BLOCKS, k)
    step, far = means.diff(dim=1).flatten(0, 1), BLOCKS * 2 // 3  # from first to last third
    error = far * step.std(0) / len(step) ** 0.5
    allowed = -float(stdtrit(len(step) - 1, LUCK / (4 * len(names))))
    thirds = means.mean(0).unflatten(0, (3, -1)).mean(1).T.tolist()
    return [
        Change(name, (a, b, c), e, allowed)
        for name, (a, b, c), e in zip(names, thirds, error.tolist(), strict=True)
    ]


def clear_changes(
    values: Tensor, path: Tensor, time: Tensor, names: Sequence[str], least: Sequence[float]
) -> list[Change]:
    """Those of both that are no luck, and at least so large; each name once."""
    found: dict[str, Change] = {}
    for test in (trends(values, path, names), changes(values, path, time, names)):
        clear = (c for c, size in zip(test, least, strict=False) if c.clear(size))
        found |= {change.name: change for change in clear}
    return list(found.values())


def told(found: Sequence[Change]) -> str:
    """The largest changes in words."""
    first = sorted(found, key=lambda change: -abs(change.difference) / max(change.error, 1e-300))
    return "; ".join(map(str, first[:2])) + f"; and {len(found) - 2} more" * (len(found) > 2)
