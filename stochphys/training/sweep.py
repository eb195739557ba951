"""`sweep`: one function at many settings and seeds; its results outlive the process that made them.

Knows nothing of training: whatever returns numbers can be swept.
"""

from __future__ import annotations

import hashlib
import json
import platform
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from .. import __version__

Row = dict[str, Any]
BEGIN = '{"key": '  # of each line of a results file
VERSIONS = dict(stochphys=__version__, torch=torch.__version__, python=platform.python_version())


def sweep(
    function: Callable[..., Any],
    settings: Sequence[Mapping[str, Any]],
    seeds: Sequence[int],
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
    `with joblib.parallel_config(n_jobs=4): sweep(…)`, or `backend="dask"` for a cluster.

    Args:
        function: made by `def`, not within another: module and name, setting and seed tell a run.
            Returns numbers, strings, lists and dicts; a tensor of one number and no axes will do.
        settings: keyword arguments, of the same kinds.
        results: a file of JSON lines that is only added to; one process at a time.
        retry: repeat the runs that failed. Else they stay as they are and are listed at the end.

    Returns:
        One row for each run that has ended, settings in order and seeds in order within, as in the
        file: `key`, `function`, `setting`, `seed`, `seconds`, `versions`, and `result`, or `error`
        with its traceback.

    Raises:
        ValueError: no run at all, or one that is asked for twice; a function without a name of its
            own; a file that holds something else, or that another process is writing.
        TypeError: a setting that JSON cannot hold.
    """
    runs, path = _runs(function, settings, seeds), Path(results)
    try:
        with FileLock(f"{path}.lock", timeout=0):
            rows = _read(path)
            failed = {key for key, row in rows.items() if "error" in row} if retry else set()
            todo = [run for key, run in runs.items() if key not in rows or key in failed]
            for line in _append(path, todo, progress):
                rows |= _row(line)
    except Timeout:
        raise ValueError(
            f"results={str(path)!r} is being written by another process: wait, or give another file"
        ) from None
    ended = [rows[key] for key in runs if key in rows]
    _report(ended, len(runs))
    return ended


def _runs(
    function: Callable[..., Any], settings: Sequence[Mapping[str, Any]], seeds: Sequence[int]
) -> dict[str, tuple[Any, ...]]:
    """What `_run` takes, by key."""
    name = f"{function.__module__}.{getattr(function, '__qualname__', '<no name>')}"
    if "<" in name:  # a lambda, or made within another function: what it holds is not in its name
        raise ValueError(
            "function must be made by def at the top of a module or notebook, so that its name says "
            f"what it does; got {function}"
        )
    runs = {}
    for setting in settings:
        if "seed" in setting:
            raise ValueError(f"settings must leave seed to seeds, got {dict(setting)}")
        for seed in seeds:
            identity = json.dumps([name, setting, seed], sort_keys=True, default=_plain)
            key = hashlib.sha256(identity.encode()).hexdigest()[:16]
            if key in runs:
                raise ValueError(f"settings and seeds ask twice for {dict(setting)}, seed {seed}")
            runs[key] = function, name, key, dict(setting), seed
    if not runs:
        raise ValueError("there is nothing to run: give at least one setting, {}, and one seed")
    return runs


def _plain(value: Any) -> Any:
    """In place of what JSON cannot hold."""
    if isinstance(value, torch.Tensor | np.ndarray | np.generic) and value.ndim == 0:
        return value.item()
    raise TypeError(
        "settings and results must be numbers, strings, lists or dicts of these, got "
        f"{type(value).__name__}; of a tensor give its .tolist()"
    )


def _read(path: Path) -> dict[str, Row]:
    """Rows by key; of a run that was repeated, the last. A line that was torn when its process was
    killed is passed over."""
    rows: dict[str, Row] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            rows |= _row(line)
        except (ValueError, TypeError, KeyError):
            if line and not BEGIN.startswith(line[: len(BEGIN)]):
                raise ValueError(
                    f"results={str(path)!r} holds something that is no sweep's, {line[:40]!r}; "
                    "give a file of its own"
                ) from None
    return rows


def _row(line: str) -> dict[str, Row]:
    row = json.loads(line)
    return {row["key"]: row}


def _append(path: Path, todo: list[tuple[Any, ...]], progress: bool) -> Iterator[str]:
    """Run what is left to do, and write each line as it comes."""
    work = Parallel(return_as="generator_unordered", batch_size=1)
    with path.open("ab+") as file, tqdm(total=len(todo), disable=not progress) as bar:
        if file.tell():
            file.seek(-1, 2)
            if file.read() != b"\n":
                file.write(b"\n")  # ends the torn line
        try:
            for line in work(delayed(_run)(*run) for run in todo):
                file.write(f"{line}\n".encode())
                file.flush()
                bar.update()
                yield line
        except KeyboardInterrupt:
            pass  # what has ended is in the file


def _run(function: Callable[..., Any], name: str, key: str, setting: Row, seed: int) -> str:
    """One run and its line, in whichever process it falls to."""
    row = dict(key=key, function=name, setting=setting, seed=seed)
    begin = time.perf_counter()
    with _interrupts() as seen:
        try:
            outcome = dict(
                result=json.loads(json.dumps(function(**setting, seed=seed), default=_plain))
            )
        except Exception:
            outcome = dict(error=traceback.format_exc())
    if seen:  # `fit` ends early on Ctrl-C and returns: that is no result
        raise KeyboardInterrupt
    row |= dict(seconds=round(time.perf_counter() - begin, 3), versions=VERSIONS)
    return json.dumps(row | outcome, default=_plain)


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """The interrupts of a run, whatever it makes of them; only a main thread gets any."""
    seen: list[int] = []

    def note(number: int, frame: Any) -> None:
        seen.append(number)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield seen
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)


def _report(ended: list[Row], n_runs: int) -> None:
    """Warn of what is missing."""
    if len(ended) < n_runs:
        warnings.warn(
            f"stopped after {len(ended)} of {n_runs} runs; call again to go on", stacklevel=3
        )
    failed = [row for row in ended if "error" in row]
    if failed:
        lines = [
            f"{row['setting']}, seed {row['seed']}: {row['error'].strip().splitlines()[-1]}"
            for row in failed
        ]
        text = "\n  ".join(lines)
        warnings.warn(
            f"{len(failed)} of {n_runs} runs failed, retry=True repeats them:\n  {text}",
            stacklevel=3,
        )
