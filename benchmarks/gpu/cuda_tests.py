"""The tests that need a GPU, in a pytest of their own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import torch

from .figures import Figure

ROOT = Path(__file__).parents[2]


def measure(device: torch.device, tiny: bool) -> Iterator[Figure]:
    # Other files may need what is not installed here, and are not even read.
    tests = [p for p in sorted((ROOT / "tests").glob("test_*.py")) if "mark.cuda" in p.read_text()]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = ["-q", "-m", "cuda", "-p", "no:cacheprovider", f"--junitxml={report}"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *(tests[:1] if tiny else tests)],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        if not report.exists():
            raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout[-2000:]}")
        cases = list(ElementTree.parse(report).iter("testcase"))
    outcomes = Counter(outcome(case) for case in cases)
    yield Figure("passed", outcomes["passed"], "tests", least=None if tiny else 1.0)
    yield Figure("skipped", outcomes["skipped"], "tests", most=None if tiny else 0.0)
    failed = outcomes["failure"] + outcomes["error"]
    yield Figure("failed", failed, "tests", most=0.0)
    if failed:
        raise AssertionError(done.stdout[-6000:])


def outcome(case: ElementTree.Element) -> str:
    kinds = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
    return kinds[0] if kinds else "passed"
