"""Memory that several processes see: files without a name, or with one, mapped by each of them."""

from __future__ import annotations

import mmap
import os
import weakref
from typing import Any

STRATEGIES = ("file_descriptor", "file_system")
settings = {"strategy": STRATEGIES[0]}
FOLDER = "/dev/shm" if os.path.isdir("/dev/shm") else os.environ.get("TMPDIR", "/tmp")


class SharedMemory:
    """A piece of memory that other processes can map: by a descriptor of it, or by its file's name."""

    __slots__ = ("__weakref__", "descriptor", "map", "name", "size", "whole")
    map: Any  # None where there are no bytes

    def __init__(self, descriptor: int | None, name: str | None, size: int):
        """Map the file; a descriptor is kept, and closed with the object."""
        self.descriptor, self.name, self.size = descriptor, name, size
        self.whole: Any = None  # refers weakly to the array on all of it
        if descriptor is not None:
            self.map = mmap.mmap(descriptor, size) if size else None
            weakref.finalize(self, os.close, descriptor)
            return
        with open(str(name), "r+b") as file:
            self.map = mmap.mmap(file.fileno(), size) if size else None

    @classmethod
    def new(cls, size: int) -> SharedMemory:
        """Zeros, in memory made as `torch.multiprocessing.set_sharing_strategy` says."""
        if settings["strategy"] == "file_system":
            path = os.path.join(FOLDER, f"pedigrad-{os.getpid()}-{os.urandom(16).hex()}")
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                _reserve(descriptor, size)
                out = cls(None, path, size)
            except BaseException:
                os.unlink(path)
                raise
            finally:
                os.close(descriptor)
            weakref.finalize(out, _remove, path, os.getpid())
            return out
        descriptor = _nameless()
        try:
            _reserve(descriptor, size)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor, None, size)


def _nameless() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("pedigrad")
    path = os.path.join(FOLDER, f"pedigrad-{os.urandom(16).hex()}")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.unlink(path)
    return descriptor


def _reserve(descriptor: int, size: int) -> None:
    """Make room for `size` bytes now, so that there is an error and no signal where memory is short."""
    if size and hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.truncate(descriptor, size)


def _remove(path: str, owner: int) -> None:
    """Remove the file if this is the process that made it, and not one forked from it."""
    if os.getpid() == owner and os.path.exists(path):
        os.unlink(path)
