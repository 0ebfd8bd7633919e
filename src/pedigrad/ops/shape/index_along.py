"""Whole slices along one dimension picked and written by a vector of indices: index_select, index_add and their relatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import dtypes, modes
from ...core.data import element
from ...core.declare import composite, function
from ...core.inplace import write
from ...core.origin import located
from ...core.quiet import astype
from ...core.shapes import one_dim
from ...core.tensor import Tensor
from ..xp import total, zeros
from .gather import gathered, scatter_reduced
from .index import add_at
from .region import ALL
from .view import expand, reshape, reshaped


def _numbers(*shape, high=3):
    return lambda rng: rng.integers(0, high, shape)


def _distinct(rng):
    return np.array([2, 0])


def _at(x, index, dim, name):
    """The tuple to index an array of the shape of `x` with; errors where the index is not one of its slices."""
    dim = one_dim(dim, x.ndim)
    if index.ndim > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector, got a shape of {index.shape}")
    if name == "index_fill" and index.dtype != np.int64:
        raise IndexError(f"index_fill_(): Expected dtype int64 for index, got {index.dtype}")
    if name == "index_copy" and index.dtype != np.int64:
        raise RuntimeError(f"index_copy_(): Expected a long tensor for index, but got {index.dtype}")
    if index.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32 or int64 for index, got {index.dtype}")
    size = x.shape[dim] if x.ndim else 1
    lowest = -size if name == "index_fill" else 0
    if index.size and (index.min() < lowest or index.max() >= size):
        raise IndexError(f"{name}(): index out of range in self: the indices reach from {index.min()} to {index.max()}, the size is {size}")
    return (ALL,) * dim + (index.reshape(-1),)


def _line(x):
    return x.reshape(1) if x.ndim == 0 else x


@composite(
    wide="rules",
    name="index_select",
    places="",
    out="own",
    samples=[((3, 4), _numbers(5), 0), ((3, 4), _numbers(2), -1), ((), _numbers(1, high=1), 0)],
)
def selected(x, index, /, dim):
    """The slices of `x` along `dim` that the vector `index` counts."""
    at = _at(x, index, dim, "index_select")
    out = np.take(_line(x), at[-1], len(at) - 1)
    return out.reshape(()) if x.ndim == 0 else out


@selected.grad("x")
def _(g, x_shape, index, dim):
    return selected_in_zeros(g, index, x_shape, dim)


@composite(name="index_in_zeros_along", places="", samples=[((5, 4), _numbers(5), (3, 4), 0)])
def selected_in_zeros(x, index, /, shape, dim):
    """Zeros of `shape` with the slices of `x` added where `index` counts along `dim`."""
    out = zeros(x, shape)
    add_at(_line(out), _at(out, index, dim, "index_select"), _line(x))
    return out


@selected_in_zeros.grad("x")
def _(g, index, dim):
    return selected(g, index, dim)


@function()
def index_select(input: Tensor, dim: int, index: Tensor, *, out: Any = None) -> Tensor:
    """The slices of `input` along `dim` that the vector `index` counts."""
    return selected(input, index, dim, out=out)


def _check_source(x, at, source, name):
    if x.ndim and source.ndim:
        wanted = (*x.shape[: len(at) - 1], at[-1].size, *x.shape[len(at) :])
        if source.shape != wanted:
            raise RuntimeError(f"{name}(): the source must have the shape {wanted} of the slices to be written, got {source.shape}")
    elif source.size != at[-1].size:
        raise RuntimeError(f"{name}(): Number of indices ({at[-1].size}) should be equal to the number of slices of source ({source.size})")
    if source.dtype != x.dtype:
        raise RuntimeError(
            f"{name}(): self and source expected to have the same dtype, but got (self) {x.dtype} and (source) {source.dtype}"
        )


ADD = [((3, 4), _numbers(5), (5, 4), 0), ((3, 4), _numbers(2), (3, 2), 1, 2.0), ((), _numbers(1, high=1), (1,), 0)]
COPY = [((3, 4), _distinct, (2, 4), 0), ((4, 3), _distinct, (4, 2), -1), ((), _numbers(1, high=1), (1,), 0)]


@composite(name="index_add", places="", out=True, samples=ADD)
def index_added(x, index, source, /, dim, alpha=1):
    """A copy of `x` with `alpha` times the slices of `source` added where `index` counts along `dim`."""
    at = _at(x, index, dim, "index_add")
    _check_source(x, at, source, "index_add")
    out = np.copy(x, order="C")
    values = source.reshape(-1) if x.ndim == 0 else source.reshape(out[at].shape) if source.ndim == 0 else source
    add_at(_line(out), at, values if alpha == 1 else astype(values * alpha, x.dtype))
    return out


@index_added.grad("x")
def _(g):
    return g


@index_added.grad("source")
def _(g, index, source_shape, dim, alpha):
    taken = _slices(g, index, dim, source_shape)
    return taken if alpha == 1 else taken * alpha


def _slices(g, index, dim, shape):
    """The slices of `g` that `index` counts, in the shape of their source."""
    if g.ndim == 0:
        g = reshaped(g, (1,))
    return reshaped(selected(g, index, dim), shape)


@function()
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1, out: Any = None) -> Tensor:
    """A copy of `input` with `alpha` times the slices of `source` added where `index` counts along `dim`."""
    return index_added(input, index, source, dim, alpha, out=out)


@function("Tensor")
def index_add_(self: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """As `index_add`, written into the tensor; returns the tensor."""
    return write(index_added.op, (self, index, source), (dim, alpha))


@composite(wide="rules", name="index_copy", places="", out=True, samples=COPY)
def index_copied(x, index, source, /, dim):
    """A copy of `x` with the slices of `source` written where `index` counts along `dim`."""
    at = _at(x, index, dim, "index_copy")
    _check_source(x, at, source, "index_copy")
    out = np.copy(x, order="C")
    target = _line(out)
    target[at] = source.reshape(target[at].shape)
    return out


@index_copied.grad("x")
def _(g, x_dtype, index, dim):
    return index_filled(g, index, np.zeros((), x_dtype), dim)


@index_copied.grad("source")
def _(g, index, source_shape, dim):
    return _slices(g, index, dim, source_shape)


@function()
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor, *, out: Any = None) -> Tensor:
    """A copy of `input` with the slices of `source` written where `index` counts along `dim`."""
    return index_copied(input, index, source, dim, out=out)


@function("Tensor")
def index_copy_(self: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """As `index_copy`, written into the tensor; returns the tensor."""
    return write(index_copied.op, (self, index, source), (dim,))


@composite(
    wide="rules",
    layout="like",
    name="index_fill",
    places="",
    samples=[((3, 4), _distinct, (), 0), ((4, 3), _distinct, (), -1), ((), _numbers(1, high=1), (), 0)],
)
def index_filled(x, index, value, /, dim):
    """A copy of `x` with `value` in the slices that `index` counts along `dim`."""
    if value.ndim:
        raise RuntimeError(f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s).")
    at = _at(x, index, dim, "index_fill")
    out = np.copy(x, order="C")
    _line(out)[at] = value
    return out


@index_filled.grad("x")
def _(g, x_dtype, index, dim):
    return index_filled(g, index, np.zeros((), x_dtype), dim)


@index_filled.grad("value")
def _(g, index, dim):
    return total(selected(g, np.unique(index), dim))


def _value(input: Tensor, value: Any) -> Any:
    if isinstance(value, complex) and not input.is_complex():
        raise RuntimeError(located("index_fill_(): Converting complex Scalar to non-complex type is not supported"))
    return value if isinstance(value, Tensor) else element(value, input._array.dtype)


@function()
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """A copy of `input` with `value`, a number or a tensor of one, in the slices that `index` counts along `dim`."""
    return index_filled(input, index, _value(input, value), dim)


@function("Tensor")
def index_fill_(self: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """As `index_fill`, written into the tensor; returns the tensor."""
    return write(index_filled.op, (self, index, _value(self, value)), (dim,))


def _everywhere(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """A vector of indices as `scatter` and its relatives take it."""
    if input.ndim == 0:
        return reshape(index, ())
    shape = [1] * input.ndim
    dim = one_dim(dim, input.ndim)
    shape[dim] = index.numel()
    sizes = list(input.shape)
    sizes[dim] = index.numel()
    return expand(reshape(index, tuple(shape)), tuple(sizes))


def _reduction(reduce: str) -> str:
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    return reduce


@function()
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True, out: Any = None
) -> Tensor:
    """`input` with the slices of `source` that `index` sends to one place reduced: "prod", "mean", "amax" or "amin"."""
    return scatter_reduced(input, _everywhere(input, dim, index), source, dim, _reduction(reduce), include_self, out=out)


@function("Tensor")
def index_reduce_(self: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True) -> Tensor:
    """As `index_reduce`, written into the tensor; returns the tensor."""
    return write(scatter_reduced.op, (self, _everywhere(self, dim, index), source), (dim, _reduction(reduce), include_self))


@function()
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None, *, out: Any = None) -> Tensor:
    """The elements of `input` that `indices` counts along `dim`, both broadcast elsewhere; without `dim`, of all elements."""
    if dim is None:
        return gathered(reshape(input, (-1,)), _from_the_front(reshape(indices, (-1,)), input.numel()), 0, out=out)
    if indices.dtype is not dtypes.int64:
        raise RuntimeError(located(f"take_along_dim(): expected indices of int64, got {indices.dtype}: convert them with .long()"))
    if input.ndim != indices.ndim:
        raise RuntimeError(
            f"take_along_dim(): input and indices should have the same number of dimensions, got {input.ndim} and {indices.ndim}"
        )
    dim = one_dim(dim, input.ndim)
    shape = np.broadcast_shapes(*(tuple(1 if d == dim else n for d, n in enumerate(x.shape)) for x in (input, indices)))
    sizes = [[*shape[:dim], x.shape[dim], *shape[dim + 1 :]] for x in (input, indices)]
    numbers = _from_the_front(expand(indices, tuple(sizes[1])), input.shape[dim])
    return gathered(expand(input, tuple(sizes[0])), numbers, dim, out=out)


def _from_the_front(indices: Any, size: int) -> Any:
    """Indices without negative ones, which count from the end."""
    if modes.settings.recorder is None and not (indices._array.size and indices._array.min() < 0):
        return indices
    return np.where(indices < 0, indices + size, indices)
