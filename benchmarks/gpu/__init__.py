"""`python -m benchmarks gpu`: what a GPU is good for, in six minutes, each figure against a baseline
of the same run on the same card.

A part is a module here with `measure(device, tiny)`, which yields figures. Each runs in a process of
its own: an error on the card, which would poison all that follows in its process, costs one part.
"""

from .command import main

__all__ = ["main"]
