"""`torch.cuda.nvtx`: marks for NVIDIA's profiler, which nobody reads here; they do nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def mark(msg: str) -> None:
    """Nothing."""


def range_push(msg: str) -> int:
    """0: the depth of the ranges, which are not kept."""
    return 0


def range_pop() -> int:
    """0."""
    return 0


def range_start(msg: str) -> int:
    """0: the number of a range."""
    return 0


def range_end(range_id: int) -> None:
    """Nothing."""


@contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> Iterator[None]:
    """A context, or a decorator, that does nothing."""
    yield
