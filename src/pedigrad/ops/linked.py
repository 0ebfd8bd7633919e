"""Gradients that are zero in places by selection, and derivatives that are zero everywhere and yet exist."""

from __future__ import annotations

import numpy as np

from ..core.declare import composite
from ..core.tensor import Tensor

LARGE = 2048  # elements from which on `kept` by integer multiplication beats np.where
BITS = {"f": np.int32, "d": np.int64}  # by the dtype's character: its name costs microseconds


def kept(g, keep):
    """`g` where `keep` is true, zero elsewhere, whatever `g` holds there."""
    if g.__class__ is np.ndarray and keep.__class__ is np.ndarray and g.size >= LARGE:
        bits = BITS.get(g.dtype.char)
        if bits is not None:  # np.where is slow where the mask is irregular; a word times 0 or 1 is not
            return np.multiply(g.view(bits), keep).view(g.dtype)
    return np.where(keep, g, 0)


@composite(places="", samples=[((2, 3), (2, 3)), ((), (3,))])
def link(g, x, /):
    """`g` as it is, as a function of `x` too: one that does not change with it."""
    return g


@link.grad("g")
def _(g):
    return g


@link.grad("x")
def _(g, x_shape, x_dtype):
    return np.zeros(x_shape, x_dtype)


def linked(g, x):
    """The gradient `g`; of Tensors one whose derivative by `x` is zero, where it would be said not to depend on `x`."""
    return link(g, x) if isinstance(g, Tensor) or isinstance(x, Tensor) else g
