"""Studies: many trainings whose results are numbers, each kept in a file as it comes.

`python -m benchmarks study digits` makes the runs that its results file still lacks, and the tables
from the file: stopped or killed, it goes on where it was; finished, it prints its tables at once.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path

from joblib import parallel_config

from stochphys.device import one_thread

from .. import print_header

STUDIES = (
    "digits",
    "films",
    "coverage",
    "look",
    "accuracy",
    "rates",
    "artefacts",
    "cameras",
    "bayesian_networks",
)  # modules here with `study(results, seeds, tiny, retry)`
RESULTS = Path(__file__).parents[1] / "results"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks study", description=__doc__)
    parser.add_argument("name", choices=STUDIES)
    parser.add_argument("--seeds", type=int, nargs="+", help="other ones than those of the tables")
    parser.add_argument("--results", type=Path, help="benchmarks/results/NAME.jsonl by default")
    parser.add_argument("--jobs", type=int, default=1, help="processes, one thread each")
    parser.add_argument("--tiny", action="store_true", help="to see that it runs; proves nothing")
    parser.add_argument("--retry", action="store_true", help="repeat the runs that failed")
    given = parser.parse_args(arguments)
    module = importlib.import_module(f"{__name__}.{given.name}")
    RESULTS.mkdir(exist_ok=True)
    results = given.results or RESULTS / f"{given.name}{'_tiny' * given.tiny}.jsonl"
    print_header(f"Study of {given.name}, from {results.name}")
    with one_thread(), parallel_config("loky", n_jobs=given.jobs, inner_max_num_threads=1):
        module.study(results, seeds=given.seeds, tiny=given.tiny, retry=given.retry)
