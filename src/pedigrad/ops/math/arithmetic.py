"""Sums, differences, products, quotients and signs of broadcast operands."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.data import element
from ...core.declare import elementwise, function, publish, taking_words
from ...core.inplace import inplace_form, write
from ...core.origin import warn_once
from ...core.tensor import Tensor
from ...core.traces import trim
from ..linked import kept
from ..xp import conj

# The plain forms are what the operators call; the public functions with `alpha` or `rounding_mode` stand above them.


@elementwise(name="add", places="", operators="add radd")
def plain_add(x, y, /):
    """Sum of two tensors."""
    return np.add(x, y)


@plain_add.grad("x")
def _(g):
    return g


@plain_add.grad("y")
def _(g):
    return g


@elementwise(refuses="b", name="sub", places="", operators="sub")
def plain_sub(x, y, /):
    """Difference of two tensors."""
    return np.subtract(x, y)


@plain_sub.grad("x")
def _(g):
    return g


@plain_sub.grad("y")
def _(g):
    return -g


@elementwise(refuses="b", name="rsub", places="", layout="swapped", node="RsubBackward1", operators="rsub")
def plain_rsub(x, y, /):
    """The second tensor less the first."""
    return np.subtract(y, x)


@plain_rsub.grad("x")
def _(g):
    return -g


@plain_rsub.grad("y")
def _(g):
    return g


def scaled(y, alpha, x):
    """`alpha * y` in the dtype of `x`; RuntimeError for an alpha of a higher category."""
    kind = x.dtype.kind
    if isinstance(alpha, bool) and kind != "b":
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, float) and kind in "biu":
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if isinstance(alpha, complex) and kind != "c":
        raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")
    return y if alpha == 1 else y * (element(alpha, y.dtype) if y.dtype.kind == "u" else alpha)


@elementwise(places="", node="AddBackward0")
def add_scaled(x, y, /, alpha=2):
    """`x + alpha * y`."""
    return np.add(x, scaled(y, alpha, x))


@add_scaled.grad("x")
def _(g):
    return g


@add_scaled.grad("y")
def _(g, alpha):
    return g * np.conj(alpha).item()


@elementwise(refuses="b", places="", node="SubBackward0")
def sub_scaled(x, y, /, alpha=2):
    """`x - alpha * y`."""
    return np.subtract(x, scaled(y, alpha, x))


@sub_scaled.grad("x")
def _(g):
    return g


@sub_scaled.grad("y")
def _(g, alpha):
    return g * np.conj(-alpha).item()


def _is_one(alpha: Any) -> bool:
    return alpha.__class__ is int and alpha == 1


def _number(alpha: Any) -> Any:
    return alpha.item() if hasattr(alpha, "item") else alpha


def _old_order(second: Any, third: Any) -> tuple[Any, Any]:
    """`other` and `alpha` of a call that gives both by place: before a tensor stands its factor, after a number."""
    if not isinstance(third, Tensor):
        return second, third
    warn_once("A call with the factor before the tensor is deprecated: give it by name, as alpha, after the tensor")
    return third, second


@function(short=plain_add, form="(input, other, *, alpha=1, out=None)")
def add(input: Any, other: Any, *more: Any, alpha: Any = 1, out: Any = None) -> Tensor:
    """The sum `input + alpha * other`, element by element; shapes broadcast, dtypes are promoted.

    Args:
        alpha: a number that `other` is multiplied by.

    Shape: that which `input` and `other` broadcast to; dtypes are promoted to one.

    >>> torch.add(torch.tensor([1, 2]), torch.tensor([10, 20]), alpha=2)
    tensor([21, 42])
    """
    if more:
        other, alpha = _old_order(other, *more)
    return plain_add(input, other, out=out) if _is_one(alpha) else add_scaled(input, other, _number(alpha), out=out)


@function("Tensor", form="(self, other, *, alpha=1)")
def add_(self: Tensor, other: Any, *more: Any, alpha: Any = 1) -> Tensor:
    """Add `alpha * other` in place."""
    if more:
        other, alpha = _old_order(other, *more)
    op, attributes = (plain_add.op, ()) if _is_one(alpha) else (add_scaled.op, (_number(alpha),))
    try:
        return write(op, (self, other), attributes)
    except Exception as error:
        trim(error)
        raise


@function(aliases=("subtract",), short=plain_sub, form="(input, other, *, alpha=1, out=None)")
def sub(input: Any, other: Any, *more: Any, alpha: Any = 1, out: Any = None) -> Tensor:
    """The difference `input - alpha * other`."""
    if more:
        other, alpha = _old_order(other, *more)
    return plain_sub(input, other, out=out) if _is_one(alpha) else sub_scaled(input, other, _number(alpha), out=out)


@function("Tensor", aliases=("subtract_",), form="(self, other, *, alpha=1)")
def sub_(self: Tensor, other: Any, *more: Any, alpha: Any = 1) -> Tensor:
    """Subtract `alpha * other` in place."""
    if more:
        other, alpha = _old_order(other, *more)
    op, attributes = (plain_sub.op, ()) if _is_one(alpha) else (sub_scaled.op, (_number(alpha),))
    try:
        return write(op, (self, other), attributes)
    except Exception as error:
        trim(error)
        raise


@function("torch")
def rsub(input: Any, other: Any, alpha: Any = 1) -> Tensor:
    """The difference `other - alpha * input`."""
    return plain_rsub(input, other) if _is_one(alpha) else sub_scaled(other, input, _number(alpha))


@elementwise(keeps_numbers=True, aliases=("multiply",), operators="mul rmul")
def mul(x, y, /):
    """Product of two tensors, element by element; shapes broadcast, dtypes are promoted.

    >>> torch.tensor([[1], [2]]) * torch.tensor([10, 20])
    tensor([[10, 20],
            [20, 40]])
    """
    return np.multiply(x, y)


@mul.grad("x")
def _(g, y):
    return g * conj(y)


@mul.grad("y")
def _(g, x):
    return g * conj(x)


@elementwise(keeps_numbers=True, name="div", places="", result="float", operators="truediv", domain=(0.5, 2))
def true_divide(x, y, /):
    """Quotient of two tensors; integers give floats."""
    return np.divide(x, y)


@true_divide.grad("x")
def _(g, y):
    return g / conj(y)


@true_divide.grad("y")
def _(g, x, y):
    return -g * conj(x / y / y)


publish(taking_words(true_divide, true_divide.op.words), "true_divide", ["torch"])
publish(true_divide, "true_divide", ["Tensor"])
publish(inplace_form(true_divide.op), "true_divide_", ["Tensor"])


@elementwise(name="rdiv", called="div", places="", node="MulBackward0", result="float", operators="rtruediv rdiv", domain=(0.5, 2))
def reversed_divide(x, y, /):
    """The second tensor divided by the first."""
    return np.divide(y, x)


@reversed_divide.grad("x")
def _(g, x, y):
    return -g * conj(y / x / x)


@reversed_divide.grad("y")
def _(g, x):
    return g / conj(x)


@elementwise(aliases=("negative",), operators="neg")
def neg(x, /):
    """The elements with the opposite sign."""
    return np.negative(x)


@neg.grad("x")
def _(g):
    return -g


@function()
def positive(input: Tensor) -> Tensor:
    """The tensor itself; RuntimeError for booleans."""
    if input._array.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@elementwise(result=None, aliases=("absolute",), operators="abs")
def abs(x, /):
    """The absolute value of each element; the modulus, a float, of a complex one.

    >>> torch.tensor([-1.5, 2.0]).abs(), torch.tensor([3 + 4j]).abs()
    (tensor([1.5000, 2.0000]), tensor([5.]))
    """
    return np.absolute(x)


@abs.grad("x")
def _(g, x):
    return g * sign_of(x)


def sign_of(x):
    """The sign of each element, as `sgn` has it: that of nan is 0."""
    s = np.sign(x)
    return s if x.dtype.kind == "c" or isinstance(x, Tensor) else kept(s, x == x)


def _sign(x):
    """NumPy's sign, but 0 for nan."""
    return np.sign(x) if x.dtype.kind not in "fV" else np.where(np.isnan(x), np.zeros((), x.dtype), np.sign(x))


@elementwise(wide=False)
def sign(x, /):
    """-1, 0 or 1 by the sign of each element; 0 for nan.

    >>> torch.sign(torch.tensor([-2.5, 0.0, 3.0]))
    tensor([-1.,  0.,  1.])
    """
    kind = x.dtype.kind
    if kind == "c":
        raise NotImplementedError("Unlike NumPy, torch.sign doesn't support complex numbers. Use torch.sgn instead.")
    if kind == "b":
        return np.copy(x)
    return _sign(x)


@sign.grad("x")
def _(g):
    return np.zeros_like(g)


@elementwise(wide=False)
def sgn(x, /):
    """The sign of each element: x / |x| of a complex one, 0 of zero."""
    return np.copy(x) if x.dtype.kind == "b" else _sign(x)


@sgn.grad("x")
def _(g, x, out):
    if x.dtype.kind != "c":
        return np.zeros_like(g)
    along = np.real(g * conj(out))
    return np.where(x == 0, 0.0, (g - along * out) / np.where(x == 0, 1.0, np.abs(x)))


@elementwise(result="float", domain=(0.5, 2))
def copysign(x, y, /):
    """The magnitude of `input` with the sign of `other`."""
    return np.copysign(x, y)


@copysign.grad("x")
def _(g, x, out):
    return g * np.where(x == 0, 0.0, out / x)


@copysign.grad("y")
def _(g):
    return np.zeros_like(g)


@elementwise(domain=(0.5, 2))
def hypot(x, y, /):
    """The hypotenuse of the right triangle with these legs."""
    return np.hypot(x, y)


@hypot.grad("x")
def _(g, x, out):
    return g * x / out


@hypot.grad("y")
def _(g, y, out):
    return g * y / out
