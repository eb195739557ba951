"""What happens to a training at one step of it, as a callback of `fit`."""

from collections.abc import Callable

from stochphys.training import Callback, Run


class At(Callback):
    """Does this to the run, once its step is over."""

    def __init__(self, step: int, do: Callable[[Run], None]) -> None:
        self.step, self.do = step, do

    def after_step(self, run: Run) -> None:
        if run.step == self.step:
            self.do(run)


class Stop(At):
    """As if the learner pressed the stop button."""

    def __init__(self, step: int) -> None:
        super().__init__(step, self.press)

    def press(self, run: Run) -> None:
        raise KeyboardInterrupt
