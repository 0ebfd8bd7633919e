"""What NumPy functions become in a program: the compiler's vocabulary.

Each function here takes the trace and the arguments that NumPy's function takes, does it on the real arrays, enters the
instructions, and returns a Tracer array. It returns NotImplemented for a form that has no instructions: that is a `call`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.instructions import UFUNCS
from ..ir.program import Value
from .trace import FUNCTIONS, Number, Trace, Tracer, compiled_dtype, getitem

BOOL = np.dtype(np.bool_)
INDEX = np.dtype(np.int64)


def enters(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare what enters these NumPy functions."""

    def declare(written: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS.update(dict.fromkeys(functions, written))
        return written

    return declare


# Elementwise


def operand(trace: Trace, x: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Any:
    """An operand of an elementwise instruction: a number, or a value of that dtype and of shape `shape` or ()."""
    if isinstance(x, np.generic) or (isinstance(x, np.ndarray) and x.ndim == 0):
        x = x.item()
    if not isinstance(x, (Tracer, np.ndarray)):
        return dtype.type(x).item() if dtype.kind != "f" else float(x)
    value = cast(trace, trace.value(x), dtype)
    return value if value.shape in ((), shape) else expanded(trace, value, shape)


def cast(trace: Trace, value: Value, dtype: np.dtype[Any]) -> Value:
    """The value in another dtype."""
    return value if value.dtype == dtype else trace.emitted("cast", (value,), value.shape, dtype)


def expanded(trace: Trace, value: Value, shape: tuple[int, ...]) -> Value:
    """The value broadcast to a shape."""
    return value if value.shape == shape else trace.emitted("broadcast", (value,), shape, value.dtype)


def reshaped(trace: Trace, value: Value, shape: tuple[int, ...]) -> Value:
    """The value in another shape."""
    return value if value.shape == shape else trace.emitted("reshape", (value,), shape, value.dtype)


def kind_of(x: Any) -> Any:
    """What NumPy promotes an operand as: a dtype, or the type of a Python number, which is weak."""
    if isinstance(x, Number):
        return type(x.number)
    if isinstance(x, (Tracer, np.ndarray, np.generic)):
        return x.dtype
    return BOOL if isinstance(x, bool) else type(x)


@enters("ufunc")
def enter_ufunc(trace: Trace, ufunc: Any, inputs: Any) -> Any:
    row = UFUNCS.get(ufunc.__name__)
    if ufunc.__name__ in ("positive", "conjugate"):
        return inputs[0]
    if row is None or ufunc.nout != 1:
        return enter_matmul(trace, *inputs) if ufunc is np.matmul else NotImplemented
    kinds = tuple(map(kind_of, inputs))
    if all(isinstance(kind, type) for kind in kinds):
        return on_numbers(trace, ufunc, row.name, inputs)
    result = np.asarray(ufunc(*[trace.real(x) for x in inputs]))
    *types, out = ufunc.resolve_dtypes((*kinds, None))
    if ufunc.__name__.startswith("logical"):
        types = [BOOL] * len(types)
    if not all(compiled_dtype(t) for t in (*types, out)) or types[0].kind in row.refuses:
        return NotImplemented
    args = [operand(trace, x, t, result.shape) for x, t in zip(inputs, types, strict=True)]
    return trace.tracer(result, trace.emitted(row.name, args, result.shape, out))


def on_numbers(trace: Trace, ufunc: Any, name: str, inputs: Any) -> Any:
    """Arithmetic of numbers that are inputs of the program, such as a learning rate."""
    number = ufunc(*[x.number if isinstance(x, Number) else x for x in inputs]).item()
    dtype = np.dtype(np.bool_ if isinstance(number, bool) else np.float64)
    args = [cast(trace, x.value, np.dtype(np.float64)) if isinstance(x, Number) else float(x) for x in inputs]
    return Number(trace, number, trace.emitted(name, args, (), dtype))


@enters(np.astype)
def enter_astype(trace: Trace, x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    dtype = np.dtype(dtype)
    if not compiled_dtype(dtype):
        return NotImplemented
    return trace.tracer(x.array.astype(dtype), cast(trace, x.value, dtype))


@enters(np.where)
def enter_where(trace: Trace, condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None:
        return NotImplemented
    result = np.asarray(np.where(*trace.real((condition, x, y))))
    if not compiled_dtype(result.dtype):
        return NotImplemented
    shape = result.shape
    args = [operand(trace, condition, BOOL, shape), operand(trace, x, result.dtype, shape), operand(trace, y, result.dtype, shape)]
    return trace.tracer(result, trace.emitted("where", args, shape, result.dtype))


@enters(np.clip)
def enter_clip(trace: Trace, a: Any, a_min: Any = None, a_max: Any = None, **_: Any) -> Any:
    out = a if a_min is None else np.maximum(a_min, a)
    return out if a_max is None else np.minimum(a_max, out)


@enters(np.real, np.conj, np.copy)
def enter_same(trace: Trace, x: Any, order: Any = "K", **_: Any) -> Any:
    return trace.tracer(np.copy(x.array, order=order), x.value)


@enters(np.shape)
def enter_shape(trace: Trace, x: Any) -> Any:
    return x.shape


@enters(np.ndim)
def enter_ndim(trace: Trace, x: Any) -> Any:
    return x.ndim


@enters(np.iscomplexobj)
def enter_iscomplexobj(trace: Trace, x: Any) -> bool:
    return False


def enter_filled(value: Any) -> Any:
    def enter(trace: Trace, x: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None) -> Any:
        dtype = x.dtype if dtype is None else np.dtype(dtype)
        array = np.full_like(x.array, value, dtype, order, shape=shape)  # type: ignore[call-overload]
        if not compiled_dtype(dtype):
            return array
        return trace.tracer(array, trace.emit("full", (), array, value=array.dtype.type(value).item()))

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
    def enter(trace: Trace, a: Any, axis: Any = first, dtype: Any = None, out: Any = None, keepdims: Any = False, **rest: Any) -> Any:
        if not isinstance(a, Tracer) or any(value is not np._NoValue for value in rest.values()):
            return NotImplemented
        keepdims = keepdims is True
        named = {} if dtype is None else {"dtype": dtype}
        result = np.asarray(function(a.array, axis=axis, keepdims=keepdims, **named))
        if not compiled_dtype(result.dtype) or (a.dtype.kind == "b" and name in ("max", "min") and result.dtype != BOOL):
            return NotImplemented
        return reduced(trace, name, a, dims_of(axis, a.ndim), keepdims, result)

    return enter


def reduced(trace: Trace, name: str, a: Tracer, dims: tuple[int, ...], keepdims: bool, result: Any) -> Tracer:
    """The instructions of a reduction whose real result is known."""
    value = cast(trace, a.value, result.dtype)
    if dims:
        kept = tuple(n for d, n in enumerate(a.shape) if d not in dims)
        value = trace.emitted(name, (value,), kept, result.dtype, dims=dims)
    return trace.tracer(result, reshaped(trace, value, result.shape))


REDUCTIONS = {np.sum: "sum", np.prod: "prod", np.max: "max", np.amax: "max", np.min: "min", np.amin: "min", np.any: "max", np.all: "min"}
UFUNC_REDUCTIONS = {np.add: "sum", np.multiply: "prod", np.maximum: "max", np.minimum: "min", np.logical_or: "max", np.logical_and: "min"}
for _function, _name in REDUCTIONS.items():
    FUNCTIONS[_function] = enter_reduction(_name, _function)
for _ufunc, _name in UFUNC_REDUCTIONS.items():
    FUNCTIONS[_ufunc, "reduce"] = enter_reduction(_name, _ufunc.reduce, 0)  # type: ignore[attr-defined]


@enters(np.mean)
def enter_mean(trace: Trace, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **_: Any) -> Any:
    if dtype is not None or not isinstance(a, Tracer) or a.dtype.kind != "f":
        return NotImplemented
    count = math.prod(a.shape[d] for d in dims_of(axis, a.ndim))
    return np.true_divide(np.sum(a, axis=axis, keepdims=keepdims is True), count)  # type: ignore[call-overload]


# Other views of the same elements


def moved(trace: Trace, a: Tracer, result: Any, value: Value, back: Any = None) -> Tracer:
    """A view. Writes to it can be followed where `back` gives what `a` is when the view is an array of another content."""
    new = trace.tracer(result, value)
    new.base, new.back, new.seen = a, back, a.writes
    return new


@enters(np.reshape)
def enter_reshape(trace: Trace, a: Any, /, shape: Any = None, order: str = "C", **kwargs: Any) -> Any:
    if order != "C" or shape is None:
        return NotImplemented
    result = np.reshape(a.array, shape)
    back = (lambda new: np.reshape(new, a.shape)) if np.may_share_memory(result, a.array) else None
    return moved(trace, a, result, reshaped(trace, a.value, result.shape), back)


def permuted(trace: Trace, a: Tracer, order: tuple[int, ...]) -> Tracer:
    """The dimensions in another order."""
    result = np.transpose(a.array, order)
    if order == tuple(range(a.ndim)):
        return moved(trace, a, result, a.value)
    return moved(trace, a, result, trace.emit("transpose", (a.value,), result, order=order))


@enters(np.transpose)
def enter_transpose(trace: Trace, a: Any, axes: Any = None) -> Any:
    order = tuple(range(a.ndim))[::-1] if axes is None else tuple(int(d) % a.ndim for d in axes)
    return permuted(trace, a, order)


@enters(np.swapaxes)
def enter_swapaxes(trace: Trace, a: Any, axis1: int, axis2: int) -> Any:
    order = list(range(a.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return permuted(trace, a, tuple(order))


@enters(np.moveaxis)
def enter_moveaxis(trace: Trace, a: Any, source: Any, destination: Any) -> Any:
    source = [s % a.ndim for s in (source if isinstance(source, (tuple, list)) else [source])]
    destination = [d % a.ndim for d in (destination if isinstance(destination, (tuple, list)) else [destination])]
    order = [d for d in range(a.ndim) if d not in source]
    for to, d in sorted(zip(destination, source, strict=True)):
        order.insert(to, d)
    return permuted(trace, a, tuple(order))


@enters(np.squeeze)
def enter_squeeze(trace: Trace, a: Any, axis: Any = None) -> Any:
    result = np.squeeze(a.array, axis)
    return moved(trace, a, result, reshaped(trace, a.value, result.shape))


@enters(np.expand_dims)
def enter_expand_dims(trace: Trace, a: Any, axis: Any) -> Any:
    result = np.expand_dims(a.array, axis)
    return moved(trace, a, result, reshaped(trace, a.value, result.shape))


@enters(np.broadcast_to)
def enter_broadcast_to(trace: Trace, array: Any, shape: Any, subok: bool = False) -> Any:
    result = np.broadcast_to(array.array, shape)
    return moved(trace, array, result, expanded(trace, array.value, result.shape))


def diagonal_replaced(array: Any, new: Any, *where: int) -> Any:
    """A copy of `array` with another diagonal."""
    array = array.copy()
    diagonal = np.diagonal(array, *where)
    diagonal.flags.writeable = True
    diagonal[...] = new
    return array


@enters(np.diagonal)
def enter_diagonal(trace: Trace, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    where = offset, axis1, axis2
    result = trace.call(np.diagonal, (a, *where), {})
    result.back = lambda new: trace.call(diagonal_replaced, (a, new, *where), {})
    return result


@enters(np.flip)
def enter_flip(trace: Trace, m: Any, axis: Any = None) -> Any:
    dims = dims_of(axis, m.ndim)
    return getitem(m, tuple(slice(None, None, -1 if d in dims else None) for d in range(m.ndim)))


@enters(np.split)
def enter_split(trace: Trace, ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    sections, size, axis = indices_or_sections, ary.shape[axis], axis % ary.ndim
    cuts = [size // sections * i for i in range(1, sections)] if isinstance(sections, int) else list(sections)
    lead = (slice(None),) * axis
    return [getitem(ary, (*lead, slice(start, stop))) for start, stop in zip([0, *cuts], [*cuts, size], strict=True)]


# Putting together


@enters(np.concatenate)
def enter_concatenate(trace: Trace, arrays: Any, axis: Any = 0, dtype: Any = None, casting: str = "same_kind", **_: Any) -> Any:
    result = np.concatenate(trace.real(list(arrays)), axis=axis, dtype=dtype, casting=casting)  # type: ignore[call-overload]
    if not compiled_dtype(result.dtype):
        return NotImplemented
    values = [cast(trace, trace.value(x), result.dtype) for x in arrays]
    if axis is None:
        values, axis = [reshaped(trace, v, (v.size,)) for v in values], 0
    return trace.tracer(result, trace.emit("concat", values, result, axis=axis % result.ndim))


@enters(np.stack)
def enter_stack(trace: Trace, arrays: Any, axis: int = 0, **_: Any) -> Any:
    return np.concatenate([x[(slice(None),) * (axis % (x.ndim + 1)) + (None,)] for x in arrays], axis=axis)


@enters(np.roll)
def enter_roll(trace: Trace, a: Any, shift: Any, axis: Any = None) -> Any:
    if not isinstance(shift, int) or not isinstance(axis, int) or not a.shape[axis]:
        return NotImplemented
    axis %= a.ndim
    lead, cut = (slice(None),) * axis, (-shift) % a.shape[axis]
    return np.concatenate([a[(*lead, slice(cut, None))], a[(*lead, slice(0, cut))]], axis=axis) if cut else a.copy()


def enter_triangle(keep: Any) -> Any:
    def enter(trace: Trace, m: Any, k: int = 0) -> Any:
        rows, columns = m.shape[-2:]
        return np.where(keep(np.arange(rows)[:, None] + k, np.arange(columns)), m, m.dtype.type(0))

    return enter


FUNCTIONS[np.tril] = enter_triangle(np.greater_equal)
FUNCTIONS[np.triu] = enter_triangle(np.less_equal)


# Sums of products


def contracted(trace: Trace, x: Value, y: Value, spec: str, shape: tuple[int, ...]) -> Value:
    """A product in Einstein's notation, each index once in an operand."""
    return trace.emitted("dot", (x, y), shape, x.dtype, spec=spec)


def enter_matmul(trace: Trace, x: Any, y: Any) -> Any:
    if any(not isinstance(z, (Tracer, np.ndarray)) or z.dtype.kind != "f" for z in (x, y)) or x.dtype != y.dtype:
        return NotImplemented
    result = np.asarray(np.matmul(trace.real(x), trace.real(y)))
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    letters = "abcdefgh"[: len(batch)]
    if len(letters) != len(batch):
        return NotImplemented

    def side(z: Any, own: str) -> tuple[Value, str]:
        value = trace.value(z)
        lead = z.shape[:-2]
        names = letters[len(letters) - len(lead) :]
        kept = "".join(name for name, n in zip(names, lead, strict=True) if n != 1 or batch[letters.index(name)] == 1)
        shape = tuple(n for name, n in zip(names, lead, strict=True) if name in kept) + z.shape[-len(own) :]
        return reshaped(trace, value, shape), kept + own

    left, right = side(x, "k" if x.ndim == 1 else "mk"), side(y, "k" if y.ndim == 1 else "kn")
    out = letters + "m" * (x.ndim > 1) + "n" * (y.ndim > 1)
    return trace.tracer(result, contracted(trace, left[0], right[0], f"{left[1]},{right[1]}->{out}", result.shape))


@enters(np.dot)
def enter_dot(trace: Trace, x: Any, y: Any) -> Any:
    return enter_matmul(trace, x, y) if x.ndim <= 2 and y.ndim <= 2 and x.ndim and y.ndim else NotImplemented


@enters(np.einsum)
def enter_einsum(trace: Trace, spec: Any, *operands: Any, **_: Any) -> Any:
    if not isinstance(spec, str) or "->" not in spec or "." in spec or len(operands) != 2:
        return NotImplemented
    spec = spec.replace(" ", "")
    left, out = spec.split("->")
    terms = left.split(",")
    if any(len(set(term)) != len(term) for term in (*terms, out)) or any(z.dtype != operands[0].dtype for z in operands):
        return NotImplemented
    if any(c not in out and c not in other for term, other in (terms, terms[::-1]) for c in term) or operands[0].dtype.kind != "f":
        return NotImplemented
    result = np.einsum(spec, *trace.real(operands))
    return trace.tracer(result, contracted(trace, trace.value(operands[0]), trace.value(operands[1]), spec, result.shape))
