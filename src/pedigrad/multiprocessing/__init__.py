"""torch.multiprocessing: processes that hand tensors to each other.

It is Python's multiprocessing, whose queues and pipes hand over tensors by the memory they lie in: what goes through one is moved
into shared memory, and both processes see what either writes.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import *  # noqa: F403
from typing import Any

from ..core import shared
from .reductions import init_reductions
from .spawning import ProcessContext, ProcessException, ProcessExitedException, ProcessRaisedException, SpawnContext, spawn, start_processes

init_reductions()

reducer = multiprocessing.reduction  # type: ignore[attr-defined]


def get_all_sharing_strategies() -> set[str]:
    """The names of the ways in which memory can be shared."""
    return set(shared.STRATEGIES)


def get_sharing_strategy() -> str:
    """The way in which memory is shared: by descriptors, or by names of files."""
    return shared.settings["strategy"]


def set_sharing_strategy(new_strategy: str) -> None:
    """Choose the way in which memory is shared from now on."""
    if new_strategy not in shared.STRATEGIES:
        raise AssertionError(f"set_sharing_strategy(): {new_strategy!r} is none of {sorted(shared.STRATEGIES)}")
    shared.settings["strategy"] = new_strategy


def __getattr__(name: str) -> Any:
    """What Python's own module has."""
    return getattr(multiprocessing, name)


__all__ = [
    *multiprocessing.__all__,
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "init_reductions",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]
