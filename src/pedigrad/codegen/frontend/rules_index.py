"""The compiler's vocabulary, second part: elements by index, read and written."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..ir.program import Value
from .rules import BOOL, INDEX, cast, enters, expanded, moved, operand, reshaped
from .trace import Trace, Tracer, changed, compiled_dtype, replaced


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
def enter_getitem(trace: Trace, a: Any, key: Any) -> Any:
    items = basic(key, a.shape)
    if items is None:
        return gathered(trace, a, key)
    result = a.array[key if isinstance(key, tuple) else (key,)]
    if any(isinstance(item, slice) and any(isinstance(n, Tracer) for n in (item.start, item.stop, item.step)) for item in items):
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
        value = trace.emitted("slice", (value,), tuple(sizes), a.dtype, starts=tuple(starts), steps=tuple(steps))
    return moved(trace, a, result, reshaped(trace, value, np.shape(result)), lambda new: with_item(trace, a, key, new))


def with_item(trace: Trace, a: Tracer, key: Any, new: Any) -> Tracer:
    """`a` with `a[key]` replaced."""
    result = enter_setitem(trace, a, key, new)
    return trace.call(replaced, (a, key, new), {}) if result is NotImplemented else result


# Elements by index


def indices_of(key: Any, shape: tuple[int, ...]) -> tuple[int, list[Any]] | None:
    """The first dimension and the integer arrays of a key that has arrays on consecutive dimensions and full slices elsewhere."""
    items = list(key) if isinstance(key, tuple) else [key]
    if ... in [item for item in items if not isinstance(item, (Tracer, np.ndarray))]:
        return None
    arrays = [i for i, item in enumerate(items) if isinstance(item, (Tracer, np.ndarray)) or _whole_number(item)]
    if not arrays or arrays != list(range(arrays[0], arrays[-1] + 1)):
        return None
    for i, item in enumerate(items):
        if i in arrays:
            if not _whole_number(item) and item.dtype.kind not in "iu":
                return None
        elif not (isinstance(item, slice) and item == slice(None)):
            return None
    return arrays[0], [items[i] for i in arrays]


def index_values(trace: Trace, indices: list[Any], sizes: tuple[int, ...], shape: tuple[int, ...]) -> list[Value]:
    """The index arrays as 64-bit values of one shape, counted from the front and checked to be within bounds."""
    found = []
    for index, size in zip(indices, sizes, strict=True):
        index = np.asarray(index) if not isinstance(index, Tracer) else index
        value = expanded(trace, cast(trace, trace.value(index), INDEX), shape)
        if isinstance(index, Tracer):
            trace.check_index(value, index, size)
            low = trace.emitted("lt", (value, 0), shape, BOOL)
            value = trace.emitted("where", (low, trace.emitted("add", (value, size), shape, INDEX), value), shape, INDEX)
        elif index.size and index.min() < 0:
            value = expanded(trace, trace.value(np.where(index < 0, index + size, index).astype(INDEX)), shape)
        found.append(value)
    return found


def gathered(trace: Trace, a: Any, key: Any, result: Any = None) -> Any:
    """`a[key]`; `result` is that of NumPy's function, where the order of its elements in memory is another."""
    found = indices_of(key, a.shape)
    if found is None:
        return NotImplemented
    axis, indices = found
    result = a.array[trace.real(key)] if result is None else result
    shape = np.broadcast_shapes(*[np.shape(trace.real(i)) for i in indices])
    values = index_values(trace, indices, a.shape[axis : axis + len(indices)], shape)
    return trace.tracer(result, trace.emit("gather", (a.value, *values), result, axis=axis))


@enters(np.take)
def enter_take(trace: Trace, a: Any, indices: Any, axis: Any = None, **_: Any) -> Any:
    if not isinstance(a, Tracer) or axis is None:
        return NotImplemented
    indices = indices if isinstance(indices, Tracer) else np.asarray(indices)
    result = np.take(a.array, trace.real(indices), axis)
    return gathered(trace, a, (slice(None),) * (axis % a.ndim) + (indices,), result)


@enters(np.take_along_axis)
def enter_take_along_axis(trace: Trace, arr: Any, indices: Any, axis: Any = -1) -> Any:
    if not isinstance(arr, Tracer) or axis is None or arr.ndim != indices.ndim:
        return NotImplemented
    axis %= arr.ndim
    if any(n != m for d, (n, m) in enumerate(zip(arr.shape, indices.shape, strict=True)) if d != axis):
        return NotImplemented
    grid = [np.arange(n).reshape((n,) + (1,) * (arr.ndim - 1 - d)) for d, n in enumerate(indices.shape)]
    return gathered(trace, arr, tuple(indices if d == axis else each for d, each in enumerate(grid)))


@enters("setitem")
def enter_setitem(trace: Trace, target: Tracer, key: Any, new: Any) -> Any:
    """`target[i, index, j] = new` where all but one of the indices count: a comparison picks the places."""
    items = basic(key, target.shape)
    if items is not None:
        return region_replaced(trace, target, key, items, new)
    found = indices_of(key, target.shape)
    if found is not None and len(found[1]) == 1 and isinstance(found[1][0], Tracer) and target.ndim > 1:
        return slices_replaced(trace, target, key, found[0], found[1][0], new)
    if found is None or found[0] != 0:
        return NotImplemented
    indices = [np.asarray(i) if not isinstance(i, Tracer) else i for i in found[1]]
    shape = np.broadcast_shapes(*[i.shape for i in indices])
    unknown = [d for d, index in enumerate(indices) if isinstance(index, Tracer)]
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
    (place,) = index_values(trace, [indices[at]], (target.shape[at],), shape)

    def spread(value: Value) -> Value:
        value = value if order == list(range(len(shape))) else trace.emitted(
            "transpose", (value,), tuple(shape[d] for d in order), value.dtype, order=tuple(order))  # fmt: skip
        value = reshaped(trace, value, tuple(1 if d == at else n for d, n in enumerate(target.shape)))
        return expanded(trace, value, target.shape)

    iota = trace.emitted("iota", (), (target.shape[at],), INDEX)
    iota = reshaped(trace, iota, tuple(n if d == at else 1 for d, n in enumerate(target.shape)))
    hit = trace.emitted("eq", (expanded(trace, iota, target.shape), spread(place)), target.shape, BOOL)
    fresh = operand(trace, new, target.dtype, shape)
    fresh = spread(fresh) if isinstance(fresh, Value) and fresh.shape else fresh
    value = trace.emitted("where", (hit, fresh, target.value), target.shape, target.dtype)
    return trace.tracer(replaced(target.array, trace.real(key), trace.real(new)), value)


def slices_replaced(trace: Trace, target: Tracer, key: Any, axis: int, index: Tracer, new: Any) -> Any:
    """`target[:, index] = new` with slices that an array counts: each slice is the last one written there, or what was there."""
    rows, count = target.shape[axis], index.size
    lead, rest = target.shape[:axis], target.shape[axis + 1 :]
    if not target.size or not count or count * rows > target.size:
        return NotImplemented
    region = (*lead, *index.shape, *rest)
    fresh = operand(trace, new, target.dtype, region)
    if not isinstance(fresh, Value):
        fresh = trace.emitted("full", (), region, target.dtype, value=fresh)
    fresh = reshaped(trace, expanded(trace, fresh, region), (*lead, count, *rest))
    (places,) = index_values(trace, [index], (rows,), index.shape)

    def along(value: Value, shape: tuple[int, ...], whole: tuple[int, ...]) -> Value:
        return expanded(trace, reshaped(trace, value, shape), whole)

    def counted(n: int, shape: tuple[int, ...], whole: tuple[int, ...]) -> Value:
        return along(trace.emitted("iota", (), (n,), INDEX), shape, whole)

    pairs = rows, count
    hits = trace.emitted("eq", (counted(rows, (rows, 1), pairs), along(places, (1, count), pairs)), pairs, BOOL)
    if count == 1:
        hit, fresh = reshaped(trace, hits, (rows,)), expanded(trace, fresh, target.shape)
    else:
        numbers = trace.emitted("where", (hits, counted(count, (1, count), pairs), -1), pairs, INDEX)
        last = trace.emitted("max", (numbers,), (rows,), INDEX, dims=(1,))
        hit = trace.emitted("ge", (last, 0), (rows,), BOOL)
        chosen = trace.emitted("where", (hit, last, 0), (rows,), INDEX)
        fresh = trace.emitted("gather", (fresh, chosen), target.shape, target.dtype, axis=axis)
    hit = along(hit, (rows, *[1] * len(rest)), target.shape)
    value = trace.emitted("where", (hit, fresh, target.value), target.shape, target.dtype)
    return trace.tracer(replaced(target.array, trace.real(key), trace.real(new)), value)


def region_replaced(trace: Trace, target: Tracer, key: Any, items: list[Any], new: Any) -> Any:
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
    result = replaced(target.array, key, trace.real(new))
    region = np.shape(target.array[key if isinstance(key, tuple) else (key,)])
    fresh = operand(trace, new, target.dtype, region)
    if not isinstance(fresh, Value):
        fresh = trace.emitted("full", (), region, target.dtype, value=fresh)
    sizes = tuple(stop - start for start, stop in zip(starts, stops, strict=True))
    fresh = reshaped(trace, expanded(trace, fresh, region), sizes)

    def part(value: Value, d: int, start: int, stop: int) -> Value:
        shape = (*value.shape[:d], stop - start, *value.shape[d + 1 :])
        if value.by is not None and value.by.operation == "full":
            return trace.emitted("full", (), shape, value.dtype, **value.by.attributes)
        first = tuple(start if e == d else 0 for e in range(len(shape)))
        return trace.emitted("slice", (value,), shape, value.dtype, starts=first, steps=(1,) * len(shape))

    def placed(value: Value) -> Value:
        d = next((d for d, (n, m) in enumerate(zip(sizes, value.shape, strict=True)) if n != m), None)
        if d is None:
            return fresh
        start, stop, end = starts[d], stops[d], value.shape[d]
        parts = [part(value, d, 0, start)] if start else []
        parts.append(placed(part(value, d, start, stop)))
        parts += [part(value, d, stop, end)] if stop < end else []
        return trace.emitted("concat", parts, value.shape, value.dtype, axis=d)

    return trace.tracer(result, placed(target.value) if fresh.size else target.value)


@enters((np.add, "at"))
def enter_add_at(trace: Trace, target: Tracer, key: Any, new: Any) -> Any:
    """Rows are added to rows; several indices are the number of the row that they are together."""
    found = indices_of(key, target.shape)
    if found is None or found[0] != 0 or not target.size or not compiled_dtype(target.dtype):
        return NotImplemented
    indices = found[1]
    result = changed(np.add.at, target.array, trace.real(key), trace.real(new))
    shape = np.broadcast_shapes(*[np.shape(trace.real(i)) for i in indices])
    sizes, rest = target.shape[: len(indices)], target.shape[len(indices) :]
    rows = None
    for index, size in zip(index_values(trace, indices, sizes, shape), sizes, strict=True):
        high = None if rows is None else trace.emitted("mul", (rows, size), shape, INDEX)
        rows = index if high is None else trace.emitted("add", (high, index), shape, INDEX)
    assert rows is not None
    if not rows.size:
        return trace.tracer(result, target.value)
    fresh = operand(trace, new, target.dtype, (*shape, *rest))
    if not isinstance(fresh, Value):
        fresh = trace.emitted("full", (), (), target.dtype, value=fresh)
    count, width = math.prod(sizes), math.prod(rest)
    fresh = reshaped(trace, expanded(trace, fresh, (*shape, *rest)), (rows.size, width))
    rows = reshaped(trace, rows, (rows.size,))
    value = reshaped(trace, trace.emitted("scatter_add", (fresh, rows), (count, width), target.dtype), target.shape)
    before = target.value
    if before.by is None or before.by.operation != "full" or before.by.attributes["value"] != 0:
        value = trace.emitted("add", (before, value), target.shape, target.dtype)
    return trace.tracer(result, value)


@enters(np.copyto)
def enter_copyto(trace: Trace, dst: Tracer, src: Any, casting: str = "same_kind", where: Any = True) -> Any:
    fresh = src.astype(dst.dtype) if isinstance(src, Tracer) else np.asarray(src, dst.dtype)
    return np.where(where, fresh, dst)
