"""Files that are there whole or not at all: written beside the old one, and put in its place when they are safe on disk."""

from __future__ import annotations

import contextlib
import os
import stat
import uuid
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def replacing(path: Any) -> Iterator[Any]:
    """A file to write to, which takes the place of the one at `path` when the block ends without an error.

    Until then, whatever happens, the old file is as it was. A process that is killed leaves the new one behind, beside it, as
    `.<name>.<number>.tmp`. What is no ordinary file (a device, a pipe) is written to directly.
    """
    path = os.path.realpath(os.fsdecode(path))
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode):
        with open(path, "wb") as file:
            yield file
        return
    folder, name = os.path.split(path)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist: make it before saving to it")
    beside = os.path.join(folder, f".{name[:200]}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        with open(beside, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(beside, stat.S_IMODE(mode))
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Have the new name itself on disk, where the system lets folders be opened."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
