"""Dispatch: the one way from Tensors to arrays and back.

`dispatch` is the whole of it: take the arrays out of the Tensors, bring them to a common dtype, run the op's forward, wrap what it
returns, record a Node. `core/fastpath.py` writes the same steps out for each op as the short function that users really call; whatever is
not the ordinary case there (another dtype, a list, a special mode, not a Tensor at all) it hands to `dispatch`.

Operands that are arrays, not Tensors, go straight to the forward: in this way forwards and gradient rules call other ops on
arrays, on traced arrays and on Tensors alike.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dtypes, large, lifted, meta, modes, watching
from .arguments import bind
from .arrayless import NoArrayError
from .data import native_array
from .errors import MISSING, explained, not_a_tensor
from .graph import Freed, Leaf, Node, Output, Packed, Remade, note_write
from .history import NO_GRAD, SEVERAL, STRIDED, Family, View, refresh
from .keywords import SCALARS, in_our_words
from .layout import ALWAYS, check_operands, laid_out
from .lifted import ARRAYS
from .op import Op
from .origin import located, outside, warn
from .precision import in_dtype, is_narrow, narrow_dtype, rounded, widened
from .profiling import spanned
from .quiet import MARK, is_strict
from .scope import here
from .sparse_tensor import tensor_of
from .storage import storage_of
from .tensor import Cut, Tensor, wrap

_new = object.__new__
_getframe = sys._getframe
_clock = modes.clock
COMPLEX = frozenset({np.dtype(np.complex64), np.dtype(np.complex128)})
OPERANDS = (np.ndarray, lifted.Lifted, bool, int, float, complex)  # as dispatch takes them
NUMBERS = frozenset({int, float})  # types whose values NumPy treats as PyTorch does beside a float array


def dispatch(op: Op, operands: tuple[Any, ...], attributes: tuple[Any, ...], out: Any = None) -> Any:
    """Run `op` on Tensors (or arrays): the general way."""
    if modes.special and (watching.watcher is not None or modes.settings.profiler is not None):
        run = functools.partial(_dispatched, op, operands, attributes, out)
        if (watcher := watching.watcher) is not None and watcher.looking and not _any_lifted(operands):
            run = functools.partial(watcher.operation, op, operands, attributes, run)
        if modes.settings.profiler is not None:
            return spanned(modes.settings.profiler, f"aten::{op.name}", "op", run, operands)
        return run()
    return _dispatched(op, operands, attributes, out)


def _any_lifted(operands: tuple[Any, ...]) -> bool:
    """Whether an operand is lifted."""
    return lifted.alive > 0 and any(isinstance(v, Tensor) and isinstance(v._held, lifted.Lifted) for v in operands)


def _dispatched(op: Op, operands: tuple[Any, ...], attributes: tuple[Any, ...], out: Any) -> Any:
    if is_strict():
        with np.errstate(all="ignore"):
            return _dispatched(op, operands, attributes, out)
    if modes.special and modes.settings.autocast is not None and out is None:
        operands = modes.settings.autocast(op, operands)
    flat = tuple(operands[0]) if op.variadic else operands
    if not _has_tensor(flat):
        return _on_arrays(op, flat, attributes, out)
    if op.kind == "sparse":
        return _on_sparse(op, flat, attributes)
    if attributes and _has_tensor(attributes):  # a tensor of one where a number is wanted
        named = zip(op.attributes, attributes, strict=True)
        attributes = tuple(v.item() if n in SCALARS and isinstance(v, Tensor) else v for n, v in named)
    if modes.special and (op.differentiable or op.kind == "view"):
        for value in flat:
            if isinstance(value, Tensor) and value._view is not None:
                refresh(value)
    try:
        operands = tuple([v if v.__class__ is Tensor else _as_operand(op, i, v) for i, v in enumerate(flat)])
    except Foreign as error:
        return _taken_over(op, operands, attributes, out, *error.args)
    if meta.alive:
        _check_devices(op.name, operands)
    if out is not None:
        names = op.operands * len(operands) if op.variadic else op.operands
        check_no_history(op.name + "(): ", *(v for n, v in zip(names, operands, strict=True) if n in op.differentiable))
    try:
        arrays = tuple([value._array if isinstance(value, Tensor) else value for value in operands])
    except NoArrayError as error:
        return _in_their_form(op, error.form(op.name), operands, attributes, out)
    results = computed(op, arrays, attributes)
    if out is not None:
        if isinstance(out, Tensor):
            check_operands(op, out._array, operands, op.name, resized=out._array.shape != results[0].shape)
        if op.out == "own":
            _check_own(out, arrays, results)
        return _into(op, out, results)
    return returned(op, operands, arrays, attributes, results)


def _has_tensor(values: tuple[Any, ...]) -> bool:
    for value in values:  # noqa: SIM110  (any() of a generator costs more)
        if isinstance(value, Tensor):
            return True
    return False


def _in_their_form(op: Op, form: Any, operands: tuple[Any, ...], attributes: tuple[Any, ...], out: Any) -> Any:
    """What `op` does with tensors without arrays, in place of `out` if that is given."""
    result = form(*((operands,) if op.variadic else operands), **dict(zip(op.attributes, attributes, strict=True)))
    if out is None:
        return result
    check_no_history(op.name + "(): ", *operands)
    return _into(op, out, (result._array,))


def _on_sparse(op: Op, operands: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    """Run an op whose forward takes, or returns, sparse arrays."""
    if modes.special:
        if modes.settings.recorder is not None:
            modes.settings.recorder.refuse("sparse tensors are not compiled")
        for value in operands:
            if isinstance(value, Tensor):
                refresh(value)
    held = tuple(value._held if isinstance(value, Tensor) else value for value in operands)
    named = dict(zip(op.attributes, attributes, strict=True))
    try:
        result = op.forward(*held, **named)
    except Exception as error:
        told = explained(op, held, error, named)
        if told is error:
            raise
        raise told from None
    tensor = tensor_of(result)
    record(op, (tensor,), operands, held, attributes, (tensor._held,))
    return tensor


def computed(op: Op, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arrays that `op` makes of arrays, hidden outputs too: a level computes with those of its own, a recorder follows."""
    if not modes.special:
        return Forward(op, attributes)(*arrays)
    level = lifted.highest(arrays) if lifted.alive else None
    if op.kind == "edge" and (level is None or level.begin <= attributes[0].begin):
        return (op.forward(*arrays, *attributes),)
    if level is not None:
        return level.run(op, arrays, attributes)
    forward = Forward(op, attributes)
    if meta.alive and any(map(meta.is_meta, arrays)):
        return _nowhere(forward, arrays)
    recorder = modes.settings.recorder
    if recorder is None:
        return forward(*arrays)
    made = recorder.run(forward, arrays, op.name, forward)
    return tuple(map(recorder.relaid, made, forward.laid_out(arrays, made, True)))


def _on_lifted(function: Any, args: Any, options: dict[str, Any]) -> Any:
    """What a function of Tensors gives for arrays of which some are lifted, as arrays."""
    op = getattr(function, "op", None)
    if op is not None and op.function is function and not options and _are_operands(op, args):
        results = computed(op, args, op.unsaid)
        return results[0] if op.outputs is not None and len(results) - op.hidden == 1 else results[: len(results) - op.hidden]

    def given(value: Any) -> Any:
        if isinstance(value, (tuple, list)):
            return type(value)(map(given, value))
        return wrap(value) if isinstance(value, lifted.Lifted) else np.asarray(value) if isinstance(value, np.generic) else value

    def taken(value: Any) -> Any:
        if isinstance(value, (tuple, list)):
            return tuple(map(taken, value))
        return value._array if isinstance(value, Tensor) else value

    return taken(function(*given(tuple(args)), **{name: given(value) for name, value in options.items()}))


def _are_operands(op: Op, args: Any) -> bool:
    """Whether these are arrays and numbers for the operands alone, and nobody else is to be asked."""
    if op.variadic or op.unsaid is None or len(args) != len(op.operands) or modes.overriding or modes.settings.autocast is not None:
        return False
    for a in args:  # noqa: SIM110  (all() of a generator costs more)
        if not isinstance(a, OPERANDS):
            return False
    return True


lifted.functions, lifted.computed = Tensor._numpy_functions, _on_lifted


def _nowhere(forward: Forward, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a forward gives for operands without memory: what it gives for zeros, or for identity matrices if it refuses zeros."""
    try:
        results = forward(*arrays)
    except (RuntimeError, ValueError, IndexError):
        results = forward(*map(meta.regular, arrays))
    return tuple(r if meta.is_meta(r) else meta.like(r) for r in results)


# Ops whose operands may be on different devices, and those whose results' shapes follow from elements.
_MIXING = frozenset("getitem index index_put setitem copy pixels embedding_dense_backward lstm_layer gru_layer rnn_layer".split())
_FOLLOW_FROM_ELEMENTS = frozenset("nonzero unique unique_consecutive".split())


def _is_step_of_another(frame: Any) -> bool:
    """Whether the operation that is run is a step of one made of several, which makes tensors of its own."""
    families = set()
    while frame is not None and (own := frame.f_globals.get(MARK)) is not None and own.split(".")[1:2] in (["core"], ["ops"]):
        families.add(own)
        frame = frame.f_back
    return sum(".ops." in own and not own.endswith(".operators") for own in families) > 1


def _check_devices(name: str, operands: Sequence[Any]) -> None:
    """RuntimeError if tensors with memory, other than single numbers, meet such as have none; of elements where shapes follow from them."""
    found = [meta.is_meta(each._array) for each in operands if isinstance(each, Tensor) and (each._array.ndim or meta.is_meta(each._array))]
    if not any(found):
        return
    masked = name == "index" and any(isinstance(each, Tensor) and each._array.dtype == bool and each.is_meta for each in operands[1:])
    if masked or name in _FOLLOW_FROM_ELEMENTS:
        raise NotImplementedError(located(f"{name}(): the shape of the result follows from elements, and tensors on meta have none"))
    if not all(found) and name not in _MIXING and not _is_step_of_another(sys._getframe(1)):
        here, other = ("meta", "cpu") if found[0] else ("cpu", "meta")
        raise RuntimeError(located(f"{name}(): Tensor on device {other} is not on the expected device {here}!"))


class Foreign(Exception):
    """An operand is of a class that takes operations over itself, by `__torch_function__`."""


def _taken_over(op: Op, operands: Any, attributes: tuple[Any, ...], out: Any, name: str, value: Any) -> Any:
    """What the class of `value` gives for the operation; TypeError where classes take nothing over."""
    answer = modes.answer(op, operands, attributes, out)
    if answer is modes.NO_ANSWER:
        raise not_a_tensor(op, name, value)
    return answer


def _on_arrays(op: Op, operands: Any, attributes: tuple[Any, ...], out: Any = None) -> Any:
    if not any(hasattr(value, "__array_function__") or isinstance(value, np.generic) for value in operands):
        if any(hasattr(type(value), "__torch_function__") for value in operands):
            index = next(i for i, value in enumerate(operands) if hasattr(type(value), "__torch_function__"))
            name = op.public_names[0 if op.variadic else index]
            return _taken_over(op, (operands,) if op.variadic else operands, attributes, out, name, operands[index])
        for name, value in zip(op.public_names, operands, strict=False):
            if value is not None:
                raise not_a_tensor(op, name, value)
        if op.variadic and not operands:
            _forward(op, (), attributes)  # says in PyTorch's words what it needs
        raise TypeError(located(f"{op.name}() needs at least one tensor"))
    if lifted.alive and lifted.highest(operands) is not None:
        found = computed(op, tuple(operands), attributes)
        return found[0] if op.outputs is not None and len(op.outputs) - op.hidden == 1 else found
    named = dict(zip(op.attributes, attributes, strict=True))
    narrow = narrow_dtype(op, operands) if op.wide_forward else None
    if narrow is None:
        results = op.forward(*operands, **named)
    else:
        results = rounded(op, op.forward(*widened(operands), **named), narrow, named)
    return results[0] if op.hidden and len(op.outputs or ()) - op.hidden == 1 else results


def _as_operand(op: Op, index: int, value: Any) -> Any:
    if isinstance(value, (Tensor, bool, int, float, complex)) or (value is None and not op.variadic):
        return value
    if isinstance(value, (np.number, np.bool_)):
        return dtypes.python_number(value)
    if isinstance(value, np.ndarray):
        return wrap(native_array(value))
    if isinstance(value, lifted.Lifted):
        return wrap(value)
    name = op.public_names[0 if op.variadic else index]
    if hasattr(type(value), "__torch_function__"):
        raise Foreign(name, value)
    raise not_a_tensor(op, name, value)


class Forward:
    """What an op does with arrays, given its attributes: its forward, on operands in their common dtype."""

    __slots__ = ("attributes", "op")

    def __init__(self, op: Op, attributes: tuple[Any, ...]):
        self.op, self.attributes = op, attributes

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        if self.op.is_swift and (found := _swiftly(self.op, arrays, self.attributes)) is not None:
            return found
        if self.op.refuses:
            _check_kinds(self.op, arrays)
        if self.op.check is not None:
            self.op.check(*arrays)
        ready = _promoted(self.op, arrays) if self.op.promoted else arrays
        return self.laid_out(arrays, _forward(self.op, ready, self.attributes, arrays))

    def laid_out(self, arrays: tuple[Any, ...], results: tuple[Any, ...], traced: bool = False) -> tuple[Any, ...]:
        """The results in the order in memory that the op's rule gives them; how they lie if they were `traced` is by chance."""
        if self.op.layout is None or (self.op.layout not in ALWAYS and not traced and _all_in_rows(arrays)):
            return results
        seen = len(results) - self.op.hidden
        return (*(laid_out(self.op.layout, arrays, self.attributes, r) for r in results[:seen]), *results[seen:])

    def __repr__(self) -> str:
        return f"{self.op.name}{self.attributes}"


def _swiftly(op: Op, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """What a forward makes of small arrays of one dtype, float32 or float64, that lie in rows, and of numbers; None of others."""
    common: Any = None
    numbers = False
    for a in arrays:
        if a.__class__ is np.ndarray:
            if common is None:
                common = a.dtype
                if common.char not in "fd" or a.size >= op.native_from:
                    return None
            elif a.dtype is not common:
                return None
            if not a.flags.c_contiguous:
                return None
        elif a.__class__ in NUMBERS and op.promoted == op.operands:
            numbers = True
        else:
            return None
    if common is None:
        return None
    if op.check is not None:
        op.check(*arrays)
    given = [a if a.__class__ is np.ndarray else np.array(a, common) for a in arrays] if numbers else arrays
    try:
        results = op.forward(*given, **dict(zip(op.attributes, attributes, strict=True))) if attributes else op.forward(*given)
    except Exception:  # the other way says what is wrong
        return None
    return _as_results(op, results, common)


def _promoted(op: Op, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arrays in their common dtype; numbers become 0-d arrays of it."""
    common: Any = None
    numbers = False
    for a in arrays:
        dtype = getattr(a, "dtype", None)
        if dtype is None and a.__class__ in NUMBERS:
            numbers = True
        elif dtype is None or (common is not None and dtype is not common):
            break
        else:
            common = dtype
    else:  # as a rule they have one dtype, and numbers beside floats are of it
        if numbers and common is not None and common.kind == "f" and common.itemsize > 2 and op.promoted == op.operands:
            return tuple([a if hasattr(a, "dtype") else np.array(a, common) for a in arrays])
        if not numbers and common is not None and (op.result != "float" or common.kind in "fcV"):
            return arrays
    return _made_alike(op, arrays)


def _made_alike(op: Op, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same where they differ."""
    names = op.operands * len(arrays) if op.variadic else op.operands
    found = dtypes.promote_operands(a for n, a in zip(names, arrays, strict=True) if n in op.promoted)
    if op.result == "float" and not (found.is_floating_point or found.is_complex):
        found = dtypes.get_default_dtype()
    target = dtypes.to_numpy(found)
    kept = NUMBERS if op.keeps_numbers and is_narrow(target) else ()
    return tuple(
        _converted(a, target) if a is not None and n in op.promoted and a.__class__ not in kept else a
        for n, a in zip(names, arrays, strict=True)
    )


def _check_kinds(op: Op, arrays: tuple[Any, ...]) -> None:
    """NotImplementedError for an operand of a dtype that the op refuses."""
    for value in arrays:
        kind = "b" if isinstance(value, bool) else getattr(getattr(value, "dtype", None), "kind", "f")
        if kind in op.refuses:
            raise NotImplementedError(located(f'"{op.name}" not implemented for {getattr(value, "dtype", "bool")}'))


def _converted(x: Any, dtype: Any) -> Any:
    """An array, also a traced one, or a number, as an array of that dtype."""
    if isinstance(x, (bool, int, float, complex)):
        return np.asarray(x).astype(dtype, copy=False)
    return x if x.dtype == dtype else x.astype(dtype, copy=False)


def _as_array(x: Any) -> Any:
    """Of 0-d operands NumPy gives scalars, which are no arrays, and of some questions True or False."""
    return np.asarray(x) if isinstance(x, (np.generic, bool)) else x


def _forward(op: Op, arrays: tuple[Any, ...], attributes: tuple[Any, ...], shown: Any = None) -> tuple[np.ndarray[Any, Any], ...]:
    """The arrays the forward returns, computed in float32 where operands are of 16 bits and the op is one that computes.

    `shown` are the operands as the user gave them, for errors.
    """
    named = dict(zip(op.attributes, attributes, strict=True)) if attributes else {}
    if op.real and any(getattr(a, "dtype", None) in COMPLEX for a in arrays):
        raise NotImplementedError(located(f'"{op.name}" not implemented for complex numbers'))
    given, narrow = arrays, None
    if op.wide_forward or (op.keeps_numbers and any(a.__class__ in NUMBERS for a in arrays)):
        given, attributes = in_dtype(op, arrays, attributes, named)
        narrow = narrow_dtype(op, given)
        given = given if narrow is None else widened(given)
    native = large.is_candidate(op) and given[0].__class__ is np.ndarray and given[0].size >= op.native_from
    try:
        try:
            results = large.forward(op, given, attributes) if native else op.forward(*given, **named)
        except RuntimeWarning:  # of a function that NumPy has in Python, made an error by the user's filters
            with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                results = op.forward(*given, **named)
        except (TypeError, ValueError):
            narrow = next((a.dtype for a in arrays if isinstance(a, np.ndarray) and a.dtype.kind == "V"), None)
            if narrow is None:
                raise
            wide = (a.astype(np.float32) if isinstance(a, np.ndarray) and a.dtype == narrow else a for a in arrays)
            results = _map(lambda a: a.astype(narrow) if a.dtype == np.float32 else a, op.forward(*wide, **named))
    except modes.Untraceable:
        raise
    except Exception as error:
        told = explained(op, arrays if shown is None else shown, error, named)
        if told is error:
            raise
        raise told from None  # what NumPy said is its `__context__`, which is not printed
    if narrow is not None:
        results = rounded(op, results, narrow, named)
    return _as_results(op, results, arrays[op.operands.index(op.promoted[0])].dtype if op.result in ("same", "float") else None)


def _as_results(op: Op, results: Any, wanted: Any) -> tuple[Any, ...]:
    """What a forward has returned as a tuple of arrays, in the dtype `wanted` where the op is of one that gives that of its operands."""
    alike = op.result == "same" or op.result == "float"
    if results.__class__ is np.ndarray:
        return (results if not alike or results.dtype == wanted else results.astype(wanted),)
    results = results if isinstance(results, (tuple, list)) else (results,)
    if alike:
        return tuple([_as_array(r) if r.dtype == wanted else _as_array(r).astype(wanted) for r in results])
    return tuple(map(_as_array, results))


def _all_in_rows(arrays: tuple[Any, ...]) -> bool:
    return all(a.flags.c_contiguous for a in arrays if a.__class__ is np.ndarray)


def unordered(array: np.ndarray[Any, Any]) -> View | None:
    """What `_view` of a tensor on `array` that is no view says."""
    return None if array.flags.c_contiguous else STRIDED


def lay_out(op: Op, tensor: Tensor, arrays: tuple[Any, ...], attributes: tuple[Any, ...], result: Any) -> Any:
    """`result` of `op` on `arrays`, not all of which lie row by row, laid out by PyTorch's rule and put into `tensor`."""
    if op.layout in ALWAYS or not _all_in_rows(arrays):
        tensor._array = result = laid_out(op.layout, arrays, attributes, result)
        tensor._view = unordered(result)
    return result


def _map(function: Callable[[Any], Any], results: Any) -> Any:
    return tuple(map(function, results)) if isinstance(results, (tuple, list)) else function(results)


def _into(op: Op, out: Any, results: tuple[Any, ...]) -> Any:
    """Write results into the tensors given as `out=`."""
    targets = out if isinstance(out, (tuple, list)) else (out,)
    wanted = len(op.outputs or ("",)) - op.hidden
    if len(targets) != wanted or not all(isinstance(target, Tensor) for target in targets):
        kinds = ", ".join(type(target).__name__ for target in targets)
        what = "Tensor" if wanted == 1 else f"tuple of {wanted} Tensors"
        raise TypeError(located(f"{op.name}(): argument 'out' must be {what}, not {kinds if wanted == 1 else f'({kinds})'}"))
    check_no_history(op.name + "(): ", *targets)
    for target, result in zip(targets, results, strict=False):
        is_recorded(target)
        if not dtypes.can_cast(dtypes.of(result), target.dtype):
            raise RuntimeError(located(f"result type {dtypes.of(result)} can't be cast to the desired output type {target.dtype}"))
        if target._array.shape != result.shape:
            if target._array.size:
                warn(
                    f"An output with one or more elements was resized since it had shape {list(target._array.shape)}, which does not"
                    f" match the required output shape {list(result.shape)}: make it of that shape, or empty"
                )
            target._array = np.empty(result.shape, target._array.dtype)
            if isinstance(target._node, Leaf):
                target._node.shape = result.shape
        elif result.size:
            check_overlap(target._array, op.name)
        if not meta.is_meta(target._array):
            meta.require_data(result, op.name + "()")
            np.copyto(target._array, result, casting="unsafe")
        note_write(target._array, op.name)
        if modes.special and modes.settings.recorder is not None:
            modes.settings.recorder.write(target._array, result)
    return out


def _check_own(out: Any, arrays: tuple[Any, ...], results: tuple[Any, ...]) -> None:
    """RuntimeError unless what is given as `out=` has the dtype of the results and memory that no operand lies in."""
    for target, result in zip(out if isinstance(out, (tuple, list)) else (out,), results, strict=False):
        if target._array.dtype != result.dtype:
            kinds = f"{dtypes.of(result)}, but got {target.dtype}"
            raise RuntimeError(located(f"Expected out tensor to have dtype {kinds} instead"))
        if any(isinstance(a, np.ndarray) and np.may_share_memory(target._array, a) for a in arrays):
            message = "some elements of the input tensor and the written-to tensor refer to a single memory location"
            raise RuntimeError(located(f"unsupported operation: {message}. Please clone() the tensor before performing the operation."))


def is_recorded(target: Tensor, *values: Any) -> bool:
    """Whether a write of `values` into `target` becomes history; RuntimeError if a view's base would not get to know of it."""
    if not modes.settings.grad:
        return False
    recorded = target._node is not None
    for value in values:
        recorded = recorded or (isinstance(value, Tensor) and value._node is not None)
    view = target._view
    if view is not None and view.made is NO_GRAD and view.base is not None and (recorded or view.root()._node is not None):
        message = "A view was created in no_grad mode and is being modified inplace with grad mode enabled"
        raise RuntimeError(located(f"{message}: make the view outside the no_grad block, or write to it inside, or to a clone()"))
    return recorded


def check_no_history(what: str, *values: Any) -> None:
    """RuntimeError if one of `values`, what goes into a call with `out=`, needs a gradient: the result would lose it."""
    if modes.settings.grad and any(history(v) is not None for v in values):
        message = "functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad"
        raise RuntimeError(located(f"{what}{message}: call it under torch.no_grad(), or without out="))


def check_overlap(array: np.ndarray[Any, Any], what: str) -> None:
    """RuntimeError if `array` shows an element several times (it is expanded), or is read-only."""
    if meta.is_meta(array):
        return
    if not array.flags.writeable or (
        0 in array.strides and array.size and any(step == 0 and size > 1 for step, size in zip(array.strides, array.shape, strict=True))
    ):
        why = "more than one element of the written-to tensor refers to a single memory location"
        why = f"unsupported operation: {why} (elements of an expanded tensor share memory)" if array.flags.writeable else "it is read-only"
        raise RuntimeError(located(f"{what}(): {why}. Please clone() the tensor before performing the operation."))


def note_view(tensor: Tensor, base: Tensor, op: Op, attributes: tuple[Any, ...]) -> None:
    """Remember that `tensor` is a view of `base`, unless the forward had to copy."""
    array, shown = tensor._array, base._array
    base_of = array.base  # NumPy lets it be the owner of the memory for views of views
    if (
        array is not shown
        and base_of is not shown
        and (base_of is None or (base_of is not shown.base and storage_of(array) is not storage_of(shown)))
    ):
        return
    before = base._view
    if before is None or before is STRIDED:
        base._view = before = _new(Family)
    elif before.base is None:
        before = before if before.__class__ is Family else None
    else:
        base = before.base
    view = tensor._view = View(base, op, attributes, before)
    view.stamp = next(_clock)
    if op.outputs is None:
        view.made = view.made or SEVERAL


def record(
    op: Op,
    tensors: tuple[Tensor, ...],
    operands: tuple[Any, ...],
    arrays: tuple[Any, ...],
    attributes: tuple[Any, ...],
    results: tuple[Any, ...],
) -> Node | None:
    """Give `tensors`, the results of `op` on `operands`, their history: a node, or the reason why there is none."""
    if not _has_history(operands):
        for tensor in tensors:
            tensor._node = tensor._cut = None
        return None
    names = op.operands * len(operands) if op.variadic else op.operands
    with_rule, smooth, needed = op.differentiable, False, False
    parents = tuple([history(v) for n, v in zip(names, operands, strict=True) if n in with_rule])
    for r, _ in zip(results, tensors, strict=False):
        smooth = smooth or r.dtype.kind in "fcV"
    for p in parents:
        needed = needed or p is not None
    if not smooth or not needed or not modes.settings.grad:
        cut = cut_of(op, operands, parents, smooth)
        for tensor in tensors:
            tensor._node, tensor._cut = None, cut
        return None
    if not op.built:
        op.build()
    wide = is_narrow(results[0].dtype) or narrow_dtype(op, arrays) is not None
    node = _new(op.wide_node_class if wide else op.node_class)
    node.parents = parents
    node.saved = _saved(op, parents, arrays, attributes, results)
    if modes.special and modes.settings.saved_hooks and not isinstance(modes.settings.saved_hooks[-1], str):
        pack, unpack = modes.settings.saved_hooks[-1]
        node.saved = Packed(node.saved, pack, unpack, wrap)
    node.shape, node.dtype = results[0].shape, results[0].dtype
    node.hooks = None
    node.seq = next(_clock)
    frame = outside(_getframe(1))
    node.code, node.lasti = (None, 0) if frame is None else (frame.f_code, frame.f_lasti)
    node.scope = here.get().scope
    for v in operands:
        if isinstance(v, Tensor) and v._cut is not None:
            node.cut = v._cut
            break
    if op.outputs is not None and len(tensors) == 1:
        tensors[0]._node, tensors[0]._cut = node, None
    else:
        for i, tensor in enumerate(tensors):
            if tensor._array.dtype.kind in "fcV":
                tensor._node, tensor._cut = output(node, i, tensors), None
    return node


def _has_history(operands: tuple[Any, ...]) -> bool:
    """Whether one of them has a node, or a reason to have none."""
    for v in operands:  # noqa: SIM110  (any() of a generator costs more)
        if isinstance(v, Tensor) and (v._node is not None or v._cut is not None):
            return True
    return False


def returned(op: Op, operands: tuple[Any, ...], arrays: tuple[Any, ...], attributes: tuple[Any, ...], results: tuple[Any, ...]) -> Any:
    """What `op` returns to the user: tensors of its results, with what they are views of and their history."""
    tensors = tuple(map(wrap, results[: len(results) - op.hidden] if op.hidden else results))
    if op.kind == "view":
        for tensor in tensors:
            note_view(tensor, operands[0], op, attributes)
    record(op, tensors, operands, arrays, attributes, results)
    if op.outputs is None:
        return tensors
    return tensors[0] if len(tensors) == 1 else tuple.__new__(op.result_class, tensors)


def several(op: Op, operand: Tensor, array: Any, attributes: tuple[Any, ...], results: tuple[Any, ...]) -> Any:
    """The same for an op of one operand with several results, as its forward gives them."""
    return returned(op, (operand,), (array,), attributes, tuple(map(_as_array, results)))


def viewed(op: Op, x: Tensor, attributes: tuple[Any, ...]) -> Tensor:
    """The view of `x` by `op`, with its history alone: nothing notes what it is a view of."""
    array = shown(op, x._array, attributes)
    out = wrap(array)
    record(op, (out,), (x,), (x._array,), attributes, (array,))
    return out


def shown(op: Op, array: Any, attributes: tuple[Any, ...]) -> Any:
    """What `op`, which gives a view, shows of an array."""
    return computed(op, (array,), attributes)[0]


def under_name(name: str, result: Any) -> Any:
    """`result`, which an op has just returned, with its node called as PyTorch calls it in this case."""
    node = history(result[0] if isinstance(result, tuple) and result else result)
    if node is not None:
        node = node.edge()[0]
        node.__class__ = _class_named(node.op.wide_node_class if node.wide else node.op.node_class, name)
    return result


class Saved:
    """An attribute of nodes, such as `_saved_self`: what was saved for the gradient, tensors without their history."""

    def __init__(self, index: int):
        self.index = index

    def __get__(self, node: Node | None, owner: Any = None) -> Any:
        if node is None:
            return self
        saved = node.saved
        if isinstance(saved, Freed):
            raise RuntimeError(located(f"what {node.name()} saved was freed by a backward pass: specify retain_graph=True there"))
        if isinstance(saved, Remade):
            saved = saved.node().saved
        found = (saved.unpacked() if isinstance(saved, Packed) else saved)[self.index]
        return wrap(found) if isinstance(found, ARRAYS) else found


@functools.cache
def _class_named(cls: type[Node], name: str) -> type[Node]:
    """A class of nodes under another name, where PyTorch has several operations for one op."""
    return type(name, (cls,), {"__slots__": (), "__module__": Node.__module__})


def history(value: Any) -> Node | None:
    return value._node if isinstance(value, Tensor) else None


def output(node: Node, index: int, outputs: Any) -> Output:
    """The edge to one of several outputs of `node`."""
    edge = _new(Output)
    edge.parents, edge.index, edge.count, edge.saved, edge.hooks = (node,), index, len(outputs), (), None
    edge.shape, edge.dtype = outputs[index]._array.shape, outputs[index]._array.dtype
    edge.code, edge.lasti, edge.scope, edge.seq = node.code, node.lasti, node.scope, next(_clock)
    return edge


def _saved(op: Op, parents: tuple[Any, ...], arrays: tuple[Any, ...], attributes: tuple[Any, ...], results: Any) -> tuple[Any, ...]:
    """What the rules that will run want, in the order of `op.saves`."""
    if op.variadic:
        return _saved_of_several(op, parents, arrays, attributes, results)
    due = tuple([p is not None for p in parents])
    places = op.known.get(("places", due))
    if places is None:
        places = op.known["places", due] = _places(op, due)
    found: list[Any] = []
    for what, i in places:
        if what == "operand":
            found.append(arrays[i])
        elif what == "shape":
            found.append(getattr(arrays[i], "shape", ()))
        elif what == "dtype":
            found.append(getattr(arrays[i], "dtype", None))
        elif what == "attribute":
            found.append(attributes[i])
        else:
            found.append(results[i] if what == "result" else results if what == "results" else None)
    return tuple(found)


def _places(op: Op, due: tuple[bool, ...]) -> list[tuple[str, int]]:
    """Where what is saved for the gradients that are due is found: what it is, and its number among those."""
    places: dict[str, tuple[str, int]] = {name: ("attribute", i) for i, name in enumerate(op.attributes)}
    places.update({name: ("result", i) for i, name in enumerate(op.outputs)} if op.outputs else {"outs": ("results", 0)})
    places.update((name, ("operand", i)) for i, name in enumerate(op.operands))
    places.update((f"{name}_{what}", (what, i)) for i, name in enumerate(op.operands) for what in ("shape", "dtype"))
    names = {n for n, d in zip(op.differentiable, due, strict=True) if d}
    wanted = {w for rule in op.rules if names.intersection(rule.inputs) for w in rule.wants}
    if op.hidden:  # the second derivative runs the forward again
        wanted.update((*op.operands, *op.attributes))
    return [places[name] if name in wanted else ("nothing", 0) for name in op.saves]


def _saved_of_several(
    op: Op, parents: tuple[Any, ...], arrays: tuple[Any, ...], attributes: tuple[Any, ...], results: Any
) -> tuple[Any, ...]:
    """The same of an op that takes as many operands as it is given."""
    (name,) = op.operands
    values: dict[str, Any] = dict(zip(op.attributes, attributes, strict=True))
    values.update(zip(op.outputs, results, strict=True) if op.outputs else {"outs": results})
    if name in op.saves:
        needed = [sum(p is not None for p in parents) > (parent is not None) for parent in parents]  # by another operand's gradient
        values[name] = tuple([a if n else None for a, n in zip(arrays, needed, strict=True)])
    values[name + "_shape"] = tuple([a.shape for a in arrays])
    values[name + "_dtype"] = tuple([a.dtype for a in arrays])
    return tuple([values[name] for name in op.saves])


def cut_of(op: Op, operands: Any, parents: tuple[Any, ...], smooth: bool) -> Cut | None:
    """Why the result of `op` needs no gradient, if anything before it did."""
    cut = next((v._cut for v in operands if isinstance(v, Tensor) and v._cut is not None), None)
    if cut is not None and not cut.frozen:
        return cut
    behind = [p for p in map(history, operands) if p is not None]
    if not behind or (cut is not None and modes.settings.grad):
        return cut
    if not modes.settings.grad:
        return Cut(f"computed by {op.called}() under no_grad", behind)
    return Cut(f"{op.called}() has no gradient" if smooth else f"{op.called}() gives integers or booleans, which have no gradient", behind)


def called(op: Op, given: dict[str, Any], words: dict[str, Any], more: tuple[Any, ...] = ()) -> Any:
    """Run `op`, which was given these arguments and more: by name `out`, keyword-only ones, other names of arguments."""
    out = words.pop("out", None) if op.out else None
    if more and op.listed:
        given[op.listed] = (given[op.listed], *more)
    elif more:
        return dispatch(op, *bind(op, (*given.values(), *more), words), out)
    unsaid = {name: op.defaults.get(name, MISSING) for name in op.attributes}
    given = {name: v for name, v in given.items() if v is not MISSING and (name not in unsaid or v is not unsaid[name])}
    return dispatch(op, *bind(op, (), {**given, **in_our_words(words, op.words, given, op.name)}), out)
