"""A pytest plugin: what each notebook costs its reader, a bound on its memory, and what in the fast
lane is not fast.

Processor seconds are reported at the end of the run, for a person to read: on a busy machine they
grow, so nothing fails by them. Memory does not, and Binder ends a session that takes too much.
"""

import os
from pathlib import Path
from typing import Any

import psutil
import pytest

MEMORY = 0.9e9  # bytes; Binder ends a session at 2 GB, and the server needs some of it
FAST = 1.0  # processor seconds of a test without a marker, fixtures that it is first to ask for too
BEGUN = pytest.StashKey[float]()


def processor_seconds() -> float:
    """Of this process and of the children that have ended."""
    return sum(os.times()[:4])


def peak_memory(process: psutil.Process) -> int:
    """The most bytes the process has held so far; where only Linux knows, what it holds now."""
    status = Path(f"/proc/{process.pid}/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return process.memory_info().rss


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Any:
    item.stash[BEGUN] = processor_seconds()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Any:
    kernel = getattr(item.parent, "kernel", None)
    if kernel is None:
        try:
            return (yield)
        finally:
            spent = processor_seconds() - item.stash[BEGUN]
            item.user_properties.append(("seconds", spent))
    process = psutil.Process(kernel.km.provisioner.pid)
    before, held = sum(process.cpu_times()[:2]), peak_memory(process)
    result = yield
    total, memory = sum(process.cpu_times()[:2]), peak_memory(process)
    item.user_properties.append(("notebook", (item.path.stem, total - before, total, memory)))
    # Only the cell that passes the bound fails, not all those after it.
    assert not held < MEMORY <= memory, (
        f"{memory:.3g} bytes of memory are over the {MEMORY:.2g} of a notebook"
    )
    return result


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [r for rs in terminalreporter.stats.values() for r in rs]
    costs: dict[str, tuple[float, float, float]] = {}
    unmarked: list[tuple[float, str]] = []
    for report in reports:
        for key, value in getattr(report, "user_properties", []):
            if report.when != "call":
                continue
            if key == "seconds" and value > FAST and not {"slow", "weekly"} & set(report.keywords):
                unmarked.append((value, report.nodeid))
            if key == "notebook":
                name, cell, total, memory = value
                longest, seconds, peak = costs.get(name, (0.0, 0.0, 0.0))
                costs[name] = max(longest, cell), max(seconds, total), max(peak, memory)
    if costs:
        terminalreporter.section("cost of the notebooks")
        terminalreporter.write_line(
            f"{'processor seconds of:':24} longest cell   all    peak memory"
        )
        for name, (longest, seconds, peak) in sorted(costs.items()):
            terminalreporter.write_line(
                f"{name:24} {longest:10.1f} {seconds:8.1f} {peak / 1e6:9.0f} MB"
            )
    if unmarked:
        terminalreporter.section(f"over {FAST:g} processor seconds, and not marked slow")
        for spent, name in sorted(unmarked, reverse=True):
            terminalreporter.write_line(f"{spent:8.1f} {name}")
