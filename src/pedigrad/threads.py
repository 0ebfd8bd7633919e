"""How many threads native code may use."""

from __future__ import annotations

import os

from .op import function

_threads = os.cpu_count() or 1


@function("torch")
def set_num_threads(n: int) -> None:
    """Let native code use `n` threads."""
    global _threads
    if n < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, got {n}")
    _threads = int(n)


@function("torch")
def get_num_threads() -> int:
    """How many threads native code may use."""
    return _threads
