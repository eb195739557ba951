"""A sweep runs everything once, what cannot be swept is refused before any run, and a sweep whose
process is killed or interrupted, or whose worker is, loses no run that ended."""

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
from filelock import FileLock

from stochphys.device import make_generator
from stochphys.estimate import Estimate
from stochphys.models import MLP
from stochphys.training import Labelled, classify, fit
from stochphys.training.sweep import sweep

ROOT = Path(__file__).parents[1]


def add(a: float, b: float = 0.0, *, seed: int) -> dict[str, Any]:
    return dict(sum=a + b + seed, threads=torch.get_num_threads(), process=os.getpid())


def other(a: float, *, seed: int) -> float:
    return -a


def fragile(path: str, *, seed: int) -> int:
    """Fails on seed 1 until the file is there."""
    if seed == 1 and not Path(path).exists():
        raise ArithmeticError("diverged at step 7")
    return seed


def ends(how: str, *, seed: int) -> None:
    if how == "exit":
        sys.exit(3)
    raise ValueError("two\nlines") from KeyError("one")


def spoils(layers: list[int], *, seed: int) -> int:
    layers.append(1)
    return len(layers)


class Holder:
    value = 1

    def method(self, *, seed: int) -> int:
        return self.value


def returns(kind: str, *, seed: int) -> Any:
    return {
        "estimate": Estimate(rate=2.0, std=0.5, warnings=("few",)),
        "0-d": torch.tensor(1.5, dtype=torch.float64),
        "0-d in a dict": {"a": [torch.tensor(2)]},
        "vector": torch.zeros(2),
        "object": object(),
    }[kind]


@pytest.fixture
def quietly(tmp_path: Path) -> Any:
    return partial(sweep, results=tmp_path / "results.jsonl", progress=False)


def lines(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(x) for x in (tmp_path / "results.jsonl").read_text().splitlines()]


def test_every_setting_with_every_seed_in_order_and_each_once(quietly, tmp_path):
    rows = quietly(add, [dict(a=1.0), dict(a=2.0, b=0.5)], (3, 1))
    assert [row["result"]["sum"] for row in rows] == [4.0, 2.0, 5.5, 3.5]
    assert [row["seed"] for row in rows] == [3, 1, 3, 1]
    assert rows[2]["setting"] == dict(a=2.0, b=0.5)
    assert rows[0]["versions"]["torch"] == torch.__version__ and rows[0]["seconds"] >= 0
    assert lines(tmp_path) == rows
    again = quietly(add, [dict(a=2.0, b=0.5), dict(a=1.0)], (1, 2))
    assert [row["result"]["sum"] for row in again] == [3.5, 4.5, 2.0, 3.0]
    assert len(lines(tmp_path)) == 6  # the two with seed 2 are new


def test_settings_that_differ_in_the_last_digit_are_two(quietly, tmp_path):
    a = 0.1 + 0.2
    quietly(add, [dict(a=0.3), dict(a=a)], [0])
    quietly(add, [dict(a=a), dict(a=0.3)], [0])
    assert [row["setting"]["a"] for row in lines(tmp_path)] == [0.3, a]


def test_another_function_has_runs_of_its_own(quietly, tmp_path):
    assert quietly(add, [dict(a=1.0)], [0])[0]["result"]["sum"] == 1
    assert quietly(other, [dict(a=1.0)], [0])[0]["result"] == -1
    assert len(lines(tmp_path)) == 2


def test_a_failure_is_recorded_listed_and_repeated_when_asked(quietly, tmp_path):
    settings, seeds = [dict(path=str(tmp_path / "mended"))], (0, 1, 2)
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"1 of 3 runs failed(.|\n)*seed 1: Arithm.* step 7"):
            rows = quietly(fragile, settings, seeds)
        assert ["result" in row for row in rows] == [True, False, True]
        assert "in fragile" in rows[1]["error"]  # the traceback says where
    assert len(lines(tmp_path)) == 3
    (tmp_path / "mended").touch()
    rows = quietly(fragile, settings, seeds, retry=True)
    assert [row["result"] for row in rows] == [0, 1, 2]
    assert len(lines(tmp_path)) == 4 and quietly(fragile, settings, seeds) == rows


def test_all_ways_to_end_are_failures_told_in_full(quietly):
    with pytest.warns(
        UserWarning, match=r"seed 0: SystemExit: 3\n(.|\n)*: ValueError: two\nlines$"
    ):
        rows = quietly(ends, [dict(how="exit"), dict(how="raise")], [0])
    assert ["error" in row for row in rows] == [True, True]


def test_each_run_gets_the_setting_as_it_was_given_and_every_seed(quietly):
    settings = [dict(layers=[5]), dict(layers=[5, 6])]
    rows = quietly(spoils, (setting for setting in settings), (seed for seed in (0, 1)))
    assert [row["result"] for row in rows] == [2, 2, 3, 3]
    assert (
        settings == [row["setting"] for row in rows[::2]] == [dict(layers=[5]), dict(layers=[5, 6])]
    )


def test_results_are_numbers_words_lists_and_dicts(quietly):
    kinds = [dict(kind=kind) for kind in ("0-d", "0-d in a dict", "estimate")]
    rows = quietly(returns, kinds, [0])
    estimate = dict(rate=2.0, std=0.5, warnings=["few"])
    assert [row["result"] for row in rows] == [1.5, {"a": [2]}, estimate]
    with pytest.warns(UserWarning, match=r"got Tensor; .* give its .tolist\(\)(.|\n)*got object"):
        quietly(returns, [dict(kind="vector"), dict(kind="object")], [0])


@pytest.mark.slow
def test_two_processes_do_as_one_does(quietly, tmp_path):
    settings = [dict(a=float(a)) for a in range(4)]
    with joblib.parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
        rows = quietly(add, settings, (0, 1))
    assert [row["result"]["sum"] for row in rows] == [0, 1, 1, 2, 2, 3, 3, 4]
    assert {row["result"]["threads"] for row in rows} == {1}
    assert os.getpid() not in {row["result"]["process"] for row in rows}
    assert len(lines(tmp_path)) == 8 and quietly(add, settings, (0, 1)) == rows


def within(value: float) -> Any:
    """Functions of one name that do not do the same."""

    def inner(*, seed: int) -> float:
        return value

    return inner


@pytest.mark.parametrize(
    ("function", "settings", "seeds", "error", "message"),
    [
        (lambda seed: 0, [{}], [0], ValueError, "made by def"),
        (partial(add, a=1.0), [{}], [0], ValueError, "made by def"),
        (within(1.0), [{}], [0], ValueError, "made by def at the top"),
        (Holder().method, [{}], [0], ValueError, "made by def at the top"),
        (add, dict(a=1), [0], TypeError, "settings must be dicts of keyword arguments, got 'a'"),
        (add, [{"a": 1, 2: 3}], [0], TypeError, "settings must be dicts of keyword arguments"),
        (add, [dict(a=1)], 3, TypeError, "must be lists, got .* and 3"),
        (add, [], [0], ValueError, "nothing to run"),
        (add, [dict(a=1)], [], ValueError, "nothing to run"),
        (add, [dict(a=1), dict(a=1)], [0], ValueError, "ask twice for {'a': 1}, seed 0"),
        (add, [dict(a=1)], [0, 0], ValueError, "ask twice"),
        (add, [dict(a=1, seed=3)], [0], ValueError, "leave seed to seeds"),
        (add, [dict(a=torch.zeros(2))], [0], TypeError, "got Tensor"),
    ],
)
def test_what_cannot_be_swept_is_refused_before_any_run(
    quietly, tmp_path, function, settings, seeds, error, message
):
    with pytest.raises(error, match=message):
        quietly(function, settings, seeds)
    assert not (tmp_path / "results.jsonl").exists()


@pytest.mark.parametrize(
    "text",
    [
        b"my notes\n",
        b'{"a": 1}\n',
        b"3\n",
        b"[1]",
        b'{"key": 1}',
        b'{"key": [1]}',
        b"null",
        b"\xff\n",
    ],
)
def test_another_file_is_left_alone(quietly, tmp_path, text):
    (tmp_path / "results.jsonl").write_bytes(text)
    with pytest.raises(ValueError, match="no sweep's"):
        quietly(add, [dict(a=1.0)], [0])
    assert (tmp_path / "results.jsonl").read_bytes() == text


def test_blank_lines_do_no_harm_and_a_folder_is_no_file(quietly, tmp_path):
    (tmp_path / "results.jsonl").write_text("  \n\n")
    rows = quietly(add, [dict(a=1.0)], [0])
    assert quietly(add, [dict(a=1.0)], [0]) == rows
    with pytest.raises(ValueError, match="results=.* cannot be written .it is a folder"):
        quietly(add, [dict(a=1.0)], [0], results=tmp_path)


def test_one_process_at_a_time(quietly, tmp_path):
    with FileLock(tmp_path / "results.jsonl.lock"), pytest.raises(ValueError, match="another proc"):
        quietly(add, [dict(a=1.0)], [0])


# Sweeps that are stopped

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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
