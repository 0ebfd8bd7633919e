"""Memory for large arrays that is kept when they die: pages fresh from the system cost more than most kernels.

`empty` gives arrays as `np.empty` does. Large ones lie in a `Block`, their `base`, which comes back here when the last array on it
is gone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
LARGE = 1 << 20  # bytes from which memory is kept
MOST = 1 << 29  # bytes that are kept unused at most
_free: dict[int, list[Array]] = {}  # unused memory by size
_unused = 0


class Block(np.ndarray):  # type: ignore[type-arg]
    """Memory on loan. NumPy keeps it as the base of what lies in it."""

    def __array_finalize__(self, other: Any) -> None:
        self.memory: Any = None

    def __del__(self) -> None:
        memory = getattr(self, "memory", None)
        if memory is not None and give_back is not None:
            give_back(memory)


def give_back(memory: Array) -> None:
    """Keep memory for the next array of its size, if not too much is kept already."""
    global _unused
    if _unused + memory.nbytes <= MOST:
        _unused += memory.nbytes
        _free.setdefault(memory.nbytes, []).append(memory)


def empty(shape: Any, dtype: Any) -> Array:
    """An array of unspecified contents."""
    global _unused
    dtype = np.dtype(dtype)
    size = dtype.itemsize
    for n in shape:
        size *= n
    if size < LARGE:
        return np.empty(shape, dtype)
    rounded = 1 << (size - 1).bit_length()
    if size <= rounded * 3 // 4:
        rounded = rounded * 3 // 4
    kept = _free.get(rounded)
    if kept:
        memory = kept.pop()
        _unused -= rounded
    else:
        memory = np.empty(rounded, np.uint8)
    block = memory.view(Block)
    block.memory = memory
    return np.ndarray(shape, dtype, block)


def release() -> None:
    """Give all unused memory back to the system."""
    global _unused
    _free.clear()
    _unused = 0
