"""Tracing: NumPy code that is run on `Tracer`s enters itself into a Program.

A Tracer holds a real array and the value of the program that stands for it. What NumPy is asked to do with it is done, on
the real arrays, and entered as instructions; so shapes and dtypes need no rules, and a traced function returns what it returns
on plain arrays. `rules.py` says which instructions a NumPy function becomes; a function that is not there becomes a `call` to
NumPy itself. What cannot be followed (a number that Python branches on) raises `Untraceable`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ...core.modes import ShapedByValues, Untraceable
from ..ir.program import NARROW, Program, Value, compute_dtype

Array = np.ndarray[Any, Any]
KINDS = frozenset("biuf")  # dtype kinds that instructions are made for; the others go through `call`
FUNCTIONS: dict[Any, Callable[..., Any]] = {}  # a NumPy function (or a ufunc and a method's name) -> what enters it


def compiled_dtype(dtype: np.dtype[Any]) -> bool:
    """Whether instructions on arrays of that dtype can be compiled."""
    if dtype.itemsize == 2 and dtype.name in NARROW:
        return dtype.isnative
    return dtype.kind in KINDS and dtype.isnative and (dtype.kind != "f" or dtype.itemsize in (4, 8))


def computed_dtype(dtype: np.dtype[Any]) -> bool:
    """Whether elements of that dtype are computed with as they are."""
    return compiled_dtype(dtype) and compute_dtype(dtype) == dtype


class Tracer(NDArrayOperatorsMixin):  # type: ignore[misc]
    """An array that enters into a program what is done with it."""

    __slots__ = ("_trace", "array", "back", "base", "now", "seen", "writes")

    def __init__(self, trace: Trace, array: Array, value: Value):
        self._trace, self.array, self.now = trace, array, value
        self.writes = 0  # how often it was written to
        self.base: Tracer | None = None  # what it is a view of
        self.back: Callable[[Tracer], Tracer] | None = None  # what the base is when this view's content is another
        self.seen = 0  # the base's writes that this view knows of

    @property
    def value(self) -> Value:
        """The value that stands for the array now."""
        base = self.base
        if base is not None and (base.writes != self.seen or base.value is None):
            raise Untraceable("a view is used after what it is a view of was written to")
        return self.now

    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: self.array.dtype)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    itemsize = property(lambda self: self.array.itemsize)
    nbytes = property(lambda self: self.array.nbytes)
    flags = property(lambda self: self.array.flags)
    strides = property(lambda self: self.array.strides)
    T = property(lambda self: np.transpose(self))
    real = property(lambda self: self if self.array.dtype.kind != "c" else np.real(self))

    def __len__(self) -> int:
        return len(self.array)

    def __repr__(self) -> str:
        return f"Tracer({self.value.declaration()})"

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__":
            out = kwargs.pop("out", None)
            result = self._trace.ufunc(ufunc, inputs, kwargs)
            return result if out is None else self._trace.into(out[0], result)
        if method == "at":
            return self._trace.change((ufunc, "at"), ufunc.at, inputs, kwargs)
        out = kwargs.pop("out", None)
        result = self._trace.function((ufunc, method), getattr(ufunc, method), inputs, kwargs)
        return result if out is None or out[0] is None else self._trace.into(out[0], result)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in WRITERS:
            return self._trace.change(function, function, args, kwargs)
        out = kwargs.get("out")
        if out is not None:
            kwargs = {name: value for name, value in kwargs.items() if name != "out"}
            return self._trace.into(out, self._trace.function(function, function, args, kwargs))
        return self._trace.function(function, function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise Untraceable("the elements of a traced array are wanted as they are")

    def __bool__(self) -> bool:
        return bool(self._trace.known(self, bool))

    def __float__(self) -> float:
        return float(self._trace.known(self, float))

    def __int__(self) -> int:
        return int(self._trace.known(self, int))

    def __index__(self) -> int:
        return int(self._trace.known(self, int))

    def item(self) -> Any:
        return self._trace.known(self, self.array.dtype.type(0).item().__class__)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self.array)))

    def __getitem__(self, key: Any) -> Any:
        return self._trace.function("getitem", getitem, (self, key), {})

    def __setitem__(self, key: Any, new: Any) -> None:
        self._trace.setitem(self, key, new)

    def __getattr__(self, name: str) -> Any:
        raise NotTraced(f"an array's `.{name}` is wanted")

    # Methods that are functions of NumPy by another name

    def astype(self, dtype: Any, copy: bool = True, casting: str = "unsafe") -> Any:
        return np.astype(self, np.dtype(dtype))  # type: ignore[call-overload]

    def reshape(self, *shape: Any) -> Any:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)  # type: ignore[call-overload]

    def transpose(self, *order: Any) -> Any:
        return np.transpose(self, (order[0] if len(order) == 1 else order) or None)  # type: ignore[arg-type]

    def swapaxes(self, one: int, other: int) -> Any:
        return np.swapaxes(self, one, other)  # type: ignore[call-overload]

    def ravel(self) -> Any:
        return np.reshape(self, -1)  # type: ignore[call-overload]

    flatten = ravel

    def squeeze(self, axis: Any = None) -> Any:
        return np.squeeze(self, axis)  # type: ignore[call-overload]

    def copy(self) -> Any:
        return self._trace.tracer(np.copy(self.array), self.value)

    def dot(self, other: Any) -> Any:
        return np.matmul(self, other)

    def fill(self, value: Any) -> None:
        self[...] = value

    def take(self, indices: Any, axis: Any = None) -> Any:
        return np.take(self, indices, axis=axis)  # type: ignore[call-overload]

    def sum(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return np.sum(self, axis=axis, dtype=dtype, keepdims=keepdims)  # type: ignore[call-overload]

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return np.mean(self, axis=axis, dtype=dtype, keepdims=keepdims)  # type: ignore[call-overload]

    def max(self, axis: Any = None, out: Any = None, keepdims: bool = False, **initial: Any) -> Any:
        return np.max(self, axis=axis, keepdims=keepdims, **initial)  # type: ignore[call-overload]

    def min(self, axis: Any = None, out: Any = None, keepdims: bool = False, **initial: Any) -> Any:
        return np.min(self, axis=axis, keepdims=keepdims, **initial)  # type: ignore[call-overload]

    def any(self, axis: Any = None, keepdims: bool = False) -> Any:
        return np.any(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def all(self, axis: Any = None, keepdims: bool = False) -> Any:
        return np.all(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]


def narrow_of_bytes(ufunc: Any, inputs: Any) -> bool:
    """Whether a ufunc makes 16-bit floats of arrays of bytes, as NumPy's logarithms do; they are to be computed in float32 too."""
    kinds = [getattr(x, "dtype", None) for x in inputs]
    if ufunc.nout != 1 or any(kind is None or kind.itemsize != 1 for kind in kinds):
        return False
    try:
        return ufunc.resolve_dtypes((*kinds, None))[-1].name in NARROW
    except TypeError:  # there is no such function of them
        return False


class NotTraced(Untraceable, AttributeError):
    """An attribute that Tracers do not have: what only asks whether they have it is answered as usual."""


class Number(Tracer):
    """A Python number that is an input of the program, or computed from such ones: weak in NumPy's promotion."""

    __slots__ = ("number",)

    def __init__(self, trace: Trace, number: Any, value: Value):
        super().__init__(trace, np.asarray(number), value)
        self.number = number


class NonZero(Number):
    """A number that is known not to be zero, whatever else it is."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return True


def getitem(array: Any, key: Any) -> Any:
    """`array[key]`, as a function that a `call` can name."""
    return array[key]


class Trace:
    """A program in the making, and the arrays that its values stand for."""

    def __init__(self) -> None:
        self.program = Program()
        self.constants: dict[Value, Array] = {}  # inputs that are arrays which the traced code made by itself
        self.calls: list[Value] = []
        self.guards: list[tuple[Value, bool]] = []  # what must come out as it did, for the program to be right
        self.origin: Any = None  # given to every instruction: the op that is being traced

    # Arrays and values

    def tracer(self, array: Any, value: Value) -> Tracer:
        """A Tracer for a real array and its value."""
        return Tracer(self, np.asarray(array), value)

    def input(self, array: Array) -> Tracer:
        """A new input of the program."""
        return self.tracer(array, self.program.input(array.shape, array.dtype))

    def constant(self, array: Array) -> Value:
        """The value of an array that the traced code made itself."""
        if array.size and compiled_dtype(array.dtype):
            first = array.flat[0]
            if array.size == 1 or (array == first).all():
                return self.emit("full", (), array, value=first.item())
            if array.ndim == 1 and array.dtype.kind in "iu" and (array == np.arange(array.size)).all():
                return self.emit("iota", (), array)
        value = self.program.input(array.shape, array.dtype)
        self.constants[value] = array.copy()
        return value

    def emitted(self, operation: str, args: Sequence[Any], shape: tuple[int, ...], dtype: Any, **attributes: Any) -> Value:
        """Enter an instruction."""
        value = self.program.emit(operation, args, shape, dtype, **attributes)
        value.by.origin = self.origin  # type: ignore[union-attr]
        return value

    def emit(self, operation: str, args: Sequence[Any], array: Any, **attributes: Any) -> Value:
        """Enter an instruction whose real result is `array`."""
        return self.emitted(operation, args, array.shape, array.dtype, **attributes)

    def value(self, x: Any) -> Value:
        """The value that stands for an array or a number."""
        if isinstance(x, Tracer):
            if x._trace is not self:
                raise Untraceable("an array of another program")
            return x.value
        return self.constant(np.asarray(x))

    # What is done with Tracers

    def real(self, x: Any) -> Any:
        """The same with real arrays in the place of Tracer ones."""
        if isinstance(x, Number):
            return x.number
        if isinstance(x, Tracer):
            return x.array
        if isinstance(x, (list, tuple)):
            items = [self.real(item) for item in x]
            return items if isinstance(x, list) else tuple(items) if type(x) is tuple else type(x)(*items)
        if isinstance(x, dict):
            return {key: self.real(item) for key, item in x.items()}
        return x

    def function(self, key: Any, function: Any, args: Any, kwargs: Any) -> Any:
        """Do what a NumPy function does, and enter it."""
        enter = FUNCTIONS.get(key)
        if enter is not None and key not in MOVES and any_narrow((*args, *kwargs.values())):
            enter = None
        if enter is not None and all_compiled((*args, *kwargs.values())):
            result = enter(self, *args, **kwargs)
            if result is not NotImplemented:
                return result
        return self.call(function, args, kwargs)

    def ufunc(self, ufunc: Any, inputs: Any, kwargs: Any) -> Any:
        """Do what a ufunc does, and enter it."""
        enter = FUNCTIONS["ufunc"]
        if not kwargs and any_narrow(inputs):
            return self.narrow_ufunc(ufunc, inputs)
        if not kwargs and narrow_of_bytes(ufunc, inputs):
            real = np.asarray(ufunc(*self.real(inputs)))
            result = self.ufunc(ufunc, [x.astype(np.float32) for x in inputs], kwargs)
            return self.tracer(real, np.astype(result, real.dtype).value)  # type: ignore[call-overload, attr-defined]
        if not kwargs and all_compiled(inputs):
            result = enter(self, ufunc, inputs)
            if result is not NotImplemented:
                return result
        return self.call(ufunc, inputs, kwargs)

    def narrow_ufunc(self, ufunc: Any, inputs: Any) -> Any:
        """The same where there are 16-bit floats: computed in float32 and rounded."""
        if ufunc is np.matmul or ufunc.nout != 1 or not all_compiled(inputs):
            return self.call(ufunc, inputs, {})
        real = np.asarray(ufunc(*self.real(inputs)))
        wide = [x.astype(compute_dtype(x.dtype)) if isinstance(x, (Tracer, np.ndarray, np.generic)) else x for x in inputs]
        result = ufunc(*wide)
        if not isinstance(result, Tracer) or not compiled_dtype(real.dtype):
            return self.call(ufunc, inputs, {})
        return self.tracer(real, np.astype(result, real.dtype).value)  # type: ignore[call-overload]

    def call(self, function: Any, args: Any, kwargs: Any, **attributes: Any) -> Any:
        """Enter a call of a function on arrays as it is; what it returns is one array or a tuple of them.

        `attributes` tell of another way to do it: a `convolution` of a kind and a geometry is done by native functions.
        """
        values: list[Value] = []

        def template(x: Any) -> Any:
            if isinstance(x, (Tracer, np.ndarray)):
                values.append(self.value(x))
                return Hole(len(values) - 1)
            if isinstance(x, (list, tuple)):
                items = [template(item) for item in x]
                return items if isinstance(x, list) else tuple(items) if type(x) is tuple else type(x)(*items)
            if isinstance(x, dict):
                return {key: template(item) for key, item in x.items()}
            return x

        if shaped_by_values(function, args):
            raise ShapedByValues(f"the elements decide what shape {getattr(function, '__name__', function)}() gives")
        plan = template((tuple(args), dict(kwargs)))
        result = function(*self.real(tuple(args)), **self.real(dict(kwargs)))
        several = isinstance(result, (tuple, list))
        arrays = [np.asarray(r) for r in (result if several else (result,))]
        if any(a.dtype == object or a.dtype.kind in "SU" for a in arrays):
            raise Untraceable(f"{getattr(function, '__name__', function)}() returns what is no array")
        group = object()
        outs = []
        for index, array in enumerate(arrays):
            out = self.emit("call", values, array, function=function, plan=plan, group=group, index=index, several=several, **attributes)
            self.calls.append(out)
            outs.append(self.tracer(array, out))
            for given in args:  # a view, such as `np.diagonal` gives
                if isinstance(given, Tracer) and np.may_share_memory(given.array, array):
                    outs[-1].base, outs[-1].seen = given, given.writes
        return tuple(outs) if several else outs[0]

    def known(self, x: Tracer, kind: type) -> Any:
        """The number in an array as Python wants to have it; where Python branches on it, it must be the same in every run."""
        if kind is bool and x.array.size == 1:
            answer = bool(x.array)
            self.guards.append((x.value, answer))
            return answer
        raise Untraceable(f"Python wants to know a number that is computed ({kind.__name__})")

    def check_index(self, value: Value, index: Tracer, size: int) -> None:
        """Every run must have these indices in bounds; where it has not, NumPy is to say so."""
        low, high = np.array(index.array >= -size), np.array(index.array < size)
        inside = self.emit("and", (self.emit("ge", (value, -size), low), self.emit("lt", (value, size), high)), low & high)
        dims = tuple(range(len(value.shape)))
        self.guards.append((self.emit("min", (inside,), np.array(True), dims=dims) if dims else inside, True))

    def found(self, array: Array) -> Tracer:
        """An array that an op made without looking at its operands, such as random numbers."""
        raise Untraceable("the op makes random numbers")

    def state(self, array: Array) -> Tracer:
        """An array that an op reads and writes beside its operands and its result."""
        raise Untraceable("the op changes a tensor beside its result")

    def assign(self, array: Array, new: Tracer) -> None:
        """Write to such an array."""
        raise Untraceable("the op changes a tensor beside its result")

    # Writes to arrays of the traced code's own

    def into(self, target: Any, result: Any) -> Any:
        """`out=`: the result is written into an array of the traced code's own."""
        if isinstance(target, Tracer) and target.array.shape == result.array.shape:
            if target.array.dtype != result.array.dtype:
                result = np.astype(result, target.array.dtype)
            if target.base is None:
                np.copyto(target.array, result.array)
                result = self.tracer(target.array, result.value)
            self.store(target, result)
            return target
        raise Untraceable("out= with an array that is not the traced code's own")

    def store(self, target: Tracer, result: Tracer) -> None:
        """The content of `target` is that of `result` from now on; so is that part of what `target` is a view of."""
        value = result.value
        if target.base is not None:
            if target.back is None:
                raise Untraceable("a view is written to in a way that cannot be followed")
            assert target.value is not None
            self.store(target.base, target.back(result))
            target.seen = target.base.writes
        target.array = result.array if result.array is target.array else result.array.copy()
        target.now = value
        target.writes += 1

    def setitem(self, target: Tracer, key: Any, new: Any) -> None:
        """`target[key] = new`."""
        if isinstance(key, (slice, type(...))) and (key is ... or key == slice(None)):
            given = new.astype(target.dtype) if isinstance(new, Tracer) else np.asarray(new, target.dtype)
            array = np.broadcast_to(given, target.shape)
            return self.store(target, array if isinstance(array, Tracer) else self.tracer(array, self.constant(array)))
        enter = FUNCTIONS["setitem"]
        result = enter(self, target, key, new) if all_compiled((target, new)) else NotImplemented
        if result is NotImplemented:
            result = self.call(replaced, (target, key, new), {})
        return self.store(target, result)

    def change(self, key: Any, function: Any, args: Any, kwargs: Any) -> None:
        """A function that writes into its first argument."""
        target = args[0]
        if not isinstance(target, Tracer):
            raise Untraceable("an array that is not the traced code's own is written to")
        enter = FUNCTIONS.get(key)
        result = enter(self, *args, **kwargs) if enter is not None and all_compiled((*args, *kwargs.values())) else NotImplemented
        if result is NotImplemented:
            result = self.call(changed, (function, *args), kwargs)
        self.store(target, result)


class Hole:
    """The place of an array in the arguments of a `call`."""

    __slots__ = ("index",)

    def __init__(self, index: int):
        self.index = index

    def __repr__(self) -> str:
        return f"[{self.index}]"


def filled(plan: Any, arrays: Sequence[Any]) -> Any:
    """The arguments of a `call`, with arrays in their places."""
    if isinstance(plan, Hole):
        return arrays[plan.index]
    if isinstance(plan, (list, tuple)):
        items = [filled(item, arrays) for item in plan]
        return items if isinstance(plan, list) else tuple(items) if type(plan) is tuple else type(plan)(*items)
    if isinstance(plan, dict):
        return {key: filled(item, arrays) for key, item in plan.items()}
    return plan


def replaced(array: Any, key: Any, new: Any) -> Any:
    """A copy of `array` in which `array[key]` is `new`."""
    array = array.copy()
    array[key] = new
    return array


def changed(function: Any, array: Any, *args: Any, **kwargs: Any) -> Any:
    """A copy of `array` into which a function has written."""
    array = array.copy()
    function(array, *args, **kwargs)
    return array


def shaped_by_values(function: Any, args: Any) -> bool:
    """Whether the shape of what a function gives depends on the elements of Tracers."""
    if function is getitem:
        key = args[1] if isinstance(args[1], tuple) else (args[1],)
        return any(isinstance(item, Tracer) and item.array.dtype.kind == "b" for item in key)
    if function is np.repeat:
        return any(isinstance(x, Tracer) for x in args[1:])
    return function in SHAPED_BY_VALUES or (function is np.where and len(args) == 1)


SHAPED_BY_VALUES = frozenset({np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.extract, np.compress, np.bincount})
WRITERS = frozenset({np.copyto, np.put_along_axis, np.put, np.place, np.putmask, np.fill_diagonal})


# What takes 16-bit floats as they are: it moves elements and computes nothing.
MOVES = frozenset({
    np.reshape, np.transpose, np.swapaxes, np.moveaxis, np.squeeze, np.expand_dims, np.broadcast_to, np.flip, np.split, np.concatenate,
    np.stack, np.roll, np.take, np.take_along_axis, np.zeros_like, np.ones_like, np.empty_like, np.astype, np.real, np.conj, np.copy,
    np.shape, np.ndim, np.iscomplexobj, np.where, np.copyto, np.diagonal, "getitem", "setitem",
})  # fmt: skip


def any_narrow(items: Any) -> bool:
    """Whether an array among `items`, also in lists and tuples, has 16-bit floats."""
    for item in items:
        if isinstance(item, (Tracer, np.ndarray, np.generic)):
            if item.dtype.itemsize == 2 and item.dtype.name in NARROW:
                return True
        elif isinstance(item, (list, tuple)) and any_narrow(item):
            return True
    return False


def all_compiled(items: Any) -> bool:
    """Whether all arrays among `items`, also in lists and tuples, have dtypes that can be compiled."""
    for item in items:
        if isinstance(item, Tracer):
            if not compiled_dtype(item.array.dtype):
                return False
        elif isinstance(item, (np.ndarray, np.generic)):
            if not compiled_dtype(item.dtype):
                return False
        elif isinstance(item, complex) or (isinstance(item, (list, tuple)) and not all_compiled(item)):
            return False
    return True


def traced(function: Callable[..., Any], *arrays: Array) -> tuple[Trace, Any]:
    """Run `function` on Tracer versions of `arrays`; returns the trace, whose program returns what `function` did."""
    trace = Trace()
    result = function(*[trace.input(a) for a in arrays])
    results = result if isinstance(result, (tuple, list)) else (result,)
    trace.program.outputs = [trace.value(r) for r in results if r is not None]
    return trace, result
