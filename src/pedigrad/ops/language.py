"""A few words that forwards and gradient rules use beside NumPy's own: the same on arrays, traced arrays and Tensors.

They exist where NumPy's function costs several microseconds of Python on a small array, or where an idiom recurs in rules.
"""

from __future__ import annotations

import numpy as np

from .. import native
from ..shapes import kept_shape


def kind_of(x):
    """The NumPy dtype of an array, a traced array or a Tensor."""
    return x.dtype if isinstance(x.dtype, np.dtype) else x._array.dtype


def conj(x):
    """The conjugate of a complex operand; a real one as it is."""
    try:
        return x if x.dtype.kind != "c" else np.conj(x)
    except AttributeError:  # a Python number
        return x.conjugate()


def broadcast_to(x, shape):
    """`x` expanded to `shape` without copying."""
    if x.__class__ is np.ndarray and x.flags.c_contiguous:
        own = x.shape
        lead = len(shape) - len(own)
        if lead >= 0 and x.dtype.kind != "V":
            strides = [0] * lead
            for n, wanted, stride in zip(own, shape[lead:], x.strides, strict=True):
                if n != wanted and n != 1:
                    break
                strides.append(0 if n != wanted else stride)
            else:
                return np.ndarray(shape, x.dtype, x, 0, strides)
    out = np.broadcast_to(x, shape)
    shown, of = (getattr(a, "array", a) for a in (out, x))  # of a traced array: the one that it shows
    if shown.__class__ is np.ndarray and of.__class__ is np.ndarray and of.flags.writeable:
        shown.flags.writeable = True
    return out


def is_large_product(x, y):
    """Whether native code multiplies two operands: arrays of matrices of one dtype, large enough."""
    if x.__class__ is not np.ndarray or y.__class__ is not np.ndarray or x.ndim < 2 or y.ndim < 2:
        return False
    work = max(x.size * y.shape[-1], y.size * x.shape[-2])
    return work >= native.LARGE_PRODUCT and x.dtype == y.dtype and x.shape[-1] == y.shape[-2] and native.takes_product(x, work)


def matmul(x, y, out=None):
    """NumPy's matmul for operands of one dtype, in a new array or in `out`."""
    if is_large_product(x, y):
        return native.product(x, y, out)
    return np.matmul(x, y) if out is None else np.matmul(x, y, out=out)


def zeros(like, shape):
    """Zeros in the dtype of an array; where that is a traced one, so are they: what is written into them is followed."""
    return np.zeros(shape, like.dtype) if like.__class__ is np.ndarray else np.zeros_like(like, shape=shape)


def total(x, dim=None, keepdim=False):
    """The sum along `dim`."""
    if x.__class__ is np.ndarray:
        return np.add.reduce(x, axis=dim, keepdims=keepdim)
    return np.sum(x, axis=dim, keepdims=keepdim)


def restore_dims(g, shape, dim, keepdim):
    """The gradient of a reduced result with the reduced dimensions of `shape` back, of size one."""
    return g if keepdim or g.ndim == len(shape) else np.reshape(g, kept_shape(shape, dim))


def transposed(x):
    """`x` with its last two dimensions exchanged."""
    return x.T if x.ndim == 2 else np.swapaxes(x, -1, -2)
