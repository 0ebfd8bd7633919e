"""Tensors on the device `meta`: they have shapes, dtypes, strides and histories, and no memory.

Their arrays lie in reserved addresses that nobody can write to and that no page stands behind. Views are NumPy's, as of any array. All
other operations run on the zeros that are read there, and of their results the shape, dtype and strides are kept: they take time, and
memory while they run. While there is such a tensor, every operation takes the long way, where this is looked at.
"""

from __future__ import annotations

import math
import mmap
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import modes
from .layout import iterator_order
from .origin import located
from .storage import storage_of

Array = np.ndarray[Any, Any]
NO_DATA = "Cannot copy out of meta tensor; no data!"
_RESERVED: dict[str, Any] = {"access": mmap.ACCESS_READ}
if hasattr(mmap, "MAP_PRIVATE"):
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
    _RESERVED = {"flags": flags, "prot": mmap.PROT_READ}
alive = 0  # how many storages without memory there are


class Nowhere(mmap.mmap):
    """Addresses of a storage that has no memory."""


def _gone() -> None:
    global alive
    alive -= 1
    modes.need_long_way(-1)


def empty(shape: tuple[int, ...], dtype: Any, order: list[int] | None = None) -> Array:
    """An array without memory, its dimensions in this order, innermost first (None for rows)."""
    global alive
    kind = np.dtype(dtype)
    size = math.prod(shape)
    nowhere = Nowhere(-1, max(size * kind.itemsize, 1), **_RESERVED)
    alive += 1
    modes.need_long_way(+1)
    weakref.finalize(nowhere, _gone).atexit = False
    outermost = list(range(len(shape))) if order is None else order[::-1]
    flat = np.frombuffer(nowhere, np.uint8, size * kind.itemsize).view(kind)
    return flat.reshape([shape[d] for d in outermost]).transpose(np.argsort(outermost))


def like(array: Array, dtype: Any = None) -> Array:
    """An array without memory that lies as `array` does, without gaps."""
    return empty(array.shape, array.dtype if dtype is None else dtype, iterator_order(array.shape, (array,)))


def placed(array: Array) -> Array:
    """An array without memory that lies as `array` does, gaps included."""
    return strided(array.shape, [s // array.itemsize for s in array.strides], array.dtype)


def strided(shape: Sequence[int], stride: Sequence[int], dtype: Any) -> Array:
    """An array without memory of this shape and these strides in elements."""
    kind = np.dtype(dtype)
    extent = 1 + sum((n - 1) * s for n, s in zip(shape, stride, strict=True)) if all(shape) else 0
    steps = [s * kind.itemsize for s in stride]
    return np.ndarray(shape, kind, empty((extent,), kind), 0, steps)  # type: ignore[call-overload,no-any-return]


def following(array: Array, source: Array) -> Array:
    """What was computed from `source`: without memory if that has none."""
    return like(array) if is_meta(source) and not is_meta(array) else array


def regular(array: Any) -> Any:
    """In the place of an array without memory one of regular matrices, or of ones."""
    if not is_meta(array):
        return array
    if array.ndim < 2 or array.dtype.kind not in "fc":
        return np.ones_like(array)
    return np.broadcast_to(np.eye(*array.shape[-2:], dtype=array.dtype), array.shape)


def is_meta(array: Any) -> bool:
    """Whether an array has no memory."""
    return alive > 0 and array.__class__ is np.ndarray and storage_of(array).__class__ is Nowhere


def require_data(array: Any, what: str) -> None:
    """NotImplementedError if the elements of an array without memory are asked for."""
    if is_meta(array):
        raise NotImplementedError(located(f"{what}: {NO_DATA}"))
