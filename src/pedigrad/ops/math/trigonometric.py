"""Trigonometric and hyperbolic functions and their inverses. Angles are in radians."""

from __future__ import annotations

import math

import numpy as np

from ...core.declare import elementwise
from ..xp import conj


@elementwise(result="float")
def sin(x, /):
    """Sine of each element.

    >>> torch.sin(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8415])
    """
    return np.sin(x)


@sin.grad("x")
def _(g, x):
    return g * conj(np.cos(x))


@elementwise(result="float")
def cos(x, /):
    """Cosine of each element.

    >>> torch.cos(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 0.5403])
    """
    return np.cos(x)


@cos.grad("x")
def _(g, x):
    return -g * conj(np.sin(x))


@elementwise(result="float", domain=(-1, 1))
def tan(x, /):
    """Tangent of each element.

    >>> torch.tan(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 1.5574])
    """
    return np.tan(x)


@tan.grad("x")
def _(g, out):
    return g * (1 + conj(out * out))


@elementwise(result="float", aliases=("arcsin",), domain=(-0.9, 0.9))
def asin(x, /):
    """The angle whose sine each element is."""
    return np.arcsin(x)


@asin.grad("x")
def _(g, x):
    return g / conj(np.sqrt(1 - x * x))


@elementwise(result="float", aliases=("arccos",), domain=(-0.9, 0.9))
def acos(x, /):
    """The angle whose cosine each element is."""
    return np.arccos(x)


@acos.grad("x")
def _(g, x):
    return -g / conj(np.sqrt(1 - x * x))


@elementwise(result="float", aliases=("arctan",))
def atan(x, /):
    """The angle whose tangent each element is."""
    return np.arctan(x)


@atan.grad("x")
def _(g, x):
    return g / conj(x * x + 1)


@elementwise(result="float", aliases=("arctan2",), domain=(0.5, 2))
def atan2(x, y, /):
    """The angle, from -pi to pi, of the point whose ordinate is `input` and whose abscissa is `other`."""
    return np.arctan2(x, y)


@atan2.grad("x")
def _(g, x, y):
    return _over_square(g * y, x, y)


@atan2.grad("y")
def _(g, x, y):
    return _over_square(-g * x, x, y)


def _over_square(g, x, y):
    """`g / (x * x + y * y)`, and 0 at the origin."""
    square = x * x + y * y
    return g * np.where(square == 0, 0.0, 1 / square)


@elementwise(result="float")
def sinh(x, /):
    """Hyperbolic sine of each element."""
    return np.sinh(x)


@sinh.grad("x")
def _(g, x):
    return g * conj(np.cosh(x))


@elementwise(result="float")
def cosh(x, /):
    """Hyperbolic cosine of each element."""
    return np.cosh(x)


@cosh.grad("x")
def _(g, x):
    return g * conj(np.sinh(x))


@elementwise(result="float", aliases=("arcsinh",))
def asinh(x, /):
    """Inverse hyperbolic sine of each element."""
    return np.arcsinh(x)


@asinh.grad("x")
def _(g, x):
    return g / conj(np.sqrt(x * x + 1))


@elementwise(result="float", aliases=("arccosh",), domain=(1.1, 4))
def acosh(x, /):
    """Inverse hyperbolic cosine of each element."""
    return np.arccosh(x)


@acosh.grad("x")
def _(g, x):
    return g / (np.sqrt(x * x - 1) if x.dtype.kind != "c" else conj(np.sqrt(x - 1) * np.sqrt(x + 1)))


@elementwise(result="float", aliases=("arctanh",), domain=(-0.9, 0.9))
def atanh(x, /):
    """Inverse hyperbolic tangent of each element."""
    return np.arctanh(x)


@atanh.grad("x")
def _(g, x):
    return g / conj(1 - x * x)


@elementwise(result="float", node="Deg2RadBackward0", real=True)
def deg2rad(x, /):
    """Degrees as radians."""
    return x * (math.pi / 180)


@deg2rad.grad("x")
def _(g):
    return g * (math.pi / 180)


@elementwise(result="float", node="Rad2DegBackward0", real=True)
def rad2deg(x, /):
    """Radians as degrees."""
    return x * (180 / math.pi)


@rad2deg.grad("x")
def _(g):
    return g * (180 / math.pi)
