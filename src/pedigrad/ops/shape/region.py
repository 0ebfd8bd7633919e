"""Views of a part of a storage, and what goes the other way: a region replaced, or put into zeros.

A view op here needs no gradient code of its own: the gradient of every one of them is `region_in_zeros`, whose gradient is the
view again. `replace_region` is the functional form of a write through a view, and what the `*_scatter` functions are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import inplace
from ...core.declare import composite, function, view
from ...core.dispatch import dispatch
from ...core.lifted import whole
from ...core.shapes import as_int, one_dim
from ...core.storage import storage_of, whole_of
from ...core.tensor import Tensor, read
from ..xp import broadcast_to, zeros
from .view import reshape, reshaped, view_shape

ALL = slice(None)


def seen(x, op, attributes):
    """What the view `op` shows of an array, traced array or Tensor, whatever its layout: a copy where no view can be had.

    Where there is no `op` the attributes are several steps, pairs of an op and its attributes.
    """
    if op is None:
        for step in attributes:
            x = seen(x, *step)
        return x
    try:
        return dispatch(reshape.op if op is view_shape.op else op, (x,), attributes)
    except RuntimeError:  # a view of it would need another layout
        return dispatch(op, (np.copy(x, order="C"),), attributes)


def _shows(out, op, attributes):
    """What the view `op` shows of a new array in C order; None if that is another memory."""
    region = seen(out, op, attributes)
    return region if region.__class__ is not np.ndarray or storage_of(region) is storage_of(out) else None


def _places(shape, op, attributes):
    """The numbers of the elements that a view shows, from 1 on in C order; 0 stands for what is not among them."""
    where = seen(np.arange(1, int(np.prod(shape)) + 1).reshape(shape), op, attributes)
    if where.dtype != np.int64:
        raise RuntimeError("a view as numbers of another kind cannot be followed here: clone() it")
    return where.reshape(-1)


@composite(wide="rules", places="", layout="strides", out=True, node="CopySlices")
def replace_region(x, y, /, op, attributes):
    """`x` with the region that the view `op` selects replaced by `y`: the history of a write through a view."""
    out = np.copy(x, order="C")
    region = _shows(out, op, attributes)
    if region is not None:
        region[...] = y
        return out
    flat = np.concatenate([np.zeros(1, x.dtype), np.reshape(out, (-1,))])
    where = _places(x.shape, op, attributes)
    flat[where] = np.reshape(broadcast_to(y, seen(x, op, attributes).shape), (-1,))
    return np.reshape(flat[1:], x.shape)


@replace_region.grad("x")
def _(g, x_dtype, op, attributes):
    zero = np.zeros((), x_dtype if x_dtype.kind != "c" else np.float64)  # the region of a complex tensor may be of its real parts
    return replace_region(g, zero, op, attributes)


@replace_region.grad("y")
def _(g, y_shape, op, attributes):
    region = seen(g, op, attributes)
    extra = len(y_shape) - region.ndim  # a value may have leading dimensions of size one too many
    return reshaped(region, (1,) * extra + tuple(region.shape)) if extra > 0 else region


inplace.replace_region = replace_region


@composite(wide="rules", places="")
def region_in_zeros(x, /, shape, op, attributes, overlaps=False):
    """Zeros of `shape` with `x` in the region that the view `op` selects, summed where that shows an element twice."""
    out = zeros(x, shape)
    region = None if overlaps else _shows(out, op, attributes)
    if region is not None:
        region[...] = x
        return out
    flat = zeros(x, (out.size + 1,))
    np.add.at(flat, _places(shape, op, attributes), np.reshape(x, (-1,)))
    return np.reshape(flat[1:], shape)


@region_in_zeros.grad("x")
def _(g, op, attributes):
    return seen(g, op, attributes)


@view(name="slice", places="", samples=[((4, 3), (slice(1, 3), ...)), ((4, 3), (None, slice(0, 4, 2), 1, ...)), ((), (...,))])
def part(x, /, index):
    """What a basic index selects: a tuple of slices, ints, None and one Ellipsis."""
    return x[index]


def too_many(x, index):
    """What is wrong with an index of more dimensions than there are; None if that is not it."""
    used = sum(each is not None and each is not ... for each in index)
    return f"too many indices for tensor of dimension {x.ndim}: {used} were given" if used > x.ndim else None


part.op.mistake = too_many


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
    start = int(start) if isinstance(start, Tensor) else as_int(start)
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


@view(wide="rules", places="Tensor", samples=[((7,), 0, 3, 2), ((3, 5), -1, 2, 1), ((3, 4), 0, 1, 1)])
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


# Views of a storage by strides. Where the operand lies in it, its offset and strides, is an attribute: gradients lie elsewhere.


@view(
    wide="rules",
    name="as_strided",
    places="",
    samples=[
        ((6,), (2, 2), (2, 1), 1, (0, (1,))),
        ((6,), (3, 3), (1, 1), 0, (0, (1,))),
        ((2, 3), (2,), (3,), 0, (0, (3, 1))),
        ((2, 3), (2, 2), (3, 1), 1, (0, (1, 2))),
    ],
)
def strided(x, /, size, stride, offset, place):
    """The elements from `offset` on in the storage, in steps of `stride`, where `x` lies at `place`: its offset and strides."""
    if x.__class__ is np.ndarray and lies_at(x) == place and lacking(x, size, stride, offset) is None:
        return in_storage(x, size, stride, offset)
    flat = np.concatenate([np.zeros(1, x.dtype), np.reshape(x, (-1,))])
    return flat[numbers(x.shape, size, stride, offset, place)]


def lies_at(x):
    """Where an array lies in its storage: its offset and strides, in elements; of the first sample of batches, and their strides."""
    every = whole(x)
    start = every.__array_interface__["data"][0] - whole_of(every).__array_interface__["data"][0]
    strides, batches = tuple(s // x.itemsize for s in every.strides), every.ndim - x.ndim
    return (start // x.itemsize, strides[batches:], *([strides[:batches]] if batches else []))


def lacking(x, size, stride, offset):
    """What is wrong with a view by strides of the storage of `x`, None if nothing is."""
    every, batches = whole(x), lies_at(x)[2:]
    if batches:
        (batches,) = batches
        size, stride = (*every.shape[: len(batches)], *size), (*batches, *stride)
    count = whole_of(every).nbytes // x.itemsize
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if 0 in size or 0 <= offset <= last < count:
        return None
    return f"setStorage: sizes {list(size)}, strides {list(stride)} and offset {offset} need {last + 1} elements, the storage has {count}"


def in_storage(x, size, stride, offset):
    """An array on the storage of `x`, from its element `offset` on."""
    if 0 in size:
        return np.zeros(size, x.dtype)
    owner = whole_of(x)
    outermost = sorted(range(owner.ndim), key=lambda d: -owner.strides[d])  # NumPy lays some results with other dims inside
    memory = owner.transpose(outermost).reshape(-1, copy=False)
    first = memory.view(x.dtype)[offset:]
    return np.lib.stride_tricks.as_strided(first, size, tuple(s * x.itemsize for s in stride), writeable=x.flags.writeable)


def numbers(shape, size, stride, offset, place):
    """Which element of an operand of `shape` at `place`, from 1 on, stands at each place of a view by strides; 0 for none."""
    own, shown = (_addresses(*each) for each in ((shape, place[1], place[0]), (size, stride, offset)))
    first = min((int(a.min()) for a in (own, shown) if a.size), default=0)
    count = max((int(a.max()) + 1 for a in (own, shown) if a.size), default=0) - first
    found = np.zeros(count, np.int64)
    found[own - first] = np.arange(1, own.size + 1).reshape(shape)
    return found[shown - first]


def _addresses(size, stride, offset):
    at = np.full(size, offset, np.int64)
    for dim, (n, s) in enumerate(zip(size, stride, strict=True)):
        at += (np.arange(n) * s).reshape(-1, *(1,) * (len(size) - dim - 1))
    return at


@strided.grad("x")
def _(g, x_shape, size, stride, offset, place):
    return region_in_zeros(g, x_shape, strided.op, (size, stride, offset, place), True)


strided.op.of_storage = lambda attributes, array: (*attributes[:3], lies_at(array))


def _by_strides(x: Tensor, size: Any, stride: Any, storage_offset: int | None) -> tuple[Any, ...]:
    """The attributes of `strided` on `x`."""
    if len(size) != len(stride):
        raise RuntimeError(f"mismatch in length of strides and shape: {list(stride)} and {list(size)}")
    if any(s < 0 for s in stride):
        raise RuntimeError(f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}")
    read(whole(x._array), "as_strided()")
    place = lies_at(x._array)
    offset = place[0] if storage_offset is None else storage_offset
    if wrong := lacking(x._array, size, stride, offset):
        raise RuntimeError(wrong)
    return tuple(size), tuple(stride), offset, place


@function()
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A view of the storage of `input` with any sizes and strides, in elements."""
    return strided(input, *_by_strides(input, size, stride, storage_offset))


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
    return _scattered("as_strided_scatter", input, src, strided.op, _by_strides(input, size, stride, storage_offset))
