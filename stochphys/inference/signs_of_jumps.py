"""What jumps between states show before anything is inferred: states that are never visited, pairs that
are seen one way only, and whether the time spent in each changes."""

from collections.abc import Iterator

import torch
from torch.nn.functional import one_hot

from ..data import Jumps, Windows
from .changes import Change, changes, told
from .one_way import irreversible
from .signs import clock

STATES = 50  # the most visited ones, of which occupations are compared
LEAST = 0.01  # of all frames


def facts_of_jumps(jumps: Jumps) -> Iterator[str]:
    n = jumps.n_trajectories
    n_steps = len(Windows(jumps))
    yield (
        f"{n} path{'s' * (n > 1)} through {jumps.n_states} states, {n_steps} "
        f"{'steps' if jumps.waiting is None else 'jumps'} of {jumps.dt:.4g} on average."
    )
    i, j, count = pairs(jumps)
    edges = {(a, b) for a, b in zip(i.tolist(), j.tolist(), strict=True) if a != b}
    links = len({frozenset(edge) for edge in edges})
    parts = len(torch.cat((i, j)).unique())
    loops = links - parts + 1  # if all states are linked
    if loops < 1:
        yield (
            "The states lie on a tree: no current can flow round, so that pairs of frames show no dissipation."
        )
    else:
        resolved = 3 * (8 * loops) ** 0.5 / int(count[i != j].sum())
        unit = "jump from one state to another"
        yield (
            f"A steady entropy production above {resolved:.2g} per {unit} could be told from zero here (3 standard "
            f"errors in equilibrium, of {loops} loop{'s' * (loops > 1)})."
        )


def pairs(jumps: Jumps) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Which pairs of states follow each other, and how often `(n_kinds,)` each."""
    seen = Windows(jumps).apart()
    states = seen[..., 0] if jumps.waiting is not None else seen  # (n_windows, 2)
    kind, n = (states[:, 0].long() * jumps.n_states + states[:, 1].long()).unique(
        return_counts=True
    )
    return kind // jumps.n_states, kind % jumps.n_states, n


def signs_of_jumps(jumps: Jumps) -> Iterator[str]:
    """All that is doubtful about jumps."""
    i, j, n = pairs(jumps)
    yield from irreversible(jumps, i * jumps.n_states + j, n)
    yield from unseen(jumps)
    yield from not_steady_occupation(jumps)


def unseen(jumps: Jumps) -> Iterator[str]:
    """Whether states exist that no path visits."""
    visits = torch.bincount(jumps.x.flatten().long().cpu(), minlength=jumps.n_states)
    if len(never := (visits == 0).nonzero().flatten().tolist()):
        names = jumps.names or [str(k) for k in range(jumps.n_states)]
        which = ", ".join(names[k] for k in never[:6]) + ", …" * (len(never) > 6)
        yield (
            f"Never visited: {len(never)} of {jumps.n_states} states ({which}). They are too rare for these data, "
            "numbers begin with 1, or n_states is too large: a longer record tells."
        )


def occupations(jumps: Jumps) -> list[Change]:
    """How the share of the most visited states changes, where it does for certain."""
    rows, path, time = clock(jumps)
    x = jumps.x.flatten()[rows].long().cpu()
    often, which = torch.bincount(x, minlength=jumps.n_states).sort(descending=True)
    which = which[: min(STATES, int((often > 0).sum()))]
    if len(which) < 2:
        return []
    names = jumps.names or [str(k) for k in range(jumps.n_states)]
    values = one_hot(x, jumps.n_states)[:, which].double()
    found = changes(values, path, time, [f"the share of state {names[k]}" for k in which.tolist()])
    return [change for change in found if change.clear(LEAST)]


def not_steady_occupation(jumps: Jumps) -> Iterator[str]:
    if found := occupations(jumps):
        yield (
            f"Not steady: {told(found)}. Relaxation from how the paths were begun, or rates that change with "
            "time: take the later frames alone; if they still change, it is the rates."
        )
