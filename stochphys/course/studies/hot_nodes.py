"""What a reading of dissipation node by node is worth, on filaments whose hot nodes differ.

Nodes that dissipate next to nothing are easily read right. So a score is given of all nodes, and of those
that dissipate.
"""

from math import nan
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...data import Trajectories
from ...device import Source, as_generator, make_generator
from ...inference import PlaceEntropy, dissipation_map, entropy_at, infer_entropy_production
from ...models import Areas, FlowNEEP
from ...simulators import simulate
from ...systems import ElasticNetwork, filament_camera, local_dissipation
from ...training import Ensemble, load_checkpoint
from .map_scores import blob_weights, correlation

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
LEAST = 0.05  # of the largest exact value: a node that has less does not dissipate
ALIKE = 0.2  # spread of exact values, std over mean, up to which r and slope say nothing


class NodeScore(NamedTuple):
    """How well so many nodes were read.

    Attributes:
        n: nodes.
        rms: root mean square of read − exact, over the mean of the exact values.
        within: fraction of the nodes that are read right within two standard errors.
        r, slope: correlation of read with exact values, and slope of the line through them; NaN where the
            exact values are alike.
        r_interval, slope_interval: 95 % of them, from networks and movies drawn anew.
    """

    n: int
    rms: float
    within: float
    r: float
    slope: float
    r_interval: tuple[float, float]
    slope_interval: tuple[float, float]


def dissipates(exact: Tensor) -> Tensor:
    """Which nodes produce 5 % of the largest exact value `(n,)`, or more."""
    return exact >= LEAST * exact.max()


def score_nodes(
    found: PlaceEntropy, exact: Tensor, *, generator: Source, draws: int = 1000
) -> dict[str, NodeScore]:
    """The score of the "all" nodes, and of those that "dissipate"; `draws`: bootstrap samples.

    Raises `ValueError` for another number of exact values.
    """
    if exact.shape != found.rate.shape:
        raise ValueError(
            f"exact must have the shape {tuple(found.rate.shape)}, got {tuple(exact.shape)}"
        )
    generator = as_generator(generator)
    members, n_movies, _ = found.readings.shape
    drawn = [
        found.readings[torch.randint(members, (members,), generator=generator)]
        .mean(0)[torch.randint(n_movies, (n_movies,), generator=generator)]
        .mean(0)
        for _ in range(draws)
    ]
    samples, off = torch.stack(drawn), found.rate - exact
    scores = {}
    for name, some in (
        ("all", torch.ones_like(exact, dtype=torch.bool)),
        ("dissipate", dissipates(exact)),
    ):
        x = exact[some]
        line = Line(nan, nan, (nan, nan), (nan, nan))
        if x.std() > ALIKE * x.mean():
            line = Line.of(found.rate[some], samples[:, some], x)
        scores[name] = NodeScore(
            len(x),
            (off[some].square().mean().sqrt() / x.mean()).item(),
            (off.abs() < 2 * found.std)[some].double().mean().item(),
            *line,
        )
    return scores


class Line(NamedTuple):
    """The last four numbers of a `NodeScore`."""

    r: float
    slope: float
    r_interval: tuple[float, float]
    slope_interval: tuple[float, float]

    @classmethod
    def of(cls, read: Tensor, samples: Tensor, exact: Tensor) -> "Line":
        """Of values read `(n,)`, and of `samples (draws, n)` of them."""
        from_mean = exact - exact.mean()

        def both(read: Tensor) -> tuple[Tensor, Tensor]:
            return correlation(read, exact), read @ from_mean / from_mean.square().sum()

        low, high = ([part.quantile(q).item() for part in both(samples)] for q in (0.025, 0.975))
        r, slope = (part.item() for part in both(read))
        return cls(r, slope, *zip(low, high, strict=True))


def least_force(train: Trajectories, fresh: Trajectories) -> Tensor:
    """What can be read of each coordinate where positions are known, `(n_trajectories, dim)`: with the best
    force that is linear in the state, fitted to one set of paths, on another. At dt → 0, as `entropy_at`."""
    areas = Areas.of(train)
    K, mean = areas.entropy_matrix(shrink=False), areas.mean[: train.dim]
    x = fresh.x.double() - mean

    def rate(x: Tensor, dt: float) -> Tensor:
        midpoint, step = (x[:, 1:] + x[:, :-1]) / 2, x.diff(dim=1)
        return ((midpoint @ K) * step).mean(1) / dt

    return 2 * rate(x, fresh.dt) - rate(x[:, ::2], 2 * fresh.dt)


def hot_nodes(
    *,
    hot: list[int],
    T_h: list[float],
    seed: int,
    movies: int = 300,
    frames: int = 400,
    dt: float = 0.01,
    members: int = 3,
    fresh: int = 100,
) -> dict[str, Any]:
    """Networks find forces in so many movies of filaments, and are read on `fresh` ones. They keep the force
    from which they start: training by the default recipe kept it, too, in 26 of 27 networks.

    Returns what is exact at each node, what was read there with its standard error, what blobs read off the map
    of the same networks, and what the positions would have told (`limit`).
    """
    generator = make_generator(seed)
    network = ElasticNetwork(hot=tuple(hot), T_h=tuple(T_h))
    camera, places = filament_camera(network), 6 * network.nodes - 0.5
    train, others = (simulate(network, n, frames, dt, generator=generator) for n in (movies, fresh))
    begin = process_time()
    found = infer_entropy_production(
        camera.film(train).recorded(), generator=generator, members=members, steps=1, progress=False
    )
    seconds = process_time() - begin
    film = camera.film(others).recorded()
    read, exact = entropy_at(found, places, film), local_dissipation(network).velocity
    known = least_force(train, others).view(fresh, -1, 2).sum(2)
    limit = PlaceEntropy(known.mean(0), known.std(0) / fresh**0.5, known[None], 0.0)
    scores = {}
    for name, values in (("read", read), ("limit", limit)):
        for which, score in score_nodes(values, exact, generator=generator).items():
            scores[f"{name}, {which}"] = score._asdict()
    return dict(
        exact=exact.tolist(),
        read=read.rate.tolist(),
        std=read.std.tolist(),
        blobs=blob_weights(dissipation_map(found, film).mean, places, 2).tolist(),
        limit=limit.rate.tolist(),
        rest=read.rest,
        scores=scores,
        cpu_seconds=seconds,
        cpu_seconds_reading=process_time() - begin - seconds,
    )


def pooled(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Of the rows of a sweep over `hot_nodes` for each set of hot nodes what all seeds say together: their
    number, the RMS of the nodes that dissipate, by blobs, at places and at the limit, and means of the rest."""
    sets: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        hot = zip(row["setting"]["hot"], row["setting"]["T_h"], strict=True)
        sets.setdefault(", ".join(f"{i} at {T:.0f}" for i, T in hot), []).append(row["result"])
    found: dict[str, dict[str, Any]] = {}
    for name, results in sets.items():
        exact = torch.tensor(results[0]["exact"])
        some, told = dissipates(exact), dict[str, Any](seeds=len(results), exact=exact)
        for kind in ("blobs", "read", "limit"):
            values = torch.tensor([result[kind] for result in results])
            off = (values - exact)[:, some]
            told[f"rms_{kind}"] = (off.square().mean().sqrt() / exact[some].mean()).item()
            told[kind] = values.mean(0)
        told["std"] = torch.tensor([result["std"] for result in results]).mean(0)
        for key in ("within", "r", "slope", "slope_interval"):
            values = torch.tensor([r["scores"]["read, dissipate"][key] for r in results])
            told[key] = values.double().mean(0).tolist()
        found[name] = told
    return found


def stored_filaments(name: str) -> tuple[Ensemble, ElasticNetwork]:
    """The networks of the checkpoint `32_filament_{name}`, made by `tools/make_checkpoints.py`, and the filaments
    that they have seen."""
    saved = load_checkpoint(CHECKPOINTS / f"32_filament_{name}.pt")
    (members, features), recipe = saved["state"]["weight"].shape[:2], saved["recipe"]
    system = ElasticNetwork(n=recipe["n"], hot=tuple(recipe["hot"]))
    size = dict(features=features, generator=make_generator(0))
    networks = [FlowNEEP(filament_camera(system).shape, **size) for _ in range(members)]
    ensemble = Ensemble(networks)
    ensemble.load_state_dict(saved["state"])
    return ensemble, system
