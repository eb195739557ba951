"""Run notebooks as a learner's two-core laptop does, and store what they show.

    python tools/store_notebooks.py            all of them
    python tools/store_notebooks.py 21_neep    one

In the default size, on the CPU, in one thread. What is stored is what a reader without a kernel
sees: text and pictures. Left out is what differs from run to run (timings, versions of Python,
widget ids) and what only a kernel can show (progress bars, live widgets; an explorer's picture
stays). Prints seconds, the kernel's peak memory and the size of the file; stops with the
traceback at the first cell that fails, and leaves that notebook's file as it was.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

# Before torch and its thread pools start in a kernel.
os.environ.update(OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="")
os.environ.pop("STOCHPHYS_SIZE", None)

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from stochphys.io.writing import replacing

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
LIVE_WIDGET = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def peak_memory(pid: int, stop: threading.Event, peak: list[int]) -> None:
    """Watch a process until told to stop; `peak[0]` is the most bytes it held."""
    process = psutil.Process(pid)
    while not stop.wait(0.1):
        try:
            peak[0] = max(peak[0], process.memory_info().rss)
        except psutil.NoSuchProcess:
            return


def run(notebook: nbformat.NotebookNode) -> int:
    """Execute every cell in a fresh kernel, in place; the kernel's peak memory in bytes."""
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=600,
        coalesce_streams=True,
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(FOLDER)}},
    )
    stop, peak = threading.Event(), [0]
    with client.setup_kernel():
        assert client.km is not None
        kernel: Any = client.km.provisioner
        watch = threading.Thread(target=peak_memory, args=(kernel.pid, stop, peak))
        watch.start()
        try:
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
        finally:
            stop.set()
            watch.join()
    return peak[0]


def clean(notebook: nbformat.NotebookNode) -> None:
    """Keep what a reader without a kernel sees, and nothing that differs from run to run."""
    notebook.metadata = nbformat.from_dict(METADATA)
    count = 0
    for cell in notebook.cells:
        for key in ("execution", "ExecuteTime", "trusted", "collapsed", "scrolled"):
            cell.metadata.pop(key, None)
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = [output for output in cell.outputs if is_readable(output)]
        for output in cell.outputs:
            output.get("data", {}).pop(LIVE_WIDGET, None)
            if "metadata" in output:
                output.metadata = {}
            if output.output_type == "execute_result":
                output.execution_count = count


def is_readable(output: nbformat.NotebookNode) -> bool:
    if output.output_type == "stream":
        return output.name == "stdout"
    data = output.get("data", {})
    return LIVE_WIDGET not in data or "image/png" in data


def main(names: list[str]) -> int:
    paths = [FOLDER / f"{name.removesuffix('.ipynb')}.ipynb" for name in names]
    for path in paths or sorted(FOLDER.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        start = time.perf_counter()
        try:
            memory = run(notebook)
        except CellExecutionError as error:
            print(f"{path.stem}: a cell failed, the file is as it was\n\n{error}", file=sys.stderr)
            return 1
        seconds = time.perf_counter() - start
        clean(notebook)
        nbformat.validate(notebook)
        with replacing(path) as file:
            file.write((nbformat.writes(notebook) + "\n").encode())
        size = path.stat().st_size / 1000
        print(f"{path.stem:24} {seconds:6.1f} s {memory / 1e6:6.0f} MB peak {size:6.0f} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
