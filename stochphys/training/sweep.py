"""`sweep`: one function at many settings and seeds; its results outlive the process that made them.

Knows nothing of training: whatever returns numbers can be swept.
"""

import hashlib
import json
import platform
import re
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm.auto import tqdm

from .. import __version__
from ..estimate import Estimate
from ..io.writing import check_writable

Row = dict[str, Any]
FIELDS = {"key", "function", "setting", "seed", "seconds", "versions"}  # of every row
# All that a traceback has before the words of the last exception.
FRAMES = re.compile(r"(?s).*Traceback \(most recent call last\).*?\n(?=\S)")
VERSIONS = dict(stochphys=__version__, torch=torch.__version__, python=platform.python_version())


def sweep(
    function: Callable[..., Any],
    settings: Iterable[Mapping[str, Any]],
    seeds: Iterable[int],
    *,
    results: str | Path,
    retry: bool = False,
    progress: bool = True,
) -> list[Row]:
    """Call `function(**setting, seed=seed)` for every setting and every seed, each of them once.

    Every run that ends adds one line to the file `results`, and is never repeated: the same call
    goes on where the last one was stopped or killed, and a longer list of settings or seeds runs
    what is new. Ctrl-C and the stop button end the sweep and keep what there is. A function that is
    written anew under its old name needs a new file.

    By default runs follow one another. Where and how many at once is joblib's to say:
    `with joblib.parallel_config(n_jobs=4): sweep(…)`, or `backend="dask"` for a cluster. A worker
    that the system kills, for its memory perhaps, takes down those beside it: their runs are made
    again at the end, one at a time, and one whose worker is killed then as well has failed. Without
    workers such a run ends the program, each time.

    Args:
        function: made by `def`, not within another: module and name, setting and seed tell a run.
            It gets a copy of the setting. Returns numbers, strings, lists and dicts; a tensor of one
            number and no axes will do, and of an `Estimate` rate, std and warnings are kept.
        settings: keyword arguments, of the same kinds.
        results: a file of JSON lines that is only added to; one process at a time.
        retry: repeat the runs that failed. Else they stay as they are and are listed at the end.

    Returns:
        One row for each run that has ended, settings in order and seeds in order within, as in the
        file: `key`, `function`, `setting`, `seed`, `seconds`, `versions`, and `result`, or `error`
        with its traceback.

    Raises:
        ValueError: no run at all, or one that is asked for twice; a function without a name of its
            own; a file that holds something else, that cannot be written, or that another process
            is writing.
        TypeError: settings that are no dicts of keyword arguments, or that JSON cannot hold.
    """
    runs, path = _runs(function, settings, seeds), Path(results).expanduser()
    check_writable(path, "results")
    try:
        with FileLock(f"{path}.lock", timeout=0):
            path.touch()
            text = path.read_bytes()
            rows = _read(text, path)
            done = {key for key, row in rows.items() if not (retry and "error" in row)}
            todo = [run for key, run in runs.items() if key not in done]
            with (
                path.open("ab") as file,
                tqdm(total=len(todo), disable=not progress) as bar,
                suppress(KeyboardInterrupt),  # what has ended is in the file
            ):
                if text and not text.endswith(b"\n"):
                    file.write(b"\n")  # ends a line that was torn
                for row in _work(function, todo):
                    file.write(f"{json.dumps(row)}\n".encode())
                    file.flush()
                    rows[row["key"]] = row
                    bar.update()
    except Timeout:
        raise ValueError(
            f"results={str(path)!r} is being written by another process: wait, or give another file"
        ) from None
    ended = [rows[key] for key in runs if key in rows]
    _report(ended, len(runs))
    return ended


def _runs(
    function: Callable[..., Any], settings: Iterable[Mapping[str, Any]], seeds: Iterable[int]
) -> dict[str, Row]:
    """What is known of the row of each run before it begins, by key."""
    name = f"{function.__module__}.{getattr(function, '__qualname__', '<no name>')}"
    if "<" in name or hasattr(function, "__self__"):  # what it holds is not in its name
        raise ValueError(
            "function must be made by def at the top of a module or notebook, so that its name says "
            f"what it does; got {function}"
        )
    if not (isinstance(settings, Iterable) and isinstance(seeds, Iterable)):
        raise TypeError(f"settings and seeds must be lists, got {settings!r} and {seeds!r}")
    runs, seeds = {}, list(seeds)  # a generator would be used up by the first setting
    for setting in settings:
        if not (isinstance(setting, Mapping) and all(isinstance(word, str) for word in setting)):
            raise TypeError(f"settings must be dicts of keyword arguments, got {setting!r}")
        if "seed" in setting:
            raise ValueError(f"settings must leave seed to seeds, got {dict(setting)}")
        for seed in seeds:
            identity = json.dumps([name, setting, seed], sort_keys=True, default=_plain)
            key = hashlib.sha256(identity.encode()).hexdigest()[:16]
            if key in runs:
                raise ValueError(f"settings and seeds ask twice for {dict(setting)}, seed {seed}")
            runs[key] = dict(key=key, function=name, setting=dict(setting), seed=seed)
    if not runs:
        raise ValueError("there is nothing to run: give at least one setting, {}, and one seed")
    return runs


def _plain(value: Any) -> Any:
    """In place of what JSON cannot hold."""
    if isinstance(value, torch.Tensor | np.ndarray | np.generic) and value.ndim == 0:
        return value.item()
    if isinstance(value, Estimate):
        return dict(rate=value.rate, std=value.std, warnings=value.warnings)
    raise TypeError(
        "settings and results must be numbers, strings, lists or dicts of these, got "
        f"{type(value).__name__}; of a tensor give its .tolist()"
    )


def _read(text: bytes, path: Path) -> dict[str, Row]:
    """Rows by key, of a repeated run the last; a line torn when its process died is passed over."""
    rows: dict[str, Row] = {}
    for line in filter(bytes.strip, text.splitlines()):
        row = None
        with suppress(ValueError):
            row = json.loads(line)
        if isinstance(row, dict) and row.keys() >= FIELDS:
            rows[row["key"]] = row
        elif row is not None or not line.startswith(b"{"):
            raise ValueError(
                f"results={str(path)!r} holds something that is no sweep's, {line[:40]!r}; "
                "give a file of its own"
            )
    return rows


def _work(function: Callable[..., Any], todo: list[Row]) -> Iterator[Row]:
    """The row of each run as it ends. When a worker is killed, joblib gives up all that was begun:
    a new pool goes on with the rest, and at the end each of the lost shows alone whose fault it was."""
    pool = Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch="n_jobs")
    begun: dict[str, Row] = {}

    def begin(row: Row) -> Any:
        begun[row["key"]] = row
        return delayed(_run)(function, row)

    calls = map(begin, todo)
    while True:
        try:
            for row in pool(calls):
                del begun[row["key"]]
                yield row
            break
        except TerminatedWorkerError:
            continue
    for row in list(begun.values()):
        start = time.perf_counter()
        try:
            yield from pool([begin(row)])
        except TerminatedWorkerError as error:
            words = " ".join(str(error).split())
            yield _ended(row, start, error=f"{type(error).__name__}: {words}")


def _run(function: Callable[..., Any], row: Row) -> Row:
    """One run, in whichever process it falls to."""
    begin, interrupts = time.perf_counter(), []

    def note(number: int, frame: Any) -> None:
        interrupts.append(number)
        raise KeyboardInterrupt

    main = threading.current_thread() is threading.main_thread()  # no other gets any
    before = signal.signal(signal.SIGINT, note) if main else None
    try:
        result = function(**deepcopy(row["setting"]), seed=row["seed"])
        ended = _ended(row, begin, result=result)
    except (Exception, SystemExit):
        ended = _ended(row, begin, error=traceback.format_exc())
    finally:
        if main:
            signal.signal(signal.SIGINT, before)
    if interrupts:  # `fit` ends early on Ctrl-C and returns: that is no result
        raise KeyboardInterrupt
    return ended


def _ended(row: Row, begin: float, **outcome: Any) -> Row:
    """The whole row, of what JSON can hold."""
    seconds = round(time.perf_counter() - begin, 3)
    row = row | dict(seconds=seconds, versions=VERSIONS) | outcome
    return json.loads(json.dumps(row, default=_plain))


def _report(ended: list[Row], n_runs: int) -> None:
    """Warn of what is missing."""
    warn = partial(warnings.warn, stacklevel=3)
    if len(ended) < n_runs:
        warn(f"stopped after {len(ended)} of {n_runs} runs; call again to go on")
    if failed := [row for row in ended if "error" in row]:
        words = f"{len(failed)} of {n_runs} runs failed, retry=True repeats them:"
        for row in failed:
            error = FRAMES.sub("", row["error"]).strip()
            words += f"\n  {row['setting']}, seed {row['seed']}: {error}"
        warn(words)
