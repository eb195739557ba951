"""Writes the images that the course ships: the first 2000 and 1000 of Fashion-MNIST.

`STOCHPHYS_DATA=folder python tools/make_images.py`, with the four files of Fashion-MNIST in the folder
(MIT licence, copyright 2017 Zalando SE; the licence stands beside the images).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from stochphys.course.studies.datasets import SHIPPED, read_idx

FILE = Path(__file__).resolve().parents[1] / "stochphys" / "course" / "data" / "fashion_mnist.npz"

if __name__ == "__main__":
    parts = [read_idx(os.environ["STOCHPHYS_DATA"], train=train) for train in (True, False)]
    x, y = (
        np.concatenate([part[k][:n].numpy() for part, n in zip(parts, SHIPPED, strict=True)])
        for k in (0, 1)
    )
    np.savez_compressed(FILE, x=x, y=y.astype(np.uint8))
