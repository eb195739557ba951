"""What all tests share: no window, one thread, the same examples in every run."""

from __future__ import annotations

import os

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

# Examples follow from the test itself: a run proves what the last one did, on any machine.
settings.register_profile("course", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("course")
