"""A pytest plugin: what a notebook may cost its reader, checked after each cell that nbval runs.

Processor time instead of the clock, so that a busy machine fails nobody; with one thread per
kernel (OMP_NUM_THREADS=1, as `make test` sets it) both agree on an idle one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest

CELL_SECONDS, NOTEBOOK_SECONDS = 60, 180
MEMORY = 0.9e9  # bytes; Binder ends a session at 2 GB, and the server needs some of it


def peak_memory(process: psutil.Process) -> int:
    """The most bytes the process has held so far; where only Linux knows, what it holds now."""
    status = Path(f"/proc/{process.pid}/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return process.memory_info().rss


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Any:
    kernel = getattr(item.parent, "kernel", None)
    if kernel is None:
        return (yield)
    process = psutil.Process(kernel.km.provisioner.pid)
    before = sum(process.cpu_times()[:2])
    result = yield
    total = sum(process.cpu_times()[:2])
    used = {
        "processor seconds in this cell": (total - before, CELL_SECONDS),
        "processor seconds in this notebook": (total, NOTEBOOK_SECONDS),
        "bytes of memory": (peak_memory(process), MEMORY),
    }
    over = [f"{n:.3g} {what} ({most:.3g} at most)" for what, (n, most) in used.items() if n > most]
    assert not over, "over the budget of a notebook: " + ", ".join(over)
    return result
