"""Elements chosen by a mask or by their number in the whole tensor: masked_fill, masked_select, nonzero, take, put."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import dtypes, modes
from ...core.data import fitting
from ...core.declare import composite, function, kernel
from ...core.dispatch import check_overlap, is_recorded
from ...core.inplace import is_shown_twice, note_change, write
from ...core.large import SEVERAL
from ...core.lifted import Lifted
from ...core.origin import located
from ...core.quiet import astype
from ...core.shapes import broadcast_shapes
from ...core.tensor import Tensor, wrap
from ..xp import broadcast_to, total
from .gather import scattered_in_zeros
from .index import add_at
from .index import index as elements
from .region import part, region_in_zeros
from .view import expand, reshape, reshaped


def _check_mask(mask, name):
    if mask.dtype.kind != "b":
        raise RuntimeError(f"{name}: expected mask to be a boolean tensor, but got a tensor with dtype {dtypes.of(mask)}")


@composite(
    native_from=SEVERAL, wide="rules", name="masked_fill", places="", samples=[((2, 3), (2, 3), 2.5), ((2, 3), (3,), 0.0), ((), (2,), 1)]
)
def filled_with_number(x, mask, /, value):
    """A copy of `x` with the number `value` where `mask` is true."""
    _check_mask(mask, "masked_fill_")
    if isinstance(value, complex) and x.dtype.kind not in "cb":
        raise RuntimeError(f"value cannot be converted to type {dtypes.of(x).name} without overflow")
    return np.where(mask, fitting(value, x.dtype), x)


@filled_with_number.grad("x")
def _(g, x_dtype, mask):
    return np.where(mask, np.zeros((), x_dtype), g)


@composite(
    wide="rules",
    name="masked_fill_by",
    called="masked_fill",
    places="",
    node="MaskedFillBackward1",
    samples=[((2, 3), (2, 3), ()), ((2, 1), (3,), ())],
)
def filled_with_tensor(x, mask, value, /):
    """A copy of `x` with `value`, a tensor without dimensions, where `mask` is true."""
    _check_mask(mask, "masked_fill_")
    if value.ndim:
        raise RuntimeError(f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s).")
    if value.dtype.kind == "c" and x.dtype.kind != "c":
        raise RuntimeError(f"value cannot be converted to type {dtypes.of(x).name} without overflow")
    return np.where(mask, astype(value, x.dtype), x)


@filled_with_tensor.grad("x")
def _(g, x_dtype, mask):
    return np.where(mask, np.zeros((), x_dtype), g)


@filled_with_tensor.grad("value")
def _(g, x_dtype, mask):
    return total(np.where(mask, g, np.zeros((), x_dtype)))


@function()
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """A copy of `input` with `value`, a number or a tensor of one, where `mask` is true."""
    return (filled_with_tensor if isinstance(value, Tensor) else filled_with_number)(input, mask, value)


@function()
def masked_fill_(self: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`value`, a number or a tensor of one, written where `mask` is true; returns the tensor."""
    if isinstance(value, Tensor):
        return write(filled_with_tensor.op, (self, mask, value), ())
    followed = modes.special or is_recorded(self) or not isinstance(mask, Tensor) or isinstance(value, complex)
    if followed and not (isinstance(mask, Tensor) and _fills_windows(self)):
        return write(filled_with_number.op, (self, mask), (value,))
    _check_mask(mask._array, "masked_fill_")
    check_overlap(self._array, "masked_fill_")
    try:
        np.copyto(self._array, fitting(value, self._array.dtype), casting="unsafe", where=mask._array)
    except ValueError:
        message = f"output with shape {list(self.shape)} doesn't match the broadcast shape of it and the mask, {list(mask.shape)}"
        raise RuntimeError(located(f"masked_fill_(): {message}")) from None
    note_change(self, "masked_fill_")
    return self


def _fills_windows(target: Tensor) -> bool:
    """Whether windows that overlap are filled, which is the same in any order; a recorder does not follow that."""
    array = target._array
    if array.__class__ is not np.ndarray or 0 in array.strides or is_recorded(target) or not is_shown_twice(array):
        return False
    if modes.settings.recorder is not None:
        modes.settings.recorder.refuse("windows that overlap are written to")
    return True


def _expanded(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    shape = tuple(broadcast_shapes(x.shape, y.shape))
    return (x if x.shape == shape else expand(x, shape)), (y if y.shape == shape else expand(y, shape))


@function()
def masked_select(input: Tensor, mask: Tensor, *, out: Any = None) -> Tensor:
    """The elements where `mask` is true, as a vector."""
    if mask.dtype.kind != "b":
        raise RuntimeError(located(f"masked_select: expected BoolTensor for mask, got {mask.dtype}"))
    return elements(*_expanded(input, mask), out=out)


@composite(wide="rules", name="masked_scatter", inplace=True, samples=[((2, 3), (2, 3), (7,)), ((2, 3), (3,), (2, 3))])
def masked_scatter(x, mask, source, /):
    """A copy of `x` with the first elements of `source` written, one after the other, where `mask` is true."""
    _check_mask(mask, "masked_scatter")
    if source.dtype != x.dtype:
        raise RuntimeError(f"masked_scatter: expected self and source to have same dtypes but got {x.dtype} and {source.dtype}")
    shape = np.broadcast_shapes(x.shape, mask.shape)
    out, mask = np.array(broadcast_to(x, shape), order="C"), broadcast_to(mask, shape)
    count = np.count_nonzero(mask)
    if count > source.size:
        raise RuntimeError(f"number of elements of source ({source.size}) < number of ones in mask ({count})")
    out[mask] = source.reshape(-1)[:count]
    return out


@masked_scatter.grad("x")
def _(g, x_dtype, mask):
    return np.where(mask, np.zeros((), x_dtype), g)


@masked_scatter.grad("source")
def _(g, mask, source_shape):
    mask = broadcast_to(mask, tuple(g.shape))
    size = int(np.prod(source_shape))
    if isinstance(mask, Lifted) and size:  # each sample has another number of elements there
        order = np.minimum(np.maximum(np.cumsum(np.reshape(mask, (-1,)), 0) - 1, 0), size - 1)
        return reshaped(scattered_in_zeros(np.reshape(np.where(mask, g, 0), (-1,)), order, (size,), 0), source_shape)
    taken = elements(g, mask)
    return reshaped(region_in_zeros(taken, (size,), part.op, ((slice(taken.shape[0]), ...),)), source_shape)


# Where a tensor is not zero


@kernel(name="nonzero", places="", layout="columns", out=True)
def nonzero_rows(x, /):
    """The indices of the elements that are not zero, one row each."""
    if x.ndim == 0:
        return np.zeros((int(bool(x)), 0), np.int64)
    return np.stack(np.nonzero(x), 1).astype(np.int64, copy=False)


@function()
def nonzero(input: Tensor, *, out: Any = None, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not zero: rows of shape (n, ndim), or a tuple of one tensor for each dimension.

    Args:
        as_tuple: whether it is a tuple.

    Shape: (n, ndim), n being how many are not zero.

    >>> torch.tensor([0, 5, 0, 7]).nonzero()
    tensor([[1],
            [3]])
    >>> torch.tensor([0, 5, 0, 7]).nonzero(as_tuple=True)
    (tensor([1, 3]),)
    """
    if as_tuple:
        rows = nonzero_rows(input.reshape(-1) if input.ndim == 0 else input)._array
        return tuple(wrap(np.ascontiguousarray(column)) for column in rows.T)
    return nonzero_rows(input, out=out)


@function()
def argwhere(input: Tensor) -> Tensor:
    """The indices of the elements that are not zero, one row each."""
    return nonzero_rows(input)


@function()
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1, out: Any = None) -> Tensor:
    """The first `size` rows of `nonzero`, filled up with `fill_value`."""
    found = nonzero_rows(input)._array[:size]
    return wrap(np.concatenate([found, np.full((size - len(found), input.ndim), fill_value, np.int64)]))


# Elements by their number


@function()
def take(input: Tensor, index: Tensor, *, out: Any = None) -> Tensor:
    """The elements that `index` counts in row-major order, in its shape."""
    if index.dtype is not dtypes.int64:
        raise RuntimeError(located(f"take(): Expected a long tensor for index, but got {index.dtype}"))
    return elements(reshape(input, (-1,)), index, out=out)


PUT = [((2, 3), lambda rng: np.array([0, 4]), (2,)), ((2, 3), lambda rng: np.array([[1, 1], [-1, 2]]), (4,), True)]


@composite(name="put", layout="like", inplace=True, samples=PUT)
def put(x, index, source, /, accumulate=False):
    """A copy of `x` with `source` written (or added) to the elements that `index` counts in row-major order."""
    if index.dtype != np.int64:
        raise RuntimeError(f"put_(): Expected a long tensor for index, but got {index.dtype}")
    if source.dtype != x.dtype:
        raise RuntimeError(f"put_(): self and source expected to have the same dtype, but got {x.dtype} and {source.dtype}")
    if source.size != index.size:
        raise RuntimeError(f"put_(): Expected source and index to have the same number of elements, got {source.size} and {index.size}")
    out = np.copy(x, order="C")
    flat, at = out.reshape(-1), index.reshape(-1)
    if accumulate:
        add_at(flat, (at,), source.reshape(-1))
    else:
        flat[at] = source.reshape(-1)
    return out


@put.grad("x")
def _(g, x_dtype, index, accumulate):
    return g if accumulate else put(g, index, np.zeros(index.shape, x_dtype))


@put.grad("source")
def _(g, index, source_shape):
    return reshaped(reshaped(g, (-1,))[reshaped(index, (-1,))], source_shape)
