"""From recorded paths to entropy production, by networks: the rate, its error bar, each step's ΔS."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from scipy.special import stdtrit
from torch import Tensor, nn

from .. import models, require
from ..data import Jumps, Trajectories, Windows
from ..device import Source, as_generator, spawn
from ..movie import Movie
from ..training import Callback, Ensemble, NotFinite, Objective, Run, fit
from .camera import NoiseLeft
from .checks import check, check_odd
from .cost import LOOKS, check_cost
from .doubts import SAMPLE, doubts_of_entropy, no_rate
from .jackknife import BLOCKS
from .one_way import irreversible_pairs
from .results import EntropyProduction, Recorded, at_once, bound, on_sample, rate_of, total
from .signs_of_data import examined
from .signs_of_movies import drowned_in_noise, free_of_frames

SLOW = 1e-3  # rate at which features of films learn, at most
PASSES = 10  # through a film between two looks at what networks make of held-out frames, at most
MANY = 5  # coordinates from which on areas come first
RECIPE: dict[str, Any] = dict(
    steps=600, lr=1e-2, schedule="cosine", batch_size=4096, validate_every=100, validate_first=12
)


def slow_features(parameters: Iterator[Tensor], lr: float) -> torch.optim.Optimizer:
    """For `FlowNEEP`, whose force is its first weights: where a step produces little, gradients are noise, and
    Adam moves all weights at random. What the force is made of moves slowly, or is gone before it is used."""
    force, *features = parameters
    groups: list[dict[str, Any]] = [dict(params=[force]), dict(params=features, lr=min(lr, SLOW))]
    return torch.optim.AdamW(groups, lr=lr, weight_decay=0, fused=True)


RECIPES: dict[type, dict[str, Any]] = {  # what a network wants otherwise
    models.AreaNEEP: dict(steps=1000, lr=2e-2),
    models.BilinearCNEEP: dict(steps=1000, lr=3e-3, batch_size=512, ema=0.99, validate_every=250),
    models.CNEEP: dict(steps=2000, lr=4e-3, batch_size=512, ema=0.99, validate_every=500),
    models.ForceNEEP: dict(steps=24, lr=2e-3, batch_size=2048, ema=0.99),
    models.FlowNEEP: dict(
        steps=2000,
        lr=5e-3,
        batch_size=192,
        ema=0.99,
        validate_every=125,
        validate_first=0,
        optimizer=slow_features,
    ),
    models.NEEP: dict(steps=1100, lr=2e-2, batch_size=2048, ema=0.99),
    models.RNEEP: dict(steps=1000, lr=3e-2, batch_size=512, ema=0.99, validate_every=500),
}


def infer_entropy_production(
    data: Recorded,
    *,
    generator: Source,
    frames: int = 2,
    reversal: Tensor | None = None,
    network: Callable[[], nn.Module] | None = None,
    objective: Objective | None = None,
    members: int = 5,
    fraction: float = 0.8,
    width: int = 32,
    callbacks: Sequence[Callback] = (),
    hours: float = 1.0,
    **options: Any,
) -> EntropyProduction:
    """Entropy production of a stationary process, from its recorded paths alone.

    Some of the paths are held out. An ensemble of networks learns from the others and is read off
    the held-out ones. The progress bar shows the current rate. The data choose the network:

    | data                                | network                          |
    |-------------------------------------|----------------------------------|
    | `Trajectories`                      | `NEEP`                           |
    | the same, 5 coordinates or more     | `AreaNEEP`                       |
    | errors of positions, open shutter   | `ForceNEEP`, free of them        |
    | `Trajectories(underdamped=True)`    | `UnderdampedNEEP`                |
    | `Jumps`, all states seen            | `JumpNEEP`                       |
    | `Jumps`, some hidden: `frames` > 2  | `RNEEP`                          |
    | `Jumps` with waiting times          | `OddJumpNEEP`, needs `reversal`  |
    | `Movie`                             | `FlowNEEP`                       |

    Of jumps without waiting times `word_plugin` is closer to the truth, and a thousand times cheaper, as
    long as most words of so many frames are seen both ways.

    No number is given where it would mean nothing, and `warnings` say why: what was learned does not
    hold on held-out data, or jumps were seen one way only.

    Args:
        data: at least ten paths that have a window.
        frames: successive frames that the network sees at once.
        reversal: for jumps in continuous time, the state that reversal makes of each state
            `(n_states,)`; `torch.arange(n_states)` where all are even.
        network: makes a member of your own instead, called once for each; it is given windows in
            the precision of the data.
        objective: what trains them; `neep_objective`, or `classifier_objective` for `frames` > 2,
            of jumps, where tails are heavy. The result is read off alike.
        members: networks in the ensemble.
        fraction: of the paths that train. With f of them the error bar is proportional to
            √(1/f + 1/(1 − f)): one half gives the narrowest, more gives better networks.
        width: of their layers.
        hours: of a movie, the longest training that is begun; `math.inf` asks nothing beforehand.
        callbacks, options: arguments of `training.fit`, in place of those of `RECIPE` and, for some
            networks, of `RECIPES`.

    Raises `ValueError` for too few paths, windows that are too long or not for these data, a
    `reversal` that is missing or no reversal, a network that is not odd, a coordinate that never changes, a movie that takes more than `hours` or than
    the free memory, and whatever `fit` refuses; `TypeError` for what is neither `Trajectories` nor
    `Jumps` nor a `Movie`. Before any work.

    Source: Kim, Bae, Lee, Jeong 2020, arXiv 2003.04166; odd variables: arXiv 2112.04681.
    """
    generator = as_generator(generator)
    if generator.device.type != "cpu":  # where weights are drawn
        generator = spawn(generator)
    require.integer(1, members=members, width=width)
    check(data, frames, reversal, options)
    data, said, *_ = look = examined(data)
    free = look.road is not None and network is None and objective is None
    free = free and data.with_windows(models.FRAMES).n_trajectories >= 10
    seen = models.FRAMES if free else frames
    train, held_out = data.with_windows(seen).split(fraction, generator=generator)
    learn, judges = Windows(train, seen), Windows(held_out, seen)
    bootstrapped = learn.bootstrap(members, generator=generator)
    assert bootstrapped.draws is not None

    def member(draw: Tensor) -> nn.Module:
        return default_network(train.take(draw), seen, reversal, width, generator, noise=look.road)

    first, *others = bootstrapped.draws
    if isinstance(network, nn.Module):
        raise TypeError(
            "network must make networks, one for each member: give its class, or a lambda"
        )
    networks = [network() if network else member(first)]
    if network:
        check_odd(networks[0], learn)
    recipe = RECIPE | RECIPES.get(type(networks[0]), {})
    if "validate_every" in options and recipe["validate_first"]:
        options = dict(validate_first=None) | options  # who says when to look means no other time
    if isinstance(train, Movie):  # of few frames the networks soon know each
        often = math.ceil(PASSES * len(learn) / recipe["batch_size"])
        recipe["validate_every"] = min(often, recipe["validate_every"])
    recipe |= options
    rare = frames > 2 and isinstance(data, Jumps)
    usual = models.classifier_objective if rare else models.neep_objective
    chosen = objective or (models.force_objective if free else usual)
    if isinstance(train, Movie):
        check_cost(networks[0], chosen, learn, judges, members, hours, recipe)
        judges = Windows(held_out, frames, every=1 + len(judges) // LOOKS)
    networks += [network() if network else member(draw) for draw in others]
    model = Ensemble(networks).to(data.x.device)

    def sum_of_parts(model: nn.Module, batch: Tensor) -> Tensor:
        return chosen(model, batch).view(members, -1).sum(1)

    time = held_out.dt * (frames - 1)
    callbacks = [CurrentRate(judges, time), *callbacks]
    watched: dict[str, Any] = dict(validation=judges, callbacks=callbacks)
    try:
        history = fit(model, sum_of_parts, bootstrapped, generator=generator, **watched, **recipe)
    except NotFinite as end:  # the model has its best weights so far
        history = end.history
    steps = Windows(held_out, frames, every=frames - 1)
    parts = on_sample(model, steps, len(steps))  # (parts, members, n_windows)
    entropy = total(model, parts)  # (members, n_windows)
    if free:  # each window says what its middle step produced
        parts = on_sample(model, judges, len(judges))
    read, h = (judges, total(model, parts)) if free else (steps, entropy)
    rates = torch.tensor([rate_of(read, each, time).rate for each in h], dtype=torch.float64)
    rate, luck = rate_of(read, h.mean(0), time)
    std = math.nan
    if members > 1:
        n = min(held_out.n_trajectories, BLOCKS)
        std = widened((rates.var().item(), members - 1), (luck**2, max(1, n - 1)))
    result = EntropyProduction(
        rate=rate,
        std=std,
        member_rates=rates,
        bound=bound(model, parts.mean(1)) / time,
        in_sample=bound(model, on_sample(model, learn, SAMPLE).mean(1)) / time,
        entropy=steps.laid(entropy.mean(0)),
        history=history,
        model=model,
        held_out=held_out,
        frames=frames,
        unit="jump" if isinstance(data, Jumps) and data.waiting is None else "unit time",
        warnings=said,
    )
    reasons = (*irreversible_pairs(data), *no_rate(result))
    if reasons or not look.steady:
        return replace(result, rate=math.nan, std=math.nan, warnings=(*said, *reasons))
    said = (*said, *doubts_of_entropy(result))
    if isinstance(data, Movie):
        told = free_of_frames(result) if look.factor != 1 else result
        drowned = tuple(drowned_in_noise(data, told.rate, told.std))
        rate, std = (math.nan, math.nan) if drowned else (told.rate, told.std)
        return replace(told, rate=rate, std=std, warnings=(*drowned, *said))
    rate, std, why = look.told(rate, std, free=free)
    return replace(result, rate=rate, std=std, warnings=(*why, *said))


def widened(*variances: tuple[float, int]) -> float:
    """Standard error of what has these variances, each with the degrees of freedom of its estimate: so
    wide that twice of it is a 95 % interval, as by Student's t with the degrees of freedom of the sum
    (Welch, Biometrika 34, 28 (1947)), taken to be no fewer than those of the default five members."""
    total = sum(variance for variance, _ in variances)
    freedom = total**2 / max(sum(v**2 / n for v, n in variances), 1e-300)
    return total**0.5 * float(stdtrit(max(4, freedom), 0.975) / stdtrit(math.inf, 0.975))


def default_network(
    data: Recorded,
    frames: int,
    reversal: Tensor | None,
    width: int,
    generator: torch.Generator,
    *,
    noise: NoiseLeft | None = None,
) -> nn.Module:
    """A network for these data; `noise`: what is known of it, for a `ForceNEEP`."""
    options: dict[str, Any] = dict(width=width, generator=generator)
    if isinstance(data, Trajectories):
        kind: Any = models.AreaNEEP if data.dim >= MANY else models.NEEP
        if noise is not None and frames == models.FRAMES:
            kind = partial(models.ForceNEEP, shape=noise.shape, steep=noise.steep)
        kind = models.UnderdampedNEEP if data.underdamped else kind
        return kind(data.dim, **options).to(data.x.device).standardise(data)
    if isinstance(data, Movie):
        flow = models.FlowNEEP(data.shape, frames=frames, **options)
        return flow.to(data.x.device).standardise(data)
    if reversal is not None:
        return models.OddJumpNEEP(reversal, **options).standardise(data)
    return (models.JumpNEEP if frames == 2 else models.RNEEP)(data.n_states, **options)


class CurrentRate(Callback):
    """Shows the rate that an ensemble finds in a sample of held-out windows while it trains, and ends
    the training where the held-out objective of every member has turned: its best weights are from
    the first quarter, and each look since then found worse ones."""

    def __init__(self, windows: Windows, time: float) -> None:
        movie = isinstance(windows.trajectories, Movie)
        self.sample, self.time = windows.sample(at_once(windows) if movie else 10_000), time

    @torch.no_grad()
    def after_validation(self, run: Run) -> dict[str, float]:
        assert isinstance(run.average, Ensemble)
        run.enough = 4 * (run.best_step.max().item() or run.settings.validate_every) < run.step
        self.sample = self.sample.to(run.draw.device)
        h = run.average.on_shared(self.sample).view(run.average.members, -1, len(self.sample))
        return {"sigma_dot": total(run.average, h.mean((0, 2))).item() / self.time}
