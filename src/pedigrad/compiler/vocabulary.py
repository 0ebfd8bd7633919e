"""What NumPy functions become in a program: the compiler's vocabulary.

Each function here takes the tracer and the arguments that NumPy's function takes, does it on the real arrays, enters the
instructions, and returns a Traced array. It returns NotImplemented for a form that has no instructions: that is a `call`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .program import Value
from .trace import FUNCTIONS, Number, Traced, Tracer, changed, compiled_dtype, getitem, replaced

UFUNCS = {  # by name, so that SciPy's are found without importing it
    "add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "power": "pow", "maximum": "max2", "minimum": "min2",
    "negative": "neg", "absolute": "abs", "fabs": "abs", "sign": "sign", "exp": "exp", "exp2": "exp2", "expm1": "expm1", "log": "log",
    "log2": "log2", "log10": "log10", "log1p": "log1p", "sqrt": "sqrt", "reciprocal": "reciprocal", "square": "square", "sin": "sin",
    "cos": "cos", "tan": "tan", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "sinh": "sinh",
    "cosh": "cosh", "tanh": "tanh", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "expit": "sigmoid", "erf": "erf",
    "erfc": "erfc", "floor": "floor", "ceil": "ceil", "rint": "round", "trunc": "trunc", "isnan": "isnan", "isinf": "isinf",
    "isfinite": "isfinite", "logical_not": "not", "invert": "invert", "logical_and": "and", "logical_or": "or", "logical_xor": "xor",
    "bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "xor", "left_shift": "shl", "right_shift": "shr", "equal": "eq",
    "not_equal": "ne", "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge", "remainder": "mod", "fmod": "fmod",
    "floor_divide": "floordiv", "copysign": "copysign", "hypot": "hypot", "cbrt": "cbrt",
}  # fmt: skip
LOGICAL = frozenset({"not", "and", "or", "xor"})
BOOL = np.dtype(np.bool_)
INDEX = np.dtype(np.int64)


def enters(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare what enters these NumPy functions."""

    def declare(written: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS.update(dict.fromkeys(functions, written))
        return written

    return declare


# Elementwise


def operand(tracer: Tracer, x: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Any:
    """An operand of an elementwise instruction: a number, or a value of that dtype and of shape `shape` or ()."""
    if isinstance(x, np.generic) or (isinstance(x, np.ndarray) and x.ndim == 0):
        x = x.item()
    if not isinstance(x, (Traced, np.ndarray)):
        return dtype.type(x).item() if dtype.kind != "f" else float(x)
    value = cast(tracer, tracer.value(x), dtype)
    return value if value.shape in ((), shape) else expanded(tracer, value, shape)


def cast(tracer: Tracer, value: Value, dtype: np.dtype[Any]) -> Value:
    """The value in another dtype."""
    return value if value.dtype == dtype else tracer.emitted("cast", (value,), value.shape, dtype)


def expanded(tracer: Tracer, value: Value, shape: tuple[int, ...]) -> Value:
    """The value broadcast to a shape."""
    return value if value.shape == shape else tracer.emitted("broadcast", (value,), shape, value.dtype)


def reshaped(tracer: Tracer, value: Value, shape: tuple[int, ...]) -> Value:
    """The value in another shape."""
    return value if value.shape == shape else tracer.emitted("reshape", (value,), shape, value.dtype)


def kind_of(x: Any) -> Any:
    """What NumPy promotes an operand as: a dtype, or the type of a Python number, which is weak."""
    if isinstance(x, Number):
        return type(x.number)
    if isinstance(x, (Traced, np.ndarray, np.generic)):
        return x.dtype
    return BOOL if isinstance(x, bool) else type(x)


@enters("ufunc")
def enter_ufunc(tracer: Tracer, ufunc: Any, inputs: Any) -> Any:
    name = UFUNCS.get(ufunc.__name__)
    if ufunc.__name__ in ("positive", "conjugate"):
        return inputs[0]
    if name is None or ufunc.nout != 1:
        return enter_matmul(tracer, *inputs) if ufunc is np.matmul else NotImplemented
    kinds = tuple(map(kind_of, inputs))
    if all(isinstance(kind, type) for kind in kinds):
        return on_numbers(tracer, ufunc, name, inputs)
    result = np.asarray(ufunc(*[tracer.real(x) for x in inputs]))
    *types, out = ufunc.resolve_dtypes((*kinds, None))
    if name in LOGICAL and ufunc.__name__.startswith("logical"):
        types = [BOOL] * len(types)
    if not all(compiled_dtype(t) for t in (*types, out)) or (name == "pow" and types[0].kind != "f"):
        return NotImplemented
    if name in ("mod", "floordiv", "fmod") and types[0].kind in "iu":
        return NotImplemented  # what is divided by zero is NumPy's to say
    args = [operand(tracer, x, t, result.shape) for x, t in zip(inputs, types, strict=True)]
    return tracer.traced(result, tracer.emitted(name, args, result.shape, out))


def on_numbers(tracer: Tracer, ufunc: Any, name: str, inputs: Any) -> Any:
    """Arithmetic of numbers that are inputs of the program, such as a learning rate."""
    number = ufunc(*[x.number if isinstance(x, Number) else x for x in inputs]).item()
    dtype = np.dtype(np.bool_ if isinstance(number, bool) else np.float64)
    args = [cast(tracer, x.value, np.dtype(np.float64)) if isinstance(x, Number) else float(x) for x in inputs]
    return Number(tracer, number, tracer.emitted(name, args, (), dtype))


@enters(np.astype)
def enter_astype(tracer: Tracer, x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    dtype = np.dtype(dtype)
    if not compiled_dtype(dtype):
        return NotImplemented
    return tracer.traced(x.array.astype(dtype), cast(tracer, x.value, dtype))


@enters(np.where)
def enter_where(tracer: Tracer, condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None:
        return NotImplemented
    result = np.asarray(np.where(*tracer.real((condition, x, y))))
    if not compiled_dtype(result.dtype):
        return NotImplemented
    shape = result.shape
    args = [operand(tracer, condition, BOOL, shape), operand(tracer, x, result.dtype, shape), operand(tracer, y, result.dtype, shape)]
    return tracer.traced(result, tracer.emitted("where", args, shape, result.dtype))


@enters(np.clip)
def enter_clip(tracer: Tracer, a: Any, a_min: Any = None, a_max: Any = None, **_: Any) -> Any:
    out = a if a_min is None else np.maximum(a, a_min)
    return out if a_max is None else np.minimum(out, a_max)


@enters(np.real, np.conj, np.copy)
def enter_same(tracer: Tracer, x: Any, **_: Any) -> Any:
    return tracer.traced(x.array.copy(), x.value)


@enters(np.shape)
def enter_shape(tracer: Tracer, x: Any) -> Any:
    return x.shape


@enters(np.ndim)
def enter_ndim(tracer: Tracer, x: Any) -> Any:
    return x.ndim


@enters(np.iscomplexobj)
def enter_iscomplexobj(tracer: Tracer, x: Any) -> bool:
    return False


def enter_filled(value: Any) -> Any:
    def enter(tracer: Tracer, x: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None) -> Any:
        dtype = x.dtype if dtype is None else np.dtype(dtype)
        array = np.full(x.shape if shape is None else shape, value, dtype)
        return tracer.traced(array, tracer.emit("full", (), array, value=array.dtype.type(value).item())) if compiled_dtype(dtype) else array

    return enter


FUNCTIONS[np.zeros_like] = FUNCTIONS[np.empty_like] = enter_filled(0)
FUNCTIONS[np.ones_like] = enter_filled(1)


# Reductions


def dims_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """The dimensions meant by NumPy's `axis`."""
    if axis is None:
        return tuple(range(ndim))
    return tuple(sorted(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,)))) if ndim else ()


def enter_reduction(name: str, function: Any, first: Any = None) -> Callable[..., Any]:
    def enter(tracer: Tracer, a: Any, axis: Any = first, dtype: Any = None, out: Any = None, keepdims: Any = False, **rest: Any) -> Any:
        if not isinstance(a, Traced) or any(value is not np._NoValue for value in rest.values()):
            return NotImplemented
        keepdims = keepdims is True
        named = {} if dtype is None else {"dtype": dtype}
        result = np.asarray(function(a.array, axis=axis, keepdims=keepdims, **named))
        if not compiled_dtype(result.dtype) or (a.dtype.kind == "b" and name in ("max", "min") and result.dtype != BOOL):
            return NotImplemented
        return reduced(tracer, name, a, dims_of(axis, a.ndim), keepdims, result)

    return enter


def reduced(tracer: Tracer, name: str, a: Traced, dims: tuple[int, ...], keepdims: bool, result: Any) -> Traced:
    """The instructions of a reduction whose real result is known."""
    value = cast(tracer, a.value, result.dtype)
    if dims:
        kept = tuple(n for d, n in enumerate(a.shape) if d not in dims)
        value = tracer.emitted(name, (value,), kept, result.dtype, dims=dims)
    return tracer.traced(result, reshaped(tracer, value, result.shape))


REDUCTIONS = {np.sum: "sum", np.prod: "prod", np.max: "max", np.amax: "max", np.min: "min", np.amin: "min", np.any: "max", np.all: "min"}
UFUNC_REDUCTIONS = {np.add: "sum", np.multiply: "prod", np.maximum: "max", np.minimum: "min", np.logical_or: "max", np.logical_and: "min"}
for _function, _name in REDUCTIONS.items():
    FUNCTIONS[_function] = enter_reduction(_name, _function)
for _ufunc, _name in UFUNC_REDUCTIONS.items():
    FUNCTIONS[_ufunc, "reduce"] = enter_reduction(_name, _ufunc.reduce, 0)  # type: ignore[attr-defined]


@enters(np.mean)
def enter_mean(tracer: Tracer, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **_: Any) -> Any:
    if dtype is not None or not isinstance(a, Traced) or a.dtype.kind != "f":
        return NotImplemented
    count = math.prod(a.shape[d] for d in dims_of(axis, a.ndim))
    return np.true_divide(np.sum(a, axis=axis, keepdims=keepdims is True), count)  # type: ignore[call-overload]


# Other views of the same elements


def moved(tracer: Tracer, a: Traced, result: Any, value: Value, back: Any = None) -> Traced:
    """A view. Writes to it can be followed where `back` gives what `a` is when the view is an array of another content."""
    new = tracer.traced(result, value)
    new.base, new.back, new.seen = a, back, a.writes
    return new


@enters(np.reshape)
def enter_reshape(tracer: Tracer, a: Any, /, shape: Any = None, order: str = "C", **kwargs: Any) -> Any:
    if order != "C" or shape is None:
        return NotImplemented
    result = np.reshape(a.array, shape)
    back = (lambda new: np.reshape(new, a.shape)) if np.may_share_memory(result, a.array) else None
    return moved(tracer, a, result, reshaped(tracer, a.value, result.shape), back)


def permuted(tracer: Tracer, a: Traced, order: tuple[int, ...]) -> Traced:
    """The dimensions in another order."""
    result = np.transpose(a.array, order)
    if order == tuple(range(a.ndim)):
        return moved(tracer, a, result, a.value)
    return moved(tracer, a, result, tracer.emit("transpose", (a.value,), result, order=order))


@enters(np.transpose)
def enter_transpose(tracer: Tracer, a: Any, axes: Any = None) -> Any:
    order = tuple(range(a.ndim))[::-1] if axes is None else tuple(int(d) % a.ndim for d in axes)
    return permuted(tracer, a, order)


@enters(np.swapaxes)
def enter_swapaxes(tracer: Tracer, a: Any, axis1: int, axis2: int) -> Any:
    order = list(range(a.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return permuted(tracer, a, tuple(order))


@enters(np.moveaxis)
def enter_moveaxis(tracer: Tracer, a: Any, source: Any, destination: Any) -> Any:
    source = [s % a.ndim for s in (source if isinstance(source, (tuple, list)) else [source])]
    destination = [d % a.ndim for d in (destination if isinstance(destination, (tuple, list)) else [destination])]
    order = [d for d in range(a.ndim) if d not in source]
    for to, d in sorted(zip(destination, source, strict=True)):
        order.insert(to, d)
    return permuted(tracer, a, tuple(order))


@enters(np.squeeze)
def enter_squeeze(tracer: Tracer, a: Any, axis: Any = None) -> Any:
    result = np.squeeze(a.array, axis)
    return moved(tracer, a, result, reshaped(tracer, a.value, result.shape))


@enters(np.expand_dims)
def enter_expand_dims(tracer: Tracer, a: Any, axis: Any) -> Any:
    result = np.expand_dims(a.array, axis)
    return moved(tracer, a, result, reshaped(tracer, a.value, result.shape))


@enters(np.broadcast_to)
def enter_broadcast_to(tracer: Tracer, array: Any, shape: Any, subok: bool = False) -> Any:
    result = np.broadcast_to(array.array, shape)
    return moved(tracer, array, result, expanded(tracer, array.value, result.shape))


def diagonal_replaced(array: Any, new: Any, *where: int) -> Any:
    """A copy of `array` with another diagonal."""
    array = array.copy()
    diagonal = np.diagonal(array, *where)
    diagonal.flags.writeable = True
    diagonal[...] = new
    return array


@enters(np.diagonal)
def enter_diagonal(tracer: Tracer, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    where = offset, axis1, axis2
    result = tracer.call(np.diagonal, (a, *where), {})
    result.back = lambda new: tracer.call(diagonal_replaced, (a, new, *where), {})
    return result


@enters(np.flip)
def enter_flip(tracer: Tracer, m: Any, axis: Any = None) -> Any:
    dims = dims_of(axis, m.ndim)
    return getitem(m, tuple(slice(None, None, -1 if d in dims else None) for d in range(m.ndim)))


@enters(np.split)
def enter_split(tracer: Tracer, ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    sections, size, axis = indices_or_sections, ary.shape[axis], axis % ary.ndim
    cuts = [size // sections * i for i in range(1, sections)] if isinstance(sections, int) else list(sections)
    lead = (slice(None),) * axis
    return [getitem(ary, (*lead, slice(start, stop))) for start, stop in zip([0, *cuts], [*cuts, size], strict=True)]


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
    fresh = np.astype(src, dst.dtype) if isinstance(src, Traced) else np.asarray(src, dst.dtype)
    return np.where(where, fresh, dst)


# Putting together


@enters(np.concatenate)
def enter_concatenate(tracer: Tracer, arrays: Any, axis: Any = 0, dtype: Any = None, casting: str = "same_kind", **_: Any) -> Any:
    result = np.concatenate(tracer.real(list(arrays)), axis=axis, dtype=dtype, casting=casting)  # type: ignore[call-overload]
    if not compiled_dtype(result.dtype):
        return NotImplemented
    values = [cast(tracer, tracer.value(x), result.dtype) for x in arrays]
    if axis is None:
        values, axis = [reshaped(tracer, v, (v.size,)) for v in values], 0
    return tracer.traced(result, tracer.emit("concat", values, result, axis=axis % result.ndim))


@enters(np.stack)
def enter_stack(tracer: Tracer, arrays: Any, axis: int = 0, **_: Any) -> Any:
    return np.concatenate([x[(slice(None),) * (axis % (x.ndim + 1)) + (None,)] for x in arrays], axis=axis)


@enters(np.roll)
def enter_roll(tracer: Tracer, a: Any, shift: Any, axis: Any = None) -> Any:
    if not isinstance(shift, int) or not isinstance(axis, int) or not a.shape[axis]:
        return NotImplemented
    axis %= a.ndim
    lead, cut = (slice(None),) * axis, (-shift) % a.shape[axis]
    return np.concatenate([a[(*lead, slice(cut, None))], a[(*lead, slice(0, cut))]], axis=axis) if cut else a.copy()


def enter_triangle(keep: Any) -> Any:
    def enter(tracer: Tracer, m: Any, k: int = 0) -> Any:
        rows, columns = m.shape[-2:]
        return np.where(keep(np.arange(rows)[:, None] + k, np.arange(columns)), m, m.dtype.type(0))

    return enter


FUNCTIONS[np.tril] = enter_triangle(np.greater_equal)
FUNCTIONS[np.triu] = enter_triangle(np.less_equal)


# Sums of products


def contracted(tracer: Tracer, x: Value, y: Value, spec: str, shape: tuple[int, ...]) -> Value:
    """A product in Einstein's notation, each index once in an operand."""
    return tracer.emitted("dot", (x, y), shape, x.dtype, spec=spec)


def enter_matmul(tracer: Tracer, x: Any, y: Any) -> Any:
    if any(not isinstance(z, (Traced, np.ndarray)) or z.dtype.kind != "f" for z in (x, y)) or x.dtype != y.dtype:
        return NotImplemented
    result = np.asarray(np.matmul(tracer.real(x), tracer.real(y)))
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    letters = "abcdefgh"[: len(batch)]
    if len(letters) != len(batch):
        return NotImplemented

    def side(z: Any, own: str) -> tuple[Value, str]:
        value = tracer.value(z)
        lead = z.shape[:-2]
        names = letters[len(letters) - len(lead) :]
        kept = "".join(name for name, n in zip(names, lead, strict=True) if n != 1 or batch[letters.index(name)] == 1)
        shape = tuple(n for name, n in zip(names, lead, strict=True) if name in kept) + z.shape[-len(own) :]
        return reshaped(tracer, value, shape), kept + own

    left, right = side(x, "k" if x.ndim == 1 else "mk"), side(y, "k" if y.ndim == 1 else "kn")
    out = letters + "m" * (x.ndim > 1) + "n" * (y.ndim > 1)
    return tracer.traced(result, contracted(tracer, left[0], right[0], f"{left[1]},{right[1]}->{out}", result.shape))


@enters(np.dot)
def enter_dot(tracer: Tracer, x: Any, y: Any) -> Any:
    return enter_matmul(tracer, x, y) if x.ndim <= 2 and y.ndim <= 2 and x.ndim and y.ndim else NotImplemented


@enters(np.einsum)
def enter_einsum(tracer: Tracer, spec: Any, *operands: Any, **_: Any) -> Any:
    if not isinstance(spec, str) or "->" not in spec or "." in spec or len(operands) != 2:
        return NotImplemented
    spec = spec.replace(" ", "")
    left, out = spec.split("->")
    terms = left.split(",")
    if any(len(set(term)) != len(term) for term in (*terms, out)) or any(z.dtype != operands[0].dtype for z in operands):
        return NotImplemented
    if any(c not in out and c not in other for term, other in (terms, terms[::-1]) for c in term) or operands[0].dtype.kind != "f":
        return NotImplemented
    result = np.einsum(spec, *tracer.real(operands))
    return tracer.traced(result, contracted(tracer, tracer.value(operands[0]), tracer.value(operands[1]), spec, result.shape))
