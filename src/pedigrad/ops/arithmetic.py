"""Addition, multiplication and their relatives, on broadcast operands."""

from __future__ import annotations

import numpy as np

from ..gate import write
from ..op import composite, elementwise, function, kernel
from ..origin import located
from ..tensor import Tensor
from .language import conj


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


@elementwise(name="sub", places="", operators="sub")
def plain_sub(x, y, /):
    """Difference of two tensors."""
    return np.subtract(x, y)


@plain_sub.grad("x")
def _(g):
    return g


@plain_sub.grad("y")
def _(g):
    return -g


@elementwise(aliases=("multiply",), operators="mul rmul")
def mul(x, y, /):
    """Product of two tensors, element by element."""
    return np.multiply(x, y)


@mul.grad("x")
def _(g, y):
    return g * conj(y)


@mul.grad("y")
def _(g, x):
    return g * conj(x)


@elementwise(name="div", places="", result="float", operators="truediv", domain=(0.5, 2))
def true_divide(x, y, /):
    """Quotient of two tensors; integers give floats."""
    return np.divide(x, y)


@true_divide.grad("x")
def _(g, y):
    return g / conj(y)


@true_divide.grad("y")
def _(g, x, y):
    return -g * conj(x / y / y)
