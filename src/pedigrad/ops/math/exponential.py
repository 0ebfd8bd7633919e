"""Exponentials and logarithms, and the functions made of them."""

from __future__ import annotations

import math

import numpy as np

from ...core.declare import elementwise, publish
from ...core.large import FEW, SEVERAL
from ...core.quiet import astype
from ..xp import conj


@elementwise(native_from=FEW, result="float")
def exp(x, /):
    """e to the power of each element.

    >>> torch.exp(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """
    return np.exp(x)


@exp.grad("x")
def _(g, out):
    return g * conj(out)


@elementwise(native_from=FEW, result="float", places="torch Tensor special")
def exp2(x, /):
    """2 to the power of each element."""
    return np.exp2(x)


@exp2.grad("x")
def _(g, out):
    return g * conj(out) * math.log(2)


@elementwise(native_from=FEW, result="float", places="torch Tensor special")
def expm1(x, /):
    """`exp(x) - 1`, accurate for small elements."""
    return np.expm1(x)


@expm1.grad("x")
def _(g, out):
    return g * (conj(out) + 1)


@elementwise(result="float", domain=(0.2, 4))
def log(x, /):
    """Natural logarithm of each element; -inf for zero, nan for negative numbers.

    >>> torch.log(torch.tensor([1.0, 0.0]))
    tensor([0., -inf])
    """
    return np.log(x)


@log.grad("x")
def _(g, x):
    return g / conj(x)


@elementwise(result="float", domain=(0.2, 4))
def log2(x, /):
    """Logarithm to base 2 of each element."""
    return np.log2(x)


@log2.grad("x")
def _(g, x):
    return g / (conj(x) * math.log(2))


@elementwise(result="float", domain=(0.2, 4))
def log10(x, /):
    """Logarithm to base 10 of each element."""
    return np.log10(x)


@log10.grad("x")
def _(g, x):
    return g / (conj(x) * math.log(10))


@elementwise(result="float", places="torch Tensor special", domain=(-0.5, 2))
def log1p(x, /):
    """`log(1 + x)`, accurate for small elements."""
    return np.log1p(x)


@log1p.grad("x")
def _(g, x):
    return g / (conj(x) + 1)


@elementwise(native_from=SEVERAL)
def logaddexp(x, y, /):
    """`log(exp(x) + exp(y))`, without overflow."""
    if x.dtype.kind == "c":
        return _complex_logaddexp(x, y)
    return np.logaddexp(x, y)


def _complex_logaddexp(x, y):
    larger = np.where(np.real(x) >= np.real(y), x, y)
    smaller = np.where(np.real(x) >= np.real(y), y, x)
    same_infinity = np.isinf(np.real(x)) & (np.real(x) == np.real(y)) & (np.real(x) < 0)
    return np.where(same_infinity, x, larger + np.log1p(np.exp(smaller - larger)))


@logaddexp.grad("x")
def _(g, x, y):
    return g / conj(1 + np.exp(y - x))


@logaddexp.grad("y")
def _(g, x, y):
    return g / conj(1 + np.exp(x - y))


@elementwise
def logaddexp2(x, y, /):
    """`log2(2**x + 2**y)`, without overflow."""
    return np.logaddexp2(x, y)


@logaddexp2.grad("x")
def _(g, x, y):
    return g / (1 + np.exp2(y - x))


@logaddexp2.grad("y")
def _(g, x, y):
    return g / (1 + np.exp2(x - y))


@elementwise(result="float")
def tanh(x, /):
    """Hyperbolic tangent of each element.

    >>> torch.tanh(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return np.tanh(x)


@tanh.grad("x")
def _(g, out):
    return g * (1 - conj(np.square(out)))


@elementwise(native_from=SEVERAL, result="float")
def sigmoid(x, /):
    """`1 / (1 + exp(-x))` of each element.

    >>> torch.tensor([0.0, 2.0]).sigmoid()
    tensor([0.5000, 0.8808])
    """
    if x.dtype.itemsize == 2:  # float16 and bfloat16 are rounded once, at the end
        x = astype(x, np.float32)
    return 1 / (1 + np.exp(-x))


@sigmoid.grad("x")
def _(g, out):
    out = conj(out)
    return g * (out * (1 - out))


publish(sigmoid, "expit", ["special"])
publish(sigmoid, "sigmoid", ["F"])
publish(tanh, "tanh", ["F"])
