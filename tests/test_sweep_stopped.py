"""A sweep whose process is killed or interrupted, and one whose worker is, loses no run that ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import pytest
import torch

from stochphys.device import make_generator
from stochphys.models import MLP
from stochphys.training import Labelled, classify, fit
from stochphys.training.sweep import sweep

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]


@pytest.fixture
def quietly(tmp_path: Path) -> Any:
    return partial(sweep, results=tmp_path / "results.jsonl", progress=False)


def lines(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(x) for x in (tmp_path / "results.jsonl").read_text().splitlines()]


SLOW = """
import sys, time
from pathlib import Path
from stochphys.training.sweep import sweep

def slow(a, *, seed):
    with open("begun", "a") as file:
        file.write(f"{seed}\\n")
    if not Path("go").exists() and seed == 3:
        time.sleep(60)
    return a + seed

if __name__ == "__main__":
    rows = sweep(slow, [dict(a=1)], range(6), results="results.jsonl", progress=False)
    print([row["result"] for row in rows])
"""


def start(folder: Path) -> subprocess.Popen[str]:
    (folder / "slow.py").write_text(SLOW)
    return subprocess.Popen(
        [sys.executable, "slow.py"], cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for(ready: Any) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def begun(folder: Path) -> list[str]:
    return (folder / "begun").read_text().split() if (folder / "begun").exists() else []


def test_a_killed_sweep_goes_on_and_repeats_nothing(tmp_path):
    """Killed within the fourth run, which tears a line; and a second process was refused."""
    first = start(tmp_path)
    wait_for(lambda: len(begun(tmp_path)) == 4)
    second = start(tmp_path)
    assert "is being written by another process" in second.communicate(timeout=60)[1]
    first.kill()
    first.communicate()
    assert len(lines(tmp_path)) == 3
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write('{"key": "0123", "resu')
    (tmp_path / "go").touch()
    output, errors = start(tmp_path).communicate(timeout=60)
    assert output == "[1, 2, 3, 4, 5, 6]\n", errors
    assert begun(tmp_path) == ["0", "1", "2", "3", "3", "4", "5"]
    output, _ = start(tmp_path).communicate(timeout=60)  # the torn line stays and does no harm
    assert output == "[1, 2, 3, 4, 5, 6]\n" and len(begun(tmp_path)) == 7


def test_an_interrupted_sweep_returns_what_there_is(tmp_path):
    process = start(tmp_path)
    wait_for(lambda: len(begun(tmp_path)) == 4)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert output == "[1, 2, 3]\n" and "stopped after 3 of 6 runs" in errors
    assert process.returncode == 0 and len(lines(tmp_path)) == 3


def long_fit(*, seed: int) -> int:
    """A training that is interrupted on seed 1 and ends early, as `fit` does."""
    x, g = torch.randn(20, 3, generator=make_generator(seed)), make_generator(seed)
    data = Labelled(x, torch.arange(20) % 2, 2)
    if seed == 1:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    model = MLP((3, 2), generator=g)
    fit(model, classify(), data, steps=10**9 if seed else 5, generator=g, progress=False)
    return seed


def test_half_a_training_is_no_result(quietly, tmp_path):
    with pytest.warns(UserWarning, match="stopped after 1 of 3"):
        rows = quietly(long_fit, [{}], (0, 1, 2))
    assert [row["seed"] for row in rows] == [0] and len(lines(tmp_path)) == 1


def deadly(path: str, *, seed: int) -> int:
    """Its process is killed on seed 2, until the file is there; keeps who began."""
    with Path(f"{path}-begun").open("a") as file:
        file.write(f"{seed} ")
    if seed == 2 and not Path(path).exists():
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.2)
    return seed


def test_a_killed_worker_is_a_failure_of_its_run_alone(quietly, tmp_path):
    settings, begun = [dict(path=str(tmp_path / "mended"))], tmp_path / "mended-begun"
    with joblib.parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
        with pytest.warns(UserWarning, match=r"1 of 6 runs failed(.|\n)*seed 2: Terminated.*KILL"):
            rows = quietly(deadly, settings, range(6))
        assert [row.get("result") for row in rows] == [0, 1, None, 3, 4, 5]
        assert sorted(lines(tmp_path), key=lambda row: row["seed"]) == rows
        begun.unlink()
        with pytest.warns(UserWarning, match="1 of 6 runs failed"):
            assert quietly(deadly, settings, range(6)) == rows
        assert not begun.exists()  # nothing ran again
        (tmp_path / "mended").touch()
        rows = quietly(deadly, settings, range(6), retry=True)
    assert [row["result"] for row in rows] == list(range(6))
    assert begun.read_text().split() == ["2"]
