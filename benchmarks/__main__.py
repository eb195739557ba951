"""`python -m benchmarks [suite …]`: one suite or some, or all that need no GPU.

`python -m benchmarks gpu` and `python -m benchmarks study digits` have options of their own: `--help`.
"""

from __future__ import annotations

import argparse
import importlib
import sys

SUITES = (
    "simulators",
    "jumps",
    "training",
    "time_to_accuracy",
    "langevin",
    "movies",
    "resetting",
)  # modules here with `main()`

if sys.argv[1:2] == ["gpu"]:
    sys.exit(importlib.import_module("benchmarks.gpu").main(sys.argv[2:]))
if sys.argv[1:2] == ["study"]:
    sys.exit(importlib.import_module("benchmarks.studies").main(sys.argv[2:]))
parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
parser.add_argument("suite", nargs="*", help=f"one or more of {', '.join(SUITES)}; all by default")
chosen = parser.parse_args().suite or SUITES
if unknown := set(chosen) - set(SUITES):
    parser.error(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
for name in chosen:
    importlib.import_module(f"benchmarks.{name}").main()
