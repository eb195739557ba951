"""What all tests share: no window, one thread, the same examples and random numbers in every run.

`--stream 7` draws other random numbers from every seed. What a test claims holds for them too:
tests/chance.py says how sure that is.
"""

import os
from typing import Any

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from hypothesis import settings

# Examples follow from the test itself: a run proves what the last one did, on any machine.
settings.register_profile(
    "course", max_examples=30, derandomize=True, deadline=None, print_blob=True
)
settings.register_profile("weekly", max_examples=1000, deadline=None, print_blob=True)
settings.load_profile("course")

APART = 1_000_003  # seeds of two streams; larger than any seed of a test


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stream", type=int, default=0, help="added to every seed, times a million")


def pytest_configure(config: pytest.Config) -> None:
    """Move every seed before any test or module of the package draws from it."""
    shift, seed_all = APART * config.getoption("--stream"), torch.manual_seed

    class Generator(torch.Generator):
        def manual_seed(self, seed: int) -> Any:  # those at the edge of what torch holds stay
            return super().manual_seed(seed + shift if abs(seed) < 2**62 else seed)

    if shift:
        torch.Generator = Generator  # type: ignore[misc]
        torch.manual_seed = lambda seed: seed_all(seed + shift)


@pytest.fixture
def course_style() -> Any:
    """The style of the course; figures are closed and settings put back afterwards."""
    matplotlib = pytest.importorskip("matplotlib")
    from matplotlib import pyplot as plt

    from stochphys import widgets

    with matplotlib.rc_context():
        widgets.use_style()
        yield
        plt.close("all")


@pytest.fixture
def ax(course_style: None) -> Any:
    """Axes of a figure of their own."""
    from matplotlib import pyplot as plt

    return plt.subplots()[1]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked `cuda` are skipped, not failed, where there is no such device; those marked
    `example` with other random numbers, of which they claim nothing."""
    skipped = {
        "cuda": not torch.cuda.is_available() and "needs a CUDA device",
        "example": config.getoption("--stream") and "is about one draw, and says which",
    }
    for item in items:
        for name, reason in skipped.items():
            if reason and item.get_closest_marker(name):
                item.add_marker(pytest.mark.skip(reason=reason))
