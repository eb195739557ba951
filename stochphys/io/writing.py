"""Files that are written whole or not at all: the one way in which the package writes to a disk.

A new file is made beside the old one and takes its place in one step. Whoever reads meanwhile, or
has the old file mapped into memory, keeps what he had.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from os.path import expanduser, realpath
from pathlib import Path
from platform import node
from secrets import token_hex
from typing import BinaryIO

import psutil


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write into, which becomes `path` when the block ends, and is gone if it fails.

    Folders that are missing are made, `~` is the home of who asks. An old file hands on its mode.

    Raises:
        ValueError: nothing can be written there. Before any work.
        OSError: the disk is full, or the old file is held by another program. It is left as it was.
    """
    target, partial, file = _begin(path, "path")
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    except Exception as error:
        # Torch tells of a full disk in words of its own, with those of the disk behind.
        cause = error if isinstance(error, OSError) else error.__context__
        if not isinstance(cause, OSError):
            raise
        # Windows replaces no file that is in use.
        remedy = "make room, close what has it open or mapped into memory, or give another path"
        words = f"{path} was not written ({cause.strerror or cause}) and is as it was; {remedy}"
        raise OSError(cause.errno, words) from error
    finally:
        partial.unlink(missing_ok=True)


def check_writable(path: str | Path, argument: str = "path") -> None:
    """Refuse, with a `ValueError` that blames `argument`, where `replacing` could write nothing."""
    _, partial, file = _begin(path, argument)
    file.close()
    partial.unlink()


def with_ending(path: str | Path, ending: str) -> Path:
    """A path that ends so, in small or capital letters; if not, the ending is put behind it. A dot in
    a name need not begin an ending: T_h=1.5.

    Raises `ValueError` if there is no name.
    """
    path = Path(path)
    if path.name in ("", ".."):
        raise ValueError(f"path must name a file, got {str(path)!r}")
    return path if path.suffix.lower() == ending else path.with_name(f"{path.name}{ending}")


def _begin(path: str | Path, argument: str) -> tuple[Path, Path, BinaryIO]:
    """Where `path` leads, and an empty file beside it, of a name that no one else has."""
    target = Path(realpath(expanduser(path)))  # a link goes on pointing where it did
    try:
        if target.is_symlink():
            raise OSError(None, "it is a link that leads to itself")
        if target.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        if target.exists() and not os.access(target, os.W_OK):
            raise PermissionError(None, "the file that stands there is protected")
        target.parent.mkdir(parents=True, exist_ok=True)
        begun = f"{target.name[:40]}.{node()[:40]}-"  # a name must not grow too long for the disk
        _clear_up(target.parent, begun)
        partial = target.with_name(f"{begun}{os.getpid()}-{token_hex(4)}.partial")
        file = partial.open("xb")
        if target.exists():
            shutil.copymode(target, partial)
        return target, partial, file
    except OSError as error:
        raise ValueError(
            f"{argument}={str(path)!r} cannot be written ({error.strerror}); give another"
        ) from error


def _clear_up(folder: Path, begun: str) -> None:
    """Remove what processes of this machine had begun to write when they were killed."""
    for file in folder.glob(f"{escape(begun)}*.partial"):
        process = file.name.removeprefix(begun).partition("-")[0]
        if process.isdecimal() and not psutil.pid_exists(int(process)):
            with suppress(OSError):  # another process was faster, or it is another person's
                file.unlink()
