"""What every notebook does first: one seed, one look, one place that decides how much work is done; and
where it finds what a study measured.

Physics and plots live elsewhere; a script that uses the package needs nothing from here.
"""

import json
import os
import platform
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

import torch

from .. import __version__, require
from ..device import make_generator, pick_device

SIZES = ("quick", "default", "paper")
Means = list[tuple[dict[str, Any], dict[str, tuple[float, float]]]]


def setup(seed: int = 0, *, quiet: bool = False) -> torch.Generator:
    """Prepare a notebook and print one line that says what it runs on; safe to run again.

    Sets the figure style, and seeds torch's own source of random numbers, from which come the start
    weights of the networks that a page writes out itself. On the CPU torch computes in one thread:
    small networks gain nothing from a second one, and where another program takes its core, all wait
    for it, and a notebook lasts many times as long. At the paper's size, on a machine of your own,
    `torch.set_num_threads` may pay.

    Returns a generator on the CPU, seeded with `seed`: the source of all other random numbers. Raises
    `ValueError` if STOCHPHYS_SIZE is set to an unknown size.
    """
    from IPython import get_ipython

    from ..widgets.style import use_style

    size = size_name()
    use_style()
    shell = get_ipython()
    if hasattr(shell, "kernel"):
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("png")
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    if not quiet:
        print(
            f"stochphys {__version__}, Python {platform.python_version()}, "
            f"torch {torch.__version__}, device {pick_device()}, sizes: {size}, seed {seed}"
        )
    return make_generator(seed)


def size_name(size: str | None = None) -> str:
    """`size`, or else the environment variable STOCHPHYS_SIZE, or else "default"; checked."""
    name = size or os.environ.get("STOCHPHYS_SIZE") or "default"
    require.one_of(SIZES, **{"size" if size else "STOCHPHYS_SIZE": name})
    return name


def sizes(
    *,
    quick: dict[str, Any],
    default: dict[str, Any],
    paper: dict[str, Any],
    size: str | None = None,
) -> SimpleNamespace:
    """The numbers that decide how long a notebook runs, in one of three sizes.

    Args:
        quick: enough to see that the code runs, for tests.
        default: what a learner runs, on two CPU cores.
        paper: the scale of the publication, for a GPU.
        size: one of these names; without it the environment variable STOCHPHYS_SIZE, or "default".

    Returns the chosen numbers as attributes, and `name`; raises `ValueError` for an unknown size, or
    sizes that do not name the same numbers.

    Example:
        `size = sizes(quick=dict(steps=20), default=dict(steps=1500), paper=dict(steps=100_000))`,
        then `fit(…, steps=size.steps)`. The paper's scale is one argument away: `size="paper"`.
    """
    choices = dict(zip(SIZES, (quick, default, paper), strict=True))
    for name, numbers in choices.items():
        if odd := sorted(numbers.keys() ^ default.keys()):
            raise ValueError(f"quick, default and paper must name the same numbers; {name}: {odd}")
    name = size_name(size)
    return SimpleNamespace(name=name, **choices[name])


def stored(name: str) -> list[dict[str, Any]]:
    """The rows of a study that takes longer than a page may, as `tools/run_studies.py` stored them.

    Each row is one of `training.sweep`: `setting`, `seed`, `result` and what else belongs to a run.
    Raises `ValueError` for a study that is not stored.
    """
    folder = files("stochphys") / "course/results"
    names = sorted(path.name for path in folder.iterdir())
    require.one_of([n.removesuffix(".jsonl") for n in names if n.endswith(".jsonl")], study=name)
    lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def averages(rows: list[dict[str, Any]]) -> Means:
    """Of the rows of a study each setting, and of each number in its results the mean over the seeds and
    the standard error of this mean."""
    seeds: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        seeds.setdefault(json.dumps(row["setting"]), []).append(row["result"])
    found = []
    for setting, results in seeds.items():
        numbers = {}
        for name in results[0]:
            values = torch.tensor([float(result[name]) for result in results])
            numbers[name] = values.mean().item(), (values.std() / len(values) ** 0.5).item()
        found.append((json.loads(setting), numbers))
    return found
