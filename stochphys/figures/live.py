"""A learning curve that grows while the network trains."""

from __future__ import annotations

import math
import time
from base64 import b64encode
from typing import Any

import matplotlib.pyplot as plt
from IPython import get_ipython
from IPython.display import DisplayHandle, display

from ..training import Callback, History, Run
from .explore import png
from .plots import learning_curve


class LiveCurve(Callback):
    """A callback for `fit` that shows the learning curve and redraws it in place.

    The last drawing is made when the cell is done, also after an interruption.

    Example: `fit(model, neep_objective, windows, …, callbacks=[LiveCurve()])`
    """

    def __init__(self, *, seconds: float = 1.0) -> None:
        """`seconds`: the shortest time between two drawings, each of which takes 0.1 s."""
        self.seconds = seconds
        self._history: History | None = None
        self._handle: DisplayHandle | None = None
        self._last = -math.inf

    def after_validation(self, run: Run) -> None:
        """Redraw from `run.history`, unless that was done just now."""
        shell = get_ipython()
        if not hasattr(shell, "kernel"):
            return
        if self._history is not run.history:  # a new run: a new figure
            self._finish()
            self._history, self._handle, self._last = run.history, None, -math.inf
            shell.events.register("post_run_cell", self._finish)
        if time.monotonic() - self._last >= self.seconds:
            self._draw(run.history)

    def _finish(self, result: Any = None) -> None:
        if self._history is not None:
            get_ipython().events.unregister("post_run_cell", self._finish)
            self._draw(self._history)
            self._history = None

    def _draw(self, history: History) -> None:
        figure, ax = plt.subplots()
        learning_curve(ax, history)
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
