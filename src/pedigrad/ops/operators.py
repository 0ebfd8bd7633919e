"""Python's operators on Tensors, and NumPy's functions.

They are the ops themselves, with one difference: an operand that no tensor can be made of gives NotImplemented, so that Python
asks the other operand or says that the operator is not supported, and `t == "text"` is False.
"""

from __future__ import annotations

import functools
import operator
import types
from typing import Any

import numpy as np

from ..core import dispatch, dtypes, fastpath, inplace, override, signatures
from ..core.data import native_array
from ..core.declare import Function
from ..core.lifted import Lifted
from ..core.origin import MARK, called_by_user
from ..core.tensor import Tensor, wrap
from ..core.traces import trim
from .linalg import matmul
from .math import arithmetic, compare, division, powers


def _are_matrices(operands: tuple[Any, ...]) -> bool:
    """Whether operands may be multiplied as matrices: no numbers."""
    return override.are_known(operands) and not any(isinstance(v, (bool, int, float, complex, np.generic)) for v in operands)


def _gate_or_not(name: str, op: Any, operands: tuple[Any, ...], attributes: tuple[Any, ...], out: Any = None) -> Any:
    for value in operands:
        if value.__class__ is not Tensor:
            break
    else:
        return dispatch.dispatch(op, operands, attributes, out)
    if not override.are_known(operands):
        return NotImplemented
    if op is matmul.matmul.op and not _are_matrices(operands):
        return NotImplemented
    if any(hasattr(type(v), "__torch_function__") and not isinstance(v, Tensor) for v in operands) and override.install():
        return getattr(Tensor, name)(*(operands[::-1] if name in REFLECTED_NAMES else operands))
    if op in UFUNCS and any(isinstance(v, np.ndarray) for v in operands) and called_by_user(2):
        return with_arrays(UFUNCS[op], op, operands)
    return dispatch.dispatch(op, operands, attributes, out)


def with_arrays(ufunc: Any, op: Any, operands: Any) -> Any:
    """An operator on tensors and arrays in a user's program: NumPy's, with its promotion, unless there is a gradient to follow."""
    if any(isinstance(v, Tensor) and (v.requires_grad or isinstance(v._array, Lifted) or v._array.dtype.kind == "V") for v in operands):
        return dispatch.dispatch(op, operands, ())
    arrays = [v._array if isinstance(v, Tensor) else v for v in operands]
    kind = np.result_type(*arrays)
    alike = len({a.dtype for a in arrays}) == 1 if ufunc is np.matmul else kind.kind in "fc"
    if alike and dtypes.to_numpy(dtypes.promote_operands([native_array(a) for a in arrays])) == kind:
        return dispatch.dispatch(op, operands, ())
    if ufunc is np.true_divide and isinstance(operands[0], np.ndarray):
        ufunc, operands = np.multiply, (operands[0], powers.reciprocal(operands[1]))
    result = ufunc(*(v.numpy() if isinstance(v, Tensor) else v for v in operands))
    return _as_tensor(result)


def _first_call(*args: Any) -> Any:
    try:
        return _build(_op, _self)(*args)  # type: ignore[name-defined]  # noqa: F821
    except Exception as error:
        _trim(error)  # type: ignore[name-defined]  # noqa: F821
        raise


def _build(op: Any, form: Any) -> Any:
    """Give `form` the code of the op's public function, with another way for what is not the ordinary case."""
    if not op.built:
        fastpath.build(op)
    form.__globals__.update(op.function.__globals__, _dispatch=functools.partial(_gate_or_not, form.__name__))
    form.__code__, form.__defaults__, form.__kwdefaults__ = op.code
    return form


def operator_form(function: Function, name: str) -> Any:
    """The function that is Python's operator for an op; its code is taken from the op when it is first called."""
    op = function.op  # type: ignore[attr-defined]
    namespace = {"__name__": None, MARK: __name__, "__builtins__": __builtins__, "_op": op, "_build": _build, "_trim": trim}
    form = types.FunctionType(_first_call.__code__, namespace, name)
    namespace["_self"] = form
    form.__doc__, form.__module__, form.__qualname__ = op.forward.__doc__, __name__, f"Tensor.{name}"
    return form


def _swapped(function: Function, name: str) -> Any:
    op = function.op  # type: ignore[attr-defined]

    def reflected(self: Any, other: Any) -> Any:
        return _gate_or_not(name, op, (other, self), ())

    reflected.__name__, reflected.__qualname__ = name, f"Tensor.{name}"
    reflected.__doc__ = op.forward.__doc__
    return reflected


def _in_place(function: Function, name: str) -> Any:
    op = function.op  # type: ignore[attr-defined]

    def write(self: Any, other: Any) -> Any:
        if isinstance(other, np.ndarray) and called_by_user(1):
            return NotImplemented  # what is out of place is assigned, as PyTorch has it: its dtype may be another one
        try:
            return inplace.write(op, (self, other), ()) if override.is_known(other) else NotImplemented
        except Exception as error:
            trim(error)
            raise

    write.__name__, write.__qualname__ = name, f"Tensor.{name}"
    write.__doc__ = op.forward.__doc__
    return write


OPERATORS = {
    "add": arithmetic.plain_add, "radd": arithmetic.plain_add, "sub": arithmetic.plain_sub, "rsub": arithmetic.plain_rsub,
    "mul": arithmetic.mul, "rmul": arithmetic.mul, "truediv": arithmetic.true_divide, "rtruediv": arithmetic.reversed_divide,
    "div": arithmetic.true_divide, "rdiv": arithmetic.reversed_divide, "floordiv": division.floor_divide,
    "mod": division.remainder, "pow": powers.pow, "matmul": matmul.matmul, "neg": arithmetic.neg, "abs": arithmetic.abs,
    "eq": compare.eq, "ne": compare.ne, "lt": compare.lt, "le": compare.le, "gt": compare.gt, "ge": compare.ge,
    "and": compare.bitwise_and, "rand": compare.bitwise_and, "or": compare.bitwise_or, "ror": compare.bitwise_or,
    "xor": compare.bitwise_xor, "rxor": compare.bitwise_xor, "invert": compare.bitwise_not,
    "lshift": compare.bitwise_left_shift, "rshift": compare.bitwise_right_shift,
}  # fmt: skip
REFLECTED = {
    "rpow": powers.pow, "rfloordiv": division.floor_divide, "rmod": division.remainder, "rmatmul": matmul.matmul,
    "rlshift": compare.bitwise_left_shift, "rrshift": compare.bitwise_right_shift,
}  # fmt: skip
REFLECTED_NAMES = frozenset(f"__{name}__" for name in REFLECTED)
IN_PLACE = ("add", "sub", "mul", "truediv", "div", "floordiv", "mod", "pow", "and", "or", "xor", "lshift", "rshift")


def _positive(self: Tensor) -> Tensor:
    return arithmetic.positive(self)


UFUNC_NAMES = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide", "mod": "remainder",
    "pow": "power", "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor", "lshift": "left_shift",
    "rshift": "right_shift", "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
}  # fmt: skip
UFUNCS = {OPERATORS[name].op: getattr(np, ufunc) for name, ufunc in UFUNC_NAMES.items()}  # type: ignore[attr-defined]
OPS = {ufunc: op for op, ufunc in UFUNCS.items()}
PYTHON = {getattr(np, ufunc): getattr(operator, f"__{name}__") for name, ufunc in UFUNC_NAMES.items()}


def _array_ufunc(self: Tensor, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
    """A NumPy ufunc on tensors: the op that stands for it, else NumPy's."""
    if method == "__call__" and not options and override.is_heard(inputs) and called_by_user(1):
        arrays = tuple(v.__array__() if isinstance(v, Tensor) else v for v in inputs)
        return Tensor.__dict__["__array_wrap__"](self, ufunc(*arrays))
    function = Tensor._numpy_functions.get(ufunc if method == "__call__" else (ufunc, method))
    if method == "__call__" and called_by_user(1):
        return _users_ufunc(ufunc, function, inputs, options)
    if function is not None:
        return function(*inputs, **options)
    return _through_numpy(getattr(ufunc, method), inputs, options)


def _users_ufunc(ufunc: Any, function: Any, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A ufunc that the user's program called, or that an operator with a NumPy number or array on its left calls."""
    # NumPy compares its longdouble and complex numbers as arrays.
    inputs = tuple(v[()] if isinstance(v, np.ndarray) and not v.ndim and v.dtype.char in "gFDG" else v for v in inputs)
    arrays = any(isinstance(v, np.ndarray) for v in inputs)
    if ufunc in PYTHON and not options:
        if arrays:
            return with_arrays(ufunc, OPS[ufunc], inputs)
        if any(isinstance(v, (np.number, np.bool_)) for v in inputs):
            return PYTHON[ufunc](*(dtypes.python_number(v) if isinstance(v, np.generic) else v for v in inputs))
    given = [v for v in (*inputs, *options.get("out", ())) if isinstance(v, Tensor)]
    followed = any(t.requires_grad for t in given)
    own = isinstance(options.get("out", (given[0],))[0], Tensor) and set(options) <= {"out"}
    if function is not None and own and (followed or (not arrays and all(t._array.dtype.kind in "fcV" for t in given))):
        return function(*inputs, **options)
    result = _through_numpy(ufunc, inputs, options)
    if "out" in options:
        return result
    return tuple(map(_as_tensor, result)) if isinstance(result, tuple) else _as_tensor(result)


def _as_tensor(result: Any) -> Tensor:
    return wrap(native_array(np.asarray(result)))


def _array_function(self: Tensor, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """A NumPy function on tensors: the op that stands for it, else NumPy's.

    For the user's program tensors without gradients are NumPy's business, as they are PyTorch's: an ndarray where NumPy makes one,
    a Tensor where it leaves the work to a method.
    """
    if called_by_user(1) and function is not np.size and not _followed((args, tuple(kwargs.values()))):
        try:
            return function._implementation(*args, **kwargs)
        except Exception:  # NumPy passes arguments that a method does not take: what follows knows better
            pass
    ours = Tensor._numpy_functions.get(function)
    return ours(*args, **kwargs) if ours is not None else _through_numpy(function, args, kwargs)


def _followed(value: Any) -> bool:
    """Whether a tensor among these values needs a gradient."""
    if isinstance(value, (tuple, list)):
        return any(map(_followed, value))
    return isinstance(value, Tensor) and value.requires_grad


def _array_wrap(self: Tensor, array: Any, context: Any = None, return_scalar: bool = False) -> Tensor:
    """A tensor on the array that a NumPy function made of this one."""
    return _as_tensor(array)


def _through_numpy(function: Any, args: Any, kwargs: Any) -> Any:
    """A NumPy function that no op stands for, on the tensors' arrays; they must not need gradients."""

    def arrays(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.numpy()
        if isinstance(value, (tuple, list)):
            return type(value)(map(arrays, value))
        return value

    return function(*arrays(tuple(args)), **{name: arrays(value) for name, value in kwargs.items()})


for _name, _function in (
    ("__array_ufunc__", _array_ufunc), ("__array_function__", _array_function), ("__array_wrap__", _array_wrap), ("__pos__", _positive),
):  # fmt: skip
    setattr(Tensor, _name, signatures.known_as(_function, _name, "Tensor"))
for _name, _function in OPERATORS.items():
    setattr(Tensor, f"__{_name}__", operator_form(_function, f"__{_name}__"))
for _name, _function in REFLECTED.items():
    setattr(Tensor, f"__{_name}__", _swapped(_function, f"__{_name}__"))
for _name in IN_PLACE:
    setattr(Tensor, f"__i{_name}__", _in_place(OPERATORS[_name], f"__i{_name}__"))
for _name in (*OPERATORS, *REFLECTED, *(f"i{_each}" for _each in IN_PLACE)):
    override.OPERATORS[f"__{_name}__"] = _are_matrices if _name == "matmul" else override.are_known
