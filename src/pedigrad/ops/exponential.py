"""Exponentials, logarithms, powers and roots."""

from __future__ import annotations

import numpy as np

from ..op import elementwise
from .language import conj


@elementwise(result="float")
def exp(x, /):
    """e to the power of each element."""
    return np.exp(x)


@exp.grad("x")
def _(g, out):
    return g * conj(out)


@elementwise(result="float", domain=(0.2, 4))
def log(x, /):
    """Natural logarithm of each element."""
    return np.log(x)


@log.grad("x")
def _(g, x):
    return g / conj(x)


@elementwise(result="float")
def tanh(x, /):
    """Hyperbolic tangent of each element."""
    return np.tanh(x)


@tanh.grad("x")
def _(g, out):
    return g * (1 - conj(out * out))
