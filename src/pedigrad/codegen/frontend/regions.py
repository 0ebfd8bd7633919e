"""Arrays on one memory, as values of a program: what a view shows of an array, and what the array is after a write through the view.

Which elements of an array a view shows follows from addresses and strides alone, however it was made. The common views (all of it,
another shape, another order, a run of elements) become movements; any other picks elements by number.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..gemm.contraction import address_of
from ..ir.program import Value
from .rules import reshaped
from .trace import Trace

Array = np.ndarray[Any, Any]


def extent(array: Array) -> tuple[int, int]:
    """The address of an array's first byte in memory, and that after its last."""
    low = high = address_of(array)
    if array.flags.c_contiguous:
        return low, low + array.nbytes
    for n, step in zip(array.shape, array.strides, strict=True):
        low, high = (low + (n - 1) * step, high) if step < 0 else (low, high + (n - 1) * step)
    return low, (high + array.itemsize) if array.size else low


def extent_size(array: Array) -> int:
    """The bytes of memory from an array's first to its last."""
    low, high = extent(array)
    return high - low


def overlap(one: Array, other: Array) -> bool:
    """Whether two arrays may have bytes in common."""
    (a, b), (c, d) = extent(one), extent(other)
    return a < d and c < b


def within(whole: Array, part: Array) -> bool:
    """Whether the memory of `part` lies between the first and the last byte of `whole`."""
    (low, high), (first, last) = extent(whole), extent(part)
    return low <= first and last <= high


def shares(one: Array, other: Array) -> bool:
    """Whether two arrays have elements in common; True where that takes long to find out."""
    if not overlap(one, other):
        return False
    try:
        return bool(np.shares_memory(one, other, max_work=10_000))  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def like(array: Array) -> Array:
    """A copy on memory of its own, with the same strides."""
    low, high = extent(array)
    memory = np.zeros(high - low, np.uint8)
    copy = laid(memory, array, low, array.dtype)
    copy[...] = array
    return copy


def laid(memory: Array, array: Array, low: int, dtype: Any) -> Array:
    """An array with the shape and the strides of another, on memory that begins at the address `low` of that."""
    if not array.size:
        return np.empty(array.shape, dtype)
    scale = np.dtype(dtype).itemsize
    offset = (array.__array_interface__["data"][0] - low) // array.itemsize * scale
    return np.ndarray(array.shape, dtype, memory, offset, tuple(s // array.itemsize * scale for s in array.strides))


def is_once(array: Array) -> bool:
    """Whether each element has a place of its own in memory, as far as strides show it."""
    reach = 0
    for step, n in sorted((abs(s), n) for n, s in zip(array.shape, array.strides, strict=True) if n > 1):
        if step <= reach:
            return False
        reach += step * (n - 1)
    return True


def numbers_of(whole: Array, part: Array) -> Array | None:
    """Which elements of `whole`, counted row by row, those of `part` are; None if some are none of them."""
    (low, high), (first, last), size = extent(whole), extent(part), whole.itemsize
    steps = [*whole.strides, *part.strides, first - low]
    if whole.dtype != part.dtype or first < low or last > high or any(step % size for step in steps):
        return None
    numbers = np.full((high - low) // size, -1, np.int64)
    laid(numbers, whole, low, np.int64)[...] = np.arange(whole.size).reshape(whole.shape)
    found = laid(numbers, part, low, np.int64)
    return None if (found < 0).any() else np.ascontiguousarray(found).reshape(part.shape)


def covers(whole: Array, part: Array) -> bool:
    """Whether all elements of `part` are elements of `whole`."""
    return is_same(whole, part) or numbers_of(whole, part) is not None


def is_same(one: Array, other: Array) -> bool:
    """Whether two arrays are the same elements in the same shape."""
    return one is other or _place(one) == _place(other)


def _place(array: Array) -> Any:
    return array.__array_interface__["data"][0], array.shape, array.strides, array.dtype


def shown(trace: Trace, whole: Array, value: Value, part: Array) -> Value | None:
    """What is in `part` where `value` is in `whole`; None if part of it is elsewhere."""
    if is_same(whole, part):
        return value
    at_start = whole.dtype == part.dtype and whole.size == part.size and extent(whole) == extent(part)
    if at_start and whole.flags.c_contiguous and part.flags.c_contiguous:
        return reshaped(trace, value, part.shape)
    sides, mine = list(zip(whole.shape, whole.strides, strict=True)), list(zip(part.shape, part.strides, strict=True))
    if at_start and len(set(sides)) == len(sides) and sorted(sides) == sorted(mine) and _place(whole)[0] == _place(part)[0]:
        return trace.emitted("transpose", (value,), part.shape, value.dtype, order=tuple(map(sides.index, mine)))
    numbers = numbers_of(whole, part)
    if numbers is None:
        return None
    order = tuple(sorted(range(whole.ndim), key=lambda d: -abs(whole.strides[d])))
    turned = np.arange(whole.size).reshape(whole.shape).transpose(order)
    if turned.size == numbers.size and (turned.ravel() == numbers.ravel()).all():
        value = trace.emitted("transpose", (value,), turned.shape, value.dtype, order=order)
        return reshaped(trace, value, part.shape)
    return picked(trace, value, numbers)


def picked(trace: Trace, value: Value, numbers: Array) -> Value:
    """The elements of a value with these numbers, counted row by row."""
    flat, first = reshaped(trace, value, (value.size,)), int(numbers.flat[0]) if numbers.size else 0
    if (numbers.ravel() == np.arange(first, first + numbers.size)).all():
        if numbers.size != flat.size:
            flat = trace.emitted("slice", (flat,), (numbers.size,), value.dtype, starts=(first,), steps=(1,))
        return reshaped(trace, flat, numbers.shape)
    return trace.emitted("gather", (flat, trace.constant(numbers)), numbers.shape, value.dtype, axis=0)


def written(trace: Trace, whole: Array, value: Value, part: Array, new: Value) -> Value | None:
    """What is in `whole`, where `value` was, when `part` of it is given the value `new`; None if that cannot be said."""
    if is_same(whole, part):
        return new
    numbers = numbers_of(whole, part)
    if numbers is None or not is_once(part) or not is_once(whole):
        return None
    if part.size == whole.size:
        return shown(trace, part, new, whole)
    where = np.full(whole.size, -1, np.int64)
    where[numbers.ravel()] = np.arange(numbers.size)
    where = where.reshape(whole.shape)
    fresh = picked(trace, new, np.maximum(where, 0)) if new.size else value
    hit = trace.constant(where >= 0)
    return trace.emitted("where", (hit, fresh, value), whole.shape, value.dtype)


__all__ = ["covers", "extent", "is_once", "like", "numbers_of", "overlap", "picked", "shares", "shown", "within", "written"]
