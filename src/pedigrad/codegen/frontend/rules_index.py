"""The compiler's vocabulary, second part: elements by index, read and written."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..ir.program import Value
from .rules import BOOL, INDEX, cast, enters, expanded, moved, operand, reshaped
from .trace import Traced, Tracer, changed, compiled_dtype, replaced


def basic(key: Any, shape: tuple[int, ...]) -> Any:
    """A key of numbers, slices, None and `...` with `...` written out, or None if it has anything else in it."""
    items = list(key) if isinstance(key, tuple) else [key]
    if not all(item is None or item is ... or isinstance(item, slice) or (_whole_number(item)) for item in items):
        return None
    taken = sum(1 for item in items if item is not None and item is not ...)
    rest = [slice(None)] * (len(shape) - taken)
    at = next((i for i, item in enumerate(items) if item is ...), len(items))
    return items[:at] + rest + items[at + 1 :]


def _whole_number(item: Any) -> bool:
    return isinstance(item, (int, np.integer)) and not isinstance(item, (bool, np.bool_))


@enters("getitem")
def enter_getitem(tracer: Tracer, a: Any, key: Any) -> Any:
    items = basic(key, a.shape)
    if items is None:
        return gathered(tracer, a, key)
    result = a.array[key if isinstance(key, tuple) else (key,)]
    if any(isinstance(item, slice) and any(isinstance(n, Traced) for n in (item.start, item.stop, item.step)) for item in items):
        return NotImplemented
    starts, steps, sizes = [], [], []
    for item, size in zip([i for i in items if i is not None], a.shape, strict=True):
        if isinstance(item, slice):
            start, stop, step = item.indices(size)
            starts.append(start)
            steps.append(step)
            sizes.append(len(range(start, stop, step)))
        else:
            starts.append(operator.index(item) % size)
            steps.append(1)
            sizes.append(1)
    value = a.value
    if tuple(sizes) != a.shape or any(step != 1 for step in steps):
        value = tracer.emitted("slice", (value,), tuple(sizes), a.dtype, starts=tuple(starts), steps=tuple(steps))
    return moved(tracer, a, result, reshaped(tracer, value, np.shape(result)), lambda new: with_item(tracer, a, key, new))


def with_item(tracer: Tracer, a: Traced, key: Any, new: Any) -> Traced:
    """`a` with `a[key]` replaced."""
    result = enter_setitem(tracer, a, key, new)
    return tracer.call(replaced, (a, key, new), {}) if result is NotImplemented else result


# Elements by index


def indices_of(key: Any, shape: tuple[int, ...]) -> tuple[int, list[Any]] | None:
    """The first dimension and the integer arrays of a key that has arrays on consecutive dimensions and full slices elsewhere."""
    items = list(key) if isinstance(key, tuple) else [key]
    if ... in [item for item in items if not isinstance(item, (Traced, np.ndarray))]:
        return None
    arrays = [i for i, item in enumerate(items) if isinstance(item, (Traced, np.ndarray)) or _whole_number(item)]
    if not arrays or arrays != list(range(arrays[0], arrays[-1] + 1)):
        return None
    for i, item in enumerate(items):
        if i in arrays:
            if not _whole_number(item) and item.dtype.kind not in "iu":
                return None
        elif not (isinstance(item, slice) and item == slice(None)):
            return None
    return arrays[0], [items[i] for i in arrays]


def index_values(tracer: Tracer, indices: list[Any], sizes: tuple[int, ...], shape: tuple[int, ...]) -> list[Value]:
    """The index arrays as 64-bit values of one shape, counted from the front and checked to be within bounds."""
    found = []
    for index, size in zip(indices, sizes, strict=True):
        index = np.asarray(index) if not isinstance(index, Traced) else index
        value = expanded(tracer, cast(tracer, tracer.value(index), INDEX), shape)
        if isinstance(index, Traced):
            tracer.check_index(value, index, size)
            low = tracer.emitted("lt", (value, 0), shape, BOOL)
            value = tracer.emitted("where", (low, tracer.emitted("add", (value, size), shape, INDEX), value), shape, INDEX)
        elif index.size and index.min() < 0:
            value = expanded(tracer, tracer.value(np.where(index < 0, index + size, index).astype(INDEX)), shape)
        found.append(value)
    return found


def gathered(tracer: Tracer, a: Any, key: Any) -> Any:
    found = indices_of(key, a.shape)
    if found is None:
        return NotImplemented
    axis, indices = found
    result = a.array[tracer.real(key)]
    shape = np.broadcast_shapes(*[np.shape(tracer.real(i)) for i in indices])
    values = index_values(tracer, indices, a.shape[axis : axis + len(indices)], shape)
    return tracer.traced(result, tracer.emit("gather", (a.value, *values), result, axis=axis))


@enters(np.take)
def enter_take(tracer: Tracer, a: Any, indices: Any, axis: Any = None, **_: Any) -> Any:
    if not isinstance(a, Traced) or axis is None:
        return NotImplemented
    indices = indices if isinstance(indices, Traced) else np.asarray(indices)
    return gathered(tracer, a, (slice(None),) * (axis % a.ndim) + (indices,))


@enters(np.take_along_axis)
def enter_take_along_axis(tracer: Tracer, arr: Any, indices: Any, axis: Any = -1) -> Any:
    if not isinstance(arr, Traced) or axis is None or arr.ndim != indices.ndim:
        return NotImplemented
    axis %= arr.ndim
    if any(n != m for d, (n, m) in enumerate(zip(arr.shape, indices.shape, strict=True)) if d != axis):
        return NotImplemented
    grid = [np.arange(n).reshape((n,) + (1,) * (arr.ndim - 1 - d)) for d, n in enumerate(indices.shape)]
    return gathered(tracer, arr, tuple(indices if d == axis else each for d, each in enumerate(grid)))


@enters("setitem")
def enter_setitem(tracer: Tracer, target: Traced, key: Any, new: Any) -> Any:
    """`target[i, index, j] = new` where all but one of the indices count: a comparison picks the places."""
    items = basic(key, target.shape)
    if items is not None:
        return region_replaced(tracer, target, key, items, new)
    found = indices_of(key, target.shape)
    if found is None or found[0] != 0:
        return NotImplemented
    indices = [np.asarray(i) if not isinstance(i, Traced) else i for i in found[1]]
    shape = np.broadcast_shapes(*[i.shape for i in indices])
    unknown = [d for d, index in enumerate(indices) if isinstance(index, Traced)]
    if len(unknown) != 1 or target.ndim != len(indices):
        return NotImplemented
    (at,) = unknown
    along: dict[int, int] = {}  # a dimension of the target -> the dimension of the indices that it follows
    for d, index in enumerate(indices):
        if d != at:
            dims = [len(shape) - index.ndim + k for k, n in enumerate(index.shape) if n > 1 or index.size == 1]
            if len(dims) < 1 or index.size != target.shape[d] or (index.reshape(-1) != np.arange(index.size)).any():
                return NotImplemented
            along[d] = dims[-1] if index.size > 1 else next(k for k in range(len(shape)) if k not in along.values())
    if sorted(along.values()) != list(range(len(shape))):
        return NotImplemented
    order = [along[d] for d in range(target.ndim) if d != at]
    (place,) = index_values(tracer, [indices[at]], (target.shape[at],), shape)

    def spread(value: Value) -> Value:
        value = value if order == list(range(len(shape))) else tracer.emitted(
            "transpose", (value,), tuple(shape[d] for d in order), value.dtype, order=tuple(order))  # fmt: skip
        value = reshaped(tracer, value, tuple(1 if d == at else n for d, n in enumerate(target.shape)))
        return expanded(tracer, value, target.shape)

    iota = tracer.emitted("iota", (), (target.shape[at],), INDEX)
    iota = reshaped(tracer, iota, tuple(n if d == at else 1 for d, n in enumerate(target.shape)))
    hit = tracer.emitted("eq", (expanded(tracer, iota, target.shape), spread(place)), target.shape, BOOL)
    fresh = operand(tracer, new, target.dtype, shape)
    fresh = spread(fresh) if isinstance(fresh, Value) and fresh.shape else fresh
    value = tracer.emitted("where", (hit, fresh, target.value), target.shape, target.dtype)
    return tracer.traced(replaced(target.array, tracer.real(key), tracer.real(new)), value)


def region_replaced(tracer: Tracer, target: Traced, key: Any, items: list[Any], new: Any) -> Any:
    """`target[key] = new` for slices and numbers: the new region between what lies before and after it, dimension by dimension."""
    starts, stops = [], []
    for item, size in zip([i for i in items if i is not None], target.shape, strict=True):
        if isinstance(item, slice):
            start, stop, step = item.indices(size)
            if step != 1:
                return NotImplemented
        else:
            start = operator.index(item) % size
            stop = start + 1
        starts.append(start)
        stops.append(max(start, stop))
    result = replaced(target.array, key, tracer.real(new))
    region = np.shape(target.array[key if isinstance(key, tuple) else (key,)])
    fresh = operand(tracer, new, target.dtype, region)
    if not isinstance(fresh, Value):
        fresh = tracer.emitted("full", (), region, target.dtype, value=fresh)
    sizes = tuple(stop - start for start, stop in zip(starts, stops, strict=True))
    fresh = reshaped(tracer, expanded(tracer, fresh, region), sizes)

    def part(value: Value, d: int, start: int, stop: int) -> Value:
        shape = (*value.shape[:d], stop - start, *value.shape[d + 1 :])
        if value.by is not None and value.by.operation == "full":
            return tracer.emitted("full", (), shape, value.dtype, **value.by.attributes)
        first = tuple(start if e == d else 0 for e in range(len(shape)))
        return tracer.emitted("slice", (value,), shape, value.dtype, starts=first, steps=(1,) * len(shape))

    def placed(value: Value) -> Value:
        d = next((d for d, (n, m) in enumerate(zip(sizes, value.shape, strict=True)) if n != m), None)
        if d is None:
            return fresh
        start, stop, end = starts[d], stops[d], value.shape[d]
        parts = [part(value, d, 0, start)] if start else []
        parts.append(placed(part(value, d, start, stop)))
        parts += [part(value, d, stop, end)] if stop < end else []
        return tracer.emitted("concat", parts, value.shape, value.dtype, axis=d)

    return tracer.traced(result, placed(target.value) if fresh.size else target.value)


@enters((np.add, "at"))
def enter_add_at(tracer: Tracer, target: Traced, key: Any, new: Any) -> Any:
    """Rows are added to rows; several indices are the number of the row that they are together."""
    found = indices_of(key, target.shape)
    if found is None or found[0] != 0 or not target.size or not compiled_dtype(target.dtype):
        return NotImplemented
    indices = found[1]
    result = changed(np.add.at, target.array, tracer.real(key), tracer.real(new))
    shape = np.broadcast_shapes(*[np.shape(tracer.real(i)) for i in indices])
    sizes, rest = target.shape[: len(indices)], target.shape[len(indices) :]
    rows = None
    for index, size in zip(index_values(tracer, indices, sizes, shape), sizes, strict=True):
        high = None if rows is None else tracer.emitted("mul", (rows, size), shape, INDEX)
        rows = index if high is None else tracer.emitted("add", (high, index), shape, INDEX)
    assert rows is not None
    if not rows.size:
        return tracer.traced(result, target.value)
    fresh = operand(tracer, new, target.dtype, (*shape, *rest))
    if not isinstance(fresh, Value):
        fresh = tracer.emitted("full", (), (), target.dtype, value=fresh)
    count, width = math.prod(sizes), math.prod(rest)
    fresh = reshaped(tracer, expanded(tracer, fresh, (*shape, *rest)), (rows.size, width))
    rows = reshaped(tracer, rows, (rows.size,))
    value = reshaped(tracer, tracer.emitted("scatter_add", (fresh, rows), (count, width), target.dtype), target.shape)
    before = target.value
    if before.by is None or before.by.operation != "full" or before.by.attributes["value"] != 0:
        value = tracer.emitted("add", (before, value), target.shape, target.dtype)
    return tracer.traced(result, value)


@enters(np.copyto)
def enter_copyto(tracer: Tracer, dst: Traced, src: Any, casting: str = "same_kind", where: Any = True) -> Any:
    fresh = src.astype(dst.dtype) if isinstance(src, Traced) else np.asarray(src, dst.dtype)
    return np.where(where, fresh, dst)
