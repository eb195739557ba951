"""`python -m benchmarks.gpu.part MODULE DEVICE full|tiny FILE`: the figures of one part, a line each,
written as they come: what was measured before an error stays."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

import torch

if __name__ == "__main__":
    module, device, size, path = sys.argv[1:]
    with Path(path).open("a") as file:
        for figure in importlib.import_module(module).measure(torch.device(device), size == "tiny"):
            print(json.dumps(asdict(figure)), file=file, flush=True)
