"""Eager operations on large arrays: an op's own forward or gradient rules as native kernels, compiled at first use, and products.

Which way an operation goes depends on sizes and dtypes alone: on arrays of `LARGE` elements or more kernels are tried, and where
there are none (no llvmlite, an unusual layout, an op that is more than loops over elements) NumPy does it as it always does.
"""

from __future__ import annotations

import functools
import math
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np

from ..core import dtypes, large, locks
from ..core.large import LARGE, least
from ..rng.generator import default_generator

Array = np.ndarray[Any, Any]
LARGE_UPDATE = least(1 << 16)  # likewise, for an optimizer's update, which is many operations
LARGE_PRODUCT = least(1 << 18)  # multiplications; from here on NumPy's BLAS would use threads that go on spinning when it is done
LARGE_SCATTER, WIDE = least(1 << 12), 8  # elements of rows that are added, all and of a row, from which on that is native
MOST_STEPS = 65792  # of products of uint8 with int8 whose sum an int32 holds
MULTIPLIED = frozenset(map(np.dtype, (np.float32, np.float64)))
NUMBERS, MOST = (int, float), float(np.finfo(np.float32).max)
FLOATS = ("float32", "float64", "bfloat16", "float16")
PAIRS = ({"float32", "bfloat16"}, {"float32", "float16"})
LARGE_POOL = least(1 << 14)  # elements; NumPy goes through them once for each element of a window, and more than once for gradients
WINDOW = 16  # elements of a window, at most
PLAIN = (int, float, complex, str, type(None), type, np.dtype, dtypes.dtype)
MOST_KNOWN = 4096  # calls of which is known what they run
MOST_VALUES, OFTEN = 8, 64  # numbers for which a function is compiled, each its own way; how often further ones must come to be
COMPILING = object()  # stands for kernels that are being compiled
_kernels: dict[Any, Any] = {}
_known: dict[Any, Any] = {}  # what runs calls of ops and of their rules, by their signatures
_values: dict[Any, dict[Any, int]] = {}  # how often kernels of a key were asked for, by the key without its numbers
_reasons: dict[str, str] = {}  # ops and rules that were run on NumPy, and why
_threads = 1


def set_threads(threads: int) -> None:
    """Let kernels use so many threads."""
    global _threads
    _threads = threads


def report() -> dict[str, str]:
    """The ops and rules that were tried and run on NumPy, and why."""
    return dict(_reasons)


def forward(op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...], recorded: bool = True) -> Any:
    """What the forward of `op` returns; None for what only its gradient rules want, where these will not run."""
    given = with_numbers(op, arrays)
    signature = _signature((op, recorded), attributes, given)
    results = _run(op.name, lambda: Forward(op, attributes, 0 if recorded else op.hidden), given, signature)
    if results is not None:
        return tuple(results) if len(op.outputs) > 1 else results[0]
    return op.forward(*arrays, **dict(zip(op.attributes, attributes, strict=True)))


def backward(op: Any, g: Any, parents: tuple[Any, ...], saved: tuple[Any, ...]) -> Any:
    """What the gradient rules of `op` return, None if there is no kernel."""
    if isinstance(g, list):
        return None
    needs = tuple(None if p is None else True for p in parents)
    saved = with_numbers(op, saved, op.saves)
    arrays = (g, *[s for s in saved if isinstance(s, np.ndarray)])
    signature = _signature((op, needs), [None if isinstance(s, np.ndarray) else s for s in saved], arrays)
    return _run(op.name + ".grad", lambda: Rules(op, needs, saved), arrays, signature)


def with_numbers(op: Any, values: tuple[Any, ...], names: Any = None) -> tuple[Any, ...]:
    """Operands, or the values of such `names`, with arrays in the place of numbers, where NumPy goes through elements more than once.

    Kernels then are the same for all numbers. NumPy takes a number beside an array of floats for one of its dtype.
    """
    if not op.many_passes or not any(v.__class__ in NUMBERS for v in values):
        return values
    dtype = next((v.dtype for v in values if v.__class__ is np.ndarray), None)
    if dtype not in MULTIPLIED or any(v.__class__ in NUMBERS and MOST < abs(v) < math.inf for v in values):
        return values
    pairs = zip(op.operands if names is None else names, values, strict=True)
    return tuple(np.array(v, dtype) if v.__class__ in NUMBERS and n in op.promoted else v for n, v in pairs)


def _signature(what: Any, values: Any, arrays: Any) -> Any:
    """What decides which kernels a call runs, and how; None where that must be looked into: an operand does not lie row by row."""
    found = [what, _threads]
    try:
        found += map(_exact, values)
        for array in arrays:
            if array is None:
                found.append(None)
                continue
            flags = array.flags
            if array.__class__ is not np.ndarray or not (flags.c_contiguous and flags.aligned):
                return None
            found += array.shape, array.dtype.char
    except (TypeError, AttributeError):
        return None
    return tuple(found)


def _exact(x: Any) -> Any:
    """A plain value as part of a key: what is equal but not the same, such as 0.0 and -0.0, differs, and nan is itself."""
    kind = x.__class__
    if kind is tuple or kind is list:
        return tuple(map(_exact, x))
    if kind is int or kind is bool:
        return kind, x
    if not isinstance(x, PLAIN):
        raise TypeError("an attribute that is no plain value")
    return (kind, repr(x)) if isinstance(x, (int, float, complex)) else x


class Forward:
    """An op's forward, for tracing."""

    def __init__(self, op: Any, attributes: tuple[Any, ...], unwanted: int):
        self.op, self.unwanted = op, unwanted  # how many of the last results nobody wants
        self.named = dict(zip(op.attributes, attributes, strict=True))

    def key(self, sizes: dict[int, int]) -> Any:
        """What kernels depend on beside the arrays' pattern."""
        return self.unwanted, _exact(tuple(self.named.values()))

    def __call__(self, *arrays: Any, sizes: Any) -> Any:
        results = self.op.forward(*arrays, **self.named)
        return (*results[: len(results) - self.unwanted], *[None] * self.unwanted) if self.unwanted else results


class Rules:
    """An op's gradient rules, for tracing: shapes among what was saved get the stand-in sizes."""

    def __init__(self, op: Any, needs: tuple[Any, ...], saved: tuple[Any, ...]):
        self.op, self.needs = op, needs
        wanted = {name for rule in op.rules for name in rule.wants}  # what is saved for the second derivative alone does not count
        self.saved = [None if isinstance(s, np.ndarray) or n not in wanted else s for n, s in zip(op.saves, saved, strict=True)]
        self.arrays = [isinstance(s, np.ndarray) for s in saved]
        self.real: dict[int, int] = {}

    def key(self, sizes: dict[int, int]) -> Any:
        """What kernels depend on beside the arrays' pattern; TypeError where a saved shape has sizes that are not the arrays'."""
        self.real = sizes
        names = [f"size {i}" for i in range(len(sizes))]
        saved = [self.standing_in(name, s, names) for name, s in zip(self.op.saves, self.saved, strict=True)]
        return self.needs, _exact(saved)

    def __call__(self, g: Any, *arrays: Any, sizes: Any) -> Any:
        given = iter(arrays)
        saved = [next(given) if is_array else self.standing_in(name, s, sizes)
                 for name, s, is_array in zip(self.op.saves, self.saved, self.arrays, strict=True)]  # fmt: skip
        return self.op.node_class.backward(g, self.needs, tuple(saved))

    def standing_in(self, name: str, value: Any, sizes: Any) -> Any:
        if not name.endswith("_shape") or not isinstance(value, tuple):
            return value
        if any(n > _tools().FIXED and n not in self.real for n in value):
            raise TypeError("a size that no array has")
        return tuple(sizes[self.real[n]] if n in self.real else n for n in value)


class Computed:
    """A function of arrays and plain values, for tracing."""

    def __init__(self, function: Any, values: tuple[Any, ...]):
        self.function, self.values = function, values

    def key(self, sizes: dict[int, int]) -> Any:
        """What kernels depend on beside the arrays' pattern."""
        return _exact(self.values)

    def __call__(self, *arrays: Any, sizes: Any) -> Any:
        results = self.function(*arrays, *self.values)
        return results if isinstance(results, tuple) else (results,)


def computed(function: Any, arrays: tuple[Any, ...], *values: Any, least: int = LARGE) -> Any:
    """What `function(*arrays, *values)` returns, an array or a tuple of them, if the first array is large; None without kernels.

    `least` is the size from which it is large: that of a function of many operations is smaller.
    """
    if arrays[0].__class__ is not np.ndarray or arrays[0].size < least:
        return None
    results = _run(function.__name__, lambda: Computed(function, values), arrays, _signature(function, values, arrays))
    return results[0] if results is not None and len(results) == 1 else results


def _run(name: str, made: Any, arrays: tuple[Any, ...], signature: Any) -> Any:
    """Run the kernels of the function that `made()` gives; None if there are none. Calls of one signature run the same."""
    known = _known.get(signature)
    if known is None:
        known = _found(name, made, arrays)
        if signature is not None and known is not _not_yet:
            if len(_known) >= MOST_KNOWN:
                _known.clear()
            _known[signature] = known
    return known(arrays)


def _found(name: str, made: Any, arrays: tuple[Any, ...]) -> Any:
    """What runs the kernels of a function for arrays of these kinds and sizes; `_nothing` if there are none."""
    if any(a is not None and a.__class__ is not np.ndarray for a in arrays):
        return _nothing
    sizes: dict[int, int] = {}
    try:
        kinds = _tools().pattern(arrays, sizes)
        if kinds is None:
            return _nothing
        function = made()
        key = (name, kinds, function.key(sizes), _threads, _tools().streamed(arrays, sizes))
    except (TypeError, ImportError):  # an attribute that is no plain value, or a size that no array has; no llvmlite
        return _nothing
    kernels = _kernels.get(key, COMPILING)
    if kernels is COMPILING:
        if not _is_worth_compiling(key):
            return _not_yet
        kernels = _compiled(key, name, function, kinds, sizes)
    return _nothing if kernels is None else _not_yet if kernels is COMPILING else kernels.of_sizes(tuple(sizes))


def _is_worth_compiling(key: Any) -> bool:
    """Whether to compile the kernels of a key: one whose numbers change all the time may not come again."""
    if _kernels.get(key) is COMPILING:
        return True
    others = _values.setdefault(_without_floats(key), {})
    others[key] = others.get(key, 0) + 1
    if len(others) > MOST_KNOWN:
        others.clear()
    return len(others) <= MOST_VALUES or others.get(key, 0) >= OFTEN


def _without_floats(key: Any) -> Any:
    """A key with no more of its numbers than that there are such; see `_exact`."""
    if key.__class__ is not tuple:
        return key
    return float if len(key) == 2 and key[0] is float else tuple(map(_without_floats, key))


def _nothing(arrays: Any) -> None:
    """What is run where there are no kernels."""


def _not_yet(arrays: Any) -> None:
    """What is run by a function that this thread is compiling, or by a signal's handler meanwhile."""


def _compiled(key: Any, name: str, function: Any, kinds: Any, sizes: dict[int, int]) -> Any:
    """The kernels of a key, None if there are none, `COMPILING` while this thread compiles them.

    What another thread compiles is waited for: the first results are to have the last digits of all others.
    """
    if _kernels.get(key) is COMPILING and locks.undivided._is_owned():  # type: ignore[attr-defined]
        return COMPILING
    with locks.undivided:
        kernels = _kernels.get(key, COMPILING)
        return _compile(key, name, function, kinds, sizes) if kernels is COMPILING else kernels


def _compile(key: Any, name: str, function: Any, kinds: Any, sizes: dict[int, int]) -> Any:
    tools = _tools()
    _kernels[key] = COMPILING
    state, kernels = default_generator.state_array(), None
    try:
        with locks.undivided:
            kernels = tools.Native(function, kinds, len(sizes), *key[3:])
    except tools.Unsuitable as why:
        _reasons[name] = str(why)
    except Exception as error:  # what cannot be run on the stand-ins, whose values are arbitrary, is NumPy's to do
        _reasons[name] = f"{type(error).__name__}: {error}"
    _kernels[key] = kernels
    if kernels is None and not np.array_equal(state, default_generator.state_array()):
        default_generator.set_state(state)  # an op that draws random numbers has done so before it was found out
    return kernels


def _tools() -> Any:
    """The compiler, loaded when it is first needed; ImportError without llvmlite."""
    global _loaded
    if _loaded is None:
        with locks.undivided:
            import_module("..codegen.frontend.rules_index", __package__)
            import_module("..codegen.emit.llvm", __package__).binding()
            _loaded = import_module(".kernels", __package__)
    return _loaded


_loaded: Any = None


def _is_there() -> bool:
    """Whether there is a compiler: llvmlite is installed."""
    try:
        return _tools() is not None
    except ImportError:
        return False


# Sums of products


@functools.cache
def _module(name: str) -> Any:
    """A module that is loaded when it is first needed."""
    return import_module(name, __package__)


def empty(shape: tuple[int, ...], dtype: Any) -> Array:
    """An array of unspecified contents for a result of native code."""
    return _module("..codegen.runtime.memory").empty(shape, dtype)  # type: ignore[no-any-return]


def zeros(shape: Any, dtype: Any) -> Array:
    """An array of zeros; where it is large, in memory that was used before: fresh pages cost more than filling old ones."""
    if shape.__class__ is not tuple or math.prod(shape) < LARGE:
        return np.zeros(shape, dtype)
    return _module("..codegen.runtime.memory").zeros(shape, dtype, _threads)  # type: ignore[no-any-return]


def takes_product(x: Any, multiplications: int) -> bool:
    """Whether `contract` is the way to a sum of so many products with the elements of `x`."""
    if x.__class__ is not np.ndarray or multiplications < LARGE_PRODUCT or x.dtype not in MULTIPLIED or not x.flags.aligned:
        return False
    return _is_there()


def takes_narrow_product(x: Any, y: Any) -> bool:
    """Whether native code multiplies two operands of one dtype: arrays of matrices of 16-bit floats, large enough."""
    if x.__class__ is not np.ndarray or y.__class__ is not np.ndarray or x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-2]:
        return False
    if (
        x.itemsize != 2
        or x.dtype != y.dtype
        or x.dtype.name not in ("bfloat16", "float16")
        or max(x.size * y.shape[-1], y.size * x.shape[-2]) < LARGE_PRODUCT
    ):
        return False
    return _is_there()


def product(x: Array, y: Array, out: Array | None = None, bias: Array | None = None) -> Array:
    """The product of two arrays of matrices of which `takes_product` or `takes_narrow_product` is true, in a new array or in `out`.

    `bias` is added to its rows.
    """
    return _module(".product").product(x, y, _threads, out, bias)  # type: ignore[no-any-return]


def whole_product(x: Array, y: Array) -> Array | None:
    """The exact product of a matrix of uint8 with one of int8 in int32; None if it is small, or the processor has nothing for it."""
    if x.size * y.shape[1] < LARGE_PRODUCT or len(y) > MOST_STEPS:
        return None
    if not _is_there():
        return None
    return _module(".product").whole_product(x, y, _threads)  # type: ignore[no-any-return]


def converted(x: Array, dtype: Any) -> Array:
    """An array in another dtype; where it is large, of 16-bit floats or float32 and to be the other, by native code."""
    if x.__class__ is np.ndarray and x.size >= LARGE and x.flags.c_contiguous and x.flags.aligned:
        sizes = x.dtype.itemsize, dtype.itemsize
        if sizes in ((2, 4), (4, 2)) and {x.dtype.name, dtype.name} in PAIRS:
            if not _is_there():
                return x.astype(dtype)
            return _module(".conversion").converted(x, dtype, _threads)  # type: ignore[no-any-return]
    return x.astype(dtype)


def add_rows(out: Array, rows: Array, x: Array) -> bool:
    """Add each row of the matrix `x` to the row of `out` that `rows`, within bounds, names; False: not done."""
    if x.size < LARGE_SCATTER or x.shape[1] < WIDE or x.dtype not in (np.float32, np.float64) or x.dtype != out.dtype:
        return False
    rows = rows.astype(np.int64, copy=False)
    if not all(a.flags.c_contiguous and a.flags.aligned for a in (out, rows, x)):
        return False
    if not _is_there():
        return False
    _module(".scatter").add_rows(out, rows, x, _threads)
    return True


def contract(arrays: tuple[Array, Array, Array], batch: Any, m: Any, n: Any, k: Any, add: bool = False) -> None:
    """C[batch, m, n] = or += sum over k of A[batch, m, k] * B[batch, k, n] for the arrays A, B and C, of one dtype.

    Each index is a list of dimensions: a size and the strides of A, B and C along it, in elements from the arrays' first ones.
    """
    engine = import_module("..codegen.gemm.contraction", __package__)
    engine.run(
        engine.compiled(arrays[0].dtype.name), *arrays, engine.planned(*map(tuple, (batch, m, n, k)), arrays[0].dtype.name, add), _threads
    )


def convolve(x: Array, weight: Array, bias: Array | None, geometry: Any, out: Array, back: bool = False) -> None:
    """The windows of x (N, C, *sizes), of one or two dimensions, times weight (O, C, *kernel), plus bias (O,), in out (N, O, *out).

    With `back` x are gradients of a convolution's results (N, C, *out), taken back to out (N, O, *sizes) by a weight turned round.
    """
    _module(".convolution").multiply(x, weight, bias, geometry, out, _threads, back)


def convolution_weight(x: Array, y: Array, geometry: Any, out: Array) -> bool:
    """Put the weight's gradient of a convolution of x (N, C, *sizes) into out (O, C, *kernel), given y (N, O, *out); False: not done."""
    return _module(".convolution").weight_grad(x, y, geometry, out, _threads)  # type: ignore[no-any-return]


def has_weight_gradient(x: Array, y: Array, geometry: Any, groups: int) -> bool:
    """Whether `convolution_weight` does the weight's gradient of such arrays, if they lie row by row."""
    return _module(".convolution").has_weight_gradient(x, y, geometry, groups, _threads)  # type: ignore[no-any-return]


def takes_maxima(x: Any, kernel: tuple[int, ...]) -> bool:
    """Whether `maxima` is the way to the largest elements of windows that divide `x`."""
    if x.__class__ is not np.ndarray or x.size < LARGE_POOL or x.dtype not in (np.float32, np.float64) or len(kernel) != 2:
        return False
    try:
        return bool(x.flags.c_contiguous and x.flags.aligned and kernel[0] * kernel[1] <= WINDOW and _tools())
    except ImportError:
        return False


def maxima(x: Array, kernel: tuple[int, ...]) -> Array:
    """The largest elements of the windows that divide `x`, nan where there is one."""
    return _module(".pooling").maxima(x, *kernel, _threads)  # type: ignore[no-any-return]


def maxima_grad(x: Array, out: Array, g: Array, kernel: tuple[int, ...]) -> Array:
    """The gradient of `x` from that of `out`, its maxima; all lie row by row."""
    return _module(".pooling").maxima_grad(x, out, g, *kernel, _threads)  # type: ignore[no-any-return]


def recur(kind: str, arrays: dict[str, Array], matrix: Array, steps: Any) -> None:
    """Go through the steps of a recurrent layer, each a first row and how many there are; see `eager/recurrent.py`."""
    _module(".recurrent").run(kind, arrays, matrix, steps, _threads)


def takes_attention(query: Any, key: Any, value: Any) -> bool:
    """Whether `attend` is the way to attention of arrays of one dtype."""
    if any(x.__class__ is not np.ndarray or x.ndim < 2 or x.dtype.name not in FLOATS for x in (query, key, value)):
        return False
    return _is_there() and _module(".attention").takes(query, key, value, LARGE_PRODUCT)  # type: ignore[no-any-return]


def attend(query: Array, key: Array, value: Array, mask: Array | None, causal: bool, scale: float) -> Any:
    """Attention of arrays that it takes, and of each row of scores the logarithm of its sum of exponentials; the mask is added to them."""
    return _module(".attention").attend(query, key, value, mask, causal, scale, _threads)


def attend_back(g: Array, query: Array, key: Array, value: Array, mask: Array | None, out: Array, logs: Array, *rest: Any) -> Any:
    """The gradients of query, key and value; `rest` is whether it is causal, and the scale."""
    return _module(".attention").attend_back(g, query, key, value, mask, out, logs, *rest, _threads)


# Optimizers


class Update:
    """An algorithm's update, for tracing: after the arrays come the numbers that are given at run time, none of them zero."""

    def __init__(self, update: Any, group: dict[str, Any], names: list[Any], states: int):
        self.update, self.group, self.names, self.states = update, group, names, states

    def __call__(self, p: Any, g: Any, *rest: Any, sizes: Any) -> Any:
        given = iter(rest[self.states :])
        count = self.number(next(given))
        group = dict(self.group)
        for name in self.names:
            number = self.number(next(given))
            if isinstance(name, tuple):
                group[name[0]] = tuple(number if i == name[1] else each for i, each in enumerate(group[name[0]]))
            else:
                group[name] = number
        new, state = self.update(p, g, rest[: self.states] or None, count, group)
        return [new, *state]

    @staticmethod
    def number(traced: Any) -> Any:
        return _tools().NonZero(traced._trace, 0.5, traced.value)


class Updates:
    """The updates of a group's large parameters that wait to be run together, and what they have in common: the options."""

    def __init__(self, group: dict[str, Any]):
        self.group, self.waiting = group, list[Any]()
        self.names = _open_options(group)
        fixed = tuple((k, _without(k, v, self.names)) for k, v in group.items() if k != "params")
        self.key = (*self.names, repr(fixed))
        self.numbers = [np.array(group[n[0]][n[1]] if isinstance(n, tuple) else group[n], float) for n in self.names]
        self.count = np.array(-1.0)

    def number(self, count: int) -> Array:
        """A count of steps as an array."""
        if self.count != count:
            self.count = np.array(float(count))
        return self.count

    def add(self, function: Any, p: Array, g: Array, state: list[Array], count: int) -> bool:
        """Have a parameter and its state moved on in place by an optimizer's update; False if there is no kernel for that."""
        if p.size < LARGE_UPDATE or not all(a.flags.c_contiguous and a.size == p.size for a in (p, g, *state)):
            return False
        name = f"{function.__module__}.{function.__qualname__}"
        arrays = [p, g, *state, self.number(count), *self.numbers]
        try:
            kinds = _tools().flat_pattern(arrays)
            key = (name, kinds, self.key, _threads)
        except (TypeError, ImportError):
            return False
        kernels = _kernels.get(key, COMPILING)
        if kernels is COMPILING:
            kernels = _compiled(key, name, Update(function, self.group, self.names, len(state)), kinds, {p.size: 0})
        into = [p, *state]
        if kernels is None or kernels is COMPILING or not kernels.writes_into(into, p.size):
            return False
        self.waiting.append((kernels, kernels.call(arrays, p.size, into), (p, g)))
        return True

    def run(self) -> None:
        """Run what waits: one native call for all parameters with one kernel, in which no thread waits for another."""
        extents = sorted({(start := a.__array_interface__["data"][0], start + a.nbytes) for _, _, pair in self.waiting for a in pair})
        apart = all(one[1] <= other[0] for one, other in pairwise(extents))
        together: dict[Any, list[Any]] = {}
        for number, (kernels, call, _) in enumerate(self.waiting):
            together.setdefault(kernels if apart else number, [kernels]).append(call)
        for kernels, *calls in together.values():
            kernels.run_calls(calls)
        self.waiting.clear()


def _without(name: str, value: Any, names: list[Any]) -> Any:
    """An option as far as it is not among the `names` of those that are given at run time."""
    if isinstance(value, tuple):
        return tuple(None if (name, i) in names else each for i, each in enumerate(value))
    return None if name in names else value


def _open_options(group: dict[str, Any]) -> list[Any]:
    """The options that are numbers other than zero; those in pairs by name and place."""
    found: list[Any] = []
    for name, value in group.items():
        if isinstance(value, float) and value:
            found.append(name)
        elif isinstance(value, tuple):
            found += [(name, i) for i, each in enumerate(value) if isinstance(each, float) and each]
    return found


large.forward, large.backward, large.converted = forward, backward, converted
