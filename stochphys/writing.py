"""Files that are written whole or not at all: the one way in which the package writes to a disk.

A new file is made beside the old one and takes its place in one step. Whoever reads meanwhile, or
has the old file mapped into memory, keeps what he had.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write into, which becomes `path` when the block ends, and is gone if it fails.

    Folders that are missing are made.

    Raises:
        ValueError: nothing can be written there. Before any work.
        OSError: the disk is full, or the old file is held by another program. It is left as it was.
    """
    target = Path(path).resolve()  # a link goes on pointing where it did
    partial, file = _begin(target, path)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        # torch tells of a full disk in words of its own, with what the disk said behind them.
        cause = error if isinstance(error, OSError) else error.__context__
        if not isinstance(cause, OSError) or not isinstance(error, Exception):
            raise
        if isinstance(cause, PermissionError):  # Windows replaces no file that is in use
            remedy = "it is open or mapped into memory; close it, or give another path"
        else:
            remedy = "make room, or give another path"
        raise OSError(
            cause.errno,
            f"{path} was not written ({cause.strerror or cause}) and is as it was; {remedy}",
        ) from error


def check_writable(path: str | Path) -> None:
    """Refuse, with a `ValueError`, a path at which `replacing` could write nothing."""
    partial, file = _begin(Path(path).resolve(), path)
    file.close()
    partial.unlink()


def _begin(target: Path, path: str | Path) -> tuple[Path, BinaryIO]:
    """An empty file beside `target`, of a name that no other process or thread has."""
    partial = target.with_name(f"{target.name}.{os.getpid()}-{token_hex(4)}.partial")
    try:
        if target.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        if target.exists() and not os.access(target, os.W_OK):
            raise PermissionError(None, "the file that stands there is protected")
        target.parent.mkdir(parents=True, exist_ok=True)
        return partial, partial.open("xb")
    except OSError as error:
        raise ValueError(
            f"path={str(path)!r} cannot be written ({error.strerror}); give another"
        ) from error
