"""What all studies do with their results file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stochphys.training import sweep


def ended(
    function: Callable[..., Any],
    settings: Sequence[Mapping[str, Any]],
    seeds: Sequence[int],
    results: Path,
    retry: bool,
) -> list[dict[str, Any]]:
    """The rows of a `sweep` that have a result; leaves the program where it was stopped, since there
    is no table of a half."""
    rows = sweep(function, settings, seeds, results=results, retry=retry)
    if len(rows) < len(settings) * len(seeds):
        sys.exit(1)
    return [row for row in rows if "result" in row]
