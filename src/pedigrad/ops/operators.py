"""Python's operators on Tensors.

They are the ops themselves, with one difference: an operand that no tensor can be made of gives NotImplemented, so that Python
asks the other operand or says that the operator is not supported, and `t == "text"` is False.
"""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from .. import gate, inplace, shortway
from ..op import Function
from ..tensor import Tensor
from . import arithmetic, compare, division, matmul, powers

_KNOWN = (Tensor, bool, int, float, complex, np.generic, np.ndarray)


def _known(value: Any) -> bool:
    return isinstance(value, _KNOWN) or hasattr(value, "__array_ufunc__")


def _gate_or_not(op: Any, operands: tuple[Any, ...], attributes: tuple[Any, ...], out: Any = None) -> Any:
    return gate.gate(op, operands, attributes, out) if all(map(_known, operands)) else NotImplemented


def _first_call(*args: Any) -> Any:
    return _build(_op, _self)(*args)  # type: ignore[name-defined]  # noqa: F821


def _build(op: Any, form: Any) -> Any:
    """Give `form` the code of the op's public function, with another gate for what is not the ordinary case."""
    if not op.built:
        shortway.build(op)
    form.__globals__.update(op.function.__globals__, _gate=_gate_or_not)
    form.__code__, form.__defaults__ = op.function.__code__, op.function.__defaults__
    form.__kwdefaults__ = op.function.__kwdefaults__
    return form


def operator_form(function: Function, name: str) -> Any:
    """The function that is Python's operator for an op; its code is taken from the op when it is first called."""
    op = function.op  # type: ignore[attr-defined]
    namespace = {"__name__": __name__, "__builtins__": __builtins__, "_op": op, "_build": _build}
    form = types.FunctionType(_first_call.__code__, namespace, name)
    namespace["_self"] = form
    form.__doc__, form.__module__, form.__qualname__ = op.forward.__doc__, __name__, f"Tensor.{name}"
    return form


def _swapped(function: Function, name: str) -> Any:
    op = function.op  # type: ignore[attr-defined]

    def reflected(self: Any, other: Any) -> Any:
        return _gate_or_not(op, (other, self), ())

    reflected.__name__, reflected.__qualname__ = name, f"Tensor.{name}"
    reflected.__doc__ = op.forward.__doc__
    return reflected


def _in_place(function: Function, name: str) -> Any:
    op = function.op  # type: ignore[attr-defined]

    def write(self: Any, other: Any) -> Any:
        return inplace.write(op, (self, other), ()) if _known(other) else NotImplemented

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
IN_PLACE = ("add", "sub", "mul", "truediv", "div", "floordiv", "mod", "pow", "and", "or", "xor", "lshift", "rshift")

for _name, _function in OPERATORS.items():
    setattr(Tensor, f"__{_name}__", operator_form(_function, f"__{_name}__"))
for _name, _function in REFLECTED.items():
    setattr(Tensor, f"__{_name}__", _swapped(_function, f"__{_name}__"))
for _name in IN_PLACE:
    setattr(Tensor, f"__i{_name}__", _in_place(OPERATORS[_name], f"__i{_name}__"))
Tensor.__pos__ = arithmetic.positive  # type: ignore[attr-defined, operator]
