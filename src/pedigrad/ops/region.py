"""Views of a part of a storage, and what goes the other way: a region replaced, or put into zeros.

A view op here needs no gradient code of its own: the gradient of every one of them is `region_in_zeros`, whose gradient is the
view again. `replace_region` is the functional form of a write through a view, and what the `*_scatter` functions are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import inplace
from ..graph import storage_of
from ..op import composite, function, view
from ..shapes import one_dim
from ..tensor import Tensor
from .language import zeros
from .view import reshaped

ALL = slice(None)


@composite(places="", layout="strides", out=True, node="CopySlices")
def replace_region(x, y, /, op, attributes):
    """`x` with the region that the view `op` selects replaced by `y`: the history of a write through a view."""
    out = np.copy(x)
    op.forward(out, **dict(zip(op.attributes, attributes, strict=True)))[...] = y
    return out


@replace_region.grad("x")
def _(g, x_dtype, op, attributes):
    return replace_region(g, np.zeros((), x_dtype), op, attributes)


@replace_region.grad("y")
def _(g, y_shape, op, attributes):
    region = op.function(g, *attributes)
    extra = len(y_shape) - region.ndim  # a value may have leading dimensions of size one too many
    return reshaped(region, (1,) * extra + tuple(region.shape)) if extra > 0 else region


inplace.replace_region = replace_region


@composite(places="")
def region_in_zeros(x, /, shape, op, attributes, overlaps=False):
    """Zeros of `shape` with `x` in the region that the view `op` selects, summed where that shows an element twice."""
    out = zeros(x, shape)
    named = dict(zip(op.attributes, attributes, strict=True))
    if not overlaps:
        op.forward(out, **named)[...] = x
        return out
    where = op.forward(np.arange(out.size).reshape(shape), **named)
    np.add.at(out.reshape(-1), where.reshape(-1), np.reshape(x, (-1,)))
    return out


@region_in_zeros.grad("x")
def _(g, op, attributes):
    return op.function(g, *attributes)


@view(name="slice", places="", samples=[((4, 3), (slice(1, 3), ...)), ((4, 3), (None, slice(0, 4, 2), 1, ...)), ((), (...,))])
def part(x, /, index):
    """What a basic index selects: a tuple of slices, ints, None and one Ellipsis."""
    return x[index]


@part.grad("x")
def _(g, x_shape, index):
    return region_in_zeros(g, x_shape, part.op, (index,))


region_in_zeros.op.samples = [((2, 3), (4, 3), part.op, ((slice(1, 3), ...),)), ((), (4,), part.op, ((1, ...),))]


@view(samples=[((4, 3), 0, 1), ((4, 3), -1, -2), ((4,), 0, 2)])
def select(x, /, dim, index):
    """The slice at `index` along `dim`, without that dimension."""
    if dim == 0:
        return x[index, ...]
    dim = one_dim(dim, x.ndim)
    return x[(ALL,) * dim + (index, ...)]


@select.grad("x")
def _(g, x_shape, dim, index):
    return region_in_zeros(g, x_shape, select.op, (dim, index))


@view(node="SliceBackward0", samples=[((4, 3), 0, 1, 2), ((4, 3), 1, -2, 1), ((4,), 0, 4, 0)])
def narrow(x, /, dim, start, length):
    """The part from `start` on that is `length` long along `dim`."""
    if x.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    dim = one_dim(dim, x.ndim)
    size = x.shape[dim]
    if isinstance(start, Tensor) and (start.ndim or start._array.dtype.kind not in "iu"):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    start = int(start)
    if not -size <= start <= size:
        raise IndexError(f"start out of range (expected to be in range of [{-size}, {size}], but got {start})")
    start += size if start < 0 else 0
    if length < 0 or start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return x[(ALL,) * dim + (slice(start, start + length), ...)]


@narrow.grad("x")
def _(g, x_shape, dim, start, length):
    return region_in_zeros(g, x_shape, narrow.op, (dim, start, length))


@view(samples=[((3, 4),), ((3, 4), 1), ((2, 3, 4), -1, 2, 0), ((2, 2), 5)])
def diagonal(x, /, offset=0, dim1=0, dim2=1):
    """The diagonal of the matrices that `dim1` and `dim2` span, as the last dimension."""
    if one_dim(dim1, x.ndim) == one_dim(dim2, x.ndim):
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    out = np.diagonal(x, offset, dim1, dim2)
    shown, of = (getattr(a, "array", a) for a in (out, x))  # of a traced array: the one that it shows
    if shown.__class__ is np.ndarray and of.flags.writeable:
        shown.flags.writeable = True  # NumPy gives diagonals out read-only
    return out


@diagonal.grad("x")
def _(g, x_shape, offset, dim1, dim2):
    return region_in_zeros(g, x_shape, diagonal.op, (offset, dim1, dim2))


@view(places="Tensor", samples=[((7,), 0, 3, 2), ((3, 5), -1, 2, 1), ((3, 4), 0, 1, 1)])
def unfold(x, /, dimension, size, step):
    """Windows of `size` elements along `dimension`, `step` apart, as a new last dimension."""
    if x.ndim == 0:
        x = np.reshape(x, (1,))
        return unfold.op.forward(x, dimension, size, step)[0, ...]
    dim = one_dim(dimension, x.ndim)
    if size > x.shape[dim]:
        raise RuntimeError(f"maximum size for tensor at dimension {dim} is {x.shape[dim]} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if size == 0:
        shape = (*x.shape[:dim], x.shape[dim] // step + 1, *x.shape[dim + 1 :], 0)
        return np.zeros(shape, x.dtype)
    windows = np.lib.stride_tricks.sliding_window_view(x, size, dim, writeable=True)
    return windows[(ALL,) * dim + (slice(None, None, step), ...)]


@unfold.grad("x")
def _(g, x_shape, dimension, size, step):
    return region_in_zeros(g, x_shape, unfold.op, (dimension, size, step), step < size)


@view(name="as_strided", places="", samples=[((6,), (2, 2), (2, 1), 1), ((6,), (3, 3), (1, 1), 0), ((2, 3), (2,), (3,), 0)])
def strided(x, /, size, stride, offset):
    """The elements `offset` after the first, in steps of `stride`; RuntimeError beyond the storage of `x`."""
    return _in_storage(x, tuple(size), tuple(s * x.itemsize for s in stride), offset * x.itemsize)


def _in_storage(x, shape, strides, offset):
    """An array on the storage of `x`, `offset` bytes after its first element."""
    owner = storage_of(x)
    start = x.__array_interface__["data"][0] - owner.__array_interface__["data"][0] + offset
    last = sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if 0 in shape:
        return np.zeros(shape, x.dtype)
    if start < 0 or start + last + x.itemsize > owner.nbytes:
        needed = (start + last) // x.itemsize + 1
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {[s // x.itemsize for s in strides]} and offset {start // x.itemsize} need "
            f"{needed} elements, but the storage has {owner.nbytes // x.itemsize}"
        )
    memory = owner.reshape(-1, copy=False) if owner.flags.c_contiguous else owner.T.reshape(-1, copy=False)
    first = memory.view(x.dtype)[start // x.itemsize :]
    return np.lib.stride_tricks.as_strided(first, shape, strides, writeable=x.flags.writeable)


@strided.grad("x")
def _(g, x_shape, size, stride, offset):
    return region_in_zeros(g, x_shape, strided.op, (size, stride, offset), True)


def _offset(x: Tensor, size: Any, stride: Any, storage_offset: int | None) -> int:
    """`storage_offset`, counted from the first element of `x`."""
    if len(size) != len(stride):
        raise RuntimeError(f"mismatch in length of strides and shape: {list(stride)} and {list(size)}")
    if any(s < 0 for s in stride):
        raise RuntimeError(f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}")
    if x._node is not None and not x._array.flags.c_contiguous:
        raise RuntimeError("as_strided(): a tensor that requires grad must be contiguous: call contiguous() on it first")
    return 0 if storage_offset is None else storage_offset - x.storage_offset()


@function()
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A view of the storage of `input` with any sizes and strides, in elements."""
    return strided(input, tuple(size), tuple(stride), _offset(input, size, stride, storage_offset))


# The region replaced: copies of the whole


def _same_shape(region: Any, src: Tensor, name: str) -> None:
    if tuple(region.shape) != tuple(src.shape):
        raise RuntimeError(f"{name}: expected src to have the shape {tuple(region.shape)} of the region, got {tuple(src.shape)}")


def _scattered(name: str, input: Tensor, src: Tensor, op: Any, attributes: tuple[Any, ...], out: Any = None) -> Tensor:
    region = op.forward(input._array, **dict(zip(op.attributes, attributes, strict=True)))
    _same_shape(region, src, name)
    return replace_region(input, src, op, attributes, out=out)


@function()
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of `input` with `src` in the place of `input.select(dim, index)`."""
    return _scattered("select_scatter", input, src, select.op, (dim, index))


@function()
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1, *, out: Any = None
) -> Tensor:
    """A copy of `input` with `src` in the place of the slice `start:end:step` along `dim`."""
    index = (ALL,) * one_dim(dim, input.ndim) + (slice(start, end, step), ...)
    return _scattered("slice_scatter", input, src, part.op, (index,), out)


@function("linalg", name="diagonal")
def matrix_diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonal of each matrix, as the last dimension."""
    return diagonal(A, offset, dim1, dim2)


@function()
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy of `input` with `src` in the place of `input.diagonal(offset, dim1, dim2)`."""
    return _scattered("diagonal_scatter", input, src, diagonal.op, (offset, dim1, dim2))


@function()
def as_strided_scatter(input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A copy of `input` with `src` in the place of `input.as_strided(size, stride, storage_offset)`."""
    attributes = (tuple(size), tuple(stride), _offset(input, size, stride, storage_offset))
    return _scattered("as_strided_scatter", input, src, strided.op, attributes)
