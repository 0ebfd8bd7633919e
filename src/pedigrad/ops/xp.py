"""A few words that forwards and gradient rules use beside NumPy's own: the same on arrays, traced arrays and Tensors.

They exist where NumPy's function costs several microseconds of Python on a small array, or where an idiom recurs in rules.
"""

from __future__ import annotations

import numpy as np

from ..core import modes
from ..core.large import least
from ..core.lifted import Lifted, levels_of
from ..core.quiet import astype
from ..core.shapes import kept_shape
from ..core.tensor import wrap
from ..eager import native

TOGETHER = 32  # rows that are added up in float32
FEW = 512  # elements of float32 whose sum, one by one, loses nothing that shows
# Multiplications of one of many products below which NumPy does them, and of all together where none is large.
SMALL, SEVERAL = map(least, (1 << 14, 1 << 21))


def kind_of(x):
    """The NumPy dtype of an array, a traced array or a Tensor."""
    return x.dtype if isinstance(x.dtype, np.dtype) else x._array.dtype


def are_differentiated(values):
    """Whether derivatives of what is made of arrays and Tensors are wanted: then rules do it step by step."""
    for value in values:
        array = getattr(value, "_array", value)
        if (array is not value and value.requires_grad and modes.settings.grad) or any(level.follows_hidden for level in levels_of(array)):
            return True
    return False


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


def are_small(x, y):
    """Whether the matrices of a batch are so small that NumPy multiplies them one by one."""
    return x.shape[-2] * x.shape[-1] * y.shape[-1] < SMALL


def is_large_product(x, y):
    """Whether native code multiplies two operands: arrays of matrices of one dtype, large enough."""
    if x.__class__ is not np.ndarray or y.__class__ is not np.ndarray or x.ndim < 2 or y.ndim < 2:
        return False
    work = max(x.size * y.shape[-1], y.size * x.shape[-2])
    if x.ndim > 2 or y.ndim > 2:
        each = x.shape[-2] * x.shape[-1] * y.shape[-1]
        if each < SMALL or (each < native.LARGE_PRODUCT and work < SEVERAL):
            return False  # NumPy's BLAS takes one after the other, in one thread
    return work >= native.LARGE_PRODUCT and x.dtype == y.dtype and x.shape[-1] == y.shape[-2] and native.takes_product(x, work)


def matmul(x, y, out=None):
    """NumPy's matmul for operands of one dtype, in a new array or in `out`."""
    if is_large_product(x, y):
        return native.product(x, y, out)
    if out is not None:
        return np.matmul(x, y, out=out)
    return small_products(x, y) if y.ndim == 3 and y.__class__ is np.ndarray and len(y) > 1 else np.matmul(x, y)


def small_products(x, y):
    """The products with several matrices, for which BLAS is not called once a matrix if these are small."""
    if x.ndim not in (2, 3) or x.dtype.char not in "fd" or x.dtype != y.dtype or x.shape[-1] != y.shape[1] or not are_small(x, y):
        return np.matmul(x, y)  # or its complaint
    if y.shape[1] == 1:
        out = np.multiply(x, y)
        return np.add(out, 0, out=out)  # sums begin at 0, whatever the sign of the product
    columns = y.swapaxes(1, 2)
    if x.ndim == 2 and x.size and columns.flags.c_contiguous:  # one product with the columns of all of them
        return np.matmul(columns.reshape(-1, x.shape[1]), x.T).reshape(*columns.shape[:2], len(x)).swapaxes(1, 2)
    return np.matmul(x, y)


def real(*arrays):
    """The arrays that stand behind those that are recorded."""
    return [x.array if hasattr(x, "_trace") and x._trace is modes.settings.recorder else x for x in arrays]


def whole(function):
    """`function` of arrays, which is one call where some of them are recorded."""

    def called(*args):
        traced = next((x for x in args if hasattr(x, "_trace")), None)
        return function(*args) if traced is None else traced._trace.call(function, args, {})

    return called


def everywhere(condition):
    """Whether all booleans of an array or a Tensor are true: for a branch that is no more than a shorter way.

    Of a sample of a batch those of all samples count, so that one way is right for all.
    """
    array = condition._array if hasattr(condition, "_array") else condition
    if not isinstance(array, Lifted):
        return np.logical_and.reduce(condition, axis=None)  # a guard where this is traced
    return bool(wrap(array.whole()).all())


def zeros(like, shape):
    """Zeros in the dtype of an array; where that is a traced one, so are they: what is written into them is followed."""
    return native.zeros(shape, like.dtype) if like.__class__ is np.ndarray else np.zeros_like(like, shape=shape)


def total(x, dim=None, keepdim=False):
    """The sum along `dim`, with the digits that adding up many elements one by one would lose: float32 is added up in float64.

    NumPy adds neighbours in memory in pairs, which is as good; but rows, one after the other.
    """
    if x.__class__ is np.ndarray:
        if (
            (x.shape[dim] if dim.__class__ is int and x.ndim else x.size) < FEW
            or x.dtype.char != "f"
            or ((dim is None or dim == -1) and x.flags.c_contiguous)
        ):
            return np.add.reduce(x, axis=dim, keepdims=keepdim)
        if dim == 0 and x.ndim == 2 and x.size < native.LARGE and x.flags.c_contiguous:
            return column_total(x, keepdim)
        return double_total(x, dim, keepdim).astype(np.float32)
    if hasattr(x, "_trace") and x.dtype == np.float32 and dim is not None:  # kernels add up everything in blocks, and these in float64
        many = (x.shape[dim] if dim.__class__ is int and x.ndim else x.size) >= FEW
        if many or x._trace is not modes.settings.recorder:  # not recorded but traced for a kernel, the array stands for any size
            return cast(double_total(x, dim, keepdim), np.float32)
    return np.sum(x, axis=dim, keepdims=keepdim)


def column_total(x, keepdim=False):
    """The sum of rows that lie one after the other: of a few in their dtype, as fast as memory goes, of those sums in float64."""
    blocks = len(x) // TOGETHER
    whole = blocks * TOGETHER
    parts = np.add.reduce(x[:whole].reshape(blocks, TOGETHER, x.shape[1]), axis=1)
    out = np.add.reduce(parts, axis=0, dtype=np.float64, keepdims=keepdim)
    if whole < len(x):
        out += np.add.reduce(x[whole:], axis=0, keepdims=keepdim)
    return out.astype(np.float32)


def cast(x, dtype):
    """`x`, an array, a number of NumPy's, a traced array or a Tensor, in NumPy's `dtype`."""
    if isinstance(x, (np.ndarray, np.generic)):
        return x.astype(dtype)  # np.astype would warn of overflow, in NumPy's name
    return astype(x, dtype)


def in_double(x):
    """`x` in float64, or complex128: for what is squared, multiplied or added up over and over."""
    wide = np.dtype(np.complex128 if kind_of(x).kind == "c" else np.float64)
    return x if kind_of(x) == wide else astype(x, wide)


def double_total(x, dim=None, keepdim=False):
    """The sum along `dim`, added up in float64 or complex128 and left so."""
    if x.__class__ is np.ndarray:
        out = native.computed(double_total, (x,), dim, keepdim)
        if out is not None:
            return out
        return np.add.reduce(x, axis=dim, keepdims=keepdim, dtype=np.complex128 if x.dtype.kind == "c" else np.float64)
    return np.sum(in_double(x), axis=dim, keepdims=keepdim)


def less(x, mean):
    """`x - mean` in the dtype of `x`, where `mean` is of float64."""
    if x.__class__ is np.ndarray:
        return np.subtract(x, mean, out=np.empty_like(x), casting="same_kind")
    if kind_of(mean) == kind_of(x):
        return x - mean
    near = cast(mean, kind_of(x))
    return x - near - cast(mean - near, kind_of(x))


def row_total(x, dim, keepdim=False):
    """The sum along `dim`; along the last dimension in the dtype of `x`, the fastest way: rows lie together and are not that long."""
    if dim != -1 and dim != x.ndim - 1:
        return total(x, dim, keepdim)
    if x.__class__ is np.ndarray:
        return np.add.reduce(x, axis=dim, keepdims=keepdim)
    return np.sum(x, axis=dim, keepdims=keepdim)


def restore_dims(g, shape, dim, keepdim):
    """The gradient of a reduced result with the reduced dimensions of `shape` back, of size one."""
    return g if keepdim or g.ndim == len(shape) else np.reshape(g, kept_shape(shape, dim))


def transposed(x):
    """`x` with its last two dimensions exchanged."""
    return x.T if x.ndim == 2 else np.swapaxes(x, -1, -2)
