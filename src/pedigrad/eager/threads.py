"""How many threads native code may use."""

from __future__ import annotations

import os

from ..core.declare import function
from . import native


def _at_first() -> int:
    """How many threads there are to begin with: what OMP_NUM_THREADS says, as for PyTorch, or one for each processor."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if wanted.isdecimal() and int(wanted):
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_threads = _at_first()
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
