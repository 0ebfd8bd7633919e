"""How many threads native code may use."""

from __future__ import annotations

import os

from ..core.declare import function
from . import native

_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
native.set_threads(_threads)


@function("torch")
def set_num_threads(n: int) -> None:
    """Let native code use `n` threads."""
    global _threads
    if n < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, got {n}")
    _threads = int(n)
    native.set_threads(_threads)


@function("torch")
def get_num_threads() -> int:
    """How many threads native code may use."""
    return _threads
