"""A learning curve that grows while the network trains."""

from __future__ import annotations

import time
from base64 import b64encode
from typing import Any

import matplotlib.pyplot as plt
from IPython import get_ipython
from IPython.display import display

from .explore import png
from .plots import learning_curve


class LiveCurve:
    """A callback for `fit` that shows the learning curve and redraws it in place.

    Example: `fit(model, neep_objective, windows, …, callbacks=[LiveCurve()])`
    """

    def __init__(self, *, seconds: float = 0.5):
        """`seconds`: the shortest time between two redraws; drawing takes a tenth of a second."""
        self.seconds = seconds
        self._last = -float("inf")
        self._handle: Any = None

    def after_validation(self, run: Any) -> None:
        """Redraw from `run.history`, unless that was just done."""
        if time.monotonic() - self._last >= self.seconds:
            self._show(run)

    def after_fit(self, run: Any) -> None:
        """Draw the whole curve at the end."""
        self._show(run)

    def _show(self, run: Any) -> None:
        if get_ipython() is None:
            return
        figure, ax = plt.subplots()
        learning_curve(ax, run.history)
        picture = {
            "image/png": b64encode(png(figure)).decode(),
            "text/plain": "Learning curve: training and held-out objective over steps.",
        }
        plt.close(figure)
        if self._handle is None:
            self._handle = display(picture, raw=True, display_id=True)
        else:
            self._handle.update(picture, raw=True)
        self._last = time.monotonic()
