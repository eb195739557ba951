"""The command: a clock, the parts one after the other, and the file of results."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from .document import PAGE, line, write

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "gpu.json"


@dataclass(frozen=True)
class Part:
    """A module with `measure(device, tiny)`, and the seconds that it should take on an H100."""

    module: str
    title: str
    seconds: float


PARTS = tuple(
    Part(f"benchmarks.gpu.{module}", title, seconds)
    for module, title, seconds in (
        ("cuda_tests", "The tests that need a GPU", 70),
        ("simulators", "Simulators", 30),
        ("ensemble", "Five networks in one pass", 40),
        ("captured", "The training step, captured", 20),
        ("films", "Networks on films", 40),
        ("images", "ResNet-18 at the size of CIFAR", 45),
        ("beads", "128 beads", 35),
        ("digits", "The study of the digits", 40),
        ("compiled", "A network on films, compiled", 40),
    )
)

# From a part, a device, whether it is tiny and a limit in seconds to figures and what went wrong.
Launch = Callable[[Part, torch.device, bool, float], tuple[list[dict[str, Any]], str | None]]


def in_a_process(
    part: Part, device: torch.device, tiny: bool, limit: float
) -> tuple[list[dict[str, Any]], str | None]:
    """Run a part where its errors stay its own, and end it at the limit with all that it started."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.jsonl"
        path.touch()
        size = "tiny" if tiny else "full"
        command = [
            sys.executable,
            "-m",
            "benchmarks.gpu.part",
            part.module,
            str(device),
            size,
            path,
        ]
        with (Path(folder) / "output").open("w+") as output:
            process = subprocess.Popen(
                command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
            try:
                process.wait(limit)
                failed = f"ended with {process.returncode}" if process.returncode else None
            except subprocess.TimeoutExpired:
                failed = f"stopped after {limit:.0f} s"
            finally:
                try:
                    os.killpg(process.pid, signal.SIGKILL)  # workers that it left behind, too
                except ProcessLookupError:
                    pass
                process.wait()
            output.seek(0)
            said = output.read()[-6000:].replace(f"{ROOT}/", "")
        figures = [json.loads(figure) for figure in path.read_text().splitlines()]
    return figures, failed and f"{failed}\n{said}"


def run(
    parts: Sequence[Part],
    device: torch.device,
    *,
    minutes: float,
    path: Path,
    tiny: bool = False,
    launch: Launch = in_a_process,
) -> dict[str, Any]:
    """All parts that the time is enough for; the file is renewed after each of them."""
    begin, done = perf_counter(), []
    results = dict(dry_run=tiny, machine=machine(device), minutes=minutes, parts=done)
    for part in parts:
        left = 60 * minutes - (perf_counter() - begin)
        entry: dict[str, Any] = dict(title=part.title, figures=[], skipped=None, failed=None)
        print(f"\n{part.title}", flush=True)
        if part.seconds > left:
            entry["skipped"] = f"takes {part.seconds:.0f} s, and {max(0.0, left):.0f} s were left"
        else:
            since = perf_counter()
            limit = min(left, 2 * part.seconds)
            entry["figures"], entry["failed"] = launch(part, device, tiny, limit)
            entry["seconds"] = round(perf_counter() - since, 1)
        for figure in entry["figures"]:
            print("  " + ": ".join(line(figure)[:2]), *line(figure)[2:])
        for how in ("skipped", "failed"):
            if entry[how]:
                print(f"  {how}: {entry[how]}")
        done.append(entry)
        save(results, path)
    return results


def save(results: dict[str, Any], path: Path) -> None:
    """Written whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    os.replace(partial, path)


def machine(device: torch.device) -> dict[str, Any]:
    """What these figures were measured on, and with."""
    found = dict(
        date=date.today().isoformat(),
        commit=answer("git", "describe", "--always", "--dirty"),
        python=platform.python_version(),
        torch=torch.__version__,
        card="none",
        processors=os.cpu_count(),
    )
    if device.type == "cuda":
        card = torch.cuda.get_device_properties(device)
        query = ("--query-gpu=driver_version", "--format=csv,noheader")
        found |= dict(
            card=card.name,
            memory_gb=round(card.total_memory / 1e9, 1),
            capability=f"{card.major}.{card.minor}",
            cuda=torch.version.cuda,
            cudnn=torch.backends.cudnn.version(),
            driver=answer("nvidia-smi", *query),
        )
    return found


def answer(*command: str) -> str | None:
    """What a command says, if it is here."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip().splitlines()[0] if done.returncode == 0 and done.stdout else None


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks gpu")
    parser.add_argument("--minutes", type=float, default=6.0, help="what does not fit is skipped")
    parser.add_argument("--results", type=Path, help=f"default: {RESULTS.relative_to(ROOT)}")
    parser.add_argument(
        "--dry-run", action="store_true", help="tiny, on the CPU, into a new folder"
    )
    parser.add_argument(
        "--document", action="store_true", help=f"write {PAGE.relative_to(ROOT)} from the results"
    )
    chosen = parser.parse_args(arguments)
    path = chosen.results or RESULTS
    if chosen.document:
        if not path.exists():
            parser.error(f"there are no results yet, {path} is missing")
        write(json.loads(path.read_text()))
        return 0
    if chosen.dry_run:
        if path.resolve() == RESULTS.resolve():
            path = Path(tempfile.mkdtemp()) / "gpu.json"
        device = torch.device("cpu")
    elif torch.cuda.is_available():
        device = torch.device("cuda")
    else:
        parser.error("no CUDA device is here; --dry-run goes through all parts on the CPU")
    results = run(PARTS, device, minutes=chosen.minutes, path=path, tiny=chosen.dry_run)
    print(f"\nWritten to {path}.")
    return int(any(part["failed"] for part in results["parts"]))
