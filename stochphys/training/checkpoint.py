"""Files that hold a training run: written whole or not at all, read without running any code."""

from os.path import expanduser
from pathlib import Path
from typing import Any

import torch

from ..io.writing import replacing


def save_checkpoint(path: str | Path, content: dict[str, Any]) -> None:
    """Write tensors, numbers, strings, lists and dicts; the old file stays until the new is whole.

    Raises what `writing.replacing` raises.
    """
    with replacing(path) as file:
        torch.save(content, file)


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote, on the CPU.

    Raises `ValueError` if the file is truncated or is no checkpoint.
    """
    try:
        return torch.load(expanduser(path), map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # torch raises many kinds for a broken file
        raise ValueError(
            f"{path} is not a complete checkpoint ({type(error).__name__}); it was left as it is. "
            "Delete it to start anew"
        ) from error
