"""Speed and memory, as ratios against a baseline that runs in the same process at the same time.

Absolute times say more about the machine than about the code; a ratio survives another processor
and a busy one. `python -m benchmarks` prints every table. The targets stand beside the figures.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch


def cpu_seconds(tasks: dict[str, Callable[[], object]], repeats: int = 9) -> dict[str, float]:
    """Processor time of each task, the least of `repeats` rounds in which the tasks take turns.

    Processor time does not count what other programs take, and the least of several rounds is the
    one that they disturbed least. Turns spread a slow minute over all tasks alike.
    """
    best = dict.fromkeys(tasks, float("inf"))
    for task in tasks.values():  # the first call pays for imports, caches and page tables
        task()
    for _ in range(repeats):
        for name, task in tasks.items():
            begin = time.process_time()
            task()
            best[name] = min(best[name], time.process_time() - begin)
    return best


def print_header(title: str) -> None:
    """What a reader needs to know to compare these figures with others."""
    cpu = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        models = [
            line.split(":")[1].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        cpu = f"{models[0]}, {len(models)} processors" if models else cpu
    print(f"\n## {title}\n")
    print(
        f"{cpu}; {torch.backends.cpu.get_cpu_capability()}; Python {platform.python_version()}, "
        f"torch {torch.__version__}, {torch.get_num_threads()} thread"
    )


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table in markdown; numbers with three digits."""

    def text(value: object) -> str:
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    lines = [[text(value) for value in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(columns, *lines, strict=True)]
    print()
    for line in (columns, ["-" * width for width in widths], *lines):
        print("| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |")


def verdict(value: float, least: float | None = None, most: float | None = None) -> str:
    """The target and whether it is met, for the last column of a table."""
    fine = (least is None or value >= least) and (most is None or value <= most)
    target = f"≥ {least:g}" if most is None else f"≤ {most:g}"
    return f"{target} {'met' if fine else 'MISSED'}"
