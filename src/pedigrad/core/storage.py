"""Storages: which memory an array lies in.

Two arrays may share elements only if `storage_of` gives the same object for both. NumPy remembers where a view's memory comes from
in `base`, through objects of other kinds: those that `as_strided` puts in between, memoryviews, whatever lends its buffer.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Between: Any = type(np.lib.stride_tricks.as_strided(np.empty(2)).base)  # what stands between a view made by strides and its array


class Buffer:
    """Stands for a buffer (a bytearray, say) that nobody can refer to weakly, as long as an array lies in it."""

    __slots__ = ("__weakref__", "owner")

    def __init__(self, owner: Any):
        self.owner = owner


_buffers: weakref.WeakValueDictionary[int, Buffer] = weakref.WeakValueDictionary()


def storage_of(array: Array) -> Any:
    """The object that owns the memory of `array`, which can be referred to weakly; an array unless NumPy was lent the memory."""
    base = array.base
    while base is not None:
        if not isinstance(base, np.ndarray):
            return _lender(array, base)
        array, base = base, base.base
    return array


def whole_of(array: Array) -> Array:
    """The largest array known on the memory of `array`: the one that owns it, or the first on what was lent."""
    base = array.base
    while base is not None:
        if isinstance(base, np.ndarray):
            array = base
        elif not isinstance(base, Between):
            return array
        base = base.base
    return array


def _lender(array: Array, base: Any) -> Any:
    """The storage of `array`, whose memory `base` lends."""
    while True:
        if isinstance(base, Between):
            base = base.base
        elif isinstance(base, memoryview):
            base = base.obj
        else:
            break
    if isinstance(base, np.ndarray):
        return storage_of(base)
    if type(base).__weakrefoffset__:
        return array if getattr(base, "lends_once", False) else base
    return _buffers.get(id(base), array)


def on_buffer(array: Array) -> Array:
    """`array`, or one like it on the same memory whose storage is known also when it lies in a buffer without weak references."""
    base: Any = array.base
    if base is None or (base.__class__ is np.ndarray and base.base is None):
        return array  # as a rule
    base = array
    while isinstance(base, (np.ndarray, memoryview, Between)):
        inner = base.obj if isinstance(base, memoryview) else base.base
        if inner is None:
            return array
        base = inner
    if type(base).__weakrefoffset__:
        return array
    buffer = _buffers.get(id(base))
    if buffer is None:
        buffer = _buffers[id(base)] = Buffer(base)
    same = np.asarray(Between(array.__array_interface__, buffer))
    return same if same.dtype == array.dtype else same.view(array.dtype)
