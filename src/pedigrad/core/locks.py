"""Locks that a fork leaves usable: in the child process those threads are not there that might have held one.

`renewed()` makes locks that are free in a child. What must not be half done in a child, since others' code keeps locks of its own
while it runs (LLVM, the import of modules), is done under `undivided`, which the forking thread waits for.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

_renewed: weakref.WeakSet[Any] = weakref.WeakSet()
undivided = threading.RLock()


def renewed() -> Any:
    """A reentrant lock that nobody holds in a child process, except the thread that forked."""
    lock = threading.RLock()
    _renewed.add(lock)
    return lock


def _after_fork_in_child() -> None:
    for lock in list(_renewed):
        if not lock._is_owned():
            lock._at_fork_reinit()  # as `threading` does with its own
    undivided.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=undivided.acquire, after_in_parent=undivided.release, after_in_child=_after_fork_in_child)
