r"""The search of a network: how long SGD takes to hit a held-out loss below a target.

Walkers start from one checkpoint and are sent back to it at random. With a fixed checkpoint and
batches drawn anew, each excursion is a renewal, so that excursions without resets tell the mean time
for every reset probability.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor, nn

from ... import require
from ...brief import Brief
from ...device import Source, as_generator
from ...estimate import Averages
from ...training import Callback, Ensemble, Labelled, Resetting, Run, classify, fit
from .digits import RECIPE


class Looks(Callback):
    """Looks at the held-out loss after the steps `ages`: `losses`, `(n_ages, members)`.

    Given to `fit` after `Resetting`, it sees what a validation at that step would see.
    """

    def __init__(self, validation: Labelled, ages: Tensor) -> None:
        self.batch = validation[torch.arange(len(validation))]
        self.row = {age: i for i, age in enumerate(ages.tolist())}
        self.losses = torch.empty(0)

    def before_training(self, run: Run) -> None:
        self.losses = torch.empty(len(self.row), *run.best_step.shape)

    @torch.no_grad()
    def after_step(self, run: Run) -> None:
        if run.step in self.row:
            shared = [t.expand(*run.best_step.shape, *t.shape) for t in self.batch]
            self.losses[self.row[run.step]] = classify()(run.model, shared)


@dataclass(frozen=True, eq=False)
class Walks(Brief):
    """Walks from one checkpoint: with resets, and free ones that predict them."""

    p_reset: tuple[float, ...]  # the probabilities; the first may be 0
    looks: Tensor  # steps after which was looked, (n_looks,)
    losses: Tensor  # of the walkers, (n_looks, len(p_reset), walkers)
    ages: Tensor  # steps after which free excursions were looked at, (n_ages,)
    free: Tensor  # their losses, (n_ages, excursions)

    def hitting_times(self, target: float) -> "HittingTimes":
        """When the walkers first showed a loss below `target`, for each `p_reset`."""
        return HittingTimes(_first(self.losses < target, self.looks), float(self.looks[-1]))

    def predict(self, target: float, p_reset: Sequence[float], *, generator: Source) -> Tensor:
        """Mean times from free excursions alone, with ± one standard error by bootstrap: rows are the
        prediction, its lower and its upper bound, `(3, len(p_reset))`."""
        generator = as_generator(generator)
        every = int(self.looks[1] - self.looks[0])
        hits = free_hitting_times(self.free, self.ages, target, every)
        n = hits.shape[1]
        again = [hits[:, torch.randint(n, (n,), generator=generator)] for _ in range(20)]
        times = torch.tensor([[renewal_time(h, p) for p in p_reset] for h in (hits, *again)])
        bounds = torch.tensor([0.16, 0.84])
        low, high = times[1:].quantile(bounds, 0, interpolation="nearest")  # some may be inf
        return torch.stack((times[0], low, high))


def record_walks(
    checkpoint: nn.Module,
    p_reset: tuple[float, ...],
    *,
    train: Labelled,
    validation: Labelled,
    walkers: int,
    excursions: int,
    generator: Source,
    longest: int = 1500,
) -> Walks:
    """SGD walkers from one checkpoint, with resets to it, and free excursions: two runs of `fit` by
    the `RECIPE` of the digits, at a constant learning rate.

    There are as many `walkers` for each of `p_reset`, the probability of a reset after each step.
    They are looked at every 10 steps until `longest`; excursions after each of their first 40
    steps, where most resets come, then as often as walkers, up to 300. `train` and `validation` are
    those of one network, labels `(n,)`; each walker draws batches of its own.
    """
    generator = as_generator(generator)

    def walk(p_reset: tuple[float, ...], walkers: int, ages: Tensor) -> Tensor:
        """Held-out losses after the steps `ages`, `(n_ages, len(p_reset), walkers)`."""
        crowd = Ensemble([checkpoint] * (len(p_reset) * walkers))
        p = torch.tensor(p_reset, dtype=torch.float64).repeat_interleave(walkers)
        resets = Resetting(p, to=crowd.state_dict(), generator=generator)
        looks, steps = Looks(validation, ages), int(ages[-1])
        how = RECIPE | dict(steps=steps, validate_every=steps, keep="newest", generator=generator)
        fit(crowd, classify(), train, callbacks=[resets, looks], **how)
        return looks.losses.unflatten(1, (len(p_reset), walkers))

    looks = torch.arange(10, longest + 1, 10)
    ages = torch.cat((torch.arange(1, 41), torch.arange(50, min(300, longest) + 1, 10)))
    free = walk((0.0,), excursions, ages)[:, 0]
    return Walks(p_reset, looks, walk(p_reset, walkers, looks), ages, free)


@dataclass(frozen=True, eq=False)
class HittingTimes(Brief):
    """When walkers first hit a target, some of them cut short."""

    times: Tensor  # (…, walkers), inf for those who had not arrived after `longest`
    longest: float

    @property
    def restricted(self) -> Tensor:
        """min(T, longest), which is always known."""
        return self.times.clamp(max=self.longest)

    @property
    def hits(self) -> Tensor:
        """How many arrived, `(…)`."""
        return self.times.isfinite().sum(-1)

    def restricted_mean(self) -> Averages:
        """⟨min(T, longest)⟩ and its standard error, each `(…)`: no model, a lower bound of ⟨T⟩."""
        spread = self.restricted.std(-1) / self.restricted.shape[-1] ** 0.5
        return Averages(self.restricted.mean(-1), spread)

    def cv(self) -> Averages:
        r"""Standard deviation over mean of min(T, longest), and its standard error, each `(…)`.

        Resets help at small rates if it exceeds 1. Where walkers were cut short it is a lower bound
        of the CV of T. For let a share q of the walkers have a mean μ ≥ c = `longest`, and the others
        times below c, with mean and mean square $m_1$ and $m_2$ if the rest counts 0. Then

        $$1 + \mathrm{CV}^2 \ge \frac{m_2 + q\mu^2}{(m_1 + q\mu)^2},$$

        and the right-hand side grows with μ for $\mu \ge m_2/m_1$, which is less than c.
        """
        x = self.restricted
        mean, std = x.mean(-1, keepdim=True), x.std(-1, keepdim=True)
        u, cv = (x - mean) / std, std / mean
        # What each walker adds to an error of std/mean, to first order.
        influence = cv * ((u**2 - 1) / 2 - cv * u)
        return Averages(cv[..., 0], influence.std(-1) / x.shape[-1] ** 0.5)


def free_hitting_times(losses: Tensor, ages: Tensor, target: float, every: int = 10) -> Tensor:
    """First hits of free excursions, for each moment at which they may begin between two looks.

    Who begins s steps before a look is looked at after s, s + `every`, s + 2 `every`, … steps. The
    `losses (n_ages, walkers)` are those of excursions without resets, `ages` rise from 1. An age that
    is not among them is judged by the next one that is; with all ages up to several times `every`
    the error is small.

    Returns ages at the first hit, `(every, walkers)`, inf where there is none. Row s is who begins s
    steps before a look; row 0 is who begins with one.
    """
    below, rows = losses < target, []
    for begin in range(every):
        looks = torch.arange(begin or every, int(ages[-1]) + 1, every)
        rows.append(_first(below[torch.searchsorted(ages, looks)], looks))
    return torch.stack(rows)


def _first(below: Tensor, ages: Tensor) -> Tensor:
    times = ages.double()[below.int().argmax(0)]
    return torch.where(below.any(0), times, torch.inf)


def renewal_time(first_hits: Tensor, p_reset: float) -> float:
    r"""Mean hitting time with resets, from free excursions alone.

    Each step moves the walker, then resets it with probability p, then the clock may say: look. An
    excursion that begins s steps before a look ends by a hit if no reset comes within its $T_s$
    steps; with $z = 1 - p$ it lasts $(1 - \langle z^{T_s}\rangle)/p$ on average, and another one
    follows if a reset ends it, j steps later and so s − j (modulo `every`) before a look:

    $$M_s = \frac{1 - \langle z^{T_s}\rangle}{p}
      + \sum_{j \ge 1} p z^{j-1} P(T_s \ge j)\, M_{s-j}.$$

    With a look after each step this is $M = (1 - \langle z^T\rangle)/(p \langle z^T\rangle)$, the
    formula of continuous time with a sum in place of Laplace's integral. Excursions that were cut
    short count as if they never arrived, which is nothing once $z^{\text{longest}} \ll 1$.

    Args:
        first_hits: from `free_hitting_times`, `(every, walkers)`.
        p_reset: in (0, 1), else `ValueError`.

    Returns $M_0$, in steps, for walkers that begin with the clock; inf if hardly an excursion arrives
    before its reset, fewer than one in 10¹².

    Source: renewal argument of Evans and Majumdar, PRL 106, 160601 (2011), here for discrete time.
    """
    require.within("(0, 1)", hint="at 0 there is no renewal", p_reset=p_reset)
    every = len(first_hits)
    T, z, p = first_hits.double(), 1 - p_reset, p_reset
    arrives = (z**T).mean(1)
    if arrives.max() < 1e-12:  # the equations are singular to rounding
        return inf
    lasts = (1 - arrives) / p
    # The sum over j in steps of `every`, all of which lead to the same s − j: a geometric series.
    j, s = torch.arange(1, every + 1)[:, None], torch.arange(every)
    first = j[..., None].double()  # (every, 1, 1), beside T (every, walkers)
    terms = ((T - first).div(every).floor() + 1).clamp(min=0)
    weight = p * z ** (first - 1) * (1 - z ** (every * terms)) / (1 - z**every)
    step = torch.zeros(every, every, dtype=torch.float64)
    step[s, (s - j) % every] = weight.mean(-1)  # (j, s)
    return torch.linalg.solve(torch.eye(every, dtype=torch.float64) - step, lasts)[0].item()
